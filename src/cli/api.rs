//! The way to the running daemon: its API over the Unix socket.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde::Deserialize;
use serde_json::Value;

use super::shown::{Payment, Refund};
use crate::words::{ClientRef, PaymentRef, Secret};

/// How long the daemon may take for an answer it does not hold back on purpose; its own limit is ten seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// The name the daemon is asked by; a socket's file has decided already who may ask.
const HOST: &str = "http://localhost";

/// The running daemon.
pub(super) struct Daemon {
    http: Client,
    socket: PathBuf,
}

/// What the daemon answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Why the daemon did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nobody listens.
    #[error("the daemon cannot be reached at {socket} ({why}); is `shroff serve` running?")]
    Unreachable { socket: String, why: String },
    /// The socket is for others.
    #[error(
        "no permission for the daemon's socket {socket}; it is for the daemon's own user and group, or the group shroff-pos"
    )]
    Denied { socket: String },
    /// It was reached, and did not answer: what it did is not known.
    #[error("the connection to the daemon at {socket} broke ({why})")]
    Broken { socket: String, why: String },
    /// It said no.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// It answered, and not like a shroff.
    #[error("what answers at {socket} does not speak like this shroff ({why}); are both of the same version?")]
    Strange { socket: String, why: String },
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refused {
    status: u16,
    pub(super) code: String,
    title: String,
    detail: String,
    #[serde(default)]
    pub(super) retryable: bool,
    /// Where the payment's money is.
    #[serde(default)]
    pub(super) money: String,
    /// What is left to refund, smallest unit.
    pub(super) left: Option<u64>,
    #[serde(default)]
    errors: Vec<Fault>,
}

#[derive(Clone, Debug, Deserialize)]
struct Fault {
    field: String,
    message: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.title, self.detail)?;
        let more = self.errors.iter().filter(|fault| fault.message != self.detail);
        more.into_iter().try_for_each(|fault| write!(f, "\n  {}: {}", fault.field, fault.message))
    }
}

impl Refused {
    /// It needs a token that did not come with it.
    pub(super) fn is_forbidden(&self) -> bool {
        self.status == 403
    }
}

impl Trouble {
    /// The daemon may be starting anew: the same question can succeed in a moment.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Refused(refused) => refused.status == 503,
            Self::Denied { .. } | Self::Strange { .. } => false,
        }
    }

    /// The daemon has said no: what was asked for is not done. *Busy* is no such word: it is also said of what waits in
    /// the till's inbox and is done later.
    pub(super) fn says_no(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.status < 500)
    }

    /// The request did not get as far as the daemon.
    pub(super) fn is_before_sending(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Denied { .. })
    }

    /// What the daemon said, if it has refused.
    pub(super) fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Denied { .. } | Self::Strange { .. } => None,
        }
    }

    /// The stable code of a refusal.
    pub(super) fn code(&self) -> Option<&str> {
        self.refused().map(|refused| refused.code.as_str())
    }
}

impl Daemon {
    /// The daemon that listens at `socket`. Nothing is asked yet.
    ///
    /// # Errors
    /// When the HTTP library refuses its own defaults.
    pub(super) fn at(socket: &Path) -> anyhow::Result<Self> {
        // Nothing here speaks TLS, but the library wants to know how it would.
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .unix_socket(socket)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A kept connection could be the one a daemon closed a moment ago.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { http, socket: socket.to_owned() })
    }

    /// Asks for `path` with `query`; waits for `patience`.
    ///
    /// # Errors
    /// Every answer that is not a success.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        patience: Duration,
    ) -> Result<Reply, Trouble> {
        let url = self.url(path, query)?;
        self.send(self.http.get(url).timeout(patience)).await
    }

    /// Sends `body`, which is JSON or nothing, to `path`, with the supervisor's token where there is one.
    ///
    /// # Errors
    /// Every answer that is not a success.
    pub(super) async fn post(&self, path: &[&str], body: Vec<u8>, token: Option<&Secret>) -> Result<Reply, Trouble> {
        let url = self.url(path, &[])?;
        let mut request = self.http.post(url).header(reqwest::header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(String::from_utf8_lossy(token.expose()));
        }
        self.send(request.body(body).timeout(PATIENCE)).await
    }

    /// What stands at `path`, as text, whatever its status.
    ///
    /// # Errors
    /// When the daemon cannot be reached.
    pub(super) async fn text(&self, path: &[&str]) -> Result<(u16, String), Trouble> {
        let url = self.url(path, &[])?;
        let response = self.http.get(url).timeout(PATIENCE).send().await.map_err(|error| self.trouble(&error))?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(|error| self.trouble(&error))?))
    }

    /// The payment with our name or the POS's name `name`, if there is one.
    ///
    /// # Errors
    /// When the daemon cannot be asked.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Payment>, Trouble> {
        if name.parse::<PaymentRef>().is_ok() {
            match self.get(&["v1", "payments", name], &[], PATIENCE).await {
                Ok(reply) => return self.payment(&reply.body).map(Some),
                Err(trouble) if trouble.code() == Some("not_found") => {}
                Err(trouble) => return Err(trouble),
            }
        }
        if name.parse::<ClientRef>().is_err() {
            return Ok(None);
        }
        let page = self.get(&["v1", "payments"], &[("client_ref", name), ("limit", "1")], PATIENCE).await?;
        page.body.pointer("/payments/0").map(|payment| self.payment(payment)).transpose()
    }

    /// The payment in `value`.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn payment(&self, value: &Value) -> Result<Payment, Trouble> {
        Payment::read(value).map_err(|error| self.strange(&error.to_string()))
    }

    /// The refund in `value`.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn refund(&self, value: &Value) -> Result<Refund, Trouble> {
        Refund::read(value).map_err(|error| self.strange(&error.to_string()))
    }

    fn socket(&self) -> String {
        self.socket.display().to_string()
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, Trouble> {
        let mut url = Url::parse(HOST).map_err(|error| self.strange(&error.to_string()))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Reply, Trouble> {
        let response = request.send().await.map_err(|error| self.trouble(&error))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| self.trouble(&error))?;
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        let body: Value = body.map_err(|_| self.strange(&format!("HTTP {status} without JSON")))?;
        if status.is_success() {
            return Ok(Reply { status: status.as_u16(), body });
        }
        match Refused::deserialize(&body) {
            Ok(refused) => Err(Trouble::Refused(Box::new(refused))),
            Err(_) => Err(self.strange(&format!("HTTP {status} without a problem document"))),
        }
    }

    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        let socket = self.socket();
        let cause = std::iter::successors(error.source(), |&cause| cause.source());
        let cause = cause.filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
        let why = match cause.map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) => return Trouble::Denied { socket },
            Some(io::ErrorKind::NotFound) => "there is no such socket".to_owned(),
            Some(io::ErrorKind::ConnectionRefused) => "nobody listens there".to_owned(),
            _ if error.is_timeout() => "no answer in time".to_owned(),
            _ => cause.map_or_else(|| "it was closed".to_owned(), ToString::to_string),
        };
        if error.is_connect() { Trouble::Unreachable { socket, why } } else { Trouble::Broken { socket, why } }
    }

    fn strange(&self, why: &str) -> Trouble {
        Trouble::Strange { socket: self.socket(), why: why.to_owned() }
    }
}

/// Runs `work` on a small runtime of its own.
///
/// # Errors
/// Those of `work`, or when the system refuses a runtime.
pub(super) fn on_tokio<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
