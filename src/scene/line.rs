//! A scene on a character display: cards of so many rows and columns, shown in turn.
//!
//! A Chinese character takes two columns. A text is broken at a blank, or cut at a whole character, and filled with
//! blanks, so that nothing of the scene before stays on the glass; an amount is shown whole or not at all.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Basket, Scene, SceneText, texts};
use crate::words::Language;

/// Columns and rows of a display. Neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Characters of a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

impl Size {
    /// What most customer displays have.
    pub const USUAL: Self = Self { columns: 20, rows: 2 };
}

/// The cards of a scene, at least one, each of exactly `size`. The amount stands at the bottom of every card, as tills
/// show it. What does not fit at once takes turns, and no language waits for what another one says besides.
#[must_use]
pub fn cards(scene: &Scene, size: Size) -> Vec<Vec<String>> {
    let amount = scene.amount.as_deref().filter(|amount| amount.width() <= size.columns);
    if let Some(basket) = &scene.basket {
        return basket_cards(basket, &scene.lines, amount, size);
    }
    let shop = scene.shop.as_deref().filter(|_| size.rows > 1);
    let taken = usize::from(amount.is_some()).saturating_add(usize::from(shop.is_some()));
    let room = size.rows.saturating_sub(taken).max(1);
    let said: Vec<Vec<String>> = scene.lines.iter().map(|text| said(scene.key, text, size.columns)).collect();
    let whole: Vec<&String> = said.iter().flatten().collect();
    let card = |texts: &[&String]| card(shop, texts, amount, size);
    let mut cards = if whole.len() <= room {
        vec![card(&whole)]
    } else {
        // What matters most comes first in every language, before anything else is said in any.
        let rounds = said.iter().map(|lines| lines.len().div_ceil(room)).max().unwrap_or_default();
        let parts = (0..rounds).flat_map(|round| said.iter().filter_map(move |lines| lines.chunks(room).nth(round)));
        parts.map(|part| card(&part.iter().collect::<Vec<_>>())).collect()
    };
    if size.rows == 1
        && let Some(amount) = amount
    {
        cards.push(vec![right(amount, size.columns)]);
    }
    cards
}

/// What stays on a display that nobody tells anything any more: each language in a row, for nothing takes turns then.
#[must_use]
pub fn last_words(languages: &[Language], size: Size) -> Vec<String> {
    let say = |language: &Language| {
        let text = texts::customer_short(LAST_WORDS, *language);
        broken(&text, size.columns).into_iter().next().unwrap_or_default()
    };
    let mut rows: Vec<String> = languages.iter().map(say).collect();
    if let [only] = languages {
        rows.extend(texts::customer_detail(LAST_WORDS, *only));
    }
    (0..size.rows).map(|row| left(rows.get(row).map_or("", String::as_str), size.columns)).collect()
}

/// The scene of [`last_words`].
const LAST_WORDS: &str = "ask_cashier";

/// The newest articles, and below them what they come to, in each language.
fn basket_cards(basket: &Basket, words: &[SceneText], total: Option<&str>, size: Size) -> Vec<Vec<String>> {
    let room = size.rows.saturating_sub(usize::from(total.is_some()));
    let newest = basket.lines.iter().skip(basket.lines.len().saturating_sub(room));
    let mut articles: Vec<String> =
        newest.map(|line| beside(&line.text, line.amount.as_deref(), size.columns)).collect();
    articles.resize(room, left("", size.columns));
    let Some(total) = total else { return vec![articles] };
    let card = |text: &SceneText| {
        let sum = beside(&text.heading, Some(total), size.columns);
        articles.iter().cloned().chain([sum]).collect()
    };
    words.iter().map(card).collect()
}

/// `text` from the left and `amount` at the right of one row. The amount is whole; the text is what is cut.
fn beside(text: &str, amount: Option<&str>, columns: usize) -> String {
    match amount.map(|amount| (amount, columns.checked_sub(amount.width()))) {
        Some((amount, Some(room))) => {
            left(text, room.saturating_sub(1)) + &right(amount, room.min(1).saturating_add(amount.width()))
        }
        Some((_, None)) | None => left(text, columns),
    }
}

