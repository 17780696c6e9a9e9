//! Replies of v2: first whether they can be believed, then what they mean.
//!
//! Source: protocol 2.2 to 2.5, 4.4, and ground rules 1, 3, 8 and 10.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::codes::{self, TradeState};
use super::sign::{self, Fields};
use super::{V2, refund, xml};
use crate::dialect::{Distrust, HttpReply, REPLY_MAX};
use crate::payment::answer::{
    Answer, Class, PayAnswer, QueryAnswer, Receipt, RefundAnswer, RefundQueryAnswer, RefundRefusal, Refusal,
    ReverseAnswer, ReverseRefusal,
};
use crate::payment::{Ask, Call, Op, Order};
use crate::words::{Currency, Money, TransactionId, WallTime};

/// The currency of a reply that names none.
const DEFAULT_CURRENCY: &str = "CNY";

/// The most fields a reply may have. The longest documented one of an order, a payment with many coupons, has fewer.
const FIELDS_MAX: usize = 64;

/// The longest `rate`.
const RATE_DIGITS: usize = 16;

impl V2 {
    /// Reads a reply; see [`crate::dialect::Dialect::read`].
    pub(super) fn answer(&self, call: &Call, reply: &HttpReply) -> Result<Answer, Distrust> {
        let Call { order, ask } = call;
        if reply.body.len() > REPLY_MAX {
            return Err(Distrust::TooLarge);
        }
        // Business errors come with 200; anything else is not the gateway's application speaking.
        if reply.status != 200 {
            return Err(Distrust::Status(reply.status));
        }
        let most = if ask.op() == Op::RefundQuery { refund::FIELDS_MAX } else { FIELDS_MAX };
        let fields = xml::parse(&reply.body, most)?;
        match get(&fields, "return_code") {
            Some("SUCCESS") => {}
            Some("FAIL") => return self.failure(ask.op(), &fields),
            Some(_) | None => return Err(Distrust::Malformed("no return_code")),
        }
        self.check_signature(&fields)?;
        self.check_merchant(&fields)?;
        check_order(&fields, order)?;
        match ask {
            Ask::Pay(_) => pay(&fields, order).map(Answer::Pay),
            Ask::Query => query(&fields, order).map(Answer::Query),
            Ask::Reverse => Ok(Answer::Reverse(reverse(&fields))),
            Ask::Refund(terms) => refund::accepted(&fields, terms).map(Answer::Refund),
            Ask::RefundQuery { terms, offset } => refund::found(&fields, terms, *offset).map(Answer::RefundQuery),
        }
    }

    /// `return_code=FAIL` is not signed, so it proves nothing. One that is signed wrongly is not even hearsay.
    fn failure(&self, op: Op, fields: &Fields) -> Result<Answer, Distrust> {
        if get(fields, sign::SIGN).is_some() {
            self.check_signature(fields)?;
        }
        let text = get(fields, "return_msg").unwrap_or_default();
        let request_error = codes::blames_the_request(text);
        let class = if request_error { Class::OurFault } else { codes::other("", text) };
        let refusal = Refusal::new(class, "", text);
        Ok(match op {
            Op::Pay => Answer::Pay(PayAnswer::Failed { request_error }),
            Op::Query => Answer::Query(QueryAnswer::NoWord(refusal)),
            Op::Reverse => {
                let throttled = class == Class::Throttled;
                let why = if throttled { ReverseRefusal::SlowDown } else { ReverseRefusal::Other };
                Answer::Reverse(ReverseAnswer::NotDone { recall: true, why, refusal })
            }
            Op::Refund => {
                let why = if class == Class::Throttled { RefundRefusal::SlowDown } else { RefundRefusal::Unsure };
                Answer::Refund(RefundAnswer::NotDone { why, refusal })
            }
            Op::RefundQuery => Answer::RefundQuery(RefundQueryAnswer::NoWord(refusal)),
        })
    }

    /// Whether a reply, signed or not, says that our signature is not accepted.
    pub(super) fn is_refused(&self, reply: &HttpReply) -> bool {
        let fields =
            if reply.body.len() > REPLY_MAX { Err(Distrust::TooLarge) } else { xml::parse(&reply.body, FIELDS_MAX) };
        let Ok(fields) = fields else { return false };
        let field = |name| get(&fields, name).unwrap_or_default();
        let text = if field("return_code") == "FAIL" { field("return_msg") } else { "" };
        let failed = [field("return_code"), field("result_code")].contains(&"FAIL");
        failed && codes::refuses_signature(field("err_code"), text)
    }

