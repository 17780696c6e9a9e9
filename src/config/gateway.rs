//! `[gateway]`, `[gateway.v2]`, `[gateway.v3]`: whom the terminal talks to, as whom, and with which keys.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::checked::some;
use super::error::ConfigError;
use super::raw::Raw;
use super::reader::Reader;
use super::secrets::{FileError, Secrets};
use crate::dialect::PlatformKeys;
pub use crate::dialect::v2::SignType;
use crate::dialect::v3::{Signer, SignerError};
use crate::words::{AppId, MerchantId, Secret};

/// The characters of an API key. The merchant platform takes no other for API v2, and v3's is an AES-256 key.
pub const API_KEY_LENGTH: usize = 32;

/// `[gateway]`.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The first host.
    pub base_url: BaseUrl,
    /// The second host, for queries and for what provably never left.
    pub fallback_url: Option<BaseUrl>,
    /// PEM of roots that are trusted besides the public ones.
    pub extra_roots: Option<Vec<u8>>,
    /// The merchant's appid, or the institution's.
    pub appid: AppId,
    /// The merchant's number, or the institution's.
    pub mch_id: MerchantId,
    /// Set in institution mode.
    pub sub_mch_id: Option<MerchantId>,
    /// The sub-merchant's appid, where there is one.
    pub sub_appid: Option<AppId>,
    /// Sent as `spbill_create_ip`.
    pub terminal_ip: TerminalIp,
    /// The API in use and its keys.
    pub api: GatewayApi,
}

/// The API in use, with its keys.
#[derive(Clone, Debug)]
pub enum GatewayApi {
    /// XML with a shared key.
    V2(V2),
    /// JSON with certificates.
    V3(V3),
}

/// `[gateway.v2]`.
#[derive(Clone, Debug)]
pub struct V2 {
    /// How requests are signed.
    pub sign_type: SignType,
    /// The API key.
    pub key: Secret,
    /// What the merchant proves itself with when it takes money back. Missing only against a simulator.
    pub client: Option<ClientIdentity>,
}

/// `[gateway.v3]`.
#[derive(Clone, Debug)]
pub struct V3 {
    /// The key that signs requests, with the serial number of its certificate.
    pub signer: Arc<Signer>,
    /// The merchant's certificate, in PEM.
    pub client_cert: Vec<u8>,
    /// The key of certificates and notices, exactly 32 bytes.
    pub api_key: Secret,
    /// WeChat Pay's public key, in public-key mode.
    pub platform_key: Option<PlatformKey>,
}

/// WeChat Pay's public key beside its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformKey {
    /// Its id, `PUB_KEY_ID_...`.
    pub id: String,
    /// The key.
    pub pem: Vec<u8>,
}

/// The client certificate with its key.
#[derive(Clone, Debug)]
pub enum ClientIdentity {
    /// Two PEM files.
    Pem {
        /// The certificate.
        cert: Vec<u8>,
        /// Its key.
        key: Secret,
    },
    /// A PKCS#12 key store (`apiclient_cert.p12`).
    Pkcs12 {
        /// The store.
        store: Secret,
        /// Its password: the merchant number, unless the configuration names another.
        password: Secret,
    },
}

/// Where `spbill_create_ip` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalIp {
    /// The terminal's own address, found when the daemon starts.
    Auto,
    /// This one.
    Fixed(IpAddr),
}

impl std::str::FromStr for TerminalIp {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Fixed) }
    }
}

/// The address of a gateway: `https://`, or `http://` on this machine. Without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    simulator: bool,
    loopback: bool,
}

impl BaseUrl {
    /// The address; a path that begins with a slash can follow.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is on this machine: a simulator, whatever it speaks.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        self.loopback
    }

    /// Whether it is plain HTTP on a loopback address: a simulator, and no money.
    #[must_use]
    pub fn is_simulator(&self) -> bool {
        self.simulator
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = reqwest::Url::parse(text).map_err(|_| ())?;
        let bare = url.username().is_empty() && url.password().is_none();
        let bare = bare && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().ok_or(())?.trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let simulator = url.scheme() == "http" && loopback;
        if !bare || !(url.scheme() == "https" || simulator) {
            return Err(());
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), simulator, loopback })
    }
}

