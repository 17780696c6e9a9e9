//! A journal line about a refund, in words that outlive the code.

use serde::Serialize;

use crate::payment::answer::Answer;
use crate::payment::call::Op;
use crate::payment::entry::said;

/// What happened to a refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RefundNote {
    /// The POS asked for it.
    RefundRequested {
        /// Its number, for ever.
        out_refund_no: String,
        /// How much, in the smallest unit.
        refund_amount: u64,
        /// That was all that was left then: what a request without an amount asks for.
        all_that_was_left: bool,
        /// Why.
        reason: String,
        /// Who.
        #[serde(skip_serializing_if = "String::is_empty")]
        operator: String,
        /// With the supervisor's token.
        supervised: bool,
        /// Where WeChat tells how it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        notify_url: Option<String>,
    },
    /// Its call leaves next.
    RefundSent {
        /// Which try.
        attempt_no: u32,
    },
    /// WeChat answered, verified and about this refund.
    RefundAnswered {
        /// To what.
        op: &'static str,
        /// What it said, in a stable word.
        said: &'static str,
        /// `err_code`, if there was one.
        #[serde(skip_serializing_if = "String::is_empty")]
        err_code: String,
        /// Its text, shortened, digits masked.
        #[serde(skip_serializing_if = "String::is_empty")]
        err_code_des: String,
    },
    /// There was no answer, or one that is not believed.
    RefundNoAnswer {
        /// To what.
        op: &'static str,
        /// Why.
        why: &'static str,
    },
    /// No byte left.
    RefundNotSent {
        /// Of what.
        op: &'static str,
        /// Why.
        why: &'static str,
    },
    /// WeChat told by itself what became of it. Nothing follows from it but a question.
    RefundNoticed {
        /// The notification's own name.
        notice_id: String,
        /// What it said, in a stable word.
        said: &'static str,
    },
    /// The edge was silent beyond every time-out.
    RefundSilence,
    /// The process began anew and found this unsettled.
    RefundRecovered,
}

impl RefundNote {
    /// The journal's words for an answer.
    pub(super) fn answered(op: Op, answer: &Answer) -> Self {
        let (said, refusal) = said(answer);
        Self::RefundAnswered {
            op: op.word(),
            said,
            err_code: refusal.map_or("", |it| it.code()).to_owned(),
            err_code_des: refusal.map_or("", |it| it.text()).to_owned(),
        }
    }
}
