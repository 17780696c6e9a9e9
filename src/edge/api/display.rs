//! The customer's page and its scenes. Open to any local reader, so nothing but scenes goes through here.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::problem::{Kind, Problem, ProblemView};
use super::serve::stopped;
use super::site::Site;
use crate::edge::display::Watcher;
use crate::edge::display::page::SceneView;
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
    let watcher = Watcher::new(shared.desk.board(), lane, languages, shared.clock.clone());
    let stop = site.stop.clone();
    let show = Show { site, watcher, stop, last: None, _place: place };
    let stream = stream::unfold(show, |mut show| async move {
        let event = show.next().await?;
        Some((Ok(event), show))
    });
    Ok(Sse::new(stream))
}

/// A page that looks on.
struct Show {
    site: Site,
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
        let data = serde_json::to_string(&self.site.shared.page.scene(&scene, now)).ok()?;
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
    known
        .ok_or_else(|| Problem::new(Kind::NoSuchRoute, "there is no such lane; a page's address ends with a lane's id"))
}
