//! `shroff display`: tries character displays, and leaves none with an old text.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use rustix::event::{PollFd, Timespec};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::exit::Ended;
use super::{Exit, exit, say};
use crate::config::{Counter, Display};
use crate::edge::display::glass::{Fault, Glass, Settings, State};
use crate::edge::display::{keeper, picture};
use crate::scene::charset::Charset;
use crate::scene::line::{Size, cards, last_words};
use crate::scene::{Aside, Scene, SceneText, texts};
use crate::words::{LaneId, Language, Money};

/// What to do with the displays of the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum DisplayCommand {
    /// Show a grid, every character, each brightness, amounts and every text on the displays; stop the daemon first
    Test(TestArgs),
    /// Send customers to the cashier, on displays that a dead daemon left behind
    Clear(ClearArgs),
    /// Keep a display for the daemon that started this
    #[command(hide = true)]
    Keep,
}

#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The lane whose displays are tried; all without this
    #[arg(long, value_name = "LANE")]
    lane: Option<LaneId>,
    /// Seconds that each picture stands
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pause: Duration,
}

#[derive(Debug, clap::Args)]
pub(super) struct ClearArgs {
    /// The lane whose displays are cleared; all without this
    #[arg(long, value_name = "LANE")]
    lane: Option<LaneId>,
}

pub(super) fn run(path: &Path, command: &DisplayCommand) -> anyhow::Result<Exit> {
    match command {
        DisplayCommand::Test(args) => test(path, args),
        DisplayCommand::Clear(args) => clear(path, args.lane.as_ref()),
        DisplayCommand::Keep => keep(),
    }
}

/// Standard input is the daemon's socket.
fn keep() -> anyhow::Result<Exit> {
    let channel = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from)?;
    match channel.peer_addr() {
        Ok(_) => {
            // It was started by a link to what runs, and would be called `exe` in every list of processes.
            rustix::thread::set_name(c"shroff-display").ok();
            keeper::run(channel)?;
        }
        Err(_) => return Err(exit::BadData("this is a part of the daemon; `shroff serve` starts it".into()).into()),
    }
    Ok(Exit::Fine)
}

/// Displays that hang on this machine, of `lane` or of all lanes.
fn chosen(counter: &Counter, lane: Option<&LaneId>) -> anyhow::Result<Vec<Display>> {
    if let Some(lane) = lane.filter(|lane| !counter.lanes.contains(lane)) {
        let lanes: Vec<&str> = counter.lanes.iter().map(LaneId::as_str).collect();
        return Err(exit::BadData(format!("there is no lane {lane}; there is {}", lanes.join(", "))).into());
    }
    Ok(counter.displays.iter().filter(|it| lane.is_none_or(|lane| *lane == it.lane)).cloned().collect())
}

fn clear(path: &Path, lane: Option<&LaneId>) -> anyhow::Result<Exit> {
    let counter = Counter::load(path)?;
    let mut exit = Exit::Fine;
    for display in chosen(&counter, lane)? {
        // A page knows by itself, and what LCDd shows went with the daemon's connection.
        let Some(settings) = display.kind.glass().filter(|it| it.kind() == "vfd") else { continue };
        match settings.open(&display.lane) {
            Ok(glass) => {
                let rows = last_words(&settings.languages(&counter.display_languages), glass.size());
                glass.leave(&rows);
            }
            Err(fault) => exit = told(&settings.device(), &fault),
        }
    }
    Ok(exit)
}

fn told(device: &str, fault: &Fault) -> Exit {
    say::tell(&format!("shroff: {device}: {fault}"));
    match fault.state {
        State::InUse => Exit::Later,
        State::Denied => Exit::Denied,
        State::Gone | State::Stuck | State::Connected => Exit::Io,
    }
}

