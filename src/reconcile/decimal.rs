//! Exact decimals as statements print them, in 10⁻⁸ of the major unit. No float comes near them.

use crate::words::Currency;

/// Decimal places kept: fees have five, and no currency has more.
const PLACES: usize = 8;
/// One, as it is kept.
pub(super) const ONE: i128 = 100_000_000;
/// More digits than this are no total.
const TOTAL_DIGITS_MAX: usize = 30;

/// One amount of a row: `0.03`, `-0.18000`, `12`, or nothing, which is zero. `None` for everything else.
pub(super) fn amount(text: &[u8]) -> Option<i64> {
    if matches!(text, b"0.00" | b"0" | b"" | b"0.0") {
        return Some(0);
    }
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let mut value: i64 = 0;
    let mut places: Option<usize> = None;
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte.wrapping_sub(b'0'));
                // Places beyond those kept may only be zeros.
                match &mut places {
                    Some(places) if *places == PLACES && digit == 0 => {}
                    Some(places) if *places == PLACES => return None,
                    Some(places) => {
                        *places = places.saturating_add(1);
                        value = value.checked_mul(10)?.checked_add(digit)?;
                    }
                    None => value = value.checked_mul(10)?.checked_add(digit)?,
                }
            }
            b'.' if places.is_none() => places = Some(0),
            _ => return None,
        }
    }
    if digits.first().is_none_or(|byte| *byte == b'.') || digits.last() == Some(&b'.') {
        return None;
    }
    let scaled = value.checked_mul(power(PLACES.saturating_sub(places.unwrap_or(0))))?;
    Some(if negative { scaled.saturating_neg() } else { scaled })
}

/// A total of the summary line. It may be printed as a float: `45.0`, `0.48999999999999994`, `1.30500004E7`; what is
/// below 10⁻⁸ is rounding noise. `None` for what is no number.
pub(super) fn total(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let (mantissa, exponent) = match text.split_once(['E', 'e']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let all_digits = |piece: &str| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !part.is_none_or(all_digits) || digits.len() > TOTAL_DIGITS_MAX {
        return None;
    }
    let part = part.unwrap_or("");
    let value: i128 = format!("{whole}{part}").parse().ok()?;
    // 10^shift brings the digits to the kept places.
    let places = i32::try_from(PLACES).ok()?.checked_add(exponent)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    let factor = 10_i128.checked_pow(places.unsigned_abs())?;
    let scaled = if places >= 0 { value.checked_mul(factor)? } else { rounded(value, factor)? };
    Some(if negative { scaled.saturating_neg() } else { scaled })
}

/// `value / factor`, halves up; both are positive.
fn rounded(value: i128, factor: i128) -> Option<i128> {
    value.checked_add(factor.checked_div(2)?)?.checked_div(factor)
}

/// Smallest units of `currency`. `None` when the amount has decimals that the currency has not, or is negative.
pub(super) fn minor(amount: i64, currency: Currency) -> Option<u64> {
    let amount = u64::try_from(amount).ok()?;
    let (unit, left) = match currency.exponent() {
        0 => (amount.checked_div(100_000_000)?, amount.checked_rem(100_000_000)?),
        2 => (amount.checked_div(1_000_000)?, amount.checked_rem(1_000_000)?),
        places => {
            let factor = 10_u64.checked_pow(u32::try_from(PLACES).ok()?.checked_sub(places)?)?;
            (amount.checked_div(factor)?, amount.checked_rem(factor)?)
        }
    };
    (left == 0).then_some(unit)
}

/// A sum of amounts for people: `0.49`, `-0.18`, `1234.00005`; at least two places.
pub(super) fn shown(sum: i128) -> String {
    let digits = format!("{:0>width$}", sum.unsigned_abs(), width = PLACES.saturating_add(1));
    let (whole, part) = digits.split_at(digits.len().saturating_sub(PLACES));
    let kept = part.trim_end_matches('0').len().max(2);
    let sign = if sum < 0 { "-" } else { "" };
    format!("{sign}{whole}.{}", part.get(..kept).unwrap_or(part))
}

fn power(places: usize) -> i64 {
    10_i64.saturating_pow(u32::try_from(places).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, wanted) in [
            ("0.03", Some(3_000_000)),
            ("88.00", Some(8_800_000_000)),
            ("88", Some(8_800_000_000)),
            ("-0.18000", Some(-18_000_000)),
            ("", Some(0)),
            ("0.0", Some(0)),
            ("10000000.00", Some(1_000_000_000_000_000)),
            ("0.12345678", Some(12_345_678)),
            ("0.1234567800", Some(12_345_678)),
            ("0.123456781", None),
            ("1,000.00", None),
            ("1e3", None),
            ("+1", None),
            ("-", None),
            (".5", None),
            ("5.", None),
            (".", None),
            ("1.2.3", None),
            ("٣", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(amount(text.as_bytes()), wanted, "{text:?}");
        }
    }

    #[test]
    fn totals_may_be_printed_as_floats() {
        for (text, wanted) in [
            ("45.0", Some(4_500_000_000)),
            ("0.48999999999999994", Some(49_000_000)),
            ("130.50000000000003", Some(13_050_000_000)),
            ("1.30500004E7", Some(1_305_000_040_000_000)),
            ("1E3", Some(100_000_000_000)),
            ("1.5e-3", Some(150_000)),
            ("-0.5", Some(-50_000_000)),
            ("1E99", None),
            ("NaN", None),
            ("", None),
            ("5.", None),
        ] {
            assert_eq!(total(text.as_bytes()), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_yen_has_no_parts_however_it_is_printed() {
        let yen: Currency = "JPY".parse().expect("a currency");
        let hkd: Currency = "HKD".parse().expect("a currency");
        let read = |text: &str, currency| minor(amount(text.as_bytes()).expect("an amount"), currency);
        assert_eq!(read("1000", yen), Some(1000));
        assert_eq!(read("1000.00", yen), Some(1000));
        assert_eq!(read("1000.50", yen), None);
        assert_eq!(read("88.5", hkd), Some(8850));
        assert_eq!(read("88.005", hkd), None);
        assert_eq!(read("-1", hkd), None);
    }

    proptest! {
        #[test]
        fn an_amount_is_the_number_it_prints(whole in 0_i64..1_000_000_000, part in 0_i64..100_000, negative: bool) {
            let sign = if negative { "-" } else { "" };
            let scaled = format!("{sign}{whole}{part:05}000").parse::<i64>().expect("small");
            let text = format!("{sign}{whole}.{part:05}");
            prop_assert_eq!(amount(text.as_bytes()), Some(scaled));
            prop_assert_eq!(total(text.as_bytes()), Some(i128::from(scaled)));
            prop_assert_eq!(total(shown(i128::from(scaled)).as_bytes()), Some(i128::from(scaled)));
        }

        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..40)) {
            amount(&text);
            total(&text);
        }
    }
}
