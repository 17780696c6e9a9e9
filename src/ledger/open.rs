//! Opening: permissions, lock, version, pragmas, migrations, and a first durable write that proves the disk.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::chain::{Hash, ROOT};
use super::error::LedgerError;
use super::lock::Lock;
use super::migrate;
use super::restore::note;
use super::standing::{go_on, remember, standing, was_further};
use crate::words::{Secret, TerminalId};

/// Older versions can corrupt a WAL file that two connections write and checkpoint (SQLite, "The WAL-reset bug").
const SQLITE_MIN: i32 = 3_051_003;
/// Migrations, oldest first; the file's `user_version` counts those it has seen.
pub(super) const MIGRATIONS: &[&str] =
    &[include_str!("schema/0001.sql"), include_str!("schema/0002.sql"), include_str!("schema/0003.sql")];
/// `O_NOFOLLOW` of Linux on every architecture we build for that has it at this value (x86-64, arm64 differ, so ask).
const NOFOLLOW: rustix::fs::OFlags = rustix::fs::OFlags::NOFOLLOW;

/// What a new ledger is born with. An existing one keeps its own.
#[derive(Debug)]
pub struct Birth {
    /// Begins every order number.
    pub terminal: TerminalId,
    /// Eight capital letters and digits, drawn by the dice.
    pub mark: String,
    /// Keys the hashes of payment codes.
    pub salt: Secret,
}

/// The one writer.
#[derive(Debug)]
pub struct Ledger {
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    pub(super) terminal: TerminalId,
    pub(super) mark: String,
    pub(super) salt: Secret,
    pub(super) counter: i64,
    pub(super) seq: i64,
    pub(super) hash: Hash,
    pub(super) starts: u64,
    pub(super) commits_since_checkpoint: u32,
    /// The last line that the witness knows of.
    pub(super) remembered: i64,
    went_back: bool,
    /// Held as long as the ledger is open; the kernel gives it back when the process dies.
    lock: Option<Lock>,
}

impl Ledger {
    /// Opens the ledger at `path` for writing, and makes it if there is none. When this returns, a durable write has
    /// succeeded.
    ///
    /// # Errors
    /// When another writer has it, it is newer, damaged, or cannot be written.
    pub fn open(path: &Path, birth: Birth) -> Result<Self, LedgerError> {
        let lock = prepare(path)?;
        let db = migrate::open_up_to_date(path)?;
        Self::begin(db, path, birth, Some(lock))
    }

    /// A ledger in memory, for simulations: the same SQLite, the same statements, no file.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn in_memory(birth: Birth) -> Result<Self, LedgerError> {
        Self::begin(Connection::open_in_memory()?, Path::new(":memory:"), birth, None)
    }

    fn begin(mut db: Connection, path: &Path, birth: Birth, lock: Option<Lock>) -> Result<Self, LedgerError> {
        fit_for_use(&db, lock.is_some())?;
        migrate::run(&mut db, |tx| {
            tx.execute(
                "INSERT INTO head (id, mark, salt, counter, starts, seq, hash) VALUES (1, ?1, ?2, 0, 0, 0, ?3)",
                params![birth.mark, birth.salt.expose(), ROOT],
            )?;
            Ok(())
        })?;
        let went_back = lock.is_some() && was_further(path, &standing(&db)?);
        if went_back {
            // When it was written last is all that is known of when this is; the journal's order is its numbers'.
            let at = standing(&db)?.written;
            go_on(&mut db, "older_copy", &birth.mark, false, at)?;
        }
        // Outside a transaction the commit comes when the row has been read, and its failure would be nobody's.
        let tx = db.transaction()?;
        let (mark, salt, counter, seq, hash, starts) = tx.query_row(
            "UPDATE head SET starts = starts + 1 WHERE id = 1 RETURNING mark, salt, counter, seq, hash, starts",
            [],
            |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)),
        )?;
        tx.commit()?;
        let mark: String = mark;
        if lock.is_some() {
            remember(path, &mark, starts, seq);
            witness_belongs(path);
        }
        Ok(Self {
            db,
            path: path.to_owned(),
            terminal: birth.terminal,
            mark,
            salt: Secret::new(salt),
            counter,
            seq,
            hash,
            starts,
            commits_since_checkpoint: 0,
            remembered: seq,
            went_back,
            lock,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn on_disk(&self) -> bool {
        self.lock.is_some()
    }

    /// It is an older copy of the ledger that was here: somebody put it in its place by hand. It goes on under a new
    /// mark, so that no order number is given out twice; what happened after it was copied is not known to it.
    #[must_use]
    pub fn went_back(&self) -> bool {
        self.went_back
    }

    /// The journal's last line.
    #[must_use]
    pub fn seq(&self) -> u64 {
        u64::try_from(self.seq).unwrap_or_default()
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if self.on_disk() {
            remember(&self.path, &self.mark, self.starts, self.seq);
            witness_belongs(&self.path);
        }
    }
}

/// Makes folder, file and lock with their modes, whatever the umask, and takes the lock.
fn prepare(path: &Path) -> Result<Lock, LedgerError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| explain(error, path))?;
    }
    let lock = lock(path)?;
    if note(path).exists() {
        return Err(LedgerError::Unfinished(path.to_owned()));
    }
    drop(create(path, path)?);
    Ok(lock)
}

