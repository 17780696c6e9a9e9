//! Restoring: a backup takes the ledger's place, and the ledger knows that it went back.
//!
//! Nothing is thrown away: what was there is kept beside it. From the moment the place is being changed until it is
//! done a note stands beside the ledger, and nobody opens it; whoever restores again goes on from there.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};
use tempfile::NamedTempFile;

use super::backup::copy;
use super::chain;
use super::error::LedgerError;
use super::lock::Lock;
use super::open::{MIGRATIONS, beside, give, lock};
use super::read::Reader;
use super::save::{ADD_LINE, MOVE_HEAD};
use super::standing::{Standing, go_on, remember, standing};
use super::verify::Report;
use crate::words::{Money, OutTradeNo, TerminalId, WallTime};

/// Lost payments that are named in the journal; more are counted.
const NAMED_MAX: usize = 10_000;

/// A restore that was looked at and has not begun. Holds the ledger's lock.
#[derive(Debug)]
pub struct Restore {
    _lock: Lock,
    path: PathBuf,
    backup: Reader,
    /// How far the backup has come.
    pub standing: Standing,
    /// What is in the ledger's place.
    pub there: There,
    /// Payments of the ledger that is there which the backup does not know, or knows in an earlier state.
    pub lost: Vec<Lost>,
    /// Payments that were open when the backup was made: they may have gone on after it.
    pub open: u64,
    /// Orders after the backup that the gateway knows and nobody here does.
    pub strays: Vec<Stray>,
    /// An earlier restore was interrupted, and kept what was there under this name.
    kept: Option<PathBuf>,
}

/// What is in the ledger's place.
#[derive(Debug)]
pub enum There {
    /// Nothing.
    Nothing,
    /// The ledger the backup was made of, with so many journal lines more; 0: nothing happened since.
    Newer {
        /// How far it has come.
        standing: Standing,
        /// Lines that the backup lacks.
        lines: u64,
    },
    /// Another ledger, or one that went another way since.
    Other(Standing),
    /// It cannot be read, or not to its end.
    Unreadable(LedgerError),
}

/// A payment that the backup does not know as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Our name of it.
    pub reference: String,
    /// The POS's.
    pub client_ref: String,
    /// How much; none when the row cannot be read.
    pub amount: Option<Money>,
    /// Its state in the ledger that is replaced.
    pub state: String,
    /// Where its money was then.
    pub money: String,
    /// The number of its last attempt.
    pub out_trade_no: Option<String>,
    /// The backup knows it, in an earlier state.
    pub known: bool,
}

/// An order of the lost time, of which no more is known than its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Its number.
    pub out_trade_no: String,
    /// A stable word: what the gateway says of it.
    pub known: &'static str,
}

/// What was done.
#[derive(Debug)]
pub struct Restored {
    /// What was there is kept under this name.
    pub kept: Option<PathBuf>,
    /// What new order numbers have in common from now on.
    pub mark: String,
}

/// How far it has come. After each of them the power may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The backup is copied beside the ledger, with its new mark.
    Copied,
    /// What was there is copied.
    Kept,
    /// The note stands beside the ledger: nobody opens it.
    Noted,
    /// What belonged to the old file is gone.
    Cleared,
    /// The copy is in its place.
    Placed,
    /// The note is gone: it is done.
    Done,
}

impl Restore {
    /// Takes the lock of the ledger at `path`, and looks at it and at the backup at `from`. Changes nothing.
    ///
    /// # Errors
    /// When the daemon runs, or the backup is no ledger of ours.
    pub fn look(path: &Path, from: &Path) -> Result<Self, LedgerError> {
        let lock = lock(path)?;
        give(&beside(path, ".lock"), path).map_err(LedgerError::Io)?;
        let backup = Reader::look(from)?;
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        let found: i64 = backup.db().query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > known {
            return Err(LedgerError::Newer { path: from.to_owned(), found, known });
        }
        if found == 0 {
            return Err(LedgerError::Damaged(format!("{} is no ledger", from.display())));
        }
        let standing = backup.standing()?;
        let open = backup.db().query_row("SELECT count(*) FROM payments WHERE open = 1", [], |row| row.get(0))?;
        let kept = match fs::read_to_string(note(path)) {
            Ok(name) => Some(PathBuf::from(name.trim_end())).filter(|kept| !kept.as_os_str().is_empty()),
            Err(_) => None,
        };
        // Where it could not be copied it stands in its place until it is moved.
        let old = kept.as_deref().filter(|kept| kept.exists()).unwrap_or(path);
        let (there, lost) = if note(path).exists() && kept.is_none() || !old.exists() {
            (There::Nothing, Vec::new())
        } else {
            compare(old, &backup, &standing)
        };
        Ok(Self { _lock: lock, path: path.to_owned(), backup, standing, there, lost, open, kept, strays: Vec::new() })
    }

