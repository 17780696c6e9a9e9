//! `/pay/downloadbill`: a day's statement from the books, in the real format. v3's has columns of its own, see
//! [`super::v3`], and the rest is here.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::sim::book::{Book, Kind, Movement, MovementKind, Say};
use crate::sim::faults::{Course, Says, Sheet};
use crate::words::{Currency, Day, Money};

use super::answer::Answer;
use super::asked::{Asked, Desk, Form};
use super::http::Reply;
use super::sign::{SignType, sign};
use super::{forge, xml};

/// The columns of ALL.
const COLUMNS: [&str; 27] = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "充值券退款金额",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
    "订单金额",
    "申请退款金额",
    "费率备注",
];

/// What REFUND adds behind [`COUPON`].
const REFUND_TIMES: [&str; 2] = ["退款申请时间", "退款成功时间"];
/// Columns that SUCCESS leaves out.
const REFUND_ONLY: [&str; 7] =
    ["微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"];
pub(super) const TIME: &str = "交易时间";
const COUPON: &str = "代金券金额";
/// The amount of which a digit is flipped.
const ORDER_AMOUNT: &str = "订单金额";

/// The summary: how many rows, then the sum of each of these columns.
const SUMMARY: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const SUMMED: [&str; 6] = ["应结订单金额", "退款金额", "充值券退款金额", "手续费", "订单金额", "申请退款金额"];

/// Decimals of a fee.
pub(super) const FEE_DECIMALS: u32 = 5;
/// What WeChat keeps, in thousandths.
const FEE_PERMILLE: u64 = 6;
pub(super) const FEE_RATE: &str = "0.60%";

/// How long after a day's end its statement is there: 10:00.
const MADE_AFTER_MS: i64 = 10 * 60 * 60 * 1_000;

/// What a pay said that only its statement tells again.
#[derive(Clone, Debug, Default)]
pub(super) struct Slip {
    pub(super) device_info: String,
    pub(super) body: String,
}

/// Answers a request for a statement. The text beside the reply is for the log.
pub(super) fn answer(
    asked: &Asked,
    book: &mut Book,
    slips: &BTreeMap<String, Slip>,
    desk: Desk<'_>,
    course: &Course,
) -> (Reply, String) {
    let told = match &course.says {
        Some(Says::Fail { say: Say::ErrCode(text) | Say::ReturnFail(text), .. }) => Err(text.clone().into_owned()),
        Some(Says::Fail { say: Say::Truth, .. } | Says::OnlyClaims { .. }) | None => {
            wanted(asked, book, desk).and_then(|wanted| wanted.sheet(book, slips, desk))
        }
    };
    let (mut reply, word) = match told {
        Ok(sheet) => (sent(&sheet, asked, course), format!("{} rows", sheet.rows.len())),
        Err(why) => (refused(&why), why),
    };
    for forgery in &course.forgeries {
        forge::forge_text(&mut reply, forgery);
    }
    (reply, word)
}

/// An error is XML, and not signed.
fn refused(why: &str) -> Reply {
    let answer = Answer::failed(why).with("error_code", if why == NONE { "20002" } else { "20001" });
    Reply::xml(xml::write(&answer.fields))
}

pub(super) const NONE: &str = "No Bill Exist";
pub(super) const CREATING: &str = "Bill Creating";

/// What is asked for, once the request is right.
struct Wanted<'a> {
    day: Day,
    bill_type: &'a str,
    sub_mch_id: &'a str,
}

