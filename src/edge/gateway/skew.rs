//! How far our clock is from the gateway's, by the `Date` of its replies.
//!
//! Source: protocol 7.2: the gateway refuses what was signed more than five minutes from its own time.

use tracing::{info, warn};

use crate::dialect::HttpReply;
use crate::words::WallTime;

/// From here on somebody is told, in seconds.
const WARN: u64 = 30;
/// The gateway's own limit is 300 s; from here on a refused signature is blamed on the clock.
const BLAME: u64 = 240;

/// What has been learned.
#[derive(Debug, Default)]
pub(super) struct Skew {
    seconds: Option<i64>,
    warned: bool,
}

impl Skew {
    /// Seconds by which our clock is ahead of the gateway's; negative when it is behind.
    pub(super) fn seconds(&self) -> Option<i64> {
        self.seconds
    }

    /// So far from the gateway's clock that a refused signature is the clock's fault.
    pub(super) fn is_to_blame(&self) -> bool {
        self.seconds.is_some_and(|ahead| ahead.unsigned_abs() >= BLAME)
    }

    /// Learns from a reply that came at `now`. Says it when the clock went wrong, and when it is right again.
    pub(super) fn learn(&mut self, reply: &HttpReply, now: WallTime) {
        let Some(theirs) = date(reply) else { return };
        let ahead = now.millis().saturating_sub(theirs.millis()).div_euclid(1000);
        self.seconds = Some(ahead);
        let wrong = ahead.unsigned_abs() >= WARN;
        if wrong && !self.warned {
            warn!(ahead_s = ahead, "the clock is not the gateway's: set it, for example with timedatectl set-ntp true");
        }
        if !wrong && self.warned {
            info!(ahead_s = ahead, "the clock is right again");
        }
        self.warned = wrong;
        if reply.status == 401 && self.is_to_blame() {
            warn!(ahead_s = ahead, "the gateway refuses our signatures because the clock is wrong: set it");
        }
    }
}

/// The moment a reply was made, by its own word (RFC 9110 6.6.1).
fn date(reply: &HttpReply) -> Option<WallTime> {
    let (_, value) = reply.headers.iter().find(|(name, _)| name == "date")?;
    let date = jiff::fmt::rfc2822::parse(std::str::from_utf8(value).ok()?).ok()?;
    Some(WallTime::from_millis(date.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(date: &str) -> HttpReply {
        HttpReply { status: 200, headers: vec![("date".to_owned(), date.as_bytes().to_vec())], body: Vec::new() }
    }

    #[test]
    fn the_distance_is_whole_seconds_and_a_strange_date_teaches_nothing() {
        let mut skew = Skew::default();
        // 2026-11-21 03:38:26.5 UTC.
        let now = WallTime::from_millis(1_795_232_306_500);
        for (date, seconds) in [
            ("", None),
            ("yesterday", None),
            ("Sat, 21 Nov 2026 03:38:26 GMT", Some(0)),
            ("Sat, 21 Nov 2026 03:37:26 GMT", Some(60)),
            ("Sat, 21 Nov 2026 03:43:27 GMT", Some(-301)),
            ("tomorrow", Some(-301)),
        ] {
            skew.learn(&reply(date), now);
            assert_eq!(skew.seconds(), seconds, "{date}");
        }
        assert!(skew.warned);
        skew.learn(&reply("Sat, 21 Nov 2026 03:38:26 GMT"), now);
        assert!(!skew.warned);
    }
}
