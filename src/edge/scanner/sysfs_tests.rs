use super::*;

/// Shared with the tests of the commands.
#[allow(dead_code, unreachable_pub, reason = "the commands' tests use the rest of it")]
#[path = "../../../tests/it/support/sysfs.rs"]
mod tree;

use tree::{ALL_KEYS, HID_POS, KEYBOARD, Tree};

fn sysfs(tree: &Tree) -> Sysfs {
    Sysfs::at(tree.sys(), "/dev")
}

fn named(text: &str) -> DeviceName {
    text.parse().expect("a name")
}

#[test]
fn what_is_plugged_in_is_told_by_kind_and_by_mode() {
    let tree = Tree::new();
    tree.usb("1-1", ("1eab", "0d10"), "NL1");
    tree.class("hidraw", "hidraw10", "1-1", &[("report_descriptor", HID_POS), ("uevent", b"HID_NAME=Newland FM420\n")]);
    tree.usb("1-2.3", ("0c2e", "0b81"), "");
    tree.class("hidraw", "hidraw2", "1-2.3", &[("report_descriptor", KEYBOARD), ("uevent", b"HID_NAME=Keys\n")]);
    tree.class("input", "event4", "1-2.3", &[("capabilities/key", ALL_KEYS), ("name", b"Lab keyboard\n")]);
    tree.class("input", "mouse0", "1-2.3", &[("name", b"Mouse")]);
    tree.class("input", "event1", "1-2.3", &[("capabilities/key", b"100000 0 0 0\n"), ("name", b"Power Button\n")]);
    tree.usb("1-3", ("05f9", "4204"), "ACM");
    tree.class("tty", "ttyACM0", "1-3", &[]);
    tree.file("class/tty/tty1/uevent", b"");
    tree.class("tty", "ttyS3", "1-3", &[]);
    tree.file("class/tty/ttyS3/type", b"0\n");
    let seen: Vec<_> =
        sysfs(&tree).list().iter().map(|it| (it.kind, it.node.clone(), it.name.clone(), it.mode)).collect();
    let expected = [
        (ScannerKind::Serial, "/dev/ttyACM0", "Lab scanner", Mode::Ready),
        (ScannerKind::Keyboard, "/dev/input/event4", "Lab keyboard", Mode::Ready),
        (ScannerKind::HidPos, "/dev/hidraw2", "Keys", Mode::KeyboardBeside),
        (ScannerKind::HidPos, "/dev/hidraw10", "Newland FM420", Mode::Ready),
    ];
    assert_eq!(seen, expected.map(|(kind, node, name, mode)| (kind, PathBuf::from(node), name.to_owned(), mode)));
}

#[test]
fn a_device_is_found_by_numbers_by_serial_number_and_by_port() {
    let tree = Tree::new();
    for (port, serial, node) in [("1-1", "A", "ttyACM0"), ("1-2", "B", "ttyACM1"), ("1-4", "", "ttyACM2")] {
        tree.usb(port, ("05f9", "4204"), serial);
        tree.class("tty", node, port, &[]);
    }
    let find = |name: &str| sysfs(&tree).find(ScannerKind::Serial, &named(name));
    assert_eq!(find("05f9/4204/B"), Ok("/dev/ttyACM1".into()));
    assert_eq!(find("usb:1-4"), Ok("/dev/ttyACM2".into()));
    assert_eq!(find("05f9/4204/C"), Err(NotFound::Absent));
    assert_eq!(find("usb:1-3"), Err(NotFound::Absent));
    let all = ["/dev/ttyACM0", "/dev/ttyACM1", "/dev/ttyACM2"].map(PathBuf::from).to_vec();
    assert_eq!(find("05f9/4204"), Err(NotFound::Several(all)));
    assert_eq!(sysfs(&tree).find(ScannerKind::HidPos, &named("05f9/4204")), Err(NotFound::Absent));
}

#[test]
fn a_scanner_in_keyboard_mode_is_not_taken_for_a_hid_pos_one() {
    let tree = Tree::new();
    tree.usb("1-1", ("0c2e", "0b81"), "");
    tree.class("hidraw", "hidraw0", "1-1", &[("report_descriptor", KEYBOARD)]);
    let find = || sysfs(&tree).find(ScannerKind::HidPos, &named("0c2e/0b81"));
    assert_eq!(find(), Err(NotFound::OtherMode));
    tree.class("hidraw", "hidraw1", "1-1", &[("report_descriptor", HID_POS)]);
    assert_eq!(find(), Ok("/dev/hidraw1".into()), "the other node of the same device");
}

#[test]
fn a_hid_device_without_a_usb_port_is_known_by_its_numbers() {
    let tree = Tree::new();
    let place = "devices/virtual/uhid/0003:0C2E:0B87.0001";
    tree.file(&format!("{place}/report_descriptor"), HID_POS);
    tree.file(&format!("{place}/uevent"), b"HID_ID=0003:00000C2E:00000B87\nHID_NAME=Lab\nHID_UNIQ=LAB1\n");
    let class = tree.sys().join("class/hidraw/hidraw0");
    fs::create_dir_all(&class).expect("folders");
    std::os::unix::fs::symlink(tree.sys().join(place), class.join("device")).expect("a link");
    let find = |name: &str| sysfs(&tree).find(ScannerKind::HidPos, &named(name));
    assert_eq!(find("0c2e/0b87/LAB1"), Ok("/dev/hidraw0".into()));
    assert_eq!(find("0c2e/0b87/LAB2"), Err(NotFound::Absent));
}

#[test]
fn a_machine_without_anything_lists_nothing() {
    assert_eq!(Sysfs::at("/nowhere", "/dev").list(), Vec::new());
}
