//! A day's statement: what a reply must show before a file that follows it is believed.
//!
//! Source: protocol 5.7 (v2) and 7.7 (v3).

use super::{Distrust, HttpReply, HttpRequest, Proof, Stamp};
use crate::payment::answer::{Class, Refusal};
use crate::words::Day;

/// How a dialect comes by the statement of a day: a file, not an answer about an order.
pub trait Statements: Send + Sync {
    /// Writes and signs the request for the statement of `day` with all its movements; `packed` asks for gzip (v2:
    /// `tar_type`, v3: `Accept-Encoding`).
    fn write(&self, day: Day, packed: bool, stamp: &Stamp) -> HttpRequest;

    /// Says what the front of a reply to it announces: a file, which is then written down as it comes, or words.
    ///
    /// v2 signs neither; a file begins with its first column's name. v3 gives a file only for a 200 whose one
    /// `Wechatpay-Statement-Sha1` is signed: the signature is over `{"sha1":"<hex>"}` in the body's place. Everything
    /// but a 200 is words there.
    ///
    /// # Errors
    /// When it is neither, or is a file and not signed as it must be.
    fn read_head(&self, head: &StatementHead<'_>) -> Result<Announced, Distrust>;

    /// Reads the end of the unpacked file, at most [`STATEMENT_TAIL`](super::STATEMENT_TAIL) bytes of it: how many rows its summary says there
    /// are, where the layout has a summary.
    ///
    /// # Errors
    /// When it must have a summary and does not end with one: it was cut.
    fn read_end(&self, tail: &[u8]) -> Result<Option<u64>, Distrust>;

    /// Says why there is no file. v2's words are never signed; v3's often are not. They settle nothing about money.
    ///
    /// # Errors
    /// When it is no reply of the gateway's, or is signed wrongly.
    fn read_none(&self, reply: &HttpReply, proof: &Proof<'_>) -> Result<NoStatement, Distrust>;
}

/// The front of a reply to a request for a statement.
#[derive(Clone, Copy)]
pub struct StatementHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names in lower case, in the order they came; a name may stand twice.
    pub headers: &'a [(String, Vec<u8>)],
    /// The first bytes of the body, unpacked: 16 of them unless there are fewer.
    pub start: &'a [u8],
    /// What its signature is judged by, where there is one.
    pub proof: Proof<'a>,
}

impl std::fmt::Debug for StatementHead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HTTP {} ({} bytes and more)", self.status, self.start.len())
    }
}

/// What the front of a reply announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// A file, and what proves it at its end.
    File(Warrant),
    /// No file: all of the body is to be read and given to [`Statements::read_none`].
    Words,
}

/// What proves that a file is WeChat's and whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warrant {
    /// Nothing but its own summary: v2 signs no statement.
    Summary,
    /// The SHA-1 of the unpacked file, which WeChat has signed. The signature has been checked.
    Sha1([u8; 20]),
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoStatement {
    /// Nothing moved on that day. That is a result.
    Empty,
    /// It is not made yet.
    NotReady,
    /// The gateway failed to pack it; it may have it unpacked.
    CannotPack,
    /// The gateway refuses.
    Refused {
        /// What is at fault.
        fault: ReportFault,
        /// Its words, for people.
        text: String,
    },
}

impl NoStatement {
    /// A refusal with WeChat's words, shortened and without control characters.
    #[must_use]
    pub fn refused(fault: ReportFault, code: &str, text: &str) -> Self {
        Self::Refused { fault, text: words(code, text) }
    }
}

/// WeChat's code and text on one line, shortened and without control characters.
pub(super) fn words(code: &str, text: &str) -> String {
    let refusal = Refusal::new(Class::Unknown, code, text);
    let words = [refusal.code(), refusal.text()].into_iter().filter(|it| !it.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// What a refused statement or list of settlements blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFault {
    /// The signature, the appid or the merchant number: our configuration, or our clock.
    Keys,
    /// The merchant may not have it.
    Permission,
    /// The request itself, such as a day that is too long ago.
    Request,
    /// WeChat's own trouble, or words nobody has told us about.
    Gateway,
}
