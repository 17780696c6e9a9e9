//! Signatures of v2: MD5 or HMAC-SHA256 over all fields, sorted by name, and the key.
//!
//! Source: protocol 4.3 and 4.4.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::words::Secret;

/// Every field of a message by its name. The order is the signature's: byte by byte. Values may hold a payment code or
/// an openid, so they are wiped when dropped.
pub(super) type Fields = BTreeMap<String, Zeroizing<String>>;

/// The field that carries the signature and is not part of it.
pub(super) const SIGN: &str = "sign";

/// How messages are signed. A reply is held to the type of our request, whatever it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignType {
    /// 32 hexadecimal digits. WeChat's default; the weaker one.
    Md5,
    /// 64 hexadecimal digits.
    HmacSha256,
}

impl SignType {
    /// The value of the field `sign_type`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }
}

/// The signature of `fields`, in upper-case hexadecimal.
pub(super) fn sign(fields: &Fields, key: &Secret, sign_type: SignType) -> String {
    let base = base(fields);
    match sign_type {
        SignType::Md5 => upper_hex(&Md5::new().chain_update(base.as_bytes()).chain_update(key.expose()).finalize()),
        SignType::HmacSha256 => hmac_sha256(&base, key),
    }
}

/// Whether `given` is the signature of `fields`. Takes the same time wherever the first difference is.
pub(super) fn is_signed(fields: &Fields, given: &str, key: &Secret, sign_type: SignType) -> bool {
    sign(fields, key, sign_type).as_bytes().ct_eq(given.as_bytes()).into()
}

fn hmac_sha256(base: &str, key: &Secret) -> String {
    // HMAC takes a key of any length, so there is no error to report; without a digest nothing ever matches.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else { return String::new() };
    upper_hex(&mac.chain_update(base.as_bytes()).chain_update(key.expose()).finalize().into_bytes())
}

/// The text that is signed, up to and with `&key=`. Empty values are left out; `0` is not empty.
fn base(fields: &Fields) -> Zeroizing<String> {
    let length = fields.iter().map(|(name, value)| name.len().saturating_add(value.len()).saturating_add(2)).sum();
    let mut base = Zeroizing::new(String::with_capacity(usize::saturating_add(length, 4)));
    for (name, value) in fields {
        if name == SIGN || value.is_empty() {
            continue;
        }
        base.push_str(name);
        base.push('=');
        base.push_str(value);
        base.push('&');
    }
    base.push_str("key=");
    base
}

fn upper_hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    halves.filter_map(|half| char::from_digit(u32::from(half), 16)).map(|digit| digit.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::v2::xml;

    /// What the vectors' text calls a key or an algorithm.
    fn known() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../tests/data/v2.json")).expect("the vectors")
    }

    fn text<'a>(case: &'a serde_json::Value, name: &str) -> &'a str {
        case.get(name).and_then(serde_json::Value::as_str).expect(name)
    }

    fn list<'a>(known: &'a serde_json::Value, name: &str) -> &'a Vec<serde_json::Value> {
        known.get(name).and_then(serde_json::Value::as_array).expect("a list of cases")
    }

    fn fields(case: &serde_json::Value) -> Fields {
        let fields = case.get("fields").and_then(serde_json::Value::as_object).expect("fields");
        fields
            .iter()
            .map(|(name, value)| (name.clone(), Zeroizing::new(value.as_str().expect("text").to_owned())))
            .collect()
    }

    fn key(known: &serde_json::Value, case: &serde_json::Value) -> Secret {
        let keys = known.get("keys").expect("keys");
        Secret::new(text(keys, text(case, "key")).as_bytes().to_vec())
    }

    fn sign_type(case: &serde_json::Value) -> SignType {
        match text(case, "alg") {
            "MD5" => SignType::Md5,
            other => {
                assert_eq!(other, "HMAC-SHA256");
                SignType::HmacSha256
            }
        }
    }

    #[test]
    fn every_known_signature_comes_out_byte_for_byte() {
        let known = known();
        let cases = list(&known, "cases");
        assert!(cases.len() >= 15);
        for case in cases {
            let id = text(case, "id");
            assert_eq!(base(&fields(case)).as_str(), text(case, "base"), "{id}");
            assert_eq!(sign(&fields(case), &key(&known, case), sign_type(case)), text(case, "sign"), "{id}");
        }
    }

    #[test]
    fn signatures_made_by_known_mistakes_do_not_match() {
        let known = known();
        for case in list(&known, "must_not_match") {
            let given = text(case, "sign");
            assert!(!is_signed(&fields(case), given, &key(&known, case), sign_type(case)), "{}", text(case, "why"));
        }
    }

    #[test]
    fn the_known_documents_are_accepted_or_refused_as_they_should_be() {
        let known = known();
        let cases = list(&known, "xml");
        assert!(cases.len() >= 12);
        for case in cases {
            let accepted = xml::parse(text(case, "xml").as_bytes(), 64).is_ok_and(|fields| {
                let given = fields.get(SIGN).map_or("", |sign| sign.as_str());
                is_signed(&fields, given, &key(&known, case), sign_type(case))
            });
            assert_eq!(accepted, text(case, "expect") == "ok", "{} {}", text(case, "id"), text(case, "why"));
        }
    }

    #[test]
    fn lower_case_and_shortened_signatures_do_not_match() {
        let known = known();
        let case = list(&known, "cases").first().expect("a case");
        let (fields, key) = (fields(case), key(&known, case));
        let right = text(case, "sign");
        assert!(is_signed(&fields, right, &key, SignType::Md5));
        for wrong in [right.to_lowercase(), right.chars().take(31).collect(), String::new(), format!("{right} ")] {
            assert!(!is_signed(&fields, &wrong, &key, SignType::Md5), "{wrong:?}");
        }
    }
}
