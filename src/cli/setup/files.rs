//! The files of a set-up: made beside their place, read as the daemon reads them, and then moved, the configuration last.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::cli::exit::BadData;
use crate::config::{Config, Origin, Row, rows};
use crate::edge::dice::Dice;

/// Where secrets lie, beside the configuration: what the unit's `LoadCredential=` hands to the service.
pub(super) const KEYS_FOLDER: &str = "keys";
/// The API's token.
pub(super) const TOKEN: &str = "api.token";
/// Only its owner reads it.
pub(super) const PRIVATE: u32 = 0o600;
/// No secret is in it, and the POS software's user reads it too.
pub(super) const PUBLIC: u32 = 0o644;
/// Larger is no key and no certificate.
const FILE_MAX: u64 = 512 * 1024;

/// The folder of the configuration.
pub(super) struct Folder {
    path: PathBuf,
    config: String,
}

impl Folder {
    /// The folder of the configuration at `path`; it is made where there is none.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let config = path.file_name().and_then(|name| name.to_str());
        let Some(config) = config else {
            return Err(BadData(format!("{} is no name for a file", path.display())).into());
        };
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
        made.with_context(|| format!("{} cannot be made; run it as root: sudo shroff setup", folder.display()))?;
        Ok(Self { path: folder.to_owned(), config: config.to_owned() })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration's name in it.
    pub(super) fn config_name(&self) -> &str {
        &self.config
    }

    /// Whether the configuration says anything. The one a package comes with has comments only.
    pub(super) fn is_configured(&self) -> bool {
        match fs::read_to_string(self.path.join(&self.config)) {
            Ok(text) => !is_empty(&text),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// The configuration that is there, as it stands; an empty one where there is none, or it says nothing.
    ///
    /// # Errors
    /// When it cannot be read, or is not TOML.
    pub(super) fn old(&self) -> anyhow::Result<toml::Table> {
        let path = self.path.join(&self.config);
        if !path.exists() {
            return Ok(toml::Table::new());
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        // The error's own text would repeat a line, and a secret may stand there by mistake.
        text.parse().map_err(|_| {
            let path = path.display();
            BadData(format!("{path} is not TOML, so that nothing of it can be kept; mend it, or move it away")).into()
        })
    }

    /// Whether there is a token already: whoever has it keeps it.
    pub(super) fn has_token(&self) -> bool {
        self.path.join(KEYS_FOLDER).join(TOKEN).exists()
    }

    /// A folder in it for what is not yet what it is to be. It is gone when nobody needs it any more.
    ///
    /// # Errors
    /// When nothing can be written here.
    pub(super) fn stage(&self) -> anyhow::Result<Staged<'_>> {
        let beside = tempfile::Builder::new().prefix(".setup-").tempdir_in(&self.path).with_context(|| {
            format!("nothing can be written in {}; run it as root: sudo shroff setup", self.path.display())
        })?;
        make_keys_folder(beside.path())?;
        if self.has_token() {
            let token = self.path.join(KEYS_FOLDER).join(TOKEN);
            let copy = beside.path().join(KEYS_FOLDER).join(TOKEN);
            write(&copy, &read(&token)?, PRIVATE)?;
        }
        Ok(Staged { folder: self, beside, names: Vec::new() })
    }
}

/// Files on their way to the folder.
pub(super) struct Staged<'a> {
    folder: &'a Folder,
    beside: TempDir,
    names: Vec<String>,
}

impl Staged<'_> {
    /// Puts a file with these permission bits there.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn put(&mut self, name: &str, content: &[u8], mode: u32) -> anyhow::Result<()> {
        write(&self.beside.path().join(name), content, mode)?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Shows the new configuration a file of the old one that it goes on naming. The file itself stays where it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn borrow(&self, name: &str) -> anyhow::Result<()> {
        let (from, to) = (self.folder.path.join(name), self.beside.path().join(name));
        // Absolute names are found anyway, and one that is missing is told of by the check.
        if Path::new(name).is_absolute() || !from.exists() || to.exists() {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        write(&to, &read(&from)?, PRIVATE)
    }

    /// What the configuration that is there says, in TOML, and the new one does not.
    pub(super) fn lost(&self) -> Vec<String> {
        let (before, now) = (self.folder.path.join(&self.folder.config), self.beside.path().join(&self.folder.config));
        let (Ok(old), Ok(new)) = (rows(&before), rows(&now)) else {
            // Keys of another version, perhaps.
            let unread = before.exists().then(|| format!("{} as a whole: it has mistakes", before.display()));
            return unread.into_iter().collect();
        };
        let is_typed = |row: &Row| matches!(row.origin, Origin::File { .. });
        let stays = |row: &Row| new.iter().any(|it| it.key == row.key && (is_typed(it) || it.value == row.value));
        old.iter()
            .filter(|row| is_typed(row) && !stays(row))
            .map(|row| format!("{} = {}", row.key, row.value))
            .collect()
    }

    /// The configuration as it will be read, with the files that go with it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        let config = Config::load(&self.beside.path().join(&self.folder.config), None);
        config.context("nothing was written")
    }

