//! A scene on a character display of two lines of 20 columns.
//!
//! A Chinese character takes two columns. A text is cut at a whole character and filled with blanks, so that nothing of
//! the scene before stays on the glass; an amount is shown whole or not at all.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Scene, SceneText, texts};

/// Columns of a line.
pub const COLUMNS: usize = 20;

/// Both lines, upper one first, each of exactly [`COLUMNS`] columns. What does not fit at once takes turns (languages, a
/// second line beside an amount): `turn` counts the display's changes and may be any number.
#[must_use]
pub fn lines(scene: &Scene, turn: usize) -> [String; 2] {
    let amount = scene.amount.as_deref().filter(|amount| amount.width() <= COLUMNS);
    let cards: Vec<[String; 2]> = scene.lines.iter().flat_map(|text| cards(scene.key, text, amount)).collect();
    let place = turn.checked_rem(cards.len()).unwrap_or_default();
    cards.into_iter().nth(place).unwrap_or_else(|| [left(""), left("")])
}

/// How many turns a scene has. One means that it can stand still.
#[must_use]
pub fn turns(scene: &Scene) -> usize {
    let amount = scene.amount.as_deref().filter(|amount| amount.width() <= COLUMNS);
    scene.lines.iter().map(|text| cards(scene.key, text, amount).len()).sum()
}

/// What is shown in one language: the heading over the second line; beside an amount, each of them over the amount.
fn cards(key: &str, text: &SceneText, amount: Option<&str>) -> Vec<[String; 2]> {
    let heading = heading(key, text);
    let detail = text.detail.as_deref().map(first_sentence);
    match (amount, detail) {
        (None, detail) => vec![[left(&heading), left(detail.unwrap_or_default())]],
        (Some(amount), None) => vec![[left(&heading), right(amount)]],
        (Some(amount), Some(detail)) => vec![[left(&heading), right(amount)], [left(detail), right(amount)]],
    }
}

/// The heading, or its short form where it does not fit.
fn heading(key: &str, text: &SceneText) -> String {
    if text.heading.width() <= COLUMNS { text.heading.clone() } else { texts::customer_short(key, text.language) }
}

/// What stands before the first full stop, if the whole does not fit: half a second sentence says less than none.
fn first_sentence(text: &str) -> &str {
    if text.width() <= COLUMNS { text } else { text.split(['.', '。']).next().unwrap_or(text) }
}

/// `text` from the left, cut to whole characters, filled up.
fn left(text: &str) -> String {
    let mut line = String::with_capacity(COLUMNS);
    let mut used = 0_usize;
    for c in text.chars() {
        // A control character has no width, and could move the cursor.
        let Some(width) = c.width() else { continue };
        let with = used.saturating_add(width);
        if with > COLUMNS {
            break;
        }
        line.push(c);
        used = with;
    }
    line.push_str(&" ".repeat(COLUMNS.saturating_sub(used)));
    line
}

/// `text`, which fits, to the right, as tills show amounts.
fn right(text: &str) -> String {
    let blanks = COLUMNS.saturating_sub(text.width());
    left(&format!("{}{text}", " ".repeat(blanks)))
}

#[cfg(test)]
mod tests {
    use super::super::{Aside, LaneLook, scene};
    use super::*;
    use crate::payment::State;
    use crate::words::{Language, Money, Tick};

    #[test]
    fn the_amount_stands_under_what_is_to_be_done() {
        let shown = lines(&of(State::Armed, 8800, &[Language::En]), 0);
        assert_eq!(shown, ["Show payment code   ", "           HKD 88.00"]);
    }

    #[test]
    fn languages_and_second_lines_take_turns() {
        let armed = of(State::Armed, 8800, &[Language::ZhHk, Language::En]);
        assert_eq!(turns(&armed), 2);
        assert_eq!(lines(&armed, 0), ["請出示付款碼        ", "           HKD 88.00"]);
        assert_eq!(lines(&armed, 1), ["Show payment code   ", "           HKD 88.00"]);
        assert_eq!(lines(&armed, 2), lines(&armed, 0));

        let look =
            LaneLook { state: Some(State::Armed), aside: Some((Aside::Again, Tick::default())), ..LaneLook::default() };
        let again = Scene { amount: Some("HKD 88.00".to_owned()), ..scene(&look, &[Language::En], Tick::default()) };
        assert_eq!(lines(&again, usize::MAX), ["Try another code    ", "           HKD 88.00"]);
    }

    #[test]
    fn a_scene_without_an_amount_uses_both_lines() {
        let reversed = of(State::Reversed, 8800, &[Language::En]);
        assert_eq!(lines(&reversed, 0), ["Payment cancelled   ", "You were not charged"]);
    }

    #[test]
    fn every_line_of_every_scene_has_exactly_twenty_columns() {
        for language in Language::ALL {
            for scene in every(language) {
                for turn in 0..turns(&scene) {
                    for line in lines(&scene, turn) {
                        assert_eq!(line.width(), COLUMNS, "{language} {}: {line:?}", scene.key);
                    }
                }
            }
        }
    }

    #[test]
    fn no_text_of_ours_is_cut() {
        for language in Language::ALL {
            for scene in every(language) {
                for text in &scene.lines {
                    let heading = heading(scene.key, text);
                    let detail = text.detail.as_deref().map(first_sentence).unwrap_or_default();
                    assert!(heading.width() <= COLUMNS, "{language} {}: {heading}", scene.key);
                    assert!(detail.width() <= COLUMNS, "{language} {}: {detail}", scene.key);
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
        for turn in 0..turns(&paid) {
            assert_eq!(lines(&paid, turn)[1], "     HKD 10000000.00");
        }
    }

    #[test]
    fn an_amount_that_does_not_fit_is_left_out_rather_than_cut() {
        let scene =
            Scene { amount: Some("HKD 12345678901234567.00".to_owned()), ..of(State::Paid, 8800, &[Language::En]) };
        assert_eq!(lines(&scene, 0), ["Paid, thank you     ", "                    "]);
    }

    #[test]
    fn a_wide_character_is_never_split_and_control_characters_never_pass() {
        assert_eq!(left("一二三四五六七八九十百"), "一二三四五六七八九十");
        assert_eq!(left("A一二三四五六七八九十"), "A一二三四五六七八九 ");
        assert_eq!(left("a\r\n\u{1b}[2Jb"), "a[2Jb               ");
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
