//! `[[lane]]`, `[[scanner]]`, `[[display]]`: what stands on the counter.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::error::ConfigError;
use super::raw::Raw;
use super::reader::Reader;
use crate::scan::{Framing, Suffix};
use crate::words::LaneId;

/// The longest prefix a scanner is set up with.
const PREFIX_MAX: usize = 8;

/// One `[[scanner]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    /// The lane its codes are for.
    pub lane: LaneId,
    /// How it is connected.
    pub kind: ScannerKind,
    /// Which one it is.
    pub device: DeviceName,
    /// How its port is set, for a serial one.
    pub line: SerialLine,
    /// How a scan begins and ends.
    pub framing: Framing,
}

/// How a scanner is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScannerKind {
    /// A serial port or a USB one that looks like it (CDC-ACM).
    Serial,
    /// A keyboard that types the code.
    Keyboard,
    /// USB HID POS, the best there is.
    HidPos,
}

/// Which device is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceName {
    /// A path.
    Path(PathBuf),
    /// Any USB device of this maker and model.
    Usb {
        /// The maker's number.
        vendor: u16,
        /// The model's number.
        product: u16,
        /// The piece's serial number, where two of a kind stand side by side.
        serial: Option<String>,
    },
}

impl ScannerKind {
    /// The word of the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Keyboard => "keyboard",
            Self::HidPos => "hid-pos",
        }
    }
}

impl std::fmt::Display for DeviceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Usb { vendor, product, serial } => {
                write!(f, "{vendor:04x}/{product:04x}")?;
                serial.as_ref().map_or(Ok(()), |serial| write!(f, "/{serial}"))
            }
        }
    }
}

impl std::str::FromStr for DeviceName {
    type Err = ();

    /// Reads a path that begins with a slash, `0c2e/0b6a` or `0c2e/0b6a/SERIAL`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().any(char::is_control) {
            return Err(());
        }
        if text.starts_with('/') {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        let mut parts = text.splitn(3, '/');
        let mut number = || parts.next().filter(|part| part.len() == 4).and_then(hex).ok_or(());
        let (vendor, product) = (number()?, number()?);
        let serial = parts.next().map(str::to_owned);
        if serial.as_ref().is_some_and(String::is_empty) {
            return Err(());
        }
        Ok(Self::Usb { vendor, product, serial })
    }
}

/// Four hexadecimal digits, without the sign that the standard library would take.
fn hex(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) { u16::from_str_radix(text, 16).ok() } else { None }
}

/// How a serial port is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialLine {
    /// Bits a second.
    pub baud: u32,
    /// Seven data bits instead of eight.
    pub seven_bits: bool,
    /// The parity bit.
    pub parity: Parity,
    /// Who may stop whom.
    pub handshake: Handshake,
}

/// The parity bit of a serial port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// None.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// Flow control of a serial port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// None.
    None,
    /// By wire.
    RtsCts,
    /// By character.
    XonXoff,
}

/// One `[[display]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Display {
    /// The lane it shows.
    pub lane: LaneId,
    /// What it is.
    pub kind: DisplayKind,
}

/// What a display is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisplayKind {
    /// A second screen with a browser.
    Page,
    /// A serial display of two lines.
    Vfd {
        /// Its port.
        device: DeviceName,
        /// Bits a second.
        baud: u32,
        /// The commands it understands.
        protocol: VfdProtocol,
    },
    /// A display that LCDproc drives.
    Lcdproc {
        /// LCDproc's address.
        address: SocketAddr,
    },
    /// A text console.
    Console,
}

/// The commands a serial display understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VfdProtocol {
    /// Epson ESC/POS, DM-D.
    Epson,
    /// CD5220.
    Cd5220,
    /// Logic Controls and "UTC standard".
    LogicControls,
}

/// Everything on the counter.
pub(super) struct Counter {
    pub(super) lanes: Vec<LaneId>,
    pub(super) scanners: Vec<Scanner>,
    pub(super) displays: Vec<Display>,
}

