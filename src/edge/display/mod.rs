//! What customers see: the newest scene of a lane, on whatever shows it. A scene holds for a short time only, so that
//! a display that hears nothing more cannot go on showing *paid*.

mod console;
mod front;
pub mod glass;
pub mod keeper;
pub mod keeping;
mod lcdproc;
pub mod page;
mod serial;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use console::picture;
pub use front::{Front, PageFront, Picture, PictureError, Posted, Shelf, Theme};

use crate::edge::desk::{Board, Notice};
use crate::payment::State;
use crate::scene::{self, Aside, LaneLook, Scene};
use crate::till::LaneView;
use crate::words::{LaneId, Language, Now, Tick};

/// How often a display is told the scene again, changed or not: well within the time a scene holds.
pub const REFRESH: Duration = Duration::from_secs(5);

/// Watches a lane for a display.
#[derive(Clone)]
pub struct Watcher {
    board: watch::Receiver<Board>,
    lane: LaneId,
    languages: Vec<Language>,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
    shop: Option<Arc<str>>,
    posted: watch::Receiver<BTreeMap<LaneId, Posted>>,
}

impl Watcher {
    /// Watches `lane` on `board`, for a display in `languages`.
    #[must_use]
    pub fn new(
        board: watch::Receiver<Board>,
        lane: LaneId,
        languages: Vec<Language>,
        clock: Arc<dyn Fn() -> Now + Send + Sync>,
    ) -> Self {
        Self { board, lane, languages, clock, shop: None, posted: Shelf::default().watch() }
    }

    /// Watches what the shop itself shows, too: its name, and baskets of the POS.
    #[must_use]
    pub fn in_front(self, front: &Front) -> Self {
        Self { shop: front.name.clone(), posted: front.shelf.watch(), ..self }
    }

    /// The scene as it is now, and the moment it was taken.
    pub fn scene(&mut self) -> (Scene, Tick) {
        let now = (self.clock)().tick;
        let look = self.look();
        (scene::scene(&look, &self.languages, now), now)
    }

    fn look(&mut self) -> LaneLook {
        let gone = self.board.has_changed().is_err();
        let board = self.board.borrow_and_update();
        let view = board.lanes.iter().find(|view| view.lane == self.lane);
        let notice = board.notices.get(&self.lane).copied();
        let look = view.map(|view| look_of(view, notice)).unwrap_or_default();
        let payment = view.and_then(|view| view.payment.as_ref());
        let posted = self.posted.borrow_and_update();
        let posted = posted.get(&self.lane).filter(|posted| posted.beside.as_ref() == payment);
        LaneLook {
            out_of_order: gone || board.out_of_order,
            shop: self.shop.clone(),
            basket: posted.map(|posted| (Arc::clone(&posted.basket), posted.until)),
            ..look
        }
    }

    /// Waits until `scene` should be told again: it may have changed, or it is time to say that it has not.
    pub async fn wait(&mut self, scene: &Scene, now: Tick) {
        let changes = scene::changes_at(&self.look(), now);
        let turns = changes.map_or(REFRESH, |at| at.since(now)).min(REFRESH);
        let refresh = tokio::time::sleep(turns);
        tokio::pin!(refresh);
        loop {
            tokio::select! {
                moved = self.board.changed() => {
                    // Another lane's change is none of ours, and a till that is gone says nothing more.
                    if moved.is_err() {
                        refresh.await;
                        return;
                    }
                    if !same(&self.scene().0, scene) {
                        return;
                    }
                }
                Ok(()) = self.posted.changed() => {
                    if !same(&self.scene().0, scene) {
                        return;
                    }
                }
                () = &mut refresh => return,
            }
        }
    }
}

/// Whether two scenes show the same, however long they hold.
fn same(one: &Scene, other: &Scene) -> bool {
    Scene { expires_at: other.expires_at, ..one.clone() } == *other
}

fn look_of(view: &LaneView, notice: Option<Notice>) -> LaneLook {
    let refused = view.last_decline.as_ref().map(|_| (Aside::Again, view.since));
    // A scan of the sale before, or of the time before this code was asked for, is nothing to this customer.
    let wrong = notice.filter(|it| it.at >= view.since).and_then(|it| Some((Aside::of(it.word)?, it.at)));
    LaneLook {
        state: view.state,
        amount: view.amount,
        since: view.since,
        until: view.until,
        out_of_order: false,
        aside: wrong.or(refused).filter(|_| view.state == Some(State::Armed)),
        ..LaneLook::default()
    }
}
