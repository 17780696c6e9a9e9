//! `/v3/global/settle/settlements`.
//!
//! Source: protocol 7.8 and the guide: days are ignored for UNSETTLE, ten records a page are advised, thirty are the most.
//! The reply does not name the merchant; the signature and the connection are all there is.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::V3;
use super::read::{fault, get, parse};
use super::verify::verify;
use crate::dialect::statement::words;
use crate::dialect::{
    Batch, Distrust, HttpReply, HttpRequest, Proof, REPLY_MAX, Settled, SettledPage, Settling, Stamp,
};
use crate::words::Day;

/// Records of one page.
const PAGE: u64 = 10;
/// The longest batch number or wallet region that is shown.
const TEXT_MAX: usize = 64;

#[derive(Deserialize)]
struct Page {
    /// Null or left out when there is none.
    #[serde(default)]
    data: Option<Vec<Record>>,
    total_count: u64,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    batch_id: Option<String>,
    #[serde(default)]
    settlement_date: Option<String>,
    trade_start_date: String,
    trade_end_date: String,
    amount: Amount,
    #[serde(default)]
    wallet_region: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    settled: i64,
    unsettle: i64,
    currency: String,
    pay: u64,
    refund: i64,
    net: i64,
    fee: i64,
}

impl V3 {
    /// See [`crate::dialect::Settlements::write`].
    pub(super) fn settlements_request(&self, which: Settling, offset: u64, stamp: &Stamp) -> HttpRequest {
        let compact = |day: Day| day.to_string().replace('-', "");
        let mut query = match &self.merchant.sub_mch_id {
            // A direct merchant is named by its signature.
            None => String::new(),
            Some(number) => format!("sub_mchid={}&", number.as_str()),
        };
        query.push_str(&match which {
            Settling::Paid { from, to } => {
                let (from, to) = (compact(from), compact(to));
                format!("settle_state=SETTLED&settle_start_date={from}&settle_end_date={to}")
            }
            Settling::Open => "settle_state=UNSETTLE".to_owned(),
        });
        let path = format!("/v3/global/settle/settlements?{query}&offset={offset}&limit={PAGE}");
        self.signed("GET", path, Zeroizing::default(), stamp)
    }
}

/// See [`crate::dialect::Settlements::read`].
pub(super) fn read(which: Settling, reply: &HttpReply, proof: &Proof<'_>) -> Result<Settled, Distrust> {
    if reply.body.len() > REPLY_MAX {
        return Err(Distrust::TooLarge);
    }
    let is_error = (400..600).contains(&reply.status);
    match verify(&reply.headers, &reply.body, proof) {
        Err(Distrust::Unsigned) if is_error => {}
        Err(Distrust::Unsigned) if reply.status != 200 => return Err(Distrust::Status(reply.status)),
        verified => verified?,
    }
    if is_error {
        let body = parse(&reply.body).map_err(|_| Distrust::Status(reply.status))?;
        get(&body.code).ok_or(Distrust::Status(reply.status))?;
        let fault = fault(&body, reply);
        return Ok(Settled::Refused { fault: fault.report(), text: words(fault.code, fault.text) });
    }
    if reply.status != 200 {
        return Err(Distrust::Status(reply.status));
    }
    let strange = Distrust::Malformed("no page of settlements in the known form");
    let page: Page = serde_json::from_slice(&reply.body).map_err(|_| strange)?;
    let records = page.data.unwrap_or_default();
    let batches = records.into_iter().map(Record::read).collect::<Option<Vec<_>>>().ok_or(strange)?;
    if !batches.iter().all(|batch| which.includes(batch.settled_on)) {
        return Err(Distrust::Malformed("settlements of days that were not asked for"));
    }
    Ok(Settled::Page(SettledPage { total: page.total_count, batches }))
}

impl Record {
    /// The record in our words; none when a day or the currency is none.
    fn read(self) -> Option<Batch> {
        let settled_on = match self.settlement_date.as_deref() {
            None | Some("") => None,
            Some(text) => Some(day(text)?),
        };
        let (traded_from, traded_to) = (day(&self.trade_start_date)?, day(&self.trade_end_date)?);
        let Amount { settled, unsettle, currency, pay, refund, net, fee } = self.amount;
        (traded_from <= traded_to).then_some(Batch {
            id: shown(self.batch_id),
            settled_on,
            traded_from,
            traded_to,
            currency: currency.parse().ok()?,
            paid: pay,
            refunded: refund.unsigned_abs(),
            net,
            fee,
            settled,
            unsettled: unsettle,
            wallet: shown(self.wallet_region),
        })
    }
}

/// `yyyyMMdd`, or with dashes, as v2 is seen to write it.
fn day(text: &str) -> Option<Day> {
    if text.len() == 10 {
        return text.parse().ok();
    }
    let (year, month, day) = (text.get(..4)?, text.get(4..6)?, text.get(6..)?);
    format!("{year}-{month}-{day}").parse().ok()
}

/// Letters, digits and `_` only: it is printed.
fn shown(text: Option<String>) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    text.unwrap_or_default().chars().filter(plain).take(TEXT_MAX).collect()
}
