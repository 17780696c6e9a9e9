//! The report as one page that an owner opens and prints: no script, and nothing from elsewhere.

use std::fmt::{self, Write as _};

use super::finding::{Finding, Weight};
use super::html::{Advice, Text};
use super::report::{Balance, Report};
use super::statement::Wholeness;
use super::told::{digits, fees};
use super::totals::Tally;
use crate::words::Currency;

const STYLE: &str = include_str!("page.css");
/// Findings of one weight that the page shows: more than that nobody reads on paper.
const SHOWN_MAX: usize = 500;

impl Report {
    /// The page, whole.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = String::with_capacity(16 * 1024);
        // Writing to a string cannot fail.
        self.write_page(&mut page).ok();
        page
    }

    fn write_page(&self, page: &mut String) -> fmt::Result {
        let days = self.title();
        write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>Reconciliation {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>WeChat Pay reconciliation</h1>\n\
             <p class=\"day\">{} (UTC+8)</p>\n",
            Text(&days),
            Text(&days)
        )?;
        let (look, sign) = match (self.count(Weight::Wrong), self.is_fine()) {
            (_, true) => ("good", "\u{2713}"),
            (0, false) if self.unlisted == 0 => ("look", "!"),
            (_, false) => ("wrong", "\u{2717}"),
        };
        writeln!(page, "<p class=\"verdict {look}\"><b>{sign}</b><span>{}</span></p>", Text(&self.verdict()))?;
        for balance in &self.balances {
            totals(page, balance)?;
        }
        for (weight, title, class) in [
            (Weight::Wrong, "Money is, or may be, in the wrong place", "wrong"),
            (Weight::Look, "To look at", "look"),
            (Weight::Note, "Explained, nothing to do", "note"),
        ] {
            self.findings_of(page, weight, title, class)?;
        }
        if self.unlisted > 0 {
            writeln!(
                page,
                "<p class=\"card\">{} more movements differ and are not listed: these seem to be the wrong files.</p>",
                self.unlisted
            )?;
        }
        self.sources(page)?;
        page.write_str("</body>\n</html>\n")
    }

    fn findings_of(&self, page: &mut String, weight: Weight, title: &str, class: &str) -> fmt::Result {
        let those: Vec<&Finding> = self.findings.iter().filter(|it| it.kind.weight() == weight).collect();
        if those.is_empty() {
            return Ok(());
        }
        writeln!(page, "<h2>{title} <small>({})</small></h2>", those.len())?;
        for it in those.iter().take(SHOWN_MAX) {
            self.finding(page, it, class)?;
        }
        if let Some(more) = those.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            writeln!(
                page,
                "<p class=\"card\">and {more} more: <code>--csv</code> and <code>--json</code> have all of them</p>"
            )?;
        }
        Ok(())
    }

    fn finding(&self, page: &mut String, it: &Finding, class: &str) -> fmt::Result {
        writeln!(page, "<article class=\"card finding {class}\">")?;
        writeln!(page, "<header><h3>{}</h3><b>{}</b></header>", Text(it.kind.title()), Text(&self.stake(it)))?;
        let refund = it.out_refund_no().map(|number| format!(", refund {number}")).unwrap_or_default();
        if !it.out_trade_no().is_empty() {
            writeln!(page, "<p class=\"order\">order {}{}</p>", Text(it.out_trade_no()), Text(&refund))?;
        }
        writeln!(
            page,
            "<div class=\"sides\"><div><small>WeChat's statement</small><p>{}</p></div><div><small>The terminal's ledger</small><p>{}</p></div></div>",
            Text(&self.statement_side(it)),
            Text(&self.ledger_side(it))
        )?;
        writeln!(page, "<div class=\"why\"><small>Why</small><p>{}</p></div>", Advice(&it.cause))?;
        writeln!(page, "<div class=\"do\"><small>What to do</small><p>{}</p></div>\n</article>", Advice(&it.step))
    }

    fn sources(&self, page: &mut String) -> fmt::Result {
        page.write_str("<footer>\n<p>Compared:</p>\n<ul>\n")?;
        for it in &self.statements {
            let whole = match it.wholeness {
                Wholeness::Whole => "complete by its own summary",
                Wholeness::GoesOn => "altered: rows follow its summary",
                Wholeness::NoSummary => "not complete: its summary is missing",
                Wholeness::Altered(_) => "not complete, or altered: its rows do not add up to its summary",
            };
            let left_out = match it.left_out {
                0 => String::new(),
                rows => format!(", {rows} of other days left out"),
            };
            writeln!(page, "<li>statement {}: {} rows{left_out}, {whole}</li>", Text(&it.name), it.rows)?;
        }
        for it in &self.ledgers {
            writeln!(page, "<li>ledger {} of terminal {}</li>", Text(&it.name), Text(&it.terminal))?;
        }
        page.write_str("</ul>\n<p>Fees are information only. Amounts are never rounded.</p>\n</footer>\n")
    }
}

