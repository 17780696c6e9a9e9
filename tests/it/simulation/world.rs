//! The world around the till: a network that loses, delays and doubles, a gateway that keeps books and lies, customers,
//! cashiers and power cuts. All of it comes out of one seed.

use std::collections::BTreeMap;
use std::time::Duration;

use shroff::ledger::{Birth, Ledger, PaymentRow, RefundRow};
use shroff::payment::answer::RefundQueryAnswer;
use shroff::payment::{Answer, Ask, Call, Heard, MoneyState, Op, Policy, State, Terms};
use shroff::sim::book::{Book, PayRequest, Plan, RefundPlan, RefundRequest, ReversePlan, Rules, UnknownReverse};
use shroff::till::{CallId, NewPayment, Outgoing, ScanVerdict, Settings, Till};
use shroff::words::{AuthCode, LaneId, Now, PaymentRef, Secret, Tick, WallTime};

use super::chance::Chance;
use super::refund_day::{self, Refunds};
use super::replies;
use super::t2::seconds;

const MCH: &str = "10000100";

/// When the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// Now and then.
    Chance,
    /// After this step was committed; what it released was said, or not.
    After {
        step: u64,
        said: bool,
    },
}

/// Something that will happen.
enum Due {
    /// A request reaches the gateway.
    Lands {
        call: Wire,
        id: Option<CallId>,
        sent: Tick,
    },
    /// The edge reports to the till.
    Returns {
        id: CallId,
        heard: Heard,
        sent: Option<Tick>,
    },
    Sell {
        lane: usize,
    },
    /// The POS did not hear, and asks again.
    Repeat {
        sale: u32,
        lane: usize,
        with_code: Option<String>,
    },
    Scan {
        lane: usize,
        code: String,
        twice: bool,
    },
    Cancel {
        payment: PaymentRef,
    },
    /// The POS asks for a refund, or asks again.
    GiveBack {
        wish: u32,
    },
    PowerOn,
}

/// A request as the wire carries it.
#[derive(Clone)]
struct Wire {
    op: Op,
    out_trade_no: String,
    amount: shroff::words::Money,
    code: String,
    terms: Option<Terms>,
    offset: u32,
    copy: bool,
}

pub(crate) struct World {
    chance: Chance,
    now: Tick,
    wall: i64,
    heals: Tick,
    severity: u64,
    book: Book,
    stale: Duration,
    plans: BTreeMap<String, Plan>,
    till: Option<Till>,
    /// The disk, while there is no power.
    disk: Option<Ledger>,
    due: BTreeMap<(Tick, u64), Due>,
    order: u64,
    lanes: Vec<LaneId>,
    /// A POST or a scan is under way on this lane.
    busy: Vec<bool>,
    sales: u32,
    sold: u32,
    cut: Cut,
    steps: u64,
    codes: u64,
    digest: u64,
    last_sale: Tick,
    paid: BTreeMap<PaymentRef, State>,
    powered: Tick,
    refund_numbers: BTreeMap<String, String>,
    refunds: Option<Refunds>,
    pub(crate) loud: bool,
}

impl World {
    pub(crate) fn new(seed: u64, sales: u32, cut: Cut) -> Self {
        Self::with(Ledger::in_memory(birth()).expect("a ledger"), seed, sales, cut)
    }

