//! WeChat's statement against the ledger.

mod books;
mod bulk;
mod ledger;
mod parse;
pub(crate) mod sheet;
pub(crate) mod shop;
mod world;
