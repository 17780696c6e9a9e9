//! What a program or a page must know before it asks for a payment.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::TerminalFacts;
use super::problem::Problem;
use super::query::{self, Pairs};
use super::site::Site;
use crate::words::{Currency, Day};

/// The terminal, and what it takes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Terminal")]
pub struct TerminalView {
    /// The terminal's id.
    #[schema(example = "T01")]
    pub terminal: String,
    /// The store's name; may be empty.
    pub store_name: String,
    /// The currency of payments that name none, ISO 4217.
    #[schema(example = "HKD")]
    pub currency: &'static str,
    /// The currencies a payment may be in: that one, and CNY.
    pub currencies: Vec<CurrencyView>,
    /// A payment of more is refused, in the currency's smallest unit.
    #[schema(example = 5_000_000)]
    pub amount_max: u64,
    /// A refund of more needs the supervisor's token; absent where no refund does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_operator_max: Option<u64>,
    /// The cashier's language: `en`, `zh-CN`, `zh-HK`.
    pub language: &'static str,
    /// The lanes' ids.
    pub lanes: Vec<String>,
    /// The business day it is, year-month-day, midnight UTC+8.
    #[schema(example = "2026-11-21")]
    pub day: String,
    /// Names the cashier page that belongs to this program; a page of another build loads itself anew.
    pub build: String,
}

/// A currency.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(title = "Currency")]
pub struct CurrencyView {
    /// ISO 4217.
    #[schema(example = "HKD")]
    pub currency: &'static str,
    /// Its decimal places: 2 for HKD, 0 for JPY.
    #[schema(example = 2)]
    pub decimals: u32,
}

impl From<Currency> for CurrencyView {
    fn from(currency: Currency) -> Self {
        Self { currency: currency.code(), decimals: currency.exponent() }
    }
}

/// Says what the terminal takes: its currency, its limits, its lanes.
#[utoipa::path(get, path = "/v1/terminal", tag = "shop", responses(
    (status = 200, description = "the terminal", body = TerminalView),
))]
pub(super) async fn terminal(State(site): State<Site>, pairs: Pairs) -> Result<Json<TerminalView>, Problem> {
    query::none(pairs)?;
    let config = &site.shared.config;
    let TerminalFacts { terminal, store_name, currency, amount_max, operator_max } = &config.facts;
    let mut currencies = vec![*currency];
    currencies.extend("CNY".parse::<Currency>().ok().filter(|cny| cny != currency));
    Ok(Json(TerminalView {
        terminal: terminal.to_string(),
        store_name: store_name.clone(),
        currency: currency.code(),
        currencies: currencies.into_iter().map(CurrencyView::from).collect(),
        amount_max: *amount_max,
        refund_operator_max: *operator_max,
        language: config.language.tag(),
        lanes: config.lanes.iter().map(ToString::to_string).collect(),
        day: Day::of(site.now().wall).to_string(),
        build: site.shared.cashier.build().to_owned(),
    }))
}
