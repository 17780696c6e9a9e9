//! What is wrong with a statement.

use serde::{Deserialize, Serialize};

/// What is wrong with a statement's text. Whatever is done to its rows, the summary stays as it was.
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
}
