//! `shroff refund`: asks the running daemon to give money back, and follows it for a while.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::api::{Daemon, Refused, Reply, on_tokio};
use super::exit::{BadData, Ended};
use super::follow::{insist, request};
use super::show::unknown;
use super::shown::{Payment, Refund, amount};
use super::{Exit, Json, pay, say};
use crate::config::Local;
use crate::edge::api::RefundRequest;
use crate::edge::clock::Clock;
use crate::words::{Currency, Money, RefundRef, Secret};

/// What to give back, and why. The terminal gives it back once, however often the same --ref is asked for.
///
/// The refund_ref is told before anything is sent, so that a refund whose answer was lost can be asked for again under
/// its name. Ctrl-C leaves, and what was accepted goes on.
///
/// Exit code 0 when the customer has the money or WeChat has accepted the refund, 75 when WeChat has not accepted it yet
/// and the terminal goes on trying, 1 when it failed or needs a person, 77 when it needs the supervisor.
#[derive(Debug, clap::Args)]
pub(super) struct RefundArgs {
    /// The terminal's ref of the payment, or the POS's client_ref
    #[arg(value_name = "REF")]
    name: String,
    /// How much, in major units, such as 12.00; all that is left when left out
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: Option<String>,
    /// Why; the customer reads it in WeChat
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The POS's name of the refund (refund_ref): with the same name the same refund is followed, never a second one
    /// made; drawn afresh when left out
    #[arg(long = "ref", value_name = "REFUND_REF")]
    refund_ref: Option<RefundRef>,
    /// Who asks for it
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// A file with the supervisor's token, for more than refund.operator_max
    #[arg(long, value_name = "FILE")]
    supervisor_token_file: Option<PathBuf>,
    #[command(flatten)]
    output: Json,
}

/// How long a refund is followed: most reach a balance within seconds, and a card takes days.
const FOLLOWED: Duration = Duration::from_secs(20);
/// Seconds a question is held back.
const WAIT: &str = "5";

pub(super) fn run(path: &Path, args: &RefundArgs) -> anyhow::Result<Exit> {
    let local = Local::load(path)?;
    let token = args.supervisor_token_file.as_deref().map(read_token).transpose()?;
    on_tokio(refund(&Daemon::at(&local.socket)?, args, token.as_ref()))
}

async fn refund(daemon: &Daemon, args: &RefundArgs, token: Option<&Secret>) -> anyhow::Result<Exit> {
    let clock = Clock::start();
    let Some(payment) = daemon.find(&args.name).await? else { return Err(unknown().into()) };
    let refund_ref = pay::name_of(args.refund_ref.as_ref())?;
    let body = serde_json::to_vec(&RefundRequest {
        refund_ref: refund_ref.clone(),
        amount: args.amount.as_deref().map(|amount| minor(amount, &payment)).transpose()?,
        reason: args.reason.clone(),
        operator: args.operator.clone(),
    })?;
    let reference = payment.reference.as_str();
    let path = ["v1", "payments", reference, "refunds"];
    let mut interrupts = signal(SignalKind::interrupt()).context("Ctrl-C cannot be caught")?;
    // Before anything is sent: whoever never gets an answer needs the name to ask again.
    say::tell(&format!("asking for the refund {refund_ref} of {reference}"));
    let doubt = || {
        format!(
            "the refund may have been accepted: `shroff show {reference}` tells; the same command with --ref {refund_ref} \
             gives the money back once only"
        )
    };
    let asking =
        request(clock, || daemon.post(&path, body.clone(), token), |reply| Ok((daemon.refund(&reply.body)?, reply)));
    let asked = tokio::select! {
        asked = asking => asked,
        _ = interrupts.recv() => {
            say::tell(&format!("left before an answer; {}", doubt()));
            return Ok(Exit::Later);
        }
    };
    let (refund, reply) = asked.map_err(|failed| {
        let token = args.supervisor_token_file.as_deref();
        let text = failed.refused().and_then(|refused| for_the_cashier(refused, &payment, &refund_ref, token));
        let error = failed.explained(doubt);
        match text {
            Some(text) => Ended { exit: Exit::of(&error), text }.into(),
            None => error,
        }
    })?;
    say::tell(&format!("{refund_ref}: {} of {reference}", refund.total()));
    let followed = tokio::select! {
        followed = follow(daemon, clock, reply) => followed,
        _ = interrupts.recv() => {
            say::tell(&format!("left; {refund_ref} goes on: `shroff show {reference}` says how it ends"));
            return Ok(Exit::Later);
        }
    };
    let reply = followed.with_context(|| {
        format!("lost sight of {refund_ref}, which goes on without us; `shroff show {reference}` says how it ends")
    })?;
    let refund = daemon.refund(&reply.body)?;
    if args.output.json {
        say::json(&reply.body)?;
    } else {
        say::print(&line(&refund))?;
    }
    say::tell(&refund.advice);
    Ok(match refund.state.as_str() {
        "refunded" | "processing" => Exit::Fine,
        "requested" => Exit::Later,
        _ => Exit::Found,
    })
}

