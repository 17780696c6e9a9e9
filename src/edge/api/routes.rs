//! Every call there is, in one table; what is not in it is answered with a problem.

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::door::{self, Door};
use super::problem::{Kind, Problem};
use super::site::Site;
use super::{
    cashier, close, display, events, health, history, lists, login, openapi, payments, reconciliations, refunds,
    terminal,
};

/// A call of the API.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Its path, parameters in braces.
    pub path: &'static str,
    /// Answered over TCP without a token.
    pub open: bool,
    handler: fn() -> MethodRouter<Site>,
}

/// Every call there is.
pub const ROUTES: &[Route] = &[
    locked("POST", "/v1/payments", || post(payments::collect)),
    locked("GET", "/v1/payments", || get(payments::list)),
    locked("GET", "/v1/payments/{ref}", || get(payments::show)),
    locked("POST", "/v1/payments/{ref}/cancel", || post(payments::cancel)),
    locked("POST", "/v1/payments/{ref}/ack", || post(payments::acknowledge)),
    locked("POST", "/v1/payments/{ref}/refunds", || post(refunds::request)),
    locked("GET", "/v1/payments/{ref}/refunds", || get(history::refunds)),
    locked("GET", "/v1/payments/{ref}/journal", || get(history::journal)),
    locked("GET", "/v1/refunds/{refund_ref}", || get(refunds::show)),
    locked("POST", "/v1/refunds/{refund_ref}/ack", || post(refunds::acknowledge)),
    locked("POST", "/v1/reconciliations", || post(reconciliations::keep)),
    locked("GET", "/v1/attention", || get(lists::attention)),
    locked("GET", "/v1/lanes", || get(lists::lanes)),
    locked("POST", "/v1/lanes/{id}/display", || post(display::post)),
    locked("GET", "/v1/devices", || get(lists::devices)),
    locked("GET", "/v1/events", || get(events::events)),
    locked("GET", "/v1/close", || get(close::close)),
    locked("GET", "/v1/terminal", || get(terminal::terminal)),
    open("POST", "/v1/login", || post(login::login)),
    locked("POST", "/v1/login/code", || post(login::code)),
    locked("POST", "/v1/logout", || post(login::logout)),
    open("GET", "/healthz", || get(health::healthz)),
    open("GET", "/readyz", || get(health::readyz)),
    locked("GET", "/metrics", || get(health::metrics)),
    locked("GET", "/openapi.json", || get(openapi::document)),
    open("GET", "/display/{lane}", || get(display::page)),
    open("GET", "/display/{lane}/events", || get(display::scenes)),
    open("GET", "/display/{lane}/picture", || get(display::picture)),
    open("GET", "/cashier/{lane}", || get(cashier::page)),
    open("GET", "/assets/{file}", || get(cashier::asset)),
];

/// All of it behind `door`.
pub(super) fn router(site: Site, door: Door) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        router = router.route(route.path, (route.handler)());
    }
    router
        .fallback(|| async { Problem::new(Kind::NoSuchRoute, "GET /openapi.json lists the calls there are") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                Kind::WrongMethod,
                "use the method that Allow names; GET /openapi.json lists the calls there are",
            )
        })
        .with_state(site)
        .layer(axum::middleware::from_fn_with_state(door, door::guard))
}

const fn locked(method: &'static str, path: &'static str, handler: fn() -> MethodRouter<Site>) -> Route {
    Route { method, path, open: false, handler }
}

const fn open(method: &'static str, path: &'static str, handler: fn() -> MethodRouter<Site>) -> Route {
    Route { method, path, open: true, handler }
}
