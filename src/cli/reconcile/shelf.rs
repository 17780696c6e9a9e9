//! Space on disk for fingerprints that do not fit into memory. They are hashes: nothing of a payment is in them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use crate::reconcile::{Run, Shelf};

/// What is written and read at once, for each run.
const BUFFER: usize = 32 * 1024;

/// Files without a name: they are gone when nobody reads them any more, however the process ends.
#[derive(Debug)]
pub(super) struct Nameless;

impl Shelf for Nameless {
    fn put(&mut self, entries: &[u128]) -> io::Result<Run> {
        let mut file = BufWriter::with_capacity(BUFFER, tempfile::tempfile()?);
        for entry in entries {
            file.write_all(&entry.to_ne_bytes())?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Box::new(Back { file: BufReader::with_capacity(BUFFER, file), left: entries.len() }))
    }
}

struct Back {
    file: BufReader<File>,
    left: usize,
}

impl Iterator for Back {
    type Item = io::Result<u128>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut bytes = [0; 16];
        Some(self.file.read_exact(&mut bytes).map(|()| u128::from_ne_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order() {
        let entries: Vec<u128> = (0..5000).map(|it| it << 70 | it).collect();
        let back: Vec<u128> = Nameless.put(&entries).expect("room").collect::<Result<_, _>>().expect("reads");
        assert_eq!(back, entries);
        assert_eq!(Nameless.put(&[]).expect("room").count(), 0);
    }
}
