//! What v2 says about refunds: an answer to the call, and the indexed list a question brings.
//!
//! Source: protocol 5.4 and 5.5.

use super::codes::{self, RefundStatus};
use super::read::{beijing, digits, get};
use super::sign::Fields;
use crate::dialect::Distrust;
use crate::payment::Terms;
use crate::payment::answer::{RefundAnswer, RefundQueryAnswer, RefundReceipt, RefundRefusal, Refusal};

/// The most fields a list of refunds may have: twenty refunds with their coupons, beside the order's own.
pub(super) const FIELDS_MAX: usize = 400;

/// WeChat refunds an order in at most so many parts.
const PARTS_MAX: u32 = 50;

/// What the answer to a refund call means. SUCCESS is *accepted* and no more.
pub(super) fn accepted(fields: &Fields, terms: &Terms) -> Result<RefundAnswer, Distrust> {
    if get(fields, "result_code") == Some("SUCCESS") {
        let number = get(fields, "out_refund_no").ok_or(Distrust::Incomplete("out_refund_no"))?;
        if number != terms.out_refund_no.as_str() {
            return Err(Distrust::OtherRefund);
        }
        check_amount(fields, "refund_fee", "refund_fee_type", terms)?;
        return Ok(RefundAnswer::Accepted);
    }
    let code = get(fields, "err_code").unwrap_or_default();
    let text = get(fields, "err_code_des").unwrap_or_default();
    let plainly = get(fields, "result_code") == Some("FAIL");
    let why = if plainly { codes::refund(code, text) } else { RefundRefusal::Unsure };
    Ok(RefundAnswer::NotDone { why, refusal: Refusal::new(codes::other(code, text), code, text) })
}

/// What a list of refunds, of which `offset` were skipped, says about ours. Only REFUNDNOTEXIST says that there is none.
pub(super) fn found(fields: &Fields, terms: &Terms, offset: u32) -> Result<RefundQueryAnswer, Distrust> {
    let code = get(fields, "err_code").unwrap_or_default();
    match get(fields, "result_code") {
        Some("SUCCESS") => {}
        Some("FAIL") if codes::is_refund_absent(code) => return Ok(RefundQueryAnswer::Absent),
        Some(_) | None => {
            let text = get(fields, "err_code_des").unwrap_or_default();
            return Ok(RefundQueryAnswer::NoWord(Refusal::new(codes::other(code, text), code, text)));
        }
    }
    // WeChat names the order whatever it lists; without it the refund may be another order's.
    if get(fields, "out_trade_no").is_none() {
        return Err(Distrust::Incomplete("out_trade_no"));
    }
    match ours(fields, terms)? {
        Some(index) => status(fields, index, terms),
        None => more(fields, offset).ok_or(Distrust::OtherRefund),
    }
}

/// The index our number stands at, wherever that is: there are holes between indices, and they need not begin at 0.
fn ours<'a>(fields: &'a Fields, terms: &Terms) -> Result<Option<&'a str>, Distrust> {
    let ours = fields.iter().filter(|(_, value)| value.as_str() == terms.out_refund_no.as_str());
    let mut indices = ours.filter_map(|(name, _)| index_of(name));
    match (indices.next(), indices.next()) {
        (index, None) => Ok(index),
        (_, Some(_)) => Err(Distrust::Malformed("a refund twice")),
    }
}

fn index_of(name: &str) -> Option<&str> {
    name.strip_prefix("out_refund_no_").filter(|index| digits(index).is_some())
}

fn status(fields: &Fields, index: &str, terms: &Terms) -> Result<RefundQueryAnswer, Distrust> {
    check_amount(fields, &format!("refund_fee_{index}"), &format!("refund_fee_type_{index}"), terms)?;
    let field = |name: &str| get(fields, &format!("{name}_{index}"));
    Ok(match codes::refund_status(field("refund_status").unwrap_or_default()) {
        RefundStatus::Success => RefundQueryAnswer::Refunded(RefundReceipt {
            refund_id: field("refund_id").and_then(|id| id.parse().ok()),
            refunded_at: field("refund_success_time").and_then(|time| beijing("%Y-%m-%d %H:%M:%S", time)),
        }),
        RefundStatus::Processing => RefundQueryAnswer::Processing,
        RefundStatus::Closed => RefundQueryAnswer::Closed,
        RefundStatus::Changed => RefundQueryAnswer::Changed,
        RefundStatus::Unknown => RefundQueryAnswer::UnknownStatus,
    })
}

/// Where the list goes on, if the order has more refunds than it holds.
fn more(fields: &Fields, offset: u32) -> Option<RefundQueryAnswer> {
    let listed = fields.keys().filter_map(|name| index_of(name)).count();
    let total: u32 = get(fields, "total_refund_count").and_then(digits)?.try_into().ok()?;
    let next = offset.saturating_add(u32::try_from(listed).ok()?);
    (next > offset && next < total.min(PARTS_MAX)).then_some(RefundQueryAnswer::More { offset: next })
}

/// The amount must be there and ours; a currency that is named must be the order's.
fn check_amount(fields: &Fields, fee: &str, fee_type: &str, terms: &Terms) -> Result<(), Distrust> {
    let given = get(fields, fee).ok_or(Distrust::Incomplete("refund_fee"))?;
    if digits(given) != Some(terms.amount.minor()) {
        return Err(Distrust::OtherAmount);
    }
    if get(fields, fee_type).is_some_and(|code| code != terms.amount.currency().code()) {
        return Err(Distrust::OtherCurrency);
    }
    Ok(())
}
