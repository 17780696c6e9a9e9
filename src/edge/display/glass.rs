//! What text is drawn on: a serial display, a display of LCDproc's, or a text console.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::console::Console;
use super::lcdproc::Lcdproc;
use super::serial::Vfd;
use crate::edge::scanner::{DeviceName, SerialSettings};
use crate::scene::Scene;
use crate::scene::charset::Charset;
use crate::scene::line::Size;
use crate::scene::vfd::Profile;
use crate::words::{LaneId, Language};

/// Which display is meant, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settings {
    /// A serial display.
    Vfd {
        /// Its port.
        device: DeviceName,
        /// How the port is set.
        line: SerialSettings,
        /// Its commands and characters.
        profile: Profile,
    },
    /// A display that LCDproc drives.
    Lcdproc {
        /// Where LCDd listens.
        address: SocketAddr,
    },
    /// Standard output.
    Console,
}

impl Settings {
    /// The word of the configuration.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Vfd { .. } => "vfd",
            Self::Lcdproc { .. } => "lcdproc",
            Self::Console => "console",
        }
    }

    /// How the configuration names it.
    #[must_use]
    pub fn device(&self) -> String {
        match self {
            Self::Vfd { device, .. } => device.to_string(),
            Self::Lcdproc { address } => address.to_string(),
            Self::Console => "stdout".to_owned(),
        }
    }

    /// The languages it speaks where customers want `wanted`.
    #[must_use]
    pub fn languages(&self, wanted: &[Language]) -> Vec<Language> {
        self.charset().map_or_else(|| wanted.to_vec(), |charset| charset.languages(wanted))
    }

    /// `scene` in characters it can show.
    #[must_use]
    pub fn legible(&self, scene: Scene) -> Scene {
        match self.charset() {
            Some(charset) => charset.scene(scene),
            None => scene,
        }
    }

    /// Its characters, where it does not have them all.
    #[must_use]
    pub const fn charset(&self) -> Option<Charset> {
        match self {
            Self::Vfd { profile, .. } => Some(profile.charset),
            Self::Lcdproc { .. } => Some(Charset::Latin1),
            Self::Console => None,
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Why it cannot be used now, and what to do.
    pub fn open(&self, lane: &LaneId) -> Result<Box<dyn Glass>, Fault> {
        Ok(match self {
            Self::Vfd { device, line, profile } => Box::new(Vfd::open(device, *line, profile.clone())?),
            Self::Lcdproc { address } => Box::new(Lcdproc::open(*address, lane)?),
            Self::Console => Box::new(Console::new(lane)),
        })
    }
}

/// An open display. Nothing it does takes longer than a few seconds, and what waits longest is given up.
pub trait Glass {
    /// How much it shows.
    fn size(&self) -> Size;

    /// Draws rows of exactly its size; `whole`: sets it up again as well, without going dark.
    ///
    /// # Errors
    /// When it is gone, or takes nothing: it must be opened anew.
    fn show(&mut self, rows: &[String], whole: bool) -> Result<(), Fault>;

    /// Sets its brightness, 1 to 4, where it has one.
    ///
    /// # Errors
    /// As [`Glass::show`].
    fn brightness(&mut self, level: u8) -> Result<(), Fault>;

    /// What to watch between two pictures, and for what. A hang-up is always watched for.
    fn watched(&self) -> Option<(BorrowedFd<'_>, PollFlags)>;

    /// Hears what came.
    ///
    /// # Errors
    /// When it is gone.
    fn hear(&mut self) -> Result<(), Fault>;

    /// Leaves `rows` behind where something stays behind, and lets go of the display.
    fn leave(self: Box<Self>, rows: &[String]);
}

/// Why a display shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `gone`, `in_use`, `denied`, `stuck`.
    pub state: State,
    /// What was seen, and what to do.
    pub advice: String,
}

impl Fault {
    pub(super) fn new(state: State, advice: impl Into<String>) -> Self {
        Self { state, advice: advice.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.advice)
    }
}

/// How a display is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Open, and it takes what it is sent.
    Connected,
    /// Not there.
    Gone,
    /// Another program has it.
    InUse,
    /// This process may not open it.
    Denied,
    /// It does not take what it is sent.
    Stuck,
}

impl State {
    /// The stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Gone => "gone",
            Self::InUse => "in_use",
            Self::Denied => "denied",
            Self::Stuck => "stuck",
        }
    }
}

/// Writes all of `bytes` into something that does not block, and gives up when it takes nothing for `limit`.
pub(super) fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8], limit: Duration) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                if !wait(to, PollFlags::OUT, limit)? {
                    return Err(Errno::TIMEDOUT);
                }
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Waits until `events` are there, or something is wrong. False when `limit` passed.
pub(super) fn wait(on: BorrowedFd<'_>, events: PollFlags, limit: Duration) -> Result<bool, Errno> {
    let limit = Timespec::try_from(limit).unwrap_or_default();
    match rustix::event::poll(&mut [PollFd::from_borrowed_fd(on, events)], Some(&limit)) {
        Ok(count) => Ok(count > 0),
        // Whoever waits looks again.
        Err(Errno::INTR) => Ok(true),
        Err(errno) => Err(errno),
    }
}
