//! Replies of v3: first whether they can be believed, then what they mean.
//!
//! Source: protocol 2.2 to 2.5, 2.7, 7.3 to 7.6, and ground rules 1, 3, 8 and 10.

use serde::Deserialize;
use serde_json::Value;

use super::codes::{Fault, number};
use super::verify::verify;
use super::{V3, refund};
use crate::dialect::v2::codes::{self, TradeState};
use crate::dialect::{Distrust, HttpReply, Proof, REPLY_MAX};
use crate::payment::answer::{
    Answer, Class, PayAnswer, QueryAnswer, Receipt, RefundAnswer, RefundQueryAnswer, RefundRefusal, Refusal,
    ReverseAnswer, ReverseRefusal,
};
use crate::payment::{Ask, Call, Op, Order};
use crate::words::{Currency, Money, TransactionId, WallTime};

/// The longest `exchange_rate.rate`.
const RATE_DIGITS: usize = 16;

/// What of a reply is looked at. A name that stands twice is refused, a name nobody knows is passed over.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    appid: Option<String>,
    mchid: Option<String>,
    sp_appid: Option<String>,
    sp_mchid: Option<String>,
    sub_appid: Option<String>,
    sub_mchid: Option<String>,
    /// WeChat's number: of the charge, or of the refund in a refund's reply.
    pub(super) id: Option<String>,
    transaction_id: Option<String>,
    pub(super) out_trade_no: Option<String>,
    pub(super) out_refund_no: Option<String>,
    /// Of a refund.
    pub(super) status: Option<String>,
    trade_state: Option<String>,
    trade_state_desc: Option<String>,
    pub(super) success_time: Option<String>,
    pub(super) amount: Option<Amount>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

/// Numbers stay as they were written until they are compared: a strange one is another amount, not another form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Amount {
    total: Option<Value>,
    pub(super) refund: Option<Value>,
    currency: Option<String>,
    payer_total: Option<Value>,
    payer_currency: Option<String>,
    exchange_rate: Option<Rate>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rate {
    rate: Option<Value>,
}

impl V3 {
    /// Reads a reply; see [`crate::dialect::Dialect::read`].
    pub(super) fn answer(&self, call: &Call, reply: &HttpReply, proof: &Proof<'_>) -> Result<Answer, Distrust> {
        let Call { order, ask } = call;
        let op = ask.op();
        if reply.body.len() > REPLY_MAX {
            return Err(Distrust::TooLarge);
        }
        let is_error = (400..600).contains(&reply.status);
        match verify(&reply.headers, &reply.body, proof) {
            Err(Distrust::Unsigned) if is_error => return hearsay(op, reply),
            // A redirection is a portal or a proxy speaking, not a gateway with a wrong key.
            Err(Distrust::Unsigned) if !(200..300).contains(&reply.status) => {
                return Err(Distrust::Status(reply.status));
            }
            verified => verified?,
        }
        match (ask, reply.status) {
            (_, 400..600) => told(op, reply),
            (Ask::Reverse, 204) if reply.body.is_empty() => Ok(accepted()),
            (Ask::Reverse, 200) => {
                let body = if reply.body.is_empty() { Body::default() } else { parse(&reply.body)? };
                self.check(&body, order, false)?;
                Ok(accepted())
            }
            (Ask::Pay(_), 200 | 202) => self.read_pay(order, reply).map(Answer::Pay),
            (Ask::Query, 200) => self.read_query(order, &parse(&reply.body)?).map(Answer::Query),
            (Ask::Query, 202) => self.read_pending(order, &parse(&reply.body)?).map(Answer::Query),
            (Ask::Refund(terms), 200) => refund::accepted(&self.refund_body(order, reply)?, terms).map(Answer::Refund),
            (Ask::RefundQuery { terms, .. }, 200) => {
                refund::found(&self.refund_body(order, reply)?, terms).map(Answer::RefundQuery)
            }
            (_, status) => Err(Distrust::Status(status)),
        }
    }

    fn read_pay(&self, order: &Order, reply: &HttpReply) -> Result<PayAnswer, Distrust> {
        let body = parse(&reply.body)?;
        let state = codes::trade_state(get(&body.trade_state).unwrap_or_default());
        if reply.status == 200 && state == TradeState::Success {
            self.check(&body, order, true)?;
            return Ok(PayAnswer::Paid(receipt(&body, order)?));
        }
        // Pending. Such a reply may say little more than its state, but nothing that is wrong.
        self.check(&body, order, false)?;
        let class = if state == TradeState::UserPaying { Class::CustomerPaying } else { Class::Unknown };
        let text = get(&body.trade_state_desc).unwrap_or_default();
        Ok(PayAnswer::Refused(Refusal::new(class, get(&body.trade_state).unwrap_or_default(), text)))
    }

