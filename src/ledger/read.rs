//! Reading: what the API, the CLI and a starting till look up. Never writes.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use rustix::fs::Access;
use rustix::io::Errno;

use super::error::LedgerError;
use super::open::Ledger;
use super::restore::note;
use crate::payment::answer::Receipt;
use crate::payment::{
    Action, Alarm, AttemptRecord, CodeMark, Decline, Facts, MoneyState, PaymentRecord, Refused, State,
};
use crate::words::{ClientRef, CodeHint, LaneId, Money, PaymentRef, WallTime};

/// Rows a list may ask for.
pub(super) const LIMIT_MAX: u32 = 500;

/// A read-only look at the ledger, beside the writer or without one. Each answer is of one moment: a payment and its
/// attempts are never read across a commit.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
}

/// A payment as the ledger knows it, with all its attempts.
#[derive(Clone, Debug)]
pub struct PaymentRow {
    /// What can be recovered from; its attempt is the last one.
    pub record: PaymentRecord,
    /// All attempts, first to last.
    pub attempts: Vec<AttemptRow>,
    /// Confirmed refunds, smallest unit.
    pub refunded: u64,
    /// What to do next.
    pub next_action: Action,
    /// When something changes by itself.
    pub next_at: Option<WallTime>,
    /// When the POS acknowledged it.
    pub acked_at: Option<WallTime>,
    /// Its last change.
    pub updated_at: WallTime,
    /// Its last journal line.
    pub seq: u64,
}

/// An attempt as the ledger knows it.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    /// What can be recovered from.
    pub record: AttemptRecord,
    /// When the code was taken.
    pub created_at: WallTime,
    /// Its last change.
    pub updated_at: WallTime,
}

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JournalLine {
    /// Its place.
    pub seq: u64,
    /// When, for people.
    pub at: WallTime,
    /// The payment it is about.
    #[serde(rename = "ref")]
    pub payment: String,
    /// The attempt it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// The fact, as JSON.
    #[serde(serialize_with = "as_json")]
    pub data: String,
}

fn as_json<S: serde::Serializer>(data: &str, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::Serialize as _;
    let value: serde_json::Value = serde_json::from_str(data).unwrap_or(serde_json::Value::Null);
    value.serialize(serializer)
}

/// Which payments a list wants; newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those that are not final, or still watched.
    pub open: bool,
    /// Only the one with this name.
    pub client_ref: Option<ClientRef>,
    /// Created from here…
    pub from: Option<WallTime>,
    /// …and before this.
    pub to: Option<WallTime>,
    /// At most so many; 0 means the most there may be.
    pub limit: u32,
    /// Only those before this one, in the order of the list.
    pub before: Option<PaymentRef>,
    /// Only those in which this is found. Looks at every payment there is between `from` and `to`.
    pub search: Option<Search>,
}

/// What somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// A piece of a name or a number, in small letters.
    pub text: String,
    /// An amount in smallest units, if the text is one.
    pub amount: Option<u64>,
}

/// A page of payments, newest first.
const LIST: &str = "
SELECT ref FROM payments
WHERE (?1 = 0 OR open = 1) AND (?2 IS NULL OR client_ref = ?2)
    AND (?3 IS NULL OR created_at >= ?3) AND (?4 IS NULL OR created_at < ?4)
    AND (?5 IS NULL OR (created_at, ref) < (SELECT created_at, ref FROM payments WHERE ref = ?5))
ORDER BY created_at DESC, ref DESC LIMIT ?6";

/// The same, of those with ?7 in a name or number of theirs, or of the amount ?8.
const SEARCH: &str = "
SELECT ref FROM payments
WHERE (?1 = 0 OR open = 1) AND (?2 IS NULL OR client_ref = ?2)
    AND (?3 IS NULL OR created_at >= ?3) AND (?4 IS NULL OR created_at < ?4)
    AND (?5 IS NULL OR (created_at, ref) < (SELECT created_at, ref FROM payments WHERE ref = ?5))
    AND (amount = ?8 OR instr(lower(ref), ?7) OR instr(lower(client_ref), ?7) OR instr(lower(operator), ?7)
        OR instr(lower(description), ?7)
        OR EXISTS (SELECT 1 FROM attempts a WHERE a.payment = payments.ref
            AND (instr(lower(a.out_trade_no), ?7) OR instr(lower(a.transaction_id), ?7) OR a.code_hint = ?7))
        OR EXISTS (SELECT 1 FROM refunds r WHERE r.payment = payments.ref
            AND (instr(lower(r.refund_ref), ?7) OR instr(lower(r.out_refund_no), ?7))))
