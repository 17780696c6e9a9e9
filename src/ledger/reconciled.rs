//! Days that were compared with WeChat's statement: what came of it, and which days nobody has compared yet.
//!
//! Whoever has the ledger's lock writes: the daemon while it runs, and the command itself while it does not.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use super::error::LedgerError;
use super::lock::Lock;
use super::open::{Ledger, MIGRATIONS, beside, fit_for_use};
use super::read::{Reader, damaged};
use super::refunds::knows_refunds;
use super::restore::note;
use crate::reconcile::Kept;
use crate::words::{Day, WallTime};

const KEEP: &str = "
INSERT OR REPLACE INTO reconciled (day, at, payments, refunds, complete, wrong, look, explained, unlisted, agreed, totals,
    statements, terminals)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

const OF_DAY: &str = "
SELECT day, at, payments, refunds, complete, wrong, look, explained, unlisted, agreed, totals, statements, terminals
FROM reconciled WHERE day = ?1";

/// Days (from 1970-01-01, UTC+8) before a moment on which a statement has rows of ours.
const PAID_DAYS: &str = "
SELECT DISTINCT (coalesce(paid_at, updated_at) + 28800000) / 86400000 FROM attempts
WHERE outcome = 'paid' AND coalesce(paid_at, updated_at) < ?1
UNION SELECT DISTINCT (updated_at + 28800000) / 86400000 FROM attempts WHERE outcome = 'returned' AND updated_at < ?1";
const REFUND_DAYS: &str = "
SELECT DISTINCT (coalesce(accepted_at, created_at) + 28800000) / 86400000 FROM refunds
WHERE coalesce(accepted_at, created_at) < ?1 AND outcome <> 'failed' AND accepted_at IS NOT NULL";
const WHOLE_DAYS: &str = "SELECT day, at FROM reconciled WHERE payments = 1 AND refunds = 1 AND complete = 1";

/// After so many days it is high time: WeChat hands out statements for about 90 (protocol 5.7), and orders that are
/// older than this can be hard to refund (protocol 5.4).
pub const RECONCILE_WITHIN_DAYS: i64 = 60;

const DAY_MS: i64 = 86_400_000;

/// A day that was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// What came of it.
    pub kept: Kept,
    /// When.
    pub at: WallTime,
}

impl Reconciled {
    /// The day was over, and both its payments and refunds were compared with statements that were all there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.kept.is_whole() && self.at >= self.kept.day.end()
    }
}

impl Ledger {
    /// Keeps what the comparison of a day came to, in place of what was kept of that day before.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn keep_reconciled(&mut self, kept: &Kept, at: WallTime) -> Result<(), LedgerError> {
        keep(&self.db, kept, at)
    }
}

/// Keeps what the comparison of `days` came to in the ledger at `path`, while no daemon runs on it.
///
/// # Errors
/// [`LedgerError::Locked`] while one does; [`LedgerError::Copy`] when none ever has: that is a copy, and stays as it is.
/// Otherwise when the ledger is older or newer than this program, or cannot be written.
pub fn keep_reconciled_offline(path: &Path, days: &[Kept], at: WallTime) -> Result<(), LedgerError> {
    let _lock = lock(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut db = Connection::open_with_flags(path, flags)?;
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(LedgerError::Newer { path: path.to_owned(), found, known });
    }
    if found < known {
        return Err(LedgerError::Older { path: path.to_owned(), found, known });
    }
    fit_for_use(&db, true)?;
    let tx = db.transaction()?;
    for kept in days {
        keep(&tx, kept, at)?;
    }
    Ok(tx.commit()?)
}

/// Takes the lock that daemons take. It is not made: where it is missing, no daemon has ever written this file.
#[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind grows with the standard library")]
fn lock(path: &Path) -> Result<Lock, LedgerError> {
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        return Err(LedgerError::NotAFile(path.to_owned()));
    }
    let lock =
        File::options().read(true).write(true).open(beside(path, ".lock")).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => LedgerError::Copy(path.to_owned()),
            std::io::ErrorKind::PermissionDenied => LedgerError::Denied(path.to_owned()),
            std::io::ErrorKind::ReadOnlyFilesystem => LedgerError::ReadOnly,
            _ => LedgerError::Io(error),
        })?;
    let lock = Lock::take(lock, path)?;
    if note(path).exists() {
        return Err(LedgerError::Unfinished(path.to_owned()));
    }
    Ok(lock)
}

