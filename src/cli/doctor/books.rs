//! The ledger and the disk it is on.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::disk::{self, Ground};
use super::line::{Line, size};
use super::service::Keeper;
use crate::cli::shown::shop_time;
use crate::cli::{Exit, say};
use crate::config::Local;
use crate::edge::clock::Clock;
use crate::ledger::{Filter, LedgerError, RECONCILE_WITHIN_DAYS, Reader, is_held};
use crate::words::{Day, WallTime};

/// A ledger may have been written by a clock so much ahead.
const CLOCK_SLACK: Duration = Duration::from_secs(120);

/// The ledger, its folder and its disk. `daemon`: one answers at the socket.
pub(super) fn look(local: &Local, quick: bool, clock: Clock, daemon: bool, keeper: &Keeper, lines: &mut Vec<Line>) {
    let path = &local.ledger_path;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ground = Ground::of(folder, keeper, clock);
    match Reader::open(path) {
        Ok(reader) => {
            if let Err(error) = read(&reader, local, quick, clock, lines) {
                lines.push(failed(&error));
            }
        }
        Err(LedgerError::Missing(_)) if !daemon => {
            lines.push(ground.first_ledger(path));
        }
        Err(error) => lines.push(failed(&error)),
    }
    if is_held(path) && !daemon {
        let text = "a process holds the ledger, and no daemon answers at api.socket";
        let fix =
            "see which: fuser -v on the ledger's .lock file; a daemon with another configuration, or one that starts";
        lines.push(Line::warning("ledger", text, fix));
    }
    modes(path, folder, lines);
    disk::look(folder, lines);
    lines.push(ground.flush());
    lines.push(Line::ok("sqlite", format!("SQLite {}, built in", rusqlite::version())));
}

fn failed(error: &LedgerError) -> Line {
    let source = std::error::Error::source(error).map(|why| format!(": {why}")).unwrap_or_default();
    let (exit, fix) = match error {
        LedgerError::Denied(_) => {
            (Exit::Denied, "run the doctor as root or as the service's user: sudo -u shroff shroff doctor")
        }
        LedgerError::Unfinished(_) => (Exit::Found, "run `shroff restore` again with the same backup"),
        LedgerError::Read(_) => (Exit::Found, "end the program that reads it; the daemon tries again by itself"),
        LedgerError::Newer { .. } => (Exit::Found, "install the newer shroff again"),
        LedgerError::Missing(_) => {
            (Exit::Found, "restart the daemon at once, and restore the last backup: shroff restore")
        }
        LedgerError::ReadOnly => (Exit::Found, disk::REMOUNT),
        LedgerError::Full => (Exit::Found, disk::FREE),
        LedgerError::Damaged(_)
        | LedgerError::Locked(_)
        | LedgerError::NotAFile(_)
        | LedgerError::Older { .. }
        | LedgerError::Copy(_)
        | LedgerError::Unfit(_)
        | LedgerError::Io(_)
        | LedgerError::Sqlite(_) => {
            (Exit::Found, "keep the file as it is, restore the last backup (shroff restore), and call support")
        }
    };
    Line::failure("ledger", exit, format!("{error}{source}"), fix)
}

fn read(reader: &Reader, local: &Local, quick: bool, clock: Clock, lines: &mut Vec<Line>) -> Result<(), LedgerError> {
    let path = &local.ledger_path;
    let length = |more: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(more);
        fs::metadata(name).map_or(0, |meta| meta.len())
    };
    let standing = reader.standing()?;
    let last = if standing.seq == 0 {
        "nothing written yet".to_owned()
    } else {
        format!("last written {} UTC+8", shop_time(&standing.written.to_string()))
    };
    let text = format!(
        "{}, {} and {} not copied into it yet; {} journal lines, {last}",
        path.display(),
        size(length("")),
        size(length("-wal")),
        standing.seq
    );
    lines.push(Line::ok("ledger", text));
    let now = clock.wall();
    if now.after(CLOCK_SLACK) < standing.written {
        let text = format!("this clock says {}, and the ledger was written later", shop_time(&now.to_string()));
        lines.push(Line::warning("clock", text, "set it: timedatectl set-ntp true"));
    }
    lines.push(if quick { Line::ok("integrity", "not checked (--quick)") } else { integrity(reader)? });
    for back in reader.went_back()? {
        let text = format!(
            "on {} UTC+8 the ledger went back to what it knew on {} UTC+8 ({})",
            shop_time(&back.at.to_string()),
            shop_time(&back.known_to.to_string()),
            if back.event == "restored" { "a backup was restored" } else { "an older copy stood in its place" }
        );
        lines.push(Line::warning("ledger", text, "reconcile every day in between: shroff statement, shroff reconcile"));
    }
    open(reader, now, lines)?;
    lines.push(reconciled(reader, now)?);
    Ok(())
}

