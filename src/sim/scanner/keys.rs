//! Which key types which character: the kernel's number of it, and the usage of page 07 in a boot keyboard's report.

use std::io::{self, ErrorKind};

use evdev::KeyCode;

use super::manner::{Country, Scan};

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub(super) code: KeyCode,
    pub(super) usage: u8,
}

/// A key goes down or comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub(super) key: Key,
    pub(super) down: bool,
}

/// What one character is: begins and ends with no key down.
pub type Stroke = Vec<Move>;

/// The strokes of a scan.
///
/// # Errors
/// When a character is on no key of the country's keyboard.
pub(super) fn strokes(scan: &Scan<'_>) -> io::Result<Vec<Stroke>> {
    let characters = scan.characters()?;
    let typing = scan.typing;
    let one = |character: char| {
        if typing.alt && !character.is_control() {
            return Ok(on_the_keypad(character));
        }
        stroke(character, typing.country, typing.caps).ok_or_else(|| {
            let text = format!("no key types {character:?}");
            io::Error::new(ErrorKind::InvalidInput, text)
        })
    };
    let mut strokes = String::from_utf8_lossy(&characters).chars().map(one).collect::<io::Result<Vec<_>>>()?;
    if typing.caps {
        if let Some(first) = strokes.first_mut() {
            first.splice(..0, tap(CAPS));
        }
        if let Some(last) = strokes.last_mut() {
            last.extend(tap(CAPS));
        }
    }
    Ok(strokes)
}

/// The 8-byte reports of a boot keyboard that does this: modifiers, a zero, the keys that are down.
pub(super) fn boot_reports(stroke: &[Move]) -> Vec<[u8; 8]> {
    let mut modifiers = 0_u8;
    let mut down: Vec<u8> = Vec::new();
    let report = |step: &Move| {
        let usage = step.key.usage;
        match (modifier(usage), step.down) {
            (Some(bit), true) => modifiers |= bit,
            (Some(bit), false) => modifiers &= !bit,
            (None, true) => down.push(usage),
            (None, false) => down.retain(|it| *it != usage),
        }
        let mut report = [0; 8];
        let keys = [modifiers, 0].into_iter().chain(down.iter().copied());
        for (place, byte) in report.iter_mut().zip(keys) {
            *place = byte;
        }
        report
    };
    stroke.iter().map(report).collect()
}

/// Every key that a stroke may need.
pub(super) fn all() -> impl Iterator<Item = Key> {
    let printable = US.iter().map(|(key, _, _)| *key);
    let others = [ENTER, KEYPAD_ENTER, TAB, ESCAPE, BACKSPACE, CAPS, SHIFT, CONTROL, ALT];
    printable.chain(others).chain(KEYPAD)
}

fn stroke(character: char, country: Country, caps: bool) -> Option<Stroke> {
    let plain = match character {
        '\r' => ENTER,
        '\n' => KEYPAD_ENTER,
        '\t' => TAB,
        '\x08' => BACKSPACE,
        '\x1b' => ESCAPE,
        '\x01'..='\x1a' => {
            let letter = u8::try_from(character).ok()? | 0x60;
            return Some(holding(CONTROL, tap(at(country, char::from(letter))?.0)));
        }
        _ => {
            let (key, shifted) = at(country, character)?;
            // CapsLock turns Shift round for letters, and only for them.
            let shifted = shifted != (caps && character.is_ascii_alphabetic());
            return Some(if shifted { holding(SHIFT, tap(key)) } else { tap(key) });
        }
    };
    Some(tap(plain))
}

/// The key of a character and whether it needs Shift.
fn at(country: Country, character: char) -> Option<(Key, bool)> {
    let us = |wanted: char| {
        let (key, plain, _) = US.iter().find(|(_, plain, shifted)| wanted == *plain || wanted == *shifted)?;
        Some((*key, wanted != *plain))
    };
    match (country, character) {
        (Country::Us, _) => us(character),
        (Country::France, '0'..='9') => us(character).map(|(key, _)| (key, true)),
        (Country::France, 'm') => us(';'),
        (Country::France, 'M') => us(':'),
        (Country::France, _) => {
            let swapped = "aAqQzZwW".chars().zip("qQaAwWzZ".chars()).find(|(typed, _)| *typed == character);
            swapped.map_or(character, |(_, there)| there).is_ascii_alphabetic().then_some(())?;
            us(swapped.map_or(character, |(_, there)| there))
        }
    }
}

