//! Serial scanners on real pseudo-terminals: the thread, the link, the plug.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use shroff::edge::scanner::{
    DeviceName, Health, ScanEvent, ScannerHandle, ScannerId, SerialSettings, Settings, Transport,
};
use shroff::scan::{Hint, Scanned};
use shroff::sim::scanner::{Command, Player, PtyScanner};
use shroff::words::Tick;
use tempfile::TempDir;

const CODES: [&str; 3] = ["134539517967686076", "101112131415161718", "150000000000000009"];

/// Long enough for a machine with better things to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// A clock that goes on 1 ms whenever somebody looks at it: how loaded the machine is does not matter.
#[derive(Clone, Default)]
struct Steps(Arc<AtomicU64>);

impl Steps {
    fn now(&self) -> Tick {
        Tick::from_micros(self.0.fetch_add(1000, Ordering::SeqCst))
    }

    fn jump(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).expect("a short time");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

/// A scanner, the thread that reads it, and what that says.
struct Desk {
    scanner: PtyScanner,
    clock: Steps,
    /// One for each time the thread looked at its clock: it has read, or heard nothing for 200 ms.
    looks: Receiver<()>,
    events: Receiver<ScanEvent>,
    thread: ScannerHandle,
    _folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl Fn(&mut Settings)) -> Self {
        let (sender, events) = channel();
        Self::open(change, events, move |event| drop(sender.send(event)))
    }

    fn open(
        change: impl Fn(&mut Settings),
        events: Receiver<ScanEvent>,
        sink: impl Fn(ScanEvent) + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let scanner = PtyScanner::new(folder.path().join("scanner")).expect("a pty");
        let clock = Steps::default();
        let (look, looks) = channel();
        let mut settings = serial(scanner.link());
        change(&mut settings);
        let thread = start(settings, clock.clone(), look, sink);
        let desk = Self { scanner, clock, looks, events, thread, _folder: folder };
        assert_eq!(desk.health(), Health::Connected);
        desk
    }

    fn event(&self) -> ScanEvent {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }

    fn health(&self) -> Health {
        health_of(self.event()).expect("health and no scan")
    }

    fn scanned(&self) -> Scanned {
        what_of(self.event()).expect("a scan and not health")
    }

    /// Waits until the thread has certainly read what was sent: the first look may have been under way, the second
    /// comes behind it, the third behind a time-out.
    fn settle(&self) {
        while self.looks.try_recv().is_ok() {}
        for _ in 0..3 {
            self.looks.recv_timeout(PATIENCE).expect("the thread reads");
        }
    }

    fn nothing_more(&self) {
        self.settle();
        assert!(self.events.try_recv().is_err(), "an event that nobody caused");
    }
}

fn start(
    settings: Settings,
    clock: Steps,
    look: Sender<()>,
    sink: impl Fn(ScanEvent) + Send + 'static,
) -> ScannerHandle {
    let look = move || {
        look.send(()).ok();
        clock.now()
    };
    let lane = "1".parse().expect("a lane");
    shroff::edge::scanner::start(ScannerId::new(0), lane, settings, look, sink).expect("a thread")
}

fn serial(path: &Path) -> Settings {
    Settings::new(DeviceName::Path(path.to_owned()), Transport::Serial(SerialSettings::default()))
}

fn health_of(event: ScanEvent) -> Option<Health> {
    match event {
        ScanEvent::Health { health, .. } => Some(health),
        ScanEvent::Scanned { .. } => None,
    }
}

fn what_of(event: ScanEvent) -> Option<Scanned> {
    match event {
        ScanEvent::Scanned { what, .. } => Some(what),
        ScanEvent::Health { .. } => None,
    }
}

fn code(digits: &str) -> Scanned {
    Scanned::Code(digits.parse().expect("a code"))
}

#[test]
fn codes_arrive_once_and_in_order() {
    let mut desk = Desk::new();
    for digits in CODES {
        desk.scanner.scan(digits).expect("scanned");
    }
    desk.scanner.manner.suffix = b"\r\n".to_vec();
    desk.scanner.manner.aim = b"]Q0".to_vec();
    desk.scanner.type_slowly(CODES[0], Duration::from_millis(2)).expect("scanned");
    desk.scanner.scan("4006381333931").expect("scanned");
    let heard: Vec<_> = (0..5).map(|_| desk.scanned()).collect();
    let expected = [CODES[0], CODES[1], CODES[2], CODES[0]].map(code);
    assert_eq!(heard[..4], expected);
    assert_eq!(heard[4], Scanned::Other(Hint::Product));
    desk.nothing_more();
}

