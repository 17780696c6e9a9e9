//! Refunds: ask for one, follow it, acknowledge it.

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};

use super::door::Role;
use super::problem::{Kind, Problem, ProblemView};
use super::query::{Look, Pairs};
use super::serve::stopped;
use super::site::{Site, about};
use super::view::RefundView;
use super::{ask, body, payments, query, refund_ask};
use crate::ledger::RefundRow;
use crate::payment::MoneyState;
use crate::till::{NewRefund, Refusal};
use crate::words::RefundRef;

/// A `refund_ref` in the address, as axum hands it over.
type Named = Result<Path<String>, PathRejection>;

/// Asks for a refund of a paid payment, of all that is left or of a part. Safe to repeat: the same refund_ref with the
/// same values is the same refund.
#[utoipa::path(post, path = "/v1/payments/{ref}/refunds", tag = "refunds", params(
    ("ref" = String, Path, description = "the payment's ref"),
), request_body = refund_ask::RefundRequest, responses(
    (status = 201, description = "accepted, not given back yet", body = RefundView),
    (status = 200, description = "the same request came before: the same refund again", body = RefundView),
    (status = 403, description = "`supervisor_needed`: above refund.operator_max, or a refund of it may be lost since a restore", body = ProblemView, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemView, content_type = "application/problem+json"),
    (status = 409, description = "`ref_conflict`, `not_final`, `not_paid`, `already_refunded`, `too_many_refunds`, `too_old`", body = ProblemView, content_type = "application/problem+json"),
    (status = 422, description = "fields at fault, named in `errors`; `amount_too_large`: more than what is left", body = ProblemView, content_type = "application/problem+json"),
    (status = 503, description = "`busy`, `out_of_order`: repeat the same request", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn request(
    State(site): State<Site>,
    Extension(role): Extension<Role>,
    named: payments::Named,
    pairs: Pairs,
    request: Request,
) -> Result<Response, Problem> {
    let payment = payments::reference(named)?;
    query::none(pairs)?;
    let body = body::json(request).await?;
    let ask = refund_ask::new_refund(payment, &body, role == Role::Supervisor)?;
    accept(&site, ask).await
}

async fn accept(site: &Site, ask: NewRefund) -> Result<Response, Problem> {
    if site.shared.desk.board().borrow().out_of_order {
        return Err(Problem::new(Kind::OutOfOrder, "no refund is possible; GET /readyz says why"));
    }
    let (reference, payment) = (ask.reference.clone(), ask.payment.clone());
    let new = match site.ask(site.shared.desk.refund(ask)).await? {
        Ok(new) => new,
        // What the ledger knows of the payment's money is what is in doubt.
        Err(refusal @ Refusal::PerhapsRefunded) => {
            return Err(site.refused(refusal, &payment).with_money(MoneyState::Unknown));
        }
        Err(refusal @ Refusal::RefundConflict) => return Err(conflict(site, refusal, &reference)),
        Err(refusal) => return Err(site.refused(refusal, &payment)),
    };
    let row = find(site, &reference)?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(view(site, &row))).into_response();
    if let Ok(place) = HeaderValue::try_from(format!("/v1/refunds/{}", escaped(reference.as_str()))) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// The conflict is with a refund that may be another payment's: its money is what counts.
fn conflict(site: &Site, refusal: Refusal, reference: &RefundRef) -> Problem {
    if refusal == Refusal::NoSuchRefund {
        return not_found(site);
    }
    let payment = find(site, reference).and_then(|row| site.find(&row.record.facts.payment));
    about(refusal.into(), payment.ok().as_ref())
}

/// Shows a refund. With `wait` it answers when the refund's `seq` passes `after`, or after `wait` seconds with the
/// refund as it is.
#[utoipa::path(get, path = "/v1/refunds/{refund_ref}", tag = "refunds", params(
    ("refund_ref" = String, Path, description = "the refund's refund_ref"),
    ("wait" = Option<u64>, Query, description = "seconds to wait, at most 60"),
    ("after" = Option<u64>, Query, description = "the seq the caller knows of; 0 when left out"),
), responses(
    (status = 200, description = "the refund", body = RefundView),
    (status = 404, description = "`not_found`: never accepted, no money moved; after a restore `money` is `unknown`", body = ProblemView, content_type = "application/problem+json"),
    (status = 422, description = "parameters at fault", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn show(State(site): State<Site>, named: Named, pairs: Pairs) -> Result<Json<RefundView>, Problem> {
    let reference = reference(named)?;
    let Look { wait, after } = query::look(pairs)?;
    let row = follow(&site, &reference, after, wait).await?;
    Ok(Json(view(&site, &row)))
}

/// Waits for the refund to pass `after`. Without a place among the waiting it answers at once.
async fn follow(site: &Site, reference: &RefundRef, after: u64, wait: Duration) -> Result<RefundRow, Problem> {
    let mut board = site.shared.desk.board();
    let mut stop = site.stop.clone();
    let mut end = std::pin::pin!(tokio::time::sleep(wait));
    let mut place = None;
    loop {
        board.mark_unchanged();
        let row = find(site, reference)?;
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

/// Keeps that somebody has seen how the refund ended, and has done what was left to do by hand. Safe to repeat.
#[utoipa::path(post, path = "/v1/refunds/{refund_ref}/ack", tag = "refunds", params(
    ("refund_ref" = String, Path, description = "the refund's refund_ref"),
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
    match site.ask(site.shared.desk.acknowledge_refund(reference.clone())).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) => Err(conflict(&site, refusal, &reference)),
    }
}

fn find(site: &Site, reference: &RefundRef) -> Result<RefundRow, Problem> {
    site.shared.readers.glance(|reader| reader.refund(reference))?.ok_or_else(|| not_found(site))
}

/// A refund that is not here was never accepted, unless the ledger went back to an earlier moment: its name, which the POS
/// gave it, does not tell when.
fn not_found(site: &Site) -> Problem {
    match site.shared.readers.glance(|reader| reader.went_back()) {
        Ok(times) if times.is_empty() => Problem::no_refund(),
        Ok(_) => Problem::refund_perhaps_lost(),
        Err(error) => error.into(),
    }
}

fn view(site: &Site, row: &RefundRow) -> RefundView {
    RefundView::of(row, site.shared.config.language)
}

/// What cannot be a refund_ref was never accepted either.
fn reference(named: Named) -> Result<RefundRef, Problem> {
    let Path(text) = named.map_err(|_| Problem::no_refund())?;
    text.parse().map_err(|_| Problem::no_refund())
}

/// A name as one segment of an address.
fn escaped(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}
