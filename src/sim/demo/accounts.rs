//! The end of the day: WeChat's statement, fetched and compared. Once as it is, and once with differences that were
//! planted, all of which must be found, and nothing else.

use std::collections::BTreeSet;

use anyhow::Context as _;
use comfy_table::{Cell, Table};
use serde_json::Value;

use super::shop::{Shop, hkd, text};
use super::story::Told;
use super::tell;
use crate::sim::book::{Misprint, PayRequest, Plan, RefundPlan, RefundRequest, Rules};
use crate::words::{Day, Money, WallTime};

/// The exit code of a configuration with which something cannot be done.
const CONFIG: i32 = 78;

/// A difference: its kind, the order, and what is at stake in smallest units.
type Difference = (String, String, u64);

/// The business day it is.
pub(super) fn today() -> Day {
    Day::of(WallTime::from_millis(jiff::Timestamp::now().as_millisecond()))
}

/// Reconciles the days from `begun` on, twice. True when both times exactly what should be found is found.
pub(super) async fn close(shop: &Shop, told: &Told, begun: Day) -> anyhow::Result<bool> {
    tell("\nclosing time: does WeChat's statement agree with the terminal's ledger?");
    say("the real statement comes at 10:00 the next morning; the simulated gateway is told to make today's now");
    shop.gateway().with_book(|book, _| {
        let rules = Rules { statements_at_once: true, ..book.rules().clone() };
        book.set_rules(rules);
    });
    let days = BTreeSet::from([begun, today()]);
    let Some(files) = download(shop, &days, "as-it-is").await? else { return Ok(true) };
    let (verdict, found) = reconcile(shop, &files, true).await?;
    let agrees = found.is_empty();
    say(&format!("shroff reconcile: {verdict}"));
    tell(if agrees {
        "\nThe statement and the terminal's ledger agree on every movement."
    } else {
        "\nTHE STATEMENT AND THE TERMINAL'S LEDGER DISAGREE."
    });

    tell("\nand if they did not? Six differences are planted in the statement:");
    let planted = plant(shop, told)?;
    let Some(files) = download(shop, &days, "planted").await? else { return Ok(false) };
    let (verdict, found) = reconcile(shop, &files, false).await?;
    say(&format!("shroff reconcile: {verdict}"));
    tell(&format!("\n{}", table(&planted, &found)));
    let all = planted == found;
    tell(if all {
        "\nEvery planted difference was found, and nothing else."
    } else {
        "\nWHAT WAS FOUND IS NOT WHAT WAS PLANTED."
    });
    Ok(agrees && all)
}

/// Downloads the statement of every day on which anything moved; none when this configuration gets no statements.
async fn download(shop: &Shop, days: &BTreeSet<Day>, name: &str) -> anyhow::Result<Option<Vec<String>>> {
    let mut files = Vec::new();
    for day in days {
        let day = day.to_string();
        let file = shop.path(&format!("{name}-{day}.csv")).display().to_string();
        let ended = shop.run(&["statement", "--day", &day, "--anyway", "-o", &file, "--json"]).await?;
        let words = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
        if ended.status.code() == Some(CONFIG) {
            say(&format!("there is no statement to compare: {words}"));
            return Ok(None);
        }
        anyhow::ensure!(ended.status.success(), "shroff statement: {words}");
        let document: Value = serde_json::from_slice(&ended.stdout).context("shroff statement --json")?;
        if let Some(rows) = document.get("rows").and_then(Value::as_u64).filter(|rows| *rows > 0) {
            say(&format!("shroff statement --day {day}: {rows} movements"));
            files.push(file);
        }
    }
    anyhow::ensure!(!files.is_empty(), "the gateway has no statement of the demo");
    Ok(Some(files))
}

