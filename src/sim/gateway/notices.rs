//! Refund notifications: who wants them, when they are sent, and how often, until somebody acknowledges them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::sim::book::{Book, RefundState};
use crate::words::Tick;

use super::clock::Clock;
use super::http::Reply;
use super::world::{State, World};
use super::{Merchant, v3};

mod deliver;
mod xml;

/// The waits between tries, in seconds: 24 hours and 4 minutes in all.
const RESENDS: [u64; 15] = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600]; // "Notification of Refund Result"
/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_millis(20);
/// Letters that are remembered; the oldest settled ones go.
const LETTERS_MAX: usize = 1_000;

/// What goes wrong with one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeFault {
    /// Nothing: what stands between two faults.
    None,
    /// It never arrives.
    Lost,
    /// It arrives two times.
    Twice,
    /// Signed with the merchant's key; in v2, encrypted with another one.
    Forged,
    /// Signed well, encrypted with another key.
    WrongKey,
    /// Signed ten minutes ago. v2 has no time.
    OldTimestamp,
    /// Signed under a serial number of no certificate. v2 has none.
    UnknownSerial,
    /// Not signed at all, as all of v2's.
    Unsigned,
    /// About a refund nobody asked for.
    UnknownRefund,
    /// One cent more than was asked for.
    OtherAmount,
    /// For another merchant.
    OtherMerchant,
    /// About another order.
    OtherOrder,
    /// Says REFUNDCLOSE, whatever is true.
    SaysClosed,
    /// No notification at all.
    Garbage,
}

/// What a letter says; each dialect writes it in its own way.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) id: String,
    pub(super) out_refund_no: String,
    pub(super) refund_id: String,
    pub(super) out_trade_no: String,
    pub(super) transaction_id: String,
    pub(super) mch_id: String,
    pub(super) sub_mch_id: String,
    pub(super) refund: u64,
    pub(super) total: u64,
    pub(super) currency: &'static str,
    pub(super) status: RefundState,
    /// UTC+8, `yyyy-MM-dd HH:mm:ss`; empty while nothing has arrived.
    pub(super) success_time: String,
}

/// A try as it goes on the wire.
pub(super) struct Letter {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// The post office.
pub(super) struct Post {
    /// Refunds with an address, by number, until they have ended.
    watched: BTreeMap<String, Wanted>,
    letters: BTreeMap<u64, Sent>,
    made: u64,
    faults: VecDeque<NoticeFault>,
    /// So many seconds of the schedule pass in one.
    speed: u32,
    counts: Counts,
}

#[derive(Clone)]
struct Wanted {
    url: String,
    is_v3: bool,
}

#[derive(Default)]
struct Counts {
    tries: u64,
    acknowledged: u64,
    refused: u64,
    unanswered: u64,
    given_up: u64,
}

/// A notification and what became of it.
struct Sent {
    wanted: Wanted,
    content: Content,
    tries: usize,
    /// When it is tried next; none when it is on its way or over.
    due: Option<Tick>,
    acknowledged: bool,
    last_status: Option<u16>,
}

impl Default for Post {
    fn default() -> Self {
        Self {
            watched: BTreeMap::new(),
            letters: BTreeMap::new(),
            made: 0,
            faults: VecDeque::new(),
            speed: 1,
            counts: Counts::default(),
        }
    }
}

impl Post {
    /// Remembers where the end of this refund is to be told.
    pub(super) fn watch(&mut self, out_refund_no: &str, url: &str, is_v3: bool) {
        let known = self.letters.values().any(|sent| sent.content.out_refund_no == out_refund_no);
        if !url.is_empty() && !known {
            self.watched.insert(out_refund_no.to_owned(), Wanted { url: url.to_owned(), is_v3 });
        }
    }

    /// Writes a letter about every refund that has ended by now.
    fn collect(&mut self, book: &Book, merchant: &Merchant, clock: Clock, now: Tick) {
        let ended = self
            .watched
            .keys()
            .filter(|number| book.refund_by(number).is_some_and(|refund| refund.state() != RefundState::Processing));
        let ended: Vec<String> = ended.cloned().collect();
        for number in ended {
            let Some(wanted) = self.watched.remove(&number) else { continue };
            self.made = self.made.saturating_add(1);
            let Some(content) = content(book, &number, merchant, clock, self.made) else { continue };
            let sent = Sent { wanted, content, tries: 0, due: Some(now), acknowledged: false, last_status: None };
            self.letters.insert(self.made, sent);
        }
        let settled = self.letters.iter().find(|(_, sent)| sent.is_over()).map(|(key, _)| *key);
        if let Some(settled) = settled.filter(|_| self.letters.len() > LETTERS_MAX) {
            self.letters.remove(&settled);
        }
    }

