//! A tree such as the kernel shows under `/sys`, made of plain files, and a `/dev` beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Newland's report descriptor: length, 56 bytes of data.
pub(crate) const HID_POS: &[u8] = &[
    0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x12, 0xa1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08,
    0x95, 0x01, 0x05, 0x01, 0x09, 0x3b, 0x81, 0x02, 0x05, 0x8c, 0x95, 0x38, 0x09, 0xfe, 0x82, 0x02, 0x01, 0x95, 0x05,
    0x81, 0x03, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0x09, 0xff, 0x81, 0x02, 0x95, 0x07, 0x81, 0x03, 0xc0, 0xc0,
];
/// A keyboard's.
pub(crate) const KEYBOARD: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95,
    0x08, 0x81, 0x02, 0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00,
    0xc0,
];
/// The keys of a keyboard, as its `capabilities/key` says them.
pub(crate) const ALL_KEYS: &[u8] = b"1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n";

pub(crate) struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("sys/class")).expect("a folder");
        fs::create_dir_all(folder.path().join("dev/input")).expect("a folder");
        Self { folder }
    }

    pub(crate) fn sys(&self) -> PathBuf {
        self.folder.path().join("sys")
    }

    pub(crate) fn dev(&self) -> PathBuf {
        self.folder.path().join("dev")
    }

    pub(crate) fn file(&self, path: &str, content: &[u8]) {
        let path = self.sys().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, content).expect("a file");
    }

    /// Plugs a USB device into `port`.
    pub(crate) fn usb(&self, port: &str, id: (&str, &str), serial: &str) {
        let at = format!("devices/usb1/{port}");
        self.file(&format!("{at}/idVendor"), id.0.as_bytes());
        self.file(&format!("{at}/idProduct"), id.1.as_bytes());
        self.file(&format!("{at}/manufacturer"), b"Lab\n");
        self.file(&format!("{at}/product"), b"Lab scanner\n");
        if !serial.is_empty() {
            self.file(&format!("{at}/serial"), serial.as_bytes());
        }
        let bus = self.sys().join("bus/usb/devices");
        fs::create_dir_all(&bus).expect("folders");
        symlink(self.sys().join(&at), bus.join(port)).expect("a link");
    }

    /// Makes a class device on the USB device in `port`.
    pub(crate) fn class(&self, class: &str, name: &str, port: &str, files: &[(&str, &[u8])]) {
        let device = format!("devices/usb1/{port}/{port}:1.0/{name}-device");
        for (file, content) in files {
            self.file(&format!("{device}/{file}"), content);
        }
        let folder = self.sys().join(&device);
        fs::create_dir_all(&folder).expect("folders");
        let place = self.sys().join("class").join(class).join(name);
        fs::create_dir_all(&place).expect("folders");
        symlink(folder, place.join("device")).expect("a link");
    }

    /// Makes the node `name` lead to `target`.
    pub(crate) fn node(&self, name: &str, target: &Path) {
        symlink(target, self.dev().join(name)).expect("a link");
    }
}
