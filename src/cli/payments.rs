//! `shroff payments`: the list, newest first.

use std::path::Path;

use super::offline::Books;
use super::shown::{Payment, shop_time};
use super::{Exit, Json, say};
use crate::edge::api::PaymentPage;
use crate::edge::api::view::PaymentView;
use crate::ledger::Filter;
use crate::words::Day;

/// Which payments to list. The ledger is read, so the daemon may be stopped.
#[derive(Debug, clap::Args)]
pub(super) struct PaymentsArgs {
    /// Only those with something left to do or to watch
    #[arg(long)]
    open: bool,
    /// Only those of this day, year-month-day, midnight UTC+8
    #[arg(long, value_name = "DAY")]
    day: Option<Day>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT_MAX)))]
    limit: u32,
    #[command(flatten)]
    output: Json,
}

/// One less than the ledger lists at once, to see whether there are more.
const LIMIT_MAX: u32 = 499;

pub(super) fn run(path: &Path, args: &PaymentsArgs) -> anyhow::Result<Exit> {
    let books = Books::open(path)?;
    let filter = Filter {
        open: args.open,
        from: args.day.map(Day::begin),
        to: args.day.map(Day::end),
        limit: args.limit.saturating_add(1),
        ..Filter::default()
    };
    let mut rows = books.reader.payments(&filter)?;
    let size = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    let next_before = rows.last().filter(|_| more).map(|row| row.record.facts.reference.to_string());
    let payments: Vec<PaymentView> = rows.iter().map(|row| PaymentView::of(row, books.language)).collect();
    if args.output.json {
        say::json(&PaymentPage { payments, next_before })?;
        return Ok(Exit::Fine);
    }
    if payments.is_empty() {
        say::tell("no payments");
        return Ok(Exit::Fine);
    }
    let lines = payments.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    say::print(&say::table(HEADER, lines))?;
    if more {
        say::tell("there are more; --limit shows more of them, --day those of one day");
    }
    Ok(Exit::Fine)
}

const HEADER: [&str; 8] = ["CREATED (UTC+8)", "REF", "CLIENT_REF", "LANE", "AMOUNT", "STATE", "MONEY", "ACKED"];

fn line(view: &PaymentView) -> serde_json::Result<[String; 8]> {
    let payment = Payment::of(view)?;
    let (created, total) = (shop_time(&payment.created_at), payment.total());
    let acked = if payment.acked { "yes" } else { "no" }.to_owned();
    let Payment { reference, client_ref, lane, state, money, .. } = payment;
    Ok([created, reference, client_ref, lane, total, state, money, acked])
}
