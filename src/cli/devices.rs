//! `shroff devices`: what is plugged in, what it is, and the lines that name it in the configuration.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::Access;
use serde::Serialize;

use super::{Exit, Json, say};
use crate::edge::scanner::{DeviceName, Mode, ScannerKind, Seen, Sysfs, UsbPiece};

/// How to list. Nothing is opened and no configuration is needed. Exit code 1 when nothing can be read as it is.
#[derive(Debug, clap::Args)]
pub(super) struct DevicesArgs {
    #[command(flatten)]
    output: Json,
    /// Where the kernel shows its devices
    #[arg(long, value_name = "FOLDER", default_value = "/sys", hide = true)]
    sys: std::path::PathBuf,
    /// Where their nodes are
    #[arg(long, value_name = "FOLDER", default_value = "/dev", hide = true)]
    dev: std::path::PathBuf,
}

/// What is said of a device.
#[derive(Debug, Serialize)]
struct Found {
    kind: &'static str,
    name: String,
    node: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<String>,
    /// What `device` says in the configuration; absent when it cannot be read as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// Its maker makes scanners.
    scanner: bool,
    /// A serial line with anything at its end: a customer display, perhaps.
    display: bool,
    /// Who may read it: `owner:group mode`.
    access: String,
    /// Whether whoever asks may read it.
    readable: bool,
    /// What is missing, and what to do about it.
    advice: Vec<String>,
}

pub(super) fn run(args: &DevicesArgs) -> anyhow::Result<Exit> {
    let (found, unused) = look(&Sysfs::at(&args.sys, &args.dev));
    let usable = found.iter().any(|it| it.device.is_some() && it.scanner);
    if args.output.json {
        say::json(&serde_json::json!({ "devices": found, "without_driver": unused }))?;
    } else {
        say::print(&text(&found, &unused))?;
        if !usable {
            say::tell(NOTHING);
        }
    }
    Ok(if usable { Exit::Fine } else { Exit::Found })
}

fn look(sysfs: &Sysfs) -> (Vec<Found>, Vec<String>) {
    let seen = sysfs.list();
    let found = seen.iter().map(|one| Found::of(one, &seen, sysfs)).collect();
    (found, sysfs.unused(&seen).iter().map(unused).collect())
}

/// What is plugged in, as `--json` has it.
pub(super) fn document() -> serde_json::Value {
    let (found, unused) = look(&Sysfs::default());
    serde_json::json!({ "devices": found, "without_driver": unused })
}

/// The name that leads to this device and to no other that is plugged in: the model where it is alone, so that a
/// spare one of the same model takes its place; else the piece; else the port it is plugged into; else a path, for a
/// device that shows itself twice.
pub(super) fn name(one: &Seen, all: &[Seen], sysfs: &Sysfs) -> DeviceName {
    let path = || DeviceName::Path(sysfs.stable_link(&one.node).unwrap_or_else(|| one.node.clone()));
    let Some(usb) = &one.usb else { return path() };
    let alone = |name: &DeviceName| {
        let same = |other: &&Seen| {
            other.kind == one.kind && other.mode == one.mode && other.usb.as_ref().is_some_and(|usb| usb.is(name))
        };
        all.iter().filter(same).count() == 1
    };
    let model = DeviceName::Usb { vendor: usb.vendor, product: usb.product, serial: None };
    let piece = DeviceName::Usb { vendor: usb.vendor, product: usb.product, serial: usb.serial.clone() };
    let port = DeviceName::Port(usb.port.clone());
    [model, piece, port].into_iter().find(alone).unwrap_or_else(path)
}

impl Found {
    fn of(one: &Seen, all: &[Seen], sysfs: &Sysfs) -> Self {
        let usb = one.usb.as_ref();
        let scanner =
            one.mode == Mode::Ready && (one.kind == ScannerKind::HidPos || usb.is_some_and(UsbPiece::is_scanner));
        let (access, readable) = access(&one.node);
        let mut advice = Vec::new();
        match one.mode {
            Mode::Ready if one.kind == ScannerKind::Keyboard && scanner => advice.push(WEDGE.to_owned()),
            Mode::Ready => {}
            Mode::KeyboardBeside => advice.push(KEYBOARD_BESIDE.to_owned()),
            Mode::NoPos => advice.push(NO_POS.to_owned()),
        }
        if one.mode == Mode::Ready && !scanner {
            let why = match (one.kind, usb) {
                (ScannerKind::Keyboard, _) => NOT_KNOWN_KEYBOARD,
                (_, None) => BOARD,
                (_, Some(_)) => NOT_KNOWN,
            };
            advice.push(why.to_owned());
        }
        if one.mode == Mode::Ready && scanner && !access.contains(":shroff ") {
            advice.push(format!("the daemon's group shroff may not read {}: {RULES}", one.node.display()));
        }
        Self {
            kind: one.kind.word(),
            name: one.name.clone(),
            node: one.node.display().to_string(),
            vendor: usb.map(|usb| format!("{:04x}", usb.vendor)),
            product: usb.map(|usb| format!("{:04x}", usb.product)),
            serial: usb.and_then(|usb| usb.serial.clone()),
            port: usb.map(|usb| usb.port.clone()).filter(|port| !port.is_empty()),
            device: (one.mode == Mode::Ready).then(|| name(one, all, sysfs).to_string()),
            scanner,
            display: one.mode == Mode::Ready && one.kind == ScannerKind::Serial && !scanner,
            access,
            readable,
            advice,
        }
    }