    /// The letters whose time has come, each with what goes wrong with it this time.
    fn take_due(&mut self, now: Tick) -> Vec<(u64, NoticeFault)> {
        let mut due = Vec::new();
        for (key, sent) in &mut self.letters {
            if sent.due.is_some_and(|at| at <= now) {
                sent.due = None;
                sent.tries = sent.tries.saturating_add(1);
                self.counts.tries = self.counts.tries.saturating_add(1);
                due.push((*key, self.faults.pop_front().unwrap_or(NoticeFault::None)));
            }
        }
        due
    }

    /// Takes what came back: a status and whether it says *kept*; nothing, when nobody answered in time.
    fn answered(&mut self, key: u64, answer: Option<(u16, bool)>, now: Tick) {
        let Some(sent) = self.letters.get_mut(&key) else { return };
        sent.last_status = answer.map(|(status, _)| status);
        let count = match answer {
            Some((_, true)) => &mut self.counts.acknowledged,
            Some((_, false)) => &mut self.counts.refused,
            None => &mut self.counts.unanswered,
        };
        *count = count.saturating_add(1);
        if answer.is_some_and(|(_, kept)| kept) {
            sent.acknowledged = true;
            return;
        }
        match RESENDS.get(sent.tries.saturating_sub(1)) {
            Some(seconds) => {
                let wait = Duration::from_secs(*seconds).checked_div(self.speed).unwrap_or_default();
                sent.due = Some(now.after(wait));
            }
            None => self.counts.given_up = self.counts.given_up.saturating_add(1),
        }
    }

    fn to_json(&self) -> Value {
        let Counts { tries, acknowledged, refused, unanswered, given_up } = self.counts;
        let letters = self.letters.values().map(|sent| {
            json!({
                "id": sent.content.id, "out_refund_no": sent.content.out_refund_no, "tries": sent.tries,
                "says": sent.content.status.word(), "acknowledged": sent.acknowledged, "last_status": sent.last_status,
            })
        });
        json!({
            "tries": tries, "acknowledged": acknowledged, "refused": refused, "unanswered": unanswered,
            "given_up": given_up, "speed": self.speed, "waiting_for_their_end": self.watched.len(),
            "faults_left": self.faults.len(), "letters": letters.collect::<Value>(),
        })
    }
}

impl Sent {
    fn is_over(&self) -> bool {
        self.acknowledged || (self.due.is_none() && self.tries > RESENDS.len())
    }
}

fn content(book: &Book, number: &str, merchant: &Merchant, clock: Clock, made: u64) -> Option<Content> {
    let refund = book.refund_by(number)?;
    let order = book.order(&refund.out_trade_no)?;
    let total = order.amount()?;
    let arrived = refund.arrived().map(|at| clock.beijing(at, "%Y-%m-%d %H:%M:%S"));
    Some(Content {
        id: format!("EV-20261121-{made:012}"),
        out_refund_no: refund.out_refund_no.clone(),
        refund_id: refund.refund_id.clone(),
        out_trade_no: refund.out_trade_no.clone(),
        transaction_id: order.transaction()?.to_string(),
        mch_id: merchant.mch_id.clone(),
        sub_mch_id: order.sub_mch_id().to_owned(),
        refund: refund.amount.minor(),
        total: total.minor(),
        currency: total.currency().code(),
        status: refund.state(),
        success_time: arrived.unwrap_or_default(),
    })
}

impl NoticeFault {
    /// What is false in what the letter says.
    fn falsify(self, content: &mut Content) {
        match self {
            Self::UnknownRefund => "T99NOBODY00000001F".clone_into(&mut content.out_refund_no),
            Self::OtherAmount => content.refund = content.refund.saturating_add(1),
            Self::OtherMerchant => "1999999999".clone_into(&mut content.mch_id),
            Self::OtherOrder => "SOMEBODY-ELSES-0001".clone_into(&mut content.out_trade_no),
            Self::SaysClosed => content.status = RefundState::Closed,
            Self::None
            | Self::Lost
            | Self::Twice
            | Self::Forged
            | Self::WrongKey
            | Self::OldTimestamp
            | Self::UnknownSerial
            | Self::Unsigned
            | Self::Garbage => {}
        }
    }
}

/// Sends what is due until the gateway is gone.
pub(super) async fn run(world: Arc<World>) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::time::sleep(LOOK).await;
        while under_way.try_join_next().is_some() {}
        let now = world.now();
        let mut state = world.lock();
        let State { book, post, .. } = &mut *state;
        if post.watched.is_empty() && post.letters.is_empty() {
            continue;
        }
        book.advance(now);
        post.collect(book, world.merchant(), world.clock(), now);
        for (key, fault) in state.post.take_due(now) {
            if let Some((url, letter, is_v3)) = write(&mut state, &world, key, fault) {
                under_way.spawn(carry(Arc::clone(&world), key, fault, url, letter, is_v3));
            }
        }
    }
}

