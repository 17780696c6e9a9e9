//! `shroff restore`: a backup takes the ledger's place. What it does not know is named, never forgotten silently.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::api::on_tokio;
use super::exit::{BadData, Ended};
use super::shown::shop_time;
use super::{Exit, Json, say};
use crate::config::{Config, Local};
use crate::edge::clock::Clock;
use crate::edge::gateway::Known;
use crate::ledger::{LedgerError, Lost, Restore, Restored, Stray, There};
use crate::words::Money;

/// What to restore. The daemon must be stopped. What is in the ledger's place is kept beside it under another name. New
/// payments get numbers that the lost part cannot have used, and what was open when the backup was made is asked about
/// first when the daemon starts.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Restore although the ledger that is there knows more than the backup
    #[arg(long)]
    go_back: bool,
    /// Do not ask the gateway for orders made after the backup
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: Json,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    restored: bool,
    /// `nothing`, `older`, `same`, `newer`, `other`, `unreadable`: what was in the ledger's place.
    there: &'static str,
    /// The last moment that the restored ledger knows.
    known_to: Option<String>,
    /// Where the replaced ledger is kept.
    kept: Option<String>,
    /// Payments that were open when the backup was made.
    open: u64,
    /// Payments that the restored ledger does not know as they were.
    lost: Vec<LostView>,
    /// How many order numbers after the backup's last WeChat Pay was asked about; none when it was not asked.
    numbers_asked: Option<u64>,
    /// Those of them that it knows.
    strays: Option<Vec<StrayView>>,
    advice: Vec<String>,
}

#[derive(Serialize)]
struct StrayView {
    out_trade_no: String,
    /// `charged`, `not_charged`, `unsure`.
    known: &'static str,
}

#[derive(Serialize)]
struct LostView {
    #[serde(rename = "ref")]
    reference: String,
    client_ref: String,
    amount: Option<u64>,
    currency: Option<&'static str>,
    state: String,
    money: String,
    out_trade_no: Option<String>,
}

pub(super) fn run(path: &Path, args: &RestoreArgs) -> anyhow::Result<Exit> {
    crate::daemon::harden();
    let local = Local::load(path)?;
    let mut restore = Restore::look(&local.ledger_path, &args.file).map_err(|error| stop_first(error, &args.file))?;
    say::show_for_now("reading the backup …");
    let report = restore.verify(&mut |lines| say::show_for_now(&format!("read {lines} journal lines of the backup")));
    say::take_back();
    if let Some(finding) = report?.findings.first() {
        let text = format!("{} cannot be restored: {finding}; use another backup", args.file.display());
        return Err(BadData(text).into());
    }
    let there = word(&restore.there);
    let known_to = (restore.standing.seq > 0).then(|| restore.standing.written.to_string());
    if there == "same" && !args.go_back && !restore.is_unfinished() {
        let advice = vec!["the ledger knows all that the backup knows, and nothing more; nothing was done".to_owned()];
        return told(
            args,
            &Document {
                restored: false,
                there,
                known_to,
                kept: None,
                open: 0,
                lost: vec![],
                numbers_asked: None,
                strays: None,
                advice,
            },
        );
    }
    let lost: Vec<LostView> = restore.lost.iter().map(view).collect();
    let open = restore.open;
    let more = matches!(there, "newer" | "other");
    if !args.go_back && (more || !lost.is_empty()) {
        return Err(knows_more(args, &restore).into());
    }
    let unreadable = match &restore.there {
        There::Unreadable(error) => Some(error.to_string()),
        There::Nothing | There::Newer { .. } | There::Other(_) => None,
    };
    let asked = if args.offline { None } else { ask(path, &restore) };
    restore.strays = asked.as_ref().map(|asked| asked.strays.clone()).unwrap_or_default();
    let advice = advice(known_to.as_deref(), unreadable.as_deref(), open, &restore.lost, asked.as_ref());
    let mark = crate::daemon::new_mark();
    let Restored { kept, .. } = restore
        .finish(&mark, Clock::start().wall(), &mut |_| Ok(()))
        .context("the restore was not finished; run it again with the same backup")?;
    let kept = kept.map(|kept| kept.display().to_string());
    told(
        args,
        &Document {
            restored: true,
            there,
            known_to,
            kept,
            open,
            lost,
            numbers_asked: asked.as_ref().map(|asked| asked.numbers),
            strays: asked.map(|asked| asked.strays.iter().map(stray).collect()),
            advice,
        },
    )
}

/// Numbers in a row that nobody knows, after which there are no more: payments and refunds take numbers too.
const UNKNOWN_MAX: u64 = 40;
/// Numbers that are asked about at most: a busy day of a till.
const ASKED_MAX: u64 = 2_000;
/// Questions in a row without an answer, after which the rest is not waited for.
const UNSURE_MAX: u64 = 5;

