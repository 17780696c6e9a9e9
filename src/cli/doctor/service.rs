//! The daemon itself, and the service it is run by.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use super::line::Line;
use super::{Running, secret_files};
use crate::cli::Exit;
use crate::cli::api::{Daemon, Trouble, on_tokio};
use crate::config::{Config, Local};

/// The unit's name.
const UNIT: &str = "shroff.service";

/// What `/readyz` says.
#[derive(Deserialize)]
struct Readiness {
    status: String,
    problems: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    code: String,
    detail: String,
    lane: Option<String>,
}

/// Whether a daemon answers, and what it says is wrong.
pub(super) fn daemon(local: &Local, lines: &mut Vec<Line>) -> Option<Running> {
    let socket = local.socket.display();
    let daemon = Daemon::at(&local.socket).ok()?;
    let answer = on_tokio(async { Ok(daemon.text(&["readyz"]).await) }).ok()?;
    let answer = answer.and_then(|(_, text)| {
        let strange = |why: String| Trouble::Strange { socket: socket.to_string(), why };
        serde_json::from_str::<Readiness>(&text).map_err(|error| strange(error.to_string()))
    });
    match answer {
        Err(Trouble::Denied { .. }) => {
            let text = format!("a daemon may run, but this user may not ask it at {socket}");
            let fix = "run the doctor as root, as the service's user, or as a member of the group shroff-pos";
            lines.push(Line::failure("daemon", Exit::Denied, text, fix));
            None
        }
        Err(Trouble::Unreachable { why, .. }) => {
            let text = format!("not running: {socket}, {why}");
            lines.push(Line::warning("daemon", text, "start it: systemctl start shroff, or shroff serve"));
            None
        }
        Err(other) => {
            let fix = "see its log: journalctl -u shroff -n 50";
            lines.push(Line::failure("daemon", Exit::Unreachable, other.to_string(), fix));
            None
        }
        Ok(Readiness { status, problems }) => {
            if problems.is_empty() {
                lines.push(Line::ok("daemon", format!("runs and answers at {socket}: {status}")));
            }
            for Wrong { code, detail, lane } in problems {
                let lane = lane.map(|lane| format!(", lane {lane}")).unwrap_or_default();
                let text = format!("{status}: {code}{lane}");
                lines.push(if status == "out_of_order" {
                    Line::failure("daemon", Exit::Found, text, detail)
                } else {
                    Line::warning("daemon", text, detail)
                });
            }
            Some(Running { daemon })
        }
    }
}

/// How long the notifications' own door may take to open.
const DOOR: Duration = Duration::from_secs(2);

/// Where WeChat Pay tells how refunds end, if it is asked to.
pub(super) fn notifications(config: &Config, running: bool, lines: &mut Vec<Line>) {
    let Some(url) = &config.notify.url else { return };
    let Some(listen) = config.notify.listen else {
        lines.push(Line::ok("notifications", format!("go to {url}, and are taken elsewhere")));
        return;
    };
    lines.push(match TcpStream::connect_timeout(&listen, DOOR) {
        Ok(_) => Line::ok("notifications", format!("go to {url}, and are taken at {listen}")),
        Err(_) if !running => Line::ok("notifications", format!("go to {url}; {listen} is open while the daemon runs")),
        Err(error) => {
            let text = format!("the daemon does not take them at {listen} ({})", error.kind());
            Line::warning(
                "notifications",
                text,
                "restart the daemon: it read an older configuration; nothing is lost meanwhile",
            )
        }
    });
}

