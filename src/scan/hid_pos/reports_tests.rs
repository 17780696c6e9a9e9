//! The assembler against a naive model that sees everything that was read at once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::samples::*;
use super::super::{HidKind, Layout};
use super::*;
use crate::scan::{Hint, Scanned, read};

const CODE: &str = "134539517967686076";
const OTHER: &str = "101112131415161718";

/// How a maker fills its reports, written down from the tables and not from a descriptor.
#[derive(Clone, Copy, Debug)]
struct Maker {
    id: u8,
    size: usize,
    aim: Option<usize>,
    data: usize,
    data_max: usize,
    mark: Option<usize>,
}

const HONEYWELL: Maker = Maker { id: 2, size: 64, aim: Some(2), data: 5, data_max: 56, mark: Some(63) };
const ZEBRA: Maker = Maker { id: 2, size: 64, aim: Some(3), data: 6, data_max: 56, mark: Some(63) };
const NEWLAND: Maker = Maker { id: 2, size: 64, aim: None, data: 2, data_max: 56, mark: Some(63) };
const MICROSCAN: Maker = Maker { id: 1, size: 64, aim: None, data: 2, data_max: 62, mark: None };
/// The two kinds of scans of the combined device.
const FIRST: Maker = Maker { id: 2, size: 59, aim: None, data: 2, data_max: 56, mark: Some(58) };
const SECOND: Maker = Maker { id: 3, size: 26, aim: Some(1), data: 4, data_max: 20, mark: Some(25) };

impl Maker {
    fn report(&self, aim: &str, text: &str, more: bool) -> Vec<u8> {
        let mut report = vec![0; self.size];
        report[0] = self.id;
        report[if self.id == 3 { 24 } else { 1 }] = u8::try_from(text.len()).expect("a length");
        if let Some(at) = self.aim {
            report[at..at + aim.len()].copy_from_slice(aim.as_bytes());
        }
        report[self.data..self.data + text.len()].copy_from_slice(text.as_bytes());
        if let Some(at) = self.mark {
            report[at] = u8::from(more);
        }
        report
    }

    /// A scan in as many reports as it takes.
    fn scan(&self, aim: &str, text: &str) -> Vec<Vec<u8>> {
        let parts: Vec<&[u8]> = text.as_bytes().chunks(self.data_max).collect();
        let part = |(index, part): (usize, &&[u8])| {
            self.report(aim, str::from_utf8(part).expect("ASCII"), index + 1 < parts.len())
        };
        parts.iter().enumerate().map(part).collect()
    }
}

fn layout(descriptor: &[u8]) -> Layout {
    match HidKind::of(descriptor) {
        Ok(HidKind::Scanner(layout)) => layout,
        other => panic!("{other:?}"),
    }
}

fn reports(descriptor: &[u8]) -> HidReports {
    HidReports::new(layout(descriptor), b"")
}

fn ms(ms: u64) -> Tick {
    Tick::from_micros(ms * 1000)
}

fn told(scan: &Candidate) -> String {
    match read(scan) {
        Scanned::Code(code) => code.expose().to_owned(),
        Scanned::Other(hint) => hint.word().to_owned(),
    }
}

/// What comes out of `sent`, a millisecond apart.
fn heard(reports: &mut HidReports, sent: &[Vec<u8>]) -> Vec<String> {
    let mut heard = Vec::new();
    for report in sent {
        let at = reports.last.after(Duration::from_millis(1));
        heard.extend(reports.push(report, at).map(|scan| told(&scan)));
    }
    heard
}

#[test]
fn a_scan_is_read_from_each_makers_report() {
    for (descriptor, maker) in [
        (honeywell(), HONEYWELL),
        (zebra(), ZEBRA),
        (newland(), NEWLAND),
        (microscan(), MICROSCAN),
        (combined(), FIRST),
        (combined(), SECOND),
    ] {
        let sent = [maker.scan("]C0", CODE), maker.scan("]Q1", OTHER)].concat();
        assert_eq!(heard(&mut reports(&descriptor), &sent), [CODE, OTHER], "{maker:?}");
    }
    // The lab's uhid device has no byte count where one is expected: the NULs behind the code are taken off.
    let mut uhid = reports(&honeywell_uhid());
    assert_eq!(heard(&mut uhid, &HONEYWELL.scan("]C0", CODE)), [CODE]);
}