/// What WeChat Pay said of the numbers after the backup's last.
struct Asked {
    strays: Vec<Stray>,
    numbers: u64,
    /// Asked until [`UNKNOWN_MAX`] numbers in a row were unknown.
    to_the_end: bool,
}

impl Asked {
    /// Orders it certainly knows.
    fn known(&self) -> usize {
        self.strays.iter().filter(|stray| stray.known != UNSURE).count()
    }
}

/// What is said of a number that got no clear answer.
const UNSURE: &str = "unsure";

/// Asks WeChat Pay for the orders that the lost ledger may have made after the backup: their numbers follow one another.
/// None when it cannot be asked.
fn ask(path: &Path, restore: &Restore) -> Option<Asked> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let config = Config::load(path, credentials.as_deref()).ok()?;
    let gateway = crate::daemon::gateway_for_a_look(&config, Clock::start()).ok()?;
    let (terminal, currency) = (&config.terminal.id, config.terminal.currency);
    let named: Vec<&str> = restore.lost.iter().filter_map(|lost| lost.out_trade_no.as_deref()).collect();
    let asked = on_tokio(async {
        let mut asked = Asked { strays: Vec::new(), numbers: 0, to_the_end: false };
        let (mut unknown, mut unsure) = (0_u64, 0_u64);
        for nth in 1..=ASKED_MAX {
            let Some(number) = restore.number_after(terminal, nth) else { break };
            say::show_for_now(&format!("asking WeChat Pay for {number} …"));
            let known = gateway.knows(&number, currency).await;
            asked.numbers = nth;
            unsure = if matches!(known, Known::Unsure) { unsure.saturating_add(1) } else { 0 };
            let known = match known {
                Known::Absent => {
                    unknown = unknown.saturating_add(1);
                    asked.to_the_end = unknown >= UNKNOWN_MAX;
                    if asked.to_the_end {
                        break;
                    }
                    continue;
                }
                Known::Charged => "charged",
                Known::NotCharged => "not_charged",
                // Silence to the first question is no network; later it is one order of which nothing is known.
                Known::Unsure if nth == 1 => return Ok(None),
                Known::Unsure => UNSURE,
            };
            unknown = 0;
            if !named.contains(&number.as_str()) {
                asked.strays.push(Stray { out_trade_no: number.to_string(), known });
            }
            if unsure >= UNSURE_MAX {
                break;
            }
        }
        Ok(Some(asked))
    });
    say::take_back();
    asked.ok().flatten()
}

fn stray(stray: &Stray) -> StrayView {
    StrayView { out_trade_no: stray.out_trade_no.clone(), known: stray.known }
}

fn word(there: &There) -> &'static str {
    match there {
        There::Nothing => "nothing",
        There::Newer { lines: 0, .. } => "same",
        There::Newer { .. } => "newer",
        There::Other(_) => "other",
        There::Unreadable(_) => "unreadable",
    }
}

fn view(lost: &Lost) -> LostView {
    LostView {
        reference: lost.reference.clone(),
        client_ref: lost.client_ref.clone(),
        amount: lost.amount.map(Money::minor),
        currency: lost.amount.map(|amount| amount.currency().code()),
        state: lost.state.clone(),
        money: lost.money.clone(),
        out_trade_no: lost.out_trade_no.clone(),
    }
}

/// The lock says that another has it; here that is a reason to stop it first.
fn stop_first(error: LedgerError, file: &Path) -> anyhow::Error {
    if matches!(error, LedgerError::Locked(_)) {
        let text = format!("{error}; stop the daemon, and then restore");
        return Ended { exit: Exit::Later, text }.into();
    }
    if matches!(&error, LedgerError::Missing(path) if path == file) {
        return BadData(format!("there is no {}", file.display())).into();
    }
    if matches!(error, LedgerError::Damaged(_) | LedgerError::Sqlite(_)) {
        return BadData(format!("{} is no backup that can be read: {error}", file.display())).into();
    }
    error.into()
}

/// The refusal: what would be lost, by name.
fn knows_more(args: &RestoreArgs, restore: &Restore) -> Ended {
    let what = match &restore.there {
        There::Newer { standing, lines } => format!(
            "the ledger that is there goes on from the backup with {lines} more journal lines, the last of {} UTC+8",
            shop_time(&standing.written.to_string())
        ),
        There::Other(standing) => format!(
            "the ledger that is there is another one, or went another way since the backup; its last line is of {} UTC+8",
            shop_time(&standing.written.to_string())
        ),
        There::Nothing | There::Unreadable(_) => "the ledger that is there is damaged, and knows more".to_owned(),
    };
    let mut text =
        format!("{what}; going back to {} would forget {} payments", args.file.display(), restore.lost.len());
    for lost in restore.lost.iter().take(SHOWN_MAX) {
        text.push_str(&format!("\n  {}", line(lost)));
    }
    if restore.lost.len() > SHOWN_MAX {
        text.push_str(&format!("\n  and {} more", restore.lost.len().saturating_sub(SHOWN_MAX)));
    }
    text.push_str(
        "\nif `shroff verify` finds nothing wrong, keep the ledger that is there; else: shroff restore --go-back",
    );
    Ended { exit: Exit::Found, text }
}