    pub(super) fn check_signature(&self, fields: &Fields) -> Result<(), Distrust> {
        let given = get(fields, sign::SIGN).ok_or(Distrust::Unsigned)?;
        if !sign::is_signed(fields, given, &self.key, self.sign_type) {
            return Err(Distrust::BadSignature);
        }
        Ok(())
    }

    /// The reply must name our merchant. A `sub_appid` that was never sent decides nothing about where money went.
    pub(super) fn check_merchant(&self, fields: &Fields) -> Result<(), Distrust> {
        let merchant = &self.merchant;
        let appid = get(fields, "appid").ok_or(Distrust::Incomplete("appid"))?;
        let mch_id = get(fields, "mch_id").ok_or(Distrust::Incomplete("mch_id"))?;
        if appid != merchant.appid.as_str() || mch_id != merchant.mch_id.as_str() {
            return Err(Distrust::OtherMerchant);
        }
        match (&merchant.sub_mch_id, get(fields, "sub_mch_id")) {
            (None, None) => {}
            (Some(ours), Some(theirs)) if ours.as_str() == theirs => {}
            (Some(_), None) => return Err(Distrust::Incomplete("sub_mch_id")),
            (Some(_) | None, Some(_)) => return Err(Distrust::OtherMerchant),
        }
        match (&merchant.sub_appid, get(fields, "sub_appid")) {
            (Some(ours), Some(theirs)) if ours.as_str() != theirs => Err(Distrust::OtherMerchant),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }
}

/// The value of a field; an empty one is none, as for the signature.
pub(super) fn get<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
}

/// Whatever the reply says about its order must be ours.
fn check_order(fields: &Fields, order: &Order) -> Result<(), Distrust> {
    if get(fields, "out_trade_no").is_some_and(|number| number != order.out_trade_no.as_str()) {
        return Err(Distrust::OtherOrder);
    }
    let known = order.transaction_id.as_ref();
    if let (Some(ours), Some(theirs)) = (known, get(fields, "transaction_id"))
        && ours.as_str() != theirs
    {
        return Err(Distrust::OtherOrder);
    }
    if get(fields, "total_fee").is_some_and(|fee| digits(fee) != Some(order.amount.minor())) {
        return Err(Distrust::OtherAmount);
    }
    if get(fields, "fee_type").is_some_and(|code| code != order.amount.currency().code()) {
        return Err(Distrust::OtherCurrency);
    }
    Ok(())
}

fn pay(fields: &Fields, order: &Order) -> Result<PayAnswer, Distrust> {
    if get(fields, "result_code") != Some("SUCCESS") {
        let code = get(fields, "err_code").unwrap_or_default();
        let text = get(fields, "err_code_des").unwrap_or_default();
        return Ok(PayAnswer::Refused(Refusal::new(pay_class(fields, code, text), code, text)));
    }
    // Some replies also carry the order's state. A SUCCESS that is not SUCCESS is an open end.
    if let Some(state) = get(fields, "trade_state")
        && codes::trade_state(state) != TradeState::Success
    {
        let class = match codes::trade_state(state) {
            TradeState::UserPaying => Class::CustomerPaying,
            TradeState::Success
            | TradeState::Refund
            | TradeState::NotPay
            | TradeState::Closed
            | TradeState::Revoked
            | TradeState::PayError
            | TradeState::Accept
            | TradeState::Unknown => Class::Unknown,
        };
        let text = get(fields, "trade_state_desc").unwrap_or_default();
        return Ok(PayAnswer::Refused(Refusal::new(class, state, text)));
    }
    Ok(PayAnswer::Paid(receipt(fields, order)?))
}

/// A refusal counts only when `result_code` plainly is FAIL.
fn pay_class(fields: &Fields, code: &str, text: &str) -> Class {
    if get(fields, "result_code") == Some("FAIL") { codes::pay(code, text) } else { Class::Unknown }
}

