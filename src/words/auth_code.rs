use std::fmt;

use zeroize::Zeroizing;

/// The digits of a WeChat Pay payment code.
const DIGITS: usize = 18;

/// A payment code (`auth_code`): 18 digits, the first two 10 to 15. A bearer token for a minute, so it cannot be
/// printed, and its memory is wiped when it is dropped.
///
/// Source: WeChat Pay "Submit Quick Pay API", field `auth_code`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthCode(Zeroizing<String>);

impl AuthCode {
    /// The digits themselves. Called where they go into a request and where they are hashed, and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four digits: all of a code that may be kept, shown or logged.
    #[must_use]
    pub fn hint(&self) -> CodeHint {
        CodeHint(self.0.chars().skip(DIGITS.saturating_sub(4)).collect())
    }
}

impl std::str::FromStr for AuthCode {
    type Err = AuthCodeError;

    /// # Errors
    /// When `text` is not exactly 18 ASCII digits, or starts with something other than 10 to 15. The text is not
    /// repeated in the error: it may be another wallet's payment code.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if length != DIGITS {
            return Err(AuthCodeError::Length(length));
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AuthCodeError::NotDigits);
        }
        if !matches!(text.as_bytes(), [b'1', b'0'..=b'5', ..]) {
            return Err(AuthCodeError::Prefix);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthCode(..{})", self.hint())
    }
}

/// The last four digits of a payment code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeHint(String);

impl CodeHint {
    /// The four digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes what the ledger kept. Anything longer than four characters is cut, so that no code can hide here.
    #[must_use]
    pub fn kept(text: &str) -> Self {
        Self(text.chars().take(4).collect())
    }
}

impl fmt::Display for CodeHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a payment code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthCodeError {
    /// It has this many characters instead of 18.
    #[error("a payment code has 18 digits, this has {0} characters")]
    Length(usize),
    /// 18 characters, but not all of them digits 0 to 9.
    #[error("a payment code has only the digits 0 to 9")]
    NotDigits,
    /// 18 digits of something else.
    #[error("a WeChat Pay payment code begins with 10 to 15; ask the customer to open Money / Pay in WeChat")]
    Prefix,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighteen_digits_from_10_to_15_are_a_code() {
        for prefix in 10..=15 {
            assert!(format!("{prefix}4539517967686076").parse::<AuthCode>().is_ok());
        }
    }

    #[test]
    fn everything_else_is_named_and_never_repeated() {
        let cases = [
            ("13453951796768607", AuthCodeError::Length(17)),
            ("1345395179676860761", AuthCodeError::Length(19)),
            ("", AuthCodeError::Length(0)),
            ("13453951796768607a", AuthCodeError::NotDigits),
            ("１３４５３９５１７９６７６８６０７６", AuthCodeError::NotDigits),
            ("164539517967686076", AuthCodeError::Prefix),
            ("094539517967686076", AuthCodeError::Prefix),
        ];
        for (text, why) in cases {
            let error = text.parse::<AuthCode>().expect_err("not a code");
            assert_eq!(error, why);
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }

    #[test]
    fn debug_shows_four_digits_only() {
        let code: AuthCode = "134539517967681395".parse().expect("a code");
        assert_eq!(format!("{code:?}"), "AuthCode(..1395)");
    }
}
