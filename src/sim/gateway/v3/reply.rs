//! Turns an answer into a reply of v3: status, JSON, signature, and what is falsified of them.

use serde_json::{Map, Value, json};

use crate::sim::book::Op;
use crate::sim::faults::Forgery;
use crate::sim::gateway::answer::Answer;
use crate::sim::gateway::forge::{forge_fields, forge_text};
use crate::sim::gateway::http::Reply;
use crate::words::WallTime;

use super::platform::{How, Platform};

/// How deep [`Forgery::Nested`] goes.
const DEPTH: usize = 1_000;

/// How a reply with these forgeries is signed; none: not at all.
pub(super) fn how(forgeries: &[Forgery]) -> Option<How> {
    if forgeries.contains(&Forgery::NoSign) {
        return None;
    }
    Some(HOWS.iter().find(|(forgery, _)| forgeries.contains(forgery)).map_or(How::Well, |(_, how)| *how))
}

/// Signatures that are not as they should be.
const HOWS: [(Forgery, How); 5] = [
    (Forgery::WrongSign, How::Merchants),
    (Forgery::OtherSignType, How::OtherPadding),
    (Forgery::Replayed, How::Replayed),
    (Forgery::UnknownSerial, How::UnknownSerial),
    (Forgery::Probe, How::Probe),
];

/// When and with what a reply is signed.
pub(in crate::sim::gateway) struct Pen<'a> {
    pub(in crate::sim::gateway) platform: Option<&'a Platform>,
    pub(in crate::sim::gateway) nonce: &'a str,
    /// What the request said in `Wechatpay-Serial`.
    pub(in crate::sim::gateway) serial: &'a str,
    pub(in crate::sim::gateway) wall: WallTime,
    /// Counts the answers, so that what can be said in several ways is.
    pub(in crate::sim::gateway) turn: u64,
}

/// The reply to send.
pub(in crate::sim::gateway) fn reply(mut answer: Answer, op: Op, forgeries: &[Forgery], pen: &Pen<'_>) -> Reply {
    // An array of JSON has no holes.
    for forgery in forgeries.iter().filter(|forgery| **forgery != Forgery::Holes) {
        forge_fields(&mut answer, forgery);
    }
    let mut reply = written(&answer, op, pen.turn);
    if forgeries.contains(&Forgery::DuplicateField) && reply.body.starts_with(b"{") {
        reply.body.splice(1..1, b"\"trade_state\":\"SUCCESS\",\"out_trade_no\":\"TWICE-0001\",".iter().copied());
    }
    if forgeries.contains(&Forgery::Nested) {
        reply.body = [vec![b'['; DEPTH], vec![b']'; DEPTH]].concat();
    }
    let is_error = reply.status >= 400;
    let unsigned = !answer.signed || (is_error && pen.platform.is_none_or(|platform| platform.unsigned_errors));
    if let (Some(platform), Some(how)) = (pen.platform.filter(|_| !unsigned), how(forgeries)) {
        let headers = platform.sign(&reply.body, pen.nonce, pen.wall, how, pen.serial);
        reply.headers.extend(headers);
    }
    for forgery in forgeries.iter().filter(|forgery| !matches!(forgery, Forgery::DuplicateField | Forgery::Nested)) {
        forge_text(&mut reply, forgery);
    }
    reply
}

/// An error, not signed.
pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    let mut reply = Reply::json(status, &json!({ "code": code, "message": message }));
    reply.headers.push(("Request-ID", format!("08F8ACC5AD06-{}", number(code))));
    reply
}

/// The numeric twin of a code, where it is known.
fn number(code: &str) -> &'static str {
    match code {
        "USERPAYING" => "268501834",
        "REVERSE_EXPIRE" => "268449386",
        "ORDER_NOT_EXIST" => "268512771",
        "SIGN_ERROR" => "268443699",
        _ => "268435461",
    }
}

fn written(answer: &Answer, op: Op, turn: u64) -> Reply {
    let get = |name: &str| answer.fields.get(name).map_or("", String::as_str);
    if get("return_code") == "FAIL" {
        let status = get("status").parse().unwrap_or(500);
        let code = if get("err_code").is_empty() { "SYSTEM_ERROR" } else { get("err_code") };
        return error(status, code, get("return_msg"));
    }
    if get("result_code") != "SUCCESS" {
        let code = spelled(get("err_code"));
        // Nobody has published which of the three the global API chooses.
        return match (op, code, turn % 3) {
            (Op::Pay, "USERPAYING", 0) => Reply::json(202, &json!({ "trade_state": "USERPAYING" })),
            (Op::Pay, "USERPAYING", 1) => {
                let mut body = Map::new();
                name_all(answer, &mut body);
                body.insert("trade_state".to_owned(), "USERPAYING".into());
                Reply::json(200, &Value::Object(body))
            }
            _ => error(status(code), code, get("err_code_des")),
        };
    }
    match op {
        Op::Reverse => Reply { status: 204, headers: Vec::new(), body: Vec::new() },
        Op::Pay | Op::Query => Reply::json(200, &charge(answer, op)),
        Op::Refund => Reply::json(200, &refund(answer, "")),
        Op::RefundQuery if get("one") == "Y" => Reply::json(200, &refund(answer, "_0")),
        Op::RefundQuery => Reply::json(200, &refunds(answer)),
        // Both are written elsewhere.
        Op::Statement | Op::Settlement => error(404, "NOT_FOUND", ""),
    }
}