/// A refusal in the words of the command line, where the daemon's are for programs: which option and which command help.
///
/// `token`: the file whose token came with the request. The daemon does not say that a token is wrong; but the right
/// one is never told that the supervisor is needed.
fn for_the_cashier(refused: &Refused, payment: &Payment, name: &str, token: Option<&Path>) -> Option<String> {
    let reference = &payment.reference;
    Some(match refused.code.as_str() {
        "supervisor_needed" => {
            let why = if refused.money == "unknown" {
                "the ledger was restored from a backup and may have forgotten a refund of this payment: look for one in \
                 WeChat Pay's statement (shroff reconcile); if there is none, the supervisor may refund it"
            } else {
                "the refund is above refund.operator_max and needs the supervisor"
            };
            match token {
                None => format!("{why}: the same command with --supervisor-token-file FILE"),
                Some(path) => format!(
                    "{why}, and the token in {} is not the supervisor's: name the file of api.supervisor_token_file, or \
                     one with the same token",
                    path.display()
                ),
            }
        }
        "amount_too_large" => {
            format!("at most {} of {reference} is left to refund", amount(refused.left?, &payment.currency))
        }
        "amount_zero" => "the amount is zero; without --amount all that is left is given back".to_owned(),
        "not_final" => format!(
            "it is not certain that {reference} is paid: `shroff cancel {reference}` takes back whatever was taken; or \
             wait for its end and refund it then"
        ),
        "already_refunded" => {
            format!("all of {reference} was given back or is on its way: `shroff show {reference}` says how far it is")
        }
        "ref_conflict" => format!(
            "{name} is a refund with other values: `shroff show {name}` tells which; another refund needs another --ref"
        ),
        _ => return None,
    })
}

/// Waits a while for its end.
async fn follow(daemon: &Daemon, clock: Clock, mut reply: Reply) -> anyhow::Result<Reply> {
    let end = clock.tick().after(FOLLOWED);
    loop {
        let refund = daemon.refund(&reply.body)?;
        if refund.is_final || clock.tick() >= end {
            return Ok(reply);
        }
        let seq = refund.seq.to_string();
        let path = ["v1", "refunds", refund.refund_ref.as_str()];
        let query = [("wait", WAIT), ("after", seq.as_str())];
        reply = insist(clock, || daemon.get(&path, &query, FOLLOWED)).await?;
    }
}

/// One clear line.
fn line(refund: &Refund) -> String {
    let good = matches!(refund.state.as_str(), "refunded" | "processing");
    let words = if refund.state == "refunded" { "refunded".to_owned() } else { format!("not yet: {}", refund.state) };
    let words = if refund.is_final && refund.state != "refunded" { refund.state.clone() } else { words };
    let why = refund.err_code.as_ref().map(|code| format!(" ({})", say::plain(code))).unwrap_or_default();
    let (total, payment, number) = (refund.total(), &refund.payment, &refund.out_refund_no);
    format!("{} {total} of {payment} refund {} {number}{why}\n", say::coloured(&words, good), refund.refund_ref)
}

/// The amount in the payment's own currency.
fn minor(typed: &str, payment: &Payment) -> anyhow::Result<u64> {
    let currency: Currency = payment.currency.parse()?;
    Ok(Money::parse_major(typed, currency)?.minor())
}

fn read_token(path: &Path) -> anyhow::Result<Secret> {
    let bytes = std::fs::read(path).with_context(|| format!("the supervisor's token in {}", path.display()))?;
    let bytes = Zeroizing::new(bytes);
    let token = bytes.trim_ascii();
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return Err(BadData(format!("{} does not hold a token", path.display())).into());
    }
    Ok(Secret::new(token.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refund(state: &str, is_final: bool, code: Option<&str>) -> Refund {
        let value = serde_json::json!({
            "refund_ref": "R-1-1", "ref": "T01-A-1", "out_refund_no": "T01A1F", "amount": 1200, "currency": "HKD",
            "state": state, "final": is_final, "reason": "x", "operator": "", "err_code": code, "advice": "…",
            "created_at": "2026-11-21T03:38:26.000Z", "seq": 3,
        });
        Refund::read(&value).expect("a refund")
    }

    #[test]
    fn the_result_is_one_clear_line() {
        assert_eq!(line(&refund("refunded", true, None)), "refunded HKD 12.00 of T01-A-1 refund R-1-1 T01A1F\n");
        let empty = line(&refund("requested", false, Some("NOTENOUGH")));
        assert_eq!(empty, "not yet: requested HKD 12.00 of T01-A-1 refund R-1-1 T01A1F (NOTENOUGH)\n");
        let failed = line(&refund("failed", true, Some("REFUNDCLOSE")));
        assert_eq!(failed, "failed HKD 12.00 of T01-A-1 refund R-1-1 T01A1F (REFUNDCLOSE)\n");
    }

    #[test]
    fn after_a_restore_the_supervisor_is_told_to_look_first() {
        let value = serde_json::json!({
            "ref": "T01-A-1", "client_ref": "R-1", "lane": "1", "amount": 1007, "currency": "HKD", "state": "paid",
            "money": "taken", "final": true, "attempts": [], "refunded": 0, "cashier": {"text": "…"},
            "next": {"action": "none"}, "acked": true, "created_at": "2026-11-21T03:38:26.000Z",
            "updated_at": "2026-11-21T03:38:26.000Z", "seq": 3,
        });
        let payment = Payment::read(&value).expect("a payment");
        let refused = |money: &str| -> Refused {
            let value = serde_json::json!({
                "status": 403, "code": "supervisor_needed", "title": "t", "detail": "Bearer", "money": money,
            });
            serde_json::from_value(value).expect("a refusal")
        };
        let told = |money, token: Option<&str>| {
            let token = token.map(Path::new);
            for_the_cashier(&refused(money), &payment, "one", token).expect("words of its own")
        };
        let unknown = told("unknown", None);
        assert!(unknown.contains("shroff reconcile") && unknown.contains("--supervisor-token-file FILE"), "{unknown}");
        let wrong = told("unknown", Some("boss"));
        assert!(wrong.contains("shroff reconcile") && wrong.contains("in boss is not the supervisor's"), "{wrong}");
        assert!(!told("taken", None).contains("reconcile"));
    }
}
