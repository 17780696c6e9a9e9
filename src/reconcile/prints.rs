//! The comparison in bulk: every movement becomes a fingerprint, both sides are sorted, and equal ones cancel out.
//!
//! A fingerprint is 96 bits of a keyed hash over everything that must agree (kind, day, amount, currency, order number,
//! and WeChat's number or the refund's), and 32 bits that tell where the movement stands: 16 bytes a movement. What
//! finds no equal on the other side is loose; it is read again and looked at exactly ([`super::explain()`]). That two
//! different movements are taken for one has a chance of about 10⁻¹⁸ in ten million, and even then the sums of what
//! cancelled out no longer agree, which [`Loose::agree`] notices.

use std::io;

use twox_hash::XxHash3_128;

use super::book::{LedgerLine, Standing, What};
use super::moment::day_number;
use super::statement::{Movement, Row};
use super::totals::Totals;
use crate::words::{Currency, WallTime};

/// The bits of an entry that tell where the movement stands.
const PLACE: u128 = 0xffff_ffff;

/// One side of the comparison, or what one thread has of it.
pub struct Side {
    seed: u64,
    entries: Vec<u128>,
    /// Where each source begins: its first place, and its number.
    sources: Vec<(u32, u32)>,
    /// One past the highest place.
    end: u32,
    /// Why it cannot be compared.
    failed: Option<CompareError>,
    shelf: Option<(usize, Box<dyn Shelf>)>,
    /// Sorted entries that were put on the shelf.
    shelved: Vec<Run>,
    /// What has to be looked at in any case: reversals, and what the ledger is not certain of.
    special: Vec<u32>,
    totals: Totals,
    text: Vec<u8>,
}

/// Where sorted entries wait when memory is short: 16 bytes each, in the order they were given.
pub trait Shelf: Send {
    /// Keeps `entries`, and gives back what will hand them out again.
    ///
    /// # Errors
    /// When there is no room.
    fn put(&mut self, entries: &[u128]) -> io::Result<Run>;
}

/// Entries that come back from a [`Shelf`].
pub type Run = Box<dyn Iterator<Item = io::Result<u128>> + Send>;

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

/// Why sides cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// More movements than can be numbered.
    #[error("there are more than four thousand million lines; compare fewer days at once")]
    TooMany,
    /// What was put on the shelf is gone, or there was no room for it.
    #[error("the space for what does not fit into memory failed")]
    Shelf(#[source] io::Error),
}

impl Side {
    /// An empty side. `seed` keys the hash: both sides of a comparison have the same, and no two comparisons need to.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            entries: Vec::new(),
            sources: Vec::new(),
            end: 0,
            failed: None,
            shelf: None,
            shelved: Vec::new(),
            special: Vec::new(),
            totals: Totals::default(),
            text: Vec::with_capacity(128),
        }
    }

    /// Holds at most about `entries` movements in memory, and puts the rest on `shelf`.
    #[must_use]
    pub fn with_shelf(self, entries: usize, shelf: Box<dyn Shelf>) -> Self {
        let entries = entries.max(ROOM_MIN);
        Self { entries: Vec::with_capacity(entries), shelf: Some((entries, shelf)), ..self }
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
        if let Some((room, _)) = &self.shelf
            && self.entries.len() >= *room
        {
            self.put_away();
        }
    }

    fn put_away(&mut self) {
        self.sort();
        let Some((_, shelf)) = &mut self.shelf else { return };
        match shelf.put(&self.entries) {
            Ok(run) => self.shelved.push(run),
            Err(error) => self.failed = self.failed.take().or(Some(CompareError::Shelf(error))),
        }
        self.entries.clear();
    }

    /// The place `at` of the present source, among all sources.
    fn place(&mut self, at: u32) -> u32 {
        let begin = self.sources.last().map_or(0, |(begin, _)| *begin);
        let place = begin.saturating_add(at);
        if place == u32::MAX {
            self.failed = Some(CompareError::TooMany);
        }
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
/// When there are too many, or a shelf failed.
pub fn compare(statement: &mut [Side], ledger: &mut [Side]) -> Result<Loose, CompareError> {
    let mut loose = Loose::default();
    for side in statement.iter_mut().chain(ledger.iter_mut()) {
        if let Some(error) = side.failed.take() {
            return Err(error);
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
    let (mut rows, mut lines) = (Merge::new(statement)?, Merge::new(ledger)?);
    loop {
        match (rows.least, lines.least) {
            (Some((row, _)), Some((line, _))) if row >> 32 == line >> 32 => {
                rows.advance()?;
                lines.advance()?;
                loose.matched = loose.matched.saturating_add(1);
            }
            (Some((row, _)), Some((line, _))) if row > line => loose.lines.extend(lines.take()?),
            (Some(_), _) => loose.rows.extend(rows.take()?),
            (None, Some(_)) => loose.lines.extend(lines.take()?),
            (None, None) => break,
        }
    }
    drop((rows, lines));
    loose.rows.sort_unstable();
    loose.lines.sort_unstable();
    Ok(loose)
}

/// Below this, what is put on a shelf is not worth the way.
const ROOM_MIN: usize = 1024;

/// The sorted entries of several sides as if they were one.
struct Merge<'a> {
    sides: &'a [Side],
    /// Runs with their first entry, and the side they belong to.
    runs: Vec<(u128, usize, Rest<'a>)>,
    /// The next entry, and which run has it.
    least: Option<(u128, usize)>,
}

/// What is left of a run.
enum Rest<'a> {
    Here(&'a [u128]),
    Shelved(Run),
}

impl<'a> Merge<'a> {
    fn new(sides: &'a mut [Side]) -> Result<Self, CompareError> {
        let shelved: Vec<(usize, Run)> = sides
            .iter_mut()
            .enumerate()
            .flat_map(|(at, side)| std::iter::repeat(at).zip(side.shelved.drain(..)))
            .collect();
        let sides = &*sides;
        let here = sides.iter().enumerate().map(|(at, side)| (at, Rest::Here(&side.entries)));
        let mut merge = Self { sides, runs: Vec::new(), least: None };
        for (side, mut rest) in shelved.into_iter().map(|(at, run)| (at, Rest::Shelved(run))).chain(here) {
            if let Some(first) = rest.next()? {
                merge.runs.push((first, side, rest));
            }
        }
        merge.find_least();
        Ok(merge)
    }

    /// Leaves the next entry behind.
    fn advance(&mut self) -> Result<(), CompareError> {
        let Some((_, at)) = self.least else { return Ok(()) };
        let Some((first, _, rest)) = self.runs.get_mut(at) else { return Ok(()) };
        match rest.next()? {
            Some(next) => *first = next,
            None => drop(self.runs.swap_remove(at)),
        }
        self.find_least();
        Ok(())
    }

    /// Leaves the next entry behind, and tells where it stood.
    fn take(&mut self) -> Result<Option<Place>, CompareError> {
        let Some((entry, at)) = self.least else { return Ok(None) };
        let side = self.runs.get(at).and_then(|(_, side, _)| self.sides.get(*side));
        let place = side.map(|side| side.source(u32::try_from(entry & PLACE).unwrap_or(u32::MAX)));
        self.advance()?;
        Ok(place)
    }

    fn find_least(&mut self) {
        self.least = self.runs.iter().enumerate().map(|(at, (first, ..))| (*first, at)).min();
    }
}

impl Rest<'_> {
    fn next(&mut self) -> Result<Option<u128>, CompareError> {
        match self {
            Self::Here(entries) => Ok(entries.split_off_first().copied()),
            Self::Shelved(run) => run.next().transpose().map_err(CompareError::Shelf),
        }
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
