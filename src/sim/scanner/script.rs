use std::io;
use std::time::Duration;

use super::{PtyScanner, nap};

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `scan CODE [no-suffix]`
    Scan {
        /// What is scanned.
        code: String,
        /// Whether its end is sent.
        ended: bool,
    },
    /// `fragment CODE N`: the first N characters, without end.
    Fragment {
        /// What would have been scanned.
        code: String,
        /// How much of it is sent.
        length: usize,
    },
    /// `bounce [CODE]`: the code, or the last one, twice within half a second.
    Bounce(Option<String>),
    /// `type 25ms`: the time between two characters from now on.
    Type(Duration),
    /// `prefix TEXT`
    Prefix(Vec<u8>),
    /// `suffix \r\n`
    Suffix(Vec<u8>),
    /// `aim ]C0`, or `aim` for none.
    Aim(Vec<u8>),
    /// `pause 300ms`
    Pause(Duration),
    /// `flood N`: so many different codes, as fast as they go.
    Flood(u64),
    /// `garbage N`: so many scans of noise.
    Garbage(u64),
    /// `unplug`
    Unplug,
    /// `replug`
    Replug,
    /// `wait`: until a program opens the scanner.
    Wait,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// No such command.
    #[error("no command is called {0:?}; see `shroff-sim scanner --help`")]
    Unknown(String),
    /// The command is known and what follows is not.
    #[error("{command:?} takes {takes}")]
    Arguments {
        /// The command.
        command: String,
        /// What it takes.
        takes: &'static str,
    },
}

impl Command {
    /// Reads a line of a script; nothing when it is blank or a comment.
    ///
    /// # Errors
    /// When it is neither that nor a command.
    pub fn parse(line: &str) -> Result<Option<Self>, ScriptError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((command, rest)) = words.split_first() else { return Ok(None) };
        if command.starts_with('#') {
            return Ok(None);
        }
        let takes = |takes| ScriptError::Arguments { command: (*command).to_owned(), takes };
        let parsed = match (*command, rest) {
            ("scan", [code]) => Self::Scan { code: (*code).to_owned(), ended: true },
            ("scan", [code, "no-suffix"]) => Self::Scan { code: (*code).to_owned(), ended: false },
            ("scan", _) => return Err(takes("a code, and perhaps no-suffix")),
            ("fragment", [code, length]) => {
                let length = length.parse().map_err(|_| takes("a code and a number of characters"))?;
                Self::Fragment { code: (*code).to_owned(), length }
            }
            ("fragment", _) => return Err(takes("a code and a number of characters")),
            ("bounce", []) => Self::Bounce(None),
            ("bounce", [code]) => Self::Bounce(Some((*code).to_owned())),
            ("bounce", _) => return Err(takes("a code or nothing")),
            ("type", [time]) => Self::Type(duration(time).ok_or_else(|| takes(A_TIME))?),
            ("pause", [time]) => Self::Pause(duration(time).ok_or_else(|| takes(A_TIME))?),
            ("type" | "pause", _) => return Err(takes(A_TIME)),
            ("prefix", [] | [_]) => Self::Prefix(text(rest).ok_or_else(|| takes(A_TEXT))?),
            ("suffix", [] | [_]) => Self::Suffix(text(rest).ok_or_else(|| takes(A_TEXT))?),
            ("aim", [] | [_]) => Self::Aim(text(rest).ok_or_else(|| takes(A_TEXT))?),
            ("prefix" | "suffix" | "aim", _) => return Err(takes(A_TEXT)),
            ("flood", [count]) => Self::Flood(count.parse().map_err(|_| takes("a number"))?),
            ("garbage", [count]) => Self::Garbage(count.parse().map_err(|_| takes("a number"))?),
            ("flood" | "garbage", _) => return Err(takes("a number")),
            ("unplug", []) => Self::Unplug,
            ("replug", []) => Self::Replug,
            ("wait", []) => Self::Wait,
            ("unplug" | "replug" | "wait", _) => return Err(takes("nothing")),
            _ => return Err(ScriptError::Unknown((*command).to_owned())),
        };
        Ok(Some(parsed))
    }
}

/// Plays a script on a scanner.
#[derive(Debug)]
pub struct Player {
    /// The scanner.
    pub scanner: PtyScanner,
    last: String,
    codes: u64,
    noise: u64,
}

impl Player {
    /// Plays on `scanner`.
    #[must_use]
    pub fn new(scanner: PtyScanner) -> Self {
        Self { scanner, last: "134539517967686076".to_owned(), codes: 0, noise: 0 }
    }

