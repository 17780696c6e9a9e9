//! The ledger and the disk it is on.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::line::{Line, size, took};
use crate::cli::shown::shop_time;
use crate::cli::{Exit, say};
use crate::config::Local;
use crate::edge::clock::Clock;
use crate::ledger::{Filter, LedgerError, RECONCILE_WITHIN_DAYS, Reader, is_held};
use crate::words::{Day, WallTime};

/// With less the ledger is about to fail: its WAL alone may grow to 32 MiB.
const FREE_MIN: u64 = 64 * 1024 * 1024;
/// With less somebody should look: a busy year of payments has 200 MB.
const FREE_WARN: u64 = 512 * 1024 * 1024;
/// Flushes that are timed; the slowest says what a customer may wait for.
const FLUSHES: usize = 24;
/// A flush that takes longer makes a customer wait: two of them stand between a scan and *paid*.
const FLUSH_SLOW: Duration = Duration::from_millis(150);
/// No disk flushes faster: something says yes before it is done.
const FLUSH_LIE: Duration = Duration::from_micros(15);
/// A ledger may have been written by a clock so much ahead.
const CLOCK_SLACK: Duration = Duration::from_secs(120);
/// File systems that keep nothing, and those that lock badly (`statfs(2)`).
const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
const NETWORK: [u64; 4] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b];

/// The ledger, its folder and its disk. `daemon`: one answers at the socket.
pub(super) fn look(local: &Local, quick: bool, clock: Clock, daemon: bool, lines: &mut Vec<Line>) {
    let path = &local.ledger_path;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match Reader::open(path) {
        Ok(reader) => {
            if let Err(error) = read(&reader, local, quick, clock, lines) {
                lines.push(failed(&error));
            }
        }
        Err(LedgerError::Missing(_)) if !daemon => {
            lines.push(Line::ok("ledger", format!("{} is made when the daemon first starts", path.display())));
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
    disk(folder, lines);
    lines.push(flush(folder, clock));
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
        LedgerError::Damaged(_)
        | LedgerError::Locked(_)
        | LedgerError::NotAFile(_)
        | LedgerError::Older { .. }
        | LedgerError::Copy(_)
        | LedgerError::ReadOnly
        | LedgerError::Full
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
            let since = oldest.map_or_else(String::new, |at| {
                let minutes = now.millis().saturating_sub(at.millis()) / 60_000;
                format!(", the oldest {minutes} minutes old")
            });
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

fn disk(folder: &Path, lines: &mut Vec<Line>) {
    let (Ok(space), Ok(kind)) = (rustix::fs::statvfs(folder), rustix::fs::statfs(folder)) else {
        let text = format!("the folder {} is not there", folder.display());
        let fix = "the daemon makes it when it may; under systemd StateDirectory= does";
        lines.push(Line::warning("disk", text, fix));
        return;
    };
    let (free, all) = (space.f_bavail.saturating_mul(space.f_frsize), space.f_blocks.saturating_mul(space.f_frsize));
    let text = format!("{} of {} free where the ledger is", size(free), size(all));
    let fix = "free some space: journalctl --vacuum-size=200M, apt-get clean";
    lines.push(match free {
        ..FREE_MIN => Line::failure("disk", Exit::Found, text, fix),
        FREE_MIN..FREE_WARN => Line::warning("disk", text, fix),
        _ => Line::ok("disk", text),
    });
    let magic = u64::try_from(kind.f_type).unwrap_or_default() & 0xffff_ffff;
    if space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let text = "the ledger's disk is mounted read-only: no sale is possible";
        lines.push(Line::failure(
            "disk",
            Exit::Found,
            text,
            "see `dmesg` for why, check it with fsck, and mount it again",
        ));
    }
    if MEMORY.contains(&magic) {
        let text = "the ledger is in memory (tmpfs): a power cut forgets it";
        lines.push(Line::warning("disk", text, "set ledger.path to a folder on a disk"));
    }
    if NETWORK.contains(&magic) {
        let text = "the ledger is on a network file system, where SQLite's locks do not hold";
        lines.push(Line::failure("disk", Exit::Found, text, "set ledger.path to a folder on a local disk"));
    }
}

/// Writes a page and flushes it, some times, as each commit does.
fn flush(folder: &Path, clock: Clock) -> Line {
    let mut times = match timed(folder, clock) {
        Ok(times) => times,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let text = "not timed: this user may not write in the ledger's folder";
            return Line::ok("flush", text);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Line::ok("flush", "not timed: the ledger's folder is not there");
        }
        Err(error) => {
            let fix = "see `dmesg`; no sale is possible while the disk fails";
            return Line::failure("flush", Exit::Found, format!("a flush failed: {error}"), fix);
        }
    };
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let slowest = times.last().copied().unwrap_or_default();
    let text = format!("{} as a rule, {} at worst, of {FLUSHES}", took(middle), took(slowest));
    if middle > FLUSH_SLOW {
        let fix = "a better disk: an industrial SD card, eMMC or SSD; and see what else writes on it (iotop)";
        return Line::warning("flush", format!("{text}: each sale waits for two of them"), fix);
    }
    if middle < FLUSH_LIE {
        let fix = "switch the disk's write cache off or its barriers on; a virtual machine must pass flushes on";
        return Line::warning("flush", format!("{text}: no disk is so fast, so a power cut may lose sales"), fix);
    }
    Line::ok("flush", text)
}

fn timed(folder: &Path, clock: Clock) -> io::Result<Vec<Duration>> {
    let mut file: File = tempfile::tempfile_in(folder)?;
    let page = [0x5a; 4096];
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let begun = clock.tick();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(clock.tick().since(begun));
    }
    Ok(times)
}
