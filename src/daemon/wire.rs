//! The way out: puts what the till has committed on the wire, and writes on the board what that tells of the gateway.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{info, warn};

use super::send;
use crate::config::{Config, GatewayApi};
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, Input};
use crate::edge::gateway::{Doubt, Exchange, Gateway};
use crate::edge::metrics::Metrics;
use crate::payment::answer::{RefundAnswer, ReverseAnswer};
use crate::payment::{Answer, Heard};
use crate::till::Outgoing;
use crate::words::OutTradeNo;

/// The gateway's certificates are asked for twice a day; a new one is announced a day ahead (protocol 7.3).
const KEYS_EVERY: Duration = Duration::from_secs(11 * 3600);
/// And sooner when that failed.
const KEYS_AGAIN: Duration = Duration::from_secs(600);
/// Seconds between our clock and the gateway's from which a person is told; at 300 v3 refuses every request.
const CLOCK_OFF: u64 = 30;

/// What a call needs. Copies are the same wire.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) handle: Handle,
    pub(super) gateway: Arc<Gateway>,
    pub(super) board: Arc<watch::Sender<Board>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    /// The key of the configuration that names what our requests are signed with.
    pub(super) signs_with: &'static str,
}

impl Wire {
    /// Puts a committed call on the wire. Whatever becomes of it, the till hears exactly one thing.
    pub(super) fn call(&self, inbox: &SyncSender<Input>, outgoing: Outgoing) {
        let (this, inbox) = (self.clone(), inbox.clone());
        let Outgoing { id, call } = outgoing;
        self.handle.spawn(async move {
            let op = call.ask.op();
            let began = this.clock.tick();
            let Exchange { sent_at: sent, result } = this.gateway.exchange(&call).await;
            let number = call.order.out_trade_no;
            match &result {
                Ok(answer) => tell_refusal(&number, answer),
                Err(doubt) => warn!(out_trade_no = %number, op = op.word(), why = %doubt, "no answer that counts"),
            }
            let unreachable = match &result {
                Err(Doubt::NotSent(why)) => Some(why.to_string()),
                Ok(_) | Err(Doubt::NoAnswer(_) | Doubt::Distrust(_)) => None,
            };
            this.note(unreachable);
            let heard = match result {
                Ok(answer) => Heard::Answer(answer),
                Err(Doubt::NotSent(why)) => Heard::NotSent(why.word()),
                Err(Doubt::NoAnswer(why)) => Heard::Nothing { why: why.word(), incident: false },
                Err(Doubt::Distrust(why)) => {
                    this.metrics.distrusted(why);
                    Heard::Nothing { why: why.word(), incident: why.is_incident() }
                }
            };
            let outcome = match &heard {
                Heard::Answer(_) => "answered",
                Heard::NotSent(why) | Heard::Nothing { why, .. } => why,
            };
            this.metrics.call(op, outcome, this.clock.tick().since(began));
            send(&inbox, Input::Heard { id, heard, sent }).await;
        });
    }

    /// Opens the connection ahead of the next pay, and says in words when nobody can be reached.
    pub(super) fn reach(&self) {
        let this = self.clone();
        self.handle.spawn(async move {
            let outcome = this.gateway.warm().await;
            if let Err(why) = &outcome {
                warn!(%why, "the gateway cannot be reached");
            }
            this.note(outcome.err().map(|why| why.to_string()));
        });
    }

    /// Asks for the gateway's certificates at once, because those that were kept may be old, and then twice a day.
    pub(super) async fn keep_keys_fresh(self) {
        loop {
            // In public-key mode there may be no certificates to fetch, and replies are believed without them.
            let had = self.gateway.refresh_keys().await.is_ok() || self.gateway.has_a_key_of_its_own();
            let wait = if had { KEYS_EVERY } else { KEYS_AGAIN };
            self.note_signature();
            tokio::time::sleep(wait).await;
        }
    }

    fn note(&self, unreachable: Option<String>) {
        self.metrics.gateway_up(unreachable.is_none());
        self.board.send_if_modified(|board| {
            let changed = board.unreachable != unreachable;
            board.unreachable = unreachable;
            changed
        });
        self.note_clock();
        self.note_signature();
    }

    /// What the gateway's clock says about ours.
    fn note_clock(&self) {
        let Some(ahead) = self.gateway.clock_ahead() else { return };
        self.metrics.clock_ahead(ahead);
        let off = ahead.unsigned_abs() >= CLOCK_OFF;
        self.board.send_if_modified(|board| {
            let changed = board.clock_off != off;
            board.clock_off = off;
            changed
        });
    }

    /// Whether the gateway takes our signature. Its refusal is not signed, so people are told of it and nothing else.
    fn note_signature(&self) {
        let mut refused = false;
        let changed = self.board.send_if_modified(|board| {
            // Looked up under the board's lock: of two calls that end together the later must have the last word.
            refused = self.gateway.signature_refused();
            self.metrics.signature_refused(refused);
            let changed = board.signature_refused != refused;
            board.signature_refused = refused;
            changed
        });
        if changed && refused {
            warn!(
                key = self.signs_with,
                "WeChat Pay refuses our signature: that file does not hold the key of this merchant number, or the key was \
                 changed at WeChat Pay; `shroff doctor` tries it"
            );
        }
        if changed && !refused {
            info!("WeChat Pay takes our signature again");
        }
    }
}

/// The key of the configuration that names what requests are signed with.
pub(super) fn signs_with(config: &Config) -> &'static str {
    match &config.gateway.api {
        GatewayApi::V2(_) => "gateway.v2.key_file",
        GatewayApi::V3(_) => "gateway.v3.private_key_file",
    }
}

/// A reversal or a refund that was refused is worth its reason in the log: a person may have to act on it.
fn tell_refusal(number: &OutTradeNo, answer: &Answer) {
    match answer {
        Answer::Reverse(ReverseAnswer::NotDone { refusal, recall, .. }) => {
            warn!(out_trade_no = %number, err_code = refusal.code(), text = refusal.text(), recall, "not reversed yet");
        }
        Answer::Refund(RefundAnswer::NotDone { refusal, .. }) => {
            warn!(out_trade_no = %number, err_code = refusal.code(), text = refusal.text(), "not refunded yet");
        }
        Answer::Pay(_) | Answer::Query(_) | Answer::Reverse(_) | Answer::Refund(_) | Answer::RefundQuery(_) => {}
    }
}
