//! `shroff setup`: with flags, and in a dialogue on a pseudo-terminal.

use std::fs::{File, read_to_string};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::counter::shroff;
use crate::support::sysfs::{HID_POS, Tree};

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const MCH: &str = "1900000109";

/// A desk with the merchant's papers on it, and a folder for the terminal.
struct Desk {
    folder: tempfile::TempDir,
    tree: Tree,
}

struct Ended {
    code: Option<i32>,
    said: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let new = Self { folder, tree: Tree::new() };
        new.paper("apiclient", MCH, 2040);
        new.paper("other", "1900000110", 2040);
        new.paper("old", MCH, 2020);
        std::fs::write(new.path("typed.key"), format!("{KEY}\n")).expect("a file");
        std::fs::write(new.path("apiv3.key"), "0123456789abcdef0123456789abcdef").expect("a file");
        new
    }

    /// A certificate and its key, for a merchant, until the end of a year.
    fn paper(&self, name: &str, mch_id: &str, until: i32) {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, mch_id);
        params.not_before = rcgen::date_time_ymd(2015, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let cert = params.self_signed(&key).expect("a certificate");
        std::fs::write(self.path(&format!("{name}_cert.pem")), cert.pem()).expect("a file");
        std::fs::write(self.path(&format!("{name}_key.pem")), key.serialize_pem()).expect("a file");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn etc(&self, name: &str) -> PathBuf {
        self.path("etc").join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = shroff();
        let (sys, dev) = (self.tree.sys(), self.tree.dev());
        command.arg("setup").arg("--config").arg(self.etc("config.toml")).arg("--sys").arg(sys).arg("--dev").arg(dev);
        command.arg("--offline").args(more).current_dir(self.folder.path());
        command
    }

    /// With these flags beside those that a simple merchant needs.
    fn silent(&self, more: &[&str]) -> Ended {
        let mut args = vec!["--yes", "--appid", "wx8888888888888888", "--mch-id", MCH, "--v2-key-file", "typed.key"];
        if !more.contains(&"--cert-file") {
            args.extend(["--cert-file", "apiclient_cert.pem", "--key-file", "apiclient_key.pem"]);
        }
        args.extend(more);
        self.run(&args)
    }

    fn run(&self, args: &[&str]) -> Ended {
        let output = self.command(args).stdin(Stdio::null()).output().expect("shroff");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { code: output.status.code(), said: text(&output.stdout) + &text(&output.stderr) }
    }

    fn scanner(&self) {
        self.tree.usb("1-1", ("1eab", "0d10"), "NL1");
        let files: [(&str, &[u8]); 2] = [("report_descriptor", HID_POS), ("uevent", b"HID_NAME=Newland FM420\n")];
        self.tree.class("hidraw", "hidraw0", "1-1", &files);
    }

    fn checked(&self) -> bool {
        let mut command = shroff();
        command.args(["config", "check", "--config"]).arg(self.etc("config.toml"));
        command.output().expect("shroff").status.success()
    }

    /// Everything in the folder and not in a hidden one: nothing may be left behind.
    fn left(&self) -> Vec<String> {
        let mut names = Vec::new();
        walk(&self.path("etc"), &mut names);
        let at = self.path("etc").display().to_string() + "/";
        let mut names: Vec<String> = names.iter().map(|it| it.display().to_string().replace(&at, "")).collect();
        names.sort();
        names
    }
}

impl Ended {
    #[track_caller]
    fn is(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.said);
        for text in said {
            assert!(self.said.contains(text), "{text:?} is not in {}", self.said);
        }
        assert!(!self.said.contains(KEY) && !self.said.contains("PRIVATE KEY"), "a secret: {}", self.said);
        self
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { walk(&entry, found) } else { found.push(entry) }
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("a file").permissions().mode() & 0o777
}

