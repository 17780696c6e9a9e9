//! From files and ledgers to the report.

use std::path::PathBuf;

use super::files::StatementFile;
use super::work::{Meter, Piece, PieceRead, Work};
use crate::cli::exit::BadData;
use crate::reconcile::statement::{Part, Wholeness};
use crate::reconcile::{Book, Days, Evidence, LISTED_MAX, LedgerRead, Report, StatementRead, compare, explain};
use crate::words::Day;

/// Seeds that are tried: that two fingerprints are equal by chance does not happen twice.
const SEEDS: u32 = 3;
/// So many parts for each thread keep all of them busy to the end.
const PARTS_PER_THREAD: usize = 8;

/// Bad lines that are named when a statement is refused.
const BAD_TOLD: usize = 5;
/// The same where all of them are bad, mostly for the same reason.
const USELESS_TOLD: usize = 3;

/// What is to be compared, and how.
#[derive(Debug)]
pub struct Job {
    /// The statements' files.
    pub statements: Vec<PathBuf>,
    /// The day that is compared; `None` for those of the statements.
    pub day: Option<Day>,
    /// A statement that is not all there is compared as far as it goes.
    pub partial: bool,
    /// Threads that read.
    pub threads: usize,
    /// About how much memory may be used, in MiB; `None` for as much as it takes, about 35 MiB a million movements.
    pub memory_mib: Option<u32>,
}

impl Job {
    /// Compares. `ledgers` describe `books`, in the same order; `seed` draws a number that nobody can guess; `tick` is
    /// called now and then.
    ///
    /// # Errors
    /// When a file or a ledger cannot be read, is not what it should be, or is not all there.
    pub fn run<B>(
        &self,
        ledgers: Vec<LedgerRead>,
        mut books: Vec<B>,
        seed: &mut dyn FnMut() -> u64,
        tick: &mut dyn FnMut(&Meter),
    ) -> anyhow::Result<Report>
    where
        B: Book + Send,
        B::Error: Into<anyhow::Error>,
    {
        let files: Vec<StatementFile> =
            self.statements.iter().map(|path| StatementFile::open(path)).collect::<Result<_, _>>()?;
        let pieces = pieces(&files, self.threads)?;
        let mut own: Vec<Option<Day>> = files.iter().map(|file| self.day.or(file.day)).collect();
        for _ in 0..SEEDS {
            let days = days(&files, &own)?;
            let size = files.iter().map(|file| file.size).fold(0, u64::saturating_add);
            let meter = Meter { size, ..Meter::default() };
            let work = Work {
                files: &files,
                pieces: &pieces,
                days: &days,
                only: self.day,
                threads: self.threads,
                room: self.memory_mib.map(room),
                meter: &meter,
            };
            let mut scanned = work.scan(books, seed(), tick)?;
            let read = self.read(&files, &pieces, &mut scanned.parts)?;
            let found: Vec<Option<Day>> = read.iter().map(|(it, _)| self.day.or(it.day)).collect();
            if found != own {
                // The first rows were of another day than most of them.
                own = found;
                books = scanned.books;
                continue;
            }
            if let Some(day) = self.day
                && read.iter().all(|(it, _)| it.day != Some(day))
            {
                return Err(
                    BadData(format!("no row of the statements is of {day}; leave --day out, or name theirs")).into()
                );
            }
            no_day_twice(&read)?;
            let loose = compare(&mut scanned.rows, &mut scanned.lines)?;
            // The fingerprints are not needed any more, their memory is.
            (scanned.rows, scanned.lines) = (Vec::new(), Vec::new());
            let many = loose.rows.len().max(loose.lines.len()) > LISTED_MAX;
            // Which differences are listed, and which are only counted, must not depend on which thread was quicker.
            let work = Work { threads: if many { 1 } else { self.threads }, ..work };
            let mut evidence = Evidence::new(days.clone(), loose.clone());
            books = work.fetch(scanned.books, &loose, &scanned.parts, &mut evidence, tick)?;
            if !evidence.agrees() {
                continue;
            }
            for (at, (_, part)) in read.iter().enumerate() {
                // The header is line 1, and no part's.
                let line = |line: u32| u64::from(line).saturating_add(1);
                evidence.bad.extend(part.bad.iter().map(|(at_line, fault)| (at, line(*at_line), fault.clone())));
            }
            evidence.terminals = ledgers.iter().map(|it| it.terminal.clone()).collect();
            evidence.ledgers = ledgers.iter().map(|it| it.name.clone()).collect();
            let mut report = explain(evidence, &books).map_err(Into::into)?;
            report.statements = read.into_iter().map(|(it, _)| it).collect();
            report.ledgers = ledgers;
            return Ok(report);
        }
        Err(BadData("the statements changed while they were read; try again".to_owned()).into())
    }

