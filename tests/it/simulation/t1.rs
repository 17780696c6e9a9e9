//! T1: the attempt table alone, one hostile payment a seed.

use std::time::Duration;

use shroff::payment::answer::{Class, PayAnswer, QueryAnswer, Refusal, ReverseAnswer, ReverseRefusal};
use shroff::payment::{
    Answer, Ask, Call, Change, Context, Durable, Facts, Heard, Mint, MoneyState, Op, Payment, Policy, State,
};
use shroff::words::{AuthCode, Money, Now, Tick, WallTime};

use super::chance::Chance;
use super::gateway::{Gateway, Plan, not_done, refused};
use super::{count, only_seed};

/// After this age no pay can land any more, and the late watch is over.
const LATE_HORIZON: Duration = Duration::from_secs(300);
/// Every wait of the policy passes within this time after the faults stop (reliability, "settle bound").
const SETTLE_BOUND: Duration = Duration::from_secs(2 * 300 + 60);

#[test]
fn t1_a_hostile_payment_never_loses_a_cent() {
    if let Some(seed) = only_seed() {
        let end = World::new(seed, true).run();
        println!("{end:?}");
        end.expect("the seed holds");
        return;
    }
    let seeds = count("SHROFF_T1", 100_000);
    super::in_parallel(seeds, |seed| World::new(seed, false).run().map(|_| ()));
    println!("T1: {seeds} hostile payments, 0 wrong");
}

/// Keeps nothing: T1 is about the table. It checks that no row changes without a line.
pub(crate) struct Unchecked;

impl Durable for Unchecked {
    type Error = std::convert::Infallible;

