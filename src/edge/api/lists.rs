//! What the shop looks at beside payments: what needs a person, the lanes, the scanners.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::query::{self, Pairs};
use super::site::Site;
use super::view::{DeclineView, PaymentView, RefundView};
use crate::edge::desk::{DeviceView, Notice, Role};
use crate::ledger::{LedgerError, PaymentRow, Reader, RefundRow};
use crate::payment::{Alarm, RefundState, State as PaymentState};
use crate::scene::texts;
use crate::till::LaneView;
use crate::words::{Language, Now, Tick, WallTime};

/// What a person must look at, oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttentionList {
    /// One for each payment or refund.
    pub attention: Vec<AttentionView>,
}

/// A payment or a refund a person must look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Attention")]
pub struct AttentionView {
    /// `unresolved`, `incident`, `late_landing`, `our_fault`, or `not_acknowledged`: paid, and the POS never recorded it.
    /// Of a refund `refund_failed`, `refund_by_hand`, `refund_unresolved`, `refund_incident`, `refund_our_fault`.
    #[schema(example = "not_acknowledged")]
    pub reason: &'static str,
    /// What to do.
    pub advice: String,
    /// The payment.
    pub payment: PaymentView,
    /// The refund, if it is about one: acknowledge it when it has been seen to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundView>,
}

impl AttentionView {
    /// Why a person must look at the payment in `row`, and what to do.
    #[must_use]
    pub fn of(row: &PaymentRow, language: Language) -> Self {
        let alarm = row.record.alarm.or_else(|| {
            let unresolved = row.record.state == PaymentState::NeedsAttention;
            unresolved.then_some(Alarm::Unresolved)
        });
        let reason = alarm.map_or("not_acknowledged", Alarm::word);
        Self {
            reason,
            advice: texts::attention(reason, language),
            payment: PaymentView::of(row, language),
            refund: None,
        }
    }

    /// Why a person must look at `refund`, and what to do.
    #[must_use]
    pub fn of_refund(refund: &RefundRow, payment: &PaymentRow, language: Language) -> Self {
        let record = &refund.record;
        let reason = match (record.open, record.state, record.alarm) {
            _ if record.is_contradicted() => "refund_incident",
            (false, RefundState::Failed, _) => "refund_failed",
            (false, RefundState::NeedsAttention, _) => "refund_by_hand",
            (_, _, Some(Alarm::Incident)) => "refund_incident",
            (_, _, Some(Alarm::OurFault)) => "refund_our_fault",
            (_, _, Some(Alarm::Unresolved | Alarm::LateLanding) | None) => "refund_unresolved",
        };
        let (refund, payment) = (RefundView::of(refund, language), PaymentView::of(payment, language));
        Self { reason, advice: refund.advice.clone(), payment, refund: Some(refund) }
    }

    /// Everything a person must look at: payments first, then refunds, each oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn all(reader: &Reader, language: Language) -> Result<Vec<Self>, LedgerError> {
        let mut all: Vec<Self> = reader.attention()?.iter().map(|row| Self::of(row, language)).collect();
        for refund in reader.refunds_in_need()? {
            if let Some(payment) = reader.payment(refund.record.facts.payment.as_str())? {
                all.push(Self::of_refund(&refund, &payment, language));
            }
        }
        Ok(all)
    }
}

/// The lanes, in order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LaneList {
    /// One for each.
    pub lanes: Vec<LaneJson>,
    /// The journal's last line: as long as it stays, no payment and no refund has changed.
    pub seq: u64,
    /// What time it is by the terminal's clock, RFC 3339.
    pub now: String,
}

/// What a lane shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Lane")]
pub struct LaneJson {
    /// Its id.
    pub lane: String,
    /// It takes a new payment.
    pub free: bool,
    /// The open payment's ref, or the last one's.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Its amount in the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<u64>,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Since when it is in this state, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When the state changes by itself, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why the last code was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_decline: Option<DeclineView>,
    /// The last scan that was not taken, and what to tell the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_notice: Option<NoticeView>,
    /// Scanners of the lane that are connected.
    pub scanners_connected: usize,
    /// Displays of the lane that are connected; its page is none of them.
    pub displays_connected: usize,
}

/// A scan that was not taken: another wallet's code, a product, a used code.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Notice")]
pub struct NoticeView {
    /// A stable word.
    #[schema(example = "alipay")]
    pub key: &'static str,
    /// What the cashier should read.
    pub text: String,
    /// When, RFC 3339.
    pub at: String,
}

