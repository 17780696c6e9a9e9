//! Which of the two hosts is asked first.
//!
//! Source: protocol 4.1; the rule is the official SDK's: more than two failed connections in a row send us to the other
//! host for three minutes, two successes on the first forget the failures.

use std::time::Duration;

use crate::words::Tick;

/// Failed connections in a row that are borne.
const FAILURES_MAX: u32 = 2;
/// Successes that forget them.
const SUCCESSES: u32 = 2;
/// How long the other host goes first.
const AWAY: Duration = Duration::from_secs(180);

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    First,
    Fallback,
}

impl Host {
    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Fallback,
            Self::Fallback => Self::First,
        }
    }
}

/// What has been learned about the hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    failures: u32,
    successes: u32,
    away_until: Option<Tick>,
}

impl Hosts {
    /// The host to try first.
    pub(super) fn preferred(&self, now: Tick) -> Host {
        if self.away_until.is_some_and(|until| now < until) { Host::Fallback } else { Host::First }
    }

    /// Learns that `host` took a connection.
    pub(super) fn reached(&mut self, host: Host) {
        if host == Host::Fallback || self.failures == 0 {
            return;
        }
        self.successes = self.successes.saturating_add(1);
        if self.successes >= SUCCESSES {
            *self = Self::default();
        }
    }

    /// Learns that `host` did not take a connection.
    pub(super) fn missed(&mut self, host: Host, now: Tick) {
        if host == Host::Fallback {
            // Neither is better than the other, so the one the shop chose goes first again.
            self.away_until = None;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.successes = 0;
        if self.failures > FAILURES_MAX {
            self.away_until = Some(now.after(AWAY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tick = Tick::from_micros(1_000_000);

    fn away() -> Hosts {
        let mut hosts = Hosts::default();
        for _ in 0..3 {
            hosts.missed(Host::First, NOW);
        }
        hosts
    }

    #[test]
    fn two_failures_are_borne_and_the_third_sends_us_away_for_three_minutes() {
        let mut hosts = Hosts::default();
        hosts.missed(Host::First, NOW);
        hosts.missed(Host::First, NOW);
        assert_eq!(hosts.preferred(NOW), Host::First);
        hosts.missed(Host::First, NOW);
        assert_eq!(hosts.preferred(NOW.after(AWAY.saturating_sub(Duration::from_micros(1)))), Host::Fallback);
        assert_eq!(hosts.preferred(NOW.after(AWAY)), Host::First);
    }

    #[test]
    fn back_home_one_failure_sends_us_away_again_and_two_successes_forget_it() {
        let mut hosts = away();
        let back = NOW.after(AWAY);
        hosts.reached(Host::First);
        hosts.missed(Host::First, back);
        assert_eq!(hosts.preferred(back), Host::Fallback);
        let back = back.after(AWAY);
        hosts.reached(Host::First);
        hosts.reached(Host::First);
        hosts.missed(Host::First, back);
        assert_eq!(hosts.preferred(back), Host::First);
    }

    #[test]
    fn when_the_fallback_fails_too_the_first_goes_first() {
        let mut hosts = away();
        hosts.missed(Host::Fallback, NOW);
        assert_eq!(hosts.preferred(NOW), Host::First);
    }
}
