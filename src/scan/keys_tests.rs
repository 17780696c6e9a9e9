//! The wedge, scan by scan.

use super::KeyEvent::{Down, Dropped, Repeat, Up};
use super::*;
use crate::scan::{Scanned, Suffix, read};

const CODE: &str = "134539517967686076";
const OTHER: &str = "101112131415161718";

const ENTER: u16 = 28;
const KEYPAD_ENTER: u16 = 96;
const TAB: u16 = 15;
const SHIFT: u16 = 42;
const CAPS_LOCK: u16 = 58;
const CONTROL: u16 = 29;

/// An event, and the milliseconds before it.
type Typed = (KeyEvent, u64);

fn framing() -> Framing {
    Framing { silence_ms: 100, ..Framing::default() }
}

fn timeout() -> Framing {
    Framing { timeout: true, ..framing() }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Keys that go down and up, 8 ms apart.
fn keys(keys: &[u16]) -> Vec<Typed> {
    keys.iter().flat_map(|key| [(Down(*key), 8), (Up(*key), 8)]).collect()
}

/// A text as a scanner types it in the US layout.
fn text(text: &str) -> Vec<Typed> {
    let key = |byte: u8| {
        let (key, plain, _) =
            KEYS.iter().find(|(_, plain, shifted)| [*plain, *shifted].contains(&byte)).expect("a key");
        if *plain == byte { keys(&[*key]) } else { with(SHIFT, keys(&[*key])) }
    };
    text.bytes().flat_map(key).collect()
}

/// Digits on the keypad.
fn keypad(digits: &str) -> Vec<Typed> {
    let digits: Vec<u16> = digits.bytes().map(|digit| KEYPAD[usize::from(digit - b'0')]).collect();
    keys(&digits)
}

/// `inner` while `key` is down.
fn with(key: u16, inner: Vec<Typed>) -> Vec<Typed> {
    [vec![(Down(key), 8)], inner, vec![(Up(key), 8)]].concat()
}

/// Each character by its number.
fn by_numbers(numbers: &[&str]) -> Vec<Typed> {
    numbers.iter().flat_map(|number| with(LEFT_ALT, keypad(number))).collect()
}

fn alt(text: &str) -> Vec<Typed> {
    let numbers: Vec<String> = text.bytes().map(|byte| format!("{byte:03}")).collect();
    by_numbers(&numbers.iter().map(String::as_str).collect::<Vec<_>>())
}

fn enter() -> Vec<Typed> {
    keys(&[ENTER])
}

fn pause(ms: u64) -> Vec<Typed> {
    // An event that says nothing, so that a pause can stand anywhere.
    vec![(Repeat(ENTER), ms)]
}

/// What happened, for the reader of a failed test.
fn story(typed: &[Typed]) -> String {
    let line = |(event, gap): &Typed| match event {
        Down(key) => format!("+{gap} ms {key} down\n"),
        Up(key) => format!("+{gap} ms {key} up\n"),
        Repeat(key) => format!("+{gap} ms {key} held\n"),
        Dropped => format!("+{gap} ms dropped\n"),
    };
    typed.iter().map(line).collect()
}

fn told(candidate: &Candidate) -> String {
    match read(candidate) {
        Scanned::Code(code) => code.expose().to_owned(),
        Scanned::Other(hint) => hint.word().to_owned(),
    }
}

fn candidates(framing: Framing, typed: &[Typed]) -> Vec<Candidate> {
    let mut keys = Keys::new(framing);
    let mut now = Tick::default();
    let mut candidates = Vec::new();
    for (event, gap) in typed {
        now = now.after(ms(*gap));
        candidates.extend(keys.push(*event, ms(*gap), now));
    }
    candidates
}

fn heard(typed: &[Vec<Typed>]) -> Vec<String> {
    candidates(framing(), &typed.concat()).iter().map(told).collect()
}

#[test]
fn a_code_is_read_in_whichever_way_a_scanner_types_it() {
    for (name, code) in [
        ("plain", text(CODE)),
        ("keypad", keypad(CODE)),
        ("French", with(SHIFT, text(CODE))),
        ("right Shift", with(54, text(CODE))),
        ("Caps Lock", [keys(&[CAPS_LOCK]), text(CODE), keys(&[CAPS_LOCK])].concat()),
        ("Num Lock", [keys(&[69]), keypad(CODE)].concat()),
        ("Alt", alt(CODE)),
        ("Alt with zeros", by_numbers(&["049", "00051", "52", "053"])),
        ("AIM", text(&format!("]C0{CODE}"))),
        ("AIM by Alt", alt(&format!("]Q1{CODE}"))),
    ] {
        for end in [ENTER, KEYPAD_ENTER, TAB] {
            let code = if name == "Alt with zeros" { [code.clone(), text(&CODE[4..])].concat() } else { code.clone() };
            assert_eq!(heard(&[code, keys(&[end]), text(OTHER), enter()]), [CODE, OTHER], "{name}");
        }
    }
}

#[test]
fn every_sign_of_the_us_keyboard_is_known() {
    let scanned = |typed: &str| {
        let scans = candidates(framing(), &[text(typed), enter()].concat());
        scans.iter().map(|scan| String::from_utf8_lossy(&scan.text).into_owned()).collect::<Vec<_>>()
    };
    for line in ["https://EXAMPLE.com/a?b=c", "wxp://f2f-_{}|;'`", "<>~\"+ [x],."] {
        assert_eq!(scanned(line), [line]);
    }
    assert_eq!(heard(&[keys(&[55, 74, 78, 83, 98, 117]), enter()]), ["other"]);
    assert_eq!(heard(&[text("https://x"), enter()]), ["link"]);
    assert_eq!(heard(&[text(&format!("]E0{CODE}")), enter()]), ["product"]);
}

#[test]
fn a_prefix_and_a_suffix_can_be_typed() {
    let framing = Framing { prefix: b"~".to_vec(), suffix: Suffix::new(b"*\t").expect("a suffix"), ..framing() };
    let sent = [text(&format!("~{CODE}*")), keys(&[TAB]), text(&format!("{OTHER}*")), enter()].concat();
    let told: Vec<String> = candidates(framing, &sent).iter().map(told).collect();
    assert_eq!(told, [CODE, "prefix-missing"]);
    let tab = Framing { suffix: Suffix::new(b"\t").expect("a suffix"), ..self::framing() };
    assert_eq!(candidates(tab, &[text(CODE), keys(&[TAB])].concat()).len(), 1);
}

#[test]
fn a_character_above_255_is_two_bytes() {
    // 41904 to 41913 are the digits of double width in GBK.
    let numbers = ["41905", "41907", "41908"];
    assert_eq!(heard(&[by_numbers(&numbers), enter()]), ["full-width"]);
    let scans = candidates(framing(), &[by_numbers(&["41905", "255", "256", "65535"]), enter()].concat());
    assert_eq!(scans[0].text.as_slice(), [0xA3, 0xB1, 0xFF, 0x01, 0x00, 0xFF, 0xFF]);
}

#[test]
fn what_is_not_a_number_under_alt_spoils_the_scan() {
    let first = |typed: Vec<Typed>| heard(&[typed, text(&CODE[1..]), enter(), text(OTHER), enter()]);
    assert_eq!(first(by_numbers(&["049"])), [CODE, OTHER]);
    for (name, typed) in [
        ("no number", with(LEFT_ALT, vec![])),
        ("too large", by_numbers(&["65536"])),
        ("far too large", by_numbers(&["99999999999999999999049"])),
        ("the row's digits", with(LEFT_ALT, text("049"))),
        ("Shift", with(LEFT_ALT, [keypad("04"), keys(&[SHIFT]), keypad("9")].concat())),
        ("Num Lock", with(LEFT_ALT, [keys(&[69]), keypad("049")].concat())),
        ("a letter", with(LEFT_ALT, [keypad("049"), text("a")].concat())),
        ("a pause", with(LEFT_ALT, [keypad("04"), pause(100), keypad("9")].concat())),
        ("right Alt", with(100, keypad("049"))),
    ] {
        assert_eq!(first(typed), [OTHER], "{name}");
    }
    // An end under Alt is an end of what was spoilt.
    let ended = with(LEFT_ALT, [keypad("049"), enter()].concat());
    assert_eq!(heard(&[text(CODE), ended, text(OTHER), enter()]), [OTHER]);
}

#[test]
fn a_key_without_a_character_spoils_the_scan() {
    for key in [CONTROL, 1, 59, 103, 105, 14, 111, 97, 125, 240, 0, 0x2FF, u16::MAX] {
        let sent = [text(&CODE[..9]), keys(&[key]), text(&CODE[9..]), enter(), text(OTHER), enter()];
        assert_eq!(heard(&sent), [OTHER], "{key}");
        assert_eq!(heard(&[keys(&[key]), text(CODE), enter(), text(OTHER), enter()]), [OTHER], "{key}");
    }
    assert_eq!(heard(&[with(CONTROL, text(CODE)), enter(), text(OTHER), enter()]), [OTHER]);
}

#[test]
fn a_key_that_is_held_counts_once() {
    let held: Vec<Typed> = vec![(Down(2), 8), (Repeat(2), 90), (Repeat(2), 33), (Repeat(2), 33), (Up(2), 8)];
    assert_eq!(heard(&[held, text(&CODE[1..]), enter()]), [CODE]);
}

#[test]
fn silence_inside_a_scan_loses_it() {
    let (head, tail) = (text(&CODE[..9]), text(&CODE[9..]));
    let with = |gap| heard(&[head.clone(), pause(gap), tail.clone(), enter(), text(OTHER), enter()]);
    assert_eq!(with(99), [CODE, OTHER]);
    assert_eq!(with(100), [OTHER]);
    // What follows the silence may be the rest, though it looks whole.
    assert_eq!(heard(&[text("28765"), pause(3000), text(CODE), enter(), text(OTHER), enter()]), [OTHER]);
    let mut keys = Keys::new(framing());
    assert!(keys.push(Down(2), ms(0), Tick::default()).is_none());
    assert_eq!(keys.unended(), 0);
    assert!(keys.idle(Tick::from_micros(100_000)).is_none());
    assert_eq!(keys.unended(), 1);
}

#[test]
fn a_reader_that_was_held_up_sees_no_pause() {
    let mut keys = Keys::new(framing());
    let sent = [text(CODE), enter()].concat();
    let mut now = Tick::default();
    let scans: Vec<_> = sent
        .iter()
        .filter_map(|(event, gap)| {
            now = now.after(Duration::from_secs(1));
            keys.push(*event, ms(*gap), now)
        })
        .collect();
    assert_eq!(scans.iter().map(told).collect::<Vec<_>>(), [CODE]);
    // Enter went down one event before the last.
    assert_eq!(scans[0].at().after(Duration::from_secs(1)), now);
    // And one that reads everything at once sees the pauses that there were.
    let mut late = Keys::new(framing());
    let sent = [text(&CODE[..9]), pause(150), text(&CODE[9..]), enter()].concat();
    assert!(sent.iter().all(|(event, gap)| late.push(*event, ms(*gap), now).is_none()));
}

#[test]
fn silence_ends_eighteen_digits_where_it_is_configured_to() {
    let sent = [text(CODE), pause(150), keypad(OTHER), pause(99), pause(100), text(&CODE[..17]), pause(100)];
    let scans = candidates(timeout(), &sent.concat());
    assert_eq!(scans.iter().map(told).collect::<Vec<_>>(), [CODE, OTHER]);
    // The tick is that of the last character, and the silence begins with the last event.
    let mut keys = Keys::new(timeout());
    let mut now = Tick::default();
    let mut last = Tick::default();
    for (event, gap) in text(CODE) {
        now = now.after(ms(gap));
        last = if matches!(event, Down(_)) { now } else { last };
        assert!(keys.push(event, ms(gap), now).is_none());
    }
    assert!(keys.idle(now.after(ms(99))).is_none());
    let scan = keys.idle(now.after(ms(100))).expect("a scan");
    assert_eq!((told(&scan).as_str(), scan.at()), (CODE, last));
    assert!(keys.idle(now.after(ms(200))).is_none());
    // Silence before lost events is none.
    let lost = [text(CODE), vec![(Dropped, 400)], pause(100)];
    assert!(candidates(timeout(), &lost.concat()).is_empty());
}

#[test]
fn a_scan_with_a_hole_is_thrown_away_to_its_end() {
    let hole = || vec![(Dropped, 8)];
    let next = || [text(OTHER), enter()].concat();
    assert_eq!(heard(&[text(&CODE[..5]), hole(), text(&CODE[..13]), enter(), next()]), [OTHER]);
    assert_eq!(heard(&[hole(), text(CODE), enter(), next()]), [OTHER]);
    // Shift and Alt went down or up in the hole.
    assert_eq!(heard(&[vec![(Down(SHIFT), 8)], hole(), enter(), vec![(Up(SHIFT), 8)], next()]), [OTHER]);
    assert_eq!(heard(&[hole(), enter(), vec![(Up(LEFT_ALT), 8)], next()]), [OTHER]);
    assert_eq!(heard(&[vec![(Down(LEFT_ALT), 8)], hole(), enter(), next()]), [OTHER]);
    let letters = [text("]"), text("q0"), text(OTHER), enter()].concat();
    assert_eq!(heard(&[vec![(Down(SHIFT), 8)], hole(), enter(), letters]), ["symbology"]);
    // The lab's stall: the head of one scan, the hole, and the next one.
    assert_eq!(heard(&[text("63613"), hole(), text("593163668027056431"), enter(), next()]), [OTHER]);
}

#[test]
fn half_a_key_is_a_lost_one() {
    let next = || [text(OTHER), enter()].concat();
    let without = |lost: usize| {
        let mut sent = [text(CODE), enter()].concat();
        sent.remove(lost);
        heard(&[sent, next(), next()])
    };
    for lost in 0..36 {
        let heard = without(lost);
        // A key that was not seen to go down is a lost digit; one that was not seen to go up is noticed when it goes
        // down again, in this scan or in the next one.
        assert!(lost % 2 == 1 || heard == [OTHER, OTHER], "{lost}");
        assert!(heard.len() >= 2, "{lost}");
    }
    assert_eq!(without(36), [OTHER]);
    assert_eq!(without(37), [CODE, OTHER]);
    assert_eq!(heard(&[vec![(Up(2), 8)], text(CODE), enter(), next()]), [OTHER]);
}

#[test]
fn clearing_throws_away_a_scan_and_its_rest() {
    for (name, head) in [
        ("a digit", text("1")),
        ("half a digit", vec![(Down(2), 8)]),
        ("Alt", vec![(Down(LEFT_ALT), 8)]),
        ("Alt and half a number", [vec![(Down(LEFT_ALT), 8)], keypad("04")].concat()),
    ] {
        let mut keys = Keys::new(framing());
        let push = |keys: &mut Keys, typed: &[Typed]| -> Vec<String> {
            let scans = typed.iter().filter_map(|(event, gap)| keys.push(*event, ms(*gap), Tick::default()));
            scans.map(|scan| told(&scan)).collect()
        };
        assert!(push(&mut keys, &head).is_empty());
        keys.clear();
        let held: Vec<Typed> = keys.down.iter().map(|key| (Up(*key), 8)).collect();
        let rest = [held, text(CODE), enter(), text(OTHER), enter()].concat();
        assert_eq!(push(&mut keys, &rest), [OTHER], "{name}");
        keys.clear();
        assert_eq!(push(&mut keys, &[text(CODE), enter()].concat()), [CODE], "{name}");
        keys.skip();
        assert_eq!(push(&mut keys, &rest), [OTHER], "{name}");
    }
}

#[test]
fn nothing_prints_what_was_typed() {
    let mut keys = Keys::new(framing());
    for (event, gap) in text(CODE) {
        assert!(keys.push(event, ms(gap), Tick::default()).is_none());
    }
    assert_eq!(format!("{keys:?} {:?}", Down(2)), "Keys(0 down, Framer(Text, 18 characters)) Down");
}

#[path = "keys_model.rs"]
mod model;
