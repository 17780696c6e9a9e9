use std::fmt;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use super::Candidate;
use crate::words::Tick;

/// How a scanner marks where a scan begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framing {
    /// What the scanner sends in front of every scan. A scan without it is incomplete.
    pub prefix: Vec<u8>,
    /// What it sends behind.
    pub suffix: Suffix,
    /// Also takes STX..ETX. Off by itself when prefix or suffix hold one of the two.
    pub stx_etx: bool,
    /// `"timeout"` framing: 18 digits and then silence are a scan too.
    pub timeout: bool,
    /// Silence that ends a frame, in milliseconds.
    pub silence_ms: u64,
}

impl Default for Framing {
    /// Line ends and STX..ETX, 200 ms; what serial scanners are delivered with.
    fn default() -> Self {
        Self { prefix: Vec::new(), suffix: Suffix::default(), stx_etx: true, timeout: false, silence_ms: 200 }
    }
}

impl Framing {
    /// What a scanner that types is delivered with: Enter, and 100 ms. The keys of one scan come 8 to 35 ms apart.
    #[must_use]
    pub fn keyboard() -> Self {
        Self { stx_etx: false, silence_ms: 100, ..Self::default() }
    }

    /// Silence that ends a frame.
    #[must_use]
    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }
}

/// What ends a scan: any of CR, LF and CR LF, or exactly these bytes. Empty inside means any line end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suffix(Vec<u8>);

impl Suffix {
    /// Takes a configured suffix. One that is made of CR and LF, or empty, stands for any line end.
    ///
    /// # Errors
    /// When it is longer than [`SUFFIX_MAX`] bytes or has a digit: it would end a scan in the middle of a code.
    pub fn new(bytes: &[u8]) -> Result<Self, SuffixError> {
        if bytes.len() > SUFFIX_MAX || bytes.iter().any(u8::is_ascii_digit) {
            return Err(SuffixError);
        }
        let is_line_end = bytes.iter().all(|byte| matches!(*byte, CR | LF));
        Ok(if is_line_end { Self::default() } else { Self(bytes.to_vec()) })
    }

    /// This suffix where Tab is taken for CR, as a keyboard's is.
    pub(super) fn typed(&self) -> Self {
        let typed: Vec<u8> = self.0.iter().map(|byte| if *byte == HT { CR } else { *byte }).collect();
        Self::new(&typed).unwrap_or_default()
    }

    fn ends(&self, frame: &[u8]) -> bool {
        match self.0.as_slice() {
            [] => matches!(frame, [.., CR | LF]),
            exactly => frame.ends_with(exactly),
        }
    }

    /// `frame` without its end, if it has one.
    fn off<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        if !self.0.is_empty() {
            return frame.strip_suffix(self.0.as_slice()).unwrap_or(frame);
        }
        let mut text = frame;
        while let [rest @ .., CR | LF] = text {
            text = rest;
        }
        text
    }

    /// How many bytes an end takes.
    fn len(&self) -> usize {
        self.0.len().max(1)
    }
}

/// The text cannot be a suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a suffix is at most 8 characters and has no digits, such as \\r, \\r\\n or \\t")]
pub struct SuffixError;

/// Makes complete frames of characters and pauses.
///
/// A frame that is too long, or inside which the line fell silent, is given up together with everything up to the next
/// end: what comes after the silence may be the rest of it, and nobody can tell. Its memory is wiped.
pub struct Framer {
    framing: Framing,
    stx_etx: bool,
    /// The frame so far, its end included; while skipping, the last few bytes only. Its capacity never grows, so that
    /// no copy is left behind unwiped.
    held: Zeroizing<Vec<u8>>,
    state: State,
    last: Tick,
    unended: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has come since the last end.
    Between,
    /// In a frame that its suffix ends.
    Text,
    /// In a frame that ETX ends.
    Stx,
    /// In what is left of a frame that was given up.
    Skip,
}

