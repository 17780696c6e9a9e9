//! Whether the day was compared with WeChat's statement, and which days it is high time for.

use serde::Serialize;

use super::super::shown::shop_time;
use crate::cli::statement::THERE_AFTER;
use crate::ledger::{LedgerError, RECONCILE_WITHIN_DAYS, Reader, Reconciled};
use crate::words::{Day, WallTime};

/// Days that are named; of more only the number is told.
const NAMED_MAX: usize = 5;

/// What the ledger keeps of comparisons.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    #[serde(skip)]
    day: Day,
    #[serde(skip)]
    now: WallTime,
    /// None when nobody has compared the day.
    reconciled: Option<View>,
    /// Days older than 60 on which money moved and that nobody has compared.
    unreconciled_days: Vec<Day>,
}

#[derive(Debug, Serialize)]
struct View {
    at: WallTime,
    /// Nothing differed, and both payments and refunds were compared with a statement that was all there.
    fine: bool,
    whole: bool,
    /// Whenever that was: a statement was not all there, or not of everything.
    #[serde(skip)]
    in_part: bool,
    /// The day was not over.
    early: bool,
    /// Differences that put money in the wrong place, or may.
    wrong: u64,
    /// Differences that somebody should look at.
    look: u64,
    /// Movements that differed and were not looked at one by one.
    unlisted: u64,
}

impl Compared {
    pub(super) fn of(reader: &Reader, day: Day, now: WallTime) -> Result<Self, LedgerError> {
        let view = |it: Reconciled| View {
            at: it.at,
            fine: it.is_whole() && it.kept.differences() == 0,
            whole: it.is_whole(),
            in_part: !it.kept.is_whole(),
            early: it.at < day.end(),
            wrong: it.kept.wrong,
            look: it.kept.look,
            unlisted: it.kept.unlisted,
        };
        let reconciled = reader.reconciled(day)?.map(view);
        Ok(Self { day, now, reconciled, unreconciled_days: reader.unreconciled_days(Day::of(now))? })
    }

    /// What is worth a line; `moved` says whether there is anything to compare on the day.
    pub(super) fn notes(&self, moved: bool) -> Vec<String> {
        let mut notes = Vec::new();
        match &self.reconciled {
            Some(view) => notes.push(view.note(self.day)),
            None if moved => notes.push(self.not_yet()),
            None => {}
        }
        if let Some(late) = late(&self.unreconciled_days) {
            notes.push(late);
        }
        notes
    }

    fn not_yet(&self) -> String {
        let day = self.day;
        let there = day.end().after(THERE_AFTER);
        if self.now < there {
            let there = shop_time(&there.to_string());
            return format!("not reconciled yet; WeChat Pay's statement of the day is there from {there} UTC+8");
        }
        format!("not reconciled: `shroff statement --day {day}`, then `shroff reconcile statement-{day}.csv`")
    }
}

impl View {
    fn note(&self, day: Day) -> String {
        let at = shop_time(&self.at.to_string());
        let again = format!("`shroff reconcile statement-{day}.csv` lists them");
        let early = if self.early { ", before the day was over" } else { "" };
        let part = match (self.early, self.in_part) {
            (_, false) => "",
            (true, true) => ", and only in part: a statement was not all there, or not of everything",
            (false, true) => ", but only in part: a statement was not all there, or not of everything",
        };
        let found = match (self.wrong.saturating_add(self.look), self.unlisted) {
            (0, 0) => "nothing differs".to_owned(),
            (1, 0) => format!("1 difference; {again}"),
            (count, 0) => format!("{count} differences; {again}"),
            (count, more) => format!("{count} differences, and {more} more movements that do not agree; {again}"),
        };
        format!("reconciled at {at} UTC+8{early}{part}: {found}")
    }
}

/// What is said of days that nobody has compared although it is high time.
fn late(days: &[Day]) -> Option<String> {
    let named: Vec<String> = days.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = match days.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let count = match days.len() {
        0 => return None,
        1 => "a day".to_owned(),
        count => format!("{count} days"),
    };
    Some(format!(
        "never reconciled although more than {RECONCILE_WITHIN_DAYS} days ago: {count}, {}{more}; WeChat Pay hands out \
         statements of the last 90 days or so",
        named.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_days_are_named_and_the_rest_is_counted() {
        let days: Vec<Day> = (1..=7).map(|no| format!("2026-03-0{no}").parse().expect("a day")).collect();
        assert_eq!(late(&[]), None);
        let one = late(days.get(..1).expect("one")).expect("a day");
        assert!(one.contains("60 days ago: a day, 2026-03-01; WeChat"), "{one}");
        let all = late(&days).expect("days");
        assert!(all.contains("7 days, 2026-03-01") && all.contains("2026-03-05 and 2 more;"), "{all}");
    }
}
