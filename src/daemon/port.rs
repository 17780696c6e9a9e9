//! TCP ports of the configuration. One that cannot be had does not stop the till: what is open at the gateway must be
//! brought to its end, and whoever sells over the Unix socket goes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{error, info};

use crate::edge::desk::Board;

/// How often a port is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Opens the port of the key `name` and serves it by `serve`. While it cannot be had, health says so, and it is tried
/// again until `stop` closes.
pub(super) async fn open<F>(
    name: &'static str,
    address: SocketAddr,
    board: &Arc<watch::Sender<Board>>,
    mut stop: watch::Receiver<bool>,
    serve: impl FnOnce(TcpListener) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let bound = TcpListener::bind(address).await;
    if let Err(why) = &bound {
        error!(
            %address, %why,
            "{name} cannot be opened, and is tried again every second; is another program listening there? `ss -ltnp` \
             names it"
        );
        board.send_if_modified(|board| board.closed_ports.insert(name));
    }
    let board = Arc::clone(board);
    tokio::spawn(async move {
        let mut bound = bound.ok();
        let listener = loop {
            if let Some(listener) = bound {
                break listener;
            }
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
            bound = TcpListener::bind(address).await.ok();
        };
        if let Ok(address) = listener.local_addr() {
            info!(%address, "{name} is open");
        }
        board.send_if_modified(|board| board.closed_ports.remove(name));
        serve(listener).await;
    });
}
