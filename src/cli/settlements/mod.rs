//! `shroff settlements`: what WeChat paid out, and what the ledgers say of the same days.

mod sides;

use std::path::{Path, PathBuf};

use serde::Serialize;

use self::sides::{Sides, Span};
use super::api::on_tokio;
use super::exit::BadData;
use super::progress::Bar;
use super::shown::{shop_time, signed};
use super::{Exit, reconcile, refused, say};
use crate::config::Config;
use crate::dialect::{Batch, Settling};
use crate::edge::clock::Clock;
use crate::edge::gateway::Listed;
use crate::ledger::Reader;
use crate::words::{Day, WallTime};

/// Which days. The gateway is asked, and the ledgers are read, so that the daemon may run or not. Exit code 1 when
/// both do not agree.
#[derive(Debug, clap::Args)]
pub(super) struct SettlementsArgs {
    /// The first day of payout, year-month-day, UTC+8; with --unsettled the first day of trade
    #[arg(long, value_name = "DAY", required_unless_present = "unsettled", requires = "to")]
    from: Option<Day>,
    /// The last one
    #[arg(long, value_name = "DAY", required_unless_present = "unsettled", requires = "from")]
    to: Option<Day>,
    /// What is not paid out yet, of these days or of all
    #[arg(long)]
    unsettled: bool,
    /// A terminal's ledger, once for each terminal; otherwise the one of the configuration
    #[arg(long = "ledger", value_name = "FILE")]
    ledgers: Vec<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(path: &Path, args: &SettlementsArgs) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    let days = args.from.zip(args.to);
    if let Some(days) = days {
        in_order(days, clock.wall())?;
    }
    let (names, ledgers) = open(path, &args.ledgers)?;
    crate::daemon::harden();
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let config = Config::load(path, credentials.as_deref())?;
    let gateway = crate::daemon::gateway(&config, clock)?;
    let which = match days {
        Some((from, to)) if !args.unsettled => Settling::Paid { from, to },
        Some(_) | None => Settling::Open,
    };
    let bar = Bar::of_things("settlements".to_owned());
    let mut told = |came, all| bar.shows(came, Some(all));
    let listed = on_tokio(async { Ok(gateway.settlements(which, &mut told).await?) })?;
    drop(bar);
    let mut batches = match listed {
        Listed::All(batches) => batches,
        Listed::Refused { fault, text } => {
            let request = "ask for other days, or fewer";
            return Err(refused::ended("settlements", fault, &text, gateway.clock_ahead(), request).into());
        }
    };
    if let (Settling::Open, Some((from, to))) = (which, days) {
        // The gateway takes no days for these.
        batches.retain(|batch| batch.traded_from <= to && from <= batch.traded_to);
    }
    let report = Report::of(args, names, &batches, &ledgers)?;
    if args.json {
        say::json(&report)?;
    } else {
        say::print(&report.text())?;
    }
    Ok(if report.agrees { Exit::Fine } else { Exit::Found })
}

/// Refuses days that are the wrong way round, or of which nothing can be known.
fn in_order((from, to): (Day, Day), now: WallTime) -> anyhow::Result<()> {
    if to < from {
        return Err(BadData(format!("--from {from} is after --to {to}")).into());
    }
    if now < from.begin() {
        let clock = shop_time(&now.to_string());
        return Err(BadData(format!("{from} has not begun; by this terminal's clock it is {clock} UTC+8")).into());
    }
    Ok(())
}

