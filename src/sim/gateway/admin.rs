//! `/_sim/`: the simulator's own door. It shows the books and takes rules; it never shows a payment code.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::sim::book::{Book, Op, Order, Refund, RefundState, Rules, State as OrderState, UnknownReverse};
use crate::sim::faults::Rule;
use crate::words::Tick;

use super::http::{Reply, Request};
use super::notices::Change as Correspondence;
use super::world::{LogLine, State};

/// Answers a request to `/_sim/`.
pub(super) fn answer(state: &mut State, request: &Request, now: Tick) -> Reply {
    state.book.advance(now);
    let path = request.path.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("GET", "/_sim/books") => ok(&books(&state.book, now)),
        ("GET", "/_sim/log") => ok(&json!({ "now_ms": millis(now), "log": log(state) })),
        ("GET", "/_sim/faults") => ok(&state.faults.to_json()),
        ("POST", "/_sim/faults") => with(request, |rules: OneOrMany| {
            let all_in = rules.into_vec().into_iter().all(|rule| state.faults.add(rule));
            if all_in { ok(&state.faults.to_json()) } else { refuse(400, "too many rules: DELETE /_sim/faults") }
        }),
        ("DELETE", "/_sim/faults") => {
            state.faults.clear();
            ok(&json!([]))
        }
        ("POST", "/_sim/codes") => with(request, |shown: ShownCode| {
            state.book.show_code(&shown.auth_code, now);
            ok(&json!({ "shown_ms": millis(now) }))
        }),
        ("GET", "/_sim/config") => ok(&config(state.book.rules())),
        ("POST", "/_sim/config") => with(request, |change: Change| {
            let rules = change.applied_to(state.book.rules());
            state.book.set_rules(rules);
            ok(&config(state.book.rules()))
        }),
        ("GET", "/_sim/notices") => state.post.shown(),
        ("POST", "/_sim/notices") => with(request, |change: Correspondence| state.post.change(change)),
        ("GET", "/_sim/platform") => platform(state),
        ("POST", "/_sim/platform") => with(request, |change: Manners| {
            let Some(platform) = &mut state.platform else { return refuse(404, "start with --tls or --dir for v3") };
            platform.ahead_s = change.clock_ahead_s.unwrap_or(platform.ahead_s);
            platform.unsigned_errors = change.unsigned_errors.unwrap_or(platform.unsigned_errors);
            platform.no_list = change.no_list.unwrap_or(platform.no_list);
            if change.rotate && platform.rotate().is_err() {
                return refuse(500, "no new key");
            }
            self::platform(state)
        }),
        ("POST", path) => match path.strip_prefix("/_sim/orders/") {
            Some(number) => with(request, |force: Force| force_order(&mut state.book, number, &force, now)),
            None => match path.strip_prefix("/_sim/refunds/") {
                Some(number) => with(request, |end: End| end_refund(&mut state.book, number, &end, now)),
                None => refuse(404, "no such thing"),
            },
        },
        _ => refuse(404, "no such thing"),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Rule>),
    One(Rule),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<Rule> {
        match self {
            Self::Many(rules) => rules,
            Self::One(rule) => vec![rule],
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownCode {
    auth_code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Force {
    action: Action,
}

/// What of v3's manners is to change.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Manners {
    rotate: bool,
    clock_ahead_s: Option<i64>,
    unsigned_errors: Option<bool>,
    no_list: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Confirm,
    Fail,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    action: RefundAction,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RefundAction {
    Arrive,
    Close,
    Change,
}

/// What of the rules is to change; what is left out stays. For the three that can be absent, 0 means never.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Change {
    unknown_reverse: Option<UnknownReverse>,
    prompt_refuses_reverse: Option<bool>,
    reversed_shows_refund: Option<bool>,
    code_life_s: Option<u64>,
    reverse_not_before_s: Option<u64>,
    revoke_after_s: Option<u64>,
    reverse_window_s: Option<u64>,
    refund_spacing_s: Option<u64>,
    refund_takes_s: Option<u64>,
    statements_at_once: Option<bool>,
}

impl Change {
    fn applied_to(&self, old: &Rules) -> Rules {
        let seconds = |new: Option<u64>, old: Duration| new.map_or(old, Duration::from_secs);
        let or_never = |new: Option<u64>, old: Option<Duration>| match new {
            None => old,
            Some(0) => None,
            Some(new) => Some(Duration::from_secs(new)),
        };
        Rules {
            unknown_reverse: self.unknown_reverse.unwrap_or(old.unknown_reverse),
            prompt_refuses_reverse: self.prompt_refuses_reverse.unwrap_or(old.prompt_refuses_reverse),
            reversed_shows_refund: self.reversed_shows_refund.unwrap_or(old.reversed_shows_refund),
            code_life: seconds(self.code_life_s, old.code_life),
            reverse_not_before: seconds(self.reverse_not_before_s, old.reverse_not_before),
            revoke_after: or_never(self.revoke_after_s, old.revoke_after),
            reverse_window: or_never(self.reverse_window_s, old.reverse_window),
            refund_spacing: seconds(self.refund_spacing_s, old.refund_spacing),
            refund_takes: seconds(self.refund_takes_s, old.refund_takes),
            refund_window: old.refund_window,
            statements_at_once: self.statements_at_once.unwrap_or(old.statements_at_once),
        }
    }
}

fn platform(state: &State) -> Reply {
    match &state.platform {
        None => ok(&Value::Null),
        Some(platform) => ok(&json!({
            "serials": platform.serials(), "clock_ahead_s": platform.ahead_s,
            "unsigned_errors": platform.unsigned_errors, "no_list": platform.no_list, "lists": platform.lists,
        })),
    }
}

fn force_order(book: &mut Book, number: &str, force: &Force, now: Tick) -> Reply {
    let done = match force.action {
        Action::Confirm => book.payer_confirms(number, now),
        Action::Fail => book.payer_fails(number, now),
    };
    match book.order(number).filter(|_| done) {
        Some(known) => ok(&order(known)),
        None => refuse(404, "no order of this number waits for its payer"),
    }
}

fn end_refund(book: &mut Book, number: &str, end: &End, now: Tick) -> Reply {
    let how = match end.action {
        RefundAction::Arrive => RefundState::Success,
        RefundAction::Close => RefundState::Closed,
        RefundAction::Change => RefundState::Changed,
    };
    let done = book.refund_ends(number, how, now);
    match book.refund_by(number).filter(|_| done) {
        Some(known) => ok(&refund(known)),
        None => refuse(404, "no refund of this number is processing"),
    }
}

/// The books, for people and for tests. Times are milliseconds since the simulator began.
pub(super) fn books(book: &Book, now: Tick) -> Value {
    let violations = book.violations();
    let counts: serde_json::Map<String, Value> =
        violations.counts().map(|(kind, count)| (kind.word().to_owned(), count.into())).collect();
    let list = violations.list().iter().map(|violation| {
        json!({
            "kind": violation.kind.word(), "at_ms": millis(violation.at), "out_trade_no": violation.out_trade_no,
        })
    });
    let refunds = book.refunds().map(refund);
    json!({
        "now_ms": millis(now),
        "orders": book.orders().iter().map(order).collect::<Value>(),
        "refunds": refunds.collect::<Value>(),
        "violations": { "counts": counts, "list": list.collect::<Value>() },
        "audit": book.audit().err(),
    })
}

fn refund(refund: &Refund) -> Value {
    json!({
        "out_refund_no": refund.out_refund_no, "out_trade_no": refund.out_trade_no, "refund_id": refund.refund_id,
        "amount": refund.amount.minor(), "state": refund.state().word(), "at_ms": millis(refund.at),
        "arrived_ms": refund.arrived().map(millis),
    })
}

fn order(order: &Order) -> Value {
    let received: serde_json::Map<String, Value> =
        Op::ALL.iter().map(|op| (op.word().to_owned(), order.received_count(*op).into())).collect();
    let requests = order.received().iter().map(|one| json!({ "op": one.op.word(), "at_ms": millis(one.at) }));
    let life = order.life().iter().map(|(at, state)| json!({ "state": state.word(), "at_ms": millis(*at) }));
    json!({
        "out_trade_no": order.out_trade_no(),
        "state": order.state().map(OrderState::word),
        "amount": order.amount().map(crate::words::Money::minor),
        "currency": order.amount().map(crate::words::Money::currency),
        "mch_id": order.mch_id(),
        "sub_mch_id": order.sub_mch_id(),
        "attach": order.attach(),
        "transaction_id": order.transaction().map(|number| number.to_string()),
        "charged": order.charged(),
        "returned": order.returned(),
        "held": order.held(),
        "net": order.net(),
        "created_ms": order.created().map(millis),
        "paid_ms": order.paid_at().map(millis),
        "life": life.collect::<Value>(),
        "received": received,
        "requests": requests.collect::<Value>(),
    })
}

fn log(state: &State) -> Value {
    let lines = state.log.iter().map(|LogLine { at, op, out_trade_no, code_hint, course, answer }| {
        json!({
            "at_ms": millis(*at), "op": op.word(), "out_trade_no": out_trade_no, "code_hint": code_hint,
            "course": course, "answer": answer,
        })
    });
    lines.collect()
}

fn config(rules: &Rules) -> Value {
    json!({
        "unknown_reverse": rules.unknown_reverse,
        "prompt_refuses_reverse": rules.prompt_refuses_reverse,
        "reversed_shows_refund": rules.reversed_shows_refund,
        "code_life_s": rules.code_life.as_secs(),
        "reverse_not_before_s": rules.reverse_not_before.as_secs(),
        "revoke_after_s": rules.revoke_after.map_or(0, |wait| wait.as_secs()),
        "reverse_window_s": rules.reverse_window.map_or(0, |wait| wait.as_secs()),
        "refund_spacing_s": rules.refund_spacing.as_secs(),
        "refund_takes_s": rules.refund_takes.as_secs(),
        "statements_at_once": rules.statements_at_once,
    })
}

fn with<T: for<'a> Deserialize<'a>>(request: &Request, act: impl FnOnce(T) -> Reply) -> Reply {
    match serde_json::from_slice(&request.body) {
        Ok(value) => act(value),
        Err(error) => refuse(400, &error.to_string()),
    }
}

fn ok(value: &Value) -> Reply {
    Reply::json(200, value)
}

fn refuse(status: u16, why: &str) -> Reply {
    Reply::json(status, &json!({ "error": why }))
}

fn millis(at: Tick) -> u64 {
    at.micros().checked_div(1_000).unwrap_or(0)
}
