//! A refund notification of v2: nobody signs it, and what it says is encrypted block by block.

use aws_lc_rs::cipher::{AES_256, PaddedBlockEncryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use crate::sim::gateway::Merchant;

use super::{Content, Letter, NoticeFault};

/// Writes it as `fault` says.
pub(super) fn notice(merchant: &Merchant, content: &Content, fault: NoticeFault) -> Option<Letter> {
    let members = [
        ("out_refund_no", content.out_refund_no.as_str()),
        ("out_trade_no", &content.out_trade_no),
        ("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS"),
        ("refund_fee", &content.refund.to_string()),
        ("refund_id", &content.refund_id),
        ("refund_recv_accout", "支付用户的零钱"),
        ("refund_request_source", "API"),
        ("refund_status", content.status.word()),
        ("settlement_refund_fee", &content.refund.to_string()),
        ("settlement_total_fee", &content.total.to_string()),
        ("success_time", &content.success_time),
        ("total_fee", &content.total.to_string()),
        ("transaction_id", &content.transaction_id),
    ];
    let inner = format!("<root>\n{}</root>", members.map(|(name, value)| element(name, value)).concat());
    let wrong = matches!(fault, NoticeFault::Forged | NoticeFault::WrongKey);
    let key = if wrong { "another-merchants-api-v2-key" } else { &merchant.key };
    let sealed = seal(key, inner)?;
    let mut outer = vec![
        element("return_code", "SUCCESS"),
        element("appid", &merchant.appid),
        element("mch_id", &content.mch_id),
        element("nonce_str", "D0D0D0D0D0D0D0D0D0D0D0D0D0D0D0D0"),
        element("req_info", &sealed),
    ];
    if !content.sub_mch_id.is_empty() {
        outer.push(element("sub_mch_id", &content.sub_mch_id));
    }
    let body = format!("<xml>\n{}</xml>", outer.concat()).into_bytes();
    Some(Letter { headers: vec![("Content-Type", "text/xml".to_owned())], body })
}

fn element(name: &str, value: &str) -> String {
    format!("<{name}><![CDATA[{value}]]></{name}>\n")
}

/// The key is the lower-case hexadecimal text of the API key's MD5.
fn seal(key: &str, text: String) -> Option<String> {
    let digest = Md5::digest(key.as_bytes());
    let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = UnboundCipherKey::new(&AES_256, key.as_bytes()).ok()?;
    let mut bytes = text.into_bytes();
    PaddedBlockEncryptingKey::ecb_pkcs7(key).ok()?.encrypt(&mut bytes).ok()?;
    Some(STANDARD.encode(bytes))
}