impl LaneJson {
    fn of(view: &LaneView, notice: Option<Notice>, devices: &[DeviceView], now: Now, language: Language) -> Self {
        let connected =
            |role| devices.iter().filter(|device| device.lane == view.lane && device.is_connected(role)).count();
        let since = view.state.map(|_| wall(now, view.since));
        let decline = view.last_decline.as_ref();
        Self {
            lane: view.lane.to_string(),
            free: view.state.is_none_or(|state| !state.holds_lane()),
            reference: view.payment.as_ref().map(ToString::to_string),
            state: view.state.map(PaymentState::word),
            amount: view.amount.map(|amount| amount.minor()),
            currency: view.amount.map(|amount| amount.currency().to_string()),
            since: since.map(|at| at.to_string()),
            until: view.until.map(|until| wall(now, until).to_string()),
            last_decline: decline.map(|it| DeclineView { code: it.code.clone(), text: it.text.clone() }),
            last_notice: notice.map(|it| NoticeView {
                key: it.word,
                text: texts::notice(it.word, language),
                at: wall(now, it.at).to_string(),
            }),
            scanners_connected: connected(Role::Scanner),
            displays_connected: connected(Role::Display),
        }
    }
}

/// The scanners, then the displays, in the configuration's order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeviceList {
    /// One for each.
    pub devices: Vec<DeviceJson>,
}

/// A scanner or a display.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(title = "Device")]
pub struct DeviceJson {
    /// The lane it serves.
    pub lane: String,
    /// `scanner`, `display`.
    pub role: &'static str,
    /// Of a scanner `serial`, `keyboard`, `hid-pos`; of a display `vfd`, `lcdproc`, `console`.
    pub kind: &'static str,
    /// How the configuration names it.
    pub device: String,
    /// `connected`, `gone`, `in_use`, `denied`, `stuck`.
    pub state: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
    /// A scanner's complete scans since the terminal started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scans: Option<u64>,
}

/// Lists what a person must look at: unresolved, paid but never acknowledged, and refunds that need somebody.
#[utoipa::path(get, path = "/v1/attention", tag = "shop", responses(
    (status = 200, description = "what a person must look at, oldest first", body = AttentionList),
))]
pub(super) async fn attention(State(site): State<Site>, pairs: Pairs) -> Result<Json<AttentionList>, Problem> {
    query::none(pairs)?;
    let language = site.shared.config.language;
    let attention = site.shared.readers.read(move |reader| AttentionView::all(reader, language)).await?;
    Ok(Json(AttentionList { attention }))
}

/// Lists the lanes and what they show.
#[utoipa::path(get, path = "/v1/lanes", tag = "shop", responses(
    (status = 200, description = "the lanes", body = LaneList),
))]
pub(super) async fn lanes(State(site): State<Site>, pairs: Pairs) -> Result<Json<LaneList>, Problem> {
    query::none(pairs)?;
    let devices = site.shared.desk.devices();
    let now = site.now();
    let language = site.shared.config.language;
    let (views, notices, seq) = {
        let board = site.shared.desk.board();
        let board = board.borrow();
        (board.lanes.clone(), board.notices.clone(), board.seq)
    };
    let lanes = views.iter().map(|it| LaneJson::of(it, notices.get(&it.lane).copied(), &devices, now, language));
    Ok(Json(LaneList { lanes: lanes.collect(), seq, now: now.wall.to_string() }))
}

/// Lists the scanners and the displays.
#[utoipa::path(get, path = "/v1/devices", tag = "shop", responses(
    (status = 200, description = "the scanners, then the displays", body = DeviceList),
))]
pub(super) async fn devices(State(site): State<Site>, pairs: Pairs) -> Result<Json<DeviceList>, Problem> {
    query::none(pairs)?;
    let devices = site.shared.desk.devices().into_iter().map(|it| DeviceJson {
        lane: it.lane.to_string(),
        role: it.role.word(),
        kind: it.kind,
        device: it.device,
        state: it.state,
        advice: it.advice,
        scans: (it.role == Role::Scanner).then_some(it.scans),
    });
    Ok(Json(DeviceList { devices: devices.collect() }))
}

/// The wall time of a tick, for people.
fn wall(now: Now, at: Tick) -> WallTime {
    if at > now.tick {
        return now.wall.after(at.since(now.tick));
    }
    let ago = i64::try_from(now.tick.since(at).as_millis()).unwrap_or(i64::MAX);
    WallTime::from_millis(now.wall.millis().saturating_sub(ago))
}
