use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the ledger cannot go on. Each says what to do; a failed write is fatal for the process.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another writer has it.
    #[error("the ledger {0} is in use by another shroff; stop that one first")]
    Locked(PathBuf),
    /// It was written by a newer program.
    #[error("the ledger {path} has schema {found}, this program knows {known}; install the newer shroff again")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It was written by an older program.
    #[error(
        "the ledger {path} has schema {found}, this program writes {known}; the daemon brings it up to date when it starts"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// No daemon has ever written it where it is.
    #[error("the ledger {0} is a copy: no daemon has written it there")]
    Copy(PathBuf),
    /// Readers keep it open while it is to be brought up to date.
    #[error(
        "the ledger {0} cannot be brought up to date while another program reads it; end that one, it is tried again"
    )]
    Read(PathBuf),
    /// There is no such file.
    #[error("there is no ledger at {0}; the daemon makes one when it first starts")]
    Missing(PathBuf),
    /// A restore of it was interrupted.
    #[error(
        "a restore of the ledger {0} was interrupted, and nothing is lost; run `shroff restore` again with the same backup"
    )]
    Unfinished(PathBuf),
    /// We may not open or write it.
    #[error("no permission for the ledger {0}; it belongs to the user the daemon runs as, mode 0600 in a folder 0700")]
    Denied(PathBuf),
    /// It is a link, or no plain file.
    #[error("the ledger {0} is not a plain file; a link there could lead anywhere")]
    NotAFile(PathBuf),
    /// The medium is read-only.
    #[error("the ledger cannot be written: the file or its disk is read-only; no sale is possible")]
    ReadOnly,
    /// No room.
    #[error("the disk of the ledger is full; free some space, no sale is possible until then")]
    Full,
    /// The file is damaged.
    #[error("the ledger is damaged ({0}); keep the file, restore a backup and run `shroff verify`")]
    Damaged(String),
    /// SQLite is not what it must be.
    #[error("SQLite {0}")]
    Unfit(String),
    /// The file system failed.
    #[error("the ledger's file system failed")]
    Io(#[source] std::io::Error),
    /// SQLite failed.
    #[error("the ledger failed")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}
