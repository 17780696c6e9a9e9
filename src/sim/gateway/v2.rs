//! What a request of the XML API must hold.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::sim::book::{Book, Kind};

use super::answer::Answer;
use super::asked::{Asked, Desk, Wrong};
use super::sign::{SignType, sign};
use super::xml::XmlError;

/// Fields of every request.
const COMMON: &[&str] = &["appid", "mch_id", "nonce_str", "sign"];

/// Fields of a pay ("Submit Quick Pay API").
pub(super) const PAY: &[&str] =
    &["version", "body", "detail", "out_trade_no", "total_fee", "fee_type", "spbill_create_ip", "auth_code"];

/// Form, then signature.
pub(super) fn check(
    asked: &Asked,
    fields: &Result<BTreeMap<String, String>, XmlError>,
    book: &mut Book,
    desk: Desk<'_>,
) -> Result<(), Answer> {
    let fields = match fields {
        Ok(fields) => fields,
        Err(XmlError::NotUtf8) => return Err(Answer::failed("编码格式错误")),
        Err(XmlError::Malformed) => return Err(Answer::failed("XML格式错误")),
    };
    if let Some(missing) = COMMON.iter().find(|name| !asked.has(name)) {
        book.note(Kind::MissingField, asked.get("out_trade_no"), desk.now);
        return Err(Answer::failed(&format!("缺少参数: {missing}")));
    }
    let wanted = desk.merchant.sign_type;
    let allowed = SignType::of(fields).filter(|used| wanted.is_none_or(|wanted| wanted == *used));
    if allowed.is_none_or(|sign_type| sign(fields, &desk.merchant.key, sign_type) != asked.get("sign")) {
        book.note(Kind::BadSignature, asked.get("out_trade_no"), desk.now);
        return Err(Answer::failed("签名错误"));
    }
    Ok(())
}

/// What only v2 asks of a pay.
pub(super) fn pay_form(asked: &Asked) -> Result<(), Wrong> {
    let wrong = |why| Err(("PARAM_ERROR", why));
    if asked.get("version") != "1.0" {
        return wrong("version is 1.0");
    }
    let too_long = [("body", 128), ("attach", 128), ("detail", 6_000), ("nonce_str", 32), ("device_info", 32)];
    if too_long.iter().any(|(name, max)| asked.get(name).len() > *max) {
        return wrong("a field is too long");
    }
    if asked.get("spbill_create_ip").parse::<IpAddr>().is_err() {
        return wrong("spbill_create_ip is an IP address");
    }
    if !names_an_mcc(asked.get("detail")) {
        return wrong("detail names no MCC in goods_detail[].wxpay_goods_id");
    }
    Ok(())
}

fn names_an_mcc(detail: &str) -> bool {
    let detail: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let goods = detail.pointer("/goods_detail/0/wxpay_goods_id");
    goods.and_then(serde_json::Value::as_str).is_some_and(|mcc| !mcc.is_empty())
}
