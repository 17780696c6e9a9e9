//! The bytes of serial customer displays. Nothing here scrolls, blinks or clears between two texts: every change is all
//! lines in full, each after its position, so that a byte that was lost harms one picture and not the next.

use serde::{Deserialize, Serialize};

use super::charset::Charset;
use super::line::Size;

/// The commands a display understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Epson's ESC/POS for displays (DM-D), which most others can be switched to.
    Epson,
    /// CD5220.
    Cd5220,
    /// Logic Controls (LD9000, PD3000) and UTC standard (PD1200): the same bytes.
    LogicControls,
}

impl Protocol {
    /// Every protocol, with its words in the configuration.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("epson", Self::Epson),
        ("cd5220", Self::Cd5220),
        ("logic-controls", Self::LogicControls),
        ("utc", Self::LogicControls),
    ];

    /// Whether the protocol has a command that chooses this character set, or needs none.
    #[must_use]
    pub const fn has(self, charset: Charset) -> bool {
        match charset {
            Charset::Cp858 | Charset::Cp1252 => matches!(self, Self::Epson),
            Charset::Latin1 => false,
            Charset::Ascii | Charset::Cp437 | Charset::Gb2312 | Charset::Gbk | Charset::Big5 => true,
        }
    }
}

/// A serial display.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its commands.
    pub protocol: Protocol,
    /// Its characters.
    pub charset: Charset,
    /// Its columns and rows.
    pub size: Size,
    /// 1, dimmest, to 4; none leaves it as it is.
    pub brightness: Option<u8>,
    /// What this model needs besides, such as its way into two-byte characters.
    pub extra: Vec<u8>,
}

impl Profile {
    /// What a display is sent first: it forgets everything and is dark.
    #[must_use]
    pub fn open(&self) -> Vec<u8> {
        let start: &[u8] = match self.protocol {
            // A display behind which a printer hangs may have been told that all is for the printer.
            Protocol::Epson => &[ESC, b'=', 2, ESC, b'@'],
            // CLR first: in string mode (ESC Q) a display hears nothing else.
            Protocol::Cd5220 => &[CLR, ESC, b'=', 2, ESC, b'@'],
            Protocol::LogicControls => &[US],
        };
        [start, &self.modes()].concat()
    }

    /// What every refresh begins with: a display that lost power, or a byte, is set up again without going dark.
    #[must_use]
    pub fn again(&self) -> Vec<u8> {
        let guard: &[u8] = match self.protocol {
            // Home as often as a half command can want parameters.
            Protocol::Epson | Protocol::Cd5220 => &[HOM, HOM],
            Protocol::LogicControls => &[DC1],
        };
        [guard, &self.modes()].concat()
    }

    /// All rows, each in full.
    #[must_use]
    pub fn rows(&self, rows: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        let texts = rows.iter().map(String::as_str).chain(std::iter::repeat(""));
        for (y, text) in (0_u8..).zip(texts.take(self.size.rows)) {
            let columns = u8::try_from(self.size.columns).unwrap_or(u8::MAX);
            match self.protocol {
                Protocol::Epson => out.extend([US, b'$', 1, y.saturating_add(1)]),
                Protocol::Cd5220 => out.extend([ESC, b'l', 1, y.saturating_add(1)]),
                Protocol::LogicControls => out.extend([DLE, y.saturating_mul(columns)]),
            }
            out.extend(self.row(text));
        }
        out
    }

    /// `text` as exactly so many bytes as there are columns. No character is cut in half.
    fn row(&self, text: &str) -> Vec<u8> {
        let mut row = Vec::with_capacity(self.size.columns);
        for c in text.chars() {
            // What has no width stands in nobody's column.
            let bytes = self.charset.bytes(c).unwrap_or_default();
            if row.len().saturating_add(bytes.len()) > self.size.columns {
                break;
            }
            row.extend(bytes);
        }
        row.resize(self.size.columns, b' ');
        row
    }

    /// Overwriting, no cursor, character set, brightness.
    fn modes(&self) -> Vec<u8> {
        let mut out = match self.protocol {
            Protocol::Epson => vec![US, 1, US, b'C', 0],
            Protocol::Cd5220 => vec![ESC, DC1, ESC, b'_', 0],
            Protocol::LogicControls => vec![DC1, DC4],
        };
        if self.protocol == Protocol::Epson
            && let Some(page) = epson_page(self.charset)
        {
            out.extend([ESC, b'R', 0, ESC, b't', page]);
        }
        if let Some(level) = self.brightness {
            match self.protocol {
                Protocol::Epson => out.extend([US, b'X', level]),
                Protocol::Cd5220 => out.extend([ESC, b'*', level]),
                Protocol::LogicControls => out.extend([EOT, dimming(level)]),
            }
        }
        out.extend(&self.extra);
        out
    }
}

/// The number of a code table behind ESC t (DM-D110 specification, "Select character code table").
const fn epson_page(charset: Charset) -> Option<u8> {
    match charset {
        Charset::Ascii | Charset::Cp437 => Some(0),
        Charset::Cp1252 => Some(16),
        Charset::Cp858 => Some(19),
        Charset::Latin1 | Charset::Gb2312 | Charset::Gbk | Charset::Big5 => None,
    }
}

