//! The framer against a naive model that sees the whole line at once.

use proptest::prelude::*;

use super::*;
use crate::scan::{Scanned, read};

const CODE: &str = "134539517967686076";
const OTHER: &str = "101112131415161718";

/// A line in the making: characters 1 ms apart, and pauses.
#[derive(Clone, Debug, Default)]
struct Line {
    bytes: Vec<(u8, Tick)>,
    now: Tick,
}

impl Line {
    fn send(mut self, text: &str) -> Self {
        self.raw(text.as_bytes());
        self
    }

    fn pause(mut self, ms: u64) -> Self {
        self.now = self.now.after(Duration::from_millis(ms));
        self
    }

    fn raw(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.now = self.now.after(Duration::from_millis(1));
            self.bytes.push((*byte, self.now));
        }
    }

    /// What the framer makes of it, payment codes by their digits and the rest by their hints.
    fn heard(&self, framing: &Framing) -> Vec<String> {
        let mut framer = Framer::new(framing.clone());
        let mut heard: Vec<_> = self.bytes.iter().filter_map(|(byte, at)| framer.push(*byte, *at)).collect();
        heard.extend(framer.idle(self.now));
        heard.iter().map(told).collect()
    }
}

fn told(candidate: &Candidate) -> String {
    match read(candidate) {
        Scanned::Code(code) => code.expose().to_owned(),
        Scanned::Other(hint) => hint.word().to_owned(),
    }
}

fn line() -> Line {
    Line::default()
}

fn timeout() -> Framing {
    Framing { timeout: true, ..Framing::default() }
}

#[test]
fn every_line_end_and_stx_etx_end_a_scan_once() {
    for (before, behind) in [
        ("", "\r"),
        ("", "\n"),
        ("", "\r\n"),
        ("", "\n\r"),
        ("\u{2}", "\u{3}"),
        ("\u{2}", "\u{3}\r\n"),
        ("\u{2}", "\r\n\u{3}"),
    ] {
        let twice = line().send(before).send(CODE).send(behind).send(before).send("]Q0").send(OTHER).send(behind);
        assert_eq!(twice.heard(&Framing::default()), [CODE, OTHER], "{before:?} {behind:?}");
    }
}

#[test]
fn the_tick_of_a_scan_is_that_of_its_last_character() {
    let mut framer = Framer::new(timeout());
    let line = line().send(CODE);
    assert!(line.bytes.iter().all(|(byte, at)| framer.push(*byte, *at).is_none()));
    let scan = framer.idle(line.now.after(Duration::from_secs(1))).expect("a scan ended by silence");
    assert_eq!(scan.at(), line.now);
}

#[test]
fn a_pause_inside_a_scan_loses_it_and_nothing_else() {
    let split = line().send("1345395").pause(200).send("17967686076\r").send(OTHER).send("\r\n");
    assert_eq!(split.heard(&Framing::default()), [OTHER]);
    let short = line().send("1345395").pause(198).send("17967686076\r");
    assert_eq!(short.heard(&Framing::default()), [CODE]);
}

#[test]
fn a_whole_code_behind_a_pause_is_still_the_rest_of_something() {
    let longer = line().send("287654").pause(300).send(CODE).send("\r");
    assert!(longer.heard(&Framing::default()).is_empty());
    let tail = line().send("\u{2}287654").pause(300).send(CODE).send("\u{3}");
    assert!(tail.heard(&Framing::default()).is_empty());
    let headless = line().send(CODE).send("\u{3}").send(OTHER).send("\r");
    assert_eq!(headless.heard(&Framing::default()), [OTHER]);
}

#[test]
fn stx_begins_a_scan_whatever_came_before() {
    let after = line().send("28765").pause(300).send("99\u{2}").send(CODE).send("\u{3}");
    assert_eq!(after.heard(&Framing::default()), [CODE]);
}

#[test]
fn noise_on_the_line_costs_no_scan() {
    let mut plugged = line();
    plugged.raw(&[0x00, 0xFF, 0x00]);
    assert_eq!(plugged.pause(500).send(CODE).send("\r").heard(&Framing::default()), [CODE]);
}

#[test]
fn sixty_four_characters_are_a_scan_and_more_are_none() {
    let of = |length: usize| line().send(&"x".repeat(length)).send("\r").send(CODE).send("\r");
    assert_eq!(of(64).heard(&Framing::default()), ["other", CODE]);
    assert_eq!(of(65).heard(&Framing::default()), [CODE]);
    assert_eq!(of(1000).heard(&Framing::default()), [CODE]);
}

#[test]
fn silence_ends_eighteen_digits_where_it_is_configured_to() {
    assert!(line().send(CODE).pause(200).heard(&Framing::default()).is_empty());
    assert_eq!(line().send(CODE).pause(200).heard(&timeout()), [CODE]);
    assert!(line().send(CODE).pause(198).heard(&timeout()).is_empty());
    assert_eq!(line().send(CODE).pause(300).send("\r").send(OTHER).send("\r").heard(&timeout()), [CODE, OTHER]);
    let rest = line().send("287654").pause(300).send(CODE).pause(1000).send(OTHER).pause(300);
    assert_eq!(rest.heard(&timeout()), [OTHER]);
}

