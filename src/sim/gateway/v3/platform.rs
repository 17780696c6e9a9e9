//! The platform's side of v3: its keys, the list of its certificates, and what it makes of a request's signature.

use std::collections::VecDeque;
use std::io;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SerialNumber};
use serde_json::{Value, json};

use crate::sim::gateway::http::Request;
use crate::sim::gateway::tls::Papers;
use crate::words::WallTime;

/// A request may be signed so many seconds from the gateway's own time.
const FRESH: u64 = 300;
/// Certificates in the list: the one that signs, and the one before it.
const LIVE: usize = 2;
/// Nonces that are remembered.
const NONCES: usize = 4096;
/// The id of the key of public-key mode.
pub(in crate::sim::gateway) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001090000000000000001";
/// What the real one encrypts certificates for.
const ASSOCIATED: &str = "certificate";

/// A key pair of the platform with its certificate.
struct Pair {
    serial: String,
    pem: String,
    key: RsaKeyPair,
}

/// The platform: its keys, the merchant's public one, and its manners.
pub(in crate::sim::gateway) struct Platform {
    pairs: VecDeque<Pair>,
    /// Signs for whoever asks for it by [`PUBLIC_KEY_ID`].
    public: RsaKeyPair,
    made: u64,
    merchant_serial: String,
    merchant_public: Vec<u8>,
    merchant_key: RsaKeyPair,
    nonces: VecDeque<String>,
    /// How far the gateway's clock is ahead of this machine's.
    pub(in crate::sim::gateway) ahead_s: i64,
    /// Errors carry no signature, as the real one's often do not.
    pub(in crate::sim::gateway) unsigned_errors: bool,
    /// There are no certificates to be had, as for a merchant of public-key mode.
    pub(in crate::sim::gateway) no_list: bool,
    /// How often the list of certificates was given out.
    pub(in crate::sim::gateway) lists: u64,
}

impl Platform {
    /// Makes the first certificate, and learns the merchant's.
    pub(in crate::sim::gateway) fn make(papers: &Papers) -> io::Result<Self> {
        let client = &papers.client;
        let mut platform = Self {
            pairs: VecDeque::new(),
            public: RsaKeyPair::from_pkcs8(&papers.platform.serialize_der()).map_err(io::Error::other)?,
            made: 0,
            merchant_serial: papers.client_serial.clone(),
            merchant_public: client.der_bytes().to_vec(),
            merchant_key: RsaKeyPair::from_pkcs8(&client.serialize_der()).map_err(io::Error::other)?,
            nonces: VecDeque::new(),
            ahead_s: 0,
            unsigned_errors: false,
            no_list: false,
            lists: 0,
        };
        platform.rotate()?;
        Ok(platform)
    }

    /// Signs with a new certificate from now on. The one before stays in the list, an older one goes.
    pub(in crate::sim::gateway) fn rotate(&mut self) -> io::Result<()> {
        self.made = self.made.saturating_add(1);
        let mut serial = [0x4d, 0x0a, 0x5c, 0x3e, 0x7b, 0x1f, 0x29, 0x86, 0, 0, 0, 0, 0, 0, 0, 0];
        for (place, byte) in serial.iter_mut().rev().zip(self.made.to_le_bytes()) {
            *place = byte;
        }
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(io::Error::other)?;
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let cert = params.self_signed(&key).map_err(io::Error::other)?;
        self.pairs.push_front(Pair {
            serial: serial.iter().map(|byte| format!("{byte:02X}")).collect(),
            pem: cert.pem(),
            key: RsaKeyPair::from_pkcs8(&key.serialize_der()).map_err(io::Error::other)?,
        });
        self.pairs.truncate(LIVE);
        Ok(())
    }

    /// Serial numbers of the list, the one that signs first.
    pub(in crate::sim::gateway) fn serials(&self) -> Vec<String> {
        self.pairs.iter().map(|pair| pair.serial.clone()).collect()
    }

    /// The gateway's own time.
    pub(in crate::sim::gateway) fn time(&self, wall: WallTime) -> WallTime {
        let ahead = self.ahead_s.saturating_mul(1000);
        WallTime::from_millis(wall.millis().saturating_add(ahead))
    }

