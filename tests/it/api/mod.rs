//! The local API as programs meet it: real sockets, real till, real ledger.

mod cashier;
mod display;
mod door;
mod payments;
mod refunds;
mod requests;

/// A payment code, and the canary of these tests.
const CODE: &str = "134539517967681395";
