//! `shroff attention`: what a person must look at.

use std::path::Path;

use super::offline::Books;
use super::shown::Payment;
use super::{Exit, Json, say};
use crate::edge::api::{AttentionList, AttentionView};

/// How to list. The ledger is read, so the daemon may be stopped. Exit code 1 when there is anything.
#[derive(Debug, clap::Args)]
pub(super) struct AttentionArgs {
    #[command(flatten)]
    output: Json,
}

pub(super) fn run(path: &Path, args: &AttentionArgs) -> anyhow::Result<Exit> {
    let books = Books::open(path)?;
    let rows = books.reader.attention()?;
    let attention: Vec<AttentionView> = rows.iter().map(|row| AttentionView::of(row, books.language)).collect();
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

fn line(view: &AttentionView) -> serde_json::Result<[String; 7]> {
    let payment = Payment::of(&view.payment)?;
    let total = payment.total();
    let Payment { reference, client_ref, state, money, .. } = payment;
    Ok([view.reason.to_owned(), reference, client_ref, total, state, money, view.advice.to_owned()])
}
