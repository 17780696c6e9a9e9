//! A shop for tests: the real till and ledger, the real API, and a client that speaks HTTP by hand.

mod disk;
pub(crate) mod glass;
mod http;
pub(crate) mod lcdd;
mod shop;
pub(crate) mod sysfs;

pub(crate) use disk::BadDisk;
pub(crate) use http::{Answer, Client};
pub(crate) use shop::{SUPERVISOR, Shop, TOKEN};
