//! What v3 says about refunds: an answer to the call, and the one refund a question brings.
//!
//! Source: protocol 5.4 and 7.6. Neither reply names the merchant, so our number, our order's and our amount must be
//! there. An answer to the call need not name the order.

use serde_json::Value;

use super::read::{Body, get, time};
use crate::dialect::Distrust;
use crate::dialect::v2::codes::{self, RefundStatus};
use crate::payment::Terms;
use crate::payment::answer::{RefundAnswer, RefundQueryAnswer, RefundReceipt};

/// A 200 to a refund call is *accepted* and no more.
pub(super) fn accepted(body: &Body, terms: &Terms) -> Result<RefundAnswer, Distrust> {
    check(body, terms)?;
    Ok(RefundAnswer::Accepted)
}

/// What a 200 to a question says about our refund.
pub(super) fn found(body: &Body, terms: &Terms) -> Result<RefundQueryAnswer, Distrust> {
    check(body, terms)?;
    // v3 names the order here; without it the refund may be another order's.
    if get(&body.out_trade_no).is_none() {
        return Err(Distrust::Incomplete("out_trade_no"));
    }
    // What has none is no answer to this question: that of the call itself looks like it.
    let status = body.status.as_deref().ok_or(Distrust::Incomplete("refund_status"))?;
    Ok(match codes::refund_status(status) {
        RefundStatus::Success => RefundQueryAnswer::Refunded(RefundReceipt {
            refund_id: get(&body.id).and_then(|id| id.parse().ok()),
            refunded_at: get(&body.success_time).and_then(time),
        }),
        RefundStatus::Processing => RefundQueryAnswer::Processing,
        RefundStatus::Closed => RefundQueryAnswer::Closed,
        RefundStatus::Changed => RefundQueryAnswer::Changed,
        RefundStatus::Unknown => RefundQueryAnswer::UnknownStatus,
    })
}

/// The number and the amount must be there and ours. A currency that is named was compared with the order's.
fn check(body: &Body, terms: &Terms) -> Result<(), Distrust> {
    let number = get(&body.out_refund_no).ok_or(Distrust::Incomplete("out_refund_no"))?;
    if number != terms.out_refund_no.as_str() {
        return Err(Distrust::OtherRefund);
    }
    let given = body.amount.as_ref().and_then(|amount| amount.refund.as_ref());
    let given = given.filter(|value| !value.is_null()).ok_or(Distrust::Incomplete("refund_fee"))?;
    if Value::as_u64(given) != Some(terms.amount.minor()) {
        return Err(Distrust::OtherAmount);
    }
    Ok(())
}
