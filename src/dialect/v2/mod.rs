//! v2: XML, signed with MD5 or HMAC-SHA256.
//!
//! Source: protocol sections 4 and 5.

pub(in crate::dialect) mod codes;
pub(in crate::dialect) mod notice;
mod read;
mod refund;
mod sign;
pub(in crate::dialect) mod statement;
mod write;
mod xml;

pub use sign::SignType;

use super::{
    Announced, Dialect, Distrust, HttpReply, HttpRequest, Merchant, NoStatement, Notices, Proof, Stamp, StatementHead,
    Statements,
};
use crate::payment::{Answer, Call};
use crate::words::{Day, Secret};

/// The XML API with one merchant's identity and key.
#[derive(Debug)]
pub struct V2 {
    merchant: Merchant,
    key: Secret,
    sign_type: SignType,
}

impl V2 {
    /// Speaks for `merchant`; `key` is the API v2 key of its `mch_id`.
    #[must_use]
    pub fn new(merchant: Merchant, key: Secret, sign_type: SignType) -> Self {
        Self { merchant, key, sign_type }
    }
}

impl Dialect for V2 {
    fn write(&self, call: &Call, stamp: &Stamp) -> HttpRequest {
        self.request(call, stamp)
    }

    fn read(&self, call: &Call, reply: &HttpReply, _: &Proof<'_>) -> Result<Answer, Distrust> {
        self.answer(call, reply)
    }

    fn refuses_signature(&self, reply: &HttpReply) -> bool {
        self.is_refused(reply)
    }

    fn statements(&self) -> Option<&dyn Statements> {
        Some(self)
    }

    fn notices(&self) -> Option<&dyn Notices> {
        Some(self)
    }
}

impl Statements for V2 {
    fn write(&self, day: Day, packed: bool, stamp: &Stamp) -> HttpRequest {
        self.statement_request(day, packed, stamp)
    }

    fn read_head(&self, head: &StatementHead<'_>) -> Result<Announced, Distrust> {
        statement::announced(head)
    }

    fn read_end(&self, tail: &[u8]) -> Result<Option<u64>, Distrust> {
        statement::rows(tail).map(Some)
    }

    fn read_none(&self, reply: &HttpReply, _: &Proof<'_>) -> Result<NoStatement, Distrust> {
        self.no_statement(reply)
    }
}
