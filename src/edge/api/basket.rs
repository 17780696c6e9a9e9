//! What the POS puts on a lane's display, read field by field.

use std::time::Duration;

use serde_json::{Map, Value};

use super::ask::not_a_code;
use super::fields::Fields;
use super::problem::Problem;
use crate::scene::{Basket, BasketLine};
use crate::words::{Currency, Money};

/// The fields of `POST /v1/lanes/{id}/display`.
const FIELDS: [&str; 3] = ["lines", "total", "ttl_s"];
/// Lines of a basket. A display shows the newest that find a place.
const LINES_MAX: usize = 100;
/// Characters of a line.
const TEXT_MAX: usize = 80;
/// Seconds a basket is shown when the POS does not say: longer than between two articles.
const TTL: Duration = Duration::from_secs(300);
/// The most the POS may say.
const TTL_MAX: u64 = 3600;

/// The body of `POST /v1/lanes/{id}/display`, as a client writes it.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct BasketRequest {
    /// The articles, the newest last; at most 100. None, and no total: the display shows the shop again.
    pub lines: Vec<BasketLineRequest>,
    /// What they come to, in the smallest unit of the shop's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 3050, minimum = 0)]
    pub total: Option<u64>,
    /// Seconds it is shown, unless it is sent again or a payment begins; 300 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3600)]
    pub ttl_s: Option<u64>,
}

/// A line of a basket, as a client writes it.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct BasketLineRequest {
    /// An article, a discount, or a word to the customer; at most 80 characters. Displays cut what has no place.
    #[schema(example = "Milk tea", max_length = 80)]
    pub text: String,
    /// In the smallest unit of the shop's currency; a discount is negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 3050)]
    pub amount: Option<i64>,
}

/// Reads the body of `POST /v1/lanes/{id}/display`: the basket, unless it is empty, and how long it holds.
///
/// # Errors
/// When any of it is not as it must be: all fields at fault are named at once.
pub(super) fn read(body: &[u8], currency: Currency) -> Result<(Option<Basket>, Duration), Problem> {
    let mut fields = Fields::parse(body)?;
    let lines = lines(&mut fields, currency);
    let total = total(&mut fields, currency);
    let ttl = ttl(&mut fields);
    fields.finish(&FIELDS)?;
    let basket = Basket { lines, total };
    let empty = basket.lines.is_empty() && basket.total.is_none();
    Ok(((!empty).then_some(basket), ttl.unwrap_or(TTL)))
}

fn lines(fields: &mut Fields, currency: Currency) -> Vec<BasketLine> {
    let Some(value) = fields.take("lines") else {
        if !fields.is_at_fault("lines") {
            fields.fault("lines", "the field is needed; [] takes the lines away");
        }
        return Vec::new();
    };
    let Value::Array(items) = value else {
        fields.fault("lines", "a list of lines is needed, each with a text and perhaps an amount");
        return Vec::new();
    };
    if items.len() > LINES_MAX {
        fields.fault("lines", &format!("at most {LINES_MAX} lines are taken; send the newest"));
        return Vec::new();
    }
    items.into_iter().enumerate().filter_map(|(at, item)| line(fields, at, item, currency)).collect()
}

fn line(fields: &mut Fields, at: usize, item: Value, currency: Currency) -> Option<BasketLine> {
    let Value::Object(mut item) = item else {
        fields.fault(&format!("lines[{at}]"), "a line is an object with a text and perhaps an amount");
        return None;
    };
    let text = text(fields, at, &mut item);
    let amount = amount(fields, at, &mut item, currency);
    if !item.is_empty() {
        fields.fault(&format!("lines[{at}]"), "a line has a text and perhaps an amount, and nothing else");
    }
    Some(BasketLine { text: text?, amount: amount? })
}

fn text(fields: &mut Fields, at: usize, item: &mut Map<String, Value>) -> Option<String> {
    let read = match item.remove("text") {
        Some(Value::String(text)) => plain(&text).map(|()| text.trim().to_owned()),
        _ => Err("a text in quotes is needed".to_owned()),
    };
    match read {
        Ok(text) => Some(text),
        Err(message) => {
            fields.fault(&format!("lines[{at}].text"), &message);
            None
        }
    }
}

/// Text that stays where it is put.
fn plain(text: &str) -> Result<(), String> {
    not_a_code(text)?;
    if text.trim().is_empty() || text.chars().count() > TEXT_MAX {
        return Err(format!("1 to {TEXT_MAX} characters are needed"));
    }
    if text.chars().any(is_unruly) {
        return Err("characters that move others about are not taken: controls, line breaks, turns of direction".into());
    }
    Ok(())
}

