//! Puts a notification on the wire. To this machine only: a simulator never speaks to anybody else.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Letter;

/// WeChat waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const ANSWER_MAX: u64 = 16 * 1024;

/// Delivers it and gives the answer's status and whether it says *kept*; none when there was no answer in time.
pub(super) async fn post(url: &str, letter: &Letter, is_v3: bool) -> Option<(u16, bool)> {
    tokio::time::timeout(PATIENCE, exchange(url, letter, is_v3)).await.ok()?
}

async fn exchange(url: &str, letter: &Letter, is_v3: bool) -> Option<(u16, bool)> {
    let url = reqwest::Url::parse(url).ok()?;
    let host = url.host_str()?;
    let address: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    if url.scheme() != "http" || !address.is_loopback() {
        return None;
    }
    let port = url.port_or_known_default()?;
    let mut stream = TcpStream::connect((address, port)).await.ok()?;
    let mut head = format!("POST {} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: Mozilla/4.0\r\n", url.path());
    head.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n", letter.body.len()));
    for (name, value) in &letter.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), &letter.body].concat()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await.ok()?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let kept = match (is_v3, status) {
        (true, 200 | 204) => true,
        (false, 200) => body.contains("<return_code><![CDATA[SUCCESS]]></return_code>"),
        _ => false,
    };
    Some((status, kept))
}
