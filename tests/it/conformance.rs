//! The same questions to every dialect: what does a verified reply mean?

use shroff::dialect::HttpReply;
use shroff::dialect::v2::SignType;
use shroff::payment::answer::{
    Answer, Class, PayAnswer, QueryAnswer, Receipt, RefundAnswer, RefundQueryAnswer, RefundRefusal, ReverseAnswer,
    ReverseRefusal,
};
use shroff::payment::{Op, Order};

use crate::counterpart::{Counterpart, Facts, TRUE, V2Counterpart, about, call, order};
use crate::counterpart_v3::V3Counterpart;

/// Asks every question of every dialect.
macro_rules! of_every_dialect {
    ($($question:ident),* $(,)?) => {
        mod v2_md5 { $(#[test] fn $question() { super::$question(&super::V2Counterpart::new(super::SignType::Md5)); })* }
        mod v3 { $(#[test] fn $question() { super::$question(&super::V3Counterpart::new()); })* }
        mod v2_hmac { $(#[test] fn $question() { super::$question(&super::V2Counterpart::new(super::SignType::HmacSha256)); })* }
    };
}

of_every_dialect! {
    a_verified_matching_success_is_paid_and_carries_its_evidence,
    a_query_reports_every_state,
    a_state_nobody_has_seen_is_unknown,
    a_refusal_has_the_class_of_its_code,
    a_query_error_is_no_word,
    an_order_the_gateway_does_not_know_is_absent,
    a_reversal_is_accepted_or_not_done_with_its_reason,
    a_refund_is_accepted_or_not_done_with_its_reason,
    a_question_about_a_refund_reports_every_status,
    a_refund_the_gateway_does_not_know_is_absent,
    once_the_charge_has_a_number_another_number_is_another_order,
}

fn a_verified_matching_success_is_paid_and_carries_its_evidence(gateway: &dyn Counterpart) {
    let pay = read(gateway, Op::Pay, &gateway.paid(Op::Pay, &TRUE));
    let Answer::Pay(PayAnswer::Paid(receipt)) = pay else { unreachable!("{pay:?}") };
    evidence(&receipt);
    let query = read(gateway, Op::Query, &gateway.paid(Op::Query, &TRUE));
    let Answer::Query(QueryAnswer::Paid(receipt)) = query else { unreachable!("{query:?}") };
    evidence(&receipt);
}

fn evidence(receipt: &Receipt) {
    assert_eq!(receipt.transaction_id.as_str(), TRUE.transaction_id);
    assert_eq!(receipt.paid_at.map(|time| time.to_string()).as_deref(), Some("2026-11-21T03:38:26.000Z"));
    assert_eq!(receipt.payer_total.map(|money| money.to_string()).as_deref(), Some("CNY 80.96"));
    assert_eq!(receipt.rate.as_deref(), Some("92000000"));
}

fn a_query_reports_every_state(gateway: &dyn Counterpart) {
    for (state, means) in [
        ("REFUND", QueryAnswer::Refunded),
        ("NOTPAY", QueryAnswer::NotPaid),
        ("CLOSED", QueryAnswer::Closed),
        ("REVOKED", QueryAnswer::Revoked),
        ("USERPAYING", QueryAnswer::CustomerPaying),
        ("PAYERROR", QueryAnswer::PayError),
        ("ACCEPT", QueryAnswer::Accepted),
    ] {
        assert_eq!(read(gateway, Op::Query, &gateway.state(state, &TRUE)), Answer::Query(means), "{state}");
    }
}

fn a_state_nobody_has_seen_is_unknown(gateway: &dyn Counterpart) {
    for state in ["MOON", "SUCCESSFUL", "付款成功"] {
        let answer = read(gateway, Op::Query, &gateway.state(state, &TRUE));
        assert_eq!(answer, Answer::Query(QueryAnswer::UnknownState), "{state}");
    }
}

fn a_refusal_has_the_class_of_its_code(gateway: &dyn Counterpart) {
    for (code, class) in [
        ("USERPAYING", Class::CustomerPaying),
        ("SYSTEMERROR", Class::Unknown),
        ("BANKERROR", Class::Unknown),
        ("MOON_IS_FULL", Class::Unknown),
        ("ORDERPAID", Class::PerhapsPaid),
        ("AUTH_CODE_INVALID", Class::FreshCode),
        ("NOTENOUGH", Class::FreshCode),
        ("TRADE_ERROR", Class::Ambiguous),
        ("RATE_LIMITED", Class::Throttled),
        ("NOAUTH", Class::OurFault),
    ] {
        let answer = read(gateway, Op::Pay, &gateway.error(Op::Pay, code, "a text", &TRUE));
        let Answer::Pay(PayAnswer::Refused(refusal)) = answer else { unreachable!("{answer:?}") };
        assert_eq!((refusal.class(), refusal.code(), refusal.text()), (class, code, "a text"), "{code}");
    }
}

fn a_query_error_is_no_word(gateway: &dyn Counterpart) {
    for code in ["SYSTEMERROR", "RATE_LIMITED", "MOON_IS_FULL", "SIGNERROR"] {
        let answer = read(gateway, Op::Query, &gateway.error(Op::Query, code, "", &TRUE));
        assert!(matches!(answer, Answer::Query(QueryAnswer::NoWord(_))), "{answer:?}");
    }
}

fn an_order_the_gateway_does_not_know_is_absent(gateway: &dyn Counterpart) {
    let answer = read(gateway, Op::Query, &gateway.error(Op::Query, "ORDERNOTEXIST", "", &TRUE));
    assert_eq!(answer, Answer::Query(QueryAnswer::Absent));
    let answer = read(gateway, Op::Reverse, &gateway.error(Op::Reverse, "ORDERNOTEXIST", "", &TRUE));
    assert_eq!(answer, Answer::Reverse(ReverseAnswer::Absent));
}

fn a_reversal_is_accepted_or_not_done_with_its_reason(gateway: &dyn Counterpart) {
    let answer = read(gateway, Op::Reverse, &gateway.accepted(Op::Reverse, &TRUE));
    assert_eq!(answer, Answer::Reverse(ReverseAnswer::Accepted { recall: false }));
    for (code, expected) in [
        ("USERPAYING", ReverseRefusal::CustomerPaying),
        ("REVERSE_EXPIRE", ReverseRefusal::WindowOver),
        ("INVALID_REQUEST", ReverseRefusal::SlowDown),
        ("PARAM_ERROR", ReverseRefusal::OurFault),
        ("TRADE_ERROR", ReverseRefusal::Other),
        ("MOON_IS_FULL", ReverseRefusal::Other),
    ] {
        let answer = read(gateway, Op::Reverse, &gateway.error(Op::Reverse, code, "", &TRUE));
        let Answer::Reverse(ReverseAnswer::NotDone { why, refusal, .. }) = answer else { unreachable!("{answer:?}") };
        assert_eq!((why, refusal.code()), (expected, code));
    }
}

fn a_refund_is_accepted_or_not_done_with_its_reason(gateway: &dyn Counterpart) {
    let answer = read(gateway, Op::Refund, &gateway.accepted(Op::Refund, &TRUE));
    assert_eq!(answer, Answer::Refund(RefundAnswer::Accepted));
    for (code, expected) in [
        ("NOTENOUGH", RefundRefusal::NotEnough),
        ("SYSTEMERROR", RefundRefusal::Unsure),
        ("BIZERR_NEED_RETRY", RefundRefusal::Unsure),
        ("MOON_IS_FULL", RefundRefusal::Unsure),
        ("", RefundRefusal::Unsure),
        ("FREQUENCY_LIMITED", RefundRefusal::SlowDown),
        ("TRADE_OVERDUE", RefundRefusal::Definite),
        ("USER_ACCOUNT_ABNORMAL", RefundRefusal::Definite),
        ("OUT_REFUND_NO_USED", RefundRefusal::Mismatch),
        ("PARAM_ERROR", RefundRefusal::OurFault),
        ("ORDERNOTEXIST", RefundRefusal::OurFault),
    ] {
        let answer = read(gateway, Op::Refund, &gateway.error(Op::Refund, code, "a text", &TRUE));
        let Answer::Refund(RefundAnswer::NotDone { why, refusal }) = answer else { unreachable!("{answer:?}") };
        assert_eq!((why, refusal.code(), refusal.text()), (expected, code, "a text"));
    }
}

fn a_question_about_a_refund_reports_every_status(gateway: &dyn Counterpart) {
    let known = |refund_status| {
        let reply = gateway.accepted(Op::RefundQuery, &Facts { refund_status, ..TRUE });
        let answer = read(gateway, Op::RefundQuery, &reply);
        let Answer::RefundQuery(known) = answer else { unreachable!("{answer:?}") };
        known
    };
    let RefundQueryAnswer::Refunded(receipt) = known("SUCCESS") else { unreachable!("SUCCESS") };
    assert_eq!(receipt.refund_id.as_ref().map(|id| id.as_str()), Some("50300099990000000000000001"));
    assert_eq!(receipt.refunded_at.map(|at| at.to_string()).as_deref(), Some("2026-11-22T01:00:00.000Z"));
    for (status, means) in [
        ("PROCESSING", RefundQueryAnswer::Processing),
        ("REFUNDCLOSE", RefundQueryAnswer::Closed),
        ("CHANGE", RefundQueryAnswer::Changed),
        ("FAIL", RefundQueryAnswer::UnknownStatus),
        ("MOON", RefundQueryAnswer::UnknownStatus),
        ("", RefundQueryAnswer::UnknownStatus),
    ] {
        assert_eq!(known(status), means, "{status}");
    }
}

fn a_refund_the_gateway_does_not_know_is_absent(gateway: &dyn Counterpart) {
    let answer = read(gateway, Op::RefundQuery, &gateway.error(Op::RefundQuery, "REFUNDNOTEXIST", "", &TRUE));
    assert_eq!(answer, Answer::RefundQuery(RefundQueryAnswer::Absent));
    for code in ["SYSTEMERROR", "RATE_LIMITED", "MOON_IS_FULL", "SIGNERROR", "ORDERNOTEXIST"] {
        let answer = read(gateway, Op::RefundQuery, &gateway.error(Op::RefundQuery, code, "", &TRUE));
        assert!(matches!(answer, Answer::RefundQuery(RefundQueryAnswer::NoWord(_))), "{answer:?}");
    }
}

fn once_the_charge_has_a_number_another_number_is_another_order(gateway: &dyn Counterpart) {
    let known = |number: &str| Order { transaction_id: Some(number.parse().expect("a number")), ..order() };
    let reply = gateway.paid(Op::Query, &TRUE);
    assert!(gateway.read(&about(Op::Query, known(TRUE.transaction_id)), &reply).is_ok());
    assert!(gateway.read(&about(Op::Query, known("4200000000000000000000000000")), &reply).is_err());
}

fn read(gateway: &dyn Counterpart, op: Op, reply: &HttpReply) -> Answer {
    gateway.read(&call(op), reply).expect("a verified reply")
}

mod v2_recall {
    use super::*;

    #[test]
    fn only_a_plain_n_ends_the_repeating() {
        let gateway = V2Counterpart::new(SignType::Md5);
        let head = [
            ("return_code", "SUCCESS"),
            ("appid", TRUE.appid),
            ("mch_id", TRUE.mch_id),
            ("sub_mch_id", TRUE.sub_mch_id),
        ];
        for (result, recall, again) in [
            ("SUCCESS", "N", false),
            ("SUCCESS", "Y", true),
            ("SUCCESS", "", true),
            ("FAIL", "N", false),
            ("FAIL", "Y", true),
            ("FAIL", "?", true),
        ] {
            let mut fields = head.to_vec();
            fields.extend([("result_code", result), ("recall", recall), ("err_code", "SYSTEMERROR")]);
            let answer = read(&gateway, Op::Reverse, &gateway.reply(&fields));
            let told = match answer {
                Answer::Reverse(ReverseAnswer::Accepted { recall }) if result == "SUCCESS" => recall,
                Answer::Reverse(ReverseAnswer::NotDone { recall, .. }) if result == "FAIL" => recall,
                Answer::Pay(_) | Answer::Query(_) | Answer::Reverse(_) | Answer::Refund(_) | Answer::RefundQuery(_) => {
                    unreachable!("{result} {recall:?}")
                }
            };
            assert_eq!(told, again, "{result} {recall:?}");
        }
    }

    #[test]
    fn a_pay_success_that_carries_another_state_is_not_paid() {
        let gateway = V2Counterpart::new(SignType::HmacSha256);
        for state in ["USERPAYING", "NOTPAY", "REVOKED", "MOON"] {
            let mut fields = vec![("trade_state", state), ("result_code", "SUCCESS"), ("return_code", "SUCCESS")];
            fields.extend([("appid", TRUE.appid), ("mch_id", TRUE.mch_id), ("sub_mch_id", TRUE.sub_mch_id)]);
            fields.extend([("out_trade_no", TRUE.out_trade_no), ("transaction_id", TRUE.transaction_id)]);
            fields.extend([("total_fee", TRUE.total), ("fee_type", TRUE.currency)]);
            let answer = read(&gateway, Op::Pay, &gateway.reply(&fields));
            assert!(matches!(answer, Answer::Pay(PayAnswer::Refused(_))), "{state}: {answer:?}");
        }
    }
}
