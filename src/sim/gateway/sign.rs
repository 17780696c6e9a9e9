//! The simulator's own signatures: not the product's, so that a mistake in both would have to be made twice.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;

/// `sign_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SignType {
    /// MD5, which is also what an absent `sign_type` means.
    #[default]
    #[value(name = "MD5")]
    Md5,
    /// HMAC-SHA256.
    #[value(name = "HMAC-SHA256")]
    HmacSha256,
}

impl SignType {
    /// What a request says it is signed with; none when it is neither of the two.
    pub(super) fn of(fields: &BTreeMap<String, String>) -> Option<Self> {
        match fields.get("sign_type").map_or("", String::as_str) {
            "" | "MD5" => Some(Self::Md5),
            "HMAC-SHA256" => Some(Self::HmacSha256),
            _ => None,
        }
    }

    /// The other one.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Md5 => Self::HmacSha256,
            Self::HmacSha256 => Self::Md5,
        }
    }
}

/// The signature of these fields: all but `sign` and the empty ones, by byte order, then the key.
pub(super) fn sign(fields: &BTreeMap<String, String>, key: &str, sign_type: SignType) -> String {
    let mut text = base(fields);
    text.push_str(key);
    match sign_type {
        SignType::Md5 => hex(&Md5::digest(text.as_bytes())),
        SignType::HmacSha256 => match Hmac::<Sha256>::new_from_slice(key.as_bytes()) {
            Ok(mac) => hex(&mac.chain_update(text.as_bytes()).finalize().into_bytes()),
            Err(_) => String::new(), // HMAC takes a key of any length
        },
    }
}

fn base(fields: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(name, value)| *name != "sign" && !value.is_empty()) {
        text.extend([name, "=", value, "&"]);
    }
    text.push_str("key=");
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_is_signed_as_it_says() {
        let vectors = vectors();
        for case in vectors["cases"].as_array().expect("cases") {
            let fields = fields(case);
            assert_eq!(base(&fields), case["base"].as_str().expect("base"), "{}", case["id"]);
            assert_eq!(signed(&vectors, case), case["sign"].as_str().expect("sign"), "{}", case["id"]);
        }
    }

    #[test]
    fn the_known_mistakes_are_not_made() {
        let vectors = vectors();
        for case in vectors["must_not_match"].as_array().expect("cases") {
            assert_ne!(signed(&vectors, case), case["sign"].as_str().expect("sign"), "{}", case["id"]);
        }
    }

    #[test]
    fn every_document_is_taken_or_refused_as_the_vectors_say() {
        let vectors = vectors();
        for case in vectors["xml"].as_array().expect("cases") {
            let fields = super::super::xml::parse(case["xml"].as_str().expect("xml").as_bytes());
            let taken = fields
                .is_ok_and(|fields| fields.get("sign") == Some(&sign(&fields, key(&vectors, case), sign_type(case))));
            assert_eq!(taken, case["expect"] == "ok", "{}: {}", case["id"], case["why"]);
        }
    }

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../tests/data/v2.json")).expect("the vectors are JSON")
    }

    fn signed(vectors: &serde_json::Value, case: &serde_json::Value) -> String {
        sign(&fields(case), key(vectors, case), sign_type(case))
    }

    fn key<'a>(vectors: &'a serde_json::Value, case: &serde_json::Value) -> &'a str {
        vectors["keys"][case["key"].as_str().expect("key")].as_str().expect("a known key")
    }

    fn sign_type(case: &serde_json::Value) -> SignType {
        if case["alg"] == "MD5" { SignType::Md5 } else { SignType::HmacSha256 }
    }

    fn fields(case: &serde_json::Value) -> BTreeMap<String, String> {
        let fields = case["fields"].as_object().expect("fields");
        fields.iter().map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())).collect()
    }
}
