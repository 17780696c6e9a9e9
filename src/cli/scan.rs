//! `shroff scan`: what a scanner sends, and what becomes of it. Works before there is any configuration.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::devices::name;
use super::{Exit, Json, exit, say};
use crate::edge::clock::Clock;
use crate::edge::scanner::serial::{DataBits, FlowControl, Parity};
use crate::edge::scanner::{
    DeviceName, Health, HidPosSettings, Mode, Raw, ScannerKind, Seen, SerialSettings, Settings, Sysfs, Transport,
    UsbPiece, Watched, watch,
};
use crate::scan::{Hint, Scanned, Suffix};
use crate::scene::texts;
use crate::words::Language;

/// Which scanner, and how it is set. Digits are masked: a payment code is money for a minute. Ends with Ctrl-C, when the
/// scanner is pulled out (74), or after --count scans. The daemon holds its scanners: stop it first.
#[derive(Debug, clap::Args)]
pub(super) struct ScanArgs {
    /// The scanner, as `shroff devices` names it; the only one without this
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceName>,
    /// How it is connected: serial, keyboard or hid-pos; by its device without this
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<ScannerKind>,
    /// Bits a second of a serial line
    #[arg(long, default_value_t = 9600, value_parser = clap::value_parser!(u32).range(300..=921_600))]
    baud: u32,
    /// Data bits of a serial line, 7 or 8
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(7..=8))]
    bits: u8,
    /// Parity of a serial line: none, even or odd
    #[arg(long, default_value = "none", value_parser = parity)]
    parity: Parity,
    /// Handshake of a serial line: none, rts-cts or xon-xoff
    #[arg(long, default_value = "none", value_parser = handshake)]
    handshake: FlowControl,
    /// What the scanner sends before a code
    #[arg(long, default_value = "", value_parser = bytes)]
    prefix: Bytes,
    /// What it sends after it (\r, \n, \t, \x03), or timeout
    #[arg(long, default_value = "\\r", value_parser = bytes)]
    suffix: Bytes,
    /// Ask a Honeywell scanner in keyboard mode to use HID POS
    #[arg(long)]
    honeywell: bool,
    /// Show digits as they are
    #[arg(long)]
    show: bool,
    /// End after so many scans
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    output: Json,
    /// Where the kernel shows its devices
    #[arg(long, value_name = "FOLDER", default_value = "/sys", hide = true)]
    sys: PathBuf,
    /// Where their nodes are
    #[arg(long, value_name = "FOLDER", default_value = "/dev", hide = true)]
    dev: PathBuf,
}

/// Bytes as they are typed, with escapes.
#[derive(Clone, Debug)]
struct Bytes(Vec<u8>);

pub(super) fn run(args: &ScanArgs) -> anyhow::Result<Exit> {
    let sysfs = Sysfs::at(&args.sys, &args.dev);
    let (device, kind) = choose(args.device.as_ref(), args.kind, &sysfs)?;
    let settings = settings(args, sysfs, device, kind)?;
    let clock = Clock::start();
    let mut watcher = Watcher { args, sent: Vec::new(), scans: 0, trouble: None };
    let outcome = watch(&settings, move || clock.tick(), &mut |it| watcher.take(it, &settings));
    if let Some(error) = watcher.trouble {
        return Err(error);
    }
    match outcome {
        Ok(()) => Ok(Exit::Fine),
        Err(health) => {
            say::tell(&format!("shroff: {}: {health}", settings.device));
            Ok(match health {
                Health::InUse => Exit::Later,
                Health::Denied => Exit::Denied,
                Health::Gone { .. } | Health::Connected => Exit::Io,
            })
        }
    }
}

/// The device that is meant: the one that was named, or the only one there is.
pub(super) fn choose(
    device: Option<&DeviceName>,
    kind: Option<ScannerKind>,
    sysfs: &Sysfs,
) -> anyhow::Result<(DeviceName, ScannerKind)> {
    let all = sysfs.list();
    let Some(device) = device else {
        let found: Vec<&Seen> =
            all.iter().filter(|it| is_scanner(it) && kind.is_none_or(|kind| kind == it.kind)).collect();
        return match found.as_slice() {
            [one] => Ok((name(one, &all, sysfs), one.kind)),
            [] => Err(exit::BadData(
                "no scanner is found; `shroff devices` shows what is there, --device names one".into(),
            )
            .into()),
            several => {
                let names: Vec<String> =
                    several.iter().map(|it| format!("--device {}", name(it, &all, sysfs))).collect();
                Err(exit::BadData(format!("there are several scanners; name one: {}", names.join(", "))).into())
            }
        };
    };
    if let Some(kind) = kind {
        return Ok((device.clone(), kind));
    }
    let is_it = |it: &&Seen| match device {
        DeviceName::Path(path) => std::fs::canonicalize(path).is_ok_and(|node| node == it.node),
        DeviceName::Usb { .. } | DeviceName::Port(_) => it.usb.as_ref().is_some_and(|usb| usb.is(device)),
    };
    let kinds: Vec<ScannerKind> =
        all.iter().filter(is_it).filter(|it| it.mode == Mode::Ready).map(|it| it.kind).collect();
    // The best a device offers: what shows HID POS is meant to be used so.
    let best =
        [ScannerKind::HidPos, ScannerKind::Serial, ScannerKind::Keyboard].into_iter().find(|it| kinds.contains(it));
    let Some(kind) = best else {
        let text =
            format!("{device} is not known; `shroff devices` shows what is there, --kind says how it is connected");
        return Err(exit::BadData(text).into());
    };
    Ok((device.clone(), kind))
}

