//! The one integration binary: it links once.

mod scanner;
mod simulation;
