//! Floor 1: WeChat's statement against the ledger, offline and exact.
//!
//! 1. [`statement`] makes rows of a file, and checks them against the file's own summary.
//! 2. [`Side`] makes a fingerprint of every row and of every line of the ledgers; [`compare`] cancels out equal ones.
//! 3. What is [`Loose`] is read again into [`Evidence`], and [`explain()`] looks at it order by order.
//! 4. [`Report`] has the findings and totals that add up.
//!
//! Nothing here opens a file: readers, ledgers ([`Book`]) and the hash's seed are arguments.

mod advice;
mod book;
mod csv;
mod decimal;
mod document;
mod evidence;
mod explain;
mod finding;
pub mod html;
mod kept;
mod moment;
mod names;
mod page;
mod prints;
mod report;
pub mod statement;
pub mod told;
mod totals;

pub use book::{Book, Days, LedgerLine, Standing, What};
pub use document::Outcome;
pub use evidence::{Evidence, LISTED_MAX};
pub use explain::explain;
pub use finding::{Finding, Found, Kind, Weight};
pub use kept::{Kept, KeptStatement, KeptTotal};
pub use prints::{CompareError, Loose, Place, Run, Shelf, Side, compare};
pub use report::{Balance, LedgerRead, Report, Share, StatementRead};
pub use totals::{Moved, Tally, Totals};
