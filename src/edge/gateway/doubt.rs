use crate::dialect::Distrust;

/// Why there is no answer. Never carries a byte of request or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Provably nothing left: the gateway cannot know of it.
    #[error("nothing was sent: {0}")]
    NotSent(NotSent),
    /// Something may have left, and nothing came back.
    #[error("no answer: {0}")]
    NoAnswer(NoAnswer),
    /// Something came back that must not be believed.
    #[error(transparent)]
    Distrust(Distrust),
}

impl Doubt {
    /// A stable word for the journal and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotSent(why) => why.word(),
            Self::NoAnswer(why) => why.word(),
            Self::Distrust(why) => why.word(),
        }
    }
}

/// Why provably nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The host's name has no address.
    #[error("the gateway's name could not be resolved, check network and DNS")]
    Name,
    /// Nobody listens there.
    #[error("the gateway refused the connection")]
    Refused,
    /// No route, a reset during connecting, and the like.
    #[error("the gateway could not be reached, check the network")]
    Unreachable,
    /// Neither accepted nor refused in time.
    #[error("connecting to the gateway took too long")]
    Slow,
    /// The other side is not the gateway, or does not take our TLS.
    #[error("no trusted TLS connection: check the clock, ca_file, and for a proxy in between")]
    Tls,
    /// The call needs the client certificate, and none is configured.
    #[error("this call needs the client certificate: set client_cert_file and client_key_file")]
    NoCertificate,
    /// The gateway's own keys could not be had, so that no reply could be believed.
    #[error("the gateway's certificates cannot be had: check api_key_file, private_key_file and the clock")]
    NoKeys,
    /// Our own rate limit.
    #[error("too many calls at once, our own limit holds this one back")]
    Busy,
    /// Our own request cannot be put on the wire.
    #[error("the request is not valid HTTP")]
    Request,
}

impl NotSent {
    /// A stable word for the journal and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "not_sent_name",
            Self::Refused => "not_sent_refused",
            Self::Unreachable => "not_sent_unreachable",
            Self::Slow => "not_sent_slow",
            Self::Tls => "not_sent_tls",
            Self::NoCertificate => "not_sent_no_certificate",
            Self::NoKeys => "not_sent_no_keys",
            Self::Busy => "not_sent_busy",
            Self::Request => "not_sent_request",
        }
    }

    /// Whether the host is to blame, so that the other one is worth a try.
    pub(super) fn blames_host(self) -> bool {
        match self {
            Self::Name | Self::Refused | Self::Unreachable | Self::Slow | Self::Tls => true,
            Self::NoCertificate | Self::NoKeys | Self::Busy | Self::Request => false,
        }
    }
}

/// Why no answer came, though something may have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Not within the policy's time.
    #[error("the gateway did not answer in time")]
    TimedOut,
    /// The connection ended before the reply did. Without a client certificate this is how `/secapi/` says so.
    #[error("the connection ended before the reply did")]
    Closed,
    /// A TLS alert after the handshake: most often a client certificate that is missing, expired or another's.
    #[error("the gateway broke off TLS, check the client certificate")]
    Tls,
    /// What came was not HTTP.
    #[error("the reply is not HTTP")]
    NotHttp,
    /// Anything else.
    #[error("the connection failed")]
    Failed,
}

impl NoAnswer {
    /// A stable word for the journal and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TimedOut => "no_answer_timed_out",
            Self::Closed => "no_answer_closed",
            Self::Tls => "no_answer_tls",
            Self::NotHttp => "no_answer_not_http",
            Self::Failed => "no_answer_failed",
        }
    }
}

/// Why connecting failed.
pub(super) fn not_sent(error: &reqwest::Error) -> NotSent {
    if error.is_dns() {
        return NotSent::Name;
    }
    if error.is_builder() {
        return NotSent::Request;
    }
    // reqwest reports its connect timeout, and the kernel's, both as a timeout.
    if error.is_timeout() {
        return NotSent::Slow;
    }
    match cause(error) {
        Cause::Tls => NotSent::Tls,
        Cause::Io(std::io::ErrorKind::ConnectionRefused) => NotSent::Refused,
        // rustls reports a handshake that the other side just left as an early end.
        Cause::Io(std::io::ErrorKind::UnexpectedEof) => NotSent::Tls,
        Cause::Io(_) | Cause::NotHttp | Cause::Incomplete | Cause::Other => NotSent::Unreachable,
    }
}

/// Why a request that may have left got no reply.
pub(super) fn no_answer(error: &reqwest::Error) -> NoAnswer {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match cause(error) {
        Cause::Tls => NoAnswer::Tls,
        Cause::NotHttp => NoAnswer::NotHttp,
        Cause::Incomplete | Cause::Io(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof) => {
            NoAnswer::Closed
        }
        Cause::Io(_) | Cause::Other => NoAnswer::Failed,
    }
}

/// What lies at the bottom of an error.
enum Cause {
    Tls,
    Io(std::io::ErrorKind),
    NotHttp,
    Incomplete,
    Other,
}

/// Looks down the chain of sources for the first thing that says what happened.
fn cause(error: &reqwest::Error) -> Cause {
    let mut found = Cause::Other;
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return Cause::Tls;
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            found = Cause::Io(io.kind());
            // An I/O error leaves what it wraps out of the chain of sources.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
                continue;
            }
        }
        if let Some(http) = error.downcast_ref::<hyper::Error>() {
            if http.is_parse() {
                return Cause::NotHttp;
            }
            if http.is_incomplete_message() {
                return Cause::Incomplete;
            }
        }
        next = error.source();
    }
    found
}
