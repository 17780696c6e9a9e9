//! The daemon's side of a [`keeper`](super::keeper): starts the process, feeds it, and hears how the display is.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::glass::Settings;
pub use super::wire::Report;
use super::wire::{self, Setup, Show};
use crate::scene::Scene;
use crate::words::{LaneId, Language, Tick};

/// A keeper without word for so long is held up. It answers every scene, and a scene is told every few seconds.
pub const SILENT: Duration = Duration::from_secs(15);

/// A running keeper.
#[derive(Debug)]
pub struct Keeping {
    child: Child,
    reports: Lines<BufReader<OwnedReadHalf>>,
    scenes: OwnedWriteHalf,
}

impl Keeping {
    /// Starts a keeper for the display of `lane` that speaks `languages`.
    ///
    /// # Errors
    /// When the system gives no process.
    pub fn start(lane: &LaneId, languages: &[Language], settings: &Settings) -> io::Result<Self> {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        // An empty socket takes a line at once.
        ours.write_all(&wire::line(&Setup::new(lane.as_str(), languages, settings)))?;
        ours.set_nonblocking(true)?;
        // A file is replaced when the package is: the program that runs is the one to ask.
        let child = Command::new("/proc/self/exe")
            .arg0("shroff")
            .args(["display", "keep"])
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(if *settings == Settings::Console { Stdio::inherit() } else { Stdio::null() })
            .spawn()?;
        let (reports, scenes) = UnixStream::from_std(ours)?.into_split();
        let reports = BufReader::new(reports).lines();
        Ok(Self { child, reports, scenes })
    }

    /// Tells it what to show.
    ///
    /// # Errors
    /// When it is gone, or takes nothing.
    pub async fn show(&mut self, scene: &Scene, now: Tick) -> io::Result<()> {
        let line = wire::line(&Show::of(scene, now));
        timeout(TAKES, self.scenes.write_all(&line)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// The next thing it tells of its display. Nothing when it is gone. May be given up and called again.
    pub async fn report(&mut self) -> Option<Report> {
        let line = self.reports.next_line().await.ok().flatten()?;
        serde_json::from_str(&line).ok()
    }

    /// Lets it say its last words to the customer, and waits for its end.
    pub async fn end(self) {
        let Self { mut child, reports, scenes } = self;
        drop((reports, scenes));
        // One whose display hangs ends a little later, by itself.
        drop(timeout(LAST_WORDS, child.wait()).await);
    }

    /// Ends one that is held up, or has ended.
    pub async fn kill(mut self) {
        // It may be gone already.
        drop(self.child.start_kill());
        drop(timeout(TAKES, self.child.wait()).await);
    }
}

/// It reads at once, unless its display holds it up.
const TAKES: Duration = Duration::from_secs(4);
/// A picture at 9600 baud, and a slow machine.
const LAST_WORDS: Duration = Duration::from_secs(2);
