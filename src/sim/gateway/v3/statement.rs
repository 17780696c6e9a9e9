//! `/v3/global/statements`: a day's statement from the books, in the real format, with its digest.

use std::collections::BTreeMap;

use sha1::{Digest as _, Sha1};

use crate::sim::book::{Book, Movement, MovementKind};
use crate::sim::faults::{Course, Sheet};
use crate::sim::gateway::answer::{Answer, in_cny};
use crate::sim::gateway::asked::{Asked, Desk};
use crate::sim::gateway::http::Reply;
use crate::sim::gateway::statement::{
    CREATING, FEE_DECIMALS, FEE_RATE, Slip, TIME, backticked, day, decimal, fee, half, moved, packed, scaled, spoil,
};
use crate::words::Money;

use super::report::Sheets;

/// The columns.
const COLUMNS: [&str; 38] = [
    TIME,
    "公众账号ID",
    "商户号",
    "子商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "充值券币种",
    "充值券金额",
    "优惠券币种",
    "优惠券金额",
    "微信退款单号",
    "商户退款单号",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    FEE,
    "费率",
    "标价币种",
    ORDER_AMOUNT,
    "用户支付币种",
    "用户支付金额",
    "结算币种",
    TO_SETTLE,
    "支付汇率",
    "退款汇率",
    "申请退款金额",
    "用户退款币种",
    "用户退款金额",
    "退款结算币种",
    RETURNED,
    "充值券退款金额",
    "优惠券退款金额",
];
const FEE: &str = "手续费";
const ORDER_AMOUNT: &str = "订单金额(标价币种)";
const TO_SETTLE: &str = "应结订单金额";
const RETURNED: &str = "退款应结订单金额";

/// The summary: how many rows, then three sums.
const SUMMARY: &str = "总交易单数,应结订单总金额,退款应结订单总金额,手续费总金额";

/// One row, and what the summed columns hold in 10⁻⁵ of the major unit.
struct Line {
    fields: BTreeMap<&'static str, String>,
    sums: [i128; 3],
}

/// The statement, or why there is none.
pub(super) fn sheets(
    asked: &Asked,
    book: &mut Book,
    slips: &BTreeMap<String, Slip>,
    desk: Desk<'_>,
    course: &Course,
) -> Result<Sheets, Answer> {
    let Some(day) = day(asked.get("bill_date")) else {
        return Err(asked.fail("PARAM_ERROR", None).with("err_code_des", "date is yyyyMMdd"));
    };
    let refused = |why: String| {
        let code = if why == CREATING { "STATEMENT_CREATING" } else { "NO_STATEMENT_EXIST" };
        asked.fail(code, None)
    };
    let movements = moved(day, asked.get("sub_mch_id"), book, desk).map_err(refused)?;
    if movements.is_empty() {
        return Err(refused(String::new()));
    }
    let lines: Vec<Line> = movements.iter().map(|movement| Line::of(movement, slips, desk)).collect();
    let mut rows: Vec<Vec<String>> = lines.iter().map(Line::row).collect();
    for fault in &course.sheets {
        spoil(&mut rows, COLUMNS.iter().position(|name| *name == ORDER_AMOUNT), *fault);
    }
    let word = format!("{} rows", rows.len());
    let mut text = text(&rows, &summary(&lines)).into_bytes();
    let digest = digest(if course.sheets.contains(&Sheet::WrongDigest) { b"another file" } else { &text });
    let signed = format!("{{\"sha1\":\"{digest}\"}}").into_bytes();
    if course.sheets.contains(&Sheet::HalfFile) {
        text.truncate(half(text.len()));
    }
    let mut headers = vec![("Content-Type", "text/plain".to_owned())];
    if asked.get("tar_type") == "GZIP" {
        headers.push(("Content-Encoding", "gzip".to_owned()));
        text = packed(&text);
    }
    if course.sheets.contains(&Sheet::HalfSent) {
        text.truncate(half(text.len()));
    }
    if !course.sheets.contains(&Sheet::NoDigest) {
        headers.push(("Wechatpay-Statement-Sha1", digest));
    }
    Ok(Sheets { reply: Reply { status: 200, headers, body: text }, signed, word })
}

fn text(rows: &[Vec<String>], summary: &str) -> String {
    let mut text = format!("\u{feff}{}\r\n", COLUMNS.join(","));
    for row in rows {
        text.push_str(&backticked(row));
        text.push_str("\r\n");
    }
    text.push_str(&format!("{SUMMARY}\r\n{summary}\r\n"));
    text
}

