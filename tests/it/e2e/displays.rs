//! Character displays at the real daemon: what a customer reads when things go well, and when the daemon dies while *paid*
//! stands there.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use super::counter::{Counter, Setup};
use super::{LONGEST, text};
use crate::support::glass::{Display, Screen, Tongue, terminal};
use crate::support::lcdd::Lcdd;

fn vfd(link: &Path, more: &str) -> String {
    format!("[[display]]\nkind = \"vfd\"\ndevice = \"{}\"\n{more}\n", link.display())
}

fn lcd(address: SocketAddr) -> String {
    format!("[[display]]\nkind = \"lcdproc\"\naddress = \"{address}\"\n")
}

const CONSOLE: &str = "[[display]]\nkind = \"console\"\n";

fn states(counter: &Counter) -> Vec<Value> {
    let devices = counter.get("/v1/devices");
    devices["devices"].as_array().expect("devices").iter().map(|it| it["state"].clone()).collect()
}

fn all_connected(counter: &mut Counter) {
    counter.wait_for("the displays", |this| states(this).iter().all(|state| *state == json!("connected")));
}

/// Sells, and waits until it is paid.
fn pays(counter: &mut Counter, number: u64) {
    let payment = counter.sell_with("1", 8800, &format!("13000066{number:010}"));
    let payment = counter.until_final(&payment, LONGEST);
    assert_eq!(text(&payment, "state"), "paid");
}

fn lives(pid: Pid) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    test_kill_process(pid).is_ok() && !state.contains(") Z ")
}

/// A display of each kind on one lane.
struct Row {
    plain: Display,
    chinese: Display,
    other: Display,
    lcdd: Lcdd,
}

impl Row {
    fn new(folder: &Path) -> Self {
        let of = |name: &str, tongue, charset| Display::new(folder.join(name), Screen::new(tongue, charset, 20, 2));
        Self {
            plain: of("plain", Tongue::Epson, "ascii"),
            chinese: of("chinese", Tongue::Cd5220, "big5"),
            other: of("other", Tongue::LogicControls, "ascii"),
            lcdd: Lcdd::start(),
        }
    }

    fn config(&self) -> String {
        let tables = [
            vfd(self.plain.link(), "protocol = \"epson\"\nbrightness = 3"),
            vfd(self.chinese.link(), "protocol = \"cd5220\"\ncharset = \"big5\""),
            vfd(self.other.link(), "protocol = \"utc\""),
            lcd(self.lcdd.address),
            CONSOLE.to_owned(),
        ];
        tables.concat()
    }

    /// The four that can be looked at, as they are.
    fn texts(&self) -> [String; 4] {
        [self.plain.text(), self.chinese.text(), self.other.text(), self.lcdd.text()]
    }

    fn all_say(&self, english: &str, chinese: &str) -> bool {
        self.texts().iter().all(|text| text.contains(english) || text.contains(chinese))
    }
}

#[test]
fn a_paid_does_not_outlive_a_daemon_that_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = Row::new(folder.path());
    let mut counter = Counter::open(Setup { devices: row.config(), ..Setup::default() });
    all_connected(&mut counter);
    counter.wait_for("the welcome", |_| row.all_say("Welcome", "歡迎光臨"));
    pays(&mut counter, 1);
    counter.wait_for("paid everywhere", |this| row.all_say("Paid", "付款成功") && this.out().contains("Paid"));
    assert!(row.plain.text().contains("HKD 88.00") && row.lcdd.text().contains("HKD 88.00"));
    let keepers = counter.children();
    assert_eq!(keepers.len(), 5);
    // What a service manager or a terminal sends to all of a service must not end them before the daemon's end did.
    for pid in &keepers {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::ABORT] {
            kill_process(*pid, signal).expect("it lives");
        }
    }
    counter.kill();
    counter.wait_for("the last words", |this| {
        let [plain, chinese, other, lcd] = row.texts();
        let asks = |text: &str| text.contains("Ask the cashier") && !text.contains("Paid") && !text.contains("88.00");
        let chinese = chinese.contains("請向收銀員查詢") && !chinese.contains("付款成功");
        let console = this.out().trim_end().rsplit("lane 1").next().is_some_and(asks);
        asks(&plain) && asks(&other) && chinese && lcd.is_empty() && console
    });
    counter.wait_for("the keepers' end", |_| !keepers.iter().any(|pid| lives(*pid)));
    // The next daemon finds its displays free.
    counter.start();
    all_connected(&mut counter);
    counter.wait_for("the welcome", |_| row.all_say("Welcome", "歡迎光臨"));
    assert_eq!(row.lcdd.strange(), Vec::<String>::new());
    for display in [&row.plain, &row.chinese, &row.other] {
        assert_eq!(display.with(|screen| screen.strange.clone()), Vec::<Vec<u8>>::new());
    }
    assert_eq!(row.plain.with(|screen| screen.brightness), 3);
}

