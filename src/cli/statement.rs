//! `shroff statement`: WeChat's statement of a day, to a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::api::on_tokio;
use super::exit::{BadData, Ended};
use super::landing::{self, Landing};
use super::progress::Bar;
use super::shown::shop_time;
use super::{Exit, Json, refused, say};
use crate::config::Config;
use crate::dialect::NoStatement;
use crate::edge::clock::Clock;
use crate::edge::gateway::{Fetched, Gateway, Statement};
use crate::ledger::{LedgerError, Reader};
use crate::words::{Day, WallTime};

/// Which statement, and where to put it. The gateway is asked, not the daemon, which may run or not.
#[derive(Debug, clap::Args)]
pub(super) struct StatementArgs {
    /// The day, year-month-day, midnight UTC+8
    #[arg(long, value_name = "DAY")]
    day: Day,
    /// Where to put it; statement-DAY.csv in the current folder when left out
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file that is there
    #[arg(long)]
    force: bool,
    /// Ask even before 10:00 UTC+8 of the next day, when there is none as a rule
    #[arg(long)]
    anyway: bool,
    #[command(flatten)]
    told: Json,
}

/// A statement is made from 9:00 and there from 10:00 of the next day (protocol 5.7).
pub(super) const THERE_AFTER: Duration = Duration::from_secs(10 * 60 * 60);

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    day: String,
    /// None when nothing moved on that day.
    file: Option<String>,
    nothing_moved: bool,
    bytes: u64,
    received: u64,
    rows: u64,
    /// How many rows the file's own summary says there are.
    rows_said: Option<u64>,
    /// WeChat signed the file's digest, and it fits.
    signed: bool,
}

pub(super) fn run(path: &Path, args: &StatementArgs) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    too_early(args, clock.wall())?;
    let target = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("statement-{}.csv", args.day)));
    crate::daemon::harden();
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let config = Config::load(path, credentials.as_deref())?;
    let gateway = crate::daemon::gateway(&config, clock)?;
    landing::keep_off_books(&target, path, std::slice::from_ref(&config.ledger_path))?;
    let mut landing = Landing::beside(&target, args.force)?;
    match on_tokio(fetch(&gateway, args.day, &mut landing))? {
        Fetched::File(statement) => {
            landing.land()?;
            kept(args, &target, statement)
        }
        Fetched::None(NoStatement::Empty) => nothing(args, &config.ledger_path),
        Fetched::None(why) => Err(none(args.day, why, gateway.clock_ahead()).into()),
    }
}

/// Refuses a day of which there can be no statement yet.
fn too_early(args: &StatementArgs, now: WallTime) -> anyhow::Result<()> {
    let day = args.day;
    let clock = shop_time(&now.to_string());
    if now < day.begin() {
        return Err(BadData(format!("{day} has not begun; by this terminal's clock it is {clock} UTC+8")).into());
    }
    let there = day.end().after(THERE_AFTER);
    if now >= there || args.anyway {
        return Ok(());
    }
    let there = shop_time(&there.to_string());
    let text = format!(
        "WeChat Pay makes the statement of {day} later: try again after {there} UTC+8 (by this terminal's clock it is \
         {clock}); --anyway asks now"
    );
    Err(Ended { exit: Exit::Later, text }.into())
}

async fn fetch(gateway: &Gateway, day: Day, landing: &mut Landing) -> anyhow::Result<Fetched> {
    let bar = Bar::of_bytes(format!("statement of {day}"));
    let mut told = |progress: crate::edge::gateway::Progress| bar.shows(progress.received, progress.expected);
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        fetched = gateway.statement(day, landing.file(), &mut told) => Ok(fetched?),
        interrupted = tokio::signal::ctrl_c() => Err(interrupted.map_or_else(anyhow::Error::from, |()| left())),
        _ = terminated.recv() => Err(left()),
    }
}

fn left() -> anyhow::Error {
    Ended { exit: Exit::Later, text: "interrupted; no file was made".to_owned() }.into()
}

