//! What a scan is: a completed frame of exactly 18 digits, the first two 10 to 15, or nothing. Nothing is repaired or
//! joined, and no fragment is passed on; anything else that is complete is named for the cashier.
//!
//! A transport turns what its device sends into [`Candidate`]s (a serial line through the [`Framer`], a keyboard
//! through [`Keys`], HID POS through [`HidReports`]), and [`read`] says what each of them is. No text of a scan leaves
//! this module other than as an [`AuthCode`].

mod framer;
mod hid_pos;
mod hint;
mod keys;

use std::fmt;

use zeroize::Zeroizing;

use crate::words::{AuthCode, Tick};

pub use framer::{Framer, Framing, SUFFIX_MAX, Suffix, SuffixError};
pub use hid_pos::{DescriptorError, HidKind, HidReports, Layout, NoScanner};
pub use hint::Hint;
pub use keys::{KeyEvent, Keys};

/// What was scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// A WeChat Pay payment code.
    Code(AuthCode),
    /// Something else, complete, and what kind of thing it seems to be.
    Other(Hint),
}

/// Says what `candidate` is.
///
/// With an AIM identifier only Code 128 and QR are a payment code, which is what WeChat shows; without one the content
/// alone decides.
#[must_use]
pub fn read(candidate: &Candidate) -> Scanned {
    if !candidate.prefixed {
        return Scanned::Other(Hint::PrefixMissing);
    }
    let readable = candidate.aim.is_none_or(Aim::may_be_a_payment_code);
    let code = std::str::from_utf8(&candidate.text).ok().and_then(|text| text.parse().ok());
    match code {
        Some(code) if readable => Scanned::Code(code),
        Some(_) | None => Scanned::Other(hint::name(&candidate.text, candidate.aim)),
    }
}

/// A complete frame as a scanner sent it, without prefix, terminator and AIM identifier. It may hold a payment code, so
/// it cannot be printed, and its memory is wiped when it is dropped.
#[derive(PartialEq, Eq)]
pub struct Candidate {
    text: Zeroizing<Vec<u8>>,
    aim: Option<Aim>,
    prefixed: bool,
    at: Tick,
}

impl Candidate {
    /// Takes a frame that needs no prefix. An AIM identifier that still stands in front of `text` is taken off and
    /// counts when `aim`, the one that came beside it, is `None`.
    #[must_use]
    pub fn new(text: &[u8], aim: Option<Aim>, at: Tick) -> Self {
        Self::prefixed(text, b"", aim, at)
    }

    /// Takes a frame that has to begin with `prefix`, before or behind an AIM identifier.
    #[must_use]
    pub fn prefixed(text: &[u8], prefix: &[u8], aim: Option<Aim>, at: Tick) -> Self {
        let (rest, found) = match text.strip_prefix(prefix) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (inside, rest) = Aim::split(rest);
        let (rest, prefixed) = match rest.strip_prefix(prefix) {
            Some(behind) if !found => (behind, true),
            Some(_) | None => (rest, found),
        };
        Self { text: Zeroizing::new(rest.to_vec()), aim: aim.or(inside), prefixed, at }
    }

    /// As long as a payment code, and digits only.
    fn is_eighteen_digits(&self) -> bool {
        self.prefixed && self.text.len() == 18 && self.text.iter().all(u8::is_ascii_digit)
    }

    /// When its last character was read.
    #[must_use]
    pub fn at(&self) -> Tick {
        self.at
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({} characters at {:?})", self.text.len(), self.at)
    }
}

/// The letter and the modifier of an AIM symbology identifier: `C` and `0` of `]C0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    symbology: u8,
    modifier: u8,
}

impl Aim {
    /// The identifier of `symbology` and `modifier`, if these are a letter and a letter or digit.
    #[must_use]
    pub fn new(symbology: u8, modifier: u8) -> Option<Self> {
        (symbology.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric()).then_some(Self { symbology, modifier })
    }

    /// Takes a leading `]Cm` off.
    fn split(text: &[u8]) -> (Option<Self>, &[u8]) {
        let [b']', symbology, modifier, rest @ ..] = text else { return (None, text) };
        match Self::new(*symbology, *modifier) {
            Some(aim) => (Some(aim), rest),
            None => (None, text),
        }
    }

    /// Code 128 (`]C0`) and every QR code (`]Q0` to `]Q6`).
    fn may_be_a_payment_code(self) -> bool {
        matches!((self.symbology, self.modifier), (b'C', b'0') | (b'Q', _))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "134539517967686076";

    fn scanned(text: &str) -> Scanned {
        read(&Candidate::new(text.as_bytes(), None, Tick::default()))
    }

    fn code() -> Scanned {
        Scanned::Code(CODE.parse().expect("a code"))
    }

    #[test]
    fn code_128_and_qr_are_payment_codes_and_so_is_a_bare_code() {
        for aim in ["", "]C0", "]Q0", "]Q1", "]Q2", "]Q3", "]Q6"] {
            assert_eq!(scanned(&format!("{aim}{CODE}")), code(), "{aim}");
        }
    }

    #[test]
    fn a_code_in_another_symbology_is_not_a_payment_code() {
        for (aim, hint) in [
            ("]E0", Hint::Product),
            ("]E4", Hint::Product),
            ("]C1", Hint::Gs1),
            ("]e0", Hint::Gs1),
            ("]A0", Hint::Symbology),
            ("]L0", Hint::Symbology),
        ] {
            assert_eq!(scanned(&format!("{aim}{CODE}")), Scanned::Other(hint), "{aim}");
        }
    }

    #[test]
    fn an_identifier_given_beside_the_text_counts() {
        let ean = Aim::new(b'E', b'0');
        assert_eq!(read(&Candidate::new(CODE.as_bytes(), ean, Tick::default())), Scanned::Other(Hint::Product));
        assert_eq!(Aim::new(b'1', b'0'), None);
    }

    #[test]
    fn a_prefix_is_taken_off_on_either_side_of_the_identifier_and_is_required() {
        let with = |text: &str| read(&Candidate::prefixed(text.as_bytes(), b"~", None, Tick::default()));
        for text in ["~134539517967686076", "~]C0134539517967686076", "]C0~134539517967686076"] {
            assert_eq!(with(text), code(), "{text}");
        }
        assert_eq!(with(CODE), Scanned::Other(Hint::PrefixMissing));
        assert_eq!(with("~~134539517967686076"), Scanned::Other(Hint::Damaged));
        let beside =
            |text: &str| read(&Candidate::prefixed(text.as_bytes(), b"~", Aim::new(b'E', b'0'), Tick::default()));
        assert_eq!(beside("~134539517967686076"), Scanned::Other(Hint::Product));
        assert_eq!(beside(CODE), Scanned::Other(Hint::PrefixMissing));
    }

    #[test]
    fn nothing_prints_what_was_scanned() {
        let candidate = Candidate::new(CODE.as_bytes(), None, Tick::default());
        assert!(!format!("{candidate:?}{:?}", read(&candidate)).contains("13453951796768"));
    }
}