    fn read_query(&self, order: &Order, body: &Body) -> Result<QueryAnswer, Distrust> {
        self.check(body, order, true)?;
        // Without the order's name the state may be another order's.
        if get(&body.out_trade_no).is_none() {
            return Err(Distrust::Incomplete("out_trade_no"));
        }
        Ok(match codes::trade_state(get(&body.trade_state).unwrap_or_default()) {
            TradeState::Success => QueryAnswer::Paid(receipt(body, order)?),
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

    /// A 202 settles nothing, whatever state it names.
    fn read_pending(&self, order: &Order, body: &Body) -> Result<QueryAnswer, Distrust> {
        self.check(body, order, false)?;
        Ok(match codes::trade_state(get(&body.trade_state).unwrap_or_default()) {
            TradeState::UserPaying => QueryAnswer::CustomerPaying,
            TradeState::Accept => QueryAnswer::Accepted,
            TradeState::Success
            | TradeState::Refund
            | TradeState::NotPay
            | TradeState::Closed
            | TradeState::Revoked
            | TradeState::PayError
            | TradeState::Unknown => QueryAnswer::UnknownState,
        })
    }

    /// A reply about a refund. Its `id` is the refund's; what it says about merchant and order must be ours all the same.
    fn refund_body(&self, order: &Order, reply: &HttpReply) -> Result<Body, Distrust> {
        let mut body = parse(&reply.body)?;
        let id = body.id.take();
        self.check(&body, order, false)?;
        Ok(Body { id, ..body })
    }

    /// Whatever the reply says about merchant, order and amount must be ours. The platform signs for every merchant
    /// with one key, so where an order's state is believed (`named`) our merchant must be named.
    fn check(&self, body: &Body, order: &Order, named: bool) -> Result<(), Distrust> {
        let merchant = &self.merchant;
        let institution = merchant.sub_mch_id.is_some();
        let (appid, mch_id, strange) = if institution {
            (&body.sp_appid, &body.sp_mchid, get(&body.mchid).is_some())
        } else {
            (&body.appid, &body.mchid, get(&body.sp_mchid).is_some() || get(&body.sub_mchid).is_some())
        };
        let sub_mch_id = merchant.sub_mch_id.as_ref().map(|number| number.as_str());
        for (ours, theirs, what) in [
            (Some(merchant.appid.as_str()), get(appid), "appid"),
            (Some(merchant.mch_id.as_str()), get(mch_id), "mch_id"),
            (sub_mch_id, get(&body.sub_mchid), "sub_mch_id"),
        ] {
            match (ours, theirs) {
                (Some(ours), Some(theirs)) if ours != theirs => return Err(Distrust::OtherMerchant),
                (Some(_), None) if named => return Err(Distrust::Incomplete(what)),
                (Some(_) | None, Some(_) | None) => {}
            }
        }
        let sub_appid = merchant.sub_appid.as_ref().map(|appid| appid.as_str());
        let other_sub_appid = sub_appid.zip(get(&body.sub_appid)).is_some_and(|(ours, theirs)| ours != theirs);
        if strange || other_sub_appid {
            return Err(Distrust::OtherMerchant);
        }
        check_order(body, order)
    }
}

pub(super) fn parse(body: &[u8]) -> Result<Body, Distrust> {
    serde_json::from_slice(body).map_err(|_| Distrust::Malformed("no JSON object of the known form"))
}

/// The value of a field; an empty one is none.
pub(super) fn get(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|value| !value.is_empty())
}

/// WeChat's number of the charge: v3 calls it `id`.
fn transaction_id(body: &Body) -> Option<&str> {
    get(&body.id).or(get(&body.transaction_id))
}

/// Whatever the reply says about its order must be ours.
fn check_order(body: &Body, order: &Order) -> Result<(), Distrust> {
    if get(&body.out_trade_no).is_some_and(|number| number != order.out_trade_no.as_str()) {
        return Err(Distrust::OtherOrder);
    }
    if let (Some(ours), Some(theirs)) = (&order.transaction_id, transaction_id(body))
        && ours.as_str() != theirs
    {
        return Err(Distrust::OtherOrder);
    }
    let Some(amount) = &body.amount else { return Ok(()) };
    if amount.total.as_ref().is_some_and(|total| total.as_u64() != Some(order.amount.minor())) {
        return Err(Distrust::OtherAmount);
    }
    if get(&amount.currency).is_some_and(|code| code != order.amount.currency().code()) {
        return Err(Distrust::OtherCurrency);
    }
    Ok(())
}

/// 204 says that it was asked, not that it was done: a query confirms. v3 knows no `recall`.
fn accepted() -> Answer {
    Answer::Reverse(ReverseAnswer::Accepted { recall: false })
}

/// A signed error.
fn told(op: Op, reply: &HttpReply) -> Result<Answer, Distrust> {
    let body = parse(&reply.body)?;
    let fault = fault(&body, reply);
    let refusal = |class| Refusal::new(class, fault.code, fault.text);
    Ok(match op {
        Op::Pay => Answer::Pay(PayAnswer::Refused(refusal(fault.pay()))),
        Op::Query if fault.is_absent() => Answer::Query(QueryAnswer::Absent),
        Op::Query => Answer::Query(QueryAnswer::NoWord(refusal(fault.other()))),
        Op::Reverse if fault.is_absent() => Answer::Reverse(ReverseAnswer::Absent),
        Op::Reverse => Answer::Reverse(ReverseAnswer::NotDone {
            recall: true,
            why: fault.reverse(),
            refusal: refusal(fault.other()),
        }),
        Op::Refund => Answer::Refund(RefundAnswer::NotDone { why: fault.refund(), refusal: refusal(fault.other()) }),
        Op::RefundQuery if fault.is_refund_absent() => Answer::RefundQuery(RefundQueryAnswer::Absent),
        Op::RefundQuery => Answer::RefundQuery(RefundQueryAnswer::NoWord(refusal(fault.other()))),
    })
}

/// An error that nobody signed proves nothing. It may choose between waits, and between deeds that a signed reply to a
/// query must allow first.
fn hearsay(op: Op, reply: &HttpReply) -> Result<Answer, Distrust> {
    let Ok(body) = parse(&reply.body) else { return Err(Distrust::Status(reply.status)) };
    if get(&body.code).is_none() {
        return Err(Distrust::Status(reply.status));
    }
    let fault = fault(&body, reply);
    let refusal = |class| Refusal::new(class, fault.code, fault.text);
    Ok(match op {
        Op::Pay => Answer::Pay(match fault.pay() {
            Class::CustomerPaying => PayAnswer::Refused(refusal(Class::CustomerPaying)),
            Class::OurFault => PayAnswer::Failed { request_error: true },
            Class::Unknown | Class::PerhapsPaid | Class::FreshCode | Class::Ambiguous | Class::Throttled => {
                PayAnswer::Failed { request_error: false }
            }
        }),
        Op::Query => Answer::Query(QueryAnswer::NoWord(refusal(fault.other()))),
        Op::Reverse => {
            let why = match fault.reverse() {
                ReverseRefusal::OurFault => ReverseRefusal::Other,
                why @ (ReverseRefusal::CustomerPaying
                | ReverseRefusal::WindowOver
                | ReverseRefusal::SlowDown
                | ReverseRefusal::Other) => why,
            };
            Answer::Reverse(ReverseAnswer::NotDone { recall: true, why, refusal: refusal(fault.other()) })
        }
        Op::Refund => {
            let why = match fault.refund() {
                RefundRefusal::Definite | RefundRefusal::OurFault | RefundRefusal::Mismatch => RefundRefusal::Unsure,
                why @ (RefundRefusal::Unsure | RefundRefusal::NotEnough | RefundRefusal::SlowDown) => why,
            };
            Answer::Refund(RefundAnswer::NotDone { why, refusal: refusal(fault.other()) })
        }
        Op::RefundQuery => Answer::RefundQuery(RefundQueryAnswer::NoWord(refusal(fault.other()))),
    })
}

/// Whether an error, signed or not, says that our signature is not accepted.
pub(super) fn is_refused(reply: &HttpReply) -> bool {
    let is_error = (400..500).contains(&reply.status) && reply.body.len() <= REPLY_MAX;
    is_error && parse(&reply.body).is_ok_and(|body| codes::refuses_signature(get(&body.code).unwrap_or_default(), ""))
}

pub(super) fn fault<'a>(body: &'a Body, reply: &'a HttpReply) -> Fault<'a> {
    Fault {
        status: reply.status,
        code: get(&body.code).unwrap_or_default(),
        text: get(&body.message).unwrap_or_default(),
        number: number(reply),
    }
}

/// The evidence of a charge. [`check_order`] has compared what is there; here nothing may be missing.
fn receipt(body: &Body, order: &Order) -> Result<Receipt, Distrust> {
    get(&body.out_trade_no).ok_or(Distrust::Incomplete("out_trade_no"))?;
    let amount = body.amount.as_ref().ok_or(Distrust::Incomplete("total_fee"))?;
    amount.total.as_ref().ok_or(Distrust::Incomplete("total_fee"))?;
    // v3 always names the currency; a reply without one is about some other money.
    if get(&amount.currency) != Some(order.amount.currency().code()) {
        return Err(Distrust::OtherCurrency);
    }
    let transaction_id = transaction_id(body).ok_or(Distrust::Incomplete("transaction_id"))?;
    let transaction_id: TransactionId =
        transaction_id.parse().map_err(|_| Distrust::Incomplete("a usable transaction_id"))?;
    let rate = amount.exchange_rate.as_ref().and_then(|rate| rate.rate.as_ref()?.as_u64());
    Ok(Receipt {
        transaction_id,
        paid_at: get(&body.success_time).and_then(time),
        payer_total: payer_total(amount),
        rate: rate.map(|rate| rate.to_string()).filter(|rate| rate.len() <= RATE_DIGITS),
    })
}

fn payer_total(amount: &Amount) -> Option<Money> {
    let currency: Currency = get(&amount.payer_currency)?.parse().ok()?;
    Money::new(amount.payer_total.as_ref()?.as_u64()?, currency).ok()
}

/// RFC 3339 with an offset.
pub(super) fn time(text: &str) -> Option<WallTime> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    Some(WallTime::from_millis(stamp.as_millisecond()))
}
