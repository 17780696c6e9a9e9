//! A day of a large merchant, from a seed: a statement in random order, the ledgers as one CSV file, and what differs.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Of every so many payments one has another amount, one is missing there, one is missing here.
const ODD: u64 = 1000;

/// Differences that were planted, per kind: how many, and the sum in smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planted {
    pub(crate) other_amount: (u64, u64),
    pub(crate) only_there: (u64, u64),
    pub(crate) only_here: (u64, u64),
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// One payment, by its number.
pub(crate) struct Payment {
    pub(crate) order: String,
    pub(crate) transaction: String,
    pub(crate) terminal: String,
    pub(crate) amount: u64,
    /// Seconds into the day.
    pub(crate) second: u64,
    refunded: bool,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    OtherAmount,
    OnlyThere,
    OnlyHere,
}

impl Payment {
    /// Whether the ledger has it.
    pub(crate) fn is_here(&self) -> bool {
        self.kind != Kind::OnlyThere
    }

    /// How much of it went back, and when in seconds into the day.
    pub(crate) fn refund(&self) -> Option<(u64, u64)> {
        self.refunded.then(|| (self.amount / 2, (self.second + 3600).min(86_399)))
    }
}

pub(crate) const DAY: &str = "2026-03-02";

pub(crate) fn payment(seed: u64, no: u64) -> Payment {
    let mut dice = Dice(seed ^ no.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let odd = dice.next() % ODD;
    let kind = match odd {
        0 => Kind::OtherAmount,
        1 => Kind::OnlyThere,
        2 => Kind::OnlyHere,
        _ => Kind::Same,
    };
    let terminal = format!("T{:03}", no % 500);
    Payment {
        order: format!("{terminal}K7Q2M9XB{no:08}"),
        transaction: format!("4200002{:021}", dice.next() % 1_000_000_000_000_000_000),
        terminal,
        amount: 100 + dice.next() % 90_000,
        second: dice.next() % 86_400,
        // Two in a hundred are refunded in part, and both sides know.
        refunded: kind == Kind::Same && dice.next().is_multiple_of(50),
        kind,
    }
}

/// Writes both files with `payments` payments each.
pub(crate) fn write(folder: &Path, seed: u64, payments: u64) -> Planted {
    let mut planted = Planted::default();
    let mut order: Vec<u32> = (0..u32::try_from(payments).expect("fewer")).collect();
    let mut dice = Dice(seed);
    for at in (1..order.len()).rev() {
        order.swap(at, usize::try_from(dice.next() % (at as u64 + 1)).expect("small"));
    }
    let mut there = BufWriter::new(File::create(folder.join("statement.csv")).expect("a file"));
    write!(there, "\u{feff}{HEADER}\r\n").expect("a write");
    let (mut rows, mut paid, mut back, mut fees) = (0_u64, 0_u64, 0_u64, 0_i64);
    let mut line = String::new();
    for no in order {
        let it = payment(seed, u64::from(no));
        if it.kind == Kind::OnlyHere {
            continue;
        }
        let amount = if it.kind == Kind::OtherAmount { it.amount + 1 } else { it.amount };
        line.clear();
        row(&mut line, &it, "SUCCESS", amount);
        rows += 1;
        paid += amount;
        fees += i64::try_from(amount * 6).expect("small");
        if it.refunded {
            row(&mut line, &it, "REFUND", amount / 2);
            rows += 1;
            back += amount / 2;
            fees -= i64::try_from(amount / 2 * 6).expect("small");
        }
        there.write_all(line.as_bytes()).expect("a write");
    }
    let fees = format!("{}.{:05}", fees / 100_000, fees % 100_000);
    let (paid, back) = (major(paid), major(back));
    write!(there, "{SUMMARY}\r\n`{rows}.0,`{paid},`{back},`0.0,`{fees},`{paid},`{back}\r\n").expect("a write");
    there.flush().expect("a write");

    let mut here = BufWriter::new(File::create(folder.join("ledger.csv")).expect("a file"));
    writeln!(here, "kind,out_trade_no,out_refund_no,transaction_id,amount,currency,at,terminal,reference")
        .expect("a write");
    for no in 0..payments {
        let it = payment(seed, no);
        match it.kind {
            Kind::Same => {}
            Kind::OtherAmount => add(&mut planted.other_amount, 1),
            Kind::OnlyThere => add(&mut planted.only_there, it.amount),
            Kind::OnlyHere => add(&mut planted.only_here, it.amount),
        }
        if it.kind == Kind::OnlyThere {
            continue;
        }
        let Payment { order, transaction, amount, terminal, .. } = &it;
        let at = clock(it.second);
        writeln!(here, "P,{order},,{transaction},{amount},CNY,{at},{terminal},{terminal}-K7Q2M9XB-{no:08}")
            .expect("a write");
        if let Some((back, second)) = it.refund() {
            let at = clock(second);
            writeln!(here, "R,{order},{order}A,{transaction},{back},CNY,{at},{terminal},{terminal}-K7Q2M9XB-{no:08}")
                .expect("a write");
        }
    }
    here.flush().expect("a write");
    planted
}

fn add(to: &mut (u64, u64), amount: u64) {
    to.0 += 1;
    to.1 += amount;
}

fn row(line: &mut String, it: &Payment, state: &str, amount: u64) {
    let payment = state == "SUCCESS";
    let (second, no) = if payment { (it.second, "0") } else { ((it.second + 3600).min(86_399), "") };
    let (amount, fee) = (major(amount), amount * 6);
    let (paid, back, how, status) =
        if payment { (amount.as_str(), "0.00", "", "") } else { ("0.00", amount.as_str(), "ORIGINAL", "SUCCESS") };
    let sign = if payment { "" } else { "-" };
    let refund_no = if payment { String::from("0") } else { format!("{}A", it.order) };
    let refund_id = if payment { no.to_owned() } else { format!("5{}", it.transaction) };
    let Payment { order, transaction, terminal, .. } = it;
    let at = clock(second);
    write!(
        line,
        "`{at},`wx2421b1c4370ec43b,`1900000100,`1900000109,`{terminal},`{transaction},`{order},`oUpF8uMuAJO_M2pxb1Q9zNjWeS6o,\
         `MICROPAY,`{state},`CMB_DEBIT,`CNY,`{paid},`0.00,`{refund_id},`{refund_no},`{back},`0.00,`{how},`{status},`港式奶茶,`,\
         `{sign}{}.{:05},`0.60%,`{paid},`{back},`\r\n",
        fee / 100_000,
        fee % 100_000,
    )
    .expect("a string");
}

pub(crate) fn clock(second: u64) -> String {
    format!("{DAY} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

fn major(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
                      应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,\
                      费率,订单金额,申请退款金额,费率备注";
const SUMMARY: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
