//! Refunds: saving them with their payment in one transaction, and looking them up.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params, params_from_iter};

use super::chain;
use super::error::LedgerError;
use super::open::Ledger;
use super::read::{LIMIT_MAX, Reader, parsed};
use super::refund_rows::{REFUND_VALUES, RefundRow, all, columns, one, refund};
use super::rows;
use super::save::{ADD_LINE, Head, MOVE_HEAD};
use crate::payment::{Refund, RefundNote, State};
use crate::words::{NoticeId, Now, OutRefundNo, PaymentRef, RefundRef, WallTime};

const ADD_REFUND: &str = concat!(
    "INSERT INTO refunds (",
    columns!(),
    ", updated_at, seq)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
        ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)"
);

/// What was asked for is compared, not written: a refund keeps its number and its terms for ever.
const SAVE_REFUND: &str = "
UPDATE refunds SET stage = ?13, leads_to = ?14, state = ?15, outcome = ?16, sends = ?17, asked = ?18, doubted = ?19,
    refused = ?20, refused_class = ?21, err_code = ?22, err_code_des = ?23, acked_at = CASE WHEN ?24 IS NOT NULL AND alarm IS NOT ?24 THEN NULL ELSE acked_at END,
    alarm = ?24, accepted_at = ?25,
    refund_id = ?26, refunded_at = ?27, open = ?28, next_action = ?29, next_at = ?30, updated_at = ?31, seq = ?32
WHERE refund_ref = ?1 AND out_refund_no = ?2 AND payment = ?3 AND out_trade_no = ?4 AND transaction_id = ?5
    AND amount = ?6 AND total = ?7 AND currency = ?8 AND reason = ?9 AND operator = ?10 AND supervised = ?11
    AND created_at = ?12";

const REFUNDED: &str = "SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment = ?1 AND state = 'refunded'";

const SAVE_PAYMENT: &str = "
UPDATE payments SET refunded = ?2, state = ?3, money = ?4,
    next_action = CASE WHEN ?3 = 'refunded' THEN 'none' ELSE next_action END, updated_at = ?5, seq = ?6
WHERE ref = ?1 AND amount = ?7 AND state IN ('paid', 'partially_refunded', 'refunded')";

const BY_NUMBER: &str =
    concat!("SELECT ", columns!(), ", acked_at, updated_at, seq FROM refunds WHERE out_refund_no = ?1");
const NOTICED: &str = "
SELECT 1 FROM journal WHERE payment = ?1 AND data ->> 'event' = 'refund_noticed' AND data ->> 'notice_id' = ?2";
const NOTIFY_URL: &str = "
SELECT data ->> 'notify_url' FROM journal
WHERE payment = ?1 AND data ->> 'event' = 'refund_requested' AND data ->> 'refund_ref' = ?2";
const TOOK_ALL: &str = "
SELECT data ->> 'all_that_was_left' FROM journal
WHERE payment = ?1 AND data ->> 'event' = 'refund_requested' AND data ->> 'refund_ref' = ?2";
const BY_NAME: &str = concat!("SELECT ", columns!(), ", acked_at, updated_at, seq FROM refunds WHERE refund_ref = ?1");
const OF_PAYMENT: &str = concat!(
    "SELECT ",
    columns!(),
    ", acked_at, updated_at, seq FROM refunds WHERE payment = ?1 ORDER BY created_at, refund_ref"
);
const OF_TIME: &str = concat!(
    "SELECT ",
    columns!(),
    ", acked_at, updated_at, seq FROM refunds
    WHERE coalesce(accepted_at, created_at) >= ?1 AND coalesce(accepted_at, created_at) < ?2
    ORDER BY coalesce(accepted_at, created_at), refund_ref"
);
const STILL_OPEN: &str =
    concat!("SELECT ", columns!(), ", acked_at, updated_at, seq FROM refunds WHERE open = 1 ORDER BY refund_ref");
const UNSEEN: &str = concat!(
    "SELECT ",
    columns!(),
    ", acked_at, updated_at, seq FROM refunds
    WHERE acked_at IS NULL AND (alarm IS NOT NULL OR state IN ('failed', 'needs_attention'))
    ORDER BY created_at, refund_ref LIMIT ?1"
);

/// What a line says beside the fact itself.
#[derive(serde::Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    note: &'a RefundNote,
    refund_ref: &'a str,
    refund_state: &'a str,
    refund_stage: &'a str,
    state: &'a str,
    money: &'a str,
    /// Digest of the payment's row after this line.
    p: &'a str,
    /// Digest of the refund's row after this line.
    r: &'a str,
}

