//! What WeChat tells by itself. It is never needed and never believed: it makes the till ask now instead of later.

use super::{Outgoing, Till};
use crate::ledger::LedgerError;
use crate::payment::{NotAbout, Refund, RefundNotice};
use crate::words::Now;

/// A notification is on disk, now or before.
#[derive(Debug)]
pub struct Noticed {
    /// It is new; `false` when the same one came before.
    pub new: bool,
    /// What is to be asked because of it.
    pub out: Vec<Outgoing>,
}

/// Why a notification was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeRefused {
    /// This ledger has no refund with that number: another terminal's of the same merchant, or nobody's.
    #[error("it is about no refund of this terminal")]
    NoSuchRefund,
    /// It names one of ours, and does not fit it.
    #[error("it names a refund of this terminal and does not fit it")]
    NotAbout(NotAbout),
}

impl NoticeRefused {
    /// A stable word for the log and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NoSuchRefund => "no_such_refund",
            Self::NotAbout(why) => why.word(),
        }
    }
}

impl Till {
    /// Keeps a notification and asks about its refund at once. When this returns without an error, it is on disk, and
    /// the same notification changes nothing any more.
    ///
    /// # Errors
    /// The outer error as [`Till::wake`]; the inner one says why it was not taken.
    pub fn notice(&mut self, notice: &RefundNotice, now: Now) -> Result<Result<Noticed, NoticeRefused>, LedgerError> {
        let Some(row) = self.ledger.refund_by_number(&notice.out_refund_no)? else {
            return Ok(Err(NoticeRefused::NoSuchRefund));
        };
        let facts = &row.record.facts;
        if let Err(why) = notice.is_about(facts) {
            return Ok(Err(NoticeRefused::NotAbout(why)));
        }
        if self.ledger.was_noticed(&facts.payment, &notice.id)? {
            return Ok(Ok(Noticed { new: false, out: Vec::new() }));
        }
        // One that was found at start is asked about before anything else is done with it.
        let mut out: Vec<Outgoing> = Vec::new();
        if self.refunds.take_stranger(&facts.reference) {
            out.extend(self.meet_refund(&facts.reference, now)?);
        }
        let refund = match self.refunds.live.get(&facts.reference) {
            Some(refund) => refund.clone(),
            None => Refund::found(&row.record, now.tick).map_err(|error| LedgerError::Damaged(error.to_string()))?,
        };
        let cx = self.refund_context(&facts.out_trade_no, now);
        let step = refund.notice(notice, &cx);
        out.extend(self.commit_refund(step, now)?);
        Ok(Ok(Noticed { new: true, out }))
    }
}
