//! What an operator watches: counters, gauges and histograms in OpenMetrics text, base units, names with `shroff_`.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::dialect::Distrust;
use crate::payment::{Op, RefundState, State};
use crate::words::LaneId;

/// Seconds of a gateway call: from a good line to the longest time-out there may be.
const CALL_BUCKETS: [f64; 11] = [0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0];
/// Seconds of a commit: from a server's disk to an SD card that is about to fail.
const COMMIT_BUCKETS: [f64; 12] = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0];

/// Labels whose values are stable words.
type Words<const N: usize> = [(&'static str, &'static str); N];

/// All metrics of the terminal. Cheap to touch from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    payments: Family<Words<1>, Counter>,
    attempts: Counter,
    refunds: Family<Words<1>, Counter>,
    open_refunds: Gauge,
    calls: Family<Words<2>, Counter>,
    call_seconds: Family<Words<1>, Histogram, fn() -> Histogram>,
    distrust: Family<Words<1>, Counter>,
    notices: Family<Words<1>, Counter>,
    refused_notices: Family<Words<1>, Counter>,
    scans: Family<Words<1>, Counter>,
    scanner_up: Family<[(&'static str, String); 2], Gauge>,
    display_up: Family<[(&'static str, String); 2], Gauge>,
    unsettled: Gauge,
    attention: Gauge,
    out_of_order: Gauge,
    clock_ahead: Gauge,
    commit_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that have counted nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("shroff");
        let call_seconds: fn() -> Histogram = || Histogram::new(CALL_BUCKETS);
        let new = Self {
            payments: Family::default(),
            attempts: Counter::default(),
            refunds: Family::default(),
            open_refunds: Gauge::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(call_seconds),
            distrust: Family::default(),
            notices: Family::default(),
            refused_notices: Family::default(),
            scans: Family::default(),
            scanner_up: Family::default(),
            display_up: Family::default(),
            unsettled: Gauge::default(),
            attention: Gauge::default(),
            out_of_order: Gauge::default(),
            clock_ahead: Gauge::default(),
            commit_seconds: Histogram::new(COMMIT_BUCKETS),
            registry: Registry::default(),
        };
        registry.register("build", "The program that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("payments", "Payments that became final, by state", new.payments.clone());
        registry.register("attempts", "Payment codes sent to WeChat", new.attempts.clone());
        registry.register("refunds", "Refunds that were settled, by state", new.refunds.clone());
        registry.register("open_refunds", "Refunds that are not settled yet", new.open_refunds.clone());
        registry.register("gateway_calls", "Calls to WeChat, by operation and outcome", new.calls.clone());
        registry.register_with_unit(
            "gateway_call_duration",
            "From a call's first byte to its answer or the end of waiting",
            Unit::Seconds,
            new.call_seconds.clone(),
        );
        registry.register("distrusted_replies", "Replies that were not believed, by reason", new.distrust.clone());
        registry.register("notifications", "Notifications that were acknowledged, by outcome", new.notices.clone());
        let help = "Notifications that were not acknowledged, by reason";
        registry.register("refused_notifications", help, new.refused_notices.clone());
        registry.register("scans", "Complete scans, by what became of them", new.scans.clone());
        registry.register("scanner_up", "1 while the scanner is connected", new.scanner_up.clone());
        registry.register("display_up", "1 while the display is connected", new.display_up.clone());
        registry.register(
            "unsettled_payments",
            "Payments with something left to do or to watch",
            new.unsettled.clone(),
        );
        registry.register("attention_payments", "Payments and refunds a person must look at", new.attention.clone());
        registry.register("out_of_order", "1 while no sale is possible", new.out_of_order.clone());
        registry.register_with_unit(
            "clock_ahead",
            "How far our clock is ahead of the gateway's; negative when it is behind",
            Unit::Seconds,
            new.clock_ahead.clone(),
        );
        registry.register_with_unit(
            "ledger_commit_duration",
            "A durable commit to the ledger",
            Unit::Seconds,
            new.commit_seconds.clone(),
        );
        // Counted from zero, so that the first one is seen as an increase.
        for state in [State::Paid, State::Declined, State::Reversed, State::Canceled, State::Expired] {
            drop(new.payments.get_or_create(&[("state", state.word())]));
        }
        for state in [RefundState::Refunded, RefundState::Failed, RefundState::NeedsAttention] {
            drop(new.refunds.get_or_create(&[("state", state.word())]));
        }
        Self { registry, ..new }
    }

    /// A payment became final.
    pub fn payment_final(&self, state: State) {
        self.payments.get_or_create(&[("state", state.word())]).inc();
    }

    /// A code was sent to WeChat.
    pub fn attempt(&self) {
        self.attempts.inc();
    }

    /// A refund was settled.
    pub fn refund_settled(&self, state: RefundState) {
        self.refunds.get_or_create(&[("state", state.word())]).inc();
    }

    /// So many refunds are not settled yet.
    pub fn open_refunds(&self, count: usize) {
        self.open_refunds.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A call came to its end with `outcome`, a stable word.
    pub fn call(&self, op: Op, outcome: &'static str, took: Duration) {
        self.calls.get_or_create(&[("op", op.word()), ("outcome", outcome)]).inc();
        self.call_seconds.get_or_create(&[("op", op.word())]).observe(took.as_secs_f64());
    }

    /// A reply was not believed.
    pub fn distrusted(&self, why: Distrust) {
        self.distrust.get_or_create(&[("reason", why.word())]).inc();
    }

    /// A notification was acknowledged: it is on disk now, or was before.
    pub fn noticed(&self, new: bool) {
        self.notices.get_or_create(&[("outcome", if new { "kept" } else { "repeated" })]).inc();
    }

    /// A notification was not acknowledged; `why` is a stable word.
    pub fn notice_refused(&self, why: &'static str) {
        self.refused_notices.get_or_create(&[("reason", why)]).inc();
    }

    /// A scan was complete; `verdict` is a stable word: what became of the code, or what was scanned instead.
    pub fn scan(&self, verdict: &'static str) {
        self.scans.get_or_create(&[("verdict", verdict)]).inc();
    }

    /// The scanner `device` of `lane` came or went.
    pub fn scanner_up(&self, lane: &LaneId, device: &str, up: bool) {
        let labels = [("lane", lane.to_string()), ("device", device.to_owned())];
        self.scanner_up.get_or_create(&labels).set(i64::from(up));
    }

    /// The display `device` of `lane` came or went.
    pub fn display_up(&self, lane: &LaneId, device: &str, up: bool) {
        let labels = [("lane", lane.to_string()), ("device", device.to_owned())];
        self.display_up.get_or_create(&labels).set(i64::from(up));
    }

    /// So many payments have something left to do or to watch.
    pub fn unsettled(&self, count: usize) {
        self.unsettled.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// So many payments and refunds must be looked at by a person.
    pub fn attention(&self, count: usize) {
        self.attention.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Sales became possible or impossible.
    pub fn out_of_order(&self, is: bool) {
        self.out_of_order.set(i64::from(is));
    }

    /// Our clock is so many seconds ahead of the gateway's.
    pub fn clock_ahead(&self, seconds: i64) {
        self.clock_ahead.set(seconds);
    }

    /// The ledger took this long for a commit.
    pub fn commit(&self, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Everything as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing into a String does not fail; half a text would be taken for a whole one.
            Err(std::fmt::Error) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_stands_in_the_text_under_its_name() {
        let metrics = Metrics::new();
        metrics.payment_final(State::Paid);
        metrics.attempt();
        metrics.refund_settled(RefundState::Refunded);
        metrics.open_refunds(3);
        metrics.call(Op::Pay, "paid", Duration::from_millis(300));
        metrics.distrusted(Distrust::Unsigned);
        metrics.noticed(true);
        metrics.notice_refused("stale");
        metrics.scan("taken");
        metrics.scanner_up(&"1".parse().expect("a lane"), "/dev/ttyACM0", true);
        metrics.display_up(&"1".parse().expect("a lane"), "/dev/ttyUSB0", false);
        metrics.unsettled(2);
        metrics.attention(1);
        metrics.out_of_order(false);
        metrics.clock_ahead(-42);
        metrics.commit(Duration::from_micros(150));
        let text = metrics.text();
        for line in [
            "shroff_payments_total{state=\"paid\"} 1",
            "shroff_payments_total{state=\"reversed\"} 0",
            "shroff_attempts_total 1",
            "shroff_refunds_total{state=\"refunded\"} 1",
            "shroff_refunds_total{state=\"failed\"} 0",
            "shroff_open_refunds 3",
            "shroff_gateway_calls_total{op=\"pay\",outcome=\"paid\"} 1",
            "shroff_gateway_call_duration_seconds_bucket{le=\"0.35\",op=\"pay\"} 1",
            "shroff_distrusted_replies_total{reason=\"unsigned\"} 1",
            "shroff_notifications_total{outcome=\"kept\"} 1",
            "shroff_refused_notifications_total{reason=\"stale\"} 1",
            "shroff_scans_total{verdict=\"taken\"} 1",
            "shroff_scanner_up{lane=\"1\",device=\"/dev/ttyACM0\"} 1",
            "shroff_display_up{lane=\"1\",device=\"/dev/ttyUSB0\"} 0",
            "shroff_unsettled_payments 2",
            "shroff_attention_payments 1",
            "shroff_out_of_order 0",
            "shroff_clock_ahead_seconds -42",
            "shroff_ledger_commit_duration_seconds_bucket{le=\"0.0002\"} 1",
            concat!("shroff_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
