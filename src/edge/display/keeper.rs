//! The keeper of a display: a small process of its own that owns the display and outlives the daemon.
//!
//! A character display keeps its last text for as long as it has power, so that a daemon which is killed while *paid*
//! stands there would leave it standing. The keeper holds the other end of a socket: when that ends, however it ended, or
//! when nobody repeats the scene before it expires, the keeper sends the customer to the cashier.

use std::io::{self, ErrorKind, Read as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use tokio::signal::unix::{SignalKind, signal};

use super::glass::{Fault, Glass, Settings, State};
use super::same;
use super::wire::{self, Report, Setup, Show};
use crate::edge::clock::Clock;
use crate::scene::Scene;
use crate::scene::line::{Size, cards, last_words};
use crate::words::{LaneId, Language, Tick};

/// Keeps the display that the first line of `channel` names, until the channel ends.
///
/// # Errors
/// When the channel does not speak as a daemon of this version does.
pub fn run(channel: UnixStream) -> io::Result<()> {
    // Dropped, it would still keep the handlers; but nothing would read what they write.
    let _signals = deaf()?;
    channel.set_nonblocking(true)?;
    let mut channel = Channel { channel, heard: Vec::new() };
    let first = channel.first_line()?;
    let strange = |what: &str| io::Error::new(ErrorKind::InvalidData, format!("the daemon sent no {what}"));
    let setup: Setup = serde_json::from_slice(&first).map_err(|_| strange("setup"))?;
    let settings = setup.settings().ok_or_else(|| strange("settings"))?;
    let lane = setup.lane.parse().map_err(|_| strange("lane"))?;
    let mut keeper = Keeper::new(settings, lane, setup.languages, channel);
    while keeper.turn()? {}
    keeper.leave();
    Ok(())
}

/// Signals that end a group of processes must not end this one before it has done its duty: the end of the channel does.
fn deaf() -> io::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let inside = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit(), SIGABRT()]
    {
        drop(signal(kind)?);
    }
    drop(inside);
    Ok(runtime)
}

/// What systemd's watchdog sends to the whole service.
#[expect(non_snake_case, reason = "a signal's name")]
fn SIGABRT() -> SignalKind {
    SignalKind::from_raw(rustix::process::Signal::ABORT.as_raw())
}

/// The daemon's end of things.
struct Channel {
    channel: UnixStream,
    heard: Vec<u8>,
}

impl Channel {
    /// Reads what there is. False when the daemon is gone.
    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        loop {
            match self.channel.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => self.heard.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It was killed with words of ours unread.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error),
            }
            if self.heard.len() > HEARD_MAX {
                return Err(io::Error::new(ErrorKind::InvalidData, "the daemon sent a line without end"));
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.heard.iter().position(|byte| *byte == b'\n')?;
        Some(self.heard.drain(..=end).collect())
    }

    /// The newest line; older ones are passed over.
    fn newest(&mut self) -> Option<Vec<u8>> {
        std::iter::from_fn(|| self.line()).last()
    }

    fn first_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(line) = self.line() {
                return Ok(line);
            }
            wait(&mut [PollFd::new(&self.channel, PollFlags::IN)], SLEEP_MAX)?;
            if !self.read()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Tells how the display is. A daemon that does not listen is not waited for.
    fn tell(&self, report: &Report) {
        match rustix::io::write(&self.channel, &wire::line(report)) {
            Ok(_) | Err(_) => {}
        }
    }
}

struct Keeper {
    settings: Settings,
    lane: LaneId,
    languages: Vec<Language>,
    clock: Clock,
    channel: Channel,
    glass: Option<Box<dyn Glass>>,
    /// When it was opened, and when it is tried again.
    opened: Tick,
    retry: Tick,
    scene: Option<Scene>,
    cards: Vec<Vec<String>>,
    place: usize,
    turned: Tick,
    /// What stands on the glass.
    drawn: Option<Vec<String>>,
    refreshed: Tick,
    report: Report,
}

impl Keeper {
    fn new(settings: Settings, lane: LaneId, languages: Vec<Language>, channel: Channel) -> Self {
        let clock = Clock::start();
        let (opened, retry, turned, refreshed) = Default::default();
        let report = Report { state: State::Gone, advice: String::new() };
        Self {
            settings,
            lane,
            languages,
            clock,
            channel,
            glass: None,
            opened,
            retry,
            scene: None,
            cards: Vec::new(),
            place: 0,
            turned,
            drawn: None,
            refreshed,
            report,
        }
    }

    /// Does what is due, and waits for what comes. False when the daemon is gone.
    fn turn(&mut self) -> io::Result<bool> {
        let now = self.clock.tick();
        if self.glass.is_none() && self.retry <= now {
            self.open(now);
        }
        self.expire(now);
        if self.cards.len() > 1 && now.since(self.turned) >= TURN {
            self.place = self.place.saturating_add(1);
            self.turned = now;
        }
        if let Err(fault) = self.draw(now) {
            self.close(fault, now);
        }
        self.listen(self.sleep(now))
    }

