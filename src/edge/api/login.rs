//! Signing in: a code from `shroff cashier`, or a token of the door, becomes a session that ends.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::door::{Entrance, bearer};
use super::fields::Fields;
use super::problem::{Kind, Problem, ProblemView};
use super::query::{self, Pairs};
use super::site::Site;
use super::{ask, body};
use crate::edge::sessions::{CODE_LIFE, Session, Sessions};
use crate::till::Refusal;
use crate::words::{LaneId, Secret};

/// Characters of what is typed to sign in; a longer one is no code and no token.
const TYPED_MAX: usize = 512;
/// How long a door that is configured may take to open: the Unix socket answers a moment earlier.
const DOOR_OPENS: Duration = Duration::from_secs(1);

/// The body of `POST /v1/login`: one of the two.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct LoginRequest {
    /// The code that `shroff cashier` printed. Good once, for five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "K7Q2M-9XBTR")]
    pub code: Option<String>,
    /// The content of `api.token_file` or `api.supervisor_token_file`. Never kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// A session that was opened.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Session")]
pub struct SessionView {
    /// What the page brings from now on as `Authorization: Bearer`.
    pub session: String,
    /// When it ends, RFC 3339.
    pub expires_at: String,
}

/// The body of `POST /v1/login/code`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct LoginCodeRequest {
    /// Whose page the link opens; may be left out where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1")]
    pub lane: Option<String>,
}

/// A code for a cashier page.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "LoginCode")]
pub struct LoginCodeView {
    /// The code, for whoever types it.
    #[schema(example = "K7Q2M-9XBTR")]
    pub code: String,
    /// The page's address, without the code.
    #[schema(example = "http://127.0.0.1:8750/cashier/1")]
    pub page: String,
    /// The page's address with the code behind `#`, where no server and no log ever sees it.
    #[schema(example = "http://127.0.0.1:8750/cashier/1#login=K7Q2M-9XBTR")]
    pub link: String,
    /// Seconds it is good for.
    #[schema(example = 300)]
    pub expires_in_s: u64,
}

/// Signs a cashier page in. The answer's session is brought as `Authorization: Bearer` and ends after sixteen hours, at
/// logout, or when the token of the door changes.
#[utoipa::path(post, path = "/v1/login", tag = "login", security(()), request_body = LoginRequest, responses(
    (status = 201, description = "signed in", body = SessionView),
    (status = 403, description = "`login_refused`: the code is wrong, used or old, or the token is wrong", body = ProblemView, content_type = "application/problem+json"),
    (status = 409, description = "`no_page`: there is no TCP door", body = ProblemView, content_type = "application/problem+json"),
    (status = 422, description = "fields at fault, named in `errors`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn login(State(site): State<Site>, pairs: Pairs, request: Request) -> Result<Response, Problem> {
    query::none(pairs)?;
    let body = body::json(request).await?;
    let (code, token) = typed(&body)?;
    drop(body);
    let (sessions, now) = (sessions(&site)?, site.now());
    let session = match (code, token) {
        (Some(code), None) => sessions.redeem(&String::from_utf8_lossy(code.expose()), now),
        (None, Some(token)) => is_ours(&site, &token).then(|| sessions.begin(now)),
        _ => return Err(Problem::field(Kind::Invalid, "code", "send either code or token")),
    };
    let refused = || {
        let detail = "a code is good once and for five minutes; run `shroff cashier` for a new one";
        Problem::new(Kind::LoginRefused, detail)
    };
    let Session { token, ends } = session.ok_or_else(refused)?;
    let session = String::from_utf8_lossy(token.expose()).into_owned();
    Ok((StatusCode::CREATED, Json(SessionView { session, expires_at: ends.to_string() })).into_response())
}

/// Makes a code that signs a cashier page in, once. For the Unix socket: over TCP whoever could ask has a token already.
#[utoipa::path(post, path = "/v1/login/code", tag = "login", request_body = LoginCodeRequest, responses(
    (status = 201, description = "a code and its link", body = LoginCodeView),
    (status = 403, description = "`socket_only`", body = ProblemView, content_type = "application/problem+json"),
    (status = 409, description = "`no_page`: set api.listen and api.token_file", body = ProblemView, content_type = "application/problem+json"),
    (status = 422, description = "fields at fault, named in `errors`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn code(
    State(site): State<Site>,
    Extension(entrance): Extension<Entrance>,
    pairs: Pairs,
    request: Request,
) -> Result<Response, Problem> {
    query::none(pairs)?;
    if entrance != Entrance::Socket {
        let detail = "a session cannot make others: run `shroff cashier` on this machine, or sign in with the token";
        return Err(Problem::new(Kind::SocketOnly, detail));
    }
    let mut fields = Fields::parse(&body::json(request).await?)?;
    let asked: Option<LaneId> = fields.name("lane");
    fields.finish(&["lane"])?;
    let lane = match (asked, site.shared.config.lanes.as_slice()) {
        (Some(lane), lanes) if lanes.contains(&lane) => lane,
        (None, [only]) => only.clone(),
        _ => return Err(Refusal::NoSuchLane.into()),
    };
    let sessions = sessions(&site)?;
    let address = tokio::time::timeout(DOOR_OPENS, site.shared.address.wait()).await.map_err(|_| no_page(&site))?;
    let code = sessions.mint(site.now());
    let page = format!("http://{address}/cashier/{lane}");
    let link = format!("{page}#login={code}");
    let view = LoginCodeView { code, page, link, expires_in_s: CODE_LIFE.as_secs() };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Ends the session that the request brings. Safe to repeat.
#[utoipa::path(post, path = "/v1/logout", tag = "login", responses(
    (status = 204, description = "the session, if it was one, has ended"),
))]
pub(super) async fn logout(
    State(site): State<Site>,
    headers: HeaderMap,
    pairs: Pairs,
    request: Request,
) -> Result<StatusCode, Problem> {
    query::none(pairs)?;
    ask::nothing(&body::any(request).await?)?;
    if let Some((sessions, token)) = site.shared.sessions.as_ref().zip(bearer(&headers)) {
        sessions.end(token);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn typed(body: &[u8]) -> Result<(Option<Secret>, Option<Secret>), Problem> {
    let mut fields = Fields::parse(body)?;
    let mut secret = |name| {
        fields.parsed(name, |text| {
            let text = text.trim();
            if text.is_empty() || text.len() > TYPED_MAX {
                return Err(format!("1 to {TYPED_MAX} characters are needed"));
            }
            Ok(Secret::new(text.as_bytes().to_vec()))
        })
    };
    let read = (secret("code"), secret("token"));
    fields.finish(&["code", "token"])?;
    Ok(read)
}

/// Whether this is a token of the door. Either signs in to the same: a session is never the supervisor's.
fn is_ours(site: &Site, typed: &Secret) -> bool {
    let config = &site.shared.config;
    let is =
        |token: &Option<Secret>| token.as_ref().is_some_and(|token| bool::from(token.expose().ct_eq(typed.expose())));
    is(&config.token) | is(&config.supervisor)
}

fn sessions(site: &Site) -> Result<&Sessions, Problem> {
    site.shared.sessions.as_deref().ok_or_else(|| no_page(site))
}

fn no_page(site: &Site) -> Problem {
    let board = site.shared.desk.board();
    let detail = if board.borrow().closed_ports.contains("api.listen") {
        "another program has the port of api.listen: end it (`ss -ltnp` names it), or choose another port and restart"
    } else {
        "a browser comes over TCP: set api.listen, for example \"127.0.0.1:8750\", and api.token_file, then restart"
    };
    Problem::new(Kind::NoPage, detail)
}
