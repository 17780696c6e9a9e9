//! The words people and programs outside read: states, where the money is, what to do next.

use crate::words::Tick;

/// Declares an enum with a stable word for each case, and the way back from the word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$case_doc])* $case,)* }

        impl $name {
            /// Every case.
            pub const ALL: &[Self] = &[$(Self::$case,)*];

            /// The stable word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$case => $word,)* }
            }

            /// The case with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$case),)* _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }
    };
}

pub(super) use words;

words! {
    /// The state of a payment, and of an attempt, as the contract names it.
    State {
        /// Waiting for a code.
        Armed => "armed",
        /// The pay is on its way.
        Submitting => "submitting",
        /// The customer confirms on the phone.
        CustomerPaying => "customer_paying",
        /// Asking WeChat.
        Verifying => "verifying",
        /// The money is taken.
        Paid => "paid",
        /// Paid; a part of it was given back.
        PartiallyRefunded => "partially_refunded",
        /// Paid; all of it was given back.
        Refunded => "refunded",
        /// Refused, and nothing was taken.
        Declined => "declined",
        /// Being taken back.
        Reversing => "reversing",
        /// Taken back, or never taken.
        Reversed => "reversed",
        /// Cancelled before anything was sent.
        Canceled => "canceled",
        /// Nobody showed a code in time.
        Expired => "expired",
        /// A person must look; the terminal keeps trying.
        NeedsAttention => "needs_attention",
    }
}

impl State {
    /// Nothing more will happen to it by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Paid
            | Self::PartiallyRefunded
            | Self::Refunded
            | Self::Declined
            | Self::Reversed
            | Self::Canceled
            | Self::Expired => true,
            Self::Armed
            | Self::Submitting
            | Self::CustomerPaying
            | Self::Verifying
            | Self::Reversing
            | Self::NeedsAttention => false,
        }
    }

    /// What a paid payment of `total` has become, and where its money is, once WeChat has confirmed refunds of
    /// `refunded` in all.
    #[must_use]
    pub fn after_refunds(total: u64, refunded: u64) -> (Self, MoneyState) {
        match refunded {
            0 => (Self::Paid, MoneyState::Taken),
            part if part < total => (Self::PartiallyRefunded, MoneyState::Taken),
            _ => (Self::Refunded, MoneyState::Returned),
        }
    }

    /// The lane is taken by it: another customer must wait.
    #[must_use]
    pub fn holds_lane(self) -> bool {
        !self.is_final() && self != Self::NeedsAttention
    }
}

words! {
    /// The state of a refund, as the contract names it.
    RefundState {
        /// Kept, on its way or queued: WeChat has not accepted it yet.
        Requested => "requested",
        /// Accepted by WeChat, on its way to the payer.
        Processing => "processing",
        /// The payer has the money.
        Refunded => "refunded",
        /// Proven that no money left the shop by it.
        Failed => "failed",
        /// A person must look.
        NeedsAttention => "needs_attention",
    }
}

words! {
    /// Where the money is. Never claims what is not proven.
    MoneyState {
        /// Nothing was taken.
        None => "none",
        /// Taken, and not given back.
        Taken => "taken",
        /// Taken, and given back.
        Returned => "returned",
        /// Not known yet; the terminal is working on it.
        Unknown => "unknown",
    }
}

words! {
    /// What the cashier, or the POS, should do next.
    Action {
        /// Scan the customer's payment code.
        ScanCode => "scan_code",
        /// Wait.
        Wait => "wait",
        /// The customer confirms on the phone.
        ConfirmOnPhone => "confirm_on_phone",
        /// Call the supervisor.
        CallSupervisor => "call_supervisor",
        /// Record the result, then acknowledge it.
        Acknowledge => "acknowledge",
        /// Take the payment anew, or another way.
        StartOver => "start_over",
        /// Nothing is left to do.
        Nothing => "none",
    }
}

/// What to do next, and the moment something changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// What to do.
    pub action: Action,
    /// When the terminal itself acts: the deadline of a code, of the customer, the next query or reversal.
    pub at: Option<Tick>,
}