fn keep(db: &Connection, kept: &Kept, at: WallTime) -> Result<(), LedgerError> {
    let json = |value: serde_json::Result<String>| value.map_err(|error| LedgerError::Damaged(error.to_string()));
    db.prepare_cached(KEEP)?.execute(params![
        kept.day.to_string(),
        at.millis(),
        kept.payments,
        kept.refunds,
        kept.complete,
        kept.wrong,
        kept.look,
        kept.explained,
        kept.unlisted,
        kept.agreed,
        json(serde_json::to_string(&kept.totals))?,
        json(serde_json::to_string(&kept.statements))?,
        json(serde_json::to_string(&kept.terminals))?,
    ])?;
    Ok(())
}

impl Reader {
    /// What the last comparison of `day` came to; none when nobody has compared it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn reconciled(&self, day: Day) -> Result<Option<Reconciled>, LedgerError> {
        if !knows_days(self.db())? {
            return Ok(None);
        }
        let mut statement = self.db().prepare_cached(OF_DAY)?;
        statement.query_row([day.to_string()], |row| Ok(read(row))).optional()?.transpose()
    }

    /// The days more than [`RECONCILE_WITHIN_DAYS`] before `today` on which money moved and that nobody has compared
    /// with a whole statement after the day was over, oldest first. What the comparison found does not matter here.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn unreconciled_days(&self, today: Day) -> Result<Vec<Day>, LedgerError> {
        let db = self.db();
        let _moment = db.unchecked_transaction()?;
        let before = today.begin().millis().saturating_sub(RECONCILE_WITHIN_DAYS.saturating_mul(DAY_MS));
        let numbers = |sql: &str| -> Result<Vec<i64>, LedgerError> {
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map([before], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let mut days = numbers(PAID_DAYS)?;
        if knows_refunds(db)? {
            days.extend(numbers(REFUND_DAYS)?);
        }
        // Midnight in Greenwich is 08:00 of the same day in China.
        let day = |number: i64| Day::of(WallTime::from_millis(number.saturating_mul(DAY_MS)));
        let mut days: Vec<Day> = days.into_iter().map(day).collect();
        days.sort_unstable();
        days.dedup();
        if knows_days(db)? {
            let mut statement = db.prepare_cached(WHOLE_DAYS)?;
            let done = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
            let done = done.collect::<Result<BTreeMap<String, i64>, _>>()?;
            let is_done = |day: &Day| done.get(&day.to_string()).is_some_and(|at| *at >= day.end().millis());
            days.retain(|day| !is_done(day));
        }
        Ok(days)
    }
}

fn read(row: &Row<'_>) -> Result<Reconciled, LedgerError> {
    let json = |column: usize| -> Result<String, LedgerError> { Ok(row.get(column)?) };
    let kept = Kept {
        day: json(0)?.parse().map_err(|_| damaged("a day"))?,
        payments: row.get(2)?,
        refunds: row.get(3)?,
        complete: row.get(4)?,
        wrong: row.get(5)?,
        look: row.get(6)?,
        explained: row.get(7)?,
        unlisted: row.get(8)?,
        agreed: row.get(9)?,
        totals: serde_json::from_str(&json(10)?).map_err(|_| damaged("a reconciled day"))?,
        statements: serde_json::from_str(&json(11)?).map_err(|_| damaged("a reconciled day"))?,
        terminals: serde_json::from_str(&json(12)?).map_err(|_| damaged("a reconciled day"))?,
    };
    Ok(Reconciled { kept, at: WallTime::from_millis(row.get(1)?) })
}

/// The ledger of an older program knows nothing of reconciled days.
fn knows_days(db: &Connection) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'reconciled'";
    Ok(db.prepare_cached(sql)?.exists([])?)
}
