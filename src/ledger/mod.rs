//! Floor 2: the ledger. One SQLite file, one writer; readers look on read-only.

mod chain;
mod error;
mod lock;
mod moved_refunds;
mod movements;
mod open;
mod read;
mod reconciled;
mod refund_rows;
mod refunds;
mod rows;
mod save;
mod takings;
mod verify;

pub use error::LedgerError;
pub use movements::Movements;
pub use open::{Birth, Ledger};
pub use read::{AttemptRow, Filter, JournalLine, PaymentRow, Reader};
pub use reconciled::{RECONCILE_WITHIN_DAYS, Reconciled, keep_reconciled_offline};
pub use refund_rows::RefundRow;
pub use takings::{Moved, Share, Takings, Tally, Unresolved};
pub use verify::{Finding, Report};
