//! A line that nobody can read over a shoulder, and a terminal that shows again what is typed, however the line ends.

use std::io::{self, Stdin};
use std::os::fd::AsFd as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Longer is no key, and no password.
const LENGTH_MAX: usize = 512;
/// How long a signal may go unnoticed that came just before the wait for a key.
const LOOK_UP: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };
/// What the keyboard sends for Ctrl-C, Ctrl-D and Ctrl-U, and for the two that erase.
const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_U: u8 = 0x15;
const ERASE: [u8; 2] = [0x08, 0x7f];

/// Reads a line at the terminal that stdin is, and shows nothing of it. Whoever pastes more than a line loses the rest:
/// it would be the answer to a question that is shown.
///
/// # Errors
/// `Interrupted` when Ctrl-C was typed, or a signal came and `is_over` says so; `UnexpectedEof` when the terminal is gone.
pub(super) fn line(is_over: &dyn Fn() -> bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let terminal = Quiet::new(io::stdin())?;
    // Its place in memory never moves, so that no copy of it is left behind.
    let mut typed = Zeroizing::new(Vec::with_capacity(LENGTH_MAX));
    loop {
        match terminal.byte() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && !is_over() => {}
            Err(error) => return Err(error),
            Ok(CTRL_C) => return Err(io::ErrorKind::Interrupted.into()),
            Ok(CTRL_D) if typed.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(b'\r' | b'\n') => return Ok(typed),
            Ok(CTRL_U) => typed.clear(),
            Ok(byte) if ERASE.contains(&byte) => drop(typed.pop()),
            Ok(byte) if typed.len() < LENGTH_MAX && !byte.is_ascii_control() => typed.push(byte),
            Ok(_) => {}
        }
    }
}

/// A terminal that shows nothing and makes no signals of keys, until this is dropped.
struct Quiet {
    terminal: Stdin,
    before: Termios,
}

impl Quiet {
    fn new(terminal: Stdin) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        quiet.input_modes.remove(InputModes::IXON);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        let new = Self { terminal, before };
        tcsetattr(&new.terminal, OptionalActions::Flush, &quiet)?;
        Ok(new)
    }

    /// Waits for a byte. A signal ends a poll, whatever becomes of a read, and so does time: both are `Interrupted`.
    fn byte(&self) -> io::Result<u8> {
        let mut byte = [0];
        if poll(&mut [PollFd::new(&self.terminal, PollFlags::IN)], Some(&LOOK_UP))? == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match rustix::io::read(self.terminal.as_fd(), &mut byte) {
            Ok(0) | Err(Errno::IO) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(u8::from_be_bytes(byte)),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nobody is left to be told: the terminal is gone.
        let _gone = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}
