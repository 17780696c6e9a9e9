//! A journal line: one fact about one payment, in words that outlive the code.

use serde::Serialize;

use super::answer::{Answer, PayAnswer, QueryAnswer, RefundAnswer, RefundQueryAnswer, Refusal, ReverseAnswer};
use super::call::Op;

/// One line to be kept with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which attempt of the payment it is about, if any.
    pub attempt: Option<u32>,
    /// The fact.
    pub note: Note,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Note {
    /// The POS asked for a payment.
    Armed,
    /// A code was taken; the pay leaves next.
    Submitted,
    /// The gateway answered, verified and about this order.
    Answered {
        /// To what.
        op: &'static str,
        /// What it said, in a stable word.
        said: String,
        /// `err_code`, if there was one.
        #[serde(skip_serializing_if = "String::is_empty")]
        err_code: String,
        /// Its text, shortened, digits masked.
        #[serde(skip_serializing_if = "String::is_empty")]
        err_code_des: String,
    },
    /// There was no answer, or one that is not believed.
    NoAnswer {
        /// To what.
        op: &'static str,
        /// Why.
        why: String,
    },
    /// No byte of the pay left.
    NotSent {
        /// Why.
        why: String,
    },
    /// The edge was silent beyond every time-out.
    Silence {
        /// To what.
        op: &'static str,
    },
    /// A reversal is due.
    Reversing {
        /// Which one.
        attempt_no: u32,
    },
    /// A refund takes the place of the reversal.
    Refunding {
        /// Its fixed number.
        out_refund_no: String,
    },
    /// The cashier cancelled.
    CancelAsked,
    /// Nobody showed a code in time.
    Expired,
    /// The process began anew and found this unsettled.
    Recovered,
    /// The POS has recorded the result.
    Acknowledged,
}

impl Note {
    /// The journal's words for an answer.
    #[must_use]
    pub fn answered(op: Op, answer: &Answer) -> Self {
        let (said, refusal) = said(answer);
        Self::Answered {
            op: op.word(),
            said: said.to_owned(),
            err_code: refusal.map_or("", |it| it.code()).to_owned(),
            err_code_des: refusal.map_or("", |it| it.text()).to_owned(),
        }
    }
}

/// An answer in a stable word, and the refusal in it.
pub(super) fn said(answer: &Answer) -> (&'static str, Option<&Refusal>) {
    match answer {
        Answer::Pay(PayAnswer::Paid(_)) | Answer::Query(QueryAnswer::Paid(_)) => ("paid", None),
        Answer::Pay(PayAnswer::Refused(refusal)) => ("refused", Some(refusal)),
        Answer::Pay(PayAnswer::Failed { .. }) => ("return_code_fail", None),
        Answer::Query(QueryAnswer::Refunded) => ("refunded", None),
        Answer::Query(QueryAnswer::Revoked) => ("revoked", None),
        Answer::Query(QueryAnswer::Closed) => ("closed", None),
        Answer::Query(QueryAnswer::PayError) => ("pay_error", None),
        Answer::Query(QueryAnswer::CustomerPaying) => ("customer_paying", None),
        Answer::Query(QueryAnswer::Accepted) => ("accepted", None),
        Answer::Query(QueryAnswer::NotPaid) => ("not_paid", None),
        Answer::Query(QueryAnswer::Absent) => ("order_not_exist", None),
        Answer::Query(QueryAnswer::UnknownState) => ("unknown_state", None),
        Answer::Query(QueryAnswer::NoWord(refusal)) => ("no_word", Some(refusal)),
        Answer::Reverse(ReverseAnswer::Accepted { recall: false }) => ("accepted", None),
        Answer::Reverse(ReverseAnswer::Accepted { recall: true }) => ("accepted_recall", None),
        Answer::Reverse(ReverseAnswer::NotDone { recall: false, refusal, .. }) => ("not_done", Some(refusal)),
        Answer::Reverse(ReverseAnswer::NotDone { recall: true, refusal, .. }) => ("not_done_recall", Some(refusal)),
        Answer::Reverse(ReverseAnswer::Absent) => ("order_not_exist", None),
        Answer::Refund(RefundAnswer::Accepted) => ("accepted", None),
        Answer::Refund(RefundAnswer::NotDone { refusal, .. }) => ("not_done", Some(refusal)),
        Answer::RefundQuery(RefundQueryAnswer::Refunded(_)) => ("refunded", None),
        Answer::RefundQuery(RefundQueryAnswer::Processing) => ("processing", None),
        Answer::RefundQuery(RefundQueryAnswer::Closed) => ("closed", None),
        Answer::RefundQuery(RefundQueryAnswer::Changed) => ("changed", None),
        Answer::RefundQuery(RefundQueryAnswer::Absent) => ("refund_not_exist", None),
        Answer::RefundQuery(RefundQueryAnswer::More { .. }) => ("more", None),
        Answer::RefundQuery(RefundQueryAnswer::UnknownStatus) => ("unknown_status", None),
        Answer::RefundQuery(RefundQueryAnswer::NoWord(refusal)) => ("no_word", Some(refusal)),
    }
}
