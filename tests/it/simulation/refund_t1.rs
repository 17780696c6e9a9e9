//! T1 for refunds: the refund table alone, one hostile refund a seed. The gateway is a few integers of its own.

use std::time::Duration;

use shroff::payment::answer::{Class, RefundAnswer, RefundQueryAnswer, RefundReceipt, RefundRefusal, Refusal};
use shroff::payment::{
    Answer, Ask, Call, Heard, Op, Policy, Refund, RefundContext, RefundFacts, RefundState, RefundStep, Terms,
};
use shroff::words::{Currency, Money, Now, Tick, WallTime};

use super::chance::Chance;
use super::t1::Unchecked;
use super::{count, only_seed};

const SECOND: Duration = Duration::from_secs(1);
/// Once the faults have stopped, the longest waits of the table are an hour, and a question or two follow.
const SETTLE_BOUND: Duration = Duration::from_secs(3 * 3600);
/// WeChat works on a refund at most so long here.
const WORKS_MAX: u64 = 2 * 3600 * 1000;

#[test]
fn t1_a_hostile_refund_is_returned_once_or_never() {
    if let Some(seed) = only_seed() {
        println!("{:?}", World::new(seed, true).run().expect("the seed holds"));
        return;
    }
    let seeds = count("SHROFF_T1", 100_000);
    super::in_parallel(seeds, |seed| World::new(seed, false).run().map(|_| ()));
    println!("T1: {seeds} hostile refunds, 0 wrong");
}

/// How WeChat means to treat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Accepts,
    /// Refused for good.
    Refuses(RefundRefusal),
    /// The account is empty until the faults stop.
    Empty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Closes,
    Changes,
}

#[derive(Debug)]
struct Gateway {
    plan: Plan,
    fate: Fate,
    takes: Duration,
    stale: Duration,
    terms: Option<Terms>,
    accepted: Option<Tick>,
    /// When each call was let go of.
    calls: Vec<Tick>,
}

#[derive(Debug)]
enum Flying {
    Lands { at: Tick, ask: Ask, wanted: u64 },
    Returns { at: Tick, op: Op, heard: Heard, wanted: u64 },
    Crash { at: Tick },
}

impl Flying {
    fn at(&self) -> Tick {
        match self {
            Self::Lands { at, .. } | Self::Returns { at, .. } | Self::Crash { at } => *at,
        }
    }
}

struct World {
    chance: Chance,
    policy: Policy,
    gateway: Gateway,
    refund: Refund,
    flying: Vec<Flying>,
    now: Tick,
    heals: Tick,
    severity: u64,
    /// How often the gateway lies, whatever the network does.
    lies: u64,
    wanted: u64,
    /// The order's minute, as the till keeps it.
    last_call: Option<Tick>,
    loud: bool,
    wrong: Option<String>,
}

impl World {
    fn new(seed: u64, loud: bool) -> Self {
        let mut chance = Chance::new(seed);
        let now = Tick::from_micros(1_000_000);
        let fates = [Fate::Arrives, Fate::Arrives, Fate::Arrives, Fate::Closes, Fate::Changes];
        let gateway = Gateway {
            plan: match chance.below(6) {
                0 => Plan::Refuses(RefundRefusal::Definite),
                1 => Plan::Refuses(RefundRefusal::OurFault),
                2 => Plan::Empty,
                _ => Plan::Accepts,
            },
            fate: fates[chance.below(5) as usize],
            takes: if chance.one_in_thousand(500) { Duration::ZERO } else { chance.between(0, WORKS_MAX) },
            stale: if chance.one_in_thousand(300) { chance.between(0, 3_000) } else { Duration::ZERO },
            terms: None,
            accepted: None,
            calls: Vec::new(),
        };
        let severity = [0, 60, 250, 600][chance.below(4) as usize];
        let lies = [0, 100, 500][chance.below(3) as usize];
        let heals = now.after(chance.between(0, 1_200_000));
        let policy = Policy::default();
        let at = Now { tick: now, wall: WallTime::from_millis(0) };
        let cx = RefundContext { now: at, policy: &policy, luck: 0, free_at: Tick::default() };
        let step = Refund::request(facts(), false, None, &cx);
        let refund = step.refund().clone();
        let mut world = Self {
            refund,
            gateway,
            policy,
            flying: Vec::new(),
            now,
            heals,
            severity,
            lies,
            wanted: 0,
            last_call: None,
            loud,
            wrong: None,
            chance,
        };
        while world.chance.one_in_thousand(250) {
            // Half of them while the first call is on its way.
            let soon = world.chance.one_in_thousand(500);
            let at = now.after(world.chance.between(0, if soon { 6_000 } else { 400_000 }));
            world.flying.push(Flying::Crash { at });
        }
        world.commit(step);
        world
    }

    fn faulty(&mut self) -> bool {
        self.now < self.heals && self.chance.one_in_thousand(self.severity)
    }

