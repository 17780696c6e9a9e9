//! What the customer should see, from a lane's state and the time. Pure: the sender brings the moment, and the display
//! brings glass.
//!
//! A display shows the newest scene only, and only until it expires; after that it shows [`Scene::stale`], which claims
//! nothing. A result is for the customer it belongs to: it gives way to `idle` by itself.

mod aside;
mod basket;
pub mod charset;
pub mod lcd;
pub mod line;
pub mod texts;
pub mod vfd;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use aside::Aside;
pub use basket::{Basket, BasketLine};

use crate::payment::State;
use crate::words::{Language, Money, Tick};

/// What a lane looks like to whoever draws it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneLook {
    /// The state of the payment the lane shows, if it shows one.
    pub state: Option<State>,
    /// Its amount.
    pub amount: Option<Money>,
    /// Since when the state is what it is.
    pub since: Tick,
    /// When the state changes by itself.
    pub until: Option<Tick>,
    /// The terminal cannot take payments.
    pub out_of_order: bool,
    /// Why it waits for another code, and since when.
    pub aside: Option<(Aside, Tick)>,
    /// The shop's name, if it has one.
    pub shop: Option<Arc<str>>,
    /// What the POS shows while nobody pays, and until when.
    pub basket: Option<(Arc<Basket>, Tick)>,
}

/// What a customer sees. It says nothing that a passer-by may not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// Its stable word, one of [`texts::CUSTOMER`].
    pub key: &'static str,
    /// The amount with its currency's code, such as `HKD 88.00`, where it is asked for, awaited or taken; of a basket,
    /// its total. A `$` or a `¥` means several currencies, so no sign is used.
    pub amount: Option<String>,
    /// The articles so far, in the scene `basket`.
    pub basket: Option<Arc<Basket>>,
    /// The shop's name, where nobody pays and it has one.
    pub shop: Option<Arc<str>>,
    /// What is said, in each language, in the order of the configuration. Never empty.
    pub lines: Vec<SceneText>,
    /// How it feels: the colour, the sound.
    pub tone: Tone,
    /// What the customer has time until, when it lies ahead.
    pub countdown_until: Option<Tick>,
    /// From then on it must not be shown any more, but [`Scene::stale`].
    pub expires_at: Tick,
}

/// A scene's words in one language.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SceneText {
    /// In which language.
    pub language: Language,
    /// What there is to know.
    pub heading: String,
    /// What else there is to know.
    pub detail: Option<String>,
}

/// How a scene feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Nobody is served.
    Idle,
    /// It is the customer's turn.
    Action,
    /// The customer waits.
    Wait,
    /// Paid.
    Good,
    /// Not paid, or not known: the cashier must help.
    Bad,
}

impl Tone {
    /// The stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Action => "action",
            Self::Wait => "wait",
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl serde::Serialize for Tone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Says what the customer of a lane sees at `now`. The sender says it again before it expires, and at
/// [`changes_at`].
#[must_use]
pub fn scene(view: &LaneLook, languages: &[Language], now: Tick) -> Scene {
    let act = act(view, now);
    let aside = view.aside.filter(|_| act.key == "armed").filter(|aside| end_of(*aside).is_none_or(|end| now < end));
    let basket = view.basket.as_ref().filter(|_| act.key == "basket").map(|(basket, _)| Arc::clone(basket));
    let amount = match &basket {
        Some(basket) => basket.total,
        None => view.amount.filter(|_| act.shows_amount),
    };
    // What has no sum has no heading of its own: it stands under the shop's welcome.
    let words = if basket.is_some() && amount.is_none() { Act::IDLE.key } else { act.key };
    Scene {
        key: act.key,
        amount: amount.map(|amount| amount.to_string()),
        lines: say(words, languages, aside.map(|(aside, _)| aside)),
        basket,
        shop: view.shop.clone().filter(|_| act.tone == Tone::Idle),
        tone: act.tone,
        countdown_until: view.until.filter(|until| act.counts_down && *until > now),
        expires_at: changes_at(view, now).map_or(now.after(FRESH), |end| end.after(STUMBLE).min(now.after(FRESH))),
    }
}

/// When the scene of a lane becomes another one although the lane stays as it is: the end of a result, of an aside or of
/// a basket.
#[must_use]
pub fn changes_at(view: &LaneLook, now: Tick) -> Option<Tick> {
    let act = act(view, now);
    let end = match (act.key, view.state) {
        ("basket", _) => view.basket.as_ref().map(|(_, until)| *until)?,
        (_, Some(State::Armed)) => end_of(view.aside?)?,
        (_, state) => view.since.after(shown_for(state?)?),
    };
    (end > now && !view.out_of_order).then_some(end)
}

/// When an aside has been said long enough.
fn end_of((aside, since): (Aside, Tick)) -> Option<Tick> {
    aside.shown_for().map(|time| since.after(time))
}

impl Scene {
    /// What a display shows once its scene has expired: nothing is known here, ask the cashier.
    #[must_use]
    pub fn stale(languages: &[Language]) -> Self {
        Self::blind("ask_cashier", languages)
    }