/// What is asked of the unit, and how the sandbox of ours answers.
const SANDBOX: [(&str, &str); 6] = [
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("PrivateTmp", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("DevicePolicy", "closed"),
    ("LimitCORE", "0"),
];

/// The unit: whether systemd has it, how it runs, and whether its sandbox and its credentials are what they should be.
pub(super) fn unit(unit: Option<&Properties>, config: &Path, credentials: Option<&Path>, lines: &mut Vec<Line>) {
    let Some(unit) = unit else {
        lines.push(Line::ok("service", "systemd is not there, or does not know the unit: nothing to look at"));
        return;
    };
    let get = |name: &str| unit.get(name).map(String::as_str).unwrap_or_default();
    match get("LoadState") {
        "loaded" => {}
        "masked" => {
            lines.push(Line::failure("service", Exit::Found, "shroff.service is masked", "systemctl unmask shroff"));
            return;
        }
        _ => {
            lines.push(Line::ok("service", "systemd has no shroff.service: the daemon is started in another way"));
            return;
        }
    }
    let restarts: u64 = get("NRestarts").parse().unwrap_or_default();
    let (active, sub, result) = (get("ActiveState"), get("SubState"), get("Result"));
    let state = format!("{active} ({sub}), {}", get("UnitFileState"));
    lines.push(match active {
        "active" | "reloading" => Line::ok("service", format!("shroff.service is {state}")),
        "failed" => {
            let text = format!("shroff.service has failed ({result})");
            Line::failure(
                "service",
                Exit::Found,
                text,
                "see why: journalctl -u shroff -n 50; then systemctl restart shroff",
            )
        }
        "activating" => {
            let text = format!("shroff.service is starting, or starts again and again ({sub})");
            Line::warning("service", text, "see why: journalctl -u shroff -n 50")
        }
        _ => Line::warning("service", format!("shroff.service is {state}"), "systemctl enable --now shroff"),
    });
    if restarts > 0 {
        let text = format!("systemd has started the daemon again {restarts} times since it was first started");
        lines.push(Line::warning("service", text, "see why: journalctl -u shroff -p warning"));
    }
    if !matches!(get("WatchdogUSec"), "" | "0" | "infinity") {
        lines.push(Line::ok("watchdog", format!("a till that hangs is started anew after {}", get("WatchdogUSec"))));
    } else {
        let fix = "set WatchdogSec=5s in the unit, as in systemd/shroff.service";
        lines.push(Line::warning("watchdog", "off: a till that hangs is not noticed", fix));
    }
    let loose: Vec<String> = SANDBOX
        .iter()
        .filter(|(name, wanted)| get(name) != *wanted)
        .map(|(name, wanted)| format!("{name}={} (not {wanted})", get(name)))
        .collect();
    lines.push(if loose.is_empty() {
        Line::ok("sandbox", "the unit's sandbox is closed")
    } else {
        let fix = "use the unit that comes with shroff; see overrides: systemctl cat shroff";
        Line::warning("sandbox", format!("open at {}", loose.join(", ")), fix)
    });
    lines.push(loaded(get("LoadCredential"), get("LoadCredentialEncrypted"), config, credentials));
}

/// Each secret file that is named without a folder should be a credential: root's alone on disk, and the service's only
/// while it runs.
fn loaded(plain: &str, encrypted: &str, config: &Path, credentials: Option<&Path>) -> Line {
    let given: Vec<&str> = [plain, encrypted]
        .iter()
        .flat_map(|list| list.split([' ', ';']))
        .filter_map(|it| it.split(':').next())
        .collect();
    // A folder is handed out as one credential a file.
    let is_given = |file: &str| {
        given.iter().any(|name| file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    };
    let lacking: Vec<String> = secret_files(config)
        .into_iter()
        .filter(|file| {
            let beside = config.parent().unwrap_or(Path::new(".")).join(file);
            !is_given(file) && !credentials.is_some_and(|folder| folder.join(file).exists()) && !beside.exists()
        })
        .collect();
    if lacking.is_empty() {
        let count = given.iter().filter(|name| !name.is_empty()).count();
        return Line::ok("credentials", format!("{count} handed out by systemd, and every other file is in its place"));
    }
    let text = format!("neither a credential of the unit nor beside the configuration: {}", lacking.join(", "));
    let fix = "systemctl edit shroff, and under [Service] LoadCredential=NAME:/etc/shroff/NAME for each";
    Line::failure("credentials", Exit::Config, text, fix)
}

/// Who runs the daemon, and so keeps the ledger: whom the unit runs as, and where there is none, whoever reads the keys.
pub(super) struct Keeper {
    pub(super) name: Option<String>,
    pub(super) uid: Option<u32>,
    /// Folders below /var/lib that systemd gives to it at each start.
    given: Vec<String>,
}

impl Keeper {
    /// By what systemd says of the unit; `reads_keys`: this user does.
    pub(super) fn of(unit: Option<&Properties>, reads_keys: bool) -> Self {
        let get = |name: &str| unit.and_then(|unit| unit.get(name)).map(String::as_str).unwrap_or_default();
        let is_there = get("LoadState") == "loaded";
        let name = Some(get("User")).filter(|name| is_there && !name.is_empty()).map(str::to_owned);
        let me = rustix::process::geteuid();
        let uid = match &name {
            Some(name) => uid(name),
            None => (reads_keys && !is_there && !me.is_root()).then(|| me.as_raw()),
        };
        Self { name, uid, given: get("StateDirectory").split_whitespace().map(str::to_owned).collect() }
    }

    /// Whether systemd makes this folder, and makes it the service's, at each start.
    pub(super) fn is_given(&self, folder: &Path) -> bool {
        folder.strip_prefix("/var/lib").is_ok_and(|rest| self.given.iter().any(|it| Path::new(it) == rest))
    }
}

/// A user's number. A system user is in the file, whatever other directories of people there are.
fn uid(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let user = users.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name));
    user.and_then(|mut fields| fields.nth(2)?.parse().ok())
}

/// What systemd says of the unit.
pub(super) type Properties = BTreeMap<String, String>;

/// Asks systemd. None where there is none.
pub(super) fn properties(systemctl: &Path) -> Option<Properties> {
    let mut names =
        vec!["LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "NRestarts", "WatchdogUSec"];
    names.extend(["LoadCredential", "LoadCredentialEncrypted", "User", "StateDirectory"]);
    names.extend(SANDBOX.map(|(name, _)| name));
    let output = Command::new(systemctl)
        .arg("show")
        .arg(UNIT)
        .arg(format!("--property={}", names.join(",")))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
