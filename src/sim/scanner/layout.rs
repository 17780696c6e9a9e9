//! Three makers' HID POS reports. All are report 2 and 64 bytes long, and no two put things in the same place.

/// Whose report it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// Honeywell, Youjie, Access-IS
    #[default]
    Honeywell,
    /// Zebra, Datalogic: a byte more before the AIM identifier
    Zebra,
    /// Newland, ID Tech, Quio: no AIM identifier
    Newland,
}

/// Where things are in a report. Byte 0 is the report's id, byte 1 the count, and byte 63 the flag in every one.
#[derive(Debug)]
pub(super) struct Form {
    /// The report descriptor.
    pub(super) descriptor: &'static [u8],
    /// The AIM identifier's three bytes.
    pub(super) aim: Option<usize>,
    /// The first of [`DATA`] characters.
    pub(super) data: usize,
    /// The maker's letter for the symbology.
    pub(super) symbology: Option<usize>,
    /// USB vendor and product.
    pub(super) ids: (u32, u32),
}

impl Layout {
    pub(super) fn form(self) -> &'static Form {
        match self {
            Self::Honeywell => &HONEYWELL,
            Self::Zebra => &ZEBRA,
            Self::Newland => &NEWLAND,
        }
    }
}

/// The report's id.
pub(super) const ID: u8 = 2;
/// Bytes of a report, its id among them.
pub(super) const REPORT: usize = 64;
/// Characters that one report has room for.
pub(super) const DATA: usize = 56;
/// Where a report says in bit 0 that the scan goes on.
pub(super) const CONTINUED: usize = 63;

/// The hardware notes' first column (2.1); the descriptor is the lab's `hidpos`, the product Honeywell's in the lab.
const HONEYWELL: Form = Form {
    descriptor: &[
        0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, // Bar Code Scanner
        0x09, 0x12, 0xa1, 0x02, // Scanned Data Report
        0x85, 0x02, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, // report 2, bytes
        0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, // Byte Count
        0x05, 0x8c, 0x95, 0x03, 0x09, 0xfb, 0x09, 0xfc, 0x09, 0xfd, 0x81, 0x02, // Symbology Identifier 1, 2, 3
        0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, // 56 of Decoded Data
        0x06, 0x66, 0xff, 0x95, 0x02, 0x09, 0x04, 0x09, 0x00, 0x81, 0x02, // the maker's letter, one unused
        0x05, 0x8c, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xff, 0x81, 0x02, // Decode Data Continued
        0x95, 0x07, 0x81, 0x03, // seven bits of nothing
        0xc0, 0xc0,
    ],
    aim: Some(2),
    data: 5,
    symbology: Some(61),
    ids: (0x0c2e, 0x0b87),
};

/// The second column. Nobody has published the descriptor; this one puts things where they were seen, and calls the
/// byte that nobody has named the maker's own. The product number is made up.
const ZEBRA: Form = Form {
    descriptor: &[
        0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, // Bar Code Scanner
        0x09, 0x12, 0xa1, 0x02, // Scanned Data Report
        0x85, 0x02, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, // report 2, bytes
        0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, // Byte Count
        0x06, 0x66, 0xff, 0x09, 0x04, 0x81, 0x02, // one more byte, the maker's
        0x05, 0x8c, 0x95, 0x03, 0x09, 0xfb, 0x09, 0xfc, 0x09, 0xfd, 0x81, 0x02, // Symbology Identifier 1, 2, 3
        0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, // 56 of Decoded Data
        0x95, 0x01, 0x81, 0x03, // a byte of nothing
        0x25, 0x01, 0x75, 0x01, 0x09, 0xff, 0x81, 0x02, // Decode Data Continued
        0x95, 0x07, 0x81, 0x03, // seven bits of nothing
        0xc0, 0xc0,
    ],
    aim: Some(3),
    data: 6,
    symbology: None,
    ids: (0x05e0, 0x0001),
};

/// The third column; the descriptor is the lab's `hidpos-newland`, the product an FM420 in HID POS mode.
const NEWLAND: Form = Form {
    descriptor: &[
        0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, // Bar Code Scanner
        0x09, 0x12, 0xa1, 0x02, // Scanned Data Report
        0x85, 0x02, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, // report 2, bytes
        0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, // Byte Count
        0x05, 0x8c, 0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, // 56 of Decoded Data
        0x95, 0x05, 0x81, 0x03, // five bytes of nothing
        0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xff, 0x81, 0x02, // Decode Data Continued
        0x95, 0x07, 0x81, 0x03, // seven bits of nothing
        0xc0, 0xc0,
    ],
    aim: None,
    data: 2,
    symbology: None,
    ids: (0x1eab, 0x0d10),
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of input that a descriptor declares, by its Report Size, Report Count and Input items alone.
    fn bits(descriptor: &[u8]) -> u32 {
        let (mut size, mut count, mut bits, mut rest) = (0_u32, 0, 0, descriptor);
        while let Some((item, behind)) = rest.split_first() {
            let (value, behind) = behind.split_at(usize::from(item & 3));
            let value = value.iter().rev().fold(0, |sum: u32, byte| sum << 8 | u32::from(*byte));
            match item & 0xfc {
                0x74 => size = value,
                0x94 => count = value,
                0x80 => bits = size.saturating_mul(count).saturating_add(bits),
                _ => {}
            }
            rest = behind;
        }
        bits
    }

    #[test]
    fn every_descriptor_declares_63_bytes_behind_the_id() {
        for layout in [Layout::Honeywell, Layout::Zebra, Layout::Newland] {
            assert_eq!(bits(layout.form().descriptor), 63 * 8, "{layout:?}");
        }
    }
}
