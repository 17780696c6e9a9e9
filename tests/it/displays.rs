//! What stands on the glass of every kind of serial display, in every state: captured bytes, drawn by a display that knows
//! only its manual, and compared with pictures that a person has looked at (`tests/data/vfd`). `SHROFF_DRAW=1` draws the
//! pictures anew; look at them before they are committed.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shroff::payment::State;
use shroff::scene::charset::Charset;
use shroff::scene::line::{Size, cards, last_words};
use shroff::scene::vfd::{Profile, Protocol};
use shroff::scene::{Aside, Basket, BasketLine, LaneLook, Scene, scene};
use shroff::words::{Language, Money, Tick};

use crate::support::glass::{Screen, Tongue};

const WANTED: [Language; 2] = [Language::ZhHk, Language::En];

struct Model {
    name: &'static str,
    protocol: Protocol,
    tongue: Tongue,
    charset: &'static str,
    rows: usize,
}

const MODELS: [Model; 6] = [
    Model { name: "epson-ascii-2x20", protocol: Protocol::Epson, tongue: Tongue::Epson, charset: "ascii", rows: 2 },
    Model { name: "epson-gb2312-2x20", protocol: Protocol::Epson, tongue: Tongue::Epson, charset: "gb2312", rows: 2 },
    Model { name: "epson-gbk-4x20", protocol: Protocol::Epson, tongue: Tongue::Epson, charset: "gbk", rows: 4 },
    Model { name: "cd5220-big5-2x20", protocol: Protocol::Cd5220, tongue: Tongue::Cd5220, charset: "big5", rows: 2 },
    Model {
        name: "logic-controls-ascii-2x20",
        protocol: Protocol::LogicControls,
        tongue: Tongue::LogicControls,
        charset: "ascii",
        rows: 2,
    },
    Model {
        name: "logic-controls-big5-4x20",
        protocol: Protocol::LogicControls,
        tongue: Tongue::LogicControls,
        charset: "big5",
        rows: 4,
    },
];

impl Model {
    fn profile(&self) -> Profile {
        let charset = Charset::OF_SERIAL.into_iter().find(|(word, _)| *word == self.charset).expect("a charset").1;
        let size = Size { columns: 20, rows: self.rows };
        Profile { protocol: self.protocol, charset, size, brightness: None, extra: Vec::new() }
    }
}

#[test]
fn every_state_on_every_display_looks_as_it_was_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vfd");
    for model in MODELS {
        let drawn = drawn(&model);
        let path = folder.join(format!("{}.txt", model.name));
        if std::env::var_os("SHROFF_DRAW").is_some() {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, &drawn).expect("a picture");
        }
        let looked_at = std::fs::read_to_string(&path).expect("a picture");
        assert_eq!(drawn, looked_at, "{}", model.name);
    }
}

fn drawn(model: &Model) -> String {
    let profile = model.profile();
    let languages = profile.charset.languages(&WANTED);
    let mut screen = Screen::new(model.tongue, model.charset, 20, model.rows);
    screen.feed(&profile.open());
    let mut out = String::new();
    let mut draw = |title: &str, rows: &[String], again: bool| {
        if again {
            screen.feed(&profile.again());
        }
        screen.feed(&profile.rows(rows));
        let picture = screen.picture();
        assert_eq!(picture, rows, "the glass shows what was laid out");
        let edge = "-".repeat(20);
        writeln!(out, "{title}\n+{edge}+").expect("text");
        for row in picture {
            writeln!(out, "|{row}|").expect("text");
        }
        writeln!(out, "+{edge}+\n").expect("text");
    };
    for (title, scene) in scenes(&languages) {
        let scene = profile.charset.scene(scene);
        for (turn, card) in cards(&scene, profile.size).iter().enumerate() {
            let title = if turn == 0 { title.clone() } else { format!("{title}, {} s later", turn * 3) };
            draw(&title, card, turn == 0);
        }
    }
    draw("the daemon is gone", &last_words(&languages, profile.size), true);
    assert!(screen.strange.is_empty(), "{:02x?}", screen.strange);
    out
}

/// Every scene a lane can be in.
fn scenes(languages: &[Language]) -> Vec<(String, Scene)> {
    let amount = Money::new(8800, "HKD".parse().expect("a currency")).expect("an amount");
    let now = Tick::from_micros(1_000_000_000);
    let until = Some(now.after(Duration::from_secs(60)));
    let of = |state| LaneLook { state: Some(state), amount: Some(amount), since: now, until, ..LaneLook::default() };
    let mut all = vec![("idle".to_owned(), scene(&LaneLook::default(), languages, now))];
    let named = LaneLook { shop: Some("牛記 Noodles".into()), ..LaneLook::default() };
    all.push(("idle, with the shop's name".to_owned(), scene(&named, languages, now)));
    let article = |text: &str, amount: &str| BasketLine { text: text.to_owned(), amount: Some(amount.to_owned()) };
    let lines = vec![article("Lemon tea", "18.00"), article("牛肉麵 Beef noodles", "70.00")];
    let basket = Arc::new(Basket { lines, total: Some(amount) });
    let full = LaneLook { basket: Some((basket, now.after(Duration::from_secs(60)))), ..LaneLook::default() };
    all.push(("basket".to_owned(), scene(&full, languages, now)));
    for state in [
        State::Armed,
        State::Submitting,
        State::CustomerPaying,
        State::Verifying,
        State::Paid,
        State::Declined,
        State::Reversing,
        State::Reversed,
        State::NeedsAttention,
    ] {
        all.push((state.word().to_owned(), scene(&of(state), languages, now)));
    }
    for aside in Aside::ALL {
        let look = LaneLook { aside: Some((aside, now)), ..of(State::Armed) };
        all.push((format!("armed, {}", aside.word()), scene(&look, languages, now)));
    }
    let largest =
        LaneLook { amount: Money::new(Money::MAX_MINOR, "HKD".parse().expect("a currency")).ok(), ..of(State::Paid) };
    all.push(("paid, the largest amount".to_owned(), scene(&largest, languages, now)));
    let broken = LaneLook { out_of_order: true, ..LaneLook::default() };
    all.push(("out_of_order".to_owned(), scene(&broken, languages, now)));
    all.push(("nobody repeats the scene".to_owned(), Scene::stale(languages)));
    all
}

#[test]
fn a_byte_that_is_lost_harms_no_more_than_until_the_next_refresh() {
    for model in MODELS {
        let profile = model.profile();
        let rows: Vec<String> = cards(&Scene::stale(&[Language::En]), profile.size).remove(0);
        let picture = [profile.open(), profile.rows(&rows)].concat();
        for lost in 0..picture.len() {
            let mut screen = Screen::new(model.tongue, model.charset, 20, model.rows);
            screen.feed(&picture[..lost]);
            screen.feed(&picture[lost + 1..]);
            screen.feed(&[profile.again(), profile.rows(&rows)].concat());
            assert_eq!(screen.picture(), rows, "{}: without byte {lost}", model.name);
            // And where the stream ends in the middle of a command.
            let mut screen = Screen::new(model.tongue, model.charset, 20, model.rows);
            screen.feed(&picture[..lost]);
            screen.feed(&[profile.again(), profile.rows(&rows)].concat());
            assert_eq!(screen.picture(), rows, "{}: cut at byte {lost}", model.name);
        }
    }
}
