//! The one integration binary: it links once.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::match_wildcard_for_single_variants,
    clippy::needless_pass_by_value,
    clippy::nonminimal_bool,
    clippy::useless_format,
    clippy::wildcard_enum_match_arm,
    clippy::as_conversions,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test counts small numbers, tells its story and stops when something is odd"
)]

mod api;
mod cli;
mod config;
mod conformance;
mod counterpart;
mod counterpart_v3;
mod damage;
mod displays;
mod docs;
mod download;
mod e2e;
mod gateway;
mod gateway_tls;
mod gateway_v3;
mod hostile;
mod house;
mod laws;
mod ledger;
mod notices;
mod reconcile;
mod restore;
mod scanner;
mod scanner_kinds;
mod scanner_sim;
mod scenarios;
mod secrets;
mod settlements;
mod simulation;
mod support;
mod v2_replies;
mod v2_requests;
mod v3_replies;
mod v3_requests;
mod wire;
