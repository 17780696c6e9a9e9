use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;

use super::cable::{Cable, Carry, Encoding, Scanner, unplugged, write_all};
use super::manner::{Kind, Manner, Scan};

/// A serial barcode scanner on a pseudo-terminal, behind a link as udev would make it. What was not read when it is
/// unplugged is gone, as with a cable.
pub type PtyScanner = Scanner<Serial, Pty>;

impl PtyScanner {
    /// Plugs a scanner in and makes `link` lead to it.
    ///
    /// # Errors
    /// When there is no pseudo-terminal to be had, or the link cannot be made.
    pub fn new(link: impl Into<PathBuf>) -> io::Result<Self> {
        let mut cable = Pty { link: link.into(), plug: None };
        cable.replug()?;
        Ok(Self::on(Serial, cable))
    }

    /// The link that stands for it.
    #[must_use]
    pub fn link(&self) -> &Path {
        &self.cable.link
    }
}

/// A serial line: a scan is its characters.
#[derive(Clone, Copy, Debug)]
pub struct Serial;

impl Encoding for Serial {
    type Piece = u8;

    const KIND: Kind = Kind::Serial;

    fn manner(&self) -> Manner {
        Manner::default()
    }

    fn pieces(&self, scan: &Scan<'_>) -> io::Result<Vec<u8>> {
        scan.characters()
    }
}

/// A pseudo-terminal behind a link.
#[derive(Debug)]
pub struct Pty {
    link: PathBuf,
    plug: Option<Plug>,
}

#[derive(Debug)]
struct Plug {
    master: OwnedFd,
    device: PathBuf,
}

impl Cable for Pty {
    fn is_open(&self) -> Option<bool> {
        Some(self.plug.as_ref().is_some_and(Plug::is_open))
    }

    fn link(&self) -> Option<&Path> {
        Some(&self.link)
    }

    fn device(&self) -> Option<&Path> {
        self.plug.as_ref().map(|plug| plug.device.as_path())
    }

    fn is_plugged(&self) -> bool {
        self.plug.is_some()
    }

    /// The link goes first, then the terminal.
    fn unplug(&mut self) -> io::Result<()> {
        let Some(plug) = self.plug.take() else { return Ok(()) };
        let ours = fs::read_link(&self.link).is_ok_and(|target| target == plug.device);
        if ours { fs::remove_file(&self.link) } else { Ok(()) }
    }

    /// Another terminal, the same link.
    fn replug(&mut self) -> io::Result<()> {
        self.unplug()?;
        let plug = Plug::new()?;
        if fs::symlink_metadata(&self.link).is_ok_and(|there| !there.is_symlink()) {
            let text = format!("{} is there and is no link", self.link.display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        let mut fresh = self.link.clone().into_os_string();
        fresh.push(".new");
        fs::remove_file(&fresh).ok();
        std::os::unix::fs::symlink(&plug.device, &fresh)?;
        fs::rename(&fresh, &self.link)?;
        self.plug = Some(plug);
        Ok(())
    }
}

impl Carry<u8> for Pty {
    fn carry(&self, characters: &[u8]) -> io::Result<()> {
        write_all(&self.plug.as_ref().ok_or_else(unplugged)?.master, characters)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.unplug().ok();
    }
}

impl Plug {
    /// A terminal in raw mode that nobody has open. It was open once: only then does the master hear who comes and goes.
    fn new() -> io::Result<Self> {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let device = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        let slave = rustix::fs::open(&device, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        let mut termios = rustix::termios::tcgetattr(&slave)?;
        termios.make_raw();
        rustix::termios::tcsetattr(&slave, OptionalActions::Now, &termios)?;
        rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
        Ok(Self { master, device })
    }

    fn is_open(&self) -> bool {
        let mut polled = [PollFd::new(&self.master, PollFlags::empty())];
        let seen = rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        seen.is_ok() && polled.iter().all(|master| !master.revents().contains(PollFlags::HUP))
    }
}
