//! What the date says while the daemon runs: whether the clock can be right, and whether the merchant's certificate is
//! good today. Looked at every minute: a board without a battery starts in 1970 until somebody tells it the time, and a
//! certificate ends in the middle of a day.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::certificate;
use crate::config::{Config, GatewayApi};
use crate::dialect::Paper;
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, CertificateFault};
use crate::ledger::Reader;
use crate::words::{Now, Tick, WallTime};

/// No terminal of this version is older: 2026-11-01.
const BUILT: WallTime = WallTime::from_millis(1_793_491_200_000);
/// A ledger may have been written by a clock so much ahead.
const CLOCK_SLACK: Duration = Duration::from_secs(120);
/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(60);
/// How often the log repeats what a person has to change.
const REPEAT: Duration = Duration::from_secs(24 * 3600);

/// What is looked at, and what was said of it.
pub(super) struct Calendar {
    /// The newest time in the ledger when the process began. What this process writes itself proves nothing about its own
    /// clock.
    newest: WallTime,
    paper: Option<Paper>,
    /// The key of the configuration that names the certificate.
    names_paper: &'static str,
    wrong: bool,
    told: Option<(CertificateFault, Tick)>,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// The clock cannot be right.
    pub(super) wrong_clock: bool,
    /// What is wrong with the merchant's certificate today.
    pub(super) certificate: Option<CertificateFault>,
}

impl Calendar {
    /// For this configuration and what its ledger holds now.
    pub(super) fn of(config: &Config) -> Self {
        let names_paper = match &config.gateway.api {
            GatewayApi::V2(_) => "gateway.v2.client_cert_file",
            GatewayApi::V3(_) => "gateway.v3.client_cert_file",
        };
        Self::new(newest_in(&config.ledger_path), certificate(config), names_paper)
    }

    fn new(newest: WallTime, paper: Option<Paper>, names_paper: &'static str) -> Self {
        Self { newest, paper, names_paper, wrong: false, told: None }
    }

    /// When the certificate ends, if there is one.
    pub(super) fn until(&self) -> Option<WallTime> {
        self.paper.as_ref().map(|paper| paper.until)
    }

    /// Looks, and says in words what has changed. Nothing is decided by it; signatures and people go by it.
    pub(super) fn look(&mut self, now: Now) -> Sight {
        let wrong = now.wall < BUILT || now.wall.after(CLOCK_SLACK) < self.newest;
        if wrong && !self.wrong {
            let (now, newest) = (now.wall, self.newest);
            warn!(%now, newest_in_ledger = %newest, "the clock is wrong: set it, for example with timedatectl set-ntp true");
        }
        if !wrong && self.wrong {
            info!(now = %now.wall, "the clock is right again");
        }
        self.wrong = wrong;
        // By a wrong clock no certificate can be judged.
        let fault = self.paper.as_ref().filter(|_| !wrong).and_then(|paper| fault(paper, now.wall));
        self.tell(fault, now.tick);
        Sight { wrong_clock: wrong, certificate: fault }
    }

    /// Looks every minute, for as long as the process lives.
    pub(super) async fn keep(mut self, clock: Clock, board: Arc<watch::Sender<Board>>) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.look(clock.now()).write(&board);
        }
    }

    fn tell(&mut self, fault: Option<CertificateFault>, now: Tick) {
        let Some(fault) = fault else {
            self.told = None;
            return;
        };
        if self.told.is_some_and(|(told, at)| told == fault && now.since(at) < REPEAT) {
            return;
        }
        self.told = Some((fault, now));
        let (from, until) = self.paper.as_ref().map(|paper| (paper.from, paper.until)).unwrap_or_default();
        warn!(
            key = self.names_paper, %from, %until,
            "{}: WeChat Pay takes nothing back with it; download a new one as a pair with its key, and restart shroff",
            fault.text()
        );
    }
}

impl Sight {
    /// Puts it where everybody reads.
    pub(super) fn write(self, board: &watch::Sender<Board>) {
        board.send_if_modified(|board| {
            let before = Self { wrong_clock: board.wrong_clock, certificate: board.certificate };
            (board.wrong_clock, board.certificate) = (self.wrong_clock, self.certificate);
            before != self
        });
    }
}

fn fault(paper: &Paper, now: WallTime) -> Option<CertificateFault> {
    if now > paper.until {
        return Some(CertificateFault::Ended);
    }
    (now < paper.from).then_some(CertificateFault::NotBegun)
}

fn newest_in(ledger: &Path) -> WallTime {
    Reader::open(ledger).and_then(|reader| reader.last_written()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;
    const MINUTES: u64 = 2 * 24 * 60;

    fn at(tick: u64, wall: WallTime) -> Now {
        Now { tick: Tick::default().after(Duration::from_secs(tick)), wall }
    }

    fn days(count: u64) -> WallTime {
        BUILT.after(Duration::from_secs(count.saturating_mul(DAY)))
    }

    #[test]
    fn a_clock_that_somebody_sets_is_right_again() {
        let mut calendar = Calendar::new(days(10), None, "");
        let board = watch::Sender::new(Board::default());
        let mut look = |tick, wall| {
            calendar.look(at(tick, wall)).write(&board);
            board.borrow().wrong_clock
        };
        assert!(look(0, WallTime::from_millis(60_000)), "1970");
        assert!(look(60, days(9)), "before what the ledger holds");
        assert!(!look(120, days(10)));
        assert!(!look(180, days(11)));
        assert!(look(240, WallTime::from_millis(60_000)), "set back by hand");
    }

    #[test]
    fn a_certificate_ends_while_the_daemon_runs() {
        let paper = Paper { serial: String::new(), name: String::new(), from: days(1), until: days(3) };
        let mut calendar = Calendar::new(WallTime::default(), Some(paper), "gateway.v2.client_cert_file");
        let board = watch::Sender::new(Board::default());
        let mut seen = Vec::new();
        for (tick, wall) in [(0, days(0)), (DAY, days(1)), (2 * DAY, days(2)), (4 * DAY, days(4))] {
            calendar.look(at(tick, wall)).write(&board);
            seen.push(board.borrow().certificate);
        }
        assert_eq!(seen, [Some(CertificateFault::NotBegun), None, None, Some(CertificateFault::Ended)]);
        calendar.look(at(5 * DAY, WallTime::default())).write(&board);
        assert_eq!(board.borrow().certificate, None, "a wrong clock knows nothing of certificates");
    }

    #[test]
    fn what_a_person_has_to_change_is_repeated_daily_and_not_every_minute() {
        let paper = Paper { serial: String::new(), name: String::new(), from: days(0), until: days(1) };
        let mut calendar = Calendar::new(WallTime::default(), Some(paper), "");
        let mut told = Vec::new();
        for minute in 0..=MINUTES {
            calendar.look(at(minute.saturating_mul(60), days(2)));
            told.extend(calendar.told.filter(|it| told.last() != Some(it)));
        }
        let at: Vec<u64> = told.iter().map(|(_, at)| at.since(Tick::default()).as_secs() / DAY).collect();
        assert_eq!(at, [0, 1, 2]);
    }
}
