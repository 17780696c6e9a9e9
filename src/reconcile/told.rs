//! The report in words: amounts, and both sides of a finding, as people read them.

use std::collections::BTreeMap;

use super::book::What;
use super::finding::{Finding, Found, Kind, Weight};
use super::moment;
use super::report::Report;
use super::statement::{Movement, StatementRow};
use crate::words::Currency;

/// A sum for people, with its currency's decimals and digits in groups: `-1,234.50`.
#[must_use]
pub fn digits(sum: i128, currency: Currency) -> String {
    let plain = plain_digits(sum, currency);
    let (sign, rest) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, part) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    let mut grouped = String::with_capacity(plain.len());
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && whole.len().saturating_sub(at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{part}")
}

/// The same for programs: `-1234.50`.
#[must_use]
pub fn plain_digits(sum: i128, currency: Currency) -> String {
    let places = usize::try_from(currency.exponent()).unwrap_or(2);
    let digits = format!("{:0>width$}", sum.unsigned_abs(), width = places.saturating_add(1));
    let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
    let sign = if sum < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Fees, whose decimals are finer than the currency's: `0.49`, `-0.00012`.
#[must_use]
pub fn fees(fees: i128) -> String {
    super::decimal::shown(fees)
}

impl Movement {
    /// What people call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Revoked => "reversal",
        }
    }
}

impl Report {
    /// The days, for people.
    #[must_use]
    pub fn title(&self) -> String {
        let days: Vec<String> = self.days.iter().map(ToString::to_string).collect();
        days.join(", ")
    }

    /// What the statement says, for people.
    #[must_use]
    pub fn statement_side(&self, finding: &Finding) -> String {
        let place = finding.place.map(|(statement, line)| {
            let name = self.statements.get(statement).map_or("the statement", |it| it.name.as_str());
            format!("line {line} of {name}")
        });
        let place = place.unwrap_or_default();
        match &finding.statement {
            Some(row) => {
                let StatementRow { movement, amount, currency, at, .. } = row;
                let amount = digits(i128::from(*amount), *currency);
                format!("{} of {currency} {amount} at {}, {place}", movement.word(), moment::shown(*at))
            }
            None if finding.kind == Kind::PaidTwice => "both payments, as here".to_owned(),
            None if finding.kind == Kind::TwiceInLedgers => "compared with the other ledger".to_owned(),
            None if finding.kind == Kind::NothingAgrees => "everything it lists".to_owned(),
            None if place.is_empty() => "nothing".to_owned(),
            None => place,
        }
    }

    /// What the ledger says, for people.
    #[must_use]
    pub fn ledger_side(&self, finding: &Finding) -> String {
        let Some(Found { ledger, line }) = &finding.ledger else {
            let known = [(Kind::UnreadableLine, "not known"), (Kind::NothingAgrees, "nothing that agrees")];
            return known.iter().find(|(kind, _)| *kind == finding.kind).map_or("nothing", |(_, text)| text).to_owned();
        };
        let what = match &line.what {
            What::Payment { .. } => "payment",
            What::Refund { .. } => "refund",
        };
        let (currency, at) = (line.amount.currency(), moment::shown(line.at));
        let amount = digits(i128::from(line.amount.minor()), currency);
        let mut text = format!("{what} of {currency} {amount}, {} at {at}", line.state);
        for (what, name) in [("ref", &line.reference), ("POS ref", &line.client_ref)] {
            if !name.is_empty() {
                text.push_str(&format!(", {what} {name}"));
            }
        }
        if self.ledgers.len() > 1 {
            let name = self.ledgers.get(*ledger).map_or("", |it| it.name.as_str());
            text.push_str(&format!(" in {name}"));
        }
        text
    }

    /// What is at stake, for people; empty for nothing.
    #[must_use]
    pub fn stake(&self, finding: &Finding) -> String {
        match finding.currency {
            Some(currency) if finding.at_stake > 0 => {
                format!("{currency} {}", digits(i128::from(finding.at_stake), currency))
            }
            Some(_) | None => String::new(),
        }
    }

    /// One sentence that says how it is.
    #[must_use]
    pub fn verdict(&self) -> String {
        let (wrong, look) = (self.count(Weight::Wrong), self.count(Weight::Look));
        let mut told = Vec::new();
        if wrong > 0 {
            let (be, stakes) = (if wrong == 1 { "difference" } else { "differences" }, self.stakes());
            told.push(format!("{wrong} {be} with {stakes} at stake"));
        }
        if self.unlisted > 0 {
            told.push(format!("{} more that are not listed", self.unlisted));
        }
        if look > 0 {
            told.push(format!("{look} to look at"));
        }
        if told.is_empty() && !self.is_partial() {
            told.push("nothing differs".to_owned());
        }
        if self.is_partial() {
            told.push("a statement is not all there, so nothing is certain".to_owned());
        }
        format!("{}; {} movements agree", told.join(", "), self.agreed)
    }

    /// What is in the wrong place, currency by currency.
    fn stakes(&self) -> String {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for it in self.findings.iter().filter(|it| it.kind.weight() == Weight::Wrong) {
            if let Some(currency) = it.currency {
                let sum = sums.entry(currency).or_default();
                *sum = sum.saturating_add(i128::from(it.at_stake));
            }
        }
        let sums: Vec<String> =
            sums.iter().map(|(currency, sum)| format!("{currency} {}", digits(*sum, *currency))).collect();
        sums.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_have_their_currencys_decimals() {
        let currency = |code: &str| code.parse::<Currency>().expect("a currency");
        for (sum, code, wanted) in [
            (0, "HKD", "0.00"),
            (5, "HKD", "0.05"),
            (-5, "HKD", "-0.05"),
            (123_456_789, "CNY", "1,234,567.89"),
            (-100_000, "CNY", "-1,000.00"),
            (99_900, "CNY", "999.00"),
            (1_234_567, "JPY", "1,234,567"),
            (-7, "JPY", "-7"),
        ] {
            assert_eq!(digits(sum, currency(code)), wanted);
            assert_eq!(plain_digits(sum, currency(code)), wanted.replace(',', ""));
        }
    }
}