#[test]
fn the_identifier_beside_the_text_counts() {
    for (descriptor, maker) in [(honeywell(), HONEYWELL), (zebra(), ZEBRA), (combined(), SECOND)] {
        let sent = [maker.scan("]E0", CODE), maker.scan("\0\0\0", OTHER), maker.scan("xyz", CODE)].concat();
        assert_eq!(heard(&mut reports(&descriptor), &sent), ["product", OTHER, CODE], "{maker:?}");
    }
    let inside = NEWLAND.scan("", &format!("]E0{CODE}"));
    assert_eq!(heard(&mut reports(&newland()), &inside), ["product"]);
}

#[test]
fn a_configured_prefix_must_be_there() {
    let mut reports = HidReports::new(layout(&honeywell()), b"~");
    let sent = [HONEYWELL.scan("]C0", &format!("~{CODE}")), HONEYWELL.scan("]C0", OTHER)].concat();
    assert_eq!(heard(&mut reports, &sent), [CODE, Hint::PrefixMissing.word()]);
}

#[test]
fn line_ends_inside_the_data_go_and_nothing_else_does() {
    let mut reports = reports(&honeywell());
    let sent = ["\r", "\n", "\r\n", "\0", "1"].map(|end| HONEYWELL.scan("", &format!("{CODE}{end}"))).concat();
    assert_eq!(heard(&mut reports, &sent), [CODE, CODE, CODE, "control-characters", "wrong-length"]);
    assert!(heard(&mut reports, &[HONEYWELL.report("", "", false), HONEYWELL.report("", "\r\n", false)]).is_empty());
    assert_eq!(reports.malformed(), 0);
}

#[test]
fn the_tick_of_a_scan_is_that_of_its_last_report() {
    let mut reports = reports(&newland());
    let long = NEWLAND.scan("", &"7".repeat(100));
    assert!(reports.push(&long[0], ms(100)).is_none());
    assert_eq!(reports.push(&long[1], ms(140)).map(|scan| scan.at()), Some(ms(140)));
}

#[test]
fn a_long_scan_goes_on_in_up_to_four_reports() {
    let link = format!("https://example.com/{}", "x".repeat(200));
    let mut reports = reports(&honeywell());
    assert_eq!(heard(&mut reports, &HONEYWELL.scan("]Q1", &link)), ["link"]);
    // 56 characters are one report; 224 are four; the fifth makes it none.
    for (length, heard_of) in [(56, 1), (57, 1), (224, 1), (225, 0), (280, 0)] {
        let sent = [HONEYWELL.scan("", &"x".repeat(length)), HONEYWELL.scan("", CODE)].concat();
        assert_eq!(heard(&mut reports, &sent).len(), heard_of + 1, "{length}");
    }
    assert_eq!(reports.malformed(), 2);
    // 8 characters and no id: a code takes three reports.
    let bare_report = |text: &str, more: u8| [text.as_bytes(), &vec![0; 8 - text.len()], &[more]].concat();
    let sent = [bare_report("13453951", 1), bare_report("79676860", 1), bare_report("76", 0)];
    assert_eq!(heard(&mut self::reports(&bare()), &sent), [CODE]);
}

#[test]
fn a_length_that_cannot_be_drops_the_whole_scan() {
    let mut reports = reports(&honeywell());
    let mut long = HONEYWELL.report("", CODE, false);
    long[1] = 57;
    assert_eq!(heard(&mut reports, &[long.clone(), HONEYWELL.report("", OTHER, false)]), [OTHER]);
    // In the middle of a scan: its rest goes too.
    long[63] = 1;
    let head = HONEYWELL.report("", &"x".repeat(56), true);
    let tail = HONEYWELL.report("", CODE, false);
    assert_eq!(heard(&mut reports, &[head, long, tail, HONEYWELL.report("", OTHER, false)]), [OTHER]);
    assert_eq!(reports.malformed(), 2);
}

#[test]
fn a_report_that_goes_on_before_it_is_full_begins_nothing() {
    let mut reports = reports(&newland());
    let sent = [NEWLAND.report("", &CODE[..9], true), NEWLAND.report("", &CODE[9..], false)];
    assert!(heard(&mut reports, &sent).is_empty());
    assert_eq!(heard(&mut reports, &[NEWLAND.report("", OTHER, false)]), [OTHER]);
}

