//! Where the log goes, and in what form.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt};

use crate::edge::journald::{self, Journald};

/// What of the log is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// How much to say: error, warn, info, debug, trace, or a filter such as shroff=debug
    #[arg(long, env = "SHROFF_LOG", default_value = "info", value_name = "LEVEL")]
    log: String,
    /// In what form
    #[arg(long, env = "SHROFF_LOG_FORMAT", default_value = "auto", value_name = "FORMAT")]
    log_format: Format,
}

/// Forms of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The journal under systemd, text otherwise
    Auto,
    /// Lines of text on stderr
    Text,
    /// A JSON object a line on stderr
    Json,
    /// Entries of systemd's journal, with fields such as OUT_TRADE_NO
    Journald,
}

impl LogArgs {
    /// Opens the log.
    pub(super) fn listen(&self) -> anyhow::Result<()> {
        listen(&self.log, self.log_format)
    }
}

/// Lines of text on stderr, for a command that a person looks at.
pub(super) fn listen_in_text(level: &str) -> anyhow::Result<()> {
    listen(level, Format::Text)
}

/// Libraries below us are held to warnings: hyper and rustls print what they send at trace.
fn listen(level: &str, format: Format) -> anyhow::Result<()> {
    let filter = if level.contains('=') { level.to_owned() } else { format!("warn,shroff={level}") };
    let filter: Targets = filter.parse().with_context(|| {
        format!("--log takes error, warn, info, debug, trace or a filter such as shroff=debug, not {level:?}")
    })?;
    tracing_subscriber::registry()
        .with(layer(format)?)
        .with(filter)
        .try_init()
        .map_err(|error| anyhow::anyhow!("the log cannot be opened: {error}"))
}

fn layer<S>(format: Format) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let text = || {
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        fmt::layer().with_writer(std::io::stderr).with_ansi(colours).boxed()
    };
    Ok(match format {
        Format::Text => text(),
        Format::Json => {
            let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
            lines.with_writer(std::io::stderr).boxed()
        }
        Format::Journald => {
            Journald::connect().context("--log-format journald: systemd's journal does not listen here")?.boxed()
        }
        // Where the journal reads our stderr but takes no entries, lines are better than nothing.
        Format::Auto if journald::is_stderr() => match Journald::connect() {
            Ok(journal) => journal.boxed(),
            Err(_) => text(),
        },
        Format::Auto => text(),
    })
}
