//! `[[display]] kind = "page"`: the customer's page, one file without a foreign resource, and the scenes it shows.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::front::{Front, PageFront};
use crate::scene::{Basket, BasketLine, Scene, texts};
use crate::words::{LaneId, Language, Tick};

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page, ready but for the lane.
#[derive(Debug)]
pub struct Page {
    html: String,
    policy: String,
    build: String,
    pages: BTreeMap<LaneId, PageFront>,
}

/// A scene as the page reads it. Times are counted from now: the page's clock may be anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(title = "Scene")]
pub struct SceneView {
    /// Names the page that understands it; a page of another build loads itself anew.
    pub build: String,
    /// A payment's state, `idle`, `basket` or `out_of_order`.
    #[schema(example = "armed")]
    pub state: &'static str,
    /// `idle`, `basket`, `show`, `wait`, `confirm`, `paid`, `failed`, `back`, `help`.
    #[schema(example = "show")]
    pub look: &'static str,
    /// The amount, while there is one to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<AmountView>,
    /// The text, once in each of the customer's languages.
    pub lines: Vec<LineView>,
    /// The articles so far, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub basket: Vec<BasketLineView>,
    /// The shop's name, where nobody pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Dining Hall")]
    pub shop: Option<String>,
    /// Where the shop's picture is, where nobody pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// Milliseconds to the end of a countdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u64>,
    /// Milliseconds this scene may be shown, unless it is told again.
    pub expires_in_ms: u64,
}

/// An amount for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(title = "Amount")]
pub struct AmountView {
    /// ISO 4217.
    #[schema(example = "HKD")]
    pub currency: String,
    /// In the major unit.
    #[schema(example = "88.00")]
    pub digits: String,
}

/// A line of a basket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(title = "BasketLine")]
pub struct BasketLineView {
    /// The article.
    pub text: String,
    /// Its amount in the major unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "30.50")]
    pub digits: Option<String>,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(title = "Line")]
pub struct LineView {
    /// `en`, `zh-CN`, `zh-HK`.
    #[schema(example = "zh-HK")]
    pub lang: &'static str,
    /// The text.
    pub text: String,
    /// A second, smaller text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Page {
    /// The page for a shop that speaks `languages`.
    #[must_use]
    pub fn new(languages: &[Language], front: &Front) -> Self {
        let in_all = |key, element| {
            let say = |language: &Language| {
                format!("<{element} lang=\"{}\">{}</{element}>", language.tag(), texts::customer(key, *language))
            };
            languages.iter().map(say).collect::<Vec<_>>().join("\n    ")
        };
        let first = languages.first().copied().unwrap_or(Language::En);
        let html = HTML
            .replace("{{lang}}", first.tag())
            .replace("{{count}}", &languages.len().to_string())
            .replace("{{title}}", &texts::customer("idle", first))
            .replace("{{ask}}", &in_all("ask_cashier", "h1"))
            .replace("{{lost}}", &in_all("not_connected", "p"))
            .replace("{{style}}", STYLE)
            .replace("{{script}}", SCRIPT);
        // A page that was made before the shop was set up differently loads itself anew.
        let mut build = STANDARD.encode(Sha256::digest(format!("{html}{:?}", front.pages)));
        build.truncate(12);
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src 'self' data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
            STANDARD.encode(Sha256::digest(STYLE)),
            STANDARD.encode(Sha256::digest(SCRIPT)),
        );
        Self { html: html.replace("{{build}}", &build), policy, build, pages: front.pages.clone() }
    }

    /// The page of `lane`. A lane's id has no character that means anything in HTML.
    #[must_use]
    pub fn html(&self, lane: &LaneId) -> String {
        let front = self.pages.get(lane).cloned().unwrap_or_default();
        self.html
            .replacen("{{lane}}", lane.as_str(), 1)
            .replacen("{{sound}}", if front.mute { "off" } else { "on" }, 1)
            .replacen("{{theme}}", front.theme.word(), 1)
    }

    /// What the page may load and run: itself.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// `scene` for the page of `lane`, at `now`.
    #[must_use]
    pub fn scene(&self, lane: &LaneId, scene: &Scene, now: Tick) -> SceneView {
        let millis = |at: Tick| u64::try_from(at.since(now).as_millis()).unwrap_or(u64::MAX);
        let amount = scene.amount.as_deref().and_then(|amount| amount.split_once(' '));
        let picture = self.pages.get(lane).and_then(|page| page.picture.as_ref()).filter(|_| scene.key == "idle");
        SceneView {
            build: self.build.clone(),
            state: scene.key,
            look: look(scene.key),
            amount: amount
                .map(|(currency, digits)| AmountView { currency: currency.to_owned(), digits: grouped(digits) }),
            lines: scene
                .lines
                .iter()
                .map(|line| LineView {
                    lang: line.language.tag(),
                    text: line.heading.clone(),
                    detail: line.detail.clone(),
                })
                .collect(),
            basket: scene.basket.as_deref().map(articles).unwrap_or_default(),
            shop: scene.shop.as_deref().map(str::to_owned),
            picture: picture.map(|picture| format!("/display/{lane}/picture?{}", picture.mark())),
            ends_in_ms: scene.countdown_until.map(millis),
            expires_in_ms: millis(scene.expires_at),
        }
    }
}

