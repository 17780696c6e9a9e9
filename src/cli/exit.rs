//! Exit codes of the contract, and which failure has which.

use std::process::{ExitCode, Termination};

use crate::config::ConfigErrors;
use crate::daemon::ServeError;
use crate::ledger::LedgerError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Fine,
    /// 1: differences or attention found
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

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Fine => 0,
            Self::Found => 1,
            Self::Data => 65,
            Self::Unreachable => 69,
            Self::Io => 74,
            Self::Later => 75,
            Self::Denied => 77,
            Self::Config => 78,
        })
    }
}

/// Says what went wrong on stderr, with all its causes, and picks the exit code.
#[expect(clippy::print_stderr, reason = "this is where commands talk to people")]
pub(super) fn explain(error: &anyhow::Error) -> Exit {
    eprintln!("shroff: {error:#}");
    code(error)
}

fn code(error: &anyhow::Error) -> Exit {
    if error.is::<ConfigErrors>() {
        return Exit::Config;
    }
    let ledger = error.downcast_ref::<LedgerError>().or_else(|| match error.downcast_ref::<ServeError>() {
        Some(ServeError::Ledger(ledger)) => Some(ledger),
        Some(ServeError::Gateway(_) | ServeError::Door { .. } | ServeError::System(_)) | None => None,
    });
    match (ledger, error.downcast_ref::<ServeError>()) {
        (Some(LedgerError::Locked(_)), _) => Exit::Later,
        (Some(LedgerError::Denied(_)), _) => Exit::Denied,
        (Some(LedgerError::Damaged(_) | LedgerError::Newer { .. } | LedgerError::NotAFile(_)), _) => Exit::Data,
        (Some(_), _) => Exit::Io,
        (None, Some(ServeError::Gateway(_))) => Exit::Config,
        (None, Some(ServeError::Door { .. })) => Exit::Unreachable,
        (None, _) => Exit::Io,
    }
}