/// The shop's name and the texts from the top, the amount at the bottom right.
fn card(shop: Option<&str>, texts: &[&String], amount: Option<&str>, size: Size) -> Vec<String> {
    let texts: Vec<&str> = shop.into_iter().chain(texts.iter().map(|text| text.as_str())).collect();
    let row = |row: usize| match amount {
        Some(amount) if row > 0 && row.saturating_add(1) == size.rows => right(amount, size.columns),
        Some(_) | None => left(texts.get(row).copied().unwrap_or_default(), size.columns),
    };
    (0..size.rows).map(row).collect()
}

/// The lines of one language, what matters most first: the news, where a customer is asked for another code.
fn said(key: &str, text: &SceneText, columns: usize) -> Vec<String> {
    let heading = broken(&heading(key, text, columns), columns);
    let Some(detail) = &text.detail else { return heading };
    let detail = broken(first_sentence(detail, columns), columns);
    if key == "armed" { [detail, heading].concat() } else { [heading, detail].concat() }
}

/// The heading, or its short form where it does not fit.
fn heading(key: &str, text: &SceneText, columns: usize) -> String {
    if text.heading.width() <= columns { text.heading.clone() } else { texts::customer_short(key, text.language) }
}

/// What stands before the first full stop, if the whole does not fit: half a second sentence says less than none.
fn first_sentence(text: &str, columns: usize) -> &str {
    if text.width() <= columns { text } else { text.split(['.', '。']).next().unwrap_or(text) }
}

/// `text` in pieces that fit, broken at blanks; what has none is broken between characters.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let with = line.width().saturating_add(word.width()).saturating_add(usize::from(!line.is_empty()));
        if with > columns && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            let with = line.width().saturating_add(c.width().unwrap_or_default());
            if with > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

/// `text` from the left, cut to whole characters, filled up.
fn left(text: &str, columns: usize) -> String {
    let mut line = String::with_capacity(columns);
    let mut used = 0_usize;
    for c in text.chars() {
        // A control character has no width, and could move the cursor.
        let Some(width) = c.width() else { continue };
        let with = used.saturating_add(width);
        if with > columns {
            break;
        }
        line.push(c);
        used = with;
    }
    line.push_str(&" ".repeat(columns.saturating_sub(used)));
    line
}

/// `text`, which fits, to the right, as tills show amounts.
fn right(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(text.width());
    left(&format!("{}{text}", " ".repeat(blanks)), columns)
}

#[cfg(test)]
mod tests {
    use super::super::{Aside, LaneLook, scene};
    use super::*;
    use crate::payment::State;
    use crate::words::{Language, Money, Tick};

    #[test]
    fn the_amount_stands_under_what_is_to_be_done() {
        let shown = cards(&of(State::Armed, 8800, &[Language::En]), Size::USUAL);
        assert_eq!(shown, [["Show payment code   ", "           HKD 88.00"]]);
    }

    #[test]
    fn languages_and_second_lines_take_turns() {
        let armed = of(State::Armed, 8800, &[Language::ZhHk, Language::En]);
        let amount = "           HKD 88.00";
        assert_eq!(cards(&armed, Size::USUAL), [["請出示付款碼        ", amount], ["Show payment code   ", amount]]);

        let look =
            LaneLook { state: Some(State::Armed), aside: Some((Aside::Again, Tick::default())), ..LaneLook::default() };
        let again = Scene { amount: Some("HKD 88.00".to_owned()), ..scene(&look, &[Language::En], Tick::default()) };
        let turns = cards(&again, Size::USUAL);
        assert_eq!(turns, [["Try another code    ", amount], ["Show payment code   ", amount]]);

        let waiting = cards(&of(State::CustomerPaying, 8800, &[Language::ZhHk, Language::En]), Size::USUAL);
        let upper: Vec<&str> = waiting.iter().map(|card| card[0].trim_end()).collect();
        assert_eq!(upper, ["請在手機上確認付款", "Confirm on phone", "請於微信內確認", "Confirm in WeChat"]);
    }

