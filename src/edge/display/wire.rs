//! What the daemon and the keeper of a display say to each other: lines of JSON on a socket.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::glass::State;
use crate::edge::scanner::SerialSettings;
use crate::scene::vfd::Profile;
use crate::scene::{Basket, BasketLine, Scene, SceneText, texts};
use crate::words::{Language, Tick};

use super::glass::Settings;

/// The first line: which display.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) lane: String,
    pub(super) languages: Vec<Language>,
    glass: Wanted,
}

/// [`Settings`], with its names as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Wanted {
    Vfd { device: String, line: SerialSettings, profile: Profile },
    Lcdproc { address: String },
    Console,
}

impl Setup {
    pub(super) fn new(lane: &str, languages: &[Language], settings: &Settings) -> Self {
        let glass = match settings {
            Settings::Vfd { device, line, profile } => {
                Wanted::Vfd { device: device.to_string(), line: *line, profile: profile.clone() }
            }
            Settings::Lcdproc { address } => Wanted::Lcdproc { address: address.to_string() },
            Settings::Console => Wanted::Console,
        };
        Self { lane: lane.to_owned(), languages: languages.to_vec(), glass }
    }

    /// The settings; none when it was not written by a daemon of this version.
    pub(super) fn settings(&self) -> Option<Settings> {
        Some(match &self.glass {
            Wanted::Vfd { device, line, profile } => {
                Settings::Vfd { device: device.parse().ok()?, line: *line, profile: profile.clone() }
            }
            Wanted::Lcdproc { address } => Settings::Lcdproc { address: address.parse().ok()? },
            Wanted::Console => Settings::Console,
        })
    }
}

/// Every line after it: what to show, and for how long it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Show {
    key: String,
    amount: Option<String>,
    shop: Option<String>,
    basket: Option<Vec<(String, Option<String>)>>,
    texts: Vec<(Language, String, Option<String>)>,
    holds_ms: u64,
}

impl Show {
    pub(super) fn of(scene: &Scene, now: Tick) -> Self {
        Self {
            key: scene.key.to_owned(),
            amount: scene.amount.clone(),
            shop: scene.shop.as_deref().map(str::to_owned),
            // The newest articles are the last ones, and no display has more rows.
            basket: scene.basket.as_ref().map(|basket| {
                let lines = basket.lines.iter().rev().take(ARTICLES).rev();
                lines.map(|line| (line.text.clone(), line.amount.clone())).collect()
            }),
            texts: scene.lines.iter().map(|it| (it.language, it.heading.clone(), it.detail.clone())).collect(),
            holds_ms: u64::try_from(scene.expires_at.since(now).as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The scene, by the clock of this process.
    pub(super) fn scene(self, languages: &[Language], now: Tick) -> Scene {
        let key = texts::CUSTOMER.into_iter().find(|known| *known == self.key).unwrap_or("ask_cashier");
        let text =
            |(language, heading, detail): (Language, String, Option<String>)| SceneText { language, heading, detail };
        Scene {
            key,
            amount: self.amount,
            shop: self.shop.map(Into::into),
            basket: self.basket.map(|lines| {
                let lines = lines.into_iter().map(|(text, amount)| BasketLine { text, amount });
                Arc::new(Basket { lines: lines.collect(), total: None })
            }),
            lines: self.texts.into_iter().map(text).collect(),
            expires_at: now.after(std::time::Duration::from_millis(self.holds_ms)),
            ..Scene::stale(languages)
        }
    }
}

/// What the keeper answers: how the display is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its state.
    pub state: State,
    /// What to do about it; empty when all is well.
    pub advice: String,
}

/// Rows of the tallest display.
const ARTICLES: usize = 8;

/// A line of `value`.
pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    // None of these has a map or a number that JSON does not know.
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::charset::Charset;
    use crate::scene::line::Size;
    use crate::scene::vfd::Protocol;

    #[test]
    fn settings_and_scenes_arrive_as_they_were() {
        let profile = Profile {
            protocol: Protocol::Cd5220,
            charset: Charset::Big5,
            size: Size { columns: 20, rows: 4 },
            brightness: Some(2),
            extra: vec![0x1C, 0x26],
        };
        let vfd = Settings::Vfd {
            device: "0403/6001/A1".parse().expect("a device"),
            line: SerialSettings::default(),
            profile,
        };
        let lcd = Settings::Lcdproc { address: "127.0.0.1:13666".parse().expect("an address") };
        for settings in [vfd, lcd, Settings::Console] {
            let sent = line(&Setup::new("1", &Language::ALL, &settings));
            let came: Setup = serde_json::from_slice(&sent).expect("a setup");
            assert_eq!((came.settings(), came.languages.as_slice()), (Some(settings), Language::ALL.as_slice()));
        }
        let now = Tick::from_micros(5_000_000);
        let look = crate::scene::LaneLook { since: now, ..crate::scene::LaneLook::default() };
        let scene = crate::scene::scene(&look, &Language::ALL, now);
        let came: Show = serde_json::from_slice(&line(&Show::of(&scene, now))).expect("a scene");
        let there = came.scene(&Language::ALL, Tick::default());
        assert_eq!((there.key, &there.lines, &there.amount), (scene.key, &scene.lines, &scene.amount));
        assert_eq!(there.expires_at.micros(), scene.expires_at.micros() - now.micros());
    }
}
