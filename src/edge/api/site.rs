//! What every handler leans on: the till's desk, the ledger's readers, and the way to ask either.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SetOnce, watch};

use super::problem::{Kind, Problem};
use super::readers::{ReadError, Readers};
use super::view::PaymentView;
use super::{ApiConfig, Clock};
use crate::edge::cashier::Cashier;
use crate::edge::desk::{Desk, DeskError};
use crate::edge::display::page::Page;
use crate::edge::metrics::Metrics;
use crate::edge::sessions::Sessions;
use crate::ledger::PaymentRow;
use crate::payment::MoneyState;
use crate::till::Refusal;
use crate::words::{Now, PaymentRef};

/// Connections of a listener that may wait or stream, of all it has: a request that is answered at once finds a place
/// beside them.
const STREAMS_MAX: usize = 24;
const _: () = assert!(STREAMS_MAX < super::serve::CONNECTIONS_MAX);
/// How long the till may take to answer. It waits for nothing but the disk.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// What both listeners share.
pub(super) struct Shared {
    pub(super) config: ApiConfig,
    pub(super) desk: Desk,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) readers: Arc<Readers>,
    pub(super) page: Page,
    pub(super) cashier: Cashier,
    /// Those of the TCP door; without a token there is none.
    pub(super) sessions: Option<Arc<Sessions>>,
    /// Where the TCP door is, once it is open.
    pub(super) address: SetOnce<SocketAddr>,
}

/// One listener's view of it.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<bool>,
    streams: Arc<Semaphore>,
}

impl Site {
    pub(super) fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        Self { shared, stop, streams: Arc::new(Semaphore::new(STREAMS_MAX)) }
    }

    /// A place among those who wait or stream, if one is left.
    pub(super) fn stream_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// The same, or why not.
    pub(super) fn stream_place_or_busy(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = || Problem::new(Kind::Busy, "too many streams are open; close some, or try again in a moment");
        self.stream_place().ok_or_else(busy)
    }

    /// Asks the till, and waits no longer than it can honestly take.
    pub(super) async fn ask<T>(
        &self,
        asking: impl Future<Output = Result<Result<T, Refusal>, DeskError>>,
    ) -> Result<Result<T, Refusal>, Problem> {
        match tokio::time::timeout(ANSWER_TIME, asking).await {
            Ok(answer) => answer.map_err(Problem::from),
            Err(_) => Err(Problem::new(
                Kind::Busy,
                "the terminal has not answered yet; repeat the same request to learn what became of it",
            )
            .with_money(MoneyState::Unknown)),
        }
    }

    /// The payment that is named, or the news that there is none.
    pub(super) fn find(&self, reference: &PaymentRef) -> Result<PaymentRow, Problem> {
        let found = self.shared.readers.glance(|reader| reader.payment(reference.as_str()))?;
        found.ok_or_else(|| self.not_found(reference))
    }

    /// A payment that is not here was never accepted, unless the ledger went back to an earlier moment since.
    fn not_found(&self, reference: &PaymentRef) -> Problem {
        match self.shared.readers.glance(|reader| reader.may_have_lost(reference)) {
            Ok(false) => Problem::never_accepted(),
            Ok(true) => Problem::perhaps_lost(),
            Err(ReadError) => Problem::never_accepted().with_money(MoneyState::Unknown),
        }
    }

    /// A refusal about a payment that exists, with its money and its name.
    pub(super) fn refused(&self, refusal: Refusal, reference: &PaymentRef) -> Problem {
        let problem = Problem::from(refusal);
        match self.shared.readers.glance(|reader| reader.payment(reference.as_str())) {
            Ok(row) => about(problem, row.as_ref()),
            Err(ReadError) => problem.with_money(MoneyState::Unknown),
        }
    }

    /// The payment as the shop's programs read it.
    pub(super) fn view(&self, row: &PaymentRow) -> PaymentView {
        PaymentView::of(row, self.shared.config.language)
    }

    pub(super) fn now(&self) -> Now {
        (self.shared.clock)()
    }
}

/// Names the payment a problem is about, and where its money is.
pub(super) fn about(problem: Problem, row: Option<&PaymentRow>) -> Problem {
    let Some(row) = row else { return problem };
    problem.about(Some(&row.record.facts.client_ref)).with_money(row.record.money)
}
