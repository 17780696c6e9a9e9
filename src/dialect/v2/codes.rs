//! What WeChat's codes mean to us. Whatever is not listed is unknown, and that is the default.
//!
//! Source: protocol tables 2.2 (pay), 2.4 (query), 2.5 (reverse), 5.4 and 5.5 (refund), 7.6 (status) and section 8 (rate
//! limits).

use crate::payment::answer::{Class, RefundRefusal, ReverseRefusal};

/// `code` as it is compared: upper case without `_`, because WeChat's own pages print `ORDERPAID` and `ORDER_PAID`.
pub(in crate::dialect) fn normal(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// The class of a refused pay. `text` is `err_code_des`: it comes in any language and decides only where the code
/// alone does not.
pub(in crate::dialect) fn pay(code: &str, text: &str) -> Class {
    match normal(code).as_str() {
        "USERPAYING" => Class::CustomerPaying,
        "SYSTEMERROR" | "BANKERROR" => Class::Unknown,
        "ORDERPAID" | "OUTTRADENOUSED" => Class::PerhapsPaid,
        "ORDERCLOSED" | "ORDERREVERSED" | "AUTHCODEEXPIRE" | "AUTHCODEERROR" | "AUTHCODEINVALID" | "NOTENOUGH"
        | "NOTSUPORTCARD" | "NOTSUPPORTCARD" | "BUYERMISMATCH" => Class::FreshCode,
        "TRADEERROR" => Class::Ambiguous,
        "INVALIDREQUEST" => invalid_request(text),
        normal if is_our_fault(normal) => Class::OurFault,
        normal if is_throttle(normal) || speaks_of_throttling(text) => Class::Throttled,
        normal if normal.contains("RISK") => Class::Ambiguous,
        _ => Class::Unknown,
    }
}

/// INVALID_REQUEST means permission, a duplicate, a certificate or too many requests, and only its text tells.
fn invalid_request(text: &str) -> Class {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if speaks_of_throttling(&text) {
        return Class::Throttled;
    }
    if says(&["201", "重复", "duplicate", "repeat", "already"]) {
        return Class::PerhapsPaid;
    }
    if says(&["权限", "permission", "not authorized", "证书", "certificate"]) {
        return Class::OurFault;
    }
    Class::Unknown
}

/// What kind of error a query, a refund or an unsigned FAIL met: nothing of it settles anything.
pub(in crate::dialect) fn other(code: &str, text: &str) -> Class {
    match normal(code).as_str() {
        "USERPAYING" => Class::CustomerPaying,
        "TRADEOVERDUE" | "USERACCOUNTABNORMAL" | "TRADEERROR" => Class::Ambiguous,
        "ORDERNOTEXIST" | "OUTREFUNDNOUSED" => Class::OurFault,
        "INVALIDREQUEST" => invalid_request(text),
        normal if is_our_fault(normal) => Class::OurFault,
        normal if is_throttle(normal) || speaks_of_throttling(text) => Class::Throttled,
        _ => Class::Unknown,
    }
}

/// Whether the gateway says that it does not know the order.
pub(in crate::dialect) fn is_absent(code: &str) -> bool {
    matches!(normal(code).as_str(), "ORDERNOTEXIST")
}

/// Why a refund was not accepted. What nobody has told us about leaves it open.
pub(in crate::dialect) fn refund(code: &str, text: &str) -> RefundRefusal {
    match normal(code).as_str() {
        "NOTENOUGH" => RefundRefusal::NotEnough,
        "TRADEOVERDUE" | "USERACCOUNTABNORMAL" => RefundRefusal::Definite,
        "OUTREFUNDNOUSED" | "REFUNDFEEMISMATCH" => RefundRefusal::Mismatch,
        "ORDERNOTEXIST" => RefundRefusal::OurFault,
        "SYSTEMERROR" | "BIZERRNEEDRETRY" | "ERROR" => RefundRefusal::Unsure,
        normal if is_our_fault(normal) => RefundRefusal::OurFault,
        normal if is_throttle(normal) || speaks_of_throttling(text) => RefundRefusal::SlowDown,
        _ => RefundRefusal::Unsure,
    }
}

/// Whether the gateway says that it does not know the refund.
pub(in crate::dialect) fn is_refund_absent(code: &str) -> bool {
    matches!(normal(code).as_str(), "REFUNDNOTEXIST")
}

/// A `refund_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum RefundStatus {
    Success,
    Processing,
    Closed,
    Changed,
    Unknown,
}

