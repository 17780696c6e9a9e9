//! systemd beside the daemon: that it is ready, that it lives, and in a line how it is. Without systemd there is nobody
//! to tell, and that is no fault.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::edge::desk::{Board, DeviceView, Role};

/// The line is told at most so often: a scanner that went mad must not keep systemd busy.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// What a device is when nothing is wrong with it.
const CONNECTED: &str = "connected";

/// Tells how far a start has come.
pub(super) fn starting(what: &str) {
    notify(&[NotifyState::Status(what)]);
}

/// Tells that payments can be taken.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
    info!("ready");
}

/// Feeds the watchdog; called by the till's own loop.
pub(super) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// Tells that the configuration is being read again. [`reloaded`] must follow.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "systemd is not told of the reload"),
    }
}

/// Tells that the reload is over, whatever came of it.
pub(super) fn reloaded() {
    notify(&[NotifyState::Ready]);
}

/// Tells that this is the end.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("stopping: no payment is begun any more")]);
}

/// Keeps `systemctl status` in the picture, until the till is gone.
pub(super) async fn keep_status(
    mut board: watch::Receiver<Board>,
    mut scanners: watch::Receiver<Vec<DeviceView>>,
    mut displays: watch::Receiver<Vec<DeviceView>>,
    mut refused: watch::Receiver<Option<String>>,
) {
    let mut told = String::new();
    loop {
        let mut devices = scanners.borrow_and_update().clone();
        devices.extend(displays.borrow_and_update().iter().cloned());
        let now = status(&board.borrow_and_update(), &devices, refused.borrow_and_update().as_deref());
        if now != told {
            notify(&[NotifyState::Status(&now)]);
            told = now;
        }
        tokio::time::sleep(STATUS_EVERY).await;
        let gone = tokio::select! {
            changed = board.changed() => changed.is_err(),
            changed = scanners.changed() => changed.is_err(),
            // Where there are none, nobody will ever tell of one.
            Ok(()) = displays.changed() => false,
            changed = refused.changed() => changed.is_err(),
        };
        if gone {
            return;
        }
    }
}

/// One line: what is open, and all that is wrong.
fn status(board: &Board, devices: &[DeviceView], refused: Option<&str>) -> String {
    if board.out_of_order {
        return "out of order: the ledger failed, nothing is sold".to_owned();
    }
    let open = board.unsettled.saturating_add(board.open_refunds);
    let mut line = match open {
        0 => "selling; nothing is open".to_owned(),
        open => format!("selling; open: {open}"),
    };
    let mut wrong: Vec<String> = devices
        .iter()
        .filter(|device| device.state != CONNECTED)
        .map(|device| {
            let DeviceView { role, kind, device, lane, state, .. } = device;
            let what = match role {
                Role::Scanner => "scanner".to_owned(),
                Role::Display => format!("{kind} display"),
            };
            let blank = if device.is_empty() { "" } else { " " };
            format!("{what}{blank}{device} of lane {lane} is {state}")
        })
        .collect();
    if board.signature_refused {
        wrong.push("WeChat Pay refuses our signature, see `shroff doctor`".to_owned());
    }
    if board.trouble.key_mismatch() {
        wrong.push("replies fail their signature, see `shroff doctor`".to_owned());
    }
    if board.trouble.certificate_refused() {
        wrong.push("reversals are not answered, see `shroff doctor`".to_owned());
    }
    wrong.extend(board.certificate.map(|fault| fault.text().to_owned()));
    if let Some(why) = &board.unreachable {
        wrong.push(format!("the gateway cannot be reached ({why})"));
    }
    if board.wrong_clock || board.clock_off {
        wrong.push("the clock is wrong".to_owned());
    }
    wrong.extend(board.closed_ports.iter().map(|port| format!("{port} cannot be opened")));
    if let Some(why) = refused {
        wrong.push(format!("the last reload was refused: {why}"));
    }
    for it in wrong {
        line.push_str("; ");
        line.push_str(&it);
    }
    // A line end would begin another assignment of the protocol.
    line.replace(char::is_control, " ")
}

fn notify(state: &[NotifyState<'_>]) {
    if is_there()
        && let Err(error) = sd_notify::notify(state)
    {
        warn!(%error, "systemd cannot be told");
    }
}

/// Whether a service manager started this process and wants to hear of it.
pub(super) fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::desk::CertificateFault;

    #[test]
    fn the_line_says_what_is_open_and_all_that_is_wrong_in_one_line() {
        let mut board = Board::default();
        assert_eq!(status(&board, &[], None), "selling; nothing is open");
        let device = |state| DeviceView {
            lane: "1".parse().expect("a lane"),
            role: Role::Scanner,
            kind: "serial",
            device: "1eab/0d10".to_owned(),
            state,
            advice: String::new(),
            scans: 0,
        };
        assert_eq!(status(&board, &[device(CONNECTED)], None), "selling; nothing is open");
        (board.unsettled, board.open_refunds, board.clock_off) = (2, 1, true);
        board.unreachable = Some("no\nroute".to_owned());
        assert_eq!(
            status(&board, &[device("gone")], Some("api.listen needs a restart")),
            "selling; open: 3; scanner 1eab/0d10 of lane 1 is gone; the gateway cannot be reached (no route); \
             the clock is wrong; the last reload was refused: api.listen needs a restart"
        );
        let mut board = Board { signature_refused: true, ..Board::default() };
        board.certificate = Some(CertificateFault::Ended);
        let display =
            DeviceView { role: Role::Display, kind: "vfd", device: "/dev/ttyUSB0".to_owned(), ..device("silent") };
        let console = DeviceView { kind: "console", device: String::new(), ..display.clone() };
        assert_eq!(
            status(&board, &[device(CONNECTED), display, console], None),
            "selling; nothing is open; vfd display /dev/ttyUSB0 of lane 1 is silent; console display of lane 1 is silent; \
             WeChat Pay refuses our signature, see `shroff doctor`; the merchant's certificate has ended"
        );
        board.out_of_order = true;
        assert!(status(&board, &[], None).starts_with("out of order"));
    }
}