/// Whether it can be read as a scanner as it is.
pub(super) fn is_scanner(it: &Seen) -> bool {
    it.mode == Mode::Ready && (it.kind == ScannerKind::HidPos || it.usb.as_ref().is_some_and(UsbPiece::is_scanner))
}

fn settings(args: &ScanArgs, sysfs: Sysfs, device: DeviceName, kind: ScannerKind) -> anyhow::Result<Settings> {
    let transport = match kind {
        ScannerKind::Serial => Transport::Serial(SerialSettings {
            baud: args.baud,
            data_bits: if args.bits == 7 { DataBits::Seven } else { DataBits::Eight },
            parity: args.parity,
            handshake: args.handshake,
        }),
        ScannerKind::Keyboard => Transport::Keyboard,
        ScannerKind::HidPos => Transport::HidPos(HidPosSettings { honeywell_switch: args.honeywell }),
    };
    let mut settings = Settings::new(device, transport);
    settings.sysfs = sysfs;
    settings.framing.prefix.clone_from(&args.prefix.0);
    settings.framing.timeout = args.suffix.0 == b"timeout";
    if !settings.framing.timeout {
        settings.framing.suffix = Suffix::new(&args.suffix.0)?;
    }
    Ok(settings)
}

/// Collects what came until it is a scan, or falls silent.
struct Watcher<'a> {
    args: &'a ScanArgs,
    sent: Vec<String>,
    scans: u64,
    trouble: Option<anyhow::Error>,
}

