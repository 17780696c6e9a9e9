//! Our own rate limits, below the gateway's.
//!
//! A terminal pays as fast as people hold up their phones, and it cannot know what the merchant number's other tills do:
//! so pays are not held back until the gateway says that there are too many. Questions and reversals, which a machine
//! can ask for ever, always keep to their rate.
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

/// How long pays keep to their rate after the gateway said that there were too many.
const WARY: Duration = Duration::from_secs(60);

/// Both limits.
#[derive(Debug)]
pub(super) struct Pace {
    pay: Bucket,
    other: Bucket,
    wary_until: Tick,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pay: Bucket::new(PAY_EVERY), other: Bucket::new(OTHER_EVERY), wary_until: Tick::default() }
    }
}

impl Pace {
    /// How long this call must wait, or none when that would be too long.
    pub(super) fn take(&mut self, is_pay: bool, now: Tick) -> Option<Duration> {
        match is_pay {
            true if now >= self.wary_until => Some(Duration::ZERO),
            true => self.pay.take(now),
            false => self.other.take(now),
        }
    }

    /// The gateway said that there are too many calls: the next ones wait, and pays keep to their rate for a while.
    pub(super) fn throttled(&mut self, now: Tick) {
        self.wary_until = now.after(WARY);
        self.pay.empty(now);
        self.other.empty(now);
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

    /// Leaves room for one more call, after the longest wait.
    fn empty(&mut self, now: Tick) {
        let used = self.every.saturating_mul(BURST).saturating_add(WAIT_MAX).saturating_sub(self.every);
        self.full_at = now.after(used);
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
        let waits: Vec<Option<Duration>> = (0..40).map(|_| pace.take(false, NOW)).collect();
        assert!(waits.iter().take(10).all(|wait| *wait == Some(Duration::ZERO)));
        assert_eq!(waits.get(10), Some(&Some(Duration::from_millis(100))));
        assert_eq!(waits.get(19), Some(&Some(Duration::from_secs(1))));
        assert_eq!(waits.get(20), Some(&None));
        assert_eq!(pace.take(true, NOW), Some(Duration::ZERO), "pays have a limit of their own");
    }

    #[test]
    fn pays_are_held_back_only_after_the_gateway_said_so() {
        let mut pace = Pace::default();
        assert!((0..1000).all(|_| pace.take(true, NOW) == Some(Duration::ZERO)));
        pace.throttled(NOW);
        assert_eq!(pace.take(true, NOW), Some(WAIT_MAX));
        assert_eq!(pace.take(true, NOW), None);
        let later = NOW.after(WARY);
        assert!((0..1000).all(|_| pace.take(true, later) == Some(Duration::ZERO)));
    }

    #[test]
    fn quiet_time_fills_the_bucket_and_no_more_than_that() {
        let mut pace = Pace::default();
        for _ in 0..30 {
            pace.take(false, NOW);
        }
        let later = NOW.after(Duration::from_secs(3600));
        let free = (0..40).filter(|_| pace.take(false, later) == Some(Duration::ZERO)).count();
        assert_eq!(free, 10);
    }
}