    /// The files that are there already with something else in them; a configuration of comments alone is none.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn taken(&self) -> anyhow::Result<Vec<String>> {
        let mut taken = Vec::new();
        for name in &self.names {
            if self.differs(name)? {
                taken.push(self.folder.path.join(name).display().to_string());
            }
        }
        Ok(taken)
    }

    fn differs(&self, name: &str) -> anyhow::Result<bool> {
        let path = self.folder.path.join(name);
        if !path.exists() {
            return Ok(false);
        }
        let (old, new) = (read(&path)?, read(&self.beside.path().join(name))?);
        Ok(old != new && !(*name == self.folder.config && std::str::from_utf8(&old).is_ok_and(is_empty)))
    }

    /// Moves everything to its place, the configuration last. What is replaced stays as NAME.old. Gives what was written.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn land(self) -> anyhow::Result<Vec<String>> {
        make_keys_folder(&self.folder.path)?;
        let mut written = Vec::new();
        for name in &self.names {
            let (from, to) = (self.beside.path().join(name), self.folder.path.join(name));
            let failed = || format!("{} cannot be written", to.display());
            if self.differs(name)? {
                let mut old = to.clone().into_os_string();
                old.push(".old");
                fs::rename(&to, &old).with_context(failed)?;
            }
            File::open(&from).and_then(|file| file.sync_all()).with_context(failed)?;
            fs::rename(&from, &to).with_context(failed)?;
            written.push(format!("wrote {}", to.display()));
        }
        for folder in [self.folder.path.join(KEYS_FOLDER), self.folder.path.clone()] {
            File::open(&folder).and_then(|folder| folder.sync_all()).context("the folder cannot be written")?;
        }
        Ok(written)
    }
}

/// A fresh token of 256 bits.
pub(super) fn token() -> Zeroizing<String> {
    let bytes = Zeroizing::new(Dice.bytes::<32>());
    Zeroizing::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads a file that somebody named.
///
/// # Errors
/// When it cannot be read, or is too large for what it is to be.
pub(super) fn read(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let failed = || path.display().to_string();
    let file = File::open(path).with_context(failed)?;
    if !file.metadata().with_context(failed)?.is_file() {
        return Err(BadData(format!("{} is not a plain file", path.display())).into());
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(FILE_MAX.saturating_add(1)).read_to_end(&mut content).with_context(failed)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > FILE_MAX {
        return Err(BadData(format!("{} is larger than any key or certificate", path.display())).into());
    }
    Ok(content)
}

fn write(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let mut file = File::options().write(true).create_new(true).mode(mode).open(path).with_context(failed)?;
    // Whatever the umask is: the POS software's user reads the configuration.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)).with_context(failed)?;
    file.write_all(content).with_context(failed)
}

fn make_keys_folder(folder: &Path) -> anyhow::Result<()> {
    let keys = folder.join(KEYS_FOLDER);
    match fs::DirBuilder::new().mode(0o700).create(&keys) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("{} cannot be made", keys.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether a configuration says nothing: comments and blank lines only.
fn is_empty(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}
