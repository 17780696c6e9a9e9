//! Refunds as a reconciliation asks for them.
//!
//! A statement lists a refund when WeChat accepts it and never looks at it again, so what is at work, has arrived, or
//! ended in the merchant's hands is one movement of that day. What failed is none by the ledger, whatever a statement
//! says: the two are then told apart. A refund in a reversal's place is no row here: it is part of its attempt.

use rusqlite::{Connection, Row, params};

use super::error::LedgerError;
use super::movements::{amount, text};
use crate::reconcile::{LedgerLine, Standing, What};
use crate::words::WallTime;

/// Refunds that WeChat accepted in a span of time.
const ACCEPTED: &str = "
SELECT out_trade_no, amount, currency, coalesce(accepted_at, created_at), out_refund_no, refund_ref FROM refunds
WHERE coalesce(accepted_at, created_at) >= ?1 AND coalesce(accepted_at, created_at) < ?2
    AND outcome <> 'failed' AND (accepted_at IS NOT NULL OR outcome <> '')
ORDER BY coalesce(accepted_at, created_at), refund_ref";

/// Refunds that were asked for in a span of time, and of which nobody knows whether WeChat has accepted them.
const OPEN: &str = "
SELECT out_trade_no, amount, currency, created_at, out_refund_no, refund_ref FROM refunds
WHERE open = 1 AND outcome = '' AND accepted_at IS NULL AND created_at >= ?1 AND created_at < ?2
ORDER BY refund_ref";

/// All of a refund.
pub(super) const BY_NAME: &str = "
SELECT r.out_trade_no, r.amount, r.currency, coalesce(r.accepted_at, r.created_at), r.transaction_id, r.out_refund_no,
    r.created_at, r.outcome, r.accepted_at IS NOT NULL, r.state, r.payment, p.client_ref
FROM refunds r JOIN payments p ON p.ref = r.payment WHERE r.refund_ref = ?1";
/// By way of the payment: there is an index of its refunds.
pub(super) const OF_ORDER: &str = "
SELECT r.out_trade_no, r.amount, r.currency, coalesce(r.accepted_at, r.created_at), r.transaction_id, r.out_refund_no,
    r.created_at, r.outcome, r.accepted_at IS NOT NULL, r.state, r.payment, p.client_ref
FROM attempts a CROSS JOIN refunds r ON r.payment = a.payment JOIN payments p ON p.ref = r.payment
WHERE a.out_trade_no = ?1 AND r.out_trade_no = ?1 ORDER BY r.created_at, r.refund_ref";

type Span = (WallTime, WallTime);
/// Takes a line as it passes, and the POS's name of the refund.
type Each<'a> = dyn FnMut(&LedgerLine<&str>, &str) -> Result<(), LedgerError> + 'a;

/// Refunds that WeChat accepted within `span`, in that order.
pub(super) fn accepted(db: &Connection, span: Span, each: &mut Each<'_>) -> Result<(), LedgerError> {
    pass(db, ACCEPTED, Standing::Done, span, each)
}

/// Refunds that were asked for within `span` and are not known to be accepted, in the order of their names.
pub(super) fn open(db: &Connection, span: Span, each: &mut Each<'_>) -> Result<(), LedgerError> {
    pass(db, OPEN, Standing::Open, span, each)
}

fn pass(db: &Connection, sql: &str, standing: Standing, span: Span, each: &mut Each<'_>) -> Result<(), LedgerError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params![span.0.millis(), span.1.millis()])?;
    while let Some(row) = rows.next()? {
        let at = WallTime::from_millis(row.get(3)?);
        let line = LedgerLine {
            out_trade_no: text(row, 0)?,
            what: What::Refund { out_refund_no: text(row, 4)? },
            amount: amount(row)?,
            standing,
            state: "",
            at,
            begun: at,
            transaction_id: "",
            reference: "",
            client_ref: "",
        };
        each(&line, text(row, 5)?)?;
    }
    Ok(())
}

/// A line of [`BY_NAME`] or [`OF_ORDER`].
pub(super) fn whole(row: &Row<'_>) -> Result<LedgerLine, LedgerError> {
    let standing = match (text(row, 7)?, row.get(8)?) {
        ("refunded" | "by_hand", _) | ("", true) => Standing::Done,
        ("failed", _) => Standing::NotDone,
        ("", false) => Standing::Open,
        _ => return Err(LedgerError::Damaged("a refund's outcome in it makes no sense".to_owned())),
    };
    Ok(LedgerLine {
        out_trade_no: text(row, 0)?.to_owned(),
        what: What::Refund { out_refund_no: text(row, 5)?.to_owned() },
        amount: amount(row)?,
        standing,
        state: text(row, 9)?.to_owned(),
        at: WallTime::from_millis(row.get(3)?),
        begun: WallTime::from_millis(row.get(6)?),
        transaction_id: text(row, 4)?.to_owned(),
        reference: text(row, 10)?.to_owned(),
        client_ref: text(row, 11)?.to_owned(),
    })
}
