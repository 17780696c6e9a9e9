//! The cashier page and its files. They hold nothing of the shop's; what the page shows it asks for like any program.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::display;
use super::problem::{Kind, Problem, ProblemView};
use super::site::Site;
use crate::edge::cashier::POLICY;

/// A name in the address, as axum hands it over.
type Named = Result<Path<String>, PathRejection>;

/// The cashier page of a lane.
#[utoipa::path(get, path = "/cashier/{lane}", tag = "cashier", security(()), params(
    ("lane" = String, Path, description = "the lane's id"),
), responses(
    (status = 200, description = "the page, which signs in by itself", content_type = "text/html", body = String),
    (status = 404, description = "`no_such_route`: there is no such lane", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn page(State(site): State<Site>, named: Named) -> Result<Response, Problem> {
    let lane = display::lane(&site, named)?;
    let mut response = Html(site.shared.cashier.html(&lane, site.shared.config.language)).into_response();
    harden(response.headers_mut());
    Ok(response)
}

/// A file of the cashier page: a style, a script, or the texts of a language.
#[utoipa::path(get, path = "/assets/{file}", tag = "cashier", security(()), params(
    ("file" = String, Path, description = "its name"),
), responses(
    (status = 200, description = "the file", body = String),
    (status = 404, description = "`no_such_route`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn asset(State(site): State<Site>, named: Named) -> Result<Response, Problem> {
    let found = named.ok().and_then(|Path(name)| site.shared.cashier.asset(&name));
    let no_file = || Problem::new(Kind::NoSuchRoute, "there is no such file");
    let (kind, bytes): (&'static str, Bytes) = found.ok_or_else(no_file)?;
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    harden(response.headers_mut());
    Ok(response)
}

fn harden(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    headers.insert(opener, HeaderValue::from_static("same-origin"));
    let features = HeaderName::from_static("permissions-policy");
    headers.insert(features, HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"));
}
