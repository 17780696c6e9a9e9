//! `statement` against a simulated gateway, with and without a daemon beside it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use shroff::edge::clock::Clock;
use shroff::sim::book::{Op, PayRequest, Plan, Rules};
use shroff::sim::faults::{Deed, Delivery, Fault, Forgery, Rule, Sheet};
use shroff::words::{Day, Money};

use super::CODE;
use super::counter::{Counter, Ended, shroff};
use crate::support::Client;

/// A shop whose gateway has made the statement of the day on which it took `sales` payments.
fn shop(sales: u32) -> (Counter, String) {
    let counter = Counter::with_gateway();
    let day = sell(&counter, sales);
    (counter, day)
}

/// Puts `sales` payments of today into the gateway's book, and lets it hand out their statement. The day.
pub(super) fn sell(counter: &Counter, sales: u32) -> String {
    counter.sim().with_book(|book, now| {
        let amount = Money::new(8800, "HKD".parse().expect("a currency")).expect("an amount");
        for n in 0..sales {
            let (out_trade_no, auth_code) = (format!("T01-order-{n}"), n.to_string());
            let request = PayRequest {
                out_trade_no: &out_trade_no,
                auth_code: &auth_code,
                amount,
                mch_id: "1900000109",
                sub_mch_id: "",
                attach: "",
                sent: now,
                copy: false,
            };
            book.pay(&request, now, &Plan::PAYS);
        }
        book.set_rules(Rules { statements_at_once: true, ..Rules::default() });
        today()
    })
}

pub(super) fn today() -> String {
    Day::of(Clock::start().wall()).to_string()
}

impl Counter {
    /// What goes wrong with the next statement.
    pub(super) fn spoil(&self, fault: impl Into<Fault>) {
        assert!(self.sim().add(Rule::once(Op::Statement, fault)));
    }

    /// Downloads to `a.csv`.
    pub(super) fn download(&self, day: &str, more: &[&str]) -> Ended {
        let file = self.path("a.csv").display().to_string();
        let mut args = vec!["statement", "--day", day, "--anyway", "-o", &file];
        args.extend(more);
        self.shroff(&args)
    }

    /// Nothing has the file's name, and nothing was left beside it.
    #[track_caller]
    pub(super) fn has_no_file(&self) {
        assert!(!self.path("a.csv").exists());
        assert_eq!(self.parts(), Vec::<String>::new());
    }

    /// Files that have not landed.
    fn parts(&self) -> Vec<String> {
        let folder = self.path("");
        let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with(".part")).collect()
    }

    pub(super) fn statements_asked_for(&self) -> usize {
        let log = Client::Tcp(self.sim().http()).get("/_sim/log").json();
        log["log"].as_array().expect("lines").iter().filter(|line| line["op"] == "statement").count()
    }
}

