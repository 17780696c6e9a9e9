//! Refunds that are being settled: which there are, which have ended, and what the others wait for.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::offline::Books;
use super::super::say;
use super::super::shown::{Refund, shop_time};
use crate::edge::api::view::RefundView;
use crate::ledger::RefundRow;
use crate::payment::answer::RefundRefusal;
use crate::words::{PaymentRef, RefundRef};

/// The refunds that were open when the work began.
#[derive(Default)]
pub(super) struct Refunds {
    open: BTreeSet<RefundRef>,
    pub(super) settled: Vec<RefundView>,
}

/// A refund that is not settled.
#[derive(Serialize)]
pub(super) struct OpenRefund {
    waits_for: String,
    refund: RefundView,
}

impl Refunds {
    /// Finds them. The ledger of an older program has none.
    pub(super) fn find(books: &Books) -> anyhow::Result<Self> {
        let rows = books.reader.open_refunds()?;
        let open = rows.into_iter().map(|row| row.record.facts.reference).collect();
        Ok(Self { open, settled: Vec::new() })
    }

    pub(super) fn left(&self) -> usize {
        self.open.len()
    }

    pub(super) fn first(&self) -> Option<&RefundRef> {
        self.open.first()
    }

    /// Looks for what has become settled of `payment`, and gives a line for each.
    pub(super) fn look_at(&mut self, books: &Books, payment: &PaymentRef) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        if self.open.is_empty() {
            return Ok(lines);
        }
        for row in books.reader.refunds_of(payment)? {
            if !row.record.open && self.open.remove(&row.record.facts.reference) {
                let view = RefundView::of(&row, books.language);
                lines.push(line(&Refund::of(&view)?));
                self.settled.push(view);
            }
        }
        Ok(lines)
    }

    /// What is left, and what each waits for.
    pub(super) fn open(&self, books: &Books) -> anyhow::Result<Vec<OpenRefund>> {
        let mut open = Vec::new();
        for name in &self.open {
            if let Some(row) = books.reader.refund(name)? {
                open.push(OpenRefund { waits_for: waits_for(&row), refund: RefundView::of(&row, books.language) });
            }
        }
        Ok(open)
    }
}

impl OpenRefund {
    pub(super) fn cells(&self) -> serde_json::Result<[String; 5]> {
        let refund = Refund::of(&self.refund)?;
        let total = refund.total();
        Ok([refund.refund_ref, self.refund.payment.clone(), total, refund.state, self.waits_for.clone()])
    }
}

/// One settled refund.
fn line(refund: &Refund) -> String {
    let state = say::coloured(&refund.state, refund.state == "refunded");
    let why = refund.err_code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{state} {} refund {}{why}\n", refund.total(), refund.refund_ref)
}

/// What an open refund waits for.
fn waits_for(row: &RefundRow) -> String {
    let record = &row.record;
    let why = record.refused.as_ref().map(|refused| refused.why);
    let what = match (record.stage, record.leads_to) {
        ("queued", _) if why == Some(RefundRefusal::NotEnough) => "money in the shop's WeChat Pay account",
        ("queued", _) if why == Some(RefundRefusal::SlowDown) => "WeChat Pay to take more refunds",
        ("queued", _) if record.sends == 0 => "its turn: refunds of one order go a minute apart",
        ("queued", _) => "being sent again, with the same number",
        ("asking", _) => "WeChat Pay to take it",
        (_, "person") => "a person: its number is in the way of another refund's at WeChat Pay",
        ("processing", _) => "the payer's bank; WeChat Pay has accepted it, and a card can take days",
        _ => "WeChat Pay to say whether it has it",
    };
    let refused = record.refused.as_ref().map(|refused| format!(" ({})", refused.refusal.code())).unwrap_or_default();
    match row.next_at {
        Some(at) => format!("{what}{refused}; next at {} UTC+8", shop_time(&at.to_string())),
        None => format!("{what}{refused}"),
    }
}
