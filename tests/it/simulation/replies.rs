//! What the books say, as a verified answer; and what kind of day the customers have.

use std::time::Duration;

use shroff::payment::answer::{
    Class, PayAnswer, QueryAnswer, RefundAnswer, RefundQueryAnswer, RefundRefusal, Refusal, ReverseAnswer,
    ReverseRefusal,
};
use shroff::payment::{Answer, Heard};
use shroff::sim::book::{Fate, PayOutcome, Plan, QueryOutcome, RefundOutcome, ReverseOutcome, ReversePlan, State};

use super::chance::Chance;
use super::gateway::receipt;

/// How this payment goes. After the faults have stopped, customers still forget passwords and have no money. An order in
/// PAYERROR is left out where reversals expire soon: nobody could ever end it.
pub(crate) fn plan(chance: &mut Chance, hostile: bool, may_fail: bool) -> Plan {
    let definite = ["NOTENOUGH", "AUTHCODEEXPIRE", "NOTSUPORTCARD", "TRADE_ERROR", "RISKCONTROL", "NOAUTH"];
    let code = definite[chance.below(6) as usize];
    let lies = ["NOTENOUGH", "SYSTEMERROR", "BANKERROR", "TRADE_ERROR", "ORDERPAID", "NOBODY_KNOWS"];
    let lie = lies[chance.below(6) as usize];
    let fates = [Fate::Pays, Fate::NoOrder];
    match chance.below(if hostile { 16 } else { 12 }) {
        0..=4 => Plan::PAYS,
        5 | 6 => Plan::truth(Fate::AsksThenPays(chance.between(1_000, 60_000))),
        7 => Plan::truth(Fate::AsksForEver),
        8 if may_fail => Plan::truth(Fate::AsksThenFails(chance.between(1_000, 40_000))),
        8..=11 => Plan::refused(code),
        12 => Plan::hides_success(lie),
        13 => Plan::return_fail("system error", fates[chance.below(2) as usize]),
        14 => Plan::return_fail("sign error", fates[chance.below(2) as usize]),
        _ => Plan { say: shroff::sim::book::Say::ErrCode("SYSTEMERROR".into()), fate: Fate::NoOrder },
    }
}

/// How a reversal misbehaves.
pub(crate) fn reverse_plan(chance: &mut Chance) -> ReversePlan {
    let recall = chance.one_in_thousand(800);
    match chance.below(4) {
        0 => ReversePlan::OnlyClaims { recall },
        1 => ReversePlan::Refuses { err_code: "SYSTEMERROR".into(), recall },
        2 => ReversePlan::Refuses { err_code: "INVALID_REQUEST".into(), recall },
        _ => ReversePlan::Hides { err_code: "SYSTEMERROR".into(), recall },
    }
}

pub(crate) fn pay(outcome: &PayOutcome) -> Heard {
    Heard::Answer(Answer::Pay(match outcome {
        PayOutcome::Paid { .. } => PayAnswer::Paid(receipt()),
        PayOutcome::Refused { err_code } => PayAnswer::Refused(Refusal::new(class(err_code), err_code, "")),
        PayOutcome::Failed { return_msg } => PayAnswer::Failed { request_error: return_msg.contains("sign") },
    }))
}

fn class(err_code: &str) -> Class {
    match err_code {
        "USERPAYING" => Class::CustomerPaying,
        "ORDERPAID" | "OUT_TRADE_NO_USED" => Class::PerhapsPaid,
        "TRADE_ERROR" | "RISKCONTROL" => Class::Ambiguous,
        "NOAUTH" | "PARAM_ERROR" => Class::OurFault,
        "NOTENOUGH" | "AUTHCODEEXPIRE" | "NOTSUPORTCARD" | "AUTH_CODE_ERROR" | "AUTH_CODE_INVALID" | "ORDERCLOSED"
        | "ORDERREVERSED" => Class::FreshCode,
        _ => Class::Unknown,
    }
}

pub(crate) fn query(outcome: &QueryOutcome) -> Heard {
    Heard::Answer(Answer::Query(match outcome {
        QueryOutcome::Refused { .. } => QueryAnswer::Absent,
        QueryOutcome::Found { state, .. } => match state {
            State::NotPay => QueryAnswer::NotPaid,
            State::UserPaying => QueryAnswer::CustomerPaying,
            State::Accept => QueryAnswer::Accepted,
            State::Success => QueryAnswer::Paid(receipt()),
            State::PayError => QueryAnswer::PayError,
            State::Revoked => QueryAnswer::Revoked,
            State::Closed => QueryAnswer::Closed,
            State::Refund => QueryAnswer::Refunded,
        },
    }))
}

pub(crate) fn no_word() -> Heard {
    Heard::Answer(Answer::Query(QueryAnswer::NoWord(Refusal::new(Class::Unknown, "SYSTEMERROR", ""))))
}

pub(crate) fn no_word_of_a_refund() -> Heard {
    let refusal = Refusal::new(Class::Unknown, "SYSTEMERROR", "");
    Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::NoWord(refusal)))
}

pub(crate) fn reverse(outcome: &ReverseOutcome) -> Heard {
    Heard::Answer(Answer::Reverse(match outcome {
        ReverseOutcome::Accepted { recall } => ReverseAnswer::Accepted { recall: *recall },
        ReverseOutcome::Refused { err_code, recall } => ReverseAnswer::NotDone {
            recall: *recall,
            why: match err_code.as_ref() {
                "USERPAYING" => ReverseRefusal::CustomerPaying,
                "REVERSE_EXPIRE" => ReverseRefusal::WindowOver,
                "INVALID_REQUEST" => ReverseRefusal::SlowDown,
                _ => ReverseRefusal::Other,
            },
            refusal: Refusal::new(Class::Unknown, err_code, ""),
        },
    }))
}

pub(crate) fn refund(outcome: &RefundOutcome) -> Heard {
    Heard::Answer(Answer::Refund(match outcome {
        RefundOutcome::Accepted { .. } => RefundAnswer::Accepted,
        RefundOutcome::Refused { err_code } => {
            RefundAnswer::NotDone { why: refund_refusal(err_code), refusal: Refusal::new(Class::Unknown, err_code, "") }
        }
    }))
}

fn refund_refusal(err_code: &str) -> RefundRefusal {
    match err_code {
        "NOTENOUGH" => RefundRefusal::NotEnough,
        "FREQUENCY_LIMITED" | "INVALID_REQ_TOO_MUCH" => RefundRefusal::SlowDown,
        "TRADE_OVERDUE" | "USER_ACCOUNT_ABNORMAL" => RefundRefusal::Definite,
        "PARAM_ERROR" | "ORDERNOTEXIST" => RefundRefusal::OurFault,
        "REFUND_FEE_MISMATCH" => RefundRefusal::Mismatch,
        _ => RefundRefusal::Unsure,
    }
}

/// Nothing here waits longer than the settle bound assumes.
#[test]
fn a_prompt_ends_before_the_late_horizon() {
    let mut chance = Chance::new(1);
    for _ in 0..1000 {
        if let Fate::AsksThenPays(wait) = plan(&mut chance, true, true).fate {
            assert!(wait < Duration::from_secs(300));
        }
    }
}
