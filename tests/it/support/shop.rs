//! A shop on one machine: a till thread as the daemon's, a ledger in a temporary folder, and both listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use shroff::edge::api::{Api, ApiConfig, TerminalFacts};
use shroff::edge::desk::{Accepted, Board, Desk, DeviceView, INBOX, Input};
use shroff::edge::display::Front;
use shroff::edge::metrics::Metrics;
use shroff::ledger::{Birth, Ledger};
use shroff::payment::answer::Receipt;
use shroff::payment::{Answer, Heard, Policy};
use shroff::till::{Outgoing, ScanVerdict, Settings, Till};
use shroff::words::{LaneId, Language, Now, Secret, Tick, WallTime};
use tokio::sync::watch;

use super::Client;

/// The token of the shop's TCP listener.
pub(crate) const TOKEN: &str = "3f1c9a";
/// The supervisor's.
pub(crate) const SUPERVISOR: &str = "b055b055";
/// A refund of more needs the supervisor.
pub(crate) const OPERATOR_MAX: u64 = 5_000;
/// 2026-11-21 11:38:26 in Hong Kong.
const BEGIN: i64 = 1_795_232_306_000;

/// How often the till looks at the clock while nobody speaks to it: the clock is a test's, so no wait can be computed.
const LOOK: Duration = Duration::from_millis(5);

/// A shop that is open.
pub(crate) struct Shop {
    pub(crate) unix: Client,
    pub(crate) tcp: Client,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) inbox: mpsc::SyncSender<Input>,
    /// What the till wants said to the gateway.
    pub(crate) calls: mpsc::Receiver<Outgoing>,
    clock: Arc<AtomicU64>,
    devices: watch::Sender<Vec<DeviceView>>,
    stop: Option<watch::Sender<bool>>,
    till: Option<std::thread::JoinHandle<()>>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Shop {
    /// Opens a shop with these lanes.
    pub(crate) fn open(lanes: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger: PathBuf = folder.path().join("ledger.sqlite");
        let lanes: Vec<LaneId> = lanes.iter().map(|lane| lane.parse().expect("a lane")).collect();
        let clock = Arc::new(AtomicU64::new(1_000_000));
        let (inbox, inputs) = mpsc::sync_channel(INBOX);
        let (board, boards) = watch::channel(Board::default());
        let (devices, device_list) = watch::channel(Vec::new());
        let (said, calls) = mpsc::channel();
        let settings = Settings {
            policy: Policy::default(),
            lanes: lanes.clone(),
            currency: "HKD".parse().expect("a currency"),
            amount_max: 5_000_000,
            description: "Dining Hall".to_owned(),
            operator_max: Some(OPERATOR_MAX),
            notify_url: None,
        };
        let (till_ledger, till_clock) = (ledger.clone(), Arc::clone(&clock));
        let (ready, begun) = mpsc::channel();
        let till = std::thread::spawn(move || {
            let birth = Birth {
                terminal: "T01".parse().expect("a terminal"),
                mark: "K7Q2M9XB".to_owned(),
                salt: Secret::new(vec![7; 32]),
            };
            let ledger = Ledger::open(&till_ledger, birth).expect("a ledger");
            let till = Till::open(ledger, settings, 1, now(&till_clock)).expect("a till");
            run(till, &inputs, &board, &said, &till_clock, &ready);
        });
        begun.recv().expect("the till has begun");

        let metrics = Arc::new(Metrics::new());
        let config = ApiConfig {
            origins: vec!["https://pos.example".to_owned()],
            token: Some(Secret::new(TOKEN.as_bytes().to_vec())),
            supervisor: Some(Secret::new(SUPERVISOR.as_bytes().to_vec())),
            language: Language::En,
            display_languages: vec![Language::ZhHk, Language::En],
            currency: "HKD".parse().expect("a currency"),
            front: Front::default(),
            lanes,
            ledger,
            sessions: None,
            facts: TerminalFacts {
                terminal: "T01".parse().expect("a terminal"),
                store_name: "Dining Hall".to_owned(),
                currency: "HKD".parse().expect("a currency"),
                amount_max: 5_000_000,
                operator_max: Some(OPERATOR_MAX),
            },
        };
        let desk = Desk::new(inbox.clone(), boards, device_list);
        let api_clock = Arc::clone(&clock);
        let api = Api::new(config, desk, Arc::clone(&metrics), Arc::new(move || now(&api_clock)));
        let (stop, stopped) = watch::channel(false);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
        let socket = folder.path().join("api.sock");
        let (unix, tcp): (_, SocketAddr) = runtime.block_on(async {
            let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
            let (it, stopping) = (api.clone(), stopped.clone());
            tokio::spawn(async move { it.serve_unix(listener, stopping).await });
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            tokio::spawn(async move { api.serve_tcp(listener, stopped).await });
            (socket, address)
        });
        let (unix, tcp) = (Client::Unix(unix), Client::Tcp(tcp));
        let (stop, till) = (Some(stop), Some(till));
        Self { unix, tcp, metrics, inbox, calls, clock, devices, stop, till, runtime, _folder: folder }
    }

    /// Asks for a payment and gives its `ref`.
    pub(crate) fn sell(&self, client_ref: &str, amount: u64) -> String {
        let body = format!(r#"{{"client_ref":"{client_ref}","amount":{amount}}}"#);
        let answer = self.unix.post("/v1/payments", &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["ref"].as_str().expect("a ref").to_owned()
    }

    /// Scans `code` on lane 1 and gives the call that leaves for it.
    pub(crate) fn scan(&self, code: &str) -> Outgoing {
        let (lane, code) = ("1".parse().expect("a lane"), code.parse().expect("a code"));
        self.inbox.send(Input::Scan { lane, code, read: now(&self.clock).tick }).expect("a till");
        self.call()
    }

    /// The next call for the gateway.
    pub(crate) fn call(&self) -> Outgoing {
        self.calls.recv_timeout(Duration::from_secs(10)).expect("a call")
    }

    /// Lets the gateway answer `call` with *paid*.
    pub(crate) fn pay(&self, call: &Outgoing) {
        let receipt = Receipt {
            transaction_id: "4200001234202611210000000001".parse().expect("a number"),
            paid_at: Some(WallTime::from_millis(BEGIN)),
            payer_total: None,
            rate: None,
        };
        self.hear(call, Heard::Answer(Answer::Pay(shroff::payment::answer::PayAnswer::Paid(receipt))));
    }

    /// Brings `heard` back from `call`.
    pub(crate) fn hear(&self, call: &Outgoing, heard: Heard) {
        self.inbox.send(Input::Heard { id: call.id, heard, sent: None }).expect("a till");
    }

    /// Lets time pass. What was due in it is called for.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.fetch_add(u64::try_from(time.as_micros()).expect("a time"), Ordering::Relaxed);
    }

    /// Sets what scanners there are.
    pub(crate) fn devices(&self, devices: Vec<DeviceView>) {
        self.devices.send_replace(devices);
    }

    /// Ends the till and leaves the API standing, as after a failed save.
    pub(crate) fn kill_till(&mut self) {
        self.inbox.send(Input::Stop).expect("a till");
        self.till.take().map(std::thread::JoinHandle::join);
    }

    /// Tells the listeners to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        drop(self.inbox.send(Input::Stop));
        drop(self.till.take().map(std::thread::JoinHandle::join));
        let (spare, _) = (tokio::runtime::Builder::new_current_thread().build().expect("tokio"), ());
        std::mem::replace(&mut self.runtime, spare).shutdown_background();
    }
}

