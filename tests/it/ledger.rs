//! Ledgers of older programs, and refunds in the ledger's own file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use shroff::ledger::{Birth, Finding, Ledger, LedgerError, Movements, Reader, keep_reconciled_offline};
use shroff::payment::answer::{RefundAnswer, RefundQueryAnswer, RefundReceipt};
use shroff::payment::{Answer, Heard, Op, Policy, RefundState, State};
use shroff::reconcile::{Book as _, Days, LedgerLine, Standing};
use shroff::till::{NewRefund, Outgoing, Refusal, Settings, Till};
use shroff::words::{Now, Secret, Tick, WallTime};

/// 2026-11-21 11:38:26 in Hong Kong, when that ledger was last written.
const WRITTEN: i64 = 1_795_232_306_000;

/// A ledger as the first version left it.
fn old(folder: &Path) -> PathBuf {
    let path = folder.join("ledger.sqlite");
    let db = Connection::open(&path).expect("a file");
    db.execute_batch(include_str!("../data/ledger-0001.sql")).expect("the old ledger");
    path
}

fn open(path: &Path) -> Till {
    let birth =
        Birth { terminal: "T01".parse().expect("an id"), mark: "OTHERONE".into(), salt: Secret::new(vec![9; 32]) };
    let settings = Settings {
        policy: Policy { jitter_permille: 0, ..Policy::default() },
        lanes: vec!["1".parse().expect("a lane")],
        currency: "HKD".parse().expect("a currency"),
        amount_max: 5_000_000,
        description: "Dining Hall".into(),
        operator_max: None,
        notify_url: None,
    };
    Till::open(Ledger::open(path, birth).expect("it opens"), settings, 1, at(0)).expect("a till")
}

fn at(seconds: u64) -> Now {
    let tick = Tick::default().after(Duration::from_secs(seconds));
    Now { tick, wall: WallTime::from_millis(WRITTEN).after(Duration::from_secs(3600 + seconds)) }
}

fn ask(payment: &str, name: &str, amount: Option<u64>) -> NewRefund {
    NewRefund {
        payment: payment.parse().expect("a ref"),
        reference: name.parse().expect("a refund_ref"),
        amount,
        reason: "wrong dish".into(),
        operator: Some("Mei".into()),
        supervised: false,
    }
}

/// A refund from the request to the payer's pocket.
fn refunds(till: &mut Till, payment: &str, name: &str, amount: Option<u64>, from: u64) {
    let returned = till.refund(ask(payment, name, amount), at(from)).expect("a save").expect("accepted");
    assert!(returned.new);
    let mut out: Vec<Outgoing> = returned.out;
    let mut now = from;
    loop {
        for call in std::mem::take(&mut out) {
            let answer = match call.call.ask.op() {
                Op::Refund => Answer::Refund(RefundAnswer::Accepted),
                Op::RefundQuery => {
                    let refund_id = Some("50300099990000000000000001".parse().expect("an id"));
                    let refunded_at = Some(at(now).wall);
                    Answer::RefundQuery(RefundQueryAnswer::Refunded(RefundReceipt { refund_id, refunded_at }))
                }
                // The payment that was open is another story.
                Op::Pay | Op::Query | Op::Reverse => continue,
            };
            out.extend(till.hear(call.id, &Heard::Answer(answer), None, at(now)).expect("a save"));
        }
        if out.is_empty() && till.open_refunds() == 0 {
            return;
        }
        now += 1;
        assert!(now < from + 200, "it is never settled");
        out.extend(till.wake(at(now)).expect("a save"));
    }
}

