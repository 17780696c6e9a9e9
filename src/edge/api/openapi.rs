//! The contract, written from the code that keeps it.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::{
    cashier, close, display, events, health, history, lists, login, payments, reconciliations, refunds, terminal,
};

/// Every call of the API as OpenAPI.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "shroff",
        description = "The cashier terminal's local API. Amounts are integers in the currency's smallest unit; errors are \
            RFC 9457 problems; a declined payment is a 200 with its state. Over the Unix socket no token is needed."
    ),
    paths(
        payments::collect,
        payments::list,
        payments::show,
        payments::cancel,
        payments::acknowledge,
        refunds::request,
        refunds::show,
        refunds::acknowledge,
        history::refunds,
        history::journal,
        reconciliations::keep,
        lists::attention,
        lists::lanes,
        lists::devices,
        display::post,
        events::events,
        close::close,
        terminal::terminal,
        login::login,
        login::code,
        login::logout,
        health::healthz,
        health::readyz,
        health::metrics,
        document,
        display::page,
        display::scenes,
        display::picture,
        cashier::page,
        cashier::asset,
    ),
    security(("token" = [])),
    modifiers(&Token),
)]
struct Document;

struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "the content of api.token_file, or of api.supervisor_token_file where a refund needs the supervisor; the \
                 latter counts over the Unix socket too. A page that signed in with POST /v1/login brings its session",
        ));
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// Describes the API.
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses(
    (status = 200, description = "this document", content_type = "application/json", body = Object),
))]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
