//! WeChat's statement: lines of text to movements of money, by column name, streaming, with exact decimals.
//!
//! The format is protocol 5.7 (v2) and 7.7 (v3). A statement is read in one part, or in several at once that begin at
//! line ends; [`Part::join`] puts them together again.

mod layout;
mod lines;
mod part;
mod row;
mod summary;

pub use layout::{Kind, Layout};
pub use lines::LINE_MAX;
pub use part::Part;
pub use row::{Fault, Movement, Row, StatementRow};
pub use summary::{Mismatch, Wholeness};

/// Why something is no statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It has no byte.
    #[error("the file is empty")]
    Empty,
    /// WeChat answered that there was no payment on that day.
    #[error("WeChat says that there is no statement for that day (No Bill Exist): nothing was paid or refunded")]
    NoBill,
    /// WeChat's answer was kept in a statement's place.
    #[error("the file holds no statement but WeChat's answer: {0}")]
    Answer(String),
    /// Some other markup.
    #[error("the file holds a web page or XML, no statement; download it again")]
    Markup,
    /// A zip archive or a spreadsheet.
    #[error("the file is a zip archive or a spreadsheet; unpack it, or download the statement as text")]
    Packed,
    /// Not UTF-8.
    #[error(
        "the file's first line is not UTF-8 text; a spreadsheet may have saved it: use the file as it was downloaded"
    )]
    NotUtf8,
    /// A column that every statement has is missing.
    #[error("the file is no statement: its first line has no column {0}")]
    NoColumn(String),
    /// It could not be read.
    #[error("the statement cannot be read")]
    Io(#[from] std::io::Error),
}