ORDER BY created_at DESC, ref DESC LIMIT ?6";

impl Reader {
    /// Opens the ledger at `path` read-only.
    ///
    /// # Errors
    /// When there is none, it may not be read, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        if note(path).exists() {
            return Err(LedgerError::Unfinished(path.to_owned()));
        }
        Self::look(path)
    }

    /// The same, even where a restore was interrupted.
    pub(super) fn look(path: &Path) -> Result<Self, LedgerError> {
        // Asked, and not opened: closing any descriptor of the file takes back every lock this process has on it
        // (fcntl(2)), and whoever opens the ledger next would believe that nobody else has and remove its WAL.
        match rustix::fs::access(path, Access::READ_OK) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Err(LedgerError::Missing(path.to_owned())),
            Err(Errno::ACCESS) => return Err(LedgerError::Denied(path.to_owned())),
            Err(errno) => return Err(LedgerError::Io(errno.into())),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(Duration::from_secs(2))?;
        // A look needs a few pages; the writer keeps the warm cache.
        db.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cache_size = -256;")?;
        db.set_prepared_statement_cache_capacity(32);
        Ok(Self { db })
    }

    /// The payment with our name `reference`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn payment(&self, reference: &str) -> Result<Option<PaymentRow>, LedgerError> {
        let _moment = self.db.unchecked_transaction()?;
        find(&self.db, reference)
    }

    /// The payment with the POS's name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn by_client_ref(&self, client_ref: &ClientRef) -> Result<Option<PaymentRow>, LedgerError> {
        let _moment = self.db.unchecked_transaction()?;
        find_client(&self.db, client_ref)
    }

    /// A page of payments, newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn payments(&self, filter: &Filter) -> Result<Vec<PaymentRow>, LedgerError> {
        let limit = if filter.limit == 0 { LIMIT_MAX } else { filter.limit.min(LIMIT_MAX) };
        let _moment = self.db.unchecked_transaction()?;
        let (client_ref, before) =
            (filter.client_ref.as_ref().map(ClientRef::as_str), filter.before.as_ref().map(PaymentRef::as_str));
        let (from, to) = (filter.from.map(WallTime::millis), filter.to.map(WallTime::millis));
        let common = params![filter.open, client_ref, from, to, before, limit];
        // The ledger of an older program has no refunds to search, so that a plain list must not name them.
        let mut statement = self.db.prepare_cached(if filter.search.is_some() { SEARCH } else { LIST })?;
        for (at, value) in (1..).zip(common) {
            statement.raw_bind_parameter(at, value)?;
        }
        if let Some(Search { text, amount }) = &filter.search {
            statement.raw_bind_parameter(7, text)?;
            statement.raw_bind_parameter(8, amount)?;
        }
        let names = statement.raw_query().mapped(|row| row.get::<_, String>(0));
        let names: Vec<String> = names.collect::<Result<_, _>>()?;
        self.all(&names)
    }

    /// What a person must look at: alarms, and what was paid but never acknowledged. Oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn attention(&self) -> Result<Vec<PaymentRow>, LedgerError> {
        let sql = "SELECT ref FROM payments WHERE (alarm IS NOT NULL AND acked_at IS NULL)
            OR state = 'needs_attention' OR (state IN ('paid', 'partially_refunded') AND acked_at IS NULL) ORDER BY created_at, ref LIMIT ?1";
        let _moment = self.db.unchecked_transaction()?;
        let mut statement = self.db.prepare_cached(sql)?;
        let names: Vec<String> = statement.query_map([LIMIT_MAX], |row| row.get(0))?.collect::<Result<_, _>>()?;
        self.all(&names)
    }

    /// The journal after line `after`, at most `limit` lines, in order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn journal(&self, after: u64, limit: u32) -> Result<Vec<JournalLine>, LedgerError> {
        let sql = "SELECT seq, at, payment, out_trade_no, data FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let lines = statement.query_map(params![after, limit], line)?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// The journal of one payment, in order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn journal_of(&self, reference: &PaymentRef) -> Result<Vec<JournalLine>, LedgerError> {
        let sql = "SELECT seq, at, payment, out_trade_no, data FROM journal WHERE payment = ?1 ORDER BY seq";
        let mut statement = self.db.prepare_cached(sql)?;
        let lines = statement.query_map([reference.as_str()], line)?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// The journal's last line.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn seq(&self) -> Result<u64, LedgerError> {
        let seq: i64 = self.db.query_row("SELECT seq FROM head WHERE id = 1", [], |row| row.get(0))?;
        Ok(u64::try_from(seq).unwrap_or_default())
    }

    /// When the newest journal line was written, by the clock of then.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_written(&self) -> Result<WallTime, LedgerError> {
        let at: Option<i64> =
            self.db.query_row("SELECT at FROM journal ORDER BY seq DESC LIMIT 1", [], |row| row.get(0)).optional()?;
        Ok(WallTime::from_millis(at.unwrap_or_default()))
    }

    pub(super) fn db(&self) -> &Connection {
        &self.db
    }

    fn all(&self, names: &[String]) -> Result<Vec<PaymentRow>, LedgerError> {
        names.iter().filter_map(|name| find(&self.db, name).transpose()).collect()
    }
}

