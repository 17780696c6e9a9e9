//! `shroff completions`: what a shell completes.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Args, Exit, say};

/// For which shell.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "shroff", &mut script);
    say::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
