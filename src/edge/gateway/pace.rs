//! Our own rate limits, below the gateway's.
//!
//! Source: protocol section 8: a merchant number's tills share about 30 pays a second.

use std::time::Duration;

use crate::words::Tick;

/// Between two pays on the long run: 20 a second.
const PAY_EVERY: Duration = Duration::from_millis(50);
/// Between two other calls on the long run: 10 a second.
const OTHER_EVERY: Duration = Duration::from_millis(100);
/// Calls that may go at once after a quiet time.
const BURST: u32 = 10;
/// The longest a call is held back. More at once than this takes is not a shop but a mistake.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Both limits.
#[derive(Debug)]
pub(super) struct Pace {
    pay: Bucket,
    other: Bucket,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pay: Bucket::new(PAY_EVERY), other: Bucket::new(OTHER_EVERY) }
    }
}

impl Pace {
    /// How long this call must wait, or none when that would be too long.
    pub(super) fn take(&mut self, is_pay: bool, now: Tick) -> Option<Duration> {
        if is_pay { self.pay.take(now) } else { self.other.take(now) }
    }
}

/// A token bucket, kept as the moment at which it would be full again.
#[derive(Debug)]
struct Bucket {
    every: Duration,
    full_at: Tick,
}

impl Bucket {
    fn new(every: Duration) -> Self {
        Self { every, full_at: Tick::default() }
    }

    fn take(&mut self, now: Tick) -> Option<Duration> {
        let full_at = self.full_at.max(now).after(self.every);
        let wait = full_at.since(now).saturating_sub(self.every.saturating_mul(BURST));
        if wait > WAIT_MAX {
            return None;
        }
        self.full_at = full_at;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tick = Tick::from_micros(5_000_000);

    #[test]
    fn a_burst_goes_at_once_then_the_rate_holds_and_a_flood_is_refused() {
        let mut pace = Pace::default();
        let waits: Vec<Option<Duration>> = (0..40).map(|_| pace.take(true, NOW)).collect();
        assert!(waits.iter().take(10).all(|wait| *wait == Some(Duration::ZERO)));
        assert_eq!(waits.get(10), Some(&Some(Duration::from_millis(50))));
        assert_eq!(waits.get(29), Some(&Some(Duration::from_secs(1))));
        assert_eq!(waits.get(30), Some(&None));
        assert_eq!(pace.take(false, NOW), Some(Duration::ZERO), "queries have a limit of their own");
    }

    #[test]
    fn quiet_time_fills_the_bucket_and_no_more_than_that() {
        let mut pace = Pace::default();
        for _ in 0..30 {
            pace.take(true, NOW);
        }
        let later = NOW.after(Duration::from_secs(3600));
        let free = (0..40).filter(|_| pace.take(true, later) == Some(Duration::ZERO)).count();
        assert_eq!(free, 10);
    }
}