    fn open(&mut self, now: Tick) {
        match self.settings.open(&self.lane) {
            Ok(glass) => {
                self.glass = Some(glass);
                (self.opened, self.refreshed, self.drawn) = (now, now, None);
                self.lay_out(now);
                self.told(Report { state: State::Connected, advice: String::new() });
            }
            Err(fault) => self.close(fault, now),
        }
    }

    /// Lets go of a display that is gone. One that fails as soon as it is open is tried more rarely.
    fn close(&mut self, fault: Fault, now: Tick) {
        let opened = self.glass.take().is_some();
        let short = opened && now.since(self.opened) < RARELY;
        self.retry = now.after(if short || fault.state == State::Stuck { RARELY } else { SOON });
        self.told(Report { state: fault.state, advice: fault.advice });
    }

    /// Tells the daemon, if it is news.
    fn told(&mut self, report: Report) {
        if report != self.report {
            self.report = report;
            self.channel.tell(&self.report);
        }
    }

    /// A scene that was not repeated in time is not shown any more.
    fn expire(&mut self, now: Tick) {
        if self.scene.as_ref().is_some_and(|scene| !scene.is_fresh(now)) {
            self.scene = Some(Scene::stale(&self.languages));
            self.lay_out(now);
        }
    }

    fn take(&mut self, show: Show, now: Tick) {
        let scene = self.settings.legible(show.scene(&self.languages, now));
        let news = self.scene.as_ref().is_none_or(|last| !same(last, &scene));
        self.scene = Some(scene);
        if news {
            self.lay_out(now);
        }
    }

    fn lay_out(&mut self, now: Tick) {
        let size = self.glass.as_ref().map_or(Size::USUAL, |glass| glass.size());
        self.cards = self.scene.as_ref().map(|scene| cards(scene, size)).unwrap_or_default();
        (self.place, self.turned) = (0, now);
    }

    fn draw(&mut self, now: Tick) -> Result<(), Fault> {
        let place = self.place.checked_rem(self.cards.len()).unwrap_or_default();
        let (Some(glass), Some(card)) = (self.glass.as_mut(), self.cards.get(place)) else { return Ok(()) };
        let whole = now.since(self.refreshed) >= WHOLE;
        if !whole && self.drawn.as_ref() == Some(card) {
            return Ok(());
        }
        glass.show(card, whole)?;
        self.drawn = Some(card.clone());
        if whole {
            self.refreshed = now;
        }
        Ok(())
    }

    /// How long nothing is due.
    fn sleep(&self, now: Tick) -> Duration {
        let mut due = vec![now.after(SLEEP_MAX)];
        match &self.glass {
            Some(_) => due.push(self.refreshed.after(WHOLE)),
            None => due.push(self.retry),
        }
        due.extend(self.scene.as_ref().map(|scene| scene.expires_at));
        if self.cards.len() > 1 {
            due.push(self.turned.after(TURN));
        }
        let first = due.into_iter().min().unwrap_or(now);
        // Timers end a little early, and would find nothing to do.
        first.since(now).saturating_add(Duration::from_millis(1))
    }

    /// Waits for the daemon and for the display.
    fn listen(&mut self, limit: Duration) -> io::Result<bool> {
        let mut polled = vec![PollFd::new(&self.channel.channel, PollFlags::IN)];
        let watched = self.glass.as_ref().and_then(|glass| glass.watched());
        polled.extend(watched.map(|(node, events)| PollFd::from_borrowed_fd(node, events)));
        wait(&mut polled, limit)?;
        let called = |at: usize| polled.get(at).is_some_and(|one| !one.revents().is_empty());
        let (daemon, display) = (called(0), called(1));
        drop(polled);
        let now = self.clock.tick();
        if display && let Some(Err(fault)) = self.glass.as_mut().map(|glass| glass.hear()) {
            self.close(fault, now);
        }
        if daemon {
            let lives = self.channel.read()?;
            if !lives {
                return Ok(false);
            }
            if let Some(line) = self.channel.newest() {
                let show =
                    serde_json::from_slice(&line).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                self.take(show, now);
                // That is also how the daemon knows that this process lives.
                self.channel.tell(&self.report);
            }
        }
        Ok(true)
    }

    /// Sends the customer to the cashier, and lets go of the display.
    fn leave(mut self) {
        if let Some(glass) = self.glass.take() {
            let rows = last_words(&self.languages, glass.size());
            glass.leave(&rows);
        }
    }
}

fn wait(polled: &mut [PollFd<'_>], limit: Duration) -> io::Result<()> {
    let limit = Timespec::try_from(limit).unwrap_or_default();
    match rustix::event::poll(polled, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// How long a card stands before the next one of the same scene: two short lines are read twice.
const TURN: Duration = Duration::from_secs(3);
/// A display that lost power, or a byte, is right again after this.
const WHOLE: Duration = Duration::from_secs(30);
/// How often a display that is not there is looked for.
const SOON: Duration = Duration::from_millis(500);
/// And one that takes nothing, or fails at once.
const RARELY: Duration = Duration::from_secs(5);
/// The longest sleep.
const SLEEP_MAX: Duration = Duration::from_secs(5);
/// What may wait unread. A scene has a hundredth of it.
const HEARD_MAX: usize = 64 * 1024;