#[test]
fn a_configured_suffix_is_the_only_end() {
    let framing = Framing { suffix: Suffix::new(b"#\r").expect("a suffix"), ..Framing::default() };
    let sent = line().send(CODE).send("#\r").send("1\r2#").pause(300).send("\r").send(OTHER).send("#\r");
    assert_eq!(sent.heard(&framing), [CODE, OTHER]);
    let long = line().send(&"x".repeat(64)).send("#\r").send(&"x".repeat(65)).send("#\r").send(CODE).send("#\r");
    assert_eq!(long.heard(&framing), ["other", CODE]);
}

#[test]
fn stx_and_etx_may_be_prefix_and_suffix() {
    let suffix = Suffix::new(b"\x03").expect("a suffix");
    let framing = Framing { prefix: b"\x02".to_vec(), suffix, ..Framing::default() };
    assert_eq!(line().send("\u{2}").send(CODE).send("\u{3}").heard(&framing), [CODE]);
}

#[test]
fn a_suffix_cannot_cut_a_code_in_two() {
    assert_eq!(Suffix::new(b"0"), Err(SuffixError));
    assert_eq!(Suffix::new(b"123456789"), Err(SuffixError));
    assert_eq!(Suffix::new(b"\r\n"), Ok(Suffix::default()));
}

#[test]
fn clearing_in_the_middle_of_a_scan_throws_away_its_rest_too() {
    let mut framer = Framer::new(Framing::default());
    let push = |framer: &mut Framer, text: &str| -> Vec<String> {
        text.bytes().filter_map(|byte| framer.push(byte, Tick::default())).map(|scan| told(&scan)).collect()
    };
    assert!(push(&mut framer, "1345395").is_empty());
    framer.clear();
    assert_eq!(push(&mut framer, &format!("{CODE}\r{OTHER}\r")), [OTHER]);
    framer.clear();
    assert_eq!(push(&mut framer, &format!("{CODE}\r")), [CODE]);
}

#[test]
fn an_end_that_was_cut_in_two_by_a_loss_is_none() {
    let framing = Framing { suffix: Suffix::new(b"#\r").expect("a suffix"), ..Framing::default() };
    let mut framer = Framer::new(framing);
    assert!(framer.push(b'#', Tick::default()).is_none());
    framer.skip();
    let sent = line().send("\r").send(CODE).send("#\r").send(OTHER).send("#\r");
    let heard: Vec<_> = sent.bytes.iter().filter_map(|(byte, at)| framer.push(*byte, *at)).collect();
    assert_eq!(heard.iter().map(told).collect::<Vec<_>>(), [OTHER]);
}

#[test]
fn the_transports_own_silence_counts_and_not_the_readers() {
    let quick = Duration::from_millis(1);
    let mut framer = Framer::new(Framing::default());
    let sent = line().send(CODE).send("\r");
    let late = |at: Tick| Tick::from_micros(at.micros().saturating_mul(1000));
    let heard = sent.bytes.iter().filter_map(|(byte, at)| framer.push_after(*byte, quick, late(*at)));
    assert_eq!(heard.map(|scan| told(&scan)).collect::<Vec<_>>(), [CODE]);
    let slow = Duration::from_millis(200);
    assert!(sent.bytes.iter().all(|(byte, at)| framer.push_after(*byte, slow, *at).is_none()));
}

#[test]
fn nothing_of_a_scan_stays_behind() {
    let mut framer = Framer::new(Framing::default());
    let sent = line().send(CODE).send("\r");
    assert_eq!(sent.bytes.iter().filter_map(|(byte, at)| framer.push(*byte, *at)).count(), 1);
    assert!(framer.held.is_empty());
    assert_eq!(format!("{framer:?}"), "Framer(Between, 0 characters)");
}

/// The payment codes of a whole line: cut at the line ends, and a piece counts if no pause is in it. Noise before a
/// pause does not belong to the piece behind it.
fn codes_of(line: &[(u8, Tick)]) -> Vec<String> {
    let pause = |earlier: &(u8, Tick), later: &(u8, Tick)| later.1.since(earlier.1) >= Duration::from_millis(200);
    let mut codes = Vec::new();
    for piece in line.split_inclusive(|(byte, _)| matches!(byte, b'\r' | b'\n')) {
        let mut piece = piece;
        while let Some(cut) = piece.windows(2).position(|pair| pause(&pair[0], &pair[1])) {
            if !piece[..=cut].iter().all(|(byte, _)| matches!(byte, 0x00 | 0xFF)) {
                break;
            }
            piece = piece.split_at(cut.saturating_add(1)).1;
        }
        let broken = piece.windows(2).any(|pair| pause(&pair[0], &pair[1]));
        let Some(((b'\r' | b'\n', _), frame)) = piece.split_last() else { continue };
        let text: Vec<u8> = frame.iter().map(|(byte, _)| *byte).collect();
        let text = String::from_utf8_lossy(&text).into_owned();
        let bare = ["]C0", "]Q1"].iter().find_map(|aim| text.strip_prefix(aim)).unwrap_or(&text);
        if !broken && bare.parse::<crate::words::AuthCode>().is_ok() {
            codes.push(bare.to_owned());
        }
    }
    codes
}