/// Controls, line and paragraph separators, and marks that turn the direction of what follows.
fn is_unruly(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The inner `None` is a line without an amount.
fn amount(fields: &mut Fields, at: usize, item: &mut Map<String, Value>, currency: Currency) -> Option<Option<String>> {
    let minor = match item.remove("amount") {
        None | Some(Value::Null) => return Some(None),
        Some(Value::Number(number)) => number.as_i64().filter(|minor| minor.unsigned_abs() <= Money::MAX_MINOR),
        Some(Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let Some(minor) = minor else {
        let message = "a whole number in the currency's smallest unit is needed, 8800 for 88.00, -500 for 5.00 less";
        fields.fault(&format!("lines[{at}].amount"), message);
        return None;
    };
    let sign = if minor < 0 { "-" } else { "" };
    Some(Some(format!("{sign}{}", currency.major(minor.unsigned_abs()))))
}

fn total(fields: &mut Fields, currency: Currency) -> Option<Money> {
    let found = match fields.take("total")? {
        Value::Null => return None,
        Value::Number(number) => number.as_u64().and_then(|minor| Money::new(minor, currency).ok()),
        Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if found.is_none() {
        fields.fault("total", "a whole number in the currency's smallest unit is needed, 8800 for 88.00");
    }
    found
}

fn ttl(fields: &mut Fields) -> Option<Duration> {
    let found = match fields.take("ttl_s")? {
        Value::Null => return None,
        Value::Number(number) => number.as_u64().filter(|seconds| (1..=TTL_MAX).contains(seconds)),
        Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if found.is_none() {
        fields.fault("ttl_s", "a whole number of seconds is needed, 1 to 3600");
    }
    found.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::api::problem::FieldError;

    #[test]
    fn a_basket_is_read_as_it_is_meant() {
        let body = r#"{"lines":[{"text":" Milk tea ","amount":1850},{"text":"Coupon","amount":-500},{"text":"今日特價"}],
            "total":1350,"ttl_s":60}"#;
        let (basket, ttl) = of(body, "HKD").expect("a basket");
        let basket = basket.expect("something in it");
        let line = |text: &str, amount: Option<&str>| BasketLine { text: text.into(), amount: amount.map(Into::into) };
        let wanted = [line("Milk tea", Some("18.50")), line("Coupon", Some("-5.00")), line("今日特價", None)];
        assert_eq!((basket.lines.as_slice(), ttl), (&wanted[..], Duration::from_secs(60)));
        assert_eq!(basket.total.map(|total| total.to_string()).as_deref(), Some("HKD 13.50"));

        let (yen, ttl) = of(r#"{"lines":[{"text":"茶","amount":180}],"total":180}"#, "JPY").expect("a basket");
        let yen = yen.expect("something in it");
        assert_eq!((yen.lines, yen.total.map(Money::major)), (vec![line("茶", Some("180"))], Some("180".to_owned())));
        assert_eq!((ttl, of(r#"{"lines":[]}"#, "HKD")), (TTL, Ok((None, TTL))));
    }

    #[test]
    fn what_is_wrong_is_named_line_by_line_and_never_repeated() {
        for (body, field) in [
            (r"{}", "lines"),
            (r#"{"lines":{}}"#, "lines"),
            (r#"{"lines":["tea"]}"#, "lines[0]"),
            (r#"{"lines":[{"text":"a"},{"text":""}]}"#, "lines[1].text"),
            (r#"{"lines":[{"amount":1}]}"#, "lines[0].text"),
            (r#"{"lines":[{"text":"a\u001b[2J"}]}"#, "lines[0].text"),
            (r#"{"lines":[{"text":"a\u202eb"}]}"#, "lines[0].text"),
            (r#"{"lines":[{"text":"134539517967681395"}]}"#, "lines[0].text"),
            (r#"{"lines":[{"text":"a","amount":1.5}]}"#, "lines[0].amount"),
            (r#"{"lines":[{"text":"a","amount":-1000000001}]}"#, "lines[0].amount"),
            (r#"{"lines":[{"text":"a","price":1}]}"#, "lines[0]"),
            (r#"{"lines":[],"total":-1}"#, "total"),
            (r#"{"lines":[],"ttl_s":0}"#, "ttl_s"),
            (r#"{"lines":[],"ttl":60}"#, "ttl"),
        ] {
            assert_eq!(of(body, "HKD").expect_err(body), [field], "{body}");
        }
        let many = format!(r#"{{"lines":[{}]}}"#, vec![r#"{"text":"a"}"#; LINES_MAX + 1].join(","));
        assert_eq!(of(&many, "HKD").expect_err("too many"), ["lines"]);
        let long = format!(r#"{{"lines":[{{"text":"{}"}}]}}"#, "長".repeat(TEXT_MAX + 1));
        assert_eq!(of(&long, "HKD").expect_err("too long"), ["lines[0].text"]);
    }

    type Read = Result<(Option<Basket>, Duration), Vec<String>>;

    /// The basket, or the fields at fault.
    fn of(body: &str, currency: &str) -> Read {
        let currency = currency.parse().expect("a currency");
        read(body.as_bytes(), currency)
            .map_err(|problem| problem.errors().iter().map(|FieldError { field, .. }| field.clone()).collect())
    }
}
