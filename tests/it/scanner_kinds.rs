//! HID POS and keyboard scanners as the daemon reads them, and what every kind has in common: what comes out is what was
//! scanned whole, once, in order, and nothing else ever.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use shroff::edge::clock::Clock;
use shroff::edge::scanner::{
    DeviceName, Health, ScanEvent, ScannerHandle, ScannerId, SerialSettings, Settings, Transport, start,
};
use shroff::scan::{Hint, Scanned};
use shroff::sim::scanner::{
    Carry, Command, Encoding, HidScanner, KeyboardScanner, Layout, Malformed, Player, PtyScanner, Scanner,
};

const CODES: [&str; 3] = ["134539517967686076", "101112131415161718", "150000000000000009"];
const PATIENCE: Duration = Duration::from_secs(20);
/// Scans that come while the reader is held up.
const STALLED: u64 = 100;
/// Nothing comes out of nothing for so long.
const SILENCE: Duration = Duration::from_millis(500);

/// A scanner, the thread that reads it, and what that says.
struct Desk<E, C> {
    player: Player<E, C>,
    events: Receiver<ScanEvent>,
    thread: ScannerHandle,
    clock: Clock,
}

impl<E: Encoding, C: Carry<E::Piece>> Desk<E, C> {
    fn open(scanner: Scanner<E, C>, link: &Path, transport: Transport) -> Self {
        Self::open_with(scanner, Settings::new(DeviceName::Path(link.to_owned()), transport), 1024)
    }

    /// `room`: events that may wait for the test before the thread is held up.
    fn open_with(mut scanner: Scanner<E, C>, settings: Settings, room: usize) -> Self {
        // Scanners type a key every 8 ms; 2 ms leave a test time for more scans.
        scanner.manner.gap = scanner.manner.gap.min(Duration::from_millis(2));
        let (sender, events) = sync_channel(room);
        let clock = Clock::start();
        let lane = "1".parse().expect("a lane");
        let sink = move |event| drop(sender.send(event));
        let thread = start(ScannerId::new(0), lane, settings, move || clock.tick(), sink).expect("a thread");
        let desk = Self { player: Player::new(scanner), events, thread, clock };
        desk.connected();
        desk
    }

    fn play(&mut self, command: Command) {
        self.player.play(command).expect("played");
    }

    fn scan(&mut self, code: &str) {
        self.play(Command::Scan { code: code.to_owned(), ended: true });
    }

    /// Waits until the scanner is open.
    fn connected(&self) {
        while self.health() != Health::Connected {}
    }

    fn health(&self) -> Health {
        match self.events.recv_timeout(PATIENCE).expect("an event") {
            ScanEvent::Health { health, .. } => health,
            scanned @ ScanEvent::Scanned { .. } => panic!("a scan and no health: {scanned:?}"),
        }
    }

    fn scanned(&self) -> Scanned {
        match self.events.recv_timeout(PATIENCE).expect("an event") {
            ScanEvent::Scanned { what, .. } => what,
            health @ ScanEvent::Health { .. } => panic!("health and no scan: {health:?}"),
        }
    }

    fn nothing_more(&self) {
        let more = self.events.recv_timeout(SILENCE);
        assert!(more.is_err(), "{more:?}");
    }
}

fn code(digits: &str) -> Scanned {
    Scanned::Code(digits.parse().expect("a code"))
}

fn keyboard(folder: &Path) -> Desk<shroff::sim::scanner::Keyboard, shroff::sim::scanner::KeyFifo> {
    let link = folder.join("scanner");
    Desk::open(KeyboardScanner::new(&link).expect("a FIFO"), &link, Transport::Keyboard)
}

fn hid_pos(folder: &Path, layout: Layout) -> Desk<shroff::sim::scanner::HidPos, shroff::sim::scanner::ReportFifo> {
    let link = folder.join("scanner");
    let transport = Transport::HidPos(shroff::edge::scanner::HidPosSettings::default());
    Desk::open(HidScanner::new(&link, layout).expect("a FIFO"), &link, transport)
}

fn serial(folder: &Path) -> Desk<shroff::sim::scanner::Serial, shroff::sim::scanner::Pty> {
    let link = folder.join("scanner");
    let transport = Transport::Serial(SerialSettings::default());
    Desk::open(PtyScanner::new(&link).expect("a pty"), &link, transport)
}

/// The same for every kind: codes, a product, a repeated scan, the plug out and in again.
fn codes_arrive_once_and_in_order<E: Encoding, C: Carry<E::Piece>>(mut desk: Desk<E, C>) {
    for digits in CODES {
        desk.scan(digits);
    }
    desk.scan("4006381333931");
    desk.play(Command::Bounce(Some(CODES[1].to_owned())));
    let heard: Vec<_> = (0..6).map(|_| desk.scanned()).collect();
    let [first, second, third] = CODES.map(code);
    assert_eq!(heard, [first.clone(), second.clone(), third, Scanned::Other(Hint::Product), second.clone(), second]);
    desk.nothing_more();
    desk.play(Command::Unplug);
    assert!(matches!(desk.health(), Health::Gone { .. }));
    desk.play(Command::Replug);
    desk.connected();
    desk.scan(CODES[0]);
    assert_eq!(desk.scanned(), first);
    assert!(desk.thread.join(PATIENCE));
}