#[test]
fn a_ledger_of_the_first_version_is_read_opened_verified_and_refunded_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = old(folder.path());
    // Before a daemon of this version has opened it, commands read it all the same.
    let reader = Reader::open(&path).expect("readable");
    assert!(reader.verify(&mut |_| ()).expect("readable").findings.is_empty());
    assert!(reader.refunds_in_need().expect("readable").is_empty());
    assert!(reader.refund(&"one".parse().expect("a name")).expect("readable").is_none());
    let before = reader.payments(&shroff::ledger::Filter::default()).expect("readable");
    assert_eq!(before.len(), 4);
    let day = shroff::words::Day::of(WallTime::from_millis(WRITTEN));
    let paid = |path: &Path| {
        let mut days = Days::default();
        days.add(day, true, true);
        let mut paid = 0;
        let mut count = |line: &LedgerLine<&str>| paid += u32::from(line.standing == Standing::Done);
        Movements::open(path).expect("readable").moved(&days, &mut count).expect("readable");
        paid
    };
    let long_after = shroff::words::Day::of(WallTime::from_millis(WRITTEN + 70 * 86_400_000));
    assert_eq!(reader.reconciled(day).expect("readable"), None);
    assert_eq!(reader.unreconciled_days(long_after).expect("readable"), [day]);
    let paid_before = paid(&path);
    assert!(paid_before > 0);
    std::fs::write(path.with_extension("sqlite.lock"), "").expect("a lock");
    let refused = keep_reconciled_offline(&path, &[], at(0).wall).expect_err("an older schema");
    assert!(refused.to_string().contains("the daemon brings it up to date"), "{refused}");

    let mut till = open(&path);
    let after = Reader::open(&path).expect("readable").payments(&shroff::ledger::Filter::default()).expect("readable");
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(
            (&before.record, before.refunded),
            (&after.record, after.refunded),
            "nothing was changed by opening"
        );
    }
    assert_eq!(paid(&path), paid_before);
    assert_eq!(Reader::open(&path).expect("readable").unreconciled_days(long_after).expect("readable"), [day]);
    assert!(matches!(keep_reconciled_offline(&path, &[], at(0).wall), Err(LedgerError::Locked(_))));
    assert_eq!(till.unsettled(), 1, "the one whose payer is at the prompt is still asked about");
    refunds(&mut till, "T01-K7Q2M9XB-00000001", "one", Some(1_000), 100);
    refunds(&mut till, "T01-K7Q2M9XB-00000003", "two", None, 400);
    let report = till.ledger().verify(&mut |_| ()).expect("readable");
    assert_eq!((report.findings.as_slice(), report.refunds, report.payments), (&[][..], 2, 4));
    let payment = |name: &str| till.ledger().payment(&name.parse().expect("a ref")).expect("readable").expect("there");
    let (part, all) = (payment("T01-K7Q2M9XB-00000001"), payment("T01-K7Q2M9XB-00000003"));
    assert_eq!((part.record.state, part.refunded), (State::PartiallyRefunded, 1_000));
    assert_eq!((all.record.state, all.refunded), (State::Refunded, 8_802));
    assert!(all.acked_at.is_some(), "acknowledged before, and still");
    // The mark it was born with goes on: a number is never given twice.
    let one = till.ledger().refund(&"one".parse().expect("a name")).expect("readable").expect("there");
    assert_eq!(one.record.facts.out_refund_no.as_str(), "T01K7Q2M9XB00000009F");
    let day = Reader::open(&path).expect("readable").refunds_between(at(0).wall, at(300).wall).expect("readable");
    assert_eq!(day.iter().map(|row| row.record.facts.reference.as_str()).collect::<Vec<_>>(), ["one"]);
    assert_eq!(
        till.refund(ask("T01-K7Q2M9XB-00000005", "no", None), at(900)).expect("a save").err(),
        Some(Refusal::NotPaid)
    );
}

#[test]
fn a_ledger_is_brought_up_to_date_as_a_copy_and_the_old_one_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = old(folder.path());
    let before = verified(&path);
    drop(open(&path));
    let kept = folder.path().join("ledger.sqlite.v1");
    assert_eq!((version(&kept), verified(&kept)), (1, before.clone()), "the old one");
    assert!(version(&path) > 1);
    let after = verified(&path);
    assert_eq!((after.payments, after.attempts, &after.findings), (before.payments, before.attempts, &vec![]));
    for file in [&path, &kept] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("a file").permissions());
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|it| it.expect("a file").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("migrating")), "{left:?}");
    // The second start has nothing to do.
    std::fs::remove_file(&kept).expect("removed");
    drop(open(&path));
    assert!(!kept.exists());
}

#[test]
fn what_root_brings_up_to_date_stays_with_the_owner_of_its_folder() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    if !rustix::process::geteuid().is_root() {
        return; // Only root can leave a file that is another's.
    }
    const OTHER: u32 = 54_321;
    let folder = tempfile::tempdir().expect("a folder");
    let path = old(folder.path());
    for owned in [folder.path(), &path] {
        chown(owned, Some(OTHER), Some(OTHER)).expect("given away");
    }
    drop(open(&path));
    assert!(version(&path) > 1);
    for file in std::fs::read_dir(folder.path()).expect("a folder") {
        let file = file.expect("a file");
        let meta = file.metadata().expect("a file");
        assert_eq!((meta.uid(), meta.gid()), (OTHER, OTHER), "{}", file.path().display());
    }
}

