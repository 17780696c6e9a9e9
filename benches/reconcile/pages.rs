//! A ledger in a CSV file, so that every engine reads the same bytes.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use shroff::reconcile::{Book, Days, LedgerLine, Standing, What};
use shroff::words::{Currency, Day, Money, WallTime};

/// The file.
pub(crate) struct Pages {
    pub(crate) path: PathBuf,
}

impl Pages {
    /// Calls `each` with every line, in order.
    fn lines(&self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut input = BufReader::with_capacity(256 * 1024, File::open(&self.path)?);
        let mut begun = Vec::with_capacity(256);
        input.read_until(b'\n', &mut begun)?;
        begun.clear();
        loop {
            let buffer = input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let length = buffer.len();
            let mut from = 0;
            for at in memchr::memchr_iter(b'\n', buffer) {
                if begun.is_empty() {
                    each(&buffer[from..at])?;
                } else {
                    begun.extend_from_slice(&buffer[from..at]);
                    each(&begun)?;
                    begun.clear();
                }
                from = at + 1;
            }
            begun.extend_from_slice(&buffer[from..]);
            input.consume(length);
        }
    }

    /// Calls `each` with every line of one of the days.
    fn on(&self, days: &Days, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let names: Vec<String> = days.all().iter().map(ToString::to_string).collect();
        self.lines(|line| {
            let day = memchr::memrchr_iter(b',', line).nth(2).map_or(&b""[..], |at| &line[at + 1..at + 11]);
            if names.iter().any(|name| name.as_bytes() == day) { each(line) } else { Ok(()) }
        })
    }
}

struct Reader {
    begin_ms: i64,
    cny: Currency,
}

impl Reader {
    fn new() -> Self {
        let begin_ms = super::world::DAY.parse::<Day>().expect("a day").begin().millis();
        Self { begin_ms, cny: "CNY".parse().expect("a currency") }
    }

    fn read<'l>(&self, line: &'l [u8]) -> io::Result<LedgerLine<&'l str>> {
        let text = std::str::from_utf8(line).map_err(io::Error::other)?;
        let mut ends = memchr::memchr_iter(b',', line).chain([line.len()]);
        let mut from = 0;
        let mut next = || {
            let to = ends.next().unwrap_or(from);
            let field = &text[from..to];
            from = to + 1;
            field
        };
        let (kind, order, refund, transaction, amount, currency) = (next(), next(), next(), next(), next(), next());
        let (at, _, reference) = (next(), next(), next());
        let two = |from: usize| {
            let digits = &at.as_bytes()[from..from + 2];
            i64::from(digits[0] - b'0') * 10 + i64::from(digits[1] - b'0')
        };
        let at = WallTime::from_millis(self.begin_ms + (two(11) * 3600 + two(14) * 60 + two(17)) * 1000);
        let currency = if currency == "CNY" { self.cny } else { currency.parse().map_err(io::Error::other)? };
        let amount = amount.parse().map_err(io::Error::other)?;
        Ok(LedgerLine {
            out_trade_no: order,
            what: if kind == "P" {
                What::Payment { attempt: 1, reversal_no: "" }
            } else {
                What::Refund { out_refund_no: refund }
            },
            amount: Money::new(amount, currency).map_err(io::Error::other)?,
            standing: Standing::Done,
            state: "paid",
            at,
            begun: at,
            transaction_id: transaction,
            reference,
            client_ref: "",
        })
    }
}

fn kept(line: &LedgerLine<&str>) -> LedgerLine {
    LedgerLine {
        out_trade_no: line.out_trade_no.to_owned(),
        what: match line.what {
            What::Payment { attempt, reversal_no } => What::Payment { attempt, reversal_no: reversal_no.to_owned() },
            What::Refund { out_refund_no } => What::Refund { out_refund_no: out_refund_no.to_owned() },
        },
        amount: line.amount,
        standing: line.standing,
        state: line.state.to_owned(),
        at: line.at,
        begun: line.begun,
        transaction_id: line.transaction_id.to_owned(),
        reference: line.reference.to_owned(),
        client_ref: String::new(),
    }
}

impl Book for Pages {
    type Error = io::Error;

    fn moved(&self, days: &Days, each: &mut dyn FnMut(&LedgerLine<&str>)) -> io::Result<()> {
        let reader = Reader::new();
        self.on(days, |line| {
            each(&reader.read(line)?);
            Ok(())
        })
    }

    fn at(&self, days: &Days, places: &[u32], each: &mut dyn FnMut(LedgerLine)) -> io::Result<()> {
        let reader = Reader::new();
        let mut places = places.iter().peekable();
        let mut place = 0;
        self.on(days, |line| {
            if places.next_if(|it| **it == place).is_some() {
                each(kept(&reader.read(line)?));
            }
            place += 1;
            Ok(())
        })
    }

    fn orders(&self, wanted: &BTreeSet<&str>) -> io::Result<Vec<LedgerLine>> {
        let reader = Reader::new();
        let wanted: HashSet<&[u8]> = wanted.iter().map(|order| order.as_bytes()).collect();
        let mut lines = Vec::new();
        self.lines(|line| {
            let order = line.get(2..).unwrap_or_default();
            let order = &order[..memchr::memchr(b',', order).unwrap_or(0)];
            if wanted.contains(order) {
                lines.push(kept(&reader.read(line)?));
            }
            Ok(())
        })?;
        Ok(lines)
    }

    fn payment(&self, _: &str) -> io::Result<Vec<LedgerLine>> {
        Ok(Vec::new())
    }

    fn paid_twice(&self, _: &Days) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
