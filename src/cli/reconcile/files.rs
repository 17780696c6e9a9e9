//! Statement files: what they are, and the parts that can be read at the same time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use flate2::bufread::MultiGzDecoder;

use crate::reconcile::statement::{Kind, Layout, Part, Row, StatementError};
use crate::words::Day;

/// What is read of a file at once.
const BUFFER: usize = 256 * 1024;
/// The same where only a few rows are wanted: less than what lies between two marks.
const PICK_BUFFER: usize = 8 * 1024;
/// Below this a part is not worth a thread.
const PART_MIN: u64 = 4 * 1024 * 1024;
/// The last part has at least this, so that the summary's two lines stay together.
const TAIL_MIN: u64 = 256 * 1024;
/// So much of the rows tells what day a statement is of.
const SAMPLE: u64 = 256 * 1024;

/// A statement's file.
#[derive(Debug)]
pub(super) struct StatementFile {
    path: PathBuf,
    pub(super) name: String,
    packed: bool,
    pub(super) size: u64,
    /// `None` when WeChat says that there is no statement, because nothing was paid.
    pub(super) layout: Option<Layout>,
    /// The day its first rows are of.
    pub(super) day: Option<Day>,
    /// What was read to find that out.
    pub(super) sample: Part,
}

/// A part of a file that begins at a row: first byte, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    from: u64,
    length: u64,
}

impl StatementFile {
    /// Opens the file and reads its header and first rows.
    ///
    /// # Errors
    /// When it cannot be read, or is no statement.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let about = || format!("the statement {name}");
        let mut file = File::open(path).with_context(about)?;
        let size = file.metadata().with_context(about)?.len();
        let mut magic = [0; 2];
        let packed = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
        let (path, sample) = (path.to_owned(), Part::default());
        let mut statement = Self { path, name: name.clone(), packed, size, layout: None, day: None, sample };
        let read = AtomicU64::new(0);
        let mut input = statement.whole(&read).with_context(about)?;
        match Layout::read(&mut input) {
            Ok(layout) => {
                let sample = Part::read(&layout, &mut input.take(SAMPLE), |_, _| ()).with_context(about)?;
                statement.day = sample.own_day();
                statement.sample = sample;
                statement.layout = Some(layout);
            }
            Err(StatementError::NoBill) => {}
            Err(error) => return Err(anyhow::Error::from(error).context(about())),
        }
        Ok(statement)
    }

    /// What it tells of; one that says that nothing was paid tells of everything.
    pub(super) fn kind(&self) -> Kind {
        self.layout.as_ref().map_or(Kind::All, |layout| layout.kind)
    }

    /// Where it can be taken apart for about `pieces` parts. A packed file cannot.
    pub(super) fn stretches(&self, pieces: u64) -> io::Result<Vec<Stretch>> {
        let Some(layout) = &self.layout else { return Ok(Vec::new()) };
        let mut from = layout.header_bytes;
        if self.packed {
            return Ok(vec![Stretch { from, length: u64::MAX }]);
        }
        let body = self.size.saturating_sub(from);
        let length = body.checked_div(pieces.max(1)).unwrap_or(body).max(PART_MIN);
        let mut stretches = Vec::new();
        let mut input = BufReader::new(File::open(&self.path)?);
        while let Some(next) = self.row_after(&mut input, from.saturating_add(length))? {
            stretches.push(Stretch { from, length: next.saturating_sub(from) });
            from = next;
        }
        // The file may grow while it is read; what comes later is not there yet.
        stretches.push(Stretch { from, length: self.size.saturating_sub(from) });
        Ok(stretches)
    }

    /// The first row that begins behind `at`, unless the file's end is near.
    fn row_after(&self, input: &mut BufReader<File>, at: u64) -> io::Result<Option<u64>> {
        if at.saturating_add(TAIL_MIN) >= self.size {
            return Ok(None);
        }
        input.seek(SeekFrom::Start(at))?;
        let mut at = at;
        loop {
            let mut line = Vec::new();
            let limit = self.size.saturating_sub(TAIL_MIN).saturating_sub(at);
            at = at.saturating_add(u64::try_from(input.take(limit).read_until(b'\n', &mut line)?).unwrap_or(limit));
            if !line.ends_with(b"\n") {
                return Ok(None);
            }
            if input.fill_buf()?.starts_with(b"`") {
                return Ok(Some(at));
            }
        }
    }

    /// A reader of one part. What is read of the file is added to `read`.
    pub(super) fn part<'m>(&self, stretch: Stretch, read: &'m AtomicU64) -> io::Result<Box<dyn BufRead + 'm>> {
        if self.packed {
            let mut input = self.whole(read)?;
            io::copy(&mut (&mut input).take(stretch.from), &mut io::sink())?;
            return Ok(input);
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(stretch.from))?;
        let file = Counted { file, read };
        Ok(Box::new(BufReader::with_capacity(BUFFER, file.take(stretch.length))))
    }

    /// Reads the rows at the lines `wanted` of the part that was read before as `part`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn pick(
        &self,
        stretch: Stretch,
        part: &Part,
        wanted: &[u32],
        mut each: impl FnMut(u32, &Row<'_>),
    ) -> io::Result<()> {
        let Some(layout) = &self.layout else { return Ok(()) };
        if self.packed {
            return Part::pick(layout, &mut self.part(stretch, &AtomicU64::new(0))?, 1, wanted, each);
        }
        let mut file = File::open(&self.path)?;
        for near in wanted.chunk_by(|one, next| part.mark_before(*one) == part.mark_before(*next)) {
            let (first, offset) = near.first().map_or((1, 0), |line| part.mark_before(*line));
            file.seek(SeekFrom::Start(stretch.from.saturating_add(offset)))?;
            let rest = (&mut file).take(stretch.length.saturating_sub(offset));
            Part::pick(layout, &mut BufReader::with_capacity(PICK_BUFFER, rest), first, near, &mut each)?;
        }
        Ok(())
    }

    fn whole<'m>(&self, read: &'m AtomicU64) -> io::Result<Box<dyn BufRead + 'm>> {
        let file = Counted { file: File::open(&self.path)?, read };
        if self.packed {
            let unpacked = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file));
            return Ok(Box::new(BufReader::with_capacity(BUFFER, unpacked)));
        }
        Ok(Box::new(BufReader::with_capacity(BUFFER, file)))
    }
}

/// A file that counts what is read of it.
struct Counted<'m> {
    file: File,
    read: &'m AtomicU64,
}

impl io::Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.read.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
        Ok(length)
    }
}
