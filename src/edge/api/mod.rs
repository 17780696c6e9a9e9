//! The local API: HTTP for the POS, the CLI and the displays, over a Unix socket and, when configured, loopback TCP.

mod ask;
mod basket;
mod body;
mod cashier;
pub mod close;
mod display;
mod door;
mod events;
mod fields;
mod health;
mod history;
mod lists;
mod login;
mod openapi;
mod payments;
mod problem;
mod query;
mod readers;
mod reconciliations;
mod refund_ask;
mod refunds;
mod routes;
mod serve;
mod site;
mod terminal;
pub mod view;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{SetOnce, watch};

pub use ask::PaymentRequest;
pub use basket::{BasketLineRequest, BasketRequest};
pub use history::{JournalList, JournalView, RefundList};
pub use lists::{AttentionList, AttentionView, DeviceJson, DeviceList, LaneJson, LaneList};
pub use login::{LoginCodeRequest, LoginCodeView, LoginRequest, SessionView};
pub use payments::PaymentPage;
pub use problem::{FieldError, Kind, Problem};
pub use refund_ask::RefundRequest;
pub use routes::{ROUTES, Route};
pub use terminal::{CurrencyView, TerminalView};

use crate::edge::cashier::Cashier;
use crate::edge::desk::Desk;
use crate::edge::display::Front;
use crate::edge::display::page::Page;
use crate::edge::metrics::Metrics;
use crate::edge::sessions::Sessions;
use crate::words::{Currency, LaneId, Language, Now, Secret, TerminalId};
use door::{Door, Gate};
use readers::Readers;
use site::{Shared, Site};

/// What the API is told of the shop.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Web pages that may ask over TCP, `scheme://host[:port]`, letter for letter as browsers send it.
    pub origins: Vec<String>,
    /// What TCP clients must show. Without one they get no further than the open routes.
    pub token: Option<Secret>,
    /// What a supervisor shows, over TCP or the Unix socket.
    pub supervisor: Option<Secret>,
    /// The cashier's language.
    pub language: Language,
    /// The customer's languages, most important first.
    pub display_languages: Vec<Language>,
    /// What the POS counts in.
    pub currency: Currency,
    /// What the shop itself puts on its displays.
    pub front: Front,
    /// The lanes there are.
    pub lanes: Vec<LaneId>,
    /// Where the ledger is.
    pub ledger: PathBuf,
    /// Where sessions of the cashier page are kept between two processes; nowhere when left out.
    pub sessions: Option<PathBuf>,
    /// Its facts.
    pub facts: TerminalFacts,
}

/// What programs and pages go by before they ask for anything.
#[derive(Clone, Debug)]
pub struct TerminalFacts {
    /// The terminal's id.
    pub terminal: TerminalId,
    /// The store's name; may be empty.
    pub store_name: String,
    /// The currency of payments that name none.
    pub currency: Currency,
    /// A payment of more is refused, in the currency's smallest unit.
    pub amount_max: u64,
    /// A refund of more needs the supervisor's token.
    pub operator_max: Option<u64>,
}

/// Where the time comes from: floors below get it as an argument, so this edge hands it on.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The local API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
}

impl Api {
    /// An API in front of `desk`. The ledger is opened when the first request needs it.
    #[must_use]
    pub fn new(config: ApiConfig, desk: Desk, metrics: Arc<Metrics>, clock: Clock) -> Self {
        let readers = Arc::new(Readers::new(config.ledger.clone()));
        let page = Page::new(&config.display_languages, &config.front);
        let cashier = Cashier::new();
        let file = config.sessions.clone();
        let sessions = config.token.clone().map(|token| Arc::new(Sessions::open(token, file, clock())));
        let shared = Shared { config, desk, metrics, clock, readers, page, cashier, sessions, address: SetOnce::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Serves whoever may open the socket, until `stop` turns true or its sender is gone.
    pub async fn serve_unix(&self, listener: UnixListener, stop: watch::Receiver<bool>) {
        let site = Site::new(Arc::clone(&self.shared), stop.clone());
        let door = Door::Unix { supervisor: self.shared.config.supervisor.clone() };
        serve::serve(listener, routes::router(site, door), stop).await;
    }

    /// Serves whoever has the token, until `stop` turns true or its sender is gone.
    ///
    /// # Errors
    /// When the listener has no address, or one that others than this machine can reach.
    pub async fn serve_tcp(&self, listener: TcpListener, stop: watch::Receiver<bool>) -> std::io::Result<()> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            let text = "api.listen must be a loopback address, such as 127.0.0.1:8750";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, text));
        }
        let config = &self.shared.config;
        // A second door is served as well; links name the first.
        drop(self.shared.address.set(address));
        let gate = Gate {
            address,
            token: config.token.clone(),
            supervisor: config.supervisor.clone(),
            origins: config.origins.clone(),
            sessions: self.shared.sessions.clone(),
            clock: Arc::clone(&self.shared.clock),
        };
        let site = Site::new(Arc::clone(&self.shared), stop.clone());
        serve::serve(listener, routes::router(site, Door::Tcp(Arc::new(gate))), stop).await;
        Ok(())
    }
}
