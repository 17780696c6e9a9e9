//! What is said to people, in every language: one Fluent catalogue each, compiled in.
//!
//! A text is named by a key that is also a word of the API: a scene for customers, a state or `declined.<err_code>` for
//! cashiers, a hint or a verdict for a scan. Nothing is ever missing: a key nobody has heard of gets the text that makes
//! people ask, never one that calms.

mod page;

use std::sync::OnceLock;

use fluent_bundle::FluentResource;
use fluent_bundle::concurrent::FluentBundle;

pub use page::{PAGE, page};

use super::Aside;
use crate::words::Language;

/// Every scene a customer may see.
pub const CUSTOMER: [&str; 14] = [
    "idle",
    "basket",
    "armed",
    "submitting",
    "customer_paying",
    "verifying",
    "paid",
    "declined",
    "reversing",
    "reversed",
    "needs_attention",
    "out_of_order",
    "ask_cashier",
    "not_connected",
];

/// Every text for a cashier: the states' words, then the reasons of a decline.
///
/// Source of the reasons and of their wording: protocol table 2.2.
pub const CASHIER: [&str; 45] = [
    "armed",
    "submitting",
    "customer_paying",
    "verifying",
    "paid",
    "partially_refunded",
    "refunded",
    "declined",
    "reversing",
    "reversed",
    "canceled",
    "expired",
    "needs_attention",
    "declined.USERPAYING",
    "declined.SYSTEMERROR",
    "declined.BANKERROR",
    "declined.ORDERPAID",
    "declined.OUT_TRADE_NO_USED",
    "declined.ORDERCLOSED",
    "declined.ORDERREVERSED",
    "declined.AUTHCODEEXPIRE",
    "declined.AUTH_CODE_ERROR",
    "declined.AUTH_CODE_INVALID",
    "declined.NOTENOUGH",
    "declined.NOTSUPORTCARD",
    "declined.BUYER_MISMATCH",
    "declined.TRADE_ERROR",
    "declined.RISKCONTROL",
    "declined.NOAUTH",
    "declined.PARAM_ERROR",
    "declined.LACK_PARAMS",
    "declined.XML_FORMAT_ERROR",
    "declined.NOT_UTF8",
    "declined.REQUIRE_POST_METHOD",
    "declined.POST_DATA_EMPTY",
    "declined.SIGNERROR",
    "declined.APPID_NOT_EXIST",
    "declined.MCHID_NOT_EXIST",
    "declined.APPID_MCHID_NOT_MATCH",
    "declined.INVALID_REQUEST",
    "declined.FREQUENCY_LIMITED",
    "declined.RATE_LIMITED",
    "declined.NOT_SENT",
    "declined.RETURN_CODE_FAIL",
    GENERIC,
];

/// Every text about a refund: the states' words, then those with a reason, and what a person must do.
///
/// Source of the reasons: protocol 5.4 and 5.5.
pub const REFUND: [&str; 16] = [
    "requested",
    "requested.NOTENOUGH",
    "requested.NOT_SENT",
    "requested.FREQUENCY_LIMITED",
    "processing",
    "refunded",
    "failed",
    "failed.REFUNDCLOSE",
    "failed.CONTRADICTED",
    "refunded.CONTRADICTED",
    "failed.TRADE_OVERDUE",
    "failed.USER_ACCOUNT_ABNORMAL",
    "needs_attention",
    "needs_attention.CHANGE",
    "needs_attention.NOTENOUGH",
    "needs_attention.OUT_REFUND_NO_USED",
];

/// Every word a scan that did not pay can get: what it was instead ([`Hint`](crate::scan::Hint)), or why it was not
/// taken.
pub const NOTICES: [&str; 17] = [
    "alipay",
    "unionpay",
    "product",
    "gs1",
    "link",
    "wrong-prefix",
    "wrong-length",
    "control-characters",
    "full-width",
    "prefix-missing",
    "symbology",
    "damaged",
    OTHER,
    "not-armed",
    "repeated",
    "too-old",
    "used",
];

/// Every reason why a person must look at a payment; those of refunds are in [`REFUND`].
pub const ATTENTION: [&str; 5] = ["unresolved", "incident", "late_landing", "our_fault", "not_acknowledged"];

/// The heading of the scene `key`. A scene that is not in [`CUSTOMER`] sends the customer to the cashier.
#[must_use]
pub fn customer(key: &str, language: Language) -> String {
    text(language, &customer_id(key), None).unwrap_or_default()
}

