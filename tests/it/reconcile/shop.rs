//! A till that sells with simulated answers, over a real ledger in a file.

use std::path::PathBuf;
use std::time::Duration;

use shroff::ledger::{Birth, Ledger};
use shroff::payment::answer::{Class, PayAnswer, QueryAnswer, Receipt, Refusal, ReverseAnswer};
use shroff::payment::{Answer, Heard, Op, Policy, State};
use shroff::till::{NewPayment, Outgoing, ScanVerdict, Settings, Till};
use shroff::words::{Now, PaymentRef, Secret, Tick, WallTime};

/// A terminal and its book.
pub(crate) struct Shop {
    till: Till,
    folder: tempfile::TempDir,
    now: Now,
    sold: u32,
}

/// How a sale goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Paid,
    /// The first code is refused, the second is charged.
    SecondCode,
    Declined,
    /// The customer never confirms, and it is reversed before it was paid.
    Reversed,
    /// No answer ever comes.
    Open,
}

impl Shop {
    /// Opens at `at`, a moment of wall time.
    pub(crate) fn open(terminal: &str, at: WallTime) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let birth = Birth {
            terminal: terminal.parse().expect("an id"),
            mark: format!("K7Q2M9{}", terminal.get(1..).unwrap_or("XB")),
            salt: Secret::new(vec![3; 32]),
        };
        let settings = Settings {
            policy: Policy { jitter_permille: 0, ..Policy::default() },
            lanes: vec!["1".parse().expect("a lane")],
            currency: "HKD".parse().expect("a currency"),
            amount_max: 5_000_000,
            operator_max: None,
            notify_url: None,
            description: "Dining Hall".into(),
        };
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite"), birth).expect("a ledger");
        let now = Now { tick: Tick::from_micros(1_000_000), wall: at };
        let till = Till::open(ledger, settings, 1, now).expect("a till");
        Self { till, folder, now, sold: 0 }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = Now { tick: self.now.tick.after(time), wall: self.now.wall.after(time) };
    }

    /// Sells for `amount`, and tells the payment's ref.
    pub(crate) fn sell(&mut self, amount: u64, course: Course) -> PaymentRef {
        self.sold += 1;
        let ask = NewPayment {
            client_ref: format!("R-{}", self.sold).parse().expect("a client_ref"),
            amount,
            currency: None,
            lane: None,
            description: None,
            operator: None,
            attach: None,
            patience: None,
            auth_code: None,
        };
        let sale = self.till.collect(ask, self.now).expect("a save").expect("accepted");
        self.scan(course, u32::from(course == Course::SecondCode || course == Course::Declined));
        if course == Course::SecondCode {
            self.scan(course, 0);
        }
        if course == Course::Declined {
            self.till.cancel(&sale.reference, self.now).expect("a save").expect("canceled");
        }
        sale.reference
    }

    fn scan(&mut self, course: Course, refusals: u32) {
        self.pass(Duration::from_secs(5));
        let code = format!("13{:015}{}", self.sold, refusals).parse().expect("a code");
        let lane = "1".parse().expect("a lane");
        let verdict = self.till.scan(&lane, code, self.now.tick, self.now).expect("a save");
        let ScanVerdict::Taken(mut out) = verdict else { panic!("the code is not taken: {verdict:?}") };
        let end = self.now.tick.after(Duration::from_secs(200));
        while self.now.tick < end && course != Course::Open {
            for call in std::mem::take(&mut out) {
                self.pass(Duration::from_millis(100));
                let answer = self.answer(&call, course, refusals);
                out.extend(
                    self.till.hear(call.id, &Heard::Answer(answer), Some(self.now.tick), self.now).expect("a save"),
                );
            }
            if out.is_empty() {
                let busy = |state: State| state != State::Armed && !state.is_final();
                let Some(wake) = self.till.next_wake() else { return };
                if !self.till.payments().any(|it| busy(it.state())) {
                    return;
                }
                if course != Course::Reversed {
                    self.pass(Duration::from_millis(500));
                } else {
                    self.pass(wake.since(self.now.tick));
                }
                out = self.till.wake(self.now).expect("a save");
            }
        }
    }

    fn answer(&self, call: &Outgoing, course: Course, refusals: u32) -> Answer {
        let no = call.call.order.out_trade_no.as_str();
        let receipt = || Receipt {
            transaction_id: format!("42{no}").parse().expect("an id"),
            paid_at: Some(WallTime::from_millis(self.now.wall.millis() / 1000 * 1000)),
            payer_total: None,
            rate: None,
        };
        match (call.call.ask.op(), course) {
            (Op::Pay, Course::Reversed) => {
                Answer::Pay(PayAnswer::Refused(Refusal::new(Class::CustomerPaying, "USERPAYING", "")))
            }
            (Op::Pay, _) if refusals > 0 => {
                Answer::Pay(PayAnswer::Refused(Refusal::new(Class::FreshCode, "AUTHCODEEXPIRE", "")))
            }
            (Op::Pay, _) => Answer::Pay(PayAnswer::Paid(receipt())),
            (Op::Reverse, _) => Answer::Reverse(ReverseAnswer::Accepted { recall: false }),
            (_, Course::Reversed) if self.till.payments().any(|it| it.state() == State::Reversing) => {
                Answer::Query(QueryAnswer::Revoked)
            }
            (_, Course::Reversed) => Answer::Query(QueryAnswer::CustomerPaying),
            (_, _) => Answer::Query(QueryAnswer::Absent),
        }
    }
}