#[test]
fn a_statement_is_downloaded_beside_a_running_daemon_and_tells_of_its_sale() {
    let (mut counter, _) = shop(0);
    counter.open();
    let sale = format!(r#"{{"client_ref":"R-1","amount":8800,"auth_code":"{CODE}"}}"#);
    let mut payment = counter.api().post("/v1/payments", &sale).json();
    while payment["final"] != true {
        let path = format!("/v1/payments/{}?wait=25&after={}", payment["ref"].as_str().expect("a ref"), payment["seq"]);
        payment = counter.api().get(&path).json();
    }
    let paid_at = payment["attempts"][0]["paid_at"].as_str().expect("a moment");
    let day = Day::of(shroff::words::WallTime::from_millis(
        paid_at.parse::<jiff::Timestamp>().expect("a moment").as_millisecond(),
    ));
    let ended = counter.download(&day.to_string(), &[]).exits(0).never_says(CODE);
    assert_eq!(ended.err, "", "nothing to talk about, and no bar where stderr is no terminal");
    assert!(ended.out.contains(&format!("a.csv: 1 movement of {day}, ")), "{ended:?}");
    let text = std::fs::read_to_string(counter.path("a.csv")).expect("a file");
    let number = payment["attempts"][0]["out_trade_no"].as_str().expect("a number");
    assert!(text.contains(&format!(",`{number},`")) && text.contains("`T01,`") && text.contains("`88.00,`"), "{text}");
    let mode = counter.path("a.csv").metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(counter.parts(), Vec::<String>::new());
}

#[test]
fn a_program_is_told_what_stands_in_which_file() {
    let (counter, day) = shop(3);
    let ended = counter.download(&day, &["--json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
    let bytes = counter.path("a.csv").metadata().expect("a file").len();
    assert_eq!((&document["rows"], &document["rows_said"], &document["bytes"]), (&3.into(), &3.into(), &bytes.into()));
    assert_eq!((&document["nothing_moved"], &document["signed"]), (&false.into(), &false.into()), "{document}");
    assert!(document["file"].as_str().expect("a file").ends_with("/a.csv"));
    let empty = counter.shroff(&["statement", "--day", "2020-01-02", "--json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&empty.out).expect("one document");
    assert_eq!((&document["nothing_moved"], &document["file"]), (&true.into(), &serde_json::Value::Null), "{document}");
}

#[test]
fn a_day_on_which_nothing_moved_is_a_result_and_makes_no_file() {
    let (counter, _) = shop(1);
    counter.download("2020-01-02", &[]).exits(0).prints("2020-01-02: nothing moved").prints("no file was made");
    counter.has_no_file();
}

#[test]
fn the_file_is_named_for_its_day_in_the_folder_one_stands_in() {
    let (counter, day) = shop(1);
    let folder = tempfile::tempdir().expect("a folder");
    let ended = here(&counter, folder.path(), &["statement", "--day", &day, "--anyway"]).exits(0);
    let name = format!("statement-{day}.csv");
    assert!(ended.out.starts_with(&format!("{name}: 1 movement")), "{ended:?}");
    assert!(folder.path().join(name).exists());
}

#[test]
fn before_ten_of_the_next_day_it_says_when_to_come_back_and_asks_nobody() {
    let (counter, day) = shop(1);
    let ended = counter.shroff(&["statement", "--day", &day]).exits(75).tells("--anyway asks now");
    assert!(ended.err.contains(" 10:00:00 UTC+8"), "{ended:?}");
    assert_eq!(counter.statements_asked_for(), 0);
    counter.shroff(&["statement", "--day", "2999-01-01", "--anyway"]).exits(65).tells("has not begun");
    counter.shroff(&["statement", "--day", "yesterday"]).exits(2).tells("year-month-day");
    counter.shroff(&["statement"]).exits(2).tells("--day");
    assert_eq!(counter.statements_asked_for(), 0);
    // Asked anyway, WeChat may have it or not.
    counter.sim().with_book(|book, _| book.set_rules(Rules::default()));
    counter.download(&day, &[]).exits(75).tells("Bill Creating");
    counter.has_no_file();
}

#[test]
fn a_file_that_is_there_is_kept_unless_it_is_to_be_replaced() {
    let (counter, day) = shop(1);
    counter.write("a.csv", "last year's");
    counter.download(&day, &[]).exits(65).tells("--force replaces it");
    assert_eq!(counter.statements_asked_for(), 0);
    assert_eq!(std::fs::read_to_string(counter.path("a.csv")).expect("a file"), "last year's");
    // A download that fails keeps it too.
    counter.spoil(Delivery::Truncate { at: 100 });
    counter.download(&day, &["--force"]).exits(69);
    assert_eq!(std::fs::read_to_string(counter.path("a.csv")).expect("a file"), "last year's");
    counter.download(&day, &["--force"]).exits(0);
    assert!(std::fs::read_to_string(counter.path("a.csv")).expect("a file").contains("T01-order-0"));
}

#[test]
fn whatever_comes_damaged_leaves_no_file() {
    let (counter, day) = shop(50);
    let cases: [(Fault, i32, &str); 12] = [
        (Delivery::Truncate { at: 700 }.into(), 69, "the connection ended before the reply did"),
        (Delivery::LoseReply.into(), 69, "the connection ended"),
        (Delivery::Huge { mb: 1 }.into(), 65, "damaged or cut short"),
        (Sheet::HalfSent.into(), 65, "damaged or cut short"),
        (Sheet::HalfFile.into(), 65, "does not end with its summary"),
        (Forgery::Shorten { at: 300 }.into(), 65, "damaged or cut short"),
        (Forgery::Garbage.into(), 69, "neither as a statement nor as an error"),
        (Forgery::Empty.into(), 69, "neither as a statement nor as an error"),
        (Forgery::Html { status: 200 }.into(), 69, "malformed"),
        (Forgery::Html { status: 502 }.into(), 69, "HTTP status 502"),
        (Forgery::Redirect.into(), 69, "HTTP status 302"),
        (Forgery::Gzip.into(), 0, ""),
    ];
    for (fault, code, words) in cases {
        counter.spoil(fault.clone());
        let ended = counter.download(&day, &[]);
        assert_eq!(ended.code, Some(code), "{fault:?}: {ended:?}");
        if code == 0 {
            // A packed body that says so is none the worse.
            std::fs::remove_file(counter.path("a.csv")).expect("a file");
        } else {
            ended.tells(words);
        }
        counter.has_no_file();
    }
}

#[test]
fn a_file_whose_rows_are_not_as_many_as_its_summary_says_is_kept_and_told() {
    let (counter, day) = shop(4);
    for (fault, rows) in [(Sheet::MissingRow, 3), (Sheet::DoubledRow, 5)] {
        counter.spoil(fault);
        let ended = counter.download(&day, &["--force", "--json"]).exits(1).tells(&format!("and {rows} are there"));
        let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
        assert_eq!((&document["rows"], &document["rows_said"]), (&rows.into(), &4.into()), "{document}");
    }
    // A digit that was altered shows only when the rows are added up, which is the reconciliation's work.
    counter.spoil(Sheet::FlippedDigit);
    counter.download(&day, &["--force"]).exits(0);
}

#[test]
fn what_wechat_refuses_has_its_exit_code_and_says_what_to_do() {
    let (counter, day) = shop(1);
    for (text, code, advice) in [
        ("当前商户号账单API权限已经关闭", 77, "ask WeChat Pay to allow it"),
        ("SIGN ERROR", 78, "check gateway.appid"),
        ("invalid bill_date", 65, "three months"),
        ("system error", 75, "try again later"),
        ("the moon is full", 75, "the moon is full"),
    ] {
        counter.spoil(Deed::ReturnFail { text: text.into(), does: false });
        counter.download(&day, &[]).exits(code).tells(text).tells(advice);
        counter.has_no_file();
    }
    // The wrong key, for real.
    counter.write("v2.key", "akeyofanothermerchant01234567890");
    counter.download(&day, &[]).exits(78).tells("SIGN ERROR").never_says("akeyofanothermerchant01234567890");
    counter.write("v2.key", "short");
    counter.download(&day, &[]).exits(78).tells("key_file");
}

#[test]
fn a_gateway_nobody_answers_at_is_not_reachable() {
    let counter = Counter::new();
    counter.download("2020-01-02", &[]).exits(69).tells("refused the connection");
    counter.has_no_file();
}

#[test]
fn interrupted_it_leaves_nothing_and_killed_it_leaves_nothing_under_the_name() {
    let (counter, day) = shop(2000);
    let file = counter.path("a.csv").display().to_string();
    let args = ["statement", "--day", &day, "--anyway", "-o", &file];
    counter.sim().add(Rule::always(Op::Statement, Delivery::Drip { ms: 2 }));
    let begun = || {
        let running = counter.start(&args, None);
        while counter.parts().is_empty() || written(&counter) == 0 {
            std::thread::yield_now();
        }
        running
    };
    let running = begun();
    running.interrupt();
    running.end().exits(75).tells("no file was made");
    counter.has_no_file();
    begun().kill();
    assert!(!counter.path("a.csv").exists());
    let parts = counter.parts();
    assert!(parts.len() == 1 && parts[0].starts_with(".a.csv."), "{parts:?}");
    // What was left does not stand in the way.
    counter.sim().heal();
    counter.shroff(&args).exits(0);
}

/// Bytes in the file that has not landed.
fn written(counter: &Counter) -> u64 {
    counter.parts().first().and_then(|name| counter.path(name).metadata().ok()).map_or(0, |meta| meta.len())
}

#[test]
fn a_full_disk_and_a_folder_that_takes_nothing_are_told_apart() {
    let (counter, day) = shop(500);
    let file = counter.path("a.csv").display().to_string();
    let args = ["statement", "--day", &day, "--anyway", "-o", &file];
    // Without the signal, a file that may not grow is an error of the write, as on a full disk.
    limited(&counter, "trap '' XFSZ; ulimit -f 32", &args).exits(74).tells("the statement cannot be written down");
    counter.has_no_file();
    counter.shroff(&["statement", "--day", &day, "--anyway", "-o", "/no/such/folder/a.csv"]).exits(74).tells("beside");
    counter.download(&day, &[]).exits(0);
}

#[test]
fn a_statement_larger_than_the_memory_there_is_goes_through() {
    let rows: u64 = 400_000;
    let row = format!("{}\r\n", vec!["`0"; 27].join(",")).replace("`0", "`0123456789");
    let total = format!("总交易单数,订单总金额\r\n`{rows}.0,`0.0\r\n");
    let head = "交易时间,公众账号ID\r\n";
    let length = u64::try_from(head.len() + total.len() + row.len() * 400_000).expect("a length");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let gateway = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut asked = vec![0; 4096];
        while !asked.ends_with(b"</xml>") {
            let read = stream.read(&mut asked).expect("a request");
            asked.truncate(read);
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}").expect("a head");
        let rows = row.repeat(1000);
        (0..400).for_each(|_| stream.write_all(rows.as_bytes()).expect("rows"));
        stream.write_all(total.as_bytes()).expect("a summary");
    });
    let counter = Counter::new();
    let config = std::fs::read_to_string(counter.path("config.toml")).expect("a file");
    counter.write("config.toml", &config.replace("http://127.0.0.1:9", &url));
    let file = counter.path("a.csv").display().to_string();
    let args = ["statement", "--day", "2020-01-02", "-o", &file, "--json"];
    // 120 MB, in 48 MiB of memory for data.
    let ended = limited(&counter, "ulimit -d 49152", &args).exits(0);
    gateway.join().expect("it served");
    let document: serde_json::Value = serde_json::from_str(&ended.out).expect("one document");
    assert_eq!((&document["rows"], &document["bytes"]), (&rows.into(), &length.into()), "{document}");
    assert!(length > 120_000_000, "{length}");
}

/// Runs `shroff` in a shell that has set a limit.
fn limited(counter: &Counter, limit: &str, args: &[&str]) -> Ended {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{limit}; exec \"$@\""), "bash", env!("CARGO_BIN_EXE_shroff")]);
    ended(command.args(args).arg("--config").arg(counter.path("config.toml")))
}

