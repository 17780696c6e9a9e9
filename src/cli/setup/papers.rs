//! The merchant's certificate: whose it is, and for how long.

use std::time::Duration;

use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::cli::exit::BadData;
use crate::config::{ClientIdentity, Config, GatewayApi};
use crate::words::WallTime;

/// A certificate that ends within this time is worth a note: a new one takes the merchant a few days.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// What is worth a note about the merchant's certificate: `pem`, or what is in the configuration's `.p12`.
///
/// # Errors
/// When it is another merchant's, or its time is over or has not come.
pub(super) fn check(config: &Config, pem: Option<&[u8]>, now: WallTime) -> anyhow::Result<Vec<String>> {
    let Some(der) = pem.and_then(of_pem).or_else(|| of_p12(config)) else { return Ok(Vec::new()) };
    let Ok(certificate) = Certificate::from_der(&der) else {
        return Err(BadData("the merchant's certificate cannot be read; download it again".to_owned()).into());
    };
    let tbs = certificate.tbs_certificate();
    let name = tbs.subject().common_name().ok().flatten().map(|name| name.value().into_owned()).unwrap_or_default();
    let ours = config.gateway.mch_id.as_str();
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && name != ours {
        let text = format!(
            "the certificate is merchant {name}'s, and mch_id says {ours}: one of the two is wrong; in institution mode both \
             are the institution's"
        );
        return Err(BadData(text).into());
    }
    let moment = |time: x509_cert::time::Time| WallTime::default().after(time.to_unix_duration());
    let (from, until) = (moment(tbs.validity().not_before), moment(tbs.validity().not_after));
    if until < now {
        return Err(BadData(format!(
            "the certificate ended on {until}: download a new one from the merchant platform"
        ))
        .into());
    }
    if now < from {
        let text =
            format!("the certificate begins on {from}, and this machine's clock says {now}: is the clock right?");
        return Err(BadData(text).into());
    }
    let mut notes = Vec::new();
    if until < now.after(SOON) {
        notes.push(format!("the certificate ends on {until}: renew it on the merchant platform in time"));
    }
    if !is_number {
        notes.push(format!(
            "the certificate does not name a merchant number, but \"{}\"",
            crate::cli::say::plain(&name)
        ));
    }
    Ok(notes)
}

fn of_pem(pem: &[u8]) -> Option<Vec<u8>> {
    Some(CertificateDer::from_pem_slice(pem).ok()?.to_vec())
}

fn of_p12(config: &Config) -> Option<Vec<u8>> {
    let GatewayApi::V2(v2) = &config.gateway.api else { return None };
    let Some(ClientIdentity::Pkcs12 { store, password }) = &v2.client else { return None };
    let password = std::str::from_utf8(password.expose()).ok()?;
    let store = KeyStore::from_pkcs12(store.expose(), password, Pkcs12ImportPolicy::Strict).ok()?;
    let (_, chain) = store.private_key_chain()?;
    Some(chain.certs().first()?.as_der().to_vec())
}
