use std::io::{self, ErrorKind};
use std::time::Duration;

/// How a scanner is connected, and so what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Characters on a serial line.
    Serial,
    /// Key strokes.
    Keyboard,
    /// Reports of usage page 8C.
    HidPos,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Serial => "serial",
            Self::Keyboard => "keyboard",
            Self::HidPos => "hid-pos",
        })
    }
}

/// How a scanner sends a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Sent first.
    pub prefix: Vec<u8>,
    /// The AIM identifier in front of the code, or nothing.
    pub aim: Vec<u8>,
    /// Sent last.
    pub suffix: Vec<u8>,
    /// Between two characters, or two reports; all at once when it is zero.
    pub gap: Duration,
    /// How a keyboard types; nothing to the other kinds.
    pub typing: Typing,
}

impl Default for Manner {
    /// A code, CR, all at once.
    fn default() -> Self {
        Self {
            prefix: Vec::new(),
            aim: Vec::new(),
            suffix: b"\r".to_vec(),
            gap: Duration::ZERO,
            typing: Typing::default(),
        }
    }
}

impl Manner {
    /// `code` as this manner sends it.
    pub(super) fn scan<'a>(&'a self, code: &'a [u8]) -> Scan<'a> {
        Scan { prefix: &self.prefix, aim: &self.aim, code, suffix: &self.suffix, typing: self.typing, lost: None }
    }
}

/// How a keyboard wedge is set up to type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Typing {
    /// Each character is Alt with its number on the keypad.
    pub alt: bool,
    /// CapsLock is pressed before a scan and again behind it.
    pub caps: bool,
    /// Whose keyboard it takes the host's for.
    pub country: Country,
}

/// A country's keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Country {
    /// QWERTY.
    #[default]
    Us,
    /// AZERTY, whose digits need Shift. Digits and letters only.
    France,
}

/// One scan, before it becomes characters, key strokes or reports.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// Sent first.
    pub prefix: &'a [u8],
    /// The AIM identifier, or nothing.
    pub aim: &'a [u8],
    /// What was on the paper or the phone.
    pub code: &'a [u8],
    /// Sent last.
    pub suffix: &'a [u8],
    /// How a keyboard types it.
    pub typing: Typing,
    /// Which of its characters is lost, from 1.
    pub lost: Option<usize>,
}

impl Scan<'_> {
    /// All of it, one character after the other.
    ///
    /// # Errors
    /// When the character to lose is none of them.
    pub fn characters(&self) -> io::Result<Vec<u8>> {
        self.without_the_lost([self.prefix, self.aim, self.code, self.suffix].concat())
    }

    /// All of it but the AIM identifier, which has a place of its own.
    ///
    /// # Errors
    /// As [`Scan::characters`].
    pub fn data(&self) -> io::Result<Vec<u8>> {
        self.without_the_lost([self.prefix, self.code, self.suffix].concat())
    }

    fn without_the_lost(&self, mut characters: Vec<u8>) -> io::Result<Vec<u8>> {
        let Some(lost) = self.lost else { return Ok(characters) };
        let at = lost.checked_sub(1).filter(|at| *at < characters.len());
        let at = at.ok_or_else(|| {
            let text = format!("the scan has {} characters, there is no number {lost} to lose", characters.len());
            io::Error::new(ErrorKind::InvalidInput, text)
        })?;
        characters.remove(at);
        Ok(characters)
    }
}

/// What can be wrong with a HID POS report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends too soon.
    Short,
    /// It has a byte too many.
    Long,
    /// It claims one character more than it has room for.
    Count,
    /// Each of five full reports says that the scan goes on, and nothing comes.
    Endless,
}

impl Malformed {
    /// All of them, the one that never ends last.
    pub const ALL: [Self; 4] = [Self::Short, Self::Long, Self::Count, Self::Endless];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lost_character_is_counted_over_all_that_is_sent() {
        let manner = Manner { prefix: b"\x02".to_vec(), aim: b"]C0".to_vec(), ..Manner::default() };
        let lost = |lost| Scan { lost: Some(lost), ..manner.scan(b"1345") };
        assert_eq!(lost(1).characters().expect("a prefix"), b"]C01345\r");
        assert_eq!(lost(5).characters().expect("a digit"), b"\x02]C0345\r");
        assert_eq!(lost(9).characters().expect("the end"), b"\x02]C01345");
        assert_eq!(lost(2).data().expect("a digit"), b"\x02345\r");
        let said = lost(10).characters().expect_err("no such character").to_string();
        assert_eq!(said, "the scan has 9 characters, there is no number 10 to lose");
    }
}
