//! Refund notifications of v3: signed with a platform key as replies are, their content encrypted with the API v3 key.
//!
//! Source: protocol 7.3 and 7.8.

use serde::Deserialize;

use super::verify::verify;
use super::{V3, certs};
use crate::dialect::v2::notice::meaning;
use crate::dialect::{Distrust, HttpReply, Notices, Proof, REPLY_MAX};
use crate::payment::RefundNotice;

/// What came. A name that stands twice is refused, a name nobody knows is passed over.
#[derive(Deserialize)]
struct Letter {
    id: String,
    event_type: String,
    resource_type: String,
    resource: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    original_type: Option<String>,
    algorithm: String,
    ciphertext: String,
    #[serde(default)]
    associated_data: Option<String>,
    nonce: String,
}

/// What was in it.
#[derive(Deserialize)]
struct Content {
    mchid: Option<String>,
    sp_mchid: Option<String>,
    sub_mchid: Option<String>,
    transaction_id: Option<String>,
    out_trade_no: String,
    out_refund_no: String,
    refund_status: String,
    amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    total: u64,
    refund: u64,
    currency: Option<String>,
}

impl Notices for V3 {
    fn read(&self, sent: &HttpReply, proof: &Proof<'_>) -> Result<RefundNotice, Distrust> {
        if sent.body.len() > REPLY_MAX {
            return Err(Distrust::TooLarge);
        }
        verify(&sent.headers, &sent.body, proof)?;
        let letter: Letter = serde_json::from_slice(&sent.body).map_err(|_| Distrust::Malformed("no notification"))?;
        let sealed = &letter.resource;
        let about_refunds = letter.event_type.starts_with("REFUND.") && letter.resource_type == "encrypt-resource";
        if !about_refunds || sealed.original_type.as_deref().is_some_and(|it| it != "refund") {
            return Err(Distrust::Malformed("a notification about something else"));
        }
        if sealed.algorithm != "AEAD_AES_256_GCM" {
            return Err(Distrust::Malformed("an encryption nobody has told us about"));
        }
        let associated_data = sealed.associated_data.as_deref().unwrap_or_default();
        let text = certs::open(self.api_key.expose(), &sealed.nonce, associated_data, &sealed.ciphertext)
            .ok_or(Distrust::Malformed("nothing the API v3 key opens: check api_key_file"))?;
        let content: Content =
            serde_json::from_slice(&text).map_err(|_| Distrust::Malformed("no refund of the known form"))?;
        self.check_recipient(&content)?;
        Ok(RefundNotice {
            id: letter.id.parse().map_err(|_| Distrust::Malformed("a strange id"))?,
            out_refund_no: content.out_refund_no.parse().map_err(|_| Distrust::OtherRefund)?,
            out_trade_no: content.out_trade_no.parse().map_err(|_| Distrust::OtherOrder)?,
            transaction_id: match content.transaction_id.filter(|number| !number.is_empty()) {
                None => None,
                Some(number) => Some(number.parse().map_err(|_| Distrust::OtherOrder)?),
            },
            refund: content.amount.refund,
            total: content.amount.total,
            currency: match content.amount.currency.filter(|code| !code.is_empty()) {
                None => None,
                Some(code) => Some(code.parse().map_err(|_| Distrust::OtherCurrency)?),
            },
            status: meaning(&content.refund_status),
        })
    }

    fn kept(&self) -> (u16, &'static str, &'static str) {
        (204, "", "")
    }

    fn refused(&self) -> (&'static str, &'static str) {
        ("application/json", "{\"code\":\"FAIL\",\"message\":\"not kept\"}")
    }
}

impl V3 {
    /// The platform signs for every merchant with one key; only ours has the API v3 key. An institution's key is that
    /// of all its sub-merchants, so there both must be named.
    fn check_recipient(&self, content: &Content) -> Result<(), Distrust> {
        let named = |field: &Option<String>| field.clone().filter(|number| !number.is_empty());
        let (mchid, sp_mchid, sub_mchid) = (named(&content.mchid), named(&content.sp_mchid), named(&content.sub_mchid));
        let ours = self.merchant.mch_id.as_str();
        let fits = match &self.merchant.sub_mch_id {
            None => mchid.is_none_or(|number| number == ours) && sp_mchid.is_none() && sub_mchid.is_none(),
            Some(sub) => {
                let sp_mchid = sp_mchid.ok_or(Distrust::Incomplete("sp_mchid"))?;
                let sub_mchid = sub_mchid.ok_or(Distrust::Incomplete("sub_mchid"))?;
                mchid.is_none() && sp_mchid == ours && sub_mchid == sub.as_str()
            }
        };
        if fits { Ok(()) } else { Err(Distrust::OtherMerchant) }
    }
}