#[test]
fn every_scan_says_whose_it_is_and_when_it_was_read() {
    let desk = Desk::new();
    let before = desk.clock.now();
    desk.scanner.scan(CODES[0]).expect("scanned");
    let event = desk.event();
    assert!(
        matches!(&event, ScanEvent::Scanned { scanner, lane, at, .. }
            if scanner.index() == 0 && lane.as_str() == "1" && before < *at && *at < desk.clock.now()),
        "{event:?}"
    );
}

#[test]
fn a_plug_pulled_in_the_middle_of_a_code_gives_nothing_of_it() {
    let mut desk = Desk::new();
    desk.scanner.raw(&CODES[0].as_bytes()[..9]).expect("half a scan");
    desk.settle();
    desk.scanner.unplug().expect("unplugged");
    assert!(matches!(desk.health(), Health::Gone { .. }));
    assert!(matches!(desk.health(), Health::Gone { why } if why.contains("is not there")));
    desk.scanner.replug().expect("replugged");
    assert_eq!(desk.health(), Health::Connected);
    desk.scanner.raw(&CODES[0].as_bytes()[9..]).expect("the other half");
    desk.scanner.raw(b"\r").expect("its end");
    assert_eq!(desk.scanned(), Scanned::Other(Hint::WrongLength));
    desk.scanner.scan(CODES[1]).expect("scanned");
    assert_eq!(desk.scanned(), code(CODES[1]));
}

#[test]
fn a_scanner_that_changes_its_terminal_is_found_through_its_link() {
    let mut desk = Desk::new();
    for digits in CODES {
        desk.scanner.replug().expect("replugged");
        while desk.health() != Health::Connected {}
        desk.scanner.scan(digits).expect("scanned");
        assert_eq!(desk.scanned(), code(digits));
    }
}

#[test]
fn what_was_scanned_before_anybody_listened_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let scanner = PtyScanner::new(folder.path().join("scanner")).expect("a pty");
    scanner.scan(CODES[0]).expect("scanned");
    scanner.raw(b"1345395").expect("half a scan");
    let (sender, events) = channel();
    let settings = serial(scanner.link());
    let thread = start(settings, Steps::default(), channel().0, move |event| drop(sender.send(event)));
    let health = events.recv_timeout(PATIENCE).expect("health");
    assert_eq!(health, ScanEvent::Health { scanner: ScannerId::new(0), health: Health::Connected });
    scanner.raw(b"17967686076\r").expect("the other half");
    scanner.scan(CODES[1]).expect("scanned");
    let event = events.recv_timeout(PATIENCE).expect("a scan");
    assert!(matches!(event, ScanEvent::Scanned { what, .. } if what == code(CODES[1])));
    assert!(thread.join(PATIENCE));
}

#[test]
fn a_scanner_in_use_is_told_apart_and_taken_when_it_is_free() {
    let desk = Desk::new();
    let (sender, events) = channel();
    let settings = serial(desk.scanner.link());
    let second = start(settings, Steps::default(), channel().0, move |event| drop(sender.send(event)));
    let event = events.recv_timeout(PATIENCE).expect("health");
    assert_eq!(event, ScanEvent::Health { scanner: ScannerId::new(0), health: Health::InUse });
    assert!(desk.thread.join(PATIENCE));
    let event = events.recv_timeout(PATIENCE).expect("health");
    assert_eq!(event, ScanEvent::Health { scanner: ScannerId::new(0), health: Health::Connected });
    desk.scanner.scan(CODES[0]).expect("scanned");
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(ScanEvent::Scanned { what, .. }) if what == code(CODES[0])));
    assert!(second.join(PATIENCE));
}

#[test]
fn what_is_no_serial_line_is_gone_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scanner");
    std::fs::write(&path, "no scanner").expect("a file");
    let (sender, events) = channel();
    let settings = serial(&path);
    let thread = start(settings, Steps::default(), channel().0, move |event| drop(sender.send(event)));
    let health = health_of(events.recv_timeout(PATIENCE).expect("an event")).expect("health");
    assert!(health.to_string().contains("cannot be opened as a serial line"), "{health}");
    assert!(thread.join(PATIENCE));
}

#[test]
fn draining_throws_away_a_scan_in_progress_and_keeps_the_next() {
    let desk = Desk::new();
    desk.scanner.raw(b"1345395").expect("half a scan");
    desk.settle();
    desk.thread.drain(desk.clock.now());
    desk.scanner.raw(b"17967686076\r").expect("the other half");
    desk.scanner.scan(CODES[1]).expect("scanned");
    assert_eq!(desk.scanned(), code(CODES[1]));
    desk.nothing_more();
}

#[test]
fn a_scan_right_after_draining_is_not_lost() {
    let desk = Desk::new();
    for _ in 0..20 {
        desk.thread.drain(desk.clock.now());
        desk.scanner.scan(CODES[0]).expect("scanned");
        assert_eq!(desk.scanned(), code(CODES[0]));
    }
}

