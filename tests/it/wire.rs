//! Small gateways on loopback that do exactly what a test tells them to.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shroff::dialect::v2::SignType;
use shroff::dialect::{Dialect, HttpReply};
use shroff::edge::clock::Clock;
use shroff::edge::dice::Dice;
use shroff::edge::gateway::{Gateway, GatewayConfig};
use shroff::payment::{Ask, Call, Op, Policy};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::counterpart::{TRUE, V2Counterpart, order, v2};
use crate::hostile::good;

/// Anything a gateway can listen on.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What a gateway saw: one line per request, or `connection` when one was opened.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn note(&self, what: &str) {
        self.0.lock().expect("nobody panicked").push(what.to_owned());
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        self.list().iter().filter(|line| line.as_str() == what).count()
    }
}

/// A gateway and what it saw.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Seen,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Opens a gateway that treats every connection as `script` says.
pub(crate) async fn serve<F, R>(script: F) -> Server
where
    F: Fn(TcpStream, Seen) -> R + Send + 'static,
    R: Future<Output = Option<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let seen = Seen::default();
    let seen_inside = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen_inside.note("connection");
            tokio::spawn(script(stream, seen_inside.clone()));
        }
    });
    Server { address, seen }
}

/// A loopback address nobody listens on.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// Reads one request: its head, and its body of `Content-Length` bytes. Notes `POST /path`.
pub(crate) async fn request(stream: &mut impl Stream, seen: &Seen) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head in ASCII");
    seen.note(&head.split(' ').take(2).collect::<Vec<_>>().join(" "));
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().expect("a length")];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// Answers with a whole HTTP message.
pub(crate) async fn respond(stream: &mut impl Stream, status: &str, headers: &str, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()
}

/// Answers every request on the connection as a gateway does when all is well.
pub(crate) async fn be_good(stream: &mut impl Stream, seen: &Seen) -> Option<()> {
    loop {
        let (head, _) = request(stream, seen).await?;
        respond(stream, "200 OK", "", &good_body(&head)).await?;
    }
}

/// What a gateway says to the request with this head when all is well.
pub(crate) fn good_body(head: &str) -> Vec<u8> {
    let op = match head.split(' ').nth(1) {
        Some("/pay/micropay") => Op::Pay,
        Some("/pay/orderquery") => Op::Query,
        Some("/secapi/pay/reverse") => Op::Reverse,
        Some("/secapi/pay/refund") => Op::Refund,
        Some("/pay/refundquery") => Op::RefundQuery,
        _ => return Vec::new(),
    };
    let HttpReply { body, .. } = good(&V2Counterpart::new(SignType::HmacSha256), op, &TRUE);
    body
}

/// Waits until the other side has closed or reset the connection.
pub(crate) async fn until_closed(stream: &mut impl Stream) {
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}

/// Short times, so that a test of a time-out does not take long, and yet long enough for a busy machine.
pub(crate) fn policy() -> Policy {
    Policy {
        connect_timeout: Duration::from_millis(1000),
        pay_timeout: Duration::from_millis(2000),
        query_timeout: Duration::from_millis(2000),
        ..Policy::default()
    }
}

/// The configuration for a gateway at `base_url`.
pub(crate) fn config(base_url: &str) -> GatewayConfig {
    GatewayConfig {
        base_url: base_url.to_owned(),
        fallback_url: None,
        extra_roots: None,
        identity: None,
        keys_file: None,
        policy: policy(),
    }
}

/// The way to it, in v2 with HMAC-SHA256.
pub(crate) fn gateway(config: &GatewayConfig) -> Gateway {
    gateway_in(config, Arc::new(v2(SignType::HmacSha256)))
}

pub(crate) fn gateway_in(config: &GatewayConfig, dialect: Arc<dyn Dialect>) -> Gateway {
    Gateway::new(config, dialect, Clock::start(), Dice).expect("a gateway")
}

pub(crate) fn pay() -> Call {
    Call { order: order(), ask: Ask::Pay("134539517967686076".parse().expect("a code")) }
}

pub(crate) fn query() -> Call {
    Call { order: order(), ask: Ask::Query }
}

pub(crate) fn reverse() -> Call {
    Call { order: order(), ask: Ask::Reverse }
}
