//! Writes statements as WeChat does, in every layout. It shares no code with the reader.

use std::fmt::Write as _;

/// A layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// v2 ALL, 27 columns.
    All27,
    /// v2 ALL as it was, 24 columns.
    All24,
    /// v2 SUCCESS, 20 columns.
    Success20,
    /// v2 REFUND, 29 columns.
    Refund29,
    /// v3 global, 38 columns.
    Global38,
}

/// When the payers of a REFUND statement got their money.
pub(crate) const ARRIVED: &str = "2030-01-01 00:10:00";

/// A movement of money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// SUCCESS, REFUND, REVOKED.
    pub(crate) state: &'static str,
    /// UTC+8.
    pub(crate) at: String,
    pub(crate) order: String,
    pub(crate) transaction: String,
    pub(crate) refund_no: String,
    /// Smallest unit.
    pub(crate) amount: u64,
    pub(crate) currency: &'static str,
    pub(crate) device: String,
    pub(crate) product: String,
}

impl Style {
    pub(crate) const EVERY: [Self; 5] = [Self::All27, Self::All24, Self::Success20, Self::Refund29, Self::Global38];

    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::All27 => {
                "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
                 货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,\
                 商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
            }
            Self::All24 => {
                "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
                 总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,\
                 商户数据包,手续费,费率"
            }
            Self::Success20 => {
                "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
                 货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注"
            }
            Self::Refund29 => {
                "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
                 货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,\
                 退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
            }
            Self::Global38 => {
                "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,充值券币种,\
                 充值券金额,优惠券币种,优惠券金额,微信退款单号,商户退款单号,退款类型,退款状态,商品名称,商户数据包,手续费,费率,标价币种,\
                 订单金额(标价币种),用户支付币种,用户支付金额,结算币种,应结订单金额,支付汇率,退款汇率,申请退款金额,用户退款币种,\
                 用户退款金额,退款结算币种,退款应结订单金额,充值券退款金额,优惠券退款金额"
            }
        }
    }

    /// Whether this kind of statement has such a row.
    pub(crate) fn has(self, state: &str) -> bool {
        match self {
            Self::Success20 => state == "SUCCESS",
            Self::Refund29 => state != "SUCCESS",
            Self::All27 | Self::All24 | Self::Global38 => true,
        }
    }

    fn row(self, it: &Move) -> String {
        let zero = major(0, it.currency);
        let amount = major(it.amount, it.currency);
        let payment = it.state == "SUCCESS";
        let (paid, back) = if payment { (&amount, &zero) } else { (&zero, &amount) };
        let fee = fee(it);
        let refund_no = if it.refund_no.is_empty() { "0" } else { &it.refund_no };
        let refund_id = if it.refund_no.is_empty() { "0".to_owned() } else { format!("5{}", it.transaction) };
        let (how, status) = if payment { ("", "") } else { ("ORIGINAL", "SUCCESS") };
        let payer = "oFixturePayer000000000000001";
        let Move { at, order, transaction, currency, device, product, state, .. } = it;
        let head = format!(
            "`{at},`wx0fixture0000000a,`1900000100,`1900000109,`{device},`{transaction},`{order},`{payer},`MICROPAY,`{state},`OTHERS"
        );
        match self {
            Self::All27 => format!(
                "{head},`{currency},`{paid},`{zero},`{refund_id},`{refund_no},`{back},`{zero},`{how},`{status},`{product},`,\
                 `{fee},`0.60%,`{paid},`{back},`"
            ),
            Self::All24 => format!(
                "{head},`{currency},`{paid},`{zero},`{refund_id},`{refund_no},`{back},`{zero},`{how},`{status},`{product},`,\
                 `{fee},`0.60%"
            ),
            Self::Success20 => {
                format!("{head},`{currency},`{paid},`{zero},`{product},`,`{fee},`0.60%,`{paid},`")
            }
            Self::Refund29 => {
                // The payment's time, and that of the refund's arrival: no day of theirs is the movement's.
                let head = head.replacen(at.as_str(), "2020-01-01 00:00:00", 1);
                format!(
                    "{head},`{currency},`{paid},`{zero},`{at},`{ARRIVED},`{refund_id},`{refund_no},`{back},`{zero},`{how},`{status},\
                     `{product},`,`{fee},`0.60%,`{paid},`{back},`"
                )
            }
            Self::Global38 => format!(
                "{head},`,`0.00,`,`0.00,`{refund_id},`{refund_no},`{how},`{status},`{product},`,`{fee},`0.80%,`{currency},`{paid},\
                 `{currency},`{paid},`{currency},`{paid},`100000000,`,`{back},`{currency},`{back},`{currency},`{back},`0.00,`0.00"
            ),
        }
    }

    /// The summary: names, and what each is the sum of.
    fn summary(self) -> &'static [(&'static str, Sum)] {
        match self {
            Self::All27 | Self::Success20 | Self::Refund29 => &[
                ("总交易单数", Sum::Rows),
                ("应结订单总金额", Sum::Paid),
                ("退款总金额", Sum::Back),
                ("充值券退款总金额", Sum::Nothing),
                ("手续费总金额", Sum::Fee),
                ("订单总金额", Sum::Paid),
                ("申请退款总金额", Sum::Back),
            ],
            Self::All24 => &[
                ("总交易单数", Sum::Rows),
                ("总交易额", Sum::Paid),
                ("总退款金额", Sum::Back),
                ("总代金券或立减优惠退款金额", Sum::Nothing),
                ("手续费总金额", Sum::Fee),
            ],
            Self::Global38 => &[
                ("总交易单数", Sum::Rows),
                ("应结订单总金额", Sum::Paid),
                ("退款应结订单总金额", Sum::Back),
                ("手续费总金额", Sum::Fee),
            ],
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Sum {
    Rows,
    Paid,
    Back,
    Fee,
    Nothing,
}

/// The whole file: BOM, header, rows, summary, CRLF.
pub(crate) fn statement(style: Style, moves: &[Move]) -> String {
    let mut text = format!("\u{feff}{}\r\n", style.header());
    let rows: Vec<&Move> = moves.iter().filter(|it| style.has(it.state)).collect();
    for it in &rows {
        text.push_str(&style.row(it));
        text.push_str("\r\n");
    }
    text.push_str(&summary(style, &rows));
    text
}

/// The two last lines.
pub(crate) fn summary(style: Style, rows: &[&Move]) -> String {
    let of = |payments: bool| -> u64 {
        let those = rows.iter().filter(|it| (it.state == "SUCCESS") == payments);
        those.map(|it| it.amount * if it.currency == "JPY" { 100 } else { 1 }).sum()
    };
    let fees: i64 = rows.iter().map(|it| fee_units(it)).sum();
    let mut names = String::new();
    let mut values = String::new();
    for (name, what) in style.summary() {
        let value = match what {
            Sum::Rows => format!("{}.0", rows.len()),
            Sum::Paid => float(&major(of(true), "CNY")),
            Sum::Back => float(&major(of(false), "CNY")),
            Sum::Fee => {
                format!("{}{}.{:05}", if fees < 0 { "-" } else { "" }, fees.abs() / 100_000, fees.abs() % 100_000)
            }
            Sum::Nothing => "0.0".to_owned(),
        };
        write!(names, "{}{name}", if names.is_empty() { "" } else { "," }).expect("a string");
        write!(values, "{}`{value}", if values.is_empty() { "" } else { "," }).expect("a string");
    }
    format!("{names}\r\n{values}\r\n")
}

/// As Java prints a double.
fn float(text: &str) -> String {
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

fn major(minor: u64, currency: &str) -> String {
    if currency == "JPY" { format!("{minor}.00") } else { format!("{}.{:02}", minor / 100, minor % 100) }
}

/// 0.6 % in 10⁻⁵ of the major unit; negative when it goes back.
fn fee_units(it: &Move) -> i64 {
    let whole = i64::try_from(it.amount).expect("a small amount") * if it.currency == "JPY" { 600 } else { 6 };
    if it.state == "SUCCESS" { whole } else { -whole }
}

fn fee(it: &Move) -> String {
    let units = fee_units(it);
    format!("{}{}.{:05}", if units < 0 { "-" } else { "" }, units.abs() / 100_000, units.abs() % 100_000)
}