    /// What a display shows before it has been sent any scene.
    #[must_use]
    pub fn not_connected(languages: &[Language]) -> Self {
        Self::blind("not_connected", languages)
    }

    /// Claims nothing, so it never expires.
    fn blind(key: &'static str, languages: &[Language]) -> Self {
        Self {
            key,
            amount: None,
            basket: None,
            shop: None,
            lines: say(key, languages, None),
            tone: Tone::Bad,
            countdown_until: None,
            expires_at: Tick::from_micros(u64::MAX),
        }
    }

    /// Whether it may still be shown at `now`.
    #[must_use]
    pub fn is_fresh(&self, now: Tick) -> bool {
        now < self.expires_at
    }
}

/// A scene without its words.
#[derive(Clone, Copy)]
struct Act {
    key: &'static str,
    tone: Tone,
    shows_amount: bool,
    counts_down: bool,
}

impl Act {
    const IDLE: Self = Self::plain("idle", Tone::Idle);
    const BASKET: Self = Self::with_amount("basket", Tone::Idle);

    const fn plain(key: &'static str, tone: Tone) -> Self {
        Self { key, tone, shows_amount: false, counts_down: false }
    }

    const fn with_amount(key: &'static str, tone: Tone) -> Self {
        Self { key, tone, shows_amount: true, counts_down: false }
    }

    const fn with_countdown(key: &'static str) -> Self {
        Self { key, tone: Tone::Action, shows_amount: true, counts_down: true }
    }
}

/// The table: which scene a state is. An amount beside a failure reads like a bill, so it is shown only where it is
/// asked for, awaited or taken.
fn act(view: &LaneLook, now: Tick) -> Act {
    if view.out_of_order {
        return Act::plain("out_of_order", Tone::Bad);
    }
    let nobody_pays = if view.basket.as_ref().is_some_and(|(_, until)| now < *until) { Act::BASKET } else { Act::IDLE };
    let Some(state) = view.state else { return nobody_pays };
    if shown_for(state).is_some_and(|time| now.since(view.since) >= time) {
        return nobody_pays;
    }
    match state {
        State::Armed => Act::with_countdown("armed"),
        State::Submitting => Act::with_amount("submitting", Tone::Wait),
        State::CustomerPaying => Act::with_countdown("customer_paying"),
        State::Verifying => Act::with_amount("verifying", Tone::Wait),
        State::Paid => Act::with_amount("paid", Tone::Good),
        State::Declined => Act::plain("declined", Tone::Bad),
        State::Reversing => Act::plain("reversing", Tone::Wait),
        State::Reversed => Act::plain("reversed", Tone::Bad),
        // A lane shows what happens at it; money is given back behind it.
        State::PartiallyRefunded | State::Refunded | State::Canceled | State::Expired => nobody_pays,
        State::NeedsAttention => Act::plain("needs_attention", Tone::Bad),
    }
}

/// How long a result is shown; what is no result stays as long as it is true. `needs_attention` is none: as long as
/// nobody knows where the money is, the display does not welcome anybody, unless the lane goes on with another payment.
fn shown_for(state: State) -> Option<Duration> {
    match state {
        State::Paid => Some(PAID_SHOWN),
        State::Declined | State::Reversed => Some(FAILED_SHOWN),
        State::Armed
        | State::Submitting
        | State::CustomerPaying
        | State::Verifying
        | State::Reversing
        | State::PartiallyRefunded
        | State::Refunded
        | State::Canceled
        | State::Expired
        | State::NeedsAttention => None,
    }
}

/// The words of a scene. Without a language it speaks English: a silent display helps nobody.
fn say(key: &str, languages: &[Language], aside: Option<Aside>) -> Vec<SceneText> {
    let languages = if languages.is_empty() { &[Language::En] } else { languages };
    let in_one = |language: &Language| SceneText {
        language: *language,
        heading: texts::customer(key, *language),
        detail: match aside {
            Some(aside) => texts::customer_aside(aside, *language),
            None => texts::customer_detail(key, *language),
        },
    };
    languages.iter().map(in_one).collect()
}

/// How long a display may believe a scene. Senders repeat it a few times within; a dead one is noticed while the
/// customer still stands there.
const FRESH: Duration = Duration::from_secs(20);
/// How late the next scene may come when a result has been shown long enough.
const STUMBLE: Duration = Duration::from_secs(2);

/// How long *paid* stays: to be read by this customer, and not by the next one.
const PAID_SHOWN: Duration = Duration::from_secs(8);

/// How long a failure stays: it is read twice, and talked about.
const FAILED_SHOWN: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tick = Tick::from_micros(1_000_000_000);
    const BOTH: [Language; 2] = [Language::ZhHk, Language::En];

