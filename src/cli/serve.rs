//! `shroff serve`: the daemon.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::Context as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Exit;
use crate::daemon::Source;

/// What `serve` is told.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// How much to say: error, warn, info, debug, trace, or a filter such as shroff=debug
    #[arg(long, env = "SHROFF_LOG", default_value = "info", value_name = "LEVEL")]
    log: String,
}

pub(super) fn run(path: &Path, args: &ServeArgs) -> anyhow::Result<Exit> {
    listen(&args.log)?;
    let source = Source::new(path);
    let config = source.load()?;
    crate::daemon::serve(&config, source)?;
    Ok(Exit::Fine)
}

/// Log lines go to stderr. Libraries below us are held to warnings: hyper and rustls print what they send at trace.
pub(super) fn listen(level: &str) -> anyhow::Result<()> {
    let filter = if level.contains('=') { level.to_owned() } else { format!("warn,shroff={level}") };
    let filter: Targets = filter.parse().with_context(|| {
        format!("--log takes error, warn, info, debug, trace or a filter such as shroff=debug, not {level:?}")
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init()
        .map_err(|error| anyhow::anyhow!("the log cannot be opened: {error}"))
}
