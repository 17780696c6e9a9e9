//! Files with secrets in them: where they are looked for, who may read them, and what is taken from them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::words::Secret;

/// The largest key, certificate or root bundle; a bundle of all public roots has about 220 KiB.
const FILE_MAX: u64 = 512 * 1024;

/// Permission bits by which a file's group and everybody else reach it.
const OTHERS: u32 = 0o077;

/// What a file held when it was read: a digest, from which nobody learns a key.
pub(super) type Print = [u8; 32];

/// Where the files of a configuration are.
#[derive(Debug)]
pub(super) struct Secrets<'a> {
    /// The folder of the configuration file.
    pub(super) beside: &'a Path,
    /// systemd's `$CREDENTIALS_DIRECTORY`, where the service has one.
    credentials: Option<&'a Path>,
    /// What was read, by the names in the configuration.
    prints: RefCell<BTreeMap<String, Print>>,
}

impl<'a> Secrets<'a> {
    /// The files beside the configuration, or among systemd's credentials.
    pub(super) fn new(beside: &'a Path, credentials: Option<&'a Path>) -> Self {
        Self { beside, credentials, prints: RefCell::default() }
    }

    /// What the file `name` held, if it was read.
    pub(super) fn print_of(&self, name: &str) -> Option<Print> {
        self.prints.borrow().get(name).copied()
    }

    /// Reads a secret file: nobody but its owner may read it, except in the credentials directory, which systemd
    /// guards. Line ends at its end are cut off.
    pub(super) fn secret(&self, name: &str) -> Result<Secret, FileError> {
        let mut content = self.read(name, true)?;
        while content.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            content.pop();
        }
        if content.is_empty() {
            return Err(FileError::Empty(PathBuf::from(name)));
        }
        Ok(Secret::new(content.to_vec()))
    }

    /// Reads a secret file of any bytes, such as a key store.
    pub(super) fn binary(&self, name: &str) -> Result<Secret, FileError> {
        let content = self.read(name, true)?;
        Ok(Secret::new(content.to_vec()))
    }

    /// Reads a file that anybody may read.
    pub(super) fn public(&self, name: &str) -> Result<Vec<u8>, FileError> {
        self.read(name, false).map(|content| content.to_vec())
    }

    fn read(&self, name: &str, private: bool) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let path = self.find(name)?;
        let failed = |error: io::Error| FileError::unreadable(&path, &error);
        // Before it is opened: opening a pipe would wait for its other end.
        if !fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(FileError::NotAFile(path));
        }
        let file = File::open(&path).map_err(failed)?;
        // Of the open file and not of its name: a name can change hands in between.
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if private && mode & OTHERS != 0 && !self.is_credential(&path) {
            return Err(FileError::ReadableByOthers { path, mode });
        }
        let mut content = Zeroizing::new(Vec::new());
        file.take(FILE_MAX.saturating_add(1)).read_to_end(&mut content).map_err(failed)?;
        if content.is_empty() {
            return Err(FileError::Empty(path));
        }
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > FILE_MAX {
            return Err(FileError::TooLarge(path));
        }
        self.prints.borrow_mut().insert(name.to_owned(), Sha256::digest(&content).into());
        Ok(content)
    }

    /// A relative name is looked up in the credentials directory first, then beside the configuration file.
    fn find(&self, name: &str) -> Result<PathBuf, FileError> {
        let name = Path::new(name);
        let mut tried: Vec<PathBuf> = Vec::new();
        let credential = self.credentials.and_then(|folder| Some(folder.join(credential(name)?)));
        for path in credential.into_iter().chain([self.beside.join(name)]) {
            match fs::symlink_metadata(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => tried.push(path),
                Err(error) => return Err(FileError::unreadable(&path, &error)),
            }
        }
        Err(FileError::NotFound(tried.iter().map(|path: &PathBuf| shown(path)).collect()))
    }

    /// Whether the file itself, links followed, lies in the credentials directory.
    fn is_credential(&self, path: &Path) -> bool {
        let Some(folder) = self.credentials.and_then(|folder| fs::canonicalize(folder).ok()) else { return false };
        fs::canonicalize(path).is_ok_and(|path| path.starts_with(folder))
    }
}

/// The credential that `LoadCredential=keys:/etc/shroff/keys` makes of the file `keys/v2.key`: systemd hands out a folder as
/// one credential a file, and writes an underscore where a slash was. None for a name that leads elsewhere.
fn credential(name: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    Some(parts.join("_")).filter(|name| !name.is_empty())
}

/// File names have a dot and are short; keys have none and are not.
const KEY_LENGTH_MIN: usize = 16;