/// Alt with a character's number in at least three digits: `048` is 0.
fn on_the_keypad(character: char) -> Stroke {
    let number = format!("{:03}", u32::from(character));
    let digits = number.chars().filter_map(|digit| KEYPAD.get(usize::try_from(digit.to_digit(10)?).ok()?));
    holding(ALT, digits.flat_map(|key| tap(*key)).collect())
}

fn tap(key: Key) -> Stroke {
    vec![Move { key, down: true }, Move { key, down: false }]
}

fn holding(key: Key, mut stroke: Stroke) -> Stroke {
    stroke.insert(0, Move { key, down: true });
    stroke.push(Move { key, down: false });
    stroke
}

/// The bit of a modifier, usages E0 to E7.
fn modifier(usage: u8) -> Option<u8> {
    1_u8.checked_shl(u32::from(usage.checked_sub(0xe0)?))
}

const fn key(code: KeyCode, usage: u8) -> Key {
    Key { code, usage }
}

const ENTER: Key = key(KeyCode::KEY_ENTER, 0x28);
const KEYPAD_ENTER: Key = key(KeyCode::KEY_KPENTER, 0x58);
const TAB: Key = key(KeyCode::KEY_TAB, 0x2b);
const ESCAPE: Key = key(KeyCode::KEY_ESC, 0x29);
const BACKSPACE: Key = key(KeyCode::KEY_BACKSPACE, 0x2a);
const CAPS: Key = key(KeyCode::KEY_CAPSLOCK, 0x39);
const CONTROL: Key = key(KeyCode::KEY_LEFTCTRL, 0xe0);
const SHIFT: Key = key(KeyCode::KEY_LEFTSHIFT, 0xe1);
const ALT: Key = key(KeyCode::KEY_LEFTALT, 0xe2);

/// The keypad's digits, from 0.
const KEYPAD: [Key; 10] = [
    key(KeyCode::KEY_KP0, 0x62),
    key(KeyCode::KEY_KP1, 0x59),
    key(KeyCode::KEY_KP2, 0x5a),
    key(KeyCode::KEY_KP3, 0x5b),
    key(KeyCode::KEY_KP4, 0x5c),
    key(KeyCode::KEY_KP5, 0x5d),
    key(KeyCode::KEY_KP6, 0x5e),
    key(KeyCode::KEY_KP7, 0x5f),
    key(KeyCode::KEY_KP8, 0x60),
    key(KeyCode::KEY_KP9, 0x61),
];

/// The keys of a US keyboard that print, each with what it prints alone and with Shift (HID Usage Tables, page 07).
const US: [(Key, char, char); 48] = [
    (key(KeyCode::KEY_A, 0x04), 'a', 'A'),
    (key(KeyCode::KEY_B, 0x05), 'b', 'B'),
    (key(KeyCode::KEY_C, 0x06), 'c', 'C'),
    (key(KeyCode::KEY_D, 0x07), 'd', 'D'),
    (key(KeyCode::KEY_E, 0x08), 'e', 'E'),
    (key(KeyCode::KEY_F, 0x09), 'f', 'F'),
    (key(KeyCode::KEY_G, 0x0a), 'g', 'G'),
    (key(KeyCode::KEY_H, 0x0b), 'h', 'H'),
    (key(KeyCode::KEY_I, 0x0c), 'i', 'I'),
    (key(KeyCode::KEY_J, 0x0d), 'j', 'J'),
    (key(KeyCode::KEY_K, 0x0e), 'k', 'K'),
    (key(KeyCode::KEY_L, 0x0f), 'l', 'L'),
    (key(KeyCode::KEY_M, 0x10), 'm', 'M'),
    (key(KeyCode::KEY_N, 0x11), 'n', 'N'),
    (key(KeyCode::KEY_O, 0x12), 'o', 'O'),
    (key(KeyCode::KEY_P, 0x13), 'p', 'P'),
    (key(KeyCode::KEY_Q, 0x14), 'q', 'Q'),
    (key(KeyCode::KEY_R, 0x15), 'r', 'R'),
    (key(KeyCode::KEY_S, 0x16), 's', 'S'),
    (key(KeyCode::KEY_T, 0x17), 't', 'T'),
    (key(KeyCode::KEY_U, 0x18), 'u', 'U'),
    (key(KeyCode::KEY_V, 0x19), 'v', 'V'),
    (key(KeyCode::KEY_W, 0x1a), 'w', 'W'),
    (key(KeyCode::KEY_X, 0x1b), 'x', 'X'),
    (key(KeyCode::KEY_Y, 0x1c), 'y', 'Y'),
    (key(KeyCode::KEY_Z, 0x1d), 'z', 'Z'),
    (key(KeyCode::KEY_1, 0x1e), '1', '!'),
    (key(KeyCode::KEY_2, 0x1f), '2', '@'),
    (key(KeyCode::KEY_3, 0x20), '3', '#'),
    (key(KeyCode::KEY_4, 0x21), '4', '$'),
    (key(KeyCode::KEY_5, 0x22), '5', '%'),
    (key(KeyCode::KEY_6, 0x23), '6', '^'),
    (key(KeyCode::KEY_7, 0x24), '7', '&'),
    (key(KeyCode::KEY_8, 0x25), '8', '*'),
    (key(KeyCode::KEY_9, 0x26), '9', '('),
    (key(KeyCode::KEY_0, 0x27), '0', ')'),
    (key(KeyCode::KEY_SPACE, 0x2c), ' ', ' '),
    (key(KeyCode::KEY_MINUS, 0x2d), '-', '_'),
    (key(KeyCode::KEY_EQUAL, 0x2e), '=', '+'),
    (key(KeyCode::KEY_LEFTBRACE, 0x2f), '[', '{'),
    (key(KeyCode::KEY_RIGHTBRACE, 0x30), ']', '}'),
    (key(KeyCode::KEY_BACKSLASH, 0x31), '\\', '|'),
    (key(KeyCode::KEY_SEMICOLON, 0x33), ';', ':'),
    (key(KeyCode::KEY_APOSTROPHE, 0x34), '\'', '"'),
    (key(KeyCode::KEY_GRAVE, 0x35), '`', '~'),
    (key(KeyCode::KEY_COMMA, 0x36), ',', '<'),
    (key(KeyCode::KEY_DOT, 0x37), '.', '>'),
    (key(KeyCode::KEY_SLASH, 0x38), '/', '?'),
];

