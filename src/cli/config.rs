//! `shroff config`: what is wrong with the configuration, and what is in force.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Exit, Json, say};
use crate::config::{Config, ConfigErrors, GatewayApi, Origin, rows};
use crate::daemon::{ServeError, Source, gateway_for_a_look};
use crate::edge::clock::Clock;
use crate::edge::gateway::{GatewayError, TlsError};

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub(super) enum ConfigCommand {
    /// Say everything that is wrong with it, with line and cure; its keys and certificates are tried too, and nothing is sent
    Check(CheckArgs),
    /// Show every value in force; of a secret only the name of its file
    Show(ShowArgs),
}

/// How to check it.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// A service was given its keys in DIR when it started: refuse where one of them has changed since, because only a
    /// restart hands it out
    #[arg(long, value_name = "DIR")]
    given: Option<PathBuf>,
    #[command(flatten)]
    output: Json,
}

/// How to show it.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Say where each value comes from
    #[arg(long)]
    origin: bool,
    #[command(flatten)]
    output: Json,
}

pub(super) fn run(path: &Path, command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Check(args) => check(path, args),
        ConfigCommand::Show(args) => show(path, args),
    }
}

/// What a check found.
#[derive(Serialize)]
struct Checked {
    file: String,
    fine: bool,
    errors: Vec<Fault>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Fault {
    key: String,
    line: Option<usize>,
    problem: String,
}

/// The configuration, once the way to the gateway could be made of it as `serve` makes it: whether a key belongs to its
/// certificate shows only there. Nothing is sent, and nothing is kept.
///
/// Where a service was `given` its files, they must not have changed since: systemd hands them out once, at the start, so
/// the service itself does not see it.
fn load(path: &Path, given: Option<&Path>) -> Result<Config, ConfigErrors> {
    let mut source = Source::new(path);
    source.credentials = source.credentials.filter(|_| given.is_none());
    let config = source.load()?;
    if let Err(why) = gateway_for_a_look(&config, Clock::start()) {
        return Err(ConfigErrors::late(path, &[at_fault(&why)], &format!("cannot be used: {why}")));
    }
    // What was given may lack a file that is new. Then its name is new as well, and the service says so.
    let before = given.and_then(|given| Config::load(path, Some(given)).ok());
    let rewritten = before.map(|before| before.files.changed(&config.files)).unwrap_or_default();
    if rewritten.is_empty() {
        return Ok(config);
    }
    let why = "has another content than the service was given; that needs a restart: systemctl restart shroff";
    Err(ConfigErrors::late(path, &rewritten, why))
}

/// The key that the way to the gateway could not be made of.
fn at_fault(error: &ServeError) -> String {
    match error {
        ServeError::Gateway(GatewayError::Tls(TlsError::Wrong { what: "ca_file", .. })) => "gateway.ca_file".to_owned(),
        ServeError::Gateway(GatewayError::Tls(TlsError::Wrong { what, .. })) => format!("gateway.v2.{what}"),
        ServeError::Gateway(GatewayError::Url { key }) => format!("gateway.{key}"),
        ServeError::PlatformKey(_) => "gateway.v3.platform_public_key_file".to_owned(),
        ServeError::Gateway(GatewayError::Tls(TlsError::Library(_)) | GatewayError::Client(_))
        | ServeError::Ledger(_)
        | ServeError::Door { .. }
        | ServeError::System(_) => "gateway".to_owned(),
    }
}

fn check(path: &Path, args: &CheckArgs) -> anyhow::Result<Exit> {
    let loaded = load(path, args.given.as_deref());
    if args.output.json {
        let fine = loaded.is_ok();
        let (errors, notes) = match &loaded {
            Ok(config) => (Vec::new(), notes(config)),
            Err(errors) => (faults(errors), Vec::new()),
        };
        say::json(&Checked { file: path.display().to_string(), fine, errors, notes })?;
        return Ok(if fine { Exit::Fine } else { Exit::Config });
    }
    let config = loaded?;
    let (terminal, merchant) = (&config.terminal, &config.gateway.mch_id);
    say::print(&format!(
        "{} is {}: terminal {}, merchant {merchant}, {}, at {}; lanes: {}, scanners: {}, displays: {}\n",
        path.display(),
        say::coloured("fine", true),
        terminal.id,
        terminal.currency,
        config.gateway.base_url,
        config.lanes.len(),
        config.scanners.len(),
        config.displays.len(),
    ))?;
    for note in notes(&config) {
        say::print(&format!("note: {note}\n"))?;
    }
    Ok(Exit::Fine)
}

fn faults(errors: &ConfigErrors) -> Vec<Fault> {
    let fault = |error: &crate::config::ConfigError| Fault {
        key: error.key().to_owned(),
        line: error.line(),
        problem: error.problem().to_string(),
    };
    errors.iter().map(fault).collect()
}

/// What may be missing, and what it is missed for.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    for lane in config.lanes.iter().filter(|lane| config.scanners.iter().all(|scanner| scanner.lane != **lane)) {
        notes.push(format!(
            "lane {lane} has no [[scanner]]: its payment codes must come with the payment, as auth_code"
        ));
    }
    for lane in config.lanes.iter().filter(|lane| config.displays.iter().all(|display| display.lane != **lane)) {
        notes.push(format!("lane {lane} has no [[display]]: the customer sees the amount nowhere"));
    }
    if config.api.tcp.is_none() {
        notes.push(
            "api.listen is not set: the API is on its Unix socket only, and no page of a browser reaches it".to_owned(),
        );
    }
    if config.gateway.fallback_url.is_none() {
        notes.push("gateway.fallback_url is not set: when the host is down, questions have no second way".to_owned());
    }
    if config.terminal.mcc.is_none() {
        notes.push(
            "terminal.mcc is not set: WeChat Pay asks for it outside the mainland, and always in API v3".to_owned(),
        );
    }
    if matches!(&config.gateway.api, GatewayApi::V2(v2) if v2.client.is_none()) {
        notes.push("gateway.v2.client_cert_file is not set: only a simulator gives money back without it".to_owned());
    }
    if config.notify.url.as_ref().is_some_and(|url| url.to_string().starts_with("http://")) {
        notes.push("notify.url is http://: whoever is on the way reads when and how much is refunded".to_owned());
    }
    if config.notify.url.is_some() && config.notify.listen.is_none() {
        notes.push("notify.listen is not set: notifications go to notify.url, and not to this terminal".to_owned());
    }
    if config.gateway.base_url.to_string().starts_with("http://") {
        notes.push("gateway.base_url is a simulator on this machine: no money moves".to_owned());
    }
    notes
}

/// One key with `--json`.
#[derive(Serialize)]
struct Value {
    key: String,
    /// In TOML; absent when it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// `default`, `missing` or `file:line`.
    origin: String,
}

fn show(path: &Path, args: &ShowArgs) -> anyhow::Result<Exit> {
    let rows = rows(path)?;
    if args.output.json {
        let values = rows.iter().map(|row| Value {
            key: row.key.clone(),
            value: (row.origin != Origin::Missing).then(|| row.value.clone()),
            origin: row.origin.to_string(),
        });
        let values: Vec<Value> = values.collect();
        say::json(&serde_json::json!({ "file": path.display().to_string(), "values": values }))?;
        return Ok(Exit::Fine);
    }
    let mut text = String::new();
    for row in &rows {
        let said = match &row.origin {
            Origin::Missing => format!("#{} is not set", row.key),
            Origin::Default | Origin::File { .. } => format!("{} = {}", row.key, say::plain(&row.value)),
        };
        let line = if args.origin { format!("{said:<64} # {}", row.origin) } else { said };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    say::print(&text)?;
    Ok(Exit::Fine)
}
