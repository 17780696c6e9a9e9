//! Commands that read the ledger itself, with the daemon stopped.

use super::CODE;
use super::counter::Counter;

/// A counter whose daemon took one payment that nobody acknowledged, left another armed, and was killed.
fn after_a_power_cut() -> Counter {
    let mut counter = Counter::with_gateway();
    counter.open();
    let paid = format!(r#"{{"client_ref":"R-1","amount":8800,"auth_code":"{CODE}"}}"#);
    let answer = counter.api().post("/v1/payments", &paid);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let mut payment = answer.json();
    while payment["final"] != true {
        let path = format!("/v1/payments/{}?wait=25&after={}", payment["ref"].as_str().expect("a ref"), payment["seq"]);
        payment = counter.api().get(&path).json();
    }
    assert_eq!(payment["state"], "paid", "{payment}");
    assert_eq!(counter.api().post("/v1/payments", r#"{"client_ref":"R-2","amount":100}"#).status, 201);
    counter.kill_daemon();
    counter
}

#[test]
fn payments_are_listed_newest_first_and_as_the_api_has_them() {
    let counter = after_a_power_cut();
    let list = counter.shroff(&["payments"]).exits(0).never_says(CODE);
    let lines: Vec<&str> = list.out.lines().collect();
    assert_eq!(lines.len(), 3, "{list:?}");
    assert!(lines[1].contains("R-2") && lines[1].contains("armed") && lines[1].contains("HKD 1.00"), "{list:?}");
    assert!(lines[2].contains("R-1") && lines[2].contains("paid") && lines[2].contains("HKD 88.00"), "{list:?}");
    let open = counter.json(&["payments", "--open", "--json"]);
    assert_eq!(open["payments"][0]["client_ref"], "R-2", "{open}");
    assert_eq!(open["payments"].as_array().map(Vec::len), Some(1));
    let page = counter.json(&["payments", "--limit", "1", "--json"]);
    assert_eq!(page["next_before"], page["payments"][0]["ref"], "{page}");
    counter.shroff(&["payments", "--limit", "1"]).exits(0).tells("there are more");
    counter.shroff(&["payments", "--day", "2001-01-01"]).exits(0).tells("no payments");
    counter.shroff(&["payments", "--day", "today"]).exits(2).tells("year-month-day");
    counter.shroff(&["payments", "--limit", "0"]).exits(2);
}

#[test]
fn a_payment_is_shown_with_its_attempts_and_its_journal() {
    let counter = after_a_power_cut();
    let shown = counter.shroff(&["show", "R-1"]).exits(0).never_says(CODE);
    let shown = shown.prints("HKD 88.00").prints("..1395").prints("answered").prints("op=pay").prints("said=paid");
    let reference = shown.out.lines().next().and_then(|line| line.split_whitespace().nth(1)).expect("a ref");
    let document = counter.json(&["show", reference, "--json"]);
    assert_eq!((&document["client_ref"], &document["acked"]), (&"R-1".into(), &false.into()), "{document}");
    assert_eq!(document["attempts"][0]["code_hint"], "1395");
    counter.shroff(&["show", "R-3"]).exits(65).tells("no money moved");
    counter.shroff(&["show", CODE]).exits(65).never_says(CODE);
}

#[test]
fn what_was_paid_and_never_acknowledged_needs_attention() {
    let counter = after_a_power_cut();
    counter.shroff(&["attention"]).exits(1).prints("not_acknowledged").prints("R-1");
    let document = counter.json(&["attention", "--json"]);
    assert_eq!(document["attention"][0]["payment"]["client_ref"], "R-1", "{document}");
}

#[test]
fn a_ledger_that_was_touched_is_found_out() {
    let counter = after_a_power_cut();
    counter.shroff(&["verify"]).exits(0).prints("fine: ");
    let db = rusqlite::Connection::open(counter.path("ledger.sqlite")).expect("the ledger");
    db.execute("UPDATE payments SET amount = 1 WHERE client_ref = 'R-1'", []).expect("a forgery");
    db.close().expect("closed");
    counter.shroff(&["verify"]).exits(1).prints("was altered outside the journal");
    let document = counter.json(&["verify", "--json"]);
    assert_eq!((&document["fine"], document["findings"].as_array().map(Vec::len)), (&false.into(), Some(1)));
}

#[test]
fn a_ledger_that_is_not_there_or_none_is_told_apart() {
    let counter = Counter::new();
    for command in ["payments", "attention", "verify"] {
        counter.shroff(&[command]).exits(74).tells("there is no ledger at");
    }
    counter.write(
        "ledger.sqlite",
        "this is a shopping list, and as long as a header of SQLite: milk, eggs, flour, butter, salt, yeast",
    );
    counter.shroff(&["payments"]).exits(65).tells("damaged");
}

#[test]
fn the_daemon_keeps_sqlites_lock_on_the_ledger() {
    use std::os::unix::fs::MetadataExt as _;
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.sells("R-1", CODE, "paid");
    assert_eq!(counter.api().get("/v1/payments").status, 200);
    // SQLite's SHARED lock of its whole life: 510 bytes from 2^30 + 2 on. Without it an older SQLite, Debian's sqlite3 for
    // one, that looks into the ledger believes when it leaves that it was alone, and removes the WAL under the daemon.
    let inode = std::fs::metadata(counter.path("ledger.sqlite")).expect("the ledger").ino();
    let locks = std::fs::read_to_string("/proc/locks").expect("the kernel's locks");
    let held = locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "POSIX", _, "READ", _, file, "1073741826", _] = words[..] else { return false };
        file.ends_with(&format!(":{inode}"))
    });
    assert!(held, "{inode}: {locks}");
}

#[test]
fn a_start_on_a_full_disk_fails_and_leaves_no_trace() {
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.sells("R-1", CODE, "paid");
    counter.kill_daemon();
    let wal = std::fs::metadata(counter.path("ledger.sqlite-wal")).expect("a WAL").len();
    assert!(wal > 32 << 10, "{wal} B may grow, and nothing fails");
    let config = counter.path("config.toml");
    for _ in 0..2 {
        // Nothing may grow beyond the shared memory's 32 KiB.
        let mut full = std::process::Command::new("timeout");
        full.args(["30", "bash"]);
        full.args([
            "-c",
            "trap '' XFSZ; ulimit -f 32; exec \"$@\"",
            "bash",
            env!("CARGO_BIN_EXE_shroff"),
            "serve",
            "--config",
        ]);
        let ended = full.arg(&config).output().expect("it ends by itself");
        assert_eq!(ended.status.code(), Some(74), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    counter.open();
    counter.sells("R-2", "130000517967681396", "paid");
    let db = rusqlite::Connection::open(counter.path("ledger.sqlite")).expect("the ledger");
    let turns: u32 =
        db.query_row("SELECT count(*) FROM journal WHERE payment = ''", [], |row| row.get(0)).expect("a count");
    assert_eq!(turns, 0, "it is taken for an older copy of itself");
}
