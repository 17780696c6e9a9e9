//! A scanner in USB HID POS mode: one report a scan, no keyboard, nobody else listens.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hidapi::{HidApi, HidDevice, HidError};
use zeroize::{Zeroize, Zeroizing};

use super::reader::{Device, Got, Raw};
use super::{Health, node};
use crate::scan::{Candidate, Framing, HidKind, HidReports, Layout};
use crate::words::Tick;

/// What a HID POS scanner needs to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HidPosSettings {
    /// Sends feature report 254 with the one byte 1 when the scanner is opened: scanners of Honeywell and Youjie that
    /// show the POS collection in keyboard mode use it only then. Sent to no other maker.
    pub honeywell_switch: bool,
}

/// An open scanner.
pub(super) struct HidPos {
    source: Source,
    reports: HidReports,
    buffer: Zeroizing<Vec<u8>>,
    count: usize,
}

/// Where reports come from.
enum Source {
    /// The kernel. The node beside it holds the lock by which programs tell each other that it is in use.
    Hidraw { device: HidDevice, _claim: OwnedFd },
    /// A named pipe in packet mode: each read is one report.
    Fifo(OwnedFd),
}

impl HidPos {
    /// Opens the scanner and learns from its report descriptor where the data is.
    pub(super) fn open(settings: HidPosSettings, framing: &Framing, path: &Path) -> Result<Self, Health> {
        let claim = node::claim(path)?;
        let (source, descriptor) = if node::is_fifo(&claim) {
            (Source::Fifo(claim), std::fs::read(beside(path)).map_err(|error| node::missing(&error, &beside(path)))?)
        } else {
            let device = hidraw(path)?;
            let mut descriptor = vec![0; DESCRIPTOR_MAX];
            let length = device.get_report_descriptor(&mut descriptor).map_err(|error| failed(&error, path))?;
            descriptor.truncate(length);
            if settings.honeywell_switch {
                switch(&device, path)?;
            }
            (Source::Hidraw { device, _claim: claim }, descriptor)
        };
        let layout = layout(&descriptor, path)?;
        // One more than the longest report: one that is too long must show.
        let buffer = Zeroizing::new(vec![0; layout.report_size_max().saturating_add(1).max(READ_MIN)]);
        let reports = HidReports::new(layout, &framing.prefix);
        Ok(Self { source, reports, buffer, count: 0 })
    }
}

fn hidraw(path: &Path) -> Result<HidDevice, Health> {
    let name = CString::new(path.as_os_str().as_bytes()).ok().filter(|name| name.to_str().is_ok());
    let Some(name) = name else { return Err(Health::Gone { why: "the configured path is not UTF-8".to_owned() }) };
    // Looking for devices is our own affair, and takes hidapi half a second.
    HidApi::disable_device_discovery();
    let api = HidApi::new().map_err(|error| failed(&error, path))?;
    api.open_path(&name).map_err(|error| failed(&error, path))
}

fn failed(error: &HidError, path: &Path) -> Health {
    Health::Gone { why: format!("{} cannot be opened as a HID device: {error}", path.display()) }
}

/// Only two makers know the switch; to others the report could mean anything.
fn switch(device: &HidDevice, path: &Path) -> Result<(), Health> {
    let vendor = device.get_device_info().map_err(|error| failed(&error, path))?.vendor_id();
    if !SWITCHED.contains(&vendor) {
        tracing::warn!("honeywell_switch is set for a scanner of another maker ({vendor:04x}) and is not sent");
        return Ok(());
    }
    let sent = device.send_feature_report(&[SWITCH, 1]);
    sent.map_err(|error| Health::Gone { why: format!("the scanner refuses to be switched to HID POS: {error}") })
}

fn layout(descriptor: &[u8], path: &Path) -> Result<Layout, Health> {
    let path = path.display();
    let why = match HidKind::of(descriptor) {
        Ok(HidKind::Scanner(layout)) => return Ok(layout),
        Ok(HidKind::Keyboard) => format!("{path} is in keyboard mode; {SET_UP}, or use kind = \"keyboard\""),
        Ok(HidKind::Other(why)) => format!("{path} is not in HID POS mode: {why}"),
        Err(error) => format!("{path} describes itself in a way that cannot be read ({error}); {SET_UP}"),
    };
    Err(Health::Gone { why })
}

/// Where the report descriptor of a simulated scanner lies.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".descriptor");
    name.into()
}

impl Device for HidPos {
    fn wait(&mut self, limit: Duration) -> io::Result<Got> {
        let count = match &self.source {
            Source::Hidraw { device, .. } => {
                let limit = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
                device.read_timeout(&mut self.buffer, limit).map_err(unplugged)?
            }
            Source::Fifo(fifo) if node::readable(fifo, limit)? => node::read(fifo, &mut self.buffer)?,
            Source::Fifo(_) => 0,
        };
        self.count = count;
        // One read is one report; how many more wait, nobody tells.
        Ok(if count == 0 { Got::Nothing } else { Got::Some })
    }

    fn take(&mut self, at: Tick, give: &mut dyn FnMut(Candidate)) {
        let count = std::mem::take(&mut self.count);
        let report = self.buffer.get_mut(..count).unwrap_or_default();
        if let Some(scan) = self.reports.push(report, at) {
            give(scan);
        }
        report.zeroize();
    }

    fn idle(&mut self, at: Tick) -> Option<Candidate> {
        self.reports.idle(at);
        None
    }

    fn clear(&mut self) {
        self.reports.clear();
    }

    fn flush(&mut self) -> io::Result<()> {
        self.reports.clear();
        Ok(())
    }

    fn complaint(&self) -> Option<&'static str> {
        (self.reports.malformed() >= MALFORMED).then_some(
            "reports of the scanner do not fit its own description and are thrown away; update its firmware, or use \
             another mode",
        )
    }

    fn raw(&self) -> Raw<'_> {
        Raw::Report(self.buffer.get(..self.count).unwrap_or_default())
    }
}

/// hidapi tells a pulled plug by its text alone; whatever it says, the device is read no more.
fn unplugged(error: HidError) -> io::Error {
    if let HidError::IoError { error } = error { error } else { io::ErrorKind::BrokenPipe.into() }
}

/// What the shop can do about a scanner in another mode.
const SET_UP: &str = "scan the \"USB HID POS\" code in the scanner's manual";

/// Honeywell and Youjie, by their USB vendor numbers.
const SWITCHED: [u16; 2] = [0x0c2e, 0x23d0];
/// The feature report that switches them.
const SWITCH: u8 = 0xFE;

/// `HID_MAX_DESCRIPTOR_SIZE` of the kernel.
const DESCRIPTOR_MAX: usize = 4096;

/// A read is never smaller, so that an oversized report shows as one.
const READ_MIN: usize = 256;

/// Reports that do not fit before it is said aloud.
const MALFORMED: u64 = 3;
