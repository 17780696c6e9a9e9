//! HTTP/1.1 by hand over any stream: the simulator must be able to misbehave within a byte, which a server library
//! rightly does not allow.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use crate::sim::faults::Delivery;

/// The longest request head, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// The longest request body, in bytes. A pay has at most about 8 KiB.
const BODY_MAX: usize = 64 * 1024;

/// Header fields of one request.
const FIELDS_MAX: usize = 64;

/// How long a connection is held that is never to be answered. No client waits longer.
const HANG: Duration = Duration::from_secs(600);

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    pub(super) keep_alive: bool,
    pub(super) authorization: String,
    pub(super) accept: String,
    pub(super) accept_encoding: String,
    /// `Wechatpay-Serial`: with which of the platform's keys the reply is to be signed.
    pub(super) serial: String,
    pub(super) content_type: String,
    pub(super) user_agent: String,
}

/// A reply.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn xml(body: String) -> Self {
        let headers = vec![("Content-Type", "text/plain".to_owned())]; // as the real one says
        Self { status: 200, headers, body: body.into_bytes() }
    }

    pub(super) fn json(status: u16, value: &serde_json::Value) -> Self {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Self { status, headers, body: value.to_string().into_bytes() }
    }

    fn head(&self, length: u64, keep_alive: bool) -> String {
        let reason = match self.status {
            200 => "OK",
            202 => "Accepted",
            204 => "No Content",
            302 => "Found",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            502 => "Bad Gateway",
            _ => "Status",
        };
        let mut head = format!("HTTP/1.1 {} {reason}\r\nServer: nginx\r\n", self.status);
        // A 204 has no body, and no length of one (RFC 9110 8.6).
        if self.status != 204 {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(if keep_alive { "Connection: keep-alive\r\n\r\n" } else { "Connection: close\r\n\r\n" });
        head
    }
}

/// Reads the next request; none when the peer is done. `buffer` holds what was read beyond it.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some((request, body_at, length)) = head(buffer)? {
            let end = body_at.saturating_add(length);
            while buffer.len() < end {
                if !fill(stream, buffer).await? {
                    return Ok(None);
                }
            }
            let body = buffer.get(body_at..end).unwrap_or_default().to_vec();
            buffer.drain(..end);
            return Ok(Some(Request { body, ..request }));
        }
        if buffer.len() > HEAD_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request's head is too long"));
        }
        if !fill(stream, buffer).await? {
            return Ok(None);
        }
    }
}

async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>) -> io::Result<bool> {
    Ok(stream.read_buf(buffer).await? > 0)
}

/// The request's head with the place and the length of its body, once it is all there.
fn head(buffer: &[u8]) -> io::Result<Option<(Request, usize, usize)>> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let status = parsed.parse(buffer).map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(body_at) = status else { return Ok(None) };
    let field = |name: &str| {
        let found = parsed.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        found.map_or("", |field| std::str::from_utf8(field.value).unwrap_or_default().trim())
    };
    if !field("transfer-encoding").is_empty() {
        return Err(invalid("a chunked request; WeChat's clients send Content-Length"));
    }
    let length = match field("content-length") {
        "" => 0,
        digits => digits.parse::<usize>().map_err(|error| invalid(&error.to_string()))?,
    };
    if length > BODY_MAX {
        return Err(invalid("the request's body is too long"));
    }
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        body: Vec::new(),
        keep_alive: parsed.version == Some(1) && !field("connection").eq_ignore_ascii_case("close"),
        authorization: field("authorization").to_owned(),
        accept: field("accept").to_owned(),
        accept_encoding: field("accept-encoding").to_owned(),
        serial: field("wechatpay-serial").to_owned(),
        content_type: field("content-type").to_owned(),
        user_agent: field("user-agent").to_owned(),
    };
    Ok(Some((request, body_at, length)))
}

/// Sends the reply the way `delivery` says. False when the connection is used up.
pub(super) async fn write<S>(stream: &mut S, reply: &Reply, delivery: Delivery, keep_alive: bool) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let length = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
    let whole = || [reply.head(length, keep_alive).as_bytes(), &reply.body].concat();
    match delivery {
        Delivery::Arrives => {}
        Delivery::LoseReply => return Ok(false),
        Delivery::HangReply => {
            hang(stream).await;
            return Ok(false);
        }
        Delivery::Delay { ms } => sleep(Duration::from_millis(ms)).await,
        Delivery::Drip { ms } => {
            for byte in whole() {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                sleep(Duration::from_millis(ms)).await;
            }
            return Ok(keep_alive);
        }
        Delivery::Truncate { at } => {
            let cut = reply.body.get(..at).unwrap_or(&reply.body);
            stream.write_all(&[reply.head(length, keep_alive).as_bytes(), cut].concat()).await?;
            stream.flush().await?;
            return Ok(false);
        }
        Delivery::Huge { mb } => {
            flood(stream, reply, mb).await?;
            return Ok(false);
        }
    }
    stream.write_all(&whole()).await?;
    stream.flush().await?;
    Ok(keep_alive)
}

/// Holds the connection without a word until the peer has had enough.
pub(super) async fn hang<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut unheard = [0_u8; 1024];
    let gone = async { while stream.read(&mut unheard).await.is_ok_and(|read| read > 0) {} };
    drop(tokio::time::timeout(HANG, gone).await);
}

/// The body, then blanks, a chunk at a time, until it is `mb` megabytes long.
async fn flood<S: AsyncWrite + Unpin>(stream: &mut S, reply: &Reply, mb: u64) -> io::Result<()> {
    let blanks = [b' '; 64 * 1024];
    let total = mb.saturating_mul(1_000_000);
    stream.write_all(&[reply.head(total, false).as_bytes(), &reply.body].concat()).await?;
    let mut sent = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
    while sent < total {
        let room = usize::try_from(total.saturating_sub(sent)).unwrap_or(usize::MAX);
        let chunk = blanks.get(..room).unwrap_or(&blanks);
        stream.write_all(chunk).await?;
        sent = sent.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
    }
    stream.flush().await
}
