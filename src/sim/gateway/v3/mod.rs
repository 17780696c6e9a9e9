//! The JSON API: its routes, what a request must hold, and its certificates.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sim::book::{Book, Kind, Op};

use super::Merchant;
use super::answer::Answer;
use super::asked::{Asked, Desk, Wrong};
use super::http::{Reply, Request};

mod notice;
mod platform;
mod reply;
mod report;
mod settlement;
mod statement;

pub(super) use notice::notice;
pub(super) use platform::{PUBLIC_KEY_ID, Platform};
pub(super) use reply::{Pen, reply};
pub(super) use report::report;

use crate::words::WallTime;
use platform::How;

/// Fields of a pay, in v2's names.
pub(super) const PAY: &[&str] = &["body", "out_trade_no", "total_fee", "fee_type", "auth_code", "mcc"];

/// A request of v3 as it was read.
pub(super) struct Letter {
    /// What it says, in v2's names.
    pub(super) fields: BTreeMap<String, String>,
    /// Why it is refused before anybody looks at what it asks for.
    refusal: Option<Refusal>,
    body: Value,
    /// `Wechatpay-Serial`, which chooses the key of the reply.
    pub(super) serial: String,
}

struct Refusal {
    status: u16,
    code: &'static str,
    why: &'static str,
    kind: Option<Kind>,
}

/// What a path of v3 asks for, with the numbers in it.
pub(super) fn op_of(request: &Request) -> Option<(Op, Vec<(&'static str, String)>)> {
    let path = request.path.split('?').next()?.strip_prefix("/v3/global/")?;
    let parts: Vec<&str> = path.split('/').collect();
    let by = |kind: &str, number: &str| match kind {
        "id" => Some(("transaction_id", number.to_owned())),
        "out-trade-no" => Some(("out_trade_no", number.to_owned())),
        _ => None,
    };
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["micropay", "transactions", "pay"]) => Some((Op::Pay, Vec::new())),
        ("POST", ["micropay", "transactions", kind, number, "reverse"]) => Some((Op::Reverse, vec![by(kind, number)?])),
        ("GET", ["transactions", kind, number]) => Some((Op::Query, vec![by(kind, number)?])),
        ("POST", ["refunds"]) => Some((Op::Refund, Vec::new())),
        ("GET", ["statements"]) => Some((Op::Statement, Vec::new())),
        ("GET", ["settle", "settlements"]) => Some((Op::Settlement, Vec::new())),
        ("GET", ["refunds"]) => Some((Op::RefundQuery, Vec::new())),
        ("GET", ["refunds", "id", number]) => Some((Op::RefundQuery, vec![("refund_id", (*number).to_owned())])),
        ("GET", ["refunds", "out-refund-no", number]) => {
            Some((Op::RefundQuery, vec![("out_refund_no", (*number).to_owned())]))
        }
        _ => None,
    }
}

/// Whether it asks for the certificates.
pub(super) fn is_list(request: &Request) -> bool {
    request.method == "GET" && request.path == "/v3/global/certificates"
}

/// Gives the certificates out.
pub(super) fn list(platform: &mut Platform, merchant: &Merchant, request: &Request, wall: WallTime) -> Reply {
    if let Err(why) = platform.accepts(request, &merchant.mch_id, wall) {
        return reply::error(401, "SIGN_ERROR", why);
    }
    let mut reply = if platform.no_list {
        reply::error(404, "RESOURCE_NOT_EXISTS", "no certificates")
    } else {
        platform.lists = platform.lists.saturating_add(1);
        Reply::json(200, &platform.list(&merchant.v3_key))
    };
    let nonce = "C0FFEEC0FFEEC0FFEEC0FFEEC0FFEE00";
    reply.headers.extend(platform.sign(&reply.body, nonce, wall, How::Well, &request.serial));
    reply
}

