//! Whom we trust, and the certificate we show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::words::Secret;

/// The client certificate that `/secapi/` wants, by its files.
#[derive(Clone, Debug)]
pub enum Identity {
    /// `apiclient_cert.pem` and `apiclient_key.pem`.
    Pem {
        /// The certificate and, behind it, its chain.
        cert_file: PathBuf,
        /// The private key, not encrypted.
        key_file: PathBuf,
    },
    /// `apiclient_cert.p12`.
    Pkcs12 {
        /// The key store.
        file: PathBuf,
        /// Its password: the mch_id, unless somebody changed it.
        password: Secret,
    },
}

/// Why TLS cannot be set up. Says which file, and never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{what} {} cannot be read: {source}", file.display())]
    Unreadable {
        /// Which of the files.
        what: &'static str,
        /// Its path.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{what} {} {why}", file.display())]
    Wrong {
        /// Which of the files.
        what: &'static str,
        /// Its path.
        file: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Library(rustls::Error),
}

/// TLS without a client certificate, trusting the public roots and those in `ca_file`.
pub(super) fn plain(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    Ok(trusting(ca_file)?.with_no_client_auth())
}

/// The same with the client certificate.
pub(super) fn certified(ca_file: Option<&Path>, identity: &Identity) -> Result<ClientConfig, TlsError> {
    let (chain, key, file) = match identity {
        Identity::Pem { cert_file, key_file } => (pem_chain(cert_file)?, pem_key(key_file)?, key_file),
        Identity::Pkcs12 { file, password } => {
            let (chain, key) = pkcs12(file, password)?;
            (chain, key, file)
        }
    };
    trusting(ca_file)?.with_client_auth_cert(chain, key).map_err(|_| {
        let why = "and the client certificate do not belong together: download both again, as a pair";
        TlsError::Wrong { what: KEY, file: file.clone(), why }
    })
}

const CA: &str = "ca_file";
const CERTIFICATE: &str = "client_cert_file";
const KEY: &str = "client_key_file";

fn trusting(ca_file: Option<&Path>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca_file {
        let why = "holds no root certificate in PEM form: it begins with -----BEGIN CERTIFICATE-----";
        let wrong = || TlsError::Wrong { what: CA, file: file.to_owned(), why };
        let certificates = certificates(&read(CA, file)?).ok_or_else(wrong)?;
        for certificate in certificates {
            roots.add(certificate).map_err(|_| wrong())?;
        }
    }
    // TLS 1.2 and 1.3; early data stays off, because it can be replayed.
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)
        .map(|builder| builder.with_root_certificates(roots))
}

fn read(what: &'static str, file: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    std::fs::read(file).map(Zeroizing::new).map_err(|source| TlsError::Unreadable {
        what,
        file: file.to_owned(),
        source,
    })
}

/// All certificates of a PEM text, if there is one and all can be read.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}

fn pem_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let why = "holds no certificate in PEM form: it begins with -----BEGIN CERTIFICATE-----";
    certificates(&read(CERTIFICATE, file)?).ok_or(TlsError::Wrong { what: CERTIFICATE, file: file.to_owned(), why })
}

fn pem_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let why = "holds no unencrypted private key in PEM form: it begins with -----BEGIN PRIVATE KEY-----";
    // The library's error may quote a line of the file, so it is not passed on.
    PrivateKeyDer::from_pem_slice(&read(KEY, file)?).map_err(|_| TlsError::Wrong {
        what: KEY,
        file: file.to_owned(),
        why,
    })
}

fn pkcs12(file: &Path, password: &Secret) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
    let wrong = |why| TlsError::Wrong { what: CERTIFICATE, file: file.to_owned(), why };
    let password = std::str::from_utf8(password.expose()).map_err(|_| wrong("needs a password in UTF-8"))?;
    let store =
        KeyStore::from_pkcs12(&read(CERTIFICATE, file)?, password, Pkcs12ImportPolicy::Strict).map_err(|_| {
            wrong("cannot be opened: it is no .p12, or the password is wrong (it is the mch_id by default)")
        })?;
    let (_, chain) = store.private_key_chain().ok_or_else(|| wrong("holds no private key with its certificate"))?;
    let certificates = chain.certs().iter().map(|cert| CertificateDer::from(cert.as_der().to_vec())).collect();
    Ok((certificates, PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec()).into()))
}