impl Ledger {
    /// The payment with our name `reference`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn payment(&self, reference: &PaymentRef) -> Result<Option<PaymentRow>, LedgerError> {
        find(&self.db, reference.as_str())
    }

    /// The payment with the POS's name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn by_client_ref(&self, client_ref: &ClientRef) -> Result<Option<PaymentRow>, LedgerError> {
        find_client(&self.db, client_ref)
    }

    /// The names of everything that is left to do or to watch, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn open_payments(&self) -> Result<Vec<PaymentRef>, LedgerError> {
        let mut statement = self.db.prepare("SELECT ref FROM payments WHERE open = 1 ORDER BY ref")?;
        let mut rows = statement.query([])?;
        let mut names = Vec::new();
        while let Some(row) = rows.next()? {
            names.push(parsed(row, 0)?);
        }
        Ok(names)
    }

    /// The newest payment that holds `lane`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn newest_on_lane(&self, lane: &LaneId) -> Result<Option<PaymentRow>, LedgerError> {
        let mut statement = self.db.prepare_cached(
            "SELECT ref FROM payments WHERE open = 1 AND lane = ?1
                AND state IN ('armed', 'submitting', 'customer_paying', 'verifying', 'reversing')
             ORDER BY ref DESC LIMIT 1",
        )?;
        let name: Option<String> = statement.query_row([lane.as_str()], |row| row.get(0)).optional()?;
        name.map_or(Ok(None), |name| find(&self.db, &name))
    }
}

fn line(row: &Row<'_>) -> rusqlite::Result<JournalLine> {
    Ok(JournalLine {
        seq: row.get(0)?,
        at: WallTime::from_millis(row.get(1)?),
        payment: row.get(2)?,
        out_trade_no: row.get(3)?,
        data: row.get(4)?,
    })
}

fn find_client(db: &Connection, client_ref: &ClientRef) -> Result<Option<PaymentRow>, LedgerError> {
    let mut statement = db.prepare_cached("SELECT ref FROM payments WHERE client_ref = ?1")?;
    let name: Option<String> = statement.query_row([client_ref.as_str()], |row| row.get(0)).optional()?;
    name.map_or(Ok(None), |name| find(db, &name))
}

fn find(db: &Connection, reference: &str) -> Result<Option<PaymentRow>, LedgerError> {
    let mut statement = db.prepare_cached(
        "SELECT out_trade_no, no, code_hint, stage, state, money, outcome, tries, refunds, paid_seen, refund_due, watch,
            refused, refused_class, err_code, err_code_des, alarm, refund_no, transaction_id, paid_at, payer_total,
            payer_currency, rate, created_at, updated_at
         FROM attempts WHERE payment = ?1 ORDER BY no",
    )?;
    let mut attempts = Vec::new();
    let mut rows = statement.query([reference])?;
    while let Some(row) = rows.next()? {
        attempts.push(attempt(row)?);
    }
    let mut statement = db.prepare_cached(
        "SELECT ref, client_ref, lane, amount, currency, description, attach, operator, patience_ms, asked_code,
            created_at, state, money, canceled, decline_code, decline_text, alarm, open, refunded, next_action, next_at,
            acked_at, updated_at, seq
         FROM payments WHERE ref = ?1",
    )?;
    let mut rows = statement.query([reference])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    payment(row, attempts).map(Some)
}

