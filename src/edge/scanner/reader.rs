//! The thread of a scanner, whatever kind it is: look for the device, open it, read it, and begin again.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::search::{Look, Search};
use super::{Health, ScanEvent, ScannerId, Settings, Shared};
use crate::scan::{Candidate, Scanned};
use crate::words::{LaneId, Tick};

/// An open device.
pub(super) trait Device {
    /// Waits until something can be read, at most `limit` and its own read time-out, and reads it.
    fn wait(&mut self, limit: Duration) -> io::Result<Got>;
    /// Goes through what was read, gives the scans it completes, and wipes it.
    fn take(&mut self, at: Tick, give: &mut dyn FnMut(Candidate));
    /// Nothing came. Gives the scan that the silence completes.
    fn idle(&mut self, at: Tick) -> Option<Candidate>;
    /// A scan in progress goes, with what is still to come of it.
    fn clear(&mut self);
    /// It never fell quiet: what waits is thrown away, and everything up to the next end of a scan.
    fn flush(&mut self) -> io::Result<()>;
    /// What is wrong with how the scanner is set up, once that is certain.
    fn complaint(&self) -> Option<&'static str>;
    /// What was read last, before it is taken. For `shroff scan`.
    fn raw(&self) -> Raw<'_>;
}

/// What a wait brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// Time is up, and nothing waits.
    Nothing,
    /// As much as fits; more may be waiting.
    Some,
    /// All there was.
    All,
}

