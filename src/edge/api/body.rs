//! A request's body, taken in up to a limit and within a time, and wiped afterwards: it may hold a payment code.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use futures_util::StreamExt as _;
use zeroize::Zeroizing;

use super::problem::{Kind, Problem};

/// Bytes a request may have.
pub(super) const BODY_MAX: usize = 64 * 1024;
/// Bytes that are read past the limit and dropped, so that an honest client that sent too much gets to read why.
const DRAIN_MAX: usize = 1024 * 1024;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Takes in a body that must be JSON.
///
/// # Errors
/// When it is something else, too large or too slow.
pub(super) async fn json(request: Request) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Kind::NotJson, "send the request with Content-Type: application/json"));
    }
    any(request).await
}

/// Takes in a body whatever it says it is.
///
/// # Errors
/// When it is too large or too slow.
pub(super) async fn any(request: Request) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let incomplete = || Problem::new(Kind::BodyIncomplete, "send the whole request within ten seconds");
    tokio::time::timeout(BODY_TIME, collect(request.into_body())).await.map_err(|_| incomplete())?
}

async fn collect(body: Body) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // Whole from the beginning: a growing buffer would leave copies behind.
    let mut taken = Zeroizing::new(Vec::with_capacity(BODY_MAX));
    let mut seen: usize = 0;
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| Problem::new(Kind::BodyIncomplete, "the request broke off; send it again"))?;
        seen = seen.saturating_add(piece.len());
        if seen <= BODY_MAX {
            taken.extend_from_slice(&piece);
        }
        if seen > DRAIN_MAX {
            break;
        }
    }
    if seen > BODY_MAX {
        return Err(Problem::new(Kind::TooLarge, "a request has at most 64 KiB"));
    }
    Ok(taken)
}
