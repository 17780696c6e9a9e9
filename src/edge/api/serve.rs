//! Connections: how many, how long, and how they end.

use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections a listener serves at a time. More wait in the kernel's queue.
pub(super) const CONNECTIONS_MAX: usize = 32;
/// How long a client may take to say what it wants, and how long it may keep an idle connection.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head, and of what is buffered of its body.
const BUFFER_MAX: usize = 32 * 1024;
/// A connection is closed at this age, when it has answered: no reader that has fallen asleep keeps a place for ever.
const LIFE: Duration = Duration::from_secs(3600);
/// From then on what is still being answered may take this long: more than the longest long poll.
const LAST_ANSWER: Duration = Duration::from_secs(70);
/// How long answers may take once the terminal stops.
const STOP_TIME: Duration = Duration::from_secs(3);

/// Serves `router` to whoever connects, until `stop` turns true or its sender is gone.
pub(super) async fn serve<L: Listener>(mut listener: L, router: Router, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (io, _) = listener.accept(), if room => {
                connections.spawn(connection(io, router.clone(), stop.clone()));
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIME, all).await.is_err() {
        connections.abort_all();
    }
}

/// Returns when the terminal stops.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone: that is a stop too.
    drop(stop.wait_for(|stop| *stop).await);
}

async fn connection<Io>(io: Io, router: Router, mut stop: watch::Receiver<bool>)
where
    Io: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(io), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    let rest = tokio::select! {
        // A client that goes away, or speaks no HTTP, is its own affair.
        _ = serving.as_mut() => return,
        () = stopped(&mut stop) => STOP_TIME,
        () = tokio::time::sleep(LIFE) => LAST_ANSWER,
    };
    serving.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(rest, serving).await);
}
