use std::fmt;

use serde::Serialize;

/// A currency WeChat Pay can charge, by its ISO 4217 code.
///
/// Source: WeChat Pay "Important Parameters"; exponents from ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Currency(usize);

/// Code and decimal places. The table is data: a currency is an index into it and cannot be anything else.
const CURRENCIES: &[(&str, u32)] = &[
    ("CNY", 2),
    ("HKD", 2),
    ("GBP", 2),
    ("USD", 2),
    ("JPY", 0),
    ("CAD", 2),
    ("AUD", 2),
    ("EUR", 2),
    ("NZD", 2),
    ("KRW", 0),
    ("THB", 2),
    ("SGD", 2),
    ("RUB", 2),
    ("CHF", 2),
    ("SEK", 2),
    ("DKK", 2),
    ("NOK", 2),
    ("AED", 2),
    ("TRY", 2),
    ("MOP", 2),
    ("TWD", 2),
    ("CZK", 2),
    ("MYR", 2),
    ("PHP", 2),
    ("IDR", 2),
    ("MNT", 2),
    ("QAR", 2),
    ("HUF", 2),
    ("KHR", 2),
    ("ISK", 0),
    ("PLN", 2),
    ("RON", 2),
    ("VND", 0),
    ("KZT", 2),
    ("AZN", 2),
    ("KGS", 2),
    ("FJD", 2),
    ("AMD", 2),
];

impl Currency {
    /// The three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        CURRENCIES.get(self.0).map_or("CNY", |(code, _)| code)
    }

    /// Decimal places of the major unit: 2 for HKD, 0 for JPY.
    #[must_use]
    pub fn exponent(self) -> u32 {
        CURRENCIES.get(self.0).map_or(2, |(_, exponent)| *exponent)
    }

    /// Digits for people of so many smallest units, without the code: `88.00`. A sum may be larger than any [`Money`].
    #[must_use]
    pub fn major(self, minor: u64) -> String {
        let places = usize::try_from(self.exponent()).unwrap_or(2);
        if places == 0 {
            return minor.to_string();
        }
        let digits = format!("{minor:0>width$}", width = places.saturating_add(1));
        let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
        format!("{whole}.{part}")
    }
}

impl std::str::FromStr for Currency {
    type Err = CurrencyError;

    /// # Errors
    /// When `text` is not one of the currencies WeChat Pay names, in capitals.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        CURRENCIES.iter().position(|(code, _)| *code == text).map(Self).ok_or(CurrencyError)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not a currency of WeChat Pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the currency is one of WeChat Pay's, three capital letters, such as HKD or CNY")]
pub struct CurrencyError;

/// An amount in the smallest unit of its currency (`HKD 8800` is HK$88.00, `JPY 100` is 100 yen). Never negative,
/// never rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Money {
    minor: u64,
    currency: Currency,
}

impl Money {
    /// The largest amount WeChat Pay takes: 10,000,000.00 in major units of two decimals.
    pub const MAX_MINOR: u64 = 1_000_000_000;

    /// # Errors
    /// When the amount is more than [`Money::MAX_MINOR`].
    pub fn new(minor: u64, currency: Currency) -> Result<Self, MoneyError> {
        if minor > Self::MAX_MINOR {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { minor, currency })
    }

    /// Reads what a person types, in major units: `88`, `88.00`, `1234.5`.
    ///
    /// # Errors
    /// When it is not digits with at most the currency's decimal places, or too large.
    pub fn parse_major(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
        let places = usize::try_from(currency.exponent()).unwrap_or(2);
        let part = part.unwrap_or("");
        let digits = |piece: &str| piece.bytes().all(|byte| byte.is_ascii_digit());
        let dangling = text.ends_with('.');
        if whole.is_empty() || dangling || !digits(whole) || !digits(part) {
            return Err(MoneyError::NotAnAmount);
        }
        if part.len() > places {
            return Err(MoneyError::TooManyDecimals(currency));
        }
        let minor: u64 = format!("{whole}{part:0<places$}").parse().map_err(|_| MoneyError::TooLarge)?;
        Self::new(minor, currency)
    }

    /// Units of the smallest denomination.
    #[must_use]
    pub fn minor(self) -> u64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// Digits for people without the currency's code: `88.00`.
    #[must_use]
    pub fn major(self) -> String {
        self.currency.major(self.minor)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.major())
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why something is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional point.
    #[error("an amount is digits with at most one point, such as 88.00")]
    NotAnAmount,
    /// More decimal places than the currency has.
    #[error("{} has {} decimal places", .0.code(), .0.exponent())]
    TooManyDecimals(Currency),
    /// Above what WeChat Pay takes.
    #[error("the amount is larger than WeChat Pay takes")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a currency")
    }

    #[test]
    fn major_units_come_back_as_they_were_typed() {
        for (text, code, minor, shown) in [
            ("88.00", "HKD", 8800, "HKD 88.00"),
            ("88", "HKD", 8800, "HKD 88.00"),
            ("88.5", "HKD", 8850, "HKD 88.50"),
            ("0.01", "CNY", 1, "CNY 0.01"),
            ("100", "JPY", 100, "JPY 100"),
        ] {
            let money = Money::parse_major(text, currency(code)).expect("an amount");
            assert_eq!(money.minor(), minor);
            assert_eq!(money.to_string(), shown);
        }
    }

    #[test]
    fn nothing_is_rounded_or_guessed() {
        for text in ["", ".", "1.", ".5", "1,000", "-1", "+1", "1e3", "1.2.3", "٣", " 1"] {
            assert_eq!(Money::parse_major(text, currency("HKD")), Err(MoneyError::NotAnAmount), "{text:?}");
        }
        assert_eq!(Money::parse_major("1.005", currency("HKD")), Err(MoneyError::TooManyDecimals(currency("HKD"))));
        assert_eq!(Money::parse_major("1.0", currency("JPY")), Err(MoneyError::TooManyDecimals(currency("JPY"))));
        assert_eq!(Money::parse_major("99999999999999999999", currency("HKD")), Err(MoneyError::TooLarge));
        assert_eq!(Money::new(Money::MAX_MINOR + 1, currency("HKD")), Err(MoneyError::TooLarge));
    }
}
