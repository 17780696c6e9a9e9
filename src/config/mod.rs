//! The configuration file: what was typed becomes what it means, or a list of everything that is wrong with it.
//!
//! `keys` is the table of all keys, `raw` what was typed, `reader` turns one into the other; `checked`, `gateway`,
//! `policy` and `devices` are what it means. `config.toml.example` documents the same table for people, and a test
//! holds the two together.

mod checked;
mod devices;
mod error;
mod files;
mod gateway;
mod keys;
mod local;
mod notify;
mod origin;
mod policy;
mod raw;
mod reader;
mod secrets;

use std::path::{Path, PathBuf};

pub use checked::{Api, Refund, Tcp, Terminal};
pub use devices::{Display, DisplayKind, Scanner};
pub use error::{ConfigError, ConfigErrors, Problem};
pub use files::Files;
pub use gateway::{
    API_KEY_LENGTH, BaseUrl, ClientIdentity, Gateway, GatewayApi, PlatformKey, SignType, TerminalIp, V2, V3,
};
pub use keys::{KEYS, Key};
pub use local::{Counter, Local};
pub use notify::{Notify, NotifyUrl};
pub use origin::{Origin, Row, rows};
pub use secrets::FileError;

use error::ConfigError as Fault;
use raw::Raw;
use reader::Reader;
use secrets::Secrets;

use crate::payment::Policy;
use crate::words::LaneId;

/// Where the configuration is, unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/etc/shroff/config.toml";

/// The largest configuration file. The example, comments and all, has a tenth of it.
const FILE_MAX: usize = 256 * 1024;

/// The configuration in force: every value in its range, every secret read.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who and where we are.
    pub terminal: Terminal,
    /// Whom we talk to.
    pub gateway: Gateway,
    /// How long we wait.
    pub policy: Policy,
    /// The ledger's file.
    pub ledger_path: PathBuf,
    /// The doors for the POS.
    pub api: Api,
    /// Who may give money back.
    pub refund: Refund,
    /// What WeChat Pay tells by itself.
    pub notify: Notify,
    /// The lanes; at least one, each with its own id.
    pub lanes: Vec<LaneId>,
    /// The scanners, each of one of the lanes.
    pub scanners: Vec<Scanner>,
    /// The displays, each of one of the lanes.
    pub displays: Vec<Display>,
    /// What the files held that it names.
    pub files: Files,
}

impl Config {
    /// Reads the file at `path` and the secrets it names. A relative name of a secret is looked up in `credentials`
    /// (systemd's `$CREDENTIALS_DIRECTORY`) first, then beside the file; other relative paths are beside the file.
    ///
    /// # Errors
    /// Everything that is wrong, in one go. No secret is ever in it.
    pub fn load(path: &Path, credentials: Option<&Path>) -> Result<Self, ConfigErrors> {
        let mut raw = read(path)?;
        let mut errors = std::mem::take(&mut raw.errors);
        let beside = path.parent().unwrap_or(Path::new("."));
        let config = check(&raw, &Secrets::new(beside, credentials), &mut errors);
        match config {
            Some(config) if errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors::new(path, errors)),
        }
    }
}

/// Reads what was typed. Text that is not TOML is an error at once: nothing after it could be trusted.
fn read(path: &Path) -> Result<Raw, ConfigErrors> {
    let refuse = |why: String| ConfigErrors::new(path, vec![Fault::new("", None, Problem::Unreadable(why))]);
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if text.len() > FILE_MAX {
        return Err(refuse(format!("has more than {} KiB, which no configuration has", FILE_MAX / 1024)));
    }
    let mut raw = Raw::parse(&text);
    if raw.errors.iter().any(|error| matches!(error.problem(), Problem::Syntax(_))) {
        return Err(ConfigErrors::new(path, std::mem::take(&mut raw.errors)));
    }
    Ok(raw)
}

/// Reads every section, and every fault of every section, before it gives up.
fn check(raw: &Raw, secrets: &Secrets<'_>, errors: &mut Vec<Fault>) -> Option<Config> {
    let terminal = checked::terminal(&mut Reader::new("terminal", raw.one("terminal"), errors));
    let gateway = gateway::gateway(raw, secrets, errors);
    let v3 = matches!(&gateway, Some(Gateway { api: GatewayApi::V3(_), .. }));
    if v3 && terminal.as_ref().is_some_and(|terminal| terminal.mcc.is_none()) {
        let mut terminal = Reader::new("terminal", raw.one("terminal"), errors);
        terminal.missing("mcc", "the merchant category code, 4 digits: no pay of API v3 goes without it");
    }
    let policy = policy::policy(&mut Reader::new("policy", raw.one("policy"), errors));
    let ledger_path = checked::ledger(&mut Reader::new("ledger", raw.one("ledger"), errors), secrets.beside);
    let api = checked::api(&mut Reader::new("api", raw.one("api"), errors), secrets);
    let supervised = api.as_ref().is_none_or(|api| api.supervisor.is_some());
    let refund = checked::refund(&mut Reader::new("refund", raw.one("refund"), errors), supervised);
    let here = gateway.as_ref().is_some_and(|gateway| gateway.base_url.is_on_this_machine());
    let notify = notify::notify(&mut Reader::new("notify", raw.one("notify"), errors), here);
    let counter = devices::counter(raw, secrets.beside, errors);
    let counter = counter?;
    let files = Files::read(raw, secrets, v3);
    Some(Config {
        terminal: terminal?,
        gateway: gateway?,
        policy: policy?,
        ledger_path: ledger_path?,
        api: api?,
        refund: refund?,
        notify: notify?,
        lanes: counter.lanes,
        scanners: counter.scanners,
        displays: counter.displays,
        files,
    })
}