/// What happens on a line: whole codes, pieces of codes, garbage, ends, pauses.
fn happening() -> impl Strategy<Value = Line> {
    let code = || (10_u64..=15, 0_u64..10_u64.pow(16)).prop_map(|(head, tail)| format!("{head}{tail:016}"));
    let end = || prop_oneof![Just("\r"), Just("\n"), Just("\r\n"), Just("")];
    let aim = prop_oneof![4 => Just(""), 1 => Just("]C0"), 1 => Just("]Q1"), 1 => Just("]E0")];
    let gap = || prop_oneof![6 => Just(0_u64), 1 => 150_u64..260, 1 => 900_u64..1100];
    let step = prop_oneof![
        6 => (aim, code(), end()).prop_map(|(aim, code, end)| format!("{aim}{code}{end}").into_bytes()),
        2 => (code(), 0_usize..18, end()).prop_map(|(code, cut, end)| format!("{}{end}", &code[..cut]).into_bytes()),
        1 => proptest::collection::vec(any::<u8>().prop_filter("frames of its own", |b| !matches!(b, 2 | 3)), 0..6),
        1 => proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xFF)], 1..4),
        1 => Just(vec![b'7'; 70]),
    ];
    let split = (step, proptest::option::weighted(0.2, (any::<prop::sample::Index>(), gap())), gap());
    proptest::collection::vec(split, 0..24).prop_map(|steps| {
        steps.into_iter().fold(Line::default(), |line, (bytes, inner, after)| {
            let cut = inner.map_or(bytes.len(), |(at, _)| at.index(bytes.len().max(1)));
            let mut line = line;
            line.raw(&bytes[..cut]);
            line = line.pause(inner.map_or(0, |(_, ms)| ms));
            line.raw(&bytes[cut..]);
            line.pause(after)
        })
    })
}

proptest! {
    #[test]
    fn every_complete_code_comes_once_in_order_and_nothing_else_ever(line in happening(), looks in any::<u64>()) {
        let mut framer = Framer::new(Framing::default());
        let mut heard = Vec::new();
        let mut before = Tick::default();
        for (index, (byte, at)) in line.bytes.iter().enumerate() {
            // A reader looks at the clock whenever it likes.
            if looks >> (index % 64) & 1 == 1 {
                let between = Tick::from_micros(u64::midpoint(before.micros(), at.micros()));
                prop_assert!(framer.idle(between).is_none());
            }
            heard.extend(framer.push(*byte, *at).map(|scan| read(&scan)));
            before = *at;
        }
        let codes: Vec<_> = heard.into_iter().filter_map(|what| match what {
            Scanned::Code(code) => Some(code.expose().to_owned()),
            Scanned::Other(_) => None,
        }).collect();
        prop_assert_eq!(codes, codes_of(&line.bytes));
    }

    #[test]
    fn no_bytes_and_no_framing_make_it_panic_or_invent_a_code(
        bytes in proptest::collection::vec((prop_oneof![0_u8..4, Just(b'\r'), b'0'..=b'9', any::<u8>()], 0_u64..300), 0..300),
        prefix in proptest::collection::vec(any::<u8>(), 0..3),
        suffix in proptest::collection::vec(any::<u8>(), 0..9),
        (stx_etx, timeout, silence_ms) in (any::<bool>(), any::<bool>(), 0_u64..300),
    ) {
        let suffix = Suffix::new(&suffix).unwrap_or_default();
        let mut framer = Framer::new(Framing { prefix, suffix, stx_etx, timeout, silence_ms });
        let line: Vec<u8> = bytes.iter().map(|(byte, _)| *byte).collect();
        let mut now = Tick::default();
        let mut scans = Vec::new();
        for (byte, gap) in bytes {
            now = now.after(Duration::from_millis(gap));
            scans.extend(framer.idle(now));
            scans.extend(framer.push(byte, now));
            prop_assert!(framer.held.len() <= FRAME_MAX + SUFFIX_MAX);
            prop_assert!(framer.held.capacity() == FRAME_MAX + SUFFIX_MAX);
        }
        for scan in scans {
            if let Scanned::Code(code) = read(&scan) {
                prop_assert!(line.windows(18).any(|piece| piece == code.expose().as_bytes()));
            }
        }
    }
}
