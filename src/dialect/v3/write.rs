//! Requests of v3. The bytes that are signed are the bytes that are sent.
//!
//! Source: protocol 7.1, 7.2, 7.5 and 7.6.

use serde::Serialize;
use zeroize::Zeroizing;

use super::V3;
use crate::dialect::text::{REFUND_TEXT_BYTES, TEXT_BYTES, cut};
use crate::dialect::{HttpRequest, Merchant, Stamp};
use crate::payment::{Ask, Call, Order, Terms};
use crate::words::AuthCode;

/// Room for the longest pay, in bytes: three texts of 127, numbers and names.
const BODY_MAX: usize = 4096;

/// Whom the request is for: a merchant by itself, or an institution for its sub-merchant.
#[derive(Serialize)]
#[serde(untagged)]
enum Who<'a> {
    Direct {
        appid: &'a str,
        mchid: &'a str,
    },
    Institution {
        sp_appid: &'a str,
        sp_mchid: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        sub_appid: Option<&'a str>,
        sub_mchid: &'a str,
    },
}

/// The same without appids, as a reversal wants it.
#[derive(Serialize)]
#[serde(untagged)]
enum Merchants<'a> {
    Direct { mchid: &'a str },
    Institution { sp_mchid: &'a str, sub_mchid: &'a str },
}

#[derive(Serialize)]
struct Pay<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    description: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    attach: &'a str,
    out_trade_no: &'a str,
    trade_type: &'static str,
    merchant_category_code: &'a str,
    payer: Payer<'a>,
    amount: Amount,
    scene_info: Scene<'a>,
    detail: Detail<'a>,
}

#[derive(Serialize)]
struct Payer<'a> {
    auth_code: &'a str,
}

#[derive(Serialize)]
struct Amount {
    total: u64,
    currency: &'static str,
}

#[derive(Serialize)]
struct Scene<'a> {
    device_ip: String,
    device_id: &'a str,
}

/// An object, as the guide's own sample has it.
#[derive(Serialize)]
struct Detail<'a> {
    goods_detail: [Goods<'a>; 1],
}

#[derive(Serialize)]
struct Goods<'a> {
    goods_id: &'a str,
    wxpay_goods_id: &'a str,
    goods_name: &'a str,
    quantity: u32,
    price: u64,
}

#[derive(Serialize)]
struct Refund<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<&'a str>,
    out_refund_no: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    amount: RefundAmount,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_url: Option<&'a str>,
}

#[derive(Serialize)]
struct RefundAmount {
    refund: u64,
    total: u64,
    currency: &'static str,
}

impl V3 {
    /// Writes and signs the request for `call`.
    pub(super) fn request(&self, call: &Call, stamp: &Stamp) -> HttpRequest {
        let order = &call.order;
        let (method, path, body) = match &call.ask {
            Ask::Pay(code) => ("POST", "/v3/global/micropay/transactions/pay".to_owned(), self.pay(order, code)),
            Ask::Query => {
                ("GET", format!("/v3/global/transactions/{}?{}", name(order), self.query()), Zeroizing::default())
            }
            Ask::Reverse => {
                let path = format!("/v3/global/micropay/transactions/{}/reverse", name(order));
                ("POST", path, json(&merchants(&self.merchant)))
            }
            Ask::Refund(terms) => ("POST", "/v3/global/refunds".to_owned(), self.refund(order, terms)),
            // v3 answers with one refund by itself, so there is nothing to skip.
            Ask::RefundQuery { terms, .. } => {
                let number = terms.out_refund_no.as_str();
                let path = format!("/v3/global/refunds/out-refund-no/{number}?{}", self.query());
                ("GET", path, Zeroizing::default())
            }
        };
        self.signed(method, path, body, stamp)
    }

    /// Writes and signs the request for the platform's certificates.
    pub(super) fn certificates(&self, stamp: &Stamp) -> HttpRequest {
        self.signed("GET", "/v3/global/certificates".to_owned(), Zeroizing::default(), stamp)
    }

