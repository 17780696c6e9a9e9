use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::{Candidate, Framer, Framing};
use crate::words::Tick;

/// What a keyboard's event device tells about its keys, by Linux key codes (`input-event-codes.h`).
///
/// A key that is typed may be a digit of a payment code, so an event cannot be printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyEvent {
    /// A key went down.
    Down(u16),
    /// A key went up.
    Up(u16),
    /// A key is being held, and the kernel repeats it.
    Repeat(u16),
    /// `SYN_DROPPED`: the reader was too slow, and events are lost.
    Dropped,
}

impl fmt::Debug for KeyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down(_) => "Down",
            Self::Up(_) => "Up",
            Self::Repeat(_) => "Repeat",
            Self::Dropped => "Dropped",
        })
    }
}

/// Makes complete frames of what a scanner types.
///
/// Digits are known by where their keys stand, whatever Shift, Caps Lock and Num Lock say: every Latin layout has them
/// there, so no keyboard setting can spoil a payment code. Other keys count as in the US layout, which reads a link, an
/// AIM identifier or a configured prefix. Enter, keypad Enter and Tab end a scan. While the left Alt key is down,
/// digits of the keypad are the number of a character (above 255: of its two bytes, as GBK has them).
///
/// A key without a character, an impossible Alt number, silence inside a scan and anything that tells of a lost event
/// spoil the scan: it is thrown away with everything up to the next end, and never repaired. That holds also between
/// two scans, for nobody can tell what such an event belonged to; it then costs the next scan.
///
/// What comes out was therefore typed completely, between two ends, in one go, provided that
/// * no event is lost, or every loss is told of by [`KeyEvent::Dropped`]. This is what evdev promises;
/// * or else that of each lost key at most one of its two events is lost. A key that is lost with both leaves nothing
///   behind but a shorter scan, which is no payment code: the length is the only defence against it, and against a
///   scanner that loses keys itself. A lost end makes two scans one, which is too long, if the second one begins before
///   the line falls silent; otherwise both are lost;
/// * and nobody else types on the same device. A strange digit makes a scan too long; in place of one that was lost it
///   would go unnoticed, for payment codes have no check digit.
pub struct Keys {
    framer: Framer,
    silence: Duration,
    down: BTreeSet<u16>,
    /// Modifiers whose next event says nothing about a loss, because one was told of.
    unsure: BTreeSet<u16>,
    alt: Alt,
    last: Tick,
}

/// What goes on under the left Alt key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alt {
    /// It is up.
    Up,
    /// The number that has been typed since it went down.
    Typing(Option<u32>),
    /// It is down, and not for a number.
    Spoilt,
}

