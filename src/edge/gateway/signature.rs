//! Whether the gateway takes our signature. It refuses one without signing that itself, so no reply of its fails, and
//! nothing may follow from it but that a person is told.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::payment::Answer;
use crate::payment::answer::{Class, PayAnswer, QueryAnswer, RefundAnswer, RefundQueryAnswer, ReverseAnswer};

/// What has been learned.
#[derive(Debug, Default)]
pub(super) struct Signature {
    refused: AtomicBool,
}

impl Signature {
    /// The last that was heard of it is that it was refused.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// A reply said that it is not accepted.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// A request was carried out.
    pub(super) fn accept(&self) {
        self.refused.store(false, Ordering::Relaxed);
    }

    /// Learns from an answer.
    pub(super) fn learn(&self, answer: &Answer) {
        if accepts(answer) {
            self.accept();
        }
    }
}

/// Whether such an answer comes only to a request whose signature was accepted. An error may come before anybody looked
/// at it.
fn accepts(answer: &Answer) -> bool {
    match answer {
        Answer::Pay(PayAnswer::Refused(refusal)) => match refusal.class() {
            Class::CustomerPaying | Class::PerhapsPaid | Class::FreshCode | Class::Ambiguous => true,
            Class::Unknown | Class::Throttled | Class::OurFault => false,
        },
        Answer::Pay(PayAnswer::Failed { .. })
        | Answer::Query(QueryAnswer::NoWord(_))
        | Answer::Reverse(ReverseAnswer::NotDone { .. })
        | Answer::Refund(RefundAnswer::NotDone { .. })
        | Answer::RefundQuery(RefundQueryAnswer::NoWord(_)) => false,
        Answer::Pay(PayAnswer::Paid(_))
        | Answer::Query(_)
        | Answer::Reverse(ReverseAnswer::Accepted { .. } | ReverseAnswer::Absent)
        | Answer::Refund(RefundAnswer::Accepted)
        | Answer::RefundQuery(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::answer::Refusal;

    #[test]
    fn a_refused_signature_is_forgotten_with_the_first_request_that_is_carried_out() {
        let signature = Signature::default();
        assert!(!signature.is_refused());
        signature.refuse();
        for says_nothing in [
            Answer::Pay(PayAnswer::Failed { request_error: true }),
            Answer::Pay(PayAnswer::Refused(Refusal::new(Class::Unknown, "SYSTEMERROR", ""))),
            Answer::Query(QueryAnswer::NoWord(Refusal::new(Class::Unknown, "", "系统错误"))),
        ] {
            signature.learn(&says_nothing);
            assert!(signature.is_refused(), "{says_nothing:?}");
        }
        for accepted in [
            Answer::Query(QueryAnswer::Absent),
            Answer::Pay(PayAnswer::Refused(Refusal::new(Class::FreshCode, "NOTENOUGH", ""))),
            Answer::Reverse(ReverseAnswer::Accepted { recall: true }),
        ] {
            signature.refuse();
            signature.learn(&accepted);
            assert!(!signature.is_refused(), "{accepted:?}");
        }
    }
}
