//! Follows a payment to its end, through restarts of the daemon and a cashier who wants out.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::api::{Daemon, PATIENCE, Refused, Reply, Trouble};
use super::say;
use super::shown::{Decline, Payment};
use crate::edge::clock::Clock;
use crate::words::Tick;

/// Seconds a long poll is held back, as the API's query has it and as a time.
const WAIT: &str = "25";
const WAIT_TIME: Duration = Duration::from_secs(25);
/// How long a daemon may be gone before we give up: systemd has restarted it by then, or somebody has to.
const GONE_MAX: Duration = Duration::from_secs(60);
/// Between two questions to a daemon that is gone, and after an answer that held no news.
const PAUSE: Duration = Duration::from_millis(250);

/// A payment as it was last told.
pub(super) struct Told {
    pub(super) payment: Payment,
    /// The API's whole object.
    pub(super) body: Value,
}

/// A request that the daemon does once only under its name has failed.
#[derive(Debug)]
pub(super) struct Failed {
    trouble: Trouble,
    /// The daemon may have done it all the same: only its answer is missing.
    perhaps_done: bool,
}

impl Failed {
    /// What the daemon said, if it has refused.
    pub(super) fn refused(&self) -> Option<&Refused> {
        self.trouble.refused()
    }

    /// As an error that says `what_then` where it may have been done.
    pub(super) fn explained(self, what_then: impl FnOnce() -> String) -> anyhow::Error {
        let error = anyhow::Error::from(self.trouble);
        if self.perhaps_done { error.context(what_then()) } else { error }
    }
}

/// Someone at the terminal, and the daemon.
pub(super) struct Follower<'a> {
    daemon: &'a Daemon,
    clock: Clock,
    interrupts: Signal,
    wish: Wish,
}

/// Whether the cashier wants the payment cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    None,
    /// The daemon has not heard of it yet.
    Wanted,
    Asked,
}

/// What a line is about: one is told when any of it changes.
#[derive(Clone, PartialEq, Eq)]
struct Scene {
    state: String,
    text: String,
    action: String,
    attempts: usize,
    decline: Option<Decline>,
}

impl<'a> Follower<'a> {
    /// Takes Ctrl-C over from here on.
    ///
    /// # Errors
    /// When the system refuses that.
    pub(super) fn new(daemon: &'a Daemon) -> io::Result<Self> {
        Ok(Self { daemon, clock: Clock::start(), interrupts: signal(SignalKind::interrupt())?, wish: Wish::None })
    }

    /// Asks for the payment in `body`. `None`: the cashier left before there was an answer.
    ///
    /// # Errors
    /// When the daemon refuses it, is not there, stays away, or cannot be understood.
    pub(super) async fn begin(&mut self, body: &[u8]) -> Result<Option<Told>, Failed> {
        let (daemon, path) = (self.daemon, ["v1", "payments"]);
        let asking = request(self.clock, || daemon.post(&path, body.to_vec(), None), |reply| told(daemon, reply));
        tokio::select! {
            told = asking => told.map(Some),
            _ = self.interrupts.recv() => Ok(None),
        }
    }

    /// Tells each change until the payment is final. `None`: the cashier left before that.
    ///
    /// # Errors
    /// When the daemon stays away, or refuses to tell.
    pub(super) async fn follow(&mut self, mut told: Told) -> Result<Option<Told>, Trouble> {
        let mut before = None;
        loop {
            let scene = Scene::of(&told.payment);
            if before.as_ref() != Some(&scene) {
                say::tell(&scene.line());
                before = Some(scene);
            }
            if told.payment.is_final {
                return Ok(Some(told));
            }
            let Some(next) = self.news(&told.payment).await? else { return Ok(None) };
            told = next;
        }
    }

    /// Tells the daemon that the operator has seen the result.
    ///
    /// # Errors
    /// When the daemon stays away, or refuses.
    pub(super) async fn acknowledge(&self, payment: &Payment) -> Result<(), Trouble> {
        let (daemon, path) = (self.daemon, ["v1", "payments", payment.reference.as_str(), "ack"]);
        insist(self.clock, || daemon.post(&path, Vec::new(), None)).await.map(drop)
    }

