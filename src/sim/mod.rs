//! The annex: simulators of what stands around the daemon. No product module uses it.

pub mod scanner;
