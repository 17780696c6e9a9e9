use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::cable::{Cable, Carry, Encoding, Scanner, unplugged};
use super::fifo::{Fifo, beside};
use super::layout::{CONTINUED, DATA, ID, Layout, REPORT};
use super::manner::{Kind, Malformed, Manner, Scan};

/// A HID POS scanner behind a FIFO that plays its hidraw node: each read is a report. The report descriptor lies
/// beside it, at the link's name and `.descriptor`, as long as it is plugged in.
pub type HidScanner = Scanner<HidPos, ReportFifo>;

impl HidScanner {
    /// Plugs a scanner in at `link`.
    ///
    /// # Errors
    /// When the FIFO or the descriptor's file cannot be made.
    pub fn new(link: impl Into<PathBuf>, layout: Layout) -> io::Result<Self> {
        let mut cable = ReportFifo { fifo: Fifo::packets(link.into(), REPORT), layout };
        cable.replug()?;
        Ok(Self::on(HidPos(layout), cable))
    }

    /// The FIFO that stands for it.
    #[must_use]
    pub fn link(&self) -> &Path {
        &self.cable.fifo.link
    }
}

/// HID POS: a scan is a report for each 56 characters, all but the last saying that it goes on.
#[derive(Clone, Copy, Debug)]
pub struct HidPos(pub Layout);

impl Encoding for HidPos {
    type Piece = Vec<u8>;

    const KIND: Kind = Kind::HidPos;

    /// No suffix, because a report has an end; Code 128's AIM identifier where there is a place for one.
    fn manner(&self) -> Manner {
        let aim = self.0.form().aim.map(|_| b"]C0".to_vec()).unwrap_or_default();
        Manner { aim, suffix: Vec::new(), ..Manner::default() }
    }

    fn pieces(&self, scan: &Scan<'_>) -> io::Result<Vec<Vec<u8>>> {
        let (aim, data) = match self.0.form().aim {
            Some(_) => (scan.aim, scan.data()?),
            None => (&[][..], scan.characters()?),
        };
        if !matches!(aim.len(), 0 | 3) {
            let text = "an AIM identifier has three characters in a HID POS report";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let last = data.len().div_ceil(DATA).saturating_sub(1);
        let mut reports: Vec<_> =
            data.chunks(DATA).enumerate().map(|(at, part)| self.report(aim, part, at < last)).collect();
        if reports.is_empty() {
            reports.push(self.report(aim, &[], false));
        }
        Ok(reports)
    }

    fn malformed(&self, how: Malformed, code: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let manner = self.manner();
        let mut report = self.report(&manner.aim, code, false);
        Ok(match how {
            Malformed::Short => {
                report.truncate(SHORT);
                vec![report]
            }
            Malformed::Long => {
                report.push(0);
                vec![report]
            }
            Malformed::Count => {
                put(&mut report, 1, &[TOO_MANY]);
                vec![report]
            }
            Malformed::Endless => {
                let full: Vec<u8> = code.iter().copied().cycle().take(DATA).collect();
                vec![self.report(&manner.aim, &full, true); ENDLESS]
            }
        })
    }
}

impl HidPos {
    /// One report, with at most [`DATA`] characters.
    fn report(self, aim: &[u8], data: &[u8], continued: bool) -> Vec<u8> {
        let form = self.0.form();
        let mut report = vec![0; REPORT];
        put(&mut report, 0, &[ID, u8::try_from(data.len()).unwrap_or(u8::MAX)]);
        if let Some(at) = form.aim {
            put(&mut report, at, aim);
        }
        put(&mut report, form.data, data);
        if let Some(at) = form.symbology {
            put(&mut report, at, &[symbology(aim)]);
        }
        put(&mut report, CONTINUED, &[u8::from(continued)]);
        report
    }
}

/// A FIFO of reports and the file with their descriptor.
#[derive(Debug)]
pub struct ReportFifo {
    fifo: Fifo,
    layout: Layout,
}

impl ReportFifo {
    fn descriptor(&self) -> PathBuf {
        beside(&self.fifo.link, ".descriptor")
    }
}

impl Cable for ReportFifo {
    fn is_open(&self) -> Option<bool> {
        Some(self.fifo.is_open())
    }

    fn link(&self) -> Option<&Path> {
        Some(&self.fifo.link)
    }

    fn device(&self) -> Option<&Path> {
        self.fifo.is_plugged().then_some(&self.fifo.link)
    }

    fn is_plugged(&self) -> bool {
        self.fifo.is_plugged()
    }

    fn unplug(&mut self) -> io::Result<()> {
        if !self.fifo.is_plugged() {
            return Ok(());
        }
        self.fifo.unplug()?;
        fs::remove_file(self.descriptor())
    }

