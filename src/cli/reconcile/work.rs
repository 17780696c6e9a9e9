//! The comparison of files, on as many threads as there are: pass one makes fingerprints, pass two reads what is loose.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::files::{StatementFile, Stretch};
use super::shelf::Nameless;
use crate::reconcile::statement::{Layout, Part, StatementRow};
use crate::reconcile::{Book, Days, Evidence, LedgerLine, Loose, Side};
use crate::words::Day;

/// How often somebody is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Results on their way to the one who collects them.
const ON_THE_WAY: usize = 16;
/// Rows or lines of one result.
const PILE: usize = 512;

/// How far it is.
#[derive(Debug, Default)]
pub struct Meter {
    /// Rows of statements.
    pub rows: AtomicU64,
    /// Lines of ledgers.
    pub lines: AtomicU64,
}

/// A part of one of the statements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) file: usize,
    pub(super) stretch: Stretch,
}

/// What both passes need to know.
pub(super) struct Work<'a> {
    pub(super) files: &'a [StatementFile],
    pub(super) pieces: &'a [Piece],
    pub(super) days: &'a Days,
    /// Only rows of this day count.
    pub(super) only: Option<Day>,
    pub(super) threads: usize,
    /// Fingerprints that may be in memory at once.
    pub(super) room: Option<usize>,
    pub(super) meter: &'a Meter,
}

/// A piece that was read.
#[derive(Debug, Default)]
pub(super) struct PieceRead {
    /// What it was beside its rows.
    pub(super) part: Part,
    /// Rows of other days.
    pub(super) left_out: u64,
    /// Lines of the file before it.
    pub(super) lines_before: u64,
}

/// What pass one made of everything.
pub(super) struct Scanned<B> {
    pub(super) parts: Vec<PieceRead>,
    pub(super) books: Vec<B>,
    pub(super) rows: Vec<Side>,
    pub(super) lines: Vec<Side>,
}

enum Scan<B> {
    Piece(usize),
    Book(usize, B),
}

enum Told<B> {
    Piece(usize, PieceRead),
    Book(usize, B),
    Sides(Box<(Side, Side)>),
    Rows(Vec<StatementRow>),
    Lines(usize, Vec<LedgerLine>),
    Failed(anyhow::Error),
}

