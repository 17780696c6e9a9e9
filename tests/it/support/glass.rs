//! A serial customer display that understands its manual's command table and nothing else, on a pseudo-terminal or fed by
//! hand. It shares no table with the product.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use encoding_rs::{BIG5, Encoding, GBK, WINDOWS_1252};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;

/// Whose commands a display understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Epson,
    Cd5220,
    LogicControls,
}

/// A display's memory.
#[derive(Debug)]
pub(crate) struct Screen {
    tongue: Tongue,
    encoding: &'static Encoding,
    columns: usize,
    cells: Vec<u8>,
    at: usize,
    pending: Vec<u8>,
    overwrites: bool,
    cursor: bool,
    pub(crate) brightness: u8,
    /// What it did not understand.
    pub(crate) strange: Vec<Vec<u8>>,
    /// Everything it was ever sent.
    pub(crate) bytes: Vec<u8>,
}

impl Screen {
    /// As it comes out of its box: scrolling, with a cursor.
    pub(crate) fn new(tongue: Tongue, charset: &str, columns: usize, rows: usize) -> Self {
        let encoding = match charset {
            "gb2312" | "gbk" => GBK,
            "big5" => BIG5,
            _ => WINDOWS_1252,
        };
        Self {
            tongue,
            encoding,
            columns,
            cells: vec![b' '; columns * rows],
            at: 0,
            pending: Vec::new(),
            overwrites: false,
            cursor: true,
            brightness: 4,
            strange: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// What a person sees.
    pub(crate) fn picture(&self) -> Vec<String> {
        assert!(!self.cursor && self.overwrites, "a cursor blinks, or the text scrolls");
        self.cells.chunks(self.columns).map(|row| self.encoding.decode(row).0.into_owned()).collect()
    }

    /// Its text in one line, whatever its state.
    pub(crate) fn text(&self) -> String {
        self.encoding.decode(&self.cells).0.into_owned()
    }

    /// Its plug came out and in again, while its cable stayed.
    pub(crate) fn loses_power(&mut self) {
        let fresh = vec![b' '; self.cells.len()];
        (self.cells, self.at, self.overwrites, self.cursor) = (fresh, 0, false, true);
        self.pending.clear();
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        for byte in bytes {
            self.pending.push(*byte);
            let (done, strange) = match self.tongue {
                Tongue::Epson => self.epson(),
                Tongue::Cd5220 => self.cd5220(),
                Tongue::LogicControls => self.logic_controls(),
            };
            if strange {
                self.strange.push(self.pending.clone());
            }
            if done || strange {
                self.pending.clear();
            }
        }
    }

    fn epson(&mut self) -> (bool, bool) {
        match *self.pending.as_slice() {
            [0x0B] => self.at = 0,
            [0x0C] => self.clear(),
            [0x1B | 0x1F] | [0x1B, b'=' | b'R' | b't'] | [0x1F, b'C' | b'X' | b'$'] | [0x1F, b'$', _] => {
                return (false, false);
            }
            [0x1B, b'@'] => self.loses_power(),
            [0x1B, b'=', 2] | [0x1B, b'R', 0] | [0x1B, b't', 0 | 16 | 19] => {}
            [0x1F, 1] => self.overwrites = true,
            [0x1F, b'C', on] => self.cursor = on == 1,
            [0x1F, b'X', level @ 1..=4] => self.brightness = level,
            [0x1F, b'$', x, y] => return (true, !self.go(x, y)),
            [text] if text >= 0x20 => self.put(text),
            _ => return (false, true),
        }
        (true, false)
    }

    fn cd5220(&mut self) -> (bool, bool) {
        match *self.pending.as_slice() {
            [0x0B] => self.at = 0,
            [0x0C] => self.clear(),
            [0x1B] | [0x1B, b'=' | b'*' | b'_' | b'l'] | [0x1B, b'l', _] => return (false, false),
            [0x1B, b'@'] => self.loses_power(),
            [0x1B, b'=', 2] => {}
            [0x1B, 0x11] => self.overwrites = true,
            [0x1B, b'_', on] => self.cursor = on == 1,
            [0x1B, b'*', level @ 1..=4] => self.brightness = level,
            [0x1B, b'l', x, y] => return (true, !self.go(x, y)),
            [text] if text >= 0x20 => self.put(text),
            _ => return (false, true),
        }
        (true, false)
    }

    fn logic_controls(&mut self) -> (bool, bool) {
        match *self.pending.as_slice() {
            [0x04 | 0x10] => return (false, false),
            [0x04, percent] => self.brightness = percent,
            [0x10, place] => {
                let fits = usize::from(place) < self.cells.len();
                self.at = if fits { usize::from(place) } else { self.at };
                return (true, !fits);
            }
            [0x11] => self.overwrites = true,
            [0x13] => self.cursor = true,
            [0x14] => self.cursor = false,
            [0x1F] => self.loses_power(),
            [text] if text >= 0x20 => self.put(text),
            _ => return (false, true),
        }
        (true, false)
    }

    fn clear(&mut self) {
        self.cells.fill(b' ');
        self.at = 0;
    }

    fn go(&mut self, x: u8, y: u8) -> bool {
        let (x, y) = (usize::from(x), usize::from(y));
        let fits = (1..=self.columns).contains(&x) && (1..=self.cells.len() / self.columns).contains(&y);
        if fits {
            self.at = (y - 1) * self.columns + x - 1;
        }
        fits
    }

    fn put(&mut self, byte: u8) {
        self.cells[self.at] = byte;
        self.at = (self.at + 1) % self.cells.len();
    }
}

/// A display on a pseudo-terminal, behind a link as udev would make it.
pub(crate) struct Display {
    link: PathBuf,
    screen: Arc<Mutex<Screen>>,
    plug: Option<Plug>,
}

struct Plug {
    out: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl Display {
    pub(crate) fn new(link: impl Into<PathBuf>, screen: Screen) -> Self {
        let mut display = Self { link: link.into(), screen: Arc::new(Mutex::new(screen)), plug: None };
        display.replug();
        display
    }

    pub(crate) fn link(&self) -> &Path {
        &self.link
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Screen) -> T) -> T {
        look(&mut self.screen.lock().expect("a screen"))
    }

    pub(crate) fn text(&self) -> String {
        self.with(|screen| screen.text())
    }

    pub(crate) fn unplug(&mut self) {
        let Some(plug) = self.plug.take() else { return };
        std::fs::remove_file(&self.link).expect("its link");
        plug.out.store(true, Ordering::Release);
        plug.reader.join().expect("a reader");
    }

    pub(crate) fn replug(&mut self) {
        self.unplug();
        self.with(Screen::loses_power);
        let master = terminal(&self.link);
        let out = Arc::new(AtomicBool::new(false));
        let (stop, screen) = (Arc::clone(&out), Arc::clone(&self.screen));
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !stop.load(Ordering::Acquire) {
                let limit = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                let mut polled = [PollFd::new(&master, PollFlags::IN)];
                let ready = rustix::event::poll(&mut polled, Some(&limit)).is_ok_and(|count| count > 0);
                match if ready { rustix::io::read(&master, &mut buffer) } else { Ok(0) } {
                    Ok(count) => screen.lock().expect("a screen").feed(&buffer[..count]),
                    // Nobody has it open; poll would tell so at once, and for ever.
                    Err(_) => assert!(rustix::event::poll(&mut [], Some(&limit)).is_ok()),
                }
            }
        });
        self.plug = Some(Plug { out, reader });
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// A pseudo-terminal's master; `link` leads to its other end, which nobody has open.
pub(crate) fn terminal(link: &Path) -> OwnedFd {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags).expect("a pseudo-terminal");
    rustix::pty::grantpt(&master).expect("rights");
    rustix::pty::unlockpt(&master).expect("unlocked");
    let name = rustix::pty::ptsname(&master, Vec::new()).expect("a name");
    let device = Path::new(OsStr::from_bytes(name.as_bytes()));
    // Opened once: only then does the master hear who comes and goes.
    drop(rustix::fs::open(device, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).expect("a slave"));
    std::os::unix::fs::symlink(device, link).expect("a link");
    master
}
