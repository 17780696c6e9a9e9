//! Hostile replies (reliability 5.3), one by one, to every kind of call: never paid, never refunded, never final.

use shroff::dialect::v2::SignType;
use shroff::dialect::{Distrust, HttpReply, REPLY_MAX};
use shroff::payment::Op;
use shroff::payment::answer::{
    Answer, PayAnswer, QueryAnswer, RefundAnswer, RefundQueryAnswer, RefundRefusal, ReverseAnswer, ReverseRefusal,
};

use crate::counterpart::{Counterpart, Facts, TRUE, V2Counterpart, call};
use crate::counterpart_v3::V3Counterpart;

const OPS: [Op; 5] = [Op::Pay, Op::Query, Op::Reverse, Op::Refund, Op::RefundQuery];
/// Those whose answers name an order and its amount.
const NAMED: [Op; 4] = [Op::Pay, Op::Query, Op::Refund, Op::RefundQuery];

/// Every dialect there is.
fn gateways() -> Vec<(&'static str, Box<dyn Counterpart>)> {
    vec![
        ("v2 MD5", Box::new(V2Counterpart::new(SignType::Md5))),
        ("v2 HMAC", Box::new(V2Counterpart::new(SignType::HmacSha256))),
        ("v3", Box::new(V3Counterpart::new())),
    ]
}

/// What the gateway says when all went well.
pub(crate) fn good(gateway: &dyn Counterpart, op: Op, facts: &Facts) -> HttpReply {
    match op {
        Op::Pay | Op::Query => gateway.paid(op, facts),
        Op::Reverse | Op::Refund | Op::RefundQuery => gateway.accepted(op, facts),
    }
}

/// Reads a changed good reply to each kind of call.
fn each(change: impl Fn(&dyn Counterpart, HttpReply) -> HttpReply, judge: impl Fn(Result<Answer, Distrust>, &str)) {
    for (name, gateway) in gateways() {
        for op in OPS {
            let reply = change(gateway.as_ref(), good(gateway.as_ref(), op, &TRUE));
            judge(gateway.read(&call(op), &reply), &format!("{name} {}", op.word()));
        }
    }
}

/// Reads a well-signed reply that says `facts` to each kind of call in `ops`.
fn saying(facts: &Facts, ops: &[Op], expected: Distrust) {
    for (name, gateway) in gateways() {
        // Where a reply says nothing about the merchant, it cannot say something wrong; a query confirms it.
        let whose =
            matches!(expected, Distrust::OtherMerchant | Distrust::Incomplete("appid" | "mch_id" | "sub_mch_id"));
        for op in ops.iter().filter(|op| !whose || gateway.names_merchant(**op)) {
            let read = gateway.read(&call(*op), &good(gateway.as_ref(), *op, facts));
            assert_eq!(read, Err(expected), "{name} {}", op.word());
            assert!(expected.is_incident());
        }
    }
}

#[test]
fn the_good_replies_are_believed_so_that_the_rest_means_something() {
    each(|_, reply| reply, |read, what| assert!(read.is_ok(), "{what}: {read:?}"));
}

#[test]
fn a_wrong_signature_is_refused() {
    each(|gateway, reply| gateway.forged(reply), |read, what| assert_eq!(read, Err(Distrust::BadSignature), "{what}"));
}

#[test]
fn no_signature_is_refused() {
    each(|gateway, reply| gateway.unsigned(reply), |read, what| assert_eq!(read, Err(Distrust::Unsigned), "{what}"));
}

#[test]
fn a_signature_of_another_type_than_the_requests_is_refused() {
    each(
        |gateway, reply| gateway.signed_otherwise(reply),
        |read, what| assert_eq!(read, Err(Distrust::BadSignature), "{what}"),
    );
}

#[test]
fn an_unsigned_fail_settles_nothing() {
    for text in ["system error", "签名失败", "appid不存在", "频率限制", ""] {
        each(
            |gateway, _| gateway.failure(text),
            |read, what| {
                let answer = read.expect("an unsigned FAIL is heard");
                let open = matches!(
                    answer,
                    Answer::Pay(PayAnswer::Failed { .. })
                        | Answer::Query(QueryAnswer::NoWord(_) | QueryAnswer::UnknownState)
                        | Answer::Refund(RefundAnswer::NotDone {
                            why: RefundRefusal::Unsure | RefundRefusal::SlowDown,
                            ..
                        })
                        | Answer::RefundQuery(RefundQueryAnswer::NoWord(_))
                        | Answer::Reverse(ReverseAnswer::NotDone {
                            recall: true,
                            why: ReverseRefusal::Other | ReverseRefusal::SlowDown,
                            ..
                        })
                );
                assert!(open, "{what}: {answer:?}");
            },
        );
    }
}

#[test]
fn an_unsigned_fail_that_blames_the_request_says_so() {
    let gateway = V2Counterpart::new(SignType::Md5);
    for (text, expected) in [("签名失败", true), ("Parameter format checking error", true), ("system error", false)]
    {
        let answer = gateway.read(&call(Op::Pay), &gateway.failure(text));
        assert_eq!(answer, Ok(Answer::Pay(PayAnswer::Failed { request_error: expected })), "{text}");
    }
}

