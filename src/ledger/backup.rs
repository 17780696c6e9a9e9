//! Backups: one moment of the ledger, whole, in a file of its own. The daemon goes on beside it.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::LedgerError;
use super::read::Reader;
use super::standing::Standing;
use super::verify::Report;

/// Pages that are copied at a time; between two times somebody is told: 4 MiB.
const PAGES: i32 = 1024;

impl Reader {
    /// Copies the ledger as it is now into the file at `to`, which is there and empty, and reads the copy to its last
    /// line. `told` hears of pages copied and pages in all. The copy is one plain file, and not flushed.
    ///
    /// # Errors
    /// When the ledger cannot be read or the copy cannot be written. What the copy's own verification found is in the
    /// report.
    pub fn backup(&self, to: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<(Standing, Report), LedgerError> {
        // Of one moment, however long it takes: what the daemon writes meanwhile stays outside.
        let _moment = self.db().unchecked_transaction()?;
        let standing = self.standing()?;
        copy(self.db(), to, told)?;
        let copy = Self::look(to)?;
        let report = copy.verify(&mut |_| {})?;
        if copy.standing()? != standing {
            return Err(LedgerError::Damaged("the copy is not the ledger".to_owned()));
        }
        Ok((standing, report))
    }
}

/// Copies page by page.
pub(super) fn copy(from: &Connection, to: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<(), LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut target = Connection::open_with_flags(to, flags)?;
    {
        let backup = Backup::new(from, &mut target)?;
        loop {
            let step = backup.step(PAGES)?;
            let progress = backup.progress();
            let pages = |count: i32| u64::try_from(count).unwrap_or_default();
            told(pages(progress.pagecount.saturating_sub(progress.remaining)), pages(progress.pagecount));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                // Nobody else knows the copy, and a reader of a WAL waits for nobody.
                StepResult::Busy | StepResult::Locked | _ => {
                    return Err(LedgerError::Unfit("could not copy the ledger: it is locked".to_owned()));
                }
            }
        }
    }
    // The ledger is in WAL mode, and its pages say so. One file is easier to keep than three.
    let mode: String = target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode != "delete" {
        return Err(LedgerError::Unfit(format!("could not make one file of the copy, the journal mode is {mode}")));
    }
    target.close().map_err(|(_, error)| error.into())
}