pub(super) fn gateway(raw: &Raw, secrets: &Secrets<'_>, errors: &mut Vec<ConfigError>) -> Option<Gateway> {
    let mut r = Reader::new("gateway", raw.one("gateway"), errors);
    let api = r.choice("api", &[("v2", true), ("v3", false)]);
    let base_url = r.parsed::<BaseUrl>("base_url");
    let fallback_url = r.optional("fallback_url");
    let extra_roots = r.file("ca_file").and_then(|file| match some(file) {
        None => Some(None),
        Some(file) => r.content_of("ca_file", certificate(secrets, &file)).map(Some),
    });
    let appid = r.parsed("appid");
    let mch_id = r.parsed::<MerchantId>("mch_id");
    let sub_mch_id = r.optional::<MerchantId>("sub_mch_id");
    let sub_appid = r.optional::<AppId>("sub_appid");
    if let (Some(None), Some(Some(_))) = (&sub_mch_id, &sub_appid) {
        r.clash("sub_appid", "is set without gateway.sub_mch_id; both belong to institution mode");
    }
    let terminal_ip = r.parsed("terminal_ip");
    let simulator = base_url.as_ref().is_none_or(BaseUrl::is_simulator);
    let api = match api? {
        true => {
            let mut r = Reader::new("gateway.v2", raw.one("gateway.v2"), errors);
            GatewayApi::V2(v2(&mut r, secrets, mch_id.as_ref(), simulator)?)
        }
        false => GatewayApi::V3(v3(&mut Reader::new("gateway.v3", raw.one("gateway.v3"), errors), secrets)?),
    };
    Some(Gateway {
        base_url: base_url?,
        fallback_url: fallback_url?,
        extra_roots: extra_roots?,
        appid: appid?,
        mch_id: mch_id?,
        sub_mch_id: sub_mch_id?,
        sub_appid: sub_appid?,
        terminal_ip: terminal_ip?,
        api,
    })
}

fn v2(r: &mut Reader<'_>, secrets: &Secrets<'_>, mch_id: Option<&MerchantId>, simulator: bool) -> Option<V2> {
    let sign_type = r.choice("sign_type", &[("HMAC-SHA256", SignType::HmacSha256), ("MD5", SignType::Md5)]);
    let key = needed(r, "key_file", "the name of the file with the v2 API key, because gateway.api is \"v2\"");
    let key = key.and_then(|file| {
        let key = secrets.secret(&file).and_then(|key| {
            let good = key.expose().len() == API_KEY_LENGTH && key.expose().iter().all(u8::is_ascii_alphanumeric);
            let expected = "a v2 API key: 32 letters and digits, and nothing else";
            if good { Ok(key) } else { Err(FileError::Content { name: file, expected }) }
        });
        r.content_of("key_file", key)
    });
    let client = client(r, secrets, mch_id, simulator);
    Some(V2 { sign_type: sign_type?, key: key?, client: client? })
}

/// The client certificate. WeChat Pay takes no reversal and no refund without it.
fn client(
    r: &mut Reader<'_>,
    secrets: &Secrets<'_>,
    mch_id: Option<&MerchantId>,
    simulator: bool,
) -> Option<Option<ClientIdentity>> {
    let cert_file = r.file("client_cert_file")?;
    let key_file = r.file("client_key_file")?;
    let password_file = r.file("client_cert_password_file")?;
    if cert_file.is_empty() {
        if simulator {
            return Some(None);
        }
        r.missing(
            "client_cert_file",
            "the merchant's certificate, a .pem or .p12 file: nothing can be reversed without it",
        );
        return None;
    }
    if cert_file.ends_with(".p12") {
        let store = r.content_of("client_cert_file", secrets.binary(&cert_file));
        let password = match some(password_file) {
            Some(file) => r.content_of("client_cert_password_file", secrets.secret(&file)),
            None => mch_id.map(|mch_id| Secret::new(mch_id.as_str().as_bytes().to_vec())),
        };
        return Some(Some(ClientIdentity::Pkcs12 { store: store?, password: password? }));
    }
    if !password_file.is_empty() {
        r.clash("client_cert_password_file", "is set, but gateway.v2.client_cert_file is not a .p12 file");
    }
    let cert = r.content_of("client_cert_file", certificate(secrets, &cert_file));
    let key = match some(key_file) {
        Some(file) => r.content_of("client_key_file", private_key(secrets, &file)),
        None => {
            r.missing(
                "client_key_file",
                "the name of the key file of gateway.v2.client_cert_file, such as \"apiclient_key.pem\"",
            );
            None
        }
    };
    Some(Some(ClientIdentity::Pem { cert: cert?, key: key? }))
}

