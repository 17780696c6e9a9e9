//! An answer: its fields before they are signed.

use std::collections::BTreeMap;

use crate::sim::book::Order;
use crate::words::{Money, Tick};

use super::clock::Clock;

/// Fields of an answer, and whether it is to be signed.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) signed: bool,
}

impl Answer {
    /// `return_code=FAIL`: no signature, nothing else.
    pub(super) fn failed(return_msg: &str) -> Self {
        let empty = Self { fields: BTreeMap::new(), signed: false };
        empty.with("return_code", "FAIL").with("return_msg", return_msg)
    }

    pub(super) fn signed(appid: &str, mch_id: &str) -> Self {
        let empty = Self { fields: BTreeMap::new(), signed: true };
        empty.with("return_code", "SUCCESS").with("return_msg", "OK").with("appid", appid).with("mch_id", mch_id)
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds the field unless it is empty.
    pub(super) fn with_some(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.with(name, value) }
    }

    /// Adds what identifies an order and what it costs.
    pub(super) fn order(self, order: Option<&Order>) -> Self {
        let Some((order, amount)) = order.and_then(|order| Some((order, order.amount()?))) else { return self };
        let transaction = order.transaction().map_or_else(String::new, |number| number.to_string());
        let (cash, rate) = in_cny(amount);
        self.with("out_trade_no", order.out_trade_no())
            .with_some("transaction_id", &transaction)
            .with("total_fee", &amount.minor().to_string())
            .with("fee_type", amount.currency().code())
            .with("cash_fee", &cash.to_string())
            .with("cash_fee_type", "CNY")
            .with("rate", &rate.to_string())
    }

    /// Adds what is told about a charge.
    pub(super) fn charge(self, order: Option<&Order>, clock: Clock) -> Self {
        let paid_at: Option<Tick> = order.and_then(Order::paid_at);
        let time_end = paid_at.map_or_else(String::new, |at| clock.beijing(at, "%Y%m%d%H%M%S"));
        self.order(order)
            .with("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
            .with("is_subscribe", "N")
            .with("trade_type", "MICROPAY")
            .with("bank_type", "CMC")
            .with("attach", order.map_or("", Order::attach))
            .with("time_end", &time_end)
    }

    /// The word for the log: what it says in the end.
    pub(super) fn word(&self) -> String {
        let get = |name| self.fields.get(name).map_or("", String::as_str);
        let last = ["err_code", "trade_state", "result_code"].map(get).into_iter().find(|word| !word.is_empty());
        last.unwrap_or(get("return_msg")).to_owned()
    }
}

/// What a payer in mainland China pays, in fen, and the exchange rate × 10^8. The rates are made up and fixed.
pub(super) fn in_cny(amount: Money) -> (u64, u64) {
    let rate: u64 = match amount.currency().code() {
        "CNY" => 100_000_000,
        "HKD" => 92_000_000,
        "JPY" => 4_700_000,
        "KRW" => 520_000,
        _ => 650_000_000,
    };
    let places = 2_u32.saturating_sub(amount.currency().exponent());
    let fen =
        u128::from(amount.minor()).saturating_mul(u128::from(rate)).saturating_mul(10_u128.saturating_pow(places));
    (u64::try_from(fen.checked_div(100_000_000).unwrap_or(0)).unwrap_or(u64::MAX).max(1), rate)
}

/// WeChat's text to the codes a cashier meets.
pub(super) fn describe(err_code: &str) -> &'static str {
    match err_code {
        "USERPAYING" => "需要用户输入支付密码",
        "SYSTEMERROR" => "系统错误",
        "BANKERROR" => "银行系统异常",
        "NOTENOUGH" => "余额不足",
        "AUTHCODEEXPIRE" => "二维码已过期，请用户在微信上刷新后再试",
        "AUTH_CODE_ERROR" => "每个二维码仅限使用一次，请刷新再试",
        "AUTH_CODE_INVALID" => "请扫描微信支付被扫条码/二维码",
        "NOTSUPORTCARD" => "不支持卡类型",
        "ORDERPAID" => "订单已支付",
        "ORDERCLOSED" => "订单已关闭",
        "ORDERREVERSED" => "订单已撤销",
        "ORDERNOTEXIST" => "订单不存在",
        "OUT_TRADE_NO_USED" => "商户订单号重复",
        "TRADE_ERROR" => "交易错误",
        "REFUNDNOTEXIST" => "退款订单查询失败",
        "TRADE_OVERDUE" => "订单已经超过退款期限",
        "USER_ACCOUNT_ABNORMAL" => "退款请求失败，用户账户已注销",
        "INVALID_REQ_TOO_MUCH" => "无效请求过多",
        "REVERSE_EXPIRE" => "订单无法撤销",
        "FREQUENCY_LIMITED" => "频率限制",
        _ => "",
    }
}