#[cfg(test)]
mod tests {
    use super::super::manner::{Manner, Typing};
    use super::*;

    /// Kernel numbers of what goes down, and negative ones of what comes up.
    fn typed(text: &str, typing: Typing) -> Vec<i32> {
        let manner = Manner { typing, suffix: Vec::new(), ..Manner::default() };
        let strokes = strokes(&manner.scan(text.as_bytes())).expect("keys");
        let number = |step: &Move| (i32::from(step.key.code.code()), step.down);
        let signed = |(code, down): (i32, bool)| if down { code } else { code.saturating_neg() };
        strokes.iter().flatten().map(number).map(signed).collect()
    }

    const PLAIN: Typing = Typing { alt: false, caps: false, country: Country::Us };

    #[test]
    fn characters_are_the_keys_of_a_us_keyboard() {
        assert_eq!(typed("10\r\n\t", PLAIN), [2, -2, 11, -11, 28, -28, 96, -96, 15, -15]);
        assert_eq!(typed("]C", PLAIN), [27, -27, 42, 46, -46, -42]);
        assert_eq!(typed("\x02", PLAIN), [29, 48, -48, -29], "STX is Ctrl and B");
        let all: String = (' '..='~').collect();
        assert!(!typed(&all, PLAIN).contains(&0));
    }

    #[test]
    fn a_french_keyboard_needs_shift_for_digits_and_swaps_letters() {
        let french = Typing { country: Country::France, ..PLAIN };
        assert_eq!(typed("1aZm", french), [42, 2, -2, -42, 16, -16, 42, 17, -17, -42, 39, -39]);
        let manner = Manner { typing: french, ..Manner::default() };
        let said = strokes(&manner.scan(b"]")).expect_err("no such key").to_string();
        assert_eq!(said, "no key types ']'");
    }

    #[test]
    fn caps_lock_is_pressed_around_a_scan_and_turns_letters_round() {
        let caps = Typing { caps: true, ..PLAIN };
        assert_eq!(typed("1aA", caps), [58, -58, 2, -2, 42, 30, -30, -42, 30, -30, 58, -58]);
    }

    #[test]
    fn alt_mode_types_numbers_on_the_keypad_and_the_end_as_it_is() {
        let alt = Typing { alt: true, ..PLAIN };
        assert_eq!(typed("1\r", alt), [56, 82, -82, 75, -75, 73, -73, -56, 28, -28], "049, Enter");
    }

    #[test]
    fn a_boot_keyboard_says_what_is_down_after_each_move() {
        let manner = Manner { suffix: Vec::new(), ..Manner::default() };
        let strokes = strokes(&manner.scan(b"1C")).expect("keys");
        let reports: Vec<_> = strokes.iter().flat_map(|stroke| boot_reports(stroke)).collect();
        let expected = [
            [0, 0, 0x1e, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [2, 0, 0, 0, 0, 0, 0, 0],
            [2, 0, 6, 0, 0, 0, 0, 0],
            [2, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(reports, expected);
    }
}
