//! Starting the service, where systemd has one.

use std::path::Path;
use std::process::{Command, Stdio};

use super::talk::Talk;
use crate::cli::exit::Ended;
use crate::cli::{Exit, say};
use crate::config::DEFAULT_PATH;

const UNIT: &str = "shroff.service";

/// Starts the service, or starts it anew, and has it start at every boot. True when it runs; false when there is none here,
/// or it was not wanted.
///
/// # Errors
/// When it does not come up.
pub(super) fn start(config: &Path, unwanted: bool, talk: &mut Talk) -> anyhow::Result<bool> {
    // Only the unit's own configuration: a set-up elsewhere is none of its business.
    if unwanted || config != Path::new(DEFAULT_PATH) || !sd_notify::booted().unwrap_or(false) || !run(&["cat", UNIT]) {
        return Ok(false);
    }
    if talk.is_with_a_person() && !talk.confirm("Start the terminal now, and at every boot?")? {
        return Ok(false);
    }
    if run(&["enable", "--quiet", UNIT]) && run(&["restart", UNIT]) {
        say::tell("the terminal runs, and starts at every boot");
        return Ok(true);
    }
    let text = "everything is written, but the terminal does not start; see: journalctl -u shroff -n 20".to_owned();
    Err(Ended { exit: Exit::Unreachable, text }.into())
}

fn run(args: &[&str]) -> bool {
    let status = Command::new("systemctl").args(args).stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
