//! Any line: what comes out as a payment code stood on it in one piece, between two ends, without a pause.
//!
//! The first byte chooses the framing. Then each character is two bytes: the time before it, and itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shroff_fuzz::scan::{Framer, Framing};
use shroff_fuzz::{at, bare, code, trimmed};

const STX: u8 = 2;
const ETX: u8 = 3;

/// Milliseconds before a character.
const GAPS: [u64; 8] = [0, 1, 5, 20, 199, 200, 400, 1000];

fuzz_target!(|input: &[u8]| {
    let Some((mode, line)) = input.split_first() else { return };
    let timeout = mode & 1 == 1;
    let mut framer = Framer::new(Framing { timeout, ..Framing::default() });
    let mut now = 0;
    // What came, and after how much silence.
    let mut came: Vec<(u8, u64)> = Vec::new();
    for character in line.chunks_exact(2) {
        let (gap, byte) = (GAPS[usize::from(character[0] & 7)], character[1]);
        let mut code_by_silence = None;
        if character[0] & 0x80 != 0 {
            // A reader that looks at the clock before it reads.
            code_by_silence = framer.idle(at(now + gap)).as_ref().and_then(code);
            assert!(code_by_silence.is_none() || (timeout && gap >= 200), "only an end ends a scan");
        }
        now += gap;
        let at_end = framer.push(byte, at(now)).as_ref().and_then(code);
        assert!(code_by_silence.is_none() || at_end.is_none(), "one scan comes once");
        assert!(!format!("{framer:?}").contains("13453951"));
        if let Some(code) = code_by_silence {
            stood(&came, &code, timeout);
        }
        if let Some(code) = at_end {
            let is_end = matches!(byte, b'\r' | b'\n' | ETX);
            assert!((is_end && gap < 200) || (timeout && gap >= 200), "only an end ends a scan");
            stood(&came, &code, timeout);
        }
        came.push((byte, gap));
    }
});

/// Demands that `code` is all that came since the last end. What a line gives by itself may come before a pause, and
/// where silence ends a scan, another scan may; or anything, if the silence was long.
fn stood(came: &[(u8, u64)], code: &str, timeout: bool) {
    let is_end = |byte: u8| matches!(byte, b'\r' | b'\n' | STX | ETX);
    let bytes = |piece: &[(u8, u64)]| -> Vec<u8> { piece.iter().map(|(byte, _)| *byte).collect() };
    // Line ends inside STX and ETX belong to the scan; ends behind an end are none.
    let trailing = came.iter().rev().take_while(|(byte, _)| matches!(byte, b'\r' | b'\n')).count();
    let text = &came[..came.len() - trailing];
    let begin = text.iter().rposition(|(byte, _)| is_end(*byte)).map_or(0, |index| index + 1);
    let frame = &came[begin..];
    let pause = frame.iter().rposition(|(_, gap)| *gap >= 200).unwrap_or(0);
    let (before, scan) = frame.split_at(pause);
    assert_eq!(bare(trimmed(&bytes(scan))), code.as_bytes(), "a code that did not come, or not whole");
    let silence = scan.first().map_or(0, |(_, gap)| *gap);
    assert!(may_begin_behind(before, silence, timeout), "the rest of a scan passed for a scan");
}

/// Whether a scan may begin after `before` and `silence`.
fn may_begin_behind(before: &[(u8, u64)], silence: u64, timeout: bool) -> bool {
    let last = before.iter().rposition(|(_, gap)| *gap >= 200).unwrap_or(0);
    let (earlier, piece) = before.split_at(last);
    let bytes: Vec<u8> = piece.iter().map(|(byte, _)| *byte).collect();
    let whole = bare(&bytes).len() == 18 && bare(&bytes).iter().all(u8::is_ascii_digit);
    if bytes.is_empty() || (timeout && (silence >= 1000 || whole)) {
        return true;
    }
    let noise = bytes.iter().all(|byte| matches!(byte, 0x00 | 0xFF));
    noise && may_begin_behind(earlier, piece.first().map_or(0, |(_, gap)| *gap), timeout)
}