/// Reads a `refund_status`. The old FAIL is not among them: nobody says that it is final.
pub(in crate::dialect) fn refund_status(text: &str) -> RefundStatus {
    match normal(text).as_str() {
        "SUCCESS" => RefundStatus::Success,
        "PROCESSING" => RefundStatus::Processing,
        "REFUNDCLOSE" | "CLOSED" => RefundStatus::Closed,
        "CHANGE" | "ABNORMAL" => RefundStatus::Changed,
        _ => RefundStatus::Unknown,
    }
}

/// Why a reversal was not done.
pub(in crate::dialect) fn reverse(code: &str, text: &str) -> ReverseRefusal {
    match normal(code).as_str() {
        "USERPAYING" => ReverseRefusal::CustomerPaying,
        "REVERSEEXPIRE" | "268449386" => ReverseRefusal::WindowOver,
        "INVALIDREQUEST" => ReverseRefusal::SlowDown,
        "INVALIDTRANSACTIONID" => ReverseRefusal::OurFault,
        normal if is_our_fault(normal) => ReverseRefusal::OurFault,
        normal if is_throttle(normal) || speaks_of_throttling(text) => ReverseRefusal::SlowDown,
        _ => ReverseRefusal::Other,
    }
}

/// A `trade_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum TradeState {
    Success,
    Refund,
    NotPay,
    Closed,
    Revoked,
    UserPaying,
    PayError,
    Accept,
    Unknown,
}

/// Reads a `trade_state`.
pub(in crate::dialect) fn trade_state(text: &str) -> TradeState {
    match normal(text).as_str() {
        "SUCCESS" => TradeState::Success,
        "REFUND" => TradeState::Refund,
        "NOTPAY" => TradeState::NotPay,
        "CLOSED" => TradeState::Closed,
        "REVOKED" => TradeState::Revoked,
        "USERPAYING" => TradeState::UserPaying,
        "PAYERROR" => TradeState::PayError,
        "ACCEPT" => TradeState::Accept,
        _ => TradeState::Unknown,
    }
}

/// Whether the text of an unsigned FAIL blames the request itself, so that no order can have come of it.
pub(in crate::dialect) fn blames_the_request(text: &str) -> bool {
    blames(text, &["param", "参数", "xml", "appid"]) || blames(text, SIGNATURE)
}

/// Whether a refusal says that our signature is not accepted. The text counts only where there is no code. It proves
/// nothing, and is for people only.
pub(crate) fn refuses_signature(code: &str, text: &str) -> bool {
    match normal(code).as_str() {
        "" => blames(text, SIGNATURE),
        normal => normal == "SIGNERROR",
    }
}

/// What a text about a signature has in it.
const SIGNATURE: &[&str] = &["sign", "签名"];

/// Whether a text has one of these words, and none that leaves open what happened.
fn blames(text: &str, words: &[&str]) -> bool {
    const OPEN_END: &[&str] =
        &["system", "系统", "频率", "freq", "busy", "繁忙", "timeout", "time out", "超时", "过多"];
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    !says(OPEN_END) && says(words)
}

/// Whether a text speaks of too many requests.
pub(in crate::dialect) fn speaks_of_throttling(text: &str) -> bool {
    let text = text.to_lowercase();
    ["频率", "用户过多", "frequen", "rate limit", "too many request"].iter().any(|word| text.contains(word))
}

/// Codes of our configuration or our bugs.
fn is_our_fault(normal: &str) -> bool {
    const CODES: &[&str] = &[
        "NOAUTH",
        "PARAMERROR",
        "LACKPARAMS",
        "XMLFORMATERROR",
        "NOTUTF8",
        "REQUIREPOSTMETHOD",
        "POSTDATAEMPTY",
        "SIGNERROR",
        "APPIDNOTEXIST",
        "MCHIDNOTEXIST",
        "APPIDMCHIDNOTMATCH",
        "INVALIDTRANSACTIONID",
    ];
    CODES.contains(&normal)
}

