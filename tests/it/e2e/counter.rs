//! A shop counter made of the real binaries.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shroff::sim::scanner::PtyScanner;

use super::text;
use crate::support::Client;

const TOKEN: &str = "e2e-token-0123456789abcdef0123456789abcdef";
const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const V3_KEY: &str = "e2e-apiv3-key-0123456789abcdef01";
const MCH: &str = "1900000109";

/// What differs between the tests.
pub(super) struct Setup {
    /// `gateway.api`: nothing else of the configuration changes with it.
    pub(super) api: &'static str,
    pub(super) sign_type: &'static str,
    pub(super) sub_mch_id: Option<&'static str>,
    pub(super) p12: bool,
    pub(super) scanner: bool,
    pub(super) lanes: usize,
    /// More `[[scanner]]` tables.
    pub(super) devices: String,
    /// Where notifications are taken.
    pub(super) notify: Option<SocketAddr>,
    /// Files may grow to so many KiB, as on a full disk.
    pub(super) disk_kib: Option<u32>,
}

impl Default for Setup {
    fn default() -> Self {
        let devices = String::new();
        Self {
            api: "v2",
            sign_type: "HMAC-SHA256",
            sub_mch_id: None,
            p12: false,
            scanner: false,
            lanes: 1,
            devices,
            notify: None,
            disk_kib: None,
        }
    }
}

pub(super) struct Counter {
    folder: tempfile::TempDir,
    gateway: Child,
    books: Client,
    daemon: Option<Child>,
    api: SocketAddr,
    scanner: Option<PtyScanner>,
    codes: Vec<String>,
    sales: u32,
    began: Instant,
    disk_kib: Option<u32>,
}

