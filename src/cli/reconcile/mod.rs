//! `shroff reconcile`: WeChat's statements against the ledgers, offline.

mod files;
mod job;
mod shelf;
mod store;
mod table;
mod work;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::Context as _;

pub use job::Job;
pub use work::Meter;

use super::exit::BadData;
use super::landing::{self, Landing};
use super::{Exit, say};
use crate::config::Local;
use crate::edge::dice::Dice;
use crate::ledger::Movements;
use crate::reconcile::{LedgerRead, Report};
use crate::words::{Day, WallTime};

/// More threads than this only wait for the disk.
const THREADS_MAX: usize = 8;

/// What to compare. The daemon may be running or stopped. That these days were compared is kept in the ledgers, for
/// `shroff close` and `shroff doctor`. Exit code 1 when anything differs.
#[derive(Debug, clap::Args)]
pub(super) struct ReconcileArgs {
    /// WeChat's statements as they were downloaded, packed or not: of one day, or of neighbouring days
    #[arg(value_name = "STATEMENT", required = true)]
    statements: Vec<PathBuf>,
    /// Only this day, year-month-day, midnight UTC+8; otherwise the days of the statements
    #[arg(long, value_name = "DAY")]
    day: Option<Day>,
    /// A terminal's ledger, once for each terminal; otherwise the one of the configuration
    #[arg(long = "ledger", value_name = "FILE")]
    ledgers: Vec<PathBuf>,
    /// Compare a statement that is not all there, or was altered, as far as it goes
    #[arg(long)]
    partial: bool,
    /// About how much memory to use; what does not fit waits in the folder for temporary files
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(32..))]
    max_memory: Option<u32>,
    /// Do not keep in the ledgers that these days were compared
    #[arg(long)]
    no_store: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the differences for a spreadsheet
    #[arg(long)]
    csv: bool,
    /// Write a page to open and print
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace the page that is there
    #[arg(long, requires = "html")]
    force: bool,
}

pub(super) fn run(path: &Path, args: &ReconcileArgs, now: WallTime) -> anyhow::Result<Exit> {
    let files = files(path, &args.ledgers)?;
    let landing = args.html.as_deref().map(|page| place(page, args, path, &files)).transpose()?;
    let (ledgers, books) = open(&files)?;
    let job = Job {
        statements: args.statements.clone(),
        day: args.day,
        partial: args.partial,
        memory_mib: args.max_memory,
        threads: std::thread::available_parallelism().map_or(1, |it| it.get().min(THREADS_MAX)),
    };
    let mut tick = |meter: &Meter| {
        let (read, lines) = (meter.read.load(Ordering::Relaxed), meter.lines.load(Ordering::Relaxed));
        say::show_for_now(&format!("statements {}  ledgers {lines} lines", bar(read, meter.size)));
    };
    let report = job.run(ledgers, books, &mut || u64::from_le_bytes(Dice.bytes()), &mut tick);
    say::take_back();
    let mut report = report?;
    warn(&report);
    if !args.no_store {
        store::store(&mut report, &files, &args.statements, path, now);
    }
    if let (Some(mut landing), Some(page)) = (landing, &args.html) {
        landing.file().write_all(report.page().as_bytes()).context("the page cannot be written")?;
        landing.land()?;
        say::tell(&format!("the page is in {}", page.display()));
    }
    if args.json {
        say::json(&report.document())?;
    } else if args.csv {
        say::print(&report.csv())?;
    } else {
        say::print(&table::text(&report))?;
    }
    Ok(if report.is_fine() { Exit::Fine } else { Exit::Found })
}

/// How much of `all` is done, as a bar.
fn bar(done: u64, all: u64) -> String {
    let percent = done.min(all).saturating_mul(100).checked_div(all).unwrap_or(100);
    let full = usize::try_from(percent.checked_div(5).unwrap_or(0)).unwrap_or(0);
    format!("[{:<20}] {percent:>3} %", "#".repeat(full))
}

/// The ledgers that are named, or the one of the configuration at `path`.
///
/// # Errors
/// When there is no such configuration.
pub(super) fn files(path: &Path, named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    Ok(if named.is_empty() { vec![Local::load(path)?.ledger_path] } else { named.to_vec() })
}

/// Opens the ledgers.
///
/// # Errors
/// When one cannot be read, or two are the same.
pub(super) fn open(files: &[PathBuf]) -> anyhow::Result<(Vec<LedgerRead>, Vec<Movements>)> {
    let mut births: BTreeMap<String, String> = BTreeMap::new();
    let (mut ledgers, mut books) = (Vec::new(), Vec::new());
    for file in files {
        let book = Movements::open(file)?;
        let name = file.display().to_string();
        if let Some(other) = births.insert(book.mark().to_owned(), name.clone()) {
            return Err(
                BadData(format!("{other} and {name} are the same ledger, or one is a copy; leave one out")).into()
            );
        }
        ledgers.push(LedgerRead { name, terminal: book.terminal().to_owned(), kept: false });
        books.push(book);
    }
    Ok((ledgers, books))
}

/// Says beside the report what a program that reads it must not miss.
fn warn(report: &Report) {
    for it in &report.statements {
        if it.bad > 0 {
            say::tell(&format!("{}: {} lines could not be used", it.name, it.bad));
        }
        if it.left_out > 0 {
            say::tell(&format!("{}: {} rows of other days were left out", it.name, it.left_out));
        }
    }
    if !report.names_compared {
        say::tell(
            "there are too many sales to look for references that were paid at two terminals; compare fewer days",
        );
    }
    if report.is_partial() {
        say::tell("a statement is not all there: what differs may only be missing, and what agrees is not everything");
    }
}

/// Makes room for the page, before anything is compared. It never takes the place of what is compared, not with --force.
fn place(page: &Path, args: &ReconcileArgs, config: &Path, ledgers: &[PathBuf]) -> anyhow::Result<Landing> {
    landing::keep_off(page, args.statements.iter().map(PathBuf::as_path))?;
    landing::keep_off_books(page, config, ledgers)?;
    Landing::beside(page, args.force)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_what_is_done() {
        assert_eq!(bar(0, 200), "[                    ]   0 %");
        assert_eq!(bar(101, 200), "[##########          ]  50 %");
        assert_eq!(bar(300, 200), "[####################] 100 %");
        assert_eq!(bar(0, 0), "[####################] 100 %");
    }
}
