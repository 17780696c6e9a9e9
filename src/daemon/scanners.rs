//! The scanners: their threads, and what health tells of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::ServeError;
use crate::config::Scanner;
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, DeviceView, Input, Notice, Role};
use crate::edge::metrics::Metrics;
use crate::edge::scanner::{self, Health, ScanEvent, ScannerHandle, ScannerId};
use crate::scan::Scanned;
use crate::words::{LaneId, Tick};

/// A scanner's thread ends within its read time-out, or that of its look for a device.
const LAST_READ: Duration = Duration::from_millis(600);

/// A thread comes by at its device several times a second. One that did not for so long is held up.
const HELD_UP: Duration = Duration::from_secs(3);

/// All scanners of the terminal.
pub(super) struct Scanners {
    wiring: Wiring,
    by_lane: Mutex<ByLane>,
}

type ByLane = BTreeMap<LaneId, Vec<(Arc<Post>, ScannerHandle)>>;

/// What every scanner is connected to.
struct Wiring {
    clock: Clock,
    inbox: SyncSender<Input>,
    views: Arc<watch::Sender<Vec<DeviceView>>>,
    news: Arc<watch::Sender<Board>>,
    metrics: Arc<Metrics>,
}

/// What is told of one scanner, and where.
struct Post {
    /// Its place in the configuration.
    index: usize,
    lane: LaneId,
    device: String,
    inbox: SyncSender<Input>,
    views: Arc<watch::Sender<Vec<DeviceView>>>,
    news: Arc<watch::Sender<Board>>,
    metrics: Arc<Metrics>,
    condition: Mutex<Condition>,
    /// The configuration names it no more: what it still says is about a place that another one has.
    retired: AtomicBool,
}

#[derive(Debug)]
struct Condition {
    health: Health,
    held_up: bool,
    /// The state that was told last.
    told: &'static str,
    flow: Flow,
}

impl Scanners {
    /// Starts a thread for each; a device that is not there is waited for.
    pub(super) fn start(
        wanted: &[Scanner],
        clock: Clock,
        inbox: &SyncSender<Input>,
        news: &Arc<watch::Sender<Board>>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let (views, _) = watch::channel(wanted.iter().map(view).collect());
        let (inbox, views) = (inbox.clone(), Arc::new(views));
        let wiring = Wiring { clock, inbox, views, news: Arc::clone(news), metrics: Arc::clone(metrics) };
        let by_lane = wiring.connect(wanted)?;
        Ok(Self { wiring, by_lane: Mutex::new(by_lane) })
    }

    /// What health tells.
    pub(super) fn views(&self) -> watch::Receiver<Vec<DeviceView>> {
        self.wiring.views.subscribe()
    }

