//! The behaviour of a payment, without clock, dice, disk or socket.
pub mod answer;
mod call;
pub mod policy;

pub use answer::Answer;
pub use call::{Ask, Call, Op, Order};
pub use policy::Policy;
