//! P14, and what P3's gateway and its limit need: the merchant's and the platform's keys.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use shroff::dialect::v3::{Signer, V3};
use shroff::dialect::{Dialect as _, Merchant, Stamp};
use shroff::payment::{Ask, Call, Order};
use shroff::words::{Language, Money, Secret, WallTime};

use super::now;
use super::report::{Micros, row};

pub(crate) const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";
pub(crate) const PLATFORM_ID: &str = "PUB_KEY_ID_0100000001";

pub(crate) struct Papers {
    pub(crate) key_pem: String,
    pub(crate) cert_pem: String,
    pub(crate) platform_pem: String,
    key: RsaKeyPair,
    platform: RsaKeyPair,
}

pub(crate) static PAPERS: LazyLock<Papers> = LazyLock::new(|| {
    let pair = || KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    let raw = |pair: &KeyPair| RsaKeyPair::from_pkcs8(&pair.serialize_der()).expect("a key");
    let (merchant, platform) = (pair(), pair());
    let cert = CertificateParams::default().self_signed(&merchant).expect("a certificate");
    Papers {
        key_pem: merchant.serialize_pem(),
        cert_pem: cert.pem(),
        platform_pem: platform.public_key_pem(),
        key: raw(&merchant),
        platform: raw(&platform),
    }
});

fn sign(key: &RsaKeyPair, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("a signature");
    signature
}

/// The reply of P3's gateway to this pay: head and body.
pub(crate) fn answer(request: &str) -> (String, String) {
    let asked: serde_json::Value = serde_json::from_str(request).unwrap_or_default();
    let body = serde_json::json!({
        "id": "4200000065201803063807324676", "appid": asked["appid"], "mchid": asked["mchid"],
        "out_trade_no": asked["out_trade_no"], "trade_type": "MICROPAY", "trade_state": "SUCCESS",
        "bank_type": "CMC", "success_time": "2026-11-21T10:30:00+08:00",
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "amount": { "total": asked["amount"]["total"], "currency": asked["amount"]["currency"],
            "payer_total": 8096, "payer_currency": "CNY" },
    });
    let body = body.to_string();
    let timestamp = jiff::Timestamp::now().as_second();
    let nonce = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
    let signature = STANDARD.encode(sign(&PAPERS.platform, format!("{timestamp}\n{nonce}\n{body}\n").as_bytes()));
    let head = format!(
        "Wechatpay-Timestamp: {timestamp}\r\nWechatpay-Nonce: {nonce}\r\nWechatpay-Serial: {PLATFORM_ID}\r\n\
         Wechatpay-Signature: {signature}\r\n"
    );
    (head, body)
}

/// One signature and one verification by the bare library.
pub(crate) fn sign_and_verify() -> Duration {
    let message = vec![b'x'; 700];
    let signed = sign(&PAPERS.platform, &message);
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PAPERS.platform.public_key().as_ref());
    let began = now();
    std::hint::black_box(sign(&PAPERS.key, &message));
    public.verify(&message, &signed).expect("a signature");
    began.elapsed()
}

/// P14: a whole request of v3, written and signed, against the bare signature.
pub(crate) fn write_and_sign() {
    let key = Secret::new(PAPERS.key_pem.clone().into_bytes());
    let signer = Signer::new(&key, PAPERS.cert_pem.as_bytes()).expect("a signer");
    let merchant = Merchant {
        appid: "wx8888888888888888".parse().expect("an appid"),
        mch_id: "1900000109".parse().expect("a number"),
        sub_mch_id: None,
        sub_appid: None,
        terminal: "B01".parse().expect("an id"),
        store_id: String::new(),
        store_name: "Bench".into(),
        mcc: "1001".into(),
        terminal_ip: "127.0.0.1".parse().expect("an address"),
        language: Language::En,
    };
    let dialect = V3::new(merchant, Arc::new(signer), Secret::new(API_KEY.into()));
    let order = Order {
        out_trade_no: "B01BENCH00000000001".parse().expect("a number"),
        amount: Money::new(8800, "HKD".parse().expect("a currency")).expect("money"),
        description: "Bench".into(),
        attach: String::new(),
        transaction_id: None,
    };
    let call = Call { order, ask: Ask::Pay("134539517967686076".parse().expect("a code")) };
    let stamp = Stamp { nonce: "5K8264ILTKCH16CQ2502SI8ZNMTM67VS".into(), time: WallTime::from_millis(0) };
    let message = vec![b'x'; dialect.write(&call, &stamp).body.len() + 100];
    let (mut ours, mut raw) = (Micros::default(), Micros::default());
    for _ in 0..2000 {
        let began = now();
        std::hint::black_box(dialect.write(&call, &stamp));
        ours.push(began.elapsed());
        let began = now();
        std::hint::black_box(sign(&PAPERS.key, &message));
        raw.push(began.elapsed());
    }
    row("P14 v3 pay written and signed, p50", &ours.p50(), "raw aws-lc-rs signature", &raw.p50(), 105);
}