impl Counter {
    pub(super) fn open(setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (gateway, http, https) = gateway(&folder, &setup);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let api = listener.local_addr().expect("an address");
        drop(listener);
        let scanner = setup.scanner.then(|| PtyScanner::new(folder.path().join("scanner")).expect("a pseudo-terminal"));
        let books = Client::Tcp(http);
        #[expect(clippy::disallowed_methods, reason = "real time is what these tests are about")]
        let began = Instant::now();
        let mut counter = Self {
            folder,
            gateway,
            books,
            daemon: None,
            api,
            scanner,
            codes: Vec::new(),
            sales: 0,
            began,
            disk_kib: setup.disk_kib,
        };
        counter.write("token", TOKEN, 0o600);
        counter.write("v2.key", KEY, 0o600);
        counter.write("apiv3.key", V3_KEY, 0o600);
        let config = config(&setup, &https, api, counter.scanner.as_ref());
        counter.write("config.toml", &config, 0o600);
        counter.start();
        counter
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        std::fs::write(self.path(name), text).expect("a file");
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// Starts the daemon, at the noisiest log level, and waits until it takes payments.
    pub(super) fn start(&mut self) {
        let log = std::fs::File::options().append(true).create(true).open(self.path("log")).expect("a log");
        let out = std::fs::File::options().append(true).create(true).open(self.path("out")).expect("an output");
        let shroff = env!("CARGO_BIN_EXE_shroff");
        let mut command = match self.disk_kib {
            None => Command::new(shroff),
            Some(kib) => {
                // Without the signal, a file that may not grow is an error of the write, as on a full disk.
                let mut command = Command::new("bash");
                command.args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\""), "bash", shroff]);
                command
            }
        };
        let level = if self.disk_kib.is_some() { "warn" } else { "trace" };
        let daemon = command
            .args(["serve", "--log", level, "--config"])
            .arg(self.path("config.toml"))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(log)
            .spawn()
            .expect("the daemon");
        self.daemon = Some(daemon);
        self.wait_for("the daemon", |this| {
            std::net::TcpStream::connect(this.api).is_ok() && this.client().get("/readyz").status == 200
        });
        if self.scanner.is_some() {
            self.wait_for("the scanner", |this| this.get("/v1/devices")["devices"][0]["state"] == json!("connected"));
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon");
        daemon.kill().expect("a kill");
        daemon.wait().expect("an end");
    }

    pub(super) fn wait_for(&mut self, what: &str, ready: impl Fn(&Self) -> bool) {
        for _ in 0..400 {
            if ready(self) {
                return;
            }
            if let Some(Ok(Some(status))) = self.daemon.as_mut().map(Child::try_wait) {
                panic!("the daemon ended with {status}: {}", self.log());
            }
            self.pause(Duration::from_millis(50));
        }
        panic!("{what} is not ready: {}", self.log());
    }

    /// What the daemon wrote on its standard output: the console displays.
    pub(super) fn out(&self) -> String {
        std::fs::read_to_string(self.path("out")).unwrap_or_default()
    }

    /// The daemon's process.
    pub(super) fn pid(&self) -> rustix::process::Pid {
        let id = self.daemon.as_ref().expect("a daemon").id();
        rustix::process::Pid::from_raw(i32::try_from(id).expect("a number")).expect("a process")
    }

    /// Processes that the daemon started and that live.
    pub(super) fn children(&self) -> Vec<rustix::process::Pid> {
        let mut all = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("its threads") {
            let children = std::fs::read_to_string(task.expect("a thread").path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?)));
        }
        all
    }

    /// Starts another command of `shroff` with this counter's configuration.
    pub(super) fn starts(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_shroff"))
            .args(arguments)
            .arg("--config")
            .arg(self.path("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a command")
    }

    /// The same to its end: its exit code, and all it said.
    pub(super) fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let done = self.starts(arguments).wait_with_output().expect("a command");
        (
            done.status.code(),
            String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
        )
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn client(&self) -> Client {
        Client::Tcp(self.api)
    }

    pub(super) fn get(&self, path: &str) -> Value {
        let token = format!("Bearer {TOKEN}");
        self.client().ask("GET", path, &[("Authorization", &token)], "").json()
    }

    pub(super) fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        let token = format!("Bearer {TOKEN}");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        let answer = self.client().ask("POST", path, &headers, &body.to_string());
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    pub(super) fn sell(&mut self, lane: &str, amount: u64) -> Value {
        self.sales += 1;
        let body = json!({ "client_ref": format!("E2E-{}", self.sales), "amount": amount, "lane": lane });
        self.post("/v1/payments", &body, 201)
    }

    pub(super) fn sell_with(&mut self, lane: &str, amount: u64, code: &str) -> Value {
        self.sales += 1;
        self.codes.push(code.to_owned());
        let client_ref = format!("E2E-{}", self.sales);
        let body = json!({ "client_ref": client_ref, "amount": amount, "lane": lane, "deadline_s": 20,
            "auth_code": code });
        let first = self.post("/v1/payments", &body, 201);
        // The POS did not hear, and asks again: the same payment, never a second one.
        let again = self.post("/v1/payments", &body, 200);
        assert_eq!(first["ref"], again["ref"]);
        first
    }

    pub(super) fn scan(&mut self, code: &str) {
        self.codes.push(code.to_owned());
        let scanner = self.scanner.as_ref().expect("a scanner");
        assert!(scanner.wait_open(Duration::from_secs(10)), "the daemon opens the scanner");
        scanner.scan(code).expect("a scan");
    }

    /// Sells, unless the daemon is gone or refuses.
    pub(super) fn try_sell(&mut self, code: &str) -> bool {
        self.sales += 1;
        let body = json!({ "client_ref": format!("E2E-{}", self.sales), "amount": 100, "auth_code": code });
        let token = format!("Bearer {TOKEN}");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        if std::net::TcpStream::connect(self.api).is_err() {
            return false;
        }
        let answer = self.client().ask("POST", "/v1/payments", &headers, &body.to_string());
        if answer.status != 201 {
            return false;
        }
        let mut payment = answer.json();
        let reference = text(&payment, "ref").to_owned();
        for _ in 0..20 {
            if std::net::TcpStream::connect(self.api).is_err() {
                return false;
            }
            let path = format!("/v1/payments/{reference}?wait=5&after={}", payment["seq"]);
            let now = self.client().ask("GET", &path, &headers[..1], "");
            if now.status != 200 {
                return false;
            }
            payment = now.json();
            if payment["final"] == json!(true) {
                return true;
            }
        }
        false
    }

    /// Changes v3's manners at the gateway.
    pub(super) fn platform(&self, manners: &Value) {
        let answer =
            self.books.ask("POST", "/_sim/platform", &[("Content-Type", "application/json")], &manners.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Tells the gateway something by its own door.
    pub(super) fn tell_gateway(&self, path: &str, what: &Value) -> Value {
        let answer = self.books.ask("POST", path, &[("Content-Type", "application/json")], &what.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// What became of the gateway's notifications.
    pub(super) fn notices(&self) -> Value {
        self.books.get("/_sim/notices").json()
    }

    /// What `/readyz` says of the shop.
    pub(super) fn readiness(&self) -> Value {
        self.client().get("/readyz").json()
    }

    /// The metric of this name and these labels.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let token = format!("Bearer {TOKEN}");
        let text = self.client().ask("GET", "/metrics", &[("Authorization", &token)], "").body;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_default()
    }

    /// Memory of the daemon that is its own, in KiB.
    pub(super) fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.daemon.as_ref().expect("a daemon").id());
        let text = std::fs::read_to_string(path).expect("smaps_rollup");
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).expect("Rss");
        line.split_whitespace().next().and_then(|it| it.parse().ok()).expect("a number")
    }

    /// The attempts that the ledger knows, of all payments.
    pub(super) fn attempts(&self) -> usize {
        let payments = self.get("/v1/payments?limit=100");
        let all = payments["payments"].as_array().expect("payments").iter();
        all.map(|it| it["attempts"].as_array().expect("attempts").len()).sum()
    }

    /// Waits for the daemon's end; its exit code.
    pub(super) fn ended(&mut self) -> Option<i32> {
        self.daemon.take().expect("a daemon").wait().expect("an end").code()
    }

    pub(super) fn more_room(&mut self) {
        self.disk_kib = None;
    }

    /// Whatever the gateway was told is in the ledger, and becomes certain.
    pub(super) fn every_order_is_known_and_settles(&self) {
        let books = self.books.get("/_sim/books").json();
        let orders: Vec<String> =
            books["orders"].as_array().expect("orders").iter().map(|it| text(it, "out_trade_no").to_owned()).collect();
        let mut known = 0;
        let payments = self.get("/v1/payments?limit=100");
        for payment in payments["payments"].as_array().expect("payments") {
            let payment = self.until_final(payment, Duration::from_secs(300));
            self.agrees(&payment);
            known += payment["attempts"].as_array().expect("attempts").len();
        }
        assert!(known >= orders.len(), "the gateway knows {} orders, the ledger {known}", orders.len());
    }

    pub(super) fn payment(&self, payment: &Value) -> Value {
        self.get(&format!("/v1/payments/{}", text(payment, "ref")))
    }

    /// Follows a payment by long polls.
    pub(super) fn until_final(&self, payment: &Value, limit: Duration) -> Value {
        let mut now = self.payment(payment);
        while now["final"] != json!(true) {
            self.not_longer_than(limit);
            let (reference, seq) = (text(payment, "ref"), now["seq"].as_u64().expect("a seq"));
            now = self.get(&format!("/v1/payments/{reference}?wait=10&after={seq}"));
        }
        now
    }

    /// Sets a payment against the gateway's books, to the cent.
    pub(super) fn agrees(&self, payment: &Value) {
        let books = self.books.get("/_sim/books").json();
        let numbers: Vec<&str> =
            payment["attempts"].as_array().expect("attempts").iter().map(|it| text(it, "out_trade_no")).collect();
        let orders = books["orders"].as_array().expect("orders").iter();
        let orders: Vec<&Value> = orders.filter(|it| numbers.contains(&text(it, "out_trade_no"))).collect();
        let net: u64 = orders.iter().map(|order| order["net"].as_u64().expect("a net")).sum();
        let money = text(payment, "money");
        let said = if money == "taken" { payment["amount"].as_u64().expect("an amount") } else { 0 };
        if money == "unknown" {
            assert_eq!(payment["final"], json!(false));
            return;
        }
        assert_eq!(net, said, "{payment:#}\n{orders:#?}");
        let returned: u64 = orders.iter().map(|order| order["returned"].as_u64().expect("a sum")).sum();
        assert!(money != "returned" || returned > 0, "returned is claimed: {payment:#}");
    }

    /// Whether the gateway refuses every way of taking this one back: then the terminal must say so and go on.
    pub(super) fn is_unresolvable(&self, payment: &Value) -> bool {
        let attention = self.get("/v1/attention");
        let listed = attention["attention"].as_array().expect("a list").iter();
        listed.into_iter().any(|it| it.to_string().contains(text(payment, "ref")))
            && self.began.elapsed() > Duration::from_secs(150)
    }

    pub(super) fn saw_no_violation(&self) {
        let books = self.books.get("/_sim/books").json();
        assert_eq!(books["violations"]["counts"], json!({}), "{:#}", books["violations"]);
        assert_eq!(books["audit"], Value::Null);
    }

    /// No code, no key and no token in the log at trace, in the ledger or in what the API tells.
    pub(super) fn holds_no_secret(&self) {
        let mut places: Vec<(String, Vec<u8>)> = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).expect("the folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if name == "log" || name.starts_with("ledger") || name.starts_with("platform") {
                places.push((name, std::fs::read(path).expect("a file")));
            }
        }
        places.push(("the API".into(), self.get("/v1/payments").to_string().into_bytes()));
        let secrets = self.codes.iter().map(String::as_str).chain([KEY, V3_KEY, TOKEN]);
        for secret in secrets {
            for (name, bytes) in &places {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "a secret (..{}) stands in {name}", &secret[secret.len() - 4..]);
            }
        }
    }

    /// Asks for a refund, now or again: the same name is the same refund.
    pub(super) fn refund(&self, payment: &Value, name: &str, amount: Option<u64>) -> Value {
        let path = format!("/v1/payments/{}/refunds", text(payment, "ref"));
        let body = json!({ "refund_ref": name, "amount": amount, "reason": "wrong dish" });
        let token = format!("Bearer {TOKEN}");
        let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
        let answer = self.client().ask("POST", &path, &headers, &body.to_string());
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.body);
        answer.json()
    }

    /// Follows a refund by long polls.
    pub(super) fn refund_until_final(&self, name: &str, limit: Duration) -> Value {
        let mut now = self.get(&format!("/v1/refunds/{name}"));
        while now["final"] != json!(true) {
            self.not_longer_than(limit);
            now = self.get(&format!("/v1/refunds/{name}?wait=10&after={}", now["seq"]));
        }
        now
    }

    /// The gateway's books hold what these refunds say, and no other refund.
    pub(super) fn refunds_agree(&self, refunds: &[Value]) {
        let books = self.books.get("/_sim/books").json();
        let booked = books["refunds"].as_array().expect("refunds");
        for refund in refunds {
            let number = text(refund, "out_refund_no");
            let is: Vec<&Value> = booked.iter().filter(|it| text(it, "out_refund_no") == number).collect();
            let state = is.first().map_or("", |it| text(it, "state"));
            let fits = match (text(refund, "state"), refund["final"] == json!(true)) {
                ("refunded", true) => state == "SUCCESS" && is[0]["amount"] == refund["amount"],
                ("failed", true) => matches!(state, "" | "REFUNDCLOSE"),
                ("needs_attention", true) => state == "CHANGE",
                (_, is_final) => !is_final && state.is_empty(),
            };
            assert!(fits && is.len() < 2, "{refund} is in the books as {is:?}");
        }
        let known = |it: &&Value| refunds.iter().any(|refund| refund["out_refund_no"] == it["out_refund_no"]);
        let strange: Vec<_> = booked.iter().filter(|it| !known(it)).collect();
        assert!(strange.is_empty(), "in the books only: {strange:?}");
        assert_eq!(books["audit"], Value::Null);
    }

    pub(super) fn not_longer_than(&self, limit: Duration) {
        assert!(
            self.began.elapsed() < limit,
            "it takes too long: {}",
            self.log().lines().rev().take(20).collect::<Vec<_>>().join("\n")
        );
    }

    /// Waits without sleeping on a thread that must be killed to stop: nothing is ever sent.
    pub(super) fn pause(&self, time: Duration) {
        let (_keep, nothing) = mpsc::channel::<()>();
        assert!(nothing.recv_timeout(time).is_err());
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        for child in [self.daemon.as_mut(), Some(&mut self.gateway)].into_iter().flatten() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn gateway(folder: &tempfile::TempDir, setup: &Setup) -> (Child, SocketAddr, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shroff-sim"));
    command.args([
        "gateway",
        "--tls",
        "--key",
        KEY,
        "--v3-key",
        V3_KEY,
        "--mch-id",
        MCH,
        "--sign-type",
        setup.sign_type,
    ]);
    command.arg("--dir").arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    if let Some(sub_mch_id) = setup.sub_mch_id {
        command.args(["--sub-mch-id", sub_mch_id]);
    }
    let mut child = command.spawn().expect("the gateway");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its stdout")).read_line(&mut line).expect("its address");
    let ready: Value = serde_json::from_str(&line).expect("JSON");
    let http = text(&ready, "http").trim_start_matches("http://").parse().expect("an address");
    let https = text(&ready, "https").to_owned();
    for name in ["apiclient_key.pem", "apiclient_cert.pem", "apiclient_cert.p12"] {
        let path = folder.path().join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    (child, http, https)
}

fn config(setup: &Setup, https: &str, api: SocketAddr, scanner: Option<&PtyScanner>) -> String {
    let lanes: String = (1..=setup.lanes).map(|lane| format!("[[lane]]\nid = \"{lane}\"\n")).collect();
    let scanner = scanner
        .map(|it| format!("[[scanner]]\nlane = \"1\"\nkind = \"serial\"\ndevice = \"{}\"\n", it.link().display()));
    let certificate = if setup.p12 {
        "client_cert_file = \"apiclient_cert.p12\""
    } else {
        "client_cert_file = \"apiclient_cert.pem\"\nclient_key_file = \"apiclient_key.pem\""
    };
    let notify =
        setup.notify.map(|it| format!("[notify]\nurl = \"http://{it}/wechatpay/refunds\"\nlisten = \"{it}\"\n"));
    format!(
        r#"[terminal]
id = "E2E"
store_id = "S1"
store_name = "Test shop"
currency = "HKD"
mcc = "1001"

[gateway]
api = "{}"
base_url = "{https}"
ca_file = "ca.pem"
appid = "wx8888888888888888"
mch_id = "{MCH}"
sub_mch_id = "{}"

[gateway.v2]
sign_type = "{}"
key_file = "v2.key"
{certificate}

[gateway.v3]
private_key_file = "apiclient_key.pem"
client_cert_file = "apiclient_cert.pem"
api_key_file = "apiv3.key"

[policy]
pay_timeout = 10
query_timeout = 3
first_query_after_password = 2
give_up_after = 30

[ledger]
path = "ledger.sqlite"

[api]
socket = "api.sock"
listen = "{api}"
token_file = "token"

{}
{lanes}
{}
{}"#,
        setup.api,
        setup.sub_mch_id.unwrap_or_default(),
        setup.sign_type,
        notify.unwrap_or_default(),
        scanner.unwrap_or_default(),
        setup.devices,
    )
}
