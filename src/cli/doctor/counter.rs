//! What stands on the counter: scanners and displays.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use rustix::fs::Access;
use serde::Deserialize;

use super::Running;
use super::line::Line;
use crate::cli::Exit;
use crate::cli::api::on_tokio;
use crate::config::{Config, DisplayKind, Scanner};
use crate::edge::display::Picture;
use crate::edge::display::glass::Settings as Glass;
use crate::edge::scanner::{DeviceName, Health, probe};
use crate::words::LaneId;

/// How long LCDd may take to accept.
const LCDD: Duration = Duration::from_secs(2);

/// A scanner, as the daemon tells of it.
#[derive(Deserialize)]
struct Told {
    lane: String,
    device: String,
    state: String,
    #[serde(default)]
    advice: String,
}

/// Each scanner: the daemon has it, or it can be opened.
pub(super) fn scanners(config: &Config, daemon: Option<&Running>, lines: &mut Vec<Line>) {
    if config.scanners.is_empty() {
        lines.push(Line::ok("scanner", "none is configured: payment codes come with the payment, as auth_code"));
        return;
    }
    let told = daemon.and_then(told);
    for scanner in &config.scanners {
        let name = format!("{} {} of lane {}", scanner.settings.kind(), scanner.settings.device, scanner.lane);
        lines.push(match &told {
            Some(told) => by_the_daemon(&name, scanner, told),
            None => by_ourselves(&name, scanner),
        });
    }
}

fn told(running: &Running) -> Option<BTreeMap<(String, String), Told>> {
    let reply =
        on_tokio(async { Ok(running.daemon.get(&["v1", "devices"], &[], crate::cli::api::PATIENCE).await?) }).ok()?;
    let devices = Vec::<Told>::deserialize(reply.body.get("devices")?).ok()?;
    Some(devices.into_iter().map(|it| ((it.lane.clone(), it.device.clone()), it)).collect())
}

fn by_the_daemon(name: &str, scanner: &Scanner, told: &BTreeMap<(String, String), Told>) -> Line {
    let key = (scanner.lane.to_string(), scanner.settings.device.to_string());
    let Some(told) = told.get(&key) else {
        let text = format!("{name}: the running daemon does not know it");
        return Line::failure("scanner", Exit::Found, text, "restart the daemon: it read an older configuration");
    };
    let fix = |otherwise: &str| if told.advice.is_empty() { otherwise.to_owned() } else { told.advice.clone() };
    match told.state.as_str() {
        "connected" => Line::ok("scanner", format!("{name}: connected, and the daemon reads it")),
        "denied" => Line::failure("scanner", Exit::Denied, format!("{name}: the daemon may not open it"), fix(RULES)),
        state => Line::failure("scanner", Exit::Found, format!("{name}: {state}"), fix("plug it in again")),
    }
}

const RULES: &str = "install shroff's udev rules and plug the scanner in again";

/// Opened as the daemon would open it, grabbed and closed again.
fn by_ourselves(name: &str, scanner: &Scanner) -> Line {
    match probe(&scanner.settings) {
        Ok(path) => Line::ok("scanner", format!("{name}: {} can be opened and taken", path.display())),
        Err(why @ Health::Denied) => {
            Line::failure("scanner", Exit::Denied, format!("{name}: may not be opened by this user"), why.to_string())
        }
        Err(why @ Health::InUse) => Line::failure("scanner", Exit::Found, format!("{name}: in use"), why.to_string()),
        Err(why @ (Health::Gone { .. } | Health::Connected)) => {
            let fix = "plug it in, and see `shroff devices` for what is there and how it is named";
            Line::failure("scanner", Exit::Found, format!("{name}: {why}"), fix)
        }
    }
}

/// Each display, as far as it can be told without writing on it.
pub(super) fn displays(config: &Config, lines: &mut Vec<Line>) {
    if config.displays.is_empty() {
        lines.push(Line::ok("display", "none is configured: the customer sees the amount on the cashier's side only"));
    }
    for display in &config.displays {
        let lane = &display.lane;
        lines.push(match &display.kind {
            DisplayKind::Page { picture, .. } => page(config, lane, picture.as_deref()),
            DisplayKind::Glass(Glass::Console) => Line::ok("display", format!("lane {lane}: the daemon's own stdout")),
            DisplayKind::Glass(Glass::Vfd { device, .. }) => port(lane.as_str(), device),
            DisplayKind::Glass(Glass::Lcdproc { address }) => match TcpStream::connect_timeout(address, LCDD) {
                Ok(_) => Line::ok("display", format!("lane {lane}: LCDd listens at {address}")),
                Err(error) => Line::failure(
                    "display",
                    Exit::Found,
                    format!("lane {lane}: nobody listens at {address} ({})", error.kind()),
                    "start LCDd: systemctl enable --now LCDd",
                ),
            },
        });
    }
}

fn page(config: &Config, lane: &LaneId, picture: Option<&Path>) -> Line {
    let Some(tcp) = &config.api.tcp else {
        let text = format!("lane {lane}: a page, and api.listen is not set, so that no browser reaches it");
        let fix = "set api.listen = \"127.0.0.1:8750\" and api.token_file";
        return Line::failure("display", Exit::Config, text, fix);
    };
    if let Some(Err(error)) = picture.map(Picture::read) {
        let text = format!("lane {lane}: its picture is not shown: {error}");
        return Line::warning("display", text, "put a picture there that can be shown, or leave display.picture out");
    }
    Line::ok("display", format!("lane {lane}: the page http://{}/display/{lane}", tcp.listen))
}

fn port(lane: &str, device: &DeviceName) -> Line {
    let DeviceName::Path(path) = device else {
        return Line::ok("display", format!("lane {lane}: {device}, found by the daemon when it is plugged in"));
    };
    let shown = path.display();
    if !path.exists() {
        let fix = "plug it in; /dev/serial/by-id/ lists the serial ports that are there";
        return Line::failure("display", Exit::Found, format!("lane {lane}: there is no {shown}"), fix);
    }
    if rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK).is_err() {
        let text = format!("lane {lane}: {shown} may not be written by this user");
        return Line::failure("display", Exit::Denied, text, "install shroff's udev rules and plug it in again");
    }
    Line::ok("display", format!("lane {lane}: {shown} is there and may be written"))
}
