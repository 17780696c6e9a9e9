//! Somebody between a command and the daemon, who spoils the answers to what is posted.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, channel};

use super::counter::Counter;

/// What becomes of a request that the daemon has done.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    /// The connection breaks before the answer.
    Cut,
    /// The answer is no answer.
    Nonsense,
    /// There is no answer, and the connection stays.
    Silence,
}

/// From here on commands speak to somebody between them and the daemon that is running. What they post meets these fates,
/// one after the other; everything else, and what is posted later, passes. Tells when a request has met its fate.
pub(super) fn stand_between(counter: &Counter, fates: &[Fate]) -> Receiver<()> {
    let listener = UnixListener::bind(counter.path("between.sock")).expect("a socket");
    counter.reconfigure("socket = \"api.sock\"", "socket = \"between.sock\"");
    let (daemon, mut fates) = (counter.path("api.sock"), VecDeque::from(fates.to_vec()));
    let (teller, met) = channel();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for wire in listener.incoming().map_while(Result::ok) {
            let Some((request, posted)) = request(&wire) else { continue };
            let mut answer = Vec::new();
            let mut way = UnixStream::connect(&daemon).expect("the daemon");
            way.write_all(&request).expect("a request");
            way.read_to_end(&mut answer).expect("an answer");
            let fate = if posted { fates.pop_front() } else { None };
            match fate {
                None => drop((&wire).write_all(&answer)),
                Some(Fate::Cut) => {}
                Some(Fate::Nonsense) => {
                    drop((&wire).write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"));
                }
                Some(Fate::Silence) => silent.push(wire),
            }
            if fate.is_some() {
                // Not every test waits for it.
                teller.send(()).ok();
            }
        }
    });
    met
}

/// One request, after which the daemon closes; and whether it is a POST. Nothing, when the other end has gone.
fn request(wire: &UnixStream) -> Option<(Vec<u8>, bool)> {
    let mut reader = BufReader::new(wire);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let posted = head.starts_with("POST ");
    let mut request = format!("{head}Connection: close\r\n\r\n").into_bytes();
    request.append(&mut body);
    Some((request, posted))
}