    /// The same world over this ledger.
    pub(crate) fn with(ledger: Ledger, seed: u64, sales: u32, cut: Cut) -> Self {
        let mut chance = Chance::new(seed);
        let now = Tick::from_micros(1_000_000);
        let rules = Rules {
            unknown_reverse: if seed.is_multiple_of(2) { UnknownReverse::Forgets } else { UnknownReverse::Blocks },
            prompt_refuses_reverse: chance.one_in_thousand(700),
            code_life: chance.between(60_000, 70_000),
            reverse_window: chance.one_in_thousand(100).then(|| chance.between(20_000, 200_000)),
            reversed_shows_refund: chance.one_in_thousand(300),
            ..Rules::default()
        };
        let stale = if chance.one_in_thousand(300) { chance.between(0, 3_000) } else { Duration::ZERO };
        let severity = [0, 60, 250, 600][chance.below(4) as usize];
        let heals = now.after(chance.between(0, 1_200_000));
        let lanes: Vec<LaneId> = ["1", "2"].iter().map(|id| id.parse().expect("a lane")).collect();
        let mut world = Self {
            now,
            wall: 1_780_000_000_000,
            heals,
            severity,
            book: Book::new(rules),
            stale,
            plans: BTreeMap::new(),
            till: None,
            disk: Some(ledger),
            due: BTreeMap::new(),
            order: 0,
            busy: vec![false; lanes.len()],
            lanes,
            sales,
            sold: 0,
            cut,
            steps: 0,
            codes: seed.wrapping_mul(1_000_003) % 1_000_000_000,
            digest: 0,
            last_sale: now,
            paid: BTreeMap::new(),
            powered: now,
            refund_numbers: BTreeMap::new(),
            refunds: None,
            loud: false,
            chance,
        };
        world.power_on().expect("it starts");
        world
    }

    /// A day on which money also goes back.
    pub(crate) fn with_refunds(self, seed: u64) -> Self {
        Self { refunds: Some(Refunds::new(seed)), ..self }
    }

    // --- what the judge reads ---

    pub(crate) fn has_refunds(&self) -> bool {
        self.refunds.is_some()
    }

    pub(crate) fn refund_rows(&self) -> Result<Vec<RefundRow>, String> {
        let ledger = self.till.as_ref().ok_or("no power")?.ledger();
        let of = |row: &PaymentRow| ledger.refunds_of(&row.record.facts.reference).map_err(|error| error.to_string());
        let rows: Result<Vec<_>, _> = self.rows()?.iter().map(of).collect();
        Ok(rows?.into_iter().flatten().collect())
    }

