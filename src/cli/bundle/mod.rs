//! `shroff support-bundle`: what somebody far away needs to help, in one file, without a secret in it.

mod scrub;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

use self::scrub::Scrub;
use super::api::{Daemon, on_tokio};
use super::doctor::{self, DoctorArgs};
use super::landing::{self, Landing};
use super::{Exit, devices, say};
use crate::config::{Local, Origin, rows};
use crate::edge::clock::Clock;
use crate::ledger::{Filter, LedgerError, PaymentRow, Reader};

/// Where to. Keys, tokens and payment codes are taken out of everything; look into it before it is sent, if you like.
#[derive(Debug, clap::Args)]
pub(super) struct BundleArgs {
    /// The file to write; shroff-support-TIME.tar.gz in the current folder when left out
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
    /// Do not ask the gateway
    #[arg(long)]
    offline: bool,
    /// The program that knows the log
    #[arg(long, value_name = "PROGRAM", default_value = "journalctl", hide = true)]
    journalctl: PathBuf,
}

/// Lines of the log that go in.
const LOG_LINES: &str = "5000";
/// The most of one program's output that goes in, in bytes.
const OUTPUT_MAX: usize = 8 * 1024 * 1024;

pub(super) fn run(path: &Path, args: &BundleArgs) -> anyhow::Result<Exit> {
    crate::daemon::harden();
    let now = Clock::start().wall();
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    let name = format!("shroff-support-{stamp}");
    let target = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    // Where the configuration cannot be read, nobody knows where the ledger is.
    let known = Local::load(path).ok().map(|local| local.ledger_path);
    landing::keep_off_books(&target, path, known.as_slice())?;
    let mut landing = Landing::beside(&target, args.force)?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let scrub = Scrub::of(path, credentials.as_deref());
    let (findings, _) = doctor::examine(path, &DoctorArgs::for_a_bundle(true, args.offline));
    say::show_for_now("gathering …");
    let mut files = vec![
        ("about.txt", about(&now.to_string())),
        ("doctor.txt", doctor::text(&findings)),
        ("doctor.json", serde_json::to_string_pretty(&findings)?),
        ("config.txt", config(path)),
        ("versions.txt", versions()),
        ("devices.json", serde_json::to_string_pretty(&devices::document())?),
        ("journal.txt", output(&args.journalctl, &["-u", "shroff", "-n", LOG_LINES, "--no-pager", "-o", "short-iso"])),
        ("service.txt", output(Path::new("systemctl"), &["--no-pager", "cat", "shroff.service"])),
        ("service-state.txt", output(Path::new("systemctl"), &["--no-pager", "show", "shroff.service"])),
    ];
    if let Ok(local) = Local::load(path) {
        files.push(("ledger.txt", ledger(&local.ledger_path)));
        files.extend(daemon(&local));
    }
    let mut archive = tar::Builder::new(GzEncoder::new(landing.file(), Compression::default()));
    for (file, text) in &files {
        let text = scrub.clean(text);
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap_or_default());
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now.millis() / 1000).unwrap_or_default());
        archive.append_data(&mut header, format!("{name}/{file}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()?.flush()?;
    landing.land()?;
    say::take_back();
    say::print(&format!("{}: {} files, without secrets and payment codes\n", target.display(), files.len()))?;
    Ok(Exit::Fine)
}

fn about(now: &str) -> String {
    format!(
        "A support bundle of shroff {}, made {now}.\n\nKeys, tokens, private keys and payment codes are taken out; runs of 16 \
         digits or more keep their last four.\nWhat is in it: what the doctor says, the configuration (of secrets the names \
         of their files), versions, metrics,\nthe last {LOG_LINES} lines of the log, the service, the devices that are \
         plugged in, and the open payments.\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn config(path: &Path) -> String {
    match rows(path) {
        // Which key and which line; what stands there could be anything.
        Err(errors) => format!("it cannot be read: {errors}\n"),
        Ok(rows) => {
            let line = |row: &crate::config::Row| match row.origin {
                Origin::Missing => format!("#{} is not set\n", row.key),
                Origin::Default | Origin::File { .. } => format!("{} = {}  # {}\n", row.key, row.value, row.origin),
            };
            rows.iter().map(line).collect()
        }
    }
}

fn versions() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    format!(
        "shroff {}\nSQLite {}\narchitecture {}\nkernel {}uptime {}\n{}",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version(),
        std::env::consts::ARCH,
        read("/proc/version"),
        read("/proc/uptime").trim(),
        read("/etc/os-release")
    )
}

/// What the ledger says of itself, and what is open. Not what the shop takes.
fn ledger(path: &Path) -> String {
    let told = || -> Result<String, LedgerError> {
        let reader = Reader::open(path)?;
        let standing = reader.standing()?;
        let mut text = format!(
            "{}\nmark {}, {} numbers given out, opened {} times, {} journal lines, the last {}\n",
            path.display(),
            standing.mark,
            standing.counter,
            standing.starts,
            standing.seq,
            standing.written
        );
        for back in reader.went_back()? {
            text.push_str(&format!("{} at {}, known to {}\n", back.event, back.at, back.known_to));
        }
        let mut list = |title: &str, rows: Vec<PaymentRow>| {
            text.push_str(&format!("\n{title}: {}\n", rows.len()));
            for row in rows.iter().take(100) {
                let record = &row.record;
                let number = record.attempt.as_ref().map_or("-", |attempt| attempt.out_trade_no.as_str());
                text.push_str(&format!(
                    "{} {} {} money {} alarm {:?} changed {}\n",
                    record.facts.reference,
                    number,
                    record.state.word(),
                    record.money.word(),
                    record.alarm,
                    row.updated_at
                ));
            }
        };
        list("open", reader.payments(&Filter { open: true, ..Filter::default() })?);
        list("for a person", reader.attention()?);
        Ok(text)
    };
    told().unwrap_or_else(|error| format!("{error}\n"))
}

/// What the daemon says of itself, if one runs.
fn daemon(local: &Local) -> Vec<(&'static str, String)> {
    let Ok(daemon) = Daemon::at(&local.socket) else { return Vec::new() };
    let asked = on_tokio(async {
        let mut files = Vec::new();
        for (file, path) in [
            ("metrics.txt", &["metrics"][..]),
            ("readyz.json", &["readyz"]),
            ("daemon-devices.json", &["v1", "devices"]),
            ("lanes.json", &["v1", "lanes"]),
        ] {
            let text = daemon.text(path).await.map_or_else(|trouble| format!("{trouble}\n"), |(_, text)| text);
            files.push((file, text));
        }
        Ok(files)
    });
    asked.unwrap_or_default()
}

/// What a program of the system says.
fn output(program: &Path, args: &[&str]) -> String {
    let ended = Command::new(program).args(args).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output();
    match ended {
        Err(error) => format!("{} cannot be run: {error}\n", program.display()),
        Ok(ended) => {
            let from = ended.stdout.len().saturating_sub(OUTPUT_MAX);
            let text = String::from_utf8_lossy(ended.stdout.get(from..).unwrap_or_default()).into_owned();
            [text.as_str(), &String::from_utf8_lossy(&ended.stderr)].concat()
        }
    }
}
