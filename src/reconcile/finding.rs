//! What the comparison found: each difference with both sides, what is at stake, why, and what to do.

use super::advice;
use super::book::{LedgerLine, What};
use super::statement::{Fault, StatementRow};
use crate::words::Currency;

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Both know the movement, and say different things about what became of it.
    StateDiffers,
    /// One payment of the POS was charged with two codes.
    PaidTwice,
    /// Both know it, with different amounts or currencies.
    AmountDiffers,
    /// The ledger gave money back, and the statement does not have it.
    RefundMissing,
    /// No ledger knows it.
    InStatementOnly,
    /// The statement does not have it.
    InLedgerOnly,
    /// Both know it, with different numbers of WeChat's.
    NumberDiffers,
    /// The ledger is not certain of it yet.
    UnresolvedHere,
    /// The statement lists it twice.
    TwiceInStatement,
    /// Two ledgers have it.
    TwiceInLedgers,
    /// A line of the statement that could not be read.
    UnreadableLine,
    /// Whatever the statement lists is explained, and nothing of it agrees.
    NothingAgrees,
    /// Both agree, but one of them counts it on another day.
    CarriedOver,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Money is, or may be, in the wrong place.
    Wrong,
    /// Somebody should look.
    Look,
    /// Explained; nothing to do.
    Note,
}

impl Kind {
    /// Every kind, the gravest first.
    pub const ALL: [Self; 13] = [
        Self::StateDiffers,
        Self::PaidTwice,
        Self::AmountDiffers,
        Self::RefundMissing,
        Self::InStatementOnly,
        Self::InLedgerOnly,
        Self::NumberDiffers,
        Self::UnresolvedHere,
        Self::TwiceInStatement,
        Self::TwiceInLedgers,
        Self::UnreadableLine,
        Self::NothingAgrees,
        Self::CarriedOver,
    ];

    /// The stable word of JSON and CSV.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::StateDiffers => "state_differs",
            Self::PaidTwice => "paid_twice",
            Self::AmountDiffers => "amount_differs",
            Self::RefundMissing => "refund_missing",
            Self::InStatementOnly => "in_statement_only",
            Self::InLedgerOnly => "in_ledger_only",
            Self::NumberDiffers => "number_differs",
            Self::UnresolvedHere => "unresolved_here",
            Self::TwiceInStatement => "twice_in_statement",
            Self::TwiceInLedgers => "twice_in_ledgers",
            Self::UnreadableLine => "unreadable_line",
            Self::NothingAgrees => "nothing_agrees",
            Self::CarriedOver => "carried_over",
        }
    }

    /// What people read.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::StateDiffers => "state differs",
            Self::PaidTwice => "paid twice for one reference",
            Self::AmountDiffers => "amount differs",
            Self::RefundMissing => "refund missing",
            Self::InStatementOnly => "in statement only",
            Self::InLedgerOnly => "in ledger only",
            Self::NumberDiffers => "number differs",
            Self::UnresolvedHere => "unresolved here",
            Self::TwiceInStatement => "twice in statement",
            Self::TwiceInLedgers => "twice in ledgers",
            Self::UnreadableLine => "unreadable line",
            Self::NothingAgrees => "nothing agrees",
            Self::CarriedOver => "carried over",
        }
    }

    /// How much it matters.
    #[must_use]
    pub fn weight(self) -> Weight {
        match self {
            Self::StateDiffers
            | Self::PaidTwice
            | Self::AmountDiffers
            | Self::RefundMissing
            | Self::InStatementOnly
            | Self::InLedgerOnly => Weight::Wrong,
            Self::NumberDiffers
            | Self::UnresolvedHere
            | Self::TwiceInStatement
            | Self::TwiceInLedgers
            | Self::UnreadableLine
            | Self::NothingAgrees => Weight::Look,
            Self::CarriedOver => Weight::Note,
        }
    }
}

/// A line of one of the ledgers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which ledger, from 0.
    pub ledger: usize,
    /// The line.
    pub line: LedgerLine,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// The statement's side.
    pub statement: Option<StatementRow>,
    /// The ledger's side.
    pub ledger: Option<Found>,
    /// Which statement, from 0, and which line of it.
    pub place: Option<(usize, u64)>,
    /// How much is, or may be, in the wrong place, in smallest units of `currency`; nothing for a note.
    pub at_stake: u64,
    /// What the amounts are in; `None` where nothing could be read.
    pub currency: Option<Currency>,
    /// What it adds to the statement's net total, in smallest units of the statement's currency.
    pub statement_net: i128,
    /// What it adds to the ledger's, in smallest units of the ledger's currency.
    pub ledger_net: i128,
    /// Why it probably is so.
    pub cause: String,
    /// What to do: a command, or the step a person takes.
    pub step: String,
}

impl Finding {
    /// A line that could not be used.
    pub(super) fn unreadable(statement: usize, line: u64, fault: &Fault) -> Self {
        Self::without_amount(Kind::UnreadableLine, Some((statement, line)), advice::unreadable(fault))
    }

    /// None of the `count` movements that are listed agrees.
    pub(super) fn nothing_agrees(count: u64) -> Self {
        Self::without_amount(Kind::NothingAgrees, None, advice::nothing_agrees(count))
    }

    /// What is about no movement.
    fn without_amount(kind: Kind, place: Option<(usize, u64)>, (cause, step): advice::Advice) -> Self {
        Self {
            kind,
            statement: None,
            ledger: None,
            place,
            at_stake: 0,
            currency: None,
            statement_net: 0,
            ledger_net: 0,
            cause,
            step,
        }
    }

    /// The order it is about; empty where none could be read.
    #[must_use]
    pub fn out_trade_no(&self) -> &str {
        let row = self.statement.as_ref().map(|row| row.out_trade_no.as_str());
        row.or_else(|| self.ledger.as_ref().map(|found| found.line.out_trade_no.as_str())).unwrap_or_default()
    }

    /// The refund it is about, if it is about one.
    #[must_use]
    pub fn out_refund_no(&self) -> Option<&str> {
        let row = self.statement.as_ref().map(|row| row.out_refund_no.as_str()).filter(|number| !number.is_empty());
        let line = self.ledger.as_ref().and_then(|found| match &found.line.what {
            What::Refund { out_refund_no } => Some(out_refund_no.as_str()),
            What::Payment { .. } => None,
        });
        row.or(line)
    }
}
