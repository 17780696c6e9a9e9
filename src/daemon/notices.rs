//! The door for what WeChat Pay tells by itself, where there is one.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::info;

use super::ServeError;
use crate::config::Config;
use crate::edge::clock::Clock;
use crate::edge::desk::Desk;
use crate::edge::gateway::Gateway;
use crate::edge::metrics::Metrics;
use crate::edge::notify::Notify;

/// Opens `notify.listen`, if it is set. Dropping what comes back closes it.
pub(super) async fn open(
    config: &Config,
    desk: Desk,
    gateway: &Arc<Gateway>,
    metrics: &Arc<Metrics>,
    clock: Clock,
) -> Result<Option<watch::Sender<bool>>, ServeError> {
    let (Some(listen), Some(url)) = (config.notify.listen, &config.notify.url) else { return Ok(None) };
    let listener = TcpListener::bind(listen).await.map_err(|error| ServeError::Door {
        what: format!("notify.listen {listen}"),
        why: format!("{error}; is another program, or another shroff, listening there?"),
    })?;
    let address = listener.local_addr().map_err(ServeError::System)?;
    info!(%address, %url, "notifications are taken");
    let notify = Notify::new(url.path(), desk, Arc::clone(gateway), Arc::clone(metrics), clock);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(notify.serve(listener, stopped));
    Ok(Some(stop))
}
