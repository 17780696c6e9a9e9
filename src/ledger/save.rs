//! Saving: rows and journal lines in one transaction, one flush.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::types::Value;
use rusqlite::{Transaction, TransactionBehavior, params, params_from_iter};
use sha2::Sha256;

use super::chain;
use super::error::LedgerError;
use super::open::Ledger;
use super::refunds;
use super::rows;
use super::standing::remember;
use crate::payment::{Change, CodeMark, Durable, Entry, Mint, Payment};
use crate::words::{AuthCode, Now, PaymentRef, WallTime};

/// Commits after which an idle moment is used for a checkpoint: about 1 MiB of WAL.
const CHECKPOINT_WHEN_IDLE: u32 = 64;
/// Commits after which a checkpoint may no longer wait for an idle moment: about 32 MiB of WAL.
const CHECKPOINT_AT_LAST: u32 = 2048;

const SAVE_PAYMENT: &str = "
INSERT INTO payments (ref, client_ref, lane, amount, currency, description, attach, operator, patience_ms, asked_code,
    created_at, state, money, canceled, decline_code, decline_text, alarm, open, attempts, next_action, next_at,
    updated_at, seq)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
ON CONFLICT (ref) DO UPDATE SET state = ?12, money = ?13, canceled = ?14, decline_code = ?15, decline_text = ?16,
    alarm = ?17, open = ?18, attempts = ?19, next_action = ?20, next_at = ?21, updated_at = ?22, seq = ?23";

const ADD_ATTEMPT: &str = "
INSERT INTO attempts (out_trade_no, payment, no, code_hint, stage, state, money, outcome, tries, refunds, paid_seen,
    refund_due, watch, refused, refused_class, err_code, err_code_des, alarm, refund_no, transaction_id, paid_at,
    payer_total, payer_currency, rate, updated_at, code_mark, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
    ?25, ?26, ?25)";

const SAVE_ATTEMPT: &str = "
UPDATE attempts SET stage = ?5, state = ?6, money = ?7, outcome = ?8, tries = ?9, refunds = ?10, paid_seen = ?11,
    refund_due = ?12, watch = ?13, refused = ?14, refused_class = ?15, err_code = ?16, err_code_des = ?17, alarm = ?18,
    transaction_id = ?20, paid_at = ?21, payer_total = ?22, payer_currency = ?23, rate = ?24, updated_at = ?25
WHERE out_trade_no = ?1 AND payment = ?2 AND no = ?3 AND code_hint = ?4 AND refund_no = ?19";

pub(super) const ADD_LINE: &str =
    "INSERT INTO journal (seq, at, payment, out_trade_no, data, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(super) const MOVE_HEAD: &str = "UPDATE head SET counter = ?1, seq = ?2, hash = ?3 WHERE id = 1";

/// What a line says beside the fact itself.
#[derive(serde::Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    note: &'a crate::payment::Note,
    state: &'a str,
    money: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    /// Digest of the payment's row after this line.
    p: &'a str,
    /// Digest of the attempt's row after this line.
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<&'a str>,
}

impl Durable for Ledger {
    type Error = LedgerError;

    fn save(&mut self, change: &Change<'_>) -> Result<(), LedgerError> {
        let lines = match change {
            Change::Payment { entries, .. } => entries.len(),
            Change::Refund { notes, .. } => notes.len(),
        };
        if lines == 0 {
            return Ok(());
        }
        let mark = match change {
            Change::Payment { code, .. } => code.map(|code| self.code_mark(code)),
            Change::Refund { .. } => None,
        };
        let head = Head { counter: self.counter, seq: self.seq, hash: self.hash };
        let tx = Transaction::new(&mut self.db, TransactionBehavior::Immediate)?;
        let head = match change {
            Change::Payment { payment, entries, at, .. } => write(&tx, payment, entries, *at, mark.as_ref(), &head)?,
            Change::Refund { refund, notes, at } => refunds::write(&tx, refund, notes, *at, &head)?,
        };
        tx.commit()?;
        self.seq = head.seq;
        self.hash = head.hash;
        self.commits_since_checkpoint = self.commits_since_checkpoint.saturating_add(1);
        Ok(())
    }
}

