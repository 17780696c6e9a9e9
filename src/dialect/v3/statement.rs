//! `/v3/global/statements`.
//!
//! Source: protocol 7.7. The reply is a plain CSV, packed or not; what is signed is not the file but its digest. An error
//! is JSON, signed or not: `NO_STATEMENT_EXIST` and `STATEMENT_CREATING` by the guide.

use serde::Serialize;
use zeroize::Zeroizing;

use super::V3;
use super::read::{fault, get, parse};
use super::verify::{Headers, one, verify};
use crate::dialect::statement::{Announced, NoStatement, StatementHead, Warrant};
use crate::dialect::v2::{codes, statement};
use crate::dialect::{Distrust, HttpReply, HttpRequest, Proof, REPLY_MAX, Stamp};
use crate::words::Day;

/// SHA-1 of the unpacked file, in hexadecimal.
const DIGEST: &str = "wechatpay-statement-sha1";

/// What stands in the body's place where a statement is signed.
#[derive(Serialize)]
struct Signed<'a> {
    sha1: &'a str,
}

impl V3 {
    /// See [`crate::dialect::Statements::write`].
    pub(super) fn statement(&self, day: Day, packed: bool, stamp: &Stamp) -> HttpRequest {
        let date = day.to_string().replace('-', "");
        let path = format!("/v3/global/statements?date={date}&{}", self.query());
        let mut request = self.signed("GET", path, Zeroizing::default(), stamp);
        for (name, value) in &mut request.headers {
            // Columns are found by their names, and only the Chinese ones are documented.
            if *name == "accept-language" {
                "zh-CN".clone_into(value);
            }
        }
        request.headers.push(("accept-encoding", if packed { "gzip" } else { "identity" }.to_owned()));
        request
    }
}

/// See [`crate::dialect::Statements::read_head`].
pub(super) fn announced(head: &StatementHead<'_>) -> Result<Announced, Distrust> {
    match head.status {
        200 => {}
        400..600 => return Ok(Announced::Words),
        status => return Err(Distrust::Status(status)),
    }
    let digest = signed_digest(head.headers, &head.proof)?;
    if head.start.is_empty() {
        return Err(Distrust::Malformed("a statement without a single byte"));
    }
    Ok(Announced::File(Warrant::Sha1(digest)))
}

/// The digest, once its signature has been checked.
fn signed_digest(headers: &Headers, proof: &Proof<'_>) -> Result<[u8; 20], Distrust> {
    if !headers.iter().any(|(name, _)| name.starts_with("wechatpay-")) {
        return Err(Distrust::Unsigned);
    }
    let text = one(headers, DIGEST)?;
    let digest = digest(text).ok_or(Distrust::Malformed("a Wechatpay-Statement-Sha1 that is no SHA-1"))?;
    // A plain struct of one text always has a JSON form.
    let signed = serde_json::to_vec(&Signed { sha1: text }).unwrap_or_default();
    verify(headers, &signed, proof)?;
    Ok(digest)
}

/// 40 hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 20]> {
    let mut bytes = [0; 20];
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let from = at.checked_mul(2)?;
        *byte = u8::from_str_radix(text.get(from..from.checked_add(2)?)?, 16).ok()?;
    }
    Some(bytes)
}

/// See [`crate::dialect::Statements::read_end`]. The digest proves that the file is whole; a summary is not promised.
pub(super) fn rows(tail: &[u8]) -> Option<u64> {
    statement::rows(tail).ok()
}

