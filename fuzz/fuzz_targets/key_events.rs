//! Any key events: what comes out as a payment code was typed between two ends, complete, in one go and with nothing
//! else.
//!
//! The first byte chooses the framing. Then each event is two bytes: what happens and how long after the event before,
//! and which key.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use shroff_fuzz::scan::{Framing, KeyEvent, Keys};
use shroff_fuzz::{at, bare, code};

const KEYPAD: [u16; 10] = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];
const ROW: [u16; 10] = [11, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const ENDS: [u16; 3] = [28, 96, 15];
/// Shift and the locks, which say nothing.
const SILENT: [u16; 5] = [42, 54, 58, 69, 70];
const LEFT_ALT: u16 = 56;
/// `]`, `C` and `Q`: with these a code has its AIM identifier.
const AIM: [(u16, u8); 3] = [(27, b']'), (46, b'C'), (16, b'Q')];

/// Milliseconds before an event.
const GAPS: [u64; 8] = [0, 8, 20, 50, 99, 100, 150, 600];

fuzz_target!(|input: &[u8]| {
    let Some((mode, events)) = input.split_first() else { return };
    let timeout = mode & 1 == 1;
    let mut keys = Keys::new(Framing { timeout, stx_etx: false, silence_ms: 100, ..Framing::default() });
    let mut now = 0;
    let mut before: Vec<(KeyEvent, u64)> = Vec::new();
    for event in events.chunks_exact(2) {
        let gap = GAPS[usize::from(event[0] >> 2 & 7)];
        let key = u16::from(event[1]);
        let event = match event[0] & 3 {
            0 | 1 if event[0] & 0x20 != 0 => KeyEvent::Repeat(key),
            0 => KeyEvent::Down(key),
            1 => KeyEvent::Up(key),
            2 if event[0] & 0xE0 == 0xE0 => KeyEvent::Dropped,
            2 => KeyEvent::Down(key),
            _ => KeyEvent::Up(key),
        };
        now += gap;
        let scan = keys.push(event, Duration::from_millis(gap), at(now));
        if let Some(code) = scan.as_ref().and_then(code) {
            let by_silence = !matches!(event, KeyEvent::Down(key) if ENDS.contains(&key) && gap < 100)
                && !matches!(event, KeyEvent::Up(LEFT_ALT) if gap < 100);
            assert!(timeout || !by_silence, "only an end ends a scan");
            assert!(!by_silence || gap >= 100, "silence that was none");
            was_typed(&before, &code, timeout);
        }
        before.push((event, gap));
        assert!(!format!("{keys:?}{event:?}").contains("13453951"));
    }
});

/// Demands that the characters typed since the last end are `code` and nothing else. Where silence ends a scan, another
/// one may begin behind it.
fn was_typed(before: &[(KeyEvent, u64)], code: &str, timeout: bool) {
    let behind_silence = |index: usize| timeout && before.get(index).is_some_and(|(_, gap)| *gap >= 100);
    // Where a scan may begin, and what it then begins with: what is left of two bytes of which the first was an end.
    let begin = |index: usize| match index.checked_sub(1).map(|last| before[last].0) {
        None => Some(None),
        _ if behind_silence(index) => Some(None),
        Some(KeyEvent::Down(key)) => ENDS.contains(&key).then_some(None),
        Some(KeyEvent::Up(LEFT_ALT)) => match number_before(&before[..index - 1]).map(u32::to_be_bytes) {
            Some([0, 0, _, b'\r' | b'\n']) => Some(None),
            Some([0, 0, b'\r' | b'\n', low]) => Some(Some(low)),
            _ => None,
        },
        Some(_) => None,
    };
    let found = (before.len().saturating_sub(1000)..=before.len()).rev().any(|index| {
        let Some(first) = begin(index) else { return false };
        let characters = characters(&before[index..], first.into_iter().collect());
        characters.is_some_and(|characters| bare(&characters) == code.as_bytes())
    });
    assert!(found, "a code that was not typed, or not whole");
}

/// The number that was typed on the keypad since Alt went down.
fn number_before(typed: &[(KeyEvent, u64)]) -> Option<u32> {
    let alt = typed.iter().rposition(|(event, _)| *event == KeyEvent::Down(LEFT_ALT))?;
    typed[alt..].iter().try_fold(0_u32, |number, (event, _)| match event {
        KeyEvent::Down(LEFT_ALT) | KeyEvent::Up(_) | KeyEvent::Repeat(_) => Some(number),
        KeyEvent::Down(key) => {
            let digit = KEYPAD.iter().position(|it| it == key)?;
            Some(number.saturating_mul(10).saturating_add(u32::try_from(digit).ok()?))
        }
        KeyEvent::Dropped => None,
    })
}

/// The characters of these events; none if anything else was pressed, was lost or came late.
fn characters(typed: &[(KeyEvent, u64)], first: Vec<u8>) -> Option<Vec<u8>> {
    let mut characters = first;
    let mut down = BTreeSet::new();
    let mut number: Option<u32> = None;
    for (event, gap) in typed {
        if *gap >= 100 && (!characters.is_empty() || down.contains(&LEFT_ALT)) {
            return None;
        }
        match *event {
            KeyEvent::Dropped => return None,
            KeyEvent::Repeat(_) => {}
            KeyEvent::Up(LEFT_ALT) => {
                // The end of the scan before may have been under Alt, too.
                if down.remove(&LEFT_ALT) {
                    let [_, _, high, low] = number.take()?.to_be_bytes();
                    characters.extend((high != 0).then_some(high));
                    characters.push(low);
                }
            }
            KeyEvent::Up(key) => {
                down.remove(&key);
            }
            KeyEvent::Down(key) => {
                if !down.insert(key) {
                    return None;
                }
                let keypad = KEYPAD.iter().position(|it| *it == key);
                let row = ROW.iter().position(|it| *it == key);
                let aim = AIM.iter().find(|(it, _)| *it == key);
                match (keypad, row, aim) {
                    _ if key == LEFT_ALT => number = None,
                    (Some(digit), ..) if down.contains(&LEFT_ALT) => {
                        number =
                            Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u32::try_from(digit).ok()?));
                    }
                    _ if down.contains(&LEFT_ALT) => return None,
                    (Some(digit), ..) | (_, Some(digit), _) => characters.push(b'0' + u8::try_from(digit).ok()?),
                    (.., Some((_, letter))) => characters.push(*letter),
                    _ if SILENT.contains(&key) => {}
                    _ => return None,
                }
            }
        }
    }
    Some(characters)
}
