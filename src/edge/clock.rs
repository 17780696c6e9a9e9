//! The only place that asks the machine what time it is.

use std::time::{Instant, SystemTime};

use crate::words::{Now, Tick, WallTime};

/// The clocks of this process: one that decides and never jumps, one that people read. Copies agree with each other.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    birth: Instant,
}

impl Clock {
    /// Starts the ticks. Once per process: ticks of two clocks cannot be compared.
    #[must_use]
    pub fn start() -> Self {
        Self { birth: instant() }
    }

    /// How far this process's life has come.
    #[must_use]
    pub fn tick(&self) -> Tick {
        Tick::default().after(instant().saturating_duration_since(self.birth))
    }

    /// What the wall clock says; 1970 when it stands before that.
    #[must_use]
    pub fn wall(&self) -> WallTime {
        WallTime::default().after(system_time().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }

    /// Both, read together.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { tick: self.tick(), wall: self.wall() }
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that may: everyone else is handed a Tick")]
fn instant() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "the one place that may: everyone else is handed a WallTime")]
fn system_time() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_only_go_up_and_the_wall_is_past_2020() {
        let clock = Clock::start();
        let first = clock.now();
        let second = clock.now();
        assert!(second.tick >= first.tick);
        assert!(first.wall.millis() > 1_577_836_800_000);
    }
}
