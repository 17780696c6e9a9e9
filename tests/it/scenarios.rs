//! The stories of `tests/scenarios/*.t`, told over the real till and ledger with simulated time.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use shroff::ledger::{Birth, Ledger};
use shroff::payment::answer::{
    Class, PayAnswer, QueryAnswer, Receipt, RefundAnswer, RefundQueryAnswer, RefundReceipt, RefundRefusal, Refusal,
    ReverseAnswer, ReverseRefusal,
};
use shroff::payment::{Answer, Heard, Op, Policy};
use shroff::till::{CallId, NewPayment, NewRefund, Outgoing, ScanVerdict, Settings, Till};
use shroff::words::{Currency, LaneId, Money, Now, PaymentRef, RefundRef, Secret, Tick, WallTime};

#[test]
fn every_story_ends_as_it_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the stories").map(|entry| entry.expect("a story").path()).collect();
    files.sort();
    assert!(files.len() >= 12, "the stories were not found");
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a story");
        let mut story = Story::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Err(why) = story.tell(line) {
                panic!("{name}:{}: {line}\n  {why}", number + 1);
            }
        }
        assert!(story.said.is_empty(), "{name}: the terminal said more than was told: {:?}", story.said);
    }
}

struct Story {
    till: Option<Till>,
    disk: Option<Ledger>,
    now: Tick,
    payment: Option<PaymentRef>,
    /// What the terminal said and nobody has told yet.
    said: VecDeque<Outgoing>,
    /// The call that waits for an answer.
    open: Option<(CallId, Op)>,
    codes: u32,
    sales: u32,
    refunds: u32,
}

type Told = Result<(), String>;

impl Story {
    fn new() -> Self {
        let birth =
            Birth { terminal: "T01".parse().expect("an id"), mark: "K7Q2M9XB".into(), salt: Secret::new(vec![1; 32]) };
        let mut story = Self {
            till: None,
            disk: Some(Ledger::in_memory(birth).expect("a ledger")),
            now: Tick::from_micros(1_000_000),
            payment: None,
            said: VecDeque::new(),
            open: None,
            codes: 0,
            sales: 0,
            refunds: 0,
        };
        story.power_on();
        story
    }