#[test]
fn a_paid_does_not_outlive_a_daemon_that_stands_still() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = Row::new(folder.path());
    let mut counter = Counter::open(Setup { devices: row.config(), ..Setup::default() });
    all_connected(&mut counter);
    pays(&mut counter, 2);
    counter.wait_for("paid everywhere", |_| row.all_say("Paid", "付款成功"));
    kill_process(counter.pid(), Signal::STOP).expect("it stands still");
    counter.wait_for("the scene's end", |_| row.all_say("cashier", "請向收銀員查詢"));
    assert!(!row.texts().concat().contains("Paid"));
    kill_process(counter.pid(), Signal::CONT).expect("it goes on");
    counter.wait_for("the welcome", |_| row.all_say("Welcome", "歡迎光臨"));
}

#[test]
fn whatever_kills_the_keepers_too_leaves_something_that_can_be_cleared() {
    let folder = tempfile::tempdir().expect("a folder");
    let display = Display::new(folder.path().join("vfd"), Screen::new(Tongue::Epson, "ascii", 20, 2));
    let devices = vfd(display.link(), "");
    let mut counter = Counter::open(Setup { devices, ..Setup::default() });
    all_connected(&mut counter);
    pays(&mut counter, 3);
    counter.wait_for("paid", |_| display.text().contains("Paid"));
    let (exit, said) = counter.command(&["display", "clear"]);
    assert_eq!(exit, Some(75), "{said}");
    assert!(said.contains("in use"), "{said}");
    // As a service manager does that kills the whole group: nobody is left to say anything.
    let keepers = counter.children();
    let daemon = counter.pid();
    for pid in keepers.iter().chain([&daemon]) {
        kill_process(*pid, Signal::STOP).expect("it stands still");
    }
    for pid in keepers.iter().chain([&daemon]) {
        kill_process(*pid, Signal::KILL).expect("killed");
    }
    counter.ended();
    assert!(display.text().contains("Paid"));
    counter.wait_for("the display", |this| this.command(&["display", "clear"]).0 == Some(0));
    counter.wait_for("the last words", |_| display.text().starts_with("Ask the cashier"));
}

