//! What a verified reply means. Whatever is not listed is unknown: that is the default, and it is asked about again.
//!
//! Source: protocol tables 2.2 (pay), 2.4 (query), 2.5 (reverse), 5.4 (refund), 5.5 (query refund).

use super::state::words;
use crate::words::{Money, RefundId, TransactionId, WallTime};

/// The longest text of WeChat's that is kept, in characters (`err_code_des` is string(128)).
const TEXT_MAX: usize = 128;

/// A verified reply about our own order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a pay.
    Pay(PayAnswer),
    /// To a query.
    Query(QueryAnswer),
    /// To a reversal.
    Reverse(ReverseAnswer),
    /// To a refund.
    Refund(RefundAnswer),
    /// To a question about a refund.
    RefundQuery(RefundQueryAnswer),
}

/// What the gateway said to a pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayAnswer {
    /// SUCCESS, verified and matching: the money is taken.
    Paid(Receipt),
    /// A signed refusal or an open end; what follows depends on its class.
    Refused(Refusal),
    /// `return_code=FAIL`: unsigned, so it proves nothing. `request_error` when the text names a fault of the request
    /// itself (sign, param, xml, appid).
    Failed {
        /// The text blames the request.
        request_error: bool,
    },
}

/// What the gateway knows about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryAnswer {
    /// SUCCESS, all fields match.
    Paid(Receipt),
    /// Paid once, then refunded.
    Refunded,
    /// Revoked, by a reversal or by WeChat itself after 45 s. Does not tell whether it had been paid.
    Revoked,
    /// Closed.
    Closed,
    /// PAYERROR: the payment failed, and the order asks to be reversed.
    PayError,
    /// USERPAYING: the payer is at the prompt.
    CustomerPaying,
    /// ACCEPT: accepted, the deduction is pending.
    Accepted,
    /// NOTPAY.
    NotPaid,
    /// ORDERNOTEXIST: the gateway does not know the number.
    Absent,
    /// A trade_state nobody has told us about.
    UnknownState,
    /// SYSTEMERROR, a rate limit, an unsigned FAIL: no answer at all.
    NoWord(Refusal),
}

/// What the gateway said to a reversal. None of it is proof: a query confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReverseAnswer {
    /// SUCCESS (v3: 204): asked, not done. `recall` when WeChat wants to be called again.
    Accepted {
        /// `recall=Y`.
        recall: bool,
    },
    /// FAIL. `recall=false` calls a repeat useless; it is not success.
    NotDone {
        /// `recall=Y`.
        recall: bool,
        /// Why.
        why: ReverseRefusal,
        /// The code and text behind it.
        refusal: Refusal,
    },
    /// The order does not exist (v3 404).
    Absent,
}

/// Why a reversal was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReverseRefusal {
    /// USERPAYING: the payer is at the prompt; try again.
    CustomerPaying,
    /// REVERSE_EXPIRE: the window is over; a refund takes its place.
    WindowOver,
    /// INVALID_REQUEST and rate limits: wait longer.
    SlowDown,
    /// SIGNERROR, PARAM_ERROR and their kind: our configuration or our bug.
    OurFault,
    /// SYSTEMERROR, TRADE_ERROR and everything unknown.
    Other,
}

/// What the gateway said to a refund. None of it is proof: a query confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// Accepted: asked, not done.
    Accepted,
    /// Not accepted, or so it says.
    NotDone {
        /// Why.
        why: RefundRefusal,
        /// The code and text behind it.
        refusal: Refusal,
    },
}

words! {
    /// Why a refund was not accepted (protocol table 5.4).
    RefundRefusal {
        /// SYSTEMERROR, BIZERR_NEED_RETRY, an unsigned FAIL, and every code nobody has told us about.
        Unsure => "unsure",
        /// NOTENOUGH: today's sales do not cover it yet.
        NotEnough => "not_enough",
        /// FREQUENCY_LIMITED, INVALID_REQ_TOO_MUCH.
        SlowDown => "slow_down",
        /// TRADE_OVERDUE, USER_ACCOUNT_ABNORMAL: never by this way.
        Definite => "definite",
        /// Our data or our configuration.
        OurFault => "our_fault",
        /// The number was used with other terms: somebody must look, and no new number may be taken.
        Mismatch => "mismatch",
    }
}

