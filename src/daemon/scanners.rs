//! The scanners: their threads, and what health tells of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use serialport::{DataBits, FlowControl};
use tokio::sync::watch;
use tracing::{info, warn};

use super::ServeError;
use crate::config::{DeviceName, Handshake, Parity, Scanner, ScannerKind};
use crate::edge::clock::Clock;
use crate::edge::desk::{Board, DeviceView, Input, Notice};
use crate::edge::metrics::Metrics;
use crate::edge::scanner::serial::{self, SerialSettings};
use crate::edge::scanner::{Health, ScanEvent, ScannerHandle, ScannerId};
use crate::scan::Scanned;
use crate::words::{LaneId, Tick};

/// A scanner's thread ends within its read time-out.
const LAST_READ: Duration = Duration::from_millis(400);

/// All scanners of the terminal.
pub(super) struct Scanners {
    by_lane: BTreeMap<LaneId, Vec<ScannerHandle>>,
    views: watch::Receiver<Vec<DeviceView>>,
}

impl Scanners {
    /// Starts a thread for each; a device that is not there is waited for.
    pub(super) fn start(
        wanted: &[Scanner],
        clock: Clock,
        inbox: &SyncSender<Input>,
        news: &Arc<watch::Sender<Board>>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let first = wanted.iter().map(view).collect();
        let (board, views) = watch::channel(first);
        let board = Arc::new(board);
        let mut by_lane: BTreeMap<LaneId, Vec<ScannerHandle>> = BTreeMap::new();
        for (index, scanner) in wanted.iter().enumerate() {
            let (Some(settings), ScannerKind::Serial) = (serial_settings(scanner), scanner.kind) else {
                advise(&board, index, "this kind of scanner is not supported yet; use kind = \"serial\"");
                warn!(lane = %scanner.lane, "a configured scanner is of a kind that is not supported yet");
                continue;
            };
            let (inbox, board, news, metrics) =
                (inbox.clone(), Arc::clone(&board), Arc::clone(news), Arc::clone(metrics));
            let sink = move |event| tell(event, index, &inbox, &board, &news, &metrics);
            let id = ScannerId::new(index);
            let handle = serial::start(id, scanner.lane.clone(), settings, move || clock.tick(), sink);
            by_lane.entry(scanner.lane.clone()).or_default().push(handle.map_err(ServeError::System)?);
        }
        Ok(Self { by_lane, views })
    }

    /// What health tells.
    pub(super) fn views(&self) -> watch::Receiver<Vec<DeviceView>> {
        self.views.clone()
    }

    /// Throws away what was scanned on `lane` before it waited for a code.
    pub(super) fn drain(&self, lane: &LaneId, now: Tick) {
        for scanner in self.by_lane.get(lane).into_iter().flatten() {
            scanner.drain(now);
        }
    }

    /// Ends all threads.
    pub(super) fn stop(self) {
        let all: Vec<_> = self.by_lane.into_values().flatten().collect();
        all.iter().for_each(ScannerHandle::stop);
        for scanner in all {
            if !scanner.join(LAST_READ) {
                info!("a scanner's thread ends with the process");
            }
        }
    }
}

fn view(scanner: &Scanner) -> DeviceView {
    DeviceView {
        lane: scanner.lane.clone(),
        kind: scanner.kind.word(),
        device: scanner.device.to_string(),
        state: "gone",
        advice: "not seen yet".to_owned(),
        scans: 0,
    }
}

fn advise(board: &watch::Sender<Vec<DeviceView>>, index: usize, advice: &str) {
    board.send_modify(|views| {
        if let Some(view) = views.get_mut(index) {
            view.advice = advice.to_owned();
        }
    });
}

fn serial_settings(scanner: &Scanner) -> Option<SerialSettings> {
    let DeviceName::Path(path) = &scanner.device else { return None };
    let line = scanner.line;
    Some(SerialSettings {
        path: path.clone(),
        baud: line.baud,
        data_bits: if line.seven_bits { DataBits::Seven } else { DataBits::Eight },
        parity: match line.parity {
            Parity::None => serialport::Parity::None,
            Parity::Even => serialport::Parity::Even,
            Parity::Odd => serialport::Parity::Odd,
        },
        handshake: match line.handshake {
            Handshake::None => FlowControl::None,
            Handshake::RtsCts => FlowControl::Hardware,
            Handshake::XonXoff => FlowControl::Software,
        },
        framing: scanner.framing.clone(),
    })
}

/// Passes on what a scanner tells. A full inbox holds the scanner's thread back, never the till.
fn tell(
    event: ScanEvent,
    index: usize,
    inbox: &SyncSender<Input>,
    board: &watch::Sender<Vec<DeviceView>>,
    news: &watch::Sender<Board>,
    metrics: &Metrics,
) {
    let input = match event {
        ScanEvent::Scanned { lane, what: Scanned::Code(code), at, .. } => Input::Scan { lane, code, read: at },
        ScanEvent::Scanned { lane, what: Scanned::Other(hint), at, .. } => {
            // Past the till: a flood of rubbish must not delay a payment on another lane.
            metrics.scan(hint.word());
            news.send_modify(|board| {
                board.notices.insert(lane, Notice { word: hint.word(), at });
            });
            count(board, index);
            return;
        }
        ScanEvent::Health { health, .. } => {
            let up = health == Health::Connected;
            board.send_modify(|views| {
                let Some(view) = views.get_mut(index) else { return };
                metrics.scanner_up(&view.lane, &view.device, up);
                view.state = health.word();
                view.advice = if up { String::new() } else { health.to_string() };
                info!(lane = %view.lane, device = %view.device, health = view.state, "scanner");
            });
            return;
        }
    };
    count(board, index);
    if inbox.send(input).is_err() {
        info!("a scan came after the till had stopped");
    }
}

fn count(board: &watch::Sender<Vec<DeviceView>>, index: usize) {
    board.send_modify(|views| {
        if let Some(view) = views.get_mut(index) {
            view.scans = view.scans.saturating_add(1);
        }
    });
}