    /// The descriptor is there before the link: who finds the scanner can read it.
    fn replug(&mut self) -> io::Result<()> {
        self.unplug()?;
        fs::write(self.descriptor(), self.layout.form().descriptor)?;
        self.fifo.plug().inspect_err(|_| drop(fs::remove_file(self.descriptor())))
    }
}

impl Carry<Vec<u8>> for ReportFifo {
    fn carry(&self, reports: &[Vec<u8>]) -> io::Result<()> {
        if !self.fifo.is_plugged() {
            return Err(unplugged());
        }
        reports.iter().try_for_each(|report| self.fifo.write(report))
    }
}

impl Drop for ReportFifo {
    fn drop(&mut self) {
        self.unplug().ok();
    }
}

fn put(report: &mut [u8], at: usize, bytes: &[u8]) {
    for (place, byte) in report.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

/// Honeywell's letters: `j` is Code 128, `s` a QR code.
fn symbology(aim: &[u8]) -> u8 {
    match aim {
        [b']', b'C', ..] => b'j',
        [b']', b'Q', ..] => b's',
        _ => 0,
    }
}

/// Bytes of a report that ends too soon: in the middle of the data.
const SHORT: usize = 40;

/// One more than the characters that a report has room for.
const TOO_MANY: u8 = 57;

/// Reports of a scan that never ends: one more than the four that a reader has to take.
const ENDLESS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &[u8] = b"134539517967686076";
    const LAYOUTS: [Layout; 3] = [Layout::Honeywell, Layout::Zebra, Layout::Newland];

    fn reports(layout: Layout, code: &[u8]) -> Vec<Vec<u8>> {
        HidPos(layout).pieces(&HidPos(layout).manner().scan(code)).expect("reports")
    }

    #[test]
    fn a_honeywell_report_byte_for_byte() {
        #[rustfmt::skip]
        let expected: [u8; 64] = [
            0x02, 0x12, 0x5d, 0x43, 0x30, 0x31, 0x33, 0x34, 0x35, 0x33, 0x39, 0x35, 0x31, 0x37, 0x39, 0x36,
            0x37, 0x36, 0x38, 0x36, 0x30, 0x37, 0x36, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x6a, 0, 0,
        ];
        assert_eq!(reports(Layout::Honeywell, CODE), [expected.to_vec()]);
    }

    #[test]
    fn a_zebra_report_byte_for_byte() {
        #[rustfmt::skip]
        let expected: [u8; 64] = [
            0x02, 0x12, 0x00, 0x5d, 0x43, 0x30, 0x31, 0x33, 0x34, 0x35, 0x33, 0x39, 0x35, 0x31, 0x37, 0x39,
            0x36, 0x37, 0x36, 0x38, 0x36, 0x30, 0x37, 0x36, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(reports(Layout::Zebra, CODE), [expected.to_vec()]);
    }

    #[test]
    fn a_newland_report_byte_for_byte() {
        #[rustfmt::skip]
        let expected: [u8; 64] = [
            0x02, 0x12, 0x31, 0x33, 0x34, 0x35, 0x33, 0x39, 0x35, 0x31, 0x37, 0x39, 0x36, 0x37, 0x36, 0x38,
            0x36, 0x30, 0x37, 0x36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(reports(Layout::Newland, CODE), [expected.to_vec()]);
    }

    #[test]
    fn a_long_code_goes_on_in_the_next_report() {
        for layout in LAYOUTS {
            let at = layout.form().data;
            let long: Vec<u8> = (b'0'..=b'9').cycle().take(60).collect();
            let both = reports(layout, &long);
            assert_eq!((both[0][1], both[0][63], both[1][1], both[1][63]), (56, 1, 4, 0), "{layout:?}");
            assert_eq!([&both[0][at..at + 56], &both[1][at..at + 4]].concat(), long, "{layout:?}");
            let full = reports(layout, &long[..56]);
            assert_eq!((full.len(), full[0][1], full[0][63]), (1, 56, 0), "a full report is the last all the same");
            assert_eq!(reports(layout, b"")[0][1], 0);
        }
    }

    #[test]
    fn prefix_and_suffix_are_data_and_the_aim_identifier_has_its_place_or_is_data() {
        let manner = Manner { prefix: b"<".to_vec(), aim: b"]Q1".to_vec(), ..Manner::default() };
        let one = |layout| HidPos(layout).pieces(&manner.scan(b"13")).expect("reports").concat();
        assert_eq!(one(Layout::Honeywell)[..10], *b"\x02\x04]Q1<13\r\0");
        assert_eq!(one(Layout::Honeywell)[61], b's');
        assert_eq!(one(Layout::Zebra)[..10], *b"\x02\x04\0]Q1<13\r");
        assert_eq!(one(Layout::Newland)[..10], *b"\x02\x07<]Q113\r\0");
        let said = HidPos(Layout::Zebra).pieces(&Manner { aim: b"]".to_vec(), ..manner }.scan(b"13"));
        assert!(said.expect_err("no identifier").to_string().contains("three characters"));
    }

    #[test]
    fn a_malformed_report_is_wrong_in_one_thing() {
        for layout in LAYOUTS {
            let right = &reports(layout, CODE)[0];
            let wrong = |how| HidPos(layout).malformed(how, CODE).expect("reports");
            assert_eq!(wrong(Malformed::Short), [right[..40].to_vec()]);
            assert_eq!(wrong(Malformed::Long), [[&right[..], &[0]].concat()]);
            let mut count = right.clone();
            count[1] = 57;
            assert_eq!(wrong(Malformed::Count), [count]);
            let endless = wrong(Malformed::Endless);
            assert_eq!(endless.len(), 5);
            assert!(endless.iter().all(|report| (report.len(), report[1], report[63]) == (64, 56, 1)));
        }
    }

    #[test]
    fn the_descriptor_lies_beside_the_link_while_it_is_plugged_in() {
        for layout in LAYOUTS {
            let folder = tempfile::tempdir().expect("a folder");
            let link = folder.path().join("scanner");
            let mut scanner = HidScanner::new(&link, layout).expect("plugged in");
            let descriptor = folder.path().join("scanner.descriptor");
            assert_eq!(fs::read(&descriptor).expect("a descriptor"), layout.form().descriptor);
            scanner.unplug().expect("unplugged");
            assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
            scanner.replug().expect("plugged in");
            assert!(descriptor.exists() && link.exists());
            drop(scanner);
            assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
        }
    }
}
