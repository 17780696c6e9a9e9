use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::name::{DeviceName, ScannerKind};
use super::sysfs::{NotFound, Sysfs};
use super::uevent;
use super::{Health, Shared, node};

/// Looks for a device that is not open: every 500 ms, at once when something is plugged in, and ever more rarely where
/// opening fails though it is there.
#[derive(Debug)]
pub(super) struct Search {
    sysfs: Sysfs,
    kind: ScannerKind,
    name: DeviceName,
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
    /// Open this.
    Try(PathBuf),
}

impl Search {
    /// A search that has not begun.
    pub(super) fn new(sysfs: Sysfs, kind: ScannerKind, name: DeviceName) -> Self {
        Self { sysfs, kind, name, seen: None, failures: 0, pause: 0 }
    }

    /// Looks once.
    pub(super) fn look(&mut self) -> Look {
        let (path, mark) = match self.find() {
            Ok(found) => found,
            Err(health) => {
                self.seen = None;
                return Look::Nothing(health);
            }
        };
        if self.seen != Some(mark) {
            (self.seen, self.failures, self.pause) = (Some(mark), 0, 0);
            return Look::Try(path);
        }
        if self.pause > 0 {
            self.pause = self.pause.saturating_sub(1);
            return Look::NotYet;
        }
        Look::Try(path)
    }

    /// Notes that the device was opened, or that opening was tried; `heard` when it ever sent anything.
    pub(super) fn tried(&mut self, heard: bool) {
        self.failures = if heard { 0 } else { self.failures.saturating_add(1) };
        self.pause = BACK_OFF.get(self.failures).copied().unwrap_or(BACK_OFF_MAX);
    }

    /// Waits for the next look.
    pub(super) fn wait(&self, shared: &Shared) {
        uevent::wait(LOOK, shared);
    }

    /// The device and what tells this plugging-in from others.
    pub(super) fn find(&self) -> Result<(PathBuf, Mark), Health> {
        let path = match &self.name {
            DeviceName::Path(path) => path.clone(),
            name @ (DeviceName::Usb { .. } | DeviceName::Port(_)) => {
                self.sysfs.find(self.kind, name).map_err(|why| self.explain(&why))?
            }
        };
        let mark = Mark::of(&path).map_err(|error| node::missing(&error, &path))?;
        Ok((path, mark))
    }

    fn explain(&self, why: &NotFound) -> Health {
        let (name, kind) = (&self.name, self.kind);
        let why = match why {
            NotFound::Absent => {
                format!("no {kind} device {name} is plugged in; plug it in, or see `shroff devices` for what is there")
            }
            NotFound::Several(nodes) => {
                let nodes: Vec<_> = nodes.iter().map(|node| node.display().to_string()).collect();
                format!(
                    "{name} could be any of {}; add the serial number, or name the port it is plugged into \
                     (`shroff devices` prints both)",
                    nodes.join(", ")
                )
            }
            NotFound::OtherMode => format!(
                "{name} is plugged in, but not in HID POS mode; scan the \"USB HID POS\" code in its manual, or use \
                 kind = \"keyboard\""
            ),
        };
        Health::Gone { why }
    }
}

/// What tells one plugging-in from the next, and a device that was given new rights from one that was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
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

/// How often a device that is gone is looked for. Half of the second within which its return is told.
const LOOK: Duration = Duration::from_millis(500);

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
        let name = DeviceName::Path(path.clone());
        let mut search = Search::new(Sysfs::default(), ScannerKind::Serial, name);
        let mut tries = || {
            let tried = |search: &mut Search| matches!(search.look(), Look::Try(_));
            (0..20).map(|_| tried(&mut search).then(|| search.tried(false)).is_some()).collect::<Vec<bool>>()
        };
        assert!(!tries().contains(&true), "nothing is there");
        std::fs::write(&path, "").expect("a file");
        let first = tries();
        assert_eq!(first.iter().filter(|tried| **tried).count(), 5, "{first:?}");
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, "").expect("another file");
        assert_eq!(tries().first(), Some(&true));
    }
}
