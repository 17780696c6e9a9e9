//! How far one gets towards a host: its name, a connection, TLS, an answer. For a person who wants to know where it ends;
//! nothing is signed and nothing is asked that means anything.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::CertificateError;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{USER_AGENT, skew, tls};
use crate::dialect::HttpReply;
use crate::edge::clock::Clock;

/// The longest head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// The most fields of it.
const FIELDS_MAX: usize = 64;

/// How far one gets towards a host. A step that was not reached is absent.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Host and port.
    pub host: String,
    /// The addresses of its name, and how long it took to learn them.
    pub name: Option<Result<Named, String>>,
    /// How long a connection took.
    pub tcp: Option<Result<Duration, Blocked>>,
    /// The version of TLS, and how long it took to agree; absent for plain HTTP.
    pub tls: Option<Result<(&'static str, Duration), Blocked>>,
    /// What it answered.
    pub answer: Option<Result<Answered, Blocked>>,
}

/// The addresses of a name, and how long it took to learn them.
pub type Named = (Vec<IpAddr>, Duration);

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its HTTP status.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// By how many seconds our clock is ahead of the host's; absent when it did not say.
    pub ahead: Option<i64>,
}

/// Where it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Nobody listens.
    Refused,
    /// Not in time.
    Slow,
    /// No way there, or it was cut.
    Unreachable,
    /// Its certificate is of an authority that is not trusted: often a proxy that looks into TLS.
    Untrusted,
    /// Its certificate has expired, by our clock.
    Expired,
    /// Its certificate is not valid yet, by our clock.
    NotYetValid,
    /// Its certificate is another host's.
    OtherName,
    /// No TLS that both know, or none at all.
    NoTls,
    /// What answers does not speak HTTP.
    NotHttp,
}

/// Tries the host of `base_url`, trusting the public roots and those in `extra_roots`, for at most `limit` a step.
pub async fn reach(base_url: &str, extra_roots: Option<&[u8]>, clock: Clock, limit: Duration) -> Reach {
    let Ok(url) = Url::parse(base_url) else { return Reach::default() };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut reach = Reach { host: format!("{host}:{port}"), ..Reach::default() };
    let begun = clock.tick();
    let found = match timeout(limit, lookup_host((host.as_str(), port))).await {
        Ok(Ok(found)) => found.collect::<Vec<SocketAddr>>(),
        Ok(Err(error)) => {
            reach.name = Some(Err(error.to_string()));
            return reach;
        }
        Err(_) => {
            reach.name = Some(Err("no name server answered in time".to_owned()));
            return reach;
        }
    };
    let addresses = found.iter().map(SocketAddr::ip).collect();
    reach.name = Some(Ok((addresses, clock.tick().since(begun))));
    let begun = clock.tick();
    let stream = match timeout(limit, TcpStream::connect(found.as_slice())).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            reach.tcp = Some(Err(Blocked::Refused));
            return reach;
        }
        Ok(Err(_)) => {
            reach.tcp = Some(Err(Blocked::Unreachable));
            return reach;
        }
        Err(_) => {
            reach.tcp = Some(Err(Blocked::Slow));
            return reach;
        }
    };
    reach.tcp = Some(Ok(clock.tick().since(begun)));
    if url.scheme() == "http" {
        reach.answer = Some(ask(stream, &host, clock, limit).await);
        return reach;
    }
    let begun = clock.tick();
    let (Ok(config), Ok(name)) = (tls::plain(extra_roots), ServerName::try_from(host.clone())) else {
        reach.tls = Some(Err(Blocked::NoTls));
        return reach;
    };
    let agreed = timeout(limit, tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
    match agreed {
        Ok(Ok(stream)) => {
            let version = match stream.get_ref().1.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
                Some(_) | None => "TLS",
            };
            reach.tls = Some(Ok((version, clock.tick().since(begun))));
            reach.answer = Some(ask(stream, &host, clock, limit).await);
        }
        Ok(Err(error)) => reach.tls = Some(Err(why(&error))),
        Err(_) => reach.tls = Some(Err(Blocked::Slow)),
    }
    reach
}

fn why(error: &std::io::Error) -> Blocked {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Blocked::Expired,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Blocked::NotYetValid,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Blocked::OtherName,
        Some(rustls::Error::InvalidCertificate(_)) => Blocked::Untrusted,
        Some(_) => Blocked::NoTls,
        None if error.kind() == ErrorKind::UnexpectedEof => Blocked::NoTls,
        None => Blocked::Unreachable,
    }
}

/// Asks for the host's first page and reads the head of whatever comes.
async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    clock: Clock,
    limit: Duration,
) -> Result<Answered, Blocked> {
    let begun = clock.tick();
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n");
    let work = async {
        stream.write_all(request.as_bytes()).await.map_err(|_| Blocked::Unreachable)?;
        let mut head = Vec::new();
        let mut piece = [0; 1024];
        loop {
            if let Some(reply) = parse(&head)? {
                let mut skew = skew::Skew::default();
                skew.learn(&reply, clock.wall());
                let (status, took, ahead) = (reply.status, clock.tick().since(begun), skew.seconds());
                return Ok(Answered { status, took, ahead });
            }
            let read = stream.read(&mut piece).await.map_err(|_| Blocked::Unreachable)?;
            if read == 0 || head.len() > HEAD_MAX {
                return Err(Blocked::NotHttp);
            }
            head.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    };
    timeout(limit, work).await.unwrap_or(Err(Blocked::Slow))
}

/// The head of an answer, once it is whole.
fn parse(head: &[u8]) -> Result<Option<HttpReply>, Blocked> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    if response.parse(head).map_err(|_| Blocked::NotHttp)?.is_partial() {
        return Ok(None);
    }
    let headers =
        response.headers.iter().map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec())).collect();
    Ok(Some(HttpReply { status: response.code.unwrap_or_default(), headers, body: Vec::new() }))
}
