//! `shroff serve`: the daemon.

use std::path::{Path, PathBuf};

use super::Exit;
use super::log::LogArgs;
use crate::config::Config;

/// What `serve` is told.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(path: &Path, args: &ServeArgs) -> anyhow::Result<Exit> {
    args.log.listen()?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let config = Config::load(path, credentials.as_deref())?;
    crate::daemon::serve(&config)?;
    Ok(Exit::Fine)
}
