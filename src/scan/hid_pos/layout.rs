use std::collections::BTreeMap;

use super::super::Aim;

/// Where a scanner's reports keep what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Every input report, a keyboard's too; by its id, or 0 if ids are not used.
    reports: BTreeMap<u8, Report>,
    numbered: bool,
    types: bool,
}

impl Layout {
    /// The layout of `reports`, if one of them carries decoded data; `types` when the device is a keyboard as well.
    pub(super) fn of(reports: BTreeMap<u8, Report>, types: bool) -> Option<Self> {
        let numbered = reports.keys().any(|id| *id != UNNUMBERED);
        let mut reports = reports;
        if numbered {
            // The kernel could not tell it from the others either.
            reports.remove(&UNNUMBERED);
        }
        reports.values().any(Report::is_ours).then_some(Self { reports, numbered, types })
    }

    /// Whether a keyboard is behind the same node: whoever reads it then reads every key as well.
    #[must_use]
    pub const fn types(&self) -> bool {
        self.types
    }

    /// How many characters a report carries at most.
    #[must_use]
    pub fn data_max(&self) -> usize {
        self.ours().map(|(_, report)| report.data.len()).max().unwrap_or_default()
    }

    /// Bytes of the longest report that the device sends, its id included. A reader gives one byte more, so that a
    /// report that is too long is seen to be.
    #[must_use]
    pub fn report_size_max(&self) -> usize {
        self.reports.values().map(Report::size).max().unwrap_or_default()
    }

    /// The ids of the reports that carry scans.
    pub(super) fn ids(&self) -> impl Iterator<Item = u8> {
        self.ours().map(|(id, _)| id)
    }

    /// Whether the report `id` says if the scan goes on in the next one.
    pub(super) fn marks_the_end(&self, id: u8) -> bool {
        self.reports.get(&id).is_some_and(|report| report.more.is_some())
    }

    /// Says what was read.
    pub(super) fn sort(&self, bytes: &[u8]) -> Sorted {
        let id = if self.numbered { bytes.first().copied() } else { Some(UNNUMBERED) };
        let Some((id, report)) = id.and_then(|id| Some((id, self.reports.get(&id)?))) else {
            return Sorted::Unknown;
        };
        match report.read(bytes) {
            _ if !report.is_ours() => Sorted::NotOurs,
            Some(part) => Sorted::Part(id, part),
            None => Sorted::WrongSize(id),
        }
    }

    /// The characters of a report that was sorted as `part` of a scan.
    pub(super) fn text<'a>(&'a self, id: u8, part: &Part, bytes: &'a [u8]) -> impl Iterator<Item = u8> + 'a {
        let data = self.reports.get(&id).map(|report| report.data.as_slice()).unwrap_or_default();
        data.iter().take(part.length).filter_map(|at| bytes.get(*at).copied())
    }

    fn ours(&self) -> impl Iterator<Item = (u8, &Report)> {
        self.reports.iter().filter(|(_, report)| report.is_ours()).map(|(id, report)| (*id, report))
    }
}

/// What a read of the device gave.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sorted {
    /// A report with a scan, or with a part of one.
    Part(u8, Part),
    /// A report that carries scans, but not of the declared size.
    WrongSize(u8),
    /// A report of another kind, a keyboard's perhaps.
    NotOurs,
    /// A report that the descriptor does not know, or nothing at all.
    Unknown,
}

/// What a report says about its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// How many characters it has.
    pub(super) length: usize,
    /// What it is an image of.
    pub(super) aim: Option<Aim>,
    /// The scan goes on in the next report.
    pub(super) more: bool,
    /// False if what it says cannot be.
    pub(super) sound: bool,
}

/// Where one report keeps what it says. Offsets are in bytes from the beginning of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Its size in bits, the id included.
    bits: usize,
    length: Option<usize>,
    aim: [Option<usize>; 3],
    /// Decoded data stands somewhere in it.
    has_data: bool,
    data: Vec<usize>,
    more: Option<(usize, u8)>,
    /// A field that matters is not where a byte is, or stands twice. Such a report is not ours: nobody can tell what
    /// it means.
    odd: bool,
}

