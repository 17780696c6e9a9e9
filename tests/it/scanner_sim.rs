//! `shroff-sim scanner`, each kind as a program on the other end meets it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output, Stdio};
use std::time::{Duration, Instant};

use shroff::sim::scanner::{Carry, Command, Encoding, HidScanner, KeyboardScanner, Layout, Malformed, Player};
use tempfile::TempDir;

const CODE: &str = "134539517967686076";

/// What every kind can do, in one script. Slow keys, because a busy machine must not run over the reader's ring.
const SCRIPT: &str = "\
# for every kind
wait
type 10ms
scan 134539517967686076
fragment 134539517967686076 7
scan 12
bounce 101112131415161718
lose 3
scan 150000000000000009
rate 50
flood 2
garbage 1
pause 500ms
unplug
replug
wait
scan 111
cut 2
scan 4567
";

/// Makes scans of all that can be read until the plug is pulled.
type Reader = fn(&mut File) -> Vec<String>;

#[test]
fn the_same_script_plays_on_every_kind() {
    let kinds = [("serial", serial as Reader), ("keyboard", keyboard), ("hid-pos", hid_pos)];
    let [on_serial, on_keyboard, on_hid_pos] = std::thread::scope(|scope| {
        kinds
            .map(|(kind, reader)| scope.spawn(move || heard(kind, reader)))
            .map(|thread| thread.join().expect("a reader"))
    });
    let scans = |glued: &[&'static str]| {
        let rest = ["101112131415161718", "101112131415161718", "15000000000000009"];
        let end = ["130000000000000001", "130000000000000002", "??????????????????"];
        [&[CODE], glued, &rest, &end].concat()
    };
    let typed = [scans(&["134539512"]), vec!["111", "45"]];
    assert_eq!(on_serial, typed);
    assert_eq!(on_keyboard, typed);
    assert_eq!(on_hid_pos, [scans(&["1345395", "12"]), vec!["111", "4567"]], "a report is whole or nothing");
}

/// What a reader hears of the script, plug by plug.
fn heard(kind: &str, reader: Reader) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("scanner");
    let script = folder.path().join("script");
    std::fs::write(&script, SCRIPT).expect("a script");
    let mut command = simulator(&["--kind", kind]);
    command.arg("--link").arg(&link).arg("--script").arg(&script);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a simulator");
    let said = BufReader::new(child.stdout.take().expect("its words"));
    let plugs = said.lines().map(|line| {
        let said: serde_json::Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        assert_eq!(said["kind"], kind);
        assert_eq!(said["link"], link.to_str().expect("a path"));
        assert_eq!(said["device"] == said["link"], kind != "serial");
        reader(&mut File::open(said["device"].as_str().expect("a node")).expect("opens at once"))
    });
    let heard = plugs.collect();
    assert!(child.wait().expect("its end").success());
    let mut left = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert_eq!((left.next(), left.next()), (Some("script".into()), None), "nothing of an unplugged scanner is left");
    heard
}

/// Frames of a serial line. The end of a terminal that is unplugged is an error, or no bytes.
fn serial(reader: &mut File) -> Vec<String> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 256]);
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    frames(&text(&bytes))
}

/// Frames of a keyboard, out of the kernel's records.
fn keyboard(reader: &mut File) -> Vec<String> {
    let typed = records(reader).into_iter().filter_map(|record| match (record.kind, record.code, record.value) {
        (1, code @ 2..=10, 1) => char::from_digit(u32::from(code) - 1, 10),
        (1, 11, 1) => Some('0'),
        (1, 28, 1) => Some('\r'),
        (1, _, 1) => Some('?'),
        _ => None,
    });
    frames(&typed.collect::<String>())
}

/// Scans of a Honeywell in HID POS mode that fit into a report.
fn hid_pos(reader: &mut File) -> Vec<String> {
    reports(reader).iter().map(|report| text(&report[5..5 + usize::from(report[1])])).collect()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect()
}

fn frames(text: &str) -> Vec<String> {
    text.split('\r').filter(|frame| !frame.is_empty()).map(str::to_owned).collect()
}

/// A record of the kernel's without its time.
struct Record {
    kind: u16,
    code: u16,
    value: i32,
}

/// All records until the end; each read is of whole ones.
fn records(reader: &mut File) -> Vec<Record> {
    let (mut records, mut buffer) = (Vec::new(), [0; 24 * 64]);
    loop {
        let count = reader.read(&mut buffer).expect("records or the end");
        if count == 0 {
            return records;
        }
        let (whole, rest) = buffer[..count].as_chunks::<24>();
        assert!(rest.is_empty(), "a piece of a record");
        records.extend(whole.iter().map(|record| {
            let short = |at: usize| u16::from_ne_bytes(record[at..at + 2].try_into().expect("2 bytes"));
            let value = i32::from_ne_bytes(record[20..].try_into().expect("4 bytes"));
            Record { kind: short(16), code: short(18), value }
        }));
    }
}

/// All reports until the end, each of one read.
fn reports(reader: &mut File) -> Vec<Vec<u8>> {
    let (mut reports, mut buffer) = (Vec::new(), [0; 256]);
    loop {
        match reader.read(&mut buffer).expect("a report or the end") {
            0 => return reports,
            count => reports.push(buffer[..count].to_vec()),
        }
    }
}

fn simulator(arguments: &[&str]) -> Process {
    let mut command = Process::new(env!("CARGO_BIN_EXE_shroff-sim"));
    command.arg("scanner").args(arguments).stdin(Stdio::null());
    command
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("scanner");
    (folder, link)
}

fn open(link: &Path) -> File {
    File::open(link).expect("opens at once")
}

