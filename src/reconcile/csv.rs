//! The findings as a table for a spreadsheet: RFC 4180, and no cell that a spreadsheet takes for a formula.

use super::finding::{Finding, Weight};
use super::moment;
use super::report::Report;
use super::told::plain_digits;

const COLUMNS: [&str; 24] = [
    "weight",
    "kind",
    "currency",
    "at_stake",
    "out_trade_no",
    "out_refund_no",
    "statement",
    "line",
    "statement_time",
    "movement",
    "statement_amount",
    "statement_currency",
    "statement_transaction_id",
    "device",
    "ledger",
    "ref",
    "client_ref",
    "state",
    "ledger_time",
    "ledger_amount",
    "ledger_currency",
    "ledger_transaction_id",
    "cause",
    "step",
];

impl Report {
    /// The findings, notes too, one a line.
    #[must_use]
    pub fn csv(&self) -> String {
        // Spreadsheets take a file for UTF-8 only when it says so.
        let mut text = String::from("\u{feff}");
        line(&mut text, &COLUMNS.map(str::to_owned));
        for finding in &self.findings {
            line(&mut text, &self.cells(finding));
        }
        text
    }

    fn cells(&self, it: &Finding) -> [String; 24] {
        let weight = match it.kind.weight() {
            Weight::Wrong => "wrong",
            Weight::Look => "look",
            Weight::Note => "note",
        };
        let row = it.statement.as_ref();
        let found = it.ledger.as_ref();
        let of_row = |cell: fn(&super::statement::StatementRow) -> String| row.map(cell).unwrap_or_default();
        let of_line = |cell: fn(&super::LedgerLine) -> String| found.map(|it| cell(&it.line)).unwrap_or_default();
        let (statement, place) = it.place.unzip();
        [
            weight.to_owned(),
            it.kind.word().to_owned(),
            it.currency.map(|currency| currency.to_string()).unwrap_or_default(),
            it.currency.map(|currency| plain_digits(i128::from(it.at_stake), currency)).unwrap_or_default(),
            it.out_trade_no().to_owned(),
            it.out_refund_no().unwrap_or_default().to_owned(),
            statement.and_then(|at| self.statements.get(at)).map(|it| it.name.clone()).unwrap_or_default(),
            place.map(|line| line.to_string()).unwrap_or_default(),
            of_row(|row| moment::shown(row.at)),
            of_row(|row| row.movement.word().to_owned()),
            of_row(|row| plain_digits(i128::from(row.amount), row.currency)),
            of_row(|row| row.currency.to_string()),
            of_row(|row| row.transaction_id.clone()),
            of_row(|row| row.device.clone()),
            found.and_then(|it| self.ledgers.get(it.ledger)).map(|it| it.name.clone()).unwrap_or_default(),
            of_line(|line| line.reference.clone()),
            of_line(|line| line.client_ref.clone()),
            of_line(|line| line.state.clone()),
            of_line(|line| moment::shown(line.at)),
            of_line(|line| line.amount.major()),
            of_line(|line| line.amount.currency().to_string()),
            of_line(|line| line.transaction_id.clone()),
            it.cause.clone(),
            it.step.clone(),
        ]
    }
}

fn line(text: &mut String, cells: &[String]) {
    for (at, it) in cells.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&cell(it));
    }
    text.push_str("\r\n");
}

/// A cell that is text for every spreadsheet. What begins like a formula gets an apostrophe before it; a number does
/// not, for a number calculates nothing.
fn cell(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let first = text.trim_start().chars().next();
    let formula = first.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '|' | '%'));
    let number = text.strip_prefix('-').unwrap_or(&text);
    let number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let guard = if formula && !number { "'" } else { "" };
    if formula || text.contains([',', '"', '\'', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        return format!("\"{guard}{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (text, wanted) in [
            ("T01K7Q2M9XB00000001", "T01K7Q2M9XB00000001"),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("+cmd|' /C calc'!A0", "\"'+cmd|' /C calc'!A0\""),
            ("-1+1", "\"'-1+1\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"' =1\""),
            ("＝1", "\"'＝1\""),
            ("-12.50", "\"-12.50\""),
            ("a,b", "\"a,b\""),
            ("say \"tea\"", "\"say \"\"tea\"\"\""),
            ("two\r\nlines", "two  lines"),
            ("", ""),
        ] {
            assert_eq!(cell(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_it_a_cell_stays_one_cell(text in "[=+@|%,\"' a-z0-9.\r\n\t-]{0,12}") {
            let cell = cell(&text);
            let inside = cell.strip_prefix('"').map_or(cell.as_str(), |it| it.strip_suffix('"').expect("closed"));
            prop_assert!(!inside.replace("\"\"", "").contains('"'), "{}", cell);
            prop_assert!(!inside.contains(['\r', '\n']));
            prop_assert!(cell.starts_with('"') || !cell.contains(','));
            let number = inside.trim_start_matches('-').chars().all(|c| c.is_ascii_digit() || c == '.');
            prop_assert!(number || !inside.trim_start().starts_with(['=', '+', '-', '@']), "{}", cell);
        }
    }
}
