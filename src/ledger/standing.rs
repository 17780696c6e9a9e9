//! Where a ledger stands, and whether it stands further back than it once did.
//!
//! An older copy of a ledger is a whole ledger: its chain holds, and its counter would give out order numbers a second
//! time. A witness beside the file remembers how far it had come. It is written without a flush and believed only when
//! it says more than the ledger: what it lost, it lost, and what it says was on disk in the ledger before.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::chain::{self, Hash};
use super::error::LedgerError;
use super::open::Ledger;
use super::read::Reader;
use super::save::{ADD_LINE, MOVE_HEAD};
use crate::words::{PaymentRef, WallTime};

/// How far a ledger has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What all its new order numbers have in common.
    pub mark: String,
    /// The last number it gave out.
    pub counter: u64,
    /// How often it was opened for writing.
    pub starts: u64,
    /// The journal's last line.
    pub seq: u64,
    /// And its hash.
    pub hash: Hash,
    /// When the last line was written, by the clock of then; 1970 where there is none.
    pub written: WallTime,
}

/// A line of the journal that is about the ledger itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WentBack {
    /// `restored`, or `older_copy`: somebody put one in the ledger's place by hand.
    pub event: String,
    /// When it was noticed.
    pub at: WallTime,
    /// What the ledger knows ends here.
    pub known_to: WallTime,
}

impl Reader {
    /// How far it has come.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn standing(&self) -> Result<Standing, LedgerError> {
        standing(self.db())
    }

    /// The times it went back to an earlier moment, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn went_back(&self) -> Result<Vec<WentBack>, LedgerError> {
        let mut statement = self.db().prepare_cached("SELECT at, data FROM journal WHERE payment = '' ORDER BY seq")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        let mut all = Vec::new();
        for row in rows {
            let (at, data) = row?;
            let data: serde_json::Value = serde_json::from_str(&data).unwrap_or_default();
            let text = |key: &str| data.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            if !matches!(text("event").as_str(), "restored" | "older_copy") {
                continue;
            }
            let known_to = data.get("known_to").and_then(serde_json::Value::as_i64).unwrap_or_default();
            all.push(WentBack {
                event: text("event"),
                at: WallTime::from_millis(at),
                known_to: WallTime::from_millis(known_to),
            });
        }
        Ok(all)
    }
}

impl Reader {
    /// Whether `reference`, which is not here, may have been forgotten when the ledger went back: it did, and the name
    /// is not one it has given out since.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn may_have_lost(&self, reference: &PaymentRef) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM journal WHERE payment = '')";
        let went_back: bool = self.db().query_row(sql, [], |row| row.get(0))?;
        let mark: String = self.db().query_row("SELECT mark FROM head WHERE id = 1", [], |row| row.get(0))?;
        Ok(went_back && !reference.as_str().contains(&mark))
    }
}

impl Ledger {
    /// Whether more may have happened to `reference` than is known here: the ledger went back to an earlier moment, and
    /// what it forgot of this payment is named, or nobody could tell.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn may_know_less(&self, reference: &PaymentRef) -> Result<bool, LedgerError> {
        Ok(self.db.prepare_cached(KNOWS_LESS)?.query_row([reference.as_str()], |row| row.get(0))?)
    }

    /// The POS's names of the payments that restores forgot.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn lost_names(&self) -> Result<BTreeSet<String>, LedgerError> {
        let mut times =
            self.db.prepare("SELECT seq FROM journal WHERE payment = '' AND data ->> 'event' = 'restored'")?;
        let times = times.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut lines = self
            .db
            .prepare("SELECT data ->> 'event', data ->> 'client_ref' FROM journal WHERE seq > ?1 ORDER BY seq")?;
        let mut names = BTreeSet::new();
        for time in times {
            // They follow the restore without a gap: the rest of the journal is not read.
            let mut rows = lines.query([time])?;
            while let Some(row) = rows.next()? {
                if row.get::<_, Option<String>>(0)?.as_deref() != Some("lost") {
                    break;
                }
                names.extend(row.get::<_, Option<String>>(1)?);
            }
        }
        Ok(names)
    }
}