fn test(path: &Path, args: &TestArgs) -> anyhow::Result<Exit> {
    let counter = Counter::load(path)?;
    let displays = chosen(&counter, args.lane.as_ref())?;
    let mut exit = Exit::Fine;
    let mut tried = 0_usize;
    let mut patience = Patience::new()?;
    for display in displays {
        let Some(settings) = display.kind.glass() else {
            say::tell(&format!("lane {}: its page is looked at in a browser, /display/{}", display.lane, display.lane));
            continue;
        };
        tried = tried.saturating_add(1);
        let device = settings.device();
        let outcome = settings.open(&display.lane).map_err(Halt::from).and_then(|mut glass| {
            let languages = settings.languages(&counter.display_languages);
            let kind = settings.kind();
            say::tell(&format!("lane {}: {kind} {device}; each picture below should stand there", display.lane));
            let mut stand =
                Stand { glass: glass.as_mut(), aloud: kind != "console", pause: args.pause, patience: &mut patience };
            let done = stand.all(settings, &languages, counter.amount_max);
            // Whoever ends this while *paid* is tried must not leave it there.
            let rows = last_words(&languages, glass.size());
            glass.leave(&rows);
            done
        });
        match outcome {
            Ok(()) => {}
            Err(Halt::Fault(fault)) => exit = told(&device, &fault),
            Err(Halt::Asked) => return Ok(exit),
        }
    }
    if tried == 0 {
        let text = "the configuration has no vfd, lcdproc or console display; [[display]] in config.toml adds one";
        return Err(Ended { exit: Exit::Config, text: text.to_owned() }.into());
    }
    Ok(exit)
}

/// Why a display is not shown the rest.
enum Halt {
    /// It fails.
    Fault(Fault),
    /// Whoever looks has seen enough.
    Asked,
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Waits that Ctrl-C ends, and that no Ctrl-C between two of them is lost on.
struct Patience {
    runtime: Runtime,
    signals: [Signal; 3],
}

impl Patience {
    fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let signals =
            [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
        drop(inside);
        Ok(Self { runtime, signals })
    }

    /// Waits for `time`.
    fn wait(&mut self, time: Duration) -> Result<(), Halt> {
        let [interrupt, terminate, hangup] = &mut self.signals;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = interrupt.recv() => Err(Halt::Asked),
                _ = terminate.recv() => Err(Halt::Asked),
                _ = hangup.recv() => Err(Halt::Asked),
                () = tokio::time::sleep(time) => Ok(()),
            }
        })
    }
}

/// A display that is looked at.
struct Stand<'a> {
    glass: &'a mut dyn Glass,
    /// What should stand there is printed: it is not a display that prints.
    aloud: bool,
    pause: Duration,
    patience: &'a mut Patience,
}

impl Stand<'_> {
    fn all(&mut self, settings: &Settings, languages: &[Language], amount_max: Money) -> Result<(), Halt> {
        let size = self.glass.size();
        self.page("grid: every place has a character", &grid(size))?;
        for page in characters(settings.charset(), size) {
            self.page("characters", &page)?;
        }
        if let Settings::Vfd { profile, .. } = settings {
            for level in 1..=BRIGHTEST {
                self.glass.brightness(level)?;
                self.page(
                    &format!("brightness {level} of {BRIGHTEST}"),
                    &filled(&format!("Brightness {level}"), size),
                )?;
            }
            self.glass.brightness(profile.brightness.unwrap_or(BRIGHTEST))?;
        }
        for minor in [1, 8_800, 123_456, amount_max.minor()] {
            if let Ok(amount) = Money::new(minor, amount_max.currency()) {
                let scene = of("armed", languages, None, Some(amount.to_string()));
                self.scene("amount", &scene, size)?;
            }
        }
        for key in texts::CUSTOMER {
            let amount = AMOUNT_KEYS.contains(&key).then(|| amount_max.to_string());
            self.scene(key, &of(key, languages, None, amount), size)?;
        }
        for aside in Aside::ALL {
            let scene = of("armed", languages, Some(aside), Some(amount_max.to_string()));
            self.scene(&format!("armed, {}", aside.word()), &scene, size)?;
        }
        Ok(())
    }

    fn scene(&mut self, title: &str, scene: &Scene, size: Size) -> Result<(), Halt> {
        cards(scene, size).iter().try_for_each(|card| self.page(title, card))
    }

    fn page(&mut self, title: &str, rows: &[String]) -> Result<(), Halt> {
        if self.aloud {
            let printed = say::print(&format!("{title}\n{}", picture(rows, self.glass.size().columns)));
            // Whoever looks at the display itself need not read this.
            drop(printed);
        }
        self.glass.show(rows, false)?;
        self.patience.wait(SETTLE)?;
        if let Some((node, events)) = self.glass.watched() {
            let called = rustix::event::poll(&mut [PollFd::from_borrowed_fd(node, events)], Some(&Timespec::default()));
            if called.is_ok_and(|count| count > 0) {
                self.glass.hear()?;
            }
        }
        self.patience.wait(self.pause)
    }
}