#[test]
fn a_display_that_fails_delays_nobody_and_comes_back_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut display = Display::new(folder.path().join("vfd"), Screen::new(Tongue::Cd5220, "ascii", 20, 2));
    // Nobody ever reads it: what a full line looks like from this side.
    let _deaf = terminal(&folder.path().join("deaf"));
    let lcdd = Lcdd::start();
    let missing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address");
    let devices = [
        vfd(display.link(), "protocol = \"cd5220\""),
        vfd(&folder.path().join("deaf"), ""),
        lcd(lcdd.address),
        lcd(missing),
        vfd(&folder.path().join("nowhere"), ""),
    ];
    let mut counter = Counter::open(Setup { devices: devices.concat(), ..Setup::default() });
    counter.wait_for("two displays", |this| {
        let states = states(this);
        states[0] == json!("connected") && states[2] == json!("connected")
    });
    counter.wait_for("the reasons", |this| {
        let devices = this.get("/v1/devices");
        let advice = |at: usize| text(&devices["devices"][at], "advice").to_owned();
        advice(3).contains("no LCDd answers") && advice(4).contains("is not there; plug the display in")
    });
    assert_eq!(counter.readiness()["problems"][0]["code"], "display_gone");
    assert_eq!(counter.get("/v1/lanes")["lanes"][0]["displays_connected"], 3);
    let up = format!("shroff_display_up{{lane=\"1\",kind=\"vfd\",device=\"{}\"}}", display.link().display());
    assert_eq!(counter.metric(&up), 1);

    pays(&mut counter, 4);
    counter.wait_for("paid", |_| display.text().contains("Paid") && lcdd.text().contains("Paid"));

    display.unplug();
    counter.wait_for("its absence", |this| states(this)[0] == json!("gone") && this.metric(&up) == 0);
    display.replug();
    counter.wait_for("its return", |this| states(this)[0] == json!("connected"));
    counter.wait_for("its text", |_| display.text().contains("Welcome"));

    lcdd.drops_its_client();
    counter.wait_for("another connection", |_| lcdd.clients() == 1 && lcdd.text().contains("Welcome"));

    // The process of the first display dies; another one takes its place.
    let keeper = counter.children().into_iter().find(|pid| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its files");
        let link = std::fs::read_link(display.link()).expect("a link");
        files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok()).any(|file| file == link)
    });
    display.with(Screen::loses_power);
    kill_process(keeper.expect("a keeper"), Signal::KILL).expect("killed");
    counter.wait_for("its text", |_| display.text().contains("Welcome"));
    counter.wait_for("its health", |this| states(this)[0] == json!("connected"));

    // Nobody tells that a display lost its power alone: within half a minute everything is sent again.
    display.with(Screen::loses_power);
    for _ in 0..2 {
        if !display.text().contains("Welcome") {
            counter.pause(Duration::from_secs(16));
        }
    }
    counter.wait_for("the refresh", |_| display.text().contains("Welcome"));
    assert_eq!(display.with(|screen| (screen.picture(), screen.strange.len())).1, 0);
    counter.saw_no_violation();
}

#[test]
fn stopping_leaves_the_last_words_and_the_test_command_shows_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let display = Display::new(folder.path().join("vfd"), Screen::new(Tongue::Epson, "gb2312", 20, 2));
    let devices = vfd(display.link(), "charset = \"gb2312\"\ninit = \"\"");
    let mut counter = Counter::open(Setup { devices, ..Setup::default() });
    all_connected(&mut counter);
    counter.wait_for("the welcome", |_| display.text().contains("欢迎光临"));
    kill_process(counter.pid(), Signal::TERM).expect("told to stop");
    assert_eq!(counter.ended(), Some(0));
    counter
        .wait_for("the last words", |_| display.text().contains("请咨询收银员") && display.text().contains("Ask the"));

    let (exit, said) = counter.command(&["display", "test", "--pause", "0"]);
    assert_eq!(exit, Some(0), "{said}");
    for wanted in
        ["grid", "│12345678901234567890│", "brightness 4 of 4", "请出示付款码", "HKD 50000.00", "armed, wallet"]
    {
        assert!(said.contains(wanted), "{wanted} is not in {said}");
    }
    assert_eq!(display.with(|screen| screen.strange.clone()), Vec::<Vec<u8>>::new());
    counter.wait_for("the last words", |_| display.text().contains("请咨询收银员"));
    // Ended in the middle it leaves the same.
    let mut test = counter.starts(&["display", "test", "--pause", "60"]);
    counter.wait_for("the grid", |_| display.text().starts_with("12345678901234567890"));
    kill_process(Pid::from_child(&test), Signal::INT).expect("interrupted");
    counter.wait_for("the last words", |_| display.text().contains("请咨询收银员"));
    assert_eq!(test.wait().expect("an end").code(), Some(0));
    let (exit, said) = counter.command(&["display", "test", "--lane", "2"]);
    assert_eq!(exit, Some(65), "{said}");
}

/// Debian's LCDd with its text driver on a pseudo-terminal.
struct RealLcdd {
    child: Child,
    address: SocketAddr,
    drawn: Arc<Mutex<String>>,
}