/// A sink that passes on one event at a time, and only when somebody takes it.
fn slow_desk() -> Desk {
    let (sender, events): (SyncSender<ScanEvent>, _) = sync_channel(0);
    Desk::open(|_| {}, events, move |event| drop(sender.send(event)))
}

#[test]
fn draining_throws_away_what_piled_up_while_the_thread_was_held_up() {
    let desk = slow_desk();
    desk.scanner.scan(CODES[0]).expect("scanned");
    desk.looks.recv_timeout(PATIENCE).expect("read out");
    desk.settle_one();
    for _ in 0..100 {
        desk.scanner.scan(CODES[1]).expect("piled up");
    }
    desk.clock.jump(Duration::from_secs(90));
    desk.thread.drain(desk.clock.now());
    // The first was on its way already; it is as old as it says.
    assert_eq!(desk.scanned(), code(CODES[0]));
    // How long the thread takes to read out what is stale is its own affair: a customer shows the code again.
    let fresh = (0..50).find_map(|_| {
        desk.scanner.scan(CODES[2]).expect("scanned");
        desk.events.recv_timeout(Duration::from_millis(300)).ok()
    });
    assert_eq!(fresh.and_then(what_of), Some(code(CODES[2])));
}

/// A process that was stopped is woken together with whoever arms the lane: its drain may come too late.
#[test]
fn what_piled_up_while_the_thread_was_held_up_goes_without_draining() {
    let desk = slow_desk();
    desk.scanner.scan(CODES[0]).expect("scanned");
    desk.settle_one();
    for _ in 0..3 {
        desk.scanner.scan(CODES[1]).expect("piled up");
    }
    desk.clock.jump(Duration::from_secs(2));
    assert_eq!(desk.scanned(), code(CODES[0]));
    let fresh = (0..50).find_map(|_| {
        desk.scanner.scan(CODES[2]).expect("scanned");
        desk.events.recv_timeout(Duration::from_millis(300)).ok()
    });
    assert_eq!(fresh.and_then(what_of), Some(code(CODES[2])));
}

impl Desk {
    /// Waits until a thread that will be held up by its sink has read what was sent.
    fn settle_one(&self) {
        let deadline = self.clock.now().after(PATIENCE);
        let unread = || self.looks.recv_timeout(Duration::from_millis(400)).is_ok();
        while unread() {
            assert!(self.clock.now() < deadline, "the thread is not held up");
        }
    }
}

const NOISE: u64 = 500;
const FLOOD: u64 = 5000;

#[test]
fn a_flood_waits_for_its_reader_and_loses_nothing() {
    let desk = slow_desk();
    let Desk { scanner, events, thread, .. } = desk;
    let feeder = std::thread::spawn(move || {
        let mut player = Player::new(scanner);
        player.play(Command::Garbage(NOISE)).expect("noise");
        player.play(Command::Flood(FLOOD)).expect("a flood");
        player
    });
    let mut heard = std::iter::repeat_with(|| what_of(events.recv_timeout(PATIENCE).expect("an event")));
    let garbled = (0..NOISE).filter_map(|_| heard.next()).collect::<Vec<_>>();
    assert!(garbled.iter().all(|what| *what == Some(Scanned::Other(Hint::Other))), "{garbled:?}");
    for number in 1..=FLOOD {
        assert_eq!(heard.next().flatten(), Some(code(&format!("13{number:016}"))));
    }
    drop(feeder.join().expect("fed"));
    drop(events);
    assert!(thread.join(PATIENCE));
}

#[test]
fn silence_ends_a_scan_where_it_is_configured_to() {
    let mut desk = Desk::with(|settings| settings.framing.timeout = true);
    desk.scanner.manner.suffix.clear();
    desk.scanner.scan(CODES[0]).expect("scanned");
    desk.settle();
    desk.clock.jump(Duration::from_millis(200));
    assert_eq!(desk.scanned(), code(CODES[0]));
}

#[test]
fn a_thread_stops_at_once_wherever_it_is() {
    let desk = Desk::new();
    assert!(desk.thread.join(Duration::from_secs(2)), "while it reads");
    let (sender, events) = channel();
    let settings = serial(Path::new("/nowhere/scanner"));
    let thread = start(settings, Steps::default(), channel().0, move |event| drop(sender.send(event)));
    assert!(matches!(events.recv_timeout(PATIENCE), Ok(ScanEvent::Health { health: Health::Gone { .. }, .. })));
    assert!(thread.join(Duration::from_secs(2)), "while it looks for its device");
}

#[test]
fn a_thread_that_its_sink_holds_up_is_not_waited_for_without_end() {
    let desk = slow_desk();
    desk.scanner.scan(CODES[0]).expect("scanned");
    desk.settle_one();
    assert!(!desk.thread.join(Duration::from_millis(50)));
}
