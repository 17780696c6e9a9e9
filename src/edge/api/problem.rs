//! Why a request was not done, in the words of RFC 9457. Nothing the client sent is repeated, but a `client_ref`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::readers::ReadError;
use crate::edge::desk::DeskError;
use crate::payment::MoneyState;
use crate::till::Refusal;
use crate::words::{AuthCode, ClientRef};

/// What went wrong, and what to do about it.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "ProblemView")]
pub struct Problem {
    kind: Kind,
    detail: String,
    money: MoneyState,
    client_ref: Option<String>,
    left: Option<u64>,
    errors: Vec<FieldError>,
}

/// A problem as programs read it (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView {
    /// A name of the kind of problem, `urn:shroff:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:shroff:problem:lane_busy")]
    kind: String,
    /// The kind of problem for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The kind of problem for programs; it never changes its meaning.
    #[schema(example = "lane_busy")]
    code: &'static str,
    /// What to do.
    detail: String,
    /// Whether the same request can succeed later. Repeating is always safe.
    retryable: bool,
    /// Where the money of the payment is: `none`, `taken`, `returned`, `unknown`.
    #[schema(example = "none")]
    money: &'static str,
    /// The payment it is about, in the POS's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ref: Option<String>,
    /// The most that can be given back, in the currency's smallest unit, where a refund asked for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 7600)]
    left: Option<u64>,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// A field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Its name.
    pub field: String,
    /// What it must be. Never what it was.
    pub message: String,
}

/// The kinds of problem. Code, title, status and whether waiting helps belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No token, or not ours.
    Unauthorized,
    /// A name of this host that we do not go by.
    WrongHost,
    /// A web page that the shop has not allowed.
    WrongOrigin,
    /// Neither a code that is still good nor a token.
    LoginRefused,
    /// Only over the Unix socket.
    SocketOnly,
    /// There is no TCP door for a browser.
    NoPage,
    /// No such route.
    NoSuchRoute,
    /// The route knows other methods.
    WrongMethod,
    /// Larger than a request may be.
    TooLarge,
    /// The body came too slowly, or broke off.
    BodyIncomplete,
    /// Not `application/json`.
    NotJson,
    /// Said to be JSON, and is none.
    Malformed,
    /// Fields at fault.
    Invalid,
    /// Never accepted.
    NotFound,
    /// The key was used for something else.
    RefConflict,
    /// The key was used for a payment that a restore forgot.
    PerhapsLost,
    /// Another customer is being served.
    LaneBusy,
    /// The shop does not sell there.
    NoSuchLane,
    /// Above the shop's limit.
    AmountTooLarge,
    /// A payment of nothing.
    AmountZero,
    /// Neither the shop's nor CNY.
    WrongCurrency,
    /// Submitted before.
    CodeUsed,
    /// Too late.
    AlreadyFinal,
    /// Too early.
    NotFinal,
    /// The refund's key was used for something else.
    RefundConflict,
    /// Never accepted.
    NoSuchRefund,
    /// Nothing was taken.
    NotPaid,
    /// Nothing is left to give back.
    AlreadyRefunded,
    /// More parts than WeChat takes.
    TooManyRefunds,
    /// Older than WeChat refunds.
    TooOld,
    /// Above what an operator may refund.
    SupervisorNeeded,
    /// More is asked than can be taken in.
    Busy,
    /// No sale is possible.
    OutOfOrder,
}

