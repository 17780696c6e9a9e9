use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use super::super::{Aim, Candidate};
use super::layout::{Layout, Part, Sorted};
use crate::words::Tick;

/// Makes scans of a HID POS scanner's reports.
///
/// A scan that found no room in one report goes on in the next of the same id, and nothing in a report says whether it
/// begins a scan or goes on with one. So a chain of reports is followed to its end even when it was given up: after a
/// chain that broke (a malformed report, a report of another id in between, 500 ms of silence, a drain) everything up
/// to and including the next report of that id that ends a scan is thrown away. This may cost one whole scan, and never
/// lets the rest of one pass for a scan. While such an end is missing, a report of another id counts only after 500 ms
/// of silence.
///
/// Where reports have no mark for going on, a full one is taken for one that does: it and what follows it, up to one
/// that is not full or to 500 ms of silence, go.
///
/// It takes the first report after [`new`](Self::new) for the beginning of a scan. A reader that opens a device throws
/// away what is waiting, by pushing it and then [clearing](Self::clear).
pub struct HidReports {
    layout: Layout,
    prefix: Vec<u8>,
    /// The scan so far. Its capacity never grows, so that no copy is left behind unwiped.
    held: Zeroizing<Vec<u8>>,
    chain: Option<Chain>,
    /// The ids of chains that were given up before their end.
    given_up: BTreeSet<u8>,
    last: Tick,
    malformed: u64,
}

/// A scan whose end has not come.
#[derive(Clone, Copy)]
struct Chain {
    id: u8,
    reports: usize,
    aim: Option<Aim>,
}

impl HidReports {
    /// An assembler before its first report. `prefix` is what the scanner was told to send in front of every scan.
    #[must_use]
    pub fn new(layout: Layout, prefix: &[u8]) -> Self {
        Self {
            layout,
            prefix: prefix.to_vec(),
            held: Zeroizing::new(Vec::with_capacity(TEXT_MAX)),
            chain: None,
            given_up: BTreeSet::new(),
            last: Tick::default(),
            malformed: 0,
        }
    }

    /// Takes what one read of the device gave at `at`; its first byte is the report's id where the device uses ids.
    /// Gives the scan that it completes. An empty scan is none.
    pub fn push(&mut self, report: &[u8], at: Tick) -> Option<Candidate> {
        self.expire(at);
        let silent = at.since(self.last) >= SILENCE;
        self.last = at;
        match self.layout.sort(report) {
            Sorted::Part(id, part) => self.take(id, part, report, silent),
            Sorted::NotOurs => {
                self.break_off();
                None
            }
            Sorted::WrongSize(id) => {
                self.lose([id]);
                None
            }
            Sorted::Unknown => {
                self.lose(self.layout.ids().collect::<Vec<_>>());
                None
            }
        }
    }

    /// Hears that nothing came until `now`, and that nothing waits to be read.
    pub fn idle(&mut self, now: Tick) {
        self.expire(now);
        if now.since(self.last) >= SILENCE {
            self.given_up.retain(|id| self.layout.marks_the_end(*id));
        }
    }

    /// Throws away what has come so far. If that was the beginning of a scan, the rest of it goes too.
    pub fn clear(&mut self) {
        self.held.zeroize();
        if let Some(chain) = self.chain.take() {
            self.given_up.insert(chain.id);
        }
    }

    /// How many reports and scans were thrown away because they made no sense. It grows with every scan where a
    /// scanner does not keep to its own descriptor.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    fn take(&mut self, id: u8, part: Part, report: &[u8], silent: bool) -> Option<Candidate> {
        if self.chain.is_some_and(|chain| chain.id != id) {
            self.break_off();
        }
        let in_doubt = self.chain.is_none() && !silent && !self.given_up.is_empty();
        if in_doubt || self.given_up.contains(&id) {
            self.follow(id, part.more);
            return None;
        }
        let chain = self.chain.take().unwrap_or(Chain { id, reports: 0, aim: part.aim });
        let reports = chain.reports.saturating_add(1);
        let fits = reports <= REPORTS_MAX && self.held.len().saturating_add(part.length) <= TEXT_MAX;
        let same = part.aim.is_none() || part.aim == chain.aim;
        if !(part.sound && fits && same) {
            self.malformed = self.malformed.saturating_add(1);
            self.held.zeroize();
            self.follow(id, part.more);
            return None;
        }
        self.held.extend(self.layout.text(id, &part, report));
        if part.more {
            self.chain = Some(Chain { reports, ..chain });
            return None;
        }
        let scan = self.candidate(chain.aim);
        self.held.zeroize();
        scan
    }

    /// What was collected, without the line end that some scanners keep inside the data.
    fn candidate(&self, aim: Option<Aim>) -> Option<Candidate> {
        let mut text = self.held.as_slice();
        while let [rest @ .., b'\r' | b'\n'] = text {
            text = rest;
        }
        (!text.is_empty()).then(|| Candidate::prefixed(text, &self.prefix, aim, self.last))
    }

    /// Lets a report of a scan go by of which nothing is wanted.
    fn follow(&mut self, id: u8, more: bool) {
        if more {
            self.given_up.insert(id);
        } else {
            self.given_up.remove(&id);
        }
    }

    /// Gives up after a report that may have been part of a chain of any of `ids`.
    fn lose(&mut self, ids: impl IntoIterator<Item = u8>) {
        self.clear();
        self.given_up.extend(ids);
        self.malformed = self.malformed.saturating_add(1);
    }

    /// Gives up what was collected, if its rest is overdue.
    fn expire(&mut self, now: Tick) {
        if now.since(self.last) >= SILENCE {
            self.break_off();
        }
    }

    fn break_off(&mut self) {
        if self.chain.is_some() {
            self.malformed = self.malformed.saturating_add(1);
            self.clear();
        }
    }
}

impl fmt::Debug for HidReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HidReports({} characters held, {} malformed)", self.held.len(), self.malformed)
    }
}

/// The rest of a scan follows its beginning within some milliseconds.
const SILENCE: Duration = Duration::from_millis(500);

/// Reports of one scan. A payment code fits in one.
const REPORTS_MAX: usize = 4;

/// The longest scan, in characters.
const TEXT_MAX: usize = 256;

#[cfg(test)]
#[path = "reports_tests.rs"]
#[expect(clippy::arithmetic_side_effects, reason = "a test counts small numbers")]
mod tests;
