//! The simulator's clock: real time, read in one place.

use std::time::Instant;

use crate::words::{Tick, WallTime};

/// Ticks since the simulator began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Instant,
    /// What the wall clock showed then.
    pub(super) wall: WallTime,
}

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "the annex lives in real time; no product code asks this clock")]
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), wall: WallTime::from_millis(jiff::Timestamp::now().as_millisecond()) }
    }

    pub(super) fn now(self) -> Tick {
        Tick::default().after(self.began.elapsed())
    }

    /// What the wall clock shows at `at`.
    pub(super) fn wall(self, at: Tick) -> WallTime {
        self.wall.after(at.since(Tick::default()))
    }

    /// `yyyyMMddHHmmss` in UTC+8, as `time_end` wants it.
    pub(super) fn beijing(self, at: Tick, format: &str) -> String {
        let wall = self.wall(at);
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        let stamp = jiff::Timestamp::from_millisecond(wall.millis()).unwrap_or_default();
        stamp.to_zoned(zone).strftime(format).to_string()
    }
}
