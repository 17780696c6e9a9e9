//! What a customer can do about a code that did not pay.

use std::time::Duration;

/// Why a lane that waits for a code waits for another one: what the customer can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// The last code was refused.
    Again,
    /// It was another wallet's code.
    Wallet,
    /// It was a link, a code for receiving money, or something else than a payment code.
    Page,
    /// It was used before, or is too old.
    Refresh,
    /// It could not be read.
    Reread,
}

impl Aside {
    /// Every aside, for texts and tests that must not forget one.
    pub const ALL: [Self; 5] = [Self::Again, Self::Wallet, Self::Page, Self::Refresh, Self::Reread];

    /// What a scan that was not taken means to the customer, by its word of [`NOTICES`](super::texts::NOTICES). Nothing
    /// when it is the shop's affair: a product's barcode, a scanner set up differently.
    #[must_use]
    pub fn of(notice: &str) -> Option<Self> {
        match notice {
            "alipay" | "unionpay" => Some(Self::Wallet),
            "link" | "wrong-prefix" | "other" => Some(Self::Page),
            "used" | "too-old" => Some(Self::Refresh),
            "wrong-length" | "damaged" | "symbology" => Some(Self::Reread),
            _ => None,
        }
    }

    /// Its stable word: the name of its text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Wallet => "wallet",
            Self::Page => "page",
            Self::Refresh => "refresh",
            Self::Reread => "reread",
        }
    }

    /// How long it is said. A refused code stays refused until another one comes.
    pub(super) const fn shown_for(self) -> Option<Duration> {
        match self {
            Self::Again => None,
            Self::Wallet | Self::Page | Self::Refresh | Self::Reread => Some(ASIDE_SHOWN),
        }
    }
}

/// How long a customer is told that the code was none: to be read, and not to stand beside the next try for long.
const ASIDE_SHOWN: Duration = Duration::from_secs(10);
