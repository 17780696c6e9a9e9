//! A statement's way from the wire to the disk: unpacked as it comes, counted, and never held in memory.

use std::fs::File;
use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use super::doubt::Doubt;
use super::download::DownloadError;
use crate::dialect::{Announced, Distrust, REPLY_MAX, STATEMENT_TAIL, Warrant};

/// How a gzip stream begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Unpacked bytes by which a file is told from words.
const START: usize = 16;
/// The largest statement, in bytes: some forty million rows, more than any merchant number has in a day.
const FILE_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// A packed statement is at most so many times larger unpacked: real ones are ten to thirty times, because every row has
/// numbers of its own; what gzip makes of nothing at all is a thousand times.
const RATIO_MAX: u64 = 200;
/// What may be unpacked before the ratio counts, in bytes.
const RATIO_FREE: u64 = 1024 * 1024;

/// Judges the first bytes of the unpacked body.
pub(super) type Judge<'a> = &'a (dyn Fn(&[u8]) -> Result<Announced, Distrust> + Sync);

/// Takes a body piece by piece.
pub(super) struct Intake<'a> {
    received: u64,
    stage: Stage<'a>,
}

enum Stage<'a> {
    /// Too few bytes to know whether they are packed.
    Sniffing(Vec<u8>, Pen<'a>),
    Plain(Pen<'a>),
    Packed(Box<MultiGzDecoder<Pen<'a>>>),
    /// It failed.
    Gone,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It stands in the file.
    File(Landed),
    /// Something else, at most [`REPLY_MAX`] bytes of it.
    Words(Vec<u8>),
}

/// A statement that stands in its file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Landed {
    pub(super) bytes: u64,
    /// Lines that begin as rows do; the summary's values do too.
    pub(super) ticked: u64,
    pub(super) tail: Vec<u8>,
    /// The body was packed, so that its own checksum proves that it is whole.
    pub(super) packed: bool,
    pub(super) warrant: Warrant,
}

impl<'a> Intake<'a> {
    /// Writes to `file`, from where it stands, what `judge` takes for a file.
    pub(super) fn new(file: &'a mut File, judge: Judge<'a>) -> Self {
        Self { received: 0, stage: Stage::Sniffing(Vec::new(), Pen::new(file, judge)) }
    }

    /// Bytes that came over the wire.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When it is damaged, too large, or cannot be written. Nothing more may be given.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<(), DownloadError> {
        self.received = self.received.saturating_add(length(piece));
        let stage = std::mem::replace(&mut self.stage, Stage::Gone);
        self.stage = match stage {
            Stage::Sniffing(mut begun, pen) => {
                begun.extend_from_slice(piece);
                if begun.len() < GZIP.len() { Stage::Sniffing(begun, pen) } else { begin(&begun, pen, self.received)? }
            }
            Stage::Plain(pen) => go_on_plain(piece, pen)?,
            Stage::Packed(unpacker) => go_on_packed(piece, unpacker, self.received)?,
            Stage::Gone => Stage::Gone,
        };
        Ok(())
    }

    /// Ends it. Nothing more comes.
    ///
    /// # Errors
    /// When a packed body is not all there, or the file is not the one that is proven.
    pub(super) fn finish(mut self) -> Result<Taken, DownloadError> {
        let stage = match std::mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Sniffing(begun, pen) => go_on_plain(&begun, pen)?,
            stage @ (Stage::Plain(_) | Stage::Packed(_) | Stage::Gone) => stage,
        };
        match stage {
            Stage::Plain(pen) => pen.finish(false),
            Stage::Packed(mut unpacker) => {
                unpacker.try_finish().map_err(|error| unpacker.get_mut().why(&error))?;
                let pen = unpacker.finish().map_err(|_| DownloadError::Packed)?;
                pen.finish(true)
            }
            Stage::Sniffing(..) | Stage::Gone => Err(DownloadError::Packed),
        }
    }
}

fn begin<'a>(begun: &[u8], pen: Pen<'a>, received: u64) -> Result<Stage<'a>, DownloadError> {
    if begun.starts_with(&GZIP) {
        return go_on_packed(begun, Box::new(MultiGzDecoder::new(pen)), received);
    }
    go_on_plain(begun, pen)
}

