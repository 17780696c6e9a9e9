//! A barcode scanner for people and tests: a pseudo-terminal that is typed into, with timing, bounce and unplugging.

mod pty;
mod script;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

pub use pty::{Manner, PtyScanner};
pub use script::{Command, Player, ScriptError};

/// Options of `shroff-sim scanner`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = SCRIPT)]
pub struct ScannerArgs {
    /// Where to make the link that stands for the scanner; `device` in the daemon's configuration
    #[arg(long, value_name = "PATH")]
    pub link: PathBuf,
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
/// When there is no pseudo-terminal to be had, the link cannot be made, or the script has a command that is none.
pub fn run(args: &ScannerArgs) -> anyhow::Result<()> {
    let scanner = PtyScanner::new(&args.link).context("no scanner could be plugged in")?;
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
    while args.stay && player.scanner.device().is_some() {
        nap(LINGER);
    }
    Ok(())
}

/// Says where the scanner is, for the program that started this one.
fn announce(scanner: &PtyScanner) -> anyhow::Result<()> {
    let device = scanner.device().map(|device| device.display().to_string());
    let line = serde_json::json!({ "link": scanner.link().display().to_string(), "device": device });
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
Commands of the script, one a line; # begins a comment:
  scan CODE [no-suffix]
  fragment CODE N        the first N characters, without end
  bounce [CODE]          CODE, or the last one, twice within half a second
  flood N                N different codes
  garbage N              N scans of noise
  type 25ms              time between two characters from now on
  prefix, aim, suffix    each with a word, or none: aim ]C0, suffix \\r\\n, prefix \\x02
  pause 300ms
  wait                   until a program opens the scanner
  unplug, replug";
