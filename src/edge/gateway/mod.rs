//! A call goes out, a verified answer or a named doubt comes back. Nothing is tried twice on one host: asking again is
//! the till's decision.
//!
//! Source: protocol 2.3, 4.1 and 4.2.

mod doubt;
mod download;
mod hosts;
mod intake;
mod keys;
mod pace;
mod prove;
mod reach;
mod seal;
mod settlements;
mod signature;
mod skew;
mod tls;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method, Url};

pub use self::doubt::{Doubt, NoAnswer, NotSent};
pub use self::download::{DownloadError, Fetched, Progress, Statement};
use self::hosts::{Host, Hosts};
use self::keys::Keys;
use self::pace::Pace;
pub use self::prove::{Known, Proven};
pub use self::reach::{Answered, Blocked, Named, Reach, reach};
use self::seal::{Seal, SealedBody};
pub use self::settlements::{ListError, Listed};
use self::signature::Signature;
use self::skew::Skew;
pub use self::tls::{Identity, TlsError};
use super::clock::Clock;
use super::dice::Dice;
use crate::dialect::{Dialect, Distrust, HttpReply, HttpRequest, REPLY_MAX, Stamp};
use crate::payment::answer::{Class, PayAnswer, QueryAnswer, ReverseAnswer, ReverseRefusal};
use crate::payment::{Answer, Call, Op, Policy};
use crate::words::Tick;

/// How long an unused connection is kept. Shorter than the minute after which common servers close it, because a pay on
/// a connection that is just being closed ends in doubt.
const IDLE: Duration = Duration::from_secs(45);
/// Unused connections kept per host: a few lanes.
const IDLE_MAX: usize = 4;
/// A connection warmed within this time needs no warming.
const WARM_EVERY: Duration = Duration::from_secs(20);
/// The kernel asks a silent peer after this time whether it is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// The v3 gateway refuses requests that do not name their program.
const USER_AGENT: &str = concat!("shroff/", env!("CARGO_PKG_VERSION"));

/// Where the gateway is and how it is reached.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// `https://` and a host; `http://` only for a loopback address.
    pub base_url: String,
    /// The other entrance to the same gateway.
    pub fallback_url: Option<String>,
    /// Root certificates beside the public ones, in PEM form.
    pub extra_roots: Option<Vec<u8>>,
    /// The client certificate, for the calls that need it.
    pub identity: Option<Identity>,
    /// Where the gateway's own certificates are kept, in a dialect that has some.
    pub keys_file: Option<PathBuf>,
    /// For `connect_timeout`, `pay_timeout` and `query_timeout`.
    pub policy: Policy,
}

/// Why the gateway cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Not a usable address.
    #[error(
        "{key} is https:// and a host, such as https://apihk.mch.weixin.qq.com; http:// only for a loopback address"
    )]
    Url {
        /// Which key.
        key: &'static str,
    },
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP library.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(reqwest::Error),
}

/// What came of a call.
#[derive(Debug)]
pub struct Exchange {
    /// The earliest moment at which a byte may have left; none when provably nothing did.
    pub sent_at: Option<Tick>,
    /// A verified answer, or why there is none.
    pub result: Result<Answer, Doubt>,
}

/// The way to the gateway.
pub struct Gateway {
    dialect: Arc<dyn Dialect>,
    clock: Clock,
    dice: Dice,
    policy: Policy,
    first: Url,
    fallback: Option<Url>,
    plain: Client,
    /// A client of its own, so that no connection without the certificate ever serves a call that needs it, and none
    /// with it serves another.
    certified: Option<Client>,
    hosts: Mutex<Hosts>,
    pace: Mutex<Pace>,
    warmed: Mutex<Option<Tick>>,
    keys: Keys,
    skew: Mutex<Skew>,
    signature: Signature,
}

impl Gateway {
    /// Reads the certificates and sets the clients up; connects to nothing yet.
    ///
    /// # Errors
    /// When an address, a certificate or a key cannot be used.
    pub fn new(
        config: &GatewayConfig,
        dialect: Arc<dyn Dialect>,
        clock: Clock,
        dice: Dice,
    ) -> Result<Self, GatewayError> {
        let first = base("base_url", &config.base_url)?;
        let fallback = config.fallback_url.as_deref().map(|url| base("fallback_url", url)).transpose()?;
        let extra_roots = config.extra_roots.as_deref();
        let plain = client(tls::plain(extra_roots)?, &config.policy)?;
        let certified = match &config.identity {
            Some(identity) => Some(client(tls::certified(extra_roots, identity)?, &config.policy)?),
            None => None,
        };
        Ok(Self {
            keys: Keys::new(dialect.as_ref(), config.keys_file.as_deref()),
            dialect,
            clock,
            dice,
            policy: config.policy.clone(),
            first,
            fallback,
            plain,
            certified,
            hosts: Mutex::default(),
            pace: Mutex::default(),
            warmed: Mutex::default(),
            skew: Mutex::default(),
            signature: Signature::default(),
        })
    }

