//! A restore that is interrupted anywhere: nothing is lost, nothing half is opened, and the next one goes on.

use std::io;
use std::path::Path;

use rusqlite::Connection;
use shroff::ledger::{Birth, Ledger, LedgerError, Reader, Restore, Stage};
use shroff::words::{Secret, WallTime};

const NOW: WallTime = WallTime::from_millis(1_795_239_506_000);

fn open(path: &Path) -> Result<Ledger, LedgerError> {
    let terminal = "T01".parse().expect("an id");
    Ledger::open(path, Birth { terminal, mark: "BRANDNEW".into(), salt: Secret::new(vec![9; 32]) })
}

/// A ledger with payments, a backup of it, and what was written after the backup, part of it in the WAL only.
fn shop(into: &Path) -> u64 {
    let before = tempfile::tempdir().expect("a folder");
    let folder = before.path();
    let path = folder.join("ledger.sqlite");
    let db = Connection::open(&path).expect("a file");
    db.execute_batch(include_str!("../data/ledger-0001.sql")).expect("the old ledger");
    drop(db);
    let mut ledger = open(&path).expect("it opens");
    std::fs::write(folder.join("backup"), "").expect("a file");
    let reader = Reader::open(&path).expect("it reads");
    let (_, report) = reader.backup(&folder.join("backup"), &mut |_, _| {}).expect("a backup");
    assert_eq!(report.findings, []);
    let paid = reader.attention().expect("a list").first().expect("a paid one").record.facts.reference.clone();
    assert!(ledger.acknowledge(&paid, NOW).expect("a save"));
    let seq = ledger.seq();
    // As after a power cut: the WAL is not in the file yet.
    for name in ["ledger.sqlite", "ledger.sqlite-wal", "backup"] {
        std::fs::copy(folder.join(name), into.join(name)).expect("a copy");
    }
    seq
}

#[test]
fn a_power_cut_at_any_stage_loses_nothing() {
    let stages = [Stage::Copied, Stage::Kept, Stage::Noted, Stage::Cleared, Stage::Placed, Stage::Done];
    for cut in stages {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, backup) = (folder.path().join("ledger.sqlite"), folder.path().join("backup"));
        let seq = shop(folder.path());
        let restore = Restore::look(&path, &backup).expect("both are there");
        assert_eq!((restore.lost.len(), restore.lost[0].known), (1, true), "{cut:?}");
        let told = &mut |stage| if stage == cut { Err(io::Error::other("power cut")) } else { Ok(()) };
        restore.finish("N3WM4RK1", NOW, told).expect_err("cut");

        let begun = !matches!(cut, Stage::Copied | Stage::Kept);
        let half = begun && cut != Stage::Done;
        match (open(&path), Reader::open(&path)) {
            (Err(LedgerError::Unfinished(_)), Err(LedgerError::Unfinished(_))) => assert!(half, "{cut:?}"),
            (Ok(ledger), Ok(_)) if begun => assert!(!half && ledger.seq() < seq + 2, "{cut:?}"),
            (Ok(ledger), Ok(_)) => assert_eq!(ledger.seq(), seq, "{cut:?}: the old one, to its last line"),
            other => panic!("{cut:?}: {other:?}"),
        }
        // Again, to its end.
        let restore = Restore::look(&path, &backup).expect("both are there");
        let done = restore.finish("N3WM4RK2", NOW, &mut |_| Ok(())).expect("restored");
        let kept = done.kept.expect("the old one is kept");
        let restored = Reader::open(&path).expect("it opens");
        assert_eq!(restored.standing().expect("a head").mark, "N3WM4RK2");
        assert_eq!(restored.verify(&mut |_| {}).expect("it reads").findings, [], "{cut:?}");
        assert_eq!(restored.went_back().expect("a list")[0].event, "restored");
        // What was there before the first try stands beside it, to its last line.
        let all: Vec<_> =
            std::fs::read_dir(folder.path()).expect("a folder").map(|it| it.expect("one").path()).collect();
        let whole = all.iter().filter(|it| {
            let name = it.file_name().expect("a name").to_string_lossy().into_owned();
            name.starts_with("ledger.sqlite.before-") && !name.ends_with("-wal") && !name.ends_with("-shm")
        });
        let old = whole.filter_map(|it| Reader::open(it).ok()?.standing().ok());
        let old = old.filter(|standing| standing.mark == "K7Q2M9XB").map(|standing| standing.seq).max();
        assert_eq!(old, Some(seq), "{cut:?}: {kept:?} {all:?}");
    }
}

