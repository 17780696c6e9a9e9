//! Follows a payment to its end, through restarts of the daemon and a cashier who wants out.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::api::{Daemon, PATIENCE, Reply, Trouble};
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
    /// The same body is the same payment, so it is repeated when the connection broke; but not when nobody listened
    /// in the first place, for then there is nothing to wait for.
    ///
    /// # Errors
    /// When the daemon refuses it, is not there, or stays away.
    pub(super) async fn begin(&mut self, body: &[u8]) -> Result<Option<Told>, Trouble> {
        let (daemon, path) = (self.daemon, ["v1", "payments"]);
        let asking = async {
            match daemon.post(&path, body.to_vec(), None).await {
                Err(trouble) if trouble.passes() && !matches!(trouble, Trouble::Unreachable { .. }) => {
                    insist(self.clock, || daemon.post(&path, body.to_vec(), None)).await
                }
                answered => answered,
            }
        };
        tokio::select! {
            reply = asking => Ok(Some(told(daemon, reply?)?)),
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
    use super::*;

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