    /// Lets go of all, and reads these from now on. For about a second nothing is read; a payment that waits goes on
    /// waiting.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn replace(&self, wanted: &[Scanner]) -> Result<(), ServeError> {
        self.stop();
        self.wiring.views.send_replace(wanted.iter().map(view).collect());
        let new = self.wiring.connect(wanted)?;
        *self.lanes() = new;
        Ok(())
    }

    /// Throws away what was scanned on `lane` before it waited for a code.
    pub(super) fn drain(&self, lane: &LaneId, now: Tick) {
        for (post, scanner) in self.lanes().get(lane).into_iter().flatten() {
            post.condition().flow = Flow::default();
            scanner.drain(now);
        }
    }

    /// Notices threads that do not come by at their devices any more.
    pub(super) fn look_after(&self, now: Tick) {
        for (post, scanner) in self.lanes().values().flatten() {
            post.held_up(now.since(scanner.alive()) > HELD_UP);
        }
    }

    /// Ends all threads.
    pub(super) fn stop(&self) {
        let all: Vec<_> = std::mem::take(&mut *self.lanes()).into_values().flatten().collect();
        for (post, scanner) in &all {
            post.retired.store(true, Ordering::Release);
            post.metrics.scanner_up(&post.lane, &post.device, false);
            scanner.stop();
        }
        for (_, scanner) in all {
            if !scanner.join(LAST_READ) {
                info!("a scanner's thread ends by itself");
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, ByLane> {
        self.by_lane.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wiring {
    fn connect(&self, wanted: &[Scanner]) -> Result<ByLane, ServeError> {
        let mut by_lane = ByLane::new();
        for (index, scanner) in wanted.iter().enumerate() {
            let health = Health::Gone { why: NOT_SEEN.to_owned() };
            let post = Arc::new(Post {
                index,
                lane: scanner.lane.clone(),
                device: scanner.settings.device.to_string(),
                inbox: self.inbox.clone(),
                views: Arc::clone(&self.views),
                news: Arc::clone(&self.news),
                metrics: Arc::clone(&self.metrics),
                condition: Mutex::new(Condition { health, held_up: false, told: "", flow: Flow::default() }),
                retired: AtomicBool::new(false),
            });
            let (id, lane, settings) = (ScannerId::new(index), scanner.lane.clone(), scanner.settings.clone());
            let (theirs, clock) = (Arc::clone(&post), self.clock);
            let handle = scanner::start(id, lane, settings, move || clock.tick(), move |event| theirs.tell(event));
            by_lane.entry(scanner.lane.clone()).or_default().push((post, handle.map_err(ServeError::System)?));
        }
        Ok(by_lane)
    }
}

fn view(scanner: &Scanner) -> DeviceView {
    DeviceView {
        lane: scanner.lane.clone(),
        role: Role::Scanner,
        kind: scanner.settings.kind().word(),
        device: scanner.settings.device.to_string(),
        state: "gone",
        advice: NOT_SEEN.to_owned(),
        scans: 0,
    }
}

impl Post {
    /// Passes on what the scanner tells. A full inbox holds the scanner's thread back, never the till.
    fn tell(&self, event: ScanEvent) {
        if self.retired.load(Ordering::Acquire) {
            return;
        }
        match event {
            ScanEvent::Health { health, .. } => {
                self.condition().health = health;
                self.show();
            }
            ScanEvent::Scanned { what, at, .. } => self.scanned(what, at),
        }
    }

    fn scanned(&self, what: Scanned, at: Tick) {
        let passed = self.condition().flow.pass(at);
        match passed {
            Passed::Yes => {}
            Passed::Last => {
                warn!(lane = %self.lane, device = %self.device, "the scanner floods the terminal; the rest is dropped");
                self.metrics.scan(FLOOD);
                return;
            }
            Passed::No => return self.metrics.scan(FLOOD),
        }
        self.views.send_modify(|views| {
            if let Some(view) = views.get_mut(self.index) {
                view.scans = view.scans.saturating_add(1);
            }
        });
        match what {
            Scanned::Code(code) => {
                let input = Input::Scan { lane: self.lane.clone(), code, read: at };
                if self.inbox.send(input).is_err() {
                    info!("a scan came after the till had stopped");
                }
            }
            Scanned::Other(hint) => {
                // Past the till: rubbish must not delay a payment on another lane.
                self.metrics.scan(hint.word());
                self.news.send_modify(|board| {
                    board.notices.insert(self.lane.clone(), Notice { word: hint.word(), at });
                });
            }
        }
    }

    fn held_up(&self, is: bool) {
        if std::mem::replace(&mut self.condition().held_up, is) != is {
            self.show();
        }
    }

    /// Shows how it is to whoever looks.
    fn show(&self) {
        let (state, advice, news) = {
            let mut condition = self.condition();
            let (state, advice) = match (&condition.health, condition.held_up) {
                (_, true) => ("stuck", STUCK.to_owned()),
                (Health::Connected, false) => (Health::Connected.word(), String::new()),
                (other, false) => (other.word(), other.to_string()),
            };
            (state, advice, std::mem::replace(&mut condition.told, state) != state)
        };
        self.metrics.scanner_up(&self.lane, &self.device, state == Health::Connected.word());
        if news {
            info!(lane = %self.lane, device = %self.device, health = state, %advice, "scanner");
        } else {
            // Unplugged, and then not plugged in: one fact, for which the advice gets better.
            debug!(lane = %self.lane, device = %self.device, health = state, %advice, "scanner");
        }
        self.views.send_modify(|views| {
            if let Some(view) = views.get_mut(self.index) {
                (view.state, view.advice) = (state, advice);
            }
        });
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a scanner that went mad from the till, the log and the displays. A hand scans once a second, a presentation
/// scanner twice; arming begins anew, so that the first scans of a sale always pass.
#[derive(Debug, Default)]
struct Flow {
    second: Option<Tick>,
    passed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    Yes,
    /// The first that does not pass.
    Last,
    No,
}

impl Flow {
    fn pass(&mut self, at: Tick) -> Passed {
        if self.second.is_none_or(|begun| at.since(begun) >= Duration::from_secs(1)) {
            (self.second, self.passed) = (Some(at), 0);
        }
        self.passed = self.passed.saturating_add(1);
        match self.passed {
            ..=PASS_A_SECOND => Passed::Yes,
            FIRST_DROPPED => Passed::Last,
            _ => Passed::No,
        }
    }
}

/// Scans of one scanner that pass in a second.
const PASS_A_SECOND: u32 = 20;
const FIRST_DROPPED: u32 = PASS_A_SECOND + 1;

/// What scans beyond that are counted as.
const FLOOD: &str = "flood";

const NOT_SEEN: &str = "not seen yet";
const STUCK: &str = "the system does not answer for this device; pull it out and plug it in again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_what_a_hand_could_scan_and_said_once_a_second() {
        let mut flow = Flow::default();
        let mut seen = [0_u32; 3];
        for millis in 0..3000 {
            for _ in 0..10 {
                let kind = match flow.pass(Tick::from_micros(millis * 1000)) {
                    Passed::Yes => 0,
                    Passed::Last => 1,
                    Passed::No => 2,
                };
                seen[kind] += 1;
            }
        }
        assert_eq!(seen, [60, 3, 30_000 - 63]);
    }
}