    fn context<T>(&mut self, act: impl FnOnce(&Refund, &RefundContext<'_>) -> T) -> T {
        let luck = self.chance.below(1000) as u32;
        let now = Now { tick: self.now, wall: WallTime::from_millis(0) };
        let free_at = self.last_call.map_or(Tick::default(), |at| at.after(60 * SECOND));
        act(&self.refund, &RefundContext { now, policy: &self.policy, luck, free_at })
    }

    fn commit(&mut self, step: RefundStep) {
        let before = (self.refund.state(), self.refund.is_at_rest());
        let (refund, call) = step.commit(&mut Unchecked).expect("nothing fails here");
        if self.loud {
            let ask = call.as_ref().map(|it| it.ask.op());
            println!("{:>12} {:?} {ask:?}", self.now.micros(), refund.state());
        }
        if before.1 && before.0 != refund.state() {
            self.wrong = Some(format!("{:?} became {:?}", before.0, refund.state()));
        }
        self.refund = refund;
        if let Some(call) = call {
            self.launch(&call);
        }
    }

    fn launch(&mut self, call: &Call) {
        self.wanted += 1;
        let (op, wanted, now) = (call.ask.op(), self.wanted, self.now);
        if let Ask::Refund(terms) = &call.ask {
            if self.gateway.terms.get_or_insert_with(|| terms.clone()) != terms {
                self.wrong = Some(format!("other terms: {terms:?}"));
            }
            if self.last_call.is_some_and(|last| now.since(last) < 60 * SECOND) {
                self.wrong = Some("two calls within a minute".into());
            }
            self.last_call = Some(now);
            self.gateway.calls.push(now);
        }
        if self.faulty() && self.chance.one_in_thousand(200) {
            let at = now.after(self.chance.between(1, 5_000));
            self.flying.push(Flying::Returns { at, op, heard: Heard::NotSent("refused"), wanted });
            return;
        }
        let travel = match (self.faulty(), self.chance.below(4)) {
            (false, _) => self.chance.between(1, 40),
            // A box in between that keeps what it was given, long after its sender has hung up.
            (true, 0) => self.chance.between(60_000, 240_000),
            (true, _) => self.chance.between(5, 60_000),
        };
        if !self.faulty() {
            self.flying.push(Flying::Lands { at: now.after(travel), ask: call.ask.clone(), wanted });
            if self.faulty() {
                let again = self.chance.between(0, 1_500);
                let at = now.after(travel).after(again);
                self.flying.push(Flying::Lands { at, ask: call.ask.clone(), wanted: 0 });
            }
        }
        let heard = Heard::Nothing { why: "timeout", incident: false };
        self.flying.push(Flying::Returns { at: now.after(self.policy.query_timeout), op, heard, wanted });
    }

    fn lands(&mut self, ask: &Ask, wanted: u64) {
        let answer = self.answer(ask);
        if wanted == 0 || wanted != self.wanted {
            return;
        }
        let timeout = self.flying.iter().position(|it| matches!(it, Flying::Returns { wanted: w, .. } if *w == wanted));
        let Some(timeout) = timeout else { return };
        if self.faulty() {
            return;
        }
        let at = self.now.after(if self.faulty() { self.chance.between(1, 20_000) } else { Duration::from_millis(20) });
        if at >= self.flying[timeout].at() {
            return;
        }
        self.flying.swap_remove(timeout);
        let heard = if self.faulty() {
            Heard::Nothing { why: "bad_signature", incident: self.chance.one_in_thousand(200) }
        } else {
            Heard::Answer(answer)
        };
        self.flying.push(Flying::Returns { at, op: ask.op(), heard, wanted });
    }

    /// What the gateway does, and what it says: the two need not agree while there are faults.
    fn answer(&mut self, ask: &Ask) -> Answer {
        let lies = self.now < self.heals && self.chance.one_in_thousand(self.lies);
        match ask {
            Ask::Refund(_) => {
                let hostile = self.now < self.heals;
                let refusal = match self.gateway.plan {
                    Plan::Refuses(why) => Some(why),
                    Plan::Empty if hostile => Some(RefundRefusal::NotEnough),
                    Plan::Empty | Plan::Accepts => None,
                };
                // A lie that refuses does nothing, or all of it.
                let done = refusal.is_none() && !(lies && self.chance.one_in_thousand(500));
                if done {
                    self.gateway.accepted = self.gateway.accepted.or(Some(self.now));
                }
                let lie =
                    [RefundRefusal::Unsure, RefundRefusal::Definite, RefundRefusal::SlowDown, RefundRefusal::NotEnough]
                        [self.chance.below(4) as usize];
                match refusal.or(lies.then_some(lie)) {
                    None => Answer::Refund(RefundAnswer::Accepted),
                    Some(why) => Answer::Refund(RefundAnswer::NotDone { why, refusal: said(why) }),
                }
            }
            _ if lies && self.chance.one_in_thousand(500) => {
                Answer::RefundQuery(RefundQueryAnswer::NoWord(said(RefundRefusal::Unsure)))
            }
            _ if lies && self.chance.one_in_thousand(300) => Answer::RefundQuery(RefundQueryAnswer::UnknownStatus),
            _ => Answer::RefundQuery(self.known()),
        }
    }

    fn known(&self) -> RefundQueryAnswer {
        let stale = u64::try_from(self.gateway.stale.as_micros()).expect("seconds");
        let seen_at = Tick::from_micros(self.now.micros().saturating_sub(stale));
        let Some(accepted) = self.gateway.accepted.filter(|at| *at <= seen_at) else {
            return RefundQueryAnswer::Absent;
        };
        if seen_at.since(accepted) < self.gateway.takes {
            return RefundQueryAnswer::Processing;
        }
        match self.gateway.fate {
            Fate::Arrives => RefundQueryAnswer::Refunded(RefundReceipt { refund_id: None, refunded_at: None }),
            Fate::Closes => RefundQueryAnswer::Closed,
            Fate::Changes => RefundQueryAnswer::Changed,
        }
    }

    fn run(mut self) -> Result<(RefundState, Duration), String> {
        let began = self.now;
        for _ in 0..5_000 {
            if let Some(wrong) = self.wrong.take() {
                return Err(wrong);
            }
            let flying = self.flying.iter().map(Flying::at).min();
            let Some(at) = [flying, self.refund.wakes()].into_iter().flatten().min() else { return self.judge(began) };
            self.now = at.max(self.now);
            let quiet = self.heals.max(began).after(self.gateway.takes);
            if self.now.since(quiet) > SETTLE_BOUND && !self.refund.is_at_rest() {
                return Err(format!("not settled in time: {:?}", self.refund));
            }
            self.happen(at);
        }
        Err("too many steps: a loop that neither ends nor slows down".into())
    }

    fn happen(&mut self, at: Tick) {
        let Some(due) = self.flying.iter().position(|it| it.at() == at) else {
            if let Some(step) = self.context(|refund, cx| refund.wake(cx)) {
                self.commit(step);
            }
            return;
        };
        match self.flying.swap_remove(due) {
            Flying::Lands { ask, wanted, .. } => self.lands(&ask, wanted),
            Flying::Returns { op, heard, wanted, .. } => {
                if wanted == self.wanted && !self.refund.is_at_rest() {
                    if op == Op::Refund && !matches!(heard, Heard::NotSent(_)) {
                        self.last_call = Some(self.now);
                    }
                    let step = self.context(|refund, cx| refund.hear(op, &heard, cx));
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
        let record = self.refund.record();
        if !record.open {
            return;
        }
        let back = self.now.after(self.chance.between(1_000, 120_000));
        while let Some(at) = self.flying.iter().map(Flying::at).min().filter(|at| *at < back) {
            self.now = at.max(self.now);
            let due = self.flying.iter().position(|it| it.at() == at).expect("it is there");
            if let Flying::Lands { ask, .. } = self.flying.swap_remove(due) {
                self.answer(&ask);
            }
        }
        self.now = back;
        self.refund = Refund::found(&record, self.now).expect("rows make sense");
        if record.sends > 0 {
            self.last_call = Some(self.now);
        }
        let again = self.refund.record();
        if (again.stage, again.state, again.sends) != (record.stage, record.state, record.sends) {
            self.wrong = Some(format!("{record:?} was found as {again:?}"));
        }
        let step = self.context(|refund, cx| refund.recover(cx)).expect("something is open");
        self.commit(step);
    }

    /// Once nothing is on the wire any more: what the terminal says is what the gateway has done.
    fn judge(&mut self, began: Tick) -> Result<(RefundState, Duration), String> {
        let state = self.refund.state();
        let is = self.gateway.accepted.map(|_| self.gateway.fate);
        let fits = match state {
            RefundState::Refunded => is == Some(Fate::Arrives),
            RefundState::Failed => matches!(is, None | Some(Fate::Closes)),
            RefundState::NeedsAttention => is == Some(Fate::Changes),
            RefundState::Requested | RefundState::Processing => false,
        };
        if fits {
            return Ok((state, self.now.since(began)));
        }
        Err(format!("the terminal says {state:?}, the gateway {is:?}: {:?}; {:?}", self.gateway, self.refund))
    }
}

fn said(why: RefundRefusal) -> Refusal {
    Refusal::new(Class::Unknown, why.word(), "")
}

fn facts() -> RefundFacts {
    let currency: Currency = "HKD".parse().expect("a currency");
    let money = |minor| Money::new(minor, currency).expect("money");
    RefundFacts {
        reference: "refund-1".parse().expect("a refund_ref"),
        out_refund_no: "T01AAAA00000002F".parse().expect("a number"),
        payment: "T01-A-1".parse().expect("a ref"),
        out_trade_no: "T01AAAA00000001".parse().expect("a number"),
        transaction_id: "4200000001".parse().expect("an id"),
        amount: money(1),
        total: money(2),
        reason: "wrong dish".into(),
        operator: String::new(),
        supervised: false,
        created_at: WallTime::from_millis(0),
    }
}