    /// Does what `command` says. Returns when it is done, pauses included.
    ///
    /// # Errors
    /// When the scanner is unplugged, nobody reads it, or nobody opens it within a minute.
    pub fn play(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Scan { code, ended } => {
                if ended {
                    self.scanner.scan(&code)?;
                } else {
                    self.unended(&code)?;
                }
                self.last = code;
            }
            Command::Fragment { code, length } => self.unended(&code.chars().take(length).collect::<String>())?,
            Command::Bounce(code) => {
                self.last = code.unwrap_or_else(|| self.last.clone());
                self.scanner.scan(&self.last)?;
                nap(BOUNCE);
                self.scanner.scan(&self.last)?;
            }
            Command::Type(gap) => self.scanner.manner.gap = gap,
            Command::Prefix(prefix) => self.scanner.manner.prefix = prefix,
            Command::Suffix(suffix) => self.scanner.manner.suffix = suffix,
            Command::Aim(aim) => self.scanner.manner.aim = aim,
            Command::Pause(time) => nap(time),
            Command::Flood(count) => {
                for _ in 0..count {
                    let code = self.next_code();
                    self.scanner.scan(&code)?;
                }
            }
            Command::Garbage(count) => {
                for _ in 0..count {
                    let noise = self.next_noise();
                    self.scanner.raw(&noise)?;
                    self.scanner.raw(&self.scanner.manner.suffix)?;
                }
            }
            Command::Unplug => self.scanner.unplug()?,
            Command::Replug => self.scanner.replug()?,
            Command::Wait => self.wait()?,
        }
        Ok(())
    }

    fn unended(&mut self, code: &str) -> io::Result<()> {
        let suffix = std::mem::take(&mut self.scanner.manner.suffix);
        let sent = self.scanner.scan(code);
        self.scanner.manner.suffix = suffix;
        sent
    }

    fn wait(&self) -> io::Result<()> {
        if !self.scanner.wait_open(OPENED_WITHIN) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no program has opened the scanner within a minute"));
        }
        nap(SETTLES);
        Ok(())
    }

    fn next_code(&mut self) -> String {
        self.codes = self.codes.saturating_add(1);
        format!("13{:016}", self.codes)
    }

    /// Eighteen bytes that are no code: a linear congruential generator's, with Knuth's numbers.
    fn next_noise(&mut self) -> Vec<u8> {
        let step = |_| {
            self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let [noise, ..] = self.noise.to_be_bytes();
            noise | 0x80
        };
        (0..18).map(step).collect()
    }
}

/// `25ms`, `2s`, or milliseconds.
fn duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.parse().ok().map(Duration::from_millis);
    }
    if let Some(seconds) = text.strip_suffix('s') {
        return seconds.parse().ok().map(Duration::from_secs);
    }
    text.parse().ok().map(Duration::from_millis)
}

/// The bytes of a word in which `\r`, `\n`, `\t`, `\\` and `\x02` stand for what they do in Rust. No word: no bytes.
fn text(words: &[&str]) -> Option<Vec<u8>> {
    let mut rest = words.first().copied().unwrap_or_default();
    let mut bytes = Vec::new();
    while let Some((before, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (letter, behind) = escaped.split_at_checked(1)?;
        rest = behind;
        bytes.push(match letter {
            "r" => b'\r',
            "n" => b'\n',
            "t" => b'\t',
            "\\" => b'\\',
            "x" => {
                let (digits, behind) = rest.split_at_checked(2)?;
                rest = behind;
                u8::from_str_radix(digits, 16).ok()?
            }
            _ => return None,
        });
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

const A_TIME: &str = "a time such as 300ms or 2s";
const A_TEXT: &str = "at most one word, in which \\r \\n \\t \\\\ and \\x02 stand for bytes";

/// Between the two scans of a bounce. Presentation scanners read a phone again after 0.5 s or a little less.
const BOUNCE: Duration = Duration::from_millis(400);

/// How long `wait` waits.
const OPENED_WITHIN: Duration = Duration::from_secs(60);

/// What a program that has opened a scanner needs until it listens: it throws away first what was waiting.
const SETTLES: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Command {
        Command::parse(line).expect("a command").expect("no blank line")
    }

    #[test]
    fn a_script_reads_as_it_is_written() {
        assert_eq!(parse(" scan 1345 no-suffix"), Command::Scan { code: "1345".to_owned(), ended: false });
        assert_eq!(parse("fragment 134539 3"), Command::Fragment { code: "134539".to_owned(), length: 3 });
        assert_eq!(parse("type 25ms"), Command::Type(Duration::from_millis(25)));
        assert_eq!(parse("pause 2s"), Command::Pause(Duration::from_secs(2)));
        assert_eq!(parse(r"suffix \r\n"), Command::Suffix(b"\r\n".to_vec()));
        assert_eq!(parse(r"prefix \x02a\\"), Command::Prefix(b"\x02a\\".to_vec()));
        assert_eq!(parse("suffix"), Command::Suffix(Vec::new()));
        assert_eq!(parse("aim ]C0"), Command::Aim(b"]C0".to_vec()));
        assert_eq!(Command::parse("# a comment"), Ok(None));
        assert_eq!(Command::parse("   "), Ok(None));
    }

    #[test]
    fn a_line_that_is_no_command_says_what_would_be_one() {
        let said = |line| Command::parse(line).expect_err("no command").to_string();
        assert_eq!(said("scam 1345"), "no command is called \"scam\"; see `shroff-sim scanner --help`");
        assert_eq!(said("pause a while"), "\"pause\" takes a time such as 300ms or 2s");
        assert_eq!(
            said(r"suffix \q"),
            r#""suffix" takes at most one word, in which \r \n \t \\ and \x02 stand for bytes"#
        );
        assert_eq!(said("flood many"), "\"flood\" takes a number");
    }

    #[test]
    fn noise_is_no_code_and_no_end_and_changes_no_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut player = Player::new(PtyScanner::new(folder.path().join("scanner")).expect("a pty"));
        assert!((0..100).flat_map(|_| player.next_noise()).all(|byte| byte >= 0x80));
        assert_eq!(player.next_code(), "130000000000000001");
    }
}