/// A restore that could not compare, or an older copy, says nothing of payments made after it.
const KNOWS_LESS: &str = "
SELECT EXISTS (SELECT 1 FROM journal WHERE payment = ?1 AND data ->> 'event' = 'lost')
    OR EXISTS (SELECT 1 FROM journal WHERE payment = '' AND data ->> 'event' IN ('restored', 'older_copy')
        AND coalesce(data ->> 'compared', 0) = 0 AND seq > (SELECT min(seq) FROM journal WHERE payment = ?1))";

pub(super) fn standing(db: &Connection) -> Result<Standing, LedgerError> {
    let head = |row: &Row<'_>| {
        Ok(Standing {
            mark: row.get(0)?,
            counter: row.get(1)?,
            starts: row.get(2)?,
            seq: row.get(3)?,
            hash: row.get(4)?,
            written: WallTime::default(),
        })
    };
    let found = db.query_row("SELECT mark, counter, starts, seq, hash FROM head WHERE id = 1", [], head)?;
    let last = db.query_row("SELECT at FROM journal ORDER BY seq DESC LIMIT 1", [], |row| row.get(0)).optional()?;
    Ok(Standing { written: WallTime::from_millis(last.unwrap_or_default()), ..found })
}

/// Keeps in the journal that the ledger goes on from an earlier moment, under a new `mark`: whatever was given out after
/// that moment is never given out again. `compared`: what it does not know of its payments is named after this line.
pub(super) fn go_on(
    db: &mut Connection,
    event: &str,
    mark: &str,
    compared: bool,
    at: WallTime,
) -> Result<(), LedgerError> {
    let before = standing(db)?;
    let tx = db.transaction()?;
    let (mut seq, at) = (i64::try_from(before.seq).unwrap_or(i64::MAX), at.millis());
    let data = serde_json::json!({
        "event": event, "mark": mark, "mark_before": before.mark, "counter": before.counter,
        "known_to": before.written.millis(), "compared": compared,
    });
    seq = seq.saturating_add(1);
    let data = data.to_string();
    let hash = chain::link(&before.hash, seq, at, "", None, &data);
    tx.prepare_cached(ADD_LINE)?.execute(params![seq, at, "", None::<&str>, data, hash])?;
    tx.prepare_cached(MOVE_HEAD)?.execute(params![before.counter, seq, hash])?;
    tx.execute("UPDATE head SET mark = ?1 WHERE id = 1", [mark])?;
    Ok(tx.commit()?)
}

/// The witness of the ledger at `path`.
fn witness(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".witness");
    name.into()
}

/// Whether the ledger at `path` had come further than `now`.
pub(super) fn was_further(path: &Path, now: &Standing) -> bool {
    let Ok(text) = std::fs::read_to_string(witness(path)) else { return false };
    let mut words = text.split_whitespace();
    let mark = words.next();
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    let (Some(starts), Some(seq), Some(0)) = (number(), number(), number()) else { return false };
    // A ledger that was never opened is new. One of another mark is from before a restore, or another till's: who cannot
    // tell takes new numbers, which costs a line.
    now.starts > 0 && (mark != Some(now.mark.as_str()) || now.starts < starts || now.seq < seq)
}

/// Remembers how far it has come. What cannot be written is not remembered: the ledger itself is what must be kept.
pub(super) fn remember(path: &Path, mark: &str, starts: u64, seq: i64) {
    // A line that was cut lacks its last word.
    let written = std::fs::write(witness(path), format!("{mark} {starts} {seq} 0\n"));
    if let Err(error) = written {
        tracing::warn!(%error, "an older copy in the ledger's place would not be noticed");
    }
}
