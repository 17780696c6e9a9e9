//! Floors 0 and 1 of the product, as far as they read what devices send, from the product's own sources.
//!
//! They are compiled in by their paths: they lean on nothing above them, so four small crates stand in for the whole
//! product's dependencies, and only they carry the fuzzer's counters.

#[path = "../../src/scan/mod.rs"]
pub mod scan;
#[path = "../../src/words/mod.rs"]
pub mod words;

use scan::{Candidate, Scanned};
use words::Tick;

/// The payment code that a scan is, if it is one.
#[must_use]
pub fn code(scan: &Candidate) -> Option<String> {
    match scan::read(scan) {
        Scanned::Code(code) => Some(code.expose().to_owned()),
        Scanned::Other(_) => None,
    }
}

/// A frame without the AIM identifier in front.
#[must_use]
pub fn bare(frame: &[u8]) -> &[u8] {
    match frame {
        [b']', symbology, modifier, rest @ ..]
            if symbology.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() =>
        {
            rest
        }
        _ => frame,
    }
}

/// A frame without the line ends behind it.
#[must_use]
pub fn trimmed(frame: &[u8]) -> &[u8] {
    let end = frame.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &frame[..end]
}

/// The tick at `ms` milliseconds.
#[must_use]
pub fn at(ms: u64) -> Tick {
    Tick::from_micros(ms * 1000)
}