/// The second line of the scene `key`, if it has one.
#[must_use]
pub fn customer_detail(key: &str, language: Language) -> Option<String> {
    text(language, &customer_id(key), Some("detail"))
}

/// The second line of `armed` when the code before was none that pays.
#[must_use]
pub fn customer_aside(aside: Aside, language: Language) -> Option<String> {
    text(language, &customer_id("armed"), Some(aside.word()))
}

/// The heading of the scene `key` in at most 20 columns.
#[must_use]
pub fn customer_short(key: &str, language: Language) -> String {
    text(language, &customer_id(key), Some("short")).unwrap_or_else(|| customer(key, language))
}

/// The cashier's text for a state's word or for `declined.<err_code>`, behind the key of [`CASHIER`] it was found by.
///
/// Codes are compared as the gateway prints them, with and without `_`. A reason nobody has told us about is
/// `declined.generic`; any other strange key is `needs_attention`.
#[must_use]
pub fn cashier(key: &str, language: Language) -> (String, String) {
    let key = cashier_key(key);
    let id = format!("cashier-{}", key.replace('.', "-"));
    (key.to_owned(), text(language, &id, None).unwrap_or_default())
}

/// What a refund's state means and what to do, where `code` is WeChat's reason for it or empty.
#[must_use]
pub fn refund(state: &str, code: &str, language: Language) -> String {
    let key = refund_key(state, code);
    text(language, &format!("refund-{}", key.replace('.', "-")), None).unwrap_or_default()
}

/// What a person must do about a payment, by the reason why somebody must look at it.
#[must_use]
pub fn attention(reason: &str, language: Language) -> String {
    let reason = ATTENTION.into_iter().find(|known| *known == reason).unwrap_or("unresolved");
    text(language, &format!("attention-{reason}"), None).unwrap_or_default()
}

/// What a cashier reads after a scan that was not taken. A word that is not in [`NOTICES`] reads as `other`.
#[must_use]
pub fn notice(word: &str, language: Language) -> String {
    let word = NOTICES.into_iter().find(|known| *known == word).unwrap_or(OTHER);
    text(language, &format!("notice-{word}"), None).unwrap_or_default()
}

fn customer_id(key: &str) -> String {
    let key = CUSTOMER.into_iter().find(|known| *known == key).unwrap_or("ask_cashier");
    format!("customer-{key}")
}

fn cashier_key(key: &str) -> &'static str {
    let Some(code) = key.strip_prefix("declined.") else {
        return CASHIER.into_iter().find(|known| *known == key).unwrap_or("needs_attention");
    };
    let code = plain(code);
    let same = |known: &&str| known.strip_prefix("declined.").is_some_and(|known| plain(known) == code);
    if let Some(known) = CASHIER.into_iter().find(same) {
        return known;
    }
    match code.as_str() {
        "NOTSUPPORTCARD" => "declined.NOTSUPORTCARD",
        code if code.contains("RISK") => "declined.RISKCONTROL",
        code if THROTTLES.iter().any(|word| code.contains(word)) => "declined.FREQUENCY_LIMITED",
        _ => GENERIC,
    }
}

/// The key of [`REFUND`] for a state and WeChat's reason: that of the state where the reason has none of its own.
#[must_use]
pub fn refund_key(state: &str, code: &str) -> &'static str {
    let code = plain(code);
    let code = match code.as_str() {
        "REFUNDFEEMISMATCH" => "OUTREFUNDNOUSED",
        code if THROTTLES.iter().any(|word| code.contains(word)) => "FREQUENCYLIMITED",
        code => code,
    };
    let same = |known: &&str| known.split_once('.').is_some_and(|(of, reason)| of == state && plain(reason) == code);
    let of_state = || REFUND.into_iter().find(|known| *known == state);
    REFUND.into_iter().find(same).or_else(of_state).unwrap_or("needs_attention")
}

/// A code as it is compared: WeChat's own pages print `ORDERPAID` and `ORDER_PAID`.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// The message `id`, or its attribute, as `language` says it.
fn text(language: Language, id: &str, attribute: Option<&str>) -> Option<String> {
    let bundle = bundle(language);
    let message = bundle.get_message(id)?;
    let pattern = match attribute {
        Some(name) => message.get_attribute(name)?.value(),
        None => message.value()?,
    };
    let mut faults = Vec::new();
    Some(bundle.format_pattern(pattern, None, &mut faults).into_owned())
}

