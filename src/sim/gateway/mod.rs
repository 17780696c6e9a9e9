//! A WeChat Pay gateway on loopback: v2 and v3 over plain HTTP and over TLS. It keeps books, and misbehaves on request: by
//! the payment code's digits (see [`crate::sim::faults::SCENARIOS`]) or by rules posted to `/_sim/faults`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::words::Tick;

use super::book::{Book, Rules};
use super::faults::Rule;

mod admin;
mod answer;
mod asked;
mod clock;
mod forge;
mod http;
mod notices;
mod run;
mod sign;
mod statement;
mod tls;
mod v2;
mod v3;
mod world;
mod xml;

pub use notices::NoticeFault;
pub use run::{Args, run};
pub use sign::SignType;

use world::{Next, World};

/// How many connections are served at once; more wait.
const CONNECTIONS_MAX: usize = 1_024;

/// How long a connection may be silent between requests.
const IDLE: Duration = Duration::from_secs(75); // nginx's own default

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Whom the gateway serves.
#[derive(Clone)]
pub struct Merchant {
    /// `mch_id`, also the password of `apiclient_cert.p12`.
    pub mch_id: String,
    /// `appid`.
    pub appid: String,
    /// `sub_mch_id`; none: any is taken.
    pub sub_mch_id: Option<String>,
    /// The API v2 key.
    pub key: String,
    /// The API v3 key, 32 characters.
    pub v3_key: String,
    /// Requests signed in another way are refused; none: both ways are taken.
    pub sign_type: Option<SignType>,
}

/// How to start.
#[derive(Clone)]
pub struct Options {
    /// Where plain HTTP listens; loopback only; port 0 for any.
    pub http: SocketAddr,
    /// Where HTTPS listens; none: nowhere.
    pub https: Option<SocketAddr>,
    /// Where the certificates go; none: into a directory of its own that goes with the gateway. Without TLS and
    /// without this there are none, and v3 is not served.
    pub dir: Option<PathBuf>,
    /// Whom it serves.
    pub merchant: Merchant,
    /// `/secapi/` over plain HTTP is treated as if the certificate were missing.
    pub plain_lacks_certificate: bool,
    /// The book's rules.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            https: None,
            dir: None,
            merchant: Merchant {
                mch_id: "1900000109".to_owned(),
                appid: "wx8888888888888888".to_owned(),
                sub_mch_id: None,
                key: "192006250b4c09247ec02edce69f6a2d".to_owned(), // from WeChat's own signature page
                v3_key: "0123456789abcdef0123456789ABCDEF".to_owned(),
                sign_type: None,
            },
            plain_lacks_certificate: false,
            rules: Rules::default(),
        }
    }
}

/// The gateway.
#[derive(Debug)]
pub struct Gateway;

impl Gateway {
    /// Binds, makes the certificates and serves, on the current tokio runtime.
    ///
    /// # Errors
    /// When an address is not loopback or cannot be bound, or the certificates cannot be made or written.
    pub async fn start(options: Options) -> io::Result<Running> {
        let http = bind(options.http).await?;
        let mut own_dir = None;
        let dir = match (&options.dir, options.https) {
            (Some(dir), _) => Some(dir.clone()),
            (None, None) => None,
            (None, Some(_)) => Some(own_dir.insert(tempfile::tempdir()?).path().to_owned()),
        };
        let (mut https, mut platform) = (None, None);
        if let Some(dir) = &dir {
            let papers = tls::Papers::make(&options.merchant.mch_id)?;
            papers.write(dir)?;
            platform = Some(v3::Platform::make(&papers)?);
            if let Some(address) = options.https {
                https = Some((bind(address).await?, TlsAcceptor::from(papers.server)));
            }
        }
        let certificate_on_plain = !options.plain_lacks_certificate;
        let world = Arc::new(World::new(options.merchant, options.rules, platform));
        let addresses = (http.local_addr()?, https.as_ref().map(|(listener, _)| listener.local_addr()).transpose()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(notices::run(Arc::clone(&world)));
        tasks.spawn(serve(http, Door::Plain { certificate: certificate_on_plain }, Arc::clone(&world)));
        if let Some((listener, acceptor)) = https {
            tasks.spawn(serve(listener, Door::Tls(acceptor), Arc::clone(&world)));
        }
        Ok(Running { http: addresses.0, https: addresses.1, dir, own_dir, world, tasks })
    }
}

/// A gateway that serves until it is stopped or dropped.
pub struct Running {
    http: SocketAddr,
    https: Option<SocketAddr>,
    dir: Option<PathBuf>,
    own_dir: Option<tempfile::TempDir>,
    world: Arc<World>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Where plain HTTP listens.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where HTTPS listens, if it does.
    #[must_use]
    pub fn https(&self) -> Option<SocketAddr> {
        self.https
    }

