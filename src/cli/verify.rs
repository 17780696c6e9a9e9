//! `shroff verify`: the journal's hash chain and the ledger's integrity.

use std::path::Path;

use serde::Serialize;

use super::offline::Books;
use super::{Exit, Json, say};

/// How to report. The ledger is read, so the daemon may be stopped. Exit code 1 when anything is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    output: Json,
}

/// What was read, and what is wrong with it.
#[derive(Serialize)]
struct Document {
    fine: bool,
    lines: u64,
    payments: u64,
    attempts: u64,
    refunds: u64,
    findings: Vec<String>,
}

pub(super) fn run(path: &Path, args: &VerifyArgs) -> anyhow::Result<Exit> {
    let books = Books::open(path)?;
    let all = books.reader.seq()?;
    say::show_for_now("checking the file …");
    let report =
        books.reader.verify(&mut |lines| say::show_for_now(&format!("checked {lines} of {all} journal lines")));
    say::take_back();
    let report = report?;
    let exit = if report.findings.is_empty() { Exit::Fine } else { Exit::Found };
    let document = Document {
        fine: report.findings.is_empty(),
        lines: report.lines,
        payments: report.payments,
        attempts: report.attempts,
        refunds: report.refunds,
        findings: report.findings.iter().map(|finding| say::plain(&finding.to_string())).collect(),
    };
    if args.output.json {
        say::json(&document)?;
        return Ok(exit);
    }
    let Document { lines, payments, attempts, refunds, findings, .. } = document;
    for finding in &findings {
        say::print(&format!("{finding}\n"))?;
    }
    let read =
        format!("{lines} journal lines, {payments} payments, {attempts} attempts and {refunds} refunds were read");
    let verdict = match findings.len() {
        0 => format!("{}: {read}, and all of it is as it was written\n", say::coloured("fine", true)),
        count => format!(
            "{}: {read}, and {count} findings are above; keep the file as it is and call support\n",
            say::coloured("not fine", false)
        ),
    };
    say::print(&verdict)?;
    Ok(exit)
}
