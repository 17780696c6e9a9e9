//! The gateway's side of each dialect. It has signing code of its own, so that a mistake shared with the product cannot
//! agree with itself; the known answers in `tests/data` pin both.

use std::collections::BTreeMap;
use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use shroff::dialect::v2::{SignType, V2};
use shroff::dialect::{Dialect, Distrust, HttpReply, Merchant, PlatformKeys, Proof};
use shroff::payment::{Answer, Ask, Call, Op, Order, Terms};
use shroff::words::{Language, Money, Secret, WallTime};

/// The key both sides know.
pub(crate) const KEY: &str = "quickpay-terminal-fixture-000196";

/// What a reply says. A test changes one fact and asks what becomes of it.
#[derive(Clone)]
pub(crate) struct Facts {
    pub(crate) appid: &'static str,
    pub(crate) mch_id: &'static str,
    pub(crate) sub_mch_id: &'static str,
    pub(crate) out_trade_no: &'static str,
    pub(crate) transaction_id: &'static str,
    pub(crate) total: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) out_refund_no: &'static str,
    pub(crate) refund: &'static str,
    pub(crate) refund_status: &'static str,
}

/// The facts of [`order`], sold by [`merchant`].
pub(crate) const TRUE: Facts = Facts {
    appid: "wx2421b1c4370ec43b",
    mch_id: "10000100",
    sub_mch_id: "452532745",
    out_trade_no: "T01K7Q2M9XB00000001",
    transaction_id: "4200000065201803063807324676",
    total: "8800",
    currency: "HKD",
    out_refund_no: "T01K7Q2M9XB00000002F",
    refund: "1200",
    refund_status: "SUCCESS",
};

/// No key of the gateway's own and no time: v2 needs neither.
pub(crate) const NOTHING: Proof<'_> = Proof { at: WallTime::from_millis(0), keys: &NO_KEYS };
static NO_KEYS: PlatformKeys = PlatformKeys::none();

/// A gateway that answers in one dialect.
pub(crate) trait Counterpart: std::fmt::Debug {
    /// The product's dialect that talks to it.
    fn dialect(&self) -> &dyn Dialect;
    /// What the product judges replies by, when they come at once.
    fn proof(&self) -> Proof<'_> {
        NOTHING
    }
    /// Whether every good reply to `op` says for which merchant it is.
    fn names_merchant(&self, _: Op) -> bool {
        true
    }
    /// What the product makes of a reply.
    fn read(&self, call: &Call, reply: &HttpReply) -> Result<Answer, Distrust> {
        self.dialect().read(call, reply, &self.proof())
    }
    /// A signed SUCCESS to a pay, or to a query that finds the order paid.
    fn paid(&self, op: Op, facts: &Facts) -> HttpReply;
    /// A signed answer to a query that finds the order in `state`.
    fn state(&self, state: &str, facts: &Facts) -> HttpReply;
    /// A signed error.
    fn error(&self, op: Op, code: &str, text: &str, facts: &Facts) -> HttpReply;
    /// A signed *accepted* to a reversal or a refund, or a list that holds the refund.
    fn accepted(&self, op: Op, facts: &Facts) -> HttpReply;
    /// The same reply without a signature.
    fn unsigned(&self, reply: HttpReply) -> HttpReply;
    /// The same reply with a wrong signature.
    fn forged(&self, reply: HttpReply) -> HttpReply;
    /// The same reply, rightly signed in a way our request did not ask for.
    fn signed_otherwise(&self, reply: HttpReply) -> HttpReply;
    /// The same reply with its last name and value twice.
    fn doubled(&self, reply: HttpReply) -> HttpReply;
    /// What a gateway says that could not read the request, unsigned.
    fn failure(&self, text: &str) -> HttpReply;
}

/// The merchant of these tests, in institution mode.
pub(crate) fn merchant() -> Merchant {
    Merchant {
        appid: TRUE.appid.parse().expect("an appid"),
        mch_id: TRUE.mch_id.parse().expect("a merchant number"),
        sub_mch_id: Some(TRUE.sub_mch_id.parse().expect("a merchant number")),
        sub_appid: None,
        terminal: "T01".parse().expect("a terminal id"),
        store_id: "SZT10000".to_owned(),
        store_name: "Dining Hall".to_owned(),
        mcc: "1001".to_owned(),
        terminal_ip: "8.8.8.8".parse().expect("an address"),
        language: Language::ZhHk,
    }
}

/// The order of these tests.
pub(crate) fn order() -> Order {
    Order {
        out_trade_no: TRUE.out_trade_no.parse().expect("an order number"),
        amount: Money::new(8800, "HKD".parse().expect("a currency")).expect("an amount"),
        description: "Dining Hall".to_owned(),
        attach: String::new(),
        transaction_id: None,
    }
}

