//! `shroff cashier`: a link that opens the cashier page, signed in.

use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::api::{Daemon, on_tokio};
use super::exit::Ended;
use super::{Exit, Json, say};
use crate::config::Local;
use crate::edge::api::LoginCodeRequest;
use crate::words::LaneId;

/// Whose page to open. Whoever may use the daemon's socket may sign in: the link is good once, for five minutes, and the
/// page is signed in for sixteen hours, or until it signs out.
#[derive(Debug, clap::Args)]
pub(super) struct CashierArgs {
    /// The lane; may be left out where there is one
    #[arg(long, value_name = "LANE")]
    lane: Option<LaneId>,
    #[command(flatten)]
    output: Json,
}

/// The daemon's answer, as far as this command goes by it.
#[derive(Debug, Deserialize)]
struct Minted {
    code: String,
    page: String,
    link: String,
    expires_in_s: u64,
}

pub(super) fn run(path: &Path, args: &CashierArgs) -> anyhow::Result<Exit> {
    let local = Local::load(path)?;
    on_tokio(print_link(&Daemon::at(&local.socket)?, args))
}

async fn print_link(daemon: &Daemon, args: &CashierArgs) -> anyhow::Result<Exit> {
    let body = serde_json::to_vec(&LoginCodeRequest { lane: args.lane.as_ref().map(ToString::to_string) })?;
    let reply = match daemon.post(&["v1", "login", "code"], body, None).await {
        // The daemon is well: its configuration has no door for a browser.
        Err(trouble) if trouble.code() == Some("no_page") => {
            return Err(Ended { exit: Exit::Config, text: trouble.to_string() }.into());
        }
        answered => answered?,
    };
    if args.output.json {
        say::json(&reply.body)?;
        return Ok(Exit::Fine);
    }
    let Minted { code, page, link, expires_in_s } =
        Minted::deserialize(&reply.body).context("the daemon's answer cannot be read; is it of the same version?")?;
    say::print(&format!("{link}\n"))?;
    let minutes = expires_in_s.div_ceil(60);
    say::tell(&format!("open it in a browser on this machine within {minutes} minutes, once"));
    say::tell(&format!("or open {page} and type the code {code}"));
    Ok(Exit::Fine)
}