/// See [`crate::dialect::Statements::read_none`].
pub(super) fn none(reply: &HttpReply, proof: &Proof<'_>) -> Result<NoStatement, Distrust> {
    if reply.body.len() > REPLY_MAX {
        return Err(Distrust::TooLarge);
    }
    match verify(&reply.headers, &reply.body, proof) {
        // It settles nothing about money; whoever is told that a day is empty sets it against the ledger.
        Ok(()) | Err(Distrust::Unsigned) => {}
        Err(why) => return Err(why),
    }
    let body = parse(&reply.body).map_err(|_| Distrust::Status(reply.status))?;
    let code = get(&body.code).ok_or(Distrust::Status(reply.status))?;
    let fault = fault(&body, reply);
    Ok(match codes::normal(code).as_str() {
        "NOSTATEMENTEXIST" | "NOBILLEXIST" if reply.status < 500 => NoStatement::Empty,
        "STATEMENTCREATING" | "BILLCREATING" if reply.status < 500 => NoStatement::NotReady,
        _ => NoStatement::refused(fault.report(), fault.code, fault.text),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use base64::Engine as _;
    use sha1::{Digest as _, Sha1};

    use super::*;
    use crate::dialect::{PlatformKeys, ReportFault};
    use crate::words::WallTime;

    fn known() -> (serde_json::Value, PlatformKeys) {
        let known: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/v3.json")).expect("the vectors");
        let mut keys = PlatformKeys::default();
        for (name, certificate) in known["certificates"].as_object().expect("certificates") {
            if name != "merchant" {
                keys.add_pem(certificate["pem"].as_str().expect("pem").as_bytes()).expect("a certificate");
            }
        }
        (known, keys)
    }

    /// The file as it is after unpacking.
    fn file(case: &serde_json::Value) -> Vec<u8> {
        if let Some(packed) = case["body_gzip_base64"].as_str() {
            let packed = base64::engine::general_purpose::STANDARD.decode(packed).expect("Base64");
            let mut file = Vec::new();
            flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut file).expect("gzip");
            return file;
        }
        if case["body_file"].is_string() {
            return include_bytes!("../../../tests/data/statements/statement_v3.csv").to_vec();
        }
        case["body"].as_str().expect("a body").as_bytes().to_vec()
    }

    #[test]
    fn every_known_statement_is_believed_or_refused_as_it_should_be() {
        let (known, keys) = known();
        let cases = known["statements"].as_array().expect("cases");
        assert!(cases.len() >= 6);
        for case in cases {
            let headers: Vec<_> = case["headers"]
                .as_array()
                .expect("headers")
                .iter()
                .map(|it| {
                    (
                        it[0].as_str().expect("a name").to_lowercase(),
                        it[1].as_str().expect("a value").as_bytes().to_vec(),
                    )
                })
                .collect();
            let at = WallTime::from_millis(case["now"].as_i64().expect("now").saturating_mul(1000));
            let file = file(case);
            let head =
                StatementHead { status: 200, headers: &headers, start: &file[..16], proof: Proof { at, keys: &keys } };
            let digest: [u8; 20] = Sha1::digest(&file).into();
            let good = announced(&head) == Ok(Announced::File(Warrant::Sha1(digest)));
            assert_eq!(good, case["expect"] == "ok", "{} {} {:?}", case["id"], case["why"], announced(&head));
        }
    }

    #[test]
    fn a_file_without_one_signed_digest_is_none() {
        let (known, keys) = known();
        let case = &known["statements"][0];
        let headers: Vec<(String, Vec<u8>)> = case["headers"]
            .as_array()
            .expect("headers")
            .iter()
            .map(|it| {
                (it[0].as_str().expect("a name").to_lowercase(), it[1].as_str().expect("a value").as_bytes().to_vec())
            })
            .collect();
        let at = WallTime::from_millis(case["now"].as_i64().expect("now").saturating_mul(1000));
        type Change<'a> = &'a dyn Fn(&mut Vec<(String, Vec<u8>)>);
        let asked = |status, start: &[u8], change: Change<'_>| {
            let mut headers = headers.clone();
            change(&mut headers);
            announced(&StatementHead { status, headers: &headers, start, proof: Proof { at, keys: &keys } })
        };
        let file = file(case);
        let start = &file[..16];
        let as_it_is = |_: &mut Vec<(String, Vec<u8>)>| ();
        assert!(matches!(asked(200, start, &as_it_is), Ok(Announced::File(_))));
        assert_eq!(asked(200, start, &|headers| headers.clear()), Err(Distrust::Unsigned));
        for name in [DIGEST, "wechatpay-signature", "wechatpay-nonce", "wechatpay-serial", "wechatpay-timestamp"] {
            let without = asked(200, start, &|headers| headers.retain(|(it, _)| it != name));
            assert!(matches!(without, Err(Distrust::Malformed(_))), "without {name}: {without:?}");
            let twice = asked(200, start, &|headers| {
                let again = headers.iter().find(|(it, _)| it == name).cloned().expect("a header");
                headers.push(again);
            });
            assert!(matches!(twice, Err(Distrust::Malformed(_) | Distrust::BadSignature)), "{name} twice: {twice:?}");
        }
        for strange in [
            "",
            "2ef7445e24b17df375073e9baf9894640ba43b2",
            "2ef7445e24b17df375073e9baf9894640ba43bzz",
            "+f7445e24b17df375073e9baf9894640ba43b24x",
        ] {
            let other = asked(200, start, &|headers| {
                for (name, value) in headers.iter_mut() {
                    if name == DIGEST {
                        *value = strange.as_bytes().to_vec();
                    }
                }
            });
            assert!(matches!(other, Err(Distrust::Malformed(_))), "{strange}: {other:?}");
        }
        assert!(matches!(asked(200, b"", &as_it_is), Err(Distrust::Malformed(_))));
        for status in [201, 202, 204, 206, 302] {
            assert_eq!(asked(status, start, &as_it_is), Err(Distrust::Status(status)));
        }
        for status in [400, 404, 401, 500, 502] {
            assert_eq!(asked(status, start, &|headers| headers.clear()), Ok(Announced::Words));
        }
    }

    #[test]
    fn every_word_of_the_guide_has_its_meaning_and_an_ill_gateway_means_nothing() {
        let keys = PlatformKeys::none();
        let told = |status, code: &str, id: &str| {
            let body = format!(r#"{{"code":"{code}","message":"账单不存在"}}"#).into_bytes();
            let headers = vec![("request-id".to_owned(), id.as_bytes().to_vec())];
            none(&HttpReply { status, headers, body }, &Proof { at: WallTime::default(), keys: &keys })
        };
        for code in ["NO_STATEMENT_EXIST", " NO_STATEMENT_EXIST", "NO_BILL_EXIST"] {
            assert_eq!(told(400, code, ""), Ok(NoStatement::Empty), "{code}");
            assert_eq!(told(404, code, ""), Ok(NoStatement::Empty), "{code}");
            assert!(matches!(told(500, code, ""), Ok(NoStatement::Refused { fault: ReportFault::Gateway, .. })));
        }
        assert_eq!(told(400, "STATEMENT_CREATING", ""), Ok(NoStatement::NotReady));
        for (status, code, id, wanted) in [
            (401, "SIGN_ERROR", "", ReportFault::Keys),
            (401, "MOON_IS_FULL", "", ReportFault::Keys),
            (400, "PARAM_ERROR", "08F8-268443699", ReportFault::Keys),
            (403, "NO_AUTH", "", ReportFault::Permission),
            (400, "PARAM_ERROR", "", ReportFault::Request),
            (400, "INVALID_REQUEST", "", ReportFault::Request),
            (429, "RATE_LIMITED", "", ReportFault::Gateway),
            (500, "SYSTEM_ERROR", "", ReportFault::Gateway),
            (404, "MOON_IS_FULL", "", ReportFault::Gateway),
        ] {
            let told = told(status, code, id);
            let fault = matches!(&told, Ok(NoStatement::Refused { fault, .. }) if *fault == wanted);
            assert!(fault, "{status} {code}: {told:?}");
        }
        for body in ["", "<html></html>", "{}", r#"{"code":7}"#] {
            let reply = HttpReply { status: 502, headers: Vec::new(), body: body.as_bytes().to_vec() };
            assert_eq!(none(&reply, &Proof { at: WallTime::default(), keys: &keys }), Err(Distrust::Status(502)));
        }
    }

    #[test]
    fn a_summary_is_read_where_there_is_one() {
        let real = include_bytes!("../../../tests/data/statements/statement_v3.csv");
        assert_eq!(rows(real), Some(5));
        assert_eq!(rows("交易时间,商户号\n`20240101,`1900000109\n".as_bytes()), None);
    }
}