/// Lost payments that a refusal names.
const SHOWN_MAX: usize = 20;

fn line(lost: &Lost) -> String {
    let Lost { reference, client_ref, state, money, .. } = lost;
    let amount = lost.amount.map_or_else(|| "an unknown amount".to_owned(), |amount| amount.to_string());
    let number = lost.out_trade_no.as_ref().map(|number| format!(", out_trade_no {number}")).unwrap_or_default();
    let known = if lost.known { ", known to the backup in an earlier state" } else { "" };
    say::plain(&format!("{reference} {amount} client_ref {client_ref}: {state}, money {money}{number}{known}"))
}

/// What the shop has to do now.
fn advice(
    known_to: Option<&str>,
    unreadable: Option<&str>,
    open: u64,
    lost: &[Lost],
    asked: Option<&Asked>,
) -> Vec<String> {
    let mut advice = Vec::new();
    let since = known_to.map_or_else(|| "its beginning".to_owned(), |at| format!("{} UTC+8", shop_time(at)));
    if let Some(why) = unreadable {
        advice.push(format!(
            "the ledger that was there could not be read to its end ({why}): more may be lost than is named"
        ));
    }
    advice.push(format!(
        "what was sold, refunded or cancelled after {since} is not in this ledger: reconcile every day from then on \
         (shroff statement, shroff reconcile), and let the POS repeat nothing of that time"
    ));
    if !lost.is_empty() {
        advice.push(
            "the payments named above stand in the journal as `lost`; WeChat Pay's statement says what became of each"
                .to_owned(),
        );
    }
    match asked {
        None => advice.push("WeChat Pay was not asked for orders made after the backup".to_owned()),
        Some(asked @ Asked { numbers, .. }) if asked.strays.is_empty() => advice.push(format!(
            "of the {numbers} numbers that orders after the backup would have had first, WeChat Pay knows none but those \
             that are named"
        )),
        Some(asked @ Asked { numbers, .. }) => advice.push(format!(
            "{} of the {numbers} numbers that orders after the backup would have had first are known to WeChat Pay and to \
             nobody here: find each in the statement by its number",
            asked.known()
        )),
    }
    if let Some(unsure) =
        asked.map(|asked| asked.strays.len().saturating_sub(asked.known())).filter(|unsure| *unsure > 0)
    {
        advice.push(format!("{unsure} of them got no clear answer: look for each in the statement by its number"));
    }
    if asked.is_some_and(|asked| !asked.to_the_end) {
        advice.push(
            "there may be more of them: WeChat Pay stopped answering, or they are too many to ask about; the statement \
             has them all"
                .to_owned(),
        );
    }
    if open > 0 {
        advice.push(format!(
            "{open} payments were open when the backup was made; the daemon asks about each when it starts, but a code \
             that was scanned after the backup is not known: compare them with the statement"
        ));
    }
    advice.push("programs that follow GET /v1/events must begin anew and list the payments".to_owned());
    advice
}

fn told(args: &RestoreArgs, document: &Document) -> anyhow::Result<Exit> {
    if args.output.json {
        say::json(document)?;
        return Ok(Exit::Fine);
    }
    let mut text = String::new();
    if document.restored {
        text.push_str(&format!("the ledger is restored from {}\n", say::plain(&args.file.display().to_string())));
        if let Some(kept) = &document.kept {
            text.push_str(&format!("what was there is kept as {}\n", say::plain(kept)));
        }
    }
    for lost in &document.lost {
        let LostView { reference, client_ref, state, money, out_trade_no, .. } = lost;
        let number = out_trade_no.as_ref().map(|number| format!(", out_trade_no {number}")).unwrap_or_default();
        text.push_str(&say::plain(&format!(
            "lost: {reference} client_ref {client_ref}: {state}, money {money}{number}"
        )));
        text.push('\n');
    }
    for StrayView { out_trade_no, known } in document.strays.iter().flatten() {
        let what = if *known == UNSURE { "perhaps known" } else { "known" };
        text.push_str(&format!("not here, and {what} to WeChat Pay: out_trade_no {out_trade_no}: {known}\n"));
    }
    say::print(&text)?;
    for advice in &document.advice {
        say::tell(&format!("shroff: {advice}"));
    }
    Ok(Exit::Fine)
}
