//! Every kind of scanner at the real daemon: plugged in and out, mad, and beside each other.

use std::time::Duration;

use serde_json::{Value, json};
use shroff::sim::scanner::{
    Carry, Command, Encoding, HidScanner, KeyboardScanner, Layout, Player, PtyScanner, Scanner,
};

use super::counter::{Counter, Setup};
use super::{LONGEST, text};

/// A `[[scanner]]` of `lane` at `link`.
fn table(lane: &str, kind: &str, link: &std::path::Path) -> String {
    format!("[[scanner]]\nlane = \"{lane}\"\nkind = \"{kind}\"\ndevice = \"{}\"\n", link.display())
}

fn state_of(counter: &Counter, index: usize) -> Value {
    counter.get("/v1/devices")["devices"][index]["state"].clone()
}

/// A sale on `lane`, by a scanner that first scans while nobody asked for it, and whose cable comes out and in again.
fn sells<E: Encoding, C: Carry<E::Piece>>(counter: &mut Counter, scanner: &mut Scanner<E, C>, lane: usize) {
    let device = lane - 1;
    counter.wait_for("the scanner", |this| state_of(this, device) == json!("connected"));
    counter.pause(Duration::from_millis(200));
    scanner.scan(&format!("13000{lane}000000000001")).expect("a scan for nobody");
    counter.wait_for("the count of it", |this| this.get("/v1/devices")["devices"][device]["scans"] == json!(1));
    let name = lane.to_string();
    let payment = counter.sell(&name, 1000);
    // Another wallet first: the cashier reads what it was, and the payment goes on waiting.
    scanner.scan("287654321098765432").expect("an Alipay code");
    counter
        .wait_for("the notice", |this| this.get("/v1/lanes")["lanes"][device]["last_notice"]["key"] == json!("alipay"));
    scanner.scan(&format!("13000000000000{lane:02}01")).expect("a code");
    let payment = counter.until_final(&payment, LONGEST);
    assert_eq!(text(&payment, "state"), "paid", "{payment:#}");
    assert_eq!(payment["attempts"].as_array().map(Vec::len), Some(1));
    counter.agrees(&payment);
    scanner.unplug().expect("unplugged");
    counter.wait_for("its absence", |this| {
        let problems = this.readiness()["problems"].to_string();
        state_of(this, device) == json!("gone")
            && problems.contains("scanner_gone")
            && problems.contains(&format!("\"{name}\""))
    });
    let up = format!(
        "shroff_scanner_up{{lane=\"{lane}\",device=\"{}\"}}",
        text(&counter.get("/v1/devices")["devices"][device], "device")
    );
    assert_eq!(counter.metric(&up), 0);
    scanner.replug().expect("replugged");
    counter.wait_for("its return", |this| state_of(this, device) == json!("connected"));
    assert_eq!(counter.metric(&up), 1);
}

#[test]
fn every_kind_of_scanner_sells_on_its_own_lane() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = |name: &str| folder.path().join(name);
    let mut serial = PtyScanner::new(link("serial")).expect("a pty");
    let mut keyboard = KeyboardScanner::new(link("keyboard")).expect("a FIFO");
    let mut honeywell = HidScanner::new(link("honeywell"), Layout::Honeywell).expect("a FIFO");
    let mut newland = HidScanner::new(link("newland"), Layout::Newland).expect("a FIFO");
    let devices = [
        table("1", "serial", &link("serial")),
        table("2", "keyboard", &link("keyboard")),
        table("3", "hid-pos", &link("honeywell")),
        table("4", "hid-pos", &link("newland")),
    ];
    let mut counter = Counter::open(Setup { lanes: 4, devices: devices.concat(), ..Setup::default() });
    sells(&mut counter, &mut serial, 1);
    sells(&mut counter, &mut keyboard, 2);
    sells(&mut counter, &mut honeywell, 3);
    sells(&mut counter, &mut newland, 4);
    assert_eq!(counter.readiness()["status"], "ready");
    counter.saw_no_violation();
    counter.holds_no_secret();
}

#[test]
fn two_scanners_of_one_lane_and_one_phone_make_one_attempt() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = |name: &str| folder.path().join(name);
    let one = PtyScanner::new(link("one")).expect("a pty");
    let other = HidScanner::new(link("other"), Layout::Zebra).expect("a FIFO");
    let devices = table("1", "serial", &link("one")) + &table("1", "hid-pos", &link("other"));
    let mut counter = Counter::open(Setup { devices, ..Setup::default() });
    counter
        .wait_for("both", |this| [0, 1].map(|at| state_of(this, at)) == ["connected", "connected"].map(|it| json!(it)));
    counter.pause(Duration::from_millis(200));
    let payment = counter.sell("1", 700);
    one.scan("130000000000000901").expect("a scan");
    other.scan("130000000000000901").expect("the same phone");
    let payment = counter.until_final(&payment, LONGEST);
    assert_eq!((text(&payment, "state"), counter.attempts()), ("paid", 1));
    counter.agrees(&payment);
    counter.saw_no_violation();
}

/// Ten thousand scans a second for ten seconds.
const RATE: Duration = Duration::from_micros(100);
const FLOOD: u64 = 100_000;

#[test]
fn a_scanner_that_floods_harms_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = |name: &str| folder.path().join(name);
    let mad = PtyScanner::new(link("mad")).expect("a pty");
    let devices = table("1", "serial", &link("mad"));
    let mut counter = Counter::open(Setup { lanes: 2, devices, ..Setup::default() });
    counter.wait_for("the scanner", |this| state_of(this, 0) == json!("connected"));
    counter.pause(Duration::from_millis(200));
    let armed = counter.sell("1", 4200);
    let before = counter.resident_kib();
    let feeder = std::thread::spawn(move || {
        let mut player = Player::new(mad);
        player.play(Command::Rate(RATE)).expect("a rate");
        player.play(Command::Garbage(FLOOD)).expect("garbage");
        // What could be codes, at the same rate: one of them is charged, and no other.
        player.play(Command::Flood(FLOOD / 10)).expect("codes");
        player
    });
    let mut sold = 0;
    while !feeder.is_finished() {
        let payment = counter.sell_with("2", 100 + sold, &format!("13000055{sold:010}"));
        let payment = counter.until_final(&payment, LONGEST);
        assert_eq!(text(&payment, "state"), "paid", "{payment:#}");
        counter.agrees(&payment);
        sold += 1;
    }
    let player = feeder.join().expect("fed");
    assert!(sold > 5, "only {sold} sales on the other lane");
    let payment = counter.until_final(&armed, LONGEST);
    assert_eq!((text(&payment, "state"), payment["attempts"].as_array().map(Vec::len)), ("paid", Some(1)));
    counter.agrees(&payment);
    let grown = counter.resident_kib().saturating_sub(before);
    assert!(grown < 4096, "the daemon grew by {grown} KiB");
    let dropped = counter.metric("shroff_scans_total{verdict=\"flood\"}");
    assert!(dropped > FLOOD / 2, "only {dropped} scans were dropped as a flood");
    drop(player);
    counter.saw_no_violation();
}
