//! What the POS asks to give back, read field by field.

use serde_json::Value;

use super::ask::{NEEDED, not_a_code, operator, whole_amount};
use super::fields::Fields;
use super::problem::Problem;
use crate::till::NewRefund;
use crate::words::{PaymentRef, RefundRef};

/// The fields of `POST /v1/payments/{ref}/refunds`.
const FIELDS: [&str; 4] = ["refund_ref", "amount", "reason", "operator"];
/// Characters of a reason: WeChat's `refund_desc` holds as many.
const REASON_MAX: usize = 80;

/// The body of `POST /v1/payments/{ref}/refunds`, as a client writes it.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct RefundRequest {
    /// The POS's name of the refund: the idempotency key. One name is one refund, for ever.
    #[schema(example = "R-2026-000117-1", min_length = 1, max_length = 64)]
    pub refund_ref: String,
    /// In the currency's smallest unit; all that is left when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1200, minimum = 1)]
    pub amount: Option<u64>,
    /// Why, at most 80 characters; the customer reads it in WeChat.
    #[schema(example = "wrong dish", min_length = 1, max_length = 80)]
    pub reason: String,
    /// Who keyed it in, at most 32 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32)]
    pub operator: Option<String>,
}

/// Reads the body of `POST /v1/payments/{ref}/refunds`.
///
/// # Errors
/// When any of it is not as it must be: all fields at fault are named at once.
pub(super) fn new_refund(payment: PaymentRef, body: &[u8], supervised: bool) -> Result<NewRefund, Problem> {
    let mut fields = Fields::parse(body)?;
    let reference = needed(&mut fields, "refund_ref", |text| {
        not_a_code(text)?;
        text.parse::<RefundRef>().map_err(|error| error.to_string())
    });
    let amount = match fields.take("amount") {
        None | Some(Value::Null) => None,
        Some(value) => whole_amount(&mut fields, &value),
    };
    let reason = needed(&mut fields, "reason", |text| reason(text).map(|()| text.to_owned()));
    let operator = fields.parsed("operator", |text| operator(text).map(|()| text.to_owned()));
    fields.finish(&FIELDS)?;
    let (Some(reference), Some(reason)) = (reference, reason) else {
        // Unreachable: what is needed and missing was named above.
        return Err(Problem::fields(Vec::new()));
    };
    Ok(NewRefund { payment, reference, amount, reason, operator, supervised })
}

fn needed<T>(fields: &mut Fields, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let found = fields.parsed(name, read);
    if found.is_none() && !fields.is_at_fault(name) {
        fields.fault(name, NEEDED);
    }
    found
}

fn reason(text: &str) -> Result<(), String> {
    not_a_code(text)?;
    let length = text.chars().count();
    if text.trim().is_empty() || length > REASON_MAX || text.chars().any(char::is_control) {
        return Err(format!("1 to {REASON_MAX} characters are needed, control characters not among them"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<NewRefund, Problem> {
        new_refund("T01-A-1".parse().expect("a ref"), body.as_bytes(), false)
    }

    fn faults(body: &str) -> Vec<String> {
        let mut named: Vec<String> =
            read(body).expect_err(body).errors().iter().map(|error| error.field.clone()).collect();
        named.sort();
        named
    }

    #[test]
    fn a_whole_request_is_read_as_it_was_meant() {
        let ask =
            read(r#"{"refund_ref":"R-1/1","amount":1200,"reason":"走味了","operator":"Mei"}"#).expect("a request");
        assert_eq!((ask.reference.as_str(), ask.amount, ask.reason.as_str()), ("R-1/1", Some(1200), "走味了"));
        let all = read(r#"{"refund_ref":"R-1","amount":null,"reason":"x","operator":null}"#).expect("a request");
        assert!(all.amount.is_none() && all.operator.is_none());
    }

    #[test]
    fn every_field_at_fault_is_named_at_once() {
        assert_eq!(faults("{}"), ["reason", "refund_ref"]);
        assert_eq!(
            faults(r#"{"refund_ref":"a b","amount":"1","reason":" ","operator":"a\u0007","amuont":1}"#),
            ["amount", "amuont", "operator", "reason", "refund_ref"]
        );
        let long = format!(r#"{{"refund_ref":"R-1","reason":"{}"}}"#, "麵".repeat(81));
        assert_eq!(faults(&long), ["reason"]);
        for amount in ["1.0", "-1", "\"1\"", "true"] {
            assert_eq!(faults(&format!(r#"{{"refund_ref":"R-1","reason":"x","amount":{amount}}}"#)), ["amount"]);
        }
    }

    #[test]
    fn a_payment_code_in_any_field_is_refused_and_never_repeated() {
        let code = "134539517967681395";
        for body in [
            format!(r#"{{"refund_ref":"{code}","reason":"x"}}"#),
            format!(r#"{{"refund_ref":"R-1","reason":"{code}"}}"#),
            format!(r#"{{"refund_ref":"R-1","reason":"x","operator":"{code}"}}"#),
        ] {
            assert!(!format!("{:?}", read(&body).expect_err("refused")).contains(code));
        }
    }
}