/// Why a file cannot be used. Its content is never in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is in none of these places.
    #[error("there is no {}", .0.join(" and no "))]
    NotFound(Vec<String>),
    /// It may not be read by this user, or the disk fails.
    #[error("{}: {why}; the service's user must be able to read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Its group or everybody can read it.
    #[error("{} can be read by others (mode {mode:o}); run: chmod 600 {}", path.display(), path.display())]
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A folder, a pipe, a device.
    #[error("{} is not a plain file", .0.display())]
    NotAFile(PathBuf),
    /// Nothing in it.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// More than a key or a certificate has.
    #[error("{} has more than {} KiB, which no key or certificate has", .0.display(), FILE_MAX / 1024)]
    TooLarge(PathBuf),
    /// Not what belongs there.
    #[error("{name} does not hold {expected}")]
    Content {
        /// The file, as the configuration names it.
        name: String,
        /// What belongs there.
        expected: &'static str,
    },
}

impl FileError {
    fn unreadable(path: &Path, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            // It was seen a moment ago: a link that leads nowhere.
            return Self::NotFound(vec![shown(path)]);
        }
        Self::Unreadable { path: path.to_owned(), why: error.kind().to_string() }
    }
}

/// A path as an error may show it: somebody may have typed the key itself where its file's name belongs.
fn shown(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let like_a_key = name.len() >= KEY_LENGTH_MIN && !name.contains('.');
    if like_a_key { path.with_file_name("(a name that looks like a key)") } else { path.to_owned() }
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &str, mode: u32) {
        fs::write(path, content).expect("writes");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
    }

    #[test]
    fn the_credentials_directory_comes_first_and_its_modes_are_systemds_business() {
        let (beside, credentials) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        write(&beside.path().join("v2.key"), "beside", 0o600);
        write(&credentials.path().join("v2.key"), "credential\r\n", 0o444);
        let both = Secrets::new(beside.path(), Some(credentials.path()));
        assert_eq!(both.secret("v2.key").expect("reads").expose(), b"credential");
        let one = Secrets::new(beside.path(), None);
        assert_eq!(one.secret("v2.key").expect("reads").expose(), b"beside");
    }

    #[test]
    fn a_folder_of_credentials_is_found_by_the_names_systemd_gives_its_files() {
        let (beside, credentials) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        fs::create_dir(beside.path().join("keys")).expect("a folder");
        write(&beside.path().join("keys/v2.key"), "beside", 0o600);
        let both = Secrets::new(beside.path(), Some(credentials.path()));
        assert_eq!(both.secret("keys/v2.key").expect("reads").expose(), b"beside");
        write(&credentials.path().join("keys_v2.key"), "credential", 0o440);
        for name in ["keys/v2.key", "./keys/v2.key"] {
            assert_eq!(both.secret(name).expect("reads").expose(), b"credential", "{name}");
        }
        write(&credentials.path().join("v2.key"), "of another", 0o440);
        assert_eq!(both.secret("keys/../keys/v2.key").expect("reads").expose(), b"beside");
    }

    #[test]
    fn a_secret_others_can_read_is_refused_and_the_cure_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(folder.path(), None);
        for mode in [0o640, 0o604, 0o660, 0o610] {
            write(&folder.path().join("v2.key"), "hush", mode);
            let error = secrets.secret("v2.key").expect_err("readable by others").to_string();
            assert!(error.contains("run: chmod 600") && !error.contains("hush"), "{error}");
        }
        assert!(secrets.public("v2.key").is_ok(), "a certificate is nobody's secret");
    }

    #[test]
    fn a_link_out_of_the_credentials_directory_is_judged_by_where_it_leads() {
        let (beside, credentials) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let secrets = Secrets::new(beside.path(), Some(credentials.path()));
        let target = beside.path().join("target");
        std::os::unix::fs::symlink(&target, credentials.path().join("v2.key")).expect("links");
        assert!(matches!(secrets.secret("v2.key"), Err(FileError::NotFound(_))), "a link that leads nowhere");
        write(&target, "key", 0o600);
        assert!(secrets.secret("v2.key").is_ok());
        write(&target, "key", 0o644);
        assert!(matches!(secrets.secret("v2.key"), Err(FileError::ReadableByOthers { .. })));
    }

    #[test]
    fn what_is_no_key_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(folder.path(), None);
        write(&folder.path().join("empty"), "", 0o600);
        write(&folder.path().join("newline"), "\n", 0o600);
        assert!(matches!(secrets.secret("empty"), Err(FileError::Empty(_))));
        assert!(matches!(secrets.secret("newline"), Err(FileError::Empty(_))));
        assert!(matches!(secrets.secret("."), Err(FileError::NotAFile(_))));
        assert!(matches!(secrets.secret("nowhere"), Err(FileError::NotFound(_))));
        let absolute = folder.path().join("empty").display().to_string();
        assert!(matches!(secrets.secret(&absolute), Err(FileError::Empty(_))));
    }
}
