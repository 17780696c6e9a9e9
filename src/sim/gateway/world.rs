//! What all connections share, and what happens to a request between its arrival and its answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::sim::book::{Book, Kind, Op, Rules};
use crate::sim::faults::{Arrival, Course, Delivery, Faults};
use crate::words::Tick;

use super::answer::Answer;
use super::asked::{Asked, Desk, Form};
use super::clock::Clock;
use super::http::{Reply, Request};
use super::notices::Post;
use super::statement::Slip;
use super::v3::{self, Letter, Pen, Platform};
use super::{Merchant, SignType, admin, forge, statement, xml};

/// How many requests the log keeps.
const LOG_MAX: usize = 1_000;

/// What all connections share.
pub(super) struct World {
    merchant: Merchant,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) book: Book,
    pub(super) faults: Faults,
    pub(super) log: VecDeque<LogLine>,
    /// The platform of v3; none where there are no certificates.
    pub(super) platform: Option<Platform>,
    /// Refund notifications.
    pub(super) post: Post,
    slips: BTreeMap<String, Slip>,
    answers: u64,
}

pub(super) struct LogLine {
    pub(super) at: Tick,
    pub(super) op: Op,
    pub(super) out_trade_no: String,
    pub(super) code_hint: String,
    pub(super) course: Option<String>,
    pub(super) answer: String,
}

/// What happens on the connection after a request.
pub(super) enum Next {
    Answer(Reply, Delivery),
    Close,
    Hang,
}

impl World {
    pub(super) fn new(merchant: Merchant, rules: Rules, platform: Option<Platform>) -> Self {
        let state = State { book: Book::new(rules), platform, ..State::default() };
        Self { merchant, clock: Clock::start(), state: Mutex::new(state) }
    }