fn summary(lines: &[Line]) -> String {
    let [to_settle, returned, fees] =
        std::array::from_fn(|at| lines.iter().filter_map(|line| line.sums.get(at)).sum::<i128>());
    backticked(&[lines.len().to_string(), decimal(to_settle, 2), decimal(returned, 2), decimal(fees, FEE_DECIMALS)])
}

fn digest(text: &[u8]) -> String {
    Sha1::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Line {
    fn of(movement: &Movement<'_>, slips: &BTreeMap<String, Slip>, desk: Desk<'_>) -> Self {
        let Movement { at, order, amount, kind } = movement;
        let slip = slips.get(order.out_trade_no()).cloned().unwrap_or_default();
        let currency = amount.currency();
        let mut line = Self { fields: BTreeMap::new(), sums: [0; 3] };
        for (name, value) in [
            (TIME, desk.clock.beijing(*at, "%Y-%m-%d %H:%M:%S").as_str()),
            ("公众账号ID", &desk.merchant.appid),
            ("商户号", &desk.merchant.mch_id),
            ("子商户号", if order.sub_mch_id().is_empty() { "0" } else { order.sub_mch_id() }),
            ("设备号", &slip.device_info),
            ("微信订单号", &order.transaction().map(|number| number.to_string()).unwrap_or_default()),
            ("商户订单号", order.out_trade_no()),
            ("用户标识", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
            ("交易类型", "MICROPAY"),
            ("付款银行", "CMC"),
            ("微信退款单号", "0"),
            ("商户退款单号", "0"),
            ("商品名称", &slip.body),
            ("商户数据包", order.attach()),
            ("费率", FEE_RATE),
            ("标价币种", currency.code()),
            ("结算币种", currency.code()),
        ] {
            line.set(name, value);
        }
        let nothing = currency.major(0);
        for name in
            ["充值券金额", "优惠券金额", ORDER_AMOUNT, "用户支付金额", TO_SETTLE, "申请退款金额", "用户退款金额"]
                .into_iter()
                .chain([RETURNED, "充值券退款金额", "优惠券退款金额"])
        {
            line.set(name, &nothing);
        }
        match kind {
            MovementKind::Payment => line.paid(*amount),
            MovementKind::Refund(refund) => {
                line.set("微信退款单号", &refund.refund_id);
                line.set("商户退款单号", &refund.out_refund_no);
                line.went_back("REFUND", *amount, refund.state().word());
            }
            MovementKind::Reversal => line.went_back("REVOKED", *amount, "SUCCESS"),
        }
        line
    }

    fn paid(&mut self, amount: Money) {
        let (total, (payer, rate)) = (amount.currency().major(amount.minor()), in_yuan(amount));
        for (name, value) in [
            ("交易状态", "SUCCESS"),
            (ORDER_AMOUNT, &total),
            ("用户支付币种", "CNY"),
            ("用户支付金额", &payer),
            (TO_SETTLE, &total),
            ("支付汇率", &rate),
        ] {
            self.set(name, value);
        }
        let fee = scaled(fee(amount), amount.currency());
        self.set(FEE, &decimal(fee, FEE_DECIMALS));
        self.sums = [scaled(amount.minor(), amount.currency()), 0, fee];
    }

    fn went_back(&mut self, state: &str, amount: Money, status: &str) {
        let (total, (payer, rate)) = (amount.currency().major(amount.minor()), in_yuan(amount));
        for (name, value) in [
            ("交易状态", state),
            ("退款类型", "ORIGINAL"),
            ("退款状态", status),
            ("退款汇率", &rate),
            ("申请退款金额", &total),
            ("用户退款币种", "CNY"),
            ("用户退款金额", &payer),
            ("退款结算币种", amount.currency().code()),
            (RETURNED, &total),
        ] {
            self.set(name, value);
        }
        let fee = scaled(fee(amount), amount.currency()).saturating_neg();
        self.set(FEE, &decimal(fee, FEE_DECIMALS));
        self.sums = [0, scaled(amount.minor(), amount.currency()), fee];
    }

    /// Free text comes without line ends and backticks, which would break the row.
    fn set(&mut self, name: &'static str, value: &str) {
        self.fields.insert(name, value.replace(['\r', '\n', '`'], " "));
    }

    fn row(&self) -> Vec<String> {
        COLUMNS.iter().map(|name| self.fields.get(name).cloned().unwrap_or_default()).collect()
    }
}

/// What a payer in mainland China pays, in yuan, and the exchange rate × 10^8.
fn in_yuan(amount: Money) -> (String, String) {
    let (fen, rate) = in_cny(amount);
    (decimal(i128::from(fen).saturating_mul(1_000), 2), rate.to_string())
}
