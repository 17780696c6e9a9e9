//! A day's statement: what a reply must show before a file that follows it is believed.
//!
//! Source: protocol 5.7 (v2) and 7.7 (v3).

use crate::payment::answer::{Class, Refusal};
use crate::words::WallTime;

/// The front of a reply to a request for a statement.
#[derive(Clone, Copy)]
pub struct StatementHead<'a> {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names in lower case, in the order they came; a name may stand twice.
    pub headers: &'a [(String, Vec<u8>)],
    /// The first bytes of the body, unpacked: 16 of them unless there are fewer.
    pub start: &'a [u8],
    /// When it came, for signatures that carry a time.
    pub now: WallTime,
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
    /// No file: all of the body is to be read and given to [`super::Dialect::read_no_statement`].
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
        fault: StatementFault,
        /// Its words, for people.
        text: String,
    },
}

impl NoStatement {
    /// A refusal with WeChat's words, shortened and without control characters.
    #[must_use]
    pub fn refused(fault: StatementFault, code: &str, text: &str) -> Self {
        let refusal = Refusal::new(Class::Unknown, code, text);
        let words = [refusal.code(), refusal.text()].into_iter().filter(|it| !it.is_empty());
        Self::Refused { fault, text: words.collect::<Vec<_>>().join(" ") }
    }
}

/// What a refusal blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementFault {
    /// The signature, the appid or the merchant number: our configuration.
    Keys,
    /// The merchant may not download statements.
    Permission,
    /// The request itself, such as a day that is too long ago.
    Request,
    /// WeChat's own trouble, or words nobody has told us about.
    Gateway,
}
