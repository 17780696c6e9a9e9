//! `shroff resolve`: with the daemon stopped, drives every unsettled payment and refund to its end.

mod refunds;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use refunds::{OpenRefund, Refunds};
use serde::Serialize;

use super::offline::Books;
use super::progress::Bar;
use super::shown::{Payment, shop_time};
use super::{Exit, Json, say};
use crate::config::Config;
use crate::daemon::ServeError;
use crate::edge::api::view::{PaymentView, RefundView};
use crate::edge::desk::Board;
use crate::ledger::{Filter, LedgerError, PaymentRow};
use crate::words::PaymentRef;

/// How long to try. Everything is on disk at any moment: Ctrl-C, a kill or a power cut loses nothing, and the daemon goes
/// on where this ended. Exit code 1 when something is left.
#[derive(Debug, clap::Args)]
pub(super) struct ResolveArgs {
    /// Only say what is open; nothing is asked or sent, and the daemon may run
    #[arg(long)]
    look: bool,
    /// Stop after this long, such as 90s, 10m or 1h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    limit: Duration,
    /// How much to say on stderr: error, warn, info, debug, trace, or a filter such as shroff=debug
    #[arg(long, env = "SHROFF_LOG", default_value = "error", value_name = "LEVEL")]
    log: String,
    #[command(flatten)]
    output: Json,
}

fn time(text: &str) -> Result<Duration, String> {
    let time = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    time.filter(|time| !time.is_zero()).ok_or_else(|| "a time is written 90s, 10m or 1h".to_owned())
}

/// Journal lines read at once.
const LINES: u32 = 500;

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    settled: Vec<PaymentView>,
    open: Vec<OpenView>,
    settled_refunds: Vec<RefundView>,
    open_refunds: Vec<OpenRefund>,
    /// Why the gateway could not be reached when it was last tried.
    unreachable: Option<String>,
}

#[derive(Serialize)]
struct OpenView {
    waits_for: String,
    payment: PaymentView,
}

pub(super) fn run(path: &Path, args: &ResolveArgs) -> anyhow::Result<Exit> {
    if args.look {
        return look(path, args.output);
    }
    super::log::listen_in_text(&args.log)?;
    crate::daemon::harden();
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let config = Config::load(path, credentials.as_deref())?;
    // A ledger that is not there is a wrong path, and not one to be made.
    let books = Books::open(path)?;
    let mut work = Work::new(books, args.output);
    let mut failed = None;
    let outcome = crate::daemon::resolve(&config, args.limit, &mut |board| {
        // The till goes on whatever becomes of the telling; the first failure is told at the end.
        if failed.is_none() {
            failed = work.hear(board).err();
        }
    });
    match outcome {
        Err(ServeError::Ledger(LedgerError::Locked(path))) => {
            let locked = ServeError::Ledger(LedgerError::Locked(path));
            return Err(locked)
                .context("stop the daemon first (systemctl stop shroff), then run `shroff resolve` again");
        }
        outcome => outcome?,
    }
    failed.map_or(Ok(()), Err)?;
    work.end()
}

/// Says what is open. A terminal that never ran has nothing open: a package asks before it is removed.
fn look(path: &Path, output: Json) -> anyhow::Result<Exit> {
    let books = match Books::open(path) {
        Err(error) if matches!(error.downcast_ref(), Some(LedgerError::Missing(_))) => {
            say::tell("nothing is open: there is no ledger yet");
            return Ok(Exit::Fine);
        }
        books => books?,
    };
    let mut work = Work::new(books, output);
    work.find_open()?;
    work.end()
}

/// What is being settled, as the ledger has it.
struct Work {
    books: Books,
    output: Json,
    bar: Option<Bar>,
    /// Names of what is open.
    open: BTreeSet<PaymentRef>,
    refunds: Refunds,
    found: u64,
    /// The journal is read up to here.
    seq: u64,
    settled: Vec<PaymentView>,
    board: Board,
}

impl Work {
    fn new(books: Books, output: Json) -> Self {
        let (open, refunds, settled) = (BTreeSet::new(), Refunds::default(), Vec::new());
        Self { books, output, bar: None, open, refunds, found: 0, seq: 0, settled, board: Board::default() }
    }

    /// Looks into the ledger for what has become settled.
    fn hear(&mut self, board: &Board) -> anyhow::Result<()> {
        self.board = board.clone();
        if self.bar.is_none() {
            return self.begin();
        }
        loop {
            let lines = self.books.reader.journal(self.seq, LINES)?;
            let Some(last) = lines.last().map(|line| line.seq) else { break };
            self.seq = last;
            let names: BTreeSet<&str> = lines.iter().map(|line| line.payment.as_str()).collect();
            for name in names {
                self.look_at(name)?;
            }
        }
        self.show();
        Ok(())
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        if self.board.wrong_clock {
            say::tell("shroff: the clock is wrong: set it, for example with timedatectl set-ntp true");
        }
        self.find_open()?;
        self.bar = Some(Bar::of_things("settling".to_owned()));
        self.show();
        Ok(())
    }

    fn find_open(&mut self) -> anyhow::Result<()> {
        self.seq = self.books.reader.seq()?;
        let mut filter = Filter { open: true, ..Filter::default() };
        loop {
            let rows = self.books.reader.payments(&filter)?;
            let Some(last) = rows.last().map(|row| row.record.facts.reference.clone()) else { break };
            filter.before = Some(last);
            self.open.extend(rows.into_iter().map(|row| row.record.facts.reference));
        }
        self.refunds = Refunds::find(&self.books)?;
        self.found = count(self.left());
        Ok(())
    }