type Bundle = FluentBundle<FluentResource>;

/// The catalogue of `language`, read once.
fn bundle(language: Language) -> &'static Bundle {
    static EN: OnceLock<Bundle> = OnceLock::new();
    static ZH_CN: OnceLock<Bundle> = OnceLock::new();
    static ZH_HK: OnceLock<Bundle> = OnceLock::new();
    let place = match language {
        Language::En => &EN,
        Language::ZhCn => &ZH_CN,
        Language::ZhHk => &ZH_HK,
    };
    place.get_or_init(|| read(language))
}

/// Takes what can be read of the catalogue; a test sees to it that this is all of it.
fn read(language: Language) -> Bundle {
    let locales = match language.tag().parse() {
        Ok(locale) => vec![locale],
        Err(_) => Vec::new(),
    };
    let mut bundle = Bundle::new_concurrent(locales);
    // The marks that isolate directions are for pages with Arabic or Hebrew; a character display would draw them.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(FluentResource::try_new(catalogue(language)).unwrap_or_else(|(part, _)| part));
    bundle
}

fn catalogue(language: Language) -> String {
    let text = match language {
        Language::En => include_str!("texts/en.ftl"),
        Language::ZhCn => include_str!("texts/zh-CN.ftl"),
        Language::ZhHk => include_str!("texts/zh-HK.ftl"),
    };
    text.to_owned()
}

/// What codes of rate limits have in them; every product of WeChat's has its own.
const THROTTLES: [&str; 4] = ["FREQ", "RATELIMIT", "TOOMUCH", "TOOMANY"];

/// The reason that has no text of its own.
pub const GENERIC: &str = "declined.generic";