    fn text(&self) -> String {
        let Self { kind, name, node, access, .. } = self;
        let name = if name.is_empty() { "a device without a name" } else { name.as_str() };
        let mut lines = vec![format!("# {name}")];
        let numbers =
            self.vendor.as_ref().zip(self.product.as_ref()).map(|(vendor, product)| format!("{vendor}:{product}"));
        let serial = self.serial.as_ref().map(|serial| format!("serial number {serial}"));
        let port = self.port.as_ref().map(|port| format!("port usb:{port}"));
        let facts: Vec<String> = [numbers, serial, port].into_iter().flatten().collect();
        if !facts.is_empty() {
            lines.push(format!("#   {}", facts.join(", ")));
        }
        let you = if self.readable { "you may read it" } else { "you may not read it" };
        lines.push(format!("#   {node}, {access}, {you}"));
        lines.extend(self.advice.iter().map(|advice| format!("#   {advice}")));
        if let Some(device) = &self.device {
            // What may be the cashier's own keyboard is not to be pasted without a look.
            let mark = if self.scanner { "" } else { "#" };
            lines.push(format!("{mark}[[scanner]]"));
            lines.push(format!("{mark}lane = \"1\""));
            lines.push(format!("{mark}kind = \"{kind}\""));
            let device = serde_json::Value::from(device.as_str());
            lines.push(format!("{mark}device = {device}"));
            if self.display {
                lines.push("# or, if a customer display hangs on it:".to_owned());
                lines.extend(["#[[display]]", "#lane = \"1\"", "#kind = \"vfd\""].map(str::to_owned));
                lines.push(format!("#device = {device}"));
            }
        }
        lines.join("\n")
    }
}

fn text(found: &[Found], unused: &[String]) -> String {
    let mut blocks: Vec<String> = found.iter().filter(|it| it.scanner).map(Found::text).collect();
    blocks.extend(found.iter().filter(|it| !it.scanner).map(Found::text));
    blocks.extend(unused.iter().map(|line| format!("# {line}")));
    if blocks.is_empty() { String::new() } else { blocks.join("\n\n") + "\n" }
}

fn unused(usb: &UsbPiece) -> String {
    let UsbPiece { vendor, product, port, model, .. } = usb;
    format!(
        "{} ({vendor:04x}:{product:04x}, port usb:{port}) comes from a maker of scanners, and no driver took it as a \
         scanner: set it to USB HID POS or USB serial (CDC-ACM) with the codes in its manual, and load the drivers \
         (udev/shroff-modules.conf)",
        if model.is_empty() { "a USB device" } else { model }
    )
}

/// Who may read `node`, and whether we may.
fn access(node: &Path) -> (String, bool) {
    let readable = rustix::fs::access(node, Access::READ_OK | Access::WRITE_OK).is_ok();
    let Ok(meta) = fs::metadata(node) else { return ("not there".to_owned(), readable) };
    let owner = named("/etc/passwd", meta.uid());
    let group = named("/etc/group", meta.gid());
    (format!("{owner}:{group} {:03o}", meta.mode() & 0o777), readable)
}

/// The name of a number in a file such as `/etc/group`; the number when it has none there.
fn named(file: &str, id: u32) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let id = id.to_string();
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    name.unwrap_or(id)
}

const NOTHING: &str = "nothing here can be read as a scanner; plug it in, and if it is, set it to USB HID POS or USB serial \
    with the codes in its manual";
const RULES: &str = "install the udev rules (udev/README.md) and plug it in again";
const WEDGE: &str = "in keyboard mode, the last resort; set it to USB HID POS, or else to USB serial, with the codes in its \
    manual";
const KEYBOARD_BESIDE: &str = "the other side of a keyboard; a scanner here is in keyboard mode: set it to USB HID POS with \
    the code in its manual, or use its kind = \"keyboard\" entry";
const NO_POS: &str = "no scanner in USB HID POS mode";
const BOARD: &str =
    "a serial port of the computer itself; paste what is connected there, a scanner or a customer display";
const NOT_KNOWN: &str = "not known as a scanner; paste what hangs on it, a scanner or a customer display";
const NOT_KNOWN_KEYBOARD: &str =
    "most likely the cashier's own keyboard: as a scanner it would stop typing. Paste it only if it is a scanner";
