//! What a certificate says of itself: whose it is, and from when until when.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::keys::{KeyError, serial};
use crate::words::WallTime;

/// A certificate, as far as a person goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Its serial number in upper-case hexadecimal.
    pub serial: String,
    /// The common name it is made out to; WeChat Pay makes a merchant's out to the merchant number.
    pub name: String,
    /// Its first moment.
    pub from: WallTime,
    /// Its last moment.
    pub until: WallTime,
}

impl Paper {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        Self::from_der(&CertificateDer::from_pem_slice(pem).map_err(|_| KeyError::Certificate)?)
    }

    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let certificate = Certificate::from_der(der).map_err(|_| KeyError::Certificate)?;
        let tbs = certificate.tbs_certificate();
        let moment = |time: x509_cert::time::Time| WallTime::default().after(time.to_unix_duration());
        // RFC 4514: parts between commas, a name before each.
        let subject = tbs.subject().to_string();
        let name = subject.split([',', '+']).find_map(|part| part.trim().strip_prefix("CN="));
        Ok(Self {
            serial: serial(tbs.serial_number().as_bytes()),
            name: name.unwrap_or_default().to_owned(),
            from: moment(tbs.validity().not_before),
            until: moment(tbs.validity().not_after),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchants_certificate_tells_its_number_and_its_time() {
        let known: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/v3.json")).expect("the vectors");
        let platform = &known["certificates"]["platform_b"];
        let paper = Paper::from_pem(platform["pem"].as_str().expect("pem").as_bytes()).expect("readable");
        assert_eq!(paper.serial, platform["serial_no"].as_str().expect("a serial number"));
        assert_eq!(paper.from.to_string(), "2023-11-13T00:00:00.000Z");
        assert_eq!(paper.until.to_string(), "2028-11-11T00:00:00.000Z");
        assert!(!paper.name.is_empty());
        assert_eq!(Paper::from_pem(b"nonsense"), Err(KeyError::Certificate));
        assert_eq!(Paper::from_der(b"nonsense"), Err(KeyError::Certificate));
    }
}