/// Plays what stands in `script`, and pulls the plug.
fn play<E: Encoding, C: Carry<E::Piece>>(mut player: Player<E, C>, script: &str) {
    for line in script.split(';') {
        player.play(Command::parse(line).expect("a command").expect("no comment")).expect("played");
    }
    player.play(Command::Unplug).expect("unplugged");
}

#[test]
fn a_key_is_two_writes_of_its_record_and_the_reports() {
    let (_folder, link) = folder();
    let scanner = KeyboardScanner::new(&link).expect("a FIFO");
    let mut reader = open(&link);
    play(Player::new(scanner), "suffix; scan 17");
    let heard: Vec<_> = records(&mut reader).iter().map(|it| (it.kind, it.code, it.value)).collect();
    let syn = (0, 0, 0);
    assert_eq!(heard, [(1, 2, 1), syn, (1, 2, 0), syn, (1, 8, 1), syn, (1, 8, 0), syn]);
}

#[test]
fn a_reader_that_stalls_finds_that_keys_were_dropped_and_the_newest() {
    let (_folder, link) = folder();
    let scanner = KeyboardScanner::new(&link).expect("a FIFO");
    let mut reader = open(&link);
    // 19 keys with press, release and a report for each: 76 events, and the ring has 64 places.
    play(Player::new(scanner), "type 0; scan 134539517967686076");
    let heard: Vec<_> = records(&mut reader).iter().map(|it| (it.kind, it.code, it.value)).collect();
    assert_eq!(heard[..2], [(0, 3, 0), (0, 0, 0)], "SYN_DROPPED and the report that was too much");
    assert_eq!(heard.len(), 2 + 12, "the last three keys");
    assert_eq!(heard[12..], [(1, 28, 0), (0, 0, 0)]);
}

#[test]
fn a_reader_that_stalls_keeps_the_first_reports_and_the_new_ones_are_lost() {
    let (_folder, link) = folder();
    let scanner = HidScanner::new(&link, Layout::Honeywell).expect("a FIFO");
    let mut reader = open(&link);
    play(Player::new(scanner), "flood 80");
    let expected: Vec<_> = (1..=63).map(|number| format!("13{number:016}")).collect();
    assert_eq!(hid_pos(&mut reader), expected);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "real time is what a rate is about")]
fn a_rate_leaves_time_between_scans() {
    let (_folder, link) = folder();
    let scanner = HidScanner::new(&link, Layout::Newland).expect("a FIFO");
    let began = Instant::now();
    play(Player::new(scanner), "rate 20; flood 2; garbage 2");
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
}

#[test]
fn a_malformed_scan_leaves_reports_that_are_none() {
    let (_folder, link) = folder();
    let mut player = Player::new(HidScanner::new(&link, Layout::Newland).expect("a FIFO"));
    let mut reader = open(&link);
    player.play(Command::Malformed(Some(Malformed::Count))).expect("played");
    player.play(Command::Malformed(None)).expect("played");
    drop(player);
    let heard: Vec<_> = reports(&mut reader).iter().map(|it| (it.len(), it[1], it.get(63).copied())).collect();
    let endless = (64, 56, Some(1));
    let each = [(40, 18, None), (65, 18, Some(0)), (64, 57, Some(0)), endless, endless, endless, endless, endless];
    assert_eq!(heard[0], (64, 57, Some(0)));
    assert_eq!(heard[1..], each);
}

#[test]
fn a_script_that_is_wrong_says_in_which_line_and_what_would_be_right() {
    let said = |arguments: &[&str], script: &str| {
        let (folder, link) = folder();
        let path = folder.path().join("script");
        std::fs::write(&path, script).expect("a script");
        let Output { status, stderr, .. } =
            simulator(arguments).arg("--link").arg(&link).arg("--script").arg(&path).output().expect("an end");
        assert_eq!(status.code(), Some(74));
        assert!(!link.exists(), "unplugged all the same");
        String::from_utf8(stderr).expect("text").trim().to_owned()
    };
    assert_eq!(
        said(&[], "# first\n\nsacn 1345\n"),
        "shroff-sim: line 3 of the script: no command is called \"sacn\"; did you mean \"scan\"?"
    );
    assert_eq!(
        said(&["--kind", "keyboard"], "caps on\nmalformed short\n"),
        "shroff-sim: line 2 of the script: \"malformed\" is for --kind hid-pos, this scanner is keyboard"
    );
    assert_eq!(
        said(&["--kind", "hid-pos"], "unplug\nscan 1345\n"),
        "shroff-sim: line 2 of the script: the scanner is unplugged; replug comes first"
    );
    assert_eq!(said(&["--kind", "keyboard"], "scan 中\n"), "shroff-sim: line 1 of the script: no key types '中'");
    assert_eq!(
        said(&[], "lose 9\nscan 1345\n"),
        "shroff-sim: line 2 of the script: the scan has 5 characters, there is no number 9 to lose"
    );
}

#[test]
fn options_that_do_not_belong_together_are_told_apart() {
    let said = |arguments: &[&str]| {
        let output = simulator(arguments).output().expect("an end");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(said(&["--uinput"]).contains("--uinput is for --kind keyboard, this scanner is serial"));
    assert!(said(&["--kind", "keyboard", "--uhid"]).contains("--uhid is for --kind hid-pos, this scanner is keyboard"));
    assert!(said(&["--link", "/nowhere/it", "--layout", "zebra"]).contains("--layout is for --kind hid-pos"));
    assert!(said(&["--device", "/dev/null", "--link", "it"]).contains("cannot be used with"));
    assert!(said(&["--link", "it", "--gadget", "g"]).contains("cannot be used with"));
    assert!(said(&[]).contains("--link"));
    assert!(said(&["--kind", "hid-pos", "--device", "/nowhere/hidg0"]).contains("could be plugged in"));
}
