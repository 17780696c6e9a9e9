//! `shroff devices` and `shroff scan`, without any configuration.

use std::process::{Output, Stdio};

use shroff::sim::scanner::PtyScanner;

use super::CODE;
use super::counter::shroff;
use crate::support::sysfs::{ALL_KEYS, HID_POS, KEYBOARD, Tree};

/// A counter with a Newland in HID POS mode, a Honeywell that types, two equal serial scanners, a keyboard of no
/// scanner's maker, and a scanner that no driver took.
fn counter() -> Tree {
    let tree = Tree::new();
    tree.usb("1-1", ("1eab", "0d10"), "NL1");
    tree.class("hidraw", "hidraw0", "1-1", &[("report_descriptor", HID_POS), ("uevent", b"HID_NAME=Newland FM420\n")]);
    tree.usb("1-2", ("0c2e", "0b81"), "");
    tree.class("hidraw", "hidraw1", "1-2", &[("report_descriptor", KEYBOARD), ("uevent", b"HID_NAME=Voyager\n")]);
    tree.class("input", "event3", "1-2", &[("capabilities/key", ALL_KEYS), ("name", b"Voyager\n")]);
    for (port, node) in [("1-3", "ttyACM0"), ("1-4", "ttyACM1")] {
        tree.usb(port, ("05f9", "4204"), "");
        tree.class("tty", node, port, &[]);
    }
    tree.usb("1-5", ("046d", "c31c"), "");
    tree.class("input", "event5", "1-5", &[("capabilities/key", ALL_KEYS), ("name", b"Logitech\n")]);
    tree.usb("1-6", ("05e0", "1200"), "");
    tree
}

