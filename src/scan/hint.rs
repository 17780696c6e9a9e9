use std::fmt;

use super::Aim;

/// What was scanned instead of a WeChat Pay payment code. It names a kind and carries nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// An Alipay payment code: 16 to 24 digits, the first two 25 to 30.
    Alipay,
    /// A UnionPay payment code: 19 digits, the first two 62.
    UnionPay,
    /// A product's barcode: EAN or UPC, by its AIM identifier or by its check digit.
    Product,
    /// A GS1 code of a parcel, a lot or a medicine.
    Gs1,
    /// A link, such as the one a customer is paid through (`wxp://`).
    Link,
    /// 18 digits that begin with something other than 10 to 15.
    WrongPrefix,
    /// Digits only, but not 18 of them.
    WrongLength,
    /// Characters that cannot be seen: the scanner's suffix or parity is set differently here, or the line is bad.
    Control,
    /// Digits of double width: the scanner is set to a Chinese keyboard or to GBK.
    FullWidth,
    /// The configured prefix is not there.
    PrefixMissing,
    /// A barcode of a kind that WeChat does not show (Code 39, PDF417, ...).
    Symbology,
    /// Mostly digits: a damaged read.
    Damaged,
    /// Some other text.
    Other,
}

impl Hint {
    /// Every hint, for texts and tests that must not forget one.
    pub const ALL: [Self; 13] = [
        Self::Alipay,
        Self::UnionPay,
        Self::Product,
        Self::Gs1,
        Self::Link,
        Self::WrongPrefix,
        Self::WrongLength,
        Self::Control,
        Self::FullWidth,
        Self::PrefixMissing,
        Self::Symbology,
        Self::Damaged,
        Self::Other,
    ];

