//! What WeChat tells by itself: read, kept, asked about; and what a stranger may try at that door.

mod door;
mod reading;
mod till;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shroff::dialect::HttpReply;
use shroff::words::WallTime;

use crate::counterpart::{Facts, TRUE};
use crate::counterpart_v3::{API_KEY, PLATFORM, signed};

/// What a notification of v3 says about the refund of these tests.
fn content(facts: &Facts) -> Value {
    json!({
        "sp_mchid": facts.mch_id, "sub_mchid": facts.sub_mch_id, "transaction_id": facts.transaction_id,
        "out_trade_no": facts.out_trade_no, "refund_id": "50300099990000000000000001",
        "out_refund_no": facts.out_refund_no, "refund_status": facts.refund_status,
        "success_time": "2026-11-22T09:00:00+08:00", "recv_account": "支付用户的零钱",
        "amount": {
            "total": facts.total.parse::<u64>().expect("a number"), "currency": facts.currency,
            "refund": facts.refund.parse::<u64>().expect("a number"),
        },
    })
}

/// The envelope around `content`, encrypted with `key`.
fn envelope(id: &str, content: &Value, key: &str) -> Value {
    let mut text = content.to_string().into_bytes();
    let nonce = Nonce::try_assume_unique_for_key(b"uluk4a9R25RW").expect("twelve bytes");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("32 bytes"));
    key.seal_in_place_append_tag(nonce, Aad::from("refund"), &mut text).expect("sealed");
    json!({
        "id": id, "create_time": "2026-11-21T11:38:26+08:00", "resource_type": "encrypt-resource",
        "event_type": "REFUND.SUCCESS", "summary": "退款成功",
        "resource": {
            "original_type": "refund", "algorithm": "AEAD_AES_256_GCM", "ciphertext": STANDARD.encode(text),
            "associated_data": "refund", "nonce": "uluk4a9R25RW",
        },
    })
}

/// A whole notification, signed by the platform at `at`.
fn letter(id: &str, content: &Value, at: WallTime) -> HttpReply {
    signed(&PLATFORM, 200, envelope(id, content, API_KEY).to_string(), at)
}

/// The same content with one thing changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut content = content(&TRUE);
    *content.pointer_mut(pointer).expect("it is there") = value;
    content
}

fn without(name: &str) -> Value {
    let mut content = content(&TRUE);
    content.as_object_mut().expect("an object").remove(name);
    content
}
