//! The one integration binary: it links once.

mod api;
mod cli;
mod config;
mod conformance;
mod counterpart;
mod damage;
mod e2e;
mod gateway;
mod gateway_tls;
mod hostile;
mod house;
mod laws;
mod scanner;
mod scenarios;
mod simulation;
mod support;
mod v2_replies;
mod v2_requests;
mod wire;
