//! A disk that refuses a commit when it is told to. SQLite itself fails it, at COMMIT, so nothing in the product knows.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// A ledger's file in a folder of its own.
pub(crate) struct BadDisk {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl BadDisk {
    /// What the ledger says of such a commit.
    pub(crate) const ERROR: &str = "the ledger failed";

    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.sqlite");
        Self { folder, path }
    }

    /// Where the ledger lies. There is none before it was opened.
    pub(crate) fn path(&self) -> &Path {
        assert!(self.folder.path().exists(), "the folder lives as long as the disk");
        &self.path
    }

    /// No commit that holds journal line `line` or a later one succeeds.
    pub(crate) fn fails_from(&self, line: u64) {
        self.refuse("AFTER", &format!("NEW.seq >= {line}"));
    }

    /// The first commit that begins with journal line `line` fails; the same one tried again would succeed. A rollback
    /// does not take back the last rowid, so that the second try can be told apart. It must be no payment's first line.
    pub(crate) fn fails_once_at(&self, line: u64) {
        self.refuse("BEFORE", &format!("NEW.seq = {line} AND last_insert_rowid() < {line}"));
    }

    /// Commits succeed again.
    pub(crate) fn mend(&self) {
        self.run("DROP TRIGGER IF EXISTS bad_disk; DROP TABLE IF EXISTS bad_disk_debts; DROP TABLE IF EXISTS bad_disk_means;");
    }

    /// A foreign key that is looked at only by COMMIT, and owes.
    fn refuse(&self, moment: &str, condition: &str) {
        self.run(&format!(
            "CREATE TABLE bad_disk_means (id INTEGER PRIMARY KEY);
             CREATE TABLE bad_disk_debts (id INTEGER REFERENCES bad_disk_means (id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER bad_disk {moment} INSERT ON journal WHEN {condition}
             BEGIN INSERT INTO bad_disk_debts VALUES (1); END;"
        ));
    }

    fn run(&self, sql: &str) {
        let db = Connection::open(&self.path).expect("the ledger's file");
        db.execute_batch(sql).expect("a second writer");
    }
}