    async fn news(&mut self, payment: &Payment) -> Result<Option<Told>, Trouble> {
        let (daemon, seq) = (self.daemon, payment.seq.to_string());
        let path = ["v1", "payments", payment.reference.as_str()];
        let query = [("wait", WAIT), ("after", seq.as_str())];
        let patience = WAIT_TIME.saturating_add(PATIENCE);
        let mut asking = std::pin::pin!(insist(self.clock, || daemon.get(&path, &query, patience)));
        let live = io::stderr().is_terminal();
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        let told = loop {
            tokio::select! {
                reply = asking.as_mut() => break told(daemon, reply?)?,
                _ = self.interrupts.recv() => if !self.interrupted(payment).await { return Ok(None) },
                _ = seconds.tick(), if live => self.count_down(payment),
            }
        };
        say::take_back();
        if self.wish == Wish::Wanted {
            self.cancel(payment).await;
        }
        if told.payment.seq <= payment.seq {
            // A stopping daemon answers at once, and so does a crowded one.
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Some(told))
    }

    /// Cancels at the first Ctrl-C; false at the second: the cashier leaves.
    async fn interrupted(&mut self, payment: &Payment) -> bool {
        if self.wish != Wish::None {
            return false;
        }
        self.wish = Wish::Wanted;
        self.cancel(payment).await;
        true
    }

    async fn cancel(&mut self, payment: &Payment) {
        let path = ["v1", "payments", payment.reference.as_str(), "cancel"];
        self.wish = match self.daemon.post(&path, Vec::new(), None).await {
            Ok(_) => {
                say::tell(
                    "cancelling; wait for the end, or press Ctrl-C again to leave: the payment goes on without you",
                );
                Wish::Asked
            }
            Err(trouble) if trouble.passes() => {
                say::tell("the daemon does not answer; it is asked to cancel as soon as it does");
                Wish::Wanted
            }
            // Its end is told next.
            Err(trouble) if trouble.code() == Some("already_final") => Wish::Asked,
            Err(trouble) => {
                say::tell(&format!("it cannot be cancelled: {trouble}"));
                Wish::Asked
            }
        };
    }

    fn count_down(&self, payment: &Payment) {
        let moment = payment.next.at.as_deref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let left = moment.map(|at| at.as_millisecond().saturating_sub(self.clock.wall().millis()).div_euclid(1000));
        match left.filter(|left| *left > 0) {
            Some(left) => say::show_for_now(&format!("{:<17}{left} s", payment.state)),
            None => say::show_for_now(&format!("{:<17}…", payment.state)),
        }
    }
}

impl Scene {
    fn of(payment: &Payment) -> Self {
        Self {
            state: payment.state.clone(),
            text: payment.cashier.text.clone(),
            action: payment.next.action.clone(),
            attempts: payment.attempts.len(),
            decline: payment.last_decline.clone(),
        }
    }

    /// One line: the state, why the last code was refused while the next one is waited for, the text, the next step.
    fn line(&self) -> String {
        let refused = match &self.decline {
            Some(decline) if self.state == "armed" => format!("{} refused the last code. ", say::plain(&decline.code)),
            Some(_) | None => String::new(),
        };
        let next = match self.action.as_str() {
            "none" | "wait" => String::new(),
            action => format!(" [{action}]"),
        };
        format!("{:<17}{refused}{}{next}", self.state, self.text)
    }
}

fn told(daemon: &Daemon, reply: Reply) -> Result<Told, Trouble> {
    let payment = daemon.payment(&reply.body)?;
    Ok(Told { payment, body: reply.body })
}

/// Asks for what the daemon does once only under the name that is in it, and reads the answer.
///
/// So it is repeated when the connection broke; but not when nobody listened in the first place, for then there is
/// nothing to wait for.
///
/// # Errors
/// When the daemon refuses it, is not there, stays away, or cannot be understood.
pub(super) async fn request<T, Asking>(
    clock: Clock,
    ask: impl Fn() -> Asking,
    read: impl FnOnce(Reply) -> Result<T, Trouble>,
) -> Result<T, Failed>
where
    Asking: Future<Output = Result<Reply, Trouble>>,
{
    let first = ask().await;
    let not_sent = first.as_ref().is_err_and(Trouble::is_before_sending);
    let reply = match first {
        Err(trouble) if trouble.passes() && !not_sent => insist(clock, ask).await,
        answered => answered,
    };
    reply.and_then(read).map_err(|trouble| Failed { perhaps_done: !not_sent && !trouble.says_no(), trouble })
}

