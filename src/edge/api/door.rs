//! Who may come in: over the socket whoever may open it; over TCP who has the token, speaks to this terminal by name,
//! and is no foreign web page.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use super::Clock;
use super::problem::{Kind, Problem};
use crate::edge::sessions::Sessions;
use crate::words::Secret;

/// How a listener lets people in.
#[derive(Clone, Debug)]
pub(super) enum Door {
    /// The socket's file mode has decided already. Only the supervisor still has something to show.
    Unix {
        /// The supervisor's token.
        supervisor: Option<Secret>,
    },
    /// Any local user, and any web page in a local browser.
    Tcp(Arc<Gate>),
}

/// What is checked on TCP.
pub(super) struct Gate {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Without one nobody is let past the open routes.
    pub(super) token: Option<Secret>,
    /// The supervisor's token opens the same routes, and allows more behind them.
    pub(super) supervisor: Option<Secret>,
    /// Web pages of the shop's own, `scheme://host[:port]`.
    pub(super) origins: Vec<String>,
    /// The cashier pages that are signed in.
    pub(super) sessions: Option<Arc<Sessions>>,
    /// When it is: sessions end.
    pub(super) clock: Clock,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("address", &self.address).field("origins", &self.origins).finish_non_exhaustive()
    }
}

/// Who asks, as far as tokens tell. Handlers find it among the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A cashier or a POS.
    Operator,
    /// Whoever has brought the supervisor's token.
    Supervisor,
}

/// Which door the request came through. Handlers find it among the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entrance {
    /// The Unix socket.
    Socket,
    /// Loopback TCP.
    Tcp,
}

/// Checks a request, answers it, and says what browsers may do with the answer.
pub(super) async fn guard(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let (supervisor, entrance) = match &door {
        Door::Unix { supervisor } => (supervisor, Entrance::Socket),
        Door::Tcp(gate) => (&gate.supervisor, Entrance::Tcp),
    };
    request.extensions_mut().insert(entrance);
    let role = if brings(request.headers(), supervisor.as_ref()) { Role::Supervisor } else { Role::Operator };
    request.extensions_mut().insert(role);
    let (mut response, origin) = match &door {
        Door::Unix { .. } => (next.run(request).await, None),
        Door::Tcp(gate) => match gate.admit(&request) {
            Ok(Admitted::Preflight(origin)) => (preflight(), Some(origin)),
            Ok(Admitted::Request(origin)) => (next.run(request).await, origin),
            Err(problem) => (problem.into_response(), None),
        },
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("location, retry-after"));
        headers
            .insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    }
    response
}

/// Why a request may go on, with the foreign origin that is allowed to read the answer.
enum Admitted {
    Request(Option<HeaderValue>),
    Preflight(HeaderValue),
}

impl Gate {
    fn admit(&self, request: &Request) -> Result<Admitted, Problem> {
        let headers = request.headers();
        let host = self.host(headers, request.uri())?;
        let origin = self.origin(headers, host)?;
        if let Some(origin) = origin.clone().filter(|_| is_preflight(request)) {
            return Ok(Admitted::Preflight(origin));
        }
        if is_open(request.method(), request.uri().path()) || self.knows(headers) {
            return Ok(Admitted::Request(origin));
        }
        Err(Problem::new(Kind::Unauthorized, "send Authorization: Bearer and the token of api.token_file"))
    }

    /// The name we are spoken to by. A page that has bent its own name to 127.0.0.1 still gives that name away here.
    fn host<'a>(&self, headers: &'a HeaderMap, uri: &'a Uri) -> Result<&'a str, Problem> {
        let wrong = || {
            // Not localhost: that may be another address of this machine, where another program can listen.
            Problem::new(Kind::WrongHost, format!("ask for {}", self.address))
        };
        let mut names = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (names.next(), names.next()) else { return Err(wrong()) };
        let host = host.to_str().map_err(|_| wrong())?;
        let line = uri.authority().map_or(host, axum::http::uri::Authority::as_str);
        if self.is_ours(host) && self.is_ours(line) { Ok(host) } else { Err(wrong()) }
    }

    fn is_ours(&self, host: &str) -> bool {
        let colon = host.rfind(':').filter(|_| !host.ends_with(']'));
        let (name, port) = match colon.map(|at| host.split_at(at)) {
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
            None => (host, "80"),
        };
        let name = name.to_ascii_lowercase();
        let address = match self.address {
            SocketAddr::V4(it) => it.ip().to_string(),
            SocketAddr::V6(it) => format!("[{}]", it.ip()),
        };
        let named = matches!(name.as_str(), "127.0.0.1" | "localhost" | "[::1]") || name == address;
        named && port == self.address.port().to_string()
    }

    /// The origin to be named in the answer: none for our own pages and for what is no browser.
    fn origin(&self, headers: &HeaderMap, host: &str) -> Result<Option<HeaderValue>, Problem> {
        let wrong = || Problem::new(Kind::WrongOrigin, "add the page's origin to api.origins if it is the shop's own");
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(None) };
        let text = origin.to_str().map_err(|_| wrong())?;
        if origins.next().is_some() {
            return Err(wrong());
        }
        if text.strip_prefix("http://").is_some_and(|own| own.eq_ignore_ascii_case(host)) {
            return Ok(None);
        }
        if self.origins.iter().any(|allowed| allowed == text) { Ok(Some(origin.clone())) } else { Err(wrong()) }
    }

    /// Whether the request brings one of our tokens, or that of a page that is signed in.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let signed_in = || {
            let (sessions, token) = self.sessions.as_ref().zip(bearer(headers))?;
            Some(sessions.knows(token, (self.clock)().tick))
        };
        brings(headers, self.token.as_ref())
            || brings(headers, self.supervisor.as_ref())
            || signed_in().unwrap_or_default()
    }
}