    pub(crate) fn now(&self) -> Tick {
        self.now
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn sales(&self) -> u32 {
        self.sales
    }

    pub(crate) fn sold(&self) -> u32 {
        self.sold
    }

    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// From here on nothing new happens, and everything must settle.
    pub(crate) fn quiet_from(&self) -> Tick {
        self.heals.max(self.last_sale.after(Duration::from_secs(120))).max(self.powered)
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.till.as_ref().is_some_and(|till| {
            till.unasked() == 0 && till.open_refunds() == 0 && till.payments().all(|payment| payment.state().is_final())
        })
    }

    pub(crate) fn unsettled(&self) -> String {
        let Some(till) = &self.till else { return "no power".into() };
        format!("{:?}", till.payments().find(|payment| !payment.state().is_final()))
    }

    pub(crate) fn rows(&self) -> Result<Vec<PaymentRow>, String> {
        let ledger = self.till.as_ref().ok_or("no power at the end")?.ledger();
        (0..self.sold)
            .map(|sale| {
                let key = client_ref(sale).parse().map_err(|_| "a client_ref")?;
                let row = ledger.by_client_ref(&key).map_err(|error| error.to_string())?;
                row.ok_or_else(|| format!("sale {sale} was accepted and is gone"))
            })
            .collect()
    }

    /// The journal's last line.
    pub(crate) fn lines(&self) -> Result<u64, String> {
        Ok(self.till.as_ref().ok_or("no power at the end")?.ledger().seq())
    }

    pub(crate) fn verify_ledger(&self) -> Result<(), String> {
        let ledger = self.till.as_ref().ok_or("no power at the end")?.ledger();
        let report = ledger.verify(&mut |_| ()).map_err(|error| error.to_string())?;
        report.findings.first().map_or(Ok(()), |finding| Err(finding.to_string()))
    }

    // --- the course of things ---

    /// When something happens next.
    pub(crate) fn next(&self) -> Option<Tick> {
        let due = self.due.keys().next().map(|(at, _)| *at);
        let wake = self.till.as_ref().and_then(Till::next_wake);
        [due, wake].into_iter().flatten().min()
    }

    /// Lets it happen.
    pub(crate) fn turn(&mut self, at: Tick) -> Result<(), String> {
        let passed = at.since(self.now);
        self.now = self.now.max(at);
        self.wall += i64::try_from(passed.as_millis()).unwrap_or(0);
        self.jump_wall_clock();
        let first = self.due.keys().next().copied().filter(|(due, _)| *due <= at);
        let Some(key) = first else {
            let out = self.with_till(|till, now| till.wake(now))?;
            return self.said(out);
        };
        let Some(due) = self.due.remove(&key) else { return Ok(()) };
        match due {
            Due::Lands { call, id, sent } => self.lands(&call, id, sent),
            Due::Returns { id, heard, sent } => {
                let out = self.with_till(|till, now| till.hear(id, &heard, sent, now))?;
                self.said(out)
            }
            Due::Sell { lane } => self.sell(lane),
            Due::Repeat { sale, lane, with_code } => self.post(sale, lane, with_code),
            Due::Scan { lane, code, twice } => self.scan(lane, &code, twice),
            Due::Cancel { payment } => self.cancel(&payment),
            Due::GiveBack { wish } => self.give_back(wish),
            Due::PowerOn => self.power_on(),
        }
    }

    fn faulty(&mut self) -> bool {
        self.now < self.heals && self.chance.one_in_thousand(self.severity)
    }

    /// The wall clock is whatever people set it to; no decision may care.
    fn jump_wall_clock(&mut self) {
        if self.faulty() && self.chance.one_in_thousand(20) {
            let hours = i64::try_from(self.chance.below(48)).unwrap_or(0) - 24;
            self.wall = if self.chance.one_in_thousand(100) { 0 } else { self.wall + hours * 3_600_000 };
        }
    }

    fn at(&self) -> Now {
        Now { tick: self.now, wall: WallTime::from_millis(self.wall) }
    }

    fn plan(&mut self, after: Duration, due: Due) {
        self.order += 1;
        self.due.insert((self.now.after(after), self.order), due);
    }

    /// Runs one input of the till; without power nothing happens.
    fn with_till<E: std::fmt::Display>(
        &mut self,
        run: impl FnOnce(&mut Till, Now) -> Result<Vec<Outgoing>, E>,
    ) -> Result<Vec<Outgoing>, String> {
        let now = self.at();
        let Some(till) = &mut self.till else { return Ok(Vec::new()) };
        run(till, now).map_err(|error| error.to_string())
    }

    /// What the till released goes on the wire, unless the power is cut in between.
    fn said(&mut self, out: Vec<Outgoing>) -> Result<(), String> {
        self.steps += 1;
        let plan = self.cut;
        let cut = match plan {
            Cut::Never => None,
            Cut::Chance if self.faulty() && self.chance.one_in_thousand(30) => Some(self.chance.one_in_thousand(500)),
            Cut::Chance => None,
            Cut::After { step, said } => (step == self.steps).then_some(said),
        };
        if cut != Some(false) {
            for outgoing in out {
                self.launch(outgoing.id, &outgoing.call)?;
            }
        }
        if cut.is_some() {
            self.power_off();
        }
        self.look()
    }

    fn power_off(&mut self) {
        self.tell(|| "power off".into());
        if let Some(till) = self.till.take() {
            self.disk = Some(till.into_ledger());
        }
        self.due.retain(|_, due| !matches!(due, Due::Returns { .. }));
        for due in self.due.values_mut() {
            // What is on the wire stays on the wire, but nobody is left to hear the reply.
            if let Due::Lands { id, .. } = due {
                *id = None;
            }
        }
        self.busy.fill(false);
        let down = self.chance.between(1_000, 120_000);
        self.plan(down, Due::PowerOn);
    }

    /// The till stops because a save failed, and somebody sees to the disk: what is on it then is found again.
    pub(crate) fn stop_until(&mut self, mended: impl FnOnce() -> Ledger) {
        self.power_off();
        // The old one goes first: there is one writer.
        drop(self.disk.take());
        self.disk = Some(mended());
    }

    fn power_on(&mut self) -> Result<(), String> {
        let Some(ledger) = self.disk.take() else { return Ok(()) };
        self.tell(|| "power on".into());
        let settings = Settings {
            policy: Policy::default(),
            lanes: self.lanes.clone(),
            currency: "HKD".parse().map_err(|_| "a currency")?,
            amount_max: 5_000_000,
            description: "Dining Hall".into(),
            operator_max: None,
            notify_url: None,
        };
        let seed = self.chance.draw();
        let mut till = Till::open(ledger, settings, seed, self.at()).map_err(|error| error.to_string())?;
        let out = till.wake(self.at()).map_err(|error| error.to_string())?;
        if out.iter().any(|it| matches!(it.call.ask, Ask::Pay(_) | Ask::Reverse | Ask::Refund(_))) {
            return Err("a recovery spoke before it asked".into());
        }
        self.till = Some(till);
        self.powered = self.now;
        self.said(out)
    }

    // --- people ---

    /// Cashiers look at their lanes and act; everybody remembers what was shown.
    fn look(&mut self) -> Result<(), String> {
        let Some(till) = &mut self.till else { return Ok(()) };
        if !till.take_settled_refunds().is_empty() {
            refund_day::agree(&self.refund_rows()?, &self.book)?;
        }
        let Some(till) = &self.till else { return Ok(()) };
        let views = till.lanes();
        for (lane, view) in views.into_iter().enumerate() {
            if let (Some(payment), Some(state)) = (&view.payment, view.state) {
                self.watch(payment, state)?;
            }
            if self.busy[lane] {
                continue;
            }
            let state = view.state.filter(|state| state.holds_lane());
            match (state, view.payment) {
                (None, _) if self.sold < self.sales => {
                    self.busy[lane] = true;
                    let pause = self.chance.between(500, 20_000);
                    self.plan(pause, Due::Sell { lane });
                }
                (Some(State::Armed), Some(_)) if self.chance.one_in_thousand(900) => self.show_code(lane),
                (Some(_), Some(payment)) if self.chance.one_in_thousand(20) => {
                    let pause = self.chance.between(0, 40_000);
                    self.plan(pause, Due::Cancel { payment });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// I3 and I4, the moment they are shown: paid means charged and never reversed; a no means nothing is held.
    fn watch(&mut self, payment: &PaymentRef, state: State) -> Result<(), String> {
        let before = self.paid.insert(payment.clone(), state);
        if before == Some(state) || !state.is_final() {
            if before.is_some_and(State::is_final) && before != Some(state) {
                return Err(format!("{payment} was {before:?} and became {state:?}"));
            }
            return Ok(());
        }
        let Some(till) = &self.till else { return Ok(()) };
        let row =
            till.ledger().payment(payment).map_err(|error| error.to_string())?.ok_or("a shown payment is gone")?;
        let orders: Vec<_> =
            row.attempts.iter().filter_map(|it| self.book.order(it.record.out_trade_no.as_str())).collect();
        let net: u64 = orders.iter().map(|order| order.net()).sum();
        let reversed = orders.iter().any(|order| order.received_count(shroff::sim::book::Op::Reverse) > 0);
        match state {
            State::Paid if net != row.record.facts.amount.minor() => Err(format!("{payment} paid, books hold {net}")),
            State::Paid if reversed => Err(format!("{payment} paid, and a reversal was sent")),
            State::Paid => {
                let amount = row.record.facts.amount.minor();
                let wishes = self.refunds.as_mut().map(|refunds| refunds.wishes(payment, amount));
                for (after, wish) in wishes.into_iter().flatten() {
                    self.last_sale = self.last_sale.max(self.now.after(after));
                    self.plan(after, Due::GiveBack { wish });
                }
                Ok(())
            }
            _ if net > 0 => Err(format!("{payment} is {state:?}, and the books hold {net}")),
            _ if row.record.money == MoneyState::Returned && orders.iter().all(|order| order.returned() == 0) => {
                Err(format!("{payment} claims money was returned"))
            }
            _ => Ok(()),
        }
    }

    fn sell(&mut self, lane: usize) -> Result<(), String> {
        let sale = self.sold;
        let with_code = if self.chance.one_in_thousand(300) { Some(self.fresh_code()) } else { None };
        self.post(sale, lane, with_code)
    }

    fn post(&mut self, sale: u32, lane: usize, with_code: Option<String>) -> Result<(), String> {
        let (now, lane_id) = (self.at(), self.lanes[lane].clone());
        self.busy[lane] = false;
        let Some(till) = &mut self.till else { return Ok(()) };
        if sale >= self.sales {
            return Ok(());
        }
        let ask = NewPayment {
            client_ref: client_ref(sale).parse().map_err(|_| "a client_ref")?,
            amount: 100 + u64::from(sale),
            currency: None,
            lane: Some(lane_id),
            description: None,
            operator: None,
            attach: None,
            patience: Some(Duration::from_secs(120)),
            auth_code: with_code.as_deref().map(|code| code.parse().expect("a code")),
        };
        let Ok(collected) = till.collect(ask, now).map_err(|error| error.to_string())? else { return Ok(()) };
        if collected.new {
            self.sold = self.sold.max(sale + 1);
            self.last_sale = self.now;
            self.tell(|| format!("sale {sale} is {}", collected.reference));
        } else if !collected.out.is_empty() {
            return Err("a repeated request said something to the gateway".into());
        }
        if self.faulty() {
            let pause = self.chance.between(10, 5_000);
            self.plan(pause, Due::Repeat { sale, lane, with_code });
        }
        self.said(collected.out)
    }

    fn show_code(&mut self, lane: usize) {
        self.busy[lane] = true;
        let code = self.fresh_code();
        let pause = self.chance.between(300, 10_000);
        let twice = self.chance.one_in_thousand(200);
        self.plan(pause, Due::Scan { lane, code, twice });
    }

    fn fresh_code(&mut self) -> String {
        self.codes += 1;
        let code = format!("1{}{:016}", self.codes % 6, self.codes);
        let plan = replies::plan(&mut self.chance, self.now < self.heals, self.book.rules().reverse_window.is_none());
        self.plans.insert(code.clone(), plan);
        code
    }

    fn scan(&mut self, lane: usize, code: &str, twice: bool) -> Result<(), String> {
        let (now, id) = (self.at(), self.lanes[lane].clone());
        self.busy[lane] = false;
        let Some(till) = &mut self.till else { return Ok(()) };
        let read: AuthCode = code.parse().map_err(|_| "a code")?;
        let verdict = till.scan(&id, read, now.tick, now).map_err(|error| error.to_string())?;
        let ScanVerdict::Taken(out) = verdict else { return Ok(()) };
        self.tell(|| format!("scan on lane {id}"));
        self.said(out)?;
        if twice {
            let (now, read) = (self.at(), code.parse().map_err(|_| "a code")?);
            let Some(till) = &mut self.till else { return Ok(()) };
            let again = till.scan(&id, read, now.tick, now).map_err(|error| error.to_string())?;
            if matches!(again, ScanVerdict::Taken(_)) {
                return Err("one beep became two attempts".into());
            }
        }
        Ok(())
    }

    fn cancel(&mut self, payment: &PaymentRef) -> Result<(), String> {
        let now = self.at();
        let Some(till) = &mut self.till else { return Ok(()) };
        let Ok(out) = till.cancel(payment, now).map_err(|error| error.to_string())? else { return Ok(()) };
        self.tell(|| format!("cancel {payment}"));
        self.said(out)
    }

    fn give_back(&mut self, wish: u32) -> Result<(), String> {
        let now = self.at();
        let ask = self.refunds.as_ref().and_then(|refunds| refunds.asks.get(&wish)).cloned();
        let Some(ask) = ask else { return Ok(()) };
        if self.till.is_none() {
            // The POS asks again when the terminal is back.
            self.plan(Duration::from_secs(20), Due::GiveBack { wish });
            return Ok(());
        }
        let Some(till) = &mut self.till else { return Ok(()) };
        let (payment, named) = (ask.payment.clone(), ask.reference.clone());
        let returned = match till.refund(ask, now).map_err(|error| error.to_string())? {
            Ok(returned) => returned,
            Err(refusal) => {
                self.tell(|| format!("{named} of {payment} is refused: {refusal}"));
                return Ok(());
            }
        };
        self.tell(|| format!("{named} of {payment}, new: {}", returned.new));
        if !returned.new && !returned.out.is_empty() {
            return Err("a repeated request said something to the gateway".into());
        }
        self.said(returned.out)
    }

    // --- the network and the gateway ---

    fn launch(&mut self, id: CallId, call: &Call) -> Result<(), String> {
        let op = call.ask.op();
        let (code, terms, offset) = match &call.ask {
            Ask::Pay(code) => (code.expose().to_owned(), None, 0),
            Ask::Refund(terms) => (String::new(), Some(terms.clone()), 0),
            Ask::RefundQuery { terms, offset } => (String::new(), Some(terms.clone()), *offset),
            Ask::Query | Ask::Reverse => (String::new(), None, 0),
        };
        let number = call.order.out_trade_no.to_string();
        self.digest = self.digest.rotate_left(5) ^ self.now.micros() ^ number.bytes().map(u64::from).sum::<u64>();
        self.tell(|| format!("{} {number}", op.word()));
        if let Some(Terms { out_refund_no, reason: None, .. }) = &terms {
            let out_refund_no = out_refund_no.to_string();
            let first = self.refund_numbers.entry(number.clone()).or_insert_with(|| out_refund_no.clone());
            if *first != out_refund_no {
                return Err(format!("{number} is refunded under a second number"));
            }
        }
        let policy = Policy::default();
        let timeout = if op == Op::Pay { policy.pay_timeout } else { policy.query_timeout };
        if self.faulty() && self.chance.one_in_thousand(200) {
            let after = self.chance.between(1, 5_900);
            self.plan(after, Due::Returns { id, heard: Heard::NotSent("refused"), sent: None });
            return Ok(());
        }
        let connect = if self.faulty() { self.chance.between(0, 4_000) } else { Duration::ZERO };
        let sent = self.now.after(connect);
        let travel = if self.faulty() { self.chance.between(5, 60_000) } else { self.chance.between(1, 40) };
        let wire = Wire { op, out_trade_no: number, amount: call.order.amount, code, terms, offset, copy: false };
        if !self.faulty() {
            let travel = connect.saturating_add(travel);
            if self.faulty() {
                let after = travel.saturating_add(self.chance.between(1, 3_000));
                let copy = Wire { copy: true, ..wire.clone() };
                self.plan(after, Due::Lands { call: copy, id: None, sent });
            }
            self.plan(travel, Due::Lands { call: wire, id: Some(id), sent });
        }
        let heard = Heard::Nothing { why: "timeout", incident: false };
        self.plan(timeout, Due::Returns { id, heard, sent: Some(sent) });
        Ok(())
    }

    /// The gateway acts, and its reply sets out, unless somebody stopped waiting.
    fn lands(&mut self, wire: &Wire, id: Option<CallId>, sent: Tick) -> Result<(), String> {
        let heard = self.gateway(wire, sent);
        self.tell(|| format!("   {} {} -> {heard:?}", wire.op.word(), wire.out_trade_no));
        let Some(id) = id else { return Ok(()) };
        let waits = self.due.iter().find(|(_, due)| matches!(due, Due::Returns { id: it, .. } if *it == id));
        let Some(timeout) = waits.map(|(key, _)| *key) else { return Ok(()) };
        if self.faulty() {
            return Ok(());
        }
        let back = if self.faulty() { self.chance.between(1, 20_000) } else { self.chance.between(1, 40) };
        if self.now.after(back) >= timeout.0 {
            return Ok(());
        }
        self.due.remove(&timeout);
        let heard = if self.faulty() {
            Heard::Nothing { why: "bad_signature", incident: self.chance.one_in_thousand(200) }
        } else {
            heard
        };
        self.plan(back, Due::Returns { id, heard, sent: Some(sent) });
        Ok(())
    }

    fn gateway(&mut self, wire: &Wire, sent: Tick) -> Heard {
        let now = self.now;
        let number = wire.out_trade_no.as_str();
        let busy = self.faulty() && self.chance.one_in_thousand(300);
        match wire.op {
            Op::Pay => {
                let plan = self.plans.get(&wire.code).cloned().unwrap_or(Plan::PAYS);
                let request = PayRequest {
                    out_trade_no: number,
                    auth_code: &wire.code,
                    amount: wire.amount,
                    mch_id: MCH,
                    sub_mch_id: "",
                    attach: "",
                    sent,
                    copy: wire.copy,
                };
                replies::pay(&self.book.pay(&request, now, &plan))
            }
            Op::Query if busy => replies::no_word(),
            Op::Query => {
                let stale = self.staleness(number);
                replies::query(&self.book.query(number, now, stale))
            }
            Op::Reverse => {
                let plan = if busy { replies::reverse_plan(&mut self.chance) } else { ReversePlan::Honest };
                replies::reverse(&self.book.reverse(number, now, &plan))
            }
            Op::RefundQuery if busy => replies::no_word_of_a_refund(),
            Op::RefundQuery => {
                let Some(terms) = &wire.terms else { return replies::no_word_of_a_refund() };
                if self.refunds.as_mut().is_some_and(|refunds| refunds.turns_a_page(wire.offset)) {
                    return Heard::Answer(Answer::RefundQuery(RefundQueryAnswer::More { offset: 1 }));
                }
                refund_day::known(&mut self.book, number, terms, now, self.stale)
            }
            Op::Refund => {
                let Some(terms) = &wire.terms else { return replies::no_word_of_a_refund() };
                let request = RefundRequest {
                    out_trade_no: number,
                    out_refund_no: terms.out_refund_no.as_str(),
                    total: wire.amount.minor(),
                    refund: terms.amount.minor(),
                    desc: terms.reason.as_deref().unwrap_or_default(),
                    sent,
                    copy: wire.copy,
                };
                let hostile = self.now < self.heals;
                let plan = match (&mut self.refunds, &terms.reason) {
                    (Some(refunds), Some(_)) => refunds.plan(request.out_refund_no, hostile),
                    _ if busy => RefundPlan::Refuses("NOTENOUGH".into()),
                    _ => RefundPlan::Honest,
                };
                replies::refund(&self.book.refund(&request, now, &plan))
            }
        }
    }

    /// A stale query shows an earlier state of an order, never that there is none: a signed refusal together with an
    /// unknown number is proof by the rules (protocol 2.2), and no rule could survive both being wrong.
    fn staleness(&self, number: &str) -> Duration {
        let order = self.book.order(number);
        let since = order.and_then(|it| it.created()).map_or(Duration::ZERO, |created| self.now.since(created));
        self.stale.min(since)
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.loud {
            println!("{:>12} {}", seconds(self.now), what());
        }
    }
}

pub(crate) fn birth() -> Birth {
    Birth { terminal: "T01".parse().expect("an id"), mark: "K7Q2M9XB".into(), salt: Secret::new(vec![7; 32]) }
}

fn client_ref(sale: u32) -> String {
    format!("sale-{sale}")
}
