//! WeChat's statement against the ledger.

mod books;
mod ledger;
mod parse;
pub(crate) mod sheet;
mod shop;
mod world;
