//! WeChat's statement against the ledger.

mod books;
mod parse;
pub(crate) mod sheet;
mod world;
