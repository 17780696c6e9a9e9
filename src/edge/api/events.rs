//! The journal as a stream: every line once, in order, from where the reader left off.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::problem::{Kind, Problem, ProblemView};
use super::query::{self, Pairs};
use super::serve::stopped;
use super::site::Site;
use crate::edge::desk::Board;
use crate::ledger::{JournalLine, LedgerError, PaymentRow, Reader};
use crate::payment::State as PaymentState;

/// Lines that are read at a time.
const LINES: u32 = 64;
/// A comment this often tells both ends that the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How soon a reader should come back.
const RETRY: Duration = Duration::from_secs(2);

/// Streams the journal: `id` is the line's seq, `event` its kind, `data` the line and its payment as JSON. It begins
/// after `Last-Event-ID` or `after`, and without either with what happens from now on.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(
    ("after" = Option<u64>, Query, description = "the seq of the last event that was received"),
    ("Last-Event-ID" = Option<u64>, Header, description = "the same, as browsers send it; overrules `after`"),
), responses(
    (status = 200, description = "the stream", content_type = "text/event-stream", body = String),
    (status = 422, description = "the place to begin at lies ahead of the journal", body = ProblemView, content_type = "application/problem+json"),
    (status = 503, description = "`busy`: too many streams", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn events(
    State(site): State<Site>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let header = headers.get("last-event-id").map(axum::http::HeaderValue::as_bytes);
    let asked = query::resume(pairs, header)?;
    let place = site.stream_place_or_busy()?;
    let board = site.shared.desk.board();
    let head = site.shared.readers.read(Reader::seq).await?;
    if asked.is_some_and(|after| after > head) {
        let detail =
            "this lies ahead of the journal: another ledger is in use now; begin without it and list the payments";
        return Err(Problem::field(Kind::Invalid, "after", detail));
    }
    let hello = Event::default().retry(RETRY).comment("the journal follows");
    let stop = site.stop.clone();
    let feed = Feed { site, board, stop, last: asked.unwrap_or(head), ready: VecDeque::from([hello]), _place: place };
    let stream = stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok(event), feed))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("still here")))
}

/// A reader's place in the journal.
struct Feed {
    site: Site,
    board: watch::Receiver<Board>,
    stop: watch::Receiver<bool>,
    last: u64,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// The next event. None ends the stream: the reader comes back and goes on after the last one it has.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            // Marked before the journal is read: a line that comes in between wakes us again.
            self.board.mark_unchanged();
            let after = self.last;
            let lines = self.site.shared.readers.glance(|reader| lines(reader, after)).ok()?;
            for (seq, kind, data) in lines {
                self.last = seq;
                self.ready.push_back(Event::default().id(seq.to_string()).event(kind).data(data));
            }
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                moved = self.board.changed() => moved.ok()?,
                () = stopped(&mut self.stop) => return None,
            }
        }
    }
}

/// Lines after `after`, each with its kind and what a reader gets to see of it.
fn lines(reader: &Reader, after: u64) -> Result<Vec<(u64, String, String)>, LedgerError> {
    let mut payments: BTreeMap<String, Option<PaymentRow>> = BTreeMap::new();
    let mut out = Vec::new();
    for line in reader.journal(after, LINES)? {
        if !payments.contains_key(&line.payment) {
            payments.insert(line.payment.clone(), reader.payment(&line.payment)?);
        }
        let payment = payments.get(&line.payment).and_then(Option::as_ref);
        let (kind, data) = event(&line, payment);
        out.push((line.seq, kind, data));
    }
    Ok(out)
}

/// A line for readers: the fact, the payment it is about, and its state after it. The digests stay in the ledger.
fn event(line: &JournalLine, payment: Option<&PaymentRow>) -> (String, String) {
    let mut data: Map<String, Value> = serde_json::from_str(&line.data).unwrap_or_default();
    for digest in ["p", "a", "r"] {
        data.remove(digest);
    }
    let kind = match data.get("event") {
        Some(Value::String(kind)) => kind.clone(),
        _ => "changed".to_owned(),
    };
    data.insert("seq".to_owned(), line.seq.into());
    data.insert("at".to_owned(), line.at.to_string().into());
    data.insert("ref".to_owned(), line.payment.clone().into());
    if let Some(out_trade_no) = &line.out_trade_no {
        data.insert("out_trade_no".to_owned(), out_trade_no.clone().into());
    }
    if let Some(row) = payment {
        let facts = &row.record.facts;
        data.insert("client_ref".to_owned(), facts.client_ref.as_str().into());
        data.insert("lane".to_owned(), facts.lane.as_str().into());
        data.insert("amount".to_owned(), facts.amount.minor().into());
        data.insert("currency".to_owned(), facts.amount.currency().code().into());
        // A line that changes neither does not say them: they are the payment's own.
        data.entry("state").or_insert_with(|| row.record.state.word().into());
        data.entry("money").or_insert_with(|| row.record.money.word().into());
    }
    let state = data.get("state").and_then(Value::as_str).and_then(PaymentState::from_word);
    data.insert("final".to_owned(), state.is_some_and(PaymentState::is_final).into());
    (kind, Value::Object(data).to_string())
}
