//! What the POS sends, read field by field. What is wrong is named, and never repeated.

use std::time::Duration;

use serde_json::Value;

use super::fields::Fields;
use super::problem::Problem;
use crate::till::NewPayment;
use crate::words::{AuthCode, ClientRef, Currency};

/// The fields of `POST /v1/payments`.
const FIELDS: [&str; 9] =
    ["client_ref", "amount", "currency", "lane", "description", "operator", "attach", "deadline_s", "auth_code"];
/// Bytes of `body` and `attach` that the gateway takes (Submit Quick Pay API).
const TEXT_MAX: usize = 127;
/// Characters of an operator's name.
const OPERATOR_MAX: usize = 32;
/// Seconds a payment may wait for a code.
const DEADLINE_MAX: u64 = 3600;
pub(super) const NEEDED: &str = "the field is needed";

/// The body of `POST /v1/payments`, as a client writes it.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct PaymentRequest {
    /// The POS's name of the payment: the idempotency key.
    #[schema(example = "R-2026-000117", min_length = 1, max_length = 64)]
    pub client_ref: String,
    /// In the currency's smallest unit.
    #[schema(example = 8800, minimum = 1)]
    pub amount: u64,
    /// The shop's own when left out, or CNY.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "HKD")]
    pub currency: Option<String>,
    /// May be left out where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1")]
    pub lane: Option<String>,
    /// What the customer reads on the phone, at most 127 bytes; the shop's own when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who keyed it in, at most 32 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32)]
    pub operator: Option<String>,
    /// Comes back in WeChat's statement, at most 127 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// Seconds it waits for a code; 120 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3600)]
    pub deadline_s: Option<u64>,
    /// A payment code the POS has read itself: 18 digits, the first two 10 to 15. Never kept and never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^1[0-5][0-9]{16}$")]
    pub auth_code: Option<String>,
}

/// Reads the body of `POST /v1/payments`.
///
/// # Errors
/// When any of it is not as it must be: all fields at fault are named at once.
pub(super) fn new_payment(body: &[u8]) -> Result<NewPayment, Problem> {
    let mut fields = Fields::parse(body)?;
    let auth_code = fields.parsed("auth_code", |text| text.parse::<AuthCode>().map_err(|error| error.to_string()));
    let client_ref = client_ref(&mut fields);
    let amount = amount(&mut fields);
    let currency = fields.parsed("currency", |text| text.parse::<Currency>().map_err(|error| error.to_string()));
    let lane = fields.name("lane");
    let description = fields.parsed("description", |text| description(text).map(|()| text.to_owned()));
    let operator = fields.parsed("operator", |text| operator(text).map(|()| text.to_owned()));
    let attach = fields.parsed("attach", |text| attach(text).map(|()| text.to_owned()));
    let patience = patience(&mut fields);
    fields.finish(&FIELDS)?;
    let (Some(client_ref), Some(amount)) = (client_ref, amount) else {
        // Unreachable: what is needed and missing was named above.
        return Err(Problem::fields(Vec::new()));
    };
    Ok(NewPayment { client_ref, amount, currency, lane, description, operator, attach, patience, auth_code })
}

/// Reads the body of a call that takes none: nothing, or an empty object.
///
/// # Errors
/// When there is anything in it.
pub(super) fn nothing(body: &[u8]) -> Result<(), Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    Fields::parse(body)?.finish(&[])
}

fn client_ref(fields: &mut Fields) -> Option<ClientRef> {
    let found = fields.parsed("client_ref", |text| {
        not_a_code(text)?;
        text.parse::<ClientRef>().map_err(|error| error.to_string())
    });
    if found.is_none() && !fields.is_at_fault("client_ref") {
        fields.fault("client_ref", NEEDED);
    }
    found
}

fn amount(fields: &mut Fields) -> Option<u64> {
    match fields.take("amount") {
        None if fields.is_at_fault("amount") => None,
        None => {
            fields.fault("amount", NEEDED);
            None
        }
        Some(value) => whole_amount(fields, &value),
    }
}

