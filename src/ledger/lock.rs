//! The lock file of the one writer.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::LedgerError;

/// The lock, held. The kernel gives it back when the process dies.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock in `file`, which is that of the ledger at `path`.
    pub(super) fn take(file: File, path: &Path) -> Result<Self, LedgerError> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(LedgerError::Io(error)),
        }
    }
}

impl Drop for Lock {
    /// Closing alone would not give it back while a child that is just being started has the file open as well.
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}
