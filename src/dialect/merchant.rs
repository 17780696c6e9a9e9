use core::net::IpAddr;

use crate::words::{AppId, Language, MerchantId, TerminalId};

/// Who sells, and where: what both dialects say about the shop in every request, and what every reply must repeat.
#[derive(Clone, Debug)]
pub struct Merchant {
    /// `appid`; the institution's in institution mode.
    pub appid: AppId,
    /// `mch_id`; the institution's in institution mode.
    pub mch_id: MerchantId,
    /// `sub_mch_id`: set means institution mode.
    pub sub_mch_id: Option<MerchantId>,
    /// `sub_appid`, institution mode only.
    pub sub_appid: Option<AppId>,
    /// Sent as `device_info`.
    pub terminal: TerminalId,
    /// The store's number, at most 32 characters; may be empty.
    pub store_id: String,
    /// The store's name, at most 64 characters; may be empty.
    pub store_name: String,
    /// The merchant category code that the global API wants in `detail`.
    pub mcc: String,
    /// `spbill_create_ip`, v3's `device_ip`.
    pub terminal_ip: IpAddr,
    /// The language v3 writes its errors in.
    pub language: Language,
}
