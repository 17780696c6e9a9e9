//! LCDproc's client language: lines to and from LCDd (protocol 0.3). LCDd takes a client's screen away when its
//! connection ends.

use super::charset::Charset;
use super::line::Size;

/// The first line of a client.
pub const HELLO: &str = "hello\n";

/// What LCDd says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It greets, and its display is so large.
    Greeting(Size),
    /// It did not like a line.
    Refused(String),
    /// It ends.
    Bye,
    /// Anything else: that a line was good, that our screen is seen or not.
    Fine,
}

/// Reads a line of LCDd's.
#[must_use]
pub fn hear(line: &str) -> Heard {
    let mut words = line.split_whitespace();
    match words.next() {
        Some("connect") => {
            let words: Vec<&str> = words.collect();
            let number = |name: &str| {
                let behind = words.iter().skip_while(|word| **word != name).nth(1)?;
                behind.parse().ok().filter(|number| (1..=SIDE_MAX).contains(number))
            };
            match (number("wid"), number("hgt")) {
                (Some(columns), Some(rows)) => Heard::Greeting(Size { columns, rows }),
                _ => Heard::Refused("it has no character display".to_owned()),
            }
        }
        Some("huh?") => Heard::Refused(Charset::Ascii.plain(line.trim())),
        Some("bye") => Heard::Bye,
        Some(_) | None => Heard::Fine,
    }
}

/// Makes a screen of `size` for `lane` that is always seen: what a customer must know does not take turns with a clock.
#[must_use]
pub fn screen(lane: &str, size: Size) -> Vec<u8> {
    let mut out = format!(
        "client_set -name {}\nscreen_add s\nscreen_set s -priority alert -heartbeat off -cursor off\n",
        quoted(&format!("shroff {lane}"))
    );
    for row in 1..=size.rows {
        out.push_str(&format!("widget_add s r{row} string\n"));
    }
    out.into_bytes()
}

/// Writes all rows.
#[must_use]
pub fn rows(rows: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for (row, text) in (1_usize..).zip(rows) {
        out.extend(format!("widget_set s r{row} 1 {row} ").into_bytes());
        out.extend(quoted(text).chars().filter_map(|c| Charset::Latin1.bytes(c)).flatten());
        out.push(b'\n');
    }
    out
}

/// A word in quotes, whatever is in it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// LCDd's own limit of a display's width and height.
const SIDE_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_tells_the_size() {
        let line = "connect LCDproc 0.5.9 protocol 0.3 lcd wid 20 hgt 4 cellwid 5 cellhgt 8";
        assert_eq!(hear(line), Heard::Greeting(Size { columns: 20, rows: 4 }));
        for line in ["connect LCDproc 0.5.9", "connect lcd wid x hgt 2", "connect lcd wid 0 hgt 2", "connect wid"] {
            assert!(matches!(hear(line), Heard::Refused(_)), "{line}");
        }
    }

    #[test]
    fn what_comes_in_between_is_no_answer() {
        for line in ["success", "listen s", "ignore s", "key Enter", "menuevent select x", ""] {
            assert_eq!(hear(line), Heard::Fine, "{line}");
        }
        assert_eq!(hear("bye"), Heard::Bye);
        assert_eq!(hear("huh? Invalid command \u{1b}\"x\""), Heard::Refused("huh? Invalid command  \"x\"".to_owned()));
    }

    #[test]
    fn no_text_ends_its_quotes_or_its_line() {
        let text = String::from_utf8(rows(&["a\"b\\c\nd é {x}".to_owned()]).into_iter().filter(u8::is_ascii).collect());
        assert_eq!(text.as_deref(), Ok("widget_set s r1 1 1 \"a\\\"b\\\\cd  {x}\"\n"));
        assert!(rows(&["é".to_owned()]).contains(&0xE9));
    }

    #[test]
    fn a_screen_has_a_widget_for_each_row() {
        let text = String::from_utf8(screen("1", Size { columns: 20, rows: 2 })).expect("ASCII");
        assert_eq!(
            text,
            "client_set -name \"shroff 1\"\nscreen_add s\nscreen_set s -priority alert -heartbeat off -cursor off\n\
             widget_add s r1 string\nwidget_add s r2 string\n"
        );
    }
}
