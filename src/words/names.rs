use std::fmt;

/// Why a text is not a name of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} has {min} to {max} characters of {alphabet}")]
pub struct NameError {
    what: &'static str,
    min: usize,
    max: usize,
    alphabet: &'static str,
}

/// Declares a name: a short text of a fixed alphabet and length, with private content.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal..=$max:literal, $alphabet:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let length = text.chars().count();
                let good: fn(char) -> bool = $ok;
                if !($min..=$max).contains(&length) || !text.chars().all(good) {
                    return Err(NameError { what: $what, min: $min, max: $max, alphabet: $alphabet });
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

fn order_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

name! {
    /// The merchant's order number of one attempt (`out_trade_no`): 6 to 32 of `[0-9A-Za-z_-]`, unique for ever per
    /// merchant number.
    OutTradeNo, "an out_trade_no", 6..=32, "letters, digits, _ and -", order_char
}
name! {
    /// The merchant's refund number (`out_refund_no`): one number is one refund, for ever.
    OutRefundNo, "an out_refund_no", 6..=64, "letters, digits, _ and -", order_char
}
name! {
    /// Our name of a payment (`ref`).
    PaymentRef, "a ref", 3..=40, "letters, digits and -", |c| c.is_ascii_alphanumeric() || c == '-'
}
name! {
    /// The POS's name of a payment (`client_ref`): the idempotency key.
    ClientRef, "a client_ref", 1..=64, "letters, digits and _ - . : / # @ + = ~", |c| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '#' | '@' | '+' | '=' | '~')
    }
}
name! {
    /// The POS's name of a refund (`refund_ref`): the idempotency key.
    RefundRef, "a refund_ref", 1..=64, "letters, digits and _ - . : / # @ + = ~", |c| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '#' | '@' | '+' | '=' | '~')
    }
}
name! {
    /// WeChat's number of a refund (`refund_id`).
    RefundId, "a refund_id", 1..=32, "letters, digits, _ and -", order_char
}
name! {
    /// WeChat's number of a charge (`transaction_id`).
    TransactionId, "a transaction_id", 1..=32, "letters, digits, _ and -", order_char
}
name! {
    /// What the gateway calls a notification.
    NoticeId, "a notification's id", 1..=64, "letters, digits, _ and -", order_char
}
name! {
    /// The terminal's name: it starts every `out_trade_no` and is sent as `device_info`.
    TerminalId, "a terminal id", 1..=8, "letters and digits", |c| c.is_ascii_alphanumeric()
}
name! {
    /// A merchant number (`mch_id`, `sub_mch_id`).
    MerchantId, "a merchant number", 1..=32, "letters and digits", |c| c.is_ascii_alphanumeric()
}
name! {
    /// An application number (`appid`, `sub_appid`).
    AppId, "an appid", 1..=32, "letters, digits, _ and -", order_char
}
name! {
    /// A lane: one till point with its scanners and displays.
    LaneId, "a lane id", 1..=16, "letters, digits, _ and -", order_char
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_could_break_a_request_or_a_path() {
        for text in ["", "12345", "a b c d e f", "../../../etc", "123456\n", "一二三四五六", &"9".repeat(33)] {
            assert!(text.parse::<OutTradeNo>().is_err(), "{text:?}");
        }
        assert!("T01K7Q2M9XB00000001".parse::<OutTradeNo>().is_ok());
        assert!("T01234567".parse::<TerminalId>().is_err());
    }

    #[test]
    fn an_error_says_what_is_allowed_and_not_what_was_given() {
        let error = "134539517967686076 ".parse::<ClientRef>().expect_err("a space");
        assert_eq!(error.to_string(), "a client_ref has 1 to 64 characters of letters, digits and _ - . : / # @ + = ~");
    }
}
