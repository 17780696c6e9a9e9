//! `shroff doctor`: what is wrong with the terminal, and how to mend it. It asks, opens and reads; it changes nothing and
//! charges nobody, beside a running daemon and without one.

mod books;
mod counter;
mod disk;
mod line;
mod local;
mod papers;
mod service;
mod words;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub(super) use line::{Level, Line};

use super::api::Daemon;
use super::{Exit, Json, say};
use crate::config::{Config, Local};
use crate::edge::clock::Clock;

/// How to look. Exit code 0 when nothing fails (a warning is no failure), 78 when the configuration or its keys do, 77
/// when something may not be opened, 69 when the gateway cannot be reached, 1 when anything else fails.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Do not read every line of the ledger, which takes seconds for a large one
    #[arg(long)]
    quick: bool,
    /// Do not ask the gateway
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: Json,
    /// The program that knows the service
    #[arg(long, value_name = "PROGRAM", default_value = "systemctl", hide = true)]
    systemctl: PathBuf,
}

impl DoctorArgs {
    /// As the end of a set-up looks: at everything but the ledger's every line.
    pub(super) fn after_setup(offline: bool) -> Self {
        Self { quick: true, offline, output: Json { json: false }, systemctl: PathBuf::from("systemctl") }
    }

    /// As a support bundle looks.
    pub(super) fn for_a_bundle(quick: bool, offline: bool) -> Self {
        Self { quick, offline, output: Json { json: true }, systemctl: PathBuf::from("systemctl") }
    }
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Findings {
    version: &'static str,
    /// The exit code.
    exit: u8,
    /// Nothing fails.
    fine: bool,
    pub(super) checks: Vec<Line>,
}

pub(super) fn run(path: &Path, args: &DoctorArgs) -> anyhow::Result<Exit> {
    let (findings, exit) = examine(path, args);
    say::take_back();
    if args.output.json {
        say::json(&findings)?;
    } else {
        say::print(&text(&findings))?;
    }
    Ok(exit)
}

/// Looks at everything.
pub(super) fn examine(path: &Path, args: &DoctorArgs) -> (Findings, Exit) {
    crate::daemon::harden();
    let mut lines = Vec::new();
    let clock = Clock::start();
    say::show_for_now("reading the configuration …");
    lines.push(Line::ok("program", format!("shroff {}", env!("CARGO_PKG_VERSION"))));
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let config = local::config(path, credentials.as_deref(), &mut lines);
    let local = Local::load(path).ok();
    if let Some(config) = &config {
        papers::look(config, clock, &mut lines);
        if !args.offline {
            say::show_for_now("asking the gateway …");
            papers::ask(config, clock, &mut lines);
        }
    }
    let daemon = local.as_ref().and_then(|local| {
        say::show_for_now("asking the daemon …");
        service::daemon(local, &mut lines)
    });
    if let Some(config) = &config {
        say::show_for_now("looking at the counter …");
        counter::scanners(config, daemon.as_ref(), &mut lines);
        counter::displays(config, &mut lines);
        service::notifications(config, daemon.is_some(), &mut lines);
    }
    say::show_for_now("looking at the service …");
    let unit = service::properties(&args.systemctl);
    if let Some(local) = &local {
        say::show_for_now("reading the ledger …");
        let keeper = service::Keeper::of(unit.as_ref(), config.is_some());
        books::look(local, args.quick, clock, daemon.is_some(), &keeper, &mut lines);
    }
    service::unit(unit.as_ref(), path, credentials.as_deref(), &mut lines);
    let exit = exit(&lines);
    let fine = exit == Exit::Fine;
    (Findings { version: env!("CARGO_PKG_VERSION"), exit: exit.code(), fine, checks: lines }, exit)
}

/// The first of these that failed decides: without a configuration nothing else can be right.
fn exit(lines: &[Line]) -> Exit {
    let failed = |exit: Exit| lines.iter().any(|line| line.level == Level::Failure && line.exit == exit);
    [Exit::Config, Exit::Denied, Exit::Unreachable, Exit::Found]
        .into_iter()
        .find(|it| failed(*it))
        .unwrap_or(Exit::Fine)
}

/// One line each, with its cure below it, and the sum at the end.
pub(super) fn text(findings: &Findings) -> String {
    let mut text = String::new();
    for line in &findings.checks {
        let word = format!("{:<7}", line.level.word());
        let word = match line.level {
            Level::Ok => say::coloured(&word, true),
            Level::Warning => word,
            Level::Failure => say::coloured(&word, false),
        };
        text.push_str(&format!("{word}  {:<14}  {}\n", line.check, say::plain(&line.text)));
        if let Some(fix) = &line.fix {
            text.push_str(&format!("{:25}→ {}\n", "", say::plain(fix)));
        }
    }
    let count = |level: Level| findings.checks.iter().filter(|line| line.level == level).count();
    let (failures, warnings) = (count(Level::Failure), count(Level::Warning));
    text.push_str(&match (failures, warnings) {
        (0, 0) => "all is well\n".to_owned(),
        (failures, warnings) => format!("{failures} failures, {warnings} warnings\n"),
    });
    text
}

/// The running daemon, and what it says of itself.
pub(super) struct Running {
    daemon: Daemon,
}

/// Secret files that the configuration names without a folder.
fn secret_files(config_path: &Path) -> Vec<String> {
    let rows = crate::config::rows(config_path).unwrap_or_default();
    let named = |key: &str| {
        key.ends_with("_file") && (key.starts_with("gateway.") || key.starts_with("api.")) && key != "gateway.ca_file"
    };
    let files = rows.iter().filter(|row| named(&row.key)).map(|row| row.value.trim_matches('"').to_owned());
    files.filter(|file| !file.is_empty() && !file.starts_with('/') && !file.starts_with('(')).collect()
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

/// No money moves.
fn is_simulator(config: &Config) -> bool {
    config.gateway.base_url.is_simulator()
}
