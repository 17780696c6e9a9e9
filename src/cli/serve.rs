//! `shroff serve`: the daemon.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use super::Exit;
use crate::config::Config;

/// What `serve` is told.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// How much to say: error, warn, info, debug, trace, or a filter such as shroff=debug
    #[arg(long, env = "SHROFF_LOG", default_value = "info", value_name = "LEVEL")]
    log: String,
}

pub(super) fn run(path: &Path, args: &ServeArgs) -> anyhow::Result<Exit> {
    listen(&args.log)?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let config = Config::load(path, credentials.as_deref())?;
    crate::daemon::serve(&config)?;
    Ok(Exit::Fine)
}

/// Log lines go to stderr. Libraries below us are held to warnings: hyper and rustls print what they send at trace.
fn listen(level: &str) -> anyhow::Result<()> {
    let filter = if level.contains('=') { level.to_owned() } else { format!("warn,shroff={level}") };
    let filter = EnvFilter::try_new(filter)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .try_init()
        .map_err(|error| anyhow::anyhow!("the log cannot be opened: {error}"))
}
