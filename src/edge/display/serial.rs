//! A serial customer display.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{ControlModes, OptionalActions};
use serialport::{ClearBuffer, FlowControl, SerialPort as _, TTYPort};

use super::glass::{Fault, Glass, State, wait, write_all};
use crate::edge::scanner::sysfs::NotFound;
use crate::edge::scanner::{DeviceName, ScannerKind, SerialSettings, Sysfs};
use crate::scene::line::Size;
use crate::scene::vfd::Profile;

/// An open display.
pub(super) struct Vfd {
    /// For writing: it never blocks.
    node: OwnedFd,
    /// Holds the line's settings and the lock.
    port: TTYPort,
    path: PathBuf,
    profile: Profile,
    handshake: bool,
}

impl Vfd {
    /// Finds the port, takes it for this process alone, and sets the display up.
    pub(super) fn open(device: &DeviceName, line: SerialSettings, profile: Profile) -> Result<Self, Fault> {
        let path = find(device)?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let node = rustix::fs::open(&path, flags, Mode::empty()).map_err(|errno| refused(errno, &path))?;
        let port = serialport::new(path.to_string_lossy(), line.baud)
            .data_bits(line.data_bits)
            .parity(line.parity)
            .flow_control(line.handshake)
            .open_native()
            .map_err(|error| unfit(&error, &path))?;
        // A display says nothing we want to hear; and the port's lines stay as they are when we go, because some displays
        // forget their text with DTR.
        let quiet = rustix::termios::tcgetattr(&node).and_then(|mut modes| {
            modes.control_modes.remove(ControlModes::HUPCL | ControlModes::CREAD);
            rustix::termios::tcsetattr(&node, OptionalActions::Now, &modes)
        });
        quiet.map_err(|errno| refused(errno, &path))?;
        let handshake = line.handshake != FlowControl::None;
        let vfd = Self { node, port, path, profile, handshake };
        vfd.write(&vfd.profile.open())?;
        if handshake && !vfd.drained(ANSWER) {
            return Err(vfd.stuck());
        }
        Ok(vfd)
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Fault> {
        write_all(self.node.as_fd(), bytes, ANSWER).map_err(|errno| match errno {
            Errno::TIMEDOUT => self.stuck(),
            _ => self.gone(),
        })
    }

    /// Whether all that was written has left within `limit`.
    fn drained(&self, limit: Duration) -> bool {
        let mut left = limit;
        while self.port.bytes_to_write().is_ok_and(|waiting| waiting > 0) {
            if left.is_zero() {
                return false;
            }
            // Nothing tells when a line has sent its last byte.
            if wait(self.node.as_fd(), PollFlags::empty(), LOOK).is_err() {
                return false;
            }
            left = left.saturating_sub(LOOK);
        }
        true
    }

    fn gone(&self) -> Fault {
        Fault::new(State::Gone, format!("{} is gone; plug the display in again", self.path.display()))
    }

    fn stuck(&self) -> Fault {
        let handshake = if self.handshake { ", and set handshake as the display is set" } else { "" };
        let path = self.path.display();
        Fault::new(
            State::Stuck,
            format!("{path} takes nothing; check that the display has power and its cable is in{handshake}"),
        )
    }
}

impl Glass for Vfd {
    fn size(&self) -> Size {
        self.profile.size
    }

    fn show(&mut self, rows: &[String], whole: bool) -> Result<(), Fault> {
        // What still waits is an older picture: the newest counts, and it must not come behind minutes of others.
        let held_up = self.port.bytes_to_write().is_ok_and(|waiting| waiting > 0);
        if held_up {
            self.port.clear(ClearBuffer::Output).map_err(|_| self.gone())?;
        }
        let mut bytes = if whole || held_up { self.profile.again() } else { Vec::new() };
        bytes.extend(self.profile.rows(rows));
        self.write(&bytes)?;
        if self.handshake && !self.drained(ANSWER) {
            return Err(self.stuck());
        }
        Ok(())
    }

    fn brightness(&mut self, level: u8) -> Result<(), Fault> {
        self.profile.brightness = Some(level);
        self.write(&self.profile.again())
    }

    fn watched(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        Some((self.node.as_fd(), PollFlags::empty()))
    }

    fn hear(&mut self) -> Result<(), Fault> {
        Err(self.gone())
    }

    fn leave(mut self: Box<Self>, rows: &[String]) {
        if self.show(rows, true).is_ok() {
            self.drained(ANSWER);
        }
    }
}

impl Drop for Vfd {
    fn drop(&mut self) {
        // Closing waits for what is not sent, half a minute where a handshake holds it up.
        if !self.drained(LOOK) {
            self.port.clear(ClearBuffer::Output).ok();
        }
    }
}

fn find(device: &DeviceName) -> Result<PathBuf, Fault> {
    if let DeviceName::Path(path) = device {
        return Ok(path.clone());
    }
    Sysfs::default().find(ScannerKind::Serial, device).map_err(|why| {
        let advice = match why {
            NotFound::Absent | NotFound::OtherMode => {
                format!("no serial port {device} is plugged in; plug the display in, or see `shroff devices`")
            }
            NotFound::Several(nodes) => {
                let nodes: Vec<String> = nodes.iter().map(|node| node.display().to_string()).collect();
                format!(
                    "{device} could be any of {}; add the serial number, or name the port it is plugged into \
                     (`shroff devices` prints both)",
                    nodes.join(", ")
                )
            }
        };
        Fault::new(State::Gone, advice)
    })
}

fn refused(errno: Errno, path: &Path) -> Fault {
    let shown = path.display();
    match errno {
        Errno::BUSY => in_use(),
        Errno::PERM | Errno::ACCESS => Fault::new(State::Denied, DENIED),
        Errno::NOENT => Fault::new(
            State::Gone,
            format!("{shown} is not there; plug the display in, or correct its device path (`shroff devices`)"),
        ),
        Errno::NOTTY => Fault::new(State::Gone, format!("{shown} is no serial port; `shroff devices` lists them")),
        other => Fault::new(State::Gone, format!("{shown} cannot be opened: {}", io::Error::from(other))),
    }
}

fn unfit(error: &serialport::Error, path: &Path) -> Fault {
    match error.kind {
        serialport::ErrorKind::NoDevice => in_use(),
        serialport::ErrorKind::Io(_) | serialport::ErrorKind::InvalidInput | serialport::ErrorKind::Unknown => {
            let shown = path.display();
            Fault::new(
                State::Gone,
                format!("{shown} cannot be set up as a serial line: {error}; `shroff devices` lists them"),
            )
        }
    }
}

fn in_use() -> Fault {
    Fault::new(State::InUse, "in use by another program; close that program, or stop a second shroff")
}

const DENIED: &str = "permission denied; install shroff's udev rules, which give the port to the group shroff, restart the \
    service and plug the display in again";

/// A display at 9600 baud takes a picture in a tenth of this.
const ANSWER: Duration = Duration::from_secs(1);
/// How often a line that is sending is looked at.
const LOOK: Duration = Duration::from_millis(10);
