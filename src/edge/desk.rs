//! The desk: how the edges reach the till, and what they may read without asking it.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::{oneshot, watch};

use crate::payment::{Heard, RefundNotice};
use crate::reconcile::Kept;
use crate::till::{CallId, LaneView, NewPayment, NewRefund, NoticeRefused, Refusal, Settings, Trouble};
use crate::words::{AuthCode, LaneId, PaymentRef, RefundRef, Tick};

/// Inputs that may wait for the till: a burst of scans, answers and requests. More means that the disk hangs, and then
/// `503 busy` is right.
pub const INBOX: usize = 64;

/// One thing the till is told or asked. It takes one at a time.
#[derive(Debug)]
pub enum Input {
    /// The POS asks for a payment.
    Collect(Box<NewPayment>, oneshot::Sender<Result<Accepted, Refusal>>),
    /// The cashier wants it back.
    Cancel(PaymentRef, oneshot::Sender<Result<(), Refusal>>),
    /// The POS has recorded the result.
    Acknowledge(PaymentRef, oneshot::Sender<Result<(), Refusal>>),
    /// The POS asks for a refund: whether it is new.
    Refund(Box<NewRefund>, oneshot::Sender<Result<bool, Refusal>>),
    /// Somebody has seen how a refund ended.
    AcknowledgeRefund(RefundRef, oneshot::Sender<Result<(), Refusal>>),
    /// A day was compared with WeChat's statement.
    Reconciled(Box<Kept>, oneshot::Sender<Result<(), Refusal>>),
    /// WeChat told by itself what became of a refund: whether that is new.
    RefundNotice(Box<RefundNotice>, oneshot::Sender<Result<bool, NoticeRefused>>),
    /// A scanner read a payment code.
    Scan {
        /// Where.
        lane: LaneId,
        /// What.
        code: AuthCode,
        /// When it was complete.
        read: Tick,
    },
    /// A call came back.
    Heard {
        /// Which.
        id: CallId,
        /// With what.
        heard: Heard,
        /// When its first byte may have left.
        sent: Option<Tick>,
    },
    /// The shop has changed what may change while payments are open.
    Adopt(Box<Settings>),
    /// Stop arming and end.
    Stop,
}

/// A payment was accepted, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Our name of it.
    pub reference: PaymentRef,
    /// It is new.
    pub new: bool,
}

/// What the till last told the edges.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// The journal's last line: whatever waits for a payment looks again when it moves.
    pub seq: u64,
    /// What every lane shows.
    pub lanes: Vec<LaneView>,
    /// Payments with something left to do or to watch.
    pub unsettled: usize,
    /// Refunds whose end is not known yet.
    pub open_refunds: usize,
    /// What is wrong beyond a single payment.
    pub trouble: Trouble,
    /// Why the gateway could not be reached when it was last tried; none when it was.
    pub unreachable: Option<String>,
    /// The wall clock cannot be right.
    pub wrong_clock: bool,
    /// It is 30 s or more from the gateway's.
    pub clock_off: bool,
    /// The gateway said that it does not accept our signature, and has carried out nothing since.
    pub signature_refused: bool,
    /// What is wrong with the merchant's certificate today.
    pub certificate: Option<CertificateFault>,
    /// TCP ports of the configuration that could not be opened, by their keys.
    pub closed_ports: BTreeSet<&'static str>,
    /// The last scan of each lane that was not taken.
    pub notices: BTreeMap<LaneId, Notice>,
    /// The ledger failed: nothing is sold, the process is ending.
    pub out_of_order: bool,
}

/// Why the merchant's certificate is of no use today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// Its last moment is over.
    Ended,
    /// Its first moment is yet to come.
    NotBegun,
}

impl CertificateFault {
    /// What it is, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ended => "the merchant's certificate has ended",
            Self::NotBegun => "the merchant's certificate is not valid yet",
        }
    }
}

impl Board {
    /// One side does not believe the other's signature: most likely a key is wrong.
    #[must_use]
    pub fn key_mismatch(&self) -> bool {
        self.signature_refused || self.trouble.key_mismatch()
    }
}

/// A scan that was not taken, for the cashier to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it was, or why not; never what was read.
    pub word: &'static str,
    /// When.
    pub at: Tick,
}

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It reads payment codes.
    Scanner,
    /// It shows customers what to do.
    Display,
}

impl Role {
    /// The stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scanner => "scanner",
            Self::Display => "display",
        }
    }
}

