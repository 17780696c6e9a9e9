//! The gateway's side of v3: a platform key of its own, and JSON written by hand.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, SerialNumber};
use shroff::dialect::v3::{Signer, V3};
use shroff::dialect::{Dialect, HttpReply, Merchant, PlatformKeys, Proof};
use shroff::payment::Op;
use shroff::words::{Secret, WallTime};

use crate::counterpart::{Counterpart, Facts, merchant};

/// The API v3 key of these tests.
pub(crate) const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";
/// 2026-11-21 11:38:26 in Hong Kong.
pub(crate) const NOW: WallTime = WallTime::from_millis(1_795_232_306_000);

/// A key pair with its certificate.
pub(crate) struct Pair {
    pub(crate) key_pem: String,
    pub(crate) cert_pem: String,
    pub(crate) serial: String,
    key: RsaKeyPair,
}

impl Pair {
    pub(crate) fn new(serial: &[u8]) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let cert = params.self_signed(&key).expect("a certificate");
        Self {
            key_pem: key.serialize_pem(),
            cert_pem: cert.pem(),
            serial: serial.iter().map(|byte| format!("{byte:02X}")).collect(),
            key: RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("a key"),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> String {
        self.sign_with(&RSA_PKCS1_SHA256, message)
    }

    fn sign_with(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> String {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(padding, &SystemRandom::new(), message, &mut signature).expect("a signature");
        STANDARD.encode(signature)
    }
}

/// The merchant's pair and two of the platform's: made once, because that takes its time.
pub(crate) static MERCHANT: LazyLock<Pair> = LazyLock::new(|| Pair::new(&[0x3b, 0x1f, 0x0c, 0x6d]));
pub(crate) static PLATFORM: LazyLock<Pair> = LazyLock::new(|| Pair::new(&[0x4d, 0x0a, 0x5c, 0x3e]));
pub(crate) static NEXT_PLATFORM: LazyLock<Pair> = LazyLock::new(|| Pair::new(&[0x52, 0xe9, 0xb7, 0xa1]));

/// The product's side of v3.
pub(crate) fn v3(merchant: Merchant) -> V3 {
    let key = Secret::new(MERCHANT.key_pem.clone().into_bytes());
    let signer = Signer::new(&key, MERCHANT.cert_pem.as_bytes()).expect("a signer");
    V3::new(merchant, Arc::new(signer), Secret::new(API_KEY.as_bytes().to_vec()))
}

/// The gateway of v3.
#[derive(Debug)]
pub(crate) struct V3Counterpart {
    dialect: V3,
    keys: PlatformKeys,
}

impl V3Counterpart {
    pub(crate) fn new() -> Self {
        let mut keys = PlatformKeys::default();
        keys.add_pem(PLATFORM.cert_pem.as_bytes()).expect("a certificate");
        Self { dialect: v3(merchant()), keys }
    }
}

/// A reply with this body, signed by `pair` at `at`.
pub(crate) fn signed(pair: &Pair, status: u16, body: String, at: WallTime) -> HttpReply {
    let timestamp = (at.millis() / 1000).to_string();
    let signature = pair.sign(message(&timestamp, body.as_bytes()).as_bytes());
    let headers = [
        ("wechatpay-timestamp", timestamp.as_str()),
        ("wechatpay-nonce", NONCE),
        ("wechatpay-serial", &pair.serial),
        ("wechatpay-signature", &signature),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    HttpReply { status, headers, body: body.into_bytes() }
}

const NONCE: &str = "A1B2C3D4E5F6G7H8";

fn message(timestamp: &str, body: &[u8]) -> String {
    format!("{timestamp}\n{NONCE}\n{}\n", std::str::from_utf8(body).expect("text"))
}

pub(crate) fn good(status: u16, body: String) -> HttpReply {
    signed(&PLATFORM, status, body, NOW)
}

/// An object of these members; one with an empty value is left out, but for a refund's status.
fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .filter(|(name, value)| *name == "status" || (!value.is_empty() && value != "\"\""))
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

pub(crate) fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// A number as it stands, or whatever it is as text.
fn number(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if plain { value.to_owned() } else { text(value) }
}

fn who(facts: &Facts) -> Vec<(&'static str, String)> {
    vec![("sp_appid", text(facts.appid)), ("sp_mchid", text(facts.mch_id)), ("sub_mchid", text(facts.sub_mch_id))]
}

/// The headers of another reply with a signature of another kind.
fn with_signature(mut reply: HttpReply, signature: &str) -> HttpReply {
    reply.headers.retain(|(name, _)| name != "wechatpay-signature");
    reply.headers.push(("wechatpay-signature".to_owned(), signature.as_bytes().to_vec()));
    reply
}

impl Counterpart for V3Counterpart {
    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn proof(&self) -> Proof<'_> {
        Proof { at: NOW, keys: &self.keys }
    }

    fn names_merchant(&self, op: Op) -> bool {
        matches!(op, Op::Pay | Op::Query)
    }

    fn paid(&self, _: Op, facts: &Facts) -> HttpReply {
        let amount = object(&[
            ("total", number(facts.total)),
            ("currency", text(facts.currency)),
            ("payer_total", "8096".to_owned()),
            ("payer_currency", text("CNY")),
            ("exchange_rate", "{\"type\":\"SETTLEMENT_RATE\",\"rate\":92000000}".to_owned()),
        ]);
        let mut members = vec![
            ("id", text(facts.transaction_id)),
            ("out_trade_no", text(facts.out_trade_no)),
            ("trade_type", text("MICROPAY")),
            ("bank_type", text("CMC")),
            ("trade_state", text("SUCCESS")),
            ("success_time", text("2026-11-21T11:38:26+08:00")),
            ("payer", "{\"sp_openid\":\"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\"}".to_owned()),
            ("amount", amount),
            ("promotion_detail", "[{\"coupon_id\":\"1\",\"amount\":0}]".to_owned()),
        ];
        members.extend(who(facts));
        good(200, object(&members))
    }

    fn state(&self, state: &str, facts: &Facts) -> HttpReply {
        let mut members = vec![("trade_state", text(state)), ("out_trade_no", text(facts.out_trade_no))];
        members.extend(who(facts));
        good(200, object(&members))
    }

    fn error(&self, _: Op, code: &str, message: &str, _: &Facts) -> HttpReply {
        let status = match code {
            "ORDERNOTEXIST" | "REFUNDNOTEXIST" => 404,
            "SYSTEMERROR" => 500,
            "RATE_LIMITED" => 429,
            "NOAUTH" => 403,
            "SIGNERROR" => 401,
            _ => 400,
        };
        good(status, object(&[("code", text(code)), ("message", text(message))]))
    }

    fn accepted(&self, op: Op, facts: &Facts) -> HttpReply {
        if op == Op::Reverse {
            return good(204, String::new());
        }
        let amount = object(&[
            ("refund", number(facts.refund)),
            ("total", number(facts.total)),
            ("currency", text(facts.currency)),
            ("payer_refund", "1104".to_owned()),
            ("payer_currency", text("CNY")),
        ]);
        let mut members = vec![
            ("id", text("50300099990000000000000001")),
            ("out_trade_no", text(facts.out_trade_no)),
            ("out_refund_no", text(facts.out_refund_no)),
            ("create_time", text("2026-11-21T11:38:26+08:00")),
            ("amount", amount),
        ];
        if op == Op::RefundQuery {
            members.extend([
                ("channel", text("ORIGINAL")),
                ("status", text(facts.refund_status)),
                ("success_time", text("2026-11-22T09:00:00+08:00")),
            ]);
        }
        members.extend(who(facts));
        good(200, object(&members))
    }

    fn unsigned(&self, mut reply: HttpReply) -> HttpReply {
        reply.headers.clear();
        reply
    }

    fn forged(&self, reply: HttpReply) -> HttpReply {
        let timestamp = (NOW.millis() / 1000).to_string();
        let signature = MERCHANT.sign(message(&timestamp, &reply.body).as_bytes());
        let forged = signed(&PLATFORM, reply.status, String::new(), NOW);
        with_signature(HttpReply { body: reply.body, ..forged }, &signature)
    }

    fn signed_otherwise(&self, reply: HttpReply) -> HttpReply {
        let timestamp = (NOW.millis() / 1000).to_string();
        let signature = PLATFORM.sign_with(&RSA_PSS_SHA256, message(&timestamp, &reply.body).as_bytes());
        with_signature(reply, &signature)
    }

    fn doubled(&self, mut reply: HttpReply) -> HttpReply {
        if reply.body.is_empty() {
            reply.headers.push(("wechatpay-nonce".to_owned(), NONCE.as_bytes().to_vec()));
            return reply;
        }
        let body = String::from_utf8(reply.body).expect("text");
        good(reply.status, body.replacen('{', "{\"out_trade_no\":\"T01K7Q2M9XB00000001\",", 1))
    }

    fn failure(&self, message: &str) -> HttpReply {
        let body = object(&[("code", text("SYSTEM_ERROR")), ("message", text(message))]);
        HttpReply { status: 500, headers: Vec::new(), body: body.into_bytes() }
    }
}