#[test]
fn a_copy_from_before_a_restore_is_noticed_in_the_ledgers_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, backup) = (folder.path().join("ledger.sqlite"), folder.path().join("backup"));
    shop(folder.path());
    let restore = Restore::look(&path, &backup).expect("both are there");
    restore.finish("N3WM4RK1", NOW, &mut |_| Ok(())).expect("restored");
    assert!(!open(&path).expect("it opens").went_back());
    for more in ["-wal", "-shm"] {
        drop(std::fs::remove_file(folder.path().join(format!("ledger.sqlite{more}"))));
    }
    std::fs::copy(&backup, &path).expect("a copy");
    assert!(open(&path).expect("it opens").went_back());
    assert_eq!(Reader::open(&path).expect("it reads").standing().expect("a head").mark, "BRANDNEW");
    assert!(!open(&path).expect("it opens").went_back(), "once is enough");
}

#[test]
fn an_idle_moment_is_enough_to_notice_an_older_copy_after_a_kill() {
    let (before, after) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let path = before.path().join("ledger.sqlite");
    let db = Connection::open(&path).expect("a file");
    db.execute_batch(include_str!("../data/ledger-0001.sql")).expect("the old ledger");
    drop(db);
    let mut ledger = open(&path).expect("it opens");
    let reader = Reader::open(&path).expect("it reads");
    std::fs::write(after.path().join("ledger.sqlite"), "").expect("a file");
    reader.backup(&after.path().join("ledger.sqlite"), &mut |_, _| {}).expect("a backup");
    let paid = reader.attention().expect("a list").first().expect("a paid one").record.facts.reference.clone();
    assert!(ledger.acknowledge(&paid, NOW).expect("a save"));
    ledger.tidy(true).expect("no trouble");
    // The process is killed here: what it would write at its end is not written.
    std::fs::copy(before.path().join("ledger.sqlite.witness"), after.path().join("ledger.sqlite.witness"))
        .expect("a witness");
    assert!(open(&after.path().join("ledger.sqlite")).expect("it opens").went_back());
}

#[test]
fn a_ledger_that_cannot_be_copied_is_moved_aside_wherever_the_power_fails() {
    for cut in [None, Some(Stage::Kept), Some(Stage::Noted), Some(Stage::Cleared), Some(Stage::Placed)] {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, backup) = (folder.path().join("ledger.sqlite"), folder.path().join("backup"));
        shop(folder.path());
        let before = std::fs::read(&path).expect("the old one");
        // A folder in the WAL's place cannot be copied, as a file with a bad block cannot.
        let wal = folder.path().join("ledger.sqlite-wal");
        std::fs::remove_file(&wal).expect("the WAL");
        std::fs::create_dir(&wal).expect("a folder");
        let told = &mut |stage| if Some(stage) == cut { Err(io::Error::other("power cut")) } else { Ok(()) };
        let mut done = Restore::look(&path, &backup).expect("both are there").finish("N3WM4RK1", NOW, told);
        if cut.is_some() {
            done.expect_err("cut");
            let restore = Restore::look(&path, &backup).expect("both are there");
            done = restore.finish("N3WM4RK2", NOW, &mut |_| Ok(()));
        }
        let kept = done.expect("restored").kept.expect("the old one is kept");
        assert_eq!(std::fs::read(&kept).expect("the old one"), before, "{cut:?}");
        assert!(Reader::open(&path).expect("it opens").verify(&mut |_| {}).expect("it reads").findings.is_empty());
    }
}
