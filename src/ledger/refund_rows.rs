//! Refunds as columns, and columns as refunds.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Params, Row, Statement};

use super::error::LedgerError;
use super::read::{alarm, damaged, one_of, parsed, word};
use super::rows::{flag, maybe, number, text};
use crate::payment::answer::{Class, RefundReceipt, RefundRefusal, Refusal};
use crate::payment::{Action, Alarm, Next, RefundFacts, RefundRecord, RefundRefused, RefundState};
use crate::words::{Money, Now, WallTime};

/// Columns of a refund that its journal line vouches for, in the order of the statements.
pub(super) const REFUND_VALUES: usize = 30;

/// Those columns.
macro_rules! columns {
    () => {
        "refund_ref, out_refund_no, payment, out_trade_no, transaction_id, amount, total, currency, reason, operator,
        supervised, created_at, stage, leads_to, state, outcome, sends, asked, doubted, refused, refused_class, err_code,
        err_code_des, alarm, accepted_at, refund_id, refunded_at, open, next_action, next_at"
    };
}
pub(super) use columns;

/// A refund as the ledger knows it.
#[derive(Clone, Debug)]
pub struct RefundRow {
    /// What can be recovered from.
    pub record: RefundRecord,
    /// What to do next.
    pub next_action: Action,
    /// When something changes by itself.
    pub next_at: Option<WallTime>,
    /// When somebody acknowledged it.
    pub acked_at: Option<WallTime>,
    /// Its last change.
    pub updated_at: WallTime,
    /// Its last journal line.
    pub seq: u64,
}

impl RefundRow {
    /// A person must look at it, and nobody has yet: it failed, goes back by hand, or has an alarm.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        let troubled = matches!(self.record.state, RefundState::Failed | RefundState::NeedsAttention);
        self.acked_at.is_none() && (troubled || self.record.alarm.is_some())
    }

    /// Its sum is not free for another refund: it goes back, may do so, or may have done so after all and nobody has
    /// looked yet.
    #[must_use]
    pub fn holds_its_sum(&self) -> bool {
        self.record.state != RefundState::Failed || (self.record.is_contradicted() && self.acked_at.is_none())
    }
}

/// A refund's columns, `refund_ref` to `next_at`.
pub(super) fn refund(record: &RefundRecord, next: Next, at: Now) -> [Value; REFUND_VALUES] {
    let facts = &record.facts;
    let refused = record.refused.as_ref();
    let receipt = record.receipt.as_ref();
    let time = |at: Option<WallTime>| at.map_or(Value::Null, |at| Value::Integer(at.millis()));
    let next_at = next.at.map(|tick| at.wall.after(tick.since(at.tick)));
    [
        text(facts.reference.as_str()),
        text(facts.out_refund_no.as_str()),
        text(facts.payment.as_str()),
        text(facts.out_trade_no.as_str()),
        text(facts.transaction_id.as_str()),
        number(facts.amount.minor()),
        number(facts.total.minor()),
        text(facts.amount.currency().code()),
        text(&facts.reason),
        text(&facts.operator),
        flag(facts.supervised),
        Value::Integer(facts.created_at.millis()),
        text(record.stage),
        text(record.leads_to),
        text(record.state.word()),
        text(record.outcome),
        number(u64::from(record.sends)),
        number(u64::from(record.asked)),
        flag(record.doubted),
        text(refused.map_or("", |it| it.why.word())),
        text(refused.map_or("", |it| it.refusal.class().word())),
        text(refused.map_or("", |it| it.refusal.code())),
        text(refused.map_or("", |it| it.refusal.text())),
        maybe(record.alarm.map(Alarm::word)),
        time(record.accepted_at),
        maybe(receipt.and_then(|it| it.refund_id.as_ref()).map(|id| id.as_str())),
        time(receipt.and_then(|it| it.refunded_at)),
        flag(record.open),
        text(next.action.word()),
        time(next_at),
    ]
}

/// The one refund that `statement` finds.
pub(super) fn one(statement: &mut Statement<'_>, params: impl Params) -> Result<Option<RefundRow>, LedgerError> {
    statement.query_row(params, |row| Ok(read(row))).optional()?.transpose()
}

/// All refunds that `statement` finds.
pub(super) fn all(statement: &mut Statement<'_>, params: impl Params) -> Result<Vec<RefundRow>, LedgerError> {
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Reads the columns, and behind them `acked_at`, `updated_at` and `seq`.
fn read(row: &Row<'_>) -> Result<RefundRow, LedgerError> {
    let currency = parsed(row, 7)?;
    let money = |column: usize| -> Result<Money, LedgerError> {
        Money::new(row.get(column)?, currency).map_err(|_| damaged("an amount"))
    };
    let facts = RefundFacts {
        reference: parsed(row, 0)?,
        out_refund_no: parsed(row, 1)?,
        payment: parsed(row, 2)?,
        out_trade_no: parsed(row, 3)?,
        transaction_id: parsed(row, 4)?,
        amount: money(5)?,
        total: money(6)?,
        reason: row.get(8)?,
        operator: row.get(9)?,
        supervised: row.get(10)?,
        created_at: WallTime::from_millis(row.get(11)?),
    };
    let outcome = one_of(&row.get::<_, String>(15)?, &RefundRecord::OUTCOMES)?;
    let receipt = if outcome == "refunded" { Some(receipt(row)?) } else { None };
    let record = RefundRecord {
        facts,
        stage: one_of(&row.get::<_, String>(12)?, &RefundRecord::STAGES)?,
        leads_to: one_of(&row.get::<_, String>(13)?, &RefundRecord::LEADS_TO)?,
        state: word(row, 14, RefundState::from_word)?,
        outcome,
        sends: row.get(16)?,
        asked: row.get(17)?,
        doubted: row.get(18)?,
        refused: refused(row)?,
        alarm: alarm(row, 23)?,
        accepted_at: time(row, 24)?,
        receipt,
        open: row.get(27)?,
    };
    Ok(RefundRow {
        record,
        next_action: word(row, 28, Action::from_word)?,
        next_at: time(row, 29)?,
        acked_at: time(row, 30)?,
        updated_at: WallTime::from_millis(row.get(31)?),
        seq: row.get(32)?,
    })
}

fn refused(row: &Row<'_>) -> Result<Option<RefundRefused>, LedgerError> {
    let [why, class, code, des]: [String; 4] = [row.get(19)?, row.get(20)?, row.get(21)?, row.get(22)?];
    if why.is_empty() {
        return Ok(None);
    }
    let (why, class) = (RefundRefusal::from_word(&why), Class::from_word(&class));
    let (Some(why), Some(class)) = (why, class) else { return Err(damaged("a refusal")) };
    Ok(Some(RefundRefused { why, refusal: Refusal::new(class, &code, &des) }))
}

fn receipt(row: &Row<'_>) -> Result<RefundReceipt, LedgerError> {
    let id: Option<String> = row.get(25)?;
    let refund_id = id.map(|id| id.parse()).transpose().map_err(|_| damaged("a refund_id"))?;
    Ok(RefundReceipt { refund_id, refunded_at: time(row, 26)? })
}

fn time(row: &Row<'_>, column: usize) -> Result<Option<WallTime>, LedgerError> {
    Ok(row.get::<_, Option<i64>>(column)?.map(WallTime::from_millis))
}
