//! What will happen, chosen from outside: fate is an argument.

use std::borrow::Cow;
use std::time::Duration;

/// An `err_code` or a `return_msg`.
pub type Code = Cow<'static, str>;

/// What nobody knows about the real gateway, or what differs between its own pages, as one choice each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A reversal sooner than this after the order was made is refused. 15 s ("Revoke": at least 15 s later).
    pub reverse_not_before: Duration,
    /// An order that nobody paid is revoked after this. 45 s ("Query mechanism"); none: never.
    pub revoke_after: Option<Duration>,
    /// A reversal is refused with USERPAYING while the payer is at the prompt.
    pub prompt_refuses_reverse: bool,
    /// What the reversal of an unknown number does beside answering SUCCESS.
    pub unknown_reverse: UnknownReverse,
    /// A payment code is dead this long after it was first seen. 65 s (60 to 70 s on the phone).
    pub code_life: Duration,
    /// A reversal later than this after the order was made is refused with REVERSE_EXPIRE; none: never.
    pub reverse_window: Option<Duration>,
    /// A paid order that was reversed is shown as REFUND instead of REVOKED.
    pub reversed_shows_refund: bool,
    /// Refunds of one order are at least this far apart. 1 minute.
    pub refund_spacing: Duration,
    /// No refund later than this after the order was made. 365 days.
    pub refund_window: Duration,
    /// A refund is PROCESSING for this long. The merchant cannot use the money from the start.
    pub refund_takes: Duration,
    /// A day's statement can be had at any moment, and what was paid is settled on its own day; otherwise both are from
    /// 10:00 of the next day.
    pub statements_at_once: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reverse_not_before: Duration::from_secs(15),
            revoke_after: Some(Duration::from_secs(45)),
            prompt_refuses_reverse: true,
            unknown_reverse: UnknownReverse::Forgets,
            code_life: Duration::from_secs(65),
            reverse_window: None,
            reversed_shows_refund: false,
            refund_spacing: Duration::from_secs(60),
            refund_window: Duration::from_secs(365 * 24 * 60 * 60),
            refund_takes: Duration::ZERO,
            statements_at_once: false,
        }
    }
}

/// The two readings of "a reversal of an order that does not exist succeeds". No source says which is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownReverse {
    /// It is forgotten: a pay that comes later may still charge.
    Forgets,
    /// It closes the number: a pay that comes later is refused with ORDERREVERSED.
    Blocks,
}

/// What will happen with a payment: what is answered, and what becomes of the money. The two need not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the pay is answered.
    pub say: Say,
    /// What becomes of the order.
    pub fate: Fate,
}

/// What a pay is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Whatever is true at that moment.
    Truth,
    /// `result_code=FAIL` with this `err_code`, true or not.
    ErrCode(Code),
    /// `return_code=FAIL` with this text, unsigned, true or not.
    ReturnFail(Code),
}

/// What becomes of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No order is made.
    NoOrder,
    /// Charged at once.
    Pays,
    /// The payer is asked, and pays after this long unless the order is revoked first.
    AsksThenPays(Duration),
    /// The payer is asked, and the payment fails after this long: PAYERROR.
    AsksThenFails(Duration),
    /// The payer is asked, and never answers.
    AsksForEver,
    /// ACCEPT; the bank pays after this long, later than WeChat's own revocation if need be.
    AcceptsThenPays(Duration),
    /// NOTPAY, and it stays so.
    NeverPays,
}

impl Plan {
    /// Pays at once and says so.
    pub const PAYS: Self = Self { say: Say::Truth, fate: Fate::Pays };

    /// Says the truth about this fate.
    #[must_use]
    pub const fn truth(fate: Fate) -> Self {
        Self { say: Say::Truth, fate }
    }

    /// Refused with this `err_code`; no order is made.
    #[must_use]
    pub fn refused(err_code: impl Into<Code>) -> Self {
        Self { say: Say::ErrCode(err_code.into()), fate: Fate::NoOrder }
    }

    /// Answers FAIL with this `err_code`, and charges all the same.
    #[must_use]
    pub fn hides_success(err_code: impl Into<Code>) -> Self {
        Self { say: Say::ErrCode(err_code.into()), fate: Fate::Pays }
    }

    /// `return_code=FAIL` with this text, whatever becomes of the order.
    #[must_use]
    pub fn return_fail(text: impl Into<Code>, fate: Fate) -> Self {
        Self { say: Say::ReturnFail(text.into()), fate }
    }
}

/// How a reversal is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReversePlan {
    /// By the rules.
    Honest,
    /// Answers SUCCESS and does nothing. With `recall`, that is how a recall loop begins.
    OnlyClaims {
        /// `recall=Y`.
        recall: bool,
    },
    /// Answers FAIL and does nothing.
    Refuses {
        /// Why.
        err_code: Code,
        /// `recall=Y`.
        recall: bool,
    },
    /// Does what the rules say, and answers FAIL.
    Hides {
        /// Why, supposedly.
        err_code: Code,
        /// `recall=Y`.
        recall: bool,
    },
}

/// How a refund is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundPlan {
    /// By the rules.
    Honest,
    /// Answers FAIL with this code and does nothing.
    Refuses(Code),
    /// Does what the rules say, and answers FAIL with this code.
    Hides(Code),
    /// Accepts it by the rules, and ends it so.
    Ends(RefundFate),
}

/// What becomes of a refund that was accepted, this long after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundFate {
    /// SUCCESS: the payer has the money.
    Arrives(Duration),
    /// REFUNDCLOSE: the money is the merchant's again.
    Closes(Duration),
    /// CHANGE: the payer's card is dead; the merchant holds the money for a person to give it back.
    Changes(Duration),
}
