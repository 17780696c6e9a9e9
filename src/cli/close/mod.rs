//! `shroff close`: what a day took, gave back and left open, from the ledger.

mod compared;
mod page;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use compared::Compared;

use super::exit::BadData;
use super::landing::{self, Landing};
use super::shown::{amount, shop_time, signed};
use super::{Exit, Json, say};
use crate::config::Local;
use crate::edge::api::close::{CloseView, NotPaid, OpenView, Sums};
use crate::ledger::{Reader, Tally};
use crate::words::{Day, WallTime};

/// Which day to close. The ledger is read, so the daemon may run or not. Exit code 1 when something is unresolved.
#[derive(Debug, clap::Args)]
pub struct CloseArgs {
    /// The day, year-month-day, midnight UTC+8; today when left out
    #[arg(long, value_name = "DAY")]
    day: Option<Day>,
    /// Write a page that can be opened and printed
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
    /// Replace the page that is there
    #[arg(long, requires = "html")]
    force: bool,
    #[command(flatten)]
    output: Json,
}

pub(super) fn run(path: &Path, args: &CloseArgs, now: WallTime) -> anyhow::Result<Exit> {
    let (exit, text) = close(path, args, now)?;
    say::print(&text)?;
    Ok(exit)
}

/// Sums a day up when the clock shows `now`: what is printed, and the exit code. Writes the page that is asked for.
///
/// # Errors
/// When the configuration or the ledger cannot be read, the day has not begun, or the page cannot be written.
pub fn close(path: &Path, args: &CloseArgs, now: WallTime) -> anyhow::Result<(Exit, String)> {
    let local = Local::load(path)?;
    let reader = Reader::open(&local.ledger_path)?;
    let day = args.day.unwrap_or(Day::of(now));
    if now < day.begin() {
        let clock = shop_time(&now.to_string());
        return Err(BadData(format!("{day} has not begun; by this terminal's clock it is {clock} UTC+8")).into());
    }
    let summary = CloseView::of(&local.terminal, &local.store_name, day, now, reader.takings(day)?);
    let compared = Compared::of(&reader, day, now)?;
    let exit = if summary.unresolved.is_empty() { Exit::Fine } else { Exit::Found };
    if args.output.json {
        let document = Document { summary: &summary, compared: &compared };
        return Ok((exit, format!("{}\n", serde_json::to_string_pretty(&document)?)));
    }
    if let Some(file) = &args.html {
        landing::keep_off_books(file, path, std::slice::from_ref(&local.ledger_path))?;
        let mut landing = Landing::beside(file, args.force)?;
        landing.file().write_all(page::page(&summary, &compared).as_bytes()).context("the page cannot be written")?;
        landing.land()?;
        return Ok((exit, format!("{}: {}\n", say::plain(&file.display().to_string()), summary.verdict())));
    }
    let mut text = summary.text();
    for note in compared.notes(!summary.currencies.is_empty()) {
        text.push_str(&format!("{note}\n"));
    }
    Ok((exit, text))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    summary: &'a CloseView,
    #[serde(flatten)]
    compared: &'a Compared,
}

/// As this command prints it.
impl CloseView {
    /// One sentence.
    fn verdict(&self) -> String {
        match (self.unresolved.len(), self.running) {
            (0, false) => "the day is closed, and nothing is open".to_owned(),
            (0, true) => format!("the day goes on; this is what was known at {}", shop_time(&self.at.to_string())),
            (count, _) => format!("{count} unresolved: nobody knows yet where the money is"),
        }
    }

    /// What to do about it.
    fn advice(&self) -> Option<&'static str> {
        let advice =
            "leave the daemon running, or stop it and run `shroff resolve`; do not charge these customers again";
        (!self.unresolved.is_empty()).then_some(advice)
    }

    /// The store and its terminal.
    fn place(&self) -> String {
        let terminal = format!("terminal {}", self.terminal);
        if self.store_name.is_empty() { terminal } else { format!("{}, {terminal}", self.store_name) }
    }

    /// What is worth a line beside the sums.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(first), Some(last)) = (self.first_sale, self.last_sale) {
            let [first, last] = [first, last].map(|at| shop_time(&at.to_string()));
            notes.push(format!("first sale {first}, last sale {last} (UTC+8)"));
        }
        let NotPaid { declined, reversed, canceled, expired } = self.not_paid;
        let ends =
            [(declined, "declined"), (reversed, "reversed unpaid"), (canceled, "cancelled"), (expired, "expired")];
        let told: Vec<String> =
            ends.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if !told.is_empty() {
            notes.push(format!("not paid: {}", told.join(", ")));
        }
        match self.unacknowledged {
            0 => {}
            count => {
                notes.push(format!("{count} paid and never acknowledged by the POS: `shroff attention` lists them"));
            }
        }
        notes
    }

    fn text(&self) -> String {
        let mut text = format!("{} (UTC+8), {}\n{}\n", self.day, say::plain(&self.place()), self.coloured_verdict());
        let empty = self.currencies.is_empty();
        if empty {
            text.push_str("\nno money moved\n");
        } else {
            let rows =
                self.currencies.iter().map(|it| [it.currency.to_owned()].into_iter().chain(it.sums.cells(it.currency)));
            text.push_str(&section(["CURRENCY", "TAKEN", "RETURNED", "NET", "UNRESOLVED"], rows.map(five)));
            for (head, lines) in [("OPERATOR", &self.by_operator), ("LANE", &self.by_lane)] {
                let rows = lines.iter().map(|it| {
                    let name = if it.name.is_empty() { "(nobody named)".to_owned() } else { it.name.clone() };
                    [name].into_iter().chain(it.sums.cells(it.currency))
                });
                text.push_str(&section([head, "TAKEN", "RETURNED", "NET", "UNRESOLVED"], rows.map(five)));
            }
        }
        let notes = self.notes();
        if !notes.is_empty() {
            text.push_str(&format!("\n{}\n", notes.join("\n")));
        }
        if let Some(advice) = self.advice() {
            let rows = self.unresolved.iter().map(OpenView::cells);
            text.push_str(&section(["REF", "CLIENT_REF", "AMOUNT", "STATE", "SINCE (UTC+8)"], rows));
            text.push_str(&format!("{advice}\n"));
        }
        text
    }

    fn coloured_verdict(&self) -> String {
        say::coloured(&self.verdict(), self.unresolved.is_empty())
    }
}

impl Sums {
    /// Taken, returned, net and unresolved, each with how many.
    fn cells(self, currency: &str) -> [String; 4] {
        let Self { taken, returned, net, unresolved } = self;
        let cell = |tally: Tally| match tally.count {
            0 => "-".to_owned(),
            count => format!("{} ({count})", amount(tally.sum, currency)),
        };
        [cell(taken), cell(returned), signed(net, currency), cell(unresolved)]
    }
}

impl OpenView {
    fn cells(&self) -> [String; 5] {
        let since = shop_time(&self.created_at.to_string());
        let Self { name, client_ref, amount: minor, currency, state, .. } = self;
        [name.clone(), client_ref.clone(), amount(*minor, currency), state.clone(), since]
    }
}

fn section(header: [&str; 5], rows: impl IntoIterator<Item = [String; 5]>) -> String {
    format!("\n{}", say::table(header, rows))
}

fn five(cells: impl IntoIterator<Item = String>) -> [String; 5] {
    let mut cells = cells.into_iter();
    std::array::from_fn(|_| cells.next().unwrap_or_default())
}
