//! Where the log goes, and in what form.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
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

fn listen(level: &str, format: Format) -> anyhow::Result<()> {
    let filter = filter(level)?;
    tracing_subscriber::registry()
        .with(layer(format)?)
        .with(filter)
        .try_init()
        .map_err(|error| anyhow::anyhow!("the log cannot be opened: {error}"))
}

/// Libraries below us are held to warnings, whatever is asked for: hyper and rustls print what they send at trace.
fn filter(level: &str) -> anyhow::Result<Targets> {
    let filter = if level.contains('=') { level.to_owned() } else { format!("warn,shroff={level}") };
    let filter: Targets = filter.parse().with_context(|| {
        format!("--log takes error, warn, info, debug, trace or a filter such as shroff=debug, not {level:?}")
    })?;
    let is_ours = |target: &str| target.split("::").next().is_some_and(|name| matches!(name, "shroff" | "shroff_sim"));
    let quiet = filter
        .iter()
        .map(|(target, level)| (target.to_owned(), if is_ours(target) { level } else { level.min(LevelFilter::WARN) }));
    let others = filter.default_level().unwrap_or(LevelFilter::OFF).min(LevelFilter::WARN);
    Ok(quiet.collect::<Targets>().with_default(others))
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn no_filter_makes_a_library_talk() {
        for level in ["trace", "trace,shroff=trace", "shroff=trace,hyper=trace", "shroff::edge=trace,=debug"] {
            let filter = filter(level).expect("a filter");
            assert!(filter.would_enable("shroff::edge::api", &Level::TRACE), "{level}");
            for library in ["hyper::client", "rustls", "reqwest"] {
                assert!(!filter.would_enable(library, &Level::INFO), "{level} {library}");
            }
        }
        assert!(!filter("shroff=info").expect("a filter").would_enable("shroff", &Level::DEBUG));
        assert!(filter("info").expect("a filter").would_enable("hyper", &Level::WARN));
    }
}
