//! The texts of the cashier page: its own, and every other that a cashier may get to read there.

use std::collections::BTreeMap;

use fluent_bundle::FluentArgs;

use super::{ATTENTION, CASHIER, NOTICES, REFUND, bundle};
use crate::words::Language;

/// Every text of the page's own.
#[rustfmt::skip]
pub const PAGE: [&str; 204] = [
    "nav-sell", "nav-payments", "nav-attention", "nav-close", "menu", "menu-pages", "language", "lane", "lane-of",
    "terminal-of", "done", "back", "yes", "no", "day", "times-note", "loading", "your-name", "your-name-help",
    "sign-out", "login-title", "login-help", "login-label", "login-button", "not-connected", "not-connected-help",
    "not-sent",
    "alarm", "amount", "keypad", "key-point", "key-back", "key-clear", "hint-type", "hint-charge", "charge",
    "charge-empty", "sending", "enter-amount", "amount-unclear", "too-large", "asking-again", "not-accepted",
    "earlier", "earlier-paid", "earlier-whose", "earlier-mine", "earlier-other", "earlier-take", "state-armed",
    "state-again", "state-submitting", "state-customer_paying", "state-verifying", "state-paid",
    "state-partially_refunded", "state-refunded", "state-declined", "state-reversing", "state-reversed",
    "state-canceled", "state-expired", "state-needs_attention", "short-armed", "short-submitting",
    "short-customer_paying", "short-verifying", "short-paid", "short-partially_refunded", "short-refunded",
    "short-declined", "short-reversing", "short-reversed", "short-canceled", "short-expired", "short-needs_attention",
    "left-scan", "left-confirm", "next-customer", "cancel", "cancel-title", "cancel-sent", "cancel-yes",
    "keep-waiting", "details", "from-pos", "no-scanner", "search", "search-hint", "search-code", "count", "found",
    "none-today", "none-found", "more", "facts", "when", "operator", "description", "attach", "refunded", "ref",
    "client-ref", "acked", "ack", "refunds", "attempts", "attempt", "because", "paid-at", "payer", "transaction",
    "out-trade-no", "out-refund-no", "refunded-at", "supervised", "journal", "event", "state", "money", "more-facts",
    "refund", "refund-title", "refund-go", "refund-left", "refund-lost", "refund-nothing", "refund-open",
    "refund-before", "refund-under-way", "refund-state-requested",
    "refund-state-processing", "refund-state-refunded", "refund-state-failed", "refund-state-needs_attention",
    "reason", "reason-needed", "reason-returned", "reason-wrong", "reason-twice", "supervisor-token",
    "supervisor-help", "supervisor-look-first", "supervisor-needed", "supervisor-wrong", "attention-none", "ack-paid", "ack-seen",
    "reason-unresolved", "reason-incident", "reason-late_landing", "reason-our_fault", "reason-not_acknowledged",
    "reason-refund_failed", "reason-refund_by_hand", "reason-refund_unresolved", "reason-refund_incident",
    "reason-refund_our_fault", "print", "taken", "returned", "net", "unresolved", "by-operator", "by-lane",
    "nobody-named", "close-done", "close-running", "close-open", "close-nothing", "close-advice", "first-last",
    "not-paid", "unacknowledged", "trouble-ledger", "trouble-stopping", "trouble-key_mismatch",
    "trouble-certificate_refused", "trouble-certificate_invalid", "trouble-gateway_unreachable", "trouble-wrong_clock",
    "trouble-port_taken", "trouble-scanner_gone",
    "problem-lost", "problem-unknown", "problem-login_refused", "problem-unauthorized", "problem-perhaps_lost", "problem-lane_busy",
    "problem-ref_conflict", "problem-amount_too_large", "problem-amount_zero", "problem-wrong_currency",
    "problem-already_final", "problem-not_final", "problem-not_paid", "problem-already_refunded",
    "problem-too_many_refunds", "problem-too_old", "problem-supervisor_needed", "problem-busy",
    "problem-out_of_order", "problem-not_found", "problem-invalid",
];

/// Places in the texts that the page fills in.
const PLACES: [&str; 15] = [
    "amount", "canceled", "code", "count", "day", "declined", "expired", "first", "lane", "last", "max", "name", "no",
    "reversed", "time",
];

/// Every text that a cashier may read on the page, by kind and key. Where a text has a place for a value stands the
/// value's name behind a `$`.
#[must_use]
pub fn page(language: Language) -> BTreeMap<&'static str, BTreeMap<&'static str, String>> {
    let kinds: [(&'static str, &[&'static str]); 5] =
        [("attention", &ATTENTION), ("cashier", &CASHIER), ("notice", &NOTICES), ("page", &PAGE), ("refund", &REFUND)];
    let texts = |kind: &str, keys: &[&'static str]| {
        let text = |key: &&'static str| Some((*key, filled(language, &format!("{kind}-{}", key.replace('.', "-")))?));
        keys.iter().filter_map(text).collect()
    };
    kinds.into_iter().map(|(kind, keys)| (kind, texts(kind, keys))).collect()
}

/// The message `id` with every place marked.
fn filled(language: Language, id: &str) -> Option<String> {
    let bundle = bundle(language);
    let pattern = bundle.get_message(id)?.value()?;
    Some(bundle.format_pattern(pattern, Some(&places()), &mut Vec::new()).into_owned())
}

/// Every place, filled with its own name.
pub(super) fn places() -> FluentArgs<'static> {
    PLACES.iter().map(|name| (*name, format!("${name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_the_same_texts_and_marks_the_same_places() {
        let places = |text: &str| {
            let mut places: Vec<&str> = PLACES.into_iter().filter(|name| text.contains(&format!("${name}"))).collect();
            places.sort_unstable();
            places.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let english = page(Language::En);
        assert_eq!(english.get("page").map(BTreeMap::len), Some(PAGE.len()));
        for language in [Language::ZhCn, Language::ZhHk] {
            for (kind, texts) in page(language) {
                assert_eq!(texts.len(), english[kind].len(), "{language} {kind}");
                for (key, text) in texts {
                    assert_eq!(places(&text), places(&english[kind][key]), "{language} {key}: {text}");
                    assert!(!text.contains("{ $") && !text.is_empty(), "{language} {key}");
                }
            }
        }
    }
}