/// An amount as it must be written.
pub(super) fn whole_amount(fields: &mut Fields, value: &Value) -> Option<u64> {
    let message =
        "a whole number in the currency's smallest unit is needed, 8800 for 88.00, without quotes, point or sign";
    let found = match value {
        Value::Number(number) => number.as_u64().filter(|amount| i64::try_from(*amount).is_ok()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if found.is_none() {
        fields.fault("amount", message);
    }
    found
}

fn patience(fields: &mut Fields) -> Option<Duration> {
    let found = match fields.take("deadline_s")? {
        Value::Null => return None,
        Value::Number(number) => number.as_u64().filter(|seconds| (1..=DEADLINE_MAX).contains(seconds)),
        Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if found.is_none() {
        fields.fault("deadline_s", "a whole number of seconds is needed, 1 to 3600");
    }
    found.map(Duration::from_secs)
}

fn description(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("a description has at least one character; leave it out for the shop's own".to_owned());
    }
    attach(text)
}

fn attach(text: &str) -> Result<(), String> {
    not_a_code(text)?;
    if text.len() > TEXT_MAX {
        return Err(format!("at most {TEXT_MAX} bytes in UTF-8 are taken, a Chinese character is three"));
    }
    if text.chars().any(char::is_control) {
        return Err("control characters are not taken, line breaks and tabs among them".to_owned());
    }
    Ok(())
}

pub(super) fn operator(text: &str) -> Result<(), String> {
    not_a_code(text)?;
    if text.chars().count() > OPERATOR_MAX || text.chars().any(char::is_control) {
        return Err(format!("at most {OPERATOR_MAX} characters are taken, control characters not among them"));
    }
    Ok(())
}

/// A scanner that types into the wrong field would have a payment code kept and shown for ever.
pub(super) fn not_a_code(text: &str) -> Result<(), String> {
    match text.trim().parse::<AuthCode>() {
        Ok(_) => {
            Err("this has the form of a payment code, which is never kept; a code belongs into auth_code".to_owned())
        }
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::api::problem::FieldError;

    fn faults(body: &str) -> Vec<String> {
        let problem = new_payment(body.as_bytes()).expect_err("a fault");
        problem.errors().iter().map(|FieldError { field, .. }| field.clone()).collect()
    }

    #[test]
    fn a_whole_request_is_read_as_it_was_meant() {
        let body = r#"{"client_ref":"R-1","amount":8800,"currency":"HKD","lane":"1","description":"牛腩麵","operator":"Mei",
            "attach":"table 4","deadline_s":60,"auth_code":"134539517967681395"}"#;
        let ask = new_payment(body.as_bytes()).expect("a request");
        assert_eq!((ask.client_ref.as_str(), ask.amount), ("R-1", 8800));
        assert_eq!(ask.patience, Some(Duration::from_secs(60)));
        assert_eq!(ask.auth_code.map(|code| code.hint().to_string()), Some("1395".to_owned()));
        assert_eq!(ask.description.as_deref(), Some("牛腩麵"));
    }

    #[test]
    fn what_may_be_left_out_may_be_null() {
        let body = r#"{"client_ref":"R-1","amount":1,"currency":null,"lane":null,"deadline_s":null,"auth_code":null}"#;
        let ask = new_payment(body.as_bytes()).expect("a request");
        assert!(ask.currency.is_none() && ask.lane.is_none() && ask.patience.is_none() && ask.auth_code.is_none());
    }

    #[test]
    fn an_amount_is_a_whole_number_and_nothing_like_one() {
        for amount in
            ["88.0", "88.5", "\"8800\"", "-1", "1e3", "-0", "9223372036854775808", "null", "true", "[1]", "{}"]
        {
            let body = format!(r#"{{"client_ref":"R-1","amount":{amount}}}"#);
            assert_eq!(faults(&body), ["amount"], "{amount}");
        }
        assert!(new_payment(br#"{"client_ref":"R-1","amount":9223372036854775807}"#).is_ok());
    }

    #[test]
    fn every_field_at_fault_is_named_at_once() {
        let body = r#"{"client_ref":"two words","amount":"1","currency":"hkd","lane":"a b","description":"a\nb",
            "operator":"a\u0007","attach":1,"deadline_s":3601,"auth_code":"12","amuont":3}"#;
        let mut named = faults(body);
        named.sort();
        let mut wanted: Vec<String> = FIELDS.iter().map(|name| (*name).to_owned()).collect();
        wanted.push("amuont".to_owned());
        wanted.sort();
        assert_eq!(named, wanted);
    }

    #[test]
    fn a_field_that_stands_twice_is_at_fault_even_with_the_same_value() {
        assert_eq!(faults(r#"{"client_ref":"R-1","amount":1,"amount":1}"#), ["amount"]);
        assert_eq!(faults(r#"{"client_ref":"R-1","client_ref":"R-2","amount":1}"#), ["client_ref"]);
    }

    #[test]
    fn text_is_measured_in_bytes_where_the_gateway_does() {
        let fits = format!(r#"{{"client_ref":"R-1","amount":1,"description":"{}"}}"#, "麵".repeat(42));
        let bursts = format!(r#"{{"client_ref":"R-1","amount":1,"description":"{}"}}"#, "麵".repeat(43));
        assert!(new_payment(fits.as_bytes()).is_ok());
        assert_eq!(faults(&bursts), ["description"]);
    }

    #[test]
    fn a_payment_code_in_any_field_is_refused_and_never_repeated() {
        let code = "134539517967681395";
        for field in FIELDS.iter().filter(|field| **field != "auth_code") {
            let others = match *field {
                "client_ref" => r#""amount":1"#.to_owned(),
                "amount" => r#""client_ref":"R-1""#.to_owned(),
                _ => r#""client_ref":"R-1","amount":1"#.to_owned(),
            };
            let body = format!(r#"{{{others},"{field}":"{code}"}}"#);
            let problem = new_payment(body.as_bytes()).expect_err(field);
            assert!(!format!("{problem:?}").contains(code), "{field}");
        }
        let problem = new_payment(format!(r#"{{"{code}":1}}"#).as_bytes()).expect_err("unknown");
        assert!(!format!("{problem:?}").contains(code));
    }

    #[test]
    fn what_is_no_json_or_no_object_is_malformed() {
        for body in ["", "{", "[]", "1", "null", "\"{}\"", "{}{}", "{\"a\":1,}", &"[".repeat(50_000)] {
            assert_eq!(new_payment(body.as_bytes()).expect_err("malformed").code(), "malformed", "{body:.10}");
        }
    }

    #[test]
    fn a_typing_error_is_answered_with_the_right_name() {
        let problem = new_payment(br#"{"client_ref":"R-1","amuont":1}"#).expect_err("unknown");
        assert!(problem.errors().iter().any(|error| error.message.ends_with("did you mean amount?")));
    }
}
