//! Floor 5: the daemon. Wires the till to the world, and ends when told to, or when the ledger fails.

mod calendar;
mod displays;
mod doors;
mod notices;
mod port;
mod reload;
mod resolve;
mod scanners;
mod systemd;
mod till_thread;
mod wire;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::config::{Config, Files, GatewayApi};
use crate::dialect::{KeyError, Paper};
use crate::edge::api::Api;
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, Desk, INBOX, Input};
use crate::edge::dice::Dice;
use crate::edge::gateway::GatewayError;
use crate::edge::metrics::Metrics;
use crate::ledger::{Birth, Ledger, LedgerError};
use crate::till::{Settings, Till};
use crate::words::Secret;
use calendar::Calendar;
use displays::Displays;
pub(crate) use doors::{gateway, gateway_for_a_look, identity};
use reload::Reload;
pub(crate) use reload::Source;
pub(crate) use resolve::resolve;
use scanners::Scanners;
use till_thread::Hands;
use wire::Wire;

/// Workers for sockets, calls and pages; money has a thread of its own.
const WORKERS: usize = 2;
/// Threads that may wait for the disk on behalf of lists; each keeps memory of its own.
const BLOCKING: usize = 4;
/// How long *out of order* stays on the displays before the process ends and systemd starts it anew.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long an answer waits before it tries a full inbox again.
const INBOX_FULL: Duration = Duration::from_millis(10);
/// Letters of a ledger's birth mark: no vowels, so that no words come out; nothing that looks alike.
const MARK: &[u8; 32] = b"0123456789BCDFGHJKLMNPQRSTVWXZ_-";
/// How many of them.
const MARK_LENGTH: usize = 8;

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The gateway's keys, certificates or addresses.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The public key of public-key mode.
    #[error("gateway.v3.platform_public_key_file: {0}")]
    PlatformKey(#[from] KeyError),
    /// A socket cannot be opened.
    #[error("cannot open {what}: {why}")]
    Door {
        /// Which.
        what: String,
        /// Why, and what to do.
        why: String,
    },
    /// A thread or the runtime cannot be started.
    #[error("the system refuses a thread or a file")]
    System(#[source] std::io::Error),
}

/// Runs the daemon until SIGTERM or SIGINT. SIGHUP reads the configuration again from `source`.
///
/// # Errors
/// When it cannot start, or the ledger failed while it ran.
pub(crate) fn serve(config: &Config, source: Source) -> Result<(), ServeError> {
    harden();
    let clock = Clock::start();
    systemd::starting("opening the ledger");
    let ledger = open_ledger(config)?;
    let gateway = Arc::new(gateway(config, clock)?);
    let runtime = runtime()?;
    let seed = u64::from_be_bytes(Dice.bytes());
    let till = Till::open(ledger, settings(config), seed, clock.now())?;
    info!(unsettled = till.unsettled(), ledger = %config.ledger_path.display(), "the ledger is open");

    let (inbox, till_inbox) = sync_channel(INBOX);
    // Whoever asks in the first moment is told of the lanes already.
    let (board, board_reader) = watch::channel(Board {
        seq: till.ledger().seq(),
        lanes: till.lanes(),
        unsettled: till.unsettled(),
        open_refunds: till.open_refunds(),
        ..Board::default()
    });
    let board = Arc::new(board);
    let metrics = Arc::new(Metrics::new());
    metrics.started(clock.wall());
    let front = doors::front(config);
    // Before the scanners: a keeper shares nothing with them, not even by accident.
    let displays = Displays::start(config, &board_reader, &front, clock, &metrics, runtime.handle());
    let scanners = Arc::new(Scanners::start(&config.scanners, clock, &inbox, &board, &metrics)?);
    let mut calendar = Calendar::of(config);
    if let Some(until) = calendar.until() {
        metrics.certificate_until(until);
    }
    let desk = Desk::new(inbox.clone(), board_reader.clone(), scanners.views()).with_displays(displays.views());
    let api_config = doors::api_config(config, front);
    let api = Api::new(api_config, desk.clone(), Arc::clone(&metrics), Arc::new(move || clock.now()));
    let doors = runtime.block_on(doors::open(config, &api, &board))?;
    let notices = runtime.block_on(notices::open(config, desk, &gateway, &metrics, &board, clock));
    let stopper = inbox.clone();
    runtime.spawn(async move {
        doors::stop_signal().await;
        info!("stopping");
        send(&stopper, Input::Stop).await;
    });

    calendar.look(clock.now()).write(&board);
    runtime.spawn(calendar.keep(clock, Arc::clone(&board)));
    let files = config.files.clone();
    attend(&runtime, (source, files), &scanners, &displays, &inbox, board_reader)?;
    systemd::ready();
    let wire = Wire {
        handle: runtime.handle().clone(),
        gateway,
        board: Arc::clone(&board),
        metrics: Arc::clone(&metrics),
        clock,
        signs_with: wire::signs_with(config),
    };
    wire.reach();
    if wire.gateway.has_keys() {
        runtime.spawn(wire.clone().keep_keys_fresh());
    }
    let hands = Hands {
        clock,
        call: &|outgoing| wire.call(&inbox, outgoing),
        arm: &|lane, since| {
            scanners.drain(lane, since);
            wire.reach();
        },
        board: &board,
        alive: &|| {
            systemd::alive();
            scanners.look_after(clock.tick());
        },
        metrics: &metrics,
    };
    let outcome = till_thread::run(till, &till_inbox, hands);
    drop(till_inbox);
    if outcome.is_err() {
        runtime.block_on(async { tokio::time::sleep(FAREWELL).await });
    }
    systemd::stopping();
    drop((doors, notices));
    runtime.block_on(displays.stop());
    scanners.stop();
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(outcome?)
}

/// Attends to systemd: reloads when it is asked to, and keeps the status line.
fn attend(
    runtime: &Runtime,
    (source, files): (Source, Files),
    scanners: &Arc<Scanners>,
    displays: &Displays,
    inbox: &SyncSender<Input>,
    board: watch::Receiver<Board>,
) -> Result<(), ServeError> {
    let (refused, refusals) = watch::channel(None);
    if systemd::is_there() {
        runtime.spawn(systemd::keep_status(board, scanners.views(), displays.views(), refusals));
    }
    // Caught from here on: by itself a hangup would end the process.
    let hangup = runtime.block_on(async { signal(SignalKind::hangup()) }).map_err(ServeError::System)?;
    let Ok(rows) = source.rows() else {
        warn!("the configuration was taken away while it was read; it cannot be reloaded");
        return Ok(());
    };
    let reload = Reload { source, rows, files, scanners: Arc::clone(scanners), inbox: inbox.clone(), refused };
    runtime.spawn(reload.serve(hangup));
    Ok(())
}

/// Files are ours alone whatever the umask was, and no core holds a key.
pub(crate) fn harden() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    if rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).is_err() {
        warn!("a core of this process could hold keys: the kernel refused to forbid it");
    }
}