impl Watcher<'_> {
    fn take(&mut self, it: Watched<'_>, settings: &Settings) -> ControlFlow<()> {
        match it {
            Watched::Open(path) => {
                let (kind, device) = (settings.kind(), path.display());
                say::tell(&format!("reading {device} as {kind}; scan something, Ctrl-C ends"));
                ControlFlow::Continue(())
            }
            Watched::Sent(raw) => {
                self.sent.extend(shown(raw, self.args.show));
                ControlFlow::Continue(())
            }
            Watched::Scan(what) => self.tell(verdict(what)),
            Watched::Quiet if self.sent.is_empty() => ControlFlow::Continue(()),
            Watched::Quiet => self.tell(("incomplete", INCOMPLETE.to_owned())),
        }
    }

    fn tell(&mut self, (word, text): (&'static str, String)) -> ControlFlow<()> {
        let sent = std::mem::take(&mut self.sent).join(" ");
        self.scans = self.scans.saturating_add(1);
        let told = if self.args.output.json {
            line(&serde_json::json!({ "sent": sent, "verdict": word, "text": text }))
        } else {
            say::print(&format!("sent     {sent}\nverdict  {word}: {text}\n\n")).map_err(anyhow::Error::from)
        };
        match told {
            Ok(true) if self.args.count.is_none_or(|count| self.scans < count) => ControlFlow::Continue(()),
            Ok(_) => ControlFlow::Break(()),
            Err(error) => {
                self.trouble = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// One document a line: scans come one by one.
fn line(document: &serde_json::Value) -> anyhow::Result<bool> {
    Ok(say::print(&format!("{document}\n"))?)
}

fn verdict(what: &Scanned) -> (&'static str, String) {
    match what {
        Scanned::Code(_) => ("payment-code", "a WeChat Pay payment code; the terminal would charge it".to_owned()),
        Scanned::Other(hint) => (Hint::word(*hint), texts::notice(hint.word(), Language::En)),
    }
}

const INCOMPLETE: &str = "no complete scan: its end did not come (set the scanner's suffix to CR, or try --suffix timeout), a key \
    or character was lost, or its report does not fit";

/// What came, readable, with digits masked unless `show`.
fn shown(raw: Raw<'_>, show: bool) -> Vec<String> {
    match raw {
        Raw::Bytes(bytes) => vec![bytes.iter().map(|byte| character(*byte, show)).collect()],
        Raw::Report(report) => vec![hex(report, show)],
        Raw::Keys(keys) => keys.iter().filter(|(_, value)| *value == 1).map(|(code, _)| key(*code, show)).collect(),
    }
}

fn character(byte: u8, show: bool) -> String {
    match byte {
        b'0'..=b'9' if !show => MASK.to_owned(),
        b'\r' => "<CR>".to_owned(),
        b'\n' => "<LF>".to_owned(),
        b'\t' => "<TAB>".to_owned(),
        0x02 => "<STX>".to_owned(),
        0x03 => "<ETX>".to_owned(),
        0x20..=0x7E => char::from(byte).to_string(),
        other => format!("<{other:02X}>"),
    }
}

/// Bytes of a report; what could be a digit of the data is masked, and the zeros at its end are counted.
fn hex(report: &[u8], show: bool) -> String {
    let used = report.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let byte = |byte: &u8| if byte.is_ascii_digit() && !show { MASK.repeat(2) } else { format!("{byte:02x}") };
    let mut text: Vec<String> = report.iter().take(used).map(byte).collect();
    let zeros = report.len().saturating_sub(used);
    if zeros > 0 {
        text.push(format!("({zeros} x 00)"));
    }
    text.join(" ")
}

fn key(code: u16, show: bool) -> String {
    let name = format!("{:?}", evdev::KeyCode(code));
    let name = name.strip_prefix("KEY_").unwrap_or(&name);
    let digit = name.strip_prefix("KP").unwrap_or(name);
    if !show && digit.len() == 1 && digit.bytes().all(|byte| byte.is_ascii_digit()) {
        MASK.to_owned()
    } else {
        name.to_owned()
    }
}

fn kind(text: &str) -> Result<ScannerKind, String> {
    let found = ScannerKind::ALL.into_iter().find(|kind| kind.word() == text);
    found.ok_or_else(|| "serial, keyboard or hid-pos".to_owned())
}

fn parity(text: &str) -> Result<Parity, String> {
    match text {
        "none" => Ok(Parity::None),
        "even" => Ok(Parity::Even),
        "odd" => Ok(Parity::Odd),
        _ => Err("none, even or odd".to_owned()),
    }
}

fn handshake(text: &str) -> Result<FlowControl, String> {
    match text {
        "none" => Ok(FlowControl::None),
        "rts-cts" => Ok(FlowControl::Hardware),
        "xon-xoff" => Ok(FlowControl::Software),
        _ => Err("none, rts-cts or xon-xoff".to_owned()),
    }
}

/// Reads `\r`, `\n`, `\t`, `\\` and `\x02` as the bytes they stand for.
fn bytes(text: &str) -> Result<Bytes, String> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::new();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, behind) = match rest {
            [b'r', behind @ ..] => (b'\r', behind),
            [b'n', behind @ ..] => (b'\n', behind),
            [b't', behind @ ..] => (b'\t', behind),
            [b'\\', behind @ ..] => (b'\\', behind),
            [b'x', high, low, behind @ ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).map_err(|_| ESCAPES)?;
                (u8::from_str_radix(digits, 16).map_err(|_| ESCAPES)?, behind)
            }
            _ => return Err(ESCAPES.to_owned()),
        };
        bytes.push(byte);
        rest = behind;
    }
    Ok(Bytes(bytes))
}

const ESCAPES: &str = "\\r, \\n, \\t, \\\\ and \\x02 stand for bytes";
const MASK: &str = "#";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_masked_unless_they_are_asked_for() {
        let code = b"]C0134539517967686076\r";
        assert_eq!(shown(Raw::Bytes(code), false), ["]C###################<CR>"]);
        assert_eq!(shown(Raw::Bytes(&code[3..]), true), ["134539517967686076<CR>"]);
        assert_eq!(shown(Raw::Report(&[2, 2, b'1', b'3', 0, 0, 0]), false), ["02 02 ## ## (3 x 00)"]);
        assert_eq!(shown(Raw::Report(&[2, 2, b'1', b'3']), true), ["02 02 31 33"]);
        let keys = [(2, 1), (2, 0), (79, 1), (79, 0), (30, 1), (28, 1)];
        assert_eq!(shown(Raw::Keys(&keys), false), ["#", "#", "A", "ENTER"]);
        assert_eq!(shown(Raw::Keys(&keys), true), ["1", "KP1", "A", "ENTER"]);
    }

    #[test]
    fn escapes_stand_for_bytes() {
        let read = |text: &str| bytes(text).map(|it| it.0);
        assert_eq!(read(r"\x02a\r\n"), Ok(b"\x02a\r\n".to_vec()));
        assert_eq!(read("timeout"), Ok(b"timeout".to_vec()));
        for text in [r"\", r"\q", r"\x2", r"\xzz"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
