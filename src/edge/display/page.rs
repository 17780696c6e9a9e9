//! `[[display]] kind = "page"`: the customer's page, one file without a foreign resource, and the scenes it shows.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::scene::{Scene, texts};
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
}

/// A scene as the page reads it. Times are counted from now: the page's clock may be anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(title = "Scene")]
pub struct SceneView {
    /// Names the page that understands it; a page of another build loads itself anew.
    pub build: String,
    /// A payment's state, `idle` or `out_of_order`.
    #[schema(example = "armed")]
    pub state: &'static str,
    /// `idle`, `show`, `wait`, `confirm`, `paid`, `failed`, `back`, `help`.
    #[schema(example = "show")]
    pub look: &'static str,
    /// The amount, while there is one to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<AmountView>,
    /// The text, once in each of the customer's languages.
    pub lines: Vec<LineView>,
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
    pub fn new(languages: &[Language]) -> Self {
        let lost = |language: &Language| {
            format!("<p lang=\"{}\">{}</p>", language.tag(), texts::customer("not_connected", *language))
        };
        let lost: Vec<String> = languages.iter().map(lost).collect();
        let first = languages.first().copied().unwrap_or(Language::En);
        let mut build = base64(&Sha256::digest([HTML, STYLE, SCRIPT].concat()));
        build.truncate(12);
        let html = HTML
            .replace("{{lang}}", first.tag())
            .replace("{{build}}", &build)
            .replace("{{title}}", &texts::customer("idle", first))
            .replace("{{lost}}", &lost.join("\n  "))
            .replace("{{style}}", STYLE)
            .replace("{{script}}", SCRIPT);
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            base64(&Sha256::digest(STYLE)),
            base64(&Sha256::digest(SCRIPT)),
        );
        Self { html, policy, build }
    }

    /// The page of `lane`. A lane's id has no character that means anything in HTML.
    #[must_use]
    pub fn html(&self, lane: &LaneId) -> String {
        self.html.replacen("{{lane}}", lane.as_str(), 1)
    }

    /// What the page may load and run: itself.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// `scene` for the page, at `now`.
    #[must_use]
    pub fn scene(&self, scene: &Scene, now: Tick) -> SceneView {
        let millis = |at: Tick| u64::try_from(at.since(now).as_millis()).unwrap_or(u64::MAX);
        let amount = scene.amount.as_deref().and_then(|amount| amount.split_once(' '));
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
            ends_in_ms: scene.countdown_until.map(millis),
            expires_in_ms: millis(scene.expires_at),
        }
    }
}

/// What a scene looks like: pictures that can be told apart without reading and without colour.
fn look(key: &str) -> &'static str {
    match key {
        "idle" | "basket" => "idle",
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

/// Base64 as the Content-Security-Policy writes digests (RFC 4648, with padding).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |bits: u32| LETTERS.get(usize::try_from(bits & 63).unwrap_or(0)).copied().map_or('=', char::from);
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.push(letter(bits >> 18));
        out.push(letter(bits >> 12));
        out.push(if three.len() > 1 { letter(bits >> 6) } else { '=' });
        out.push(if three.len() > 2 { letter(bits) } else { '=' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn large_amounts_are_grouped() {
        for (digits, wanted) in [("0.01", "0.01"), ("999", "999"), ("1000.00", "1,000.00"), ("1234567", "1,234,567")] {
            assert_eq!(grouped(digits), wanted);
        }
    }

    #[test]
    fn the_page_is_whole_and_loads_nothing() {
        let page = Page::new(&[Language::ZhHk, Language::En]);
        let html = page.html(&"1".parse().expect("a lane"));
        assert!(!html.contains("{{"), "every place is filled");
        assert!(html.contains("data-lane=\"1\"") && html.contains("lang=\"zh-HK\""));
        for foreign in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign}");
        }
    }
}