/// Whether the request brings this token. Takes as long for a wrong one of the same length as for the right one.
fn brings(headers: &HeaderMap, token: Option<&Secret>) -> bool {
    let Some((token, brought)) = token.zip(bearer(headers)) else { return false };
    token.expose().ct_eq(brought).into()
}

/// The token that the request brings, if it brings exactly one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut brought = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(brought), None) = (brought.next(), brought.next()) else { return None };
    let (scheme, credentials) = brought.as_bytes().split_at_checked(7)?;
    let credentials = credentials.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !credentials.is_empty()).then_some(credentials)
}

/// What is answered without a token: what a customer may see, whether the terminal works, the cashier page's own files,
/// in which nothing of the shop stands but its name, and signing in, whose code or token is in the body.
fn is_open(method: &Method, path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let route = (parts.next(), parts.next(), parts.next(), parts.next());
    let read = matches!(*method, Method::GET | Method::HEAD);
    match route {
        (Some("healthz" | "readyz"), None, None, None) => read,
        (Some("display"), Some(lane), None | Some("events" | "picture"), None) => read && !lane.is_empty(),
        (Some("cashier" | "assets"), Some(name), None, None) => read && !name.is_empty(),
        (Some("v1"), Some("login"), None, None) => *method == Method::POST,
        _ => false,
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    let allowed = HeaderValue::from_static("authorization, content-type, last-event-id");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate {
            address: "127.0.0.1:8750".parse().expect("an address"),
            token: Some(Secret::new(b"right".to_vec())),
            supervisor: Some(Secret::new(b"boss".to_vec())),
            origins: vec!["https://pos.example".to_owned()],
            sessions: None,
            clock: Arc::new(|| crate::words::Now {
                tick: crate::words::Tick::default(),
                wall: crate::words::WallTime::default(),
            }),
        }
    }

    fn code(headers: &[(&str, &str)], path: &str) -> &'static str {
        let mut request = axum::http::Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::empty()).expect("a request");
        gate().admit(&request).map_or_else(|problem| problem.code(), |_| "in")
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for host in ["127.0.0.1:8750", "localhost:8750", "LOCALHOST:8750", "[::1]:8750"] {
            assert_eq!(code(&[("host", host)], "/healthz"), "in", "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:80",
            "evil.example:8750",
            "localhost.evil.example:8750",
            "[::1]",
            "127.0.0.1:8750@evil.example",
            "0.0.0.0:8750",
            "localhost:08750",
            "localhost:8750 ",
        ] {
            assert_eq!(code(&[("host", host)], "/healthz"), "wrong_host", "{host}");
        }
        assert_eq!(code(&[], "/healthz"), "wrong_host");
        assert_eq!(code(&[("host", "localhost:8750"), ("host", "localhost:8750")], "/healthz"), "wrong_host");
        assert_eq!(code(&[("host", "localhost:8750")], "http://evil.example/healthz"), "wrong_host");
    }

    #[test]
    fn only_the_right_token_opens_the_other_routes() {
        let host = ("host", "localhost:8750");
        let with = |token| code(&[host, ("authorization", token)], "/v1/payments");
        assert_eq!(with("Bearer right"), "in");
        assert_eq!(with("bearer  right "), "in");
        assert_eq!(with("Bearer boss"), "in");
        for token in ["", "right", "Bearer", "Bearer ", "Bearer wrong", "Bearer righ", "Bearer rightt", "Basic right"] {
            assert_eq!(with(token), "unauthorized", "{token}");
        }
        let two = [host, ("authorization", "Bearer right"), ("authorization", "Bearer wrong")];
        assert_eq!(code(&two, "/v1/payments"), "unauthorized");
    }

    #[test]
    fn what_only_looks_like_an_open_route_is_closed() {
        for path in [
            "/healthz",
            "/readyz",
            "/display/1",
            "/display/1/events",
            "/display/1/picture",
            "/cashier/1",
            "/assets/app.js",
        ] {
            assert_eq!(code(&[("host", "localhost:8750")], path), "in", "{path}");
        }
        for path in [
            "/",
            "/healthz/",
            "/metrics",
            "/display",
            "/display/",
            "/display//events",
            "/display/1/2",
            "/display/1/events/",
            "/cashier",
            "/cashier/",
            "/cashier/1/",
            "/assets/",
            "/assets/a/b",
            "/v1/login",
            "/v1/login/",
            "/v1/login/code",
            "/v1/logout",
            "//healthz",
            "/v1/display/1",
            "/v1/lanes/1/display",
            "/display/1/picture/",
            "/openapi.json",
        ] {
            assert_eq!(code(&[("host", "localhost:8750")], path), "unauthorized", "{path}");
        }
    }

    #[test]
    fn a_foreign_page_is_turned_away_even_with_the_token() {
        let with = |origin| {
            code(&[("host", "localhost:8750"), ("authorization", "Bearer right"), ("origin", origin)], "/metrics")
        };
        assert_eq!(with("https://pos.example"), "in");
        assert_eq!(with("http://localhost:8750"), "in");
        for origin in [
            "null",
            "",
            "https://pos.example.evil",
            "http://pos.example",
            "http://127.0.0.1:8750",
            "https://localhost:8750",
        ] {
            assert_eq!(with(origin), "wrong_origin", "{origin}");
        }
    }
}