/// The refund of these tests: a part of the order.
pub(crate) fn terms() -> Terms {
    Terms {
        out_refund_no: TRUE.out_refund_no.parse().expect("a refund number"),
        amount: Money::new(1200, "HKD".parse().expect("a currency")).expect("an amount"),
        reason: Some("wrong dish".to_owned()),
        notify_url: None,
    }
}

/// A call of each kind about the order of these tests.
pub(crate) fn call(op: Op) -> Call {
    about(op, order())
}

/// A call of each kind about `order`.
pub(crate) fn about(op: Op, order: Order) -> Call {
    let ask = match op {
        Op::Pay => Ask::Pay("134539517967686076".parse().expect("a code")),
        Op::Query => Ask::Query,
        Op::Reverse => Ask::Reverse,
        Op::Refund => Ask::Refund(terms()),
        Op::RefundQuery => Ask::RefundQuery { terms: terms(), offset: 0 },
    };
    Call { order, ask }
}

/// The product's side of v2.
pub(crate) fn v2(sign_type: SignType) -> V2 {
    V2::new(merchant(), Secret::new(KEY.as_bytes().to_vec()), sign_type)
}

/// The gateway of v2.
#[derive(Debug)]
pub(crate) struct V2Counterpart {
    dialect: V2,
    sign_type: SignType,
}

impl V2Counterpart {
    pub(crate) fn new(sign_type: SignType) -> Self {
        Self { dialect: v2(sign_type), sign_type }
    }

    /// A signed reply with these fields; empty values are written but not signed.
    pub(crate) fn reply(&self, fields: &[(&str, &str)]) -> HttpReply {
        let mut map: BTreeMap<String, String> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        map.insert("sign".to_owned(), sign(&map, self.sign_type));
        http(&map)
    }

    /// Whether a request is signed as it should be.
    pub(crate) fn accepts(&self, body: &[u8]) -> bool {
        let fields = parse(body);
        fields.get("sign").is_some_and(|given| *given == sign(&fields, self.sign_type))
    }

    fn success(&self, facts: &Facts, more: &[(&str, &str)]) -> HttpReply {
        let mut fields = common(facts);
        fields.extend([("result_code", "SUCCESS")]);
        fields.extend(more);
        self.reply(&fields)
    }
}

impl Counterpart for V2Counterpart {
    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn paid(&self, op: Op, facts: &Facts) -> HttpReply {
        let mut fields = vec![
            ("out_trade_no", facts.out_trade_no),
            ("transaction_id", facts.transaction_id),
            ("total_fee", facts.total),
            ("fee_type", facts.currency),
            ("cash_fee", "8096"),
            ("cash_fee_type", "CNY"),
            ("rate", "92000000"),
            ("time_end", "20261121113826"),
            ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
            ("trade_type", "MICROPAY"),
            ("attach", ""),
            ("coupon_fee_0", "0"),
        ];
        if op == Op::Query {
            fields.push(("trade_state", "SUCCESS"));
        }
        self.success(facts, &fields)
    }

    fn state(&self, state: &str, facts: &Facts) -> HttpReply {
        self.success(facts, &[("trade_state", state), ("out_trade_no", facts.out_trade_no)])
    }

    fn error(&self, op: Op, code: &str, text: &str, facts: &Facts) -> HttpReply {
        let mut fields = common(facts);
        fields.extend([("result_code", "FAIL"), ("err_code", code), ("err_code_des", text)]);
        if op == Op::Reverse {
            fields.push(("recall", "N"));
        }
        self.reply(&fields)
    }

    fn accepted(&self, op: Op, facts: &Facts) -> HttpReply {
        match op {
            Op::Reverse => self.success(facts, &[("recall", "N")]),
            Op::RefundQuery => self.success(
                facts,
                &[
                    ("out_trade_no", facts.out_trade_no),
                    ("transaction_id", facts.transaction_id),
                    ("total_fee", facts.total),
                    ("fee_type", facts.currency),
                    ("refund_count", "1"),
                    ("total_refund_count", "1"),
                    ("out_refund_no_0", facts.out_refund_no),
                    ("refund_id_0", "50300099990000000000000001"),
                    ("refund_channel_0", "ORIGINAL"),
                    ("refund_fee_0", facts.refund),
                    ("refund_status_0", facts.refund_status),
                    ("refund_recv_accout_0", "支付用户的零钱"),
                    ("refund_success_time_0", "2026-11-22 09:00:00"),
                ],
            ),
            Op::Pay | Op::Query | Op::Refund => self.success(
                facts,
                &[
                    ("out_trade_no", facts.out_trade_no),
                    ("transaction_id", facts.transaction_id),
                    ("out_refund_no", facts.out_refund_no),
                    ("refund_id", "50300099990000000000000001"),
                    ("refund_fee", facts.refund),
                    ("total_fee", facts.total),
                    ("fee_type", facts.currency),
                ],
            ),
        }
    }