fn integrity(reader: &Reader) -> Result<Line, LedgerError> {
    let report = reader.verify(&mut |lines| say::show_for_now(&format!("checked {lines} journal lines …")))?;
    let text = format!("{} journal lines, {} payments, {} refunds", report.lines, report.payments, report.refunds);
    Ok(match report.findings.first() {
        None => Line::ok("integrity", format!("the file is sound and the journal's chain holds: {text}")),
        Some(first) => Line::failure(
            "integrity",
            Exit::Found,
            format!("{} findings in {text}; the first: {first}", report.findings.len()),
            "stop selling, keep the file as it is, see `shroff verify` for all of it, and call support",
        ),
    })
}

fn open(reader: &Reader, now: WallTime, lines: &mut Vec<Line>) -> Result<(), LedgerError> {
    let open = reader.payments(&Filter { open: true, ..Filter::default() })?;
    let unknown = open.iter().filter(|row| !row.record.state.is_final()).count();
    let oldest = open.iter().map(|row| row.record.facts.created_at).min();
    lines.push(match (unknown, oldest) {
        (0, _) => Line::ok("open payments", "none"),
        (count, oldest) => {
            let since = oldest.map_or_else(String::new, |at| format!(", {}", age(at, now)));
            let text = format!("{count} without a final state{since}");
            Line::warning(
                "open payments",
                text,
                "the daemon settles them: see `shroff payments --open`; without one: shroff resolve",
            )
        }
    });
    let refunds = reader.refunds_in_need()?.len();
    let need =
        reader.attention()?.iter().filter(|row| row.record.alarm.is_some() || !row.record.state.is_final()).count();
    let unseen = reader.attention()?.len().saturating_sub(need);
    lines.push(match need.saturating_add(refunds) {
        0 => Line::ok("attention", "nothing waits for a person"),
        count => {
            let text = format!("{count} payments and refunds wait for a person");
            Line::warning("attention", text, "shroff attention")
        }
    });
    if unseen > 0 {
        let text = format!("{unseen} paid payments were never acknowledged by the POS");
        lines.push(Line::warning("attention", text, "have the POS send ack, or see to each: shroff attention --ack"));
    }
    Ok(())
}

/// The days that it is high time to compare with WeChat's statements.
fn reconciled(reader: &Reader, now: WallTime) -> Result<Line, LedgerError> {
    let days = reader.unreconciled_days(Day::of(now))?;
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        let text = format!("every day with sales more than {RECONCILE_WITHIN_DAYS} days ago, with WeChat's statements");
        return Ok(Line::ok("reconciled", text));
    };
    let text = format!(
        "{} days more than {RECONCILE_WITHIN_DAYS} days ago were never compared with WeChat's statements, {first} to {last}",
        days.len()
    );
    let fix = "compare them while WeChat still has the statements: shroff statement --day D, shroff reconcile";
    Ok(Line::warning("reconciled", text, fix))
}

fn modes(path: &Path, folder: &Path, lines: &mut Vec<Line>) {
    let open_to_others = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0);
    if path.exists() && open_to_others(path) {
        let text = format!("{} can be opened by everybody, and tells what the shop takes", path.display());
        lines.push(Line::warning("ledger", text, format!("chmod 600 {}", path.display())));
    }
    let same_owner = fs::metadata(path).ok().zip(fs::metadata(folder).ok());
    if let Some((file, folder_meta)) = same_owner.filter(|(file, folder)| file.uid() != folder.uid()) {
        let text = format!(
            "{} belongs to user {}, its folder to user {}: the daemon may not be able to write it",
            path.display(),
            file.uid(),
            folder_meta.uid()
        );
        let fix = format!("chown --reference={} {}*", folder.display(), path.display());
        lines.push(Line::failure("ledger", Exit::Denied, text, fix));
    }
}

/// How old the oldest is. A clock that went back does not make it younger than nothing.
fn age(at: WallTime, now: WallTime) -> String {
    match now.millis().saturating_sub(at.millis()) {
        ..0 => format!(
            "the oldest of {} UTC+8, which this clock has not reached: it is behind",
            shop_time(&at.to_string())
        ),
        millis => format!("the oldest {} minutes old", millis / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_younger_than_nothing() {
        let at = |millis: i64| WallTime::from_millis(millis);
        let begun = at(1_790_000_000_000);
        assert_eq!(age(begun, at(1_790_000_000_000)), "the oldest 0 minutes old");
        assert_eq!(age(begun, at(1_790_000_120_000)), "the oldest 2 minutes old");
        for now in [0, 1_789_999_999_999, 1_789_999_900_000] {
            let told = age(begun, at(now));
            assert!(told.contains("it is behind"), "{told}");
            assert!(!told.contains("minutes"), "{told}");
        }
    }
}
