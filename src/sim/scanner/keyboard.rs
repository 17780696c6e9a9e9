use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evdev::uinput::VirtualDevice;
use evdev::{AttributeSet, EventType, InputEvent, InputId, KeyCode, SynchronizationCode};

use super::cable::{Cable, Carry, Encoding, Scanner, unplugged, write_all};
use super::fifo::Fifo;
use super::keys::{self, Move, Stroke};
use super::manner::{Kind, Manner, Scan};
use super::nap;

/// A keyboard wedge behind a FIFO that plays its event node: the kernel's records, as a program reads them.
pub type KeyboardScanner = Scanner<Keyboard, KeyFifo>;

impl KeyboardScanner {
    /// Plugs a scanner in at `link`.
    ///
    /// # Errors
    /// When the FIFO cannot be made.
    pub fn new(link: impl Into<PathBuf>) -> io::Result<Self> {
        let mut cable = KeyFifo(Fifo::stream(link.into()));
        cable.replug()?;
        Ok(Self::on(Keyboard, cable))
    }

    /// The FIFO that stands for it.
    #[must_use]
    pub fn link(&self) -> &Path {
        &self.cable.0.link
    }
}

/// A keyboard: a scan is a stroke for each character.
#[derive(Clone, Copy, Debug)]
pub struct Keyboard;

impl Encoding for Keyboard {
    type Piece = Stroke;

    const KIND: Kind = Kind::Keyboard;

    /// Scanners take 8 to 16 ms for a key; none at all would run over a reader's ring in the middle of a code.
    fn manner(&self) -> Manner {
        Manner { gap: Duration::from_millis(8), ..Manner::default() }
    }

    fn pieces(&self, scan: &Scan<'_>) -> io::Result<Vec<Stroke>> {
        keys::strokes(scan)
    }

    /// A letter: a keyboard has no other noise.
    fn noise(&self, byte: u8) -> u8 {
        b"abcdefghijklmnopqrstuvwxyz".get(usize::from(byte % 26)).copied().unwrap_or(b'x')
    }
}

/// A FIFO of `struct input_event`, which behaves like the ring that evdev keeps for a reader.
#[derive(Debug)]
pub struct KeyFifo(Fifo);

impl Cable for KeyFifo {
    fn is_open(&self) -> Option<bool> {
        Some(self.0.is_open())
    }

    fn link(&self) -> Option<&Path> {
        Some(&self.0.link)
    }

    fn device(&self) -> Option<&Path> {
        self.0.is_plugged().then_some(&self.0.link)
    }

    fn is_plugged(&self) -> bool {
        self.0.is_plugged()
    }

    fn unplug(&mut self) -> io::Result<()> {
        self.0.unplug()
    }

    fn replug(&mut self) -> io::Result<()> {
        self.0.plug()
    }
}

impl Carry<Stroke> for KeyFifo {
    fn carry(&self, strokes: &[Stroke]) -> io::Result<()> {
        for step in strokes.iter().flatten() {
            let waiting = self.0.waiting()?.div_euclid(RECORD);
            let (overflow, events) = arriving(waiting, &packet(step));
            if overflow {
                self.0.empty()?;
            }
            self.0.write(&records(&events, jiff::Timestamp::now()))?;
        }
        Ok(())
    }
}

/// A keyboard that the kernel believes in, by /dev/uinput.
#[derive(Debug)]
pub struct Uinput(Option<(VirtualDevice, Option<PathBuf>)>);

impl Uinput {
    /// Plugs it in.
    ///
    /// # Errors
    /// When there is no /dev/uinput, or it is not for us.
    pub fn new() -> io::Result<Self> {
        let mut keyboard = Self(None);
        keyboard.replug()?;
        Ok(keyboard)
    }
}

impl Cable for Uinput {
    fn is_open(&self) -> Option<bool> {
        None
    }

    fn link(&self) -> Option<&Path> {
        None
    }

    fn device(&self) -> Option<&Path> {
        self.0.as_ref()?.1.as_deref()
    }

    fn is_plugged(&self) -> bool {
        self.0.is_some()
    }

    fn unplug(&mut self) -> io::Result<()> {
        self.0 = None;
        Ok(())
    }

    fn replug(&mut self) -> io::Result<()> {
        self.unplug()?;
        let keys: AttributeSet<KeyCode> = keys::all().map(|key| key.code).collect();
        let mut device = VirtualDevice::builder()?
            .name("Lab keyboard scanner")
            .input_id(InputId::new(evdev::BusType::BUS_USB, VENDOR, PRODUCT, 0x0100))
            .with_keys(&keys)?
            .build()?;
        let node = (0..TRIES).find_map(|_| {
            let node = event_node(&mut device);
            if node.is_none() {
                nap(BETWEEN_TRIES);
            }
            node
        });
        self.0 = Some((device, node));
        Ok(())
    }
}

fn event_node(device: &mut VirtualDevice) -> Option<PathBuf> {
    let mut nodes = device.enumerate_dev_nodes_blocking().ok()?.filter_map(Result::ok);
    nodes.find(|node| node.file_name().is_some_and(|it| it.to_string_lossy().starts_with("event")))
}

