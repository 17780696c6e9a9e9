//! `shroff serve`: the daemon.

use std::path::Path;

use super::Exit;
use super::log::LogArgs;
use crate::daemon::Source;

/// What `serve` is told.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    log: LogArgs,
}

pub(super) fn run(path: &Path, args: &ServeArgs) -> anyhow::Result<Exit> {
    args.log.listen()?;
    let source = Source::new(path);
    let config = source.load()?;
    crate::daemon::serve(&config, source)?;
    Ok(Exit::Fine)
}