#[test]
fn keyboards_give_codes_once_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    codes_arrive_once_and_in_order(keyboard(folder.path()));
}

#[test]
fn hid_pos_scanners_of_every_layout_give_codes_once_and_in_order() {
    for layout in [Layout::Honeywell, Layout::Zebra, Layout::Newland] {
        let folder = tempfile::tempdir().expect("a folder");
        codes_arrive_once_and_in_order(hid_pos(folder.path(), layout));
    }
}

/// Pulls the plug after each character of a code, plugs it in, and scans the rest of the code: nothing of it may pass,
/// and the next code must.
fn the_plug_at_every_character<E: Encoding, C: Carry<E::Piece>>(mut desk: Desk<E, C>) {
    for cut in 1..=CODES[0].len() {
        desk.play(Command::Cut(cut));
        desk.scan(CODES[0]);
        let mut gone = None;
        while gone.is_none() {
            match desk.events.recv_timeout(PATIENCE).expect("an event") {
                ScanEvent::Health { health, .. } => gone = Some(health),
                ScanEvent::Scanned { what, .. } => assert_ne!(what, code(CODES[0]), "cut after {cut}"),
            }
        }
        desk.play(Command::Replug);
        desk.connected();
        desk.scan(&CODES[0][cut..]);
        desk.scan(CODES[1]);
        let heard = loop {
            match desk.scanned() {
                Scanned::Other(_) => {}
                code => break code,
            }
        };
        assert_eq!(heard, code(CODES[1]), "cut after {cut}");
    }
}

#[test]
fn a_keyboard_that_is_pulled_out_at_any_key_gives_no_fragment() {
    let folder = tempfile::tempdir().expect("a folder");
    the_plug_at_every_character(keyboard(folder.path()));
}

#[test]
fn a_serial_scanner_that_is_pulled_out_at_any_character_gives_no_fragment() {
    let folder = tempfile::tempdir().expect("a folder");
    the_plug_at_every_character(serial(folder.path()));
}

#[test]
fn a_hid_pos_scan_of_several_reports_is_whole_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = hid_pos(folder.path(), Layout::Newland);
    let long = format!("https://example.com/{}", "x".repeat(100));
    desk.scan(&long);
    assert_eq!(desk.scanned(), Scanned::Other(Hint::Link));
    desk.play(Command::Cut(1));
    desk.scan(&long);
    while !matches!(desk.health(), Health::Gone { why } if why.contains("is not there")) {}
    desk.play(Command::Replug);
    desk.connected();
    desk.scan(CODES[0]);
    assert_eq!(desk.scanned(), code(CODES[0]));
}

#[test]
fn malformed_reports_are_dropped_whole_and_the_scanner_recovers() {
    for layout in [Layout::Honeywell, Layout::Zebra, Layout::Newland] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut desk = hid_pos(folder.path(), layout);
        for how in [Malformed::Short, Malformed::Long, Malformed::Count, Malformed::Endless] {
            desk.play(Command::Malformed(Some(how)));
            // The first after a report that made no sense may go with it: nobody can tell where its chain ended.
            desk.play(Command::Pause(Duration::from_millis(600)));
            desk.scan(CODES[1]);
            desk.scan(CODES[2]);
            let mut heard = vec![desk.scanned()];
            if heard[0] != code(CODES[2]) {
                heard.push(desk.scanned());
            }
            assert_eq!(heard.last(), Some(&code(CODES[2])), "{layout:?} {how:?}: {heard:?}");
            assert!(
                heard.iter().all(|it| [code(CODES[1]), code(CODES[2])].contains(it)),
                "{layout:?} {how:?}: {heard:?}"
            );
        }
    }
}

#[test]
fn keys_of_any_country_with_caps_lock_and_by_the_keypad_are_digits() {
    use shroff::sim::scanner::Country;
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = keyboard(folder.path());
    for command in [Command::Country(Country::France), Command::Caps(true), Command::Alt(true)] {
        desk.play(command);
        desk.scan(CODES[0]);
        assert_eq!(desk.scanned(), code(CODES[0]));
    }
}

#[test]
fn a_lost_key_spoils_its_scan_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = keyboard(folder.path());
    for lost in 1..=CODES[0].len() {
        desk.play(Command::Lose(lost));
        desk.scan(CODES[0]);
        desk.scan(CODES[1]);
        let heard = [desk.scanned(), desk.scanned()];
        assert!(matches!(heard[0], Scanned::Other(_)), "{lost}: {heard:?}");
        assert_eq!(heard[1], code(CODES[1]), "{lost}");
    }
}