async fn carry(world: Arc<World>, key: u64, fault: NoticeFault, url: String, letter: Letter, is_v3: bool) {
    let mut answer = None;
    if fault != NoticeFault::Lost {
        answer = deliver::post(&url, &letter, is_v3).await;
    }
    if fault == NoticeFault::Twice {
        answer = deliver::post(&url, &letter, is_v3).await.or(answer);
    }
    let now = world.now();
    world.lock().post.answered(key, answer, now);
}

fn write(state: &mut State, world: &World, key: u64, fault: NoticeFault) -> Option<(String, Letter, bool)> {
    let sent = state.post.letters.get(&key)?;
    let (wanted, mut content) = (sent.wanted.clone(), sent.content.clone());
    fault.falsify(&mut content);
    let mut letter = if wanted.is_v3 {
        let wall = world.clock().wall(world.now());
        v3::notice(state.platform.as_ref()?, world.merchant(), &content, wall, fault)?
    } else {
        xml::notice(world.merchant(), &content, fault)?
    };
    if fault == NoticeFault::Garbage {
        letter.body = (0_u8..=255).cycle().skip(128).step_by(7).take(512).collect();
    }
    Some((wanted.url, letter, wanted.is_v3))
}

/// What a test may change.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Change {
    speed: Option<u32>,
    faults: Vec<NoticeFault>,
}

impl Post {
    /// Lets the schedule run `speed` times as fast.
    pub(super) fn set_speed(&mut self, speed: u32) {
        self.speed = speed.max(1);
    }

    /// What goes wrong with the next tries, one each.
    pub(super) fn add_faults(&mut self, faults: impl IntoIterator<Item = NoticeFault>) {
        self.faults.extend(faults);
    }

    /// What became of everything.
    pub(super) fn shown(&self) -> Reply {
        Reply::json(200, &self.to_json())
    }

    /// The same, as JSON.
    pub(super) fn json(&self) -> Value {
        self.to_json()
    }

    /// Changes speed and faults.
    pub(super) fn change(&mut self, change: Change) -> Reply {
        if let Some(speed) = change.speed {
            self.set_speed(speed);
        }
        self.add_faults(change.faults);
        self.shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Sent {
        let content = Content {
            id: "EV-1".into(),
            out_refund_no: "T01AAAA00000002F".into(),
            refund_id: "5030".into(),
            out_trade_no: "T01AAAA00000001".into(),
            transaction_id: "4200".into(),
            mch_id: "1900000109".into(),
            sub_mch_id: String::new(),
            refund: 100,
            total: 100,
            currency: "HKD",
            status: RefundState::Success,
            success_time: String::new(),
        };
        let wanted = Wanted { url: "http://127.0.0.1:9/n".into(), is_v3: true };
        Sent { wanted, content, tries: 0, due: Some(Tick::default()), acknowledged: false, last_status: None }
    }

    fn post(speed: u32) -> Post {
        let mut post = Post::default();
        post.set_speed(speed);
        post.letters.insert(1, sent());
        post
    }

    /// When each try is made while nobody acknowledges, in milliseconds.
    fn tries(post: &mut Post) -> Vec<u64> {
        let (mut now, mut tries) = (Tick::default(), Vec::new());
        while let Some(at) = post.letters.get(&1).and_then(|sent| sent.due) {
            now = now.max(at);
            assert_eq!(post.take_due(now), [(1, NoticeFault::None)]);
            assert!(post.take_due(now).is_empty(), "one try at a time");
            tries.push(now.micros() / 1000);
            post.answered(1, None, now);
        }
        tries
    }

    #[test]
    fn what_nobody_acknowledges_is_sent_sixteen_times_within_24_hours_and_4_minutes() {
        let mut slow = post(1);
        let times = tries(&mut slow);
        assert_eq!(times.len(), 16);
        assert_eq!(times[..5], [0, 15_000, 30_000, 60_000, 240_000]);
        assert_eq!(times.last(), Some(&((24 * 60 + 4) * 60_000)));
        assert_eq!((slow.counts.tries, slow.counts.unanswered, slow.counts.given_up), (16, 16, 1));
        assert!(slow.letters.values().all(Sent::is_over));
        assert_eq!(tries(&mut post(1000))[..5], [0, 15, 30, 60, 240]);
    }

    #[test]
    fn what_is_acknowledged_is_not_sent_again() {
        let mut post = post(1);
        post.take_due(Tick::default());
        post.answered(1, Some((500, false)), Tick::default());
        let later = Tick::default().after(Duration::from_secs(15));
        assert_eq!(post.take_due(later).len(), 1);
        post.answered(1, Some((204, true)), later);
        assert!(post.letters.values().all(|sent| sent.is_over() && sent.due.is_none()));
        assert_eq!((post.counts.refused, post.counts.acknowledged), (1, 1));
    }
}