#[test]
fn parts_of_two_kinds_of_barcode_are_no_scan() {
    let full = "x".repeat(56);
    let glued = [HONEYWELL.report("]Q1", &full, true), HONEYWELL.report("]C0", "x", false)];
    assert!(heard(&mut reports(&honeywell()), &glued).is_empty());
    let whole = [HONEYWELL.report("]Q1", &full, true), HONEYWELL.report("\0\0\0", "x", false)];
    assert_eq!(heard(&mut reports(&honeywell()), &whole), ["other"]);
}

#[test]
fn the_rest_of_a_scan_never_passes_for_a_scan() {
    let head = || HONEYWELL.report("", &"x".repeat(56), true);
    let tail = || HONEYWELL.report("", CODE, false);
    let next = || HONEYWELL.report("", OTHER, false);
    let cut = |bytes: usize| head()[..bytes].to_vec();
    let mut stranger = head();
    stranger[0] = 9;
    for (name, broken) in [("short", cut(63)), ("one byte", cut(1)), ("nothing", vec![]), ("unknown id", stranger)] {
        for sent in [vec![broken.clone(), tail(), next()], vec![head(), broken.clone(), tail(), next()]] {
            assert_eq!(heard(&mut reports(&honeywell()), &sent), [OTHER], "{name}");
        }
    }
    let mut long = head();
    long.push(0);
    assert_eq!(heard(&mut reports(&honeywell()), &[long, tail(), next()]), [OTHER]);
    // The tail is late, or comes behind a drain.
    let mut late = reports(&honeywell());
    assert!(late.push(&head(), ms(0)).is_none());
    late.idle(ms(499));
    assert!(late.push(&head(), ms(499)).is_none());
    assert!(late.push(&tail(), ms(999)).is_none());
    assert_eq!(heard(&mut late, &[next()]), [OTHER]);
    assert_eq!(late.malformed(), 1);
    let mut drained = reports(&honeywell());
    assert!(drained.push(&head(), ms(0)).is_none());
    drained.clear();
    drained.idle(ms(9000));
    assert!(drained.push(&tail(), ms(9001)).is_none());
    assert_eq!(heard(&mut drained, &[next()]), [OTHER]);
    assert_eq!(drained.malformed(), 0);
}

#[test]
fn clearing_between_scans_costs_none() {
    let mut reports = reports(&honeywell());
    reports.clear();
    assert_eq!(heard(&mut reports, &HONEYWELL.scan("", CODE)), [CODE]);
    reports.clear();
    assert_eq!(heard(&mut reports, &HONEYWELL.scan("", OTHER)), [OTHER]);
}

#[test]
fn a_scan_that_was_499_ms_late_is_whole() {
    let mut reports = reports(&newland());
    let long = NEWLAND.scan("", &"7".repeat(60));
    assert!(reports.push(&long[0], ms(1000)).is_none());
    assert!(reports.push(&long[1], ms(1499)).is_some());
}

#[test]
fn another_report_in_between_ends_what_was_collected() {
    let head = || FIRST.report("", &"x".repeat(56), true);
    let key = || vec![1; 8];
    let tail = || FIRST.report("", CODE, false);
    let next = || FIRST.report("", OTHER, false);
    let second = || SECOND.report("", CODE, false);
    for sent in [
        vec![head(), key(), tail(), next()],
        vec![head(), second(), tail(), next()],
        vec![head(), second(), second(), tail(), next()],
        vec![head(), vec![4; 17], key(), second(), key(), tail(), next()],
    ] {
        assert_eq!(heard(&mut reports(&combined()), &sent), [OTHER], "{}", sent.len());
    }
    // Between scans a key is only a key.
    assert_eq!(heard(&mut reports(&combined()), &[key(), tail(), key(), second(), key()]), [CODE, CODE]);
    // A chain whose end never comes shuts out nobody else for longer than half a second.
    let mut broken = reports(&combined());
    assert!(heard(&mut broken, &[head(), key(), second()]).is_empty());
    let later = broken.last.after(Duration::from_millis(500));
    assert_eq!(broken.push(&second(), later).map(|scan| told(&scan)).as_deref(), Some(CODE));
}

#[test]
fn without_a_mark_a_full_report_and_its_rest_go() {
    let full = || MICROSCAN.report("", &"x".repeat(62), false);
    let rest = || MICROSCAN.report("", CODE, false);
    let next = || MICROSCAN.report("", OTHER, false);
    assert_eq!(heard(&mut reports(&microscan()), &[full(), rest(), next()]), [OTHER]);
    assert_eq!(heard(&mut reports(&microscan()), &[full(), full(), rest(), next()]), [OTHER]);
    // A scanner that cuts long scans off: what comes half a second later is no rest.
    let mut cut = reports(&microscan());
    assert!(cut.push(&full(), ms(0)).is_none());
    cut.idle(ms(499));
    cut.idle(ms(500));
    assert_eq!(heard(&mut cut, &[next()]), [OTHER]);
}

