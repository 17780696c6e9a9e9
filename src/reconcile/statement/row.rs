//! One line: its fields, and what they mean.

use super::layout::Layout;
use crate::reconcile::{decimal, moment};
use crate::words::{Currency, WallTime};

/// What a row moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// SUCCESS: the payer paid. The row stays when the money goes back later.
    Payment,
    /// REFUND: money goes back under a refund number of its own.
    Refund,
    /// REVOKED: the whole payment went back by a reversal.
    Revoked,
}

/// A row as it stands in the file. Numbers are text: the statement may tell of other people's orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// What it moves.
    pub movement: Movement,
    /// When, by WeChat's clock.
    pub at: WallTime,
    /// How much, in smallest units of `currency`.
    pub amount: u64,
    /// The order's currency.
    pub currency: Currency,
    /// 商户订单号.
    pub out_trade_no: &'a [u8],
    /// 微信订单号.
    pub transaction_id: &'a [u8],
    /// 商户退款单号; empty where there is none.
    pub out_refund_no: &'a [u8],
    /// 微信退款单号; empty where there is none.
    pub refund_id: &'a [u8],
    /// 退款状态, which is never brought up to date.
    pub refund_status: &'a [u8],
    /// 设备号: the terminal's id, as it was sent.
    pub device: &'a [u8],
    /// 商户号 and 特约商户号.
    pub merchants: [&'a [u8]; 2],
    /// 手续费 in 10⁻⁸ of the major unit of `fee_currency`.
    pub fee: i64,
    /// What the fee is in.
    pub fee_currency: Currency,
}

/// A row that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRow {
    /// Which of the statements it stands in, from 0.
    pub statement: usize,
    /// Its line in the file, from 1.
    pub line: u64,
    /// What it moves.
    pub movement: Movement,
    /// When, by WeChat's clock.
    pub at: WallTime,
    /// How much, in smallest units of `currency`.
    pub amount: u64,
    /// The order's currency.
    pub currency: Currency,
    /// 商户订单号.
    pub out_trade_no: String,
    /// 微信订单号.
    pub transaction_id: String,
    /// 商户退款单号; empty where there is none.
    pub out_refund_no: String,
    /// 退款状态.
    pub refund_status: String,
    /// 设备号.
    pub device: String,
}

impl Row<'_> {
    /// The row for keeps.
    #[must_use]
    pub fn kept(&self, statement: usize, line: u64) -> StatementRow {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        StatementRow {
            statement,
            line,
            movement: self.movement,
            at: self.at,
            amount: self.amount,
            currency: self.currency,
            out_trade_no: text(self.out_trade_no),
            transaction_id: text(self.transaction_id),
            out_refund_no: text(self.out_refund_no),
            refund_status: text(self.refund_status),
            device: text(self.device),
        }
    }
}

/// Why a line could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Too few or too many fields.
    #[error("it has {found} fields, the header has {wanted}")]
    Fields {
        /// In the line.
        found: usize,
        /// In the header.
        wanted: usize,
    },
    /// An amount that is none.
    #[error("{0} is no amount")]
    Amount(String),
    /// More decimals than the currency has, or less than nothing.
    #[error("{column} is no amount of {currency}")]
    Minor {
        /// The column.
        column: String,
        /// Of the row.
        currency: Currency,
    },
    /// Not year-month-day hour:minute:second.
    #[error("its time is not written as 2026-11-21 11:38:26")]
    Time,
    /// A 交易状态 nobody has told us about.
    #[error("nobody knows the state {0}")]
    State(String),
    /// A currency WeChat Pay has not.
    #[error("nobody knows the currency {0}")]
    Currency(String),
    /// No order number.
    #[error("it has no order number")]
    Number,
    /// Longer than any line of a statement.
    #[error("it is too long")]
    TooLong,
    /// Neither a row nor the summary.
    #[error("it is neither a row nor the summary")]
    Stray,
    /// It comes after the summary.
    #[error("it comes after the summary")]
    AfterSummary,
}

/// Takes lines apart. Remembers what neighbouring rows have in common: the date and the currency.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// Where the fields of the line begin, and one past its end.
    starts: Vec<usize>,
    amounts: Vec<i64>,
    date: moment::Dates,
    currency: Option<Currency>,
}

impl Splitter {
    /// Finds the fields of `line`: each begins with a backtick, and all but the first with a comma before it.
    pub(super) fn split(&mut self, line: &[u8], layout: &Layout) -> Result<(), Fault> {
        self.starts.clear();
        let (blocks, rest) = line.as_chunks::<BLOCK>();
        let mut last = [0; BLOCK];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        for (block, base) in blocks.iter().chain([&last]).zip((0..).step_by(BLOCK)) {
            let mut ticks = ticks(block);
            while ticks != 0 {
                let at = usize::try_from(ticks.trailing_zeros()).unwrap_or(0).wrapping_add(base);
                ticks &= ticks.wrapping_sub(1);
                if at == 0 || line.get(at.wrapping_sub(1)) == Some(&b',') {
                    self.starts.push(at.wrapping_add(1));
                }
            }
        }
        let (found, wanted) = (self.starts.len(), layout.width());
        if let (Some(extra), Some(product)) = (found.checked_sub(wanted), layout.at.product)
            && extra > 0
        {
            // Free text that holds a comma and a backtick: everything too much belongs to it.
            let from = product.saturating_add(1);
            self.starts.drain(from..from.saturating_add(extra));
        }
        if self.starts.len() != wanted {
            return Err(Fault::Fields { found, wanted });
        }
        self.starts.push(line.len().saturating_add(2));
        Ok(())
    }

