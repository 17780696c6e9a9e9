use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;

use super::*;
use crate::sim::book::{Op, PayRequest, Plan, RefundPlan, RefundRequest, ReversePlan, Rules};
use crate::sim::faults::Forgery;
use crate::sim::gateway::clock::Clock;
use crate::sim::gateway::{Merchant, Options};
use crate::words::{Tick, WallTime};

/// A statement of WeChat's, as the protocol's vectors have it.
const REAL: &str = include_str!("../../../../tests/data/statements/statement_v2_all.csv");
/// 2026-11-20 23:50:00 in China, when the simulator of these tests begins.
const BEGIN: WallTime = WallTime::from_millis(1_795_189_800_000);
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

#[test]
fn the_file_has_the_real_form() {
    let mut shop = Shop::open();
    shop.sell("order-1", 8800, "HKD", 0);
    shop.sell("order-2", 3000, "HKD", 1);
    shop.refund("order-1", "R-1", 2000, 2 * MINUTE);
    shop.book.reverse("order-2", at(3 * MINUTE), &ReversePlan::Honest);
    shop.at(2 * DAY);
    let text = shop.text(&[("bill_date", "20261120")]);
    let (ours, real): (Vec<&str>, Vec<&str>) = (text.split("\r\n").collect(), REAL.split("\r\n").collect());
    assert_eq!(ours[0], real[0], "the byte order mark and the columns' names");
    assert_eq!(ours[ours.len() - 3], real[real.len() - 3], "the summary's names");
    assert_eq!((ours.len(), ours[ours.len() - 1]), (1 + 4 + 2 + 1, ""), "the last line ends too");
    assert_eq!(ours[ours.len() - 2], "`4.0,`118.0,`50.0,`0.0,`0.41,`118.0,`50.0");
    for state in ["SUCCESS", "REFUND", "REVOKED"] {
        let row = |lines: &[&str]| {
            lines.iter().find(|line| line.contains(&format!("`MICROPAY,`{state},`"))).map(|it| fields(it))
        };
        let (ours, real) = (row(&ours).expect(state), row(&real).expect(state));
        assert_eq!(ours.len(), COLUMNS.len());
        for (at, name) in COLUMNS.iter().enumerate() {
            if ["特约商户号", "付款银行", "货币种类", "商品名称", "商户数据包", "代金券金额", "退款状态"].contains(name)
                || name.contains("单号")
                || ["公众账号ID", "商户号", "用户标识"].contains(name)
            {
                continue;
            }
            assert_eq!(form(&ours[at]), form(&real[at]), "{name} of {state}: {} and {}", ours[at], real[at]);
        }
    }
}

#[test]
fn rows_are_movements_newest_first_and_none_is_taken_back_out() {
    let mut shop = Shop::open();
    shop.sell("order-1", 8800, "HKD", 0);
    shop.refund("order-1", "R-1", 2000, MINUTE);
    shop.refund("order-1", "R-2", 2000, 3 * MINUTE);
    shop.sell("order-2", 700, "HKD", 4 * MINUTE);
    shop.book.reverse("order-2", at(5 * MINUTE), &ReversePlan::Honest);
    shop.at(2 * DAY);
    let told = shop.rows(&[("bill_date", "20261120")], &["商户订单号", "交易状态", "商户退款单号", "退款金额"]);
    assert_eq!(
        told,
        [
            ["order-2", "REVOKED", "0", "7.00"],
            ["order-2", "SUCCESS", "0", "0.00"],
            ["order-1", "REFUND", "R-2", "20.00"],
            ["order-1", "REFUND", "R-1", "20.00"],
            ["order-1", "SUCCESS", "0", "0.00"],
        ]
    );
}