/// What the gateway knows about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundQueryAnswer {
    /// SUCCESS, all fields match: the payer has the money.
    Refunded(RefundReceipt),
    /// PROCESSING.
    Processing,
    /// REFUNDCLOSE: closed, the money stayed with the shop.
    Closed,
    /// CHANGE: the payer's card is dead, the money lies with the merchant and goes back by hand.
    Changed,
    /// REFUNDNOTEXIST: the gateway does not know the number.
    Absent,
    /// It lists other refunds of the order, and there are more from here on.
    More {
        /// How many to skip.
        offset: u32,
    },
    /// A refund_status nobody has told us about.
    UnknownStatus,
    /// SYSTEMERROR, a rate limit, an unsigned FAIL, a list that lacks ours: no answer at all.
    NoWord(Refusal),
}

/// The gateway's evidence of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundReceipt {
    /// WeChat's number of the refund, if it was told.
    pub refund_id: Option<RefundId>,
    /// When the money arrived, if that could be read.
    pub refunded_at: Option<WallTime>,
}

/// The gateway's evidence of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// WeChat's number of the charge.
    pub transaction_id: TransactionId,
    /// When it was paid (`time_end`), if it could be read.
    pub paid_at: Option<WallTime>,
    /// What the payer paid (`cash_fee` in `cash_fee_type`), where that is told.
    pub payer_total: Option<Money>,
    /// Exchange rate × 10^8 as sent, digits only.
    pub rate: Option<String>,
}

/// A refusal: WeChat's code, its text as a hint for people, and what our tables make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    class: Class,
    code: String,
    text: String,
}

impl Refusal {
    /// Takes WeChat's words in: shortened, control characters removed. Digits runs that could be a payment code are
    /// masked, because a text is the one field that could echo one.
    #[must_use]
    pub fn new(class: Class, code: &str, text: &str) -> Self {
        let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(32).collect();
        Self { class, code: mask_digits(&code), text: mask_digits(&clean(text)) }
    }

    /// What the tables make of it.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// `err_code`, upper case letters, digits and `_`; may be empty.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// `err_code_des` or `return_msg`: a hint for people, in the gateway's language.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

words! {
    /// What kind of refusal a pay met (protocol table 2.2).
    Class {
        /// U by USERPAYING: the payer is at the prompt.
        CustomerPaying => "customer_paying",
        /// U: SYSTEMERROR, BANKERROR, and every code nobody has told us about.
        Unknown => "unknown",
        /// P: ORDERPAID, OUT_TRADE_NO_USED: perhaps already paid.
        PerhapsPaid => "perhaps_paid",
        /// D, and a fresh code can cure it: the payment goes back to the customer.
        FreshCode => "fresh_code",
        /// D*: definite by the documents, ambiguous by its text; also costs a reversal unless the order is absent.
        Ambiguous => "ambiguous",
        /// D* by a rate limit: as `Ambiguous`, and the terminal slows down.
        Throttled => "throttled",
        /// C: our configuration or our bug; support must look.
        OurFault => "our_fault",
    }
}

/// Cuts to [`TEXT_MAX`] characters and drops control characters, so that a log line or a display stays one line.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

/// Replaces every run of 16 or more digits by its last four behind dots.
fn mask_digits(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    let flush = |run: &mut String, out: &mut String| {
        if run.len() >= 16 {
            out.push_str("..");
            out.push_str(run.get(run.len().saturating_sub(4)..).unwrap_or_default());
        } else {
            out.push_str(run);
        }
        run.clear();
    };
    for c in text.chars() {
        if c.is_ascii_digit() {
            run.push(c);
            continue;
        }
        flush(&mut run, &mut out);
        out.push(c);
    }
    flush(&mut run, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_echoed_in_a_text_is_masked() {
        let refusal = Refusal::new(Class::FreshCode, "AUTH_CODE_INVALID", "code 134539517967686076 is\r\nnot valid");
        assert_eq!(refusal.text(), "code ..6076 isnot valid");
    }

    #[test]
    fn an_order_number_of_fifteen_digits_stays() {
        assert_eq!(Refusal::new(Class::Unknown, "X", "order 123456789012345").text(), "order 123456789012345");
    }
}
