//! systemd's journal: each event as one entry, its fields as fields of the entry, so that
//! `journalctl OUT_TRADE_NO=T01K7Q2M9XB00000001` finds everything that was said of an order.
//!
//! The message repeats the fields, because `journalctl` shows nothing else. Source: systemd's "Native Journal Protocol".

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// The longest message, in bytes: far below what a datagram takes.
const MESSAGE_MAX: usize = 8 * 1024;

/// Writes events to the journal.
#[derive(Debug)]
pub struct Journald {
    socket: UnixDatagram,
}

impl Journald {
    /// Connects to the journal.
    ///
    /// # Errors
    /// When there is none.
    pub fn connect() -> io::Result<Self> {
        Self::connect_to(Path::new(SOCKET))
    }

    /// The same, to a journal at `socket`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect_to(socket: &Path) -> io::Result<Self> {
        let unnamed = UnixDatagram::unbound()?;
        unnamed.connect(socket)?;
        // A journal that no longer reads fills its queue, and the till's thread would wait in it.
        unnamed.set_nonblocking(true)?;
        Ok(Self { socket: unnamed })
    }
}

/// Whether this process's stderr goes to the journal: `$JOURNAL_STREAM` names the stream systemd made for it, and somebody
/// may have led stderr elsewhere since (systemd.exec, "JOURNAL_STREAM").
#[must_use]
pub fn is_stderr() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(own) = std::fs::metadata("/proc/self/fd/2") else { return false };
    named == format!("{}:{}", own.dev(), own.ino())
}

impl<S: Subscriber> Layer<S> for Journald {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        let meta = event.metadata();
        // As syslog(3) numbers them.
        let priority = match *meta.level() {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            _ => "7",
        };
        let mut bytes = Vec::new();
        put(&mut bytes, "PRIORITY", priority);
        put(&mut bytes, "SYSLOG_IDENTIFIER", "shroff");
        put(&mut bytes, "TARGET", meta.target());
        let Entry { mut message, fields } = entry;
        for (name, value) in fields {
            message.push_str(&format!(" {name}={value}"));
            put(&mut bytes, &upper(name), &value);
        }
        message.truncate(message.floor_char_boundary(MESSAGE_MAX));
        put(&mut bytes, "MESSAGE", &message);
        // A journal that is gone or full must not hold up a sale.
        let _lost = self.socket.send(&bytes);
    }
}

/// What an event holds.
#[derive(Default)]
struct Entry {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field, format!("{value:?}"));
    }
}

impl Entry {
    fn keep(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            // An empty field says nothing.
            name if !value.is_empty() => self.fields.push((name, value)),
            _ => {}
        }
    }
}

/// Field names of the journal are capital letters, digits and `_`, and begin with a letter.
fn upper(name: &str) -> String {
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).take(64).collect()
}

/// One field: `NAME=value`, or with its length before it when it has more than one line.
fn put(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        bytes.push(b'\n');
        bytes.extend_from_slice(&u64::try_from(value.len()).unwrap_or_default().to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend_from_slice(value.as_bytes());
    bytes.push(b'\n');
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn heard(say: impl FnOnce()) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = UnixDatagram::bind(folder.path().join("socket")).expect("a socket");
        let layer = Journald::connect_to(&folder.path().join("socket")).expect("a journal");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), say);
        let mut bytes = vec![0; 64 * 1024];
        let length = journal.recv(&mut bytes).expect("an entry");
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn an_entry_has_its_fields_and_a_message_that_people_can_read() {
        let entry = heard(|| tracing::warn!(out_trade_no = %"T01A1", took_ms = 12, nothing = "", "reversing"));
        let entry = String::from_utf8(entry).expect("text");
        let lines: Vec<&str> = entry.lines().collect();
        for line in [
            "PRIORITY=4",
            "SYSLOG_IDENTIFIER=shroff",
            "OUT_TRADE_NO=T01A1",
            "TOOK_MS=12",
            "MESSAGE=reversing out_trade_no=T01A1 took_ms=12",
        ] {
            assert!(lines.contains(&line), "{line} is not in {lines:?}");
        }
        assert!(!entry.contains("NOTHING"), "{entry}");
    }

    #[test]
    fn a_journal_that_reads_nothing_holds_nobody_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("socket");
        let stuck = UnixDatagram::bind(&socket).expect("a socket");
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let layer = Journald::connect_to(&socket).expect("a journal");
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                // Far more than a socket's queue takes.
                for _ in 0..5_000 {
                    tracing::info!(text = "x".repeat(1_000), "said");
                }
            });
            done.send(()).expect("somebody waits");
        });
        is_done.recv_timeout(std::time::Duration::from_secs(60)).expect("it is held up");
        drop(stuck);
    }

    #[test]
    fn a_value_of_several_lines_cannot_pretend_to_be_a_field() {
        let entry = heard(|| tracing::info!(text = "one\nPRIORITY=0", "said"));
        let field = [b"TEXT\n".as_slice(), &14_u64.to_le_bytes(), b"one\nPRIORITY=0\n"].concat();
        assert!(entry.windows(field.len()).any(|it| it == field), "{entry:?}");
        assert!(entry.windows(8).any(|it| it == b"MESSAGE\n"), "the message has two lines too");
    }
}