#[test]
fn a_day_ends_at_midnight_in_china_and_a_refund_belongs_to_its_own() {
    let mut shop = Shop::open();
    shop.sell("order-1", 100, "HKD", 10 * MINUTE - 1);
    shop.sell("order-2", 200, "HKD", 10 * MINUTE);
    shop.refund("order-1", "R-1", 100, 20 * MINUTE);
    shop.at(3 * DAY);
    let states = |day| shop.rows(&[("bill_date", day)], &["商户订单号", "交易状态", "交易时间"]);
    assert_eq!(states("20261120"), [["order-1", "SUCCESS", "2026-11-20 23:59:59"]]);
    assert_eq!(
        states("20261121"),
        [["order-1", "REFUND", "2026-11-21 00:10:00"], ["order-2", "SUCCESS", "2026-11-21 00:00:00"]]
    );
}

#[test]
fn amounts_have_the_decimals_of_their_currency() {
    let mut shop = Shop::open();
    shop.sell("order-1", 1000, "JPY", 0);
    shop.sell("order-2", 1000, "HKD", 1);
    shop.at(2 * DAY);
    let told = shop.rows(&[("bill_date", "20261120")], &["货币种类", "订单金额", "申请退款金额", "手续费"]);
    assert_eq!(told, [["HKD", "10.00", "0.00", "0.06000"], ["JPY", "1000", "0", "6.00000"]]);
    assert!(shop.text(&[("bill_date", "20261120")]).ends_with("\r\n`2.0,`1010.0,`0.0,`0.0,`6.06,`1010.0,`0.0\r\n"));
}

#[test]
fn success_and_refund_have_columns_of_their_own() {
    let mut shop = Shop::open();
    shop.sell("order-1", 8800, "HKD", 0);
    shop.refund("order-1", "R-1", 2000, 2 * MINUTE);
    shop.at(2 * DAY);
    let header = |text: &str| text.lines().next().expect("a header").trim_start_matches('\u{feff}').to_owned();
    let success = shop.text(&[("bill_date", "20261120"), ("bill_type", "SUCCESS")]);
    assert_eq!((header(&success).split(',').count(), success.lines().count()), (20, 4));
    let refund = shop.text(&[("bill_date", "20261120"), ("bill_type", "REFUND")]);
    assert!(header(&refund).contains("代金券金额,退款申请时间,退款成功时间,微信退款单号"), "{refund}");
    assert_eq!(refund.lines().count(), 4);
    assert!(refund.contains("`2026-11-20 23:52:00"), "{refund}");
}

#[test]
fn a_request_that_cannot_be_answered_is_told_why_in_unsigned_xml() {
    let mut shop = Shop::open();
    shop.sell("order-1", 8800, "HKD", 0);
    let day = ("bill_date", "20261120");
    assert_eq!(shop.refusal(&[day]), "Bill Creating");
    shop.at(10 * MINUTE + 10 * 60 * MINUTE - 1);
    assert_eq!(shop.refusal(&[day]), "Bill Creating");
    shop.at(10 * MINUTE + 10 * 60 * MINUTE);
    assert!(shop.text(&[day]).contains("order-1"));
    for (fields, why) in [
        (&[("bill_date", "20261119")][..], "No Bill Exist"),
        (&[day, ("bill_type", "RECHARGE_REFUND")], "No Bill Exist"),
        (&[day, ("bill_type", "SOME")], "invalid bill_type"),
        (&[("bill_date", "2026-11-20")], "data format error"),
        (&[("bill_date", "20261131")], "data format error"),
        (&[], "missing parameter"),
        (&[day, ("tar_type", "ZIP")], "invalid parameter"),
        (&[day, ("mch_id", "1")], "appid and mch_id not match"),
    ] {
        assert_eq!(shop.refusal(fields), why);
    }
    let unsigned = "<xml><appid>a</appid><mch_id>b</mch_id><nonce_str>n</nonce_str><bill_date>20261120</bill_date>\
                    <sign>0</sign></xml>";
    let (reply, word) = shop.ask(unsigned, &Course::default());
    assert_eq!((word.as_str(), reply.status), ("SIGN ERROR", 200));
    assert_eq!(shop.book.violations().count(Kind::BadSignature), 1);
}

