//! What is wrong with a statement.

use serde::{Deserialize, Serialize};

/// What is wrong with a statement's text. Whatever is done to its rows, the summary stays as it was. v3's digest is that of
/// the file with its rows as they are then, as if WeChat had made it so; a cut comes after it.
///
/// A list of settlements can lose a row or have it twice, and pay out another sum than it says, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sheet {
    /// One digit of one amount is another.
    FlippedDigit,
    /// One row is missing.
    MissingRow,
    /// One row stands there twice.
    DoubledRow,
    /// The text ends in the middle, before it is packed.
    HalfFile,
    /// What is sent ends in the middle, and `Content-Length` agrees: of a packed statement, half the stream.
    HalfSent,
    /// v3: the digest is another file's, and signed.
    WrongDigest,
    /// v3: there is no digest.
    NoDigest,
}
