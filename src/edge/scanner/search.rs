use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::Health;

/// Looks for a device that is not open: every 500 ms, and ever more rarely where opening fails though it is there.
#[derive(Debug, Default)]
pub(super) struct Search {
    seen: Option<Mark>,
    failures: usize,
    /// How many looks to let pass.
    pause: u32,
}

pub(super) enum Look {
    /// There is nothing to open.
    Nothing(Health),
    /// It failed a moment ago and has not changed.
    NotYet,
    /// Open it.
    Try,
}

impl Search {
    /// Looks once.
    pub(super) fn look(&mut self, path: &Path) -> Look {
        let mark = match Mark::of(path) {
            Ok(mark) => mark,
            Err(error) => {
                *self = Self::default();
                return Look::Nothing(missing(&error, path));
            }
        };
        if self.seen != Some(mark) {
            *self = Self { seen: Some(mark), failures: 0, pause: 0 };
            return Look::Try;
        }
        if self.pause > 0 {
            self.pause = self.pause.saturating_sub(1);
            return Look::NotYet;
        }
        Look::Try
    }

    /// Notes that the device was opened, or that opening was tried; `heard` when it ever sent anything.
    pub(super) fn tried(&mut self, heard: bool) {
        self.failures = if heard { 0 } else { self.failures.saturating_add(1) };
        self.pause = BACK_OFF.get(self.failures).copied().unwrap_or(BACK_OFF_MAX);
    }
}

/// What tells one plugging-in from the next, and a device that was given new rights from one that was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    link: (u64, i64, i64),
    node: (u64, u64, u32, i64, i64),
}

impl Mark {
    fn of(path: &Path) -> io::Result<Self> {
        let node = std::fs::metadata(path)?;
        let link = std::fs::symlink_metadata(path)?;
        Ok(Self {
            link: (link.ino(), link.ctime(), link.ctime_nsec()),
            node: (node.rdev(), node.ino(), node.mode(), node.ctime(), node.ctime_nsec()),
        })
    }
}

/// Why there is nothing to open at `path`.
pub(super) fn missing(error: &io::Error, path: &Path) -> Health {
    let path = path.display();
    if error.kind() == ErrorKind::PermissionDenied {
        return Health::Denied;
    }
    if error.kind() == ErrorKind::NotFound {
        return Health::Gone { why: format!("{path} is not there; plug the scanner in, or correct its device path") };
    }
    Health::Gone { why: format!("{path} cannot be looked at: {error}") }
}

/// How often a device that is gone is looked for. Half of the second within which its return is told.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// Looks to let pass after so many failures: the next try comes after 0.5, 1, 2 and then always 5 s.
const BACK_OFF: [u32; 4] = [0, 0, 1, 3];
const BACK_OFF_MAX: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_fails_is_tried_ever_more_rarely_until_it_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scanner");
        let mut search = Search::default();
        let mut tries = |path: &Path| {
            let tried = |search: &mut Search| matches!(search.look(path), Look::Try);
            (0..20).map(|_| tried(&mut search).then(|| search.tried(false)).is_some()).collect::<Vec<bool>>()
        };
        assert!(!tries(&path).contains(&true), "nothing is there");
        std::fs::write(&path, "").expect("a file");
        let first = tries(&path);
        assert_eq!(first.iter().filter(|tried| **tried).count(), 5, "{first:?}");
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "").expect("another file");
        assert_eq!(tries(&path).first(), Some(&true));
    }
}