/// Compares, and gives the verdict with what was found. Only the first comparison is kept in the ledger: the second
/// is of our own making.
async fn reconcile(shop: &Shop, files: &[String], keep: bool) -> anyhow::Result<(String, Vec<Difference>)> {
    let mut args = vec!["reconcile", "--json"];
    args.extend(files.iter().map(String::as_str));
    if !keep {
        args.push("--no-store");
    }
    let ended = shop.run(&args).await?;
    let report: Value = serde_json::from_slice(&ended.stdout)
        .with_context(|| format!("shroff reconcile: {}", String::from_utf8_lossy(&ended.stderr)))?;
    let findings = report.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
    anyhow::ensure!(
        ended.status.code() == Some(i32::from(!findings.is_empty())),
        "shroff reconcile ends with {:?} and {} differences",
        ended.status.code(),
        findings.len()
    );
    let at_stake = |it: &Value| it.get("at_stake").and_then(Value::as_u64).unwrap_or_default();
    let mut found: Vec<Difference> = findings
        .iter()
        .map(|it| (text(it, "kind").to_owned(), text(it, "out_trade_no").to_owned(), at_stake(it)))
        .collect();
    found.sort();
    Ok((text(&report, "verdict").to_owned(), found))
}

/// Plants six differences: four misprints, a refund made at the merchant platform, and a sale of other software.
fn plant(shop: &Shop, told: &Told) -> anyhow::Result<Vec<Difference>> {
    let order = |at: usize| -> anyhow::Result<(String, u64)> {
        let payment = told.payments.get(at).context("a sale of the demo")?;
        let attempts = payment.get("attempts").and_then(Value::as_array).context("its attempts")?;
        let number = attempts.last().map(|it| text(it, "out_trade_no").to_owned()).context("its number")?;
        Ok((number, payment.get("amount").and_then(Value::as_u64).unwrap_or_default()))
    };
    let (plain, password, lost, twice, wallet) = (order(0)?, order(1)?, order(2)?, order(3)?, order(4)?);
    let part = told.refunds.get(1).context("the second refund")?;
    let part = (text(part, "out_refund_no").to_owned(), part.get("amount").and_then(Value::as_u64).unwrap_or_default());
    let foreign = Money::new(3300, "HKD".parse()?)?;
    let by_hand: u64 = 500;
    shop.gateway().with_book(|book, now| {
        book.misprint(Misprint::OtherAmount(plain.0.clone(), plain.1.saturating_add(100)));
        book.misprint(Misprint::NoPayment(lost.0.clone()));
        book.misprint(Misprint::NoRefund(part.0));
        book.misprint(Misprint::PaymentTwice(twice.0.clone()));
        let refund = RefundRequest {
            out_trade_no: &wallet.0,
            out_refund_no: "merchant-platform-1",
            total: wallet.1,
            refund: by_hand,
            desc: "",
            sent: now,
            copy: false,
        };
        book.refund(&refund, now, &RefundPlan::Honest);
        let sale = PayRequest {
            out_trade_no: ELSEWHERE,
            auth_code: "elsewhere",
            amount: foreign,
            mch_id: shop.merchant(),
            sub_mch_id: "",
            attach: "",
            sent: now,
            copy: false,
        };
        book.pay(&sale, now, &Plan::PAYS);
    });
    let mut planted: Vec<Difference> = [
        ("amount_differs", plain.0, 100),
        ("in_ledger_only", lost.0, lost.1),
        ("refund_missing", password.0, part.1),
        ("twice_in_statement", twice.0, twice.1),
        ("in_statement_only", wallet.0, by_hand),
        ("in_statement_only", ELSEWHERE.to_owned(), foreign.minor()),
    ]
    .into_iter()
    .map(|(kind, order, at_stake)| (kind.to_owned(), order, at_stake))
    .collect();
    planted.sort();
    Ok(planted)
}

/// A sale of other software.
const ELSEWHERE: &str = "ELSEWHERE00000000001";

fn table(planted: &[Difference], found: &[Difference]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["difference", "order", "at stake", ""]);
    let all: BTreeSet<&Difference> = planted.iter().chain(found).collect();
    for it in all {
        let verdict = match (planted.contains(it), found.contains(it)) {
            (true, true) => "found",
            (true, false) => "NOT FOUND",
            (false, _) => "NOT PLANTED",
        };
        table.add_row([it.0.replace('_', " "), it.1.clone(), hkd(it.2), verdict.to_owned()].map(Cell::new));
    }
    table
}

fn say(what: &str) {
    tell(&format!("    * {what}"));
}
