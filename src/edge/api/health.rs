//! Whether the terminal lives, whether it can sell, and what it has counted.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::site::Site;
use crate::edge::desk::{Board, CertificateFault, DeviceView, Role};
use crate::edge::metrics::Looked;
use crate::ledger::{Filter, LedgerError, Reader};
use crate::words::{LaneId, WallTime};

/// The process answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether a sale is possible. Read without a token, so it names lanes and nothing more of the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready`, `degraded`, `out_of_order`.
    #[schema(example = "ready")]
    status: &'static str,
    /// What is wrong.
    problems: Vec<ReadinessProblem>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct ReadinessProblem {
    /// `ledger`, `stopping`, `key_mismatch`, `certificate_refused`, `certificate_invalid`,
    /// `gateway_unreachable`, `wrong_clock`, `port_taken`, `scanner_gone`, `display_gone`.
    #[schema(example = "scanner_gone")]
    code: &'static str,
    /// What to do.
    detail: &'static str,
    /// Where, if it is about one lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<String>,
}

/// Answers while the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses(
    (status = 200, description = "the process answers", body = Health),
))]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Says whether a sale is possible, and what is wrong.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "`ready` or `degraded`: a sale is possible", body = Readiness),
    (status = 503, description = "`out_of_order`: no sale is possible", body = Readiness),
))]
pub(super) async fn readyz(State(site): State<Site>) -> Response {
    let board = site.shared.desk.board();
    // Its sender lives as long as the till.
    let stopped = board.has_changed().is_err();
    let readiness = readiness(&board.borrow(), stopped, &site.shared.config.lanes, &site.shared.desk.devices());
    let status = if readiness.status == "out_of_order" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(readiness)).into_response()
}

/// Says what was counted, as OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "OpenMetrics text, or the older text form (0.0.4) for whoever does not accept it", content_type = "application/openmetrics-text", body = String),
))]
pub(super) async fn metrics(State(site): State<Site>, headers: HeaderMap) -> Response {
    // Looked up when somebody asks; a ledger that cannot be read leaves the last numbers.
    let (path, now) = (site.shared.config.ledger.clone(), (site.shared.clock)().wall);
    if let Ok(looked) = site.shared.readers.read(move |reader| look(reader, &path, now)).await {
        site.shared.metrics.looked(looked);
    }
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.into_iter().any(|value| value.contains("application/openmetrics-text")) {
        let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        return ([(header::CONTENT_TYPE, kind)], site.shared.metrics.text()).into_response();
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], site.shared.metrics.classic()).into_response()
}

fn look(reader: &Reader, path: &Path, now: WallTime) -> Result<Looked, LedgerError> {
    let attention = reader.attention()?.len().saturating_add(reader.refunds_in_need()?.len());
    let open = reader.payments(&Filter { open: true, ..Filter::default() })?;
    let oldest = open.iter().filter(|row| !row.record.state.is_final()).map(|row| row.record.facts.created_at).min();
    let age = oldest.map_or(0, |at| now.millis().saturating_sub(at.millis()).max(0) / 1000);
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let free = rustix::fs::statvfs(folder).map_or(0, |space| space.f_bavail.saturating_mul(space.f_frsize));
    Ok(Looked {
        attention,
        oldest_unsettled: u64::try_from(age).unwrap_or_default(),
        ledger: size(path),
        wal: size(Path::new(&wal)),
        free,
    })
}

