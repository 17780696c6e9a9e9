//! A scanner on a serial line: RS-232, a USB adapter or CDC-ACM.
//!
//! The device is found by its path, commonly a link that udev makes.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serialport::{ClearBuffer, SerialPort, TTYPort};
pub use serialport::{DataBits, FlowControl, Parity};
use zeroize::{Zeroize, Zeroizing};

use super::search::{LOOK, Look, Search, missing};
use super::{Health, ScanEvent, ScannerHandle, ScannerId, Shared};
use crate::scan::{Candidate, Framer, Framing};
use crate::words::{LaneId, Tick};

/// How a serial scanner is reached and spoken with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialSettings {
    /// The device, or a link to it.
    pub path: PathBuf,
    /// Bits a second. CDC-ACM ignores it.
    pub baud: u32,
    /// Seven or eight.
    pub data_bits: DataBits,
    /// None, odd or even.
    pub parity: Parity,
    /// RTS/CTS, XON/XOFF or none. A scanner set to RTS/CTS throws scans away when nobody answers.
    pub handshake: FlowControl,
    /// How it marks a scan.
    pub framing: Framing,
}

impl SerialSettings {
    /// The settings most scanners are delivered with: 9600 8N1, no handshake, line ends.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            baud: 9600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            handshake: FlowControl::None,
            framing: Framing::default(),
        }
    }
}

/// Starts a thread that reads the scanner and calls `sink` with what it learns: its health first and at every change,
/// and each scan the moment its last character is read. A `sink` that waits holds up this scanner and nothing else.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    scanner: ScannerId,
    lane: LaneId,
    settings: SerialSettings,
    clock: impl Fn() -> Tick + Send + 'static,
    sink: impl Fn(ScanEvent) + Send + 'static,
) -> io::Result<ScannerHandle> {
    ScannerHandle::start(scanner, move |shared| {
        Reader { scanner, lane, settings, clock, sink, shared, health: None }.run();
    })
}

/// The thread's own.
struct Reader<C, S> {
    scanner: ScannerId,
    lane: LaneId,
    settings: SerialSettings,
    clock: C,
    sink: S,
    shared: Arc<Shared>,
    health: Option<Health>,
}

impl<C: Fn() -> Tick, S: Fn(ScanEvent)> Reader<C, S> {
    fn run(mut self) {
        let mut search = Search::default();
        while !self.shared.stopped() {
            match search.look(&self.settings.path) {
                Look::Nothing(health) => self.tell(health),
                Look::NotYet => {}
                Look::Try => {
                    let heard = self.session();
                    search.tried(heard);
                }
            }
            self.shared.wait(LOOK);
        }
    }

    /// Opens the device and reads it until it is gone; true when it ever sent anything. The device is closed before
    /// its end is told: whoever holds a node that is gone makes its successor get another name.
    fn session(&mut self) -> bool {
        let mut line = match Line::open(&self.settings, &self.clock) {
            Ok(line) => line,
            Err(health) => {
                self.tell(health);
                return false;
            }
        };
        self.tell(Health::Connected);
        let why = loop {
            if self.shared.stopped() {
                return line.heard;
            }
            if let Err(error) = self.listen(&mut line) {
                break gone(&error);
            }
        };
        let heard = line.heard;
        drop(line);
        self.tell(Health::Gone { why });
        heard
    }

    /// Waits for characters, at most one read time-out, and delivers the scans they complete.
    fn listen(&self, line: &mut Line) -> io::Result<()> {
        let (count, at) = line.read(&self.clock)?;
        let drained = self.shared.drained();
        if drained > line.drained {
            let stale = count > 0 && line.may_be_stale(drained);
            line.drained = drained;
            line.framer.clear();
            if stale {
                line.throw_away(count, at);
                return line.read_out(&self.clock);
            }
        }
        if count == 0
            && let Some(scan) = line.framer.idle(at)
        {
            self.deliver(line, &scan);
        }
        for index in 0..count {
            let byte = line.buffer.get(index).copied().unwrap_or_default();
            if let Some(scan) = line.framer.push(byte, at) {
                self.deliver(line, &scan);
            }
        }
        line.done(count, at);
        self.speak_up(line);
        Ok(())
    }

    /// Gives a scan to the sink, unless a drain was asked for since it was read.
    fn deliver(&self, line: &Line, scan: &Candidate) {
        if self.shared.drained() > line.drained {
            return;
        }
        let what = crate::scan::read(scan);
        (self.sink)(ScanEvent::Scanned { scanner: self.scanner, lane: self.lane.clone(), what, at: scan.at() });
    }

    /// Tells how the scanner is, if that is news.
    fn tell(&mut self, health: Health) {
        if self.health.as_ref() == Some(&health) {
            return;
        }
        self.health = Some(health.clone());
        (self.sink)(ScanEvent::Health { scanner: self.scanner, health });
    }

    /// Says once a session why a scanner that beeps gives nothing.
    fn speak_up(&self, line: &mut Line) {
        if line.warned || line.framer.unended() < UNENDED {
            return;
        }
        line.warned = true;
        tracing::warn!(
            scanner = %self.scanner,
            "scans come without the configured suffix and are thrown away; set the scanner's suffix to CR, or configure \
             \"timeout\" framing"
        );
    }
}

/// An open line.
struct Line {
    port: TTYPort,
    framer: Framer,
    /// What was read last. Wiped after each read.
    buffer: Zeroizing<[u8; READ]>,
    /// Everything that came before this tick has been read.
    read_to: Tick,
    /// The latest drain that has been done.
    drained: Tick,
    timeout: Duration,
    heard: bool,
    warned: bool,
}

