//! A payment as people read it, whether the API or the ledger told it.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::say;
use crate::edge::api::view::{PaymentView, RefundView};
use crate::words::{Currency, Money};

/// The API's payment object, as far as a command goes by it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Payment {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) client_ref: String,
    pub(super) lane: String,
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) state: String,
    pub(super) money: String,
    #[serde(rename = "final")]
    pub(super) is_final: bool,
    pub(super) transaction_id: Option<String>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) last_decline: Option<Decline>,
    pub(super) refunded: u64,
    pub(super) cashier: Cashier,
    pub(super) next: Next,
    pub(super) acked: bool,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) seq: u64,
}

/// One payment code the customer showed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Attempt {
    pub(super) no: u32,
    pub(super) out_trade_no: String,
    pub(super) code_hint: String,
    pub(super) state: String,
    pub(super) err_code: Option<String>,
    pub(super) err_code_des: Option<String>,
    pub(super) transaction_id: Option<String>,
    pub(super) paid_at: Option<String>,
}

/// Why the last code was refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Decline {
    pub(super) code: String,
    pub(super) text: String,
}

/// The API's refund object, as far as a command goes by it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) refund_ref: String,
    #[serde(rename = "ref")]
    pub(super) payment: String,
    pub(super) out_refund_no: String,
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) state: String,
    #[serde(rename = "final")]
    pub(super) is_final: bool,
    pub(super) reason: String,
    pub(super) operator: String,
    pub(super) err_code: Option<String>,
    pub(super) advice: String,
    pub(super) created_at: String,
    pub(super) seq: u64,
}

impl Refund {
    /// Reads a refund object.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(value: &Value) -> serde_json::Result<Self> {
        Self::deserialize(value)
    }

    /// The refund of a view: commands that read the ledger and such that ask the daemon show the same.
    ///
    /// # Errors
    /// When the view is not what the API promises.
    pub(super) fn of(view: &RefundView) -> serde_json::Result<Self> {
        Self::read(&serde_json::to_value(view)?)
    }

    /// The amount with its currency: `HKD 12.00`.
    pub(super) fn total(&self) -> String {
        amount(self.amount, &self.currency)
    }
}

/// What the cashier should read.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Cashier {
    pub(super) text: String,
}

/// What to do next.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Next {
    pub(super) action: String,
    pub(super) at: Option<String>,
}

impl Payment {
    /// Reads a payment object.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(value: &Value) -> serde_json::Result<Self> {
        Self::deserialize(value)
    }

    /// The payment the ledger tells of.
    ///
    /// # Errors
    /// Never, as long as the API's object and this one agree.
    pub(super) fn of(view: &PaymentView) -> serde_json::Result<Self> {
        Self::read(&serde_json::to_value(view)?)
    }

    /// The amount with its currency: `HKD 88.00`.
    pub(super) fn total(&self) -> String {
        amount(self.amount, &self.currency)
    }

    /// The last refusal in a few words, or nothing.
    pub(super) fn why(&self) -> String {
        let text = |decline: &Decline| match decline.text.as_str() {
            "" => decline.code.clone(),
            text => format!("{}: {}", decline.code, say::plain(text)),
        };
        self.last_decline.as_ref().map(text).unwrap_or_default()
    }
}

/// An amount for people.
pub(super) fn amount(minor: u64, currency: &str) -> String {
    let money = Currency::from_str(currency).ok().and_then(|currency| Money::new(minor, currency).ok());
    money.map_or_else(|| format!("{currency} {minor} (smallest unit)"), |money| money.to_string())
}

/// An amount that may be less than nothing: more was given back than taken.
pub(super) fn signed(minor: i128, currency: &str) -> String {
    let shown = amount(u64::try_from(minor.unsigned_abs()).unwrap_or(u64::MAX), currency);
    if minor < 0 { format!("-{shown}") } else { shown }
}

/// A moment as the shop's clock shows it, UTC+8: `2026-11-21 11:38:26`.
pub(super) fn shop_time(rfc3339: &str) -> String {
    const CHINA: jiff::tz::Offset = jiff::tz::Offset::constant(8);
    match jiff::Timestamp::from_str(rfc3339) {
        Ok(stamp) => CHINA.to_datetime(stamp).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => rfc3339.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_in_the_shop() {
        assert_eq!(shop_time("2026-11-20T16:00:00.123Z"), "2026-11-21 00:00:00");
        assert_eq!(shop_time("soon"), "soon");
    }

    #[test]
    fn an_amount_has_its_currencys_decimals() {
        assert_eq!(amount(8800, "HKD"), "HKD 88.00");
        assert_eq!(amount(100, "JPY"), "JPY 100");
        assert_eq!(amount(100, "???"), "??? 100 (smallest unit)");
    }
}
