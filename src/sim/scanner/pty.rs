use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;

use super::nap;

/// How a scanner sends a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Sent first.
    pub prefix: Vec<u8>,
    /// The AIM identifier in front of the code, or nothing.
    pub aim: Vec<u8>,
    /// Sent last.
    pub suffix: Vec<u8>,
    /// Between two characters; all at once when it is zero.
    pub gap: Duration,
}

impl Default for Manner {
    /// A code, CR, all at once.
    fn default() -> Self {
        Self { prefix: Vec::new(), aim: Vec::new(), suffix: b"\r".to_vec(), gap: Duration::ZERO }
    }
}

/// A serial barcode scanner on a pseudo-terminal, behind a link as udev would make it. It stays plugged in until it is
/// unplugged or dropped; what was not read by then is gone, as with a cable.
#[derive(Debug)]
pub struct PtyScanner {
    /// How it sends.
    pub manner: Manner,
    link: PathBuf,
    plug: Option<Plug>,
}

#[derive(Debug)]
struct Plug {
    master: OwnedFd,
    device: PathBuf,
}

impl PtyScanner {
    /// Plugs a scanner in and makes `link` lead to it.
    ///
    /// # Errors
    /// When there is no pseudo-terminal to be had, or the link cannot be made.
    pub fn new(link: impl Into<PathBuf>) -> io::Result<Self> {
        let mut scanner = Self { manner: Manner::default(), link: link.into(), plug: None };
        scanner.replug()?;
        Ok(scanner)
    }

    /// The link that stands for it.
    #[must_use]
    pub fn link(&self) -> &Path {
        &self.link
    }

    /// The terminal behind the link, when plugged in.
    #[must_use]
    pub fn device(&self) -> Option<&Path> {
        self.plug.as_ref().map(|plug| plug.device.as_path())
    }

    /// Scans `code`, in its manner.
    ///
    /// # Errors
    /// When it is unplugged, or nobody reads for five seconds.
    pub fn scan(&self, code: &str) -> io::Result<()> {
        let Manner { prefix, aim, suffix, gap } = &self.manner;
        self.send(&[prefix, aim, code.as_bytes(), suffix].concat(), *gap)
    }

    /// Scans `code` with `gap` between two characters.
    ///
    /// # Errors
    /// As [`PtyScanner::scan`].
    pub fn type_slowly(&self, code: &str, gap: Duration) -> io::Result<()> {
        let Manner { prefix, aim, suffix, .. } = &self.manner;
        self.send(&[prefix, aim, code.as_bytes(), suffix].concat(), gap)
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// As [`PtyScanner::scan`].
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        self.send(bytes, Duration::ZERO)
    }

    /// Pulls the plug: the link goes first, then the terminal.
    ///
    /// # Errors
    /// When the link cannot be removed.
    pub fn unplug(&mut self) -> io::Result<()> {
        let Some(plug) = self.plug.take() else { return Ok(()) };
        let ours = fs::read_link(&self.link).is_ok_and(|target| target == plug.device);
        if ours { fs::remove_file(&self.link) } else { Ok(()) }
    }

    /// Plugs it in again: another terminal, the same link.
    ///
    /// # Errors
    /// As [`PtyScanner::new`].
    pub fn replug(&mut self) -> io::Result<()> {
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

    /// Whether a program has it open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.plug.as_ref().is_some_and(Plug::is_open)
    }

    /// Waits until a program opens it, at most `limit`; false when none did.
    #[must_use]
    pub fn wait_open(&self, limit: Duration) -> bool {
        let mut rest = limit;
        while !self.is_open() {
            if rest.is_zero() {
                return false;
            }
            nap(GLANCE);
            rest = rest.saturating_sub(GLANCE);
        }
        true
    }

    fn send(&self, bytes: &[u8], gap: Duration) -> io::Result<()> {
        let plug = self.plug.as_ref().ok_or_else(|| io::Error::new(ErrorKind::NotConnected, "it is unplugged"))?;
        if gap.is_zero() {
            return plug.write(bytes);
        }
        for byte in bytes {
            plug.write(std::slice::from_ref(byte))?;
            nap(gap);
        }
        Ok(())
    }
}

impl Drop for PtyScanner {
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

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&self.master, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(rustix::io::Errno::AGAIN) => self.wait_writable()?,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn wait_writable(&self) -> io::Result<()> {
        let mut polled = [PollFd::new(&self.master, PollFlags::OUT)];
        rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: PATIENCE_S, tv_nsec: 0 }))?;
        if polled.iter().any(|master| master.revents().contains(PollFlags::OUT)) {
            return Ok(());
        }
        Err(io::Error::new(ErrorKind::TimedOut, "nobody reads the scanner"))
    }
}

/// How long a scanner waits for its reader, in seconds.
const PATIENCE_S: i64 = 5;

/// Between two looks whether somebody has opened the scanner.
const GLANCE: Duration = Duration::from_millis(10);
