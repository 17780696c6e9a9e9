use std::collections::BTreeMap;
use std::fmt;

use super::layout::{Layout, Report, UNNUMBERED};

/// What a report descriptor says its device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HidKind {
    /// A scanner in HID POS mode, whatever else it is besides.
    Scanner(Layout),
    /// A keyboard: a scanner in keyboard mode, or one that people type on.
    Keyboard,
    /// Something else, and why it is no scanner to us.
    Other(NoScanner),
}

impl HidKind {
    /// Reads a report descriptor, as `HIDIOCGRDESC` or `report_descriptor` in sysfs give it.
    ///
    /// Source: Device Class Definition for HID 1.11, 6.2.2. Where it leaves a choice (usages without a page, the order
    /// of alternatives) this does what Linux does.
    ///
    /// # Errors
    /// When it is none: the kernel would not have made a node for it.
    pub fn of(descriptor: &[u8]) -> Result<Self, DescriptorError> {
        if descriptor.len() > DESCRIPTOR_MAX {
            return Err(DescriptorError::TooLong);
        }
        let mut parser = Parser::default();
        let mut rest = descriptor;
        while let Some((item, behind)) = Item::next(rest)? {
            parser.take(&item)?;
            rest = behind;
        }
        parser.finish()
    }
}

/// Why a device is no scanner to us. Its `Display` says what can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoScanner {
    /// It speaks a language of its maker's on this page: Honeywell's FF8C, IBM's OEM mode, Zebra's SNAPI.
    VendorPage(u16),
    /// It has a bar code scanner's page but no decoded data (8C:FE).
    NoData,
    /// Its reports cannot be read: the data, the byte count or the continuation mark are not bytes at byte boundaries.
    NotBytes,
    /// It has nothing to do with scanners.
    Unrelated,
}

impl fmt::Display for NoScanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VendorPage(page) => {
                write!(f, "it speaks its maker's own language (usage page {page:04X}); scan its set-up code \"USB HID POS\"")
            }
            Self::NoData => {
                f.write_str("it calls itself a scanner but declares no decoded data; scan its set-up code \"USB HID POS\"")
            }
            Self::NotBytes => f.write_str(
                "its reports are laid out in a way that shroff cannot read; scan its set-up code \"USB Serial\" instead",
            ),
            Self::Unrelated => f.write_str("it is no scanner"),
        }
    }
}

/// The bytes are no report descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// Longer than Linux takes.
    #[error("the report descriptor is longer than 4096 bytes")]
    TooLong,
    /// It ends inside an item.
    #[error("the report descriptor ends in the middle of an item")]
    Truncated,
    /// Collections or delimiters do not close, or close what was not open.
    #[error("the report descriptor's collections do not match")]
    Unbalanced,
    /// Pop without push, or more pushes than anybody needs.
    #[error("the report descriptor's pushes and pops do not match")]
    Stack,
    /// 0 or above 255.
    #[error("the report descriptor has a report id that is not 1 to 255")]
    ReportId,
    /// A report longer than any device sends.
    #[error("the report descriptor declares a report of more than 1024 bytes")]
    TooLarge,
}

/// An item of at most four bytes of data.
struct Item {
    /// Tag and type, without the length.
    tag: u8,
    value: u32,
    /// Four bytes: a usage that names its own page.
    wide: bool,
}

impl Item {
    /// The next item of `rest`, and what comes behind it. Long items are passed over: none was ever defined.
    fn next(rest: &[u8]) -> Result<Option<(Self, &[u8])>, DescriptorError> {
        let mut rest = rest;
        loop {
            let Some((prefix, behind)) = rest.split_first() else { return Ok(None) };
            if *prefix == LONG_ITEM {
                let (length, behind) = behind.split_first().ok_or(DescriptorError::Truncated)?;
                // The tag of a long item is a byte of its own.
                rest = behind.get(usize::from(*length).saturating_add(1)..).ok_or(DescriptorError::Truncated)?;
                continue;
            }
            let length = match prefix & 0b11 {
                0b11 => 4,
                length => usize::from(length),
            };
            let (data, behind) = behind.split_at_checked(length).ok_or(DescriptorError::Truncated)?;
            let value = data.iter().rev().fold(0, |value: u32, byte| value << 8 | u32::from(*byte));
            return Ok(Some((Self { tag: prefix & !0b11, value, wide: length == 4 }, behind)));
        }
    }
}

/// What is remembered between two items.
#[derive(Default)]
struct Parser {
    global: Global,
    pushed: Vec<Global>,
    local: Local,
    /// Collections that are open.
    depth: usize,
    reports: BTreeMap<u8, Report>,
    is_keyboard: bool,
    has_scanner_page: bool,
    vendor_page: Option<u16>,
}

/// Global items: they hold until they are said anew.
#[derive(Clone, Copy, Default)]
struct Global {
    page: u16,
    size: u32,
    count: u32,
    id: u8,
}

/// Local items: they hold for one main item.
#[derive(Default)]
struct Local {
    usages: Vec<Usages>,
    minimum: u32,
    /// Inside a delimiter, whose first usage is the one that counts.
    delimiter: Option<Taken>,
}

/// Whether a delimiter's first usage has come.
type Taken = bool;

/// Usages from `first` to `last` on one page.
struct Usages {
    page: u16,
    first: u16,
    last: u16,
    /// The page came with the usage.
    own_page: bool,
}

