//! A scanner that types: a keyboard of its own, read through evdev and kept from everybody else.
//!
//! The grab keeps the digits out of the focused window and out of the console's login prompt. Reading is raw: the
//! library's synchronised stream would glue the tail of a lost scan to the next one after an overflow.

use std::ffi::c_long;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use evdev::raw_stream::RawDevice;
use rustix::fs::OFlags;
use rustix::io::Errno;
use zeroize::{Zeroize, Zeroizing};

use super::reader::{Device, Got, Raw};
use super::{Health, node};
use crate::scan::{Candidate, Framing, KeyEvent, Keys};
use crate::words::Tick;

/// An open keyboard.
pub(super) struct Keyboard {
    source: Source,
    keys: Keys,
    buffer: Zeroizing<[u8; READ]>,
    /// What was read last and not taken yet.
    events: Vec<Record>,
    /// The same for `shroff scan`: codes and values.
    shown: Zeroizing<Vec<(u16, i32)>>,
    /// The kernel's stamp of the last event.
    last: Option<Duration>,
    timeout: Duration,
}

/// Where key events come from.
enum Source {
    /// The kernel.
    Input(RawDevice),
    /// A named pipe of the same records.
    Fifo(OwnedFd),
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Input(device) => device.as_fd(),
            Self::Fifo(fifo) => fifo.as_fd(),
        }
    }
}

/// One `struct input_event`.
#[derive(Clone, Copy)]
struct Record {
    stamp: Duration,
    kind: u16,
    code: u16,
    value: i32,
}

impl Keyboard {
    /// Opens the keyboard and takes it from everybody else. It is taken while no key is down: whoever had it before
    /// would never hear of the release.
    pub(super) fn open(framing: &Framing, path: &Path) -> Result<Self, Health> {
        let probe = node::open(path).map_err(|errno| node::refused(errno, path))?;
        let source = if node::is_fifo(&probe) { Source::Fifo(probe) } else { Source::Input(grab(path)?) };
        Ok(Self {
            source,
            keys: Keys::new(framing.clone()),
            buffer: Zeroizing::new([0; READ]),
            events: Vec::with_capacity(RECORDS),
            shown: Zeroizing::new(Vec::with_capacity(RECORDS)),
            last: None,
            timeout: framing.silence().max(READ_TIMEOUT_MIN),
        })
    }

    /// How long after the event before this one came, by the kernel's stamps: a reader that stalled must not see a
    /// pause that was none. A clock that was set back tells nothing, so it counts as a long pause.
    fn since_last(&mut self, stamp: Duration) -> Duration {
        let last = self.last.replace(stamp);
        last.map_or(Duration::ZERO, |last| stamp.checked_sub(last).unwrap_or(Duration::MAX))
    }
}

fn grab(path: &Path) -> Result<RawDevice, Health> {
    let said = |error: io::Error| match error.raw_os_error() {
        Some(code) => node::refused(Errno::from_raw_os_error(code), path),
        None => Health::Gone { why: format!("{} cannot be read as a keyboard: {error}", path.display()) },
    };
    let mut device =
        RawDevice::open(path).map_err(|error| match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOTTY | Errno::INVAL) => {
                Health::Gone { why: format!("{} is no keyboard; `shroff devices` lists them", path.display()) }
            }
            _ => said(error),
        })?;
    rustix::fs::fcntl_setfl(&device, OFlags::NONBLOCK).map_err(|errno| node::refused(errno, path))?;
    for _ in 0..RELEASE_LOOKS {
        let down = device.get_key_state().map_err(said)?;
        if down.iter().next().is_none() {
            device.grab().map_err(said)?;
            return Ok(device);
        }
        // Whatever comes next may be the release.
        node::readable(&device, RELEASE_LOOK).map_err(said)?;
        device.fetch_events().map(|events| events.for_each(drop)).ok();
    }
    Err(Health::Gone {
        why: "a key of it is held down; release it, or pull the scanner out and plug it in again".to_owned(),
    })
}