    #[test]
    fn a_taller_display_says_as_much_at_once_as_it_can() {
        let tall = Size { columns: 20, rows: 4 };
        let both = [Language::ZhHk, Language::En];
        let blank = " ".repeat(20);
        let armed = cards(&of(State::Armed, 8800, &both), tall);
        assert_eq!(armed, [["請出示付款碼        ", "Show payment code   ", &blank, "           HKD 88.00"]]);
        // Two lines in each language and an amount are five rows.
        let confirm = cards(&of(State::CustomerPaying, 8800, &both), tall);
        assert_eq!(confirm.len(), 2);
        assert_eq!(confirm[1], ["Confirm on phone    ", "Confirm in WeChat   ", &blank, "           HKD 88.00"]);
    }

    #[test]
    fn a_smaller_display_breaks_texts_at_words_and_says_them_in_turn() {
        let small = Size { columns: 16, rows: 2 };
        let armed = cards(&of(State::Armed, 8800, &[Language::En]), small);
        assert_eq!(armed, [["Show payment    ", "       HKD 88.00"], ["code            ", "       HKD 88.00"]]);
        let single = cards(&of(State::Paid, 8800, &[Language::En]), Size { columns: 16, rows: 1 });
        assert_eq!(single, [["Paid, thank you "], ["       HKD 88.00"]]);
        assert_eq!(broken("請在手機上確認付款", 8), ["請在手機", "上確認付", "款"]);
    }

    #[test]
    fn a_basket_shows_its_newest_article_and_its_sum_and_the_shop_says_who_it_is() {
        let line = |text: &str, amount: Option<&str>| crate::scene::BasketLine {
            text: text.to_owned(),
            amount: amount.map(str::to_owned),
        };
        let lines =
            vec![line("Tea", Some("8.00")), line("Beef noodles with an egg", Some("42.50")), line("請稍候", None)];
        let total = Money::new(5050, "HKD".parse().expect("a currency")).ok();
        let both = [Language::ZhHk, Language::En];
        let with = |lines: &[crate::scene::BasketLine], total| {
            let basket = std::sync::Arc::new(Basket { lines: lines.to_vec(), total });
            let until = Tick::from_micros(1_000_000);
            let look = LaneLook { basket: Some((basket, until)), shop: Some("Noodles".into()), ..LaneLook::default() };
            scene(&look, &both, Tick::default())
        };
        assert_eq!(
            cards(&with(&lines[..2], total), Size::USUAL),
            [["Beef noodles w 42.50", "合計       HKD 50.50"], ["Beef noodles w 42.50", "Total      HKD 50.50"]]
        );
        let tall = Size { columns: 20, rows: 4 };
        let blank = " ".repeat(20);
        let tea = "Tea             8.00";
        let noodles = "Beef noodles w 42.50";
        let wait = "請稍候              ";
        assert_eq!(cards(&with(&lines, None), tall), [[tea, noodles, wait, &blank]]);
        let welcome = Scene { shop: Some("牛記 Noodles".into()), ..of(State::Canceled, 1, &both) };
        assert_eq!(
            cards(&welcome, Size::USUAL),
            [["牛記 Noodles        ", "歡迎光臨            "], ["牛記 Noodles        ", "Welcome             "]]
        );
        assert_eq!(beside("text", Some("12345678901234567890"), 20), "12345678901234567890");
        assert_eq!(beside("text", Some("1234567890123456789"), 20), " 1234567890123456789");
    }

    #[test]
    fn the_last_words_are_said_in_every_language_at_once() {
        let both = [Language::ZhHk, Language::En];
        assert_eq!(last_words(&both, Size::USUAL), ["請向收銀員查詢      ", "Ask the cashier     "]);
        assert_eq!(last_words(&[Language::En], Size::USUAL), ["Ask the cashier     ", "No current status   "]);
        assert_eq!(last_words(&both, Size { columns: 10, rows: 1 }), ["請向收銀員"]);
    }