    /// Its stable word, for the API, logs and texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alipay => "alipay",
            Self::UnionPay => "unionpay",
            Self::Product => "product",
            Self::Gs1 => "gs1",
            Self::Link => "link",
            Self::WrongPrefix => "wrong-prefix",
            Self::WrongLength => "wrong-length",
            Self::Control => "control-characters",
            Self::FullWidth => "full-width",
            Self::PrefixMissing => "prefix-missing",
            Self::Symbology => "symbology",
            Self::Damaged => "damaged",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Names what is not a payment code. What the scanner says about the symbology goes before what the text looks like.
pub(super) fn name(text: &[u8], aim: Option<Aim>) -> Hint {
    match aim.map(|aim| (aim.symbology, aim.modifier)) {
        Some((b'E', _)) => return Hint::Product,
        Some((b'C', b'1' | b'2') | (b'e', _) | (b'd', b'2')) => return Hint::Gs1,
        Some(_) | None => {}
    }
    if text.contains(&GROUP_SEPARATOR) {
        return Hint::Gs1;
    }
    if text.iter().any(u8::is_ascii_control) {
        return Hint::Control;
    }
    if is_link(text) {
        return Hint::Link;
    }
    if is_full_width(text) {
        return Hint::FullWidth;
    }
    let by_content = if !text.is_empty() && text.iter().all(u8::is_ascii_digit) { digits(text) } else { mixed(text) };
    match aim {
        Some(aim) if !aim.may_be_a_payment_code() && is_about_us(by_content) => Hint::Symbology,
        Some(_) | None => by_content,
    }
}

/// Names digits only.
fn digits(text: &[u8]) -> Hint {
    match (text.len(), text) {
        (16..=24, [b'2', b'5'..=b'9', ..] | [b'3', b'0', ..]) => Hint::Alipay,
        (19, [b'6', b'2', ..]) => Hint::UnionPay,
        (18, [b'1', b'0'..=b'5', ..]) => Hint::Symbology,
        (18, _) => Hint::WrongPrefix,
        (8 | 12 | 13, _) if has_check_digit(text) => Hint::Product,
        (16, [b'0', b'1', gtin @ ..]) if has_check_digit(gtin) => Hint::Gs1,
        _ => Hint::WrongLength,
    }
}

/// Names a text that is not digits only.
fn mixed(text: &[u8]) -> Hint {
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    if text.is_empty() || digits.saturating_mul(2) > text.len() { Hint::Damaged } else { Hint::Other }
}

/// Hints that would talk about a payment code's digits, which a Code 39 or a PDF417 never was.
fn is_about_us(hint: Hint) -> bool {
    match hint {
        Hint::WrongPrefix | Hint::WrongLength | Hint::Damaged | Hint::Other => true,
        Hint::Alipay
        | Hint::UnionPay
        | Hint::Product
        | Hint::Gs1
        | Hint::Link
        | Hint::Control
        | Hint::FullWidth
        | Hint::PrefixMissing
        | Hint::Symbology => false,
    }
}

/// `scheme://` in front: `wxp`, `weixin`, `https` and whatever comes.
fn is_link(text: &[u8]) -> bool {
    let Some(colon) = text.windows(3).position(|piece| piece == b"://") else { return false };
    let scheme = text.get(..colon).unwrap_or_default();
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Digits of double width, in UTF-8 (U+FF10 to U+FF19) or in GBK (A3 B0 to A3 B9), perhaps with plain ones between.
fn is_full_width(text: &[u8]) -> bool {
    let mut rest = text;
    let mut wide = false;
    loop {
        rest = match rest {
            [] => return wide,
            [b'0'..=b'9', rest @ ..] => rest,
            [0xEF, 0xBC, 0x90..=0x99, rest @ ..] | [0xA3, 0xB0..=0xB9, rest @ ..] => {
                wide = true;
                rest
            }
            [..] => return false,
        };
    }
}

/// The check digit of EAN-8, UPC-A, EAN-13 and GTIN-14: from the right, weights 1 and 3, a multiple of ten.
///
/// Source: GS1 General Specifications, 7.9.1.
fn has_check_digit(text: &[u8]) -> bool {
    let weights = [1_u32, 3].into_iter().cycle();
    let sum = text.iter().rev().zip(weights).fold(0_u32, |sum, (byte, weight)| {
        let digit = u32::from(byte.saturating_sub(b'0'));
        sum.saturating_add(digit.saturating_mul(weight))
    });
    sum.is_multiple_of(10)
}

/// FNC1 inside a GS1 code, as scanners send it.
const GROUP_SEPARATOR: u8 = 0x1D;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Hint {
        name(text.as_bytes(), None)
    }

    #[test]
    fn what_customers_show_by_mistake_is_told_apart() {
        for (text, hint) in [
            ("2512345678901234", Hint::Alipay),
            ("287654321098765432", Hint::Alipay),
            ("301234567890123456789012", Hint::Alipay),
            ("6222021234567890123", Hint::UnionPay),
            ("164539517967686076", Hint::WrongPrefix),
            ("094539517967686076", Hint::WrongPrefix),
            ("310000000000000000", Hint::WrongPrefix),
            ("13453951796768607", Hint::WrongLength),
            ("1345395179676860761", Hint::WrongLength),
            ("6922021234567890123", Hint::WrongLength),
            ("wxp://f2f0abcdef", Hint::Link),
            ("WEIXIN://wxpay/bizpayurl", Hint::Link),
            ("https://example.com/134539517967686076", Hint::Link),
            ("http://example.com", Hint::Link),
            ("13453951796768607\u{2}", Hint::Control),
            ("１３４５３９５１７９６７６８６０７６", Hint::FullWidth),
            ("13453951?967686076", Hint::Damaged),
            ("", Hint::Damaged),
            ("ABC-123", Hint::Other),
            ("://x", Hint::Other),
        ] {
            assert_eq!(named(text), hint, "{text:?}");
        }
    }

    #[test]
    fn full_width_digits_in_gbk_are_seen_too() {
        assert_eq!(name(&[0xA3, 0xB1, 0xA3, 0xB3], None), Hint::FullWidth);
        assert_eq!(name(&[0xA3, 0xC1], None), Hint::Other);
    }

    #[test]
    fn a_product_needs_its_check_digit() {
        for text in ["4006381333931", "036000291452", "96385074"] {
            assert_eq!(named(text), Hint::Product, "{text}");
        }
        for text in ["4006381333932", "036000291453", "96385075"] {
            assert_eq!(named(text), Hint::WrongLength, "{text}");
        }
    }

    #[test]
    fn gs1_is_known_by_its_separator_and_by_its_first_field() {
        assert_eq!(named("0104006381333931"), Hint::Gs1);
        assert_eq!(named("10LOT7\u{1d}17260101"), Hint::Gs1);
    }

    #[test]
    fn no_two_hints_share_a_word() {
        let words: std::collections::BTreeSet<_> = Hint::ALL.iter().map(|hint| hint.word()).collect();
        assert_eq!(words.len(), Hint::ALL.len());
    }
}