#[test]
fn nothing_of_a_scan_stays_behind_and_nothing_is_printed() {
    let mut reports = reports(&bare());
    let capacity = reports.held.capacity();
    assert!(reports.push(b"13453951\x01", ms(0)).is_none());
    assert_eq!(format!("{reports:?}"), "HidReports(8 characters held, 0 malformed)");
    reports.clear();
    assert!(reports.held.is_empty());
    assert_eq!((reports.held.capacity(), capacity), (TEXT_MAX, TEXT_MAX));
}

/// What may be read from the combined device, or happen to it.
#[derive(Clone, Debug)]
enum Happening {
    Read { report: Vec<u8>, at: Tick },
    Clear,
}

/// What the model knows of a report, from the bytes and the tables above.
#[derive(Clone, Debug)]
struct Known {
    id: u8,
    text: Vec<u8>,
    aim: Vec<u8>,
    more: bool,
    sound: bool,
}

/// None if the report is not of the declared size.
fn known(report: &[u8]) -> Option<Known> {
    let maker = [FIRST, SECOND].into_iter().find(|maker| report.first() == Some(&maker.id))?;
    if report.len() != maker.size {
        return None;
    }
    let length = usize::from(report[if maker.id == 3 { 24 } else { 1 }]);
    let more = report[maker.mark.expect("a mark")] & 1 == 1;
    let sound = if more { length == maker.data_max } else { length <= maker.data_max };
    let text = report[maker.data..maker.data + length.min(maker.data_max)].to_vec();
    let aim = maker.aim.map(|at| report[at..at + 3].to_vec()).filter(|aim| aim.starts_with(b"]")).unwrap_or_default();
    Some(Known { id: maker.id, text, aim, more, sound })
}

/// The scans of everything that happened. A chain is what was read of one id up to an end; a report that cannot be
/// followed may belong to any chain. A chain is a scan if nothing else happened between its reports, if it makes sense,
/// and if no other chain was open at its beginning, half a second of silence apart.
fn scans_of(happened: &[Happening]) -> Vec<Vec<u8>> {
    let mut open: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    let mut scans = Vec::new();
    let mut read_before: Option<Tick> = None;
    let mut doubtful = BTreeSet::new();
    for (index, happening) in happened.iter().enumerate() {
        let Happening::Read { report, at } = happening else { continue };
        let silent = at.since(read_before.unwrap_or_default()) >= Duration::from_millis(500);
        read_before = Some(*at);
        if matches!(report.first(), Some(1 | 4)) {
            continue;
        }
        let Some(known) = known(report) else {
            let id = report.first().copied().unwrap_or_default();
            for id in if [2, 3].contains(&id) { vec![id] } else { vec![2, 3] } {
                open.entry(id).or_default().push(index);
                doubtful.insert(id);
            }
            continue;
        };
        let others_open = open.iter().any(|(id, chain)| *id != known.id && !chain.is_empty());
        let chain = open.entry(known.id).or_default();
        if chain.is_empty() && others_open && !silent {
            doubtful.insert(known.id);
        }
        chain.push(index);
        if known.more {
            continue;
        }
        let chain = std::mem::take(chain);
        if !doubtful.remove(&known.id) {
            scans.extend(scan_of(happened, &chain));
        }
    }
    scans
}

/// The scan that the reports at `chain` make, if they do.
fn scan_of(happened: &[Happening], chain: &[usize]) -> Option<Vec<u8>> {
    let consecutive = chain.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let read: Vec<(Known, Tick)> = chain
        .iter()
        .filter_map(|index| match &happened[*index] {
            Happening::Read { report, at } => Some((known(report)?, *at)),
            Happening::Clear => None,
        })
        .collect();
    let in_time = read.windows(2).all(|pair| pair[1].1.since(pair[0].1) < Duration::from_millis(500));
    let sound = read.len() <= 4 && read.iter().all(|(known, _)| known.sound);
    let same = read.iter().all(|(known, _)| known.aim.is_empty() || known.aim == read[0].0.aim);
    let text: Vec<u8> = read.iter().flat_map(|(known, _)| known.text.clone()).collect();
    let end = text.iter().rposition(|byte| !b"\r\n".contains(byte))? + 1;
    (consecutive && in_time && sound && same && text.len() <= 256).then(|| text[..end].to_vec())
}

