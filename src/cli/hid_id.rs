//! `shroff-hid-id`: tells udev which hidraw node is a HID POS scanner, by its report descriptor.
//!
//! A maker's number alone would also open the node of a scanner in keyboard mode to the group, and with it everything
//! that is typed. The precedent is systemd's `fido_id`.

use std::path::PathBuf;

use anyhow::Context as _;

use super::{Exit, say};
use crate::scan::HidKind;

/// The helper of `udev/70-shroff.rules`; also called by the name `shroff-hid-id`.
#[derive(Debug, clap::Args)]
pub(super) struct HidIdArgs {
    /// The hidraw device under /sys
    device: PathBuf,
}

pub(super) fn run(args: &HidIdArgs) -> anyhow::Result<Exit> {
    let path = args.device.join("device/report_descriptor");
    let descriptor = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let properties = match HidKind::of(&descriptor) {
        Ok(HidKind::Scanner(layout)) => {
            let keyboard = if layout.types() { KEYBOARD } else { "" };
            format!("ID_POS_SCANNER=1\nID_POS_SCANNER_DATA={}\n{keyboard}", layout.data_max())
        }
        Ok(HidKind::Keyboard) => KEYBOARD.to_owned(),
        Ok(HidKind::Other(_)) | Err(_) => String::new(),
    };
    say::print(&properties)?;
    Ok(Exit::Fine)
}

const KEYBOARD: &str = "ID_POS_KEYBOARD=1\n";