/// Asks until the daemon answers, as long as it may be on its way back.
pub(super) async fn insist<Asking>(clock: Clock, ask: impl Fn() -> Asking) -> Result<Reply, Trouble>
where
    Asking: Future<Output = Result<Reply, Trouble>>,
{
    let mut gone: Option<Tick> = None;
    loop {
        let trouble = match ask().await {
            Err(trouble) if trouble.passes() => trouble,
            answered => {
                if gone.is_some() {
                    say::tell("the daemon answers again");
                }
                return answered;
            }
        };
        let now = clock.tick();
        if gone.is_none() {
            let seconds = GONE_MAX.as_secs();
            say::tell(&format!("{trouble}\nasking again for up to {seconds} s; what was accepted goes on meanwhile"));
        }
        if now.since(*gone.get_or_insert(now)) >= GONE_MAX {
            return Err(trouble);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde::Deserialize as _;

    use super::*;
    use crate::cli::api::on_tokio;

    fn lost() -> Trouble {
        Trouble::Broken { socket: "s".to_owned(), why: "it was closed".to_owned() }
    }

    fn nonsense() -> Trouble {
        Trouble::Strange { socket: "s".to_owned(), why: "no JSON".to_owned() }
    }

    fn refused(status: u16, code: &str) -> Trouble {
        let document = serde_json::json!({"status": status, "code": code, "title": "no", "detail": "no"});
        Trouble::Refused(Box::new(Refused::deserialize(document).expect("a refusal")))
    }

    #[test]
    fn busy_is_no_refusal() {
        assert!(refused(409, "ref_conflict").says_no());
        assert!(!refused(503, "busy").says_no(), "it may wait in the till's inbox, and be done later");
    }

    #[test]
    fn only_what_was_never_sent_or_was_refused_is_certainly_not_done() {
        let nobody = || Trouble::Unreachable { socket: "s".to_owned(), why: "nobody".to_owned() };
        let denied = || Trouble::Denied { socket: "s".to_owned() };
        for (replies, perhaps_done) in [
            (vec![Err(nobody())], false),
            (vec![Err(denied())], false),
            (vec![Err(refused(403, "supervisor_needed"))], false),
            (vec![Err(lost()), Err(refused(409, "already_refunded"))], false),
            (vec![Err(nonsense())], true),
            (vec![Err(refused(500, "what"))], true),
            (vec![Err(refused(503, "busy")), Err(denied())], true),
            (vec![Err(lost()), Err(denied())], true),
            (vec![Err(lost()), Err(nonsense())], true),
            (vec![Err(refused(503, "out_of_order")), Err(denied())], true),
            // It answers, and the answer cannot be read.
            (vec![Ok(Reply { status: 201, body: Value::Null })], true),
        ] {
            let told = format!("{replies:?}");
            let left = RefCell::new(replies.into_iter());
            let asking = request(
                Clock::start(),
                || std::future::ready(left.borrow_mut().next().expect("no further question")),
                |_| Err::<(), _>(nonsense()),
            );
            let failed = on_tokio(async { Ok(asking.await.expect_err("failed")) }).expect("tokio");
            assert_eq!((failed.perhaps_done, left.borrow().len()), (perhaps_done, 0), "{told}");
            let text = format!("{:#}", failed.explained(|| "look first".to_owned()));
            assert_eq!(text.contains("look first"), perhaps_done, "{told}");
        }
    }

    fn scene(state: &str, decline: Option<&str>, action: &str) -> String {
        let decline = decline.map(|code| Decline { code: code.to_owned(), text: "余额不足".to_owned() });
        let (state, action) = (state.to_owned(), action.to_owned());
        Scene { state, text: "Scan the code.".to_owned(), action, attempts: 1, decline }.line()
    }

    #[test]
    fn a_line_says_the_state_what_to_do_and_why_once_more() {
        assert_eq!(scene("armed", None, "scan_code"), "armed            Scan the code. [scan_code]");
        let again = scene("armed", Some("NOTENOUGH"), "scan_code");
        assert_eq!(again, "armed            NOTENOUGH refused the last code. Scan the code. [scan_code]");
        assert_eq!(scene("declined", Some("NOTENOUGH"), "none"), "declined         Scan the code.");
    }
}