/// Opens the ledgers that are named, each once, or the one of the configuration at `path`.
fn open(path: &Path, named: &[PathBuf]) -> anyhow::Result<(Vec<String>, Vec<Reader>)> {
    let files = reconcile::files(path, named)?;
    let (read, _) = reconcile::open(&files)?;
    let readers = files.iter().map(|file| Ok(Reader::open(file)?)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok((read.into_iter().map(|ledger| ledger.name).collect(), readers))
}

/// What `--json` prints. Sums are in the currency's smallest unit.
#[derive(Debug, Serialize)]
struct Report {
    from: Option<String>,
    to: Option<String>,
    unsettled: bool,
    /// Nothing differs, and every record adds up.
    agrees: bool,
    records: Vec<Record>,
    /// The days of the records' trade, which is what the ledgers were asked about.
    trade: Vec<Span>,
    ledgers: Vec<String>,
    currencies: Vec<Sides>,
    /// Payments and refunds of which the ledgers do not know yet where the money is.
    unresolved: usize,
}

#[derive(Debug, Serialize)]
struct Record {
    batch_id: String,
    settled_on: Option<String>,
    traded_from: String,
    traded_to: String,
    wallet: String,
    currency: &'static str,
    paid: u64,
    refunded: u64,
    net: i64,
    fee: i64,
    settled: i64,
    unsettled: i64,
    /// Paid less refunded is the net.
    adds_up: bool,
    /// Paid out or waiting, it is the net less the fee.
    pays_all: bool,
}

impl From<&Batch> for Record {
    fn from(batch: &Batch) -> Self {
        Self {
            batch_id: batch.id.clone(),
            settled_on: batch.settled_on.map(|day| day.to_string()),
            traded_from: batch.traded_from.to_string(),
            traded_to: batch.traded_to.to_string(),
            wallet: batch.wallet.clone(),
            currency: batch.currency.code(),
            paid: batch.paid,
            refunded: batch.refunded,
            net: batch.net,
            fee: batch.fee,
            settled: batch.settled,
            unsettled: batch.unsettled,
            adds_up: batch.adds_up(),
            pays_all: batch.pays_all(),
        }
    }
}

impl Report {
    fn of(args: &SettlementsArgs, names: Vec<String>, batches: &[Batch], ledgers: &[Reader]) -> anyhow::Result<Self> {
        let trade = sides::spans(batches);
        let mut takings = Vec::new();
        for reader in ledgers {
            for span in &trade {
                takings.push(reader.takings_of(span.from, span.to)?);
            }
        }
        let currencies = sides::compare(batches, &takings);
        let agrees = currencies.iter().all(Sides::agree) && batches.iter().all(|it| it.adds_up() && it.pays_all());
        Ok(Self {
            from: args.from.map(|day| day.to_string()),
            to: args.to.map(|day| day.to_string()),
            unsettled: args.unsettled,
            agrees,
            records: batches.iter().map(Record::from).collect(),
            trade,
            ledgers: names,
            currencies,
            unresolved: sides::unresolved(&takings),
        })
    }

    fn text(&self) -> String {
        if self.records.is_empty() {
            return format!("nothing {}{}\n", self.what(), self.days());
        }
        let mut text = self.table();
        for sides in &self.currencies {
            text.push('\n');
            text.push_str(&sides.table());
        }
        text.push_str(&format!("\n{}\n", self.verdict()));
        text
    }

    fn what(&self) -> &'static str {
        if self.unsettled { "waits to be paid out" } else { "was paid out" }
    }

    fn days(&self) -> String {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => format!(" from {from} to {to} (UTC+8)"),
            (None | Some(_), None | Some(_)) => String::new(),
        }
    }

    fn table(&self) -> String {
        let rows = self.records.iter().map(|it| {
            let trade = Span::words(&it.traded_from, &it.traded_to);
            let sum = |minor: i64| signed(i128::from(minor), it.currency);
            let [paid, refunded] = [it.paid, it.refunded].map(|minor| signed(i128::from(minor), it.currency));
            let mark = if it.adds_up { "" } else { " (does not add up)" };
            let less = if it.pays_all { "" } else { " (not net less fee)" };
            [
                it.settled_on.clone().unwrap_or_else(|| "-".to_owned()),
                trade,
                it.wallet.clone(),
                paid,
                refunded,
                format!("{}{mark}", sum(it.net)),
                sum(it.fee),
                format!("{}{less}", sum(if self.unsettled { it.unsettled } else { it.settled })),
                it.batch_id.clone(),
            ]
        });
        let last = if self.unsettled { "WAITING" } else { "PAID OUT" };
        say::table(["SETTLED", "TRADE", "WALLET", "TAKEN", "GIVEN BACK", "NET", "FEE", last, "BATCH"], rows)
    }

    /// The end: whether both sides agree, and what to do if they do not.
    fn verdict(&self) -> String {
        let trade: Vec<String> = self.trade.iter().map(Span::to_string).collect();
        let about = format!("the trade of {} (UTC+8)", trade.join(", "));
        let ledgers = if self.ledgers.len() == 1 { "the ledger" } else { "the ledgers" };
        if self.agrees {
            return format!("{}: {about} is the same in {ledgers}", say::coloured("fine", true));
        }
        let mut lines = vec![format!("{}: {about}", say::coloured("not fine", false))];
        lines.extend(self.currencies.iter().filter(|it| !it.agree()).map(|it| it.difference(ledgers)));
        if self.records.iter().any(|it| !it.adds_up) {
            lines.push("a record's net is not what was taken less what was given back: ask WeChat Pay".to_owned());
        }
        if self.records.iter().any(|it| !it.pays_all) {
            lines.push(
                "what is paid out of a record, or waits to be, is not its net less the fee: ask WeChat Pay where the rest \
                 is"
                    .to_owned(),
            );
        }
        if self.unresolved > 0 {
            lines.push(format!(
                "{} unresolved in {ledgers}: leave the daemon running, or run `shroff resolve`",
                self.unresolved
            ));
        }
        lines.push(
            "WeChat Pay counts every terminal of the merchant number: name the others' ledgers with --ledger. Then \
             `shroff statement` and `shroff reconcile` of those days tell which order differs"
                .to_owned(),
        );
        lines.join("\n  ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_in_order_and_have_begun() {
        let day = |text: &str| text.parse::<Day>().expect("a day");
        let now = day("2026-11-21").begin();
        assert!(in_order((day("2026-11-20"), day("2026-11-25")), now).is_ok());
        assert!(in_order((day("2026-11-21"), day("2026-11-21")), now).is_ok());
        for (from, to, why) in [("2026-11-21", "2026-11-20", "is after"), ("2026-11-22", "2026-11-22", "not begun")] {
            let error = in_order((day(from), day(to)), now).expect_err("refused").to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