#[test]
fn wherever_bringing_it_up_to_date_was_interrupted_the_next_start_does_it() {
    type State = fn(&Path);
    let states: [(&str, State); 4] = [
        ("half a copy", |path| std::fs::write(path.with_extension("sqlite.migrating"), "half").expect("a file")),
        ("a copy with a journal of its own", |path| {
            std::fs::copy(path, path.with_extension("sqlite.migrating")).expect("a copy");
            std::fs::write(path.with_extension("sqlite.migrating-journal"), "half").expect("a file");
        }),
        ("before the rename", |path| {
            std::fs::hard_link(path, path.with_extension("sqlite.v1")).expect("a second name");
        }),
        ("with its last writes in the WAL", |path| {
            let db = Connection::open(path).expect("the file");
            db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;").expect("WAL");
            db.execute("UPDATE head SET starts = starts + 1", []).expect("a write");
            // As a killed process leaves it: copied with its WAL, then put back.
            let wal = path.with_extension("sqlite-wal");
            let (main, log) = (std::fs::read(path).expect("a file"), std::fs::read(&wal).expect("a WAL"));
            drop(db);
            std::fs::write(path, main).expect("a file");
            std::fs::write(wal, log).expect("a WAL");
        }),
    ];
    for (what, state) in states {
        let folder = tempfile::tempdir().expect("a folder");
        let path = old(folder.path());
        let before = verified(&path);
        state(&path);
        let starts: i64 = asked(&path, "SELECT starts FROM head");
        drop(open(&path));
        let after = verified(&path);
        assert_eq!((after.lines, after.payments, &after.findings), (before.lines, before.payments, &vec![]), "{what}");
        assert_eq!(asked(&path, "SELECT starts FROM head"), starts + 1, "{what}");
        assert_eq!(version(&folder.path().join("ledger.sqlite.v1")), 1, "{what}");
    }
}

#[test]
fn what_cannot_be_brought_up_to_date_stays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = old(folder.path());
    let before = verified(&path);
    let stands_there = folder.path().join("ledger.sqlite.migrating");
    std::fs::create_dir_all(stands_there.join("full")).expect("a folder");
    Ledger::open(&path, birth()).expect_err("no room for a copy");
    std::fs::remove_dir_all(&stands_there).expect("removed");
    assert_eq!((version(&path), verified(&path)), (1, before));

    // What was altered before stays altered and does not keep the shop from selling.
    let db = Connection::open(&path).expect("the file");
    db.execute_batch("UPDATE payments SET operator = 'Somebody'").expect("altered");
    drop(db);
    let altered = verified(&path).findings;
    assert!(!altered.is_empty());
    drop(open(&path));
    assert_eq!(verified(&path).findings, altered);
}

#[test]
fn while_somebody_reads_an_old_ledger_it_stays_as_it_is_and_is_brought_up_to_date_afterwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = old(folder.path());
    let reader = Connection::open(&path).expect("the file");
    reader.execute_batch("PRAGMA journal_mode = WAL; UPDATE head SET starts = starts + 1; BEGIN").expect("WAL");
    let seen: i64 = reader.query_row("SELECT starts FROM head", [], |row| row.get(0)).expect("a read");
    let error = Ledger::open(&path, birth()).expect_err("it is read").to_string();
    assert!(error.contains("while another program reads it"), "{error}");
    assert_eq!((version(&path), folder.path().join("ledger.sqlite.migrating").exists()), (1, false));
    drop(reader);
    drop(open(&path));
    assert_eq!(
        (version(&folder.path().join("ledger.sqlite.v1")), asked(&path, "SELECT starts FROM head")),
        (1, seen + 1)
    );
    assert_eq!(verified(&path).findings, []);
}

fn birth() -> Birth {
    Birth { terminal: "T01".parse().expect("an id"), mark: "OTHERONE".into(), salt: Secret::new(vec![9; 32]) }
}

fn verified(path: &Path) -> shroff::ledger::Report {
    Reader::open(path).expect("it opens").verify(&mut |_| ()).expect("a report")
}

fn version(path: &Path) -> i64 {
    asked(path, "PRAGMA user_version")
}

fn asked(path: &Path, sql: &'static str) -> i64 {
    let db = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file");
    db.query_row(sql, [], |row| row.get(0)).expect("an answer")
}

#[test]
fn a_ledger_that_is_newer_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = old(folder.path());
    drop(open(&path));
    let db = Connection::open(&path).expect("the file");
    let known: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
    db.pragma_update(None, "user_version", known + 1).expect("a version");
    drop(db);
    let birth =
        Birth { terminal: "T01".parse().expect("an id"), mark: "OTHERONE".into(), salt: Secret::new(vec![9; 32]) };
    let error = Ledger::open(&path, birth).expect_err("newer").to_string();
    assert!(error.contains("install the newer shroff"), "{error}");
}

