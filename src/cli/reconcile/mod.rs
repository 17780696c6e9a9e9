//! `shroff reconcile`: WeChat's statements against the ledgers, offline.

mod files;
mod job;
mod work;

pub use job::Job;
pub use work::Meter;