impl Keys {
    /// A keyboard before its first event, with no key down.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let suffix = framing.suffix.typed();
        let silence = framing.silence();
        let framer = Framer::new(Framing { suffix, ..framing });
        Self { framer, silence, down: BTreeSet::new(), unsure: BTreeSet::new(), alt: Alt::Up, last: Tick::default() }
    }

    /// Takes the next event, read at `at`. `since_last` is the time between it and the one before by the kernel's
    /// stamps: a reader that was held up must not see a pause that was none. Gives the frame that it completes, or one
    /// that the silence before it completed.
    pub fn push(&mut self, event: KeyEvent, since_last: Duration, at: Tick) -> Option<Candidate> {
        self.last = at;
        let silent = match event {
            // Whether it was silent before nobody knows.
            KeyEvent::Dropped => None,
            KeyEvent::Down(_) | KeyEvent::Up(_) | KeyEvent::Repeat(_) => self.fall_silent(since_last),
        };
        let ended = match event {
            KeyEvent::Down(key) => self.press(key, at),
            KeyEvent::Up(key) => self.release(key, at),
            KeyEvent::Repeat(_) => None,
            KeyEvent::Dropped => {
                self.lose_all();
                None
            }
        };
        silent.or(ended)
    }

    /// Hears that the reader looked at `now` and nothing waited. Gives the frame that the silence completes, which only
    /// `"timeout"` framing allows.
    pub fn idle(&mut self, now: Tick) -> Option<Candidate> {
        self.fall_silent(now.since(self.last))
    }

    /// Throws away what has come so far. If that was the middle of a scan, the rest of it goes too.
    pub fn clear(&mut self) {
        match self.alt {
            Alt::Typing(_) => self.spoil_alt(),
            Alt::Up | Alt::Spoilt => self.framer.clear(),
        }
    }

    /// Throws away what has come so far and everything up to the next end.
    pub fn skip(&mut self) {
        self.framer.skip();
    }

    /// In how many scans the line fell silent. A number that grows with every scan means a scanner without suffix.
    #[must_use]
    pub fn unended(&self) -> u64 {
        self.framer.unended()
    }

    fn fall_silent(&mut self, silence: Duration) -> Option<Candidate> {
        if silence >= self.silence && matches!(self.alt, Alt::Typing(_)) {
            self.spoil_alt();
        }
        self.framer.fall_silent(silence)
    }

    fn press(&mut self, key: u16, at: Tick) -> Option<Candidate> {
        self.unsure.remove(&key);
        if !self.down.insert(key) || self.down.len() > DOWN_MAX {
            self.framer.skip();
        }
        if self.down.len() > DOWN_MAX {
            self.down.clear();
        }
        let shift = SHIFTS.iter().any(|shift| self.down.contains(shift));
        match (meaning(key, shift), self.alt) {
            (Meaning::LeftAlt, _) => {
                self.alt = Alt::Typing(None);
                None
            }
            (Meaning::Keypad(digit), Alt::Typing(number)) => {
                let number = number.unwrap_or_default().saturating_mul(10).saturating_add(u32::from(digit));
                self.alt = Alt::Typing(Some(number));
                None
            }
            (Meaning::End, Alt::Typing(_) | Alt::Spoilt) => {
                self.spoil_alt();
                self.put(END, at)
            }
            (_, Alt::Typing(_) | Alt::Spoilt) => {
                self.spoil_alt();
                None
            }
            (Meaning::End, Alt::Up) => self.put(END, at),
            (Meaning::Keypad(digit), Alt::Up) => self.put(digit.saturating_add(b'0'), at),
            (Meaning::Character(byte), Alt::Up) => self.put(byte, at),
            (Meaning::Ignored, Alt::Up) => None,
            (Meaning::Nothing, Alt::Up) => {
                self.framer.skip();
                None
            }
        }
    }

    fn release(&mut self, key: u16, at: Tick) -> Option<Candidate> {
        let known = self.down.remove(&key);
        let excused = self.unsure.remove(&key);
        if !known && !excused {
            self.framer.skip();
        }
        if key != LEFT_ALT {
            return None;
        }
        let alt = std::mem::replace(&mut self.alt, Alt::Up);
        match alt {
            Alt::Up | Alt::Spoilt => None,
            Alt::Typing(number) => match number.map(u16::try_from) {
                Some(Ok(number)) => self.put_number(number, at),
                Some(Err(_)) | None => {
                    self.framer.skip();
                    None
                }
            },
        }
    }

    /// Hands on the character with this number: one byte, or two with the high one first.
    fn put_number(&mut self, number: u16, at: Tick) -> Option<Candidate> {
        let [high, low] = number.to_be_bytes();
        let first = if high == 0 { None } else { self.put(high, at) };
        let second = self.put(low, at);
        debug_assert!(first.is_none() || second.is_none(), "an end behind an end completes nothing");
        first.or(second)
    }

    fn put(&mut self, byte: u8, at: Tick) -> Option<Candidate> {
        self.framer.push_after(byte, Duration::ZERO, at)
    }

    fn spoil_alt(&mut self) {
        self.framer.skip();
        self.alt = Alt::Spoilt;
    }

    fn lose_all(&mut self) {
        self.framer.skip();
        self.down.clear();
        self.unsure.extend(MODIFIERS);
        self.alt = Alt::Up;
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} down, {:?})", self.down.len(), self.framer)
    }
}