impl Kind {
    fn words(self) -> (StatusCode, &'static str, &'static str, bool) {
        use StatusCode as S;
        match self {
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "The token is missing or wrong", false),
            Self::WrongHost => (S::MISDIRECTED_REQUEST, "wrong_host", "The Host is not this terminal", false),
            Self::WrongOrigin => (S::FORBIDDEN, "wrong_origin", "The web page may not ask", false),
            Self::LoginRefused => (S::FORBIDDEN, "login_refused", "The code or token is not good", false),
            Self::SocketOnly => (S::FORBIDDEN, "socket_only", "The call is for the Unix socket", false),
            Self::NoPage => (S::CONFLICT, "no_page", "There is no door for a browser", false),
            Self::NoSuchRoute => (S::NOT_FOUND, "no_such_route", "There is no such call", false),
            Self::WrongMethod => (S::METHOD_NOT_ALLOWED, "wrong_method", "The call has another method", false),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too_large", "The request is too large", false),
            Self::BodyIncomplete => (S::REQUEST_TIMEOUT, "body_incomplete", "The request did not come whole", true),
            Self::NotJson => (S::UNSUPPORTED_MEDIA_TYPE, "not_json", "The request is not JSON", false),
            Self::Malformed => (S::BAD_REQUEST, "malformed", "The request cannot be read", false),
            Self::Invalid => (S::UNPROCESSABLE_ENTITY, "invalid", "Fields are wrong", false),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is no such payment", false),
            Self::RefConflict => (S::CONFLICT, "ref_conflict", "The client_ref was used before", false),
            Self::PerhapsLost => (S::CONFLICT, "perhaps_lost", "The payment may have been made before", false),
            Self::LaneBusy => (S::CONFLICT, "lane_busy", "The lane is taken", true),
            Self::NoSuchLane => (S::UNPROCESSABLE_ENTITY, "no_such_lane", "There is no such lane", false),
            Self::AmountTooLarge => (S::UNPROCESSABLE_ENTITY, "amount_too_large", "The amount is too large", false),
            Self::AmountZero => (S::UNPROCESSABLE_ENTITY, "amount_zero", "The amount is zero", false),
            Self::WrongCurrency => (S::UNPROCESSABLE_ENTITY, "wrong_currency", "The currency is not taken here", false),
            Self::CodeUsed => (S::UNPROCESSABLE_ENTITY, "code_used", "The payment code was used before", false),
            Self::AlreadyFinal => (S::CONFLICT, "already_final", "The payment is final already", false),
            Self::NotFinal => (S::CONFLICT, "not_final", "The payment is not final yet", true),
            Self::RefundConflict => (S::CONFLICT, "ref_conflict", "The refund_ref was used before", false),
            Self::NoSuchRefund => (S::NOT_FOUND, "not_found", "There is no such refund", false),
            Self::NotPaid => (S::CONFLICT, "not_paid", "The payment was not paid", false),
            Self::AlreadyRefunded => (S::CONFLICT, "already_refunded", "The payment is refunded already", false),
            Self::TooManyRefunds => (S::CONFLICT, "too_many_refunds", "The payment has too many refunds", false),
            Self::TooOld => (S::CONFLICT, "too_old", "The payment is too old", false),
            Self::SupervisorNeeded => (S::FORBIDDEN, "supervisor_needed", "The supervisor is needed", false),
            Self::Busy => (S::SERVICE_UNAVAILABLE, "busy", "The terminal is busy", true),
            Self::OutOfOrder => (S::SERVICE_UNAVAILABLE, "out_of_order", "The terminal is out of order", true),
        }
    }
}

impl Problem {
    /// A problem of this kind, that moved no money.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), money: MoneyState::None, client_ref: None, left: None, errors: Vec::new() }
    }

    /// The fields at fault, none of which was believed.
    #[must_use]
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Kind::Invalid, "correct the fields named in errors and ask again") }
    }

    /// A field at fault, under a code of its own.
    #[must_use]
    pub fn field(kind: Kind, field: &str, message: &str) -> Self {
        let error = FieldError { field: field.to_owned(), message: message.to_owned() };
        Self { errors: vec![error], ..Self::new(kind, message) }
    }

    /// Names the payment, unless the POS has put a payment code where its own name belongs.
    #[must_use]
    pub fn about(self, client_ref: Option<&ClientRef>) -> Self {
        let name = client_ref.map(ClientRef::as_str).filter(|name| name.parse::<AuthCode>().is_err());
        Self { client_ref: name.map(str::to_owned), ..self }
    }

    /// Says where the money is.
    #[must_use]
    pub fn with_money(self, money: MoneyState) -> Self {
        Self { money, ..self }
    }

    /// The fields at fault.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        let (_, code, _, _) = self.kind.words();
        code
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::RefConflict => Self::new(
                Kind::RefConflict,
                "this client_ref names a payment with other values; look that one up, or take a new client_ref",
            ),
            Refusal::PerhapsLost => Self::new(
                Kind::PerhapsLost,
                "the ledger was restored from a backup that is older than the payment with this client_ref: it may have \
                 been charged, so look for it in WeChat Pay's statement (shroff reconcile); if it was not, take a new \
                 client_ref",
            )
            .with_money(MoneyState::Unknown),
            Refusal::LaneBusy(holder) => Self::new(
                Kind::LaneBusy,
                format!("the payment {holder} is open on this lane; finish or cancel it, or take another lane"),
            ),
            Refusal::NoSuchLane => Self::field(
                Kind::NoSuchLane,
                "lane",
                "name one of the lanes of GET /v1/lanes; it may be left out only where there is one",
            ),
            Refusal::NoSuchPayment => Self::never_accepted(),
            Refusal::AmountTooLarge => Self::field(
                Kind::AmountTooLarge,
                "amount",
                "the amount is above the terminal's amount_max, in the currency's smallest unit; check it for a typing error",
            ),
            Refusal::AmountZero => Self::field(Kind::AmountZero, "amount", "the amount is at least 1"),
            Refusal::WrongCurrency => Self::field(
                Kind::WrongCurrency,
                "currency",
                "the currency is the shop's own or CNY; it may be left out",
            ),
            Refusal::CodeUsed => Self::field(
                Kind::CodeUsed,
                "auth_code",
                "this payment code was submitted before; ask the customer to refresh it",
            ),
            Refusal::AlreadyFinal => {
                Self::new(Kind::AlreadyFinal, "nothing is left to cancel; GET the payment to see how it ended")
            }
            Refusal::NotFinal => Self::new(
                Kind::NotFinal,
                "acknowledge a payment when its `final` is true; GET it with ?wait= until then",
            ),
            Refusal::RefundConflict => Self::new(
                Kind::RefundConflict,
                "this refund_ref names a refund with other values; look that one up, or take a new refund_ref",
            ),
            Refusal::NoSuchRefund => Self::no_refund(),
            Refusal::RefundNotFinal => Self::new(
                Kind::NotFinal,
                "acknowledge a refund when its `final` is true; GET it with ?wait= until then",
            ),
            Refusal::NotSettled => Self::new(
                Kind::NotFinal,
                "it is not certain that it is paid; POST its /cancel, which takes back whatever was taken, or wait for \
                 its end and refund it then",
            ),
            Refusal::NotPaid => Self::new(Kind::NotPaid, "nothing was taken that could be given back"),
            Refusal::AlreadyRefunded => Self::new(
                Kind::AlreadyRefunded,
                "all of it was given back or is on its way; GET the payment and its refunds to see how far it is",
            ),
            Refusal::RefundTooLarge { left } => {
                let message = format!("at most {left} of the currency's smallest unit is left to refund");
                Self { left: Some(left), ..Self::field(Kind::AmountTooLarge, "amount", &message) }
            }
            Refusal::TooManyRefunds => Self::new(
                Kind::TooManyRefunds,
                "WeChat Pay refunds a payment in at most 50 parts; give the rest back by hand",
            ),
            Refusal::TooOld => Self::new(
                Kind::TooOld,
                "WeChat Pay refunds for 365 days after the payment; give the money back by hand",
            ),
            Refusal::SupervisorNeeded => Self::new(
                Kind::SupervisorNeeded,
                "the refund is above refund.operator_max; repeat the same request with Authorization: Bearer and the \
                 token of api.supervisor_token_file",
            ),
            Refusal::PerhapsRefunded => Self::new(
                Kind::SupervisorNeeded,
                "the ledger was restored from a backup and may have forgotten a refund of this payment: look for one in \
                 WeChat Pay's statement (shroff reconcile); if there is none, repeat the same request with Authorization: \
                 Bearer and the token of api.supervisor_token_file",
            )
            .with_money(MoneyState::Unknown),
        }
    }
}

