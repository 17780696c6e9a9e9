//! `shroff attention`: what a person must look at.

use std::path::Path;

use super::api::{Daemon, on_tokio};
use super::exit::BadData;
use super::offline::Books;
use super::shown::{Payment, amount};
use super::{Exit, Json, say};
use crate::config::Local;
use crate::edge::api::{AttentionList, AttentionView};

/// How to list. The ledger is read, so the daemon may be stopped. Exit code 1 when there is anything.
#[derive(Debug, clap::Args)]
pub(super) struct AttentionArgs {
    /// Takes a refund (by its refund_ref) or a payment (by its ref or client_ref) off the list: somebody has seen how it
    /// ended, and done what was left to do. The running daemon is asked
    #[arg(long, value_name = "NAME")]
    ack: Option<String>,
    #[command(flatten)]
    output: Json,
}

pub(super) fn run(path: &Path, args: &AttentionArgs) -> anyhow::Result<Exit> {
    if let Some(name) = &args.ack {
        let local = Local::load(path)?;
        return on_tokio(acknowledge(&Daemon::at(&local.socket)?, name));
    }
    let books = Books::open(path)?;
    let attention = AttentionView::all(&books.reader, books.language)?;
    let exit = if attention.is_empty() { Exit::Fine } else { Exit::Found };
    if args.output.json {
        say::json(&AttentionList { attention })?;
        return Ok(exit);
    }
    if attention.is_empty() {
        say::tell("nothing needs a person");
        return Ok(exit);
    }
    let lines = attention.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    say::print(&say::table(["REASON", "REF", "CLIENT_REF", "AMOUNT", "STATE", "MONEY", "WHAT TO DO"], lines))?;
    Ok(exit)
}

async fn acknowledge(daemon: &Daemon, name: &str) -> anyhow::Result<Exit> {
    let found = match daemon.post(&["v1", "refunds", name, "ack"], Vec::new(), None).await {
        Ok(_) => {
            say::tell("the refund is off the list");
            return Ok(Exit::Fine);
        }
        Err(trouble) if trouble.code() == Some("not_found") => daemon.find(name).await?,
        Err(trouble) => return Err(trouble.into()),
    };
    let Some(payment) = found else {
        return Err(BadData("no refund has this refund_ref, and no payment this ref or client_ref".to_owned()).into());
    };
    daemon.post(&["v1", "payments", &payment.reference, "ack"], Vec::new(), None).await?;
    say::tell(&format!("{} is off the list", payment.reference));
    Ok(Exit::Fine)
}

fn line(view: &AttentionView) -> serde_json::Result<[String; 7]> {
    let payment = Payment::of(&view.payment)?;
    let total = payment.total();
    let Payment { reference, client_ref, state, money, currency, .. } = payment;
    let reason = view.reason.to_owned();
    Ok(match &view.refund {
        None => [reason, reference, client_ref, total, state, money, view.advice.clone()],
        Some(refund) => {
            let advice = format!("refund {}: {}", refund.refund_ref, view.advice);
            let total = amount(refund.amount, &currency);
            [reason, reference, client_ref, total, refund.state.to_owned(), money, advice]
        }
    })
}
