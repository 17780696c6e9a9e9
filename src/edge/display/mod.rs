//! What customers see: the newest scene of a lane, on whatever shows it. A scene holds for a short time only, so that
//! a display that hears nothing more cannot go on showing *paid*.

pub mod console;
pub mod page;
mod said;
mod slot;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

pub use slot::Slot;

use crate::edge::desk::Board;
use crate::payment::State;
use crate::till::LaneView;
use crate::words::{LaneId, Language, Money, Now, Tick};

/// How often a display is told the scene again, changed or not.
pub const REFRESH: Duration = Duration::from_secs(5);
/// How long a scene holds without being told again: two refreshes and a stumble.
pub const HOLD: Duration = Duration::from_secs(12);
/// How long the end of a payment stays before the lane looks idle again.
const FAREWELL: Duration = Duration::from_secs(20);
/// How long a customer is asked to see the cashier.
const HELP: Duration = Duration::from_secs(120);

/// What a customer should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// A payment's state, `idle` or `out_of_order`.
    pub state: &'static str,
    /// What it looks like.
    pub look: Look,
    /// The amount, while there is one to see.
    pub amount: Option<Money>,
    /// The text, once in each of the customer's languages.
    pub lines: Vec<(Language, &'static str)>,
    /// The end of a countdown.
    pub ends: Option<Tick>,
    /// When the scene becomes another one without the till's doing.
    pub turns: Option<Tick>,
}

/// Looks that can be told apart without reading and without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nobody is served.
    Idle,
    /// Show your code.
    Show,
    /// Please wait.
    Wait,
    /// Confirm on the phone.
    Confirm,
    /// Paid.
    Paid,
    /// Failed.
    Failed,
    /// Taken back, or being so.
    Back,
    /// See the cashier.
    Help,
}

impl Look {
    /// The word a page knows it by.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Show => "show",
            Self::Wait => "wait",
            Self::Confirm => "confirm",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Back => "back",
            Self::Help => "help",
        }
    }
}

impl Scene {
    /// What `view` is to a customer at `now`.
    #[must_use]
    pub fn of(view: Option<&LaneView>, languages: &[Language], now: Tick) -> Self {
        let idle = Self::plain("idle", Look::Idle, languages);
        let Some((view, state)) = view.and_then(|view| view.state.map(|state| (view, state))) else { return idle };
        let (look, stays) = match state {
            State::Armed => (Look::Show, None),
            State::Submitting | State::Verifying => (Look::Wait, None),
            State::CustomerPaying => (Look::Confirm, None),
            State::Paid => (Look::Paid, Some(FAREWELL)),
            State::Declined => (Look::Failed, Some(FAREWELL)),
            State::Reversing => (Look::Back, None),
            State::Reversed => (Look::Back, Some(FAREWELL)),
            State::NeedsAttention => (Look::Help, Some(HELP)),
            State::Canceled | State::Expired => return idle,
        };
        let turns = stays.map(|stays| view.since.after(stays));
        if turns.is_some_and(|turns| now >= turns) {
            return idle;
        }
        let ends = view.until.filter(|_| state == State::CustomerPaying);
        Self { amount: view.amount, ends, turns, ..Self::plain(state.word(), look, languages) }
    }

    /// Nothing can be sold here now.
    #[must_use]
    pub fn out_of_order(languages: &[Language]) -> Self {
        Self::plain("out_of_order", Look::Help, languages)
    }

    fn plain(state: &'static str, look: Look, languages: &[Language]) -> Self {
        let lines = languages.iter().map(|language| (*language, said::to_customer(state, *language))).collect();
        Self { state, look, amount: None, lines, ends: None, turns: None }
    }
}

/// Watches a lane for a display.
#[derive(Clone)]
pub struct Watcher {
    board: watch::Receiver<Board>,
    lane: LaneId,
    languages: Vec<Language>,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
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
        Self { board, lane, languages, clock }
    }

    /// The scene as it is now, and the moment it was taken.
    pub fn scene(&mut self) -> (Scene, Tick) {
        let gone = self.board.has_changed().is_err();
        let board = self.board.borrow_and_update();
        let now = (self.clock)().tick;
        if gone || board.out_of_order {
            return (Scene::out_of_order(&self.languages), now);
        }
        let view = board.lanes.iter().find(|view| view.lane == self.lane);
        (Scene::of(view, &self.languages, now), now)
    }

    /// Waits until `scene` should be told again: it may have changed, or it is time to say that it has not.
    pub async fn wait(&mut self, scene: &Scene, now: Tick) {
        let turns = scene.turns.map_or(REFRESH, |turns| turns.since(now)).min(REFRESH);
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
                    if self.scene().0 != *scene {
                        return;
                    }
                }
                () = &mut refresh => return,
            }
        }
    }

    /// Puts every scene into `slot` until the task is dropped: for displays that wait on a device.
    pub async fn feed(mut self, slot: Arc<Slot<Scene>>) {
        loop {
            let (scene, now) = self.scene();
            slot.put(scene.clone());
            self.wait(&scene, now).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: [Language; 2] = [Language::ZhHk, Language::En];

    fn view(state: State) -> LaneView {
        LaneView {
            lane: "1".parse().expect("a lane"),
            payment: Some("T01-K7Q2M9XB-00000001".parse().expect("a ref")),
            amount: Money::new(8800, "HKD".parse().expect("a currency")).ok(),
            state: Some(state),
            until: Some(Tick::from_micros(45_000_000)),
            since: Tick::from_micros(1_000_000),
            last_decline: None,
        }
    }

    fn at(seconds: u64) -> Tick {
        Tick::default().after(Duration::from_secs(seconds))
    }

    #[test]
    fn paid_fades_into_idle_by_itself() {
        let paid = Scene::of(Some(&view(State::Paid)), &LANGUAGES, at(2));
        assert_eq!((paid.look, paid.turns), (Look::Paid, Some(at(21))));
        assert_eq!(Scene::of(Some(&view(State::Paid)), &LANGUAGES, at(21)).look, Look::Idle);
        assert_eq!(Scene::of(None, &LANGUAGES, at(2)).state, "idle");
    }

    #[test]
    fn only_the_customers_own_deadline_is_counted_down() {
        let paying = Scene::of(Some(&view(State::CustomerPaying)), &LANGUAGES, at(2));
        assert_eq!((paying.look, paying.ends, paying.turns), (Look::Confirm, Some(at(45)), None));
        assert_eq!(Scene::of(Some(&view(State::Armed)), &LANGUAGES, at(2)).ends, None);
    }

    #[test]
    fn what_was_cancelled_before_it_was_sent_is_nothing_to_a_customer() {
        for state in [State::Canceled, State::Expired] {
            assert_eq!(Scene::of(Some(&view(state)), &LANGUAGES, at(2)), Scene::of(None, &LANGUAGES, at(2)));
        }
    }

    #[test]
    fn the_text_comes_in_the_shops_order_of_languages() {
        let languages: Vec<Language> =
            Scene::out_of_order(&LANGUAGES).lines.iter().map(|(language, _)| *language).collect();
        assert_eq!(languages, LANGUAGES);
    }
}