    /// An earlier restore was interrupted: nobody opens the ledger before one is finished.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        note(&self.path).exists()
    }

    /// Reads the backup to its last line.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn verify(&self, step: &mut dyn FnMut(u64)) -> Result<Report, LedgerError> {
        self.backup.verify(step)
    }

    /// The order number that the lost ledger may have given out `nth` after the backup was made; none where the backup
    /// does not tell whose it is.
    #[must_use]
    pub fn number_after(&self, terminal: &TerminalId, nth: u64) -> Option<OutTradeNo> {
        let counter = self.standing.counter.checked_add(nth)?;
        format!("{terminal}{}{counter:08}", self.standing.mark).parse().ok()
    }

    /// Puts the backup in the ledger's place. `mark` is new and begins every order number from now on; `told` hears of
    /// each stage, and may end it there.
    ///
    /// # Errors
    /// When the disk fails. What was there is still there, or a second restore goes on from where this one ended.
    pub fn finish(
        self,
        mark: &str,
        at: WallTime,
        told: &mut dyn FnMut(Stage) -> io::Result<()>,
    ) -> Result<Restored, LedgerError> {
        let mut tell = |stage| told(stage).map_err(LedgerError::Io);
        let folder = folder(&self.path);
        let mut fresh = tempfile::Builder::new()
            .prefix(".shroff-restore.")
            .suffix(".part")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .tempfile_in(folder)
            .map_err(LedgerError::Io)?;
        copy(self.backup.db(), fresh.path(), &mut |_, _| {})?;
        let report = self.brand(&fresh, mark, at)?;
        if let Some(finding) = report.findings.first() {
            return Err(LedgerError::Damaged(finding.to_string()));
        }
        give(fresh.path(), &self.path).map_err(LedgerError::Io)?;
        fresh.as_file_mut().sync_all().map_err(LedgerError::Io)?;
        tell(Stage::Copied)?;
        // The file alone, or with what SQLite had not written into it yet.
        let kept = match &self.kept {
            Some(kept) => Some(kept.clone()),
            None if self.path.exists() => Some(keep(&self.path, at)?),
            None => None,
        };
        sync(folder)?;
        tell(Stage::Kept)?;
        put_note(&self.path, kept.as_deref())?;
        tell(Stage::Noted)?;
        if let Some(kept) = &kept {
            move_there(&self.path, kept)?;
        }
        for name in ["-wal", "-shm", "-journal", ".witness"] {
            remove(&beside(&self.path, name))?;
        }
        tell(Stage::Cleared)?;
        fresh.persist(&self.path).map_err(|error| LedgerError::Io(error.error))?;
        sync(folder)?;
        tell(Stage::Placed)?;
        remove(&note(&self.path))?;
        sync(folder)?;
        let seq = Reader::look(&self.path)?.standing()?;
        remember(&self.path, &seq.mark, seq.starts, i64::try_from(seq.seq).unwrap_or(i64::MAX));
        give(&beside(&self.path, ".witness"), &self.path).map_err(LedgerError::Io)?;
        tell(Stage::Done)?;
        Ok(Restored { kept, mark: mark.to_owned() })
    }

    /// Gives the copy its own mark, and writes down what it does not know.
    fn brand(&self, fresh: &NamedTempFile, mark: &str, at: WallTime) -> Result<Report, LedgerError> {
        let mut db = Connection::open(fresh.path())?;
        db.execute_batch("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;")?;
        // Where it was not the same ledger, or not all of it was read or named, any payment may have gone on since.
        let compared = matches!(self.there, There::Newer { .. }) && self.lost.len() <= NAMED_MAX;
        go_on(&mut db, "restored", mark, compared, at)?;
        let before = standing(&db)?;
        let (mut seq, mut hash, at) = (i64::try_from(before.seq).unwrap_or(i64::MAX), before.hash, at.millis());
        let tx = db.transaction()?;
        for lost in self.lost.iter().take(NAMED_MAX) {
            let data = serde_json::json!({
                "event": "lost", "client_ref": lost.client_ref, "amount": lost.amount.map(Money::minor),
                "currency": lost.amount.map(|amount| amount.currency().code()), "state_before": lost.state,
                "money_before": lost.money, "money": "unknown",
            });
            let data = data.to_string();
            seq = seq.saturating_add(1);
            hash = chain::link(&hash, seq, at, &lost.reference, lost.out_trade_no.as_deref(), &data);
            tx.prepare_cached(ADD_LINE)?.execute(params![seq, at, lost.reference, lost.out_trade_no, data, hash])?;
        }
        for stray in self.strays.iter().take(NAMED_MAX) {
            let data = serde_json::json!({ "event": "stray", "known": stray.known, "money": "unknown" }).to_string();
            let number = Some(stray.out_trade_no.as_str());
            seq = seq.saturating_add(1);
            hash = chain::link(&hash, seq, at, "", number, &data);
            tx.prepare_cached(ADD_LINE)?.execute(params![seq, at, "", number, data, hash])?;
        }
        tx.prepare_cached(MOVE_HEAD)?.execute(params![before.counter, seq, hash])?;
        tx.commit()?;
        db.close().map_err(|(_, error)| LedgerError::from(error))?;
        Reader::look(fresh.path())?.verify(&mut |_| {})
    }
}