    fn tell(&mut self, line: &str) -> Told {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => Ok(()),
            ["the", "cashier", "keys", "in", amount] => self.sale(amount),
            ["the", "cashier", "cancels"] => self.cancel(),
            ["the", "cashier", "refunds", amount] => self.refund(amount)?.map_err(|why| why.to_string()),
            ["the", "cashier", "asks", "for", "the", "same", "refund", "of", amount] => {
                self.refunds -= 1;
                self.refund(amount)?.map_err(|why| why.to_string())
            }
            ["a", "refund", "of", amount, "is", "refused:", why @ ..] => match self.refund(amount)? {
                Ok(()) => Err("it was accepted".into()),
                Err(refusal) if refusal.to_string() == why.join(" ") => Ok(()),
                Err(refusal) => Err(format!("it was refused: {refusal}")),
            },
            ["refund", number, "is", state] => self.refund_is(number, state, None),
            ["refund", number, "is", state, "because", "of", code] => self.refund_is(number, state, Some(code)),
            ["somebody", "acknowledges", "refund", number] => self.acknowledge_refund(number),
            ["refund", number, "needs", "a", "person"] => self.needs_a_person(number, true),
            ["refund", number, "needs", "nobody"] => self.needs_a_person(number, false),
            ["the", "customer", "shows", "a", "code"] => self.scan(true),
            ["the", "customer", "shows", "the", "same", "code"] => self.scan(false),
            ["the", "code", "is", "not", "taken"] => self.scan_is_refused(),
            ["the", "terminal", "says", what] => self.says(what),
            ["the", "terminal", "says", "nothing", "for", seconds, "s"] => self.says_nothing(seconds),
            ["WeChat", "answers", "every", "question", what, "for", seconds, "s"] => self.answers_all(what, seconds),
            ["WeChat", "answers", what @ ..] => self.answer(&what.join(" ")),
            ["nothing", "was", "sent"] => self.hears(Heard::NotSent("refused"), None),
            ["no", "answer", "comes"] => {
                let sent = Some(self.now);
                self.pass(if self.open.is_some_and(|(_, op)| op == Op::Pay) { 15_000 } else { 6_000 });
                self.hears(Heard::Nothing { why: "timeout", incident: false }, sent)
            }
            ["a", "forged", "answer", "comes"] => {
                self.hears(Heard::Nothing { why: "bad_signature", incident: false }, Some(self.now))
            }
            ["a", "signed", "answer", "about", "something", "else", "comes"] => {
                self.hears(Heard::Nothing { why: "other_amount", incident: true }, Some(self.now))
            }
            [seconds, "s", "pass"] => {
                self.pass(millis(seconds)?);
                Ok(())
            }
            ["the", "power", "fails"] => {
                self.disk = self.till.take().map(Till::into_ledger);
                self.open = None;
                self.said.clear();
                Ok(())
            }
            ["the", "power", "returns"] => {
                self.power_on();
                Ok(())
            }
            ["the", "payment", "is", state, "the", "money", "is", money] => self.is(state, money),
            ["the", "payment", "is", state, "and", "the", "money", "is", money] => self.is(state, money),
            ["the", "last", "decline", "was", code] => self.declined(code),
            _ => Err("nobody understands this line".into()),
        }
    }

    fn at(&self) -> Now {
        Now { tick: self.now, wall: WallTime::from_millis(1_780_000_000_000) }
    }

    fn till(&mut self) -> &mut Till {
        self.till.as_mut().expect("the power is on")
    }

    fn power_on(&mut self) {
        let settings = Settings {
            policy: Policy { jitter_permille: 0, ..Policy::default() },
            lanes: vec!["1".parse().expect("a lane")],
            currency: "HKD".parse().expect("a currency"),
            amount_max: 5_000_000,
            description: "Dining Hall".into(),
            operator_max: None,
            notify_url: None,
        };
        let ledger = self.disk.take().expect("a disk");
        self.till = Some(Till::open(ledger, settings, 1, self.at()).expect("the till opens"));
        self.wake();
    }

    fn wake(&mut self) {
        let now = self.at();
        if let Some(till) = &mut self.till {
            self.said.extend(till.wake(now).expect("a save"));
        }
    }

    /// Lets time pass, waking the till whenever it wants to be woken.
    fn pass(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(at) = self.till.as_ref().and_then(Till::next_wake).filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.wake();
        }
        self.now = end;
    }

    fn sale(&mut self, amount: &str) -> Told {
        let currency: Currency = "HKD".parse().map_err(|_| "a currency")?;
        let amount = Money::parse_major(amount, currency).map_err(|error| error.to_string())?.minor();
        self.sales += 1;
        let ask = NewPayment {
            client_ref: format!("sale-{}", self.sales).parse().map_err(|_| "a client_ref")?,
            amount,
            currency: None,
            lane: None,
            description: None,
            operator: None,
            attach: None,
            patience: None,
            auth_code: None,
        };
        let now = self.at();
        let collected = self.till().collect(ask, now).map_err(|error| error.to_string())?;
        self.payment = Some(collected.map_err(|error| error.to_string())?.reference);
        Ok(())
    }

    fn code(&self) -> String {
        format!("13{:016}", self.codes)
    }

    fn scan(&mut self, fresh: bool) -> Told {
        if fresh {
            self.codes += 1;
        }
        match self.read()? {
            ScanVerdict::Taken(out) => {
                self.said.extend(out);
                Ok(())
            }
            other => Err(format!("the code was not taken: {other:?}")),
        }
    }

    fn scan_is_refused(&mut self) -> Told {
        match self.read()? {
            ScanVerdict::Taken(_) => Err("the code was taken".into()),
            _ => Ok(()),
        }
    }

    fn read(&mut self) -> Result<ScanVerdict, String> {
        let code = self.code().parse().map_err(|_| "a code")?;
        let (now, lane): (Now, LaneId) = (self.at(), "1".parse().map_err(|_| "a lane")?);
        self.till().scan(&lane, code, now.tick, now).map_err(|error| error.to_string())
    }

    fn cancel(&mut self) -> Told {
        let (now, payment) = (self.at(), self.payment.clone().ok_or("no payment yet")?);
        let out = self.till().cancel(&payment, now).map_err(|error| error.to_string())?;
        self.said.extend(out.map_err(|error| error.to_string())?);
        self.wake();
        Ok(())
    }

    /// Asks for the next refund; the inner result says why it was not taken.
    fn refund(&mut self, amount: &str) -> Result<Result<(), shroff::till::Refusal>, String> {
        let currency: Currency = "HKD".parse().map_err(|_| "a currency")?;
        let all = amount == "everything";
        let amount = if all { None } else { Some(Money::parse_major(amount, currency).map_err(|it| it.to_string())?) };
        self.refunds += 1;
        let ask = NewRefund {
            payment: self.payment.clone().ok_or("no payment yet")?,
            reference: refund_ref(&self.refunds.to_string())?,
            amount: amount.map(Money::minor),
            reason: "wrong dish".into(),
            operator: Some("Mei".into()),
            supervised: false,
        };
        let now = self.at();
        Ok(match self.till().refund(ask, now).map_err(|error| error.to_string())? {
            Ok(returned) => {
                self.said.extend(returned.out);
                Ok(())
            }
            Err(refusal) => {
                self.refunds -= 1;
                Err(refusal)
            }
        })
    }

    fn refund_is(&mut self, number: &str, state: &str, code: Option<&str>) -> Told {
        let row = self.till().ledger().refund(&refund_ref(number)?).map_err(|error| error.to_string())?;
        let record = row.ok_or("there is no such refund")?.record;
        let was = record.refused.as_ref().map(|it| it.refusal.code().to_owned());
        let fits = record.state.word() == state && (code.is_none() || was.as_deref() == code);
        if fits { Ok(()) } else { Err(format!("it is {} because of {was:?}", record.state.word())) }
    }

    fn acknowledge_refund(&mut self, number: &str) -> Told {
        let (now, reference) = (self.at(), refund_ref(number)?);
        let kept = self.till().acknowledge_refund(&reference, now).map_err(|error| error.to_string())?;
        kept.map_err(|refusal| refusal.to_string())
    }

    fn needs_a_person(&mut self, number: &str, needed: bool) -> Told {
        let reference = refund_ref(number)?;
        let row = self.till().ledger().refund(&reference).map_err(|error| error.to_string())?.ok_or("it is gone")?;
        let needs = row.needs_a_person();
        if needs == needed { Ok(()) } else { Err(format!("{:?}, acknowledged {:?}", row.record, row.acked_at)) }
    }

    fn says(&mut self, what: &str) -> Told {
        self.wake();
        let Some(outgoing) = self.said.pop_front() else { return Err("the terminal says nothing".into()) };
        let op = outgoing.call.ask.op();
        self.open = Some((outgoing.id, op));
        if op.word() == what { Ok(()) } else { Err(format!("the terminal says {}", op.word())) }
    }

    fn says_nothing(&mut self, seconds: &str) -> Told {
        self.pass(millis(seconds)?);
        match self.said.front() {
            None => Ok(()),
            Some(outgoing) => Err(format!("the terminal says {}", outgoing.call.ask.op().word())),
        }
    }

    fn answer(&mut self, what: &str) -> Told {
        let (_, op) = self.open.ok_or("nobody asked")?;
        let answer = match op {
            Op::Pay => Answer::Pay(pay(what)),
            Op::Query => Answer::Query(query(what)?),
            Op::Reverse => Answer::Reverse(reverse(what)),
            Op::Refund => Answer::Refund(refund(what)),
            Op::RefundQuery => Answer::RefundQuery(refund_query(what)?),
        };
        let sent = Some(self.now);
        self.pass(100);
        self.hears(Heard::Answer(answer), sent)
    }

    /// Answers all queries alike while this time passes; stops at the first other thing the terminal says.
    fn answers_all(&mut self, what: &str, seconds: &str) -> Told {
        let end = self.now.after(Duration::from_millis(millis(seconds)?));
        loop {
            self.wake();
            if let Some(outgoing) = self.said.front() {
                let op = outgoing.call.ask.op();
                if !matches!(op, Op::Query | Op::RefundQuery) {
                    return Ok(());
                }
                self.says(op.word())?;
                self.answer(what)?;
                continue;
            }
            match self.till.as_ref().and_then(Till::next_wake).filter(|at| *at <= end) {
                Some(at) => self.now = self.now.max(at),
                None => {
                    self.now = self.now.max(end);
                    return Ok(());
                }
            }
        }
    }

    fn hears(&mut self, heard: Heard, sent: Option<Tick>) -> Told {
        let (id, _) = self.open.take().ok_or("nobody asked")?;
        let now = self.at();
        let out = self.till().hear(id, &heard, sent, now).map_err(|error| error.to_string())?;
        self.said.extend(out);
        Ok(())
    }

    fn is(&mut self, state: &str, money: &str) -> Told {
        let payment = self.payment.clone().ok_or("no payment yet")?;
        let row = self.till().ledger().payment(&payment).map_err(|error| error.to_string())?.ok_or("it is gone")?;
        let is = (row.record.state.word(), row.record.money.word());
        let told = (state.trim_end_matches(','), money);
        if is == told { Ok(()) } else { Err(format!("it is {} and the money is {}", is.0, is.1)) }
    }

    fn declined(&mut self, code: &str) -> Told {
        let payment = self.payment.clone().ok_or("no payment yet")?;
        let row = self.till().ledger().payment(&payment).map_err(|error| error.to_string())?.ok_or("it is gone")?;
        let was = row.record.last_decline.map(|decline| decline.code);
        if was.as_deref() == Some(code) { Ok(()) } else { Err(format!("it was {was:?}")) }
    }
}

