//! Which characters a character display can show, and as which bytes.
//!
//! A character passes only if its bytes are as many as the columns it takes, so that text which was laid out in columns
//! stays so on the glass. What a display cannot show is spelt in Latin letters: a name nobody can read would be worse.

use std::sync::Arc;

use encoding_rs::{BIG5, Encoding, GBK, WINDOWS_1252};
use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthChar as _;

use super::{Basket, BasketLine, Scene, SceneText};
use crate::words::Language;

/// The character set of a display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charset {
    /// Letters, digits and signs that every display has.
    Ascii,
    /// The first IBM PC's.
    Cp437,
    /// The PC's for Western Europe, with the euro.
    Cp858,
    /// Windows' for Western Europe.
    Cp1252,
    /// ISO 8859-1: what LCDd takes.
    Latin1,
    /// Simplified Chinese, GB 2312-80: two bytes and two columns a character.
    Gb2312,
    /// Simplified and traditional Chinese.
    Gbk,
    /// Traditional Chinese.
    Big5,
}

impl Charset {
    /// Those that a serial display may be set to, with the words of the configuration.
    pub const OF_SERIAL: [(&'static str, Self); 7] = [
        ("ascii", Self::Ascii),
        ("cp437", Self::Cp437),
        ("cp858", Self::Cp858),
        ("cp1252", Self::Cp1252),
        ("gb2312", Self::Gb2312),
        ("gbk", Self::Gbk),
        ("big5", Self::Big5),
    ];

    /// The languages a display speaks whose customers want `wanted`: a Chinese one takes the other script rather than
    /// none, and English stands in where nothing is left.
    #[must_use]
    pub fn languages(self, wanted: &[Language]) -> Vec<Language> {
        let mut spoken: Vec<Language> = Vec::new();
        for language in wanted.iter().filter_map(|language| self.nearest(*language)) {
            if !spoken.contains(&language) {
                spoken.push(language);
            }
        }
        if spoken.is_empty() { vec![Language::En] } else { spoken }
    }

    fn nearest(self, wanted: Language) -> Option<Language> {
        match (wanted, self) {
            (Language::En, _) => Some(Language::En),
            (_, Self::Gbk) => Some(wanted),
            (Language::ZhCn | Language::ZhHk, Self::Gb2312) => Some(Language::ZhCn),
            (Language::ZhCn | Language::ZhHk, Self::Big5) => Some(Language::ZhHk),
            (
                Language::ZhCn | Language::ZhHk,
                Self::Ascii | Self::Cp437 | Self::Cp858 | Self::Cp1252 | Self::Latin1,
            ) => None,
        }
    }

    /// `text` in characters this display has, without any that could steer it. A word of another script that it has not
    /// got whole is spelt in Latin letters: half of a name in each would be worse.
    #[must_use]
    pub fn plain(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut spelt = false;
        for word in text.split_inclusive(|c: char| c.is_ascii()) {
            let (word, behind) = match word.chars().next_back().filter(char::is_ascii) {
                Some(last) => (word.strip_suffix(last).unwrap_or(word), Some(last)),
                None => (word, None),
            };
            if word.chars().all(|c| self.bytes(c).is_some()) {
                out.push_str(word);
                spelt &= word.is_empty();
            } else {
                self.spell(word, &mut out);
                spelt = true;
            }
            let Some(last) = behind.map(|last| if last.is_control() { ' ' } else { last }) else { continue };
            // A spelling ends with a blank of its own.
            if last != ' ' || !(spelt && out.ends_with(' ')) {
                out.push(last);
            }
            spelt = false;
        }
        out
    }

    fn spell(self, word: &str, out: &mut String) {
        for c in word.chars() {
            let letters = if c.is_control() { " " } else { deunicode::deunicode_char(c).unwrap_or("?") };
            for letter in letters.chars().filter(|letter| self.bytes(*letter).is_some()) {
                if letter != ' ' || !out.ends_with(' ') {
                    out.push(letter);
                }
            }
        }
    }

    /// `scene` in characters this display has: names of shops and articles come from outside.
    #[must_use]
    pub fn scene(self, scene: Scene) -> Scene {
        let text = |text: SceneText| SceneText {
            heading: self.plain(&text.heading),
            detail: text.detail.as_deref().map(|detail| self.plain(detail)),
            ..text
        };
        let article = |line: &BasketLine| BasketLine { text: self.plain(&line.text), amount: line.amount.clone() };
        let basket = |basket: Arc<Basket>| {
            Arc::new(Basket { lines: basket.lines.iter().map(article).collect(), total: basket.total })
        };
        Scene {
            amount: scene.amount.as_deref().map(|amount| self.plain(amount)),
            shop: scene.shop.as_deref().map(|shop| self.plain(shop).into()),
            basket: scene.basket.map(basket),
            lines: scene.lines.into_iter().map(text).collect(),
            ..scene
        }
    }

    /// The bytes of `c`, one for each column it takes. Never a control code.
    #[must_use]
    pub fn bytes(self, c: char) -> Option<Vec<u8>> {
        if let ' '..='~' = c {
            return u8::try_from(c).ok().map(|byte| vec![byte]);
        }
        let bytes = match self {
            Self::Ascii => return None,
            Self::Cp437 => upper_half(CP437, c)?,
            Self::Cp858 => upper_half(CP858, c)?,
            Self::Latin1 => u8::try_from(c).ok().filter(|byte| *byte > 0xA0).map(|byte| vec![byte])?,
            Self::Cp1252 => coded(WINDOWS_1252, c)?,
            Self::Gb2312 => coded(GBK, c).filter(|bytes| in_gb2312(bytes))?,
            Self::Gbk => coded(GBK, c).filter(|bytes| bytes.len() == 2)?,
            Self::Big5 => coded(BIG5, c).filter(|bytes| bytes.len() == 2)?,
        };
        (c.width() == Some(bytes.len())).then_some(bytes)
    }
}

fn upper_half(table: &str, c: char) -> Option<Vec<u8>> {
    let place = table.chars().position(|known| known == c)?;
    Some(vec![u8::try_from(place).ok()?.checked_add(0x80)?])
}

fn coded(encoding: &'static Encoding, c: char) -> Option<Vec<u8>> {
    let mut buffer = [0; 4];
    let (bytes, _, unknown) = encoding.encode(c.encode_utf8(&mut buffer));
    (!unknown && !c.is_control()).then(|| bytes.into_owned())
}

/// Its 94 × 94 table: signs in rows 1 to 9, characters in rows 16 to 87.
fn in_gb2312(bytes: &[u8]) -> bool {
    matches!(bytes, [0xA1..=0xA9 | 0xB0..=0xF7, 0xA1..=0xFE])
}

/// 80h to FFh of code page 437.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// The same of code page 858.
const CP858: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀\
     ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::texts;