#[test]
fn told_to_it_hands_out_a_day_that_is_not_over() {
    let mut shop = Shop::open();
    shop.sell("order-1", 8800, "HKD", 0);
    shop.book.set_rules(Rules { statements_at_once: true, ..Rules::default() });
    assert!(shop.text(&[("bill_date", "20261120")]).contains("order-1"));
}

#[test]
fn packed_it_is_the_same_text() {
    let mut shop = Shop::open();
    shop.sell("order-1", 8800, "HKD", 0);
    shop.at(2 * DAY);
    let day = ("bill_date", "20261120");
    let (reply, _) = shop.ask(&request(&[day, ("tar_type", "GZIP")]), &Course::default());
    assert_eq!(reply.body.get(..2), Some(&[0x1f, 0x8b][..]));
    let mut text = String::new();
    GzDecoder::new(reply.body.as_slice()).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, shop.text(&[day]));
}

#[test]
fn every_fault_of_the_text_leaves_the_summary_as_it_was() {
    let mut shop = Shop::open();
    for n in 0..4 {
        shop.sell(&format!("order-{n}"), 1000 + n, "HKD", n);
    }
    shop.at(2 * DAY);
    let whole = shop.text(&[("bill_date", "20261120")]);
    let (head, tail) = whole.split_at(whole.find("总交易单数").expect("a summary"));
    let spoilt = |fault: Sheet| {
        let course = Course { sheets: vec![fault], ..Course::default() };
        let (reply, _) = shop.clone().ask(&request(&[("bill_date", "20261120")]), &course);
        String::from_utf8_lossy(&reply.body).into_owned()
    };
    for (fault, lines) in [(Sheet::FlippedDigit, 7), (Sheet::MissingRow, 6), (Sheet::DoubledRow, 8)] {
        let text = spoilt(fault);
        assert_eq!(text.lines().count(), lines, "{fault:?}");
        assert!(text.ends_with(tail) && !text.starts_with(head), "{fault:?}");
    }
    let flipped = spoilt(Sheet::FlippedDigit);
    let different = whole.lines().zip(flipped.lines()).filter(|(one, other)| one != other).collect::<Vec<_>>();
    let (one, other) = different[0];
    let digits = one.chars().zip(other.chars()).filter(|(one, other)| one != other).count();
    assert_eq!((different.len(), digits, one.len()), (1, 1, other.len()));
    for fault in [Sheet::HalfFile, Sheet::HalfSent] {
        assert!(whole.len() - 2 * spoilt(fault).len() < 8, "{fault:?}");
    }
}