#[test]
fn flags_alone_make_a_terminal_whose_configuration_is_fine() {
    let desk = Desk::new();
    desk.scanner();
    let args = ["--store-name", "Wing \"Lok\"", "--mcc", "5812", "--display", "page"];
    // The doctor looks for the scanner at the machine, and that one is of paper.
    desk.silent(&args).is(1, &["wrote", "terminal T01, merchant 1900000109", "1eab/0d10", "1 failure"]);
    assert!(desk.checked());
    let files = ["apiclient_cert.pem", "config.toml", "keys/api.token", "keys/apiclient_key.pem", "keys/v2.key"];
    assert_eq!(desk.left(), files);
    for (name, bits) in files.iter().zip([0o644, 0o644, 0o600, 0o600, 0o600]) {
        assert_eq!(mode(&desk.etc(name)), bits, "{name}");
    }
    assert_eq!(mode(&desk.etc("keys")), 0o700);
    let config: toml::Table = read_to_string(desk.etc("config.toml")).expect("a file").parse().expect("TOML");
    assert_eq!(config["terminal"]["store_name"].as_str(), Some("Wing \"Lok\""));
    assert_eq!(config["scanner"][0]["device"].as_str(), Some("1eab/0d10"));
    assert_eq!(config["gateway"]["v2"]["key_file"].as_str(), Some("keys/v2.key"));
    assert_eq!(read_to_string(desk.etc("keys/api.token")).expect("a token").len(), 64);
}

#[test]
fn what_is_there_is_replaced_only_when_it_is_said_and_stays_beside() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("etc")).expect("a folder");
    std::fs::write(desk.etc("config.toml"), "# not configured yet\n\n").expect("a file");
    desk.silent(&["--listen", "127.0.0.1:8750"]).is(0, &["wrote"]);
    let (config, token) = (read_to_string(desk.etc("config.toml")), read_to_string(desk.etc("keys/api.token")));
    desk.silent(&["--id", "T02"]).is(65, &["--force replaces it"]);
    assert_eq!(read_to_string(desk.etc("config.toml")).ok(), config.as_ref().ok().cloned());
    desk.silent(&["--id", "T02", "--listen", "127.0.0.1:8750", "--force"]).is(0, &["terminal T02"]);
    assert_eq!(read_to_string(desk.etc("config.toml.old")).ok(), config.ok(), "the old one");
    assert_eq!(read_to_string(desk.etc("keys/api.token")).ok(), token.ok(), "whoever has the token keeps it");
    assert!(!desk.etc("keys/v2.key.old").exists(), "the same key");
    std::fs::remove_file(desk.etc("config.toml")).expect("removed");
    std::fs::write(desk.path("typed.key"), "anotherkeyofthemerchant012345678").expect("a file");
    desk.silent(&[]).is(65, &["keys/v2.key", "--force"]);
    assert_eq!(read_to_string(desk.etc("keys/v2.key")).expect("a key").trim(), KEY);
    desk.silent(&["--force"]).is(0, &[]);
    assert_eq!(read_to_string(desk.etc("keys/v2.key.old")).expect("a key").trim(), KEY);
    assert_eq!(mode(&desk.etc("keys/v2.key.old")), 0o600);
}