/// What a device sent, in its own form. It may hold a payment code.
#[derive(Clone, Copy)]
pub enum Raw<'a> {
    /// Characters of a serial line.
    Bytes(&'a [u8]),
    /// Key events: code and value (1 pressed, 0 released, 2 repeated).
    Keys(&'a [(u16, i32)]),
    /// A report.
    Report(&'a [u8]),
}

/// The thread's own.
pub(super) struct Reader<C, S> {
    pub(super) scanner: ScannerId,
    pub(super) lane: LaneId,
    pub(super) settings: Settings,
    pub(super) clock: C,
    pub(super) sink: S,
    pub(super) shared: Arc<Shared>,
    pub(super) health: Option<Health>,
}

impl<C: Fn() -> Tick, S: Fn(ScanEvent)> Reader<C, S> {
    pub(super) fn run(mut self) {
        let mut search = Search::new(self.settings.sysfs.clone(), self.settings.kind(), self.settings.device.clone());
        while !self.shared.stopped() {
            match search.look() {
                Look::Nothing(health) => self.tell(health),
                Look::NotYet => {}
                Look::Try(path) => {
                    let heard = self.session(&path);
                    search.tried(heard);
                }
            }
            self.shared.is_alive((self.clock)());
            search.wait(&self.shared);
        }
    }

    /// Opens the device and reads it until it is gone; true when it ever sent anything. The device is closed before
    /// its end is told: whoever holds a node that is gone makes its successor get another name.
    fn session(&mut self, path: &Path) -> bool {
        let opened = self.settings.open(path).and_then(|device| {
            let mut session = Session::new(device);
            session.read_out(&self.clock).map_err(|error| Health::Gone { why: gone(&error) })?;
            Ok(session)
        });
        let mut session = match opened {
            Ok(session) => session,
            Err(health) => {
                self.tell(health);
                return false;
            }
        };
        self.tell(Health::Connected);
        let why = loop {
            if self.shared.stopped() {
                return session.heard;
            }
            if let Err(error) = self.listen(&mut session) {
                break gone(&error);
            }
        };
        let heard = session.heard;
        drop(session);
        self.tell(Health::Gone { why });
        heard
    }

    /// Waits for something, at most one read time-out, and delivers the scans it completes.
    fn listen(&self, session: &mut Session) -> io::Result<()> {
        let looked = session.looked;
        let (got, at) = session.read(READ_TIMEOUT, &self.clock)?;
        self.shared.is_alive(at);
        // Whoever arms may have been held up as well, and wakes a moment later: no drain would come in time.
        let mut stale = at.since(looked) > STALE;
        let drained = self.shared.drained();
        if drained > session.drained {
            stale |= session.may_be_stale(drained);
            session.drained = drained;
            session.device.clear();
        }
        if stale && got != Got::Nothing {
            tracing::warn!(scanner = %self.scanner, "the terminal was held up; what was scanned meanwhile is thrown away");
            session.take(got, at, &mut drop);
            return session.read_out(&self.clock);
        }
        if got == Got::Nothing
            && let Some(scan) = session.device.idle(at)
        {
            self.deliver(&scan);
        }
        session.take(got, at, &mut |scan| self.deliver(&scan));
        self.speak_up(session);
        Ok(())
    }

    /// Gives a scan to the sink, unless a drain was asked for since it was read.
    fn deliver(&self, scan: &Candidate) {
        if scan.at() < self.shared.drained() {
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
    fn speak_up(&self, session: &mut Session) {
        if session.warned {
            return;
        }
        if let Some(complaint) = session.device.complaint() {
            session.warned = true;
            tracing::warn!(scanner = %self.scanner, "{complaint}");
        }
    }
}

/// A device while it is open.
struct Session {
    device: Box<dyn Device>,
    /// When the thread last came by.
    looked: Tick,
    /// Everything that came before this tick has been read.
    read_to: Tick,
    /// The latest drain that has been done.
    drained: Tick,
    heard: bool,
    warned: bool,
}

impl Session {
    fn new(device: Box<dyn Device>) -> Self {
        let (looked, read_to, drained) = Default::default();
        Self { device, looked, read_to, drained, heard: false, warned: false }
    }

    /// Waits for something: what came, and when. A node that was said to be readable may be empty when it is read
    /// (poll(2), Bugs), as when the driver dropped what did not fit; it is waited for again.
    fn read(&mut self, limit: Duration, clock: &impl Fn() -> Tick) -> io::Result<(Got, Tick)> {
        let mut in_vain = 0_u32;
        loop {
            match self.device.wait(limit) {
                Ok(got) => {
                    self.looked = clock();
                    return Ok((got, self.looked));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && in_vain < IN_VAIN_MAX => {
                    in_vain = in_vain.saturating_add(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self, got: Got, at: Tick, give: &mut dyn FnMut(Candidate)) {
        if got != Got::Nothing {
            self.heard = true;
            self.device.take(at, give);
        }
        if got != Got::Some {
            self.read_to = at;
        }
    }

    /// Whether what was just read may have waited long before `drained`. What a thread reads that waits at its device
    /// is at most one time-out old; after a stall it is the oldest, a payment code long expired.
    fn may_be_stale(&self, drained: Tick) -> bool {
        drained.since(self.read_to) > STALE
    }

    /// Reads until nothing comes any more, and throws it away. Reading and not flushing: it tells whether the device is
    /// in the middle of a scan, and it reaches what the driver still has behind the node's own buffer.
    fn read_out(&mut self, clock: &impl Fn() -> Tick) -> io::Result<()> {
        for _ in 0..READ_OUT_MAX {
            let (got, at) = self.read(QUIET, clock)?;
            self.take(got, at, &mut drop);
            if got == Got::Nothing {
                self.device.clear();
                return Ok(());
            }
        }
        self.device.flush()
    }
}

/// What [`watch`] tells.
#[derive(Clone, Copy)]
pub enum Watched<'a> {
    /// The device is open.
    Open(&'a Path),
    /// It sent this.
    Sent(Raw<'a>),
    /// That completed a scan.
    Scan(&'a Scanned),
    /// Nothing came for one read time-out.
    Quiet,
}

/// Reads a scanner for a person who looks at it, until it is gone or `show` breaks.
///
/// # Errors
/// Why it cannot be read, or not any more.
pub fn watch(
    settings: &Settings,
    clock: impl Fn() -> Tick,
    show: &mut dyn FnMut(Watched<'_>) -> ControlFlow<()>,
) -> Result<(), Health> {
    let search = Search::new(settings.sysfs.clone(), settings.kind(), settings.device.clone());
    let path = search.find()?.0;
    let failed = |error: io::Error| Health::Gone { why: gone(&error) };
    let mut session = Session::new(settings.open(&path)?);
    session.read_out(&clock).map_err(failed)?;
    let mut flow = show(Watched::Open(&path));
    while flow.is_continue() {
        let (got, at) = session.read(READ_TIMEOUT, &clock).map_err(failed)?;
        let mut scans = Vec::new();
        if got == Got::Nothing {
            scans.extend(session.device.idle(at));
        } else {
            flow = show(Watched::Sent(session.device.raw()));
        }
        session.take(got, at, &mut |scan| scans.push(scan));
        for scan in scans {
            if flow.is_continue() {
                flow = show(Watched::Scan(&crate::scan::read(&scan)));
            }
        }
        if got == Got::Nothing && flow.is_continue() {
            flow = show(Watched::Quiet);
        }
    }
    Ok(())
}

/// Finds the scanner, opens it as the daemon would, and closes it again: where it is.
///
/// # Errors
/// Why it cannot be read.
pub fn probe(settings: &Settings) -> Result<std::path::PathBuf, Health> {
    let search = Search::new(settings.sysfs.clone(), settings.kind(), settings.device.clone());
    let path = search.find()?.0;
    settings.open(&path)?;
    Ok(path)
}

/// Why an open device cannot be read any more.
fn gone(error: &io::Error) -> String {
    if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) {
        return "unplugged".to_owned();
    }
    format!("the device failed: {error}")
}

/// How long a read waits: a thread that is asked to stop, or a frame that fell silent, is noticed within it.
const READ_TIMEOUT: Duration = Duration::from_millis(200);

/// A thread that has not looked at its device for longer was held up: what waits there may belong to the customer
/// before. A busy machine keeps it waiting for some tenths of a second, which is no reason to lose a scan.
const STALE: Duration = Duration::from_secs(1);

/// A device that gives nothing for so long gives nothing that was waiting.
const QUIET: Duration = Duration::from_millis(10);

/// Reads before a device that never falls quiet is flushed instead.
const READ_OUT_MAX: usize = 128;

/// Times in a row that a device may be readable and empty.
const IN_VAIN_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Readable and empty so many times, then silent.
    struct Fickle(u32);

    impl Device for Fickle {
        fn wait(&mut self, _limit: Duration) -> io::Result<Got> {
            if self.0 == 0 {
                return Ok(Got::Nothing);
            }
            self.0 = self.0.saturating_sub(1);
            Err(rustix::io::Errno::AGAIN.into())
        }
        fn take(&mut self, _at: Tick, _give: &mut dyn FnMut(Candidate)) {}
        fn idle(&mut self, _at: Tick) -> Option<Candidate> {
            None
        }
        fn clear(&mut self) {}
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn complaint(&self) -> Option<&'static str> {
            None
        }
        fn raw(&self) -> Raw<'_> {
            Raw::Bytes(&[])
        }
    }

    #[test]
    fn a_device_that_was_emptied_before_it_was_read_has_not_failed() {
        let mut session = Session::new(Box::new(Fickle(3)));
        assert_eq!(session.read(READ_TIMEOUT, &Tick::default).expect("it is there").0, Got::Nothing);
        // One that stays so would keep the thread from its watchdog.
        let mut session = Session::new(Box::new(Fickle(u32::MAX)));
        assert_eq!(session.read(READ_TIMEOUT, &Tick::default).expect_err("a failure").kind(), ErrorKind::WouldBlock);
    }
}