/// Codes of rate limits. Many products have many; all have FREQ or RATE in them. RATE also ends other words (OPERATE),
/// so it counts at the start or before LIMIT only.
fn is_throttle(normal: &str) -> bool {
    normal.contains("FREQ")
        || normal.starts_with("RATE")
        || normal.contains("RATELIMIT")
        || normal.contains("TOOMUCH")
        || normal.contains("TOOMANY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_pay_table_has_its_class() {
        for (class, codes) in [
            (Class::CustomerPaying, &["USERPAYING", "USER_PAYING", "userpaying"][..]),
            (Class::Unknown, &["SYSTEMERROR", "SYSTEM_ERROR", "BANKERROR", "BANK_ERROR", ""]),
            (Class::PerhapsPaid, &["ORDERPAID", "ORDER_PAID", "OUT_TRADE_NO_USED"]),
            (
                Class::FreshCode,
                &[
                    "ORDERCLOSED",
                    "ORDERREVERSED",
                    "AUTHCODEEXPIRE",
                    "AUTH_CODE_ERROR",
                    "AUTH_CODE_INVALID",
                    "NOTENOUGH",
                    "NOTSUPORTCARD",
                    "BUYER_MISMATCH",
                ],
            ),
            (Class::Ambiguous, &["TRADE_ERROR", "RISKCONTROL", "RULE_RISK_LIMIT"]),
            (
                Class::OurFault,
                &[
                    "NOAUTH",
                    "NO_AUTH",
                    "PARAM_ERROR",
                    "LACK_PARAMS",
                    "XML_FORMAT_ERROR",
                    "NOT_UTF8",
                    "REQUIRE_POST_METHOD",
                    "POST_DATA_EMPTY",
                    "SIGNERROR",
                    "SIGN_ERROR",
                    "APPID_NOT_EXIST",
                    "MCHID_NOT_EXIST",
                    "APPID_MCHID_NOT_MATCH",
                ],
            ),
            (
                Class::Throttled,
                &[
                    "FREQUENCY_LIMITED",
                    "RATE_LIMITED",
                    "RATELIMIT_EXCEED",
                    "FREQ_LIMIT",
                    "FREQUENCY_LIMIT_EXCEED",
                    "INVALID_REQ_TOO_MUCH",
                ],
            ),
        ] {
            for code in codes {
                assert_eq!(pay(code, ""), class, "{code}");
            }
        }
    }

    #[test]
    fn a_code_nobody_has_seen_is_unknown() {
        for code in ["MOON_IS_FULL", "SUCCESS", "OPERATE_ERROR", "FAIL", "付款失败"] {
            assert_eq!(pay(code, "a definite, final failure"), Class::Unknown, "{code}");
            assert_eq!(other(code, "gone"), Class::Unknown, "{code}");
            assert_eq!(reverse(code, "gone"), ReverseRefusal::Other, "{code}");
            assert_eq!(trade_state("MOON"), TradeState::Unknown);
        }
    }

    #[test]
    fn invalid_request_is_told_apart_by_its_text() {
        for (text, class) in [
            ("201 商户订单号重复", Class::PerhapsPaid),
            ("频率限制", Class::Throttled),
            ("Frequency limit", Class::Throttled),
            ("没有权限", Class::OurFault),
            ("certificate not match", Class::OurFault),
            ("something new", Class::Unknown),
            ("", Class::Unknown),
        ] {
            assert_eq!(pay("INVALID_REQUEST", text), class, "{text}");
        }
        assert_eq!(pay("WHATEVER", "当前使用此业务的用户过多"), Class::Throttled);
        assert_eq!(pay("SYSTEMERROR", "频率限制"), Class::Unknown);
    }

    #[test]
    fn every_outcome_of_the_reverse_table_has_its_reason() {
        for (code, why) in [
            ("USERPAYING", ReverseRefusal::CustomerPaying),
            ("REVERSE_EXPIRE", ReverseRefusal::WindowOver),
            ("INVALID_REQUEST", ReverseRefusal::SlowDown),
            ("FREQUENCY_LIMITED", ReverseRefusal::SlowDown),
            ("SIGNERROR", ReverseRefusal::OurFault),
            ("PARAM_ERROR", ReverseRefusal::OurFault),
            ("INVALID_TRANSACTIONID", ReverseRefusal::OurFault),
            ("REQUIRE_POST_METHOD", ReverseRefusal::OurFault),
            ("SYSTEMERROR", ReverseRefusal::Other),
            ("TRADE_ERROR", ReverseRefusal::Other),
            ("", ReverseRefusal::Other),
        ] {
            assert_eq!(reverse(code, ""), why, "{code}");
        }
    }

    #[test]
    fn refund_refusals_keep_apart_what_time_cures_from_what_it_does_not() {
        for (code, class) in [
            ("SYSTEMERROR", Class::Unknown),
            ("BIZERR_NEED_RETRY", Class::Unknown),
            ("NOTENOUGH", Class::Unknown),
            ("ERROR", Class::Unknown),
            ("FREQUENCY_LIMITED", Class::Throttled),
            ("INVALID_REQ_TOO_MUCH", Class::Throttled),
            ("TRADE_OVERDUE", Class::Ambiguous),
            ("USER_ACCOUNT_ABNORMAL", Class::Ambiguous),
            ("ORDERNOTEXIST", Class::OurFault),
            ("PARAM_ERROR", Class::OurFault),
            ("MCHID_NOT_EXIST", Class::OurFault),
        ] {
            assert_eq!(other(code, ""), class, "{code}");
        }
    }

    #[test]
    fn every_code_of_the_refund_table_has_its_reason() {
        use RefundRefusal::{Definite, Mismatch, NotEnough, OurFault, SlowDown, Unsure};
        for (why, codes) in [
            (Unsure, &["SYSTEMERROR", "BIZERR_NEED_RETRY", "ERROR", "TRADE_STATE_ERROR", "NOBODY_KNOWS", ""][..]),
            (NotEnough, &["NOTENOUGH", "NOT_ENOUGH"]),
            (SlowDown, &["FREQUENCY_LIMITED", "INVALID_REQ_TOO_MUCH", "RATE_LIMITED"]),
            (Definite, &["TRADE_OVERDUE", "USER_ACCOUNT_ABNORMAL"]),
            (Mismatch, &["OUT_REFUND_NO_USED", "REFUND_FEE_MISMATCH"]),
            (
                OurFault,
                &[
                    "ORDERNOTEXIST",
                    "INVALID_TRANSACTIONID",
                    "PARAM_ERROR",
                    "APPID_NOT_EXIST",
                    "MCHID_NOT_EXIST",
                    "REQUIRE_POST_METHOD",
                    "SIGNERROR",
                    "XML_FORMAT_ERROR",
                ],
            ),
        ] {
            for code in codes {
                assert_eq!(refund(code, ""), why, "{code}");
            }
        }
        assert_eq!(refund("INVALID_REQUEST", "频率限制"), SlowDown);
        assert_eq!(refund("INVALID_REQUEST", "退款金额错误"), Unsure);
    }

    #[test]
    fn a_refund_status_nobody_has_seen_is_unknown() {
        for (text, status) in [
            ("SUCCESS", RefundStatus::Success),
            ("PROCESSING", RefundStatus::Processing),
            ("REFUNDCLOSE", RefundStatus::Closed),
            ("CLOSED", RefundStatus::Closed),
            ("CHANGE", RefundStatus::Changed),
            ("ABNORMAL", RefundStatus::Changed),
            ("FAIL", RefundStatus::Unknown),
            ("NOTSURE", RefundStatus::Unknown),
            ("", RefundStatus::Unknown),
        ] {
            assert_eq!(refund_status(text), status, "{text}");
        }
    }

    #[test]
    fn a_refused_signature_is_known_by_its_code_and_without_one_by_its_text() {
        for (code, text) in [
            ("SIGNERROR", ""),
            ("SIGN_ERROR", "The signature is wrong"),
            ("", "签名错误"),
            ("", "签名失败，请检查后再试"),
            ("", "Signature Failure"),
        ] {
            assert!(refuses_signature(code, text), "{code} {text}");
        }
        for (code, text) in [
            ("", ""),
            ("", "参数错误"),
            ("", "系统错误，请重新签名"),
            ("PARAM_ERROR", "no sign"),
            ("SYSTEMERROR", "签名错误"),
        ] {
            assert!(!refuses_signature(code, text), "{code} {text}");
        }
    }

    #[test]
    fn only_a_text_that_blames_the_request_is_a_request_error() {
        for text in ["签名失败", "Signature Failure", "Parameter format checking error", "XML格式错误", "appid不存在"]
        {
            assert!(blames_the_request(text), "{text}");
        }
        for text in ["", "OK", "system error", "系统错误", "频率限制", "System error, sign again", "appid 频率限制"]
        {
            assert!(!blames_the_request(text), "{text}");
        }
    }
}