    const ALL: [Charset; 8] = [
        Charset::Ascii,
        Charset::Cp437,
        Charset::Cp858,
        Charset::Cp1252,
        Charset::Latin1,
        Charset::Gb2312,
        Charset::Gbk,
        Charset::Big5,
    ];

    #[test]
    fn a_character_has_the_bytes_of_the_published_tables() {
        for (charset, c, bytes) in [
            (Charset::Cp437, 'é', &[0x82][..]),
            (Charset::Cp437, '¥', &[0x9D]),
            (Charset::Cp437, '■', &[0xFE]),
            (Charset::Cp858, '€', &[0xD5]),
            (Charset::Cp858, '¥', &[0xBE]),
            (Charset::Cp858, '²', &[0xFD]),
            (Charset::Cp1252, '€', &[0x80]),
            (Charset::Latin1, 'é', &[0xE9]),
            (Charset::Gb2312, '请', &[0xC7, 0xEB]),
            (Charset::Gb2312, '，', &[0xA3, 0xAC]),
            (Charset::Gbk, '請', &[0xD5, 0x88]),
            (Charset::Big5, '請', &[0xBD, 0xD0]),
        ] {
            assert_eq!(charset.bytes(c).as_deref(), Some(bytes), "{charset:?} {c}");
        }
        assert_eq!((CP437.chars().count(), CP858.chars().count()), (128, 128));
    }

    #[test]
    fn what_a_display_has_not_is_spelt_and_never_steers_it() {
        assert_eq!(Charset::Ascii.plain("Café 牛肉"), "Cafe Niu Rou ");
        assert_eq!(Charset::Cp437.plain("Café"), "Café");
        // Traditional characters are not in GB 2312.
        assert_eq!(Charset::Gb2312.plain("牛記 Noodles"), "Niu Ji Noodles");
        assert_eq!(Charset::Gb2312.plain("牛肉 面"), "牛肉 面");
        assert_eq!(Charset::Ascii.plain("a\u{1b}[2Jb\r\n\u{7f}c"), "a [2Jb   c");
        assert_eq!(Charset::Ascii.plain("two  blanks, 茶\u{85}"), "two  blanks, Cha ");
        // The one byte of the euro is Windows', not GBK's.
        assert_eq!(Charset::Gbk.bytes('€'), None);
        // One byte, but two columns or none: it would push the amount aside.
        assert_eq!(Charset::Latin1.bytes('\u{ad}'), None);
        assert_eq!(Charset::Gbk.plain("2×3"), "2x3");
    }

    #[test]
    fn no_character_becomes_a_control_code_or_takes_other_columns_than_bytes() {
        for charset in ALL {
            for c in (0..0x2_0000).filter_map(char::from_u32) {
                let Some(bytes) = charset.bytes(c) else { continue };
                assert_eq!(c.width(), Some(bytes.len()), "{charset:?} {c:?}");
                assert!(bytes.iter().all(|byte| *byte >= 0x20 && *byte != 0x7F), "{charset:?} {c:?}: {bytes:02X?}");
            }
        }
    }

    #[test]
    fn every_text_of_a_language_that_a_display_speaks_can_be_shown_on_it() {
        for charset in ALL {
            for language in charset.languages(&Language::ALL) {
                for key in texts::CUSTOMER {
                    let detail = texts::customer_detail(key, language).unwrap_or_default();
                    for text in [texts::customer(key, language), texts::customer_short(key, language), detail] {
                        assert_eq!(charset.plain(&text), text, "{charset:?} {language}");
                    }
                }
                for aside in crate::scene::Aside::ALL {
                    let text = texts::customer_aside(aside, language).unwrap_or_default();
                    assert_eq!(charset.plain(&text), text, "{charset:?} {language}");
                }
            }
        }
    }

    #[test]
    fn a_display_speaks_what_it_can_show() {
        use Language::{En, ZhCn, ZhHk};
        for (charset, wanted, spoken) in [
            (Charset::Ascii, &[ZhHk, En][..], &[En][..]),
            (Charset::Ascii, &[ZhCn], &[En]),
            (Charset::Gb2312, &[ZhHk, En], &[ZhCn, En]),
            (Charset::Gb2312, &[ZhHk, ZhCn], &[ZhCn]),
            (Charset::Big5, &[En, ZhCn], &[En, ZhHk]),
            (Charset::Gbk, &[ZhHk, ZhCn, En], &[ZhHk, ZhCn, En]),
            (Charset::Big5, &[], &[En]),
        ] {
            assert_eq!(charset.languages(wanted), spoken, "{charset:?}");
        }
    }
}
