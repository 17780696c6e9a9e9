//! Floor 4: sockets, devices, clocks, dice, HTTP.

pub mod desk;