impl Parser {
    fn take(&mut self, item: &Item) -> Result<(), DescriptorError> {
        match item.tag {
            // Main
            0x80 => self.input(item.value)?,
            0xA0 => self.collection(item.value),
            0xC0 => self.depth = self.depth.checked_sub(1).ok_or(DescriptorError::Unbalanced)?,
            // Output, Feature: they have bits of their own, which no read gives.
            0x90 | 0xB0 => {}
            // Global
            0x04 => self.global.page = low(item.value),
            0x74 => self.global.size = item.value,
            0x94 => self.global.count = item.value,
            0x84 => match u8::try_from(item.value) {
                Ok(id) if id != UNNUMBERED => self.global.id = id,
                Ok(_) | Err(_) => return Err(DescriptorError::ReportId),
            },
            0xA4 if self.pushed.len() >= PUSHES_MAX => return Err(DescriptorError::Stack),
            0xA4 => self.pushed.push(self.global),
            0xB4 => self.global = self.pushed.pop().ok_or(DescriptorError::Stack)?,
            // Local
            0x08 => self.usage(item.value, item.value, item.wide),
            0x18 => self.local.minimum = item.value,
            0x28 => self.usage(self.local.minimum, item.value, item.wide),
            0xA8 => self.delimiter(item.value)?,
            _ => {}
        }
        if matches!(item.tag, 0x80 | 0x90 | 0xA0 | 0xB0 | 0xC0) {
            if self.local.delimiter.is_some() {
                return Err(DescriptorError::Unbalanced);
            }
            self.local = Local::default();
        }
        Ok(())
    }

    /// Notes a usage, or usages from `first` to `last`. Names beyond those that fields ask for cost nothing.
    fn usage(&mut self, first: u32, last: u32, wide: bool) {
        match &mut self.local.delimiter {
            Some(true) => return,
            Some(taken) => *taken = true,
            None => {}
        }
        let page = if wide { high(last) } else { self.global.page };
        if wide && high(first) != page && high(first) != 0 {
            return;
        }
        let usages = Usages { page, first: low(first), last: low(last), own_page: wide };
        self.local.usages.push(usages);
    }

    fn delimiter(&mut self, value: u32) -> Result<(), DescriptorError> {
        self.local.delimiter = match (value, self.local.delimiter) {
            (1, None) => Some(false),
            (0, Some(_)) => None,
            (_, _) => return Err(DescriptorError::Unbalanced),
        };
        Ok(())
    }

    /// Gives usages without a page the page that holds now. Like Linux it stops, from the right, at the first that has
    /// it already: `Usage (3B), Usage Page (8C), Usage (FE)` is what two makers' descriptors mean by it.
    fn complete(&mut self) {
        let page = self.global.page;
        let short = self.local.usages.iter_mut().rev().filter(|usages| !usages.own_page);
        for usages in short.take_while(|usages| usages.page != page) {
            usages.page = page;
        }
    }

    fn collection(&mut self, kind: u32) {
        self.complete();
        if kind == APPLICATION
            && let Some(usage) = self.local.usages.first()
        {
            self.is_keyboard |= usage.page == DESKTOP && matches!(usage.first, 6 | 7);
            self.has_scanner_page |= usage.page == SCANNERS;
            if usage.page >= VENDORS {
                self.vendor_page = self.vendor_page.or(Some(usage.page));
            }
        }
        self.depth = self.depth.saturating_add(1);
    }

    fn input(&mut self, flags: u32) -> Result<(), DescriptorError> {
        self.complete();
        let id = self.global.id;
        let report = self.reports.entry(id).or_insert_with(|| Report::new(id));
        let too_large = |_| DescriptorError::TooLarge;
        let size = usize::try_from(self.global.size).map_err(too_large)?;
        let count = usize::try_from(self.global.count).map_err(too_large)?;
        let usages = &self.local.usages;
        // An array's fields say which of its usages is meant. With a single usage it is a scanner's way of saying bytes.
        let is_named = flags & CONSTANT == 0 && (flags & VARIABLE != 0 || usages.len() == 1);
        let named = if is_named { usages.as_slice() } else { &[] };
        let last = named.last().map(|usages| usages.of(usages.last));
        let each = named.iter().flat_map(|usages| (usages.first..=usages.last).map(|low| usages.of(low)));
        let repeated = last.into_iter().cycle();
        if report.add(size, count, each.chain(repeated)) { Ok(()) } else { Err(DescriptorError::TooLarge) }
    }

    fn finish(self) -> Result<HidKind, DescriptorError> {
        if self.depth != 0 || self.local.delimiter.is_some() {
            return Err(DescriptorError::Unbalanced);
        }
        let has_data = self.reports.values().any(Report::has_data);
        Ok(match Layout::of(self.reports, self.is_keyboard) {
            Some(layout) => HidKind::Scanner(layout),
            None if self.is_keyboard => HidKind::Keyboard,
            None if has_data => HidKind::Other(NoScanner::NotBytes),
            None if self.has_scanner_page => HidKind::Other(NoScanner::NoData),
            None => HidKind::Other(self.vendor_page.map_or(NoScanner::Unrelated, NoScanner::VendorPage)),
        })
    }
}

impl Usages {
    fn of(&self, low: u16) -> u32 {
        u32::from(self.page) << 16 | u32::from(low)
    }
}

fn low(value: u32) -> u16 {
    let [_, _, high, low] = value.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn high(value: u32) -> u16 {
    let [high, low, _, _] = value.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// Linux' `HID_MAX_DESCRIPTOR_SIZE`.
const DESCRIPTOR_MAX: usize = 4096;

/// Linux stops at 4.
const PUSHES_MAX: usize = 16;

const LONG_ITEM: u8 = 0xFE;
const APPLICATION: u32 = 1;
const CONSTANT: u32 = 0b01;
const VARIABLE: u32 = 0b10;

const DESKTOP: u16 = 0x01;
const SCANNERS: u16 = 0x8C;
/// Pages from here on are their makers'.
const VENDORS: u16 = 0xFF00;

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;