    /// Puts the parts of each statement together, and refuses one that is not all there.
    fn read(
        &self,
        files: &[StatementFile],
        pieces: &[Piece],
        parts: &mut [PieceRead],
    ) -> anyhow::Result<Vec<(StatementRead, Part)>> {
        let mut read = Vec::with_capacity(files.len());
        for (at, file) in files.iter().enumerate() {
            let mut whole = Part::default();
            let mut left_out: u64 = 0;
            for (_, it) in pieces.iter().zip(&mut *parts).filter(|(piece, _)| piece.file == at) {
                left_out = left_out.saturating_add(it.left_out);
                // The header is the line before the first part.
                it.lines_before = u64::from(whole.lines).saturating_add(1);
                whole.join(&it.part);
            }
            let wholeness = file.layout.as_ref().map_or(Wholeness::Whole, |layout| whole.wholeness(layout));
            if file.layout.as_ref().is_some_and(|layout| whole.is_useless(layout)) {
                return Err(useless(file, &whole).into());
            }
            if !self.partial {
                refuse(file, &wholeness, &whole)?;
            }
            let usable = whole.days().map(|(_, rows)| rows).fold(0, u64::saturating_add);
            let elsewhere = self.day.is_some() && left_out > 0 && left_out == usable;
            let day = if elsewhere { whole.own_day() } else { self.day.or_else(|| whole.own_day()).or(file.day) };
            let told = StatementRead {
                name: file.name.clone(),
                kind: file.layout.as_ref().map(|layout| layout.kind),
                day,
                rows: whole.rows,
                left_out,
                bad: whole.bad_count,
                wholeness,
            };
            read.push((told, whole));
        }
        Ok(read)
    }
}

/// How many fingerprints of 16 bytes fit, beside everything else a process needs.
fn room(memory_mib: u32) -> usize {
    let bytes = u64::from(memory_mib).saturating_sub(OWN_MIB).saturating_mul(1024 * 1024);
    usize::try_from(bytes.checked_div(16).unwrap_or(0)).unwrap_or(usize::MAX)
}

/// What the process needs beside fingerprints: itself, buffers, SQLite's cache, and some ten thousand differences that are
/// looked at one by one.
const OWN_MIB: u64 = 40;

fn pieces(files: &[StatementFile], threads: usize) -> anyhow::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let wanted = u64::try_from(threads.saturating_mul(PARTS_PER_THREAD))?;
    for (at, file) in files.iter().enumerate() {
        let stretches = file.stretches(if threads > 1 { wanted } else { 1 })?;
        pieces.extend(stretches.into_iter().map(|stretch| Piece { file: at, stretch }));
    }
    Ok(pieces)
}

fn days(files: &[StatementFile], own: &[Option<Day>]) -> Result<Days, BadData> {
    let mut days = Days::default();
    for (file, day) in files.iter().zip(own) {
        let day = day.ok_or_else(|| silent(file))?;
        days.add(day, file.kind().tells_payments(), file.kind().tells_refunds());
    }
    Ok(days)
}

/// What is said of a statement that does not tell its day.
fn silent(file: &StatementFile) -> BadData {
    match &file.layout {
        Some(layout) if file.sample.is_useless(layout) => useless(file, &file.sample),
        Some(_) | None => {
            let why = match bad_lines(&file.sample, USELESS_TOLD).as_slice() {
                [] => String::new(),
                told => format!(" ({})", told.join("; ")),
            };
            BadData(format!("the statement {} has no row that tells its day{why}; name it with --day", file.name))
        }
    }
}

/// Nothing of it can be compared, with --partial or without.
fn useless(file: &StatementFile, read: &Part) -> BadData {
    BadData(format!(
        "the statement {}: not one line of it can be used ({}); a spreadsheet may have saved it: use the file as it was \
         downloaded",
        file.name,
        bad_lines(read, USELESS_TOLD).join("; ")
    ))
}

/// The first lines that could not be used, and why.
fn bad_lines(read: &Part, count: usize) -> Vec<String> {
    // The header is line 1.
    read.bad.iter().take(count).map(|(line, fault)| format!("line {}: {fault}", line.saturating_add(1))).collect()
}

fn refuse(file: &StatementFile, wholeness: &Wholeness, whole: &Part) -> Result<(), BadData> {
    let mut why = match wholeness {
        Wholeness::Whole => return Ok(()),
        Wholeness::GoesOn => "its summary is not its end".to_owned(),
        Wholeness::NoSummary => "its last lines, the summary, are missing".to_owned(),
        Wholeness::Altered(wrong) => {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            format!("its rows do not add up to its summary ({})", wrong.join("; "))
        }
    };
    let mut more = whole.bad_count;
    for told in bad_lines(whole, BAD_TOLD) {
        why.push_str(&format!("; {told}"));
        more = more.saturating_sub(1);
    }
    if more > 0 {
        why.push_str(&format!("; and {more} more lines"));
    }
    Err(BadData(format!(
        "the statement {} is not all there, or was altered: {why}; download it again, or compare what there is with --partial",
        file.name
    )))
}

/// Two statements that tell of the same payments, or refunds, of the same merchant and day would list each twice.
fn no_day_twice(read: &[(StatementRead, Part)]) -> Result<(), BadData> {
    for (at, (one, part)) in read.iter().enumerate() {
        for (other, other_part) in read.iter().skip(at.saturating_add(1)) {
            let (Some(kind), Some(other_kind)) = (one.kind, other.kind) else { continue };
            let payments = kind.tells_payments() && other_kind.tells_payments();
            let refunds = kind.tells_refunds() && other_kind.tells_refunds();
            let same = one.day == other.day && !part.merchants.is_disjoint(&other_part.merchants);
            if same && (payments || refunds) {
                let day = one.day.map(|day| day.to_string()).unwrap_or_default();
                return Err(BadData(format!(
                    "{} and {} both tell of {day}; give only one of them",
                    one.name, other.name
                )));
            }
        }
    }
    Ok(())
}