fn happening() -> impl Strategy<Value = Vec<Happening>> {
    let maker = || prop_oneof![3 => Just(FIRST), 2 => Just(SECOND)];
    let code = (10_u64..=15, 0_u64..10_u64.pow(16)).prop_map(|(head, tail)| format!("{head}{tail:016}"));
    let text = prop_oneof![6 => code, 2 => "[0-9]{0,20}[\r\n]{0,2}", 3 => "[0-9]{50,80}", 2 => "[a-z]{100,300}"];
    let aim = prop_oneof![3 => Just(""), 2 => Just("]C0"), 2 => Just("]Q1")];
    let scan = (maker(), aim, text).prop_map(|(maker, aim, text)| maker.scan(aim, &text));
    let step = prop_oneof![
        12 => scan,
        1 => Just(vec![vec![1, 0, 0, 0x1E, 0, 0, 0, 0]]),
        1 => Just(vec![vec![4; 17]]),
        1 => Just(vec![vec![]]),
        1 => proptest::collection::vec(any::<u8>(), 1..70).prop_map(|noise| vec![noise]),
        1 => (maker(), any::<u8>(), any::<u8>()).prop_map(|(maker, length, more)| {
            let mut report = vec![b'7'; maker.size];
            report[0] = maker.id;
            report[if maker.id == 3 { 24 } else { 1 }] = length % 64;
            report[maker.size - 1] = more;
            vec![report]
        }),
    ];
    let damage = prop_oneof![30 => Just(0_u8), 2 => Just(1), 1 => Just(2), 1 => Just(3)];
    let gap = prop_oneof![20 => 0_u64..20, 1 => 490_u64..510, 2 => 600_u64..2000];
    let sent = proptest::collection::vec(step, 0..20).prop_map(|steps| steps.concat());
    (sent, proptest::collection::vec((damage, gap), 300)).prop_map(|(sent, ways)| {
        let mut now = Tick::default();
        let mut happened = Vec::new();
        for (report, (damage, gap)) in sent.into_iter().zip(ways) {
            now = now.after(Duration::from_millis(gap));
            match damage {
                // Lost on the way.
                1 => {}
                2 => happened.push(Happening::Read { report: [report, vec![0]].concat(), at: now }),
                3 => happened.extend([Happening::Clear, Happening::Read { report, at: now }]),
                _ => happened.push(Happening::Read { report, at: now }),
            }
        }
        happened
    })
}

proptest! {
    #[test]
    fn every_complete_scan_comes_once_in_order_and_nothing_else_ever(happened in happening(), looks in any::<u64>()) {
        let mut reports = reports(&combined());
        let mut heard = Vec::new();
        for (index, happening) in happened.iter().enumerate() {
            match happening {
                Happening::Read { report, at } => {
                    // A reader looks at the clock whenever it likes.
                    if looks >> (index % 64) & 1 == 1 {
                        reports.idle(Tick::from_micros(u64::midpoint(reports.last.micros(), at.micros())));
                    }
                    heard.extend(reports.push(report, *at));
                }
                Happening::Clear => reports.clear(),
            }
        }
        let model: Vec<Candidate> = scans_of(&happened).iter().map(|text| Candidate::new(text, None, Tick::default())).collect();
        let texts = |scans: &[Candidate]| -> Vec<Vec<u8>> { scans.iter().map(|scan| scan.text.to_vec()).collect() };
        prop_assert_eq!(texts(&heard), texts(&model));
    }

    #[test]
    fn no_reports_make_it_panic_or_give_more_than_was_in_one(
        sample in proptest::sample::select(vec![honeywell(), zebra(), newland(), microscan(), bare(), combined()]),
        sent in proptest::collection::vec((proptest::collection::vec(prop_oneof![0_u8..5, any::<u8>()], 0..70), 0_u64..600), 0..40),
        exact in any::<bool>(),
    ) {
        let mut reports = reports(&sample);
        let size = reports.layout.report_size_max();
        let mut now = Tick::default();
        for (mut report, gap) in sent {
            if exact {
                report.resize(size, 0);
            }
            now = now.after(Duration::from_millis(gap));
            let _scan = reports.push(&report, now);
            prop_assert_eq!(reports.held.capacity(), TEXT_MAX);
        }
    }
}
