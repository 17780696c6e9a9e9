//! The disk the ledger is on: its room, its kind, how fast it flushes, and whether the daemon may write there.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;

use super::line::{Line, size, took};
use super::service::Keeper;
use crate::cli::Exit;
use crate::edge::clock::Clock;

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
/// File systems that keep nothing, and those that lock badly (`statfs(2)`).
const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
const NETWORK: [u64; 4] = [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b];

/// The cure of a full disk.
pub(super) const FREE: &str = "free some space: journalctl --vacuum-size=200M, apt-get clean";
/// The cure of a disk that was mounted, or has become, read-only.
pub(super) const REMOUNT: &str = "see `dmesg` for why, check it with fsck, and mount it again: mount -o remount,rw";

/// How much room is left, and what kind of disk it is.
pub(super) fn look(folder: &Path, lines: &mut Vec<Line>) {
    let (Ok(space), Ok(kind)) = (rustix::fs::statvfs(folder), rustix::fs::statfs(folder)) else {
        let text = format!("the folder {} is not there", folder.display());
        let fix = "the daemon makes it when it first starts; under systemd StateDirectory= does";
        lines.push(Line::warning("disk", text, fix));
        return;
    };
    let (free, all) = (space.f_bavail.saturating_mul(space.f_frsize), space.f_blocks.saturating_mul(space.f_frsize));
    let text = format!("{} of {} free where the ledger is", size(free), size(all));
    lines.push(match free {
        ..FREE_MIN => Line::failure("disk", Exit::Found, text, FREE),
        FREE_MIN..FREE_WARN => Line::warning("disk", text, FREE),
        _ => Line::ok("disk", text),
    });
    let magic = u64::try_from(kind.f_type).unwrap_or_default() & 0xffff_ffff;
    if space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let text = "the ledger's disk is mounted read-only: no sale is possible";
        lines.push(Line::failure("disk", Exit::Found, text, REMOUNT));
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

/// The ledger's folder, or the nearest one above it that is there, and what became of writing in it.
pub(super) struct Ground {
    folder: PathBuf,
    /// Not there yet, so that `folder` is above it.
    new: bool,
    trial: io::Result<Vec<Duration>>,
    /// Why whoever runs the daemon may not write here, and the cure.
    forbidden: Option<(String, String)>,
}

impl Ground {
    /// Tries to write in `folder`, for whoever keeps the ledger.
    pub(super) fn of(folder: &Path, keeper: &Keeper, clock: Clock) -> Self {
        let there = folder.ancestors().find(|it| it.exists()).unwrap_or(Path::new("."));
        let trial = timed(there, clock);
        let denied = matches!(&trial, Err(error) if error.kind() == io::ErrorKind::PermissionDenied);
        let forbidden = forbidden(there, folder, denied, keeper);
        Self { folder: there.to_owned(), new: there != folder, trial, forbidden }
    }

    /// What becomes of a ledger that is not there yet.
    pub(super) fn first_ledger(&self, path: &Path) -> Line {
        let path = path.display();
        if let Some((why, fix)) = &self.forbidden {
            return Line::failure("ledger", Exit::Denied, format!("{path} cannot be made: {why}"), fix);
        }
        match &self.trial {
            Ok(_) => Line::ok("ledger", format!("{path} is made when the daemon first starts")),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let text = format!("{path} is not there yet; whether the daemon may make it, this user cannot see");
                Line::ok("ledger", text)
            }
            Err(error) => {
                let (why, fix) = broken(error);
                Line::failure("ledger", Exit::Found, format!("{path} cannot be made: {why}"), fix)
            }
        }
    }

    /// How long a flush takes.
    pub(super) fn flush(&self) -> Line {
        if let Some((why, fix)) = &self.forbidden {
            return Line::failure("flush", Exit::Denied, format!("no sale is possible: {why}"), fix);
        }
        match &self.trial {
            Ok(_) if self.new => Line::ok("flush", "not timed: the ledger's folder is not there"),
            Ok(times) => judge(times),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Line::ok("flush", format!("not timed: this user may not write in {}", self.folder.display()))
            }
            Err(error) => {
                let (why, fix) = broken(error);
                Line::failure("flush", Exit::Found, format!("no sale is possible: {why}"), fix)
            }
        }
    }
}

/// Why whoever runs the daemon may not write in `there`, as far as this user can tell: by trying, where it is the same user or
/// the folder's owner; root may do everything, and goes by the modes.
fn forbidden(there: &Path, folder: &Path, denied: bool, keeper: &Keeper) -> Option<(String, String)> {
    let me = geteuid();
    let meta = fs::metadata(there).ok()?;
    let owner = keeper.uid.unwrap_or(if me.is_root() { meta.uid() } else { me.as_raw() });
    let no = if me.is_root() && !denied {
        owner != 0 && !keeper.is_given(folder) && !may_write(&meta, owner)
    } else {
        denied && (me.is_root() || me.as_raw() == meta.uid() || Some(me.as_raw()) == keeper.uid)
    };
    let who =
        keeper.name.as_deref().filter(|_| keeper.uid == Some(owner)).map_or_else(|| owner.to_string(), str::to_owned);
    let at = there.display();
    no.then(|| {
        let mode = meta.mode() & 0o7777;
        let why =
            format!("user {who} runs the daemon and may not write in {at} (mode {mode:o}, of user {})", meta.uid());
        // A folder that is not the ledger's own stays whose it is.
        let fix = if there != folder {
            let folder = folder.display();
            format!("make the folder for it: install -d -m 700 -o {who} {folder}")
        } else if meta.uid() == owner {
            format!("chmod 700 {at}")
        } else {
            format!("chown -R {who} {at} && chmod 700 {at}")
        };
        (why, fix)
    })
}

/// Whether the modes let this user in. Of its groups nothing is known here, and they get the benefit of it.
fn may_write(meta: &fs::Metadata, user: u32) -> bool {
    let bits = if meta.uid() == user { 0o300 } else { 0o030 };
    meta.mode() & bits == bits || (meta.uid() != user && meta.mode() & 0o003 == 0o003)
}

/// A disk that fails, and its cure.
#[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind grows with the standard library")]
fn broken(error: &io::Error) -> (String, &'static str) {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ("no room for a page".to_owned(), FREE),
        io::ErrorKind::ReadOnlyFilesystem => ("the disk is read-only".to_owned(), REMOUNT),
        _ => (format!("a flush failed ({error})"), "see `dmesg`; no sale is possible while the disk fails"),
    }
}

/// Whether a flush is what it should be.
fn judge(times: &[Duration]) -> Line {
    let mut times = times.to_vec();
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

/// Writes a page and flushes it, some times, as each commit does.
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