fn query(fields: &Fields, order: &Order) -> Result<QueryAnswer, Distrust> {
    let code = get(fields, "err_code").unwrap_or_default();
    match get(fields, "result_code") {
        Some("SUCCESS") => {}
        Some("FAIL") if codes::is_absent(code) => return Ok(QueryAnswer::Absent),
        Some(_) | None => {
            let text = get(fields, "err_code_des").unwrap_or_default();
            return Ok(QueryAnswer::NoWord(Refusal::new(codes::other(code, text), code, text)));
        }
    }
    // WeChat names the order in every state; without it the state may be another order's.
    if get(fields, "out_trade_no").is_none() {
        return Err(Distrust::Incomplete("out_trade_no"));
    }
    Ok(match codes::trade_state(get(fields, "trade_state").unwrap_or_default()) {
        TradeState::Success => QueryAnswer::Paid(receipt(fields, order)?),
        TradeState::Refund => QueryAnswer::Refunded,
        TradeState::Revoked => QueryAnswer::Revoked,
        TradeState::Closed => QueryAnswer::Closed,
        TradeState::PayError => QueryAnswer::PayError,
        TradeState::UserPaying => QueryAnswer::CustomerPaying,
        TradeState::Accept => QueryAnswer::Accepted,
        TradeState::NotPay => QueryAnswer::NotPaid,
        TradeState::Unknown => QueryAnswer::UnknownState,
    })
}

/// Only a plain N ends the repeating: repeating is safe, and stopping is not.
fn reverse(fields: &Fields) -> ReverseAnswer {
    let recall = get(fields, "recall") != Some("N");
    if get(fields, "result_code") == Some("SUCCESS") {
        return ReverseAnswer::Accepted { recall };
    }
    let code = get(fields, "err_code").unwrap_or_default();
    let text = get(fields, "err_code_des").unwrap_or_default();
    if codes::is_absent(code) {
        return ReverseAnswer::Absent;
    }
    let refusal = Refusal::new(codes::other(code, text), code, text);
    ReverseAnswer::NotDone { recall, why: codes::reverse(code, text), refusal }
}

/// The evidence of a charge. [`check_order`] has compared what is there; here nothing may be missing.
fn receipt(fields: &Fields, order: &Order) -> Result<Receipt, Distrust> {
    for name in ["out_trade_no", "total_fee"] {
        get(fields, name).ok_or(Distrust::Incomplete(name))?;
    }
    if get(fields, "fee_type").unwrap_or(DEFAULT_CURRENCY) != order.amount.currency().code() {
        return Err(Distrust::OtherCurrency);
    }
    let transaction_id = get(fields, "transaction_id").ok_or(Distrust::Incomplete("transaction_id"))?;
    let transaction_id: TransactionId =
        transaction_id.parse().map_err(|_| Distrust::Incomplete("a usable transaction_id"))?;
    Ok(Receipt {
        transaction_id,
        paid_at: get(fields, "time_end").and_then(time),
        payer_total: payer_total(fields),
        rate: get(fields, "rate").filter(|rate| rate.len() <= RATE_DIGITS && is_digits(rate)).map(str::to_owned),
    })
}

fn payer_total(fields: &Fields) -> Option<Money> {
    let currency: Currency = get(fields, "cash_fee_type").unwrap_or(DEFAULT_CURRENCY).parse().ok()?;
    Money::new(digits(get(fields, "cash_fee")?)?, currency).ok()
}

/// `yyyyMMddHHmmss` in UTC+8.
fn time(text: &str) -> Option<WallTime> {
    if text.len() != 14 || !is_digits(text) {
        return None;
    }
    beijing("%Y%m%d%H%M%S", text)
}

/// A time of UTC+8 in this form.
pub(super) fn beijing(form: &str, text: &str) -> Option<WallTime> {
    let civil = DateTime::strptime(form, text).ok()?;
    let zoned = civil.to_zoned(TimeZone::fixed(Offset::constant(8))).ok()?;
    Some(WallTime::from_millis(zoned.timestamp().as_millisecond()))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A whole number of digits only: no sign, no blank, no point.
pub(super) fn digits(text: &str) -> Option<u64> {
    if is_digits(text) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_end_is_read_in_utc_plus_8() {
        let read = |text: &str| time(text).map(|time| time.to_string());
        assert_eq!(read("20180306180002").as_deref(), Some("2018-03-06T10:00:02.000Z"));
        for text in ["", "2018030618000", "20181306180002", "2018-03-06 1800", "20180306 18002"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