#[test]
fn a_new_setup_keeps_ledger_and_supervisor_and_names_what_goes_away() {
    let desk = Desk::new();
    desk.silent(&["--listen", "127.0.0.1:8750"]).is(0, &["wrote"]);
    let supervisor = desk.etc("keys/supervisor.token");
    std::fs::write(&supervisor, "0123456789abcdef0123456789abcdef01").expect("a file");
    std::fs::set_permissions(&supervisor, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let ledger = desk.path("books/ledger.sqlite").display().to_string();
    let config = read_to_string(desk.etc("config.toml")).expect("a file");
    let config = config.replace("[api]", "[api]\nsupervisor_token_file = \"keys/supervisor.token\"");
    let more = format!("\n[ledger]\npath = \"{ledger}\"\n[refund]\noperator_max = 5000\n[policy]\npay_timeout = 20\n");
    std::fs::write(desk.etc("config.toml"), config + &more + "\n[[lane]]\nid = \"7\"\n").expect("a file");
    let said = desk.silent(&["--id", "T02", "--force"]).said;
    for line in ["policy.pay_timeout = 20", "api.listen = ", "id = \"7\""] {
        assert!(said.contains(line), "{line} is not named: {said}");
    }
    for line in ["ledger.path = ", "supervisor_token_file = ", "operator_max = ", "terminal.id = "] {
        assert!(!said.contains(line), "{line} goes away: {said}");
    }
    let config = read_to_string(desk.etc("config.toml")).expect("a file");
    for line in [
        format!("path = \"{ledger}\""),
        "supervisor_token_file = \"keys/supervisor.token\"".to_owned(),
        "operator_max = 5000".to_owned(),
        "id = \"T02\"".to_owned(),
    ] {
        assert!(config.lines().any(|it| it == line), "{line} is not in {config}");
    }
    assert!(supervisor.exists() && desk.checked());
    // What is no configuration at all is not thrown away in silence.
    std::fs::write(desk.etc("config.toml"), "[ledger\n").expect("a file");
    desk.silent(&["--force"]).is(65, &["is not TOML"]);
}

#[test]
fn papers_that_do_not_fit_are_told_and_nothing_is_written() {
    let desk = Desk::new();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--cert-file", "other_cert.pem", "--key-file", "apiclient_key.pem"], 78, "do not belong together"),
        (&["--cert-file", "other_cert.pem", "--key-file", "other_key.pem"], 65, "is merchant 1900000110's"),
        (&["--cert-file", "old_cert.pem", "--key-file", "old_key.pem"], 65, "ended on 2020-01-01"),
        (&["--cert-file", "typed.key", "--key-file", "other_key.pem"], 78, "a certificate in PEM"),
        (&["--cert-file", "nowhere.pem"], 65, "there is no file nowhere.pem"),
        (
            &[
                "--api",
                "v3",
                "--v3-key-file",
                "typed.key",
                "--platform-key-file",
                "typed.key",
                "--platform-key-id",
                "P",
            ],
            78,
            "RSA public key",
        ),
        (&["--base-url", "http://example.com"], 65, "--base-url: an https:// address"),
    ];
    for (args, code, said) in cases {
        desk.silent(args).is(code, &[said]);
        assert_eq!(desk.left(), [""; 0], "{args:?}");
    }
    desk.silent(&["--api", "v3", "--v3-key-file", "apiv3.key", "--mcc", "5812"]).is(0, &["API v3", "0 failures"]);
}

#[test]
fn what_is_missing_is_told_in_one_go() {
    let desk = Desk::new();
    desk.run(&["--yes"]).is(65, &["--appid, --mch-id, --v2-key-file"]);
    desk.run(&[]).is(65, &["--yes"]);
    for port in ["1-3", "1-4"] {
        desk.tree.usb(port, ("05f9", "4204"), "");
        desk.tree.class("tty", &format!("ttyACM{port}"), port, &[]);
    }
    desk.silent(&[]).is(65, &["there are several scanners", "--scanner usb:1-3 or --scanner usb:1-4"]);
    desk.silent(&["--scanner", "none"]).is(0, &["no scanner is configured"]);
}

#[test]
fn a_person_is_asked_and_the_key_is_not_shown() {
    let desk = Desk::new();
    desk.scanner();
    let mut screen = Screen::of(&desk);
    screen.answers("");
    let status = screen.child.wait().expect("an end");
    let shown = &screen.shown;
    assert_eq!(status.code(), Some(1), "the doctor does not find the scanner of paper: {shown}");
    assert!(!shown.contains(KEY), "{shown}");
    assert!(desk.checked());
    let config: toml::Table = read_to_string(desk.etc("config.toml")).expect("a file").parse().expect("TOML");
    assert_eq!(config["terminal"]["id"].as_str(), Some("T07"));
    assert_eq!(config["scanner"][0]["kind"].as_str(), Some("hid-pos"));
    assert_eq!(config["display"][0]["kind"].as_str(), Some("page"));
    assert_eq!(read_to_string(desk.etc("keys/v2.key")).expect("a key"), KEY);
}

