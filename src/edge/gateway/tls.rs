//! Whom we trust, and the certificate we show.

use std::sync::Arc;

use crate::words::Secret;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The client certificate that `/secapi/` wants, as its files hold it.
#[derive(Clone, Debug)]
pub enum Identity {
    /// `apiclient_cert.pem` and `apiclient_key.pem`.
    Pem {
        /// The certificate and, behind it, its chain.
        cert: Vec<u8>,
        /// The private key, not encrypted.
        key: Secret,
    },
    /// `apiclient_cert.p12`.
    Pkcs12 {
        /// The key store.
        store: Secret,
        /// Its password: the mch_id, unless somebody changed it.
        password: Secret,
    },
}

impl Identity {
    /// The certificate itself, in DER, once it is sure that the key belongs to it.
    ///
    /// # Errors
    /// When one of them cannot be read, or they are no pair.
    pub fn certificate(&self) -> Result<Vec<u8>, TlsError> {
        certified(None, self)?;
        let chain = match self {
            Self::Pem { cert, .. } => pem_chain(cert)?,
            Self::Pkcs12 { store, password } => pkcs12(store, password)?.0,
        };
        let why = "holds no certificate";
        chain.first().map(|it| it.to_vec()).ok_or(TlsError::Wrong { what: CERTIFICATE, why })
    }
}

/// Why TLS cannot be set up. Says which file, and never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file holds something else.
    #[error("the file of {what} {why}")]
    Wrong {
        /// The configuration key that names it.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Library(rustls::Error),
}

/// TLS without a client certificate, trusting the public roots and those in `extra_roots`.
pub(super) fn plain(extra_roots: Option<&[u8]>) -> Result<ClientConfig, TlsError> {
    Ok(trusting(extra_roots)?.with_no_client_auth())
}

/// The same with the client certificate.
pub(super) fn certified(extra_roots: Option<&[u8]>, identity: &Identity) -> Result<ClientConfig, TlsError> {
    let (chain, key) = match identity {
        Identity::Pem { cert, key } => (pem_chain(cert)?, pem_key(key)?),
        Identity::Pkcs12 { store, password } => pkcs12(store, password)?,
    };
    trusting(extra_roots)?.with_client_auth_cert(chain, key).map_err(|_| {
        let why = "and the client certificate do not belong together: download both again, as a pair";
        TlsError::Wrong { what: KEY, why }
    })
}

const CA: &str = "ca_file";
const CERTIFICATE: &str = "client_cert_file";
const KEY: &str = "client_key_file";

fn trusting(extra_roots: Option<&[u8]>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_roots {
        let why = "holds no root certificate in PEM form: it begins with -----BEGIN CERTIFICATE-----";
        let wrong = || TlsError::Wrong { what: CA, why };
        for certificate in certificates(pem).ok_or_else(wrong)? {
            roots.add(certificate).map_err(|_| wrong())?;
        }
    }
    // TLS 1.2 and 1.3; early data stays off, because it can be replayed.
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)
        .map(|builder| builder.with_root_certificates(roots))
}

/// All certificates of a PEM text, if there is one and all can be read.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}

fn pem_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let why = "holds no certificate in PEM form: it begins with -----BEGIN CERTIFICATE-----";
    certificates(pem).ok_or(TlsError::Wrong { what: CERTIFICATE, why })
}

fn pem_key(pem: &Secret) -> Result<PrivateKeyDer<'static>, TlsError> {
    let why = "holds no unencrypted private key in PEM form: it begins with -----BEGIN PRIVATE KEY-----";
    // The library's error may quote a line of the file, so it is not passed on.
    PrivateKeyDer::from_pem_slice(pem.expose()).map_err(|_| TlsError::Wrong { what: KEY, why })
}

fn pkcs12(
    store: &Secret,
    password: &Secret,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
    let wrong = |why| TlsError::Wrong { what: CERTIFICATE, why };
    let password = std::str::from_utf8(password.expose()).map_err(|_| wrong("needs a password in UTF-8"))?;
    let store = KeyStore::from_pkcs12(store.expose(), password, Pkcs12ImportPolicy::Strict).map_err(|_| {
        wrong("cannot be opened: it is no .p12, or the password is wrong (it is the mch_id by default)")
    })?;
    let (_, chain) = store.private_key_chain().ok_or_else(|| wrong("holds no private key with its certificate"))?;
    let certificates = chain.certs().iter().map(|cert| CertificateDer::from(cert.as_der().to_vec())).collect();
    Ok((certificates, PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec()).into()))
}
