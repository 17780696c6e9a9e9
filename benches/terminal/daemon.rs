//! The release binary, with a scanner on a pseudo-terminal and a POS on the API's TCP door.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shroff::sim::scanner::PtyScanner;

use super::gateway::KEY;
use super::now;
use super::v3::PAPERS;

const TOKEN: &str = "bench-token-0123456789abcdef0123456789abcdef";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The daemon reads a scanner out when it opens it, until nothing came for 10 ms.
const OPENS: Duration = Duration::from_millis(200);

pub(crate) struct Setup {
    gateway: String,
    certificates: Option<PathBuf>,
    v3: bool,
}

impl Setup {
    pub(crate) fn new(gateway: String) -> Self {
        Self { gateway, certificates: None, v3: false }
    }

    /// The same with API v3, in public-key mode.
    pub(crate) fn v3(gateway: String) -> Self {
        Self { v3: true, ..Self::new(gateway) }
    }
}

pub(crate) struct Daemon {
    folder: tempfile::TempDir,
    child: Child,
    api: SocketAddr,
    pos: TcpStream,
    scanner: PtyScanner,
    sales: u64,
    trace: Option<PathBuf>,
}

impl Daemon {
    pub(crate) fn start(setup: &Setup) -> Self {
        Self::launch(setup, false).expect("the daemon")
    }

    /// Under strace, which writes a line a flush; `None` where there is no strace.
    pub(crate) fn start_traced(setup: &Setup) -> Option<Self> {
        Command::new("strace").arg("-V").stdout(Stdio::null()).status().ok()?;
        Self::launch(setup, true)
    }