fn kept(args: &StatementArgs, target: &Path, statement: Statement) -> anyhow::Result<Exit> {
    let Statement { bytes, received, rows_said, rows, signed } = statement;
    let file = target.display().to_string();
    let agrees = rows_said.is_none_or(|said| said == rows);
    if args.told.json {
        let (day, file) = (args.day.to_string(), Some(file));
        say::json(&Document { day, file, nothing_moved: false, bytes, received, rows, rows_said, signed })?;
    } else {
        let movements = if rows == 1 { "movement" } else { "movements" };
        let proof = if signed { ", signed by WeChat Pay" } else { "" };
        say::print(&format!("{}: {rows} {movements} of {}, {bytes} bytes{proof}\n", say::plain(&file), args.day))?;
    }
    if let Some(said) = rows_said.filter(|_| !agrees) {
        say::tell(&format!(
            "shroff: the file is kept, but it is not as WeChat Pay made it: its summary says {said} rows, and {rows} are \
             there; download it again with --force"
        ));
    }
    Ok(if agrees { Exit::Fine } else { Exit::Found })
}

/// WeChat says that nothing moved. That is said without a signature, so it is set against what this terminal knows.
fn nothing(args: &StatementArgs, ledger: &Path) -> anyhow::Result<Exit> {
    let day = args.day;
    if args.told.json {
        let (day, file) = (day.to_string(), None);
        let (bytes, received, rows, rows_said, signed) = (0, 0, 0, None, false);
        say::json(&Document { day, file, nothing_moved: true, bytes, received, rows, rows_said, signed })?;
    } else {
        say::print(&format!("{day}: nothing moved, so WeChat Pay has no statement of it; no file was made\n"))?;
    }
    let ours = match Reader::open(ledger).and_then(|reader| reader.takings(day)) {
        Ok(takings) => takings
            .shares
            .values()
            .fold(0_u64, |all, moved| all.saturating_add(moved.taken.count).saturating_add(moved.returned.count)),
        // Where there is no ledger there is nothing that could disagree.
        Err(LedgerError::Missing(_)) => 0,
        Err(error) => {
            say::tell(&format!("shroff: whether the ledger agrees cannot be told: {error}"));
            0
        }
    };
    if ours == 0 {
        return Ok(Exit::Fine);
    }
    let times = if ours == 1 { "once" } else { "more than once" };
    say::tell(&format!(
        "shroff: but money moved {times} on that day by this terminal's ledger ({ours}): do not take the day for empty, \
         download again later, and see `shroff close --day {day}`"
    ));
    Ok(Exit::Found)
}

/// What to do where there is no statement.
fn none(day: Day, why: NoStatement, ahead: Option<i64>) -> Ended {
    let (exit, text) = match why {
        NoStatement::NotReady => (
            Exit::Later,
            format!(
                "WeChat Pay is still making the statement of {day} (Bill Creating); it is there from 10:00 UTC+8 of the \
                 next day, unless nothing moved"
            ),
        ),
        NoStatement::Empty | NoStatement::CannotPack => {
            (Exit::Later, "WeChat Pay could not pack the statement; try again later".to_owned())
        }
        NoStatement::Refused { fault, text } => {
            let request = "statements are kept for at least three months; check the day";
            return refused::ended(&format!("statement of {day}"), fault, &text, ahead, request);
        }
    };
    Ended { exit, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(anyway: bool) -> StatementArgs {
        let day = "2026-11-20".parse().expect("a day");
        StatementArgs { day, output: None, force: false, anyway, told: Json { json: false } }
    }

    fn asked(now: &str, anyway: bool) -> Result<(), (Option<Exit>, String)> {
        let now: jiff::Timestamp = now.parse().expect("a moment");
        let error = too_early(&args(anyway), WallTime::from_millis(now.as_millisecond()));
        error.map_err(|error| (error.downcast_ref::<Ended>().map(|ended| ended.exit), error.to_string()))
    }

    #[test]
    fn a_statement_is_asked_for_from_ten_in_the_morning_of_the_next_day() {
        let later = asked("2026-11-21T09:59:59.999+08:00", false).expect_err("too early");
        assert_eq!(later.0, Some(Exit::Later));
        assert!(later.1.contains("try again after 2026-11-21 10:00:00 UTC+8"), "{later:?}");
        assert_eq!(asked("2026-11-21T10:00:00+08:00", false), Ok(()));
        assert_eq!(asked("2026-11-20T00:00:00+08:00", true), Ok(()));
        for anyway in [false, true] {
            let future = asked("2026-11-19T23:59:59.999+08:00", anyway).expect_err("in the future");
            assert_eq!(future.0, None);
            assert!(future.1.contains("has not begun") && future.1.contains("2026-11-19 23:59:59"), "{future:?}");
        }
    }
}