/// Runs `shroff` in `folder`.
fn here(counter: &Counter, folder: &Path, args: &[&str]) -> Ended {
    ended(shroff().args(args).arg("--config").arg(counter.path("config.toml")).current_dir(folder))
}

fn ended(command: &mut Command) -> Ended {
    let output = command.output().expect("an end");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

#[test]
fn on_a_terminal_it_shows_how_far_it_has_come() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let (counter, day) = shop(100);
    counter.spoil(Delivery::Delay { ms: 700 });
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&terminal).expect("ours");
    unlockpt(&terminal).expect("unlocked");
    let name = ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("a path");
    let screen = std::fs::File::options().write(true).open(name).expect("the other end");
    let mut command = shroff();
    let file = counter.path("a.csv");
    command.args(["statement", "--day", &day, "--anyway", "-o"]).arg(file).arg("--config");
    command.arg(counter.path("config.toml")).stdout(std::process::Stdio::null()).stderr(screen);
    let mut child = command.spawn().expect("shroff");
    drop(command);
    let status = child.wait().expect("an end");
    assert_eq!(status.code(), Some(0));
    let mut shown = vec![0; 65_536];
    let read = std::fs::File::from(terminal).read(&mut shown).expect("what was shown");
    let shown = String::from_utf8_lossy(&shown[..read]).into_owned();
    assert!(shown.contains(&format!("statement of {day}")), "{shown:?}");
    assert!(!shown.contains("\u{1b}[3"), "no colours: {shown:?}");
}
