//! Commands as people run them: the real binary, a real daemon beside it, and exit codes.

mod backup;
mod between;
mod bundle;
mod cashier;
mod close;
pub(crate) mod counter;
mod doctor;
mod health;
mod ledger;
mod log;
mod pay;
mod plain;
mod reconcile;
mod reconcile_kept;
mod reconcile_refunds;
mod refund;
mod resolve;
mod scanners;
mod service;
mod settlements;
mod setup;
mod statement;
mod statement_v3;

/// A payment code that pays, and the canary of these tests.
const CODE: &str = "130000517967681395";
