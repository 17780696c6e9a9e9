use std::time::Duration;

use super::manner::{Country, Malformed};

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
    /// `flood N`: so many different codes.
    Flood(u64),
    /// `garbage N`: so many scans of noise.
    Garbage(u64),
    /// `rate N`: N a second in floods and garbage, or `rate` for as fast as they go; here the time between two.
    Rate(Duration),
    /// `lose N`: the N-th character of the next scan is lost.
    Lose(usize),
    /// `cut N`: the plug is pulled after N characters, or reports, of the next scan.
    Cut(usize),
    /// `malformed short|long|count|endless`, or one of each.
    Malformed(Option<Malformed>),
    /// `alt on|off`
    Alt(bool),
    /// `caps on|off`
    Caps(bool),
    /// `country us|fr`
    Country(Country),
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
    #[error("no command is called {command:?}; {}", meant(*.nearest))]
    Unknown {
        /// What was there.
        command: String,
        /// What looks most like it, if anything does.
        nearest: Option<&'static str>,
    },
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
        let number = |word: &str| word.parse::<usize>().ok().filter(|number| *number > 0);
        let parsed = match (*command, rest) {
            ("scan", [code]) => Some(Self::Scan { code: (*code).to_owned(), ended: true }),
            ("scan", [code, "no-suffix"]) => Some(Self::Scan { code: (*code).to_owned(), ended: false }),
            ("fragment", [code, length]) => {
                length.parse().ok().map(|length| Self::Fragment { code: (*code).to_owned(), length })
            }
            ("bounce", []) => Some(Self::Bounce(None)),
            ("bounce", [code]) => Some(Self::Bounce(Some((*code).to_owned()))),
            ("type", [time]) => duration(time).map(Self::Type),
            ("pause", [time]) => duration(time).map(Self::Pause),
            ("prefix", [] | [_]) => text(rest).map(Self::Prefix),
            ("suffix", [] | [_]) => text(rest).map(Self::Suffix),
            ("aim", [] | [_]) => text(rest).map(Self::Aim),
            ("flood", [count]) => count.parse().ok().map(Self::Flood),
            ("garbage", [count]) => count.parse().ok().map(Self::Garbage),
            ("rate", []) => Some(Self::Rate(Duration::ZERO)),
            ("rate", [rate]) => {
                rate.parse().ok().and_then(|rate| Duration::from_secs(1).checked_div(rate)).map(Self::Rate)
            }
            ("lose", [character]) => number(character).map(Self::Lose),
            ("cut", [pieces]) => number(pieces).map(Self::Cut),
            ("malformed", []) => Some(Self::Malformed(None)),
            ("malformed", [how]) => malformed(how).map(|how| Self::Malformed(Some(how))),
            ("alt", [switch]) => on(switch).map(Self::Alt),
            ("caps", [switch]) => on(switch).map(Self::Caps),
            ("country", ["us"]) => Some(Self::Country(Country::Us)),
            ("country", ["fr"]) => Some(Self::Country(Country::France)),
            ("unplug", []) => Some(Self::Unplug),
            ("replug", []) => Some(Self::Replug),
            ("wait", []) => Some(Self::Wait),
            _ => None,
        };
        let parsed = parsed.ok_or_else(|| match COMMANDS.iter().find(|(name, _)| name == command) {
            Some((_, right)) => takes(right),
            None => ScriptError::Unknown { command: (*command).to_owned(), nearest: nearest(command) },
        })?;
        Ok(Some(parsed))
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

fn malformed(word: &str) -> Option<Malformed> {
    Some(match word {
        "short" => Malformed::Short,
        "long" => Malformed::Long,
        "count" => Malformed::Count,
        "endless" => Malformed::Endless,
        _ => return None,
    })
}

fn on(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// The command that looks most like `typed`, if one does.
fn nearest(typed: &str) -> Option<&'static str> {
    let near = |(name, _): &(&'static str, _)| (strsim::damerau_levenshtein(name, typed), *name);
    COMMANDS.iter().map(near).min().filter(|(distance, _)| *distance <= 2).map(|(_, name)| name)
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "see `shroff-sim scanner --help`".to_owned(), |nearest| format!("did you mean {nearest:?}?"))
}

/// Each command and what it takes.
const COMMANDS: [(&str, &str); 20] = [
    ("scan", "a code, and perhaps no-suffix"),
    ("fragment", "a code and a number of characters"),
    ("bounce", "a code or nothing"),
    ("flood", "a number"),
    ("garbage", "a number"),
    ("rate", "how many a second, or nothing for as many as go"),
    ("lose", "the number of a character, from 1"),
    ("cut", "a number of characters, or reports, from 1"),
    ("malformed", "short, long, count, endless, or nothing for one of each"),
    ("type", A_TIME),
    ("pause", A_TIME),
    ("prefix", A_TEXT),
    ("suffix", A_TEXT),
    ("aim", A_TEXT),
    ("alt", ON_OR_OFF),
    ("caps", ON_OR_OFF),
    ("country", "us or fr"),
    ("unplug", "nothing"),
    ("replug", "nothing"),
    ("wait", "nothing"),
];

const A_TIME: &str = "a time such as 300ms or 2s";
const A_TEXT: &str = "at most one word, in which \\r \\n \\t \\\\ and \\x02 stand for bytes";
const ON_OR_OFF: &str = "on or off";

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
        assert_eq!(parse("rate 40"), Command::Rate(Duration::from_millis(25)));
        assert_eq!(parse("rate"), Command::Rate(Duration::ZERO));
        assert_eq!(parse("lose 3"), Command::Lose(3));
        assert_eq!(parse("cut 9"), Command::Cut(9));
        assert_eq!(parse("malformed"), Command::Malformed(None));
        assert_eq!(parse("malformed endless"), Command::Malformed(Some(Malformed::Endless)));
        assert_eq!(parse("alt on"), Command::Alt(true));
        assert_eq!(parse("caps off"), Command::Caps(false));
        assert_eq!(parse("country fr"), Command::Country(Country::France));
        assert_eq!(Command::parse("# a comment"), Ok(None));
        assert_eq!(Command::parse("   "), Ok(None));
    }

    #[test]
    fn a_line_that_is_no_command_says_what_would_be_one() {
        let said = |line| Command::parse(line).expect_err("no command").to_string();
        assert_eq!(said("scam 1345"), "no command is called \"scam\"; did you mean \"scan\"?");
        assert_eq!(said("sell 1345"), "no command is called \"sell\"; see `shroff-sim scanner --help`");
        assert_eq!(said("pause a while"), "\"pause\" takes a time such as 300ms or 2s");
        assert_eq!(
            said(r"suffix \q"),
            r#""suffix" takes at most one word, in which \r \n \t \\ and \x02 stand for bytes"#
        );
        assert_eq!(said("flood many"), "\"flood\" takes a number");
        assert_eq!(said("rate 0"), "\"rate\" takes how many a second, or nothing for as many as go");
        assert_eq!(said("lose 0"), "\"lose\" takes the number of a character, from 1");
        assert_eq!(
            said("malformed a bit"),
            "\"malformed\" takes short, long, count, endless, or nothing for one of each"
        );
        assert_eq!(said("alt yes"), "\"alt\" takes on or off");
        assert_eq!(said("country cn"), "\"country\" takes us or fr");
        assert_eq!(said("wait 3s"), "\"wait\" takes nothing");
    }
}
