//! The one integration binary.

mod scanner;