    fn save(&mut self, _: &Change<'_>) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[derive(Debug)]
struct Settled {
    _state: State,
    _took: Duration,
}

/// A message on its way.
#[derive(Debug)]
enum Flying {
    /// A request reaches the gateway; the reply to it is waited for as call `wanted`.
    Lands {
        at: Tick,
        ask: Op,
        wanted: u64,
    },
    /// The edge reports.
    Returns {
        at: Tick,
        op: Op,
        heard: Heard,
        sent: Option<Tick>,
        wanted: u64,
    },
    Cancel {
        at: Tick,
    },
    Crash {
        at: Tick,
    },
}

impl Flying {
    fn at(&self) -> Tick {
        match self {
            Self::Lands { at, .. } | Self::Returns { at, .. } | Self::Cancel { at } | Self::Crash { at } => *at,
        }
    }
}

struct World {
    chance: Chance,
    policy: Policy,
    gateway: Gateway,
    payment: Payment,
    flying: Vec<Flying>,
    now: Tick,
    heals: Tick,
    severity: u64,
    wanted: u64,
    loud: bool,
    wrong: Option<String>,
}

impl World {
    fn new(seed: u64, loud: bool) -> Self {
        let mut chance = Chance::new(seed);
        let now = Tick::from_micros(1_000_000);
        let plan = plan(&mut chance);
        let gateway = Gateway::new(plan, now, &mut chance);
        let severity = [0, 60, 250, 600][chance.below(4) as usize];
        let heals = now.after(chance.between(0, 240_000));
        let policy = Policy::default();
        let mut world = Self {
            payment: payment(now),
            gateway,
            policy,
            flying: Vec::new(),
            now,
            heals,
            severity,
            wanted: 0,
            loud,
            wrong: None,
            chance,
        };
        if world.chance.one_in_thousand(200) {
            let at = now.after(world.chance.between(0, 60_000));
            world.flying.push(Flying::Cancel { at });
        }
        while world.chance.one_in_thousand(250) {
            let at = now.after(world.chance.between(0, 200_000));
            world.flying.push(Flying::Crash { at });
        }
        world.scan();
        world
    }

    fn faulty(&mut self) -> bool {
        self.now < self.heals && self.chance.one_in_thousand(self.severity)
    }

    fn at(&self) -> Now {
        Now { tick: self.now, wall: WallTime::from_millis(0) }
    }

    fn scan(&mut self) {
        let code: AuthCode = "134539517967686076".parse().expect("a code");
        let mint = Mint { out_trade_no: number("T01AAAA00000001"), refund_no: number("T01AAAA00000001R") };
        let step = self.payment.scan(code, mint, &self.policy, self.at()).expect("armed");
        self.commit(step);
    }

    fn commit(&mut self, step: shroff::payment::Step) {
        let before = self.payment.record();
        let (payment, call) = step.commit(&mut Unchecked).expect("nothing fails here");
        if self.loud {
            println!("{:>12} {:?} {:?}", self.now.micros(), payment.state(), call.as_ref().map(|it| it.ask.op()));
        }
        self.check_step(&before.state, &payment);
        self.payment = payment;
        if let Some(call) = call {
            self.launch(&call);
        }
    }

    fn check_step(&mut self, before: &State, next: &Payment) {
        let reversed_before = self.gateway.first_reversal.is_some();
        if next.state() == State::Paid && reversed_before {
            self.wrong = Some("paid after a reversal was sent".into());
        }
        if before.is_final() && !next.state().is_final() {
            self.wrong = Some(format!("{before:?} became {:?}", next.state()));
        }
    }

    fn launch(&mut self, call: &Call) {
        self.wanted += 1;
        let (op, wanted, now) = (call.ask.op(), self.wanted, self.now);
        let timeout = if op == Op::Pay { self.policy.pay_timeout } else { self.policy.query_timeout };
        if matches!(call.ask, Ask::Pay(_)) && self.faulty() && self.chance.one_in_thousand(200) {
            let at = now.after(self.chance.between(1, 9_000));
            self.flying.push(Flying::Returns { at, op, heard: Heard::NotSent("refused"), sent: None, wanted });
            return;
        }
        let connect = if self.faulty() { self.chance.between(0, 4_000) } else { Duration::ZERO };
        let sent = now.after(connect);
        let slow = self.faulty();
        let travel = if slow { self.chance.between(5, 60_000) } else { self.chance.between(1, 40) };
        let lost = self.faulty();
        if !lost {
            self.flying.push(Flying::Lands { at: sent.after(travel), ask: op, wanted });
            if self.faulty() {
                let again = self.chance.between(0, 2_000);
                self.flying.push(Flying::Lands { at: sent.after(travel).after(again), ask: op, wanted: 0 });
            }
        }
        let heard = Heard::Nothing { why: "timeout", incident: false };
        self.flying.push(Flying::Returns { at: now.after(timeout), op, heard, sent: Some(sent), wanted });
    }

    fn lands(&mut self, op: Op, wanted: u64) {
        let answer = self.answer(op);
        if wanted == 0 || wanted != self.wanted {
            return;
        }
        let timeout = self.flying.iter().position(|it| matches!(it, Flying::Returns { wanted: w, .. } if *w == wanted));
        let Some(timeout) = timeout else { return };
        if self.faulty() {
            return;
        }
        let back = if self.faulty() { self.chance.between(1, 20_000) } else { self.chance.between(1, 40) };
        let at = self.now.after(back);
        if at >= self.flying[timeout].at() {
            return;
        }
        let Flying::Returns { sent, .. } = self.flying.swap_remove(timeout) else { return };
        let heard = if self.faulty() {
            Heard::Nothing { why: "bad_signature", incident: self.chance.one_in_thousand(200) }
        } else {
            Heard::Answer(answer)
        };
        self.flying.push(Flying::Returns { at, op, heard, sent, wanted });
    }

    fn answer(&mut self, op: Op) -> Answer {
        let now = self.now;
        let busy = self.faulty() && self.chance.one_in_thousand(300);
        match op {
            Op::Pay => Answer::Pay(self.gateway.pay(now, &mut self.chance)),
            Op::Query if busy => Answer::Query(QueryAnswer::NoWord(Refusal::new(Class::Unknown, "SYSTEMERROR", ""))),
            Op::Query => Answer::Query(self.gateway.query(now)),
            Op::Reverse if busy => Answer::Reverse(not_done(true, ReverseRefusal::Other, "SYSTEMERROR")),
            Op::Reverse => Answer::Reverse(self.gateway.reverse(now, &mut self.chance)),
            Op::Refund | Op::RefundQuery => Answer::Refund(self.gateway.refund(now)),
        }
    }

    fn run(mut self) -> Result<Settled, String> {
        let began = self.now;
        for _ in 0..20_000 {
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            let Some(at) = self.next() else { return self.judge(began) };
            self.now = at.max(self.now);
            if self.now.since(self.heals.max(began)) > SETTLE_BOUND + LATE_HORIZON && !self.payment.state().is_final() {
                return Err(format!("not settled in time: {:?}", self.payment));
            }
            self.happen(at);
        }
        Err("too many steps: a loop that neither ends nor slows down".into())
    }

    fn next(&self) -> Option<Tick> {
        let flying = self.flying.iter().map(Flying::at).min();
        let wake = self.payment.wakes();
        [flying, wake].into_iter().flatten().min()
    }

    fn happen(&mut self, at: Tick) {
        let due = self.flying.iter().position(|it| it.at() == at);
        let luck = self.chance.below(1000) as u32;
        let now = self.at();
        let policy = self.policy.clone();
        let cx = Context { now: self.now, policy: &policy, luck };
        let Some(due) = due else {
            if let Some(step) = self.payment.wake(now, &cx) {
                self.commit(step);
            }
            return;
        };
        match self.flying.swap_remove(due) {
            Flying::Lands { ask, wanted, .. } => self.lands(ask, wanted),
            Flying::Returns { op, heard, sent, wanted, .. } => {
                if wanted == self.wanted
                    && let Some(step) = self.payment.hear(op, &heard, sent, now, &cx)
                {
                    self.commit(step);
                }
            }
            Flying::Cancel { .. } => {
                if let Some(step) = self.payment.cancel(now, &cx) {
                    self.commit(step);
                }
            }
            Flying::Crash { .. } => self.crash(),
        }
    }

    /// The process dies and comes back: what was on the wire stays on the wire, nobody waits for it any more.
    fn crash(&mut self) {
        self.wanted += 1;
        self.flying.retain(|it| !matches!(it, Flying::Returns { .. }));
        let record = self.payment.record();
        if !record.open {
            return;
        }
        let down = self.chance.between(1_000, 120_000);
        let back = self.now.after(down);
        // What lands while the process is down lands.
        while let Some(at) = self.flying.iter().map(Flying::at).min().filter(|at| *at < back) {
            self.now = at.max(self.now);
            let due = self.flying.iter().position(|it| it.at() == at).expect("it is there");
            if let Flying::Lands { ask, .. } = self.flying.swap_remove(due) {
                self.answer(ask);
            }
        }
        self.now = back;
        let found = Payment::found(&record, self.now).expect("rows make sense");
        let policy = self.policy.clone();
        let cx = Context { now: self.now, policy: &policy, luck: 0 };
        let step = found.recover(self.at(), &cx).expect("something is open");
        self.payment = found;
        self.commit(step);
    }

    fn judge(&mut self, began: Tick) -> Result<Settled, String> {
        let (state, money, net) = (self.payment.state(), self.payment.money(), self.gateway.net());
        let said = u64::from(money == MoneyState::Taken);
        if state == State::Armed {
            return Err("armed and asleep".into());
        }
        if !state.is_final() {
            return Err(format!("asleep in {state:?}"));
        }
        if said != net {
            return Err(format!("the ledger says {state:?}/{money:?}, the gateway holds {net}; {:?}", self.gateway));
        }
        if money == MoneyState::Returned && self.gateway.returned == 0 {
            return Err("returned is claimed, and nothing was".into());
        }
        if self.gateway.pays > 2 {
            return Err("pay was sent more than once".into());
        }
        if let (Some(pay), Some(reversal)) = (self.gateway.first_pay, self.gateway.first_reversal) {
            let sooner = reversal.since(pay) < Duration::from_secs(15) && pay < reversal;
            // A slow network may bring the pay late; what counts is when it was sent, and that is checked by the fence.
            if sooner && self.severity == 0 {
                return Err(format!("reversed {:?} after pay", reversal.since(pay)));
            }
        }
        Ok(Settled { _state: state, _took: self.now.since(began) })
    }
}

fn plan(chance: &mut Chance) -> Plan {
    let classes = [Class::FreshCode, Class::Ambiguous, Class::Throttled, Class::OurFault, Class::PerhapsPaid];
    let class = classes[chance.below(5) as usize];
    match chance.below(8) {
        0 | 1 => Plan::PaysAtOnce,
        2 => Plan::Prompt(Some(chance.between(1_000, 60_000))),
        3 => Plan::Prompt(None),
        4 => Plan::Refused(if class == Class::PerhapsPaid { Class::FreshCode } else { class }),
        5 => Plan::HiddenSuccess(class),
        6 if chance.one_in_thousand(500) => Plan::PayError(chance.between(1_000, 40_000)),
        6 => Plan::SystemError { charged: chance.one_in_thousand(500) },
        _ => Plan::Fails { request_error: chance.one_in_thousand(500), charged: chance.one_in_thousand(500) },
    }
}

fn payment(now: Tick) -> Payment {
    let facts = Facts {
        reference: "T01-A-1".parse().expect("a ref"),
        client_ref: "c1".parse().expect("a client_ref"),
        lane: "1".parse().expect("a lane"),
        amount: Money::new(1, "HKD".parse().expect("a currency")).expect("money"),
        description: String::new(),
        attach: String::new(),
        operator: String::new(),
        // Long ago by the time a decline comes back: T1 is one attempt.
        patience: Duration::from_millis(1),
        asked_code: None,
        created_at: WallTime::from_millis(0),
    };
    let at = Now { tick: now, wall: WallTime::from_millis(0) };
    Payment::collect(facts, at).commit(&mut Unchecked).expect("nothing fails here").0
}

fn number<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a number")
}

#[test]
fn a_refusal_helper_says_what_it_was_told() {
    assert!(matches!(refused(Class::Unknown, "X"), PayAnswer::Refused(it) if it.code() == "X"));
    assert!(matches!(not_done(true, ReverseRefusal::Other, "Y"), ReverseAnswer::NotDone { recall: true, .. }));
}
