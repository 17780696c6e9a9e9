//! Floor 2: the ledger. One SQLite file, one writer; readers look on read-only.

mod backup;
mod chain;
mod error;
mod lock;
mod migrate;
mod moved_refunds;
mod movements;
mod open;
mod read;
mod reconciled;
mod refund_rows;
mod refunds;
mod restore;
mod rows;
mod save;
mod standing;
mod takings;
mod verify;

pub use error::LedgerError;
pub use movements::Movements;
pub use open::{Birth, Ledger, files, is_held};
pub use read::{AttemptRow, Filter, JournalLine, PaymentRow, Reader, Search};
pub use reconciled::{RECONCILE_WITHIN_DAYS, Reconciled, keep_reconciled_offline};
pub use refund_rows::RefundRow;
pub use restore::{Lost, Restore, Restored, Stage, Stray, There};
pub use standing::{Standing, WentBack};
pub use takings::{Moved, Share, Takings, Tally, Unresolved};
pub use verify::{Finding, Report};
