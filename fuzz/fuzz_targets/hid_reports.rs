//! Any reads of five scanners: what comes out as a payment code stood in the reports just read, whole, alone and from
//! the beginning of a scan to its end.
//!
//! The first byte chooses the scanner. Then each read is a byte for the time before it, a byte for its length, and that
//! many bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shroff_fuzz::scan::{HidKind, HidReports};
use shroff_fuzz::{at, bare, code, trimmed};

/// Where a scanner's report keeps things, from its maker's tables and not from its descriptor.
struct Scanner {
    descriptor: &'static [u8],
    id: Option<u8>,
    size: usize,
    length: Option<usize>,
    data: usize,
    data_max: usize,
    mark: Option<usize>,
}

static SCANNERS: [Scanner; 5] = [
    Scanner {
        descriptor: include_bytes!("../corpus/hid_descriptor/honeywell"),
        id: Some(2),
        size: 64,
        length: Some(1),
        data: 5,
        data_max: 56,
        mark: Some(63),
    },
    Scanner {
        descriptor: include_bytes!("../corpus/hid_descriptor/zebra"),
        id: Some(2),
        size: 64,
        length: Some(1),
        data: 6,
        data_max: 56,
        mark: Some(63),
    },
    Scanner {
        descriptor: include_bytes!("../corpus/hid_descriptor/newland"),
        id: Some(2),
        size: 64,
        length: Some(1),
        data: 2,
        data_max: 56,
        mark: Some(63),
    },
    Scanner {
        descriptor: include_bytes!("../corpus/hid_descriptor/microscan"),
        id: Some(1),
        size: 64,
        length: Some(1),
        data: 2,
        data_max: 62,
        mark: None,
    },
    Scanner {
        descriptor: include_bytes!("../corpus/hid_descriptor/bare"),
        id: None,
        size: 9,
        length: None,
        data: 0,
        data_max: 8,
        mark: Some(8),
    },
];

impl Scanner {
    fn is_ours(&self, report: &[u8]) -> bool {
        report.len() == self.size && (self.id.is_none() || report.first().copied() == self.id)
    }

    /// The text of a report of ours.
    fn text<'a>(&self, report: &'a [u8]) -> &'a [u8] {
        let data = &report[self.data..self.data + self.data_max];
        match self.length {
            Some(at) => &data[..usize::from(report[at]).min(self.data_max)],
            None => &data[..data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)],
        }
    }

    /// Whether what follows a report of ours begins a scan.
    fn ends(&self, report: &[u8]) -> bool {
        match self.mark {
            Some(at) => report[at] & 1 == 0,
            None => self.text(report).len() < self.data_max,
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((which, mut rest)) = input.split_first() else { return };
    let scanner = &SCANNERS[usize::from(*which) % SCANNERS.len()];
    let Ok(HidKind::Scanner(layout)) = HidKind::of(scanner.descriptor) else { panic!("a scanner's descriptor") };
    let mut reports = HidReports::new(layout, b"");
    let mut now = 0;
    // What was read, and after how much silence.
    let mut read: Vec<(&[u8], u64)> = Vec::new();
    // Nothing that was read before here may come out.
    let mut cleared = 0;
    while let [time, length, behind @ ..] = rest {
        let silence = u64::from(time & 0x7F) * 8;
        let (report, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        now += silence;
        if time & 0x80 != 0 {
            reports.idle(at(now - silence / 2));
        }
        if *length == 0xFF {
            reports.clear();
            cleared = read.len();
        }
        read.push((report, silence));
        let scan = reports.push(report, at(now));
        assert!(!format!("{reports:?}").contains("13453951"));
        let Some(code) = scan.as_ref().and_then(code) else { continue };
        let scan = scan.expect("a scan");
        assert_eq!(scan.at(), at(now));
        let last = read.len() - 1;
        assert!(scanner.is_ours(report) && scanner.ends(report), "a scan ends with a report that ends one");
        // The reports that the scan is made of, from its end to its beginning.
        let made_of = (1..=4.min(last + 1 - cleared)).find(|count| {
            let parts = &read[last + 1 - count..];
            let text: Vec<u8> = parts.iter().flat_map(|(part, _)| scanner.text(part).to_vec()).collect();
            parts.iter().all(|(part, _)| scanner.is_ours(part))
                && parts[..count - 1].iter().all(|(part, _)| !scanner.ends(part))
                && parts[1..].iter().all(|(_, silence)| *silence < 500)
                && bare(trimmed(&text)) == code.as_bytes()
        });
        let Some(count) = made_of else { panic!("a code that was not scanned, or not whole") };
        // What came before belonged to another scan, which had ended.
        if let Some((before, _)) = (last + 1).checked_sub(count + 1).and_then(|index| read.get(index)) {
            let ended = scanner.is_ours(before) && scanner.ends(before);
            let marks = scanner.mark.is_some();
            assert!(ended || !marks, "the rest of a scan passed for a scan");
        }
    }
});
