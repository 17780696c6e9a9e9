//! The journal's hash chain: each line is bound to the one before it, and rows are bound to their last line.

use sha2::{Digest as _, Sha256};

/// A link of the chain.
pub(super) type Hash = [u8; 32];

/// What the first line hangs on.
pub(super) const ROOT: Hash = [0; 32];

/// The hash of a line. Every field is preceded by its length, so that no two lines read the same.
pub(super) fn link(before: &[u8], seq: i64, at: i64, payment: &str, out_trade_no: Option<&str>, data: &str) -> Hash {
    let mut hasher = Sha256::new();
    field(&mut hasher, before);
    field(&mut hasher, &seq.to_be_bytes());
    field(&mut hasher, &at.to_be_bytes());
    field(&mut hasher, payment.as_bytes());
    field(&mut hasher, out_trade_no.unwrap_or_default().as_bytes());
    field(&mut hasher, data.as_bytes());
    hasher.finalize().into()
}

/// A short digest of a row's columns, as hex: it stands in the journal line that last wrote the row.
pub(super) fn row(values: &[rusqlite::types::Value]) -> String {
    use rusqlite::types::Value;

    let mut hasher = Sha256::new();
    for value in values {
        match value {
            Value::Null => field(&mut hasher, b"\0"),
            Value::Integer(number) => field(&mut hasher, &number.to_be_bytes()),
            Value::Real(number) => field(&mut hasher, &number.to_be_bytes()),
            Value::Text(text) => field(&mut hasher, text.as_bytes()),
            Value::Blob(bytes) => field(&mut hasher, bytes),
        }
    }
    let digest: Hash = hasher.finalize().into();
    digest.iter().take(12).fold(String::with_capacity(24), |mut hex, byte| {
        hex.push(nibble(byte >> 4));
        hex.push(nibble(byte & 0x0f));
        hex
    })
}

/// What stands for a text where every byte counts: too long for two texts ever to be taken for each other.
pub(super) fn short(text: &str) -> [u8; 16] {
    let digest: Hash = Sha256::digest(text).into();
    let mut short = [0; 16];
    short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    short
}

fn nibble(half: u8) -> char {
    char::from_digit(u32::from(half), 16).unwrap_or('0')
}

fn field(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(bytes);
}