#[test]
fn a_packed_statement_can_be_cut_before_and_after_packing() {
    let mut shop = Shop::open();
    shop.sell("order-1", 8800, "HKD", 0);
    shop.at(2 * DAY);
    let ask = |shop: &mut Shop, fault| {
        let course = Course { sheets: vec![fault], ..Course::default() };
        shop.ask(&request(&[("bill_date", "20261120"), ("tar_type", "GZIP")]), &course).0.body
    };
    let mut text = Vec::new();
    let half_file = ask(&mut shop, Sheet::HalfFile);
    GzDecoder::new(half_file.as_slice()).read_to_end(&mut text).expect("a whole stream of half a text");
    let half_sent = ask(&mut shop, Sheet::HalfSent);
    assert!(GzDecoder::new(half_sent.as_slice()).read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn other_forgeries_and_words_reach_statements_too() {
    let mut shop = Shop::open();
    let html = Course { forgeries: vec![Forgery::Html { status: 502 }], ..Course::default() };
    assert_eq!(shop.ask(&request(&[("bill_date", "20261120")]), &html).0.status, 502);
    let says = Says::Fail { say: Say::ReturnFail("system error".into()), does: false, recall: false };
    let says = Course { says: Some(says), ..Course::default() };
    assert_eq!(shop.ask(&request(&[("bill_date", "20261120")]), &says).1, "system error");
}

#[derive(Clone)]
struct Shop {
    book: Book,
    merchant: Merchant,
    now: Tick,
}

impl Shop {
    fn open() -> Self {
        Self { book: Book::default(), merchant: Options::default().merchant, now: at(0) }
    }

    fn at(&mut self, second: u64) {
        self.now = at(second);
    }

    fn sell(&mut self, out_trade_no: &str, minor: u64, currency: &str, second: u64) {
        let amount = Money::new(minor, currency.parse().expect("a currency")).expect("an amount");
        let (mch_id, auth_code) = (&self.merchant.mch_id, out_trade_no);
        let request = PayRequest {
            out_trade_no,
            auth_code,
            amount,
            mch_id,
            sub_mch_id: "",
            attach: "",
            sent: at(second),
            copy: false,
        };
        self.book.pay(&request, at(second), &Plan::PAYS);
    }

    fn refund(&mut self, out_trade_no: &str, out_refund_no: &str, refund: u64, second: u64) {
        let total = self.book.order(out_trade_no).and_then(|order| order.amount()).map_or(0, Money::minor);
        let request =
            RefundRequest { out_trade_no, out_refund_no, total, refund, desc: "", sent: at(second), copy: false };
        self.book.refund(&request, at(second), &RefundPlan::Honest);
    }

    fn ask(&mut self, body: &str, course: &Course) -> (Reply, String) {
        let slip = Slip { device_info: "T01".to_owned(), body: "tea, `hot`\n".to_owned() };
        let slips = self.book.orders().iter().map(|order| (order.out_trade_no().to_owned(), slip.clone())).collect();
        let mut clock = Clock::start();
        clock.wall = BEGIN;
        let desk = Desk { merchant: &self.merchant, clock, now: self.now };
        let asked = Asked { op: Op::Statement, arrived: self.now, form: Form::V2(xml::parse(body.as_bytes())) };
        answer(&asked, &mut self.book, &slips, desk, course)
    }

    fn text(&self, fields: &[(&str, &str)]) -> String {
        let (reply, word) = self.clone().ask(&request(fields), &Course::default());
        assert!(word.ends_with(" rows"), "{word}");
        String::from_utf8(reply.body).expect("UTF-8")
    }

    fn refusal(&self, fields: &[(&str, &str)]) -> String {
        let (reply, word) = self.clone().ask(&request(fields), &Course::default());
        let told = xml::parse(&reply.body).expect("XML");
        assert_eq!((told["return_code"].as_str(), &told["return_msg"]), ("FAIL", &word));
        assert!(!told.contains_key("sign"));
        word
    }

    fn rows<const N: usize>(&self, fields_: &[(&str, &str)], wanted: &[&str; N]) -> Vec<[String; N]> {
        let text = self.text(fields_);
        let header: Vec<&str> =
            text.lines().next().expect("a header").trim_start_matches('\u{feff}').split(',').collect();
        let rows = text.lines().filter(|line| line.starts_with('`')).map(fields);
        let rows = rows.filter(|row| row.len() == header.len());
        let column = |name: &str| header.iter().position(|it| *it == name).expect("a column");
        rows.map(|row| wanted.map(|name| row[column(name)].clone())).collect()
    }
}

fn request(fields: &[(&str, &str)]) -> String {
    let merchant = Options::default().merchant;
    let mut all: BTreeMap<String, String> =
        [("appid", merchant.appid.as_str()), ("mch_id", &merchant.mch_id), ("nonce_str", "n")]
            .iter()
            .chain(fields)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
    all.insert("sign".to_owned(), sign(&all, &merchant.key, SignType::Md5));
    xml::write(&all)
}

fn fields(line: &str) -> Vec<String> {
    line.trim_start_matches('`').split(",`").map(str::to_owned).collect()
}

/// Digits as 9, runs of them as one.
fn form(text: &str) -> String {
    let mut form: Vec<char> = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    if text.contains('.') {
        form.dedup();
    }
    form.into_iter().collect()
}

fn at(second: u64) -> Tick {
    Tick::default().after(Duration::from_secs(second))
}
