//! The integration tests: one binary, so that it links once.

mod conformance;
mod counterpart;
mod damage;
mod gateway;
mod gateway_tls;
mod hostile;
mod v2_replies;
mod v2_requests;
mod wire;