    fn unsigned(&self, reply: HttpReply) -> HttpReply {
        resign(reply, |fields| {
            fields.remove("sign");
        })
    }

    fn forged(&self, reply: HttpReply) -> HttpReply {
        resign(reply, |fields| {
            let sign = fields.get("sign").map(String::len).unwrap_or(32);
            fields.insert("sign".to_owned(), "0".repeat(sign));
        })
    }

    fn signed_otherwise(&self, reply: HttpReply) -> HttpReply {
        let other = match self.sign_type {
            SignType::Md5 => SignType::HmacSha256,
            SignType::HmacSha256 => SignType::Md5,
        };
        resign(reply, |fields| {
            fields.insert("sign_type".to_owned(), other.word().to_owned());
            fields.insert("sign".to_owned(), sign(fields, other));
        })
    }

    fn doubled(&self, mut reply: HttpReply) -> HttpReply {
        let text = String::from_utf8(reply.body).expect("text");
        reply.body = text.replace("</xml>", "<return_code>SUCCESS</return_code></xml>").into_bytes();
        reply
    }

    fn failure(&self, text: &str) -> HttpReply {
        let fields = [("return_code", "FAIL"), ("return_msg", text)];
        http(&fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

fn common(facts: &Facts) -> Vec<(&'static str, &'static str)> {
    vec![
        ("return_code", "SUCCESS"),
        ("return_msg", "OK"),
        ("appid", facts.appid),
        ("mch_id", facts.mch_id),
        ("sub_mch_id", facts.sub_mch_id),
        ("nonce_str", "EBObtckqDbde2wll"),
    ]
}

/// The signature the gateway would make.
pub(crate) fn sign(fields: &BTreeMap<String, String>, sign_type: SignType) -> String {
    let signed = fields.iter().filter(|(name, value)| name.as_str() != "sign" && !value.is_empty());
    let mut parts: Vec<String> = signed.map(|(name, value)| format!("{name}={value}")).collect();
    parts.push(format!("key={KEY}"));
    let text = parts.join("&");
    let bytes = match sign_type {
        SignType::Md5 => Md5::digest(text.as_bytes()).to_vec(),
        SignType::HmacSha256 => {
            let mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length is a key");
            mac.chain_update(text.as_bytes()).finalize().into_bytes().to_vec()
        }
    };
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02X}").expect("a String takes everything");
        hex
    })
}

/// The document the gateway would write: numbers bare, the rest in CDATA, one field a line.
fn http(fields: &BTreeMap<String, String>) -> HttpReply {
    let mut body = "<xml>".to_owned();
    for (name, value) in fields {
        let number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let value = if number { value.clone() } else { format!("<![CDATA[{value}]]>") };
        writeln!(body, "<{name}>{value}</{name}>").expect("a String takes everything");
    }
    body.push_str("</xml>");
    HttpReply { status: 200, headers: Vec::new(), body: body.into_bytes() }
}

/// Reads a request the way a plain XML library would, values unchanged: text, CDATA sections and nothing else.
pub(crate) fn parse(body: &[u8]) -> BTreeMap<String, String> {
    let text = std::str::from_utf8(body).expect("text");
    let mut rest = text.strip_prefix("<xml>").and_then(|text| text.strip_suffix("</xml>")).expect("one document");
    let mut fields = BTreeMap::new();
    while let Some((name, tail)) = rest.strip_prefix('<').and_then(|tail| tail.split_once('>')) {
        let (value, tail) = value(tail);
        rest = tail.strip_prefix(&format!("/{name}>")).expect("the same name at the end");
        assert!(fields.insert(name.to_owned(), value).is_none(), "{name} twice");
    }
    assert_eq!(rest, "");
    fields
}

/// A value and what follows the `<` of its end tag.
fn value(mut rest: &str) -> (String, &str) {
    let mut value = String::new();
    loop {
        let (text, tail) = rest.split_once('<').expect("an end tag");
        assert!(!text.contains('&'), "an entity in {text}");
        value.push_str(text);
        let Some(section) = tail.strip_prefix("![CDATA[") else { return (value, tail) };
        let (text, tail) = section.split_once("]]>").expect("the section's end");
        value.push_str(text);
        rest = tail;
    }
}

/// Reads one of our own replies back, changes its fields and writes it again.
fn resign(reply: HttpReply, change: impl FnOnce(&mut BTreeMap<String, String>)) -> HttpReply {
    let text = String::from_utf8(reply.body).expect("text");
    let mut fields = BTreeMap::new();
    for line in text.trim_start_matches("<xml>").lines() {
        let Some((name, rest)) = line.trim_start_matches('<').split_once('>') else { continue };
        let Some((value, _)) = rest.rsplit_once("</") else { continue };
        let value = value.trim_start_matches("<![CDATA[").trim_end_matches("]]>");
        fields.insert(name.to_owned(), value.to_owned());
    }
    change(&mut fields);
    http(&fields)
}