#[test]
fn a_fail_with_a_wrong_signature_is_not_even_hearsay() {
    for (name, gateway) in gateways() {
        for op in OPS {
            let read = gateway.read(&call(op), &gateway.forged(gateway.failure("签名失败")));
            assert_eq!(read, Err(Distrust::BadSignature), "{name} {}", op.word());
        }
    }
}

#[test]
fn another_order_is_refused() {
    let facts = Facts { out_trade_no: "T01K7Q2M9XB00000002", ..TRUE };
    saying(&facts, &NAMED, Distrust::OtherOrder);
}

#[test]
fn another_orders_state_is_refused() {
    let facts = Facts { out_trade_no: "T01K7Q2M9XB00000002", ..TRUE };
    for (name, gateway) in gateways() {
        for state in ["CLOSED", "REVOKED", "REFUND", "NOTPAY"] {
            let read = gateway.read(&call(Op::Query), &gateway.state(state, &facts));
            assert_eq!(read, Err(Distrust::OtherOrder), "{name} {state}");
            let nameless = Facts { out_trade_no: "", ..TRUE };
            let read = gateway.read(&call(Op::Query), &gateway.state(state, &nameless));
            assert_eq!(read, Err(Distrust::Incomplete("out_trade_no")), "{name} {state}");
        }
    }
}

#[test]
fn another_amount_is_refused() {
    for total in ["1", "8801", "88000", "-8800", "8800.0", " 8800", "0x2260", "99999999999999999999999"] {
        saying(&Facts { total, ..TRUE }, &NAMED, Distrust::OtherAmount);
    }
}

#[test]
fn another_currency_is_refused() {
    for currency in ["CNY", "hkd", "JPY"] {
        saying(&Facts { currency, ..TRUE }, &NAMED, Distrust::OtherCurrency);
    }
    saying(&Facts { currency: "", ..TRUE }, &[Op::Pay, Op::Query], Distrust::OtherCurrency);
}

#[test]
fn another_refund_is_refused() {
    let refunds = [Op::Refund, Op::RefundQuery];
    saying(&Facts { out_refund_no: "T01K7Q2M9XB00000003F", ..TRUE }, &refunds, Distrust::OtherRefund);
    saying(&Facts { out_refund_no: "", ..TRUE }, &[Op::Refund], Distrust::Incomplete("out_refund_no"));
    for refund in ["1", "1201", "8800", "-1200", "1200.0", " 1200"] {
        saying(&Facts { refund, ..TRUE }, &refunds, Distrust::OtherAmount);
    }
    saying(&Facts { refund: "", ..TRUE }, &refunds, Distrust::Incomplete("refund_fee"));
    saying(&Facts { out_trade_no: "", ..TRUE }, &[Op::RefundQuery], Distrust::Incomplete("out_trade_no"));
}

#[test]
fn an_older_reply_to_another_call_refunds_nothing() {
    for (name, gateway) in gateways() {
        let read = |op, reply| gateway.read(&call(op), &reply);
        for earlier in [Op::Pay, Op::Query, Op::Reverse, Op::Refund] {
            let known = read(Op::RefundQuery, good(gateway.as_ref(), earlier, &TRUE));
            assert!(known.is_err(), "{name} {}: {known:?}", earlier.word());
        }
        // What v3 says about the refund by name also says that it was accepted.
        let others = [Op::Pay, Op::Query, Op::Reverse, Op::RefundQuery];
        for earlier in others.into_iter().filter(|op| name != "v3" || *op != Op::RefundQuery) {
            let accepted = read(Op::Refund, good(gateway.as_ref(), earlier, &TRUE));
            assert!(accepted.is_err(), "{name} {}: {accepted:?}", earlier.word());
        }
        // An unknown order is no unknown refund.
        for code in ["ORDERNOTEXIST", "SYSTEMERROR", "REFUND", ""] {
            let known = read(Op::RefundQuery, gateway.error(Op::RefundQuery, code, "", &TRUE));
            assert!(matches!(known, Ok(Answer::RefundQuery(RefundQueryAnswer::NoWord(_)))), "{name} {code}: {known:?}");
        }
    }
}

#[test]
fn another_merchant_is_refused() {
    saying(&Facts { mch_id: "10000101", ..TRUE }, &OPS, Distrust::OtherMerchant);
    saying(&Facts { sub_mch_id: "452532746", ..TRUE }, &OPS, Distrust::OtherMerchant);
    saying(&Facts { appid: "wx2421b1c4370ec43c", ..TRUE }, &OPS, Distrust::OtherMerchant);
}