impl Work<'_> {
    /// Pass one: reads everything, and keeps fingerprints.
    pub(super) fn scan<B>(&self, books: Vec<B>, seed: u64, tick: &mut dyn FnMut(&Meter)) -> anyhow::Result<Scanned<B>>
    where
        B: Book + Send,
        B::Error: Into<anyhow::Error>,
    {
        let mut queue: VecDeque<Scan<B>> = books.into_iter().enumerate().map(|(at, it)| Scan::Book(at, it)).collect();
        queue.extend((0..self.pieces.len()).map(Scan::Piece));
        let mut scanned = Scanned { parts: Vec::new(), books: Vec::new(), rows: Vec::new(), lines: Vec::new() };
        let (mut parts, mut books) = (Vec::new(), Vec::new());
        self.share(
            queue,
            |next, say| {
                let mut sides = Box::new((self.side(seed), self.side(seed)));
                while let Some(task) = next() {
                    match task {
                        Scan::Piece(at) => {
                            say(Told::Piece(at, self.read_piece(at, &mut sides.0)?));
                        }
                        Scan::Book(at, book) => {
                            self.read_book(at, &book, &mut sides.1).map_err(Into::into)?;
                            say(Told::Book(at, book));
                        }
                    }
                }
                sides.0.sort();
                sides.1.sort();
                say(Told::Sides(sides));
                Ok(())
            },
            &mut |told| match told {
                Told::Piece(at, read) => parts.push((at, read)),
                Told::Book(at, book) => books.push((at, book)),
                Told::Sides(sides) => {
                    scanned.rows.push(sides.0);
                    scanned.lines.push(sides.1);
                }
                Told::Rows(_) | Told::Lines(..) | Told::Failed(_) => {}
            },
            tick,
        )?;
        scanned.parts = in_order(parts);
        scanned.books = in_order(books);
        Ok(scanned)
    }

    /// Pass two: reads what is loose once more, for keeps. `parts` are what pass one made of the pieces.
    pub(super) fn fetch<B>(
        &self,
        books: Vec<B>,
        loose: &Loose,
        parts: &[PieceRead],
        evidence: &mut Evidence,
        tick: &mut dyn FnMut(&Meter),
    ) -> anyhow::Result<Vec<B>>
    where
        B: Book + Send,
        B::Error: Into<anyhow::Error>,
    {
        let mut queue: VecDeque<Scan<B>> = books.into_iter().enumerate().map(|(at, it)| Scan::Book(at, it)).collect();
        queue.extend((0..self.pieces.len()).map(Scan::Piece));
        let mut books = Vec::new();
        self.share(
            queue,
            |next, say| {
                while let Some(task) = next() {
                    match task {
                        Scan::Piece(at) => {
                            self.pick_rows(at, parts.get(at), &of_source(&loose.rows, at), say)?;
                        }
                        Scan::Book(at, book) => {
                            let places = of_source(&loose.lines, at);
                            if !places.is_empty() {
                                let mut pile = Pile::new(|lines| say(Told::Lines(at, lines)));
                                book.at(self.days, &places, &mut |line| pile.put(line)).map_err(Into::into)?;
                                pile.send();
                            }
                            say(Told::Book(at, book));
                        }
                    }
                }
                Ok(())
            },
            &mut |told| match told {
                Told::Rows(rows) => rows.into_iter().for_each(|row| evidence.row(row)),
                Told::Lines(ledger, lines) => lines.into_iter().for_each(|line| evidence.line(ledger, line)),
                Told::Book(at, book) => books.push((at, book)),
                Told::Piece(..) | Told::Sides(_) | Told::Failed(_) => {}
            },
            tick,
        )?;
        Ok(in_order(books))
    }

    /// An empty side for one thread, with its part of the memory.
    fn side(&self, seed: u64) -> Side {
        let side = Side::new(seed);
        match self.room {
            // Every thread has two: one for rows, one for lines.
            Some(room) => {
                let share = room.checked_div(self.threads.max(1).saturating_mul(2)).unwrap_or(room);
                side.with_shelf(share, Box::new(Nameless))
            }
            None => side,
        }
    }

    fn read_piece(&self, at: usize, side: &mut Side) -> anyhow::Result<PieceRead> {
        let Some((file, piece, layout)) = self.piece(at) else { return Ok(PieceRead::default()) };
        side.begin(u32::try_from(at)?);
        let mut input = file.part(piece.stretch).map_err(|error| failed(file, error))?;
        let only = self.only.map(|day| (day.begin(), day.end()));
        let mut left_out: u64 = 0;
        let part = Part::read(layout, &mut input, |line, row| {
            if only.is_none_or(|(from, to)| from <= row.at && row.at < to) {
                side.row(line, row);
            } else {
                left_out = left_out.saturating_add(1);
            }
            if line.is_multiple_of(4096) {
                self.meter.rows.fetch_add(4096, Ordering::Relaxed);
            }
        });
        Ok(PieceRead { part: part.map_err(|error| failed(file, error))?, left_out, lines_before: 0 })
    }

    fn read_book<B: Book>(&self, at: usize, book: &B, side: &mut Side) -> Result<(), B::Error> {
        side.begin(u32::try_from(at).unwrap_or(u32::MAX));
        let mut nth: u32 = 0;
        book.moved(self.days, &mut |line| {
            side.line(nth, line);
            nth = nth.saturating_add(1);
            if nth.is_multiple_of(1024) {
                self.meter.lines.fetch_add(1024, Ordering::Relaxed);
            }
        })
    }

    fn pick_rows<B>(
        &self,
        at: usize,
        read: Option<&PieceRead>,
        wanted: &[u32],
        say: &dyn Fn(Told<B>),
    ) -> anyhow::Result<()> {
        let (Some((file, piece, _)), Some(read)) = (self.piece(at), read) else { return Ok(()) };
        if wanted.is_empty() {
            return Ok(());
        }
        let mut pile = Pile::new(|rows| say(Told::Rows(rows)));
        let picked = file.pick(piece.stretch, &read.part, wanted, |line, row| {
            pile.put(row.kept(piece.file, read.lines_before.saturating_add(u64::from(line))));
        });
        pile.send();
        picked.map_err(|error| failed(file, error))
    }

    fn piece(&self, at: usize) -> Option<(&StatementFile, &Piece, &Layout)> {
        let piece = self.pieces.get(at)?;
        let file = self.files.get(piece.file)?;
        Some((file, piece, file.layout.as_ref()?))
    }

    /// Lets threads take tasks from the queue until it is empty or one of them failed, and hands what they tell to
    /// `hear`, on this thread.
    fn share<B: Send>(
        &self,
        queue: VecDeque<Scan<B>>,
        work: impl Fn(&dyn Fn() -> Option<Scan<B>>, &dyn Fn(Told<B>)) -> anyhow::Result<()> + Sync,
        hear: &mut dyn FnMut(Told<B>),
        tick: &mut dyn FnMut(&Meter),
    ) -> anyhow::Result<()> {
        let (queue, stop) = (Mutex::new(queue), AtomicBool::new(false));
        let next = || {
            let task = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            task.filter(|_| !stop.load(Ordering::Relaxed))
        };
        std::thread::scope(|scope| {
            let (teller, told) = mpsc::sync_channel(ON_THE_WAY);
            for _ in 0..self.threads.max(1) {
                let teller: SyncSender<Told<B>> = teller.clone();
                let (work, next) = (&work, &next);
                scope.spawn(move || {
                    // Nobody listens only after a failure, and then nothing matters any more.
                    let say = |told| drop(teller.send(told));
                    if let Err(error) = work(next, &say) {
                        say(Told::Failed(error));
                    }
                });
            }
            drop(teller);
            loop {
                match told.recv_timeout(TELL_EVERY) {
                    Ok(Told::Failed(error)) => {
                        stop.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                    Ok(told) => hear(told),
                    Err(RecvTimeoutError::Timeout) => tick(self.meter),
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        })
    }
}

/// Sends many at once: a message for each would cost more than what it says.
struct Pile<T, F: Fn(Vec<T>)> {
    kept: Vec<T>,
    send: F,
}

impl<T, F: Fn(Vec<T>)> Pile<T, F> {
    fn new(send: F) -> Self {
        Self { kept: Vec::new(), send }
    }

    fn put(&mut self, it: T) {
        self.kept.push(it);
        if self.kept.len() >= PILE {
            self.send();
        }
    }

    fn send(&mut self) {
        (self.send)(std::mem::take(&mut self.kept));
    }
}

/// The places of one source, in order.
fn of_source(places: &[(u32, u32)], source: usize) -> Vec<u32> {
    let source = u32::try_from(source).unwrap_or(u32::MAX);
    let from = places.partition_point(|(it, _)| *it < source);
    let rest = places.get(from..).unwrap_or_default();
    rest.iter().take_while(|(it, _)| *it == source).map(|(_, place)| *place).collect()
}

fn in_order<T>(mut told: Vec<(usize, T)>) -> Vec<T> {
    told.sort_by_key(|(at, _)| *at);
    told.into_iter().map(|(_, it)| it).collect()
}

fn failed(file: &StatementFile, error: io::Error) -> anyhow::Error {
    anyhow::Error::from(error).context(format!("the statement {}", file.name))
}
