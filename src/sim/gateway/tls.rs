//! The simulator's own authority: a CA, a server certificate, and the merchant's client certificate in every form the
//! merchant platform hands out.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_RSA_SHA256, SerialNumber,
};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Names the server certificate is good for: loopback, and the real hosts, so that a test may resolve them here.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1", "apihk.mch.weixin.qq.com", "api.mch.weixin.qq.com"];

/// The serial number of the merchant's certificate.
const CLIENT_SERIAL: [u8; 16] =
    [0x3b, 0x1f, 0x0c, 0x6d, 0x7e, 0x2a, 0x49, 0x58, 0x1c, 0x0d, 0x9e, 0x8f, 0x7a, 0x6b, 0x5c, 0x4d];

/// What TLS needs, made anew at every start.
pub(super) struct Papers {
    pub(super) server: Arc<ServerConfig>,
    ca: String,
    /// The merchant's own key pair, which also signs v3, and its certificate's serial number.
    pub(super) client: KeyPair,
    pub(super) client_serial: String,
    client_cert: String,
    client_p12: Vec<u8>,
    /// The platform's key pair of public-key mode.
    pub(super) platform: KeyPair,
}

impl Papers {
    /// Makes everything. `mch_id` is the client certificate's name and the password of the `.p12`.
    pub(super) fn make(mch_id: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "shroff-sim authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(io::Error::other)?)
            .map_err(io::Error::other)?;

        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, "shroff-sim gateway");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        let server_key = KeyPair::generate().map_err(io::Error::other)?;
        let server_cert = params.signed_by(&server_key, &ca).map_err(io::Error::other)?;

        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, mch_id);
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        params.serial_number = Some(SerialNumber::from_slice(&CLIENT_SERIAL));
        let client_key = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(io::Error::other)?; // as the real ones are
        let client_cert = params.signed_by(&client_key, &ca).map_err(io::Error::other)?;

        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(io::Error::other)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])
            .map_err(io::Error::other)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server_cert.der().clone()], key)
            .map_err(io::Error::other)?;
        Ok(Self {
            server: Arc::new(server),
            ca: ca.pem(),
            client_p12: p12(&client_key.serialize_der(), client_cert.der(), ca.der(), mch_id)?,
            client_cert: client_cert.pem(),
            client_serial: CLIENT_SERIAL.iter().map(|byte| format!("{byte:02X}")).collect(),
            client: client_key,
            platform: KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(io::Error::other)?,
        })
    }

    /// Puts `ca.pem`, `apiclient_cert.pem`, `apiclient_key.pem`, `apiclient_cert.p12` and `pub_key.pem` into `dir`.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("ca.pem"), &self.ca)?;
        std::fs::write(dir.join("apiclient_cert.pem"), &self.client_cert)?;
        std::fs::write(dir.join("pub_key.pem"), self.platform.public_key_pem())?;
        private(&dir.join("apiclient_key.pem"), self.client.serialize_pem().as_bytes())?;
        private(&dir.join("apiclient_cert.p12"), &self.client_p12)
    }
}

/// Writes a file that only its owner may read.
fn private(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)
}

fn p12(key: &[u8], cert: &[u8], ca: &[u8], password: &str) -> io::Result<Vec<u8>> {
    let key = p12_keystore::PrivateKey::from_der(key).map_err(io::Error::other)?;
    let certs = [cert, ca].map(p12_keystore::Certificate::from_der);
    let certs: Vec<_> = certs.into_iter().collect::<Result<_, _>>().map_err(io::Error::other)?;
    let chain = p12_keystore::PrivateKeyChain::new("1", key, certs);
    let mut store = p12_keystore::KeyStore::new();
    store.add_entry("Tenpay Certificate", p12_keystore::KeyStoreEntry::PrivateKeyChain(chain));
    store.writer(password).write().map_err(io::Error::other)
}