#[test]
fn whatever_is_altered_about_a_refund_is_found() {
    type Expected = fn(&Finding) -> bool;
    let cases: [(&str, Expected); 7] = [
        ("UPDATE refunds SET amount = amount - 1", |it| matches!(it, Finding::Refund(_) | Finding::RefundSum(..))),
        (
            "UPDATE refunds SET reason = 'none of your business'",
            |it| matches!(it, Finding::Refund(name) if name == "one"),
        ),
        ("UPDATE refunds SET operator = 'Somebody'", |it| matches!(it, Finding::Refund(_))),
        ("UPDATE refunds SET out_refund_no = 'T01K7Q2M9XB00000999F'", |it| matches!(it, Finding::Refund(_))),
        ("UPDATE payments SET refunded = 0 WHERE refunded > 0", |it| matches!(it, Finding::RefundSum(_, 0, 1_000))),
        ("UPDATE payments SET state = 'paid' WHERE state = 'partially_refunded'", |it| {
            matches!(it, Finding::Payment(_))
        }),
        ("DROP TRIGGER refunds_stay; DELETE FROM refunds", |it| matches!(it, Finding::Lost(name) if name == "one")),
    ];
    for (sql, expected) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let path = old(folder.path());
        let mut till = open(&path);
        refunds(&mut till, "T01-K7Q2M9XB-00000001", "one", Some(1_000), 100);
        drop(till);
        Connection::open(&path).expect("the file").execute_batch(sql).expect("an alteration");
        let findings = Reader::open(&path).expect("readable").verify(&mut |_| ()).expect("readable").findings;
        assert!(findings.iter().any(expected), "{sql}: {findings:?}");
    }
}

/// The till checks all of this first. Whatever gets past it must not get into the file.
#[test]
fn the_file_itself_refuses_a_refund_that_cannot_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = old(folder.path());
    let mut till = open(&path);
    refunds(&mut till, "T01-K7Q2M9XB-00000001", "one", Some(8_000), 100);
    drop(till);
    let db = Connection::open(&path).expect("the file");
    let copy = "INSERT INTO refunds SELECT 'two', 'T01-NUMBER-2', payment, out_trade_no, transaction_id, AMOUNT, total,
        currency, reason, operator, supervised, created_at, 'queued', '', 'requested', '', 0, 0, 0, '', '', '', '', NULL,
        NULL, NULL, NULL, 1, 'wait', NULL, NULL, updated_at, seq FROM refunds WHERE refund_ref = 'one'";
    for (sql, why) in [
        (copy.replace("AMOUNT", "802"), "more than the payment"),
        (copy.replace("AMOUNT", "0"), "CHECK"),
        (copy.replace("AMOUNT", "801").replace("'two'", "'one'"), "UNIQUE"),
        ("UPDATE refunds SET open = 1, state = 'requested', outcome = ''".to_owned(), "stays settled"),
        ("UPDATE refunds SET state = 'failed'".to_owned(), "stays settled"),
        ("DELETE FROM refunds".to_owned(), "refunds are kept"),
    ] {
        let error = db.execute(&sql, []).expect_err(&sql).to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
    db.execute(&copy.replace("AMOUNT", "801"), []).expect("what is left may go back");
}

#[test]
fn fifty_parts_are_the_most_and_a_year_is_the_longest() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut till = open(&old(folder.path()));
    let payment = "T01-K7Q2M9XB-00000001";
    let mut now = 100;
    for part in 0..50 {
        refunds(&mut till, payment, &format!("part-{part}"), Some(1), now);
        now += 200;
    }
    let more = till.refund(ask(payment, "part-50", Some(1)), at(now)).expect("a save");
    assert_eq!(more.err(), Some(Refusal::TooManyRefunds));
    let other = "T01-K7Q2M9XB-00000003";
    let year = |days: u64| Now { wall: at(0).wall.after(Duration::from_secs(days * 24 * 3600)), ..at(now) };
    assert_eq!(till.refund(ask(other, "late", None), year(366)).expect("a save").err(), Some(Refusal::TooOld));
    assert!(till.refund(ask(other, "late", None), year(364)).expect("a save").is_ok());
    let row = till.ledger().refund(&"late".parse().expect("a name")).expect("readable").expect("there");
    assert_eq!(row.record.state, RefundState::Requested);
}
