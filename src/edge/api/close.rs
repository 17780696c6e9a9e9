//! A day's close: what it took, gave back and left open. `shroff close` prints the same numbers.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Kind, Problem, ProblemView};
use super::query::{self, Pairs};
use super::site::Site;
use crate::ledger::{Moved, Share, Takings, Tally, Unresolved};
use crate::payment::State as PaymentState;
use crate::words::{Currency, Day, TerminalId, WallTime};

/// A day's summary, as people and programs read it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Close")]
pub struct CloseView {
    /// The terminal's id.
    pub terminal: String,
    /// The store's name; may be empty.
    pub store_name: String,
    /// The day, year-month-day, midnight UTC+8.
    #[schema(example = "2026-11-21")]
    pub day: String,
    /// The day is over, and nothing of it is open.
    pub closed: bool,
    /// When the summary was made.
    #[schema(value_type = String)]
    pub at: WallTime,
    /// The day goes on.
    pub running: bool,
    /// One for each currency in which something moved.
    pub currencies: Vec<CloseSums>,
    /// The same by who keyed it in; the name may be empty.
    pub by_operator: Vec<CloseLine>,
    /// The same by lane.
    pub by_lane: Vec<CloseLine>,
    /// The first sale that still stands.
    #[schema(value_type = Option<String>)]
    pub first_sale: Option<WallTime>,
    /// The last one.
    #[schema(value_type = Option<String>)]
    pub last_sale: Option<WallTime>,
    /// Payments that came to nothing.
    pub not_paid: NotPaid,
    /// Sales the POS has not acknowledged.
    pub unacknowledged: u64,
    /// What nobody knows yet, of this day and of those before, oldest first.
    pub unresolved: Vec<OpenView>,
}

/// One currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CloseSums {
    /// ISO 4217.
    #[schema(example = "HKD")]
    pub currency: &'static str,
    /// What moved.
    #[serde(flatten)]
    pub sums: Sums,
}

/// One operator, or one lane, in one currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CloseLine {
    /// The operator or the lane.
    pub name: String,
    /// ISO 4217.
    #[schema(example = "HKD")]
    pub currency: &'static str,
    /// What moved.
    #[serde(flatten)]
    pub sums: Sums,
}

/// What moved, in the currency's smallest unit.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Sums {
    /// Charged to payers, whatever became of it later.
    #[schema(value_type = TallyView)]
    pub taken: Tally,
    /// Given back, by a reversal after payment or by a refund.
    #[schema(value_type = TallyView)]
    pub returned: Tally,
    /// Taken less returned.
    #[schema(value_type = i64)]
    pub net: i128,
    /// Nobody knows yet.
    #[schema(value_type = TallyView)]
    pub unresolved: Tally,
}

/// How many, and how much.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(title = "Tally")]
pub struct TallyView {
    /// How many.
    pub count: u64,
    /// How much, in the currency's smallest unit.
    pub sum: u64,
}

/// Payments of the day that came to nothing, by how they ended.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct NotPaid {
    /// Refused.
    pub declined: u64,
    /// Taken back before anybody knew that it was paid.
    pub reversed: u64,
    /// Cancelled before a code came.
    pub canceled: u64,
    /// No code came.
    pub expired: u64,
}

/// A payment or a refund of which nobody knows yet where its money is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Open")]
pub struct OpenView {
    /// Our name of the payment, or the POS's of the refund.
    #[serde(rename = "ref")]
    pub name: String,
    /// The POS's name of the payment.
    pub client_ref: String,
    /// In the currency's smallest unit.
    pub amount: u64,
    /// ISO 4217.
    pub currency: &'static str,
    /// Who keyed it in; may be empty.
    pub operator: String,
    /// The lane.
    pub lane: String,
    /// Its state.
    pub state: String,
    /// When it began.
    #[schema(value_type = String)]
    pub created_at: WallTime,
}

impl From<Moved> for Sums {
    fn from(moved: Moved) -> Self {
        let Moved { taken, returned, unresolved } = moved;
        Self { taken, returned, net: i128::from(taken.sum).saturating_sub(i128::from(returned.sum)), unresolved }
    }
}

impl From<Unresolved> for OpenView {
    fn from(it: Unresolved) -> Self {
        let Unresolved { name, client_ref, minor, share, state, created_at } = it;
        let Share { currency, operator, lane } = share;
        Self { name, client_ref, amount: minor, currency: currency.code(), operator, lane, state, created_at }
    }
}

impl CloseView {
    /// The summary of `day` as it is known at `now`.
    #[must_use]
    pub fn of(terminal: &TerminalId, store_name: &str, day: Day, now: WallTime, takings: Takings) -> Self {
        let running = now < day.end();
        let count = |state| takings.not_paid.get(&state).copied().unwrap_or(0);
        Self {
            terminal: terminal.to_string(),
            store_name: store_name.to_owned(),
            day: day.to_string(),
            closed: !running && takings.unresolved.is_empty(),
            at: now,
            running,
            currencies: folded(&takings, |_| String::new())
                .into_iter()
                .map(|((currency, _), moved)| CloseSums { currency: currency.code(), sums: moved.into() })
                .collect(),
            by_operator: lines(&takings, |share| share.operator.clone()),
            by_lane: lines(&takings, |share| share.lane.clone()),
            first_sale: takings.first_sale,
            last_sale: takings.last_sale,
            not_paid: NotPaid {
                declined: count(PaymentState::Declined),
                reversed: count(PaymentState::Reversed),
                canceled: count(PaymentState::Canceled),
                expired: count(PaymentState::Expired),
            },
            unacknowledged: takings.unacknowledged,
            unresolved: takings.unresolved.into_iter().map(OpenView::from).collect(),
        }
    }
}

/// Says what a day took, gave back and left open: the numbers of `shroff close`.
#[utoipa::path(get, path = "/v1/close", tag = "shop", params(
    ("day" = Option<String>, Query, description = "the day, year-month-day, midnight UTC+8; today when left out"),
), responses(
    (status = 200, description = "the day's summary", body = CloseView),
    (status = 422, description = "parameters at fault, or a day that has not begun", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn close(State(site): State<Site>, pairs: Pairs) -> Result<Json<CloseView>, Problem> {
    let now = site.now().wall;
    let day = query::day(pairs)?.unwrap_or(Day::of(now));
    if now < day.begin() {
        return Err(Problem::field(Kind::Invalid, "day", "this day has not begun by the terminal's clock"));
    }
    let takings = site.shared.readers.read(move |reader| reader.takings(day)).await?;
    let facts = &site.shared.config.facts;
    Ok(Json(CloseView::of(&facts.terminal, &facts.store_name, day, now, takings)))
}

fn lines(takings: &Takings, name: fn(&Share) -> String) -> Vec<CloseLine> {
    let folded = folded(takings, name).into_iter();
    folded.map(|((currency, name), moved)| CloseLine { name, currency: currency.code(), sums: moved.into() }).collect()
}

/// What moved, by currency and by what `name` makes of a share.
fn folded(takings: &Takings, name: fn(&Share) -> String) -> BTreeMap<(Currency, String), Moved> {
    let mut folded: BTreeMap<(Currency, String), Moved> = BTreeMap::new();
    for (share, moved) in &takings.shares {
        folded.entry((share.currency, name(share))).or_default().add(*moved);
    }
    folded
}
