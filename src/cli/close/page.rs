//! The summary as one page that an owner opens and prints: no script, and nothing from elsewhere.

use std::fmt::{self, Write as _};

use super::super::shown::{amount, shop_time, signed};
use super::Compared;
use crate::edge::api::close::{CloseLine, CloseView, Sums};
use crate::ledger::Tally;
use crate::reconcile::html::{Advice, Text};

const STYLE: &str = include_str!("page.css");

/// The page, whole.
pub(super) fn page(summary: &CloseView, compared: &Compared) -> String {
    let mut page = String::with_capacity(8 * 1024);
    // Writing to a string cannot fail.
    write_page(&mut page, summary, compared).ok();
    page
}

fn write_page(page: &mut String, it: &CloseView, compared: &Compared) -> fmt::Result {
    write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Takings {day}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Takings of {day}</h1>\n\
         <p class=\"day\">{}, midnight to midnight UTC+8</p>\n",
        Text(&it.place()),
        day = Text(&it.day),
    )?;
    let (look, sign) = match (it.unresolved.is_empty(), it.running) {
        (true, false) => ("good", "\u{2713}"),
        (true, true) => ("look", "!"),
        (false, _) => ("wrong", "\u{2717}"),
    };
    writeln!(page, "<p class=\"verdict {look}\"><b>{sign}</b><span>{}</span></p>", Text(&it.verdict()))?;
    if it.currencies.is_empty() {
        page.write_str("<p class=\"card\">No money moved.</p>\n")?;
    } else {
        let of = it.currencies.iter().map(|it| (it.currency, it.currency, it.sums));
        sums(page, "All", "Currency", of)?;
        sums(page, "By operator", "Operator", it.by_operator.iter().map(named))?;
        sums(page, "By lane", "Lane", it.by_lane.iter().map(named))?;
    }
    let notes = [it.notes(), compared.notes(!it.currencies.is_empty())].concat();
    if !notes.is_empty() {
        page.write_str("<div class=\"card\">\n")?;
        for note in &notes {
            writeln!(page, "<p>{}</p>", Advice(note))?;
        }
        page.write_str("</div>\n")?;
    }
    if let Some(advice) = it.advice() {
        unresolved(page, it, advice)?;
    }
    writeln!(
        page,
        "<footer><p>From this terminal's ledger at {} UTC+8. Taken is everything that was charged on this day, also what \
         was given back later; WeChat's statement has the same rows.</p></footer>\n</body>\n</html>",
        Text(&shop_time(&it.at.to_string()))
    )
}

fn named(line: &CloseLine) -> (&str, &str, Sums) {
    (if line.name.is_empty() { "(nobody named)" } else { &line.name }, line.currency, line.sums)
}

fn sums<'a>(
    page: &mut String,
    title: &str,
    head: &str,
    rows: impl Iterator<Item = (&'a str, &'a str, Sums)>,
) -> fmt::Result {
    writeln!(
        page,
        "<h2>{title}</h2>\n<div class=\"card\"><table>\n<thead><tr><th>{head}</th><th>Taken</th><th>Returned</th>\
         <th>Net</th><th>Unresolved</th></tr></thead>\n<tbody>"
    )?;
    for (name, currency, sums) in rows {
        let open = if sums.unresolved.count == 0 { "" } else { " class=\"open\"" };
        writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"net\">{}</td><td{open}>{}</td></tr>",
            Text(name),
            Cell(sums.taken, currency),
            Cell(sums.returned, currency),
            Text(&signed(sums.net, currency)),
            Cell(sums.unresolved, currency),
        )?;
    }
    page.write_str("</tbody></table></div>\n")
}

fn unresolved(page: &mut String, it: &CloseView, advice: &str) -> fmt::Result {
    writeln!(
        page,
        "<h2>Unresolved</h2>\n<div class=\"card\"><table>\n<thead><tr><th>Ref</th><th>POS ref</th><th>State</th>\
         <th>Since</th><th>Amount</th></tr></thead>\n<tbody>"
    )?;
    for open in &it.unresolved {
        writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"open\">{}</td></tr>",
            Text(&open.name),
            Text(&open.client_ref),
            Text(&open.state),
            Text(&shop_time(&open.created_at.to_string())),
            Text(&amount(open.amount, open.currency)),
        )?;
    }
    writeln!(page, "</tbody></table>\n<p>What to do: {}</p></div>", Advice(advice))
}

/// A sum with how many.
struct Cell<'a>(Tally, &'a str);

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Tally { count, sum }, currency) = self;
        if *count == 0 {
            return f.write_str("\u{2013}");
        }
        write!(f, "{} <small>({count})</small>", Text(&amount(*sum, currency)))
    }
}
