//! WeChat's sums beside the ledgers', one currency at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::cli::say;
use crate::cli::shown::signed;
use crate::dialect::Batch;
use crate::ledger::{Moved, Takings, Tally};
use crate::words::{Currency, Day};

/// Days that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Day,
    pub(super) to: Day,
}

impl Span {
    /// For people: one day, or the first and the last.
    pub(super) fn words(from: &str, to: &str) -> String {
        if from == to { from.to_owned() } else { format!("{from} to {to}") }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::words(&self.from.to_string(), &self.to.to_string()))
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.from.to_string(), self.to.to_string()].serialize(serializer)
    }
}

/// The days of trade that these records are about, each once.
pub(super) fn spans(batches: &[Batch]) -> Vec<Span> {
    let mut all: Vec<Span> = batches.iter().map(|it| Span { from: it.traded_from, to: it.traded_to }).collect();
    all.sort_by_key(|span| (span.from, span.to));
    let mut spans: Vec<Span> = Vec::new();
    for span in all {
        match spans.last_mut() {
            // Neighbours become one.
            Some(last) if span.from.begin() <= last.to.end() => last.to = last.to.max(span.to),
            Some(_) | None => spans.push(span),
        }
    }
    spans
}

/// One currency on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Sides {
    currency: &'static str,
    wechat: There,
    ledger: Here,
    /// WeChat's net less the ledgers'.
    difference: i128,
}

/// What WeChat says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct There {
    paid: i128,
    refunded: i128,
    net: i128,
    fee: i128,
    settled: i128,
    unsettled: i128,
}

/// What the ledgers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Here {
    taken: Tally,
    returned: Tally,
    net: i128,
}

