//! A ledger that an older program left: a copy of it is brought up to date and checked, and takes its place in one rename.
//! Until then the old file is what there is, whatever fails; afterwards it stays beside the new one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::error::LedgerError;
use super::open::{MIGRATIONS, beside, create, explain};
use super::verify::verify;

/// How long a `shroff` command that reads may hold up a start. The next start tries again.
const READERS: Duration = Duration::from_secs(2);
/// Pages that are copied at a time.
const PAGES: std::ffi::c_int = 4096;

/// Opens the ledger at `path`, and brings it up to date before if an older program wrote it. Whoever calls holds its lock.
///
/// # Errors
/// When it is newer, somebody reads it all the time, the disk has no room for a copy, or the copy is not what the ledger is.
/// The ledger is then as it was.
pub(super) fn open_up_to_date(path: &Path) -> Result<Connection, LedgerError> {
    let old = connect(path)?;
    let found = version(&old)?;
    let known = known();
    if found > known {
        return Err(LedgerError::Newer { path: path.to_owned(), found, known });
    }
    // A new one has no version yet, and nothing in it to be lost.
    if found == 0 || found == known {
        return Ok(old);
    }
    let copy = beside(path, ".migrating");
    let kept = beside(path, &format!(".v{found}"));
    let outcome = migrate_copy(path, old, &copy).and_then(|()| swap(path, &copy, &kept));
    if outcome.is_err() {
        clear(&copy);
    }
    outcome?;
    connect(path)
}

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Ok(Connection::open_with_flags(path, flags)?)
}

/// How many migrations this program knows.
fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// How many migrations a ledger has seen.
fn version(db: &Connection) -> Result<i64, LedgerError> {
    Ok(db.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Runs the migrations that a ledger has not seen, each whole or not at all. `born` adds to the first.
pub(super) fn run(
    db: &mut Connection,
    born: impl Fn(&rusqlite::Transaction<'_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let found = version(db)?;
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        let tx = db.transaction()?;
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", i64::try_from(at.saturating_add(1)).unwrap_or(i64::MAX))?;
        if at == 0 {
            born(&tx)?;
        }
        tx.commit()?;
    }
    Ok(())
}

fn migrate_copy(path: &Path, old: Connection, copy: &Path) -> Result<(), LedgerError> {
    // One file again: beside a new ledger the old one's WAL would be taken for its own.
    old.busy_timeout(READERS)?;
    let mode: Result<String, _> = old.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0));
    match mode {
        Ok(mode) if mode == "delete" => {}
        Ok(_) => return Err(LedgerError::Read(path.to_owned())),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
            return Err(LedgerError::Read(path.to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    clear(copy);
    drop(create(copy, path)?);
    let mut new = connect(copy)?;
    new.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")?;
    Backup::new(&old, &mut new)?.run_to_completion(PAGES, Duration::ZERO, None)?;
    run(&mut new, |_| Ok(()))?;
    // What was wrong with the old one is no reason not to sell, and `shroff verify` tells of it; what the copy alone has is.
    let (before, after) = (verify(&old, &mut |_| ())?, verify(&new, &mut |_| ())?);
    if before != after {
        let what = after.findings.iter().find(|it| !before.findings.contains(it)).map(ToString::to_string);
        let what = what.unwrap_or_else(|| "it does not hold the same payments".to_owned());
        return Err(LedgerError::Unfit(format!("could not bring the ledger up to date, its copy is wrong: {what}")));
    }
    new.close().map_err(|(_, error)| error)?;
    old.close().map_err(|(_, error)| error)?;
    File::open(copy).and_then(|file| file.sync_all()).map_err(|error| explain(error, path))
}

/// The old file gets a second name first, so that the ledger's own name never stands for nothing: an empty ledger would
/// begin its order numbers anew.
fn swap(path: &Path, copy: &Path, kept: &Path) -> Result<(), LedgerError> {
    let failed = |error| explain(error, path);
    match fs::remove_file(kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    fs::hard_link(path, kept).map_err(failed)?;
    fs::rename(copy, path).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Removes what an interrupted attempt left. What cannot be removed is found again when it is made anew.
fn clear(copy: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut name = OsString::from(copy);
        name.push(suffix);
        drop(fs::remove_file(name));
    }
}
