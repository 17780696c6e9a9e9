//! Payments as columns, and columns as payments.

use rusqlite::types::Value;
use rusqlite::{Row, Transaction};

use super::chain;
use crate::payment::{Alarm, AttemptRecord, Next, PaymentRecord};
use crate::words::Now;

/// Columns of a payment that its journal line vouches for, in the order of the statements.
pub(super) const PAYMENT_VALUES: usize = 21;
/// The same of an attempt.
pub(super) const ATTEMPT_VALUES: usize = 24;

/// The columns of one payment that its journal line vouches for.
const PAYMENT_ROW: &str = "
SELECT ref, client_ref, lane, amount, currency, description, attach, operator, patience_ms, asked_code, created_at, state,
    money, canceled, decline_code, decline_text, alarm, open, attempts, next_action, next_at
FROM payments WHERE ref = ?1";

/// The digest of a payment's row as it stands.
pub(super) fn payment_digest(tx: &Transaction<'_>, reference: &str) -> rusqlite::Result<String> {
    tx.prepare_cached(PAYMENT_ROW)?.query_row([reference], digest_of::<PAYMENT_VALUES>)
}

/// The digest of a row's first `COLUMNS` columns.
pub(super) fn digest_of<const COLUMNS: usize>(row: &Row<'_>) -> rusqlite::Result<String> {
    let values: Vec<Value> = (0..COLUMNS).map(|at| row.get(at)).collect::<Result<_, _>>()?;
    Ok(chain::row(&values))
}

/// A payment's columns, `ref` to `next_at`.
pub(super) fn payment(record: &PaymentRecord, next: Next, at: Now) -> [Value; PAYMENT_VALUES] {
    let facts = &record.facts;
    let attempts = record.attempt.as_ref().map_or(0, |attempt| attempt.no);
    let next_at = next.at.map(|tick| at.wall.after(tick.since(at.tick)).millis());
    [
        text(facts.reference.as_str()),
        text(facts.client_ref.as_str()),
        text(facts.lane.as_str()),
        number(facts.amount.minor()),
        text(facts.amount.currency().code()),
        text(&facts.description),
        text(&facts.attach),
        text(&facts.operator),
        number(u64::try_from(facts.patience.as_millis()).unwrap_or(u64::MAX)),
        facts.asked_code.map_or(Value::Null, |mark| Value::Blob(mark.to_vec())),
        Value::Integer(facts.created_at.millis()),
        text(record.state.word()),
        text(record.money.word()),
        flag(record.canceled),
        maybe(record.last_decline.as_ref().map(|it| it.code.as_str())),
        maybe(record.last_decline.as_ref().map(|it| it.text.as_str())),
        maybe(record.alarm.map(Alarm::word)),
        flag(record.open),
        number(u64::from(attempts)),
        text(next.action.word()),
        next_at.map_or(Value::Null, Value::Integer),
    ]
}

/// An attempt's columns, `out_trade_no` to `rate`.
pub(super) fn attempt(record: &AttemptRecord, payment: &PaymentRecord) -> [Value; ATTEMPT_VALUES] {
    let (refused, class, code, des) = record.refused.columns();
    let receipt = record.receipt.as_ref();
    let payer = receipt.and_then(|it| it.payer_total);
    [
        text(record.out_trade_no.as_str()),
        text(payment.facts.reference.as_str()),
        number(u64::from(record.no)),
        text(record.hint.as_str()),
        text(record.stage),
        text(record.state.word()),
        text(record.money.word()),
        text(record.outcome),
        number(u64::from(record.tries)),
        number(u64::from(record.refunds)),
        flag(record.paid_seen),
        flag(record.refund_due),
        number(u64::from(record.watch)),
        text(refused),
        text(class),
        text(code),
        text(des),
        maybe(record.alarm.map(Alarm::word)),
        text(record.refund_no.as_str()),
        maybe(record.transaction_id.as_ref().map(|it| it.as_str())),
        receipt.and_then(|it| it.paid_at).map_or(Value::Null, |at| Value::Integer(at.millis())),
        payer.map_or(Value::Null, |it| number(it.minor())),
        maybe(payer.map(|it| it.currency().code())),
        maybe(receipt.and_then(|it| it.rate.as_deref())),
    ]
}

pub(super) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(super) fn maybe(value: Option<&str>) -> Value {
    value.map_or(Value::Null, text)
}

pub(super) fn number(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

pub(super) fn flag(value: bool) -> Value {
    Value::Integer(i64::from(value))
}
