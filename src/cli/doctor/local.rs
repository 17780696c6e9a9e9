//! The configuration, line by line.

use std::path::Path;

use super::line::Line;
use crate::cli::Exit;
use crate::config::{Config, FileError, GatewayApi, Problem};

/// Reads the configuration and its secrets, and says everything that is wrong with it.
pub(super) fn config(path: &Path, credentials: Option<&Path>, lines: &mut Vec<Line>) -> Option<Config> {
    let config = match Config::load(path, credentials) {
        Ok(config) => config,
        Err(errors) => {
            for error in errors.iter() {
                let (exit, fix) = cure(error.problem(), path);
                lines.push(Line::failure("config", exit, format!("{}: {error}", path.display()), fix));
            }
            return None;
        }
    };
    let api = match &config.gateway.api {
        GatewayApi::V2(_) => "v2",
        GatewayApi::V3(_) => "v3",
    };
    let (terminal, gateway) = (&config.terminal, &config.gateway);
    let text = format!(
        "{}: terminal {}, merchant {}, {}, API {api} at {}; {} lanes, {} scanners, {} displays",
        path.display(),
        terminal.id,
        gateway.mch_id,
        terminal.currency,
        gateway.base_url,
        config.lanes.len(),
        config.scanners.len(),
        config.displays.len()
    );
    lines.push(Line::ok("config", text));
    if super::is_simulator(&config) {
        let text = "gateway.base_url is a simulator on this machine: no money moves";
        lines.push(Line::warning(
            "config",
            text,
            "for real sales set gateway.base_url = \"https://apihk.mch.weixin.qq.com\"",
        ));
    }
    if terminal.mcc.is_none() {
        let text = "terminal.mcc is not set, and WeChat Pay asks for it outside the mainland";
        lines.push(Line::warning(
            "config",
            text,
            "set terminal.mcc to the merchant category code of the contract, 4 digits",
        ));
    }
    Some(config)
}

fn cure(problem: &Problem, path: &Path) -> (Exit, String) {
    let path = path.display();
    match problem {
        Problem::File(FileError::Unreadable { .. }) => (
            Exit::Denied,
            "run the doctor as root or as the service's user: sudo -u shroff shroff doctor; else chown shroff the file"
                .to_owned(),
        ),
        Problem::File(FileError::ReadableByOthers { path, .. }) => {
            (Exit::Denied, format!("chmod 600 {}", path.display()))
        }
        Problem::File(FileError::NotFound(_)) => {
            (Exit::Config, "put the file there, or name the right one; under systemd by LoadCredential=".to_owned())
        }
        Problem::File(_) => (Exit::Config, "put the right file in its place".to_owned()),
        Problem::Unreadable(why) if why.to_lowercase().contains("permission") => {
            (Exit::Denied, "run the doctor as root or as the service's user: sudo -u shroff shroff doctor".to_owned())
        }
        Problem::Unreadable(_) => (
            Exit::Config,
            format!("copy config.toml.example to {path} and fill it in; another place is named by --config"),
        ),
        Problem::Unknown { .. }
        | Problem::Missing { .. }
        | Problem::Refused { .. }
        | Problem::Clash(_)
        | Problem::Syntax(_) => (Exit::Config, format!("edit {path}, then: shroff config check")),
    }
}
