//! What is plugged in, as the kernel tells it under `/sys`: no library, no udev, and a folder in tests.

use std::fs;
use std::path::{Path, PathBuf};

use super::name::{DeviceName, ScannerKind, is_port};
use crate::scan::HidKind;

/// The tree that the kernel shows, and the folder with its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysfs {
    sys: PathBuf,
    dev: PathBuf,
}

impl Default for Sysfs {
    fn default() -> Self {
        Self::at("/sys", "/dev")
    }
}

/// A device that could be a scanner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How it would be read.
    pub kind: ScannerKind,
    /// Its node.
    pub node: PathBuf,
    /// What it calls itself; empty when it does not say.
    pub name: String,
    /// What it is on the USB, if it is there.
    pub usb: Option<UsbPiece>,
    /// Whether a scanner of this kind can be read there.
    pub mode: Mode,
}

/// What can be said of a device without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It can be read as its kind says.
    Ready,
    /// A keyboard's other node: everything typed passes there, nothing is to be read.
    KeyboardBeside,
    /// A HID device whose description has no POS data: another mode, or no scanner.
    NoPos,
}

/// A USB device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbPiece {
    /// The maker's number.
    pub vendor: u16,
    /// The model's number.
    pub product: u16,
    /// The piece's serial number, if it has one.
    pub serial: Option<String>,
    /// Where it is plugged in, as the kernel names it (`1-1.2`).
    pub port: String,
    /// Its maker's name.
    pub maker: String,
    /// Its model's name.
    pub model: String,
}

/// Why a name leads to no node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::edge) enum NotFound {
    /// Nothing of that name is plugged in.
    Absent,
    /// Several are.
    Several(Vec<PathBuf>),
    /// It is, but not in the mode that its kind needs.
    OtherMode,
}

impl Sysfs {
    /// A tree of its own, for tests.
    #[must_use]
    pub fn at(sys: impl Into<PathBuf>, dev: impl Into<PathBuf>) -> Self {
        Self { sys: sys.into(), dev: dev.into() }
    }

    /// Everything that could be a scanner, in the order of kinds and nodes. What cannot be read is left out.
    #[must_use]
    pub fn list(&self) -> Vec<Seen> {
        ScannerKind::ALL.into_iter().flat_map(|kind| self.of_kind(kind)).collect()
    }

    /// USB devices of scanner makers that no driver took as anything in `seen`.
    #[must_use]
    pub fn unused(&self, seen: &[Seen]) -> Vec<UsbPiece> {
        let taken = |usb: &UsbPiece| seen.iter().any(|one| one.usb.as_ref().is_some_and(|it| it.port == usb.port));
        let mut all: Vec<UsbPiece> = fs::read_dir(self.sys.join("bus/usb/devices"))
            .into_iter()
            .flatten()
            .filter_map(|entry| usb_above(&entry.ok()?.path()))
            .filter(|usb| usb.is_scanner() && !taken(usb))
            .collect();
        all.sort_by(|one, other| one.port.cmp(&other.port));
        all.dedup();
        all
    }

    /// A link to `node` that stays the same when it is plugged in again, as udev makes them.
    #[must_use]
    pub fn stable_link(&self, node: &Path) -> Option<PathBuf> {
        let links = |folder: &&str| {
            let entries = fs::read_dir(self.dev.join(folder)).into_iter().flatten();
            let mut links: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            links.sort();
            links
        };
        let target = fs::canonicalize(node).ok()?;
        LINKS.iter().flat_map(links).find(|link| fs::canonicalize(link).is_ok_and(|it| it == target))
    }

    /// The node of the device that `name` means, which is no path.
    pub(in crate::edge) fn find(&self, kind: ScannerKind, name: &DeviceName) -> Result<PathBuf, NotFound> {
        let (right, other): (Vec<Seen>, Vec<Seen>) = self
            .of_kind(kind)
            .into_iter()
            .filter(|seen| seen.usb.as_ref().is_some_and(|usb| usb.is(name)))
            .partition(|seen| seen.mode == Mode::Ready);
        match right.as_slice() {
            [] if other.is_empty() => Err(NotFound::Absent),
            [] => Err(NotFound::OtherMode),
            [one] => Ok(one.node.clone()),
            several => Err(NotFound::Several(several.iter().map(|seen| seen.node.clone()).collect())),
        }
    }

    fn of_kind(&self, kind: ScannerKind) -> Vec<Seen> {
        let (class, look): (_, Look) = match kind {
            ScannerKind::Serial => ("tty", serial),
            ScannerKind::Keyboard => ("input", keyboard),
            ScannerKind::HidPos => ("hidraw", hid),
        };
        let mut names: Vec<String> = fs::read_dir(self.sys.join("class").join(class))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        let seen = |name: String| {
            let place = self.sys.join("class").join(class).join(&name);
            let (called, mode) = look(&place)?;
            let node =
                if kind == ScannerKind::Keyboard { self.dev.join("input").join(&name) } else { self.dev.join(&name) };
            let usb = usb_above(&place.join("device")).or_else(|| hid_id(&place.join("device")));
            let name =
                if called.is_empty() { usb.as_ref().map(|it| it.model.clone()).unwrap_or_default() } else { called };
            Some(Seen { kind, node, name, usb, mode })
        };
        names.into_iter().filter_map(seen).collect()
    }
}