    fn look_at(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(row) = self.books.reader.payment(name)? else { return Ok(()) };
        let reference = &row.record.facts.reference;
        for line in self.refunds.look_at(&self.books, reference)? {
            if !self.output.json {
                self.aside(|| say::print(&line))?;
            }
        }
        if row.record.open || !self.open.remove(reference) {
            return Ok(());
        }
        let view = PaymentView::of(&row, self.books.language);
        if !self.output.json {
            let line = line(&Payment::of(&view)?);
            self.aside(|| say::print(&line))?;
        }
        self.settled.push(view);
        Ok(())
    }

    fn left(&self) -> usize {
        self.open.len().saturating_add(self.refunds.left())
    }

    fn show(&self) {
        let Some(bar) = &self.bar else { return };
        bar.shows(self.found.saturating_sub(count(self.left())), Some(self.found));
        let payment = self.open.first().map(|name| format!("settling {name}"));
        let refund = || self.refunds.first().map(|name| format!("settling refund {name}"));
        let oldest = payment.or_else(refund).unwrap_or_default();
        bar.says(if self.board.unreachable.is_some() { "the gateway cannot be reached".to_owned() } else { oldest });
    }

    fn aside<T>(&self, talk: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.aside(talk),
            None => talk(),
        }
    }

    /// Says what is left.
    fn end(mut self) -> anyhow::Result<Exit> {
        drop(self.bar.take());
        let mut open = Vec::new();
        for name in &self.open {
            if let Some(row) = self.books.reader.payment(name.as_str())? {
                open.push(OpenView { waits_for: waits_for(&row), payment: PaymentView::of(&row, self.books.language) });
            }
        }
        let open_refunds = self.refunds.open(&self.books)?;
        let (settled, left) = (
            self.settled.len().saturating_add(self.refunds.settled.len()),
            open.len().saturating_add(open_refunds.len()),
        );
        let exit = if left == 0 { Exit::Fine } else { Exit::Found };
        if self.output.json {
            let (unreachable, settled_refunds) = (self.board.unreachable.take(), self.refunds.settled);
            say::json(&Document { settled: self.settled, open, settled_refunds, open_refunds, unreachable })?;
            return Ok(exit);
        }
        if left == 0 {
            say::tell(&if settled == 0 { "nothing is open".to_owned() } else { format!("all {settled} are settled") });
            return Ok(exit);
        }
        if !open.is_empty() {
            let lines = open.iter().map(OpenView::line).collect::<Result<Vec<_>, _>>()?;
            say::print(&say::table(["REF", "CLIENT_REF", "AMOUNT", "STATE", "MONEY", "WAITS FOR"], lines))?;
        }
        if !open_refunds.is_empty() {
            let lines = open_refunds.iter().map(OpenRefund::cells).collect::<Result<Vec<_>, _>>()?;
            say::print(&say::table(["REFUND", "OF", "AMOUNT", "STATE", "WAITS FOR"], lines))?;
            say::tell(
                "a refund may take days; the daemon goes on with it by itself, and `shroff attention` lists what needs a person",
            );
        }
        if let Some(why) = &self.board.unreachable {
            say::tell(&format!("shroff: {why}"));
        }
        if self.board.signature_refused {
            say::tell("shroff: WeChat Pay refuses our signature: check the key and sign_type with `shroff doctor`");
        }
        if self.board.trouble.key_mismatch() {
            say::tell("shroff: replies are signed with another key: check the API key and sign_type");
        }
        if let Some(fault) = self.board.certificate {
            say::tell(&format!("shroff: {}: download a new one as a pair with its key", fault.text()));
        }
        if self.board.trouble.certificate_refused() {
            say::tell("shroff: reversals are not answered: check the client certificate");
        }
        say::tell(&format!(
            "{settled} settled, {left} left open; `shroff serve` goes on with them, and so does `shroff resolve`"
        ));
        Ok(exit)
    }
}

impl OpenView {
    fn line(&self) -> serde_json::Result<[String; 6]> {
        let payment = Payment::of(&self.payment)?;
        let total = payment.total();
        let Payment { reference, client_ref, state, money, .. } = payment;
        Ok([reference, client_ref, total, state, money, self.waits_for.clone()])
    }
}

/// One settled payment.
fn line(payment: &Payment) -> String {
    let good = payment.money != "unknown";
    let state = say::coloured(&payment.state, good);
    let why = payment.why();
    let why = if payment.state == "declined" && !why.is_empty() { format!(" ({why})") } else { String::new() };
    format!("{state} {} {} client_ref {}{why}\n", payment.total(), payment.reference, payment.client_ref)
}

/// What an open payment waits for.
fn waits_for(row: &PaymentRow) -> String {
    let what = match &row.record.attempt {
        None => "a payment code".to_owned(),
        Some(attempt) => match attempt.stage {
            "reversing" if attempt.refunds > 0 => {
                "WeChat Pay to confirm that the money went back as a refund".to_owned()
            }
            "reversing" => format!("WeChat Pay to confirm the reversal, sent {} times", attempt.tries),
            "settled" => "a late look whether the order came to life after all".to_owned(),
            _ => "WeChat Pay to say what became of the order".to_owned(),
        },
    };
    match row.next_at {
        Some(at) => format!("{what}; next at {} UTC+8", shop_time(&at.to_string())),
        None => what,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_people_write_it() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3600), ("1h 30m", 5400), ("2 minutes", 120)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "0s", "-5m", "soon", "1 month"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
