//! As much of LCDd as a client can tell from outside: it greets, keeps a screen for each connection, and takes it away when
//! the connection ends.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Shown {
    rows: BTreeMap<String, String>,
    strange: Vec<String>,
    stream: Option<TcpStream>,
    clients: u32,
}

pub(crate) struct Lcdd {
    pub(crate) address: SocketAddr,
    shown: Arc<Mutex<Shown>>,
}

impl Lcdd {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shown = Arc::new(Mutex::new(Shown::default()));
        let theirs = Arc::clone(&shown);
        // Ends with the test's process.
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                theirs.lock().expect("a screen").stream = stream.try_clone().ok();
                serve(stream, &theirs);
                let mut shown = theirs.lock().expect("a screen");
                shown.rows.clear();
                shown.clients += 1;
            }
        });
        Self { address, shown }
    }

    /// What its display shows of our screen; empty without one.
    pub(crate) fn text(&self) -> String {
        self.shown.lock().expect("a screen").rows.values().cloned().collect::<Vec<_>>().join("|")
    }

    /// Connections that have ended.
    pub(crate) fn clients(&self) -> u32 {
        self.shown.lock().expect("a screen").clients
    }

    pub(crate) fn strange(&self) -> Vec<String> {
        self.shown.lock().expect("a screen").strange.clone()
    }

    /// Ends the connection, as a restart would.
    pub(crate) fn drops_its_client(&self) {
        if let Some(stream) = &self.shown.lock().expect("a screen").stream {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn serve(mut stream: TcpStream, shown: &Mutex<Shown>) {
    let reader = BufReader::new(stream.try_clone().expect("a stream"));
    for line in reader.split(b'\n') {
        let Ok(line) = line else { return };
        let line: String = line.into_iter().map(char::from).collect();
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match (command, rest) {
            ("hello", "") => "connect LCDproc 0.5.9 protocol 0.3 lcd wid 20 hgt 2 cellwid 5 cellhgt 8\n",
            ("client_set" | "screen_add" | "widget_add", _) => "success\n",
            ("screen_set", "s -priority alert -heartbeat off -cursor off") => "listen s\nsuccess\n",
            ("widget_set", rest) => {
                let (place, text) = rest.split_once('"').expect("a text in quotes");
                let text = text.strip_suffix('"').expect("its end").to_owned();
                assert_eq!(text.chars().count(), 20, "{text:?}");
                shown.lock().expect("a screen").rows.insert(place.to_owned(), text);
                "success\n"
            }
            _ => {
                shown.lock().expect("a screen").strange.push(line.clone());
                "huh? Invalid command\n"
            }
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
