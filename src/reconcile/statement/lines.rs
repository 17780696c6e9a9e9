//! Lines out of any buffered reader, without a copy where a line lies in one buffer.

use std::io::{self, BufRead};

/// No line of a statement is longer. What follows of a longer one is left out, and the line is reported as bad.
pub const LINE_MAX: usize = 64 * 1024;

/// Calls `each` with the number of every line, from 1, and its bytes without the line end.
///
/// # Errors
/// When `input` fails.
pub(super) fn each(input: &mut impl BufRead, mut each: impl FnMut(u32, &[u8])) -> io::Result<u32> {
    let mut number: u32 = 0;
    // The beginning of a line whose end is not in the buffer yet.
    let mut begun: Vec<u8> = Vec::new();
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
        let mut rest = buffer;
        if !begun.is_empty()
            && let Some(at) = memchr::memchr(b'\n', rest)
        {
            let (end, after) = rest.split_at(at);
            keep(&mut begun, end);
            number = number.saturating_add(1);
            each(number, bare(&begun));
            begun.clear();
            rest = after.get(1..).unwrap_or_default();
        }
        if let Some(last) = memchr::memrchr(b'\n', rest) {
            let (whole, after) = rest.split_at(last);
            let mut from = 0;
            for at in memchr::memchr_iter(b'\n', whole).chain([last]) {
                number = number.saturating_add(1);
                each(number, bare(whole.get(from..at).unwrap_or_default()));
                from = at.saturating_add(1);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        keep(&mut begun, rest);
        input.consume(taken);
    }
    if !begun.is_empty() {
        number = number.saturating_add(1);
        each(number, bare(&begun));
    }
    Ok(number)
}

fn keep(begun: &mut Vec<u8>, more: &[u8]) {
    let room = LINE_MAX.saturating_add(1).saturating_sub(begun.len()).min(more.len());
    begun.extend_from_slice(more.get(..room).unwrap_or_default());
}

/// Without the CR of a CRLF.
fn bare(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8], buffer: usize) -> Vec<(u32, Vec<u8>)> {
        let mut lines = Vec::new();
        let mut input = BufReader::with_capacity(buffer, text);
        each(&mut input, |number, line| lines.push((number, line.to_vec()))).expect("reads");
        lines
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
