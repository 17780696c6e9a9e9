//! A barcode scanner for people and tests, of each kind that shops have: it types, with timing, bounce and unplugging,
//! into a pseudo-terminal or a FIFO that plays the device's node, or into a real node of the lab.

mod cable;
mod device;
mod fifo;
mod hid;
mod keyboard;
mod keys;
mod layout;
mod manner;
mod player;
mod pty;
mod script;
mod uhid;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ArgGroup;

pub use cable::{Cable, Carry, Encoding, Scanner};
pub use device::Device;
pub use hid::{HidPos, HidScanner, ReportFifo};
pub use keyboard::{KeyFifo, Keyboard, KeyboardScanner, Uinput};
pub use keys::{Key, Move, Stroke};
pub use layout::Layout;
pub use manner::{Country, Kind, Malformed, Manner, Scan, Typing};
pub use player::Player;
pub use pty::{Pty, PtyScanner, Serial};
pub use script::{Command, ScriptError};
pub use uhid::Uhid;

/// Options of `shroff-sim scanner`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = SCRIPT, group(ArgGroup::new("place").required(true).args(["link", "device", "uinput", "uhid"])))]
pub struct ScannerArgs {
    /// How the scanner is connected
    #[arg(long, value_enum, default_value_t = Kind::Serial)]
    pub kind: Kind,
    /// Where to make what stands for the scanner; `device` in the daemon's configuration. serial: a link to a
    /// pseudo-terminal. keyboard: a FIFO of the kernel's input events. hid-pos: a FIFO of reports, and PATH.descriptor
    #[arg(long, value_name = "PATH")]
    pub link: Option<PathBuf>,
    /// Write into this character device instead: /dev/ttyGS0, or /dev/hidg0 (keyboard: 8-byte boot reports)
    #[arg(long, value_name = "PATH")]
    pub device: Option<PathBuf>,
    /// The device's folder in configfs, so that it can be unplugged
    #[arg(long, value_name = "DIR", conflicts_with_all = ["link", "uinput", "uhid"])]
    pub gadget: Option<PathBuf>,
    /// Keyboard: be one that the kernel believes in, by /dev/uinput
    #[arg(long)]
    pub uinput: bool,
    /// hid-pos: be one that the kernel believes in, by /dev/uhid
    #[arg(long)]
    pub uhid: bool,
    /// hid-pos: whose reports [default: honeywell]
    #[arg(long, value_enum)]
    pub layout: Option<Layout>,
    /// The script to play; standard input without it
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Stay plugged in after the script's end, until killed
    #[arg(long)]
    pub stay: bool,
}

/// Plugs a scanner in, says so as a line of JSON, and plays the script.
///
/// # Errors
/// When there is nothing to plug it into, the link cannot be made, the options do not belong together, or the script
/// has a command that is none.
pub fn run(args: &ScannerArgs) -> anyhow::Result<()> {
    let gadget = args.gadget.as_deref();
    let layout = args.layout.unwrap_or_default();
    let plugged = "no scanner could be plugged in";
    if args.layout.is_some() && args.kind != Kind::HidPos {
        bail!("--layout is for --kind hid-pos, this scanner is {}", args.kind);
    }
    match (args.kind, &args.link, &args.device) {
        (Kind::Serial, Some(link), _) => play(PtyScanner::new(link).context(plugged)?, args),
        (Kind::Serial, _, Some(device)) => {
            play(Scanner::on(Serial, Device::new(device, gadget).context(plugged)?), args)
        }
        (Kind::Keyboard, Some(link), _) => play(KeyboardScanner::new(link).context(plugged)?, args),
        (Kind::Keyboard, _, Some(device)) => {
            play(Scanner::on(Keyboard, Device::new(device, gadget).context(plugged)?), args)
        }
        (Kind::Keyboard, None, None) if args.uinput => {
            play(Scanner::on(Keyboard, Uinput::new().context("/dev/uinput").context(plugged)?), args)
        }
        (Kind::HidPos, Some(link), _) => play(HidScanner::new(link, layout).context(plugged)?, args),
        (Kind::HidPos, _, Some(device)) => {
            play(Scanner::on(HidPos(layout), Device::new(device, gadget).context(plugged)?), args)
        }
        (Kind::HidPos, None, None) if args.uhid => {
            play(Scanner::on(HidPos(layout), Uhid::new(layout).context("/dev/uhid").context(plugged)?), args)
        }
        (kind, None, None) => {
            let (option, right) = if args.uinput { ("--uinput", Kind::Keyboard) } else { ("--uhid", Kind::HidPos) };
            bail!("{option} is for --kind {right}, this scanner is {kind}")
        }
    }
}