/// Sets the records beside what the ledgers took on the same days.
pub(super) fn compare(batches: &[Batch], takings: &[Takings]) -> Vec<Sides> {
    let mut there: BTreeMap<Currency, There> = BTreeMap::new();
    for batch in batches {
        let sums = there.entry(batch.currency).or_default();
        for (sum, more) in [
            (&mut sums.paid, i128::from(batch.paid)),
            (&mut sums.refunded, i128::from(batch.refunded)),
            (&mut sums.net, i128::from(batch.net)),
            (&mut sums.fee, i128::from(batch.fee)),
            (&mut sums.settled, i128::from(batch.settled)),
            (&mut sums.unsettled, i128::from(batch.unsettled)),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
    let mut here: BTreeMap<Currency, Moved> = BTreeMap::new();
    for (share, moved) in takings.iter().flat_map(|it| &it.shares) {
        here.entry(share.currency).or_default().add(*moved);
    }
    let moved = |moved: &Moved| moved.taken.count > 0 || moved.returned.count > 0;
    here.retain(|_, it| moved(it));
    let currencies: BTreeSet<Currency> = there.keys().chain(here.keys()).copied().collect();
    let sides = |currency: Currency| {
        let wechat = there.get(&currency).copied().unwrap_or_default();
        let Moved { taken, returned, .. } = here.get(&currency).copied().unwrap_or_default();
        let net = i128::from(taken.sum).saturating_sub(i128::from(returned.sum));
        let difference = wechat.net.saturating_sub(net);
        Sides { currency: currency.code(), wechat, ledger: Here { taken, returned, net }, difference }
    };
    currencies.into_iter().map(sides).collect()
}

/// Payments and refunds of which nobody knows yet, each once.
pub(super) fn unresolved(takings: &[Takings]) -> usize {
    let names: BTreeSet<&str> = takings.iter().flat_map(|it| &it.unresolved).map(|it| it.name.as_str()).collect();
    names.len()
}

impl Sides {
    /// The nets are the same. What was paid and taken back the same day may be left out of both sums by either side.
    pub(super) fn agree(&self) -> bool {
        self.difference == 0
    }

    pub(super) fn table(&self) -> String {
        let Self { currency, wechat, ledger, .. } = self;
        let sum = |minor| signed(minor, currency);
        let counted = |tally: Tally| format!("{} ({})", sum(i128::from(tally.sum)), tally.count);
        let rows = [
            ["taken", &sum(wechat.paid), &counted(ledger.taken)],
            ["given back", &sum(wechat.refunded), &counted(ledger.returned)],
            ["net", &sum(wechat.net), &sum(ledger.net)],
            ["fee", &sum(wechat.fee), ""],
            ["paid out", &sum(wechat.settled), ""],
            ["waiting", &sum(wechat.unsettled), ""],
        ];
        say::columns([currency, "WECHAT PAY", "LEDGER"], rows.map(|row| row.map(str::to_owned)))
    }

    /// What differs, in a sentence.
    pub(super) fn difference(&self, ledgers: &str) -> String {
        let Self { currency, wechat, difference, .. } = self;
        if *wechat == There::default() {
            return format!(
                "{currency}: WeChat Pay settles it in another currency, so that it cannot be compared here"
            );
        }
        let by = signed(i128::try_from(difference.unsigned_abs()).unwrap_or(i128::MAX), currency);
        let more = if *difference > 0 { "more" } else { "less" };
        format!("{by} {more} at WeChat Pay than in {ledgers}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Share, Unresolved};
    use crate::words::WallTime;

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    fn batch(from: &str, to: &str, currency: &str, paid: u64, refunded: u64) -> Batch {
        let net = paid.checked_signed_diff(refunded).expect("small");
        Batch {
            id: "1".to_owned(),
            settled_on: None,
            traded_from: day(from),
            traded_to: day(to),
            currency: currency.parse().expect("a currency"),
            paid,
            refunded,
            net,
            fee: 1,
            settled: net,
            unsettled: 0,
            wallet: String::new(),
        }
    }

    fn took(currency: &str, taken: u64, returned: u64) -> Takings {
        let share =
            Share { currency: currency.parse().expect("a currency"), operator: String::new(), lane: "1".into() };
        let tally = |sum| Tally { count: u64::from(sum > 0), sum };
        let moved = Moved { taken: tally(taken), returned: tally(returned), unresolved: Tally::default() };
        Takings { shares: [(share, moved)].into(), ..Takings::default() }
    }

    #[test]
    fn a_day_of_several_wallets_is_asked_about_once_and_gaps_are_left_out() {
        let batches = [
            batch("2026-11-20", "2026-11-20", "HKD", 1, 0),
            batch("2026-11-18", "2026-11-19", "HKD", 1, 0),
            batch("2026-11-20", "2026-11-20", "HKD", 2, 0),
            batch("2026-11-25", "2026-11-27", "HKD", 1, 0),
            batch("2026-11-26", "2026-11-26", "HKD", 1, 0),
        ];
        let told: Vec<String> = spans(&batches).iter().map(Span::to_string).collect();
        assert_eq!(told, ["2026-11-18 to 2026-11-20", "2026-11-25 to 2026-11-27"]);
        assert_eq!(spans(&batches[..1])[0].to_string(), "2026-11-20");
        assert!(spans(&[]).is_empty());
    }

    #[test]
    fn both_sides_agree_by_their_nets_over_all_records_and_all_ledgers() {
        let batches =
            [batch("2026-11-20", "2026-11-20", "HKD", 800, 300), batch("2026-11-20", "2026-11-20", "HKD", 100, 0)];
        let sides = compare(&batches, &[took("HKD", 500, 0), took("HKD", 400, 300)]);
        assert!(sides.len() == 1 && sides[0].agree(), "{sides:?}");
        // A payment that was reversed is in both of the ledger's sums; WeChat may leave it out.
        assert!(compare(&batches, &[took("HKD", 950, 350)])[0].agree());
        let less = compare(&batches, &[took("HKD", 901, 300)]);
        assert_eq!(less[0].difference("the ledger"), "HKD 0.01 less at WeChat Pay than in the ledger");
        let more = compare(&batches, &[took("HKD", 800, 300)]);
        assert_eq!(more[0].difference("the ledger"), "HKD 1.00 more at WeChat Pay than in the ledger");
    }

    #[test]
    fn a_currency_that_is_paid_out_in_another_one_is_told_and_does_not_agree() {
        let batches = [batch("2026-11-20", "2026-11-20", "HKD", 800, 0)];
        let sides = compare(&batches, &[took("HKD", 800, 0), took("CNY", 100, 0), took("USD", 0, 0)]);
        let told: Vec<(&str, bool)> = sides.iter().map(|it| (it.currency, it.agree())).collect();
        assert_eq!(told, [("CNY", false), ("HKD", true)]);
        assert!(sides[0].difference("the ledger").contains("another currency"));
    }

    #[test]
    fn what_nobody_knows_yet_counts_once_however_often_it_is_seen() {
        let open = |name: &str| Unresolved {
            name: name.to_owned(),
            client_ref: String::new(),
            minor: 1,
            share: Share { currency: "HKD".parse().expect("a currency"), operator: String::new(), lane: "1".into() },
            state: "verifying".to_owned(),
            created_at: WallTime::default(),
        };
        let takings = |names: &[&str]| Takings {
            unresolved: names.iter().map(|name| open(name)).collect(),
            ..Takings::default()
        };
        assert_eq!(unresolved(&[takings(&["a"]), takings(&["a", "b"])]), 2);
    }
}
