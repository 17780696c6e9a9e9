//! Files that appear under their name whole or not at all.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use super::exit::BadData;

/// Only its owner reads it: a statement tells what a shop takes.
const MODE: u32 = 0o600;

/// A file that is written beside its place, under a hidden name. Unless it lands, it is removed again; after a kill -9
/// the hidden one stays, and never the other.
#[derive(Debug)]
pub(super) struct Landing {
    beside: NamedTempFile,
    path: PathBuf,
    replaces: bool,
}

impl Landing {
    /// Makes room beside `path`. What is there already is kept, unless this `replaces` it.
    ///
    /// # Errors
    /// When something is there and is to stay, `path` is no place for a file, or the folder takes none.
    pub(super) fn beside(path: &Path, replaces: bool) -> anyhow::Result<Self> {
        let name = path.file_name().filter(|_| path != Path::new("-"));
        let Some(name) = name else {
            return Err(BadData(format!("{} is no name for a file", path.display())).into());
        };
        match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {
                return Err(BadData(format!("{} is a folder; name a file in it", path.display())).into());
            }
            Ok(meta) if !meta.is_file() && !meta.is_symlink() => {
                return Err(BadData(format!("{} is no plain file", path.display())).into());
            }
            Ok(_) if !replaces => return Err(taken(path).into()),
            Ok(_) | Err(_) => {}
        }
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let beside = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder(path))
            .with_context(|| format!("nothing can be written beside {}", path.display()))?;
        Ok(Self { beside, path: path.to_owned(), replaces })
    }

    /// The file, for writing.
    pub(super) fn file(&mut self) -> &mut File {
        self.beside.as_file_mut()
    }

    /// Where it is until it lands.
    pub(super) fn path(&self) -> &Path {
        self.beside.path()
    }

    /// Gives it its name. When this returns, a power cut no longer matters.
    ///
    /// # Errors
    /// When the disk fails, or something has taken the name meanwhile.
    pub(super) fn land(self) -> anyhow::Result<()> {
        let Self { beside, path, replaces } = self;
        let failed = || format!("{} cannot be kept", path.display());
        beside.as_file().sync_all().with_context(failed)?;
        let named = if replaces { beside.persist(&path) } else { beside.persist_noclobber(&path) };
        match named {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Err(taken(&path).into()),
            Err(error) => return Err(error.error).with_context(failed),
        }
        // The name is an entry of its folder, and that has to be on disk too.
        File::open(folder(&path)).and_then(|folder| folder.sync_all()).with_context(failed)
    }
}

/// Refuses to make a file of a command at `path` where one stands, or belongs, that the command reads: `inputs`, by
/// whatever name.
///
/// # Errors
/// When it is one of them.
pub(super) fn keep_off<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), BadData> {
    match inputs.into_iter().find(|input| is_same(path, input)) {
        None => Ok(()),
        Some(input) => {
            let input = input.display();
            Err(BadData(format!(
                "{} would take the place of {input}, which is read; name another file",
                path.display()
            )))
        }
    }
}

/// The same for what every command reads: the configuration, and ledgers with all their files.
///
/// # Errors
/// When `path` is one of them.
pub(super) fn keep_off_books(path: &Path, config: &Path, ledgers: &[PathBuf]) -> Result<(), BadData> {
    let ledgers: Vec<PathBuf> = ledgers.iter().flat_map(|ledger| crate::ledger::files(ledger)).collect();
    keep_off(path, ledgers.iter().map(PathBuf::as_path).chain([config]))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| path.metadata().ok().map(|it| (it.dev(), it.ino()));
    let same = |one: &Path, other: &Path| file(one).zip(file(other)).is_some_and(|(one, other)| one == other);
    // The second for a file that is not there at the moment, as a ledger's journal.
    same(one, other) || (one.file_name() == other.file_name() && same(folder(one), folder(other)))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn taken(path: &Path) -> BadData {
    BadData(format!("{} is there already; --force replaces it", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_has_its_name_only_when_it_has_landed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        let mut landing = Landing::beside(&path, false).expect("room");
        landing.file().write_all(b"all of it").expect("a write");
        assert!(!path.exists());
        assert!(names(folder.path())[0].starts_with(".a.csv."));
        landing.land().expect("it lands");
        assert_eq!(names(folder.path()), ["a.csv"]);
        assert_eq!(std::fs::read(&path).expect("a file"), b"all of it");
        assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777, MODE);
    }

    #[test]
    fn what_does_not_land_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(Landing::beside(&folder.path().join("a.csv"), false).expect("room"));
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_is_taken_is_kept_even_when_it_was_taken_meanwhile() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.csv");
        let landing = Landing::beside(&path, false).expect("room");
        std::fs::write(&path, b"somebody else's").expect("a file");
        let error = landing.land().expect_err("taken");
        assert!(error.to_string().contains("--force"), "{error}");
        Landing::beside(&path, false).expect_err("taken from the start");
        assert_eq!(std::fs::read(&path).expect("a file"), b"somebody else's");
        assert_eq!(names(folder.path()), ["a.csv"]);
        let mut landing = Landing::beside(&path, true).expect("room");
        landing.file().write_all(b"ours").expect("a write");
        landing.land().expect("it lands");
        assert_eq!(std::fs::read(&path).expect("a file"), b"ours");
    }

    #[test]
    fn what_is_no_place_for_a_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path(), Path::new("-"), Path::new("/"), Path::new("..")] {
            for replaces in [false, true] {
                let error = Landing::beside(path, replaces).expect_err("no file");
                assert!(error.is::<BadData>(), "{error:#}");
            }
        }
        assert!(Landing::beside(Path::new("/dev/full"), true).expect_err("a device").is::<BadData>());
        let error = Landing::beside(&folder.path().join("none/a.csv"), false).expect_err("no folder");
        assert!(error.is::<io::Error>(), "{error:#}");
    }

    #[test]
    fn what_is_read_is_known_by_every_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("in.csv"), b"precious").expect("a file");
        std::fs::write(path("out.html"), b"old").expect("a file");
        std::os::unix::fs::symlink(path("in.csv"), path("link")).expect("a link");
        std::fs::hard_link(path("in.csv"), path("second")).expect("a name");
        let inputs = [path("in.csv"), path("not-there-yet")];
        let inputs = || inputs.iter().map(PathBuf::as_path);
        for name in ["in.csv", "link", "second", "./in.csv", "not-there-yet", "./not-there-yet"] {
            let error = keep_off(&path(name), inputs()).expect_err(name);
            assert!(error.to_string().contains("is read"), "{error}");
        }
        for name in ["out.html", "new.html", "none/in.csv", "none/not-there-yet"] {
            keep_off(&path(name), inputs()).expect(name);
        }
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, elsewhere) = (folder.path().join("a.csv"), folder.path().join("elsewhere"));
        std::fs::write(&elsewhere, b"precious").expect("a file");
        std::os::unix::fs::symlink(&elsewhere, &path).expect("a link");
        Landing::beside(&path, false).expect_err("taken");
        let mut landing = Landing::beside(&path, true).expect("room");
        landing.file().write_all(b"ours").expect("a write");
        landing.land().expect("it lands");
        assert_eq!(std::fs::read(&elsewhere).expect("a file"), b"precious");
        assert_eq!(std::fs::read(&path).expect("a file"), b"ours");
    }
}