/// A scene as the displays' catalogue has it.
fn of(key: &'static str, languages: &[Language], aside: Option<Aside>, amount: Option<String>) -> Scene {
    let text = |language: &Language| SceneText {
        language: *language,
        heading: texts::customer(key, *language),
        detail: match aside {
            Some(aside) => texts::customer_aside(aside, *language),
            None => texts::customer_detail(key, *language),
        },
    };
    Scene { key, amount, lines: languages.iter().map(text).collect(), ..Scene::stale(languages) }
}

/// Digits in the first row, letters in the second, and so on.
fn grid(size: Size) -> Vec<String> {
    let row = |row: usize| {
        let letters: &str = if row.is_multiple_of(2) { "1234567890" } else { "ABCDEFGHIJ" };
        letters.chars().cycle().take(size.columns).collect()
    };
    (0..size.rows).map(row).collect()
}

/// `text` in the first row, blocks of eights below: what shines most.
fn filled(text: &str, size: Size) -> Vec<String> {
    let first = format!("{text:<width$}", width = size.columns);
    std::iter::once(first).chain(std::iter::repeat_n("8".repeat(size.columns), size.rows)).take(size.rows).collect()
}

/// Every character of one byte, then samples of those of two: signs, digits, the first and last of each level, and a row
/// in which the last column stays free because half a character does not stand there.
fn characters(charset: Option<Charset>, size: Size) -> Vec<Vec<String>> {
    let charset = charset.unwrap_or(Charset::Gbk);
    let high = (0x80..0x2600).filter_map(char::from_u32).filter(|c| charset.bytes(*c).is_some_and(|it| it.len() == 1));
    let single: String = (' '..='~').chain(high).collect();
    let wide = match charset {
        Charset::Gb2312 | Charset::Gbk => vec!["，。、！＋１２３４５", "啊阿埃座亍丌兀鼾齄", "A一二三四五六七八九"],
        Charset::Big5 => vec!["，、。！＋１２３４５", "一乙丁乂籲鸞豔驫龘", "A一二三四五六七八九"],
        Charset::Ascii | Charset::Cp437 | Charset::Cp858 | Charset::Cp1252 | Charset::Latin1 => vec![],
    };
    let mut rows: Vec<String> = Vec::new();
    let mut row = String::new();
    for c in single.chars() {
        row.push(c);
        if row.chars().count() == size.columns {
            rows.push(std::mem::take(&mut row));
        }
    }
    rows.push(row);
    rows.extend(wide.into_iter().map(|it| charset.plain(it)));
    rows.chunks(size.rows).map(|page| page.iter().map(|row| fit(row, size.columns)).collect()).collect()
}

/// `row` in exactly so many columns.
fn fit(row: &str, columns: usize) -> String {
    let mut out = String::new();
    for c in row.chars() {
        if out.width().saturating_add(c.width().unwrap_or_default()) <= columns {
            out.push(c);
        }
    }
    let blanks = columns.saturating_sub(out.width());
    out + &" ".repeat(blanks)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|it| Duration::try_from_secs_f64(it).ok());
    seconds.filter(|it| *it <= PAUSE_MAX).ok_or_else(|| "0 to 60 seconds".to_owned())
}

const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long LCDd may take to complain.
const SETTLE: Duration = Duration::from_millis(50);
const BRIGHTEST: u8 = 4;
/// Scenes with an amount, as `scene` has them.
const AMOUNT_KEYS: [&str; 5] = ["armed", "submitting", "customer_paying", "verifying", "paid"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_test_has_the_size_of_the_display() {
        for size in [Size::USUAL, Size { columns: 20, rows: 4 }, Size { columns: 16, rows: 1 }] {
            for charset in Charset::OF_SERIAL.map(|(_, charset)| charset) {
                let mut pages = characters(Some(charset), size);
                let shown: String = pages.iter().flatten().map(String::as_str).collect();
                assert!((' '..='~').all(|c| shown.contains(c)), "{charset:?}");
                pages.extend([grid(size), filled("Brightness 1", size)]);
                for row in pages.iter().flatten() {
                    assert_eq!(row.width(), size.columns, "{charset:?}: {row:?}");
                    assert_eq!(charset.plain(row), *row, "{charset:?}");
                }
            }
        }
    }

    #[test]
    fn a_pause_is_so_many_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["-1", "nan", "inf", "61", "x"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
