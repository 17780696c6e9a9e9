use std::fmt;

use super::WallTime;

/// A business day: from midnight to midnight in China, UTC+8, as WeChat Pay's statements have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// The day that `moment` falls into.
    #[must_use]
    pub fn of(moment: WallTime) -> Self {
        let stamp = jiff::Timestamp::from_millisecond(moment.millis()).unwrap_or_default();
        Self(CHINA.to_datetime(stamp).date())
    }

    /// Its first moment.
    #[must_use]
    pub fn begin(self) -> WallTime {
        let stamp = CHINA.to_timestamp(self.0.to_datetime(jiff::civil::Time::midnight())).unwrap_or_default();
        WallTime::from_millis(stamp.as_millisecond())
    }

    /// The first moment of the next.
    #[must_use]
    pub fn end(self) -> WallTime {
        Self(self.0.tomorrow().unwrap_or(self.0)).begin()
    }
}

/// China keeps no summer time.
const CHINA: jiff::tz::Offset = jiff::tz::Offset::constant(8);

impl std::str::FromStr for Day {
    type Err = DayError;

    /// # Errors
    /// When `text` is not a date of the calendar as `2026-11-21`.
    fn from_str(text: &str) -> Result<Self, DayError> {
        let formed = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !formed {
            return Err(DayError);
        }
        text.parse().map(Self).map_err(|_| DayError)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a day is written year-month-day, such as 2026-11-21; it begins at midnight UTC+8")]
pub struct DayError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        let day: Day = "2026-11-21".parse().expect("a day");
        assert_eq!(day.begin().to_string(), "2026-11-20T16:00:00.000Z");
        assert_eq!(day.end().to_string(), "2026-11-21T16:00:00.000Z");
        assert_eq!(Day::of(day.begin()), day);
        assert_eq!(Day::of(WallTime::from_millis(day.end().millis() - 1)), day);
        assert_eq!(Day::of(day.end()).to_string(), "2026-11-22");
    }

    #[test]
    fn what_is_no_day_of_the_calendar_is_refused() {
        for text in ["", "2026-02-30", "20261121", "2026-1-1", "+026-11-21", "2026-11-21T00", "2026-13-01", "今日"] {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
    }
}
