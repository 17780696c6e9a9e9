//! Requests signed with the merchant's key: RSA-SHA256 over the request as it stands on the wire.
//!
//! Source: protocol 7.2.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use zeroize::Zeroizing;

use crate::dialect::keys::serial;
use crate::dialect::{HttpRequest, Stamp};
use crate::words::Secret;

/// The merchant's key and the serial number of its certificate, which names it.
pub struct Signer {
    key: RsaKeyPair,
    serial: String,
}

/// Why the merchant cannot sign. Says which of the two files, and never what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The private key.
    #[error("the private key is no unencrypted RSA key of 2048 bits or more in PEM")]
    Key,
    /// The certificate.
    #[error("the certificate cannot be read")]
    Certificate,
    /// Both are good, but of different pairs.
    #[error("the private key and the certificate do not belong together: download both again, as a pair")]
    Pair,
}

impl Signer {
    /// Takes the merchant's private key and the certificate that belongs to it, both in PEM.
    ///
    /// # Errors
    /// When one of them cannot be used, or they are no pair.
    pub fn new(private_key: &Secret, certificate: &[u8]) -> Result<Self, SignerError> {
        let key = match PrivateKeyDer::from_pem_slice(private_key.expose()).map_err(|_| SignerError::Key)? {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(_) | _ => return Err(SignerError::Key),
        };
        let key = key.map_err(|_| SignerError::Key)?;
        let der = CertificateDer::from_pem_slice(certificate).map_err(|_| SignerError::Certificate)?;
        let certificate = Certificate::from_der(&der).map_err(|_| SignerError::Certificate)?;
        let tbs = certificate.tbs_certificate();
        // Both sides are the key's modulus and exponent in DER (RFC 8017 A.1.1).
        if tbs.subject_public_key_info().subject_public_key.as_bytes() != Some(key.public_key().as_ref()) {
            return Err(SignerError::Pair);
        }
        Ok(Self { key, serial: serial(tbs.serial_number().as_bytes()) })
    }

    /// The serial number of the merchant's certificate.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The header `Authorization` of a request by `mch_id`.
    pub(super) fn authorization(&self, request: &HttpRequest, mch_id: &str, stamp: &Stamp) -> String {
        let timestamp = seconds(stamp);
        let message = message(request.method, &request.path, timestamp, &stamp.nonce, &request.body);
        let signature = STANDARD.encode(self.sign(&message));
        format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{mch_id}\",nonce_str=\"{}\",timestamp=\"{timestamp}\",serial_no=\"{}\",signature=\"{signature}\"",
            stamp.nonce, self.serial
        )
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        // This padding takes nothing from chance: equal messages have equal signatures. It fails only for want of
        // memory, and an empty signature is then refused by the gateway.
        match self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature) {
            Ok(()) => signature,
            Err(_) => Vec::new(),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.serial)
    }
}

fn seconds(stamp: &Stamp) -> i64 {
    stamp.time.millis().div_euclid(1000)
}

/// What is signed: five lines, the last one ended too. May hold a payment code.
fn message(method: &str, target: &str, timestamp: i64, nonce: &str, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let head = format!("{method}\n{target}\n{timestamp}\n{nonce}\n");
    let mut message = Zeroizing::new(Vec::with_capacity(head.len().saturating_add(body.len()).saturating_add(1)));
    message.extend_from_slice(head.as_bytes());
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::PlatformKeys;

    #[test]
    fn every_known_request_is_signed_over_the_bytes_on_the_wire() {
        let known: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/v3.json")).expect("the vectors");
        let mut merchant = PlatformKeys::default();
        let pem = known["certificates"]["merchant"]["pem"].as_str().expect("pem");
        merchant.add_pem(pem.as_bytes()).expect("a certificate");
        let cases = known["requests"].as_array().expect("cases");
        assert!(cases.len() >= 8);
        for case in cases {
            let text = |name: &str| case[name].as_str().expect("text");
            let timestamp = text("timestamp").parse().expect("seconds");
            let message = message(text("method"), text("target"), timestamp, text("nonce"), text("body").as_bytes());
            assert_eq!(message.as_slice(), text("message").as_bytes(), "{}", text("id"));
            let Some(signature) = case["signature"].as_str() else { continue };
            let signature = STANDARD.decode(signature).expect("Base64");
            let serial = case["authorization"]["serial_no"].as_str().expect("a serial number");
            let good = merchant.get(serial).expect("the merchant's").signed(&message, &signature);
            assert_eq!(good, text("expect") == "ok", "{} {}", text("id"), text("why"));
        }
    }
}
