//! What a command needs to talk to the daemon or to read its ledger: no secret is among it.

use std::path::{Path, PathBuf};

use super::checked::{self, Terminal};
use super::devices::{self, Display};
use super::error::ConfigErrors;
use super::reader::Reader;
use crate::words::{Currency, LaneId, Language, Money, TerminalId};

/// The part of the configuration that commands go by. Its files with secrets are not opened, so that it works for a
/// POS user, and beside a service whose secrets only systemd hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The terminal's id.
    pub terminal: TerminalId,
    /// The store's name; may be empty.
    pub store_name: String,
    /// The currency amounts are in.
    pub currency: Currency,
    /// Of texts for the cashier.
    pub language: Language,
    /// The ledger's file.
    pub ledger_path: PathBuf,
    /// The API's Unix socket.
    pub socket: PathBuf,
}

impl Local {
    /// Reads the file at `path`. Keys nobody knows are refused here too: a misspelt `ledger.path` would lead to another
    /// ledger.
    ///
    /// # Errors
    /// Everything that is wrong with what is read of it, in one go.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let mut raw = super::read(path)?;
        let mut errors = std::mem::take(&mut raw.errors);
        let beside = path.parent().unwrap_or(Path::new("."));
        let terminal = checked::terminal(&mut Reader::new("terminal", raw.one("terminal"), &mut errors));
        let ledger_path = checked::ledger(&mut Reader::new("ledger", raw.one("ledger"), &mut errors), beside);
        let socket = checked::socket(&mut Reader::new("api", raw.one("api"), &mut errors), beside);
        match (terminal, ledger_path, socket) {
            (Some(terminal), Some(ledger_path), Some(socket)) if errors.is_empty() => {
                let Terminal { id, store_name, currency, language, .. } = terminal;
                Ok(Self { terminal: id, store_name, currency, language, ledger_path, socket })
            }
            _ => Err(ConfigErrors::new(path, errors)),
        }
    }
}

/// What stands on the counter, for commands that try it: no secret is among it either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The lanes.
    pub lanes: Vec<LaneId>,
    /// The displays, each of one of the lanes.
    pub displays: Vec<Display>,
    /// What customers speak.
    pub display_languages: Vec<Language>,
    /// The largest amount.
    pub amount_max: Money,
}

impl Counter {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// As [`Local::load`].
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let mut raw = super::read(path)?;
        let mut errors = std::mem::take(&mut raw.errors);
        let terminal = checked::terminal(&mut Reader::new("terminal", raw.one("terminal"), &mut errors));
        let beside = path.parent().unwrap_or(Path::new("."));
        let counter = devices::counter(&raw, beside, &mut errors);
        match (terminal, counter) {
            (Some(terminal), Some(counter)) if errors.is_empty() => {
                let Terminal { display_languages, amount_max, .. } = terminal;
                Ok(Self { lanes: counter.lanes, displays: counter.displays, display_languages, amount_max })
            }
            _ => Err(ConfigErrors::new(path, errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Local, ConfigErrors> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).expect("a file");
        Local::load(&path)
    }

    #[test]
    fn a_command_needs_no_merchant_and_no_key() {
        let local = load("[gateway.v2]\nkey_file = \"nowhere.key\"\n[api]\nsocket = \"/run/a.sock\"\n").expect("loads");
        assert_eq!(local.socket, Path::new("/run/a.sock"));
        assert_eq!(local.currency.code(), "HKD");
    }

    #[test]
    fn a_misspelt_key_does_not_lead_to_another_ledger() {
        let errors = load("[ledger]\npaht = \"/tmp/other\"\n").expect_err("misspelt");
        assert!(errors.to_string().contains("did you mean ledger.path"), "{errors}");
    }

    #[test]
    fn what_a_command_goes_by_is_checked_and_the_rest_is_left_to_config_check() {
        let errors = load("[terminal]\ncurrency = \"hkd\"\n[policy]\npay_timeout = 1\n").expect_err("a currency");
        assert_eq!(errors.iter().map(|error| error.key().to_owned()).collect::<Vec<_>>(), ["terminal.currency"]);
    }
}