    /// Says `call` and waits for what comes back, at most `pay_timeout` or `query_timeout` in all.
    ///
    /// Each host is tried at most once. A pay goes to the other host only if provably nothing left for the first, and so
    /// does a refund, because WeChat wants a minute between two of one order; everything else may, because it can be
    /// repeated.
    pub async fn exchange(&self, call: &Call) -> Exchange {
        let begun = self.clock.tick();
        let is_pay = call.ask.op() == Op::Pay;
        let once = matches!(call.ask.op(), Op::Pay | Op::Refund);
        let limit = if is_pay { self.policy.pay_timeout } else { self.policy.query_timeout };
        let Some(wait) = lock(&self.pace).take(is_pay, begun) else {
            return Exchange { sent_at: None, result: Err(Doubt::NotSent(NotSent::Busy)) };
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let left = limit.saturating_sub(self.clock.tick().since(begun));
        if let Err(why) = self.have_keys(left.checked_div(2).unwrap_or(left)).await {
            return Exchange { sent_at: None, result: Err(Doubt::NotSent(why)) };
        }
        let host = lock(&self.hosts).preferred(self.clock.tick());
        let left = limit.saturating_sub(self.clock.tick().since(begun));
        if self.fallback.is_none() {
            return self.once(&self.first, Host::First, call, left).await;
        }
        // A host that is merely slow must leave the other one time to answer. What leaves once has no second chance to
        // keep time for, and before it has left connect_timeout ends the first.
        let share = if once { left } else { left.checked_div(2).unwrap_or(left) };
        let one = self.once(self.url(host), host, call, share).await;
        if !may_go_on(once, &one) {
            return one;
        }
        let left = limit.saturating_sub(self.clock.tick().since(begun));
        let two = self.once(self.url(host.other()), host.other(), call, left).await;
        Self::both(one, two)
    }

    /// Opens a connection ahead of the first pay, so that the customer does not wait for a handshake. Costs nothing
    /// when one was opened just now; whatever comes back is ignored.
    ///
    /// # Errors
    /// When nobody could be reached; the next call will try again all the same.
    pub async fn warm(&self) -> Result<(), NotSent> {
        self.have_keys(self.policy.query_timeout).await?;
        let now = self.clock.tick();
        {
            let mut warmed = lock(&self.warmed);
            if warmed.is_some_and(|at| now.since(at) < WARM_EVERY) {
                return Ok(());
            }
            *warmed = Some(now);
        }
        let host = lock(&self.hosts).preferred(now);
        // A GET whose answer is read to its end leaves the connection clean; some servers answer HEAD with a body.
        let Ok(request) = self.plain.get(self.url(host).clone()).build() else { return Ok(()) };
        let outcome = tokio::time::timeout(self.policy.connect_timeout, fetch(&self.plain, request)).await;
        let mut hosts = lock(&self.hosts);
        match outcome {
            Ok(Err(Failure::Transport(error))) if error.is_connect() => {
                hosts.missed(host, self.clock.tick());
                Err(doubt::not_sent(&error))
            }
            Ok(Ok(reply)) => {
                lock(&self.skew).learn(&reply, self.clock.wall());
                hosts.reached(host);
                Ok(())
            }
            // Connected but odd, or too slow to tell: the next call will learn more.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(NotSent::Slow),
        }
    }

    fn url(&self, host: Host) -> &Url {
        match (host, &self.fallback) {
            (Host::Fallback, Some(url)) => url,
            (Host::First | Host::Fallback, _) => &self.first,
        }
    }

    /// One call to one host, at most `limit` long.
    async fn once(&self, base: &Url, host: Host, call: &Call, limit: Duration) -> Exchange {
        let begun = self.clock.tick();
        let request = self.dialect.write(call, &self.stamp());
        let unsent = |why| Exchange { sent_at: None, result: Err(Doubt::NotSent(why)) };
        let client = match &self.certified {
            Some(certified) if request.needs_certificate => certified,
            // Plain HTTP to a loopback gateway has no certificates at all.
            None if request.needs_certificate && base.scheme() == "https" => return unsent(NotSent::NoCertificate),
            Some(_) | None => &self.plain,
        };
        let seal = Seal::new(self.clock);
        let sealed = !request.body.is_empty();
        let Some(request) = prepare(client, base, request, &seal) else { return unsent(NotSent::Request) };
        let outcome = tokio::time::timeout(limit, fetch(client, request)).await;
        // Whatever was under way has been dropped, which closes its connection. What had not left by now never will.
        let mut sent_at = seal.close();
        if !sealed && matches!(&outcome, Ok(Err(Failure::Transport(error))) if error.is_connect()) {
            sent_at = None;
        }
        let result = match outcome {
            Ok(Ok(reply)) => {
                let left = limit.saturating_sub(self.clock.tick().since(begun));
                self.judge(call, &reply, left).await.map_err(Doubt::Distrust)
            }
            Ok(Err(Failure::Reply(distrust))) => Err(Doubt::Distrust(distrust)),
            Ok(Err(Failure::Transport(error))) if sent_at.is_none() => Err(Doubt::NotSent(doubt::not_sent(&error))),
            Ok(Err(Failure::Transport(error))) => Err(Doubt::NoAnswer(doubt::no_answer(&error))),
            Err(_) if sent_at.is_none() => Err(Doubt::NotSent(NotSent::Slow)),
            Err(_) => Err(Doubt::NoAnswer(NoAnswer::TimedOut)),
        };
        self.learn(host, &result);
        Exchange { sent_at, result }
    }

    /// Asks `host` for something that moves no money and may be asked for twice; brings the reply as it came.
    async fn ask(&self, host: Host, request: HttpRequest, limit: Duration) -> Result<HttpReply, Doubt> {
        let asked = self.ask_once(host, request, limit).await;
        let mut hosts = lock(&self.hosts);
        match &asked {
            Err(Doubt::NotSent(why)) if why.blames_host() => hosts.missed(host, self.clock.tick()),
            Err(Doubt::NotSent(_)) => {}
            Ok(_) | Err(Doubt::NoAnswer(_) | Doubt::Distrust(_)) => hosts.reached(host),
        }
        asked
    }

    async fn ask_once(&self, host: Host, request: HttpRequest, limit: Duration) -> Result<HttpReply, Doubt> {
        let request = prepare(&self.plain, self.url(host), request, &Seal::new(self.clock));
        let request = request.ok_or(Doubt::NotSent(NotSent::Request))?;
        let reply = match tokio::time::timeout(limit, fetch(&self.plain, request)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(Failure::Reply(distrust))) => return Err(Doubt::Distrust(distrust)),
            Ok(Err(Failure::Transport(error))) if error.is_connect() => {
                return Err(Doubt::NotSent(doubt::not_sent(&error)));
            }
            Ok(Err(Failure::Transport(error))) => return Err(Doubt::NoAnswer(doubt::no_answer(&error))),
            Err(_) => return Err(Doubt::NoAnswer(NoAnswer::TimedOut)),
        };
        self.heed(&reply);
        Ok(reply)
    }

