//! A ledger in a CSV file, so that every engine reads the same bytes. What SQLite has indexes for, it remembers while it
//! is first read: where every 64th line begins, and four bytes of a hash of each line's order.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Mutex;

use shroff::reconcile::{Book, Days, LedgerLine, Standing, What};
use shroff::words::{Currency, Day, Money, WallTime};

/// The file. All its lines are of one day.
pub(crate) struct Pages {
    path: PathBuf,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    /// Where every 64th line begins.
    marks: Vec<u64>,
    /// Hashes of the lines' orders.
    orders: Vec<u32>,
}

/// Lines between two marks.
const MARK: usize = 64;

impl Pages {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, index: Mutex::default() }
    }

    /// Calls `each` with every line but the header, and where it begins.
    fn lines(&self, mut each: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut input = BufReader::with_capacity(256 * 1024, File::open(&self.path)?);
        let mut begun = Vec::with_capacity(256);
        let mut offset = input.read_until(b'\n', &mut begun)? as u64;
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
                    each(offset, &buffer[from..at])?;
                    offset += (at - from) as u64 + 1;
                } else {
                    begun.extend_from_slice(&buffer[from..at]);
                    each(offset, &begun)?;
                    offset += begun.len() as u64 + 1;
                    begun.clear();
                }
                from = at + 1;
            }
            begun.extend_from_slice(&buffer[from..]);
            input.consume(length);
        }
    }

    /// Calls `each` with the lines at `places`, which are in order.
    fn pick(&self, places: &[usize], mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let index = self.index.lock().unwrap();
        let mut file = File::open(&self.path)?;
        for near in places.chunk_by(|one, next| one / MARK == next / MARK) {
            let block = near[0] / MARK;
            file.seek(SeekFrom::Start(index.marks[block]))?;
            let mut input = BufReader::with_capacity(8 * 1024, (&mut file).take(64 * 1024));
            let (mut line, mut at) = (Vec::new(), block * MARK);
            for place in near {
                while at <= *place {
                    line.clear();
                    input.read_until(b'\n', &mut line)?;
                    at += 1;
                }
                each(line.trim_ascii_end())?;
            }
        }
        Ok(())
    }
}

/// The order of a line.
fn order(line: &[u8]) -> &[u8] {
    let order = line.get(2..).unwrap_or_default();
    &order[..memchr::memchr(b',', order).unwrap_or(0)]
}

fn hash(order: &[u8]) -> u32 {
    let mix = |sum: u64, chunk: &[u8]| {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        (sum ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    };
    (order.chunks(8).fold(0x5eed, mix) >> 32) as u32
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
        assert!(at.starts_with(super::world::DAY), "a line of another day");
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

    fn moved(&self, _: &Days, each: &mut dyn FnMut(&LedgerLine<&str>)) -> io::Result<()> {
        let reader = Reader::new();
        let mut index = Index::default();
        self.lines(|offset, text| {
            if index.orders.len().is_multiple_of(MARK) {
                index.marks.push(offset);
            }
            index.orders.push(hash(order(text)));
            each(&reader.read(text)?);
            Ok(())
        })?;
        *self.index.lock().unwrap() = index;
        Ok(())
    }

    fn at(&self, _: &Days, places: &[u32], each: &mut dyn FnMut(LedgerLine)) -> io::Result<()> {
        let reader = Reader::new();
        let places: Vec<usize> = places.iter().map(|place| *place as usize).collect();
        self.pick(&places, |line| {
            each(kept(&reader.read(line)?));
            Ok(())
        })
    }

    fn orders(&self, wanted: &BTreeSet<&str>) -> io::Result<Vec<LedgerLine>> {
        let reader = Reader::new();
        let hashes: HashSet<u32> = wanted.iter().map(|order| hash(order.as_bytes())).collect();
        // Most lines are not wanted, and one look at a small table tells so.
        let mut sieve = vec![false; 1 << 16];
        hashes.iter().for_each(|hash| sieve[(*hash & 0xffff) as usize] = true);
        let may_be = |hash: &u32| sieve[(*hash & 0xffff) as usize] && hashes.contains(hash);
        let places: Vec<usize> = {
            let index = self.index.lock().unwrap();
            index.orders.iter().enumerate().filter(|(_, hash)| may_be(hash)).map(|(at, _)| at).collect()
        };
        let mut lines = Vec::new();
        self.pick(&places, |line| {
            let line = reader.read(line)?;
            if wanted.contains(line.out_trade_no) {
                lines.push(kept(&line));
            }
            Ok(())
        })?;
        Ok(lines)
    }

    fn payment(&self, _: &str) -> io::Result<Vec<LedgerLine>> {
        Ok(Vec::new())
    }

    /// The file has none.
    fn names(&self, _: &Days, _: &mut dyn FnMut(&str, &str, Money)) -> io::Result<()> {
        Ok(())
    }

    fn paid_twice(&self, _: &Days) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}