fn articles(basket: &Basket) -> Vec<BasketLineView> {
    let signed = |digits: &str| match digits.strip_prefix('-') {
        // The sign that is as wide as a plus, and is not taken for a dash between words.
        Some(digits) => format!("\u{2212}{}", grouped(digits)),
        None => grouped(digits),
    };
    let line =
        |line: &BasketLine| BasketLineView { text: line.text.clone(), digits: line.amount.as_deref().map(signed) };
    basket.lines.iter().map(line).collect()
}

/// What a scene looks like: pictures that can be told apart without reading and without colour.
fn look(key: &str) -> &'static str {
    match key {
        "idle" => "idle",
        "basket" => "basket",
        "armed" => "show",
        "submitting" | "verifying" => "wait",
        "customer_paying" => "confirm",
        "paid" => "paid",
        "declined" => "failed",
        "reversing" | "reversed" => "back",
        _ => "help",
    }
}

/// Digits in groups of three: `50,000.00`.
fn grouped(digits: &str) -> String {
    let (whole, part) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && whole.len().saturating_sub(at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::display::Theme;

    #[test]
    fn large_amounts_are_grouped() {
        for (digits, wanted) in [("0.01", "0.01"), ("999", "999"), ("1000.00", "1,000.00"), ("1234567", "1,234,567")] {
            assert_eq!(grouped(digits), wanted);
        }
    }

    #[test]
    fn the_page_is_whole_and_loads_nothing() {
        let page = Page::new(&[Language::ZhHk, Language::En], &Front::default());
        let html = page.html(&"1".parse().expect("a lane"));
        assert!(!html.contains("{{"), "every place is filled");
        for filled in ["data-lane=\"1\"", "lang=\"zh-HK\"", "data-sound=\"on\"", "data-theme=\"auto\""] {
            assert!(html.contains(filled), "{filled}");
        }
        let html = html.replacen("href=\"data:,\"", "", 1);
        for foreign in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_page_that_is_set_differently_is_another_page() {
        let lane: LaneId = "1".parse().expect("a lane");
        let mut front = Front::default();
        let plain = Page::new(&[Language::En], &front);
        front.pages.insert(lane.clone(), PageFront { mute: true, theme: Theme::Dark, picture: None });
        let quiet = Page::new(&[Language::En], &front);
        assert!(quiet.html(&lane).contains("data-sound=\"off\"") && quiet.html(&lane).contains("data-theme=\"dark\""));
        assert_ne!(plain.build, quiet.build);
        assert_ne!(plain.build, Page::new(&[Language::ZhCn], &Front::default()).build);
    }

    #[test]
    fn a_discount_has_a_sign_and_large_articles_are_grouped() {
        let line = |amount: &str| BasketLine { text: "Tea".to_owned(), amount: Some(amount.to_owned()) };
        let basket = Basket { lines: vec![line("1234.50"), line("-1000")], total: None };
        let digits: Vec<_> = articles(&basket).into_iter().filter_map(|line| line.digits).collect();
        assert_eq!(digits, ["1,234.50", "\u{2212}1,000"]);
    }
}
