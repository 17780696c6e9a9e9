//! Times as statements print them, and the day a moment falls into, UTC+8.

use crate::words::{Day, WallTime};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// China keeps no summer time.
const CHINA_MS: i64 = 8 * HOUR_MS;

/// A business day's number since 1970-01-01, UTC+8.
pub(super) fn day_number(at: WallTime) -> i64 {
    at.millis().saturating_add(CHINA_MS).div_euclid(DAY_MS)
}

/// The business day with this number.
pub(super) fn day(number: i64) -> Day {
    Day::of(WallTime::from_millis(number.saturating_mul(DAY_MS).saturating_sub(CHINA_MS)))
}

/// Milliseconds from `at` to the nearer end of its day.
pub(super) fn to_midnight(at: WallTime) -> i64 {
    let gone = at.millis().saturating_add(CHINA_MS).rem_euclid(DAY_MS);
    gone.min(DAY_MS.saturating_sub(gone))
}

/// A moment as the shop's clock shows it, UTC+8: `2026-11-21 11:38:26`.
pub(super) fn shown(at: WallTime) -> String {
    let seconds = at.millis().saturating_add(CHINA_MS).rem_euclid(DAY_MS).div_euclid(1000);
    let clock = [seconds.div_euclid(3600), seconds.div_euclid(60).rem_euclid(60), seconds.rem_euclid(60)];
    let [hour, minute, second] = clock;
    format!("{} {hour:02}:{minute:02}:{second:02}", day(day_number(at)))
}

/// Reads `2026-11-21 11:38:26`, UTC+8. Remembers the last date: most rows of a statement share it.
#[derive(Debug, Default)]
pub(super) struct Dates {
    date: [u8; 10],
    begin_ms: i64,
}

impl Dates {
    pub(super) fn read(&mut self, text: &[u8]) -> Option<WallTime> {
        let (date, clock) = text.split_first_chunk::<10>()?;
        let [b' ', h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return None };
        let two = |high: u8, low: u8, limit: i64| {
            let digits = high.is_ascii_digit() && low.is_ascii_digit();
            let tens = i64::from(high.wrapping_sub(b'0')).wrapping_mul(10);
            Some(tens.wrapping_add(i64::from(low.wrapping_sub(b'0')))).filter(|value| digits && *value < limit)
        };
        let (hour, minute, second) = (two(*h1, *h2, 24)?, two(*m1, *m2, 60)?, two(*s1, *s2, 60)?);
        if *date != self.date {
            let day: Day = std::str::from_utf8(date).ok()?.parse().ok()?;
            (self.date, self.begin_ms) = (*date, day.begin().millis());
        }
        let seconds = hour.wrapping_mul(3600).wrapping_add(minute.wrapping_mul(60)).wrapping_add(second);
        Some(WallTime::from_millis(self.begin_ms.saturating_add(seconds.wrapping_mul(1000))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statements_time_is_chinas() {
        let mut dates = Dates::default();
        for (text, wanted) in [
            ("2026-11-21 11:38:26", Some("2026-11-21T03:38:26.000Z")),
            ("2026-11-21 00:00:00", Some("2026-11-20T16:00:00.000Z")),
            ("2026-11-21 23:59:59", Some("2026-11-21T15:59:59.000Z")),
            ("2026-11-22 00:00:00", Some("2026-11-21T16:00:00.000Z")),
            ("2026-11-21 24:00:00", None),
            ("2026-11-21 11:60:00", None),
            ("2026-13-21 11:38:26", None),
            ("2026-11-21T11:38:26", None),
            ("2026-11-21 11:38", None),
            ("2026-11-21  1:38:26", None),
            ("20261121113826", None),
            ("", None),
        ] {
            let read = dates.read(text.as_bytes());
            assert_eq!(read.map(|at| at.to_string()).as_deref(), wanted, "{text:?}");
            if let Some(at) = read {
                assert_eq!(shown(at), text);
                assert_eq!(day(day_number(at)), Day::of(at));
            }
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let at = |text: &str| Dates::default().read(text.as_bytes()).expect("a time");
        assert_eq!(to_midnight(at("2026-11-21 23:59:30")), 30_000);
        assert_eq!(to_midnight(at("2026-11-22 00:00:30")), 30_000);
        assert_eq!(day_number(at("2026-11-22 00:00:00")), day_number(at("2026-11-21 23:59:59")) + 1);
    }
}
