//! A statement, or a part of one, read line by line: rows to whoever wants them, the rest to the summary's check.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};
use std::ops::ControlFlow;

use super::layout::Layout;
use super::lines::{self, LINE_MAX};
use super::row::{Fault, Row, Splitter};
use super::summary::{Summary, Wholeness, may_be_heading};
use crate::reconcile::moment;
use crate::words::Day;

/// Bad lines that are kept with their reason; of more only the number is known.
const BAD_MAX: usize = 1000;
/// Pairs of merchant numbers that are told apart.
const MERCHANTS_MAX: usize = 4096;

/// What was read of a statement beside its rows.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Lines.
    pub lines: u32,
    /// Rows, those that could not be used too.
    pub rows: u64,
    /// Lines that could not be used, with their number within this part.
    pub bad: Vec<(u32, Fault)>,
    /// How many there were of them.
    pub bad_count: u64,
    /// 商户号 and 特约商户号, as far as there are not thousands.
    pub merchants: BTreeSet<[Vec<u8>; 2]>,
    /// Rows of each day, by its number.
    days: BTreeMap<i64, u64>,
    sums: Vec<i128>,
    /// The line of the first row that can be used.
    first_row: Option<u32>,
    tail: Tail,
    /// A row follows the summary.
    goes_on: bool,
    /// Where every 64th line begins, so that a row is found again without reading everything before it.
    marks: Vec<u64>,
}

/// Every so many lines, as a power of two, there is a mark.
const MARK_BITS: u32 = 6;
const MARK_MASK: u32 = (1 << MARK_BITS) - 1;

/// What of the summary has been seen.
#[derive(Clone, Debug, Default)]
enum Tail {
    /// Nothing.
    #[default]
    Rows,
    /// A line that may be its heading, and its number.
    Heading(u32, Vec<u8>),
    /// All of it, and the number of its last line.
    Summary(u32, Summary),
}