impl Problem {
    /// There is no such payment, so nothing was charged for it.
    #[must_use]
    pub fn never_accepted() -> Self {
        Self::new(Kind::NotFound, "a payment with this ref was never accepted here; no money moved")
    }

    /// The payment is not here, and the ledger was restored from a backup that may be older than it.
    #[must_use]
    pub fn perhaps_lost() -> Self {
        let detail = "the ledger was restored from a backup and may be older than this payment: do not repeat it, look for \
                      it in WeChat Pay's statement (shroff reconcile)";
        Self::new(Kind::NotFound, detail).with_money(MoneyState::Unknown)
    }
}

impl Problem {
    /// There is no such refund, so nothing was given back by it.
    #[must_use]
    pub fn no_refund() -> Self {
        Self::new(Kind::NoSuchRefund, "a refund with this refund_ref was never accepted here; no money moved by it")
    }

    /// The refund is not here, and the ledger was restored from a backup that may be older than it.
    #[must_use]
    pub fn refund_perhaps_lost() -> Self {
        let detail = "the ledger was restored from a backup and may be older than this refund: do not repeat it, look for it \
                      in WeChat Pay's statement (shroff reconcile)";
        Self::new(Kind::NoSuchRefund, detail).with_money(MoneyState::Unknown)
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Busy => Self::new(Kind::Busy, "nothing was done; repeat the same request in a moment"),
            DeskError::Closed => Self::new(
                Kind::OutOfOrder,
                "the terminal is out of order or stopping; repeat the same request when it is back to learn what became of it",
            )
            .with_money(MoneyState::Unknown),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(_: ReadError) -> Self {
        Self::new(Kind::OutOfOrder, "the ledger cannot be read; the terminal's log says why")
            .with_money(MoneyState::Unknown)
    }
}

impl From<Problem> for ProblemView {
    fn from(problem: Problem) -> Self {
        let (status, code, title, retryable) = problem.kind.words();
        Self {
            kind: format!("urn:shroff:problem:{code}"),
            title,
            status: status.as_u16(),
            code,
            detail: problem.detail,
            retryable,
            money: problem.money.word(),
            client_ref: problem.client_ref,
            left: problem.left,
            errors: problem.errors,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, ..) = self.kind.words();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