impl Report {
    /// A report before its first field.
    pub(super) fn new(id: u8) -> Self {
        let bits = if id == UNNUMBERED { 0 } else { 8 };
        Self { bits, ..Self::default() }
    }

    /// Adds `count` fields of `size` bits, which `usages` name from the left; fields without a usage are padding.
    /// False if no report can be that long.
    pub(super) fn add(&mut self, size: usize, count: usize, usages: impl Iterator<Item = u32>) -> bool {
        let end = size.checked_mul(count).and_then(|bits| self.bits.checked_add(bits));
        let Some(end) = end.filter(|end| *end <= REPORT_MAX.saturating_mul(8)) else { return false };
        for (usage, at) in usages.zip((self.bits..end).step_by(size.max(1))) {
            self.field(usage, at, size);
        }
        self.bits = end;
        true
    }

    /// Has decoded data somewhere, in bytes or not.
    pub(super) fn has_data(&self) -> bool {
        self.has_data
    }

    fn field(&mut self, usage: u32, at: usize, size: usize) {
        let byte = (size == 8 && at.is_multiple_of(8)).then_some(at / 8);
        match usage {
            DECODED_DATA => {
                self.has_data = true;
                self.odd |= byte.is_none();
                self.data.extend(byte);
            }
            BYTE_COUNT => {
                self.odd |= byte.is_none() || self.length.is_some();
                self.length = byte;
            }
            DATA_CONTINUED => self.mark(at, size),
            SYMBOLOGY_1 | SYMBOLOGY_2 | SYMBOLOGY_3 => {
                let places = SYMBOLOGY_1..=SYMBOLOGY_3;
                if let Some((_, place)) = places.zip(&mut self.aim).find(|(which, _)| *which == usage) {
                    *place = place.or(byte);
                }
            }
            _ => {}
        }
    }

    /// Takes `size` bits at `at` as the mark of a scan that goes on. They are within one byte.
    fn mark(&mut self, at: usize, size: usize) {
        let byte = at / 8;
        let mask = (at % 8..).take(size).try_fold(0_u8, |mask, bit| (bit < 8).then_some(mask | 1_u8 << (bit & 7)));
        self.more = match (self.more, mask) {
            (None, Some(mask)) => Some((byte, mask)),
            (Some((same, others)), Some(mask)) if same == byte => Some((byte, others | mask)),
            (more, _) => {
                self.odd = true;
                more
            }
        };
    }

    fn is_ours(&self) -> bool {
        self.has_data && !self.odd
    }

    /// Its size in bytes.
    fn size(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// What a read says, if it has the declared size.
    fn read(&self, bytes: &[u8]) -> Option<Part> {
        if bytes.len() != self.size() {
            return None;
        }
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let full = self.data.len();
        let length = match self.length {
            Some(at) => usize::from(byte(at)),
            None => full.saturating_sub(self.data.iter().rev().take_while(|at| byte(**at) == 0).count()),
        };
        let aim = match self.aim.map(|at| at.map(byte)) {
            [Some(b']'), Some(symbology), Some(modifier)] => Aim::new(symbology, modifier),
            [..] => None,
        };
        // A scan goes on because it found no room: a report that goes on and is not full was not made by a scanner.
        // Without the mark a full one may be the beginning of a scan, and its rest would look like a scan of its own.
        let (more, sound) = match self.more {
            Some((at, mask)) if byte(at) & mask != 0 => (true, length == full),
            Some(_) => (false, length <= full),
            None => (length == full, length < full),
        };
        Some(Part { length, aim, more, sound })
    }
}

/// Stands for the id where a device has only one report and gives it none.
pub(super) const UNNUMBERED: u8 = 0;

/// Bytes of the longest report: what an interrupt endpoint sends at once (USB 2.0, 5.7.3).
const REPORT_MAX: usize = 1024;

const BYTE_COUNT: u32 = 0x0001_003B;
const SYMBOLOGY_1: u32 = 0x008C_00FB;
const SYMBOLOGY_2: u32 = 0x008C_00FC;
const SYMBOLOGY_3: u32 = 0x008C_00FD;
const DECODED_DATA: u32 = 0x008C_00FE;
const DATA_CONTINUED: u32 = 0x008C_00FF;
