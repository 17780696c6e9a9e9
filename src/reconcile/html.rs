//! Text as HTML shows it, for the pages that owners open and print.

use std::fmt::{self, Write as _};

/// Advice with its commands, which stand between backticks.
#[derive(Clone, Copy, Debug)]
pub struct Advice<'a>(pub &'a str);

impl fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, piece) in self.0.split('`').enumerate() {
            if at.is_multiple_of(2) {
                write!(f, "{}", Text(piece))?;
            } else {
                write!(f, "<code>{}</code>", Text(piece))?;
            }
        }
        Ok(())
    }
}

/// Text from elsewhere, as HTML shows it: nothing in it means anything, and nothing turns the line around.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}')?,
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_means_nothing() {
        let text = "<script>alert('1')</script> & \"tea\"\u{202e}\u{7}";
        let shown = Text(text).to_string();
        assert_eq!(shown, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;tea&quot;\u{fffd}\u{fffd}");
    }

    #[test]
    fn what_stands_between_backticks_is_a_command() {
        let shown = Advice("run `shroff <b>`, then wait").to_string();
        assert_eq!(shown, "run <code>shroff &lt;b&gt;</code>, then wait");
    }
}