/// A scan that has no text of its own.
const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::payment::{RefundState, State};
    use crate::scan::Hint;

    /// Every state, by hand: the words are few and stable.
    const STATES: [State; 13] = [
        State::Armed,
        State::Submitting,
        State::CustomerPaying,
        State::Verifying,
        State::Paid,
        State::PartiallyRefunded,
        State::Refunded,
        State::Declined,
        State::Reversing,
        State::Reversed,
        State::Canceled,
        State::Expired,
        State::NeedsAttention,
    ];

    #[test]
    fn every_language_has_every_text_once_and_no_other() {
        let expected: BTreeSet<String> = CUSTOMER
            .into_iter()
            .map(customer_id)
            .chain(CASHIER.into_iter().map(|key| format!("cashier-{}", key.replace('.', "-"))))
            .chain(REFUND.into_iter().map(|key| format!("refund-{}", key.replace('.', "-"))))
            .chain(NOTICES.into_iter().map(|word| format!("notice-{word}")))
            .chain(ATTENTION.into_iter().map(|word| format!("attention-{word}")))
            .chain(PAGE.iter().map(|key| format!("page-{key}")))
            .collect();
        for language in Language::ALL {
            let ids = ids(language);
            let once: BTreeSet<String> = ids.iter().cloned().collect();
            assert_eq!(once.len(), ids.len(), "{language} says something twice");
            assert_eq!(once, expected, "{language}");
        }
    }

    #[test]
    fn every_language_has_the_same_second_lines() {
        let attributes = |language| {
            let text = catalogue(language);
            text.lines().filter_map(|line| line.split_once('=')).map(|(id, _)| id.trim_end().to_owned()).collect()
        };
        let english: Vec<String> = attributes(Language::En);
        assert_eq!(attributes(Language::ZhCn), english);
        assert_eq!(attributes(Language::ZhHk), english);
    }

    #[test]
    fn a_catalogue_is_read_to_its_end_and_formats_without_a_fault() {
        for language in Language::ALL {
            let resource = FluentResource::try_new(catalogue(language));
            assert!(resource.is_ok(), "{language}: {:?}", resource.err().map(|(_, errors)| errors));
            let bundle = bundle(language);
            for id in ids(language) {
                let message = bundle.get_message(&id).expect("a message");
                let patterns = message.value().into_iter().chain(message.attributes().map(|it| it.value()));
                for pattern in patterns {
                    let mut faults = Vec::new();
                    let text = bundle.format_pattern(pattern, Some(&page::places()), &mut faults).into_owned();
                    assert!(faults.is_empty() && !text.is_empty(), "{language} {id}: {faults:?}");
                    assert!(!text.contains(['{', '\u{2068}', '\u{2069}']), "{language} {id}: {text}");
                }
            }
        }
    }

    #[test]
    fn every_state_and_every_hint_has_a_text() {
        for state in STATES {
            assert!(CASHIER.contains(&state.word()), "{}", state.word());
        }
        for state in [
            RefundState::Requested,
            RefundState::Processing,
            RefundState::Refunded,
            RefundState::Failed,
            RefundState::NeedsAttention,
        ] {
            assert!(REFUND.contains(&state.word()), "{}", state.word());
        }
        for hint in Hint::ALL {
            assert!(NOTICES.contains(&hint.word()), "{hint}");
        }
    }

    #[test]
    fn prescribed_wordings_are_said_to_the_letter() {
        let english = |key: &str| cashier(key, Language::En).1;
        assert_eq!(english("declined.NOTENOUGH"), "Insufficient balance in this card. Try another one");
        assert_eq!(
            english("declined.NOTSUPORTCARD"),
            "Unsupported card type. Try another one or link a new card for payment"
        );
        assert_eq!(
            english("declined.SIGNERROR"),
            "Terminal error SIGNERROR, nothing was taken: call support. Take this payment another way."
        );
    }

    #[test]
    fn a_code_is_known_however_the_gateway_spells_it() {
        for (code, key) in [
            ("NOTENOUGH", "declined.NOTENOUGH"),
            ("NOT_ENOUGH", "declined.NOTENOUGH"),
            ("NOTSUPPORTCARD", "declined.NOTSUPORTCARD"),
            ("AUTHCODEINVALID", "declined.AUTH_CODE_INVALID"),
            ("ORDER_PAID", "declined.ORDERPAID"),
            ("RULE_RISK_LIMIT", "declined.RISKCONTROL"),
            ("FREQUENCY_LIMIT_EXCEED", "declined.FREQUENCY_LIMITED"),
            ("RATELIMIT_EXCEEDED", "declined.FREQUENCY_LIMITED"),
            ("NEVER_SEEN", "declined.generic"),
            ("", "declined.generic"),
        ] {
            assert_eq!(cashier(&format!("declined.{code}"), Language::ZhCn).0, key, "{code}");
        }
    }

    #[test]
    fn a_refund_says_why_and_never_that_it_is_done_before_it_is() {
        assert!(refund("requested", "NOT_ENOUGH", Language::En).contains("every hour"));
        assert!(refund("requested", "INVALID_REQ_TOO_MUCH", Language::En).contains("slow"));
        assert_eq!(refund("requested", "SYSTEMERROR", Language::ZhHk), refund("requested", "", Language::ZhHk));
        assert!(refund("failed", "REFUNDCLOSE", Language::En).contains("still with the shop"));
        assert!(refund("needs_attention", "CHANGE", Language::En).contains("by hand"));
        assert_eq!(refund("lost", "", Language::En), refund("needs_attention", "", Language::En));
        for state in ["requested", "processing", "failed", "needs_attention"] {
            for (language, done) in
                [(Language::En, "Given back"), (Language::ZhCn, "已退还"), (Language::ZhHk, "已退還")]
            {
                assert!(!refund(state, "", language).contains(done), "{language} {state}");
            }
        }
    }

    #[test]
    fn a_key_nobody_knows_makes_people_ask() {
        let (key, text) = cashier("settled", Language::En);
        assert_eq!(key, "needs_attention");
        assert!(text.contains("supervisor"));
        assert_eq!(customer("payed", Language::En), "Please ask the cashier");
        assert_eq!(notice("?", Language::ZhHk), notice("other", Language::ZhHk));
    }

    #[test]
    fn only_a_paid_text_hands_over_goods() {
        for key in CASHIER.into_iter().filter(|key| *key != "paid") {
            for language in Language::ALL {
                let text = cashier(key, language).1;
                for permission in ["Hand over", "可以交付"] {
                    assert!(!text.contains(permission), "{language} {key}: {text}");
                }
            }
        }
    }

    /// The messages of a catalogue, in its order, read without Fluent's help.
    fn ids(language: Language) -> Vec<String> {
        let text = catalogue(language);
        let starts = |line: &&str| line.starts_with(|c: char| c.is_ascii_alphabetic());
        text.lines().filter(starts).filter_map(|line| line.split_once(" =")).map(|(id, _)| id.to_owned()).collect()
    }
}
