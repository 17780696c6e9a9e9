//! Where commands talk: data on stdout, talk on stderr. A reader that has gone away is no failure of ours.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};
use serde::Serialize;

/// Begins a line of a terminal anew: whatever a countdown left there is gone.
const ANEW: &str = "\r\x1b[K";

/// Columns that are never broken, however narrow the terminal: people copy them, or would misread half of one.
const WHOLE: [&str; 4] = ["REF", "OUT_TRADE_NO", "AMOUNT", "STATE"];

/// Prints data. False when nobody reads it any more, as after `| head -1`.
///
/// # Errors
/// When stdout fails for another reason, such as a full disk.
pub(super) fn print(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Prints one JSON document. False as for [`print()`].
///
/// # Errors
/// When stdout fails.
pub(super) fn json(document: &impl Serialize) -> anyhow::Result<bool> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(print(&text)?)
}

/// Says a line to the person at the terminal. With stderr closed there is nobody to tell.
pub(super) fn tell(text: &str) {
    let anew = if io::stderr().is_terminal() { ANEW } else { "" };
    drop(writeln!(io::stderr(), "{anew}{text}"));
}

/// Shows a line that the next one replaces. Nothing where stderr is no terminal.
pub(super) fn show_for_now(text: &str) {
    if io::stderr().is_terminal() {
        drop(write!(io::stderr(), "{ANEW}{text}"));
        drop(io::stderr().flush());
    }
}

/// Takes back what [`show_for_now`] showed.
pub(super) fn take_back() {
    show_for_now("");
}

/// Rows below a header, in columns: as wide as the terminal, and as wide as it takes when somebody else reads it, one
/// line a row.
pub(super) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    for (column, name) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if WHOLE.contains(&name) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let Some(width) = width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// The same for figures: all columns but the first stand at the right.
pub(super) fn columns<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if at > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// Text from elsewhere, without what could steer a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `text` in the colour of good or bad news, where colours are wanted.
pub(super) fn coloured(text: &str, good: bool) -> String {
    let wanted = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    if !wanted {
        return text.to_owned();
    }
    let colour = if good { "32" } else { "31" };
    format!("\x1b[1;{colour}m{text}\x1b[0m")
}

fn width() -> Option<u16> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_one_line_a_row_and_no_trailing_space() {
        let text = table(["ref", "text"], [["A-1".to_owned(), "x".repeat(300)], ["A-22".to_owned(), String::new()]]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines.iter().all(|line| !line.ends_with(' ')), "{text:?}");
    }

    #[test]
    fn what_could_steer_a_terminal_is_shown_as_a_mark() {
        assert_eq!(plain("a\x1b[2Jb\n牛"), "a\u{fffd}[2Jb\u{fffd}牛");
    }
}