impl Line {
    /// Opens the device (with `O_NOCTTY`, `flock` and `TIOCEXCL`) and throws away what is waiting in it: it was scanned
    /// before anybody listened.
    fn open(settings: &SerialSettings, clock: &impl Fn() -> Tick) -> Result<Self, Health> {
        let Some(path) = settings.path.to_str() else {
            return Err(Health::Gone { why: "the configured path is not UTF-8".to_owned() });
        };
        let timeout = READ_TIMEOUT.min(settings.framing.silence()).max(READ_TIMEOUT_MIN);
        let port = serialport::new(path, settings.baud)
            .data_bits(settings.data_bits)
            .parity(settings.parity)
            .flow_control(settings.handshake)
            .timeout(timeout)
            .open_native()
            .map_err(|error| refused(&error, &settings.path))?;
        let mut line = Self {
            port,
            framer: Framer::new(settings.framing.clone()),
            buffer: Zeroizing::new([0; READ]),
            read_to: Tick::default(),
            drained: Tick::default(),
            timeout,
            heard: false,
            warned: false,
        };
        line.read_out(clock).map_err(|error| Health::Gone { why: gone(&error) })?;
        Ok(line)
    }

    /// Waits for characters: how many came into the buffer (none: time is up, and the line is empty), and when.
    fn read(&mut self, clock: &impl Fn() -> Tick) -> io::Result<(usize, Tick)> {
        loop {
            match self.port.read(self.buffer.as_mut_slice()) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => return Ok((count, clock())),
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok((0, clock())),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets the `count` characters that were taken at `at`. A read that did not fill the buffer emptied the line.
    fn done(&mut self, count: usize, at: Tick) {
        self.buffer.iter_mut().take(count).for_each(Zeroize::zeroize);
        self.heard |= count > 0;
        if count < READ {
            self.read_to = at;
        }
    }

    /// Whether what was just read may have waited long before `drained`. What a thread reads that waits at its line
    /// is at most one time-out old; after a stall it is the oldest, a payment code long expired.
    fn may_be_stale(&self, drained: Tick) -> bool {
        drained.since(self.read_to) > STALE
    }

    /// Follows what was read without giving any of it, so that it is known where a scan ends.
    fn throw_away(&mut self, count: usize, at: Tick) {
        for byte in self.buffer.iter().take(count) {
            drop(self.framer.push(*byte, at));
        }
        self.done(count, at);
    }

    /// Reads until nothing comes any more, and throws it away. Reading and not flushing: it tells whether the line is
    /// in the middle of a scan, and it reaches what the driver still has behind the terminal's buffer.
    fn read_out(&mut self, clock: &impl Fn() -> Tick) -> io::Result<()> {
        self.port.set_timeout(QUIET)?;
        let mut quiet = false;
        for _ in 0..READ_OUT_MAX {
            let (count, at) = self.read(clock)?;
            self.throw_away(count, at);
            quiet = count == 0;
            if quiet {
                break;
            }
        }
        if quiet {
            self.framer.clear();
        } else {
            self.port.clear(ClearBuffer::Input)?;
            self.framer.skip();
        }
        self.port.set_timeout(self.timeout)?;
        Ok(())
    }
}

/// Why the device could not be opened.
fn refused(error: &serialport::Error, path: &Path) -> Health {
    match error.kind {
        serialport::ErrorKind::NoDevice => Health::InUse,
        serialport::ErrorKind::Io(kind) => missing(&io::Error::new(kind, error.description.clone()), path),
        serialport::ErrorKind::Unknown if is_forbidden(path) => Health::Denied,
        serialport::ErrorKind::Unknown | serialport::ErrorKind::InvalidInput => {
            Health::Gone { why: format!("{} cannot be opened as a serial line: {error}", path.display()) }
        }
    }
}

/// Whether the unit's device filter stands before `path`. It says EPERM, for which serialport has no kind.
fn is_forbidden(path: &Path) -> bool {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    matches!(rustix::fs::open(path, flags, Mode::empty()), Err(Errno::PERM))
}

/// Why an open device cannot be read any more.
fn gone(error: &io::Error) -> String {
    if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) {
        return "unplugged".to_owned();
    }
    format!("the line failed: {error}")
}

/// How long a read waits: a thread that is asked to stop, or a frame that fell silent, is noticed within it.
const READ_TIMEOUT: Duration = Duration::from_millis(200);
const READ_TIMEOUT_MIN: Duration = Duration::from_millis(20);

/// Bytes of one read, some 50 scans. Less than a terminal's buffer (4096), so that a read that does not fill it has
/// left nothing behind.
const READ: usize = 1024;

/// Two read time-outs: a thread that has not looked at its line for longer was held up.
const STALE: Duration = Duration::from_millis(400);

/// A line that gives nothing for so long gives nothing that was waiting.
const QUIET: Duration = Duration::from_millis(10);

/// Reads before a line that never falls quiet is flushed instead.
const READ_OUT_MAX: usize = 128;

/// Scans without end before it is said aloud: one or two are a pulled plug, three are a setting.
const UNENDED: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: serialport::ErrorKind) -> Health {
        refused(&serialport::Error::new(kind, "said by the system"), Path::new("/nowhere/scanner"))
    }

    #[test]
    fn what_stands_in_the_way_is_told_apart() {
        assert_eq!(refusal(serialport::ErrorKind::NoDevice), Health::InUse);
        assert_eq!(refusal(serialport::ErrorKind::Io(ErrorKind::PermissionDenied)), Health::Denied);
        let missing = refusal(serialport::ErrorKind::Io(ErrorKind::NotFound)).to_string();
        assert_eq!(missing, "/nowhere/scanner is not there; plug the scanner in, or correct its device path");
        assert!(matches!(refusal(serialport::ErrorKind::Unknown), Health::Gone { .. }));
    }
}
