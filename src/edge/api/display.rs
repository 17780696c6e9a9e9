//! The customer's page and its scenes, open to any local reader, so that nothing but what customers may see goes through
//! here; and what the POS puts on it.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::problem::{Kind, Problem, ProblemView};
use super::query::Pairs;
use super::serve::stopped;
use super::site::Site;
use super::{basket, body, query};
use crate::edge::display::page::SceneView;
use crate::edge::display::{Posted, Watcher};
use crate::scene::Scene;
use crate::words::{LaneId, Tick};

/// A lane in the address, as axum hands it over.
type Named = Result<Path<String>, PathRejection>;

/// How soon a page should come back.
const RETRY: Duration = Duration::from_secs(1);

/// The customer's page of a lane.
#[utoipa::path(get, path = "/display/{lane}", tag = "display", security(()), params(
    ("lane" = String, Path, description = "the lane's id"),
), responses(
    (status = 200, description = "the page", content_type = "text/html", body = String),
    (status = 404, description = "`no_such_route`: there is no such lane", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn page(State(site): State<Site>, named: Named) -> Result<Response, Problem> {
    let lane = lane(&site, named)?;
    let page = &site.shared.page;
    let mut response = Html(page.html(&lane)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(page.policy()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// The scenes of a lane: the whole scene on connection, on every change, and every few seconds.
#[utoipa::path(get, path = "/display/{lane}/events", tag = "display", security(()), params(
    ("lane" = String, Path, description = "the lane's id"),
), responses(
    (status = 200, description = "events `scene`, each a whole scene as JSON", content_type = "text/event-stream", body = SceneView),
    (status = 404, description = "`no_such_route`: there is no such lane", body = ProblemView, content_type = "application/problem+json"),
    (status = 503, description = "`busy`: too many streams", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn scenes(
    State(site): State<Site>,
    named: Named,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let lane = lane(&site, named)?;
    let place = site.stream_place_or_busy()?;
    let shared = &site.shared;
    let languages = shared.config.display_languages.clone();
    let watcher = Watcher::new(shared.desk.board(), lane.clone(), languages, shared.clock.clone());
    let watcher = watcher.in_front(&shared.config.front);
    let stop = site.stop.clone();
    let show = Show { site, lane, watcher, stop, last: None, _place: place };
    let stream = stream::unfold(show, |mut show| async move {
        let event = show.next().await?;
        Some((Ok(event), show))
    });
    Ok(Sse::new(stream))
}

/// The picture a lane's page shows while nobody pays.
#[utoipa::path(get, path = "/display/{lane}/picture", tag = "display", security(()), params(
    ("lane" = String, Path, description = "the lane's id"),
), responses(
    (status = 200, description = "PNG, JPEG or WebP", content_type = "image/*", body = Vec<u8>),
    (status = 404, description = "`no_such_route`: there is no such lane, or it has no picture", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn picture(State(site): State<Site>, named: Named) -> Result<Response, Problem> {
    let lane = lane(&site, named)?;
    let picture = site.shared.config.front.pages.get(&lane).and_then(|page| page.picture.clone());
    let none = || Problem::new(Kind::NoSuchRoute, "the lane's page has no picture; display.picture names one");
    let picture = picture.ok_or_else(none)?;
    Ok(([(header::CONTENT_TYPE, picture.kind())], picture.bytes()).into_response())
}

/// Shows a lane's customer the articles so far. A payment takes their place, and they do not come back after it.
#[utoipa::path(post, path = "/v1/lanes/{id}/display", tag = "display", params(
    ("id" = String, Path, description = "the lane's id"),
), request_body = basket::BasketRequest, responses(
    (status = 204, description = "shown, or taken away when there are neither lines nor a total"),
    (status = 404, description = "`no_such_route`: there is no such lane", body = ProblemView, content_type = "application/problem+json"),
    (status = 409, description = "`lane_busy`: a payment is open, and the display shows that", body = ProblemView, content_type = "application/problem+json"),
    (status = 422, description = "fields at fault, named in `errors`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn post(
    State(site): State<Site>,
    named: Named,
    pairs: Pairs,
    request: Request,
) -> Result<StatusCode, Problem> {
    query::none(pairs)?;
    let lane = lane(&site, named)?;
    let (basket, ttl) = basket::read(&body::json(request).await?, site.shared.config.currency)?;
    let until = site.now().tick.after(ttl);
    let (open, payment) = {
        let board = site.shared.desk.board();
        let board = board.borrow();
        let view = board.lanes.iter().find(|view| view.lane == lane);
        let open = view.and_then(|view| view.state).is_some_and(crate::payment::State::holds_lane);
        (open, view.and_then(|view| view.payment.clone()))
    };
    if open && basket.is_some() {
        let detail = "a payment is open on this lane and its display shows that; send the basket when it has ended";
        return Err(Problem::new(Kind::LaneBusy, detail));
    }
    let posted = basket.map(|basket| Posted { basket: basket.into(), until, beside: payment });
    site.shared.config.front.shelf.put(&lane, posted);
    Ok(StatusCode::NO_CONTENT)
}

/// A page that looks on.
struct Show {
    site: Site,
    lane: LaneId,
    watcher: Watcher,
    stop: watch::Receiver<bool>,
    last: Option<(Scene, Tick)>,
    _place: OwnedSemaphorePermit,
}

impl Show {
    async fn next(&mut self) -> Option<Event> {
        if let Some((scene, at)) = &self.last {
            tokio::select! {
                () = self.watcher.wait(scene, *at) => {}
                () = stopped(&mut self.stop) => return None,
            }
        }
        let (scene, now) = self.watcher.scene();
        let data = serde_json::to_string(&self.site.shared.page.scene(&self.lane, &scene, now)).ok()?;
        let event = Event::default().event("scene").data(data);
        let event = if self.last.is_none() { event.retry(RETRY) } else { event };
        self.last = Some((scene, now));
        Some(event)
    }
}

/// The lane that is named, if there is one.
pub(super) fn lane(site: &Site, named: Named) -> Result<LaneId, Problem> {
    let named = named.ok().and_then(|Path(text)| text.parse().ok());
    let known = named.filter(|lane| site.shared.config.lanes.contains(lane));
    known.ok_or_else(|| {
        Problem::new(
            Kind::NoSuchRoute,
            "there is no such lane; the address names a lane's id, and GET /v1/lanes lists them",
        )
    })
}