    /// The field at `column` of the line that was split last.
    pub(super) fn field<'l>(&self, line: &'l [u8], column: usize) -> &'l [u8] {
        let (Some(from), Some(to)) = (self.starts.get(column), self.starts.get(column.wrapping_add(1))) else {
            return b"";
        };
        line.get(*from..to.saturating_sub(2)).unwrap_or_default()
    }

    fn maybe<'l>(&self, line: &'l [u8], column: Option<usize>) -> &'l [u8] {
        column.map_or(b"", |column| self.field(line, column))
    }

    /// Reads the amounts of the line that was split last, and adds them to `sums`: all of them, or none.
    pub(super) fn sum_up(&mut self, line: &[u8], layout: &Layout, sums: &mut [i128]) -> Result<(), Fault> {
        self.amounts.clear();
        // The same amount often stands in several columns of a row.
        let (mut known, mut amount): (&[u8], i64) = (b"", 0);
        for column in &layout.money {
            let text = self.field(line, *column);
            if text == b"0.00" {
                self.amounts.push(0);
                continue;
            }
            if text != known {
                let fault = || Fault::Amount(layout.names.get(*column).cloned().unwrap_or_default());
                (known, amount) = (text, decimal::amount(text).ok_or_else(fault)?);
            }
            self.amounts.push(amount);
        }
        for (sum, amount) in sums.iter_mut().zip(&self.amounts).filter(|(_, amount)| **amount != 0) {
            *sum = sum.saturating_add(i128::from(*amount));
        }
        Ok(())
    }

    /// What the line that was split and summed up last means.
    pub(super) fn row<'l>(&mut self, line: &'l [u8], layout: &Layout) -> Result<Row<'l>, Fault> {
        let at = &layout.at;
        let state = self.field(line, at.state);
        let movement = match state {
            b"SUCCESS" => Movement::Payment,
            b"REFUND" => Movement::Refund,
            b"REVOKED" => Movement::Revoked,
            _ => return Err(Fault::State(shortened(state))),
        };
        let currency = self.currency(self.field(line, at.currency))?;
        let fee_currency = match self.maybe(line, at.fee_currency) {
            b"" => currency,
            text => self.currency(text)?,
        };
        let (column, amount) = self.moved(movement, layout);
        let amount = decimal::minor(amount, currency).ok_or_else(|| Fault::Minor {
            column: column.and_then(|at| layout.names.get(at)).cloned().unwrap_or_default(),
            currency,
        })?;
        let out_trade_no = self.field(line, at.out_trade_no);
        if out_trade_no.is_empty() {
            return Err(Fault::Number);
        }
        let own = at.accepted_at.iter().map(|column| self.maybe(line, *column)).find(|text| !text.is_empty());
        let time = own.unwrap_or_else(|| self.field(line, at.time));
        Ok(Row {
            movement,
            at: self.date.read(time).ok_or(Fault::Time)?,
            amount,
            currency,
            out_trade_no,
            transaction_id: self.field(line, at.transaction_id),
            out_refund_no: number(self.maybe(line, at.out_refund_no)),
            refund_id: number(self.maybe(line, at.refund_id)),
            refund_status: self.maybe(line, at.refund_status),
            device: self.maybe(line, at.device),
            merchants: [self.maybe(line, at.merchant), self.maybe(line, at.sub_merchant)],
            fee: self.amount(at.fee, layout).unwrap_or(0),
            fee_currency,
        })
    }

    /// The column that says how much was moved, and what it says.
    fn moved(&self, movement: Movement, layout: &Layout) -> (Option<usize>, i64) {
        let at = &layout.at;
        let amount = |column: Option<usize>| self.amount(column, layout).unwrap_or(0);
        let [asked, given] = at.returned;
        match movement {
            Movement::Payment => (at.paid, amount(at.paid)),
            Movement::Refund => (asked.or(given), amount(asked.or(given))),
            // Nobody documents which columns a reversal fills: the first that says something counts.
            Movement::Revoked => {
                let told = [asked, given, at.paid].into_iter().find(|column| amount(*column) != 0);
                told.map_or((asked.or(given), 0), |column| (column, amount(column)))
            }
        }
    }

    fn amount(&self, column: Option<usize>, layout: &Layout) -> Option<i64> {
        let at = layout.money.binary_search(&column?).ok()?;
        self.amounts.get(at).copied()
    }

    fn currency(&mut self, text: &[u8]) -> Result<Currency, Fault> {
        if let Some(last) = self.currency.filter(|last| last.code().as_bytes() == text) {
            return Ok(last);
        }
        let read = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        self.currency = read;
        read.ok_or_else(|| Fault::Currency(shortened(text)))
    }
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// Which of these bytes are backticks, the first in the lowest bit. Written so that the compiler makes vector
/// instructions of it; searching for one backtick after the other takes three times as long.
fn ticks(block: &[u8; BLOCK]) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(*byte == b'`');
    }
    let (eights, _) = flags.as_chunks::<8>();
    // The product moves the lowest bit of each byte into the highest byte, side by side.
    let eight = |flags: &[u8; 8]| u64::from_le_bytes(*flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    eights.iter().rev().fold(0, |all, flags| all << 8 | eight(flags))
}

/// `0` stands for no number.
fn number(text: &[u8]) -> &[u8] {
    if text == b"0" { b"" } else { text }
}

fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().filter(|c| !c.is_control()).take(24).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn backticks_are_where_they_are(bytes in prop::collection::vec(prop_oneof![Just(b'`'), any::<u8>()], BLOCK)) {
            let block: [u8; BLOCK] = bytes.clone().try_into().expect("a block");
            let ticks = ticks(&block);
            for (at, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(ticks >> at & 1 == 1, *byte == b'`', "{}", at);
            }
        }
    }
}