fn run(tree: &Tree, args: &[&str]) -> Output {
    let (sys, dev) = (tree.sys(), tree.dev());
    let folders = ["--sys".as_ref(), sys.as_os_str(), "--dev".as_ref(), dev.as_os_str()];
    shroff().args(args).args(folders).stdin(Stdio::null()).output().expect("shroff")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn what_is_printed_can_be_pasted_and_names_every_scanner_alone() {
    let listed = run(&counter(), &["devices"]);
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    let listed = text(&listed.stdout);
    let pasted: toml::Table = listed.parse().expect("the lines are TOML as they stand");
    let scanners: Vec<(&str, &str)> = pasted["scanner"]
        .as_array()
        .expect("scanners")
        .iter()
        .map(|it| (it["kind"].as_str().expect("a kind"), it["device"].as_str().expect("a device")))
        .collect();
    let expected = [("serial", "usb:1-3"), ("serial", "usb:1-4"), ("keyboard", "0c2e/0b81"), ("hid-pos", "1eab/0d10")];
    assert_eq!(scanners, expected, "{listed}");
    for line in ["#device = \"046d/c31c\"", "the cashier's own keyboard", "05e0:1200, port usb:1-6", "udev rules"] {
        assert!(listed.contains(line), "{line} is not in\n{listed}");
    }
}

#[test]
fn a_device_that_shows_itself_twice_is_named_by_a_link_that_stays() {
    let tree = Tree::new();
    tree.usb("1-1", ("0c2e", "0b81"), "K1");
    for node in ["event7", "event8"] {
        tree.class("input", node, "1-1", &[("capabilities/key", ALL_KEYS), ("name", b"Twice\n")]);
        std::fs::write(tree.dev().join("input").join(node), "").expect("a node");
    }
    let links = tree.dev().join("shroff/by-path");
    std::fs::create_dir_all(&links).expect("a folder");
    std::os::unix::fs::symlink(tree.dev().join("input/event8"), links.join("wedge-if01")).expect("a link");
    let listed = text(&run(&tree, &["devices"]).stdout);
    let (dev, line) = (tree.dev(), |path: &str| format!("device = \"{path}\"\n"));
    assert!(listed.contains(&line(&links.join("wedge-if01").display().to_string())), "{listed}");
    assert!(listed.contains(&line(&dev.join("input/event7").display().to_string())), "{listed}");
}

#[test]
fn devices_as_json_say_who_may_read_them() {
    let tree = counter();
    std::fs::write(tree.dev().join("hidraw0"), "").expect("a node");
    let listed = run(&tree, &["devices", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("one document");
    let devices = document["devices"].as_array().expect("devices");
    let of = |node: &str| devices.iter().find(|it| it["node"].as_str().is_some_and(|it| it.ends_with(node)));
    let newland = of("hidraw0").expect("the Newland");
    assert_eq!((&newland["serial"], &newland["readable"]), (&"NL1".into(), &true.into()), "{newland}");
    let beside = of("hidraw1").expect("the node beside the keyboard");
    assert!(beside["device"].is_null() && beside["advice"][0].as_str().is_some_and(|it| it.contains("keyboard mode")));
    assert_eq!(of("ttyACM0").expect("a port")["access"], "not there");
    assert_eq!(document["without_driver"].as_array().map(Vec::len), Some(1));
}

#[test]
fn nothing_plugged_in_is_said_with_what_to_do() {
    let listed = run(&Tree::new(), &["devices"]);
    assert_eq!((listed.status.code(), listed.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(text(&listed.stderr).contains("USB HID POS"), "{listed:?}");
    let scanned = run(&Tree::new(), &["scan"]);
    assert_eq!(scanned.status.code(), Some(65));
    assert!(text(&scanned.stderr).contains("shroff devices"), "{scanned:?}");
    let several = run(&counter(), &["scan"]);
    assert_eq!(several.status.code(), Some(65));
    assert!(text(&several.stderr).contains("--device usb:1-3, --device usb:1-4"), "{several:?}");
}

/// A tree with one serial scanner, which is a pseudo-terminal.
fn one_scanner() -> (Tree, PtyScanner) {
    let tree = Tree::new();
    tree.usb("1-1", ("05f9", "4204"), "");
    tree.class("tty", "ttyACM0", "1-1", &[]);
    let scanner = PtyScanner::new(tree.dev().join("pty")).expect("a pty");
    tree.node("ttyACM0", scanner.link());
    (tree, scanner)
}

/// Runs `shroff scan` and shows it `texts`, one after the other.
fn scans(args: &[&str], texts: &[&str]) -> Output {
    let (tree, scanner) = one_scanner();
    let (sys, dev, count) = (tree.sys(), tree.dev(), texts.len().to_string());
    let mut command = shroff();
    command.args(["scan", "--count", &count]).arg("--sys").arg(sys).arg("--dev").arg(dev).args(args);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("shroff scan");
    let mut said = std::io::BufReader::new(child.stderr.take().expect("stderr"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).expect("a line");
    assert!(line.contains("as serial; scan something"), "{line}");
    for text in texts {
        scanner.raw(text.as_bytes()).expect("scanned");
        // The next scan after a silence, so that an incomplete one is told apart from it.
        let (_keep, nothing) = std::sync::mpsc::channel::<()>();
        assert!(nothing.recv_timeout(std::time::Duration::from_millis(450)).is_err());
    }
    child.wait_with_output().expect("an end")
}

#[test]
fn a_scan_is_shown_masked_with_its_framing_and_its_verdict() {
    let code = format!("]C0{CODE}\r");
    let shown = scans(&[], &[&code, "https://example.com/1\r", "4006381333931\r\n", "13453951"]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    let shown = text(&shown.stdout);
    let verdicts: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("verdict  ")).collect();
    assert_eq!(verdicts.len(), 4, "{shown}");
    for (verdict, word) in verdicts.iter().zip(["payment-code: ", "link: ", "product: ", "incomplete: "]) {
        assert!(verdict.starts_with(word), "{shown}");
    }
    assert!(shown.contains("sent     ]C###################<CR>"), "{shown}");
    assert!(!shown.contains(&CODE[..4]) && !shown.contains("4006"), "{shown}");
}

#[test]
fn digits_are_shown_when_asked_for_and_json_is_one_document_a_scan() {
    let code = format!("{CODE}\r");
    let shown = scans(&["--show", "--json"], &[&code, &code]);
    let lines: Vec<serde_json::Value> =
        text(&shown.stdout).lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["verdict"], &lines[0]["sent"]), (&"payment-code".into(), &format!("{CODE}<CR>").into()));
}

#[test]
fn a_scanner_in_use_is_75_and_one_that_is_pulled_out_74() {
    let (tree, mut scanner) = one_scanner();
    let (sys, dev) = (tree.sys(), tree.dev());
    let start = || {
        let mut command = shroff();
        command.arg("scan").arg("--sys").arg(&sys).arg("--dev").arg(&dev);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("shroff scan")
    };
    let mut first = start();
    assert!(scanner.wait_open(std::time::Duration::from_secs(20)));
    let second = start().wait_with_output().expect("an end");
    assert_eq!(second.status.code(), Some(75), "{second:?}");
    assert!(text(&second.stderr).contains("in use by another program"));
    scanner.unplug().expect("unplugged");
    let ended = first.wait().expect("an end");
    assert_eq!(ended.code(), Some(74));
}

#[test]
fn udev_is_told_what_a_hidraw_node_is() {
    let tree = counter();
    let said = |name: &str| {
        let place = tree.sys().join("class/hidraw").join(name);
        let output = shroff().arg("hid-id").arg(place).output().expect("shroff");
        (output.status.code(), text(&output.stdout))
    };
    assert_eq!(said("hidraw0"), (Some(0), "ID_POS_SCANNER=1\nID_POS_SCANNER_DATA=56\n".to_owned()));
    assert_eq!(said("hidraw1"), (Some(0), "ID_POS_KEYBOARD=1\n".to_owned()));
    assert_eq!(said("hidraw9").0, Some(74));
    // By its other name, as the rule calls it.
    let helper = tree.dev().join("shroff-hid-id");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_shroff"), &helper).expect("a link");
    let output = std::process::Command::new(&helper).arg(tree.sys().join("class/hidraw/hidraw0")).output().expect("it");
    assert_eq!(text(&output.stdout), "ID_POS_SCANNER=1\nID_POS_SCANNER_DATA=56\n");
}
