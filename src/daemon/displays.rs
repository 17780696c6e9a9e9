//! The displays: a keeper for each, what it is told, and what health tells of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::config::{Config, Display};
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, DeviceView, Role};
use crate::edge::display::glass::{Settings, State};
use crate::edge::display::keeping::{Keeping, Report, SILENT};
use crate::edge::display::{Front, Watcher};
use crate::edge::metrics::Metrics;
use crate::words::{LaneId, Language};

/// How soon a keeper that ended is started anew.
const AGAIN: Duration = Duration::from_secs(1);

/// All displays that hang on this process. A page asks by itself.
pub(super) struct Displays {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    views: watch::Receiver<Vec<DeviceView>>,
}

/// One display.
struct Post {
    /// Its place among the views.
    index: usize,
    lane: LaneId,
    settings: Settings,
    languages: Vec<Language>,
    views: Arc<watch::Sender<Vec<DeviceView>>>,
    metrics: Arc<Metrics>,
    report: Option<Report>,
}

impl Displays {
    /// Starts a keeper for each.
    pub(super) fn start(
        config: &Config,
        board: &watch::Receiver<Board>,
        front: &Front,
        clock: Clock,
        metrics: &Arc<Metrics>,
        handle: &Handle,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (views, seen) = watch::channel(config.displays.iter().filter_map(view).collect());
        let views = Arc::new(views);
        let mut tasks = JoinSet::new();
        let written =
            config.displays.iter().filter_map(|display| Some((display.lane.clone(), display.kind.glass()?.clone())));
        for (index, (lane, settings)) in (0_usize..).zip(written) {
            let languages = settings.languages(&config.terminal.display_languages);
            let now = Arc::new(move || clock.now());
            let watcher = Watcher::new(board.clone(), lane.clone(), languages.clone(), now).in_front(front);
            let (views, metrics) = (Arc::clone(&views), Arc::clone(metrics));
            let post = Post { index, lane, settings, languages, views, metrics, report: None };
            tasks.spawn_on(post.run(watcher, stopped.clone()), handle);
        }
        Self { stop, tasks, views: seen }
    }

    /// What health tells.
    pub(super) fn views(&self) -> watch::Receiver<Vec<DeviceView>> {
        self.views.clone()
    }

    /// Lets every display say its last words, all at once.
    pub(super) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What is told of a display before it was looked for, unless it is a page.
fn view(display: &Display) -> Option<DeviceView> {
    let settings = display.kind.glass()?;
    Some(DeviceView {
        lane: display.lane.clone(),
        role: Role::Display,
        kind: settings.kind(),
        device: settings.device(),
        state: State::Gone.word(),
        advice: NOT_SEEN.to_owned(),
        scans: 0,
    })
}

impl Post {
    /// Feeds keepers, one after the other, until told to stop.
    async fn run(mut self, mut watcher: Watcher, mut stopped: watch::Receiver<bool>) {
        loop {
            match Keeping::start(&self.lane, &self.languages, &self.settings) {
                Ok(keeping) => {
                    if let Some(ended) = self.feed(keeping, &mut watcher, &mut stopped).await {
                        return ended.end().await;
                    }
                }
                Err(error) => {
                    self.tell(State::Gone, format!("the system gives no process for the display: {error}"));
                }
            }
            tokio::select! {
                () = sleep(AGAIN) => {}
                () = told_to(&mut stopped) => return,
            }
        }
    }

    /// Tells a keeper every scene, and everybody how its display is. Gives the keeper back when told to stop.
    async fn feed(
        &mut self,
        mut keeping: Keeping,
        watcher: &mut Watcher,
        stopped: &mut watch::Receiver<bool>,
    ) -> Option<Keeping> {
        let silence = sleep(SILENT);
        tokio::pin!(silence);
        loop {
            let (scene, now) = watcher.scene();
            if keeping.show(&scene, now).await.is_err() {
                break;
            }
            let again = watcher.wait(&scene, now);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    () = &mut again => break,
                    report = keeping.report() => {
                        let Some(report) = report else { return self.lost(keeping, "ended").await };
                        silence.set(sleep(SILENT));
                        self.tell(report.state, report.advice);
                    }
                    () = &mut silence => return self.lost(keeping, "is held up").await,
                    () = told_to(stopped) => return Some(keeping),
                }
            }
        }
        self.lost(keeping, "takes nothing").await
    }

    /// Ends a keeper that is no good any more.
    async fn lost(&mut self, keeping: Keeping, how: &str) -> Option<Keeping> {
        warn!(lane = %self.lane, device = self.settings.device(), "the process of the display {how}");
        self.tell(State::Stuck, format!("the process of the display {how}; it is started anew"));
        keeping.kill().await;
        None
    }

    fn tell(&mut self, state: State, advice: String) {
        let report = Report { state, advice };
        if self.report.as_ref() == Some(&report) {
            return;
        }
        let (lane, device, advice) = (&self.lane, self.settings.device(), &report.advice);
        self.metrics.display_up(lane, self.settings.kind(), &device, state == State::Connected);
        info!(%lane, %device, health = state.word(), %advice, "display");
        self.views.send_modify(|views| {
            if let Some(view) = views.get_mut(self.index) {
                (view.state, view.advice) = (state.word(), advice.clone());
            }
        });
        self.report = Some(report);
    }
}

/// Waits until the displays are to end.
async fn told_to(stopped: &mut watch::Receiver<bool>) {
    while !*stopped.borrow_and_update() {
        if stopped.changed().await.is_err() {
            return;
        }
    }
}

const NOT_SEEN: &str = "not seen yet";
