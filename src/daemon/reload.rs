//! SIGHUP: the configuration is read again while payments are open. All of what changed is taken over, or nothing is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tracing::{info, warn};

use super::scanners::Scanners;
use super::{send, settings, systemd};
use crate::config::{Config, ConfigErrors, Files, Row, rows};
use crate::edge::desk::Input;

/// Keys that a running daemon takes over. Everything else is a socket, a key, a ledger or a name that open payments hang
/// on, and waits for a restart, which takes a second and loses nothing.
const LIVE: &[&str] = &["terminal.amount_max", "terminal.description", "refund.operator_max"];

/// All keys of this list as well: a scanner is exchanged in the middle of a day.
const LIVE_LIST: &str = "scanner";

/// Where the configuration came from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Its file.
    pub(crate) path: PathBuf,
    /// systemd's `$CREDENTIALS_DIRECTORY`.
    pub(crate) credentials: Option<PathBuf>,
}

impl Source {
    /// The configuration at `path`, with the credentials of this process.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.path, self.credentials.as_deref())
    }

    /// What is in force by it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn rows(&self) -> Result<Vec<Row>, ConfigErrors> {
        rows(&self.path)
    }
}

/// Reads the configuration again whenever it is asked to.
pub(super) struct Reload {
    pub(super) source: Source,
    /// What is in force.
    pub(super) rows: Vec<Row>,
    /// The files it was made of.
    pub(super) files: Files,
    pub(super) scanners: Arc<Scanners>,
    pub(super) inbox: SyncSender<Input>,
    /// Why the last one was refused.
    pub(super) refused: watch::Sender<Option<String>>,
}

impl Reload {
    /// Serves every SIGHUP.
    pub(super) async fn serve(mut self, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            systemd::reloading();
            let outcome = self.once().await;
            match &outcome {
                Ok(changed) if changed.is_empty() => info!("reloaded: nothing has changed"),
                Ok(changed) => info!(keys = changed.join(", "), "reloaded"),
                Err(why) => warn!(%why, "the configuration in force stays"),
            }
            self.refused.send_replace(outcome.err());
            systemd::reloaded();
        }
    }

    /// The keys that changed, or why none did.
    async fn once(&mut self) -> Result<Vec<String>, String> {
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || Ok((source.load()?, source.rows()?)));
        let read = read.await.map_err(|error| error.to_string())?;
        let (config, rows) = read.map_err(|errors: ConfigErrors| errors.to_string())?;
        let changed = changed(&self.rows, &rows);
        let restart: Vec<&str> = changed.iter().map(String::as_str).filter(|key| !is_live(key)).collect();
        if !restart.is_empty() {
            return Err(format!("{} can only change with a restart: systemctl restart shroff", restart.join(", ")));
        }
        let rewritten = self.files.changed(&config.files);
        if !rewritten.is_empty() {
            return Err(format!(
                "{}: its content changed; that needs a restart: systemctl restart shroff",
                rewritten.join(", ")
            ));
        }
        if changed.iter().any(|key| is_scanner(key)) {
            let (scanners, wanted) = (Arc::clone(&self.scanners), config.scanners.clone());
            let replaced = tokio::task::spawn_blocking(move || scanners.replace(&wanted));
            replaced.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        }
        send(&self.inbox, Input::Adopt(Box::new(settings(&config)))).await;
        self.rows = rows;
        Ok(changed)
    }
}

/// The keys whose values differ, or that only one side has.
fn changed(before: &[Row], after: &[Row]) -> Vec<String> {
    let is_in = |row: &Row, rows: &[Row]| rows.iter().any(|other| other.key == row.key && other.value == row.value);
    let mut keys: Vec<String> = before.iter().filter(|row| !is_in(row, after)).map(|row| row.key.clone()).collect();
    for row in after.iter().filter(|row| !is_in(row, before)) {
        if !keys.contains(&row.key) {
            keys.push(row.key.clone());
        }
    }
    keys
}

fn is_live(key: &str) -> bool {
    LIVE.contains(&key) || is_scanner(key)
}

fn is_scanner(key: &str) -> bool {
    key.strip_prefix(LIVE_LIST).is_some_and(|rest| rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn row(key: &str, value: &str) -> Row {
        Row { key: key.to_owned(), value: value.to_owned(), origin: Origin::Default }
    }

    #[test]
    fn what_differs_is_named_once_whichever_side_has_it() {
        let before = [row("api.listen", "\"\""), row("scanner.baud", "9600"), row("scanner.lane", "\"1\"")];
        let after = [row("api.listen", "\"\""), row("scanner.baud", "115200"), row("scanner[2].lane", "\"1\"")];
        assert_eq!(changed(&before, &after), ["scanner.baud", "scanner.lane", "scanner[2].lane"]);
        assert_eq!(changed(&before, &before), [""; 0]);
    }

    #[test]
    fn a_live_key_is_one_that_there_is() {
        for key in LIVE {
            assert!(crate::config::KEYS.iter().any(|it| it.path() == *key), "{key}");
        }
        assert!(is_live("scanner.device") && is_live("scanner[2].kind"));
        for key in ["scanners.device", "gateway.base_url", "api.socket", "policy.pay_timeout", "lane.id"] {
            assert!(!is_live(key), "{key}");
        }
    }
}
