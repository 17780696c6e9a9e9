//! Requests of v2.
//!
//! Source: protocol 5.1 to 5.5.

use serde::Serialize;
use zeroize::Zeroizing;

use super::sign::{self, Fields};
use super::{V2, xml};
use crate::dialect::text::{REFUND_TEXT_BYTES, TEXT_BYTES, cut};
use crate::dialect::{HttpRequest, Stamp};
use crate::payment::{Ask, Call, Op, Order, Terms};
use crate::words::AuthCode;

/// `scene_info` in bytes.
const SCENE_BYTES: usize = 256;
/// `store_id` in characters.
const STORE_ID_CHARS: usize = 32;
/// `store_name` in characters.
const STORE_NAME_CHARS: usize = 64;

/// `detail`.
#[derive(Serialize)]
struct Detail<'a> {
    goods_detail: [Goods<'a>; 1],
}

/// The one line of goods: the global API reads the merchant category code out of it.
#[derive(Serialize)]
struct Goods<'a> {
    wxpay_goods_id: &'a str,
    goods_name: &'a str,
    quantity: u32,
}

/// `scene_info`, in the global API's flat form.
#[derive(Serialize)]
struct Scene<'a> {
    store_id: &'a str,
    store_name: &'a str,
}

impl V2 {
    /// Writes and signs the request for `call`.
    pub(super) fn request(&self, call: &Call, stamp: &Stamp) -> HttpRequest {
        let mut fields = self.common(stamp);
        match &call.ask {
            Ask::Pay(code) => self.pay(&mut fields, &call.order, code),
            Ask::Query => {
                put(&mut fields, "version", "1.0");
                put_numbers(&mut fields, &call.order);
            }
            Ask::Reverse => put_numbers(&mut fields, &call.order),
            Ask::Refund(terms) => refund(&mut fields, &call.order, terms),
            Ask::RefundQuery { terms, offset } => refund_query(&mut fields, terms, *offset),
        }
        let signature = sign::sign(&fields, &self.key, self.sign_type);
        put(&mut fields, sign::SIGN, &signature);
        let (path, needs_certificate) = match call.ask.op() {
            Op::Pay => ("/pay/micropay", false),
            Op::Query => ("/pay/orderquery", false),
            Op::Reverse => ("/secapi/pay/reverse", true),
            Op::Refund => ("/secapi/pay/refund", true),
            Op::RefundQuery => ("/pay/refundquery", false),
        };
        HttpRequest {
            method: "POST",
            path: path.to_owned(),
            headers: vec![("content-type", "text/xml; charset=utf-8".to_owned())],
            body: xml::write(&fields),
            needs_certificate,
        }
    }

    /// The fields of every request.
    pub(super) fn common(&self, stamp: &Stamp) -> Fields {
        let mut fields = Fields::new();
        put(&mut fields, "appid", self.merchant.appid.as_str());
        put(&mut fields, "mch_id", self.merchant.mch_id.as_str());
        if let Some(sub_mch_id) = &self.merchant.sub_mch_id {
            put(&mut fields, "sub_mch_id", sub_mch_id.as_str());
        }
        if let Some(sub_appid) = &self.merchant.sub_appid {
            put(&mut fields, "sub_appid", sub_appid.as_str());
        }
        put(&mut fields, "nonce_str", &stamp.nonce);
        put(&mut fields, "sign_type", self.sign_type.word());
        fields
    }

    fn pay(&self, fields: &mut Fields, order: &Order, code: &AuthCode) {
        let merchant = &self.merchant;
        let body = self.body(order);
        put(fields, "version", "1.0");
        put(fields, "device_info", merchant.terminal.as_str());
        put(fields, "detail", &json(&Detail { goods_detail: [goods(&merchant.mcc, &body)] }));
        put(fields, "body", &body);
        put(fields, "attach", &cut(&order.attach, TEXT_BYTES));
        put(fields, "out_trade_no", order.out_trade_no.as_str());
        put(fields, "total_fee", &order.amount.minor().to_string());
        put(fields, "fee_type", order.amount.currency().code());
        put(fields, "spbill_create_ip", &merchant.terminal_ip.to_string());
        put(fields, "scene_info", &scene(&merchant.store_id, &merchant.store_name));
        put(fields, "auth_code", code.expose());
    }

    /// What the payer reads. The field must not be empty, so the shop's name or the terminal's stands in.
    fn body(&self, order: &Order) -> String {
        [order.description.as_str(), &self.merchant.store_name, self.merchant.terminal.as_str()]
            .into_iter()
            .map(|text| cut(text, TEXT_BYTES))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }
}

fn goods<'a>(mcc: &'a str, name: &'a str) -> Goods<'a> {
    Goods { wxpay_goods_id: mcc, goods_name: name, quantity: 1 }
}

fn refund(fields: &mut Fields, order: &Order, terms: &Terms) {
    put_numbers(fields, order);
    put(fields, "out_refund_no", terms.out_refund_no.as_str());
    put(fields, "total_fee", &order.amount.minor().to_string());
    put(fields, "refund_fee", &terms.amount.minor().to_string());
    put(fields, "refund_fee_type", order.amount.currency().code());
    put(fields, "refund_desc", &cut(terms.reason.as_deref().unwrap_or_default(), REFUND_TEXT_BYTES));
    put(fields, "notify_url", terms.notify_url.as_deref().unwrap_or_default());
}

/// Asks by our number alone: beside it the order's numbers would be ignored.
fn refund_query(fields: &mut Fields, terms: &Terms, offset: u32) {
    put(fields, "out_refund_no", terms.out_refund_no.as_str());
    if offset > 0 {
        put(fields, "offset", &offset.to_string());
    }
}

/// Names the order by our number, and by WeChat's too once that is known: where both stand, WeChat's wins, and the
/// reply is still held to ours.
fn put_numbers(fields: &mut Fields, order: &Order) {
    put(fields, "out_trade_no", order.out_trade_no.as_str());
    if let Some(number) = &order.transaction_id {
        put(fields, "transaction_id", number.as_str());
    }
}

/// Adds a field unless it is empty. What is put is what is signed and what is written.
pub(super) fn put(fields: &mut Fields, name: &str, value: &str) {
    let value = cut(value, usize::MAX);
    if !value.is_empty() {
        fields.insert(name.to_owned(), Zeroizing::new(value));
    }
}

/// The store, its name shortened until the whole fits; empty when there is nothing to say.
fn scene(store_id: &str, store_name: &str) -> String {
    let one_line = |text: &str, chars: usize| cut(text, usize::MAX).chars().take(chars).collect::<String>();
    let store_id = one_line(store_id, STORE_ID_CHARS);
    let mut store_name = one_line(store_name, STORE_NAME_CHARS);
    if store_id.is_empty() && store_name.is_empty() {
        return String::new();
    }
    loop {
        let text = json(&Scene { store_id: &store_id, store_name: &store_name });
        if text.len() <= SCENE_BYTES {
            return text;
        }
        if store_name.pop().is_none() {
            return String::new();
        }
    }
}

/// Plain structs of text and numbers always have a JSON form.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_keeps_the_store_number_and_shortens_the_name() {
        assert_eq!(scene("S1", "Hall \"A\""), r#"{"store_id":"S1","store_name":"Hall \"A\""}"#);
        assert_eq!(scene("", ""), "");
        let long = scene(&"9".repeat(40), &"茶".repeat(80));
        assert!(long.len() <= SCENE_BYTES && long.len() > SCENE_BYTES - 8, "{} bytes", long.len());
        assert!(long.contains(&"9".repeat(32)) && long.ends_with("茶\"}"));
    }
}