fn wanted<'a>(asked: &'a Asked, book: &mut Book, desk: Desk<'_>) -> Result<Wanted<'a>, String> {
    let Form::V2(Ok(fields)) = &asked.form else { return Err("data format error".to_owned()) };
    if ["appid", "mch_id", "nonce_str", "sign", "bill_date"].iter().any(|name| !asked.has(name)) {
        book.note(Kind::MissingField, "", desk.now);
        return Err("missing parameter".to_owned());
    }
    let merchant = desk.merchant;
    let allowed = SignType::of(fields).filter(|used| merchant.sign_type.is_none_or(|wanted| wanted == *used));
    if allowed.is_none_or(|sign_type| sign(fields, &merchant.key, sign_type) != asked.get("sign")) {
        book.note(Kind::BadSignature, "", desk.now);
        return Err("SIGN ERROR".to_owned());
    }
    if (asked.get("mch_id"), asked.get("appid")) != (&merchant.mch_id, &merchant.appid) {
        return Err("appid and mch_id not match".to_owned());
    }
    let day = day(asked.get("bill_date")).ok_or("data format error")?;
    let bill_type = if asked.has("bill_type") { asked.get("bill_type") } else { "ALL" };
    if !["ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND"].contains(&bill_type) {
        return Err("invalid bill_type".to_owned());
    }
    if !["", "GZIP"].contains(&asked.get("tar_type")) {
        return Err("invalid parameter".to_owned());
    }
    Ok(Wanted { day, bill_type, sub_mch_id: asked.get("sub_mch_id") })
}

/// `yyyyMMdd`.
pub(super) fn day(text: &str) -> Option<Day> {
    let (year, month, day) = (text.get(..4)?, text.get(4..6)?, text.get(6..)?);
    format!("{year}-{month}-{day}").parse().ok()
}

/// What moved on `day`, newest first; none where its statement is not made yet.
pub(super) fn moved<'b>(
    day: Day,
    sub_mch_id: &str,
    book: &'b Book,
    desk: Desk<'_>,
) -> Result<Vec<Movement<'b>>, String> {
    if !is_made(day, book, desk) {
        return Err(CREATING.to_owned());
    }
    let here = |movement: &Movement<'_>| {
        let theirs = movement.order.sub_mch_id();
        Day::of(desk.clock.wall(movement.at)) == day && (sub_mch_id.is_empty() || theirs == sub_mch_id)
    };
    Ok(book.movements().into_iter().rev().filter(here).collect())
}

/// Whether the day is over, and 10:00 of the next one.
pub(super) fn is_made(day: Day, book: &Book, desk: Desk<'_>) -> bool {
    let now = desk.clock.wall(desk.now.max(book.now()));
    now.millis() >= day.end().millis().saturating_add(MADE_AFTER_MS) || book.rules().statements_at_once
}

/// A statement before it is sent.
struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    summary: String,
}

impl Wanted<'_> {
    /// The statement, newest row first.
    fn sheet(&self, book: &Book, slips: &BTreeMap<String, Slip>, desk: Desk<'_>) -> Result<Table, String> {
        let movements = moved(self.day, self.sub_mch_id, book, desk)?;
        let told = movements.iter().filter(|movement| match self.bill_type {
            "ALL" => true,
            "SUCCESS" => movement.kind == MovementKind::Payment,
            "REFUND" => movement.kind != MovementKind::Payment,
            _ => false,
        });
        let lines: Vec<Line> = told.map(|movement| Line::of(movement, slips, desk)).collect();
        if lines.is_empty() {
            return Err(NONE.to_owned());
        }
        let names = self.names();
        let rows = lines.iter().map(|line| names.iter().map(|name| line.get(name)).collect()).collect();
        Ok(Table { names, rows, summary: summary(&lines) })
    }

    fn names(&self) -> Vec<&'static str> {
        match self.bill_type {
            "SUCCESS" => COLUMNS.into_iter().filter(|name| !REFUND_ONLY.contains(name)).collect(),
            "REFUND" => COLUMNS
                .into_iter()
                .flat_map(|name| {
                    let times: &[&str] = if name == COUPON { &REFUND_TIMES } else { &[] };
                    std::iter::once(name).chain(times.iter().copied())
                })
                .collect(),
            _ => COLUMNS.into(),
        }
    }
}

