//! `shroff pay`: asks the running daemon for a payment and follows it to its end.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use anyhow::Context as _;
use zeroize::Zeroizing;

use super::api::{Daemon, on_tokio};
use super::exit::BadData;
use super::follow::{Follower, Told};
use super::shown::Payment;
use super::{Exit, Json, say};
use crate::config::Local;
use crate::edge::api::PaymentRequest;
use crate::edge::dice::Dice;
use crate::words::{AuthCode, ClientRef, LaneId, Money};

/// What to take, from whom. Ctrl-C asks to cancel and goes on to the end; a second one leaves, and the payment goes on.
///
/// The result is acknowledged once it has been printed: whoever ran this has seen it. A result that could not be
/// printed is not acknowledged, and `shroff attention` lists what was paid.
#[derive(Debug, clap::Args)]
pub(super) struct PayArgs {
    /// The amount in major units, such as 88.00, in the currency of the configuration
    #[arg(allow_hyphen_values = true)]
    amount: String,
    /// The POS's name of the payment (client_ref): with the same name the same payment is followed, never a second
    /// one taken; drawn afresh when left out
    #[arg(long = "ref", value_name = "REF")]
    client_ref: Option<ClientRef>,
    /// The customer's payment code, or - to read it from stdin; without it the lane's scanner is waited for. Prefer -:
    /// other users of this machine can read a command line
    #[arg(long, value_name = "CODE")]
    code: Option<Code>,
    /// The lane; may be left out where there is one
    #[arg(long, value_name = "LANE")]
    lane: Option<LaneId>,
    #[command(flatten)]
    output: Json,
}

/// What was typed for a code. It takes any text: an error of the command line would repeat what it does not take.
#[derive(Clone)]
struct Code(Zeroizing<String>);

impl std::str::FromStr for Code {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(..)")
    }
}

/// Bytes that are read for a code: a line longer than this is none.
const LINE_MAX: u64 = 256;
/// Letters of a client_ref that is drawn: 80 bits, so that no two terminals draw the same.
const DRAWN: usize = 16;

pub(super) fn run(path: &Path, args: &PayArgs) -> anyhow::Result<Exit> {
    let local = Local::load(path)?;
    let amount = Money::parse_major(&args.amount, local.currency)?;
    let code = args.code.as_ref().map(read_code).transpose()?;
    let client_ref = name_of(args.client_ref.as_ref())?;
    let body = Zeroizing::new(serde_json::to_vec(&PaymentRequest {
        client_ref: client_ref.clone(),
        amount: amount.minor(),
        lane: args.lane.as_ref().map(ToString::to_string),
        auth_code: code.as_ref().map(|code| code.expose().to_owned()),
        ..PaymentRequest::default()
    })?);
    let daemon = Daemon::at(&local.socket)?;
    on_tokio(take(&daemon, &body, &client_ref, amount, args.output))
}

async fn take(daemon: &Daemon, body: &[u8], client_ref: &str, amount: Money, output: Json) -> anyhow::Result<Exit> {
    let mut follower = Follower::new(daemon).context("Ctrl-C cannot be caught")?;
    // Before anything is sent: whoever never gets an answer needs the name to ask again.
    say::tell(&format!("asking for {amount}, client_ref {client_ref}"));
    let doubt = || {
        format!(
            "the payment may have been accepted: `shroff show {client_ref}` tells; the same command with --ref {client_ref} \
             takes the money once only"
        )
    };
    let Some(told) = follower.begin(body).await.map_err(|failed| failed.explained(doubt))? else {
        say::tell(&format!("left before an answer; {}", doubt()));
        return Ok(Exit::Later);
    };
    let reference = told.payment.reference.clone();
    say::tell(&format!("{reference}: {} on lane {}, client_ref {client_ref}", told.payment.total(), told.payment.lane));
    let lost =
        || format!("lost sight of {reference}, which goes on without us; `shroff show {reference}` says how it ends");
    let Some(told) = follower.follow(told).await.with_context(lost)? else {
        say::tell(&format!("left; the payment goes on: `shroff show {reference}` says how it ends"));
        return Ok(Exit::Later);
    };
    let seen = print(&told, output)?;
    if !seen {
        say::tell("nobody read the result, so it is not acknowledged");
    } else if !told.payment.acked
        && let Err(trouble) = follower.acknowledge(&told.payment).await
    {
        say::tell(&format!("the result stands, but could not be acknowledged: {trouble}"));
    }
    Ok(if is_paid(&told.payment) { Exit::Fine } else { Exit::Found })
}

