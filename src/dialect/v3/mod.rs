//! v3, the global API: JSON, requests signed with the merchant's key, replies with the platform's.
//!
//! Source: protocol section 7.

mod certs;
mod codes;
mod notice;
mod read;
mod refund;
mod settlement;
mod sign;
mod statement;
mod verify;
mod write;

use std::sync::Arc;

pub use sign::{Signer, SignerError};

use super::{
    Announced, Dialect, Distrust, HttpReply, HttpRequest, KeyError, Merchant, NoStatement, Notices, Platform,
    PlatformKeys, Proof, Settled, Settlements, Settling, Stamp, StatementHead, Statements,
};
use crate::payment::{Answer, Call};
use crate::words::{Day, Secret};

/// The JSON API with one merchant's identity and keys.
#[derive(Debug)]
pub struct V3 {
    merchant: Merchant,
    signer: Arc<Signer>,
    api_key: Secret,
    /// WeChat Pay's public key and its id, in public-key mode.
    public_key: Option<(String, PlatformKeys)>,
}

impl V3 {
    /// Speaks for `merchant`, who signs with `signer`; `api_key` opens the platform's certificates.
    #[must_use]
    pub fn new(merchant: Merchant, signer: Arc<Signer>, api_key: Secret) -> Self {
        Self { merchant, signer, api_key, public_key: None }
    }

    /// The same in public-key mode: replies may also be signed with this key, and requests ask for it by its `id`.
    ///
    /// # Errors
    /// When `pem` is no RSA public key.
    pub fn with_public_key(self, id: &str, pem: &[u8]) -> Result<Self, KeyError> {
        let mut keys = PlatformKeys::default();
        keys.add_public_key(id, pem)?;
        Ok(Self { public_key: Some((id.to_owned(), keys)), ..self })
    }
}

impl Dialect for V3 {
    fn write(&self, call: &Call, stamp: &Stamp) -> HttpRequest {
        self.request(call, stamp)
    }

    fn read(&self, call: &Call, reply: &HttpReply, proof: &Proof<'_>) -> Result<Answer, Distrust> {
        self.answer(call, reply, proof)
    }

    fn refuses_signature(&self, reply: &HttpReply) -> bool {
        read::is_refused(reply)
    }

    fn notices(&self) -> Option<&dyn Notices> {
        Some(self)
    }

    fn statements(&self) -> Option<&dyn Statements> {
        Some(self)
    }

    fn settlements(&self) -> Option<&dyn Settlements> {
        Some(self)
    }

    fn platform(&self) -> Option<&dyn Platform> {
        Some(self)
    }
}

impl Statements for V3 {
    fn write(&self, day: Day, packed: bool, stamp: &Stamp) -> HttpRequest {
        self.statement(day, packed, stamp)
    }

    fn read_head(&self, head: &StatementHead<'_>) -> Result<Announced, Distrust> {
        statement::announced(head)
    }

    fn read_end(&self, tail: &[u8]) -> Result<Option<u64>, Distrust> {
        Ok(statement::rows(tail))
    }

    fn read_none(&self, reply: &HttpReply, proof: &Proof<'_>) -> Result<NoStatement, Distrust> {
        statement::none(reply, proof)
    }
}

impl Settlements for V3 {
    fn write(&self, which: Settling, offset: u64, stamp: &Stamp) -> HttpRequest {
        self.settlements_request(which, offset, stamp)
    }

    fn read(&self, which: Settling, reply: &HttpReply, proof: &Proof<'_>) -> Result<Settled, Distrust> {
        settlement::read(which, reply, proof)
    }
}

impl Platform for V3 {
    fn configured(&self) -> PlatformKeys {
        self.public_key.as_ref().map_or_else(PlatformKeys::default, |(_, keys)| keys.clone())
    }

    fn write(&self, stamp: &Stamp) -> HttpRequest {
        self.certificates(stamp)
    }

    fn read(&self, reply: &HttpReply, proof: &Proof<'_>) -> Result<PlatformKeys, Distrust> {
        certs::read(reply, &self.api_key, proof)
    }

    fn reopen(&self, kept: &[u8]) -> Result<PlatformKeys, Distrust> {
        certs::open_all(kept, &self.api_key)
    }
}
