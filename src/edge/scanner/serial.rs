//! A scanner on a serial line: RS-232, a USB adapter or CDC-ACM.

use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use serialport::{ClearBuffer, SerialPort, TTYPort};
pub use serialport::{DataBits, FlowControl, Parity};
use zeroize::{Zeroize, Zeroizing};

use super::Health;
use super::node;
use super::reader::{Device, Got, Raw};
use crate::scan::{Candidate, Framer, Framing};
use crate::words::Tick;

/// How a serial scanner is reached and spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SerialSettings {
    /// Bits a second. CDC-ACM ignores it.
    pub baud: u32,
    /// Seven or eight.
    pub data_bits: DataBits,
    /// None, odd or even.
    pub parity: Parity,
    /// RTS/CTS, XON/XOFF or none. A scanner set to RTS/CTS throws scans away when nobody answers.
    pub handshake: FlowControl,
}

impl Default for SerialSettings {
    /// The settings most scanners are delivered with: 9600 8N1, no handshake.
    fn default() -> Self {
        Self { baud: 9600, data_bits: DataBits::Eight, parity: Parity::None, handshake: FlowControl::None }
    }
}

/// An open line.
pub(super) struct Line {
    port: TTYPort,
    framer: Framer,
    /// What was read last. Wiped when it was taken.
    buffer: Zeroizing<[u8; READ]>,
    count: usize,
    timeout: Duration,
}

impl Line {
    /// Opens the line, with `O_NOCTTY`, `flock` and `TIOCEXCL`.
    pub(super) fn open(settings: SerialSettings, framing: &Framing, path: &Path) -> Result<Self, Health> {
        let Some(name) = path.to_str() else {
            return Err(Health::Gone { why: "the configured path is not UTF-8".to_owned() });
        };
        let port = serialport::new(name, settings.baud)
            .data_bits(settings.data_bits)
            .parity(settings.parity)
            .flow_control(settings.handshake)
            .open_native()
            .map_err(|error| refused(&error, path))?;
        let timeout = framing.silence().max(READ_TIMEOUT_MIN);
        Ok(Self { port, framer: Framer::new(framing.clone()), buffer: Zeroizing::new([0; READ]), count: 0, timeout })
    }
}

impl Device for Line {
    fn wait(&mut self, limit: Duration) -> io::Result<Got> {
        self.port.set_timeout(limit.min(self.timeout))?;
        match self.port.read(self.buffer.as_mut_slice()) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.count = count;
                Ok(if count < READ { Got::All } else { Got::Some })
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(Got::Nothing),
            Err(error) => Err(error),
        }
    }

    fn take(&mut self, at: Tick, give: &mut dyn FnMut(Candidate)) {
        let count = std::mem::take(&mut self.count);
        for byte in self.buffer.iter_mut().take(count) {
            if let Some(scan) = self.framer.push(*byte, at) {
                give(scan);
            }
            byte.zeroize();
        }
    }

    fn idle(&mut self, at: Tick) -> Option<Candidate> {
        self.framer.idle(at)
    }

    fn clear(&mut self) {
        self.framer.clear();
    }

    fn flush(&mut self) -> io::Result<()> {
        self.port.clear(ClearBuffer::Input)?;
        self.framer.skip();
        Ok(())
    }

    fn complaint(&self) -> Option<&'static str> {
        (self.framer.unended() >= UNENDED).then_some(
            "scans come without the configured suffix and are thrown away; set the scanner's suffix to CR, or configure \
             \"timeout\" framing",
        )
    }

    fn raw(&self) -> Raw<'_> {
        Raw::Bytes(self.buffer.get(..self.count).unwrap_or_default())
    }
}

/// Why the device could not be opened.
fn refused(error: &serialport::Error, path: &Path) -> Health {
    match error.kind {
        serialport::ErrorKind::NoDevice => Health::InUse,
        serialport::ErrorKind::Io(kind) => node::missing(&io::Error::new(kind, error.description.clone()), path),
        // The unit's device filter says EPERM, for which serialport has no kind.
        serialport::ErrorKind::Unknown if node::open(path).err() == Some(Errno::PERM) => Health::Denied,
        serialport::ErrorKind::Unknown if node::open(path).err() == Some(Errno::BUSY) => Health::InUse,
        serialport::ErrorKind::Unknown | serialport::ErrorKind::InvalidInput => {
            Health::Gone { why: format!("{} cannot be opened as a serial line: {error}", path.display()) }
        }
    }
}

/// The shortest read: a frame that falls silent is noticed within its silence.
const READ_TIMEOUT_MIN: Duration = Duration::from_millis(20);

/// Bytes of one read, some 50 scans. Less than a terminal's buffer (4096), so that a read that does not fill it has
/// left nothing behind.
const READ: usize = 1024;

/// Scans without end before it is said aloud: one or two are a pulled plug, three are a setting.
const UNENDED: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: serialport::ErrorKind) -> Health {
        refused(&serialport::Error::new(kind, "said by the system"), Path::new("/nowhere/scanner"))
    }

    #[test]
    fn what_stands_in_the_way_is_told_apart() {
        assert_eq!(refusal(serialport::ErrorKind::NoDevice), Health::InUse);
        assert_eq!(refusal(serialport::ErrorKind::Io(ErrorKind::PermissionDenied)), Health::Denied);
        let missing = refusal(serialport::ErrorKind::Io(ErrorKind::NotFound)).to_string();
        assert_eq!(missing, "/nowhere/scanner is not there; plug the scanner in, or correct its device path");
        assert!(matches!(refusal(serialport::ErrorKind::Unknown), Health::Gone { .. }));
    }
}