fn play<E: Encoding, C: Carry<E::Piece>>(scanner: Scanner<E, C>, args: &ScannerArgs) -> anyhow::Result<()> {
    let mut player = Player::new(scanner);
    announce(&player.scanner)?;
    let script: Box<dyn BufRead> = match &args.script {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("the script {} cannot be read", path.display()))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(std::io::stdin().lock()),
    };
    for (number, line) in (1_u64..).zip(script.lines()) {
        let Some(command) = Command::parse(&line?).with_context(|| format!("line {number} of the script"))? else {
            continue;
        };
        let replugged = command == Command::Replug;
        player.play(command).with_context(|| format!("line {number} of the script"))?;
        if replugged {
            announce(&player.scanner)?;
        }
    }
    nap(LINGER);
    while args.stay && player.scanner.is_plugged() {
        nap(LINGER);
    }
    Ok(())
}

/// Says where the scanner is, for the program that started this one.
fn announce<E: Encoding, C: Carry<E::Piece>>(scanner: &Scanner<E, C>) -> anyhow::Result<()> {
    let line = serde_json::json!({
        "kind": scanner.kind().to_string(),
        "link": scanner.cable.link().map(|link| link.display().to_string()),
        "device": scanner.device().map(|device| device.display().to_string()),
    });
    writeln!(std::io::stdout().lock(), "{line}").context("standard output is closed")
}

/// Lets `time` go by: the time between two keys, or a shaky hand. Polls nothing, which is a sleep that a signal ends.
fn nap(time: Duration) {
    let time = rustix::event::Timespec::try_from(time).ok();
    if time.is_some() {
        rustix::event::poll(&mut [], time.as_ref()).ok();
    }
}

/// How long the scanner stays after its script: a terminal that closes takes what was not read with it.
const LINGER: Duration = Duration::from_secs(1);

/// The script's language, for the help text.
const SCRIPT: &str = "\
Commands of the script, one a line, the same for every kind; # begins a comment:
  scan CODE [no-suffix]
  fragment CODE N        the first N characters, without end
  bounce [CODE]          CODE, or the last one, twice within half a second
  flood N                N different codes
  garbage N              N scans of noise
  rate N                 flood and garbage at N a second; without N as fast as they go
  lose N                 the next scan's N-th character is lost (hid-pos: before the
                         report is made; its count and its data are one shorter)
  cut N                  the plug is pulled after the next scan's N-th character
                         (hid-pos: report), and stays out until replug
  type 25ms              time between two characters (hid-pos: reports) from now on;
                         a keyboard begins with 8ms
  prefix, aim, suffix    each with a word, or none: aim ]C0, suffix \\r\\n, prefix \\x02.
                         keyboard: \\r is Enter, \\n the keypad's Enter, \\x02 Ctrl+B.
                         hid-pos begins with no suffix and, but for newland, aim ]C0
  pause 300ms
  wait                   until a program opens the scanner; a second where that cannot
                         be known (--device, --uinput)
  unplug, replug         --device: with --gadget
Keyboard only:
  alt on|off             each character as Alt and its number on the keypad
  caps on|off            CapsLock before and behind each scan
  country us|fr          the keyboard it types for; fr has digits and letters
hid-pos only:
  malformed [WHAT]       a scan whose reports are short, long, wrong in their count, or
                         endless; without WHAT one of each

A FIFO behaves as the node it plays. While nobody reads nothing is kept. The 64th unread
key event drops all of them, and SYN_DROPPED says so; behind 63 unread reports new ones
are dropped. When the plug is pulled the reader meets the end.";