#[test]
fn a_success_that_lacks_its_evidence_is_refused() {
    let paid = [Op::Pay, Op::Query];
    saying(&Facts { transaction_id: "", ..TRUE }, &paid, Distrust::Incomplete("transaction_id"));
    saying(&Facts { transaction_id: "../etc", ..TRUE }, &paid, Distrust::Incomplete("a usable transaction_id"));
    saying(&Facts { total: "", ..TRUE }, &paid, Distrust::Incomplete("total_fee"));
    saying(&Facts { out_trade_no: "", ..TRUE }, &paid, Distrust::Incomplete("out_trade_no"));
    saying(&Facts { mch_id: "", ..TRUE }, &OPS, Distrust::Incomplete("mch_id"));
    saying(&Facts { sub_mch_id: "", ..TRUE }, &OPS, Distrust::Incomplete("sub_mch_id"));
    saying(&Facts { appid: "", ..TRUE }, &OPS, Distrust::Incomplete("appid"));
}

#[test]
fn an_older_reply_to_another_call_pays_nothing() {
    for (name, gateway) in gateways() {
        let read = |op, reply| gateway.read(&call(op), &reply);
        let accepted = read(Op::Pay, gateway.accepted(Op::Reverse, &TRUE));
        assert!(accepted.is_err(), "{name}: {accepted:?}");
        let accepted = read(Op::Query, gateway.accepted(Op::Refund, &TRUE));
        assert_eq!(accepted, Ok(Answer::Query(QueryAnswer::UnknownState)), "{name}");
        let state = read(Op::Pay, gateway.state("USERPAYING", &TRUE));
        assert!(matches!(state, Ok(Answer::Pay(PayAnswer::Refused(_)))), "{name}: {state:?}");
    }
}

#[test]
fn a_name_twice_is_refused() {
    each(
        |gateway, reply| gateway.doubled(reply),
        |read, what| assert!(matches!(read, Err(Distrust::Malformed(_))), "{what}: {read:?}"),
    );
}

#[test]
fn a_reply_cut_at_any_byte_is_refused() {
    for (name, gateway) in gateways() {
        for op in OPS {
            let whole = good(gateway.as_ref(), op, &TRUE);
            for length in 0..whole.body.len() {
                let body = whole.body.get(..length).expect("shorter").to_vec();
                let reply = HttpReply { body, headers: whole.headers.clone(), ..whole };
                let read = gateway.read(&call(op), &reply);
                assert!(
                    matches!(read, Err(Distrust::Malformed(_) | Distrust::BadSignature)),
                    "{name} {} at {length}: {read:?}",
                    op.word()
                );
            }
        }
    }
}

#[test]
fn what_is_not_a_reply_is_malformed() {
    let bombs = [
        b"".to_vec(),
        b"\x1f\x8b\x08\x00garbage".to_vec(),
        vec![0xff; 1000],
        b"<html><head><title>400 No required SSL certificate was sent</title></head></html>".to_vec(),
        b"{\"code\":\"SUCCESS\"}".to_vec(),
        b"<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml><a>&a;</a></xml>".to_vec(),
        b"<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><xml><a>&b;</a></xml>".to_vec(),
        format!("<xml>{}", "<a>".repeat(20_000)).into_bytes(),
        "<a>".repeat(REPLY_MAX / 3).into_bytes(),
    ];
    for bomb in bombs {
        each(
            |gateway, reply| match reply.body == bomb {
                // Nothing is the right body of a 204.
                true => gateway.forged(reply),
                false => HttpReply { body: bomb.clone(), ..reply },
            },
            |read, what| {
                assert!(matches!(read, Err(Distrust::Malformed(_) | Distrust::BadSignature)), "{what}: {read:?}");
            },
        );
    }
}

#[test]
fn another_status_than_the_calls_own_is_refused_however_well_signed() {
    for status in [100, 201, 301, 302, 307, 600] {
        each(
            |_, reply| HttpReply { status, ..reply },
            |read, what| assert_eq!(read, Err(Distrust::Status(status)), "{what}"),
        );
    }
    for status in [202, 204, 400, 401, 404, 429, 500, 502, 503] {
        each(
            |_, reply| HttpReply { status, ..reply },
            |read, what| match read {
                Err(Distrust::Status(_)) => {}
                // v3 speaks in statuses. Whatever this one says, it is no yes and no no.
                Ok(
                    Answer::Pay(PayAnswer::Refused(_))
                    | Answer::Query(QueryAnswer::NoWord(_) | QueryAnswer::UnknownState)
                    | Answer::Reverse(ReverseAnswer::NotDone { .. } | ReverseAnswer::Accepted { .. })
                    | Answer::Refund(RefundAnswer::NotDone { .. })
                    | Answer::RefundQuery(RefundQueryAnswer::NoWord(_)),
                ) => assert!(what.starts_with("v3"), "{what}"),
                Err(Distrust::Malformed(_)) => assert!(what.starts_with("v3"), "{what}"),
                read => panic!("{what} {status}: {read:?}"),
            },
        );
    }
}

#[test]
fn too_large_a_reply_is_refused_before_it_is_looked_at() {
    each(
        |_, mut reply| {
            reply.body.resize(REPLY_MAX + 1, b'\n');
            reply
        },
        |read, what| assert_eq!(read, Err(Distrust::TooLarge), "{what}"),
    );
}
