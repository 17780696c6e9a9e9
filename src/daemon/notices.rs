//! The door for what WeChat Pay tells by itself, where there is one.

use std::sync::Arc;

use tokio::sync::watch;

use super::port;
use crate::config::Config;
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, Desk};
use crate::edge::gateway::Gateway;
use crate::edge::metrics::Metrics;
use crate::edge::notify::Notify;

/// Opens `notify.listen`, if it is set. Dropping what comes back closes it.
pub(super) async fn open(
    config: &Config,
    desk: Desk,
    gateway: &Arc<Gateway>,
    metrics: &Arc<Metrics>,
    board: &Arc<watch::Sender<Board>>,
    clock: Clock,
) -> Option<watch::Sender<bool>> {
    let (listen, url) = config.notify.listen.zip(config.notify.url.as_ref())?;
    let notify = Notify::new(url.path(), desk, Arc::clone(gateway), Arc::clone(metrics), clock);
    let (stop, stopped) = watch::channel(false);
    port::open("notify.listen", listen, board, stopped.clone(), |listener| notify.serve(listener, stopped)).await;
    Some(stop)
}
