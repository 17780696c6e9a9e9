//! `shroff cancel`: asks the running daemon to cancel a payment.

use std::path::Path;

use super::api::{Daemon, on_tokio};
use super::exit::BadData;
use super::show::unknown;
use super::{Exit, Json, say};
use crate::config::Local;

/// Which payment to cancel.
#[derive(Debug, clap::Args)]
pub(super) struct CancelArgs {
    /// The terminal's ref of the payment, or the POS's client_ref
    #[arg(value_name = "REF")]
    name: String,
    #[command(flatten)]
    output: Json,
}

pub(super) fn run(path: &Path, args: &CancelArgs) -> anyhow::Result<Exit> {
    let local = Local::load(path)?;
    on_tokio(cancel(&Daemon::at(&local.socket)?, args))
}

async fn cancel(daemon: &Daemon, args: &CancelArgs) -> anyhow::Result<Exit> {
    let Some(found) = daemon.find(&args.name).await? else { return Err(unknown().into()) };
    let reply = match daemon.post(&["v1", "payments", &found.reference, "cancel"], Vec::new(), None).await {
        Ok(reply) => reply,
        Err(trouble) if trouble.code() == Some("already_final") => {
            let now = daemon.find(&found.reference).await?.unwrap_or(found);
            let text = format!("{} is final already: {} {}", now.reference, now.state, now.total());
            return Err(BadData(format!("{text}; nothing is left to cancel")).into());
        }
        Err(trouble) => return Err(trouble.into()),
    };
    if args.output.json {
        say::json(&reply.body)?;
        return Ok(Exit::Fine);
    }
    let payment = daemon.payment(&reply.body)?;
    let (reference, state) = (&payment.reference, &payment.state);
    let text = if reply.status == 202 {
        format!("{reference} is being cancelled ({state}): it becomes reversed, or paid if the money was faster\n")
    } else {
        format!("{reference} {state}: {}\n", payment.cashier.text)
    };
    say::print(&text)?;
    if reply.status == 202 {
        say::tell(&format!("`shroff show {reference}` says how it ended"));
    }
    Ok(Exit::Fine)
}
