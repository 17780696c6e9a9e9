//! Device nodes: why one cannot be opened, and the FIFOs that stand in for one.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::Health;

/// Opens a node for reading without becoming its terminal's session, and without waiting for a writer.
pub(super) fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

/// Opens a node and takes it for this process alone, as far as programs ask each other: a second shroff does.
pub(super) fn claim(path: &Path) -> Result<OwnedFd, Health> {
    let node = open(path).map_err(|errno| refused(errno, path))?;
    match rustix::fs::flock(&node, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(node),
        Err(Errno::AGAIN) => Err(Health::InUse),
        Err(errno) => Err(refused(errno, path)),
    }
}

/// A named pipe: a simulated device, which has no ioctls.
pub(super) fn is_fifo(node: &OwnedFd) -> bool {
    rustix::fs::fstat(node).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Why a node could not be opened.
pub(super) fn refused(errno: Errno, path: &Path) -> Health {
    match errno {
        Errno::BUSY => Health::InUse,
        Errno::PERM | Errno::ACCESS => Health::Denied,
        other => missing(&other.into(), path),
    }
}

/// Why there is nothing to open at `path`.
pub(super) fn missing(error: &io::Error, path: &Path) -> Health {
    let (path, kind) = (path.display(), error.kind());
    if kind == ErrorKind::PermissionDenied {
        return Health::Denied;
    }
    if kind == ErrorKind::ResourceBusy {
        return Health::InUse;
    }
    if kind == ErrorKind::NotFound {
        return Health::Gone { why: format!("{path} is not there; plug the scanner in, or correct its device path") };
    }
    Health::Gone { why: format!("{path} cannot be opened: {error}") }
}

/// Waits until `node` can be read, at most `limit`. False when time is up.
pub(super) fn readable(node: impl AsFd, limit: Duration) -> io::Result<bool> {
    let limit = Timespec::try_from(limit).unwrap_or_default();
    let mut polled = [PollFd::new(&node, PollFlags::IN)];
    rustix::event::poll(&mut polled, Some(&limit))?;
    let seen = polled.iter().fold(PollFlags::empty(), |seen, one| seen | one.revents());
    if seen.contains(PollFlags::IN) {
        return Ok(true);
    }
    // A hang-up counts only when nothing is left to read.
    if seen.is_empty() { Ok(false) } else { Err(ErrorKind::BrokenPipe.into()) }
}

/// Reads what there is. No byte at all means that the other end is gone.
pub(super) fn read(node: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    match rustix::io::read(node, buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(count),
        // The kernel says this of a device that was pulled out.
        Err(Errno::NODEV | Errno::IO) => Err(ErrorKind::BrokenPipe.into()),
        Err(errno) => Err(errno.into()),
    }
}
