//! `[[display]] kind = "console"`: each scene as a picture on standard output, for a terminal window or a test.

use std::io::Write as _;
use std::os::fd::BorrowedFd;

use rustix::event::PollFlags;

use super::glass::{Fault, Glass, State};
use crate::scene::line::Size;
use crate::words::LaneId;

/// Standard output.
pub(super) struct Console {
    lane: LaneId,
    last: Vec<String>,
}

impl Console {
    pub(super) fn new(lane: &LaneId) -> Self {
        Self { lane: lane.clone(), last: Vec::new() }
    }
}

impl Glass for Console {
    /// All languages at once: a log in which they take turns would never end.
    fn size(&self) -> Size {
        Size { columns: Size::USUAL.columns, rows: ROWS }
    }

    /// Draws a picture below the last one, unless it is the same.
    fn show(&mut self, rows: &[String], _whole: bool) -> Result<(), Fault> {
        if self.last == rows {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        let picture = picture(rows, Size::USUAL.columns);
        write!(out, "lane {}\n{picture}", self.lane)
            .and_then(|()| out.flush())
            .map_err(|error| Fault::new(State::Gone, format!("nobody reads the console display any more: {error}")))?;
        self.last = rows.to_vec();
        Ok(())
    }

    fn brightness(&mut self, _level: u8) -> Result<(), Fault> {
        Ok(())
    }

    fn watched(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        None
    }

    fn hear(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn leave(mut self: Box<Self>, rows: &[String]) {
        // Whoever looked may be gone already.
        self.show(rows, false).ok();
    }
}

/// Rows in a frame, without those that are blank.
pub(crate) fn picture(rows: &[String], columns: usize) -> String {
    let edge = "─".repeat(columns);
    let mut out = format!("┌{edge}┐\n");
    for row in rows.iter().filter(|row| !row.trim().is_empty()) {
        out.push_str(&format!("│{row}│\n"));
    }
    out + &format!("└{edge}┘\n")
}

/// Two lines in each of three languages, and an amount.
const ROWS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_what_stands_on_the_glass() {
        let rows = ["請出示付款碼        ", "                    ", "           HKD 88.00"].map(str::to_owned);
        let edge = "─".repeat(20);
        assert_eq!(picture(&rows, 20), format!("┌{edge}┐\n│請出示付款碼        │\n│           HKD 88.00│\n└{edge}┘\n"));
    }
}