impl RealLcdd {
    fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let drivers =
            std::env::var("SHROFF_LCDD_DRIVERS").expect("the folder of LCDd's drivers; tests/displays/run sets it");
        let config = format!(
            "[server]\nDriver=text\nDriverPath={drivers}/\nBind=127.0.0.1\nPort={}\nServerScreen=no\nReportToSyslog=no\n\
             ReportLevel=2\nForeground=yes\nUser=root\n[text]\nSize=20x2\n",
            address.port()
        );
        std::fs::write(folder.join("LCDd.conf"), config).expect("a configuration");
        let link = folder.join("lcd");
        let master = terminal(&link);
        let glass = std::fs::File::options().write(true).open(&link).expect("a terminal");
        let child = Command::new("LCDd")
            .arg("-f")
            .arg("-c")
            .arg(folder.join("LCDd.conf"))
            .stdin(Stdio::null())
            .stdout(glass)
            .stderr(Stdio::null())
            .spawn()
            .expect("LCDd");
        let drawn = Arc::new(Mutex::new(String::new()));
        let theirs = Arc::clone(&drawn);
        std::thread::spawn(move || {
            let mut master = std::fs::File::from(master);
            let mut buffer = [0; 4096];
            while let Ok(count) = master.read(&mut buffer) {
                let mut drawn = theirs.lock().expect("a picture");
                drawn.extend(buffer[..count].iter().copied().map(char::from));
                // The newest picture is what counts.
                let keep = drawn.len().saturating_sub(400);
                let keep = (keep..).find(|at| drawn.is_char_boundary(*at)).expect("a boundary");
                drawn.drain(..keep);
            }
        });
        Self { child, address, drawn }
    }

    /// The picture that was drawn last.
    fn text(&self) -> String {
        let drawn = self.drawn.lock().expect("a picture");
        let rows: Vec<&str> =
            drawn.lines().filter(|line| line.starts_with('|') && line.trim_end().ends_with('|')).collect();
        rows[rows.len().saturating_sub(2)..].join("\n")
    }
}

impl Drop for RealLcdd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
#[ignore = "needs Debian's lcdproc: tests/displays/run installs it and runs this"]
fn real_lcdd_shows_every_state_and_forgets_paid_when_the_daemon_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let lcdd = RealLcdd::start(folder.path());
    let devices = lcd(lcdd.address);
    let mut counter = Counter::open(Setup { devices, ..Setup::default() });
    all_connected(&mut counter);
    counter.wait_for("the welcome", |_| lcdd.text().contains("Welcome"));
    pays(&mut counter, 5);
    counter.wait_for("paid", |_| lcdd.text().contains("Paid, thank you") && lcdd.text().contains("HKD 88.00"));
    println!("{}", lcdd.text());
    counter.kill();
    counter.wait_for("its end", |_| !lcdd.text().contains("Paid"));
    println!("{}", lcdd.text());
    counter.start();
    counter.wait_for("the welcome", |_| lcdd.text().contains("Welcome"));
    let (exit, said) = counter.command(&["display", "test", "--pause", "0"]);
    assert_eq!(exit, Some(0), "LCDd refuses nothing of it: {said}");
}

#[test]
#[ignore = "needs Debian's lcdproc: tests/displays/run installs it and runs this"]
fn real_lcdd_takes_any_text_as_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let lcdd = RealLcdd::start(folder.path());
    let hostile = ["\"; bye \\\" {x}  '`", "back\\ \\n \"q\" $(x) "].map(|text| format!("{text:<20}"));
    let size = shroff::scene::line::Size { columns: 20, rows: 2 };
    let mut stream = (0..100)
        .find_map(|_| {
            nap();
            std::net::TcpStream::connect(lcdd.address).ok()
        })
        .expect("LCDd listens");
    stream.write_all(shroff::scene::lcd::HELLO.as_bytes()).expect("sent");
    let mut greeting = [0; 512];
    let count = stream.read(&mut greeting).expect("a greeting");
    let greeting = String::from_utf8_lossy(&greeting[..count]).into_owned();
    assert_eq!(shroff::scene::lcd::hear(&greeting), shroff::scene::lcd::Heard::Greeting(size));
    stream.write_all(&shroff::scene::lcd::screen("1", size)).expect("sent");
    stream.write_all(&shroff::scene::lcd::rows(&hostile)).expect("sent");
    for _ in 0..100 {
        if hostile.iter().all(|row| lcdd.text().contains(row.as_str())) {
            return;
        }
        nap();
    }
    panic!("{hostile:?} is drawn as\n{}", lcdd.text());
}

fn nap() {
    let (_keep, nothing) = std::sync::mpsc::channel::<()>();
    assert!(nothing.recv_timeout(Duration::from_millis(50)).is_err());
}
