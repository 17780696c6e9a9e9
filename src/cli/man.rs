//! `shroff man`: the manual pages, one a command.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::{Args, Exit, say};

/// Where to.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The folder that gets the pages; it is made when it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &ManArgs) -> anyhow::Result<Exit> {
    let failed = || format!("the pages cannot be written to {}", args.folder.display());
    std::fs::create_dir_all(&args.folder).with_context(failed)?;
    clap_mangen::generate_to(Args::command(), &args.folder).with_context(failed)?;
    say::tell(&format!("the manual pages are in {}", args.folder.display()));
    Ok(Exit::Fine)
}