/// What a key says when it goes down.
enum Meaning {
    /// A digit of the keypad, as a number.
    Keypad(u8),
    /// A character of its own.
    Character(u8),
    /// Enter, keypad Enter, Tab.
    End,
    LeftAlt,
    /// Shift and the locks.
    Ignored,
    /// A key without a character.
    Nothing,
}

fn meaning(key: u16, shift: bool) -> Meaning {
    if let Some(digit) = KEYPAD.iter().position(|it| *it == key).and_then(|digit| u8::try_from(digit).ok()) {
        return Meaning::Keypad(digit);
    }
    if let Some((_, plain, shifted)) = KEYS.iter().find(|(it, ..)| *it == key) {
        return Meaning::Character(if shift { *shifted } else { *plain });
    }
    match key {
        15 | 28 | 96 => Meaning::End,
        LEFT_ALT => Meaning::LeftAlt,
        42 | 54 | 58 | 69 | 70 => Meaning::Ignored,
        _ => Meaning::Nothing,
    }
}

/// Keypad 0 to 9.
const KEYPAD: [u16; 10] = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73];

/// Keys with a character, without and with Shift, in the US layout. The digits' signs above them are no characters
/// here: French keyboards have the digits there.
#[rustfmt::skip]
const KEYS: [(u16, u8, u8); 55] = [
    (2, b'1', b'1'), (3, b'2', b'2'), (4, b'3', b'3'), (5, b'4', b'4'), (6, b'5', b'5'), (7, b'6', b'6'),
    (8, b'7', b'7'), (9, b'8', b'8'), (10, b'9', b'9'), (11, b'0', b'0'), (12, b'-', b'_'), (13, b'=', b'+'),
    (16, b'q', b'Q'), (17, b'w', b'W'), (18, b'e', b'E'), (19, b'r', b'R'), (20, b't', b'T'), (21, b'y', b'Y'),
    (22, b'u', b'U'), (23, b'i', b'I'), (24, b'o', b'O'), (25, b'p', b'P'), (26, b'[', b'{'), (27, b']', b'}'),
    (30, b'a', b'A'), (31, b's', b'S'), (32, b'd', b'D'), (33, b'f', b'F'), (34, b'g', b'G'), (35, b'h', b'H'),
    (36, b'j', b'J'), (37, b'k', b'K'), (38, b'l', b'L'), (39, b';', b':'), (40, b'\'', b'"'), (41, b'`', b'~'),
    (43, b'\\', b'|'), (44, b'z', b'Z'), (45, b'x', b'X'), (46, b'c', b'C'), (47, b'v', b'V'), (48, b'b', b'B'),
    (49, b'n', b'N'), (50, b'm', b'M'), (51, b',', b'<'), (52, b'.', b'>'), (53, b'/', b'?'), (57, b' ', b' '),
    (86, b'<', b'>'), (55, b'*', b'*'), (74, b'-', b'-'), (78, b'+', b'+'), (83, b'.', b'.'), (98, b'/', b'/'),
    (117, b'=', b'='),
];

const SHIFTS: [u16; 2] = [42, 54];
const LEFT_ALT: u16 = 56;

/// Control, Shift, Alt and Meta on both sides.
const MODIFIERS: [u16; 8] = [29, 97, 42, 54, LEFT_ALT, 100, 125, 126];

/// What an end is to the framer.
const END: u8 = b'\r';

/// Keys that are down at the same time. More is no scanner.
const DOWN_MAX: usize = 32;

#[cfg(test)]
#[path = "keys_tests.rs"]
#[expect(clippy::arithmetic_side_effects, reason = "a test counts small numbers")]
mod tests;
