//! HTTP by hand, so that a test can send what no library would.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks one of the two listeners.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// An answer that goes on.
pub(crate) struct Stream {
    lines: BufReader<Box<dyn Read>>,
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

impl Client {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("Content-Type", "application/json")], body)
    }

    /// Asks with the headers that are given; `Host` and `Content-Length` are added unless they are among them.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.raw(self.request(method, path, headers, body).as_bytes())
    }

    /// Sends bytes and reads to the end.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut wire = self.connect();
        // A server that has heard enough may close before it has read it all.
        drop(wire.write_all(request));
        let mut text = Vec::new();
        drop(wire.read_to_end(&mut text));
        Answer::parse(&String::from_utf8_lossy(&text))
    }

    /// Asks for a stream and reads its head.
    pub(crate) fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let mut wire = self.connect();
        wire.write_all(self.request("GET", path, headers, "").as_bytes()).expect("a request");
        let mut stream = Stream { lines: BufReader::new(Box::new(wire)) };
        assert!(stream.line().starts_with("HTTP/1.0 200"), "a stream");
        while !stream.line().is_empty() {}
        stream
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let has = |name: &str| headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        let mut text = format!("{method} {path} HTTP/1.0\r\n");
        if !has("Host") {
            text.push_str(&format!("Host: {}\r\n", self.host()));
        }
        if !has("Content-Length") && !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text + "\r\n" + body
    }

    fn host(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp(address) => address.to_string(),
        }
    }

    fn connect(&self) -> Box<dyn Wire> {
        match self {
            Self::Unix(path) => {
                let wire = UnixStream::connect(path).expect("the socket");
                wire.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                Box::new(wire)
            }
            Self::Tcp(address) => {
                let wire = TcpStream::connect(address).expect("the port");
                wire.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                Box::new(wire)
            }
        }
    }
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        let json = serde_json::from_str(&self.body);
        json.map_err(|error| format!("{error}: {} {:?}", self.head, self.body)).expect("JSON")
    }

    /// The problem's stable code, after a look at its form.
    pub(crate) fn code(&self) -> String {
        let problem = self.json();
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        assert_eq!(problem["status"], self.status, "{problem}");
        let code = problem["code"].as_str().expect("a code").to_owned();
        assert_eq!(problem["type"], format!("urn:shroff:problem:{code}"));
        for field in ["title", "detail", "money"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {problem}");
        }
        assert!(problem["retryable"].is_boolean());
        code
    }

    /// The fields at fault, in order.
    pub(crate) fn faults(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = errors.iter().map(|it| it["field"].as_str().unwrap_or("").to_owned()).collect();
        names.sort();
        names
    }
}

impl Stream {
    /// The next line, without its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line in time");
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// The next event that has data: its id, kind and data.
    pub(crate) fn event(&mut self) -> (String, String, Value) {
        let (mut id, mut kind, mut data) = (String::new(), String::new(), String::new());
        loop {
            let line = self.line();
            match line.split_once(": ").or_else(|| line.split_once(':')) {
                Some(("id", it)) => id = it.to_owned(),
                Some(("event", it)) => kind = it.to_owned(),
                Some(("data", it)) => data.push_str(it),
                _ if line.is_empty() && !data.is_empty() => {
                    return (id, kind, serde_json::from_str(&data).expect("JSON"));
                }
                _ => {}
            }
        }
    }
}
