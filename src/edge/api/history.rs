//! What belongs to one payment beside itself: its refunds and its journal.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::payments::{self, Named};
use super::problem::{Problem, ProblemView};
use super::query::{self, Pairs};
use super::site::Site;
use super::view::RefundView;
use crate::ledger::JournalLine;

/// The refunds of a payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefundList {
    /// Oldest first.
    pub refunds: Vec<RefundView>,
}

/// The journal of a payment, and what it was asked for with beyond the payment's own fields.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JournalList {
    /// Who keyed it in; may be empty.
    pub operator: String,
    /// What the customer reads on the phone.
    pub description: String,
    /// What comes back in WeChat's statement; may be empty.
    pub attach: String,
    /// In order.
    pub journal: Vec<JournalView>,
}

/// A line of the journal: one fact that is never changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "JournalLine")]
pub struct JournalView {
    /// Its place.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// What happened.
    #[schema(example = "paid")]
    pub event: String,
    /// The payment's state after it, if it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where the money is after it, if that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<String>,
    /// The attempt it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// What else it says, by name.
    #[schema(value_type = Object)]
    pub details: Map<String, Value>,
}

impl JournalView {
    /// A line for readers. Its digests are for `shroff verify`.
    fn of(line: JournalLine) -> Self {
        let mut details: Map<String, Value> = serde_json::from_str(&line.data).unwrap_or_default();
        for digest in ["p", "a", "r"] {
            details.remove(digest);
        }
        let mut word = |name: &str| match details.remove(name) {
            Some(Value::String(word)) => Some(word),
            _ => None,
        };
        let (event, state, money) = (word("event"), word("state"), word("money"));
        Self {
            seq: line.seq,
            at: line.at.to_string(),
            event: event.unwrap_or_else(|| "changed".to_owned()),
            state,
            money,
            out_trade_no: line.out_trade_no,
            details,
        }
    }
}

/// Lists the refunds of a payment.
#[utoipa::path(get, path = "/v1/payments/{ref}/refunds", tag = "refunds", params(
    ("ref" = String, Path, description = "the payment's ref"),
), responses(
    (status = 200, description = "its refunds, oldest first", body = RefundList),
    (status = 404, description = "`not_found`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn refunds(State(site): State<Site>, named: Named, pairs: Pairs) -> Result<Json<RefundList>, Problem> {
    let reference = payments::reference(named)?;
    query::none(pairs)?;
    site.find(&reference)?;
    let rows = site.shared.readers.read(move |reader| reader.refunds_of(&reference)).await?;
    let refunds = rows.iter().map(|row| RefundView::of(row, site.shared.config.language)).collect();
    Ok(Json(RefundList { refunds }))
}

/// Lists the journal of a payment: every step, as it was kept before it was taken.
#[utoipa::path(get, path = "/v1/payments/{ref}/journal", tag = "payments", params(
    ("ref" = String, Path, description = "the payment's ref"),
), responses(
    (status = 200, description = "its lines, in order", body = JournalList),
    (status = 404, description = "`not_found`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn journal(
    State(site): State<Site>,
    named: Named,
    pairs: Pairs,
) -> Result<Json<JournalList>, Problem> {
    let reference = payments::reference(named)?;
    query::none(pairs)?;
    let facts = site.find(&reference)?.record.facts;
    let lines = site.shared.readers.read(move |reader| reader.journal_of(&reference)).await?;
    let journal = lines.into_iter().map(JournalView::of).collect();
    Ok(Json(JournalList { operator: facts.operator, description: facts.description, attach: facts.attach, journal }))
}