impl Device for Keyboard {
    fn wait(&mut self, limit: Duration) -> io::Result<Got> {
        if !node::readable(&self.source, limit.min(self.timeout))? {
            return Ok(Got::Nothing);
        }
        let count = node::read(&self.source, self.buffer.as_mut_slice())?;
        let (records, rest) = self.buffer.get(..count).unwrap_or_default().as_chunks::<RECORD>();
        if !rest.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it sends no key events"));
        }
        self.events.extend(records.iter().filter_map(Record::of));
        self.shown.extend(self.events.iter().filter(|event| event.kind == EV_KEY).map(|it| (it.code, it.value)));
        self.buffer.zeroize();
        Ok(if count < READ { Got::All } else { Got::Some })
    }

    fn take(&mut self, at: Tick, give: &mut dyn FnMut(Candidate)) {
        let mut events = std::mem::take(&mut self.events);
        for event in &mut events {
            if let Some(key) = event.key() {
                let since = self.since_last(event.stamp);
                if let Some(scan) = self.keys.push(key, since, at) {
                    give(scan);
                }
            }
            event.code.zeroize();
        }
        events.clear();
        self.events = events;
        self.shown.zeroize();
    }

    fn idle(&mut self, at: Tick) -> Option<Candidate> {
        self.keys.idle(at)
    }

    fn clear(&mut self) {
        self.keys.clear();
    }

    fn flush(&mut self) -> io::Result<()> {
        self.keys.skip();
        Ok(())
    }

    fn complaint(&self) -> Option<&'static str> {
        (self.keys.unended() >= UNENDED).then_some(
            "scans come without a final Enter and are thrown away; set the scanner's suffix to CR, or configure \
             \"timeout\" framing",
        )
    }

    fn raw(&self) -> Raw<'_> {
        Raw::Keys(&self.shown)
    }
}

impl Record {
    /// Reads a record: two machine words of time, a type, a code and a value.
    fn of(bytes: &[u8; RECORD]) -> Option<Self> {
        let (seconds, rest) = bytes.split_first_chunk::<WORD>()?;
        let (micros, rest) = rest.split_first_chunk::<WORD>()?;
        let (kind, rest) = rest.split_first_chunk::<2>()?;
        let (code, rest) = rest.split_first_chunk::<2>()?;
        let (value, _) = rest.split_first_chunk::<4>()?;
        let seconds = u64::try_from(c_long::from_ne_bytes(*seconds)).ok()?;
        let micros = u64::try_from(c_long::from_ne_bytes(*micros)).ok()?;
        Some(Self {
            stamp: Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros)),
            kind: u16::from_ne_bytes(*kind),
            code: u16::from_ne_bytes(*code),
            value: i32::from_ne_bytes(*value),
        })
    }

    fn key(&self) -> Option<KeyEvent> {
        match (self.kind, self.value) {
            (EV_KEY, 0) => Some(KeyEvent::Up(self.code)),
            (EV_KEY, 1) => Some(KeyEvent::Down(self.code)),
            (EV_KEY, 2) => Some(KeyEvent::Repeat(self.code)),
            (EV_SYN, _) if self.code == SYN_DROPPED => Some(KeyEvent::Dropped),
            _ => None,
        }
    }
}

// Numbers of linux/input-event-codes.h.
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const SYN_DROPPED: u16 = 3;

/// A machine word: `struct input_event` begins with two of them on every Linux we run on.
const WORD: usize = size_of::<c_long>();
const RECORD: usize = WORD * 2 + 8;

/// Records of one read; the kernel keeps 64 for a reader.
const RECORDS: usize = 128;
const READ: usize = RECORD * RECORDS;

/// The shortest read: a frame that falls silent is noticed within its silence.
const READ_TIMEOUT_MIN: Duration = Duration::from_millis(20);

/// A scanner's key is down for some milliseconds; one that is down for a second is stuck.
const RELEASE_LOOK: Duration = Duration::from_millis(20);
const RELEASE_LOOKS: usize = 50;

/// Scans without end before it is said aloud: one or two are a pulled plug, three are a setting.
const UNENDED: u64 = 3;
