//! The doors of the daemon: the gateway behind it, the API's sockets in front, systemd beside it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use super::{ServeError, port};
use crate::config::{ClientIdentity, Config, DisplayKind, GatewayApi, TerminalIp};
use crate::dialect::v2::V2;
use crate::dialect::v3::V3;
use crate::dialect::{Dialect, Merchant};
use crate::edge::api::{Api, ApiConfig, TerminalFacts};
use crate::edge::clock::Clock;
use crate::edge::desk::Board;
use crate::edge::dice::Dice;
use crate::edge::display::{Front, PageFront, Picture};
use crate::edge::gateway::{Gateway, GatewayConfig, Identity};

/// The platform's certificates, beside the ledger.
const KEYS_FILE: &str = "platform-certificates.json";
/// Digests of the cashier page's sessions, beside the ledger.
const SESSIONS_FILE: &str = "sessions";
/// The group of POS users, where it exists.
const POS_GROUP: &str = "shroff-pos";

/// The open sockets of the API. Dropping it closes them and removes the Unix one.
pub(super) struct Doors {
    _stop: watch::Sender<bool>,
    socket: PathBuf,
}

impl Drop for Doors {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.socket) {
            info!(%error, "the API's socket was gone already");
        }
    }
}

/// The way to the gateway this configuration names.
pub(crate) fn gateway(config: &Config, clock: Clock) -> Result<Gateway, ServeError> {
    gateway_keeping(config, clock, Some(config.ledger_path.with_file_name(KEYS_FILE)))
}

/// The same, for a look: nothing is kept.
pub(crate) fn gateway_for_a_look(config: &Config, clock: Clock) -> Result<Gateway, ServeError> {
    gateway_keeping(config, clock, None)
}

/// What the merchant proves itself with when it takes money back, in v2.
pub(crate) fn identity(client: ClientIdentity) -> Identity {
    match client {
        ClientIdentity::Pem { cert, key } => Identity::Pem { cert, key },
        ClientIdentity::Pkcs12 { store, password } => Identity::Pkcs12 { store, password },
    }
}

fn gateway_keeping(config: &Config, clock: Clock, keys_file: Option<PathBuf>) -> Result<Gateway, ServeError> {
    let merchant = merchant(config);
    let (dialect, identity, keys_file): (Arc<dyn Dialect>, _, _) = match &config.gateway.api {
        GatewayApi::V2(v2) => {
            let identity = v2.client.clone().map(identity);
            (Arc::new(V2::new(merchant, v2.key.clone(), v2.sign_type)), identity, None)
        }
        GatewayApi::V3(v3) => {
            let mut dialect = V3::new(merchant, Arc::clone(&v3.signer), v3.api_key.clone());
            if let Some(key) = &v3.platform_key {
                dialect = dialect.with_public_key(&key.id, &key.pem)?;
            }
            (Arc::new(dialect), None, keys_file)
        }
    };
    let gateway = GatewayConfig {
        base_url: config.gateway.base_url.to_string(),
        fallback_url: config.gateway.fallback_url.as_ref().map(ToString::to_string),
        extra_roots: config.gateway.extra_roots.clone(),
        identity,
        keys_file,
        policy: config.policy.clone(),
    };
    Ok(Gateway::new(&gateway, dialect, clock, Dice)?)
}

fn merchant(config: &Config) -> Merchant {
    let (terminal, gateway) = (&config.terminal, &config.gateway);
    Merchant {
        appid: gateway.appid.clone(),
        mch_id: gateway.mch_id.clone(),
        sub_mch_id: gateway.sub_mch_id.clone(),
        sub_appid: gateway.sub_appid.clone(),
        terminal: terminal.id.clone(),
        store_id: terminal.store_id.clone().unwrap_or_default(),
        store_name: terminal.store_name.clone(),
        mcc: terminal.mcc.clone().unwrap_or_default(),
        terminal_ip: match gateway.terminal_ip {
            TerminalIp::Fixed(ip) => ip,
            TerminalIp::Auto => own_address(),
        },
        language: terminal.language,
    }
}

/// The address this machine would speak from. Connecting a datagram socket sends nothing; it only asks the routing table.
fn own_address() -> IpAddr {
    let outside = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9));
    let asked = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect(outside)?;
        socket.local_addr()
    });
    asked.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