/// A scanner or a display, as `GET /v1/devices` and health tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// The lane it serves.
    pub lane: LaneId,
    /// What it is for.
    pub role: Role,
    /// `serial`, `keyboard`, `hid-pos`; `vfd`, `lcdproc`, `console`.
    pub kind: &'static str,
    /// How the configuration names it.
    pub device: String,
    /// `connected`, `gone`, `in_use`, `denied`, `stuck`.
    pub state: &'static str,
    /// What to do about it; empty when all is well.
    pub advice: String,
    /// Complete scans since start, whatever they were. A display makes none.
    pub scans: u64,
}

impl DeviceView {
    /// Whether it is this and works.
    #[must_use]
    pub fn is_connected(&self, role: Role) -> bool {
        self.role == role && self.state == "connected"
    }
}

/// Why the till cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Its inbox is full.
    #[error("the terminal is busy; try again in a moment")]
    Busy,
    /// It has stopped.
    #[error("the terminal is out of order or stopping")]
    Closed,
}

/// A handle on the till for the async edges.
#[derive(Clone, Debug)]
pub struct Desk {
    inbox: std::sync::mpsc::SyncSender<Input>,
    board: watch::Receiver<Board>,
    scanners: watch::Receiver<Vec<DeviceView>>,
    displays: watch::Receiver<Vec<DeviceView>>,
}

impl Desk {
    /// A handle on the till behind these channels.
    #[must_use]
    pub fn new(
        inbox: std::sync::mpsc::SyncSender<Input>,
        board: watch::Receiver<Board>,
        scanners: watch::Receiver<Vec<DeviceView>>,
    ) -> Self {
        Self { inbox, board, scanners, displays: watch::channel(Vec::new()).1 }
    }

    /// Knows these displays, too.
    #[must_use]
    pub fn with_displays(self, displays: watch::Receiver<Vec<DeviceView>>) -> Self {
        Self { displays, ..self }
    }

    /// Asks for a payment.
    ///
    /// # Errors
    /// The outer error when the till cannot be asked; the inner one says why it refused.
    pub async fn collect(&self, ask: NewPayment) -> Result<Result<Accepted, Refusal>, DeskError> {
        self.ask(|reply| Input::Collect(Box::new(ask), reply)).await
    }

    /// Cancels a payment.
    ///
    /// # Errors
    /// As [`Desk::collect`].
    pub async fn cancel(&self, reference: PaymentRef) -> Result<Result<(), Refusal>, DeskError> {
        self.ask(|reply| Input::Cancel(reference, reply)).await
    }

    /// Acknowledges a final payment.
    ///
    /// # Errors
    /// As [`Desk::collect`].
    pub async fn acknowledge(&self, reference: PaymentRef) -> Result<Result<(), Refusal>, DeskError> {
        self.ask(|reply| Input::Acknowledge(reference, reply)).await
    }

    /// Asks for a refund; true when it is new.
    ///
    /// # Errors
    /// As [`Desk::collect`].
    pub async fn refund(&self, ask: NewRefund) -> Result<Result<bool, Refusal>, DeskError> {
        self.ask(|reply| Input::Refund(Box::new(ask), reply)).await
    }

    /// Acknowledges a settled refund.
    ///
    /// # Errors
    /// As [`Desk::collect`].
    pub async fn acknowledge_refund(&self, reference: RefundRef) -> Result<Result<(), Refusal>, DeskError> {
        self.ask(|reply| Input::AcknowledgeRefund(reference, reply)).await
    }

    /// Keeps what the comparison of a day came to.
    ///
    /// # Errors
    /// As [`Desk::collect`]; the till refuses none.
    pub async fn reconciled(&self, kept: Kept) -> Result<Result<(), Refusal>, DeskError> {
        self.ask(|reply| Input::Reconciled(Box::new(kept), reply)).await
    }

    /// Hands on a notification; true when it is new. It is on disk when this returns without an error.
    ///
    /// # Errors
    /// As [`Desk::collect`].
    pub async fn notice(&self, notice: RefundNotice) -> Result<Result<bool, NoticeRefused>, DeskError> {
        self.ask(|reply| Input::RefundNotice(Box::new(notice), reply)).await
    }

    /// What the till last told.
    #[must_use]
    pub fn board(&self) -> watch::Receiver<Board> {
        self.board.clone()
    }

    /// The scanners and then the displays, in the configuration's order, as they are now.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceView> {
        let mut all = self.scanners.borrow().clone();
        all.extend(self.displays.borrow().iter().cloned());
        all
    }

    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Result<T, DeskError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.try_send(input(reply)).map_err(|error| match error {
            std::sync::mpsc::TrySendError::Full(_) => DeskError::Busy,
            std::sync::mpsc::TrySendError::Disconnected(_) => DeskError::Closed,
        })?;
        answer.await.map_err(|_| DeskError::Closed)
    }
}
