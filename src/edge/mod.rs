//! Floor 4: sockets, devices, clocks and dice. Whatever the world does is turned into values here.

pub mod clock;
pub mod dice;
pub mod gateway;
