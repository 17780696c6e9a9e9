//! A few read-only looks at the ledger, shared by all requests.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::ledger::{LedgerError, Reader};

/// Looks at the ledger at the same time. A look takes microseconds; more would only fight for the disk.
const READERS: usize = 4;

/// The ledger cannot be read. Why stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be read; the terminal's log says why")]
pub struct ReadError;

/// A pool of read-only connections. They are opened when first needed: the daemon makes the file.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
    turns: Semaphore,
}

impl Readers {
    /// A pool for the ledger at `path`.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()), turns: Semaphore::new(READERS) }
    }

    /// Looks something up on a thread that may wait for the disk. A connection that failed is not used again.
    pub(super) async fn read<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        look: impl FnOnce(&Reader) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let _turn = self.turns.acquire().await.map_err(|_| ReadError)?;
        let readers = std::sync::Arc::clone(self);
        let found = tokio::task::spawn_blocking(move || readers.look(look));
        found.await.map_err(|_| ReadError)?
    }

    /// Looks one thing up right here: a payment, or the journal's last lines. They were written a moment ago and lie in
    /// the cache, and a look at a WAL waits for nobody; waking a thread for it would cost more than the look.
    pub(super) fn glance<T>(&self, look: impl FnOnce(&Reader) -> Result<T, LedgerError>) -> Result<T, ReadError> {
        self.look(look)
    }

    fn look<T>(&self, look: impl FnOnce(&Reader) -> Result<T, LedgerError>) -> Result<T, ReadError> {
        let found = self.take().map_or_else(|| Reader::open(&self.path), Ok).and_then(|reader| {
            let found = look(&reader)?;
            self.give_back(reader);
            Ok(found)
        });
        found.map_err(|error| {
            tracing::error!(%error, cause = ?std::error::Error::source(&error), "the ledger cannot be read");
            ReadError
        })
    }

    fn take(&self) -> Option<Reader> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS {
            idle.push(reader);
        }
    }
}
