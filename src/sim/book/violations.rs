//! What a terminal did that it must never do. A test that finds any has found a bug.

use std::collections::BTreeMap;

use crate::words::Tick;

/// How many are kept with their particulars; the counts go on.
const KEPT_MAX: usize = 1_000; // one is a bug; a thousand are the same bug

/// A rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A reversal came sooner than 15 s after its pay had been sent.
    EarlyReverse,
    /// A number was sent to pay again, with other parameters.
    NumberReused,
    /// A number was sent to pay again, unchanged. A pay is sent once.
    PayRepeated,
    /// A payment code was used under a second number.
    CodeReused,
    /// A refund number was used again, with other parameters.
    RefundNumberReused,
    /// Two refunds of one order were sent within a minute.
    RefundTooSoon,
    /// `/secapi/` was called without the client certificate.
    NoCertificate,
    /// A request's signature is missing or wrong.
    BadSignature,
    /// A required field is missing or empty.
    MissingField,
}

impl Kind {
    /// The word used in the books.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::EarlyReverse => "early_reverse",
            Self::NumberReused => "number_reused",
            Self::PayRepeated => "pay_repeated",
            Self::CodeReused => "code_reused",
            Self::RefundNumberReused => "refund_number_reused",
            Self::RefundTooSoon => "refund_too_soon",
            Self::NoCertificate => "no_certificate",
            Self::BadSignature => "bad_signature",
            Self::MissingField => "missing_field",
        }
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub kind: Kind,
    /// When it was seen.
    pub at: Tick,
    /// About which number; empty when the request did not say.
    pub out_trade_no: String,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    kept: Vec<Violation>,
    counts: BTreeMap<Kind, u64>,
}

impl Violations {
    /// Nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many of this kind were seen.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Every kind that was seen, with how often.
    pub fn counts(&self) -> impl Iterator<Item = (Kind, u64)> + '_ {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// The first of them, oldest first.
    #[must_use]
    pub fn list(&self) -> &[Violation] {
        &self.kept
    }

    pub(super) fn note(&mut self, kind: Kind, out_trade_no: &str, at: Tick) {
        let count = self.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        if self.kept.len() < KEPT_MAX {
            self.kept.push(Violation { kind, at, out_trade_no: out_trade_no.to_owned() });
        }
    }
}
