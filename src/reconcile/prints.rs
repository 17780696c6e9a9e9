//! The comparison in bulk: every movement becomes a fingerprint, both sides are sorted, and equal ones cancel out.
//!
//! A fingerprint is 96 bits of a keyed hash over everything that must agree (kind, day, amount, currency, order number,
//! and WeChat's number or the refund's), and 32 bits that tell where the movement stands: 16 bytes a movement. What
//! finds no equal on the other side is loose; it is read again and looked at exactly ([`super::explain`]). That two
//! different movements are taken for one has a chance of about 10⁻¹⁸ in ten million, and even then the sums of what
//! cancelled out no longer agree, which [`Loose::agree`] notices.

use twox_hash::XxHash3_128;

use super::book::{LedgerLine, Standing, What};
use super::moment::day_number;
use super::statement::{Movement, Row};
use super::totals::Totals;
use crate::words::{Currency, WallTime};

/// The bits of an entry that tell where the movement stands.
const PLACE: u128 = 0xffff_ffff;

/// One side of the comparison, or what one thread has of it.
#[derive(Debug)]
pub struct Side {
    seed: u64,
    entries: Vec<u128>,
    /// Where each source begins: its first place, and its number.
    sources: Vec<(u32, u32)>,
    /// One past the highest place.
    end: u32,
    full: bool,
    /// What has to be looked at in any case: reversals, and what the ledger is not certain of.
    special: Vec<u32>,
    totals: Totals,
    text: Vec<u8>,
}

/// A movement's place: which source, and where in it. Lines of a statement count from 1, lines of a ledger from 0.
pub type Place = (u32, u32);

/// What found no equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loose {
    /// Rows of statements, in order.
    pub rows: Vec<Place>,
    /// Lines of ledgers, in order.
    pub lines: Vec<Place>,
    /// Everything that moved by the statements.
    pub statement: Totals,
    /// Everything that moved by the ledgers.
    pub ledger: Totals,
    /// How many movements cancelled out.
    pub matched: u64,
}

/// More movements than can be numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are more than four thousand million lines; compare fewer days at once")]
pub struct TooMany;

impl Side {
    /// An empty side. `seed` keys the hash: both sides of a comparison have the same, and no two comparisons need to.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            entries: Vec::new(),
            sources: Vec::new(),
            end: 0,
            full: false,
            special: Vec::new(),
            totals: Totals::default(),
            text: Vec::with_capacity(128),
        }
    }

    /// What follows is of this source.
    pub fn begin(&mut self, source: u32) {
        self.sources.push((self.end, source));
    }

    /// Takes in a row that stands at `line` of its source.
    pub fn row(&mut self, line: u32, row: &Row<'_>) {
        self.totals.row(row);
        match row.movement {
            Movement::Payment => {
                self.print(b'P', row.at, row.amount, row.currency, row.out_trade_no, row.transaction_id);
            }
            Movement::Refund => self.print(b'R', row.at, row.amount, row.currency, row.out_trade_no, row.out_refund_no),
            Movement::Revoked => {
                let place = self.place(line);
                self.special.push(place);
                return;
            }
        }
        self.keep(line);
    }

    /// Takes in a line of a ledger, the `nth` of its source.
    pub fn line(&mut self, nth: u32, line: &LedgerLine<&str>) {
        if line.standing != Standing::Done {
            let place = self.place(nth);
            self.special.push(place);
            return;
        }
        self.totals.line(line);
        let (kind, number) = match line.what {
            What::Payment { .. } => (b'P', line.transaction_id),
            What::Refund { out_refund_no } => (b'R', out_refund_no),
        };
        let (amount, currency) = (line.amount.minor(), line.amount.currency());
        self.print(kind, line.at, amount, currency, line.out_trade_no.as_bytes(), number.as_bytes());
        self.keep(nth);
    }

    /// Sorts what there is, so that [`compare`] need not.
    pub fn sort(&mut self) {
        self.entries.sort_unstable();
    }

    fn print(&mut self, kind: u8, at: WallTime, amount: u64, currency: Currency, order: &[u8], number: &[u8]) {
        let text = &mut self.text;
        text.clear();
        text.push(kind);
        text.extend_from_slice(&day_number(at).to_le_bytes());
        text.extend_from_slice(&amount.to_le_bytes());
        text.extend_from_slice(currency.code().as_bytes());
        text.extend_from_slice(&u32::try_from(order.len()).unwrap_or(u32::MAX).to_le_bytes());
        text.extend_from_slice(order);
        text.extend_from_slice(number);
    }

    fn keep(&mut self, at: u32) {
        let hash = XxHash3_128::oneshot_with_seed(self.seed, &self.text);
        let place = self.place(at);
        self.entries.push((hash & !PLACE) | u128::from(place));
    }

    /// The place `at` of the present source, among all sources.
    fn place(&mut self, at: u32) -> u32 {
        let begin = self.sources.last().map_or(0, |(begin, _)| *begin);
        let place = begin.saturating_add(at);
        self.full |= place == u32::MAX;
        self.end = self.end.max(place.saturating_add(1));
        place
    }

    fn source(&self, place: u32) -> Place {
        let after = self.sources.partition_point(|(begin, _)| *begin <= place);
        let (begin, source) = self.sources.get(after.wrapping_sub(1)).copied().unwrap_or_default();
        (source, place.saturating_sub(begin))
    }
}