fn readiness(board: &Board, stopped: bool, lanes: &[LaneId], devices: &[DeviceView]) -> Readiness {
    let problem = |code, detail| ReadinessProblem { code, detail, lane: None };
    let mut problems = Vec::new();
    if board.out_of_order {
        problems.push(problem("ledger", "the ledger cannot be written; the terminal's log says why"));
    }
    if stopped && !board.out_of_order {
        problems.push(problem("stopping", "the terminal is stopping"));
    }
    let dead = !problems.is_empty();
    if board.key_mismatch() {
        let detail = if board.signature_refused {
            "WeChat Pay refuses the terminal's signature; check the gateway's keys with `shroff doctor`"
        } else {
            "replies fail their signature; check the gateway's keys with `shroff doctor`"
        };
        problems.push(problem("key_mismatch", detail));
    }
    if board.trouble.certificate_refused() {
        let detail = "reversals are not answered; check the client certificate with `shroff doctor`";
        problems.push(problem("certificate_refused", detail));
    }
    if let Some(fault) = board.certificate {
        let detail = match fault {
            CertificateFault::Ended => {
                "the merchant's certificate has ended: WeChat Pay takes nothing back; download a new one as a pair with its \
                 key, `shroff doctor` says more"
            }
            CertificateFault::NotBegun => {
                "the merchant's certificate is not valid yet: WeChat Pay takes nothing back; `shroff doctor` says from when"
            }
        };
        problems.push(problem("certificate_invalid", detail));
    }
    if board.unreachable.is_some() {
        let detail =
            "the gateway could not be reached when it was last tried; check network, DNS and the terminal's log";
        problems.push(problem("gateway_unreachable", detail));
    }
    if board.wrong_clock {
        let detail = "the clock is wrong: set it (timedatectl set-ntp true); payments go on, their times are wrong";
        problems.push(problem("wrong_clock", detail));
    }
    if board.clock_off && !board.wrong_clock {
        let detail = "the clock is 30 s or more from the gateway's: set it (timedatectl set-ntp true); at 300 s API v3 \
                      refuses every call";
        problems.push(problem("wrong_clock", detail));
    }
    if !board.closed_ports.is_empty() {
        let detail = "api.listen or notify.listen cannot be opened: end the program that has it (`ss -ltnp`), or choose \
                      another port; it is tried again every second";
        problems.push(problem("port_taken", detail));
    }
    for lane in lanes {
        let of = |role| devices.iter().filter(move |device| device.lane == *lane && device.role == role);
        let mut here = of(Role::Scanner).peekable();
        // A lane without scanners is served by the POS, which sends the code.
        if here.peek().is_some() && here.all(|device| device.state != "connected") {
            let detail = "no scanner of the lane is connected; plug it in, `shroff devices` says more";
            problems.push(ReadinessProblem { code: "scanner_gone", detail, lane: Some(lane.to_string()) });
        }
        if of(Role::Display).any(|device| !device.is_connected(Role::Display)) {
            let detail = "a display of the lane shows nothing; GET /v1/devices says why";
            problems.push(ReadinessProblem { code: "display_gone", detail, lane: Some(lane.to_string()) });
        }
    }
    let status = match (dead, problems.is_empty()) {
        (true, _) => "out_of_order",
        (false, false) => "degraded",
        (false, true) => "ready",
    };
    Readiness { status, problems }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(lane: &str, state: &'static str) -> DeviceView {
        let (kind, advice) = ("serial", String::new());
        let (lane, role, device) = (lane.parse().expect("a lane"), Role::Scanner, "/dev/x".to_owned());
        DeviceView { lane, role, kind, device, state, advice, scans: 0 }
    }

    fn display(lane: &str, state: &'static str) -> DeviceView {
        DeviceView { role: Role::Display, kind: "vfd", ..device(lane, state) }
    }

    fn codes(board: &Board, stopped: bool, devices: &[DeviceView]) -> (&'static str, Vec<&'static str>) {
        let lanes = ["1".parse().expect("a lane"), "2".parse().expect("a lane")];
        let it = readiness(board, stopped, &lanes, devices);
        (it.status, it.problems.iter().map(|problem| problem.code).collect())
    }

    #[test]
    fn a_lane_is_degraded_only_when_all_its_scanners_are_gone() {
        let board = Board::default();
        assert_eq!(codes(&board, false, &[]), ("ready", vec![]));
        assert_eq!(codes(&board, false, &[device("1", "gone"), device("1", "connected")]), ("ready", vec![]));
        assert_eq!(codes(&board, false, &[device("1", "gone")]), ("degraded", vec!["scanner_gone"]));
    }

    #[test]
    fn a_display_that_shows_nothing_is_told_and_is_no_scanner() {
        let board = Board::default();
        assert_eq!(codes(&board, false, &[display("1", "connected"), display("2", "connected")]), ("ready", vec![]));
        let one_dark = [device("1", "gone"), display("1", "connected"), display("1", "stuck")];
        assert_eq!(codes(&board, false, &one_dark), ("degraded", vec!["scanner_gone", "display_gone"]));
    }

    #[test]
    fn a_wrong_key_and_an_old_certificate_do_not_stop_sales() {
        let wrong_key = Board { signature_refused: true, ..Board::default() };
        assert_eq!(codes(&wrong_key, false, &[]), ("degraded", vec!["key_mismatch"]));
        for fault in [CertificateFault::Ended, CertificateFault::NotBegun] {
            let board = Board { certificate: Some(fault), ..Board::default() };
            assert_eq!(codes(&board, false, &[]), ("degraded", vec!["certificate_invalid"]));
        }
    }

    #[test]
    fn without_a_ledger_or_a_till_nothing_is_sold() {
        let broken = Board { out_of_order: true, ..Board::default() };
        assert_eq!(codes(&broken, true, &[]), ("out_of_order", vec!["ledger"]));
        assert_eq!(codes(&Board::default(), true, &[device("1", "gone")]).0, "out_of_order");
    }
}
