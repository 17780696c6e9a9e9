//! Texts the payer reads, in the form both dialects carry.

/// `body`, `description` and `attach` have 127 or 128 of an unstated unit: bytes are the safe reading.
pub(super) const TEXT_BYTES: usize = 127;

/// `refund_desc` and `reason` have 80 of an unstated unit: bytes are the safe reading.
pub(super) const REFUND_TEXT_BYTES: usize = 80;

/// `text` on one line without what XML or a display cannot carry, trimmed, and at most `bytes` long, cut between two characters.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        let c = if matches!(c, '\t' | '\n' | '\r') { ' ' } else { c };
        if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') {
            continue;
        }
        if out.len().saturating_add(c.len_utf8()) > bytes {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out.drain(..out.len().saturating_sub(out.trim_start().len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_clean_line_cut_between_characters() {
        assert_eq!(cut("  a\tb\r\nc\u{0}\u{1b}[2J\u{85} ", 127), "a b  c[2J");
        assert_eq!(cut("茶茶", 5), "茶");
        assert_eq!(cut("🍵🍵", 7), "🍵");
        assert_eq!(cut("ab cd", 3), "ab");
        assert_eq!(cut("\u{1}  x", 9), "x");
    }
}