/// Sets the movements of both sides against each other. Sides that were sorted before are quick.
///
/// # Errors
/// When there are too many.
pub fn compare(statement: &mut [Side], ledger: &mut [Side]) -> Result<Loose, TooMany> {
    let mut loose = Loose::default();
    for side in statement.iter_mut().chain(ledger.iter_mut()) {
        if side.full {
            return Err(TooMany);
        }
        if !side.entries.is_sorted() {
            side.sort();
        }
    }
    for side in &*statement {
        loose.statement.join(&side.totals);
        loose.rows.extend(side.special.iter().map(|place| side.source(*place)));
    }
    for side in &*ledger {
        loose.ledger.join(&side.totals);
        loose.lines.extend(side.special.iter().map(|place| side.source(*place)));
    }
    let (mut rows, mut lines) = (Merge::new(statement), Merge::new(ledger));
    loop {
        match (rows.least, lines.least) {
            (Some((row, _)), Some((line, _))) if row >> 32 == line >> 32 => {
                rows.advance();
                lines.advance();
                loose.matched = loose.matched.saturating_add(1);
            }
            (Some((row, _)), Some((line, _))) if row > line => loose.lines.extend(lines.take()),
            (Some(_), _) => loose.rows.extend(rows.take()),
            (None, Some(_)) => loose.lines.extend(lines.take()),
            (None, None) => break,
        }
    }
    loose.rows.sort_unstable();
    loose.lines.sort_unstable();
    Ok(loose)
}

/// The sorted entries of several sides as if they were one.
struct Merge<'a> {
    sides: Vec<(&'a Side, &'a [u128])>,
    /// The next entry, and which side has it.
    least: Option<(u128, usize)>,
}

impl<'a> Merge<'a> {
    fn new(sides: &'a [Side]) -> Self {
        let mut merge = Self { sides: sides.iter().map(|side| (side, side.entries.as_slice())).collect(), least: None };
        merge.find_least();
        merge
    }

    /// Leaves the next entry behind.
    fn advance(&mut self) {
        let next = self.least.and_then(|(_, at)| self.sides.get_mut(at));
        if let Some((_, entries)) = next {
            *entries = entries.split_first().map_or(&[], |(_, rest)| rest);
        }
        self.find_least();
    }

    /// Leaves the next entry behind, and tells where it stood.
    fn take(&mut self) -> Option<Place> {
        let (entry, at) = self.least?;
        let place = self.sides.get(at).map(|(side, _)| side.source(u32::try_from(entry & PLACE).unwrap_or(u32::MAX)));
        self.advance();
        place
    }

    fn find_least(&mut self) {
        let heads = self.sides.iter().enumerate().filter_map(|(at, (_, entries))| Some((*entries.first()?, at)));
        self.least = heads.min();
    }
}

impl Loose {
    /// Whether what cancelled out has the same sums on both sides, given the sums of what is loose. It always has,
    /// unless two fingerprints were equal by chance: then the comparison is to be made again with another seed.
    #[must_use]
    pub fn agree(&self, rows: &Totals, lines: &Totals) -> bool {
        let (statement, ledger) = (self.statement.without(rows), self.ledger.without(lines));
        let currencies = statement.currencies().chain(ledger.currencies());
        let same = |currency| {
            let (here, there) = (statement.of(currency), ledger.of(currency));
            here.payments == there.payments && here.refunds == there.refunds
        };
        currencies.into_iter().all(same)
    }
}