fn now(clock: &AtomicU64) -> Now {
    // Every look is a little later than the one before.
    let micros = clock.fetch_add(1_000, Ordering::Relaxed);
    let wall = i64::try_from(micros / 1_000).expect("a time");
    Now { tick: Tick::from_micros(micros), wall: WallTime::from_millis(BEGIN.saturating_add(wall)) }
}

/// One input at a time, as the daemon does it. The board is told before whoever asked.
fn run(
    mut till: Till,
    inputs: &mpsc::Receiver<Input>,
    board: &watch::Sender<Board>,
    said: &mpsc::Sender<Outgoing>,
    clock: &AtomicU64,
    ready: &mpsc::Sender<()>,
) {
    let publish = |till: &Till| {
        let (seq, trouble) = (till.ledger().seq(), till.trouble());
        board.send_replace(Board {
            seq,
            lanes: till.lanes(),
            unsettled: till.unsettled(),
            trouble,
            out_of_order: false,
            ..Board::default()
        })
    };
    drop(publish(&till));
    ready.send(()).expect("a listener");
    loop {
        let input = inputs.recv_timeout(LOOK);
        let now = now(clock);
        let mut out = till.wake(now).expect("a save");
        let mut answer: Box<dyn FnOnce()> = Box::new(|| ());
        let input = match input {
            Ok(input) => input,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Err(mpsc::RecvTimeoutError::Timeout) if out.is_empty() => continue,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                drop(publish(&till));
                out.drain(..).for_each(|call| drop(said.send(call)));
                continue;
            }
        };
        match input {
            Input::Collect(ask, reply) => {
                let collected = till.collect(*ask, now).expect("a save");
                let accepted = collected.map(|it| {
                    out.extend(it.out);
                    Accepted { reference: it.reference, new: it.new }
                });
                answer = Box::new(move || drop(reply.send(accepted)));
            }
            Input::Cancel(reference, reply) => {
                let canceled = till.cancel(&reference, now).expect("a save").map(|calls| out.extend(calls));
                answer = Box::new(move || drop(reply.send(canceled)));
            }
            Input::Refund(ask, reply) => {
                let returned = till.refund(*ask, now).expect("a save");
                let new = returned.map(|it| {
                    out.extend(it.out);
                    it.new
                });
                answer = Box::new(move || drop(reply.send(new)));
            }
            Input::AcknowledgeRefund(reference, reply) => {
                let kept = till.acknowledge_refund(&reference, now).expect("a save");
                answer = Box::new(move || drop(reply.send(kept)));
            }
            Input::Reconciled(kept, reply) => {
                till.keep_reconciled(&kept, now).expect("a save");
                answer = Box::new(move || drop(reply.send(Ok(()))));
            }
            Input::RefundNotice(notice, reply) => {
                let noticed = till.notice(&notice, now).expect("a save");
                let new = noticed.map(|it| {
                    out.extend(it.out);
                    it.new
                });
                answer = Box::new(move || {
                    let _gone = reply.send(new);
                });
            }
            Input::Acknowledge(reference, reply) => {
                let kept = till.acknowledge(&reference, now).expect("a save");
                answer = Box::new(move || drop(reply.send(kept)));
            }
            Input::Scan { lane, code, read } => {
                if let ScanVerdict::Taken(calls) = till.scan(&lane, code, read, now).expect("a save") {
                    out.extend(calls);
                }
            }
            Input::Heard { id, heard, sent } => out.extend(till.hear(id, &heard, sent, now).expect("a save")),
            Input::Adopt(settings) => till.adopt(*settings),
            Input::Stop => return,
        }
        drop(publish(&till));
        answer();
        for call in out {
            drop(said.send(call));
        }
    }
}
