//! The report for a person at a terminal.

use crate::cli::say;
use crate::reconcile::told::{digits, fees};
use crate::reconcile::{Balance, Finding, Report, Weight};

/// Findings that are written out; of more the rest is named only by its number.
const SHOWN_MAX: usize = 50;

/// The whole report as text.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    for it in &report.balances {
        text.push_str(&totals(it));
        text.push('\n');
    }
    for it in report.findings.iter().take(SHOWN_MAX) {
        text.push_str(&finding(report, it));
        text.push('\n');
    }
    if let Some(more) = report.findings.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more: --html, --csv and --json have them\n\n"));
    }
    let fine = report.is_fine();
    let verdict = format!("{}: {}", report.title(), report.verdict());
    text.push_str(&format!("{}: {verdict}\n", say::coloured(if fine { "fine" } else { "not fine" }, fine)));
    text
}

fn totals(it: &Balance) -> String {
    let shown = |sum| digits(sum, it.currency);
    let count = |count: u64| count.to_string();
    let (there, here) = (&it.statement, &it.ledger);
    let back = there.refunds.sum.saturating_add(there.revoked.sum);
    let backs = there.refunds.count.saturating_add(there.revoked.count);
    let mut rows = vec![
        [
            "payments".to_owned(),
            count(there.payments.count),
            shown(there.payments.sum),
            count(here.payments.count),
            shown(here.payments.sum),
        ],
        ["given back".to_owned(), count(backs), shown(back), count(here.refunds.count), shown(here.refunds.sum)],
        ["net".to_owned(), String::new(), shown(there.net()), String::new(), shown(here.net())],
        ["  agree".to_owned(), count(it.agreed), shown(it.agreed_net), String::new(), shown(it.agreed_net)],
    ];
    for (kind, share) in &it.found {
        let name = format!("  {}", kind.title());
        rows.push([name, count(share.count), shown(share.statement_net), String::new(), shown(share.ledger_net)]);
    }
    let [unlisted_there, unlisted_here] = it.unlisted_net;
    if it.unlisted_net != [0, 0] {
        rows.push([
            "  not listed".to_owned(),
            String::new(),
            shown(unlisted_there),
            String::new(),
            shown(unlisted_here),
        ]);
    }
    rows.push(["fees".to_owned(), String::new(), fees(there.fees), String::new(), String::new()]);
    say::columns([it.currency.code(), "", "STATEMENT", "", "LEDGERS"], rows)
}

fn finding(report: &Report, it: &Finding) -> String {
    let stake = match report.stake(it).as_str() {
        "" => String::new(),
        stake => format!("  {stake}"),
    };
    let title = say::coloured(it.kind.title(), it.kind.weight() == Weight::Note);
    let order = match (it.out_trade_no(), it.out_refund_no()) {
        ("", _) => String::new(),
        (order, None) => format!("  order {order}"),
        (order, Some(refund)) => format!("  order {order} refund {refund}"),
    };
    let lines = [
        ("statement", report.statement_side(it)),
        ("ledger", report.ledger_side(it)),
        ("why", it.cause.clone()),
        ("do", it.step.clone()),
    ];
    let told = lines.iter().map(|(name, value)| format!("  {name:<10} {}\n", say::plain(value))).collect::<String>();
    format!("{title}{stake}{}\n{told}", say::plain(&order))
}
