//! What an operator watches: counters, gauges and histograms in OpenMetrics text, base units, names with `shroff_`.

mod classic;

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
use crate::words::{LaneId, WallTime};

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
    unsettled: Gauge,
    attention: Gauge,
    out_of_order: Gauge,
    started: Gauge,
    clock_ahead: Gauge,
    signature_refused: Gauge,
    commit_seconds: Histogram,
    oldest_unsettled: Gauge,
    ledger_size: Gauge,
    wal_size: Gauge,
    disk_free: Gauge,
    gateway_up: Gauge,
    display_up: Family<[(&'static str, String); 3], Gauge>,
    certificate_until: Gauge,
}

/// What is looked up when somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Payments and refunds that a person must look at.
    pub attention: usize,
    /// The age of the oldest payment without a final state, in seconds.
    pub oldest_unsettled: u64,
    /// The ledger's file, in bytes.
    pub ledger: u64,
    /// What is not copied into it yet, in bytes.
    pub wal: u64,
    /// What is free where it is, in bytes.
    pub free: u64,
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
            unsettled: Gauge::default(),
            attention: Gauge::default(),
            out_of_order: Gauge::default(),
            started: Gauge::default(),
            clock_ahead: Gauge::default(),
            signature_refused: Gauge::default(),
            commit_seconds: Histogram::new(COMMIT_BUCKETS),
            oldest_unsettled: Gauge::default(),
            ledger_size: Gauge::default(),
            wal_size: Gauge::default(),
            disk_free: Gauge::default(),
            gateway_up: Gauge::default(),
            display_up: Family::default(),
            certificate_until: Gauge::default(),
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
        registry.register(
            "unsettled_payments",
            "Payments with something left to do or to watch",
            new.unsettled.clone(),
        );
        registry.register("attention_payments", "Payments and refunds a person must look at", new.attention.clone());
        registry.register("out_of_order", "1 while no sale is possible", new.out_of_order.clone());
        registry.register_with_unit(
            "start_time",
            "When the daemon began, since 1970: it moves when the daemon has ended and was started anew",
            Unit::Seconds,
            new.started.clone(),
        );
        registry.register(
            "signature_refused",
            "1 while WeChat refuses our signature: a key is wrong",
            new.signature_refused.clone(),
        );
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
        registry.register_with_unit(
            "oldest_unsettled_payment_age",
            "Age of the oldest payment whose money is not certain; 0 when there is none",
            Unit::Seconds,
            new.oldest_unsettled.clone(),
        );
        registry.register_with_unit("ledger_size", "The ledger's file", Unit::Bytes, new.ledger_size.clone());
        registry.register_with_unit(
            "ledger_wal_size",
            "What is committed and not copied into the ledger's file yet",
            Unit::Bytes,
            new.wal_size.clone(),
        );
        registry.register_with_unit(
            "ledger_disk_free",
            "Free space where the ledger is",
            Unit::Bytes,
            new.disk_free.clone(),
        );
        registry.register(
            "gateway_up",
            "1 when WeChat could be reached when it was last tried",
            new.gateway_up.clone(),
        );
        registry.register("display_up", "1 while the display shows what it should", new.display_up.clone());
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            "When the merchant's certificate ends, since 1970; 0 without one",
            Unit::Seconds,
            new.certificate_until.clone(),
        );
        // Counted from zero, so that the first one is seen as an increase.
        for state in [State::Paid, State::Declined, State::Reversed, State::Canceled, State::Expired] {
            drop(new.payments.get_or_create(&[("state", state.word())]));
        }
        for state in [RefundState::Refunded, RefundState::Failed, RefundState::NeedsAttention] {
            drop(new.refunds.get_or_create(&[("state", state.word())]));
        }
        for why in [
            Distrust::TooLarge,
            Distrust::Status(0),
            Distrust::Malformed(""),
            Distrust::Unsigned,
            Distrust::BadSignature,
            Distrust::UnknownKey,
            Distrust::Stale,
            Distrust::OtherOrder,
            Distrust::OtherRefund,
            Distrust::OtherMerchant,
            Distrust::OtherAmount,
            Distrust::OtherCurrency,
            Distrust::Incomplete(""),
        ] {
            drop(new.distrust.get_or_create(&[("reason", why.word())]));
        }
        for verdict in ["taken", "not-armed", "repeated", "too-old", "used"] {
            drop(new.scans.get_or_create(&[("verdict", verdict)]));
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

    /// So many payments have something left to do or to watch.
    pub fn unsettled(&self, count: usize) {
        self.unsettled.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// What was looked up because somebody asks.
    pub fn looked(&self, looked: Looked) {
        let set = |gauge: &Gauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.attention.set(i64::try_from(looked.attention).unwrap_or(i64::MAX));
        set(&self.oldest_unsettled, looked.oldest_unsettled);
        set(&self.ledger_size, looked.ledger);
        set(&self.wal_size, looked.wal);
        set(&self.disk_free, looked.free);
    }

    /// The gateway could be reached when it was last tried, or not.
    pub fn gateway_up(&self, up: bool) {
        self.gateway_up.set(i64::from(up));
    }

    /// The display `device` of this kind on `lane` shows what it should, or does not.
    pub fn display_up(&self, lane: &LaneId, kind: &str, device: &str, up: bool) {
        let labels = [("lane", lane.to_string()), ("kind", kind.to_owned()), ("device", device.to_owned())];
        self.display_up.get_or_create(&labels).set(i64::from(up));
    }

    /// The merchant's certificate is good until then.
    pub fn certificate_until(&self, until: WallTime) {
        self.certificate_until.set(until.millis().div_euclid(1000));
    }

    /// Sales became possible or impossible.
    pub fn out_of_order(&self, is: bool) {
        self.out_of_order.set(i64::from(is));
    }

    /// The daemon began.
    pub fn started(&self, at: WallTime) {
        self.started.set(at.millis().div_euclid(1000));
    }

    /// Our clock is so many seconds ahead of the gateway's.
    pub fn clock_ahead(&self, seconds: i64) {
        self.clock_ahead.set(seconds);
    }

    /// WeChat refuses our signature, or has taken it since.
    pub fn signature_refused(&self, is: bool) {
        self.signature_refused.set(i64::from(is));
    }

    /// The ledger took this long for a commit.
    pub fn commit(&self, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Everything as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a String does not fail; half a text would be taken for a whole one.
        if encode(&mut text, &self.registry).is_err() {
            return String::new();
        }
        let end = text.strip_suffix(END).map_or(text.len(), str::len);
        text.truncate(end);
        text.push_str(&process());
        text.push_str(END);
        text
    }

    /// Everything in the older text form (version 0.0.4), which whoever does not ask for OpenMetrics expects.
    #[must_use]
    pub fn classic(&self) -> String {
        classic::of(&self.text())
    }
}

const END: &str = "# EOF\n";
/// Clock ticks of `/proc` in a second: `USER_HZ`, 100 on every architecture Linux has.
const TICKS: u64 = 100;

/// What every Prometheus user knows of a process, under the names that every client library gives it.
fn process() -> String {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return String::new() };
    // The second field is a name in brackets and may hold anything.
    let after = stat.rsplit_once(") ").map(|(_, after)| after).unwrap_or_default();
    let fields: Vec<u64> = after.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
    let get = |number: usize| fields.get(number.saturating_sub(3)).copied().unwrap_or_default();
    let ticks = get(14).saturating_add(get(15));
    let memory = get(24).saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4096));
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let mut text = format!(
        "# HELP process_cpu_seconds Total user and system CPU time spent.\n\
         # TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n\
         process_cpu_seconds_total {}.{:02}\n\
         # HELP process_resident_memory_bytes Resident memory size.\n\
         # TYPE process_resident_memory_bytes gauge\n# UNIT process_resident_memory_bytes bytes\n\
         process_resident_memory_bytes {memory}\n\
         # HELP process_open_fds Number of open file descriptors.\n# TYPE process_open_fds gauge\n\
         process_open_fds {files}\n",
        ticks / TICKS,
        ticks % TICKS
    );
    let up = std::fs::read_to_string("/proc/stat").ok();
    let boot =
        up.as_deref().and_then(|up| up.lines().find_map(|line| line.strip_prefix("btime ")?.parse::<u64>().ok()));
    // Behind a sandbox that shows processes only there is no time of the boot.
    if let Some(boot) = boot {
        text.push_str(&format!(
            "# HELP process_start_time_seconds Start time of the process since unix epoch.\n\
             # TYPE process_start_time_seconds gauge\n# UNIT process_start_time_seconds seconds\n\
             process_start_time_seconds {}\n",
            boot.saturating_add(get(22) / TICKS)
        ));
    }
    text
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
        metrics.unsettled(2);
        metrics.looked(Looked { attention: 1, oldest_unsettled: 90, ledger: 4096, wal: 512, free: 1 << 30 });
        metrics.gateway_up(true);
        metrics.display_up(&"1".parse().expect("a lane"), "vfd", "/dev/ttyUSB0", false);
        metrics.certificate_until(WallTime::from_millis(1_800_000_000_999));
        metrics.out_of_order(false);
        metrics.started(WallTime::from_millis(1_795_232_306_500));
        metrics.clock_ahead(-42);
        metrics.signature_refused(true);
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
            "shroff_unsettled_payments 2",
            "shroff_attention_payments 1",
            "shroff_oldest_unsettled_payment_age_seconds 90",
            "shroff_ledger_size_bytes 4096",
            "shroff_ledger_wal_size_bytes 512",
            "shroff_ledger_disk_free_bytes 1073741824",
            "shroff_gateway_up 1",
            "shroff_display_up{lane=\"1\",kind=\"vfd\",device=\"/dev/ttyUSB0\"} 0",
            "shroff_certificate_expiry_timestamp_seconds 1800000000",
            "# TYPE process_resident_memory_bytes gauge",
            "shroff_out_of_order 0",
            "shroff_start_time_seconds 1795232306",
            "shroff_clock_ahead_seconds -42",
            "shroff_signature_refused 1",
            "shroff_ledger_commit_duration_seconds_bucket{le=\"0.0002\"} 1",
            concat!("shroff_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
    }

    #[test]
    fn the_older_form_describes_what_it_names() {
        let text = Metrics::new().classic();
        for line in [
            "# TYPE shroff_payments_total counter",
            "# HELP shroff_payments_total Payments that became final, by state.",
            "# TYPE shroff_build_info gauge",
            "# TYPE process_cpu_seconds_total counter",
            "# TYPE shroff_ledger_commit_duration_seconds histogram",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("# UNIT") && !text.contains("# EOF"), "{text}");
    }
}