    fn launch(setup: &Setup, traced: bool) -> Option<Self> {
        let folder = folder_with(setup, 0);
        let scanner = PtyScanner::new(folder.path().join("scanner")).ok()?;
        let api: SocketAddr = std::fs::read_to_string(folder.path().join("api")).ok()?.parse().ok()?;
        let trace = traced.then(|| folder.path().join("trace"));
        let shroff = env!("CARGO_BIN_EXE_shroff");
        let mut command = match &trace {
            None => Command::new(shroff),
            Some(trace) => {
                let mut command = Command::new("strace");
                command.args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"]).arg(trace).arg(shroff);
                command
            }
        };
        let child = command
            .args(["serve", "--log", "warn", "--config"])
            .arg(folder.path().join("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let pos = connect(api);
        let daemon = Self { folder, child, api, pos, scanner, sales: 0, trace };
        assert!(daemon.scanner.wait_open(PATIENCE), "the daemon opens the scanner");
        // What comes in the first moments after opening was scanned before anybody listened, and is thrown away.
        daemon.pause(OPENS);
        Some(daemon)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks for a payment.
    pub(crate) fn arm(&mut self) {
        self.sales += 1;
        let body = format!(r#"{{"client_ref":"B-{}","amount":8800}}"#, self.sales);
        self.post(&body);
    }

    /// Asks for a payment with a code in it: no scanner.
    pub(crate) fn sell_with_code(&mut self) {
        self.sales += 1;
        let body = format!(r#"{{"client_ref":"B-{0}","amount":8800,"auth_code":"13{1:016}"}}"#, self.sales, self.sales);
        self.post(&body);
    }

    /// Shows a fresh code to the scanner. The moment its last character was written.
    pub(crate) fn scan(&mut self) -> Instant {
        let code = format!("13{:016}", self.sales);
        let at = now();
        self.scanner.scan(&code).expect("a scan");
        at
    }

    /// Waits without a busy loop.
    pub(crate) fn pause(&self, time: Duration) {
        let (_keep, nothing) = std::sync::mpsc::channel::<()>();
        assert!(nothing.recv_timeout(time).is_err());
    }

    /// The POS's view: the event stream.
    pub(crate) fn events(&self) -> Events {
        let mut stream = connect(self.api);
        let request = format!("GET /v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n", self.api);
        stream.write_all(request.as_bytes()).expect("a request");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line.trim().is_empty() == line.is_empty() {
            line.clear();
            lines.read_line(&mut line).expect("a head");
        }
        Events { lines }
    }

    /// Flushes since the start.
    pub(crate) fn flushes(&self) -> usize {
        let trace = self.trace.as_ref().expect("a trace");
        let text = std::fs::read_to_string(trace).expect("a trace");
        text.lines().filter(|line| line.contains("sync") && line.trim_end().ends_with("= 0")).count()
    }

    pub(crate) fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = std::fs::read_to_string(path).expect("smaps_rollup");
        let line = text.lines().find(|line| line.starts_with("Rss:")).expect("Rss");
        line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect("a number")
    }

    fn post(&mut self, body: &str) {
        let request = format!(
            "POST /v1/payments HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.api,
            body.len()
        );
        self.pos.write_all(request.as_bytes()).expect("a request");
        let mut held = Vec::new();
        let mut buffer = [0_u8; 4096];
        loop {
            let read = self.pos.read(&mut buffer).expect("an answer");
            assert!(read > 0, "the daemon closed: {}", String::from_utf8_lossy(&held));
            held.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&held);
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
            assert!(head.starts_with("HTTP/1.1 20"), "{text}");
            let length = head.to_ascii_lowercase();
            let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if rest.len() >= length.expect("a length") {
                return;
            }
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let own = self.child.id();
        // Ending strace would leave the traced daemon behind; ending the daemon ends both.
        let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let target = children.split_whitespace().next().and_then(|it| it.parse().ok()).or(i32::try_from(own).ok());
        if let Some(pid) = target.and_then(rustix::process::Pid::from_raw) {
            assert!(rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok());
        }
        drop(self.child.wait());
    }
}

pub(crate) struct Events {
    lines: BufReader<TcpStream>,
}

impl Events {
    /// The moment the POS reads that a payment is paid.
    pub(crate) fn until_paid(&mut self) -> Instant {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.lines.read_line(&mut line).expect("an event") > 0, "the stream ended");
            if line.contains(r#""state":"paid""#) {
                return now();
            }
            assert!(!line.contains(r#""state":"declined""#), "{line}");
        }
    }
}

/// `shroff-sim gateway` with TLS.
pub(crate) struct Simulator {
    child: Child,
    folder: tempfile::TempDir,
    https: String,
}

impl Simulator {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_shroff-sim"))
            .args(["gateway", "--tls", "--key", KEY, "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the simulator");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("its address");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let https = ready["https"].as_str().expect("https").to_owned();
        Self { child, folder, https }
    }

    pub(crate) fn setup(&self) -> Setup {
        Setup { gateway: self.https.clone(), certificates: Some(self.folder.path().to_owned()), v3: false }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A folder with a configuration and a ledger of so many unsettled payments.
pub(crate) fn folder_with(setup: &Setup, unsettled: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    };
    let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr()).expect("a port");
    write("api", api.to_string().as_bytes());
    write("token", TOKEN.as_bytes());
    write("v2.key", KEY.as_bytes());
    let mut tls = String::new();
    if let Some(certificates) = &setup.certificates {
        for name in ["ca.pem", "apiclient_cert.pem", "apiclient_key.pem"] {
            write(name, &std::fs::read(certificates.join(name)).expect("a certificate"));
        }
        tls = "client_cert_file = \"apiclient_cert.pem\"\nclient_key_file = \"apiclient_key.pem\"".to_owned();
    }
    let mut api_version = "v2";
    let mut v3 = String::new();
    if setup.v3 {
        api_version = "v3";
        write("apiv3.key", super::v3::API_KEY.as_bytes());
        write("v3_key.pem", PAPERS.key_pem.as_bytes());
        write("v3_cert.pem", PAPERS.cert_pem.as_bytes());
        write("platform.pem", PAPERS.platform_pem.as_bytes());
        v3 = format!(
            "[gateway.v3]\nprivate_key_file = \"v3_key.pem\"\nclient_cert_file = \"v3_cert.pem\"\n\
             api_key_file = \"apiv3.key\"\nplatform_public_key_file = \"platform.pem\"\n\
             platform_public_key_id = \"{}\"\n",
            super::v3::PLATFORM_ID
        );
    }
    let ca = if tls.is_empty() { "" } else { "ca_file = \"ca.pem\"" };
    let config = format!(
        "[terminal]\nid = \"B01\"\ncurrency = \"HKD\"\nmcc = \"1001\"\nstore_id = \"S1\"\nstore_name = \"Bench\"\n\
         [gateway]\napi = \"{api_version}\"\nbase_url = \"{}\"\n{ca}\nappid = \"wx8888888888888888\"\nmch_id = \"1900000109\"\n\
         [gateway.v2]\nsign_type = \"HMAC-SHA256\"\nkey_file = \"v2.key\"\n{tls}\n{v3}\
         [ledger]\npath = \"ledger.sqlite\"\n[api]\nsocket = \"api.sock\"\nlisten = \"{api}\"\ntoken_file = \"token\"\n\
         [[lane]]\nid = \"1\"\n[[scanner]]\nlane = \"1\"\nkind = \"serial\"\ndevice = \"{}\"\n",
        setup.gateway,
        folder.path().join("scanner").display()
    );
    write("config.toml", config.as_bytes());
    if unsettled > 0 {
        fill(&folder.path().join("ledger.sqlite"), unsettled);
    }
    folder
}

/// Pays whose answers never came, as a real till would have left them.
fn fill(path: &Path, unsettled: u32) {
    use shroff::ledger::{Birth, Ledger};
    use shroff::payment::{Facts, Payment, Policy};
    use shroff::words::{Money, Now, Secret, Tick, WallTime};

    let birth =
        Birth { terminal: "B01".parse().expect("an id"), mark: "BENCH000".into(), salt: Secret::new(vec![1; 32]) };
    let mut ledger = Ledger::open(path, birth).expect("a ledger");
    let at = Now { tick: Tick::from_micros(1), wall: WallTime::from_millis(1_780_000_000_000) };
    for sale in 0..unsettled {
        let facts = Facts {
            reference: ledger.name().expect("a name"),
            client_ref: format!("U-{sale}").parse().expect("a client_ref"),
            lane: "1".parse().expect("a lane"),
            amount: Money::new(100, "HKD".parse().expect("a currency")).expect("money"),
            description: "Bench".into(),
            attach: String::new(),
            operator: String::new(),
            patience: Duration::from_secs(120),
            asked_code: None,
            created_at: at.wall,
        };
        let code = format!("12{sale:016}").parse().expect("a code");
        let mint = ledger.mint().expect("a number");
        Payment::collect(facts, at).and_scan(code, mint, &Policy::default(), at).commit(&mut ledger).expect("a commit");
    }
}

/// From exec to READY=1, on the ledger in `folder`.
pub(crate) fn ready_after(folder: &Path) -> Duration {
    let socket = folder.join("notify.sock");
    drop(std::fs::remove_file(&socket));
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    systemd.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let began = now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shroff"))
        .args(["serve", "--log", "error", "--config"])
        .arg(folder.join("config.toml"))
        .env("NOTIFY_SOCKET", &socket)
        .stdin(Stdio::null())
        .spawn()
        .expect("the daemon");
    let mut buffer = [0_u8; 256];
    loop {
        let read = systemd.recv(&mut buffer).expect("READY=1");
        if buffer[..read].starts_with(b"READY=1") {
            break;
        }
    }
    let took = began.elapsed();
    child.kill().expect("a kill");
    child.wait().expect("an end");
    took
}

/// What the system needs to start any program.
pub(crate) fn hello() -> Duration {
    let began = now();
    let status = Command::new("/bin/echo").stdout(Stdio::null()).status().expect("echo");
    assert!(status.success());
    began.elapsed()
}

fn connect(api: SocketAddr) -> TcpStream {
    let began = now();
    loop {
        if let Ok(stream) = TcpStream::connect(api) {
            stream.set_nodelay(true).expect("no delay");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            return stream;
        }
        assert!(began.elapsed() < PATIENCE, "the daemon does not listen");
        std::thread::yield_now();
    }
}