/// Says the result. False when nobody read it.
fn print(told: &Told, output: Json) -> anyhow::Result<bool> {
    if output.json { say::json(&told.body) } else { Ok(say::print(&result(&told.payment))?) }
}

/// One clear line.
fn result(payment: &Payment) -> String {
    let paid = is_paid(payment);
    let words = if paid { "paid".to_owned() } else { format!("not paid: {}", payment.state) };
    let mut line = format!("{} {} {}", say::coloured(&words, paid), payment.total(), payment.reference);
    if let Some(id) = payment.transaction_id.as_ref().filter(|_| paid) {
        line.push_str(&format!(" transaction {id}"));
    }
    let why = payment.why();
    if !paid && !why.is_empty() {
        line.push_str(&format!(" ({why})"));
    }
    line.push('\n');
    line
}

fn is_paid(payment: &Payment) -> bool {
    payment.state == "paid"
}

/// The name of a request: the one that was given, or one drawn afresh.
///
/// # Errors
/// When a payment code was given: the name is shown, and a code never is.
pub(super) fn name_of(given: Option<&impl ToString>) -> anyhow::Result<String> {
    let Some(given) = given.map(ToString::to_string) else { return Ok(draw()) };
    if given.parse::<AuthCode>().is_ok() {
        return Err(BadData("what was given with --ref is a payment code, and no name".to_owned()).into());
    }
    Ok(given)
}

fn draw() -> String {
    format!("CLI-{}", Dice.nonce().chars().take(DRAWN).collect::<String>())
}

/// The code that was typed, or the first line of stdin.
fn read_code(typed: &Code) -> anyhow::Result<AuthCode> {
    if typed.0.as_str() != "-" {
        return Ok(typed.0.trim().parse()?);
    }
    let mut line = Zeroizing::new(String::with_capacity(usize::try_from(LINE_MAX).unwrap_or_default()));
    io::stdin().lock().take(LINE_MAX).read_line(&mut line).context("stdin cannot be read for the payment code")?;
    Ok(line.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(state: &str) -> Payment {
        let value = serde_json::json!({
            "ref": "T01-A-1", "client_ref": "R-1", "lane": "1", "amount": 8800, "currency": "HKD", "state": state,
            "money": "none", "final": true, "transaction_id": "42000", "attempts": [], "refunded": 0,
            "last_decline": {"code": "NOTENOUGH", "text": "not\u{1b}enough"},
            "cashier": {"key": state, "text": "…"}, "next": {"action": "none"}, "acked": false,
            "created_at": "2026-11-21T03:38:26.000Z", "updated_at": "2026-11-21T03:38:26.000Z", "seq": 3,
        });
        Payment::read(&value).expect("a payment")
    }

    #[test]
    fn the_result_is_one_clear_line() {
        assert_eq!(result(&payment("paid")), "paid HKD 88.00 T01-A-1 transaction 42000\n");
        let declined = "not paid: declined HKD 88.00 T01-A-1 (NOTENOUGH: not\u{fffd}enough)\n";
        assert_eq!(result(&payment("declined")), declined);
    }

    #[test]
    fn a_drawn_name_is_a_client_ref_and_never_the_same() {
        let (one, two) = (draw(), draw());
        assert!(one.parse::<ClientRef>().is_ok());
        assert_ne!(one, two);
    }

    #[test]
    fn a_code_is_not_repeated_by_any_error_or_debug() {
        let wrong: Code = "134539517967681395x".parse().expect("any text");
        let error = read_code(&wrong).expect_err("no code");
        assert!(!format!("{error:#} {error:?} {wrong:?}").contains("1345395"));
    }
}