/// Takes the lock of the ledger at `path`.
pub(super) fn lock(path: &Path) -> Result<Lock, LedgerError> {
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        return Err(LedgerError::NotAFile(path.to_owned()));
    }
    Lock::take(create(&beside(path, ".lock"), path)?, path)
}

/// Whether a process has the ledger at `path` open for writing.
#[must_use]
pub fn is_held(path: &Path) -> bool {
    let Ok(lock) = File::open(beside(path, ".lock")) else { return false };
    matches!(lock.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
}

/// Every file that the ledger at `path` is made of, whether it is there or not.
#[must_use]
pub fn files(path: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm", "-journal", ".lock", ".witness"].map(|more| beside(path, more)).into()
}

/// The file of the ledger at `path` whose name ends in `more`.
pub(super) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

pub(super) fn create(file: &Path, ledger: &Path) -> Result<File, LedgerError> {
    let flags = i32::try_from(NOFOLLOW.bits()).unwrap_or_default();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(file);
    let opened = opened.map_err(|error| explain(error, ledger))?;
    belongs(&opened, ledger).map_err(LedgerError::Io)?;
    let mode = opened.metadata().map_err(LedgerError::Io)?.permissions().mode();
    if mode & 0o077 != 0 {
        opened.set_permissions(fs::Permissions::from_mode(0o600)).map_err(|error| explain(error, ledger))?;
    }
    Ok(opened)
}

/// Gives what root has made to the owner of the ledger's folder: `sudo shroff resolve` must leave nothing that the
/// daemon cannot open. A file with a second name is somebody else's, put there to be given away.
fn belongs(file: &File, ledger: &Path) -> std::io::Result<()> {
    let meta = file.metadata()?;
    if !rustix::process::geteuid().is_root() || meta.uid() != 0 || meta.nlink() != 1 {
        return Ok(());
    }
    let folder = ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = fs::metadata(folder)?;
    std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// The same for a file by its name; where there is none, nothing is done.
pub(super) fn give(file: &Path, ledger: &Path) -> std::io::Result<()> {
    let flags = i32::try_from(NOFOLLOW.bits()).unwrap_or_default();
    match OpenOptions::new().read(true).custom_flags(flags).open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        opened => belongs(&opened?, ledger),
    }
}

/// The same for the witness. One that stays root's is only not written any more.
fn witness_belongs(path: &Path) {
    if let Err(error) = give(&beside(path, ".witness"), path) {
        tracing::warn!(%error, "the ledger's witness stays with root");
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind grows with the standard library")]
pub(super) fn explain(error: std::io::Error, path: &Path) -> LedgerError {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => LedgerError::Denied(path.to_owned()),
        std::io::ErrorKind::ReadOnlyFilesystem => LedgerError::ReadOnly,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => LedgerError::Full,
        _ => LedgerError::Io(error),
    }
}

/// Sets what the product rests on and reads it back: a failed switch to WAL leaves the old mode without an error.
pub(super) fn fit_for_use(db: &Connection, on_disk: bool) -> Result<(), LedgerError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(LedgerError::Unfit(format!("{} is too old, 3.51.3 is needed", rusqlite::version())));
    }
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    db.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 2000;
         PRAGMA cache_size = -1024;",
    )?;
    db.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    let synchronous: i64 = db.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
    if on_disk && mode != "wal" {
        return Err(LedgerError::Unfit(format!("could not switch to WAL, the journal mode is {mode}")));
    }
    if synchronous != 2 {
        return Err(LedgerError::Unfit(format!("did not take synchronous = FULL, it is {synchronous}")));
    }
    db.set_prepared_statement_cache_capacity(32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_durability_rests_on_is_in_force_while_the_ledger_is_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let terminal = "T01".parse().expect("an id");
        let birth = Birth { terminal, mark: "K7Q2M9XB".to_owned(), salt: Secret::new(vec![1; 32]) };
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite"), birth).expect("a ledger");
        let read = |pragma: &str| -> rusqlite::types::Value {
            ledger.db.pragma_query_value(None, pragma, |row| row.get(0)).expect("a pragma")
        };
        assert_eq!(read("journal_mode"), "wal".to_owned().into());
        for (pragma, value) in
            [("synchronous", 2), ("wal_autocheckpoint", 0), ("foreign_keys", 1), ("trusted_schema", 0)]
        {
            assert_eq!(read(pragma), i64::into(value), "{pragma}");
        }
    }
}
