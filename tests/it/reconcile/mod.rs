//! WeChat's statement against the ledger.

mod parse;
pub(crate) mod sheet;
