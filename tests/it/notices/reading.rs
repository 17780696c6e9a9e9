//! Which notifications are believed, and what they say.

use aws_lc_rs::cipher::{AES_256, PaddedBlockEncryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use shroff::dialect::v2::SignType;
use shroff::dialect::v3::{Signer, V3};
use shroff::dialect::{Dialect, Distrust, HttpReply, Merchant, PlatformKeys, Proof};
use shroff::payment::{NoticeStatus, RefundNotice};
use shroff::words::{Secret, WallTime};

use super::{content, envelope, letter, with, without};
use crate::counterpart::{KEY, NOTHING, TRUE, merchant, v2};
use crate::counterpart_v3::{API_KEY, MERCHANT, NOW, PLATFORM, good, signed, v3};

fn read(dialect: &dyn Dialect, sent: &HttpReply) -> Result<RefundNotice, Distrust> {
    let mut keys = PlatformKeys::default();
    keys.add_pem(PLATFORM.cert_pem.as_bytes()).expect("a certificate");
    dialect.notices().expect("it has notifications").read(sent, &Proof { at: NOW, keys: &keys })
}

fn is_true(notice: &RefundNotice) {
    assert_eq!((notice.out_refund_no.as_str(), notice.out_trade_no.as_str()), (TRUE.out_refund_no, TRUE.out_trade_no));
    assert_eq!((notice.refund, notice.total, notice.status), (1200, 8800, NoticeStatus::Refunded));
    assert_eq!(notice.transaction_id.as_ref().map(|it| it.as_str()), Some(TRUE.transaction_id));
}

#[test]
fn every_known_notification_is_believed_or_refused_as_it_should_be() {
    let known: Value = serde_json::from_str(include_str!("../../data/v3.json")).expect("the vectors");
    let mut keys = PlatformKeys::default();
    for (name, certificate) in known["certificates"].as_object().expect("certificates") {
        if name != "merchant" {
            keys.add_pem(certificate["pem"].as_str().expect("pem").as_bytes()).expect("a certificate");
        }
    }
    let institution = Merchant {
        mch_id: "1900000100".parse().expect("a number"),
        sub_mch_id: Some("1900000109".parse().expect("a number")),
        ..merchant()
    };
    let cases = known["notifications"].as_array().expect("cases");
    assert!(cases.len() >= 9);
    for case in cases {
        let key = known["aes"][case["aes"].as_str().expect("aes")].as_str().expect("a key");
        let signer = Signer::new(&Secret::new(MERCHANT.key_pem.clone().into_bytes()), MERCHANT.cert_pem.as_bytes());
        let signer = std::sync::Arc::new(signer.expect("a signer"));
        let dialect = V3::new(institution.clone(), signer, Secret::new(key.as_bytes().to_vec()));
        let headers = case["headers"].as_array().expect("headers").iter().map(|it| {
            (it[0].as_str().expect("a name").to_lowercase(), it[1].as_str().expect("a value").as_bytes().to_vec())
        });
        let body = case["body"].as_str().expect("a body").as_bytes().to_vec();
        let sent = HttpReply { status: 200, headers: headers.collect(), body };
        let at = WallTime::from_millis(case["now"].as_i64().expect("now") * 1000);
        let read = dialect.notices().expect("v3 has them").read(&sent, &Proof { at, keys: &keys });
        assert_eq!(read.is_ok(), case["expect"] == "ok", "{} {} {read:?}", case["id"], case["why"]);
        if let Ok(notice) = read {
            assert_eq!((notice.id.as_str(), notice.out_refund_no.as_str()), ("EV-1", "7752501201407033233368018"));
            assert_eq!((notice.refund, notice.status), (528_800, NoticeStatus::Refunded));
            assert_eq!(notice.currency.map(|it| it.code()), Some("HKD"));
        }
    }
}

#[test]
fn v3_says_what_became_of_the_refund() {
    let dialect = v3(merchant());
    let notice = read(&dialect, &letter("EV-1", &content(&TRUE), NOW)).expect("believed");
    is_true(&notice);
    assert_eq!((notice.id.as_str(), notice.currency.map(|it| it.code())), ("EV-1", Some("HKD")));
    for (word, status) in [
        ("ABNORMAL", NoticeStatus::Changed),
        ("CHANGE", NoticeStatus::Changed),
        ("CLOSED", NoticeStatus::Closed),
        ("REFUNDCLOSE", NoticeStatus::Closed),
        ("PROCESSING", NoticeStatus::Processing),
        ("MOON", NoticeStatus::Unknown),
        ("", NoticeStatus::Unknown),
    ] {
        let sent = letter("EV-1", &with("/refund_status", word.into()), NOW);
        assert_eq!(read(&dialect, &sent).map(|it| it.status), Ok(status), "{word}");
    }
    let direct = v3(Merchant { sub_mch_id: None, ..merchant() });
    let mut alone = without("sub_mchid");
    alone.as_object_mut().expect("an object").remove("sp_mchid");
    is_true(&read(&direct, &letter("EV-1", &alone, NOW)).expect("only we have the key"));
    alone["mchid"] = TRUE.mch_id.into();
    is_true(&read(&direct, &letter("EV-1", &alone, NOW)).expect("believed"));
    alone["mchid"] = "1999999999".into();
    assert_eq!(read(&direct, &letter("EV-1", &alone, NOW)), Err(Distrust::OtherMerchant));
    assert_eq!(read(&direct, &letter("EV-1", &content(&TRUE), NOW)), Err(Distrust::OtherMerchant));
}

#[test]
fn v3_that_is_signed_by_nobody_we_know_or_long_ago_is_not_read() {
    let dialect = v3(merchant());
    let body = envelope("EV-1", &content(&TRUE), API_KEY).to_string();
    let mut unsigned = good(200, body.clone());
    unsigned.headers.clear();
    assert_eq!(read(&dialect, &unsigned), Err(Distrust::Unsigned));
    assert_eq!(read(&dialect, &signed(&MERCHANT, 200, body.clone(), NOW)), Err(Distrust::UnknownKey));
    for seconds in [-301, 301] {
        let at = WallTime::from_millis(NOW.millis() + seconds * 1000);
        assert_eq!(read(&dialect, &signed(&PLATFORM, 200, body.clone(), at)), Err(Distrust::Stale));
    }
    let mut altered = good(200, body.clone());
    altered.body[10] ^= 1;
    assert_eq!(read(&dialect, &altered), Err(Distrust::BadSignature));
    let mut doubled = good(200, body.clone());
    doubled.headers.push(doubled.headers[0].clone());
    assert!(matches!(read(&dialect, &doubled), Err(Distrust::Malformed(_))));
    let mut probe = good(200, body);
    let signature = probe.headers.iter_mut().find(|(name, _)| name == "wechatpay-signature").expect("a signature");
    signature.1.splice(..19, *b"WECHATPAY/SIGNTEST/");
    assert_eq!(read(&dialect, &probe), Err(Distrust::BadSignature));
    let large = good(200, " ".repeat(64 * 1024 + 1));
    assert_eq!(read(&dialect, &large), Err(Distrust::TooLarge));
}

#[test]
fn v3_that_is_well_signed_and_wrong_is_refused() {
    let dialect = v3(merchant());
    let refused = |content: &Value| read(&dialect, &letter("EV-1", content, NOW)).expect_err("refused");
    assert_eq!(refused(&with("/sp_mchid", "1999999999".into())), Distrust::OtherMerchant);
    assert_eq!(refused(&with("/sub_mchid", "1999999999".into())), Distrust::OtherMerchant);
    assert_eq!(refused(&without("sp_mchid")), Distrust::Incomplete("sp_mchid"));
    assert_eq!(refused(&without("sub_mchid")), Distrust::Incomplete("sub_mchid"));
    assert_eq!(refused(&with("/out_refund_no", "../../x".into())), Distrust::OtherRefund);
    assert_eq!(refused(&with("/out_trade_no", "".into())), Distrust::OtherOrder);
    assert_eq!(refused(&with("/amount/currency", "MOON".into())), Distrust::OtherCurrency);
    for content in [
        without("amount"),
        without("out_refund_no"),
        without("out_trade_no"),
        without("refund_status"),
        with("/amount/refund", json!(-1200)),
        with("/amount/refund", json!(1200.0)),
        with("/amount/refund", json!("1200")),
        with("/amount/total", Value::Null),
        json!([]),
        json!("refund"),
    ] {
        assert!(matches!(refused(&content), Distrust::Malformed(_)), "{content}");
    }
    let text = content(&TRUE).to_string();
    for twice in [text.replacen('{', "{\"refund_status\":\"CLOSED\",", 1), text[..text.len() - 1].to_owned()] {
        let raw = Value::String(twice);
        assert!(matches!(refused(&raw), Distrust::Malformed(_)));
    }
    let whole = |change: &dyn Fn(&mut Value)| {
        let mut envelope = envelope("EV-1", &content(&TRUE), API_KEY);
        change(&mut envelope);
        read(&dialect, &good(200, envelope.to_string()))
    };
    assert!(whole(&|_| ()).is_ok());
    let other_key = envelope("EV-1", &content(&TRUE), "another-merchants-api-v3-key-000").to_string();
    assert!(matches!(read(&dialect, &good(200, other_key)), Err(Distrust::Malformed(_))));
    let changes: [fn(&mut Value); 9] = [
        |it| it["event_type"] = "TRANSACTION.SUCCESS".into(),
        |it| it["resource_type"] = "plain".into(),
        |it| it["resource"]["original_type"] = "transaction".into(),
        |it| it["resource"]["algorithm"] = "AEAD_AES_128_GCM".into(),
        |it| it["resource"]["nonce"] = "short".into(),
        |it| it["resource"]["associated_data"] = "other".into(),
        |it| it["resource"]["ciphertext"] = "AAAA".into(),
        |it| it["id"] = "".into(),
        |it| it["id"] = "EV 1\n2".into(),
    ];
    for (at, change) in changes.iter().enumerate() {
        assert!(matches!(whole(change), Err(Distrust::Malformed(_))), "change {at}");
    }
}

#[test]
fn cut_at_any_byte_a_notification_is_nothing() {
    let dialect = v3(merchant());
    let body = envelope("EV-1", &content(&TRUE), API_KEY).to_string();
    for at in (0..body.len()).filter(|at| body.is_char_boundary(*at)).step_by(7) {
        assert!(read(&dialect, &good(200, body[..at].to_owned())).is_err(), "signed and cut at {at}");
    }
    let sealed = v2_letter(&v2_content(TRUE.refund, "SUCCESS"), KEY);
    for at in (0..sealed.body.len()).filter(|at| *at < sealed.body.len() - 1).step_by(5) {
        let body = sealed.body[..at].to_vec();
        assert!(read_v2(&HttpReply { status: 200, headers: Vec::new(), body }).is_err(), "cut at {at}");
    }
}

fn v2_content(refund: &str, status: &str) -> String {
    format!(
        "<root>\n<out_refund_no><![CDATA[{}]]></out_refund_no>\n<out_trade_no><![CDATA[{}]]></out_trade_no>\n\
         <refund_fee><![CDATA[{refund}]]></refund_fee>\n<refund_id><![CDATA[50300099990000000000000001]]></refund_id>\n\
         <refund_status><![CDATA[{status}]]></refund_status>\n<total_fee><![CDATA[8800]]></total_fee>\n\
         <transaction_id><![CDATA[{}]]></transaction_id>\n</root>",
        TRUE.out_refund_no, TRUE.out_trade_no, TRUE.transaction_id
    )
}

fn seal(content: &str, key: &str) -> Vec<u8> {
    let key: String = Md5::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = UnboundCipherKey::new(&AES_256, key.as_bytes()).expect("32 bytes");
    let mut bytes = content.as_bytes().to_vec();
    PaddedBlockEncryptingKey::ecb_pkcs7(key).expect("a key").encrypt(&mut bytes).expect("sealed");
    bytes
}

fn v2_around(sealed: &[u8]) -> HttpReply {
    let body = format!(
        "<xml><return_code>SUCCESS</return_code><appid>{}</appid><mch_id>{}</mch_id><sub_mch_id>{}</sub_mch_id>\
         <nonce_str>x</nonce_str><req_info><![CDATA[{}]]></req_info></xml>",
        TRUE.appid,
        TRUE.mch_id,
        TRUE.sub_mch_id,
        STANDARD.encode(sealed)
    );
    HttpReply { status: 200, headers: Vec::new(), body: body.into_bytes() }
}

fn v2_letter(content: &str, key: &str) -> HttpReply {
    v2_around(&seal(content, key))
}

fn read_v2(sent: &HttpReply) -> Result<RefundNotice, Distrust> {
    v2(SignType::HmacSha256).notices().expect("v2 has them").read(sent, &NOTHING)
}

#[test]
fn v2_says_the_same_and_its_name_is_the_refunds_end() {
    let notice = read_v2(&v2_letter(&v2_content(TRUE.refund, "SUCCESS"), KEY)).expect("it opens");
    is_true(&notice);
    assert_eq!((notice.id.as_str(), notice.currency), ("50300099990000000000000001-SUCCESS", None));
    let closed = read_v2(&v2_letter(&v2_content(TRUE.refund, "REFUNDCLOSE"), KEY)).expect("it opens");
    assert_eq!((closed.id.as_str(), closed.status), ("50300099990000000000000001-REFUNDCLOSE", NoticeStatus::Closed));
}

#[test]
fn v2_for_somebody_else_or_not_encrypted_for_us_is_refused() {
    let good = v2_letter(&v2_content(TRUE.refund, "SUCCESS"), KEY);
    let text = String::from_utf8(good.body).expect("text");
    let refused = |text: String| {
        let sent = HttpReply { status: 200, headers: Vec::new(), body: text.into_bytes() };
        read_v2(&sent).expect_err("refused")
    };
    assert!(matches!(read_v2(&v2_letter(&v2_content("1200", "SUCCESS"), "another")), Err(Distrust::Malformed(_))));
    assert_eq!(refused(text.replace(TRUE.mch_id, "1999999999")), Distrust::OtherMerchant);
    assert_eq!(refused(text.replace(TRUE.sub_mch_id, "1999999999")), Distrust::OtherMerchant);
    assert_eq!(refused(text.replace(TRUE.appid, "wx9999999999999999")), Distrust::OtherMerchant);
    assert_eq!(refused(text.replace("req_info", "rek_info")), Distrust::Incomplete("req_info"));
    assert!(matches!(refused(text.replace("SUCCESS", "FAIL")), Distrust::Malformed(_)));
    assert!(matches!(refused(format!("<!DOCTYPE xml>{text}")), Distrust::Malformed("a DOCTYPE")));
    assert_eq!(refused(format!("{text}{}", " ".repeat(64 * 1024))), Distrust::TooLarge);
    for amount in ["-1200", "12.00", "1e3", "", " 1200"] {
        let read = read_v2(&v2_letter(&v2_content(amount, "SUCCESS"), KEY));
        assert!(matches!(read, Err(Distrust::OtherAmount | Distrust::Incomplete(_))), "{amount} {read:?}");
    }
    let twice = v2_content("1200", "SUCCESS").replacen("<root>", "<root><refund_fee>1</refund_fee>", 1);
    assert_eq!(read_v2(&v2_letter(&twice, KEY)), Err(Distrust::Malformed("a field twice")));
}

/// Nobody signs a notification of v2: whoever has seen two can put one together of their blocks. What is made that way
/// may be read, so nothing but a question may follow from it; the till's tests say that nothing does.
#[test]
fn v2_can_be_put_together_from_others_which_is_why_it_is_never_believed() {
    let pad = |content: &str| content.replacen("<root>\n", &format!("<root>{}\n", " ".repeat(9)), 1);
    let (one, two) = (seal(&pad(&v2_content("1200", "SUCCESS")), KEY), seal(&pad(&v2_content("1200", "SUCCESX")), KEY));
    let differs: Vec<usize> =
        (0..one.len() / 16).filter(|n| one[n * 16..n * 16 + 16] != two[n * 16..n * 16 + 16]).collect();
    assert_eq!(differs.len(), 1, "one letter is one block");
    let mut mixed = two;
    let at = differs[0] * 16;
    mixed[at..at + 16].copy_from_slice(&one[at..at + 16]);
    assert_eq!(read_v2(&v2_around(&mixed)), read_v2(&v2_around(&one)));
}
