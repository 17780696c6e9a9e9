//! How the gateway is spoken to: plain data on both sides, no clock, no dice, no socket.

use zeroize::Zeroizing;

use crate::payment::{Answer, Call};
use crate::words::WallTime;

mod certificate;
mod keys;
mod merchant;
mod notices;
mod settlement;
mod statement;
mod text;
pub mod v2;
pub mod v3;

pub use certificate::Paper;
pub use keys::{KeyError, PlatformKey, PlatformKeys};
pub use merchant::Merchant;
pub use notices::Notices;
pub use settlement::{Batch, Settled, SettledPage, Settlements, Settling};
pub use statement::{Announced, NoStatement, ReportFault, StatementHead, Statements, Warrant};
pub(crate) use v2::codes::refuses_signature;

/// The largest reply that is read, in bytes. A longer one is distrusted.
pub const REPLY_MAX: usize = 64 * 1024;

/// How much of a statement's end is looked at, in bytes. The longest summary has a tenth of it.
pub const STATEMENT_TAIL: usize = 4 * 1024;

/// One way of speaking to the gateway.
pub trait Dialect: Send + Sync {
    /// Writes and signs the request for `call`.
    fn write(&self, call: &Call, stamp: &Stamp) -> HttpRequest;

    /// Reads a reply to `call`, in this order, and stops at the first failure: size → form → signature → is it about our
    /// order or refund, merchant, amount and currency → meaning.
    ///
    /// # Errors
    /// When the reply must not be believed. The caller journals it and goes on as if there had been no answer.
    fn read(&self, call: &Call, reply: &HttpReply, proof: &Proof<'_>) -> Result<Answer, Distrust>;

    /// Whether a reply says that our own signature is not accepted. Nobody need have signed it, so it settles nothing: it
    /// is for people.
    fn refuses_signature(&self, _: &HttpReply) -> bool {
        false
    }

    /// How to come by a day's statement; none where this version does not.
    fn statements(&self) -> Option<&dyn Statements> {
        None
    }

    /// How to read what the gateway tells by itself; none where this version does not.
    fn notices(&self) -> Option<&dyn Notices> {
        None
    }

    /// How to ask what was paid out to the merchant; none where this version does not.
    fn settlements(&self) -> Option<&dyn Settlements> {
        None
    }

    /// How to come by the gateway's own keys; none where replies are signed with a key that both sides know.
    fn platform(&self) -> Option<&dyn Platform> {
        None
    }
}

/// The gateway's own keys: they sign its replies, they change, and it hands them out itself.
pub trait Platform: Send + Sync {
    /// The keys that are configured and never fetched; may be none.
    fn configured(&self) -> PlatformKeys;

    /// Writes and signs the request for the list of certificates.
    fn write(&self, stamp: &Stamp) -> HttpRequest;

    /// Reads the list: what is live from now on, beside what is configured. A list that nobody could have checked yet
    /// must be signed with a key it carries.
    ///
    /// # Errors
    /// When the list must not be believed.
    fn read(&self, reply: &HttpReply, proof: &Proof<'_>) -> Result<PlatformKeys, Distrust>;

    /// Reads the body of a list that was believed once and kept: it is encrypted, so nobody else can have written it.
    ///
    /// # Errors
    /// When our key does not open it.
    fn reopen(&self, kept: &[u8]) -> Result<PlatformKeys, Distrust>;
}

/// What a reply's signature is judged by, beside the reply itself.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// When the reply came.
    pub at: WallTime,
    /// The gateway's keys that are known.
    pub keys: &'a PlatformKeys,
}

/// What makes a request unique: passed in, so that a known answer pins every byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// 32 letters and digits.
    pub nonce: String,
    /// For signatures that carry a time.
    pub time: WallTime,
}

/// A request, ready for the wire but for the host.
pub struct HttpRequest {
    /// `POST` or `GET`.
    pub method: &'static str,
    /// Path and query, exactly as signed.
    pub path: String,
    /// Header fields beside `Host` and `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
    /// May hold a payment code, so it is wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
    /// Whether the gateway wants the client certificate for it (`/secapi/`).
    pub needs_certificate: bool,
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.path, self.body.len())
    }
}

/// A reply as it came, at most [`REPLY_MAX`] + 1 bytes of it.
pub struct HttpReply {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names in lower case, in the order they came; a name may stand twice.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {} ({} bytes)", self.status, self.body.len())
    }
}

/// Why a reply is not believed. Never carries the reply's text: it could hold anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// More than [`REPLY_MAX`].
    #[error("the reply is larger than 64 KiB")]
    TooLarge,
    /// Not the status a gateway answers with.
    #[error("the reply has HTTP status {0}")]
    Status(u16),
    /// Not in the dialect's form; says which rule it broke.
    #[error("the reply is malformed: {0}")]
    Malformed(&'static str),
    /// No signature where there must be one.
    #[error("the reply is not signed")]
    Unsigned,
    /// A signature that does not match.
    #[error("the reply's signature is wrong: key mismatch or someone in the middle")]
    BadSignature,
    /// Signed with a key that is not known, or no longer valid.
    #[error("the reply is signed with a platform key that is not known here")]
    UnknownKey,
    /// Signed long ago, or our clock is wrong.
    #[error("the reply was signed more than 5 minutes from now: an old one, or the clock is wrong")]
    Stale,
    /// A signed reply about another order.
    #[error("the reply is signed but about another order")]
    OtherOrder,
    /// A signed reply about another refund.
    #[error("the reply is signed but about another refund")]
    OtherRefund,
    /// A signed reply about another merchant, sub-merchant or appid.
    #[error("the reply is signed but about another merchant or appid")]
    OtherMerchant,
    /// A signed reply with another amount.
    #[error("the reply is signed but has another amount")]
    OtherAmount,
    /// A signed reply in another currency.
    #[error("the reply is signed but in another currency")]
    OtherCurrency,
    /// A signed SUCCESS that lacks what proves it.
    #[error("the reply is signed but lacks {0}")]
    Incomplete(&'static str),
}

impl Distrust {
    /// Signed by the gateway and yet not ours: an incident for a person, beside the usual doubt.
    #[must_use]
    pub fn is_incident(self) -> bool {
        match self {
            Self::OtherOrder
            | Self::OtherRefund
            | Self::OtherMerchant
            | Self::OtherAmount
            | Self::OtherCurrency
            | Self::Incomplete(_) => true,
            Self::TooLarge
            | Self::Status(_)
            | Self::Malformed(_)
            | Self::Unsigned
            | Self::BadSignature
            | Self::UnknownKey
            | Self::Stale => false,
        }
    }

    /// The signature itself is at fault; three in a row mean a wrong key or someone in the middle.
    #[must_use]
    pub fn is_signature(self) -> bool {
        matches!(self, Self::Unsigned | Self::BadSignature | Self::UnknownKey)
    }

    /// A stable word for the journal and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Status(_) => "http_status",
            Self::Malformed(_) => "malformed",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::UnknownKey => "unknown_key",
            Self::Stale => "stale",
            Self::OtherOrder => "other_order",
            Self::OtherRefund => "other_refund",
            Self::OtherMerchant => "other_merchant",
            Self::OtherAmount => "other_amount",
            Self::OtherCurrency => "other_currency",
            Self::Incomplete(_) => "incomplete",
        }
    }
}