/// A reader that is held up while a scanner goes on: what comes out afterwards was scanned whole.
fn a_stall_loses_scans_and_glues_none<E: Encoding, C: Carry<E::Piece>>(scanner: Scanner<E, C>, settings: Settings) {
    let mut desk = Desk::open_with(scanner, settings, 0);
    desk.play(Command::Type(Duration::ZERO));
    desk.play(Command::Flood(STALLED));
    let mut heard = Vec::new();
    while let Ok(event) = desk.events.recv_timeout(SILENCE) {
        let ScanEvent::Scanned { what, .. } = event else { panic!("{event:?}") };
        heard.push(what);
    }
    let scanned: Vec<_> = (1..=STALLED).map(|number| code(&format!("13{number:016}"))).collect();
    let mut rest = scanned.iter();
    for what in heard.iter().filter(|what| matches!(what, Scanned::Code(_))) {
        assert!(rest.any(|it| it == what), "{what:?} is out of order or was never scanned: {heard:?}");
    }
    assert!(heard.len() < 100, "the stall was none");
    // As fast as a scanner types, and no faster than the test reads.
    desk.play(Command::Type(Duration::from_millis(2)));
    desk.scan(CODES[0]);
    desk.scan(CODES[1]);
    // The first may be what ends the scan that was thrown away.
    desk.scan(CODES[0]);
    let _perhaps = desk.events.recv_timeout(SILENCE);
    desk.scan(CODES[1]);
    assert_eq!(desk.scanned(), code(CODES[1]));
}

#[test]
fn a_keyboard_that_overflows_gives_whole_scans_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("scanner");
    let settings = Settings::new(DeviceName::Path(link.clone()), Transport::Keyboard);
    a_stall_loses_scans_and_glues_none(KeyboardScanner::new(&link).expect("a FIFO"), settings);
}

#[test]
fn a_hid_pos_scanner_that_overflows_gives_whole_scans_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("scanner");
    let transport = Transport::HidPos(shroff::edge::scanner::HidPosSettings::default());
    let settings = Settings::new(DeviceName::Path(link.clone()), transport);
    a_stall_loses_scans_and_glues_none(HidScanner::new(&link, Layout::Honeywell).expect("a FIFO"), settings);
}

#[test]
fn arming_throws_away_what_was_typed_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut desk = keyboard(folder.path());
    desk.play(Command::Fragment { code: CODES[0].to_owned(), length: 7 });
    desk.play(Command::Pause(Duration::from_millis(20)));
    desk.thread.drain(desk.clock.tick());
    desk.player.play(Command::Scan { code: CODES[0][7..].to_owned(), ended: true }).expect("the rest");
    desk.scan(CODES[1]);
    assert_eq!(desk.scanned(), code(CODES[1]));
    desk.nothing_more();
}

#[test]
fn a_device_in_another_mode_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("scanner");
    let _scanner = HidScanner::new(&link, Layout::Honeywell).expect("a FIFO");
    let descriptor = folder.path().join("scanner.descriptor");
    std::fs::write(descriptor, crate::support::sysfs::KEYBOARD).expect("a keyboard's descriptor");
    let (sender, events) = sync_channel(8);
    let transport = Transport::HidPos(shroff::edge::scanner::HidPosSettings::default());
    let settings = Settings::new(DeviceName::Path(link), transport);
    let (clock, lane) = (Clock::start(), "1".parse().expect("a lane"));
    let sink = move |event| drop(sender.send(event));
    let thread = start(ScannerId::new(0), lane, settings, move || clock.tick(), sink).expect("a thread");
    let event = events.recv_timeout(PATIENCE).expect("health");
    let ScanEvent::Health { health, .. } = event else { panic!("{event:?}") };
    assert!(health.to_string().contains("is in keyboard mode; scan the \"USB HID POS\" code"), "{health}");
    assert!(thread.join(PATIENCE));
}

#[test]
fn what_is_no_keyboard_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    std::fs::write(&path, "no keyboard").expect("a file");
    let (sender, events) = sync_channel(8);
    let settings = Settings::new(DeviceName::Path(path), Transport::Keyboard);
    let (clock, lane) = (Clock::start(), "1".parse().expect("a lane"));
    let sink = move |event| drop(sender.send(event));
    let thread = start(ScannerId::new(0), lane, settings, move || clock.tick(), sink).expect("a thread");
    let event = events.recv_timeout(PATIENCE).expect("health");
    let ScanEvent::Health { health, .. } = event else { panic!("{event:?}") };
    assert!(health.to_string().contains("is no keyboard"), "{health}");
    assert!(thread.join(PATIENCE));
}