    /// Learns from a reply what needs no signature: the gateway's clock, that there are too many calls, and that our own
    /// signature is refused.
    fn heed(&self, reply: &HttpReply) {
        lock(&self.skew).learn(reply, self.clock.wall());
        // v3 signs the time, too: by a wrong clock every key is refused, and the clock is told of already.
        let by_the_clock = self.has_keys() && lock(&self.skew).is_to_blame();
        if !by_the_clock && self.dialect.refuses_signature(reply) {
            self.signature.refuse();
        }
        if reply.status == 429 {
            lock(&self.pace).throttled(self.clock.tick());
        }
    }

    /// Seconds by which our clock is ahead of the gateway's, negative when it is behind; none before its first reply.
    #[must_use]
    pub fn clock_ahead(&self) -> Option<i64> {
        lock(&self.skew).seconds()
    }

    /// Whether the gateway said that it does not accept our signature, and has carried out no request since.
    #[must_use]
    pub fn signature_refused(&self) -> bool {
        self.signature.is_refused()
    }

    fn stamp(&self) -> Stamp {
        Stamp { nonce: self.dice.nonce(), time: self.clock.wall() }
    }

    fn learn(&self, host: Host, result: &Result<Answer, Doubt>) {
        if let Ok(answer) = result {
            self.signature.learn(answer);
        }
        if result.as_ref().is_ok_and(is_throttled) {
            lock(&self.pace).throttled(self.clock.tick());
        }
        let mut hosts = lock(&self.hosts);
        match result {
            Err(Doubt::NotSent(why)) if why.blames_host() => hosts.missed(host, self.clock.tick()),
            Err(Doubt::NotSent(_)) => {}
            Ok(_) | Err(Doubt::NoAnswer(_) | Doubt::Distrust(_)) => hosts.reached(host),
        }
    }