fn millis(seconds: &str) -> Result<u64, String> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let whole: u64 = whole.parse().map_err(|_| "seconds")?;
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| "seconds")?;
    Ok(whole * 1000 + part)
}

fn receipt() -> Receipt {
    Receipt { transaction_id: "4200000001".parse().expect("an id"), paid_at: None, payer_total: None, rate: None }
}

fn pay(what: &str) -> PayAnswer {
    let class = match what {
        "paid" => return PayAnswer::Paid(receipt()),
        "FAIL" => return PayAnswer::Failed { request_error: false },
        "FAIL sign error" => return PayAnswer::Failed { request_error: true },
        "USERPAYING" => Class::CustomerPaying,
        "ORDERPAID" => Class::PerhapsPaid,
        "TRADE_ERROR" => Class::Ambiguous,
        "NOAUTH" => Class::OurFault,
        "NOTENOUGH" | "AUTHCODEEXPIRE" => Class::FreshCode,
        _ => Class::Unknown,
    };
    PayAnswer::Refused(Refusal::new(class, what, ""))
}

fn query(what: &str) -> Result<QueryAnswer, String> {
    Ok(match what {
        "paid" => QueryAnswer::Paid(receipt()),
        "refunded" => QueryAnswer::Refunded,
        "revoked" => QueryAnswer::Revoked,
        "closed" => QueryAnswer::Closed,
        "PAYERROR" => QueryAnswer::PayError,
        "USERPAYING" => QueryAnswer::CustomerPaying,
        "NOTPAY" => QueryAnswer::NotPaid,
        "ORDERNOTEXIST" => QueryAnswer::Absent,
        "SYSTEMERROR" => QueryAnswer::NoWord(Refusal::new(Class::Unknown, what, "")),
        "something new" => QueryAnswer::UnknownState,
        _ => return Err("no such answer to a query".into()),
    })
}