/// Writes a refund, what follows for its payment, and its lines.
pub(super) fn write(
    tx: &Transaction<'_>,
    it: &Refund,
    notes: &[RefundNote],
    at: Now,
    head: &Head,
) -> Result<Head, LedgerError> {
    let record = it.record();
    let facts = &record.facts;
    let values = refund(&record, it.next(), at);
    let (wall, payment) = (at.wall.millis(), facts.payment.as_str());
    let last = head.after(notes.len());
    let new = notes.iter().any(|note| matches!(note, RefundNote::RefundRequested { .. }));
    let changed = tx
        .prepare_cached(if new { ADD_REFUND } else { SAVE_REFUND })?
        .execute(params_from_iter(values.iter().chain([&Value::Integer(wall), &Value::Integer(last)])))?;
    if changed != 1 {
        return Err(LedgerError::Damaged("a refund's row is gone or altered".to_owned()));
    }
    let total = facts.total.minor();
    let refunded: u64 = tx.prepare_cached(REFUNDED)?.query_row([payment], |row| row.get(0))?;
    let (state, money) = State::after_refunds(total, refunded);
    let payment_row = params![payment, refunded, state.word(), money.word(), wall, last, total];
    if tx.prepare_cached(SAVE_PAYMENT)?.execute(payment_row)? != 1 {
        return Err(LedgerError::Damaged("a payment that is refunded is not paid".to_owned()));
    }
    let (p, r) = (rows::payment_digest(tx, payment)?, chain::row(&values));

    let Head { counter, mut seq, mut hash } = *head;
    for note in notes {
        let line = Line {
            note,
            refund_ref: facts.reference.as_str(),
            refund_state: record.state.word(),
            refund_stage: record.stage,
            state: state.word(),
            money: money.word(),
            p: &p,
            r: &r,
        };
        let data = serde_json::to_string(&line).map_err(|error| LedgerError::Damaged(error.to_string()))?;
        let number = Some(facts.out_trade_no.as_str());
        seq = seq.saturating_add(1);
        hash = chain::link(&hash, seq, wall, payment, number, &data);
        tx.prepare_cached(ADD_LINE)?.execute(params![seq, wall, payment, number, data, hash])?;
    }
    tx.prepare_cached(MOVE_HEAD)?.execute(params![counter, seq, hash])?;
    Ok(Head { counter, seq, hash })
}

impl Ledger {
    /// Draws the number of a refund: never an order's number, and never that of a refund in place of a reversal. It is
    /// kept with the refund itself.
    ///
    /// # Errors
    /// When the terminal has used up its numbers.
    pub fn mint_refund(&mut self) -> Result<OutRefundNo, LedgerError> {
        self.counter = self.counter.saturating_add(1);
        let number = format!("{}{}{:08}F", self.terminal, self.mark, self.counter);
        number.parse().map_err(|_| LedgerError::Damaged("no refund number is left".to_owned()))
    }

