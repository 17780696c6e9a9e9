//! Scanners. Each has a plain thread of its own, which opens it, reads it and makes scans of what it sends; unplugging
//! is normal, so the thread looks for its device for as long as it lives.
//!
//! A scanner says what was scanned and how it is. Whether a lane wants a scan is not its business: it is asked to
//! [drain](ScannerHandle::drain) when a lane is armed, and every scan carries the tick at which it was read.

mod hid_pos;
mod keyboard;
mod name;
mod node;
mod reader;
mod search;
pub mod serial;
pub(super) mod sysfs;
mod uevent;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use hid_pos::HidPosSettings;
pub use name::{DeviceName, DeviceNameError, ScannerKind};
pub use reader::{Raw, Watched, probe, watch};
pub use serial::SerialSettings;
pub use sysfs::{Mode, Seen, Sysfs, UsbPiece};

use crate::scan::{Framing, Scanned};
use crate::words::{LaneId, Tick};

/// A scanner, by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScannerId(usize);

impl ScannerId {
    /// The scanner that stands at `index` in the configuration, counted from 0.
    #[must_use]
    pub const fn new(index: usize) -> Self {
        Self(index)
    }

    /// Its place in the configuration, counted from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

impl fmt::Display for ScannerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which scanner is meant and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which.
    pub device: DeviceName,
    /// How it is connected.
    pub transport: Transport,
    /// How a scan begins and ends. Of a HID POS scanner only the prefix counts.
    pub framing: Framing,
    /// Where devices are looked for that are not named by a path.
    pub sysfs: Sysfs,
}

/// How a scanner is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A serial line.
    Serial(SerialSettings),
    /// A keyboard of its own.
    Keyboard,
    /// USB HID POS.
    HidPos(HidPosSettings),
}

impl Settings {
    /// `device` as scanners of that kind are delivered.
    #[must_use]
    pub fn new(device: DeviceName, transport: Transport) -> Self {
        let framing = match transport {
            Transport::Serial(_) | Transport::HidPos(_) => Framing::default(),
            Transport::Keyboard => Framing::keyboard(),
        };
        Self { device, transport, framing, sysfs: Sysfs::default() }
    }

    /// Of what kind it is.
    #[must_use]
    pub fn kind(&self) -> ScannerKind {
        match self.transport {
            Transport::Serial(_) => ScannerKind::Serial,
            Transport::Keyboard => ScannerKind::Keyboard,
            Transport::HidPos(_) => ScannerKind::HidPos,
        }
    }

    fn open(&self, path: &Path) -> Result<Box<dyn reader::Device>, Health> {
        Ok(match self.transport {
            Transport::Serial(settings) => Box::new(serial::Line::open(settings, &self.framing, path)?),
            Transport::Keyboard => Box::new(keyboard::Keyboard::open(&self.framing, path)?),
            Transport::HidPos(settings) => Box::new(hid_pos::HidPos::open(settings, &self.framing, path)?),
        })
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
    settings: Settings,
    clock: impl Fn() -> Tick + Send + 'static,
    sink: impl Fn(ScanEvent) + Send + 'static,
) -> io::Result<ScannerHandle> {
    ScannerHandle::start(scanner, move |shared| {
        reader::Reader { scanner, lane, settings, clock, sink, shared, health: None }.run();
    })
}

/// What a scanner's thread tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanEvent {
    /// Something was scanned.
    Scanned {
        /// Where.
        scanner: ScannerId,
        /// For whom.
        lane: LaneId,
        /// What.
        what: Scanned,
        /// When its last character was read.
        at: Tick,
    },
    /// The scanner is in another state than before.
    Health {
        /// Which.
        scanner: ScannerId,
        /// How it is now.
        health: Health,
    },
}

/// How a scanner is. Its `Display` says what is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Open, and read.
    Connected,
    /// Not there, or not readable. It is looked for.
    Gone {
        /// What was seen.
        why: String,
    },
    /// Another program has it open.
    InUse,
    /// This process may not open it.
    Denied,
}

impl Health {
    /// Its stable word, for the API and logs.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Gone { .. } => "gone",
            Self::InUse => "in_use",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Gone { why } => f.write_str(why),
            Self::InUse => f.write_str("in use by another program; close that program, or stop a second shroff"),
            Self::Denied => f.write_str(
                "permission denied; install shroff's udev rules, which give the device to the group shroff, restart \
                 the service and plug the scanner in again",
            ),
        }
    }
}

/// A running scanner. Dropping it stops the thread without waiting for it.
#[derive(Debug)]
pub struct ScannerHandle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl ScannerHandle {
    /// Starts `run` on a thread of its own.
    fn start(id: ScannerId, run: impl FnOnce(Arc<Shared>) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Finished(Arc::clone(&shared));
        let body = move || run(Arc::clone(&theirs.0));
        let thread = std::thread::Builder::new().name(format!("scanner-{id}")).spawn(body)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Throws away what was scanned before `now` and is not delivered yet, and a scan in progress. Called when a lane
    /// is armed; returns at once. A scan that is delivered after this and began before it has `at` earlier than `now`.
    pub fn drain(&self, now: Tick) {
        self.shared.drain.fetch_max(now.micros(), Ordering::AcqRel);
    }

    /// When its thread last looked at its device. One that has not for seconds is held up.
    #[must_use]
    pub fn alive(&self) -> Tick {
        Tick::from_micros(self.shared.alive.load(Ordering::Acquire))
    }

    /// Asks the thread to end. Returns at once.
    pub fn stop(&self) {
        self.shared.life().stop = true;
        self.shared.changed.notify_all();
    }

    /// Stops the thread and waits for its end, at most `limit`. False when it has not come to its end by then: it is
    /// held up where its events go, and ends with the process.
    #[must_use = "a thread that did not end still holds its device"]
    pub fn join(mut self, limit: Duration) -> bool {
        self.stop();
        let life = self.shared.life();
        let waited = self.shared.changed.wait_timeout_while(life, limit, |life| !life.finished);
        let finished = waited.unwrap_or_else(PoisonError::into_inner).0.finished;
        match self.thread.take() {
            Some(thread) if finished => thread.join().is_ok(),
            Some(_) | None => finished,
        }
    }
}

impl Drop for ScannerHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a scanner's thread and its handle share.
#[derive(Debug, Default)]
struct Shared {
    /// The tick of the latest drain, in microseconds.
    drain: AtomicU64,
    /// The tick at which the thread last came by, in microseconds.
    alive: AtomicU64,
    life: Mutex<Life>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Life {
    stop: bool,
    finished: bool,
}

impl Shared {
    /// Up to when everything is to be thrown away.
    fn drained(&self) -> Tick {
        Tick::from_micros(self.drain.load(Ordering::Acquire))
    }

    fn is_alive(&self, at: Tick) {
        self.alive.store(at.micros(), Ordering::Release);
    }

    fn stopped(&self) -> bool {
        self.life().stop
    }

    /// Waits for `time`, or until the thread is to end.
    fn wait(&self, time: Duration) {
        let waited = self.changed.wait_timeout_while(self.life(), time, |life| !life.stop);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the thread has ended, however it ended.
struct Finished(Arc<Shared>);

impl Drop for Finished {
    fn drop(&mut self) {
        self.0.life().finished = true;
        self.0.changed.notify_all();
    }
}