/// The totals of one currency: both sides, and how they come to be.
fn totals(page: &mut String, it: &Balance) -> fmt::Result {
    let currency = it.currency;
    let (there, here) = (it.statement.net(), it.ledger.net());
    writeln!(page, "<h2>{currency}</h2>\n<div class=\"card scroll\"><table>")?;
    page.write_str(
        "<colgroup><col><col><col><col><col><col></colgroup>\n<thead><tr><th></th><th colspan=\"2\">WeChat's statement</th><th colspan=\"2\">The ledgers</th><th>Difference</th></tr></thead>\n<tbody>\n",
    )?;
    let back = |moved: &super::Moved| Tally {
        count: moved.refunds.count.saturating_add(moved.revoked.count),
        sum: moved.refunds.sum.saturating_add(moved.revoked.sum),
    };
    for (name, there, here) in
        [("Payments", it.statement.payments, it.ledger.payments), ("Given back", back(&it.statement), back(&it.ledger))]
    {
        writeln!(
            page,
            "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td></td></tr>",
            there.count,
            digits(there.sum, currency),
            here.count,
            digits(here.sum, currency),
        )?;
    }
    row(page, "sum", "Net", None, [there, here], currency)?;
    row(page, "part", "of which agree", Some(it.agreed), [it.agreed_net; 2], currency)?;
    for (kind, share) in &it.found {
        let count = Some(share.count).filter(|count| *count > 0);
        let class = if kind.weight() == Weight::Note { "part note" } else { "part" };
        row(page, class, kind.title(), count, [share.statement_net, share.ledger_net], currency)?;
    }
    if it.unlisted_net != [0, 0] {
        row(page, "part", "not listed", None, it.unlisted_net, currency)?;
    }
    let fee = fees(it.statement.fees);
    writeln!(page, "<tr><td>Fees (information)</td><td></td><td>{fee}</td><td></td><td></td><td></td></tr>")?;
    page.write_str("</tbody></table></div>\n")
}

fn row(
    page: &mut String,
    class: &str,
    name: &str,
    count: Option<u64>,
    nets: [i128; 2],
    currency: Currency,
) -> fmt::Result {
    let count = count.map(|count| count.to_string()).unwrap_or_default();
    let gap = nets[0].saturating_sub(nets[1]);
    let [there, here] = nets.map(|net| digits(net, currency));
    let off = if gap == 0 { "even" } else { "off" };
    writeln!(
        page,
        "<tr class=\"{class}\"><td>{}</td><td>{count}</td><td>{there}</td><td></td><td>{here}</td><td class=\"{off}\">{}</td></tr>",
        Text(name),
        digits(gap, currency)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing() {
        let page = Report::default().page();
        for foreign in ["http:", "https:", "src=", "href=", "@import", "url(", "<script", "javascript:"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}
