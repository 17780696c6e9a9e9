//! Exit codes of the contract, and which failure has which.

use std::io;
use std::process::{ExitCode, Termination};

use super::api::Trouble;
use super::say;
use crate::config::ConfigErrors;
use crate::daemon::ServeError;
use crate::edge::gateway::{DownloadError, ListError};
use crate::ledger::LedgerError;
use crate::reconcile::CompareError;
use crate::reconcile::statement::StatementError;
use crate::words::{AuthCodeError, MoneyError};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Fine,
    /// 1: differences or attention found, or not paid
    Found,
    /// 65: bad data
    Data,
    /// 69: daemon or gateway not reachable
    Unreachable,
    /// 74: input or output failed
    Io,
    /// 75: try later
    Later,
    /// 77: no permission
    Denied,
    /// 78: the configuration
    Config,
}

impl Exit {
    /// Its number.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Found => 1,
            Self::Data => 65,
            Self::Unreachable => 69,
            Self::Io => 74,
            Self::Later => 75,
            Self::Denied => 77,
            Self::Config => 78,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// What was typed does not fit: exit code 65.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadData(pub(super) String);

/// An end with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Ended {
    pub(super) exit: Exit,
    pub(super) text: String,
}

/// Says what went wrong on stderr, with all its causes, and picks the exit code.
pub(super) fn explain(error: &anyhow::Error) -> Exit {
    say::tell(&format!("shroff: {error:#}"));
    code(error)
}

impl Exit {
    /// The exit code of a command that failed so.
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        code(error)
    }
}

fn code(error: &anyhow::Error) -> Exit {
    if error.is::<ConfigErrors>() {
        return Exit::Config;
    }
    if error.is::<BadData>() || error.is::<MoneyError>() || error.is::<AuthCodeError>() {
        return Exit::Data;
    }
    if let Some(statement) = error.downcast_ref::<StatementError>() {
        return match statement {
            StatementError::Io(error) => of_io(error),
            StatementError::Empty
            | StatementError::NoBill
            | StatementError::Answer(_)
            | StatementError::Markup
            | StatementError::Packed
            | StatementError::NotUtf8
            | StatementError::NoColumn(_) => Exit::Data,
        };
    }
    if let Some(compare) = error.downcast_ref::<CompareError>() {
        return match compare {
            CompareError::TooMany => Exit::Data,
            CompareError::Shelf(_) => Exit::Io,
        };
    }
    if let Some(trouble) = error.downcast_ref::<Trouble>() {
        return of_trouble(trouble);
    }
    if let Some(ledger) = error.downcast_ref::<LedgerError>() {
        return of_ledger(ledger);
    }
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return ended.exit;
    }
    if let Some(download) = error.downcast_ref::<DownloadError>() {
        return of_download(download);
    }
    if let Some(list) = error.downcast_ref::<ListError>() {
        return match list {
            ListError::Doubt(_) => Exit::Unreachable,
            ListError::Unsupported => Exit::Config,
            ListError::Torn { .. } => Exit::Later,
            ListError::TooMany(_) => Exit::Data,
        };
    }
    if let Some(io) = error.downcast_ref::<io::Error>() {
        return of_io(io);
    }
    match error.downcast_ref::<ServeError>() {
        Some(ServeError::Ledger(ledger)) => of_ledger(ledger),
        Some(ServeError::Gateway(_) | ServeError::PlatformKey(_)) => Exit::Config,
        Some(ServeError::Door { .. }) => Exit::Unreachable,
        Some(ServeError::System(_)) | None => Exit::Io,
    }
}

/// Bytes that a packed file cannot have are bad data; everything else is the disk's.
fn of_io(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Exit::Denied;
    }
    let unpacking =
        matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof);
    if unpacking { Exit::Data } else { Exit::Io }
}

fn of_trouble(trouble: &Trouble) -> Exit {
    match trouble {
        Trouble::Unreachable { .. } | Trouble::Broken { .. } | Trouble::Strange { .. } => Exit::Unreachable,
        Trouble::Denied { .. } => Exit::Denied,
        Trouble::Refused(refused) if refused.is_forbidden() => Exit::Denied,
        Trouble::Refused(refused) if refused.retryable => Exit::Later,
        Trouble::Refused(_) => Exit::Data,
    }
}

fn of_download(error: &DownloadError) -> Exit {
    match error {
        DownloadError::Doubt(_) => Exit::Unreachable,
        DownloadError::Packed | DownloadError::Cut(_) | DownloadError::TooLarge | DownloadError::Digest => Exit::Data,
        DownloadError::Unsupported => Exit::Config,
        DownloadError::Disk(error) => of_io(error),
    }
}

fn of_ledger(error: &LedgerError) -> Exit {
    match error {
        LedgerError::Locked(_) | LedgerError::Read(_) => Exit::Later,
        LedgerError::Denied(_) => Exit::Denied,
        LedgerError::Damaged(_)
        | LedgerError::Newer { .. }
        | LedgerError::Older { .. }
        | LedgerError::Copy(_)
        | LedgerError::NotAFile(_)
        | LedgerError::Unfinished(_) => Exit::Data,
        LedgerError::Missing(_)
        | LedgerError::ReadOnly
        | LedgerError::Full
        | LedgerError::Unfit(_)
        | LedgerError::Io(_)
        | LedgerError::Sqlite(_) => Exit::Io,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_failure_keeps_its_code_whatever_was_said_around_it() {
        let denied = || LedgerError::Denied("/var/lib/shroff/ledger.sqlite".into());
        let cases = [
            (anyhow::Error::from(denied()).context("the list"), Exit::Denied),
            (ServeError::Ledger(denied()).into(), Exit::Denied),
            (LedgerError::Damaged("a row".to_owned()).into(), Exit::Data),
            (MoneyError::NotAnAmount.into(), Exit::Data),
            (BadData("no such payment".to_owned()).into(), Exit::Data),
            (Trouble::Denied { socket: "s".to_owned() }.into(), Exit::Denied),
            (Trouble::Unreachable { socket: "s".to_owned(), why: "gone".to_owned() }.into(), Exit::Unreachable),
            (io::Error::other("a disk").into(), Exit::Io),
            (io::Error::from(io::ErrorKind::PermissionDenied).into(), Exit::Denied),
        ];
        for (error, wanted) in cases {
            assert_eq!(code(&error), wanted, "{error:#}");
        }
        let outside: anyhow::Result<()> =
            Err(Trouble::Broken { socket: "s".to_owned(), why: "gone".to_owned() }).context("the payment goes on");
        assert_eq!(code(&outside.expect_err("broken")), Exit::Unreachable);
    }
}
