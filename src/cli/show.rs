//! `shroff show`: one payment with every attempt and its journal.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::exit::BadData;
use super::offline::Books;
use super::shown::{Attempt, Payment, Refund, amount, shop_time};
use super::{Exit, Json, say};
use crate::edge::api::view::{PaymentView, RefundView};
use crate::ledger::JournalLine;

/// Which payment to show. The ledger is read, so the daemon may be stopped.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The terminal's ref of the payment, the POS's client_ref, or the refund_ref of one of its refunds
    #[arg(value_name = "REF")]
    name: String,
    #[command(flatten)]
    output: Json,
}

/// The payment as the API has it, its refunds and its journal.
#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    payment: PaymentView,
    refunds: Vec<RefundView>,
    journal: Vec<JournalLine>,
}

pub(super) fn run(path: &Path, args: &ShowArgs) -> anyhow::Result<Exit> {
    let books = Books::open(path)?;
    let Some(row) = books.find(&args.name)? else {
        let went_back = !books.reader.went_back()?.is_empty();
        return Err(if went_back { perhaps_lost() } else { unknown() }.into());
    };
    let journal = books.reader.journal_of(&row.record.facts.reference)?;
    let payment = PaymentView::of(&row, books.language);
    let refunds = books.reader.refunds_of(&row.record.facts.reference)?;
    let refunds: Vec<RefundView> = refunds.iter().map(|row| RefundView::of(row, books.language)).collect();
    if args.output.json {
        say::json(&Document { payment, refunds, journal })?;
        return Ok(Exit::Fine);
    }
    let payment = Payment::of(&payment)?;
    let mut text = summary(&payment);
    if !payment.attempts.is_empty() {
        let attempts = payment.attempts.iter().map(attempt);
        let header = ["ATTEMPT", "CODE", "STATE", "OUT_TRADE_NO", "TRANSACTION_ID", "PAID (UTC+8)", "REFUSED BECAUSE"];
        text.push('\n');
        text.push_str(&say::table(header, attempts));
    }
    if !refunds.is_empty() {
        let refunds = refunds.iter().map(refund).collect::<Result<Vec<_>, _>>()?;
        let header = ["REFUND", "AMOUNT", "STATE", "OUT_REFUND_NO", "ASKED FOR (UTC+8)", "BY", "REASON", "BECAUSE"];
        text.push('\n');
        text.push_str(&say::table(header, refunds));
    }
    text.push('\n');
    text.push_str(&say::table(["SEQ", "WHEN (UTC+8)", "EVENT", "STATE", "MONEY", "DETAILS"], journal.iter().map(line)));
    say::print(&text)?;
    Ok(Exit::Fine)
}

fn perhaps_lost() -> BadData {
    let text = "no payment has this ref or client_ref here, but this ledger was restored from a backup and may be older than \
                it: look for it in WeChat Pay's statement (shroff reconcile)";
    BadData(text.to_owned())
}

/// The name is not repeated: somebody may have scanned a payment code into the wrong place.
pub(super) fn unknown() -> BadData {
    BadData("no payment has this ref or client_ref here: it was never accepted, and no money moved".to_owned())
}

fn summary(payment: &Payment) -> String {
    let mut next = payment.next.action.clone();
    if let Some(at) = &payment.next.at {
        next = format!("{next} (until {})", shop_time(at));
    }
    let rows = [
        ("ref", payment.reference.clone()),
        ("client_ref", payment.client_ref.clone()),
        ("lane", payment.lane.clone()),
        ("amount", payment.total()),
        ("state", payment.state.clone()),
        ("money", payment.money.clone()),
        ("refunded", if payment.refunded == 0 { String::new() } else { amount(payment.refunded, &payment.currency) }),
        ("last decline", payment.why()),
        ("cashier", payment.cashier.text.clone()),
        ("next", next),
        ("acknowledged", if payment.acked { "yes" } else { "no" }.to_owned()),
        ("created", shop_time(&payment.created_at)),
        ("updated", shop_time(&payment.updated_at)),
    ];
    let told = rows.iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| format!("{name:<14}{value}\n")).collect()
}

fn attempt(it: &Attempt) -> [String; 7] {
    let code = it.err_code.clone().unwrap_or_default();
    let refused = match &it.err_code_des {
        Some(text) if !code.is_empty() => format!("{code}: {text}"),
        Some(text) => text.clone(),
        None => code,
    };
    [
        it.no.to_string(),
        format!("..{}", it.code_hint),
        it.state.clone(),
        it.out_trade_no.clone(),
        it.transaction_id.clone().unwrap_or_default(),
        it.paid_at.as_deref().map(shop_time).unwrap_or_default(),
        refused,
    ]
}

fn refund(view: &RefundView) -> serde_json::Result<[String; 8]> {
    let it = Refund::of(view)?;
    let (total, created) = (it.total(), shop_time(&it.created_at));
    let because = it.err_code.unwrap_or_default();
    Ok([it.refund_ref, total, it.state, it.out_refund_no, created, it.operator, it.reason, because])
}

/// Keys of a line that have a column of their own, or are digests, which are for `verify`.
const NO_DETAIL: [&str; 7] = ["event", "state", "money", "stage", "p", "a", "r"];

fn line(it: &JournalLine) -> [String; 6] {
    let data: Value = serde_json::from_str(&it.data).unwrap_or_default();
    let word = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields = data.as_object().into_iter().flatten().filter(|(key, _)| !NO_DETAIL.contains(&key.as_str()));
    let details: Vec<String> = fields.map(|(key, value)| format!("{key}={}", bare(value))).collect();
    [it.seq.to_string(), shop_time(&it.at.to_string()), word("event"), word("state"), word("money"), details.join(" ")]
}

/// Text without quotes where it needs none.
fn bare(value: &Value) -> String {
    match value.as_str() {
        Some(text) if !text.contains([' ', '"', '=']) => text.to_owned(),
        _ => value.to_string(),
    }
}
