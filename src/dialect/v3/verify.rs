//! Whether the gateway signed a reply, with which key, and when.
//!
//! Source: protocol 7.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::{Distrust, Proof};

/// A reply may be signed so many seconds before or after it came.
const FRESH: u64 = 300;
/// The longest header value that is looked at: a signature of an 8192-bit key has 1368 characters.
const VALUE_MAX: usize = 2048;

/// Header fields, names in lower case.
pub(super) type Headers = [(String, Vec<u8>)];

/// Verifies the signature in a reply's `headers` over `signed`, its body or what stands for it.
///
/// # Errors
/// [`Distrust::Unsigned`] when no header speaks of a signature at all, and what is wrong otherwise.
pub(super) fn verify(headers: &Headers, signed: &[u8], proof: &Proof<'_>) -> Result<(), Distrust> {
    const NAMES: [&str; 4] = ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature"];
    if !NAMES.iter().any(|name| headers.iter().any(|(it, _)| it == name)) {
        return Err(Distrust::Unsigned);
    }
    let [timestamp, nonce, serial, signature] = NAMES.map(|name| one(headers, name));
    let (timestamp, nonce, serial, signature) = (timestamp?, nonce?, serial?, signature?);
    let plain = timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = timestamp.parse().ok().filter(|_| plain).ok_or(BROKEN)?;
    if proof.at.millis().div_euclid(1000).abs_diff(seconds) > FRESH {
        return Err(Distrust::Stale);
    }
    let key = proof.keys.get(serial).filter(|key| key.is_valid(proof.at)).ok_or(Distrust::UnknownKey)?;
    let signature = STANDARD.decode(signature).map_err(|_| Distrust::BadSignature)?;
    let message = [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", signed, b"\n"].concat();
    if key.signed(&message, &signature) { Ok(()) } else { Err(Distrust::BadSignature) }
}

const BROKEN: Distrust = Distrust::Malformed("a Wechatpay header that is missing, doubled or strange");

/// The value of a header that must stand exactly once.
pub(super) fn one<'a>(headers: &'a Headers, name: &str) -> Result<&'a str, Distrust> {
    let mut values = headers.iter().filter(|(it, _)| it == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() && value.len() <= VALUE_MAX => {
            std::str::from_utf8(value).map_err(|_| BROKEN)
        }
        (Some(_), None) if name == "wechatpay-signature" => Err(Distrust::BadSignature),
        (None | Some(_), None | Some(_)) => Err(BROKEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{HttpReply, PlatformKeys};
    use crate::words::WallTime;

    #[test]
    fn every_known_reply_is_believed_or_refused_as_it_should_be() {
        let known: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/v3.json")).expect("the vectors");
        let mut keys = PlatformKeys::default();
        for (name, certificate) in known["certificates"].as_object().expect("certificates") {
            if name != "merchant" {
                keys.add_pem(certificate["pem"].as_str().expect("pem").as_bytes()).expect("a certificate");
            }
        }
        let cases = known["responses"].as_array().expect("cases");
        assert!(cases.len() >= 29);
        for case in cases {
            let reply = reply(case);
            let at = WallTime::from_millis(case["now"].as_i64().expect("now").saturating_mul(1000));
            let read = verify(&reply.headers, &reply.body, &Proof { at, keys: &keys });
            assert_eq!(read.is_ok(), case["expect"] == "ok", "{} {} {read:?}", case["id"], case["why"]);
            let expected = match case["id"].as_str().expect("id") {
                "B14" | "B24" => Some(Distrust::UnknownKey),
                "B16" | "B17" => Some(Distrust::Stale),
                "B18" | "B19" | "B21" => Some(BROKEN),
                "B20" | "B22" | "B23" => Some(Distrust::Unsigned),
                id if id.starts_with('B') => Some(Distrust::BadSignature),
                _ => None,
            };
            assert_eq!(read.err(), expected, "{} {}", case["id"], case["why"]);
        }
    }

    fn reply(case: &serde_json::Value) -> HttpReply {
        let headers = case["headers"].as_array().expect("headers").iter().map(|it| {
            (it[0].as_str().expect("a name").to_lowercase(), it[1].as_str().expect("a value").as_bytes().to_vec())
        });
        HttpReply {
            status: u16::try_from(case["status"].as_u64().expect("a status")).expect("a status"),
            headers: headers.collect(),
            body: case["body"].as_str().expect("a body").as_bytes().to_vec(),
        }
    }
}