    /// The refund with the POS's name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn refund(&self, reference: &RefundRef) -> Result<Option<RefundRow>, LedgerError> {
        by_name(&self.db, reference)
    }

    /// The refund with this number at WeChat.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn refund_by_number(&self, number: &OutRefundNo) -> Result<Option<RefundRow>, LedgerError> {
        one(&mut *self.db.prepare_cached(BY_NUMBER)?, [number.as_str()])
    }

    /// Whether the notification `id` about a refund of `payment` was kept before.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn was_noticed(&self, payment: &PaymentRef, id: &NoticeId) -> Result<bool, LedgerError> {
        Ok(self.db.prepare_cached(NOTICED)?.exists([payment.as_str(), id.as_str()])?)
    }

    /// Where WeChat was asked to tell how this refund of `payment` ended. The journal knows: it is one of the terms the
    /// refund is repeated with, whatever the configuration says by now.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn notify_url(&self, payment: &PaymentRef, refund: &RefundRef) -> Result<Option<String>, LedgerError> {
        let mut statement = self.db.prepare_cached(NOTIFY_URL)?;
        let told: Option<Option<String>> =
            statement.query_row([payment.as_str(), refund.as_str()], |row| row.get(0)).optional()?;
        Ok(told.flatten())
    }

    /// Whether this refund of `payment` was asked for all that was left then. What other refunds came to since says
    /// nothing about that, so the journal has to. `None`: an older program accepted it and did not say.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn took_all(&self, payment: &PaymentRef, refund: &RefundRef) -> Result<Option<bool>, LedgerError> {
        let mut statement = self.db.prepare_cached(TOOK_ALL)?;
        let told: Option<Option<bool>> =
            statement.query_row([payment.as_str(), refund.as_str()], |row| row.get(0)).optional()?;
        Ok(told.flatten())
    }

    /// All refunds of a payment, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn refunds_of(&self, payment: &PaymentRef) -> Result<Vec<RefundRow>, LedgerError> {
        all(&mut *self.db.prepare_cached(OF_PAYMENT)?, [payment.as_str()])
    }

    /// The names of the refunds with something left to do.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn open_refunds(&self) -> Result<Vec<RefundRef>, LedgerError> {
        let mut statement = self.db.prepare("SELECT refund_ref FROM refunds WHERE open = 1 ORDER BY refund_ref")?;
        let mut rows = statement.query([])?;
        let mut names = Vec::new();
        while let Some(row) = rows.next()? {
            names.push(parsed(row, 0)?);
        }
        Ok(names)
    }

    /// Keeps that somebody has seen how `reference` ended. Does nothing the second time.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn acknowledge_refund(&mut self, reference: &RefundRef, at: WallTime) -> Result<bool, LedgerError> {
        let tx = Transaction::new(&mut self.db, TransactionBehavior::Immediate)?;
        let (seq, at) = (self.seq.saturating_add(1), at.millis());
        let payment: Option<String> = tx
            .prepare_cached(
                "UPDATE refunds SET acked_at = ?2, updated_at = ?2, seq = ?3, next_action = 'none'
                 WHERE refund_ref = ?1 AND acked_at IS NULL RETURNING payment",
            )?
            .query_row(params![reference.as_str(), at, seq], |row| row.get(0))
            .optional()?;
        let Some(payment) = payment else { return Ok(false) };
        let r = tx.prepare_cached(BY_NAME)?.query_row([reference.as_str()], rows::digest_of::<REFUND_VALUES>)?;
        let fact = serde_json::json!({ "event": "refund_acknowledged", "refund_ref": reference, "r": r });
        let data = fact.to_string();
        let hash = chain::link(&self.hash, seq, at, &payment, None, &data);
        tx.prepare_cached(ADD_LINE)?.execute(params![seq, at, payment, None::<&str>, data, hash])?;
        tx.prepare_cached("UPDATE payments SET updated_at = ?2, seq = ?3 WHERE ref = ?1")?
            .execute(params![payment, at, seq])?;
        tx.prepare_cached(MOVE_HEAD)?.execute(params![self.counter, seq, hash])?;
        tx.commit()?;
        self.seq = seq;
        self.hash = hash;
        Ok(true)
    }
}

impl Reader {
    /// The refund with the POS's name.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn refund(&self, reference: &RefundRef) -> Result<Option<RefundRow>, LedgerError> {
        if self.knows_refunds()? { by_name(self.db(), reference) } else { Ok(None) }
    }

    /// All refunds of a payment, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn refunds_of(&self, payment: &PaymentRef) -> Result<Vec<RefundRow>, LedgerError> {
        if !self.knows_refunds()? {
            return Ok(Vec::new());
        }
        all(&mut *self.db().prepare_cached(OF_PAYMENT)?, [payment.as_str()])
    }

    /// The refunds with something left to do, in the order of their names.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn open_refunds(&self) -> Result<Vec<RefundRow>, LedgerError> {
        if !self.knows_refunds()? {
            return Ok(Vec::new());
        }
        all(&mut *self.db().prepare_cached(STILL_OPEN)?, [])
    }

    /// The refunds that WeChat accepted in this time, from `from` to before `to`, in that order: a statement lists a
    /// refund on the day it was accepted. One that was not accepted yet counts from its request.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn refunds_between(&self, from: WallTime, to: WallTime) -> Result<Vec<RefundRow>, LedgerError> {
        if !self.knows_refunds()? {
            return Ok(Vec::new());
        }
        all(&mut *self.db().prepare_cached(OF_TIME)?, params![from.millis(), to.millis()])
    }

    /// The refunds a person must look at, oldest first: failed, to be settled by hand, or with an alarm, and not yet
    /// acknowledged.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn refunds_in_need(&self) -> Result<Vec<RefundRow>, LedgerError> {
        if !self.knows_refunds()? {
            return Ok(Vec::new());
        }
        all(&mut *self.db().prepare_cached(UNSEEN)?, [LIMIT_MAX])
    }
}

impl Reader {
    /// The ledger of an older program has no refunds until a daemon of this one has opened it.
    fn knows_refunds(&self) -> Result<bool, LedgerError> {
        knows_refunds(self.db())
    }
}

/// Whether there is a table of refunds.
pub(super) fn knows_refunds(db: &Connection) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refunds'";
    Ok(db.prepare_cached(sql)?.exists([])?)
}

fn by_name(db: &Connection, reference: &RefundRef) -> Result<Option<RefundRow>, LedgerError> {
    one(&mut *db.prepare_cached(BY_NAME)?, [reference.as_str()])
}