    /// The id of the key in `pub_key.pem`, for v3 in public-key mode.
    pub const PUBLIC_KEY_ID: &'static str = v3::PUBLIC_KEY_ID;

    /// Where `ca.pem`, `apiclient_cert.pem`, `apiclient_key.pem`, `apiclient_cert.p12` and `pub_key.pem` are.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    /// The book as of now: a copy, for asking.
    #[must_use]
    pub fn book(&self) -> Book {
        self.with_book(|book, _| book.clone())
    }

    /// Lets `act` at the book itself, with the moment it is.
    pub fn with_book<T>(&self, act: impl FnOnce(&mut Book, Tick) -> T) -> T {
        let now = self.world.now();
        let mut state = self.world.lock();
        state.book.advance(now);
        act(&mut state.book, now)
    }

    /// Signs v3 with a new platform certificate from now on.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate(&self) -> io::Result<()> {
        self.world.lock().platform.as_mut().map_or(Ok(()), v3::Platform::rotate)
    }

    /// Sets the gateway's clock so many seconds ahead of this machine's.
    pub fn set_clock_ahead(&self, seconds: i64) {
        if let Some(platform) = &mut self.world.lock().platform {
            platform.ahead_s = seconds;
        }
    }

    /// Whether errors of v3 carry no signature from now on.
    pub fn set_unsigned_errors(&self, unsigned: bool) {
        if let Some(platform) = &mut self.world.lock().platform {
            platform.unsigned_errors = unsigned;
        }
    }

    /// How often v3's certificates were fetched.
    #[must_use]
    pub fn lists(&self) -> u64 {
        self.world.lock().platform.as_ref().map_or(0, |platform| platform.lists)
    }

    /// Sends refund notifications by a schedule that runs `speed` times as fast, and lets `faults` go wrong with the
    /// next tries, one each.
    pub fn set_notices(&self, speed: u32, faults: &[NoticeFault]) {
        let mut state = self.world.lock();
        state.post.set_speed(speed);
        state.post.add_faults(faults.iter().copied());
    }

    /// What `GET /_sim/notices` shows.
    #[must_use]
    pub fn notices_json(&self) -> serde_json::Value {
        self.world.lock().post.json()
    }

    /// What `GET /_sim/books` shows.
    #[must_use]
    pub fn books_json(&self) -> serde_json::Value {
        self.with_book(|book, now| admin::books(book, now))
    }

    /// Adds a rule of misbehaviour. False when there are too many.
    pub fn add(&self, rule: Rule) -> bool {
        self.world.lock().faults.add(rule)
    }

    /// Removes all rules of misbehaviour.
    pub fn heal(&self) {
        self.world.lock().faults.clear();
    }

    /// Closes every connection and frees the addresses.
    ///
    /// # Errors
    /// When a directory of its own cannot be removed.
    pub async fn stop(mut self) -> io::Result<()> {
        self.tasks.shutdown().await;
        self.own_dir.take().map_or(Ok(()), tempfile::TempDir::close)
    }
}

#[derive(Clone)]
enum Door {
    Plain { certificate: bool },
    Tls(TlsAcceptor),
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let why = format!("the simulator listens on loopback only, {address} is not");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    TcpListener::bind(address).await
}

async fn serve(listener: TcpListener, door: Door, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => drop(connections.spawn(welcome(stream, door.clone(), Arc::clone(&world)))),
                Err(_) => sleep(Duration::from_millis(100)).await, // out of descriptors: let some go first
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn welcome(stream: TcpStream, door: Door, world: Arc<World>) {
    drop(stream.set_nodelay(true));
    match door {
        Door::Plain { certificate } => converse(stream, world, certificate).await,
        Door::Tls(acceptor) => {
            let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
            let certificate = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
            converse(stream, world, certificate).await;
        }
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, world: Arc<World>, certificate: bool) {
    let mut buffer = Vec::new();
    while let Ok(Ok(Some(request))) = timeout(IDLE, http::read(&mut stream, &mut buffer)).await {
        match world.meet(&request, certificate) {
            Next::Close => return,
            Next::Hang => return http::hang(&mut stream).await,
            Next::Answer(reply, delivery) => {
                let go_on = http::write(&mut stream, &reply, delivery, request.keep_alive).await;
                if !go_on.unwrap_or(false) {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