fn reverse(what: &str) -> ReverseAnswer {
    let why = match what {
        "accepted" => return ReverseAnswer::Accepted { recall: false },
        "accepted, call again" => return ReverseAnswer::Accepted { recall: true },
        "USERPAYING" => ReverseRefusal::CustomerPaying,
        "REVERSE_EXPIRE" => ReverseRefusal::WindowOver,
        _ => ReverseRefusal::Other,
    };
    let recall = what != "useless";
    ReverseAnswer::NotDone { recall, why, refusal: Refusal::new(Class::Unknown, what, "") }
}

fn refund(what: &str) -> RefundAnswer {
    if what == "accepted" {
        return RefundAnswer::Accepted;
    }
    let why = match what {
        "NOTENOUGH" => RefundRefusal::NotEnough,
        "FREQUENCY_LIMITED" | "INVALID_REQ_TOO_MUCH" => RefundRefusal::SlowDown,
        "TRADE_OVERDUE" | "USER_ACCOUNT_ABNORMAL" => RefundRefusal::Definite,
        "PARAM_ERROR" | "SIGNERROR" => RefundRefusal::OurFault,
        "OUT_REFUND_NO_USED" => RefundRefusal::Mismatch,
        _ => RefundRefusal::Unsure,
    };
    RefundAnswer::NotDone { why, refusal: Refusal::new(Class::Unknown, what, "") }
}

fn refund_query(what: &str) -> Result<RefundQueryAnswer, String> {
    if let Some(offset) = what.strip_prefix("more from ") {
        return Ok(RefundQueryAnswer::More { offset: offset.parse().map_err(|_| "a number")? });
    }
    Ok(match what {
        "refunded" => RefundQueryAnswer::Refunded(RefundReceipt { refund_id: None, refunded_at: None }),
        "PROCESSING" => RefundQueryAnswer::Processing,
        "REFUNDCLOSE" => RefundQueryAnswer::Closed,
        "CHANGE" => RefundQueryAnswer::Changed,
        "REFUNDNOTEXIST" => RefundQueryAnswer::Absent,
        "SYSTEMERROR" => RefundQueryAnswer::NoWord(Refusal::new(Class::Unknown, what, "")),
        "something new" => RefundQueryAnswer::UnknownStatus,
        _ => return Err("no such answer to a question about a refund".into()),
    })
}

fn refund_ref(number: &str) -> Result<RefundRef, String> {
    format!("refund-{number}").parse().map_err(|_| "a refund_ref".into())
}
