//! The gateway's own public keys, by the serial number a reply names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::words::WallTime;

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a certificate, or none that can be read.
    #[error("no certificate that can be read")]
    Certificate,
    /// Not an RSA key of 2048 bits or more.
    #[error("no RSA public key of 2048 bits or more")]
    Key,
}

/// A key that signs replies: out of a platform certificate, or configured by itself.
#[derive(Clone)]
pub struct PlatformKey {
    key: Arc<ParsedPublicKey>,
    /// The certificate's first and last moment; none for a key without a certificate.
    certificate: Option<(WallTime, WallTime)>,
}

impl PlatformKey {
    /// Whether `signature` is this key's RSA-SHA256 signature (PKCS #1 v1.5) of `message`.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }

    /// The last moment of its certificate; none without one.
    #[must_use]
    pub fn until(&self) -> Option<WallTime> {
        self.certificate.map(|(_, until)| until)
    }

    /// Whether the key may sign at this moment. One without a certificate always may.
    #[must_use]
    pub fn is_valid(&self, at: WallTime) -> bool {
        self.certificate.as_ref().is_none_or(|(from, until)| *from <= at && at <= *until)
    }
}

impl fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlatformKey")
    }
}

/// All keys of the gateway that are known.
#[derive(Clone, Debug, Default)]
pub struct PlatformKeys(BTreeMap<String, PlatformKey>);

impl PlatformKeys {
    /// No key at all.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a certificate in DER; gives its serial number in upper-case hexadecimal.
    ///
    /// # Errors
    /// When it is no certificate of an RSA key.
    pub fn add_certificate(&mut self, der: &[u8]) -> Result<String, KeyError> {
        let certificate = Certificate::from_der(der).map_err(|_| KeyError::Certificate)?;
        let tbs = certificate.tbs_certificate();
        let moment = |time: x509_cert::time::Time| WallTime::default().after(time.to_unix_duration());
        let spki = tbs.subject_public_key_info().to_der().map_err(|_| KeyError::Certificate)?;
        let certificate = Some((moment(tbs.validity().not_before), moment(tbs.validity().not_after)));
        let serial = serial(tbs.serial_number().as_bytes());
        self.0.insert(normal(&serial), PlatformKey { key: parsed(&spki)?, certificate });
        Ok(serial)
    }

    /// Adds the certificates of a PEM text; gives their number.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<usize, KeyError> {
        let mut count = 0_usize;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.add_certificate(&certificate.map_err(|_| KeyError::Certificate)?)?;
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    /// Adds the public key in `pem` under its `id`, `PUB_KEY_ID_...`.
    ///
    /// # Errors
    /// When it is no RSA public key.
    pub fn add_public_key(&mut self, id: &str, pem: &[u8]) -> Result<(), KeyError> {
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| KeyError::Key)?;
        self.0.insert(normal(id), PlatformKey { key: parsed(&spki)?, certificate: None });
        Ok(())
    }

    /// Adds what `other` has; of a key that both have, `other`'s counts.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The key that a reply names in `Wechatpay-Serial`.
    #[must_use]
    pub fn get(&self, serial: &str) -> Option<&PlatformKey> {
        self.0.get(&normal(serial))
    }

    /// Whether any key may sign at this moment.
    #[must_use]
    pub fn any_valid(&self, at: WallTime) -> bool {
        self.0.values().any(|key| key.is_valid(at))
    }

    /// The serial numbers and ids, for people.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn parsed(spki: &[u8]) -> Result<Arc<ParsedPublicKey>, KeyError> {
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki).map(Arc::new).map_err(|_| KeyError::Key)
}

/// A certificate's serial number as people and headers write it. DER puts a zero byte before a high bit.
pub(super) fn serial(bytes: &[u8]) -> String {
    let bytes = if let [0, rest @ ..] = bytes { rest } else { bytes };
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// As serial numbers are compared: some programs leave out a zero in front, some write small letters.
pub(super) fn normal(serial: &str) -> String {
    serial.trim_start_matches('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/data/v3.json")).expect("the vectors")
    }

    #[test]
    fn every_known_certificate_is_found_by_its_serial_number() {
        let known = known();
        let mut keys = PlatformKeys::default();
        let certificates = known["certificates"].as_object().expect("certificates");
        for certificate in certificates.values() {
            let pem = certificate["pem"].as_str().expect("pem");
            assert_eq!(keys.add_pem(pem.as_bytes()), Ok(1));
            assert!(keys.get(certificate["serial_no"].as_str().expect("serial_no")).is_some());
        }
        assert_eq!(keys.serials().count(), certificates.len());
    }

    #[test]
    fn the_official_sdks_own_signature_is_good_and_no_other_message_has_it() {
        use base64::Engine as _;
        let known = known();
        let mut keys = PlatformKeys::default();
        let wgo = &known["certificates"]["wgo"];
        keys.add_pem(wgo["pem"].as_str().expect("pem").as_bytes()).expect("a certificate");
        let key = keys.get(wgo["serial_no"].as_str().expect("serial_no")).expect("its key");
        for case in known["rsa"].as_array().expect("cases") {
            let signature = case["signature"].as_str().expect("a signature");
            let signature = base64::engine::general_purpose::STANDARD.decode(signature).expect("Base64");
            let good = key.signed(case["message"].as_str().expect("a message").as_bytes(), &signature);
            assert_eq!(good, case["expect"] == "ok", "{}", case["id"]);
        }
    }

    #[test]
    fn a_certificate_counts_from_its_first_to_its_last_second() {
        let known = known();
        let mut keys = PlatformKeys::default();
        keys.add_pem(known["certificates"]["platform_b"]["pem"].as_str().expect("pem").as_bytes()).expect("readable");
        let at = |text: &str| WallTime::from_millis(text.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
        for (time, valid) in [
            ("2023-11-12T23:59:59Z", false),
            ("2023-11-13T00:00:00Z", true),
            ("2028-11-11T00:00:00Z", true),
            ("2028-11-11T00:00:01Z", false),
        ] {
            assert_eq!(keys.any_valid(at(time)), valid, "{time}");
        }
    }

    #[test]
    fn what_is_no_certificate_and_no_rsa_key_is_refused() {
        let mut keys = PlatformKeys::default();
        assert_eq!(keys.add_certificate(b"nonsense"), Err(KeyError::Certificate));
        assert_eq!(
            keys.add_pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            Err(KeyError::Certificate)
        );
        assert_eq!(
            keys.add_public_key("PUB_KEY_ID_1", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
            Err(KeyError::Key)
        );
        assert!(!keys.any_valid(WallTime::default()));
    }
}
