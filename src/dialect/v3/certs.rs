//! The list of platform certificates: each one encrypted with the API v3 key, the whole signed by one of them.
//!
//! Source: protocol 7.3, "Platform certificates".

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::verify::verify;
use crate::dialect::keys::normal;
use crate::dialect::{Distrust, HttpReply, PlatformKeys, Proof, REPLY_MAX};
use crate::words::Secret;

/// More certificates than this are not live at once; two are, around a change.
const CERTIFICATES_MAX: usize = 16;

#[derive(Deserialize)]
struct List {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    serial_no: String,
    encrypt_certificate: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    algorithm: String,
    nonce: String,
    #[serde(default)]
    associated_data: String,
    ciphertext: String,
}

/// Reads the list and believes it when it is signed by a key that is known or, for the first time, by one it carries:
/// whoever encrypted it has the API v3 key.
pub(super) fn read(reply: &HttpReply, api_key: &Secret, proof: &Proof<'_>) -> Result<PlatformKeys, Distrust> {
    if reply.body.len() > REPLY_MAX {
        return Err(Distrust::TooLarge);
    }
    if reply.status != 200 {
        return Err(Distrust::Status(reply.status));
    }
    let carried = open_all(&reply.body, api_key)?;
    let mut keys = carried.clone();
    keys.extend(proof.keys.clone());
    verify(&reply.headers, &reply.body, &Proof { at: proof.at, keys: &keys })?;
    Ok(carried)
}

/// The certificates of a list's body.
pub(super) fn open_all(body: &[u8], api_key: &Secret) -> Result<PlatformKeys, Distrust> {
    let list: List = serde_json::from_slice(body).map_err(|_| Distrust::Malformed("no list of certificates"))?;
    if list.data.is_empty() || list.data.len() > CERTIFICATES_MAX {
        return Err(Distrust::Malformed("no certificate, or too many"));
    }
    let mut keys = PlatformKeys::default();
    for item in &list.data {
        let sealed = &item.encrypt_certificate;
        if sealed.algorithm != "AEAD_AES_256_GCM" {
            return Err(Distrust::Malformed("an encryption nobody has told us about"));
        }
        let pem = open(api_key.expose(), &sealed.nonce, &sealed.associated_data, &sealed.ciphertext)
            .ok_or(Distrust::Malformed("a certificate that the API v3 key does not open: check api_key_file"))?;
        let unreadable = Distrust::Malformed("a platform certificate that cannot be read");
        let der = CertificateDer::from_pem_slice(&pem).map_err(|_| unreadable)?;
        let serial = keys.add_certificate(&der).map_err(|_| unreadable)?;
        if normal(&serial) != normal(&item.serial_no) {
            return Err(Distrust::Malformed("a certificate under another's serial number"));
        }
    }
    Ok(keys)
}

/// Decrypts `ciphertext`, Base64 of the text and its tag; none when anything about it is wrong.
pub(super) fn open(key: &[u8], nonce: &str, associated_data: &str, ciphertext: &str) -> Option<Vec<u8>> {
    // AES-256 and nothing else: a key of another length does not get this far.
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
    let mut text = STANDARD.decode(ciphertext).ok()?;
    let length = key.open_in_place(nonce, Aad::from(associated_data.as_bytes()), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WallTime;

    fn known() -> serde_json::Value {
        serde_json::from_str(include_str!("../../../tests/data/v3.json")).expect("the vectors")
    }

    fn key(known: &serde_json::Value, case: &serde_json::Value) -> Secret {
        Secret::new(known["aes"][case["aes"].as_str().expect("aes")].as_str().expect("a key").as_bytes().to_vec())
    }

    #[test]
    fn every_known_ciphertext_is_opened_or_refused() {
        let known = known();
        let cases = known["aes_gcm"].as_array().expect("cases");
        assert!(cases.len() >= 10);
        for case in cases {
            let text = |name: &str| case[name].as_str().unwrap_or_default();
            let opened = open(key(&known, case).expose(), text("nonce"), text("associated_data"), text("ciphertext"));
            assert_eq!(opened.is_some(), case["expect"] == "ok", "{} {}", case["id"], case["why"]);
            if let Some(opened) = opened {
                assert_eq!(opened, text("plaintext").as_bytes(), "{}", case["id"]);
            }
        }
    }

    #[test]
    fn every_known_list_is_believed_or_refused_on_a_first_download() {
        let known = known();
        let cases = known["certificate_lists"].as_array().expect("cases");
        assert!(cases.len() >= 9);
        for case in cases {
            let body = case["body"].as_str().expect("a body").as_bytes().to_vec();
            let keys = if case["signed"] == true {
                let headers = case["headers"].as_array().expect("headers").iter().map(|it| {
                    let text = |at: usize| it[at].as_str().expect("text");
                    (text(0).to_lowercase(), text(1).as_bytes().to_vec())
                });
                let reply = HttpReply { status: 200, headers: headers.collect(), body };
                let at = WallTime::from_millis(case["now"].as_i64().expect("now").saturating_mul(1000));
                read(&reply, &key(&known, case), &Proof { at, keys: &PlatformKeys::default() })
            } else {
                open_all(&body, &key(&known, case))
            };
            assert_eq!(keys.is_ok(), case["expect"] == "ok", "{} {} {keys:?}", case["id"], case["why"]);
            if let Ok(keys) = keys {
                let serials: Vec<&str> =
                    case["serials"].as_array().expect("serials").iter().filter_map(serde_json::Value::as_str).collect();
                assert_eq!(keys.serials().collect::<Vec<_>>(), serials, "{}", case["id"]);
            }
        }
    }

    #[test]
    fn a_later_list_may_be_signed_by_a_key_that_is_known_and_gone_from_it() {
        let known = known();
        let case = known["certificate_lists"].as_array().expect("cases").iter().find(|it| it["id"] == "C5");
        let case = case.expect("a list that does not carry its signer");
        let mut keys = PlatformKeys::default();
        keys.add_pem(known["certificates"]["platform_a"]["pem"].as_str().expect("pem").as_bytes()).expect("readable");
        let headers = case["headers"].as_array().expect("headers").iter().map(|it| {
            (it[0].as_str().expect("a name").to_lowercase(), it[1].as_str().expect("a value").as_bytes().to_vec())
        });
        let body = case["body"].as_str().expect("a body").as_bytes().to_vec();
        let reply = HttpReply { status: 200, headers: headers.collect(), body };
        let at = WallTime::from_millis(case["now"].as_i64().expect("now").saturating_mul(1000));
        assert!(read(&reply, &key(&known, case), &Proof { at, keys: &keys }).is_ok());
    }
}