pub(super) fn counter(raw: &Raw, errors: &mut Vec<ConfigError>) -> Option<Counter> {
    let lanes = lanes(raw, errors);
    let lanes = lanes.as_deref();
    let mut taken = Vec::new();
    let mut scanners = Some(Vec::new());
    for table in raw.all("scanner") {
        let mut r = Reader::new("scanner", Some(table), errors);
        let one = scanner(&mut r, lanes, &mut taken);
        scanners = scanners.zip(one).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    let mut displays = Some(Vec::new());
    for table in raw.all("display") {
        let mut r = Reader::new("display", Some(table), errors);
        let one = display(&mut r, lanes, &mut taken);
        displays = displays.zip(one).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    Some(Counter { lanes: lanes?.to_vec(), scanners: scanners?, displays: displays? })
}

/// The lanes; one lane `1` where none is named.
fn lanes(raw: &Raw, errors: &mut Vec<ConfigError>) -> Option<Vec<LaneId>> {
    let tables: Vec<_> = raw.all("lane").map(Some).collect();
    let tables = if tables.is_empty() { vec![None] } else { tables };
    let mut lanes = Some(Vec::new());
    for table in tables {
        let mut r = Reader::new("lane", table, errors);
        let lane = r.parsed::<LaneId>("id");
        if let (Some(lane), Some(lanes)) = (&lane, &lanes)
            && lanes.contains(lane)
        {
            r.clash("id", format!("is \"{lane}\" a second time; each lane has its own id"));
        }
        lanes = lanes.zip(lane).map(|(mut all, lane)| {
            all.push(lane);
            all
        });
    }
    lanes
}

fn scanner(r: &mut Reader<'_>, lanes: Option<&[LaneId]>, taken: &mut Vec<DeviceName>) -> Option<Scanner> {
    let lane = lane(r, lanes);
    let kinds =
        [("serial", ScannerKind::Serial), ("keyboard", ScannerKind::Keyboard), ("hid-pos", ScannerKind::HidPos)];
    let kind = r.choice("kind", &kinds);
    let device = r.parsed::<DeviceName>("device");
    if let Some(device) = &device {
        take(r, device, taken);
    }
    let baud = baud(r);
    let seven_bits = r.whole("bits", 7, 8).map(|bits| bits == 7);
    let parity = r.choice("parity", &[("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)]);
    let handshakes = [("none", Handshake::None), ("rts-cts", Handshake::RtsCts), ("xon-xoff", Handshake::XonXoff)];
    let handshake = r.choice("handshake", &handshakes);
    let prefix = r.text("prefix", |text| text.is_ascii() && text.len() <= PREFIX_MAX);
    let suffix = r.text("suffix", |text| text == "timeout" || ends_a_scan(text).is_some());
    let timeout = suffix.as_deref() == Some("timeout");
    let ending = suffix.and_then(|text| if timeout { Some(Suffix::default()) } else { ends_a_scan(&text) });
    let framing = prefix.zip(ending).map(|(prefix, suffix)| Framing {
        prefix: prefix.into_bytes(),
        suffix,
        timeout,
        ..Framing::default()
    });
    Some(Scanner {
        lane: lane?,
        kind: kind?,
        device: device?,
        line: SerialLine { baud: baud?, seven_bits: seven_bits?, parity: parity?, handshake: handshake? },
        framing: framing?,
    })
}

/// A suffix of one character or more, without digits.
fn ends_a_scan(text: &str) -> Option<Suffix> {
    Some(text).filter(|text| text.is_ascii() && !text.is_empty()).and_then(|text| Suffix::new(text.as_bytes()).ok())
}

/// What `kind` says, before the keys of that kind are looked at.
#[derive(Clone, Copy)]
enum Shows {
    Page,
    Vfd,
    Lcdproc,
    Console,
}

fn display(r: &mut Reader<'_>, lanes: Option<&[LaneId]>, taken: &mut Vec<DeviceName>) -> Option<Display> {
    let lane = lane(r, lanes);
    let kinds = [("page", Shows::Page), ("vfd", Shows::Vfd), ("lcdproc", Shows::Lcdproc), ("console", Shows::Console)];
    let kind = r.choice("kind", &kinds);
    let device = r.optional::<DeviceName>("device");
    let baud = baud(r);
    let protocols = [
        ("epson", VfdProtocol::Epson),
        ("cd5220", VfdProtocol::Cd5220),
        ("logic-controls", VfdProtocol::LogicControls),
    ];
    let protocol = r.choice("protocol", &protocols);
    let address = r.parsed::<SocketAddr>("address");
    let kind = match kind? {
        Shows::Page => DisplayKind::Page,
        Shows::Console => DisplayKind::Console,
        Shows::Lcdproc => DisplayKind::Lcdproc { address: address? },
        Shows::Vfd => {
            let Some(device) = device? else {
                r.missing("device", "the path of its serial port, because its kind is \"vfd\"");
                return None;
            };
            take(r, &device, taken);
            DisplayKind::Vfd { device, baud: baud?, protocol: protocol? }
        }
    };
    Some(Display { lane: lane?, kind })
}

/// A lane there is. While the lanes themselves are at fault, any is taken.
fn lane(r: &mut Reader<'_>, lanes: Option<&[LaneId]>) -> Option<LaneId> {
    let lane = r.parsed::<LaneId>("lane")?;
    let Some(lanes) = lanes else { return Some(lane) };
    if lanes.contains(&lane) {
        return Some(lane);
    }
    let ids: Vec<_> = lanes.iter().map(|lane| format!("\"{lane}\"")).collect();
    r.refuse("lane", &format!("the id of a [[lane]]: {}", ids.join(", ")));
    None
}

fn baud(r: &mut Reader<'_>) -> Option<u32> {
    r.whole("baud", 300, 921_600).and_then(|baud| u32::try_from(baud).ok())
}

/// One device has one user: two readers of one port would each get half of a code.
fn take(r: &mut Reader<'_>, device: &DeviceName, taken: &mut Vec<DeviceName>) {
    if taken.contains(device) {
        r.clash("device", "is named a second time; each device has one [[scanner]] or [[display]]");
    }
    taken.push(device.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_path_or_what_shroff_devices_prints() {
        let usb = |serial: Option<&str>| DeviceName::Usb {
            vendor: 0x0c2e,
            product: 0x0b6a,
            serial: serial.map(str::to_owned),
        };
        assert_eq!("0c2e/0b6a".parse(), Ok(usb(None)));
        assert_eq!("0C2E/0B6A/A/1".parse(), Ok(usb(Some("A/1"))));
        assert_eq!("/dev/ttyACM0".parse(), Ok(DeviceName::Path(PathBuf::from("/dev/ttyACM0"))));
        for text in ["", "ttyACM0", "0c2e", "0c2e/", "+c2e/0b6a", "0c2e/0b6a/", "c2e/b6a", "/dev/tty\n"] {
            assert_eq!(text.parse::<DeviceName>(), Err(()), "{text:?}");
        }
    }
}
