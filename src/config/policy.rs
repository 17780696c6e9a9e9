//! `[policy]`: every waiting time of the loop, in the ranges of protocol table 2.1.

use std::time::Duration;

use super::reader::{Reader, wait};
use crate::payment::Policy;

/// Entries of a list of waits. More would only be a slower way to write an interval.
const WAITS_MAX: usize = 10;

/// A payment code may live 60 s and arrive a little later (law 6); before this age a watch would see nothing.
const WATCH_FROM: u64 = 75_000;

/// A day: after that reconciliation watches.
const WATCH_TO: u64 = 86_400_000;

/// Reads the section. Bounds are in milliseconds; what the protocol gives no range for is held to what makes sense at
/// a counter.
pub(super) fn policy(r: &mut Reader<'_>) -> Option<Policy> {
    let connect_timeout = r.seconds("connect_timeout", 1_000, 10_000);
    let pay_timeout = r.seconds("pay_timeout", 10_000, 30_000);
    let query_timeout = r.seconds("query_timeout", 1_000, 30_000);
    let first_query = r.seconds("first_query", 100, 5_000);
    let first_query_after_password = r.seconds("first_query_after_password", 1_000, 15_000);
    let query_interval = r.seconds("query_interval", 3_000, 10_000);
    let jitter = r.thousandths("jitter", 0, 500);
    let give_up_after = r.seconds("give_up_after", 30_000, 60_000);
    let reverse_not_before = r.seconds("reverse_not_before", 15_000, 60_000);
    let reverse_waits = r.list("reverse_waits", WAITS_MAX, |value| wait(value, 1_000, 300_000));
    let reverse_interval = r.seconds("reverse_interval", 5_000, 300_000);
    let reverse_interval_late = r.seconds("reverse_interval_late", 30_000, 3_600_000);
    let not_found_after = r.seconds("not_found_after", 30_000, 300_000);
    let late_watch = r.list("late_watch", WAITS_MAX, |value| wait(value, WATCH_FROM, WATCH_TO));
    let policy = Policy {
        connect_timeout: connect_timeout?,
        pay_timeout: pay_timeout?,
        query_timeout: query_timeout?,
        first_query: first_query?,
        first_query_after_password: first_query_after_password?,
        query_interval: query_interval?,
        jitter_permille: u32::try_from(jitter?).ok()?,
        give_up_after: give_up_after?,
        reverse_not_before: reverse_not_before?,
        reverse_waits: reverse_waits?,
        reverse_interval: reverse_interval?,
        reverse_interval_late: reverse_interval_late?,
        not_found_after: not_found_after?,
        late_watch: late_watch?,
    };
    agree(r, &policy);
    Some(policy)
}

/// Writes down which values, each fine alone, do not go together.
fn agree(r: &mut Reader<'_>, policy: &Policy) {
    let seconds = |wait: Duration| {
        let shown = format!("{}.{:03}", wait.as_secs(), wait.subsec_millis());
        format!("{} s", shown.trim_end_matches('0').trim_end_matches('.'))
    };
    if policy.give_up_after < policy.reverse_not_before {
        let why = format!(
            "is {}, before the first reversal is allowed; make it at least policy.reverse_not_before, {}",
            seconds(policy.give_up_after),
            seconds(policy.reverse_not_before)
        );
        r.clash("give_up_after", why);
    }
    if policy.give_up_after < policy.pay_timeout {
        let why = format!(
            "is {}, before the pay itself has been waited for; make it at least policy.pay_timeout, {}",
            seconds(policy.give_up_after),
            seconds(policy.pay_timeout)
        );
        r.clash("give_up_after", why);
    }
    if policy.reverse_interval_late < policy.reverse_interval {
        let why = format!(
            "is shorter than policy.reverse_interval, {}; reversals get slower, not faster",
            seconds(policy.reverse_interval)
        );
        r.clash("reverse_interval_late", why);
    }
    let pairs = |waits: &[Duration], good: fn(&Duration, &Duration) -> bool| {
        waits.iter().zip(waits.iter().skip(1)).all(|(one, next)| good(one, next))
    };
    if !pairs(&policy.reverse_waits, |one, next| one <= next) {
        r.clash("reverse_waits", "has a wait that is shorter than the one before it; reversals get slower, not faster");
    }
    if policy.late_watch.is_empty() || !pairs(&policy.late_watch, |one, next| one < next) {
        r.clash("late_watch", "needs at least one age, each greater than the one before it, such as [90, 300]");
    }
}
