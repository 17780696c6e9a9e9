//! Days that were compared with WeChat's statement. The ledger has one writer: while that is the daemon, `shroff reconcile`
//! asks it to keep what came of the comparison.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::body;
use super::door::Entrance;
use super::problem::{Kind, Problem, ProblemView};
use super::query::{self, Pairs};
use super::site::Site;
use crate::reconcile::Kept;
use crate::words::Day;

/// Keeps what the comparison of one day with WeChat's statement came to, as `shroff reconcile` sends it. It moves no
/// money. Safe to repeat: the last comparison of a day counts. For the Unix socket: no page and no POS has compared a day.
#[utoipa::path(post, path = "/v1/reconciliations", tag = "reconciliations", request_body = Object, responses(
    (status = 204, description = "kept"),
    (status = 400, description = "`malformed`: not what this shroff's `reconcile` sends", body = ProblemView, content_type = "application/problem+json"),
    (status = 403, description = "`socket_only`", body = ProblemView, content_type = "application/problem+json"),
    (status = 503, description = "`busy`, `out_of_order`", body = ProblemView, content_type = "application/problem+json"),
))]
pub(super) async fn keep(
    State(site): State<Site>,
    Extension(entrance): Extension<Entrance>,
    pairs: Pairs,
    request: Request,
) -> Result<StatusCode, Problem> {
    query::none(pairs)?;
    if entrance != Entrance::Socket {
        return Err(Problem::new(
            Kind::SocketOnly,
            "run `shroff reconcile` on this machine: it asks on the Unix socket",
        ));
    }
    let body = body::json(request).await?;
    let kept: Kept = serde_json::from_slice(&body).map_err(|_| {
        Problem::new(
            Kind::Malformed,
            "the request is what `shroff reconcile` of the same version sends, and nothing else",
        )
    })?;
    if kept.day > Day::of(site.now().wall) {
        return Err(Problem::new(Kind::Malformed, "that day has not begun by this terminal's clock"));
    }
    match site.ask(site.shared.desk.reconciled(kept)).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) => Err(Problem::from(refusal)),
    }
}