impl Framer {
    /// A framer before its first character.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let marks = |bytes: &[u8]| bytes.iter().any(|byte| matches!(*byte, STX | ETX));
        let stx_etx = framing.stx_etx && !marks(&framing.prefix) && !marks(&framing.suffix.0);
        let held = Zeroizing::new(Vec::with_capacity(FRAME_MAX.saturating_add(SUFFIX_MAX)));
        Self { framing, stx_etx, held, state: State::Between, last: Tick::default(), unended: 0 }
    }

    /// Takes the next character, read at `at`. Gives the frame that it completes, or one that the silence before it
    /// completed.
    pub fn push(&mut self, byte: u8, at: Tick) -> Option<Candidate> {
        self.push_after(byte, at.since(self.last), at)
    }

    /// Takes the next character, read at `at`, where the transport knows how long it was silent before: a reader that
    /// was held up sees a pause that was none, or none where there was one.
    pub fn push_after(&mut self, byte: u8, silence_before: Duration, at: Tick) -> Option<Candidate> {
        let silent = self.fall_silent(silence_before);
        self.last = at;
        let ended = self.take(byte);
        debug_assert!(silent.is_none() || ended.is_none(), "one character cannot complete two frames");
        silent.or(ended)
    }

    /// Hears that nothing came until `now`. Gives the frame that the silence completes, which only `"timeout"` framing
    /// allows.
    pub fn idle(&mut self, now: Tick) -> Option<Candidate> {
        self.fall_silent(now.since(self.last))
    }

    /// Hears that nothing has come for `silence`.
    pub(super) fn fall_silent(&mut self, silence: Duration) -> Option<Candidate> {
        let limit = self.framing.silence();
        match self.state {
            State::Between => None,
            State::Skip => {
                if self.framing.timeout && silence >= limit.saturating_mul(SETTLES_AFTER) {
                    self.wipe();
                }
                None
            }
            State::Text | State::Stx if silence < limit => None,
            State::Text if self.framing.timeout && self.is_whole() => self.finish(),
            State::Text | State::Stx => {
                self.unended = self.unended.saturating_add(1);
                self.clear();
                None
            }
        }
    }

    /// Throws away what has come so far. If that was the middle of a frame, the rest of it goes too. Noise (a break, a
    /// plug going in) is no frame.
    pub fn clear(&mut self) {
        match self.state {
            State::Between | State::Skip => {}
            State::Text if self.held.iter().all(|byte| NOISE.contains(byte)) => self.wipe(),
            State::Text | State::Stx => self.give_up(),
        }
    }

    /// Throws away what has come so far and everything up to the next end: for a transport that lost characters, or
    /// sent what is none. The next end has to come whole.
    pub fn skip(&mut self) {
        self.wipe();
        self.state = State::Skip;
    }

    /// In how many frames the line fell silent. A number that grows with every scan means a scanner without suffix.
    #[must_use]
    pub fn unended(&self) -> u64 {
        self.unended
    }

    fn take(&mut self, byte: u8) -> Option<Candidate> {
        match (byte, self.state) {
            (STX, _) if self.stx_etx => {
                self.wipe();
                self.state = State::Stx;
                None
            }
            (ETX, State::Stx) if self.stx_etx => self.finish(),
            // The STX was never seen: this ends the tail of something.
            (ETX, State::Between | State::Text | State::Skip) if self.stx_etx => {
                self.wipe();
                None
            }
            (_, State::Between | State::Text) => {
                self.state = State::Text;
                self.hold(byte)
            }
            (_, State::Stx) => self.hold(byte),
            (_, State::Skip) => {
                self.pass(byte);
                None
            }
        }
    }

    fn hold(&mut self, byte: u8) -> Option<Candidate> {
        self.held.push(byte);
        if self.state == State::Text && self.framing.suffix.ends(&self.held) {
            return self.finish();
        }
        if self.held.len() >= FRAME_MAX.saturating_add(self.framing.suffix.len()) {
            self.give_up();
        }
        None
    }

    /// Lets a character of a frame that was given up go by.
    fn pass(&mut self, byte: u8) {
        self.held.push(byte);
        if self.framing.suffix.ends(&self.held) {
            return self.wipe();
        }
        self.keep_tail();
    }

    fn finish(&mut self) -> Option<Candidate> {
        let candidate = self.candidate();
        self.wipe();
        candidate
    }

    /// What the frame holds; nothing if only its end came.
    fn candidate(&self) -> Option<Candidate> {
        let frame = self.framing.suffix.off(&self.held);
        (!frame.is_empty()).then(|| Candidate::prefixed(frame, &self.framing.prefix, None, self.last))
    }

    /// 18 digits, which silence may end.
    fn is_whole(&self) -> bool {
        self.candidate().is_some_and(|candidate| candidate.is_eighteen_digits())
    }

    fn give_up(&mut self) {
        self.state = State::Skip;
        self.keep_tail();
    }

    /// Keeps as much as the beginning of an end takes.
    fn keep_tail(&mut self) {
        let keep = self.framing.suffix.len().saturating_sub(1);
        let gone = self.held.len().saturating_sub(keep);
        self.held.rotate_left(gone);
        self.held.iter_mut().skip(keep).for_each(Zeroize::zeroize);
        self.held.truncate(keep);
    }

    fn wipe(&mut self) {
        self.held.zeroize();
        self.state = State::Between;
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framer({:?}, {} characters)", self.state, self.held.len())
    }
}

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const HT: u8 = b'\t';
const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// What a line gives when nobody speaks: breaks and the glitch of a plug going in.
const NOISE: [u8; 2] = [0x00, 0xFF];

/// The longest frame, in characters. A payment code has 18; what is longer is a link that nobody can pay with.
const FRAME_MAX: usize = 64;

/// The longest suffix, in characters.
pub const SUFFIX_MAX: usize = 8;

/// With `"timeout"` framing nothing but time ends a frame that was given up: this many silences.
const SETTLES_AFTER: u32 = 5;

#[cfg(test)]
#[path = "framer_tests.rs"]
mod tests;