/// Per cent as the manuals of both makers write them: 20, 40, 60 and 100.
const fn dimming(level: u8) -> u8 {
    match level {
        0 | 1 => 0x20,
        2 => 0x40,
        3 => 0x60,
        _ => 0xFF,
    }
}

const EOT: u8 = 0x04;
const HOM: u8 = 0x0B;
const CLR: u8 = 0x0C;
const DLE: u8 = 0x10;
const DC1: u8 = 0x11;
const DC4: u8 = 0x14;
const ESC: u8 = 0x1B;
const US: u8 = 0x1F;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Command tables: hardware.md 3.1 and the manuals it names.
    #[test]
    fn each_protocol_is_written_byte_for_byte_as_its_manual_says() {
        let total = format!("{:<20}", "Total      CNY 12.34");
        let show = format!("{:<20}", "Show payment code");
        let rows = [show.clone(), total.clone()];
        let of = |protocol, brightness| Profile { brightness, ..profile(protocol, Charset::Ascii) };

        let epson = of(Protocol::Epson, Some(3));
        assert_eq!(hex(&epson.open()), "1b 3d 02 1b 40 1f 01 1f 43 00 1b 52 00 1b 74 00 1f 58 03");
        assert_eq!(hex(&epson.again()), "0b 0b 1f 01 1f 43 00 1b 52 00 1b 74 00 1f 58 03");
        let said = [&[0x1F, 0x24, 1, 1], show.as_bytes(), &[0x1F, 0x24, 1, 2], total.as_bytes()].concat();
        assert_eq!(epson.rows(&rows), said);

        let cd5220 = of(Protocol::Cd5220, Some(1));
        assert_eq!(hex(&cd5220.open()), "0c 1b 3d 02 1b 40 1b 11 1b 5f 00 1b 2a 01");
        assert_eq!(hex(&cd5220.again()), "0b 0b 1b 11 1b 5f 00 1b 2a 01");
        let said = [&[0x1B, 0x6C, 1, 1], show.as_bytes(), &[0x1B, 0x6C, 1, 2], total.as_bytes()].concat();
        assert_eq!(cd5220.rows(&rows), said);

        let utc = of(Protocol::LogicControls, Some(4));
        assert_eq!(hex(&utc.open()), "1f 11 14 04 ff");
        assert_eq!(hex(&utc.again()), "11 11 14 04 ff");
        let said = [&[0x10, 0x00], show.as_bytes(), &[0x10, 0x14], total.as_bytes()].concat();
        assert_eq!(utc.rows(&rows), said);
    }

    #[test]
    fn a_character_set_and_what_the_model_needs_are_told_each_time() {
        let euro = Profile { extra: vec![0x1C, 0x26], ..profile(Protocol::Epson, Charset::Cp858) };
        assert_eq!(hex(&euro.open()), "1b 3d 02 1b 40 1f 01 1f 43 00 1b 52 00 1b 74 13 1c 26");
        let chinese = Profile { extra: vec![0x1C, 0x26], ..profile(Protocol::Epson, Charset::Gb2312) };
        assert_eq!(hex(&chinese.again()), "0b 0b 1f 01 1f 43 00 1c 26");
        let levels: Vec<u8> = (1..=4).map(dimming).collect();
        assert_eq!(levels, [0x20, 0x40, 0x60, 0xFF]);
    }

    #[test]
    fn four_rows_have_four_positions() {
        let tall = |protocol| Profile { size: Size { columns: 20, rows: 4 }, ..profile(protocol, Charset::Ascii) };
        let rows: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
        let positions = |protocol, length: usize| {
            let bytes = tall(protocol).rows(&rows);
            let row = length + 20;
            (0..4).map(|y| hex(&bytes[y * row..y * row + length])).collect::<Vec<_>>()
        };
        assert_eq!(positions(Protocol::Epson, 4), ["1f 24 01 01", "1f 24 01 02", "1f 24 01 03", "1f 24 01 04"]);
        assert_eq!(positions(Protocol::LogicControls, 2), ["10 00", "10 14", "10 28", "10 3c"]);
        assert!(tall(Protocol::Epson).rows(&rows).ends_with(&[b' '; 20]), "a row nobody filled is blank");
    }

    #[test]
    fn a_chinese_character_is_never_cut_in_half() {
        let gb = profile(Protocol::Epson, Charset::Gb2312);
        let row = gb.row("A一二三四五六七八九十");
        assert_eq!(row.len(), 20);
        assert_eq!(row.last(), Some(&b' '), "half of the tenth does not stand there");
        assert_eq!(encoding_rs::GBK.decode(&row).0, "A一二三四五六七八九 ");
    }

    proptest! {
        #[test]
        fn no_text_reaches_a_display_as_anything_but_text(text in any::<String>(), at in 0_usize..7) {
            let charset = Charset::OF_SERIAL[at].1;
            let profile = profile(Protocol::LogicControls, charset);
            for text in [text.clone(), charset.plain(&text)] {
                let row = profile.row(&text);
                prop_assert_eq!(row.len(), 20);
                prop_assert!(row.iter().all(|byte| *byte >= 0x20 && *byte != 0x7F));
            }
        }
    }

    fn profile(protocol: Protocol, charset: Charset) -> Profile {
        Profile { protocol, charset, size: Size::USUAL, brightness: None, extra: Vec::new() }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
    }
}
