//! The daemon's till and gateway without its doors: drives what is open to its end, and then stops.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::calendar::Calendar;
use super::till_thread::{self, Hands};
use super::wire::{self, Wire};
use super::{ServeError, doors, gateway, open_ledger, runtime, send, settings};
use crate::config::Config;
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, INBOX, Input};
use crate::edge::dice::Dice;
use crate::edge::metrics::Metrics;
use crate::till::Till;

/// Drives every unsettled payment and open refund to its end, for at most `limit`, or until a person or the system says stop. `told`
/// hears of every change, first of what was found and last of what is left. All of it is on disk at any moment.
///
/// # Errors
/// When the ledger is in use, cannot be opened or fails, or the gateway cannot be set up.
pub(crate) fn resolve(config: &Config, limit: Duration, told: &mut dyn FnMut(&Board)) -> Result<(), ServeError> {
    let clock = Clock::start();
    let ledger = open_ledger(config)?;
    let gateway = Arc::new(gateway(config, clock)?);
    let runtime = runtime()?;
    let till = Till::open(ledger, settings(config), u64::from_be_bytes(Dice.bytes()), clock.now())?;
    let sight = Calendar::of(config).look(clock.now());
    let found = Board {
        unsettled: till.unsettled(),
        open_refunds: till.open_refunds(),
        wrong_clock: sight.wrong_clock,
        certificate: sight.certificate,
        ..Board::default()
    };
    let (board, mut reader) = watch::channel(found);
    told(&reader.borrow_and_update());
    if till.unsettled() == 0 && till.open_refunds() == 0 {
        return Ok(());
    }
    let (inbox, till_inbox) = sync_channel(INBOX);
    let stopper = inbox.clone();
    let (ended, end) = oneshot::channel::<()>();
    let wire = Wire {
        handle: runtime.handle().clone(),
        gateway,
        board: Arc::new(board),
        metrics: Arc::new(Metrics::new()),
        clock,
        signs_with: wire::signs_with(config),
    };
    let money = move || {
        let hands = Hands {
            clock,
            call: &|outgoing| wire.call(&inbox, outgoing),
            arm: &|_, _| {},
            board: &wire.board,
            alive: &|| {},
            metrics: &wire.metrics,
        };
        let outcome = till_thread::run(till, &till_inbox, hands);
        // Whoever waits for the end has gone only when the process has.
        let _gone = ended.send(());
        outcome
    };
    let money = std::thread::Builder::new().name("till".to_owned()).spawn(money).map_err(ServeError::System)?;
    runtime.block_on(async {
        watch_over(&mut reader, limit, end, told).await;
        send(&stopper, Input::Stop).await;
    });
    let outcome = money.join().map_err(|_| ServeError::System(std::io::Error::other("the till's thread panicked")))?;
    runtime.shutdown_timeout(Duration::from_millis(200));
    told(&reader.borrow());
    Ok(outcome?)
}

/// Waits until nothing is unsettled, the time is over, somebody says stop, or the till has ended.
async fn watch_over(
    board: &mut watch::Receiver<Board>,
    limit: Duration,
    end: oneshot::Receiver<()>,
    told: &mut dyn FnMut(&Board),
) {
    let time_over = tokio::time::sleep(limit);
    let stopped = doors::stop_signal();
    tokio::pin!(time_over, stopped, end);
    loop {
        tokio::select! {
            changed = board.changed() => {
                let now = board.borrow_and_update().clone();
                told(&now);
                if changed.is_err() || now.unsettled == 0 && now.open_refunds == 0 {
                    return;
                }
            }
            () = &mut time_over => return,
            () = &mut stopped => return,
            _ = &mut end => return,
        }
    }
}
