//! Connections of the door for notifications: few and short. Nobody who sends one has more to say.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections served at a time; a proxy keeps a few. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 16;
/// How long a client may take to say what it wants, and how long an idle connection is kept.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// Bytes of a request's head, and of what is buffered of its body.
const BUFFER_MAX: usize = 16 * 1024;
/// A connection is closed at this age, whatever it is doing: nobody keeps a place for long.
const LIFE: Duration = Duration::from_secs(30);
/// After a failed accept, most often for want of descriptors.
const REST: Duration = Duration::from_millis(200);

/// Serves `router` to whoever connects, until `stop` turns true or its sender is gone.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    // An error says that the sender is gone: that is a stop too.
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::pin!(stopped);
    loop {
        let room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = &mut stopped => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, router.clone()))),
                Err(_) => tokio::time::sleep(REST).await,
            },
        }
    }
    // What is under way is not acknowledged, and WeChat sends it again.
    connections.abort_all();
}

async fn connection(stream: TcpStream, router: Router) {
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that goes away, or speaks no HTTP, is its own affair.
    drop(tokio::time::timeout(LIFE, serving).await);
}