    #[test]
    fn a_scene_without_an_amount_uses_both_lines() {
        let reversed = of(State::Reversed, 8800, &[Language::En]);
        assert_eq!(cards(&reversed, Size::USUAL), [["Payment cancelled   ", "You were not charged"]]);
    }

    #[test]
    fn every_card_of_every_scene_has_exactly_the_size_of_the_display() {
        for (columns, rows) in [(20, 2), (20, 4), (16, 2), (40, 1), (8, 3), (1, 1)] {
            for scene in Language::ALL.into_iter().flat_map(every) {
                for card in cards(&scene, Size { columns, rows }) {
                    assert_eq!(card.len(), rows, "{}", scene.key);
                    assert!(card.iter().all(|line| line.width() == columns), "{}: {card:?}", scene.key);
                }
            }
        }
    }

    #[test]
    fn no_text_of_ours_is_cut() {
        for language in Language::ALL {
            for scene in every(language) {
                for text in &scene.lines {
                    let heading = heading(scene.key, text, 20);
                    let detail = text.detail.as_deref().map(|it| first_sentence(it, 20)).unwrap_or_default();
                    assert!(heading.width() <= 20, "{language} {}: {heading}", scene.key);
                    assert!(detail.width() <= 20, "{language} {}: {detail}", scene.key);
                }
            }
        }
    }

    #[test]
    fn no_text_has_a_character_whose_width_depends_on_the_display() {
        for language in Language::ALL {
            for text in every(language).into_iter().flat_map(|scene| scene.lines) {
                let all = format!("{}{}", text.heading, text.detail.unwrap_or_default());
                assert_eq!(all.width(), all.width_cjk(), "{all}");
            }
        }
    }

    #[test]
    fn the_largest_amount_is_shown_whole() {
        let paid = of(State::Paid, Money::MAX_MINOR, &Language::ALL);
        for card in cards(&paid, Size::USUAL) {
            assert_eq!(card[1], "     HKD 10000000.00");
        }
    }

    #[test]
    fn an_amount_that_does_not_fit_is_left_out_rather_than_cut() {
        let scene =
            Scene { amount: Some("HKD 12345678901234567.00".to_owned()), ..of(State::Paid, 8800, &[Language::En]) };
        assert_eq!(cards(&scene, Size::USUAL), [["Paid, thank you     ", "                    "]]);
    }

    #[test]
    fn a_wide_character_is_never_split_and_control_characters_never_pass() {
        assert_eq!(left("一二三四五六七八九十百", 20), "一二三四五六七八九十");
        assert_eq!(left("A一二三四五六七八九十", 20), "A一二三四五六七八九 ");
        assert_eq!(left("a\r\n\u{1b}[2Jb", 20), "a[2Jb               ");
    }

    /// The scene of `state` with an amount in HKD, as soon as it is so.
    fn of(state: State, minor: u64, languages: &[Language]) -> Scene {
        let amount = Money::new(minor, "HKD".parse().expect("a currency")).expect("an amount");
        let look = LaneLook { state: Some(state), amount: Some(amount), ..LaneLook::default() };
        scene(&look, languages, Tick::default())
    }

    /// Every scene there is, and those after a code that did not pay.
    fn every(language: Language) -> Vec<Scene> {
        let after = |aside| {
            let aside = Some((aside, Tick::default()));
            scene(&LaneLook { state: Some(State::Armed), aside, ..LaneLook::default() }, &[language], Tick::default())
        };
        let of_key = |key| Scene {
            key,
            lines: vec![SceneText {
                language,
                heading: texts::customer(key, language),
                detail: texts::customer_detail(key, language),
            }],
            ..Scene::stale(&[language])
        };
        texts::CUSTOMER.into_iter().map(of_key).chain(Aside::ALL.map(after)).collect()
    }
}
