//! What a scanner is and which one is meant: the words of the configuration.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// How a scanner is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScannerKind {
    /// A serial port or a USB one that looks like it (CDC-ACM).
    Serial,
    /// A keyboard that types the code.
    Keyboard,
    /// USB HID POS, the best there is.
    HidPos,
}

impl ScannerKind {
    /// Every kind, for choices that must not forget one.
    pub const ALL: [Self; 3] = [Self::Serial, Self::Keyboard, Self::HidPos];

    /// The word of the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Keyboard => "keyboard",
            Self::HidPos => "hid-pos",
        }
    }
}

impl fmt::Display for ScannerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which device is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceName {
    /// A path: a link that udev makes, or the node itself.
    Path(PathBuf),
    /// The USB device of this maker and model.
    Usb {
        /// The maker's number.
        vendor: u16,
        /// The model's number.
        product: u16,
        /// The piece's serial number, where two of a kind stand side by side.
        serial: Option<String>,
    },
    /// Whatever USB device is plugged in there: the bus and the ports on the way, as the kernel names them (`1-1.2`).
    /// For two equal scanners without serial numbers.
    Port(String),
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Usb { vendor, product, serial } => {
                write!(f, "{vendor:04x}/{product:04x}")?;
                serial.as_ref().map_or(Ok(()), |serial| write!(f, "/{serial}"))
            }
            Self::Port(port) => write!(f, "{PORT}{port}"),
        }
    }
}

/// The text names no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a device is a path that begins with /, a USB vendor/product[/serial number] such as 0c2e/0b6a, or usb:1-1.2")]
pub struct DeviceNameError;

impl FromStr for DeviceName {
    type Err = DeviceNameError;

    /// Reads a path that begins with a slash, `0c2e/0b6a`, `0c2e/0b6a/SERIAL` or `usb:1-1.2`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().any(char::is_control) {
            return Err(DeviceNameError);
        }
        if text.starts_with('/') {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        if let Some(port) = text.strip_prefix(PORT) {
            return is_port(port).then(|| Self::Port(port.to_owned())).ok_or(DeviceNameError);
        }
        let mut parts = text.splitn(3, '/');
        let mut number = || parts.next().filter(|part| part.len() == 4).and_then(hex).ok_or(DeviceNameError);
        let (vendor, product) = (number()?, number()?);
        let serial = parts.next().map(str::to_owned);
        if serial.as_ref().is_some_and(String::is_empty) {
            return Err(DeviceNameError);
        }
        Ok(Self::Usb { vendor, product, serial })
    }
}

/// Four hexadecimal digits, without the sign that the standard library would take.
fn hex(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) { u16::from_str_radix(text, 16).ok() } else { None }
}

/// `BUS-PORT[.PORT]...`, as the kernel names a USB device by where it is plugged in.
pub(super) fn is_port(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('-').is_some_and(|(bus, ports)| number(bus) && ports.split('.').all(number))
}

/// What stands before the place of a USB device.
const PORT: &str = "usb:";

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
        assert_eq!("usb:3-1.2.4".parse(), Ok(DeviceName::Port("3-1.2.4".to_owned())));
        for text in [
            "",
            "ttyACM0",
            "0c2e",
            "0c2e/",
            "+c2e/0b6a",
            "0c2e/0b6a/",
            "c2e/b6a",
            "/dev/tty\n",
            "usb:",
            "usb:1",
            "usb:1-",
            "usb:1-1.",
            "usb:../x",
            "usb:1-1/2",
        ] {
            assert_eq!(text.parse::<DeviceName>(), Err(DeviceNameError), "{text:?}");
        }
    }

    #[test]
    fn a_name_reads_back_as_it_is_written() {
        for text in ["0c2e/0b6a", "0c2e/0b6a/S-1", "/dev/shroff/hid-hidraw0", "usb:1-1.2"] {
            assert_eq!(text.parse::<DeviceName>().map(|name| name.to_string()).as_deref(), Ok(text));
        }
    }
}
