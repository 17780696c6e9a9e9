//! Floor 4: where the world begins. Sockets, devices, the clock and the dice.

pub mod api;
pub mod cashier;
pub mod clock;
pub mod desk;
pub mod dice;
pub mod display;
pub mod gateway;
pub mod journald;
pub mod metrics;
pub mod notify;
pub mod scanner;
pub mod sessions;