    pub(super) fn signed(
        &self,
        method: &'static str,
        path: String,
        body: Zeroizing<Vec<u8>>,
        stamp: &Stamp,
    ) -> HttpRequest {
        let mut request = HttpRequest { method, path, headers: Vec::new(), body, needs_certificate: false };
        let authorization = self.signer.authorization(&request, self.merchant.mch_id.as_str(), stamp);
        request.headers = vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("accept-language", self.merchant.language.tag().to_owned()),
            ("authorization", authorization),
        ];
        if let Some((id, _)) = &self.public_key {
            request.headers.push(("wechatpay-serial", id.clone()));
        }
        request
    }

    fn pay(&self, order: &Order, code: &AuthCode) -> Zeroizing<Vec<u8>> {
        let merchant = &self.merchant;
        let description = self.description(order);
        let total = order.amount.minor();
        json(&Pay {
            who: who(merchant),
            description: &description,
            attach: &cut(&order.attach, TEXT_BYTES),
            out_trade_no: order.out_trade_no.as_str(),
            trade_type: "MICROPAY",
            merchant_category_code: &merchant.mcc,
            payer: Payer { auth_code: code.expose() },
            amount: Amount { total, currency: order.amount.currency().code() },
            scene_info: Scene { device_ip: merchant.terminal_ip.to_string(), device_id: merchant.terminal.as_str() },
            detail: Detail {
                goods_detail: [Goods {
                    goods_id: merchant.terminal.as_str(),
                    wxpay_goods_id: &merchant.mcc,
                    goods_name: &description,
                    quantity: 1,
                    price: total,
                }],
            },
        })
    }

    fn refund(&self, order: &Order, terms: &Terms) -> Zeroizing<Vec<u8>> {
        let transaction_id = order.transaction_id.as_ref().map(|number| number.as_str());
        let total = order.amount.minor();
        json(&Refund {
            who: who(&self.merchant),
            transaction_id,
            out_trade_no: transaction_id.is_none().then_some(order.out_trade_no.as_str()),
            out_refund_no: terms.out_refund_no.as_str(),
            reason: &cut(terms.reason.as_deref().unwrap_or_default(), REFUND_TEXT_BYTES),
            amount: RefundAmount { refund: terms.amount.minor(), total, currency: order.amount.currency().code() },
            notify_url: terms.notify_url.as_deref(),
        })
    }

    /// What the payer reads. The field must not be empty, so the shop's name or the terminal's stands in.
    fn description(&self, order: &Order) -> String {
        [order.description.as_str(), &self.merchant.store_name, self.merchant.terminal.as_str()]
            .into_iter()
            .map(|text| cut(text, TEXT_BYTES))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    /// Merchant numbers are letters and digits, so nothing in them wants escaping.
    pub(super) fn query(&self) -> String {
        match merchants(&self.merchant) {
            Merchants::Direct { mchid } => format!("mchid={mchid}"),
            Merchants::Institution { sp_mchid, sub_mchid } => format!("sp_mchid={sp_mchid}&sub_mchid={sub_mchid}"),
        }
    }
}

/// The order in a path: by WeChat's number once that is known, and the reply is still held to ours. Order numbers have
/// no character that wants escaping.
fn name(order: &Order) -> String {
    match &order.transaction_id {
        Some(number) => format!("id/{}", number.as_str()),
        None => format!("out-trade-no/{}", order.out_trade_no.as_str()),
    }
}

fn who(merchant: &Merchant) -> Who<'_> {
    match &merchant.sub_mch_id {
        None => Who::Direct { appid: merchant.appid.as_str(), mchid: merchant.mch_id.as_str() },
        Some(sub_mch_id) => Who::Institution {
            sp_appid: merchant.appid.as_str(),
            sp_mchid: merchant.mch_id.as_str(),
            sub_appid: merchant.sub_appid.as_ref().map(|appid| appid.as_str()),
            sub_mchid: sub_mch_id.as_str(),
        },
    }
}

fn merchants(merchant: &Merchant) -> Merchants<'_> {
    match &merchant.sub_mch_id {
        None => Merchants::Direct { mchid: merchant.mch_id.as_str() },
        Some(sub_mch_id) => {
            Merchants::Institution { sp_mchid: merchant.mch_id.as_str(), sub_mchid: sub_mch_id.as_str() }
        }
    }
}

/// Plain structs of text and numbers always have a JSON form. Growing would leave an unwiped copy behind, so there is
/// room from the start.
fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(BODY_MAX));
    match serde_json::to_writer(&mut *body, value) {
        Ok(()) => body,
        Err(_) => Zeroizing::default(),
    }
}