impl UsbPiece {
    /// Whether its maker is known for scanners. Others make scanners too, and these makers make other things.
    #[must_use]
    pub fn is_scanner(&self) -> bool {
        SCANNER_MAKERS.contains(&self.vendor)
    }

    /// Whether `name` means this one.
    #[must_use]
    pub fn is(&self, name: &DeviceName) -> bool {
        match name {
            DeviceName::Path(_) => false,
            DeviceName::Port(port) => *port == self.port,
            DeviceName::Usb { vendor, product, serial } => {
                *vendor == self.vendor
                    && *product == self.product
                    && serial.as_ref().is_none_or(|serial| Some(serial) == self.serial.as_ref())
            }
        }
    }
}

/// Says what a class device calls itself, if it could be a scanner.
type Look = fn(&Path) -> Option<(String, Mode)>;

/// A serial port with something behind it: consoles and the kernel's empty slots have none.
fn serial(place: &Path) -> Option<(String, Mode)> {
    let name = place.file_name()?.to_str()?;
    let there = place.join("device").exists();
    // A ttyS that the board does not have is of type 0.
    let real = !name.starts_with("ttyS") || text(&place.join("type")).is_some_and(|kind| kind != "0");
    (there && real).then(|| (String::new(), Mode::Ready))
}

/// An event node with the keys that a payment code is typed with. A power button has none of them.
fn keyboard(place: &Path) -> Option<(String, Mode)> {
    if !place.file_name()?.to_str()?.starts_with("event") {
        return None;
    }
    let device = place.join("device");
    let keys = text(&device.join("capabilities/key"))?;
    let lowest = keys.split_whitespace().next_back().and_then(|word| u64::from_str_radix(word, 16).ok())?;
    (lowest & DIGITS_AND_ENTER == DIGITS_AND_ENTER)
        .then(|| (text(&device.join("name")).unwrap_or_default(), Mode::Ready))
}

fn hid(place: &Path) -> Option<(String, Mode)> {
    let device = place.join("device");
    let mode = mode(&fs::read(device.join("report_descriptor")).ok()?);
    Some((uevent(&device, "HID_NAME").unwrap_or_default(), mode))
}

fn mode(descriptor: &[u8]) -> Mode {
    match HidKind::of(descriptor) {
        Ok(HidKind::Scanner(_)) => Mode::Ready,
        Ok(HidKind::Keyboard) => Mode::KeyboardBeside,
        Ok(HidKind::Other(_)) | Err(_) => Mode::NoPos,
    }
}

/// The USB device that `device` is a part of.
fn usb_above(device: &Path) -> Option<UsbPiece> {
    let start = fs::canonicalize(device).ok()?;
    let at = start.ancestors().find(|at| at.join("idVendor").exists())?;
    let said = |name: &str| text(&at.join(name));
    let number = |name: &str| said(name).and_then(|text| u16::from_str_radix(&text, 16).ok());
    Some(UsbPiece {
        vendor: number("idVendor")?,
        product: number("idProduct")?,
        serial: said("serial"),
        port: at.file_name()?.to_str().filter(|name| is_port(name))?.to_owned(),
        maker: said("manufacturer").unwrap_or_default(),
        model: said("product").unwrap_or_default(),
    })
}

/// The numbers of a HID device that no USB port is above: Bluetooth, or a driver in a program.
fn hid_id(device: &Path) -> Option<UsbPiece> {
    let id = uevent(device, "HID_ID")?;
    let mut parts = id.split(':').skip(1).map(|part| u32::from_str_radix(part, 16).ok());
    let mut number = || parts.next().flatten().and_then(|number| u16::try_from(number).ok());
    Some(UsbPiece {
        vendor: number()?,
        product: number()?,
        serial: uevent(device, "HID_UNIQ"),
        port: String::new(),
        maker: String::new(),
        model: uevent(device, "HID_NAME").unwrap_or_default(),
    })
}

/// A line `KEY=value` of a device's uevent file.
fn uevent(device: &Path, key: &str) -> Option<String> {
    let lines = text(&device.join("uevent"))?;
    let value = lines.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// What a file says, without what a terminal would take for a command; nothing when it is empty.
fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let clean: String = text.trim().chars().filter(|it| *it == '\n' || !it.is_control()).collect();
    Some(clean).filter(|text| !text.is_empty())
}

/// Folders of links that say what a device is or where it is plugged in, ours first.
const LINKS: [&str; 6] =
    ["shroff/by-id", "shroff/by-path", "serial/by-id", "serial/by-path", "input/by-id", "input/by-path"];

/// Honeywell, Youjie, Zebra, Datalogic, Newland: the same as in `udev/70-shroff.rules`.
const SCANNER_MAKERS: [u16; 5] = [0x0c2e, 0x23d0, 0x05e0, 0x05f9, 0x1eab];

/// `KEY_1` (2) to `KEY_0` (11) and `KEY_ENTER` (28), as bits.
const DIGITS_AND_ENTER: u64 = 0x0FFC | (1 << 28);

#[cfg(test)]
#[path = "sysfs_tests.rs"]
mod tests;
