use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::termios::OptionalActions;

use super::cable::{Cable, Carry, unplugged, write_all};
use super::keys::{Stroke, boot_reports};
use super::nap;

/// A character device that is there already: the gadget's side of a USB scanner in the lab.
#[derive(Debug)]
pub struct Device {
    path: PathBuf,
    gadget: Option<Gadget>,
    plug: Option<OwnedFd>,
}

/// A folder of the kernel's gadget stack, whose file `UDC` holds the controller that it is plugged into.
#[derive(Debug)]
struct Gadget {
    udc: PathBuf,
    controller: String,
}

impl Device {
    /// Opens `path`. With `gadget`, its folder in configfs, it can be unplugged.
    ///
    /// # Errors
    /// When it is no character device, cannot be opened, or the gadget is not plugged in.
    pub fn new(path: impl Into<PathBuf>, gadget: Option<&Path>) -> io::Result<Self> {
        let gadget = gadget.map(Gadget::new).transpose()?;
        let path = path.into();
        let plug = Some(open(&path)?);
        Ok(Self { path, gadget, plug })
    }

    fn gadget(&self) -> io::Result<&Gadget> {
        self.gadget.as_ref().ok_or_else(|| {
            let text = "a device that was there before stays plugged in; --gadget with its folder in configfs \
                        lets it be pulled";
            io::Error::new(ErrorKind::Unsupported, text)
        })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        write_all(self.plug.as_ref().ok_or_else(unplugged)?, bytes)
    }
}

impl Cable for Device {
    /// A gadget does not learn what the host does with it.
    fn is_open(&self) -> Option<bool> {
        self.plug.as_ref().map_or(Some(false), |_| None)
    }

    fn link(&self) -> Option<&Path> {
        None
    }

    fn device(&self) -> Option<&Path> {
        self.plug.as_ref().map(|_| self.path.as_path())
    }

    fn is_plugged(&self) -> bool {
        self.plug.is_some()
    }

    fn unplug(&mut self) -> io::Result<()> {
        let udc = &self.gadget()?.udc;
        if self.plug.is_some() {
            fs::write(udc, "\n")?;
        }
        self.plug = None;
        Ok(())
    }

    /// The node may come a little after the plug.
    fn replug(&mut self) -> io::Result<()> {
        self.unplug()?;
        let gadget = self.gadget()?;
        fs::write(&gadget.udc, &gadget.controller)?;
        let mut tries = TRIES;
        self.plug = Some(loop {
            match open(&self.path) {
                Err(error) if tries == 0 => return Err(error),
                Err(_) => nap(BETWEEN_TRIES),
                Ok(plug) => break plug,
            }
            tries = tries.saturating_sub(1);
        });
        Ok(())
    }
}

impl Carry<u8> for Device {
    fn carry(&self, characters: &[u8]) -> io::Result<()> {
        self.write(characters)
    }
}

impl Carry<Stroke> for Device {
    fn carry(&self, strokes: &[Stroke]) -> io::Result<()> {
        strokes.iter().flat_map(|stroke| boot_reports(stroke)).try_for_each(|report| self.write(&report))
    }
}

impl Carry<Vec<u8>> for Device {
    fn carry(&self, reports: &[Vec<u8>]) -> io::Result<()> {
        reports.iter().try_for_each(|report| self.write(report))
    }
}

impl Gadget {
    fn new(folder: &Path) -> io::Result<Self> {
        let udc = folder.join("UDC");
        let controller = fs::read_to_string(&udc)?;
        if controller.trim().is_empty() {
            return Err(io::Error::new(ErrorKind::NotConnected, "the gadget is not plugged into a controller"));
        }
        Ok(Self { udc, controller })
    }
}

/// Opens a device without waiting, without becoming its session's terminal, and in raw mode where it is a terminal.
fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = rustix::fs::open(path, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&device)?.st_mode) != FileType::CharacterDevice {
        let text = format!("{} is no character device", path.display());
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    if let Ok(mut termios) = rustix::termios::tcgetattr(&device) {
        termios.make_raw();
        rustix::termios::tcsetattr(&device, OptionalActions::Now, &termios)?;
    }
    Ok(device)
}

/// For five seconds a node is looked for.
const TRIES: u32 = 100;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::super::cable::{Encoding as _, Scanner};
    use super::super::hid::HidPos;
    use super::super::keyboard::Keyboard;
    use super::super::layout::Layout;
    use super::super::manner::Manner;
    use super::super::pty::Serial;
    use super::*;

    /// A terminal in raw mode: a character device whose other end we hold.
    fn terminal() -> (File, PathBuf) {
        use std::os::unix::ffi::OsStrExt as _;
        let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).expect("a terminal");
        rustix::pty::unlockpt(&master).expect("unlocked");
        let name = rustix::pty::ptsname(&master, Vec::new()).expect("a name");
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()));
        (File::from(master), path)
    }

    fn read(from: &mut File, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        from.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    #[test]
    fn every_kind_writes_its_bytes_into_a_device() {
        let (mut host, path) = terminal();
        let device = || Device::new(&path, None).expect("a device");
        Scanner::on(Serial, device()).scan("134").expect("scanned");
        assert_eq!(read(&mut host, 4), b"134\r");
        Scanner::on(Keyboard, device()).type_slowly("1", Duration::ZERO).expect("scanned");
        let enter = [0, 0, 0x28, 0, 0, 0, 0, 0];
        assert_eq!(read(&mut host, 32), [[0, 0, 0x1e, 0, 0, 0, 0, 0], [0; 8], enter, [0; 8]].concat());
        let scanner = Scanner::on(HidPos(Layout::Newland), device());
        scanner.scan("134").expect("scanned");
        let expected = HidPos(Layout::Newland).pieces(&Manner { suffix: Vec::new(), ..Manner::default() }.scan(b"134"));
        assert_eq!(read(&mut host, 64), expected.expect("a report").concat());
    }

    #[test]
    fn a_gadget_is_unplugged_at_its_controller_and_another_device_not_at_all() {
        let (mut host, path) = terminal();
        let mut scanner = Scanner::on(Serial, Device::new(&path, None).expect("a device"));
        assert!(scanner.unplug().expect_err("no gadget").to_string().contains("--gadget"));

        let folder = tempfile::tempdir().expect("a folder");
        let udc = folder.path().join("UDC");
        fs::write(&udc, "\n").expect("a file");
        assert!(Device::new(&path, Some(folder.path())).expect_err("out").to_string().contains("not plugged"));
        fs::write(&udc, "dummy_udc.0\n").expect("a file");
        let mut scanner = Scanner::on(Serial, Device::new(&path, Some(folder.path())).expect("a device"));
        scanner.unplug().expect("unplugged");
        assert_eq!(fs::read_to_string(&udc).expect("a file"), "\n");
        assert_eq!(scanner.scan("134").expect_err("unplugged").kind(), ErrorKind::NotConnected);
        scanner.replug().expect("plugged in");
        assert_eq!(fs::read_to_string(&udc).expect("a file"), "dummy_udc.0\n");
        scanner.scan("134").expect("scanned");
        assert_eq!(read(&mut host, 4), b"134\r");
    }

    #[test]
    fn a_file_is_no_device() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let said = Device::new(file.path(), None).expect_err("no device").to_string();
        assert!(said.ends_with("is no character device"), "{said}");
    }
}