/// Where the journal stands.
pub(super) struct Head {
    pub(super) counter: i64,
    pub(super) seq: i64,
    pub(super) hash: chain::Hash,
}

impl Head {
    /// The last line, once this many more are written.
    pub(super) fn after(&self, lines: usize) -> i64 {
        self.seq.saturating_add(i64::try_from(lines).unwrap_or(i64::MAX))
    }
}

fn write(
    tx: &Transaction<'_>,
    payment: &Payment,
    entries: &[Entry],
    at: Now,
    mark: Option<&CodeMark>,
    head: &Head,
) -> Result<Head, LedgerError> {
    let record = payment.record();
    let payment = rows::payment(&record, payment.next(), at);
    let attempt = record.attempt.as_ref().map(|attempt| rows::attempt(attempt, &record));
    let payment_digest = chain::row(&payment);
    let attempt_digest = attempt.as_ref().map(|values| chain::row(values));
    let number = record.attempt.as_ref().map(|attempt| (attempt.no, attempt.out_trade_no.as_str(), attempt.stage));
    let at = at.wall.millis();
    let reference = record.facts.reference.as_str();

    let Head { counter, mut seq, mut hash } = *head;
    let last = head.after(entries.len());
    tx.prepare_cached(SAVE_PAYMENT)?
        .execute(params_from_iter(payment.iter().chain([&Value::Integer(at), &Value::Integer(last)])))?;
    save_attempt(tx, attempt.as_ref(), mark, at)?;

    let mut add_line = tx.prepare_cached(ADD_LINE)?;
    for entry in entries {
        let about = number.filter(|(no, ..)| entry.attempt == Some(*no));
        let line = Line {
            note: &entry.note,
            state: record.state.word(),
            money: record.money.word(),
            stage: about.map(|(_, _, stage)| stage),
            p: &payment_digest,
            a: about.and(attempt_digest.as_deref()),
        };
        let data = serde_json::to_string(&line).map_err(|error| LedgerError::Damaged(error.to_string()))?;
        let out_trade_no = about.map(|(_, out_trade_no, _)| out_trade_no);
        seq = seq.saturating_add(1);
        hash = chain::link(&hash, seq, at, reference, out_trade_no, &data);
        add_line.execute(params![seq, at, reference, out_trade_no, data, hash])?;
    }
    tx.prepare_cached(MOVE_HEAD)?.execute(params![counter, seq, hash])?;
    Ok(Head { counter, seq, hash })
}

fn save_attempt(
    tx: &Transaction<'_>,
    values: Option<&[Value; rows::ATTEMPT_VALUES]>,
    mark: Option<&CodeMark>,
    at: i64,
) -> Result<(), LedgerError> {
    let Some(values) = values else { return Ok(()) };
    let at = Value::Integer(at);
    if let Some(mark) = mark {
        let mark = Value::Blob(mark.to_vec());
        tx.prepare_cached(ADD_ATTEMPT)?.execute(params_from_iter(values.iter().chain([&at, &mark])))?;
        return Ok(());
    }
    let changed = tx.prepare_cached(SAVE_ATTEMPT)?.execute(params_from_iter(values.iter().chain([&at])))?;
    if changed != 1 {
        return Err(LedgerError::Damaged("an attempt's row is gone or altered".to_owned()));
    }
    Ok(())
}