    #[test]
    fn a_customer_sees_the_amount_before_the_code_is_shown() {
        let until = NOW.after(Duration::from_secs(100));
        let scene = scene(&LaneLook { until: Some(until), ..look(State::Armed) }, &BOTH, NOW);
        assert_eq!((scene.key, scene.tone, scene.amount.as_deref()), ("armed", Tone::Action, Some("HKD 88.00")));
        assert_eq!(scene.countdown_until, Some(until));
        let said: Vec<_> = scene.lines.iter().map(|line| (line.language, line.heading.as_str())).collect();
        assert_eq!(said, [(Language::ZhHk, "請出示付款碼"), (Language::En, "Please show your payment code")]);
    }

    #[test]
    fn after_a_refused_code_the_customer_is_asked_for_another() {
        let fresh = scene(&look(State::Armed), &[Language::En], NOW);
        let aside = Some((Aside::Again, NOW));
        let again = scene(&LaneLook { aside, ..look(State::Armed) }, &[Language::En], NOW);
        assert_eq!(detail(&fresh), None);
        assert_eq!((again.key, detail(&again)), ("armed", Some("Try another code")));
        let on_its_way = scene(&LaneLook { aside, ..look(State::Submitting) }, &[Language::En], NOW);
        assert_ne!(detail(&on_its_way), Some("Try another code"));
    }

    #[test]
    fn a_wrong_code_is_told_to_the_customer_for_a_moment() {
        let wrong = LaneLook { aside: Some((Aside::Wallet, NOW)), ..look(State::Armed) };
        let said = |now| scene(&wrong, &[Language::En], now);
        assert_eq!(
            (said(NOW).key, said(NOW).tone, detail(&said(NOW))),
            ("armed", Tone::Action, Some("Please use WeChat"))
        );
        let end = NOW.after(Duration::from_secs(10));
        assert_eq!(changes_at(&wrong, NOW), Some(end));
        assert_eq!((detail(&said(end)), changes_at(&wrong, end)), (None, None));
        for notice in texts::NOTICES {
            let shops =
                ["product", "gs1", "control-characters", "full-width", "prefix-missing", "not-armed", "repeated"];
            assert_eq!(Aside::of(notice).is_none(), shops.contains(&notice), "{notice}");
        }
    }

    #[test]
    fn a_result_is_shown_to_its_own_customer_only() {
        for (state, key, seconds) in
            [(State::Paid, "paid", 8), (State::Declined, "declined", 15), (State::Reversed, "reversed", 15)]
        {
            let look = look(state);
            let end = look.since.after(Duration::from_secs(seconds));
            let before = Tick::from_micros(end.micros().saturating_sub(1));
            assert_eq!(scene(&look, &BOTH, before).key, key);
            assert_eq!(changes_at(&look, before), Some(end));
            let after = scene(&look, &BOTH, end);
            assert_eq!((after.key, after.tone, after.amount), ("idle", Tone::Idle, None));
            assert_eq!(changes_at(&look, end), None);
        }
    }

    #[test]
    fn what_is_not_settled_stays_however_long_it_takes() {
        let late = NOW.after(Duration::from_secs(3600));
        for (state, key) in [
            (State::Submitting, "submitting"),
            (State::CustomerPaying, "customer_paying"),
            (State::Verifying, "verifying"),
            (State::Reversing, "reversing"),
            (State::NeedsAttention, "needs_attention"),
        ] {
            assert_eq!(scene(&look(state), &BOTH, late).key, key);
            assert_eq!(changes_at(&look(state), late), None);
        }
    }

    #[test]
    fn only_paid_looks_good_and_only_a_sale_under_way_or_done_shows_its_amount() {
        for state in [State::Declined, State::Reversing, State::Reversed, State::NeedsAttention] {
            let scene = scene(&look(state), &BOTH, NOW);
            assert_ne!(scene.tone, Tone::Good);
            assert_eq!(scene.amount, None, "{}", scene.key);
        }
        let paid = scene(&look(State::Paid), &BOTH, NOW);
        assert_eq!((paid.tone, paid.amount.as_deref()), (Tone::Good, Some("HKD 88.00")));
    }

