//! T2 with a disk that fails: after a failed commit nothing more is said, and once the disk is mended all settles
//! (invariants I6 and I14).

use shroff::ledger::Ledger;

use super::count;
use super::t2::{Day, run_mending};
use super::world::{Cut, World, birth};
use crate::support::BadDisk;

/// Payments in one day: every line of its journal fails once.
const SALES: u32 = 3;

#[test]
fn a_commit_that_fails_at_any_line_stops_the_till_and_loses_nothing() {
    super::in_parallel(count("SHROFF_DISKS", 8), |seed| {
        let lines = day(seed, None)?.lines;
        for line in 1..=lines {
            day(seed, Some(line)).map_err(|error| format!("line {line} of {lines} cannot be kept: {error}"))?;
        }
        Ok(())
    });
}

/// A day on which no line from `fails_at` on can be kept, until the till has stopped and somebody sees to the disk.
fn day(seed: u64, fails_at: Option<u64>) -> Result<Day, String> {
    let disk = BadDisk::new();
    let open = || Ledger::open(disk.path(), birth()).expect("a ledger");
    let world = World::with(open(), seed, SALES, Cut::Never);
    if let Some(line) = fails_at {
        disk.fails_from(line);
    }
    let mut failed = false;
    let day = run_mending(world, |world, error| {
        if failed || fails_at.is_none() || error != BadDisk::ERROR {
            return Err(error);
        }
        failed = true;
        world.stop_until(|| {
            disk.mend();
            open()
        });
        Ok(())
    })?;
    if failed == fails_at.is_some() { Ok(day) } else { Err("a commit failed, and the till went on".into()) }
}