impl Carry<Stroke> for Uinput {
    /// The kernel stamps the records itself.
    fn carry(&self, strokes: &[Stroke]) -> io::Result<()> {
        let (device, _) = self.0.as_ref().ok_or_else(unplugged)?;
        for step in strokes.iter().flatten() {
            write_all(device.as_fd(), &records(&packet(step), jiff::Timestamp::UNIX_EPOCH))?;
        }
        Ok(())
    }
}

fn packet(step: &Move) -> [InputEvent; 2] {
    let value = i32::from(step.down);
    [InputEvent::new(EventType::KEY.0, step.key.code.code(), value), syn(SynchronizationCode::SYN_REPORT)]
}

fn syn(code: SynchronizationCode) -> InputEvent {
    InputEvent::new(EventType::SYNCHRONIZATION.0, code.0, 0)
}

/// What `packet` becomes for a reader that has `waiting` unread events, and whether those are lost: when its ring is
/// full the kernel drops all of it but the newest event, and says so in front of that (`__pass_event`; the FIFO and a
/// uinput keyboard gave a stalled reader the same events on 6.1).
fn arriving(waiting: usize, packet: &[InputEvent]) -> (bool, Vec<InputEvent>) {
    let mut overflow = false;
    let mut held = waiting;
    let mut events = Vec::new();
    for event in packet {
        held = held.saturating_add(1);
        if held >= RING {
            events = vec![syn(SynchronizationCode::SYN_DROPPED)];
            (overflow, held) = (true, 2);
        }
        events.push(*event);
    }
    (overflow, events)
}

/// The bytes of `struct input_event`: seconds, microseconds, type, code, value, as this machine writes them.
fn records(events: &[InputEvent], at: jiff::Timestamp) -> Vec<u8> {
    let micros = i64::from(at.subsec_microsecond());
    let record = |event: &InputEvent| {
        let mut bytes = Vec::new();
        for part in [at.as_second(), micros] {
            if RECORD == 24 {
                bytes.extend_from_slice(&part.to_ne_bytes());
            } else {
                bytes.extend_from_slice(&i32::try_from(part).unwrap_or_default().to_ne_bytes());
            }
        }
        bytes.extend_from_slice(&event.event_type().0.to_ne_bytes());
        bytes.extend_from_slice(&event.code().to_ne_bytes());
        bytes.extend_from_slice(&event.value().to_ne_bytes());
        bytes
    };
    events.iter().flat_map(record).collect()
}

/// Bytes of a record: 24 where a time has 64 bits, 16 where it has 32.
const RECORD: usize = size_of::<InputEvent>();

/// Places of the ring that evdev keeps for each reader of a keyboard (`EVDEV_MIN_BUFFER_SIZE`).
const RING: usize = 64;

/// For two seconds the event node is looked for: with the first keyboard udev has to load evdev (lab).
const TRIES: u32 = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A Honeywell in keyboard mode, as the lab's gadget says it.
const VENDOR: u16 = 0x0c2e;
const PRODUCT: u16 = 0x0b81;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_is_the_kernels_records_byte_for_byte() {
        let at = jiff::Timestamp::new(0x1234_5678, 9_000).expect("a time");
        let strokes = Keyboard.pieces(&Manner { suffix: Vec::new(), ..Manner::default() }.scan(b"1")).expect("keys");
        let bytes: Vec<u8> = strokes.iter().flatten().flat_map(|step| records(&packet(step), at)).collect();
        let time = [0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0];
        let mut expected = Vec::new();
        for rest in [[1, 0, 2, 0, 1, 0, 0, 0], [0; 8], [1, 0, 2, 0, 0, 0, 0, 0], [0; 8]] {
            expected.extend_from_slice(&time);
            expected.extend_from_slice(&rest);
        }
        assert_eq!(bytes, expected, "on a 64-bit machine that begins with the small end");
    }

    /// The kernel's ring, event by event, as a reader would find it.
    fn ring(packets: usize) -> Vec<(u16, u16, i32)> {
        let press = Move { key: keys::all().next().expect("a key"), down: true };
        let mut ring: Vec<InputEvent> = Vec::new();
        for _ in 0..packets {
            let (overflow, events) = arriving(ring.len(), &packet(&press));
            if overflow {
                ring.clear();
            }
            ring.extend(events);
        }
        ring.iter().map(|event| (event.event_type().0, event.code(), event.value())).collect()
    }

    #[test]
    fn a_full_ring_loses_all_but_the_newest_event_and_says_so() {
        assert_eq!(ring(31).len(), 62);
        assert_eq!(ring(32), [(0, 3, 0), (0, 0, 0)], "the 64th event does not fit");
        assert_eq!(ring(33), [(0, 3, 0), (0, 0, 0), (1, 30, 1), (0, 0, 0)]);
        assert_eq!(ring(63), [(0, 3, 0), (0, 0, 0)], "and again");
    }

    #[test]
    fn noise_is_letters() {
        assert!((0..=255).all(|byte| Keyboard.noise(byte).is_ascii_lowercase()));
    }
}