/// One row, by its columns' names.
struct Line {
    fields: BTreeMap<&'static str, String>,
    currency: Currency,
    /// What the summed columns hold, in 10⁻⁵ of the major unit.
    sums: [i128; SUMMED.len()],
}

impl Line {
    fn of(movement: &Movement<'_>, slips: &BTreeMap<String, Slip>, desk: Desk<'_>) -> Self {
        let Movement { at, order, amount, kind } = movement;
        let currency = amount.currency();
        let time = desk.clock.beijing(*at, "%Y-%m-%d %H:%M:%S");
        let slip = slips.get(order.out_trade_no()).cloned().unwrap_or_default();
        let sub_mch_id = if order.sub_mch_id().is_empty() { "0" } else { order.sub_mch_id() };
        let mut line = Self { fields: BTreeMap::new(), currency, sums: [0; SUMMED.len()] };
        for (name, value) in [
            (TIME, time.as_str()),
            ("公众账号ID", &desk.merchant.appid),
            ("商户号", &desk.merchant.mch_id),
            ("特约商户号", sub_mch_id),
            ("设备号", &slip.device_info),
            ("微信订单号", &order.transaction().map(|number| number.to_string()).unwrap_or_default()),
            ("商户订单号", order.out_trade_no()),
            ("用户标识", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
            ("交易类型", "MICROPAY"),
            ("付款银行", "CMC"),
            ("货币种类", currency.code()),
            ("微信退款单号", "0"),
            ("商户退款单号", "0"),
            ("商品名称", &slip.body),
            ("商户数据包", order.attach()),
            ("费率", FEE_RATE),
        ] {
            line.set(name, value);
        }
        for name in ["应结订单金额", COUPON, "退款金额", "充值券退款金额", ORDER_AMOUNT, "申请退款金额"]
        {
            line.amount(name, 0);
        }
        match kind {
            MovementKind::Payment => {
                line.set("交易状态", "SUCCESS");
                line.amount("应结订单金额", amount.minor());
                line.amount(ORDER_AMOUNT, amount.minor());
                line.fee(*amount, false);
            }
            MovementKind::Refund(refund) => {
                line.set("微信退款单号", &refund.refund_id);
                line.set("商户退款单号", &refund.out_refund_no);
                line.went_back("REFUND", *amount, refund.state().word());
            }
            MovementKind::Reversal => line.went_back("REVOKED", *amount, "SUCCESS"),
        }
        if *kind != MovementKind::Payment {
            for name in REFUND_TIMES {
                line.set(name, &time);
            }
        }
        line
    }

    fn went_back(&mut self, state: &str, amount: Money, status: &str) {
        self.set("交易状态", state);
        self.set("退款类型", "ORIGINAL");
        self.set("退款状态", status);
        self.amount("退款金额", amount.minor());
        self.amount("申请退款金额", amount.minor());
        self.fee(amount, true);
    }

    fn get(&self, name: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    /// Free text comes without line ends and backticks, which would break the row.
    fn set(&mut self, name: &'static str, value: &str) {
        self.fields.insert(name, value.replace(['\r', '\n', '`'], " "));
    }

    fn amount(&mut self, name: &'static str, minor: u64) {
        self.fields.insert(name, self.currency.major(minor));
        self.sum(name, scaled(minor, self.currency));
    }

    /// Written with five decimals, and given back with what went back.
    fn fee(&mut self, amount: Money, back: bool) {
        let fee = scaled(fee(amount), self.currency);
        let fee = if back { fee.saturating_neg() } else { fee };
        self.fields.insert("手续费", decimal(fee, FEE_DECIMALS));
        self.sum("手续费", fee);
    }

    fn sum(&mut self, name: &str, value: i128) {
        if let Some(sum) = SUMMED.iter().position(|it| *it == name).and_then(|at| self.sums.get_mut(at)) {
            *sum = value;
        }
    }
}

/// What WeChat keeps of an amount, rounded to the currency's unit.
pub(super) fn fee(amount: Money) -> u64 {
    amount.minor().saturating_mul(FEE_PERMILLE).saturating_add(500).checked_div(1_000).unwrap_or(0)
}

/// Smallest units in 10⁻⁵ of the major unit.
pub(super) fn scaled(minor: u64, currency: Currency) -> i128 {
    let scale = 10_i128.saturating_pow(FEE_DECIMALS.saturating_sub(currency.exponent()));
    i128::from(minor).saturating_mul(scale)
}

/// The values of the summary, printed as the real one prints floats: `130.5`, `0.0`.
fn summary(lines: &[Line]) -> String {
    let count = i128::try_from(lines.len()).unwrap_or(0).saturating_mul(10_i128.saturating_pow(FEE_DECIMALS));
    let sums = (0..SUMMED.len()).map(|at| lines.iter().filter_map(|line| line.sums.get(at)).sum());
    let values: Vec<String> = std::iter::once(count).chain(sums).map(|value| decimal(value, 1)).collect();
    backticked(&values)
}

/// A number of 10⁻⁵ with at least `places` decimals.
pub(super) fn decimal(value: i128, places: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>6}", value.unsigned_abs());
    let (whole, part) = digits.split_at(digits.len().saturating_sub(5));
    let least = usize::try_from(places).unwrap_or(0);
    let part = format!("{:0<least$}", part.trim_end_matches('0'));
    format!("{sign}{whole}.{part}")
}

pub(super) fn backticked(fields: &[String]) -> String {
    format!("`{}", fields.join(",`"))
}

/// The statement as bytes, with everything that is to be wrong with it.
fn sent(sheet: &Table, asked: &Asked, course: &Course) -> Reply {
    let mut rows = sheet.rows.clone();
    for fault in &course.sheets {
        spoil(&mut rows, sheet.names.iter().position(|name| *name == ORDER_AMOUNT), *fault);
    }
    let mut text = format!("\u{feff}{}\r\n", sheet.names.join(","));
    for row in &rows {
        text.push_str(&backticked(row));
        text.push_str("\r\n");
    }
    text.push_str(&format!("{SUMMARY}\r\n{}\r\n", sheet.summary));
    let mut body = text.into_bytes();
    if course.sheets.contains(&Sheet::HalfFile) {
        body.truncate(half(body.len()));
    }
    if asked.get("tar_type") == "GZIP" {
        body = packed(&body);
    }
    if course.sheets.contains(&Sheet::HalfSent) {
        body.truncate(half(body.len()));
    }
    Reply { status: 200, headers: vec![("Content-Type", "text/plain".to_owned())], body }
}

pub(super) fn half(length: usize) -> usize {
    length.checked_div(2).unwrap_or(0)
}

pub(super) fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // A vector takes everything.
    drop(packer.write_all(text));
    packer.finish().unwrap_or_default()
}

/// Does to the rows what `fault` says; `amount` is the column of which a digit is flipped.
pub(super) fn spoil(rows: &mut Vec<Vec<String>>, amount: Option<usize>, fault: Sheet) {
    let middle = half(rows.len());
    match fault {
        Sheet::FlippedDigit => {
            let column = amount;
            if let Some(field) = column.and_then(|column| rows.get_mut(middle)?.get_mut(column)) {
                let last = field.pop().and_then(|digit| digit.to_digit(10)).unwrap_or(0);
                field.push(char::from_digit(last.saturating_add(1).checked_rem(10).unwrap_or(0), 10).unwrap_or('0'));
            }
        }
        Sheet::MissingRow if middle < rows.len() => drop(rows.remove(middle)),
        Sheet::DoubledRow => {
            if let Some(row) = rows.get(middle).cloned() {
                rows.insert(middle, row);
            }
        }
        Sheet::MissingRow | Sheet::HalfFile | Sheet::HalfSent | Sheet::WrongDigest | Sheet::NoDigest => {}
    }
}

#[cfg(test)]
mod tests;