impl Letter {
    /// Reads a request: its form, then its signature.
    pub(super) fn read(
        request: &Request,
        op: Op,
        numbers: Vec<(&'static str, String)>,
        merchant: &Merchant,
        platform: Option<&mut Platform>,
        wall: WallTime,
    ) -> Self {
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let parsed = if request.method == "GET" {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            Some(pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Value>())
        } else {
            serde_json::from_slice::<Value>(&request.body).ok().filter(Value::is_object)
        };
        let refuse = |status, code, why, kind| Some(Refusal { status, code, why, kind });
        let body = parsed.clone().unwrap_or_default();
        let mut letter =
            Self { fields: flat(&body, op, merchant), refusal: None, body, serial: request.serial.clone() };
        letter.fields.extend(numbers.into_iter().map(|(name, number)| (name.to_owned(), number)));
        if request.accept_encoding.contains("gzip") {
            letter.fields.insert("tar_type".to_owned(), "GZIP".to_owned());
        }
        letter.refusal = match platform {
            None => refuse(500, "SYSTEM_ERROR", "this simulator was started without v3", None),
            Some(_) if request.accept != "application/json" || request.user_agent.is_empty() => {
                let why = "Http header lacks Accept or User-Agent";
                refuse(400, "PARAM_ERROR", why, Some(Kind::MissingField))
            }
            Some(_) if request.method == "POST" && !request.content_type.starts_with("application/json") => {
                refuse(415, "PARAM_ERROR", "Content-Type is application/json", Some(Kind::MissingField))
            }
            Some(_) if parsed.is_none() => refuse(400, "PARAM_ERROR", "the body is no JSON object", None),
            Some(platform) => match platform.accepts(request, &merchant.mch_id, wall) {
                Ok(()) => None,
                // A clock that is off is no mistake of the program's.
                Err(why) if why.starts_with("timestamp") => refuse(401, "SIGN_ERROR", why, None),
                Err(why) => refuse(401, "SIGN_ERROR", why, Some(Kind::BadSignature)),
            },
        };
        letter
    }
}

/// Form and signature, as they were found when the request was read.
pub(super) fn check(asked: &Asked, letter: &Letter, book: &mut Book, desk: Desk<'_>) -> Result<(), Answer> {
    let Some(refusal) = &letter.refusal else { return Ok(()) };
    if let Some(kind) = refusal.kind {
        book.note(kind, asked.get("out_trade_no"), desk.now);
    }
    let answer = Answer::failed(refusal.why).with("err_code", refusal.code);
    Err(answer.with("status", &refusal.status.to_string()))
}

/// What only v3 asks of a pay.
pub(super) fn pay_form(asked: &Asked, letter: &Letter) -> Result<(), Wrong> {
    let wrong = |why| Err(("PARAM_ERROR", why));
    let body = &letter.body;
    if body["trade_type"] != "MICROPAY" {
        return wrong("trade_type is MICROPAY");
    }
    if asked.get("body").len() > 127 || asked.get("attach").len() > 127 {
        return wrong("description or attach is too long");
    }
    if !body["amount"]["total"].is_u64() || !body["payer"]["auth_code"].is_string() {
        return wrong("amount.total is a number, payer.auth_code is text");
    }
    let may = |value: &Value| value.is_object() || value.is_null();
    if !may(&body["detail"]) || !may(&body["scene_info"]) {
        return wrong("detail and scene_info are objects");
    }
    Ok(())
}

/// The request's fields in v2's names. Where v3 names no appid it is the merchant's.
fn flat(body: &Value, op: Op, merchant: &Merchant) -> BTreeMap<String, String> {
    const NAMES: &[(&str, &str)] = &[
        ("/appid", "appid"),
        ("/sp_appid", "appid"),
        ("/mchid", "mch_id"),
        ("/sp_mchid", "mch_id"),
        ("/sub_mchid", "sub_mch_id"),
        ("/sub_appid", "sub_appid"),
        ("/description", "body"),
        ("/attach", "attach"),
        ("/out_trade_no", "out_trade_no"),
        ("/transaction_id", "transaction_id"),
        ("/merchant_category_code", "mcc"),
        ("/payer/auth_code", "auth_code"),
        ("/amount/total", "total_fee"),
        ("/amount/refund", "refund_fee"),
        ("/amount/currency", "fee_type"),
        ("/out_refund_no", "out_refund_no"),
        ("/reason", "refund_desc"),
        ("/offset", "offset"),
        ("/limit", "limit"),
        ("/date", "bill_date"),
        ("/settle_state", "settle_state"),
        ("/settle_start_date", "date_start"),
        ("/settle_end_date", "date_end"),
        ("/scene_info/device_id", "device_info"),
        ("/notify_url", "notify_url"),
    ];
    let mut fields = BTreeMap::new();
    for (pointer, name) in NAMES {
        let text = match body.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => continue,
        };
        fields.insert((*name).to_owned(), text);
    }
    if !matches!(op, Op::Pay | Op::Refund) {
        fields.insert("appid".to_owned(), merchant.appid.clone());
    }
    // Here the merchant is named by the signature alone.
    if op == Op::Settlement {
        fields.insert("mch_id".to_owned(), merchant.mch_id.clone());
    }
    fields
}
