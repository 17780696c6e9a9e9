//! A refund notification of v3: encrypted, then signed.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::platform::{How, Platform};
use crate::sim::book::RefundState;
use crate::sim::gateway::Merchant;
use crate::sim::gateway::notices::{Content, Letter, NoticeFault};
use crate::words::WallTime;

/// Another merchant's API v3 key.
const OTHER_KEY: &[u8] = b"another-merchants-api-v3-key-000";

/// Signatures that are not as they should be.
const HOWS: [(NoticeFault, How); 3] = [
    (NoticeFault::Forged, How::Merchants),
    (NoticeFault::OldTimestamp, How::Replayed),
    (NoticeFault::UnknownSerial, How::UnknownSerial),
];

/// Writes it as `fault` says; none when there is no key to sign with.
pub(in crate::sim::gateway) fn notice(
    platform: &Platform,
    merchant: &Merchant,
    content: &Content,
    wall: WallTime,
    fault: NoticeFault,
) -> Option<Letter> {
    let (event, status) = match content.status {
        RefundState::Success => ("REFUND.SUCCESS", "SUCCESS"),
        RefundState::Closed => ("REFUND.CLOSED", "CLOSED"),
        RefundState::Changed => ("REFUND.ABNORMAL", "ABNORMAL"),
        RefundState::Processing => ("REFUND.PROCESSING", "PROCESSING"),
    };
    let mut inner = json!({
        "transaction_id": content.transaction_id, "out_trade_no": content.out_trade_no,
        "refund_id": content.refund_id, "out_refund_no": content.out_refund_no, "refund_status": status,
        "recv_account": "支付用户的零钱", "fund_source": "REFUND_SOURCE_UNSETTLED_FUNDS",
        "amount": {
            "total": content.total, "currency": content.currency, "refund": content.refund,
            "payer_total": content.total, "payer_refund": content.refund, "payer_currency": content.currency,
            "exchange_rate": { "type": "SETTLEMENT_RATE", "rate": 100_000_000 },
        },
    });
    let mut name = |field: &str, value: &str| {
        if let Some(members) = inner.as_object_mut().filter(|_| !value.is_empty()) {
            members.insert(field.to_owned(), Value::from(value));
        }
    };
    if content.sub_mch_id.is_empty() {
        name("mchid", &content.mch_id);
    } else {
        name("sp_mchid", &content.mch_id);
        name("sub_mchid", &content.sub_mch_id);
    }
    if !content.success_time.is_empty() {
        name("success_time", &format!("{}+08:00", content.success_time.replace(' ', "T")));
    }
    let key = if fault == NoticeFault::WrongKey { OTHER_KEY } else { merchant.v3_key.as_bytes() };
    // Of the letter's own name, so that no two are encrypted under one.
    let nonce: String = content.id.chars().rev().take(12).collect();
    let mut text = inner.to_string().into_bytes();
    let once = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?)
        .seal_in_place_append_tag(once, Aad::from("refund"), &mut text)
        .ok()?;
    let created = jiff::Timestamp::from_millisecond(platform.time(wall).millis()).ok()?;
    let created = created.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
    let body = json!({
        "id": content.id, "create_time": created.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), "resource_type": "encrypt-resource",
        "event_type": event, "summary": "退款",
        "resource": {
            "original_type": "refund", "algorithm": "AEAD_AES_256_GCM", "ciphertext": STANDARD.encode(text),
            "associated_data": "refund", "nonce": nonce,
        },
    });
    let body = body.to_string().into_bytes();
    let how = HOWS.iter().find(|(wrong, _)| *wrong == fault).map_or(How::Well, |(_, how)| *how);
    let mut headers = vec![("Content-Type", "application/json".to_owned())];
    if fault != NoticeFault::Unsigned {
        headers.extend(platform.sign(&body, "D0D0D0D0D0D0D0D0D0D0D0D0D0D0D0D0", wall, how, ""));
    }
    Some(Letter { headers, body })
}
