//! What WeChat tells by itself: a small door of its own, apart from the API, because strangers reach it. It verifies,
//! hands on what is verified, and acknowledges only what is on disk; anything else WeChat sends again.
//!
//! Source: protocol 5.6, 7.8.

mod serve;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures_util::StreamExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::desk::Desk;
use super::gateway::Gateway;
use super::metrics::Metrics;
use crate::dialect::{Distrust, HttpReply, REPLY_MAX};
use crate::till::NoticeRefused;
use crate::words::Tick;

/// How long a body may take. WeChat sends it in one piece.
const BODY_TIME: Duration = Duration::from_secs(3);
/// How long all of it may take: WeChat waits 5 s, and sends again what was not acknowledged by then.
const ANSWER_TIME: Duration = Duration::from_millis(4_500);
/// Of that, how long the gateway's certificates may take when one is not known.
const KEYS_TIME: Duration = Duration::from_secs(3);
/// What strangers send is worth one warning in this time; every one is counted.
const WARN_APART: Duration = Duration::from_secs(60);

/// The door. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Notify {
    site: Arc<Site>,
}

#[derive(Debug)]
struct Site {
    path: String,
    desk: Desk,
    gateway: Arc<Gateway>,
    metrics: Arc<Metrics>,
    clock: Clock,
    warned: Mutex<Option<Tick>>,
}

/// Why a notification is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// It did not come whole, or not in time.
    Incomplete,
    /// It is not believed.
    Distrusted(Distrust),
    /// It is, and is not about a refund of ours.
    NotOurs(NoticeRefused),
    /// The till could not be asked, or did not answer.
    Busy,
}

impl Notify {
    /// A door that takes notifications under `path`, and verifies them as `gateway` verifies replies.
    #[must_use]
    pub fn new(path: &str, desk: Desk, gateway: Arc<Gateway>, metrics: Arc<Metrics>, clock: Clock) -> Self {
        let site = Site { path: path.to_owned(), desk, gateway, metrics, clock, warned: Mutex::default() };
        Self { site: Arc::new(site) }
    }

    /// Serves whoever connects, until `stop` turns true or its sender is gone.
    pub async fn serve(self, listener: TcpListener, stop: watch::Receiver<bool>) {
        // The path is a shop's own word, so it is compared and not parsed: a brace in it is no parameter.
        let router = Router::new().fallback_service(post(take).with_state(self.site));
        serve::serve(listener, router, stop).await;
    }
}

/// Takes one notification and answers it.
async fn take(State(site): State<Arc<Site>>, request: Request) -> Response {
    if request.uri().path() != site.path {
        return StatusCode::NOT_FOUND.into_response();
    }
    let outcome = tokio::time::timeout(ANSWER_TIME, site.take(request)).await.unwrap_or(Err(Refused::Busy));
    site.tell(&outcome);
    site.answer(&outcome)
}

impl Site {
    async fn take(&self, request: Request) -> Result<bool, Refused> {
        let sent = letter(request).await?;
        let notice = self.gateway.notice(&sent, KEYS_TIME).await.map_err(Refused::Distrusted)?;
        match self.desk.notice(notice).await {
            Ok(taken) => taken.map_err(Refused::NotOurs),
            Err(_) => Err(Refused::Busy),
        }
    }

    /// Counts it, and says so. What is not verified is a stranger's word: it is warned of now and then and never
    /// repeated. What is verified and does not fit is for a person.
    fn tell(&self, outcome: &Result<bool, Refused>) {
        let why = match outcome {
            Ok(new) => {
                self.metrics.noticed(*new);
                return info!(new, "WeChat Pay told how a refund ended: it is asked about");
            }
            Err(refused) => refused.word(),
        };
        self.metrics.notice_refused(why);
        match outcome {
            Err(Refused::NotOurs(NoticeRefused::NotAbout(_))) => {
                warn!(why, "a notification names a refund of this terminal and does not fit it");
            }
            Err(Refused::NotOurs(NoticeRefused::NoSuchRefund)) => {
                info!(why, "a notification was not taken: it is not about a refund of this terminal");
            }
            Err(Refused::Distrusted(_) | Refused::Incomplete | Refused::Busy) if self.may_warn() => {
                warn!(why, "a notification was not taken");
            }
            Ok(_) | Err(Refused::Distrusted(_) | Refused::Incomplete | Refused::Busy) => {
                debug!(why, "a notification was not taken");
            }
        }
    }

    fn may_warn(&self) -> bool {
        let now = self.clock.tick();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let may = warned.is_none_or(|at| now.since(at) >= WARN_APART);
        if may {
            *warned = Some(now);
        }
        may
    }

    fn answer(&self, outcome: &Result<bool, Refused>) -> Response {
        let Some(notices) = self.gateway.notices() else { return StatusCode::NOT_FOUND.into_response() };
        let (status, (kind, body)) = match outcome {
            Ok(_) => {
                let (status, kind, body) = notices.kept();
                (StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT), (kind, body))
            }
            Err(refused) => (refused.status(), notices.refused()),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        if !kind.is_empty() {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        response
    }
}

impl Refused {
    fn word(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Distrusted(why) => why.word(),
            Self::NotOurs(why) => why.word(),
            Self::Busy => "busy",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Incomplete => StatusCode::REQUEST_TIMEOUT,
            Self::Distrusted(Distrust::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Distrusted(why) if why.is_signature() || why == Distrust::Stale => StatusCode::UNAUTHORIZED,
            Self::Distrusted(_) => StatusCode::BAD_REQUEST,
            Self::NotOurs(NoticeRefused::NoSuchRefund) => StatusCode::NOT_FOUND,
            Self::NotOurs(NoticeRefused::NotAbout(_)) => StatusCode::CONFLICT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The request as a dialect reads it, at most [`REPLY_MAX`] bytes of it.
async fn letter(request: Request) -> Result<HttpReply, Refused> {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let headers = headers.collect();
    let body = tokio::time::timeout(BODY_TIME, collect(body)).await.unwrap_or(Err(Refused::Incomplete))?;
    Ok(HttpReply { status: 200, headers, body })
}

async fn collect(body: Body) -> Result<Vec<u8>, Refused> {
    let (mut taken, mut stream) = (Vec::new(), body.into_data_stream());
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| Refused::Incomplete)?;
        if taken.len().saturating_add(piece.len()) > REPLY_MAX {
            return Err(Refused::Distrusted(Distrust::TooLarge));
        }
        taken.extend_from_slice(&piece);
    }
    Ok(taken)
}
