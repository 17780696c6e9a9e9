//! Floor 4: sockets, devices, clocks, dice, HTTP.

pub mod api;
pub mod desk;
pub mod display;
pub mod metrics;
