//! The annex: the world outside the terminal, made of lies we choose. Nothing of the product uses it, and it uses
//! nothing of the product but [`crate::words`]: it reads, writes and signs XML with its own code, so that a mistake of
//! ours cannot agree with itself.

pub mod book;
pub mod faults;
pub mod gateway;