    pub(super) fn merchant(&self) -> &Merchant {
        &self.merchant
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn now(&self) -> Tick {
        self.clock.now()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn meet(self: &Arc<Self>, request: &Request, certificate: bool) -> Next {
        let now = self.clock.now();
        let mut state = self.lock();
        if request.path.starts_with("/_sim/") {
            return Next::Answer(admin::answer(&mut state, request, now), Delivery::Arrives);
        }
        let wall = self.clock.wall(now);
        if v3::is_list(request)
            && let Some(platform) = &mut state.platform
        {
            let reply = v3::list(platform, &self.merchant, request, wall);
            return Next::Answer(self.dated(&state, reply, now), Delivery::Arrives);
        }
        let (op, form) = if let Some(op) = op_of(&request.path) {
            if request.method != "POST" {
                let reply = forge::reply(Answer::failed("请使用post方法"), &[], "", SignType::Md5);
                return Next::Answer(reply, Delivery::Arrives);
            }
            (op, Form::V2(xml::parse(&request.body)))
        } else if let Some((op, numbers)) = v3::op_of(request) {
            let letter = Letter::read(request, op, numbers, &self.merchant, state.platform.as_mut(), wall);
            (op, Form::V3(letter))
        } else {
            let reply = self.dated(&state, forge::html(404, "Not Found"), now);
            return Next::Answer(reply, Delivery::Arrives);
        };
        let asked = Asked { op, arrived: now, form };
        let number = asked.number(&state.book);
        if request.path.starts_with("/secapi/") && !certificate {
            state.book.note(Kind::NoCertificate, &number, now);
            return Next::Answer(forge::html(400, forge::NO_CERTIFICATE), Delivery::Arrives);
        }
        let code = (op == Op::Pay).then(|| asked.get("auth_code")).filter(|code| !code.is_empty());
        if let Some(code) = code {
            state.book.show_code(code, now);
        }
        let course = state.faults.take(op, &number, code);
        match course.arrival {
            Arrival::LoseRequest | Arrival::HangRequest => state.note(now, &asked, &number, &course, "(lost)"),
            Arrival::LandLate { after_ms } => {
                state.note(now, &asked, &number, &course, "(later)");
                drop(state);
                self.land_late(asked, course, Duration::from_millis(after_ms));
                return Next::Close;
            }
            Arrival::Arrives | Arrival::Doubled => return self.act(&mut state, &asked, &course, now),
        }
        if course.arrival == Arrival::HangRequest { Next::Hang } else { Next::Close }
    }

    /// Acts on what arrived, once or twice, and makes the reply.
    fn act(&self, state: &mut State, asked: &Asked, course: &Course, now: Tick) -> Next {
        let number = asked.number(&state.book);
        let desk = Desk { merchant: &self.merchant, clock: self.clock, now };
        if matches!(asked.op, Op::Statement | Op::Settlement) {
            return self.report(state, asked, course, desk);
        }
        let mut answer = asked.act(&mut state.book, desk, course, false);
        if course.arrival == Arrival::Doubled {
            asked.act(&mut state.book, desk, course, true);
        }
        if asked.op == Op::Pay {
            let slip = || Slip { device_info: asked.get("device_info").to_owned(), body: asked.get("body").to_owned() };
            state.slips.entry(number.clone()).or_insert_with(slip);
        }
        let refund = asked.get("out_refund_no");
        if asked.op == Op::Refund && state.book.refund_by(refund).is_some() {
            state.post.watch(refund, asked.get("notify_url"), matches!(asked.form, Form::V3(_)));
        }
        state.note(now, asked, &number, course, &answer.word());
        state.answers = state.answers.saturating_add(1);
        let nonce = format!("{:032X}", u128::from(state.answers).wrapping_mul(NONCES));
        let reply = match &asked.form {
            Form::V2(_) => {
                if answer.signed {
                    answer = answer.with("nonce_str", &nonce);
                }
                forge::reply(answer, &course.forgeries, &self.merchant.key, asked.sign_type())
            }
            Form::V3(letter) => {
                let (platform, wall) = (state.platform.as_ref(), self.clock.wall(now));
                let pen = Pen { platform, nonce: &nonce, serial: &letter.serial, wall, turn: state.answers };
                v3::reply(answer, asked.op, &course.forgeries, &pen)
            }
        };
        Next::Answer(self.dated(state, reply, now), course.delivery)
    }

    /// A statement or a list of settlements.
    fn report(&self, state: &mut State, asked: &Asked, course: &Course, desk: Desk<'_>) -> Next {
        let now = desk.now;
        state.answers = state.answers.saturating_add(1);
        let nonce = format!("{:032X}", u128::from(state.answers).wrapping_mul(NONCES));
        let (reply, word) = match &asked.form {
            Form::V2(_) => statement::answer(asked, &mut state.book, &state.slips, desk, course),
            Form::V3(letter) => {
                let pen = Pen {
                    platform: state.platform.as_ref(),
                    nonce: &nonce,
                    serial: &letter.serial,
                    wall: self.clock.wall(now),
                    turn: state.answers,
                };
                v3::report(asked, letter, &mut state.book, &state.slips, desk, course, &pen)
            }
        };
        state.note(now, asked, &asked.number(&state.book), course, &word);
        Next::Answer(self.dated(state, reply, now), course.delivery)
    }

    /// The reply with the gateway's own time in it.
    fn dated(&self, state: &State, mut reply: Reply, now: Tick) -> Reply {
        let wall = self.clock.wall(now);
        let time = state.platform.as_ref().map_or(wall, |platform| platform.time(wall));
        let stamp = jiff::Timestamp::from_millisecond(time.millis()).unwrap_or_default();
        if let Ok(date) = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&stamp) {
            reply.headers.push(("Date", date));
        }
        reply
    }

    /// Acts later, unless the gateway is gone by then. Nobody hears the answer.
    fn land_late(self: &Arc<Self>, asked: Asked, course: Course, after: Duration) {
        let world = Arc::downgrade(self);
        drop(tokio::spawn(async move {
            sleep(after).await;
            let Some(world) = world.upgrade() else { return };
            let now = world.clock.now();
            world.act(&mut world.lock(), &asked, &course, now);
        }));
    }
}

/// Spreads the answers' serial over 32 hex digits, so that no two nonces look alike. Nothing depends on chance here.
const NONCES: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl State {
    fn note(&mut self, at: Tick, asked: &Asked, number: &str, course: &Course, answer: &str) {
        if self.log.len() >= LOG_MAX {
            self.log.pop_front();
        }
        let code = asked.get("auth_code");
        self.log.push_back(LogLine {
            at,
            op: asked.op,
            out_trade_no: number.to_owned(),
            code_hint: code.get(code.len().saturating_sub(4)..).unwrap_or_default().to_owned(),
            course: (!course.is_smooth()).then(|| format!("{course:?}")),
            answer: answer.to_owned(),
        });
    }
}

fn op_of(path: &str) -> Option<Op> {
    match path {
        "/pay/micropay" => Some(Op::Pay),
        "/pay/orderquery" => Some(Op::Query),
        "/secapi/pay/reverse" => Some(Op::Reverse),
        "/secapi/pay/refund" => Some(Op::Refund),
        "/pay/refundquery" => Some(Op::RefundQuery),
        "/pay/downloadbill" => Some(Op::Statement),
        _ => None,
    }
}