/// v3 writes some of v2's names with other underscores.
fn spelled(code: &str) -> &str {
    match code {
        "ORDERNOTEXIST" => "ORDER_NOT_EXIST",
        "SYSTEMERROR" => "SYSTEM_ERROR",
        "ORDERPAID" => "ORDER_PAID",
        "ORDERCLOSED" => "ORDER_CLOSED",
        "SIGNERROR" => "SIGN_ERROR",
        "NOAUTH" => "NO_AUTH",
        "NOTENOUGH" => "NOT_ENOUGH",
        other => other,
    }
}

fn status(code: &str) -> u16 {
    match code {
        "ORDER_NOT_EXIST" | "REFUNDNOTEXIST" => 404,
        "SYSTEM_ERROR" | "BANKERROR" => 500,
        "SIGN_ERROR" => 401,
        "NO_AUTH" | "NOT_ENOUGH" | "TRADE_ERROR" => 403,
        "FREQUENCY_LIMITED" | "RATE_LIMITED" => 429,
        _ => 400,
    }
}

/// Names the merchant and the order.
fn name_all(answer: &Answer, body: &mut Map<String, Value>) {
    let institution = answer.fields.get("sub_mch_id").is_some_and(|number| !number.is_empty());
    let names = if institution {
        [("appid", "sp_appid"), ("mch_id", "sp_mchid"), ("sub_mch_id", "sub_mchid"), ("sub_appid", "sub_appid")]
    } else {
        [("appid", "appid"), ("mch_id", "mchid"), ("sub_mch_id", "sub_mchid"), ("sub_appid", "sub_appid")]
    };
    let same = ["out_trade_no", "attach", "trade_type", "bank_type", "trade_state", "trade_state_desc"];
    for (ours, theirs) in names.into_iter().chain(same.map(|name| (name, name))) {
        copy(answer, ours, body, theirs);
    }
    copy(answer, "transaction_id", body, "id");
}

fn charge(answer: &Answer, op: Op) -> Value {
    let mut body = Map::new();
    name_all(answer, &mut body);
    if op == Op::Pay {
        body.entry("trade_state").or_insert_with(|| "SUCCESS".into());
    }
    if let Some(time) = answer.fields.get("time_end") {
        body.insert("success_time".to_owned(), rfc3339(time).into());
    }
    if let Some(openid) = answer.fields.get("openid") {
        let name = if body.contains_key("sp_mchid") { "sp_openid" } else { "openid" };
        body.insert("payer".to_owned(), json!({ name: openid }));
    }
    let mut amount = Map::new();
    for (ours, theirs) in [
        ("total_fee", "total"),
        ("fee_type", "currency"),
        ("cash_fee", "payer_total"),
        ("cash_fee_type", "payer_currency"),
    ] {
        copy(answer, ours, &mut amount, theirs);
    }
    if answer.fields.contains_key("rate") {
        let mut rate = Map::from_iter([("type".to_owned(), "SETTLEMENT_RATE".into())]);
        copy(answer, "rate", &mut rate, "rate");
        amount.insert("exchange_rate".to_owned(), rate.into());
    }
    if !amount.is_empty() {
        body.insert("amount".to_owned(), amount.into());
    }
    for (name, value) in answer.fields.iter().filter(|(name, _)| name.starts_with("coupon_id_")) {
        body.insert(name.clone(), value.clone().into());
    }
    body.into()
}

/// One refund; `n` is `_0` and so on where an answer holds several.
fn refund(answer: &Answer, n: &str) -> Value {
    let mut body = Map::new();
    for (ours, theirs) in [
        ("refund_id", "id"),
        ("out_refund_no", "out_refund_no"),
        ("refund_status", "status"),
        ("refund_channel", "channel"),
        ("refund_account", "fund_source"),
        ("refund_recv_accout", "recv_account"),
    ] {
        copy(answer, &format!("{ours}{n}"), &mut body, theirs);
    }
    // v3 has a word of its own for a card that is dead.
    if body.get("status").is_some_and(|status| status == "CHANGE") {
        body.insert("status".to_owned(), "ABNORMAL".into());
    }
    if let Some(time) = answer.fields.get(&format!("refund_success_time{n}")) {
        body.insert("success_time".to_owned(), rfc3339(time).into());
    }
    copy(answer, "out_trade_no", &mut body, "out_trade_no");
    copy(answer, "transaction_id", &mut body, "transaction_id");
    let mut amount = Map::new();
    copy(answer, &format!("refund_fee{n}"), &mut amount, "refund");
    copy(answer, "total_fee", &mut amount, "total");
    copy(answer, "fee_type", &mut amount, "currency");
    body.insert("amount".to_owned(), amount.into());
    body.into()
}

fn refunds(answer: &Answer) -> Value {
    let count: usize = answer.fields.get("refund_count").and_then(|count| count.parse().ok()).unwrap_or(0);
    let data: Vec<Value> = (0..count).map(|n| refund(answer, &format!("_{n}"))).collect();
    let total = answer.fields.get("total_refund_count").and_then(|total| total.parse().ok()).unwrap_or(count);
    json!({ "data": data, "total_num": total, "current_total_num": count })
}

/// What is a number in v3 is one, as far as it is one.
fn copy(answer: &Answer, ours: &str, body: &mut Map<String, Value>, theirs: &str) {
    let Some(text) = answer.fields.get(ours).filter(|text| !text.is_empty()) else { return };
    let number = matches!(theirs, "total" | "payer_total" | "refund" | "rate");
    let value = text.parse::<u64>().ok().filter(|_| number).map_or_else(|| Value::from(text.as_str()), Value::from);
    body.insert(theirs.to_owned(), value);
}

/// A time of v2 in UTC+8 as v3 writes it; anything else as it is.
fn rfc3339(text: &str) -> String {
    let time = ["%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S"];
    let time = time.into_iter().find_map(|form| jiff::civil::DateTime::strptime(form, text).ok());
    time.map_or_else(|| text.to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string())
}