fn v3(r: &mut Reader<'_>, secrets: &Secrets<'_>) -> Option<V3> {
    let why = "because gateway.api is \"v3\"";
    let private_key_pem = needed(r, "private_key_file", &format!("the name of the merchant's key file, {why}"))
        .and_then(|file| r.content_of("private_key_file", private_key(secrets, &file)));
    let client_cert_pem = needed(r, "client_cert_file", &format!("the name of the merchant's certificate, {why}"))
        .and_then(|file| r.content_of("client_cert_file", certificate(secrets, &file)));
    let api_key = needed(r, "api_key_file", &format!("the name of the file with the v3 API key, {why}"));
    let api_key = api_key.and_then(|file| {
        let key = secrets.secret(&file).and_then(|key| {
            let expected = "a v3 API key: exactly 32 characters";
            if key.expose().len() == API_KEY_LENGTH {
                Ok(key)
            } else {
                Err(FileError::Content { name: file, expected })
            }
        });
        r.content_of("api_key_file", key)
    });
    let platform_key = platform_key(r, secrets);
    let client_cert = client_cert_pem?;
    let signer = signer(r, &private_key_pem?, &client_cert);
    Some(V3 { signer: Arc::new(signer?), client_cert, api_key: api_key?, platform_key: platform_key? })
}

/// The key and the certificate, if they can sign and belong together.
fn signer(r: &mut Reader<'_>, private_key: &Secret, certificate: &[u8]) -> Option<Signer> {
    match Signer::new(private_key, certificate) {
        Ok(signer) => Some(signer),
        Err(why) => {
            let name = if why == SignerError::Certificate { "client_cert_file" } else { "private_key_file" };
            r.clash(name, format!("cannot sign: {why}"));
            None
        }
    }
}

fn platform_key(r: &mut Reader<'_>, secrets: &Secrets<'_>) -> Option<Option<PlatformKey>> {
    let file = r.file("platform_public_key_file")?;
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let id = r.text("platform_public_key_id", |id| id.len() <= 64 && id.chars().all(good))?;
    match (file.is_empty(), id.is_empty()) {
        (true, true) => Some(None),
        (false, false) => {
            let pem = secrets.public(&file).and_then(|pem| {
                let expected = "an RSA public key in PEM (-----BEGIN PUBLIC KEY-----)";
                let good = PlatformKeys::default().add_public_key(&id, &pem).is_ok();
                if good { Ok(pem) } else { Err(FileError::Content { name: file, expected }) }
            });
            let pem = r.content_of("platform_public_key_file", pem)?;
            Some(Some(PlatformKey { id, pem }))
        }
        (true, false) => {
            r.missing("platform_public_key_file", "the name of the key file that platform_public_key_id names");
            None
        }
        (false, true) => {
            r.missing("platform_public_key_id", "the id of the key in platform_public_key_file, PUB_KEY_ID_...");
            None
        }
    }
}

/// The name of a file there must be.
fn needed(r: &mut Reader<'_>, name: &str, may: &str) -> Option<String> {
    let file = r.file(name)?;
    if file.is_empty() {
        r.missing(name, may);
        return None;
    }
    Some(file)
}

fn certificate(secrets: &Secrets<'_>, file: &str) -> Result<Vec<u8>, FileError> {
    let pem = secrets.public(file)?;
    let expected = "a certificate in PEM (-----BEGIN CERTIFICATE-----)";
    match CertificateDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err(FileError::Content { name: file.to_owned(), expected }),
    }
}

fn private_key(secrets: &Secrets<'_>, file: &str) -> Result<Secret, FileError> {
    let pem = secrets.secret(file)?;
    let expected = "a private key in PEM without a password (-----BEGIN PRIVATE KEY-----)";
    match PrivateKeyDer::from_pem_slice(pem.expose()) {
        Ok(_) => Ok(pem),
        Err(_) => Err(FileError::Content { name: file.to_owned(), expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (text, simulator) in [
            ("https://apihk.mch.weixin.qq.com", false),
            ("https://127.0.0.1:8443/", false),
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost:8080/", true),
        ] {
            let url: BaseUrl = text.parse().expect(text);
            assert_eq!(url.is_simulator(), simulator, "{text}");
            assert_eq!(url.as_str(), text.trim_end_matches('/'));
        }
        for text in [
            "http://apihk.mch.weixin.qq.com",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://192.168.1.2",
            "ftp://127.0.0.1",
            "https://user:word@example.com",
            "https://example.com/?a=b",
            "apihk.mch.weixin.qq.com",
            "",
        ] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }
}