    /// Whether the request is signed by the merchant, now, and not for the second time. `mch_id` is whom it names.
    pub(super) fn accepts(&mut self, request: &Request, mch_id: &str, wall: WallTime) -> Result<(), &'static str> {
        let scheme = "WECHATPAY2-SHA256-RSA2048 ";
        let fields = request.authorization.strip_prefix(scheme).ok_or("the Authorization's scheme")?;
        let field = |name: &str| {
            let (_, rest) = fields.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0).filter(|value| !value.is_empty())
        };
        let [named, nonce, timestamp, serial, signature] =
            ["mchid", "nonce_str", "timestamp", "serial_no", "signature"].map(field);
        let (Some(nonce), Some(timestamp), Some(signature)) = (nonce, timestamp, signature) else {
            return Err("a field of Authorization is missing");
        };
        if named != Some(mch_id) || serial != Some(&self.merchant_serial) {
            return Err("mchid or serial_no of Authorization");
        }
        let seconds = timestamp.parse::<i64>().map_err(|_| "timestamp")?;
        let now = self.time(wall).millis().div_euclid(1000);
        if now.abs_diff(seconds) > FRESH {
            return Err("timestamp is more than 5 minutes off");
        }
        let good_nonce = nonce.len() <= 32 && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !good_nonce || self.nonces.iter().any(|used| used == nonce) {
            return Err("nonce_str is used or strange");
        }
        let head = format!("{}\n{}\n{timestamp}\n{nonce}\n", request.method, request.path);
        let message = [head.as_bytes(), &request.body, b"\n"].concat();
        let signature = STANDARD.decode(signature).map_err(|_| "the signature is not Base64")?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.merchant_public)
            .verify(&message, &signature)
            .map_err(|_| "the signature")?;
        self.nonces.push_back(nonce.to_owned());
        if self.nonces.len() > NONCES {
            self.nonces.pop_front();
        }
        Ok(())
    }

    /// The four headers of a reply, signed at the gateway's own time, as `how` says. `serial` is what the request asked
    /// for.
    pub(super) fn sign(
        &self,
        body: &[u8],
        nonce: &str,
        wall: WallTime,
        how: How,
        serial: &str,
    ) -> Vec<(&'static str, String)> {
        let Some(pair) = self.pairs.front() else { return Vec::new() };
        let (ours, name) =
            if serial == PUBLIC_KEY_ID { (&self.public, PUBLIC_KEY_ID) } else { (&pair.key, pair.serial.as_str()) };
        let offset = if how == How::Replayed { -601 } else { 0 };
        let timestamp = self.time(wall).millis().div_euclid(1000).saturating_add(offset);
        let message = [format!("{timestamp}\n{nonce}\n").as_bytes(), body, b"\n"].concat();
        let (key, padding): (_, &'static dyn RsaEncoding) = match how {
            How::Merchants => (&self.merchant_key, &RSA_PKCS1_SHA256),
            How::OtherPadding => (ours, &aws_lc_rs::signature::RSA_PSS_SHA256),
            How::Well | How::Replayed | How::UnknownSerial | How::Probe => (ours, &RSA_PKCS1_SHA256),
        };
        let mut signature = vec![0; key.public_modulus_len()];
        if key.sign(padding, &SystemRandom::new(), &message, &mut signature).is_err() {
            signature.clear();
        }
        let mut signature = STANDARD.encode(signature);
        if how == How::Probe {
            signature.replace_range(..PROBE.len().min(signature.len()), PROBE);
        }
        let serial = if how == How::UnknownSerial { "7FFFFFFFFFFFFFFF".to_owned() } else { name.to_owned() };
        vec![
            ("Wechatpay-Timestamp", timestamp.to_string()),
            ("Wechatpay-Nonce", nonce.to_owned()),
            ("Wechatpay-Serial", serial),
            ("Wechatpay-Signature", signature),
        ]
    }

    /// The body of the list: each certificate encrypted with the API v3 key.
    pub(super) fn list(&self, api_key: &str) -> Value {
        let data = self.pairs.iter().filter_map(|pair| {
            let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, api_key.as_bytes()).ok()?);
            // Twelve letters; each pair is encrypted under its own.
            let nonce: String = pair.serial.chars().rev().take(12).collect();
            let mut text = pair.pem.clone().into_bytes();
            let once = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
            key.seal_in_place_append_tag(once, Aad::from(ASSOCIATED), &mut text).ok()?;
            Some(json!({
                "serial_no": pair.serial,
                "effective_time": "2020-01-01T08:00:00+08:00",
                "expire_time": "2099-01-01T08:00:00+08:00",
                "encrypt_certificate": {
                    "algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": ASSOCIATED,
                    "ciphertext": STANDARD.encode(text),
                },
            }))
        });
        json!({ "data": data.collect::<Value>() })
    }
}

/// What WeChat's test signatures begin with.
const PROBE: &str = "WECHATPAY/SIGNTEST/";

/// How a reply is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Well,
    /// With the merchant's own key.
    Merchants,
    /// RSA-PSS.
    OtherPadding,
    /// Ten minutes ago.
    Replayed,
    /// Well, under a serial number of no certificate.
    UnknownSerial,
    /// As WeChat tests whether anybody verifies.
    Probe,
}
