//! Floor 4: where the world begins. Sockets, devices, the clock and the dice.

pub mod desk;
pub mod scanner;
