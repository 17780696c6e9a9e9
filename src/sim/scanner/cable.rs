//! What every scanner has: something to say, and a cable to say it through.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::manner::{Kind, Malformed, Manner, Scan};
use super::nap;

/// Turns scans into what a kind of scanner sends.
pub trait Encoding {
    /// What the cable carries one by one: a character, a key stroke, a report. It comes whole or not at all.
    type Piece;

    /// What kind it is.
    const KIND: Kind;

    /// How it sends before anybody has set it up.
    fn manner(&self) -> Manner;

    /// The pieces of a scan.
    ///
    /// # Errors
    /// When this kind has no way to send it.
    fn pieces(&self, scan: &Scan<'_>) -> io::Result<Vec<Self::Piece>>;

    /// A scan of `code` that is wrong in form.
    ///
    /// # Errors
    /// When this kind has no form that could be wrong.
    fn malformed(&self, _how: Malformed, _code: &[u8]) -> io::Result<Vec<Self::Piece>> {
        Err(only_for(Kind::HidPos, "malformed", Self::KIND))
    }

    /// A character of noise out of a random byte: one that belongs to no code.
    fn noise(&self, byte: u8) -> u8 {
        byte | 0x80
    }
}

/// The cable of a scanner and the plug at its end.
pub trait Cable {
    /// Whether a program has the other end open; nothing where that cannot be known.
    fn is_open(&self) -> Option<bool>;

    /// Where a program finds it, when that is ours to choose.
    fn link(&self) -> Option<&Path>;

    /// The node behind it, when it is plugged in and there is one to tell.
    fn device(&self) -> Option<&Path>;

    /// Whether it is plugged in.
    fn is_plugged(&self) -> bool;

    /// Pulls the plug. Nothing happens when it is out already.
    ///
    /// # Errors
    /// When it cannot be pulled, or its link not be removed.
    fn unplug(&mut self) -> io::Result<()>;

    /// Plugs it in again, pulling it first where it is in.
    ///
    /// # Errors
    /// When there is nothing to plug it into.
    fn replug(&mut self) -> io::Result<()>;
}

/// A cable for pieces of this sort.
pub trait Carry<P>: Cable {
    /// Carries them all, as fast as they go.
    ///
    /// # Errors
    /// When it is unplugged, or nobody reads for five seconds where a reader is waited for.
    fn carry(&self, pieces: &[P]) -> io::Result<()>;
}

/// A barcode scanner. It stays plugged in until it is unplugged or dropped.
#[derive(Debug)]
pub struct Scanner<E, C> {
    /// How it sends.
    pub manner: Manner,
    encoding: E,
    pub(super) cable: C,
}

impl<E: Encoding, C: Carry<E::Piece>> Scanner<E, C> {
    /// A scanner that sends like `encoding`, on a cable that is plugged in.
    pub fn on(encoding: E, cable: C) -> Self {
        Self { manner: encoding.manner(), encoding, cable }
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        E::KIND
    }

    /// How it turns scans into what it sends.
    pub(super) fn encoding(&self) -> &E {
        &self.encoding
    }

    /// The node behind it, when it is plugged in and there is one to tell.
    #[must_use]
    pub fn device(&self) -> Option<&Path> {
        self.cable.device()
    }

    /// Whether it is plugged in.
    #[must_use]
    pub fn is_plugged(&self) -> bool {
        self.cable.is_plugged()
    }

    /// Scans `code`, in its manner.
    ///
    /// # Errors
    /// When it is unplugged, has no way to send the code, or nobody reads for five seconds where a reader is waited
    /// for.
    pub fn scan(&self, code: &str) -> io::Result<()> {
        self.type_slowly(code, self.manner.gap)
    }

    /// Scans `code` with `gap` between two characters, or two reports.
    ///
    /// # Errors
    /// As [`Scanner::scan`].
    pub fn type_slowly(&self, code: &str, gap: Duration) -> io::Result<()> {
        self.send(&self.encoding.pieces(&self.manner.scan(code.as_bytes()))?, gap)
    }

    /// Sends `bytes` and nothing around them, all at once.
    ///
    /// # Errors
    /// As [`Scanner::scan`].
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let bare = Scan { prefix: &[], aim: &[], suffix: &[], ..self.manner.scan(bytes) };
        self.send(&self.encoding.pieces(&bare)?, Duration::ZERO)
    }

    /// Pulls the plug.
    ///
    /// # Errors
    /// When it cannot be pulled, or its link not be removed.
    pub fn unplug(&mut self) -> io::Result<()> {
        self.cable.unplug()
    }

    /// Plugs it in again, pulling it first where it is in.
    ///
    /// # Errors
    /// When there is nothing to plug it into.
    pub fn replug(&mut self) -> io::Result<()> {
        self.cable.replug()
    }

    /// Whether a program is known to have it open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.cable.is_open() == Some(true)
    }

    /// Waits until a program opens it, at most `limit`; false when none did. Where nobody can know, a second must do.
    #[must_use]
    pub fn wait_open(&self, limit: Duration) -> bool {
        let mut rest = limit;
        loop {
            match self.cable.is_open() {
                Some(true) => return true,
                None => {
                    nap(BLIND.min(rest));
                    return true;
                }
                Some(false) if rest.is_zero() => return false,
                Some(false) => nap(GLANCE),
            }
            rest = rest.saturating_sub(GLANCE);
        }
    }

    /// Sends what was made before.
    pub(super) fn send(&self, pieces: &[E::Piece], gap: Duration) -> io::Result<()> {
        if gap.is_zero() {
            return self.cable.carry(pieces);
        }
        for piece in pieces {
            self.cable.carry(std::slice::from_ref(piece))?;
            nap(gap);
        }
        Ok(())
    }
}

/// Writes all of `bytes` into something that does not block, waiting for its reader.
pub(super) fn write_all(into: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(&into, rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(rustix::io::Errno::AGAIN) => wait_writable(&into)?,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn wait_writable(into: &impl AsFd) -> io::Result<()> {
    let mut polled = [PollFd::new(into, PollFlags::OUT)];
    rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: PATIENCE_S, tv_nsec: 0 }))?;
    if polled.iter().any(|it| it.revents().contains(PollFlags::OUT)) {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::TimedOut, "nobody reads the scanner"))
}

/// What a scanner says whose cable is out.
pub(super) fn unplugged() -> io::Error {
    io::Error::new(ErrorKind::NotConnected, "the scanner is unplugged; replug comes first")
}

/// What a scanner of kind `this` says to a command for another.
pub(super) fn only_for(kind: Kind, command: &str, this: Kind) -> io::Error {
    let text = format!("{command:?} is for --kind {kind}, this scanner is {this}");
    io::Error::new(ErrorKind::Unsupported, text)
}

/// How long a scanner waits for its reader, in seconds.
const PATIENCE_S: i64 = 5;

/// Between two looks whether somebody has opened the scanner.
const GLANCE: Duration = Duration::from_millis(10);

/// What a program gets to open a scanner that cannot tell: udev and a look every 500 ms fit into it.
const BLIND: Duration = Duration::from_secs(1);
