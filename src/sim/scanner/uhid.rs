//! A HID POS scanner that the kernel believes in, by /dev/uhid: `struct uhid_event` by hand (linux/uhid.h).

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::cable::{Cable, Carry, unplugged};
use super::layout::{Form, Layout};

/// A device of /dev/uhid.
#[derive(Debug)]
pub struct Uhid {
    layout: Layout,
    plug: Option<OwnedFd>,
    /// Programs that have it open, as far as the kernel has told.
    open: Cell<bool>,
}

impl Uhid {
    /// Plugs it in.
    ///
    /// # Errors
    /// When there is no /dev/uhid, it is not for us, or the kernel does not like the descriptor.
    pub fn new(layout: Layout) -> io::Result<Self> {
        let mut device = Self { layout, plug: None, open: Cell::new(false) };
        device.replug()?;
        Ok(device)
    }
}

impl Cable for Uhid {
    /// The kernel says when the first program opens it and the last one closes it.
    fn is_open(&self) -> Option<bool> {
        let Some(plug) = &self.plug else { return Some(false) };
        let mut event = [0; 4380];
        while rustix::io::retry_on_intr(|| rustix::io::read(plug, &mut event)).is_ok_and(|count| count >= 4) {
            let [a, b, c, d, ..] = event;
            match u32::from_ne_bytes([a, b, c, d]) {
                OPEN => self.open.set(true),
                CLOSE => self.open.set(false),
                _ => {}
            }
        }
        Some(self.open.get())
    }

    fn link(&self) -> Option<&Path> {
        None
    }

    fn device(&self) -> Option<&Path> {
        None
    }

    fn is_plugged(&self) -> bool {
        self.plug.is_some()
    }

    /// The kernel takes the device away when its file closes.
    fn unplug(&mut self) -> io::Result<()> {
        self.plug = None;
        self.open.set(false);
        Ok(())
    }

    fn replug(&mut self) -> io::Result<()> {
        self.unplug()?;
        let plug = rustix::fs::open("/dev/uhid", OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        write(&plug, &create(self.layout.form()))?;
        self.plug = Some(plug);
        Ok(())
    }
}

impl Carry<Vec<u8>> for Uhid {
    fn carry(&self, reports: &[Vec<u8>]) -> io::Result<()> {
        let plug = self.plug.as_ref().ok_or_else(unplugged)?;
        reports.iter().try_for_each(|report| write(plug, &input(report)))
    }
}

fn write(plug: &OwnedFd, event: &[u8]) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::io::write(plug, event)) {
        Ok(_) => Ok(()),
        Err(Errno::INVAL) => Err(io::Error::other("the kernel does not take the event for /dev/uhid")),
        Err(error) => Err(error.into()),
    }
}

/// `UHID_CREATE2`: name, phys, uniq, sizes and numbers, descriptor.
fn create(form: &Form) -> Vec<u8> {
    let (vendor, product) = form.ids;
    let mut event = CREATE2.to_ne_bytes().to_vec();
    event.extend(padded(b"Lab HID POS Scanner", 128));
    event.extend(padded(b"lab/pos0", 64));
    event.extend(padded(b"LAB0001", 64));
    event.extend(length(form.descriptor));
    event.extend(BUS_USB.to_ne_bytes());
    for number in [vendor, product, VERSION, COUNTRY] {
        event.extend(number.to_ne_bytes());
    }
    event.extend(padded(form.descriptor, DATA_MAX));
    event
}

/// `UHID_INPUT2`: length, report.
fn input(report: &[u8]) -> Vec<u8> {
    let mut event = INPUT2.to_ne_bytes().to_vec();
    event.extend(length(report));
    event.extend(padded(report, DATA_MAX));
    event
}

fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_ne_bytes()
}

fn padded(bytes: &[u8], size: usize) -> impl Iterator<Item = u8> {
    bytes.iter().copied().chain(std::iter::repeat(0)).take(size)
}

const OPEN: u32 = 4;
const CLOSE: u32 = 5;
const CREATE2: u32 = 11;
const INPUT2: u32 = 12;
const BUS_USB: u16 = 3;
const VERSION: u32 = 0x0100;
const COUNTRY: u32 = 0;

/// `UHID_DATA_MAX`, and as much for a descriptor.
const DATA_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_structs_of_the_kernel() {
        let form = Layout::Newland.form();
        let event = create(form);
        assert_eq!(event.len(), 4 + 128 + 64 + 64 + 2 + 2 + 4 * 4 + 4096);
        assert_eq!(event[..8], *b"\x0b\0\0\0Lab ");
        assert_eq!(event[132..136], *b"lab/");
        assert_eq!(event[196..204], *b"LAB0001\0");
        let length = u8::try_from(form.descriptor.len()).expect("a short descriptor");
        assert_eq!(event[260..264], [length, 0, 3, 0]);
        assert_eq!(event[264..280], [0xab, 0x1e, 0, 0, 0x10, 0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(event[280..280 + form.descriptor.len()], *form.descriptor);

        let event = input(b"\x02\x0113");
        assert_eq!(event.len(), 4 + 2 + 4096);
        assert_eq!(event[..12], *b"\x0c\0\0\0\x04\0\x02\x0113\0\0");
    }
}
