//! `[[lane]]`, `[[scanner]]`, `[[display]]`: what stands on the counter.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serialport::{DataBits, FlowControl, Parity};

use super::error::ConfigError;
use super::raw::Raw;
use super::reader::Reader;
use crate::edge::display::{Theme, glass};
use crate::edge::scanner::{DeviceName, HidPosSettings, ScannerKind, SerialSettings, Settings, Transport};
use crate::scan::Suffix;
use crate::scene::charset::Charset;
use crate::scene::line::Size;
use crate::scene::vfd::{Profile, Protocol};
use crate::words::LaneId;

/// The longest prefix a scanner is set up with.
const PREFIX_MAX: usize = 8;

/// The longest `init` of a serial display. A display's way into its Chinese mode has two or four bytes.
const INIT_MAX: usize = 32;
/// What writes into the memory of an Epson display, which bears it 50 times a day; `init` is sent twice a minute.
const WEARS_OUT: [u8; 3] = [0x1F, 0x28, 0x45];

/// One `[[scanner]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    /// The lane its codes are for.
    pub lane: LaneId,
    /// Which one it is, and how it is read.
    pub settings: Settings,
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
    /// A second screen with a browser, which asks for its page.
    Page {
        /// Whether it is heard when a payment ends.
        sound: bool,
        /// Its colours.
        theme: Theme,
        /// What it shows while nobody pays.
        picture: Option<PathBuf>,
    },
    /// One that the terminal writes on.
    Glass(glass::Settings),
}

impl DisplayKind {
    /// What the terminal writes on, if it does.
    #[must_use]
    pub const fn glass(&self) -> Option<&glass::Settings> {
        match self {
            Self::Page { .. } => None,
            Self::Glass(settings) => Some(settings),
        }
    }
}

/// Everything on the counter.
pub(super) struct Counter {
    pub(super) lanes: Vec<LaneId>,
    pub(super) scanners: Vec<Scanner>,
    pub(super) displays: Vec<Display>,
}

