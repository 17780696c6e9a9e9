//! A till that sells with simulated answers, over a real ledger in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use shroff::ledger::{Birth, Ledger};
use shroff::payment::answer::{
    Class, PayAnswer, QueryAnswer, Receipt, RefundAnswer, RefundQueryAnswer, RefundReceipt, RefundRefusal, Refusal,
    ReverseAnswer,
};
use shroff::payment::{Answer, Ask, Heard, Op, Policy, State};
use shroff::till::{NewPayment, NewRefund, Outgoing, ScanVerdict, Settings, Till};
use shroff::words::{Now, PaymentRef, Secret, Tick, WallTime};

/// A terminal and its book.
pub(crate) struct Shop {
    till: Till,
    folder: tempfile::TempDir,
    now: Now,
    sold: u32,
    /// How each refund goes on, by its number at WeChat.
    backs: BTreeMap<String, Back>,
}

/// How a refund goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    Refunded,
    /// Accepted, and then nothing more.
    Processing,
    /// Accepted, and later closed.
    Closed,
    /// Accepted; the payer's card is dead.
    ByHand,
    /// Refused for good, and never known.
    Refused,
    /// No answer ever comes.
    Silence,
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
        let mark = format!("K7Q2M9{}", terminal.get(1..).unwrap_or("XB"));
        let birth = Birth { terminal: terminal.parse().expect("an id"), mark, salt: Secret::new(vec![3; 32]) };
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite"), birth).expect("a ledger");
        let now = Now { tick: Tick::from_micros(1_000_000), wall: at };
        let till = till(ledger, now);
        Self { till, folder, now, sold: 0, backs: BTreeMap::new() }
    }

    /// Closes the ledger, as a daemon that stops.
    pub(crate) fn close(&mut self) {
        let terminal = "T00".parse().expect("an id");
        let birth = Birth { terminal, mark: "K7Q2M900".to_owned(), salt: Secret::new(vec![3; 32]) };
        self.till = till(Ledger::in_memory(birth).expect("a ledger"), self.now);
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = Now { tick: self.now.tick.after(time), wall: self.now.wall.after(time) };
    }

    /// How long it is until midnight in China.
    pub(crate) fn until_midnight(&self) -> Duration {
        let end = shroff::words::Day::of(self.now.wall).end();
        Duration::from_millis(u64::try_from(end.millis() - self.now.wall.millis()).expect("it comes"))
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

    /// Gives `amount` back, or all that is left, and tells the refund's number at WeChat.
    pub(crate) fn refund(&mut self, payment: &PaymentRef, name: &str, amount: Option<u64>, back: Back) -> String {
        let ask = NewRefund {
            payment: payment.clone(),
            reference: name.parse().expect("a name"),
            amount,
            reason: "wrong dish".into(),
            operator: None,
            supervised: false,
        };
        let out = self.till.refund(ask, self.now).expect("a save").expect("accepted").out;
        self.go_on(name, back, out)
    }

    /// A refund of which nothing was heard is heard of, after `time`.
    pub(crate) fn refund_heard_of(&mut self, name: &str, time: Duration) -> String {
        self.pass(time);
        let out = self.till.wake(self.now).expect("a save");
        self.go_on(name, Back::Refunded, out)
    }

    fn go_on(&mut self, name: &str, back: Back, mut out: Vec<Outgoing>) -> String {
        let reference = name.parse().expect("a name");
        let row = |till: &Till| till.ledger().refund(&reference).expect("readable").expect("there").record;
        let number = row(&self.till).facts.out_refund_no.to_string();
        self.backs.insert(number.clone(), back);
        for _ in 0..1000 {
            for call in std::mem::take(&mut out) {
                if let Some(answer) = self.answer_refund(&call) {
                    self.pass(Duration::from_millis(100));
                    out.extend(self.till.hear(call.id, &Heard::Answer(answer), None, self.now).expect("a save"));
                }
            }
            let record = row(&self.till);
            let far = match back {
                Back::Processing => record.accepted_at.is_some(),
                Back::Silence => true,
                Back::Refunded | Back::Closed | Back::ByHand | Back::Refused => !record.open,
            };
            if far && out.is_empty() {
                return number;
            }
            if out.is_empty() {
                self.pass(Duration::from_secs(1));
                out = self.till.wake(self.now).expect("a save");
            }
        }
        panic!("the refund {name} does not end: {:?}", row(&self.till));
    }

    fn answer_refund(&self, call: &Outgoing) -> Option<Answer> {
        let (terms, asked) = match &call.call.ask {
            Ask::Refund(terms) => (terms, false),
            Ask::RefundQuery { terms, .. } => (terms, true),
            Ask::Pay(_) | Ask::Query | Ask::Reverse => return None,
        };
        let back = self.backs[terms.out_refund_no.as_str()];
        Some(match (asked, back) {
            (_, Back::Silence) => return None,
            (false, Back::Refused) => Answer::Refund(RefundAnswer::NotDone {
                why: RefundRefusal::Definite,
                refusal: Refusal::new(Class::Ambiguous, "TRADE_OVERDUE", ""),
            }),
            (false, _) => Answer::Refund(RefundAnswer::Accepted),
            (true, Back::Refunded) => {
                let receipt = RefundReceipt { refund_id: None, refunded_at: Some(self.now.wall) };
                Answer::RefundQuery(RefundQueryAnswer::Refunded(receipt))
            }
            (true, Back::Processing) => Answer::RefundQuery(RefundQueryAnswer::Processing),
            (true, Back::Closed) => Answer::RefundQuery(RefundQueryAnswer::Closed),
            (true, Back::ByHand) => Answer::RefundQuery(RefundQueryAnswer::Changed),
            (true, Back::Refused) => Answer::RefundQuery(RefundQueryAnswer::Absent),
        })
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
        if let Some(answer) = self.answer_refund(call) {
            return answer;
        }
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

fn till(ledger: Ledger, now: Now) -> Till {
    let settings = Settings {
        policy: Policy { jitter_permille: 0, ..Policy::default() },
        lanes: vec!["1".parse().expect("a lane")],
        currency: "HKD".parse().expect("a currency"),
        amount_max: 5_000_000,
        operator_max: None,
        notify_url: None,
        description: "Dining Hall".into(),
    };
    Till::open(ledger, settings, 1, now).expect("a till")
}