fn runtime() -> Result<Runtime, ServeError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .map_err(ServeError::System)
}

/// What the order numbers of a ledger have in common, drawn anew.
pub(crate) fn new_mark() -> String {
    let letter = |_| {
        let at = usize::try_from(Dice.below(30)).unwrap_or(0);
        char::from(MARK.get(at).copied().unwrap_or(b'0'))
    };
    (0..MARK_LENGTH).map(letter).collect()
}

fn open_ledger(config: &Config) -> Result<Ledger, ServeError> {
    let birth = Birth {
        terminal: config.terminal.id.clone(),
        mark: new_mark(),
        salt: Secret::new(Dice.bytes::<32>().to_vec()),
    };
    let ledger = Ledger::open(&config.ledger_path, birth)?;
    if ledger.went_back() {
        warn!(
            ledger = %config.ledger_path.display(),
            "an older copy stands in the ledger's place: it goes on under new numbers, and what was sold since the copy \
             is not known here; reconcile those days"
        );
    }
    Ok(ledger)
}

/// The merchant's certificate, if there is one that can be read.
pub(crate) fn certificate(config: &Config) -> Option<Paper> {
    match &config.gateway.api {
        GatewayApi::V3(v3) => Paper::from_pem(&v3.client_cert).ok(),
        GatewayApi::V2(v2) => Paper::from_der(&identity(v2.client.clone()?).certificate().ok()?).ok(),
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        policy: config.policy.clone(),
        lanes: config.lanes.clone(),
        currency: config.terminal.currency,
        amount_max: config.terminal.amount_max.minor(),
        description: config.terminal.description.clone(),
        operator_max: config.refund.operator_max,
        notify_url: config.notify.url.as_ref().map(ToString::to_string),
    }
}

/// Waits for a place in the inbox without holding up a worker.
async fn send(inbox: &SyncSender<Input>, mut input: Input) {
    loop {
        match inbox.try_send(input) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            Err(TrySendError::Full(back)) => input = back,
        }
        tokio::time::sleep(INBOX_FULL).await;
    }
}