/// How the ledger that is there stands to the backup, and what it knows that the backup does not.
fn compare(old: &Path, backup: &Reader, standing: &Standing) -> (There, Vec<Lost>) {
    let there = match Reader::look(old).and_then(|there| Ok((there.standing()?, there))) {
        Ok(there) => there,
        Err(error) => return (There::Unreadable(error), Vec::new()),
    };
    let (now, there) = there;
    let line = "SELECT hash FROM journal WHERE seq = ?1";
    let same: Result<Option<chain::Hash>, _> =
        there.db().query_row(line, [i64::try_from(standing.seq).unwrap_or(i64::MAX)], |row| row.get(0)).optional();
    let same = standing.seq == 0 && now.mark == standing.mark || same.ok().flatten() == Some(standing.hash);
    let mut lost = Vec::new();
    let read = differing(&there, backup, if same { standing.seq } else { 0 }, &mut lost);
    let there = match read {
        Err(error) => There::Unreadable(error),
        Ok(()) if same => There::Newer { lines: now.seq.saturating_sub(standing.seq), standing: now },
        Ok(()) => There::Other(now),
    };
    (there, lost)
}

/// Adds the payments of `there` that changed after line `from` and are not in `backup` as they are.
fn differing(there: &Reader, backup: &Reader, from: u64, lost: &mut Vec<Lost>) -> Result<(), LedgerError> {
    let mut names = there.db().prepare(
        "SELECT p.ref, p.client_ref, p.amount, p.currency, p.state, p.money, p.seq,
            (SELECT out_trade_no FROM attempts WHERE payment = p.ref ORDER BY no DESC LIMIT 1)
         FROM payments p WHERE p.seq > ?1 ORDER BY p.created_at, p.ref",
    )?;
    let mut known = backup.db().prepare("SELECT state, seq FROM payments WHERE ref = ?1")?;
    let mut rows = names.query([i64::try_from(from).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let reference: String = row.get(0)?;
        let (state, seq): (String, i64) = (row.get(4)?, row.get(6)?);
        let before = known.query_row([&reference], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
        let before = before.optional()?;
        if before == Some((state.clone(), seq)) {
            continue;
        }
        let currency: String = row.get(3)?;
        let amount = currency.parse().ok().and_then(|currency| Money::new(row.get(2).ok()?, currency).ok());
        let (client_ref, money, out_trade_no) = (row.get(1)?, row.get(5)?, row.get(7)?);
        lost.push(Lost { reference, client_ref, amount, state, money, out_trade_no, known: before.is_some() });
    }
    Ok(())
}

/// The note that says that a restore has begun. It holds the name of what was there.
pub(super) fn note(path: &Path) -> PathBuf {
    beside(path, ".restoring")
}

fn put_note(path: &Path, kept: Option<&Path>) -> Result<(), LedgerError> {
    let folder = folder(path);
    let mut fresh = NamedTempFile::new_in(folder).map_err(LedgerError::Io)?;
    let name = kept.map(|kept| kept.as_os_str().as_encoded_bytes().to_vec()).unwrap_or_default();
    fresh.write_all(&name).and_then(|()| fresh.as_file().sync_all()).map_err(LedgerError::Io)?;
    fresh.persist(note(path)).map_err(|error| LedgerError::Io(error.error))?;
    sync(folder)
}

/// Copies what is there, with what SQLite has not written into it yet. No second name of the same file: a restore that
/// ends here leaves the ledger in use, and what is kept must not change with it.
fn keep(path: &Path, at: WallTime) -> Result<PathBuf, LedgerError> {
    let stamp: String = at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let name = |n: u32| beside(path, &if n == 0 { format!(".before-{stamp}") } else { format!(".before-{stamp}-{n}") });
    let kept = (0..u32::MAX).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0));
    for part in PARTS {
        let (from, to) = (beside(path, part), beside(&kept, part));
        if !from.exists() {
            continue;
        }
        // It is flushed: the note that comes after it lets the original go.
        let copied = fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all());
        if let Err(error) = copied {
            // A bad block or a full disk. The original itself is kept, once the note keeps everybody from it.
            tracing::warn!(%error, file = %from.display(), "cannot be copied, and is moved instead");
            for part in PARTS {
                remove(&beside(&kept, part))?;
            }
            return Ok(kept);
        }
        give(&to, path).map_err(LedgerError::Io)?;
    }
    Ok(kept)
}

/// What a ledger consists of; the file itself comes last, so that it stands only where the rest does.
const PARTS: [&str; 3] = ["-wal", "-journal", ""];

/// Gives what could not be copied the name under which it is kept. Where there is a copy nothing is done.
fn move_there(path: &Path, kept: &Path) -> Result<(), LedgerError> {
    if kept.exists() {
        return Ok(());
    }
    for part in PARTS {
        match fs::rename(beside(path, part), beside(kept, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(LedgerError::Io(error)),
            Ok(()) | Err(_) => {}
        }
    }
    sync(folder(path))
}

fn remove(path: &Path) -> Result<(), LedgerError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LedgerError::Io(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync(folder: &Path) -> Result<(), LedgerError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(LedgerError::Io)
}