fn payment(row: &Row<'_>, attempts: Vec<AttemptRow>) -> Result<PaymentRow, LedgerError> {
    let currency = parsed(row, 4)?;
    let amount = Money::new(row.get(3)?, currency).map_err(|_| damaged("an amount"))?;
    let mark: Option<Vec<u8>> = row.get(9)?;
    let decline: Option<String> = row.get(14)?;
    let facts = Facts {
        reference: parsed(row, 0)?,
        client_ref: parsed(row, 1)?,
        lane: parsed(row, 2)?,
        amount,
        description: row.get(5)?,
        attach: row.get(6)?,
        operator: row.get(7)?,
        patience: Duration::from_millis(row.get(8)?),
        asked_code: mark.and_then(|mark| CodeMark::try_from(mark.as_slice()).ok()),
        created_at: WallTime::from_millis(row.get(10)?),
    };
    let record = PaymentRecord {
        facts,
        state: word(row, 11, State::from_word)?,
        money: word(row, 12, MoneyState::from_word)?,
        canceled: row.get(13)?,
        last_decline: match decline {
            Some(code) => Some(Decline { code, text: row.get::<_, Option<String>>(15)?.unwrap_or_default() }),
            None => None,
        },
        alarm: alarm(row, 16)?,
        open: row.get(17)?,
        attempt: attempts.last().map(|attempt| attempt.record.clone()),
    };
    Ok(PaymentRow {
        record,
        attempts,
        refunded: row.get(18)?,
        next_action: word(row, 19, Action::from_word)?,
        next_at: row.get::<_, Option<i64>>(20)?.map(WallTime::from_millis),
        acked_at: row.get::<_, Option<i64>>(21)?.map(WallTime::from_millis),
        updated_at: WallTime::from_millis(row.get(22)?),
        seq: row.get(23)?,
    })
}

fn attempt(row: &Row<'_>) -> Result<AttemptRow, LedgerError> {
    let outcome: String = row.get(6)?;
    let transaction_id: Option<String> = row.get(18)?;
    let transaction_id = transaction_id.map(|id| id.parse()).transpose().map_err(|_| damaged("a transaction_id"))?;
    let refused: [String; 4] = [row.get(12)?, row.get(13)?, row.get(14)?, row.get(15)?];
    let [kind, class, code, des] = &refused;
    let receipt = match (outcome.as_str(), &transaction_id) {
        ("paid", Some(id)) => Some(Receipt {
            transaction_id: Clone::clone(id),
            paid_at: row.get::<_, Option<i64>>(19)?.map(WallTime::from_millis),
            payer_total: payer_total(row)?,
            rate: row.get(22)?,
        }),
        _ => None,
    };
    let record = AttemptRecord {
        no: row.get(1)?,
        out_trade_no: parsed(row, 0)?,
        hint: CodeHint::kept(&row.get::<_, String>(2)?),
        stage: one_of(&row.get::<_, String>(3)?, &["paying", "asking", "reversing", "settled"])?,
        state: word(row, 4, State::from_word)?,
        money: word(row, 5, MoneyState::from_word)?,
        outcome: one_of(&outcome, &["", "paid", "declined", "not_sent", "reversed", "returned"])?,
        tries: row.get(7)?,
        refunds: row.get(8)?,
        paid_seen: row.get(9)?,
        refund_due: row.get(10)?,
        watch: row.get(11)?,
        refused: Refused::from_columns(kind, class, code, des).ok_or_else(|| damaged("a refusal"))?,
        alarm: alarm(row, 16)?,
        refund_no: parsed(row, 17)?,
        transaction_id,
        receipt,
    };
    Ok(AttemptRow {
        record,
        created_at: WallTime::from_millis(row.get(23)?),
        updated_at: WallTime::from_millis(row.get(24)?),
    })
}

fn payer_total(row: &Row<'_>) -> Result<Option<Money>, LedgerError> {
    let (total, currency): (Option<u64>, Option<String>) = (row.get(20)?, row.get(21)?);
    let (Some(total), Some(currency)) = (total, currency) else { return Ok(None) };
    let currency = currency.parse().map_err(|_| damaged("a payer_currency"))?;
    Money::new(total, currency).map(Some).map_err(|_| damaged("a payer_total"))
}

pub(super) fn alarm(row: &Row<'_>, column: usize) -> Result<Option<Alarm>, LedgerError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| Alarm::from_word(&text).ok_or_else(|| damaged("an alarm"))).transpose()
}

pub(super) fn word<T>(row: &Row<'_>, column: usize, from: fn(&str) -> Option<T>) -> Result<T, LedgerError> {
    from(&row.get::<_, String>(column)?).ok_or_else(|| damaged("a state"))
}

pub(super) fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Result<T, LedgerError> {
    row.get::<_, String>(column)?.parse().map_err(|_| damaged("a name"))
}

pub(super) fn one_of(text: &str, words: &[&'static str]) -> Result<&'static str, LedgerError> {
    words.iter().find(|word| **word == text).copied().ok_or_else(|| damaged("a stage"))
}

pub(super) fn damaged(what: &str) -> LedgerError {
    LedgerError::Damaged(format!("{what} in it makes no sense"))
}
