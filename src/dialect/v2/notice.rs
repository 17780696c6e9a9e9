//! Refund notifications of v2: nobody signs them. What they say is encrypted with a key made of the API key, block by
//! block, so that only WeChat can have written a block, but anybody can send an old one again, or mix the blocks of two.
//!
//! Source: protocol 5.6.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::codes::{self, RefundStatus};
use super::read::{digits, get};
use super::{V2, xml};
use crate::dialect::{Distrust, HttpReply, Notices, Proof, REPLY_MAX};
use crate::payment::{NoticeStatus, RefundNotice};

/// The most fields either document has; the longest documented one has 14.
const FIELDS_MAX: usize = 64;

impl Notices for V2 {
    fn read(&self, sent: &HttpReply, _: &Proof<'_>) -> Result<RefundNotice, Distrust> {
        if sent.body.len() > REPLY_MAX {
            return Err(Distrust::TooLarge);
        }
        let fields = xml::parse(&sent.body, FIELDS_MAX)?;
        if get(&fields, "return_code") != Some("SUCCESS") {
            return Err(Distrust::Malformed("no notification of a success"));
        }
        self.check_merchant(&fields)?;
        let sealed = get(&fields, "req_info").ok_or(Distrust::Incomplete("req_info"))?;
        let text = open(self.key.expose(), sealed).ok_or(Distrust::Malformed("nothing our key opens"))?;
        let fields = xml::parse_in("root", &text, FIELDS_MAX)?;
        let need = |name: &'static str| get(&fields, name).ok_or(Distrust::Incomplete(name));
        let whole = |name| digits(need(name)?).ok_or(Distrust::OtherAmount);
        let (refund_id, status) = (need("refund_id")?, need("refund_status")?);
        // It has no name of its own; the same end of the same refund is the same notification.
        let id = format!("{refund_id}-{}", codes::normal(status));
        Ok(RefundNotice {
            id: id.parse().map_err(|_| Distrust::Malformed("a strange refund_id"))?,
            out_refund_no: need("out_refund_no")?.parse().map_err(|_| Distrust::OtherRefund)?,
            out_trade_no: need("out_trade_no")?.parse().map_err(|_| Distrust::OtherOrder)?,
            transaction_id: match get(&fields, "transaction_id") {
                None => None,
                Some(number) => Some(number.parse().map_err(|_| Distrust::OtherOrder)?),
            },
            refund: whole("refund_fee")?,
            total: whole("total_fee")?,
            currency: None,
            status: meaning(status),
        })
    }

    fn kept(&self) -> (u16, &'static str, &'static str) {
        let said = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";
        (200, "text/xml; charset=utf-8", said)
    }

    fn refused(&self) -> (&'static str, &'static str) {
        let said =
            "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[not kept]]></return_msg></xml>";
        ("text/xml; charset=utf-8", said)
    }
}

/// What a `refund_status` in a notification of either dialect says.
pub(in crate::dialect) fn meaning(status: &str) -> NoticeStatus {
    match codes::refund_status(status) {
        RefundStatus::Success => NoticeStatus::Refunded,
        RefundStatus::Processing => NoticeStatus::Processing,
        RefundStatus::Closed => NoticeStatus::Closed,
        RefundStatus::Changed => NoticeStatus::Changed,
        RefundStatus::Unknown => NoticeStatus::Unknown,
    }
}

/// Decrypts `req_info`; none when anything about it is wrong. The key is the lower-case hexadecimal text of the API
/// key's MD5, zeros in front included.
fn open(api_key: &[u8], req_info: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digest = Md5::new().chain_update(api_key).finalize();
    let key: Zeroizing<String> = Zeroizing::new(digest.iter().map(|byte| format!("{byte:02x}")).collect());
    decrypt(key.as_bytes(), req_info)
}

fn decrypt(key: &[u8], req_info: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = PaddedBlockDecryptingKey::ecb_pkcs7(UnboundCipherKey::new(&AES_256, key).ok()?).ok()?;
    let mut text = Zeroizing::new(STANDARD.decode(req_info.trim()).ok()?);
    let length = key.decrypt(&mut text, DecryptionContext::None).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_notice_is_opened_and_a_key_that_begins_with_zeros_keeps_them() {
        let known: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/v2.json")).expect("the vectors");
        let cases = known["refund_notice"].as_array().expect("cases");
        assert!(cases.len() >= 4);
        for case in cases {
            let text = |name: &str| case[name].as_str().expect("text");
            let opened = decrypt(text("aes").as_bytes(), text("req_info")).expect("it opens");
            assert_eq!(String::from_utf8_lossy(&opened), text("plain"), "{}", case["id"]);
            let Some(key) = case["key"].as_str() else { continue };
            let key = known["keys"][key].as_str().or(known["keys"][key]["key"].as_str()).expect("an API key");
            assert_eq!(open(key.as_bytes(), text("req_info")).as_ref(), Some(&opened), "{}", case["id"]);
            assert_eq!(open(b"another key", text("req_info")), None, "{}", case["id"]);
        }
    }

    #[test]
    fn what_is_no_ciphertext_is_not_opened() {
        for sealed in ["", "!", "AAAA", "pZwJZBLuy3mDACEQT4YTBw", "pZwJZBLuy3mDACEQT4YTBA=="] {
            assert_eq!(decrypt(b"0123456789abcdef0123456789abcdef", sealed), None, "{sealed}");
        }
        assert_eq!(decrypt(b"0123456789abcdef", "pZwJZBLuy3mDACEQT4YTBw=="), None, "an AES-128 key");
    }
}
