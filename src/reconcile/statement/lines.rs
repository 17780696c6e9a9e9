//! Lines out of any buffered reader, without a copy where a line lies in one buffer.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

/// No line of a statement is longer. What follows of a longer one is left out, and the line is reported as bad.
pub const LINE_MAX: usize = 64 * 1024;

/// A line, as it is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: u32,
    /// Where it begins, in bytes from the beginning of the input.
    pub(super) offset: u64,
    /// Without its end.
    pub(super) text: &'a [u8],
}

/// Calls `each` with every line, until it breaks off. Tells how many lines there were.
///
/// # Errors
/// When `input` fails.
pub(super) fn each(input: &mut impl BufRead, mut each: impl FnMut(Line<'_>) -> ControlFlow<()>) -> io::Result<u32> {
    let mut number: u32 = 0;
    let mut offset: u64 = 0;
    // The beginning of a line whose end is not in the buffer yet, and how long it was altogether.
    let mut begun: Vec<u8> = Vec::new();
    let mut begun_length: usize = 0;
    let mut found = |text: &[u8], length: usize| {
        number = number.saturating_add(1);
        let line = Line { number, offset, text: text.strip_suffix(b"\r").unwrap_or(text) };
        offset = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        (each(line), number)
    };
    let mut last = 0;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            break;
        }
        let taken = buffer.len();
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', buffer) {
            let text = buffer.get(from..at).unwrap_or_default();
            from = at.saturating_add(1);
            let told = if begun_length == 0 {
                found(text, text.len().saturating_add(1))
            } else {
                keep(&mut begun, text);
                begun_length = begun_length.saturating_add(text.len()).saturating_add(1);
                let told = found(&begun, begun_length);
                begun.clear();
                begun_length = 0;
                told
            };
            last = told.1;
            if told.0.is_break() {
                return Ok(last);
            }
        }
        let rest = buffer.get(from..).unwrap_or_default();
        keep(&mut begun, rest);
        begun_length = begun_length.saturating_add(rest.len());
        input.consume(taken);
    }
    if begun_length > 0 {
        last = found(&begun, begun_length).1;
    }
    Ok(last)
}

fn keep(begun: &mut Vec<u8>, more: &[u8]) {
    let room = LINE_MAX.saturating_add(1).saturating_sub(begun.len()).min(more.len());
    begun.extend_from_slice(more.get(..room).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8], buffer: usize) -> Vec<(u32, Vec<u8>)> {
        let mut lines = Vec::new();
        let mut input = BufReader::with_capacity(buffer, text);
        let count = each(&mut input, |line| {
            let at = usize::try_from(line.offset).expect("small");
            assert!(line.text.len() > LINE_MAX || text[at..].starts_with(line.text), "it stands where it says");
            lines.push((line.number, line.text.to_vec()));
            ControlFlow::Continue(())
        });
        assert_eq!(count.expect("reads"), lines.last().map_or(0, |(number, _)| *number));
        lines
    }

    fn bare(line: &[u8]) -> &[u8] {
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    #[test]
    fn a_line_longer_than_any_statements_is_cut_and_costs_no_more_memory() {
        let mut text = vec![b'x'; LINE_MAX * 3];
        text.extend_from_slice(b"\nnext\n");
        let lines = read(&text, 1000);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].1.len(), LINE_MAX + 1);
        assert_eq!(lines[1], (2, b"next".to_vec()));
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_buffer(text in "[ab\r\n]{0,60}", buffer in 1_usize..20) {
            let mut wanted: Vec<Vec<u8>> = text.as_bytes().split(|byte| *byte == b'\n').map(|it| bare(it).to_vec()).collect();
            wanted.pop_if(|last| last.is_empty() && !text.ends_with('\r'));
            let lines = read(text.as_bytes(), buffer);
            prop_assert_eq!(lines.iter().map(|(_, line)| line.clone()).collect::<Vec<_>>(), wanted);
            prop_assert!(lines.iter().zip(1..).all(|((number, _), wanted)| *number == wanted));
        }
    }
}