impl Ledger {
    /// Draws numbers for an attempt. They are kept with the attempt itself; a number that is drawn and not kept is
    /// drawn again, for it was never said.
    ///
    /// # Errors
    /// When the terminal has used up its numbers.
    pub fn mint(&mut self) -> Result<Mint, LedgerError> {
        self.counter = self.counter.saturating_add(1);
        let number = format!("{}{}{:08}", self.terminal, self.mark, self.counter);
        let used_up = |_| LedgerError::Damaged("no order number is left".to_owned());
        let out_trade_no = number.parse().map_err(used_up)?;
        let refund_no = format!("{number}R").parse().map_err(used_up)?;
        Ok(Mint { out_trade_no, refund_no })
    }

    /// Draws our name for a payment.
    ///
    /// # Errors
    /// When the terminal has used up its numbers.
    pub fn name(&mut self) -> Result<PaymentRef, LedgerError> {
        self.counter = self.counter.saturating_add(1);
        let name = format!("{}-{}-{:08}", self.terminal, self.mark, self.counter);
        name.parse().map_err(|_| LedgerError::Damaged("no payment number is left".to_owned()))
    }

    /// The salted hash of a code: all of it that is ever kept.
    #[must_use]
    pub fn code_mark(&self, code: &AuthCode) -> CodeMark {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.salt.expose()) else { return CodeMark::default() };
        mac.update(code.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Whether a code with this mark was ever submitted from here. One code is one order, for ever.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn code_was_used(&self, mark: &CodeMark) -> Result<bool, LedgerError> {
        let mut statement = self.db.prepare_cached("SELECT 1 FROM attempts WHERE code_mark = ?1 LIMIT 1")?;
        Ok(statement.exists([mark])?)
    }

    /// Keeps that the POS has recorded the result of `reference`. Does nothing the second time.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn acknowledge(&mut self, reference: &PaymentRef, at: WallTime) -> Result<bool, LedgerError> {
        let tx = Transaction::new(&mut self.db, TransactionBehavior::Immediate)?;
        let (seq, at) = (self.seq.saturating_add(1), at.millis());
        let changed = tx.execute(
            "UPDATE payments SET acked_at = ?2, updated_at = ?2, seq = ?3, next_action = 'none', next_at = NULL
             WHERE ref = ?1 AND acked_at IS NULL",
            params![reference.as_str(), at, seq],
        )?;
        if changed == 0 {
            return Ok(false);
        }
        let digest = rows::payment_digest(&tx, reference.as_str())?;
        let data = serde_json::json!({ "event": "acknowledged", "p": digest }).to_string();
        let hash = chain::link(&self.hash, seq, at, reference.as_str(), None, &data);
        tx.prepare_cached(ADD_LINE)?.execute(params![seq, at, reference.as_str(), None::<&str>, data, hash])?;
        tx.prepare_cached(MOVE_HEAD)?.execute(params![self.counter, seq, hash])?;
        tx.commit()?;
        self.seq = seq;
        self.hash = hash;
        Ok(true)
    }

    /// Copies the WAL into the file while nobody waits for it: always when `idle` and there is enough of it, and
    /// between two payments when there is far too much. The write after it begins the WAL anew, so that this flush
    /// does not fall on a payment either.
    ///
    /// # Errors
    /// When the disk fails: as fatal as a failed save.
    pub fn tidy(&mut self, idle: bool) -> Result<(), LedgerError> {
        let limit = if idle { CHECKPOINT_WHEN_IDLE } else { CHECKPOINT_AT_LAST };
        // No flush: a power cut may lose it, a kill does not.
        if idle && self.on_disk() && self.remembered != self.seq {
            remember(&self.path, &self.mark, self.starts, self.seq);
            self.remembered = self.seq;
        }
        if self.commits_since_checkpoint < limit {
            return Ok(());
        }
        self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        self.db.execute("UPDATE head SET starts = starts WHERE id = 1", [])?;
        self.commits_since_checkpoint = 0;
        if self.on_disk() {
            remember(&self.path, &self.mark, self.starts, self.seq);
            self.remembered = self.seq;
        }
        Ok(())
    }
}