    /// What two tries amount to: sent if either was, and an answer if the second has one.
    fn both(one: Exchange, two: Exchange) -> Exchange {
        let sent_at = one.sent_at.or(two.sent_at);
        let result = match (one.result, two.result) {
            // The first may have left, so *nothing was sent* would be a lie.
            (Err(first @ Doubt::NoAnswer(_)), Err(Doubt::NotSent(_))) => Err(first),
            (Ok(_) | Err(_), second) => second,
        };
        Exchange { sent_at, result }
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gateway({})", self.first)
    }
}

/// Whether the gateway says that there are too many calls.
fn is_throttled(answer: &Answer) -> bool {
    match answer {
        Answer::Pay(PayAnswer::Refused(refusal)) | Answer::Query(QueryAnswer::NoWord(refusal)) => {
            refusal.class() == Class::Throttled
        }
        Answer::Reverse(ReverseAnswer::NotDone { why, .. }) => *why == ReverseRefusal::SlowDown,
        // A refund has limits of its own, an order's minute among them; they say nothing about other calls.
        Answer::Pay(_) | Answer::Query(_) | Answer::Reverse(_) | Answer::Refund(_) | Answer::RefundQuery(_) => false,
    }
}

/// Whether the other host may be tried. `once`: the call may leave for one host only.
fn may_go_on(once: bool, one: &Exchange) -> bool {
    match one.result {
        Err(Doubt::NotSent(why)) => why.blames_host(),
        Err(Doubt::NoAnswer(_)) => !once,
        // Somebody answered. What the other host would say is no better.
        Ok(_) | Err(Doubt::Distrust(_)) => false,
    }
}

/// Why there is no reply.
enum Failure {
    Transport(reqwest::Error),
    Reply(Distrust),
}

/// The request under its seal.
fn prepare(client: &Client, base: &Url, request: HttpRequest, seal: &Seal) -> Option<reqwest::Request> {
    let url = Url::parse(&format!("{}{}", base.as_str().trim_end_matches('/'), request.path)).ok()?;
    let method = Method::from_bytes(request.method.as_bytes()).ok()?;
    let mut builder = client.request(method, url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    if request.body.is_empty() {
        // Nothing to seal: from here on the head may leave. Only a failed connection proves that it did not.
        seal.break_open();
    } else {
        builder = builder.body(reqwest::Body::wrap(SealedBody::new(seal.clone(), request.body)));
    }
    builder.build().ok()
}

/// Sends and reads, at most [`REPLY_MAX`] bytes and a little.
async fn fetch(client: &Client, request: reqwest::Request) -> Result<HttpReply, Failure> {
    let mut response = client.execute(request).await.map_err(Failure::Transport)?;
    let encoded = response.headers().get_all("content-encoding").iter().any(|value| value != "identity");
    if encoded {
        // We never ask for it. Packed, a small reply could be a large one.
        return Err(Failure::Reply(Distrust::Malformed("a Content-Encoding")));
    }
    let headers =
        response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::Transport)? {
        if body.len().saturating_add(chunk.len()) > REPLY_MAX {
            return Err(Failure::Reply(Distrust::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpReply { status, headers, body })
}

/// A client that sends each request once, to the host it names, and nowhere else.
fn client(tls: rustls::ClientConfig, policy: &Policy) -> Result<Client, GatewayError> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // This is about retries of sent requests. A request that a kept connection refused unread is put on a new one
        // by the pool below; its seal is still whole then.
        .retry(reqwest::retry::never())
        .user_agent(USER_AGENT)
        .connect_timeout(policy.connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(TCP_KEEPALIVE)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_MAX)
        .build()
        .map_err(GatewayError::Client)
}

/// An address of the gateway: scheme, host and port only.
fn base(key: &'static str, text: &str) -> Result<Url, GatewayError> {
    let error = || GatewayError::Url { key };
    let url = Url::parse(text).map_err(|_| error())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().unwrap_or_default();
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    let safe = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    if bare && anonymous && safe && !host.is_empty() { Ok(url) } else { Err(error()) }
}

/// The value behind the lock. Each change is one assignment, so a panic in between leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for url in ["https://apihk.mch.weixin.qq.com", "http://127.0.0.1:8080", "http://[::1]:1/", "http://localhost"] {
            assert!(base("base_url", url).is_ok(), "{url}");
        }
        for url in [
            "",
            "apihk.mch.weixin.qq.com",
            "http://apihk.mch.weixin.qq.com",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
            "ftp://localhost",
            "https://user:pass@host",
            "https://host/path",
            "https://host/?q",
        ] {
            assert!(base("base_url", url).is_err(), "{url}");
        }
    }
}