fn go_on_plain<'a>(piece: &[u8], mut pen: Pen<'a>) -> Result<Stage<'a>, DownloadError> {
    pen.write_all(piece).map_err(|error| pen.why(&error))?;
    Ok(Stage::Plain(pen))
}

fn go_on_packed<'a>(
    piece: &[u8],
    mut unpacker: Box<MultiGzDecoder<Pen<'a>>>,
    received: u64,
) -> Result<Stage<'a>, DownloadError> {
    unpacker.get_mut().room = RATIO_FREE.saturating_add(received.saturating_mul(RATIO_MAX)).min(FILE_MAX);
    unpacker.write_all(piece).map_err(|error| unpacker.get_mut().why(&error))?;
    Ok(Stage::Packed(unpacker))
}

/// Writes the unpacked text, and remembers what has to be known of it at the end.
struct Pen<'a> {
    file: &'a mut File,
    judge: Judge<'a>,
    start: Vec<u8>,
    announced: Option<Announced>,
    /// What may be written in all.
    room: u64,
    written: u64,
    sha1: Sha1,
    line_begins: bool,
    ticked: u64,
    tail: Vec<u8>,
    fault: Option<DownloadError>,
}

impl<'a> Pen<'a> {
    fn new(file: &'a mut File, judge: Judge<'a>) -> Self {
        Self {
            file,
            judge,
            start: Vec::with_capacity(START),
            announced: None,
            room: FILE_MAX,
            written: 0,
            sha1: Sha1::new(),
            line_begins: true,
            ticked: 0,
            tail: Vec::new(),
            fault: None,
        }
    }

    /// What a failed write means: our own reason, or that of whoever unpacks.
    fn why(&mut self, _: &io::Error) -> DownloadError {
        self.fault.take().unwrap_or(DownloadError::Packed)
    }

    fn put(&mut self, text: &[u8]) -> Result<(), DownloadError> {
        match self.announced {
            None => {
                self.start.extend_from_slice(text);
                if self.start.len() < START { Ok(()) } else { self.decide() }
            }
            Some(Announced::Words) if self.start.len().saturating_add(text.len()) > REPLY_MAX => {
                Err(Doubt::Distrust(Distrust::TooLarge).into())
            }
            Some(Announced::Words) => {
                self.start.extend_from_slice(text);
                Ok(())
            }
            Some(Announced::File(warrant)) => self.write_down(text, warrant),
        }
    }

    /// Asks the judge, and goes on with what was held back for it.
    fn decide(&mut self) -> Result<(), DownloadError> {
        let head = self.start.get(..START).unwrap_or(&self.start);
        self.announced = Some((self.judge)(head).map_err(Doubt::Distrust)?);
        let held = std::mem::take(&mut self.start);
        self.put(&held)
    }

    fn write_down(&mut self, text: &[u8], warrant: Warrant) -> Result<(), DownloadError> {
        self.written = self.written.saturating_add(length(text));
        if self.written > self.room {
            return Err(DownloadError::TooLarge);
        }
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let ticked = self.line_begins && line.starts_with(b"`");
            self.ticked = self.ticked.saturating_add(u64::from(ticked));
            self.line_begins = line.ends_with(b"\n");
        }
        let kept = text.get(text.len().saturating_sub(STATEMENT_TAIL)..).unwrap_or(text);
        self.tail.extend_from_slice(kept);
        self.tail.drain(..self.tail.len().saturating_sub(STATEMENT_TAIL));
        if matches!(warrant, Warrant::Sha1(_)) {
            self.sha1.update(text);
        }
        self.file.write_all(text).map_err(DownloadError::Disk)
    }

    fn finish(mut self, packed: bool) -> Result<Taken, DownloadError> {
        if self.announced.is_none() {
            self.decide()?;
        }
        let Some(Announced::File(warrant)) = self.announced else { return Ok(Taken::Words(self.start)) };
        if let Warrant::Sha1(signed) = warrant
            && !bool::from(self.sha1.finalize().as_slice().ct_eq(&signed))
        {
            return Err(DownloadError::Digest);
        }
        Ok(Taken::File(Landed { bytes: self.written, ticked: self.ticked, tail: self.tail, packed, warrant }))
    }
}

impl Write for Pen<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self.put(text) {
            Ok(()) => Ok(text.len()),
            Err(fault) => {
                self.fault = Some(fault);
                Err(io::Error::other("the statement cannot be taken"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
