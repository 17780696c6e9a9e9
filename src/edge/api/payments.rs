//! Payments: ask for one, follow it, list them, cancel, acknowledge.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Kind, Problem, ProblemView};
use super::query::{Look, Pairs};
use super::serve::stopped;
use super::site::{Site, about};
use super::view::PaymentView;
use super::{ask, body, query};
use crate::ledger::{Filter, PaymentRow};
use crate::payment::State as PaymentState;
use crate::till::{NewPayment, Refusal};
use crate::words::PaymentRef;

/// A `ref` in the address, as axum hands it over.
pub(super) type Named = Result<Path<String>, PathRejection>;

/// A page of payments, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PaymentPage {
    /// The payments.
    pub payments: Vec<PaymentView>,
    /// What `before` has to say for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_before: Option<String>,
}

/// Asks for a payment. Safe to repeat: the same client_ref with the same values is the same payment.
#[utoipa::path(post, path = "/v1/payments", tag = "payments", request_body = ask::PaymentRequest, responses(
    (status = 201, description = "accepted", body = PaymentView),
    (status = 200, description = "the same request came before: the same payment again", body = PaymentView),
    (status = 409, description = "`ref_conflict`, `perhaps_lost`, `lane_busy`", body = ProblemView, content_type = "application/problem+json"),
    (status = 422, description = "fields at fault, named in `errors`", body = ProblemView, content_type = "application/problem+json"),
    (status = 503, description = "`busy`, `out_of_order`: repeat the same request", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn collect(State(site): State<Site>, pairs: Pairs, request: Request) -> Result<Response, Problem> {
    query::none(pairs)?;
    let body = body::json(request).await?;
    let ask = ask::new_payment(&body)?;
    drop(body);
    let client_ref = ask.client_ref.clone();
    accept(&site, ask).await.map_err(|problem| problem.about(Some(&client_ref)))
}

async fn accept(site: &Site, ask: NewPayment) -> Result<Response, Problem> {
    if site.shared.desk.board().borrow().out_of_order {
        return Err(Problem::new(Kind::OutOfOrder, "no sale is possible; GET /readyz says why"));
    }
    let client_ref = ask.client_ref.clone();
    let accepted = match site.ask(site.shared.desk.collect(ask)).await? {
        Ok(accepted) => accepted,
        Err(Refusal::RefConflict) => {
            let row = site.shared.readers.read(move |reader| reader.by_client_ref(&client_ref)).await?;
            return Err(about(Refusal::RefConflict.into(), row.as_ref()));
        }
        // Nothing was accepted under this client_ref, now or before: no money moved.
        Err(refusal) => return Err(refusal.into()),
    };
    let place = HeaderValue::try_from(format!("/v1/payments/{}", accepted.reference));
    let row = site.find(&accepted.reference)?;
    let status = if accepted.new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(site.view(&row))).into_response();
    if let Ok(place) = place {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Shows a payment. With `wait` it answers when the payment's `seq` passes `after`, or after `wait` seconds with the
/// payment as it is.
#[utoipa::path(get, path = "/v1/payments/{ref}", tag = "payments", params(
    ("ref" = String, Path, description = "the payment's ref"),
    ("wait" = Option<u64>, Query, description = "seconds to wait, at most 60"),
    ("after" = Option<u64>, Query, description = "the seq the caller knows of; 0 when left out"),
), responses(
    (status = 200, description = "the payment", body = PaymentView),
    (status = 404, description = "`not_found`: never accepted, no money moved", body = ProblemView, content_type = "application/problem+json"),
    (status = 422, description = "parameters at fault", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn show(State(site): State<Site>, named: Named, pairs: Pairs) -> Result<Json<PaymentView>, Problem> {
    let reference = reference(named)?;
    let Look { wait, after } = query::look(pairs)?;
    let row = follow(&site, reference, after, wait).await?;
    Ok(Json(site.view(&row)))
}

/// Waits for the payment to pass `after`. Without a place among the waiting it answers at once.
async fn follow(site: &Site, reference: PaymentRef, after: u64, wait: Duration) -> Result<PaymentRow, Problem> {
    let mut board = site.shared.desk.board();
    let mut stop = site.stop.clone();
    let mut end = std::pin::pin!(tokio::time::sleep(wait));
    let mut place = None;
    loop {
        board.mark_unchanged();
        let row = site.find(&reference)?;
        if row.seq > after || wait.is_zero() {
            return Ok(row);
        }
        place = place.or_else(|| site.stream_place());
        if place.is_none() {
            return Ok(row);
        }
        tokio::select! {
            moved = board.changed() => if moved.is_err() { return Ok(row) },
            () = end.as_mut() => return Ok(row),
            () = stopped(&mut stop) => return Ok(row),
        }
    }
}

/// Lists payments, newest first.
#[utoipa::path(get, path = "/v1/payments", tag = "payments", params(
    ("open" = Option<bool>, Query, description = "only those with something left to do or to watch"),
    ("client_ref" = Option<String>, Query, description = "only the one with this name"),
    ("day" = Option<String>, Query, description = "only those of this day, year-month-day, midnight UTC+8"),
    ("q" = Option<String>, Query, description = "only those with this in ref, client_ref, operator, description, out_trade_no, transaction_id, refund_ref or code_hint, in any case, or of this amount in major units; at most 64 characters"),
    ("limit" = Option<u32>, Query, description = "payments on the page, 1 to 200; 50 when left out"),
    ("before" = Option<String>, Query, description = "`next_before` of the page before"),
), responses(
    (status = 200, description = "a page", body = PaymentPage),
    (status = 422, description = "parameters at fault", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(site): State<Site>, pairs: Pairs) -> Result<Json<PaymentPage>, Problem> {
    let filter = query::list(pairs, site.shared.config.facts.currency)?;
    let size = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let one_more = Filter { limit: filter.limit.saturating_add(1), ..filter };
    let found = site.shared.readers.read(move |reader| {
        if let Some(before) = &one_more.before
            && reader.payment(before.as_str())?.is_none()
        {
            return Ok(None);
        }
        reader.payments(&one_more).map(Some)
    });
    let Some(mut rows) = found.await? else {
        return Err(Problem::field(Kind::Invalid, "before", "the ref of a payment is needed: next_before of a page"));
    };
    let more = rows.len() > size;
    rows.truncate(size);
    let next_before = rows.last().filter(|_| more).map(|row| row.record.facts.reference.to_string());
    Ok(Json(PaymentPage { payments: rows.iter().map(|row| site.view(row)).collect(), next_before }))
}

/// Cancels a payment: at once when nothing was sent, otherwise as soon as the gateway's rules allow.
#[utoipa::path(post, path = "/v1/payments/{ref}/cancel", tag = "payments", params(
    ("ref" = String, Path, description = "the payment's ref"),
), responses(
    (status = 200, description = "`canceled`: nothing was sent", body = PaymentView),
    (status = 202, description = "it becomes `reversed`, or `paid` if the money won the race", body = PaymentView),
    (status = 404, description = "`not_found`", body = ProblemView, content_type = "application/problem+json"),
    (status = 409, description = "`already_final`", body = ProblemView, content_type = "application/problem+json"),
    (status = 503, description = "`busy`, `out_of_order`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    State(site): State<Site>,
    named: Named,
    pairs: Pairs,
    request: Request,
) -> Result<Response, Problem> {
    let reference = reference(named)?;
    query::none(pairs)?;
    ask::nothing(&body::any(request).await?)?;
    if let Err(refusal) = site.ask(site.shared.desk.cancel(reference.clone())).await? {
        return Err(site.refused(refusal, &reference));
    }
    let row = site.find(&reference)?;
    let sent = row.record.state != PaymentState::Canceled;
    let status = if sent { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, Json(site.view(&row))).into_response())
}

/// Keeps that the POS has recorded the result. Safe to repeat.
#[utoipa::path(post, path = "/v1/payments/{ref}/ack", tag = "payments", params(
    ("ref" = String, Path, description = "the payment's ref"),
), responses(
    (status = 204, description = "kept"),
    (status = 404, description = "`not_found`", body = ProblemView, content_type = "application/problem+json"),
    (status = 409, description = "`not_final`", body = ProblemView, content_type = "application/problem+json"),
    (status = 503, description = "`busy`, `out_of_order`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn acknowledge(
    State(site): State<Site>,
    named: Named,
    pairs: Pairs,
    request: Request,
) -> Result<StatusCode, Problem> {
    let reference = reference(named)?;
    query::none(pairs)?;
    ask::nothing(&body::any(request).await?)?;
    if let Err(refusal) = site.ask(site.shared.desk.acknowledge(reference.clone())).await? {
        return Err(site.refused(refusal, &reference));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What cannot be a ref was never accepted either.
pub(super) fn reference(named: Named) -> Result<PaymentRef, Problem> {
    let Path(text) = named.map_err(|_| Problem::never_accepted())?;
    text.parse().map_err(|_| Problem::never_accepted())
}
