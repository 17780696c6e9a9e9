//! Floor 1: WeChat's statement against the ledger, offline.

mod decimal;
mod moment;
pub mod statement;