#[test]
fn whoever_leaves_at_a_question_gets_the_terminal_back_and_nothing_is_written() {
    // A line, one that is not shown, a choice, and yes or no, when files lie half done beside their place.
    for question in ["Store's name", "API key", "Scanner", "with something else in it"] {
        for how in [None, Some(Signal::INT), Some(Signal::TERM)] {
            let desk = Desk::new();
            desk.scanner();
            std::fs::create_dir_all(desk.etc("keys")).expect("a folder");
            std::fs::write(desk.etc("keys/v2.key"), "anotherkeyofthemerchant012345678").expect("a file");
            let mut screen = Screen::of(&desk);
            let mode = |screen: &Screen| tcgetattr(&screen.terminal).expect("its modes").local_modes;
            let before = screen.before;
            assert!(before.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
            screen.answers(question);
            while mode(&screen).contains(LocalModes::ECHO) {
                std::thread::yield_now();
            }
            let status = match how {
                // Where a key makes no signal.
                None if !mode(&screen).contains(LocalModes::ISIG) => {
                    screen.terminal.write_all(b"\x03").expect("typed");
                    screen.child.wait().expect("an end")
                }
                how => loop {
                    // One that comes just before the wait for a key is noticed with the next.
                    let pid = Pid::from_child(&screen.child);
                    kill_process(pid, how.unwrap_or(Signal::INT)).expect("ours");
                    if let Some(status) = screen.child.try_wait().expect("a child") {
                        break status;
                    }
                    std::thread::yield_now();
                },
            };
            assert_eq!(mode(&screen), before, "{question} {how:?}");
            let shown = screen.rest();
            let signal = how.unwrap_or(Signal::INT);
            assert_eq!(status.signal(), Some(signal.as_raw()), "{question} {how:?}: {status} {shown}");
            assert!(shown.contains("interrupted; nothing was written"), "{question} {how:?}: {shown:?}");
            assert!(
                shown.rfind("\u{1b}[?25h") >= shown.rfind("\u{1b}[?25l"),
                "no cursor: {question} {how:?} {shown:?}"
            );
            assert_eq!(desk.left(), ["keys/v2.key"], "{question} {how:?}");
        }
    }
}

/// A person at a pseudo-terminal.
struct Screen {
    terminal: File,
    /// Kept open, so that its modes outlive the child.
    other_end: File,
    /// Its modes before anybody asked.
    before: LocalModes,
    child: Child,
    shown: String,
}

impl Screen {
    fn of(desk: &Desk) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&terminal).expect("ours");
        unlockpt(&terminal).expect("unlocked");
        let name = ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("a path");
        let end = || File::options().read(true).write(true).open(&name).expect("the other end");
        let other_end = end();
        let before = tcgetattr(&other_end).expect("its modes").local_modes;
        let child = desk.command(&[]).stdin(end()).stdout(Stdio::null()).stderr(end()).spawn().expect("shroff");
        Self { terminal: terminal.into(), other_end, before, child, shown: String::new() }
    }

    /// Answers as a simple merchant does, until this question is asked; every question for an empty one.
    fn answers(&mut self, last: &str) {
        let with_a_typing_error = format!("{KEY}x\u{7f}");
        // A wrong answer is asked for again; an empty one is the default.
        let answers = [
            ("Terminal's id", "T-1"),
            ("1 to 8", "\u{15}T07"),
            ("Store's name", "Wing Lok"),
            ("Currency", ""),
            ("language", "zh-HK"),
            ("category code", "5812"),
            ("v2 or v3", ""),
            ("address", ""),
            ("appid", "wx8888888888888888"),
            ("Merchant number", MCH),
            ("Sub-merchant", ""),
            ("Signature", ""),
            ("API key", "0123456789"),
            ("and nothing else", &with_a_typing_error),
            ("certificate", ""),
            ("Its key", ""),
            ("Scanner", ""),
            ("Customer's display", "\u{1b}[B"),
            ("Address of the API", ""),
        ];
        for (question, answer) in answers {
            self.until(question);
            if question == last {
                return;
            }
            // What is typed before the echo is off is thrown away with it.
            while ["API key", "and nothing else"].contains(&question)
                && tcgetattr(&self.terminal).expect("its modes").local_modes.contains(LocalModes::ECHO)
            {
                std::thread::yield_now();
            }
            self.terminal.write_all(format!("{answer}\r").as_bytes()).expect("typed");
        }
        if !last.is_empty() {
            self.until(last);
        }
    }

    /// Reads the screen until `text` stands on it, after what stood there before.
    fn until(&mut self, text: &str) {
        let from = self.shown.len();
        while !self.shown[from..].contains(text) {
            let more = self.more();
            assert!(more, "no {text:?} in {:?}", self.shown);
        }
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let read = self.terminal.read(&mut buffer).unwrap_or_default();
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..read]));
        read > 0
    }

    /// Everything that was shown, once the child is gone.
    fn rest(mut self) -> String {
        self.other_end = File::open("/dev/null").expect("nothing");
        while self.more() {}
        self.shown
    }
}
