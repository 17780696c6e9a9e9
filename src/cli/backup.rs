//! `shroff backup`: the ledger as it is now, in a file of its own.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::landing::{self, Landing};
use super::offline::Books;
use super::progress::Bar;
use super::shown::shop_time;
use super::{Exit, Json, say};
use crate::config::Local;

/// Where to. The daemon may run; the copy is of one moment, and is read to its last line before it gets its name. It
/// holds what the shop takes and no key. Exit code 1 when the ledger itself is damaged: the copy is kept all the same.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The file to write, best on another disk
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: Json,
}

#[derive(Serialize)]
struct Document {
    file: String,
    bytes: u64,
    fine: bool,
    lines: u64,
    payments: u64,
    written_at: Option<String>,
    findings: Vec<String>,
}

pub(super) fn run(path: &Path, args: &BackupArgs) -> anyhow::Result<Exit> {
    crate::daemon::harden();
    let books = Books::open(path)?;
    landing::keep_off_books(&args.file, path, &[Local::load(path)?.ledger_path])?;
    let mut landing = Landing::beside(&args.file, args.force)?;
    let bar = Bar::of_things("pages of the ledger".to_owned());
    let copied = books.reader.backup(landing.path(), &mut |done, all| bar.shows(done, Some(all)));
    drop(bar);
    let (standing, report) = copied?;
    let bytes = landing.file().metadata()?.len();
    landing.land()?;
    let findings: Vec<String> = report.findings.iter().map(|it| say::plain(&it.to_string())).collect();
    let exit = if findings.is_empty() { Exit::Fine } else { Exit::Found };
    let written_at = (standing.seq > 0).then(|| standing.written.to_string());
    let file = args.file.display().to_string();
    if args.output.json {
        let (fine, lines, payments) = (findings.is_empty(), report.lines, report.payments);
        say::json(&Document { file, bytes, fine, lines, payments, written_at, findings })?;
        return Ok(exit);
    }
    for finding in &findings {
        say::print(&format!("{finding}\n"))?;
    }
    let last = written_at.map_or_else(String::new, |at| format!(", the last of {} UTC+8", shop_time(&at)));
    say::print(&format!(
        "{}: {bytes} bytes, {} payments, {} journal lines{last}\n",
        say::plain(&file),
        report.payments,
        report.lines
    ))?;
    if !findings.is_empty() {
        say::tell("shroff: the ledger is damaged, and so is this copy; keep both and call support");
    }
    Ok(exit)
}