/// What the API needs of the configuration.
pub(super) fn api_config(config: &Config, front: Front) -> ApiConfig {
    ApiConfig {
        origins: config.api.origins.clone(),
        token: config.api.tcp.as_ref().map(|tcp| tcp.token.clone()),
        supervisor: config.api.supervisor.clone(),
        language: config.terminal.language,
        display_languages: config.terminal.display_languages.clone(),
        currency: config.terminal.currency,
        front,
        lanes: config.lanes.clone(),
        ledger: config.ledger_path.clone(),
        sessions: Some(config.ledger_path.with_file_name(SESSIONS_FILE)),
        facts: TerminalFacts {
            terminal: config.terminal.id.clone(),
            store_name: config.terminal.store_name.clone(),
            currency: config.terminal.currency,
            amount_max: config.terminal.amount_max.minor(),
            operator_max: config.refund.operator_max,
        },
    }
}

/// What the shop itself puts on its displays. A picture that cannot be shown is no reason not to sell.
pub(super) fn front(config: &Config) -> Front {
    let mut front = Front::default();
    let name = config.terminal.store_name.trim();
    front.name = (!name.is_empty()).then(|| name.into());
    for shown in &config.displays {
        let DisplayKind::Page { sound, theme, picture } = &shown.kind else { continue };
        let picture = picture.as_ref().and_then(|path| match Picture::read(path) {
            Ok(picture) => Some(Arc::new(picture)),
            Err(error) => {
                warn!(lane = %shown.lane, path = %path.display(), why = %error, "display.picture is not shown");
                None
            }
        });
        front.pages.insert(shown.lane.clone(), PageFront { mute: !sound, theme: *theme, picture });
    }
    front
}

/// Opens the API's sockets and serves them.
pub(super) async fn open(config: &Config, api: &Api, board: &Arc<watch::Sender<Board>>) -> Result<Doors, ServeError> {
    let (stop, stopped) = watch::channel(false);
    let socket = config.api.socket.clone();
    let unix =
        bind_unix(&socket).map_err(|why| ServeError::Door { what: format!("api.socket {}", socket.display()), why })?;
    let (door, stop_unix) = (api.clone(), stopped.clone());
    tokio::spawn(async move { door.serve_unix(unix, stop_unix).await });
    if let Some(tcp) = &config.api.tcp {
        let door = api.clone();
        port::open("api.listen", tcp.listen, board, stopped.clone(), |listener| async move {
            if let Err(error) = door.serve_tcp(listener, stopped).await {
                warn!(%error, "the API's TCP door closed");
            }
        })
        .await;
    }
    Ok(Doors { _stop: stop, socket })
}

/// Binds the Unix socket with mode 0660, for the group of POS users where there is one. A socket nobody listens on any
/// more is removed; the ledger's lock has already proven that no other daemon of this ledger runs.
fn bind_unix(path: &Path) -> Result<UnixListener, String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        std::fs::DirBuilder::new().recursive(true).create(folder).map_err(|error| error.to_string())?;
        // Whoever may open the socket must be able to walk to it, whatever our umask is.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).map_err(|error| error.to_string())?;
    }
    match path.symlink_metadata() {
        Ok(meta) if meta.file_type().is_socket() => {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err("another program listens there; is another shroff running?".to_owned());
            }
            std::fs::remove_file(path).map_err(|error| error.to_string())?;
        }
        Ok(_) => return Err("something that is no socket stands there; move it away".to_owned()),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(|error| error.to_string())?;
    let has = path.symlink_metadata().map_err(|error| error.to_string())?.gid();
    if let Some(group) = group_id(POS_GROUP).filter(|group| *group != has)
        && let Err(error) = std::os::unix::fs::chown(path, None, Some(group))
    {
        warn!(%error, group = POS_GROUP, "the API's socket stays with the daemon's own group");
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(|error| error.to_string())?;
    Ok(listener)
}

fn group_id(name: &str) -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let line = groups.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// Waits for SIGTERM or SIGINT.
pub(super) async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        warn!("signals cannot be caught; only a kill ends this process, and that is safe");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