    #[test]
    fn nothing_on_and_nothing_sent_are_idle() {
        let nothing = LaneLook::default();
        for look in [nothing, look(State::Canceled), look(State::Expired)] {
            assert_eq!(scene(&look, &BOTH, NOW).key, "idle");
        }
    }

    #[test]
    fn a_basket_is_shown_while_nobody_pays_and_no_longer_than_it_holds() {
        let total = Money::new(3050, "HKD".parse().expect("a currency")).expect("an amount");
        let line = BasketLine { text: "Milk tea".to_owned(), amount: Some("30.50".to_owned()) };
        let basket = Arc::new(Basket { lines: vec![line], total: Some(total) });
        let until = NOW.after(Duration::from_secs(5));
        let with = |state| LaneLook { state, basket: Some((Arc::clone(&basket), until)), ..look(State::Paid) };
        let shown = scene(&with(None), &[Language::En], NOW);
        assert_eq!((shown.key, shown.tone, shown.amount.as_deref()), ("basket", Tone::Idle, Some("HKD 30.50")));
        assert_eq!((shown.basket.as_ref(), heading(&shown)), (Some(&basket), "Total"));
        assert_eq!(changes_at(&with(None), NOW), Some(until));
        assert!(shown.expires_at <= until.after(STUMBLE));
        assert_eq!((scene(&with(None), &BOTH, until).key, changes_at(&with(None), until)), ("idle", None));

        for state in [State::Armed, State::Paid, State::NeedsAttention] {
            let shown = scene(&with(Some(state)), &BOTH, NOW);
            assert_eq!((shown.key, shown.basket), (state.word(), None));
        }
        let wordless = Arc::new(Basket { total: None, ..(*basket).clone() });
        let shown = scene(&LaneLook { basket: Some((wordless, until)), ..LaneLook::default() }, &[Language::En], NOW);
        assert_eq!((shown.key, shown.amount.as_deref(), heading(&shown)), ("basket", None, "Welcome"));
    }

    #[test]
    fn the_shops_name_stands_where_nobody_pays() {
        let named = |state| LaneLook { state, shop: Some("Dining Hall".into()), ..LaneLook::default() };
        assert_eq!(scene(&named(None), &BOTH, NOW).shop.as_deref(), Some("Dining Hall"));
        assert_eq!(scene(&named(Some(State::Armed)), &BOTH, NOW).shop, None);
    }

    #[test]
    fn out_of_order_beats_everything() {
        let look = LaneLook { out_of_order: true, ..look(State::Paid) };
        let scene = scene(&look, &BOTH, NOW);
        assert_eq!((scene.key, scene.tone, scene.amount), ("out_of_order", Tone::Bad, None));
        assert_eq!(changes_at(&look, NOW), None);
    }

    #[test]
    fn a_countdown_never_counts_what_is_over_or_what_the_customer_cannot_change() {
        let past = LaneLook { until: Some(NOW), ..look(State::CustomerPaying) };
        assert_eq!(scene(&past, &BOTH, NOW).countdown_until, None);
        let ahead = LaneLook { until: Some(NOW.after(FRESH)), ..look(State::Verifying) };
        assert_eq!(scene(&ahead, &BOTH, NOW).countdown_until, None);
    }

    #[test]
    fn an_expired_scene_sends_the_customer_to_the_cashier() {
        let live = scene(&look(State::Verifying), &BOTH, NOW);
        assert_eq!(live.expires_at, NOW.after(Duration::from_secs(20)));
        let scene = scene(&look(State::Paid), &BOTH, NOW);
        assert!(scene.expires_at <= NOW.after(Duration::from_secs(10)), "a paid nobody repeats does not stand");
        assert!(!scene.is_fresh(scene.expires_at));
        let stale = Scene::stale(&BOTH);
        assert_eq!((stale.key, stale.tone, stale.amount.as_deref()), ("ask_cashier", Tone::Bad, None));
        assert!(stale.is_fresh(NOW.after(Duration::from_secs(1_000_000))));
    }

    #[test]
    fn a_display_without_a_language_still_speaks() {
        assert_eq!(scene(&look(State::Paid), &[], NOW).lines.len(), 1);
    }

    /// A lane in `state` for a second.
    fn look(state: State) -> LaneLook {
        let amount = Money::new(8800, "HKD".parse().expect("a currency")).expect("an amount");
        LaneLook {
            state: Some(state),
            amount: Some(amount),
            since: Tick::from_micros(NOW.micros().saturating_sub(1_000_000)),
            ..LaneLook::default()
        }
    }

    fn heading(scene: &Scene) -> &str {
        scene.lines.first().map_or("", |line| line.heading.as_str())
    }

    fn detail(scene: &Scene) -> Option<&str> {
        scene.lines.first().and_then(|line| line.detail.as_deref())
    }
}