impl Part {
    /// Reads rows to the end of `input`. `each` gets every row that can be used, with the number of its line.
    ///
    /// # Errors
    /// When `input` fails.
    pub fn read(layout: &Layout, input: &mut impl BufRead, each: impl FnMut(u32, &Row<'_>)) -> io::Result<Self> {
        let mut reading = Reading::new(layout, each);
        let lines = lines::each(input, |line| {
            if line.number & MARK_MASK == 0 {
                reading.part.marks.push(line.offset);
            }
            reading.line(line.number, line.text);
            ControlFlow::Continue(())
        })?;
        Ok(reading.end(lines))
    }

    /// Reads only the rows at the lines `wanted`, which are in order, and no further. `input` begins at a mark, and
    /// `first` is the number of the line there.
    ///
    /// # Errors
    /// When `input` fails.
    pub fn pick(
        layout: &Layout,
        input: &mut impl BufRead,
        first: u32,
        wanted: &[u32],
        each: impl FnMut(u32, &Row<'_>),
    ) -> io::Result<()> {
        let mut reading = Reading::new(layout, each);
        let mut wanted = wanted.iter().peekable();
        lines::each(input, |line| {
            let number = line.number.saturating_add(first).saturating_sub(1);
            if wanted.next_if(|it| **it == number).is_some() || reading.short.is_some() {
                reading.line(number, line.text);
            }
            if wanted.peek().is_none() && reading.short.is_none() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    /// The last mark before `line`: the number of the line there, and where it begins, in bytes from the beginning of
    /// this part.
    #[must_use]
    pub fn mark_before(&self, line: u32) -> (u32, u64) {
        let block = line >> MARK_BITS;
        let at = usize::try_from(block).ok().and_then(|block| block.checked_sub(1));
        at.and_then(|at| self.marks.get(at)).map_or((1, 0), |offset| (block << MARK_BITS, *offset))
    }

    /// Puts the part that follows behind this one. A summary can only stand at the end of the last.
    pub fn join(&mut self, next: &Self) {
        let before = self.lines;
        let at = |number: u32| before.saturating_add(number);
        if next.rows > 0 || next.bad_count > 0 {
            self.no_heading();
        }
        if let Some(row) = next.first_row {
            self.row_follows(at(row));
        }
        let after = matches!(self.tail, Tail::Summary(..));
        match &next.tail {
            Tail::Rows => {}
            Tail::Heading(number, _) | Tail::Summary(number, _) if after => {
                self.complain(at(*number), Fault::AfterSummary);
            }
            Tail::Heading(number, line) => {
                self.no_heading();
                self.tail = Tail::Heading(at(*number), line.clone());
            }
            Tail::Summary(number, summary) => {
                self.no_heading();
                self.tail = Tail::Summary(at(*number), summary.clone());
                self.goes_on = next.goes_on;
            }
        }
        let room = BAD_MAX.saturating_sub(self.bad.len());
        let fault = |fault: &Fault| if after { Fault::AfterSummary } else { fault.clone() };
        self.bad.extend(next.bad.iter().map(|(number, it)| (at(*number), fault(it))).take(room));
        self.bad.sort_by_key(|(number, _)| *number);
        self.first_row = self.first_row.or(next.first_row.map(at));
        self.bad_count = self.bad_count.saturating_add(next.bad_count);
        self.lines = self.lines.saturating_add(next.lines);
        self.rows = self.rows.saturating_add(next.rows);
        for (day, rows) in &next.days {
            let count = self.days.entry(*day).or_default();
            *count = count.saturating_add(*rows);
        }
        self.merchants.extend(next.merchants.iter().cloned());
        if self.sums.len() < next.sums.len() {
            self.sums.resize(next.sums.len(), 0);
        }
        for (sum, more) in self.sums.iter_mut().zip(&next.sums) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// Whether the statement is all there, once every part is joined.
    #[must_use]
    pub fn wholeness(&self, layout: &Layout) -> Wholeness {
        match &self.tail {
            Tail::Rows | Tail::Heading(..) => Wholeness::NoSummary,
            Tail::Summary(_, summary) => {
                let told = summary.check(layout, self.rows, &self.sums);
                if told == Wholeness::Whole && self.goes_on { Wholeness::GoesOn } else { told }
            }
        }
    }

    /// Whether lines were there and not one can be used, as after a spreadsheet has saved the file.
    #[must_use]
    pub fn is_useless(&self, layout: &Layout) -> bool {
        self.days.is_empty() && self.bad_count > 0 && self.wholeness(layout) != Wholeness::Whole
    }

    /// The day most rows are of; the earlier of two with as many. A statement without rows does not say.
    #[must_use]
    pub fn own_day(&self) -> Option<Day> {
        let most = self.days.values().max()?;
        self.days.iter().find(|(_, rows)| *rows == most).map(|(day, _)| moment::day(*day))
    }

    /// The days its rows are of, with their number.
    pub fn days(&self) -> impl Iterator<Item = (Day, u64)> + '_ {
        self.days.iter().map(|(day, rows)| (moment::day(*day), *rows))
    }

    /// What was taken for the summary's heading was none: other lines follow it.
    fn no_heading(&mut self) {
        if let Tail::Heading(number, _) = self.tail {
            self.tail = Tail::Rows;
            self.complain(number, Fault::Stray);
        }
    }

    /// The line `number` is a row. A summary before it stays: its figures show what was added.
    fn row_follows(&mut self, number: u32) {
        self.no_heading();
        if matches!(self.tail, Tail::Summary(..)) && !self.goes_on {
            self.goes_on = true;
            self.complain(number, Fault::AfterSummary);
        }
    }

    fn complain(&mut self, line: u32, fault: Fault) {
        self.bad_count = self.bad_count.saturating_add(1);
        if self.bad.len() < BAD_MAX {
            self.bad.push((line, fault));
        }
    }
}

/// Lines on their way to rows.
struct Reading<'a, F> {
    layout: &'a Layout,
    each: F,
    part: Part,
    splitter: Splitter,
    /// A row with too few fields: its product's name may hold a line end.
    short: Option<(u32, Vec<u8>)>,
    /// Merchant numbers of the last row.
    merchants: [Vec<u8>; 2],
    /// The last row's day, and how many in a row were of it.
    run: (i64, u64),
}

impl<'a, F: FnMut(u32, &Row<'_>)> Reading<'a, F> {
    fn new(layout: &'a Layout, each: F) -> Self {
        Self {
            layout,
            each,
            part: Part { sums: vec![0; layout.money.len()], ..Part::default() },
            splitter: Splitter::default(),
            short: None,
            merchants: [Vec::new(), Vec::new()],
            run: (0, 0),
        }
    }

    fn line(&mut self, number: u32, line: &[u8]) {
        if self.short.is_some() && self.goes_on(line) {
            return;
        }
        if line.is_empty() {
            return;
        }
        if line.starts_with(b"`") {
            if let Tail::Heading(_, heading) = &self.part.tail
                && let Some(summary) = Summary::read(heading, line)
            {
                self.part.tail = Tail::Summary(number, summary);
                return;
            }
            self.data(number, line);
        } else if may_be_heading(line) && !matches!(self.part.tail, Tail::Summary(..)) {
            self.part.no_heading();
            self.part.tail = Tail::Heading(number, line.to_vec());
        } else {
            self.bad(number, Fault::Stray);
        }
    }

    /// Whether `line` is more of the short row before it. Otherwise that row is bad.
    fn goes_on(&mut self, line: &[u8]) -> bool {
        let Some((number, mut text)) = self.short.take() else { return false };
        let begins_anew = line.starts_with(b"`") || may_be_heading(line);
        let too_long = text.len().saturating_add(line.len()) > LINE_MAX;
        if begins_anew || too_long {
            let fault = self.splitter.split(&text, self.layout).err().unwrap_or(Fault::Stray);
            self.row_is_bad(number, fault);
            return false;
        }
        text.push(b'\n');
        text.extend_from_slice(line);
        self.data(number, &text);
        true
    }

    fn data(&mut self, number: u32, line: &[u8]) {
        match self.splitter.split(line, self.layout) {
            Err(Fault::Fields { found, wanted }) if found < wanted && line.len() <= LINE_MAX => {
                self.short = Some((number, line.to_vec()));
            }
            Err(fault) => {
                let fault = if line.len() > LINE_MAX { Fault::TooLong } else { fault };
                self.row_is_bad(number, fault);
            }
            Ok(()) => self.whole_row(number, line),
        }
    }

    fn whole_row(&mut self, number: u32, line: &[u8]) {
        self.part.no_heading();
        let summed = self.splitter.sum_up(line, self.layout, &mut self.part.sums);
        match summed.and_then(|()| self.splitter.row(line, self.layout)) {
            Ok(row) => {
                self.part.rows = self.part.rows.saturating_add(1);
                self.part.first_row.get_or_insert(number);
                self.part.row_follows(number);
                if self.merchants != row.merchants {
                    self.merchants = row.merchants.map(<[u8]>::to_vec);
                    if self.part.merchants.len() < MERCHANTS_MAX {
                        self.part.merchants.insert(self.merchants.clone());
                    }
                }
                self.count_day(moment::day_number(row.at));
                (self.each)(number, &row);
            }
            Err(fault) => self.row_is_bad(number, fault),
        }
    }

    fn count_day(&mut self, day: i64) {
        if day != self.run.0 {
            self.keep_run();
            self.run = (day, 0);
        }
        self.run.1 = self.run.1.saturating_add(1);
    }

    fn keep_run(&mut self) {
        let (day, rows) = self.run;
        if rows > 0 {
            let count = self.part.days.entry(day).or_default();
            *count = count.saturating_add(rows);
        }
    }

    fn row_is_bad(&mut self, number: u32, fault: Fault) {
        self.part.rows = self.part.rows.saturating_add(1);
        self.bad(number, fault);
    }

    fn bad(&mut self, number: u32, fault: Fault) {
        let after = matches!(self.part.tail, Tail::Summary(..));
        self.part.complain(number, if after { Fault::AfterSummary } else { fault });
    }

    fn end(mut self, lines: u32) -> Part {
        if let Some((number, text)) = self.short.take() {
            let fault = self.splitter.split(&text, self.layout).err().unwrap_or(Fault::Stray);
            self.row_is_bad(number, fault);
        }
        self.keep_run();
        self.part.lines = lines;
        self.part
    }
}