pub(super) fn counter(raw: &Raw, beside: &Path, errors: &mut Vec<ConfigError>) -> Option<Counter> {
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
    let mut displays: Option<Vec<Display>> = Some(Vec::new());
    for table in raw.all("display") {
        let mut r = Reader::new("display", Some(table), errors);
        let one = display(&mut r, beside, lanes, &mut taken);
        if let (Some(one), Some(all)) = (&one, &displays) {
            stands_alone(&mut r, one, all);
        }
        displays = displays.zip(one).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    Some(Counter { lanes: lanes?.to_vec(), scanners: scanners?, displays: displays? })
}

/// A lane has one page, and an LCDd one lane.
fn stands_alone(r: &mut Reader<'_>, one: &Display, all: &[Display]) {
    match &one.kind {
        DisplayKind::Page { .. } => {
            if all.iter().any(|it| it.lane == one.lane && it.kind.glass().is_none()) {
                r.clash("lane", "has a page already; a lane has one page, which any number of browsers may show");
            }
        }
        DisplayKind::Glass(glass::Settings::Lcdproc { .. }) => {
            if all.iter().any(|it| it.kind == one.kind) {
                r.clash("address", "is named a second time; LCDd shows one lane at a time, so each has its own");
            }
        }
        DisplayKind::Glass(glass::Settings::Vfd { .. } | glass::Settings::Console) => {}
    }
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
    let kind = r.choice("kind", &ScannerKind::ALL.map(|kind| (kind.word(), kind)));
    let device = r.parsed::<DeviceName>("device");
    if let Some(device) = &device {
        take(r, device, taken);
    }
    let line = serial_line(r);
    let switch = r.choice("mode_switch", &[("none", false), ("honeywell", true)]);
    let prefix = r.text("prefix", |text| text.is_ascii() && text.len() <= PREFIX_MAX);
    let suffix = r.text("suffix", |text| text == "timeout" || ends_a_scan(text).is_some());
    let timeout = suffix.as_deref() == Some("timeout");
    let ending = suffix.and_then(|text| if timeout { Some(Suffix::default()) } else { ends_a_scan(&text) });
    let transport = match kind? {
        ScannerKind::Serial => Transport::Serial(line?),
        ScannerKind::Keyboard => Transport::Keyboard,
        ScannerKind::HidPos => Transport::HidPos(HidPosSettings { honeywell_switch: switch? }),
    };
    let mut settings = Settings::new(device?, transport);
    settings.framing.prefix = prefix?.into_bytes();
    settings.framing.suffix = ending?;
    settings.framing.timeout = timeout;
    Some(Scanner { lane: lane?, settings })
}

/// How a serial port is set. Read whatever the kind is: what is typed wrongly is wrong.
fn serial_line(r: &mut Reader<'_>) -> Option<SerialSettings> {
    let baud = baud(r);
    let data_bits = r.whole("bits", 7, 8).map(|bits| if bits == 7 { DataBits::Seven } else { DataBits::Eight });
    let parity = r.choice("parity", &[("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)]);
    let handshakes =
        [("none", FlowControl::None), ("rts-cts", FlowControl::Hardware), ("xon-xoff", FlowControl::Software)];
    let handshake = r.choice("handshake", &handshakes);
    Some(SerialSettings { baud: baud?, data_bits: data_bits?, parity: parity?, handshake: handshake? })
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

fn display(
    r: &mut Reader<'_>,
    beside: &Path,
    lanes: Option<&[LaneId]>,
    taken: &mut Vec<DeviceName>,
) -> Option<Display> {
    let lane = lane(r, lanes);
    let kinds = [("page", Shows::Page), ("vfd", Shows::Vfd), ("lcdproc", Shows::Lcdproc), ("console", Shows::Console)];
    let kind = r.choice("kind", &kinds);
    let device = r.optional::<DeviceName>("device");
    let line = serial_line(r);
    let profile = profile(r);
    let address = r.parsed::<SocketAddr>("address");
    let sound = r.choice("sound", &[("on", true), ("off", false)]);
    let theme = r.choice("theme", &[Theme::Auto, Theme::Light, Theme::Dark].map(|theme| (theme.word(), theme)));
    let picture = r.file("picture");
    let kind = match kind? {
        Shows::Page => {
            let picture = picture.map(|name| (!name.is_empty()).then(|| beside.join(name)));
            DisplayKind::Page { sound: sound?, theme: theme?, picture: picture? }
        }
        Shows::Console => DisplayKind::Glass(glass::Settings::Console),
        Shows::Lcdproc => DisplayKind::Glass(glass::Settings::Lcdproc { address: address? }),
        Shows::Vfd => {
            let Some(device) = device? else {
                r.missing("device", "its serial port, because its kind is \"vfd\"; `shroff devices` prints them");
                return None;
            };
            take(r, &device, taken);
            DisplayKind::Glass(glass::Settings::Vfd { device, line: line?, profile: profile? })
        }
    };
    Some(Display { lane: lane?, kind })
}

/// What a serial display understands and shows.
fn profile(r: &mut Reader<'_>) -> Option<Profile> {
    let protocol = r.choice("protocol", &Protocol::WORDS);
    let charset = r.choice("charset", &Charset::OF_SERIAL);
    let columns = r.whole("columns", 8, 40).and_then(|columns| usize::try_from(columns).ok());
    let rows = r.whole("rows", 1, 4).and_then(|rows| usize::try_from(rows).ok());
    let brightness = r.whole_or_none("brightness", 1, 4);
    let init = r.text("init", |text| hex(text).is_some()).and_then(|text| hex(&text));
    if init.as_ref().is_some_and(|bytes| bytes.windows(WEARS_OUT.len()).any(|it| it == WEARS_OUT)) {
        r.clash("init", "writes into the display's memory (1F 28 45), which wears out: it is sent twice a minute");
    }
    let (protocol, charset) = (protocol?, charset?);
    if !protocol.has(charset) {
        r.clash("charset", "needs protocol = \"epson\": the other protocols have no command that chooses it");
    }
    Some(Profile {
        protocol,
        charset,
        size: Size { columns: columns?, rows: rows? },
        brightness: brightness?.and_then(|level| u8::try_from(level).ok()),
        extra: init?,
    })
}

/// Bytes as pairs of hexadecimal digits, with blanks between them or without.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > INIT_MAX {
        return None;
    }
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect()
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
