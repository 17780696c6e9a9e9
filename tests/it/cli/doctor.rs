//! `shroff doctor`: every failure it names is provoked, one by one, and so is each cure that can be done here.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use shroff::sim::book::Op;
use shroff::sim::faults::{Arrival, Deed, Forgery, Rule};
use shroff::sim::gateway::{Gateway, Options, Running as Sim};
use shroff::sim::scanner::PtyScanner;

use super::CODE;
use super::counter::{Counter, Ended, shroff};

/// What one check says.
struct Told(Value, i64);

impl Counter {
    /// What the doctor says.
    fn doctor(&self, args: &[&str]) -> Told {
        let args: Vec<&str> = ["doctor", "--json"].iter().chain(args).copied().collect();
        Self::told(&self.shroff(&args))
    }

    /// What it says to another user.
    fn doctor_as(&self, user: u32, args: &[&str]) -> Told {
        let mut command = shroff();
        command.args(["doctor", "--json", "--config"]).arg(self.path("config.toml")).args(args);
        if rustix::process::geteuid().as_raw() != user {
            command.uid(user).gid(user);
        }
        let output = command.output().expect("shroff");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Self::told(&Ended { code: output.status.code(), out, err })
    }

    fn told(ended: &Ended) -> Told {
        let document: Value =
            serde_json::from_str(&ended.out).map_err(|error| format!("{error}: {ended:?}")).expect("JSON");
        assert_eq!(document["exit"].as_i64(), ended.code.map(i64::from), "{ended:?}");
        assert_eq!(document["fine"], document["exit"] == 0);
        // Whatever is not well has its cure.
        for line in document["checks"].as_array().expect("checks") {
            assert_eq!(line["level"] == "ok", line["fix"].is_null(), "{line}");
        }
        Told(document, ended.code.map(i64::from).unwrap_or_default())
    }

    fn replace(&self, from: &str, to: &str) {
        let config = std::fs::read_to_string(self.path("config.toml")).expect("a file");
        assert!(config.contains(from), "{from} is not in {config}");
        self.write("config.toml", &config.replace(from, to));
    }
}

impl Told {
    /// A line of this check and level has this text, and its cure that one.
    #[track_caller]
    fn says(&self, check: &str, level: &str, text: &str, fix: &str) -> &Self {
        let lines = self.0["checks"].as_array().expect("checks");
        let has = |line: &Value, key: &str, words: &str| line[key].as_str().unwrap_or_default().contains(words);
        let found = lines.iter().any(|line| {
            line["check"] == check && line["level"] == level && has(line, "text", text) && has(line, "fix", fix)
        });
        assert!(found, "{check} {level} {text:?} {fix:?} is not in {:#}", self.0);
        self
    }

    #[track_caller]
    fn ok(&self, check: &str, text: &str) -> &Self {
        self.says(check, "ok", text, "")
    }

    #[track_caller]
    fn fails(&self, check: &str, text: &str, fix: &str, code: i64) -> &Self {
        assert_eq!(self.1, code, "{:#}", self.0);
        self.says(check, "failure", text, fix)
    }

    #[track_caller]
    fn exits(&self, code: i64) -> &Self {
        assert_eq!(self.1, code, "{:#}", self.0);
        self
    }
}

#[test]
fn a_healthy_terminal_is_fine_with_and_without_its_daemon() {
    let mut counter = Counter::with_gateway();
    let alone = counter.doctor(&[]);
    alone
        .exits(0)
        .ok("config", "terminal T01")
        .ok("host", "answered")
        .ok("keys", "believed")
        .ok("clock", "as the gateway's");
    alone.says("daemon", "warning", "not running", "systemctl start shroff").ok("ledger", "is made when the daemon");
    alone.ok("sqlite", "SQLite 3.").ok("scanner", "none is configured");
    let charged = counter.sim().book().orders().iter().filter(|order| order.state().is_some()).count();
    assert_eq!(charged, 0, "it only asked");
    counter.open();
    let beside = counter.doctor(&[]);
    beside.exits(0).ok("daemon", "ready").ok("integrity", "the journal's chain holds").ok("flush", "at worst");
    beside.ok("disk", "free where the ledger is").ok("open payments", "none").ok("attention", "nothing waits");
    let text =
        counter.shroff(&["doctor"]).exits(0).prints("ok       config").never_says("192006250b4c09247ec02edce69f6a2d");
    assert!(!text.out.contains('\u{1b}'), "no colours into a pipe");
    assert_eq!(counter.api().get("/healthz").status, 200);
}

#[test]
fn a_configuration_that_is_wrong_is_78_and_one_that_may_not_be_read_77() {
    let counter = Counter::with_gateway();
    counter.replace("mcc", "mccc");
    counter.doctor(&[]).fails("config", "did you mean terminal.mcc", "shroff config check", 78);
    counter.replace("mccc", "mcc");
    std::fs::remove_file(counter.path("v2.key")).expect("a file");
    counter.doctor(&[]).fails("config", "there is no", "put the file there", 78);
    counter.write("v2.key", "192006250b4c09247ec02edce69f6a2d");
    std::fs::set_permissions(counter.path("v2.key"), std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let told = counter.doctor(&[]);
    told.fails("config", "can be read by others", "chmod 600", 77);
    std::fs::set_permissions(counter.path("v2.key"), std::fs::Permissions::from_mode(0o600)).expect("a mode");
    counter.doctor(&[]).exits(0);
    counter.write("v2.key", "short");
    counter.doctor(&[]).fails("config", "does not hold a v2 API key", "put the right file", 78);
    std::fs::remove_file(counter.path("config.toml")).expect("a file");
    counter.doctor(&[]).fails("config", "cannot be read", "config.toml.example", 78);
}

#[test]
fn each_way_of_the_gateway_to_refuse_is_named_with_its_cure() {
    let counter = Counter::with_gateway();
    let says = |deed: Deed| {
        counter.sim().heal();
        counter.sim().add(Rule::once(Op::Query, deed));
        counter.doctor(&["--quick"])
    };
    let code = |code: &'static str| says(Deed::ErrCode { code: code.into(), does: false, recall: false });
    code("SIGNERROR").fails("keys", "does not accept our signature", "key_file", 78);
    code("APPID_MCHID_NOT_MATCH").fails(
        "keys",
        "not bound to the merchant number",
        "bind appid wx8888888888888888",
        78,
    );
    code("APPID_NOT_EXIST").fails("keys", "does not know the appid", "gateway.appid", 78);
    code("MCHID_NOT_EXIST").fails("keys", "does not know the merchant number", "gateway.mch_id", 78);
    code("NOAUTH").fails("keys", "may not do this", "Quick Pay enabled", 77);
    code("MOON_IS_FULL").fails("keys", "refuses the question", "check gateway.appid", 78);
    code("SYSTEMERROR").says("keys", "warning", "ill just now", "in a minute").exits(0);
    code("FREQUENCY_LIMITED").says("keys", "warning", "asked too often", "in a minute").exits(0);
    says(Deed::ReturnFail { text: "签名错误".into(), does: false }).fails("keys", "签名错误", "sign_type", 78);
    counter.sim().heal();
    counter.sim().add(Rule::once(Op::Query, Forgery::Set { field: "mch_id".into(), value: "1900000110".into() }));
    counter.doctor(&["--quick"]).fails("keys", "another merchant", "mch_id", 78);
    counter.sim().heal();
    counter.sim().add(Rule::once(Op::Query, Arrival::LoseRequest));
    counter.doctor(&["--quick"]).fails("keys", "not proven", "in a minute", 69);
    counter.sim().heal();
    // The real thing: another key, and its cure.
    counter.write("v2.key", "anotherkey00123456789abcdef01234");
    counter.doctor(&[]).fails("keys", "does not accept our signature (签名错误)", "gateway.v2.key_file", 78);
    counter.write("v2.key", "192006250b4c09247ec02edce69f6a2d");
    counter.doctor(&[]).ok("keys", "believed").exits(0);
    counter.replace("appid = \"wx8888888888888888\"", "appid = \"wx1\"");
    counter.doctor(&[]).fails("keys", "does not know the appid", "gateway.appid", 78);
}

#[test]
fn a_host_that_is_not_reached_is_69_and_one_of_two_a_warning() {
    let counter = Counter::with_gateway();
    let base = format!("http://{}", counter.sim().http());
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let gone = format!("http://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    counter.replace(&format!("base_url = \"{base}\""), &format!("base_url = \"{gone}\"\nfallback_url = \"{base}\""));
    let told = counter.doctor(&[]);
    told.exits(0).says("host", "warning", "nobody listens there; the other host answers", "firewall");
    told.ok("fallback host", "answered").ok("keys", "believed");
    counter.replace(&format!("\nfallback_url = \"{base}\""), "");
    let told = counter.doctor(&[]);
    told.fails("host", "nobody listens there", "firewall", 69).says("keys", "failure", "not proven", "mend the way");
    told.says("clock", "warning", "not compared", "hosts first");
    counter.replace(&gone, "https://no-such-host.invalid");
    counter.replace("[gateway.v2]", "[gateway.v2]\nclient_cert_file = \"a.pem\"\nclient_key_file = \"a.key\"");
    counter.doctor(&[]).exits(78);
    let _papers = papers(&counter);
    counter.replace("a.pem", "apiclient_cert.pem");
    counter.replace("a.key", "apiclient_key.pem");
    counter.doctor(&[]).fails("host", "has no address", "getent hosts", 69);
    // Somebody who listens, and does not speak HTTP.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = mute.local_addr().expect("an address");
    counter.replace("https://no-such-host.invalid", &format!("http://{address}"));
    let rude = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in mute.incoming().flatten().take(2) {
            let mut stream = stream;
            drop(stream.read(&mut [0; 512]));
            drop(stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"));
        }
    });
    counter.doctor(&[]).fails("host", "does not speak HTTP", "base_url", 69);
    drop(rude);
}

/// A gateway with TLS, whose certificates lie beside the configuration.
fn papers(counter: &Counter) -> (tokio::runtime::Runtime, Sim) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
    let dir = counter.path("papers");
    let https = Some("127.0.0.1:0".parse().expect("an address"));
    let options = Options { https, dir: Some(dir.clone()), ..Options::default() };
    let sim = runtime.block_on(Gateway::start(options)).expect("a gateway");
    for name in ["apiclient_cert.pem", "apiclient_key.pem", "ca.pem"] {
        let text = std::fs::read_to_string(dir.join(name)).expect("a paper");
        counter.write(name, &text);
    }
    (runtime, sim)
}

#[test]
fn certificates_and_tls_are_told_apart() {
    let counter = Counter::with_gateway();
    let (_runtime, sim) = papers(&counter);
    let https = sim.https().expect("TLS");
    counter.replace(&format!("http://{}", counter.sim().http()), &format!("https://{https}"));
    counter.replace("[gateway.v2]", "ca_file = \"ca.pem\"\n[gateway.v2]\nclient_cert_file = \"apiclient_cert.pem\"\nclient_key_file = \"apiclient_key.pem\"");
    let told = counter.doctor(&[]);
    told.exits(0)
        .ok("certificate", "made out to merchant 1900000109")
        .ok("expiry", "good until")
        .ok("host", "TLS 1.3 in");
    told.ok("keys", "believed");
    // Not the authority we trust.
    counter.replace("ca_file = \"ca.pem\"\n", "");
    let told = counter.doctor(&[]);
    told.fails("host", "an authority that is not trusted", "gateway.ca_file", 69).says(
        "keys",
        "failure",
        "not proven",
        "",
    );
    counter.replace("[gateway.v2]", "ca_file = \"ca.pem\"\n[gateway.v2]");
    // The key of another certificate.
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    counter.write("apiclient_key.pem", &key.serialize_pem());
    counter.doctor(&[]).fails("certificate", "do not belong together", "as a pair", 78);
    // Another merchant's, and one that has expired.
    let made = |name: &str, year: i32| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        counter.write("apiclient_cert.pem", &params.self_signed(&key).expect("a certificate").pem());
    };
    made("1900000110", 2090);
    counter.doctor(&["--offline"]).fails("certificate", "made out to \"1900000110\"", "merchant 1900000109", 78);
    made("1900000109", 2025);
    counter.doctor(&["--offline"]).fails("expiry", "expired on 2025-01-01", "download the certificate", 78);
    made("1900000109", 2090);
    counter
        .doctor(&["--offline"])
        .ok("certificate", "made out to merchant 1900000109")
        .ok("expiry", "2090-01-01")
        .exits(0);
}

/// Answers the handshake of whoever comes with this certificate, and nothing else.
fn greet(listener: &TcpListener, cert: &rcgen::Certificate, key: &rcgen::KeyPair) {
    let listener = listener.try_clone().expect("the same port");
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into());
    let config = std::sync::Arc::new(config.expect("a certificate"));
    std::thread::spawn(move || {
        // One for the way to the host, one for the question.
        for mut stream in listener.incoming().flatten().take(2) {
            let mut greeting = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).expect("TLS");
            drop(greeting.complete_io(&mut stream));
        }
    });
}

#[test]
fn a_certificate_of_another_name_or_time_and_a_name_without_an_address_are_told_apart() {
    let counter = Counter::with_gateway();
    let _papers = papers(&counter);
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority =
        rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().expect("a key")).expect("a root");
    counter.write("ca.pem", &authority.pem());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = format!("https://{}", listener.local_addr().expect("an address"));
    counter.replace(&format!("http://{}", counter.sim().http()), &here);
    counter.replace("[gateway.v2]", "ca_file = \"ca.pem\"\n[gateway.v2]\nclient_cert_file = \"apiclient_cert.pem\"\nclient_key_file = \"apiclient_key.pem\"");
    let cases: [(&str, (i32, i32), &str, &str); 4] = [
        ("apihk.mch.weixin.qq.com", (2020, 2090), "another host's", "getent hosts"),
        ("127.0.0.1", (2020, 2021), "has expired, if this clock is right", "a proxy or another server"),
        ("127.0.0.1", (2088, 2090), "is not valid yet, if this clock is right", "timedatectl"),
        // The same with nothing wrong: whoever greets so is let in, and then says nothing.
        ("127.0.0.1", (2020, 2090), "the connection failed", "firewall"),
    ];
    for (name, (from, until), text, fix) in cases {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        greet(&listener, &params.signed_by(&key, &authority).expect("a certificate"), &key);
        let told = counter.doctor(&["--quick"]);
        told.fails("host", text, fix, 69).says("keys", "failure", "not proven", "");
        told.says("clock", "warning", "not compared", "hosts first");
    }
    counter.replace(&here, "https://no-such-host.invalid");
    counter.doctor(&["--quick"]).fails("host", "has no address", "getent hosts no-such-host.invalid", 69);
}

#[test]
fn a_folder_the_daemon_may_not_write_in_is_a_failure_with_and_without_a_ledger() {
    let mut counter = Counter::with_gateway();
    let root = rustix::process::geteuid().is_root();
    let somebody = if root { 65534 } else { rustix::process::geteuid().as_raw() };
    let (books, all) = (counter.path("books"), counter.path(""));
    let mode = |bits: u32| std::fs::set_permissions(&books, std::fs::Permissions::from_mode(bits)).expect("a mode");
    std::fs::create_dir(&books).expect("a folder");
    counter.replace("\"ledger.sqlite\"", "\"books/ledger.sqlite\"");
    // What the daemon's user has is its own; root may do everything, so the doctor is that user here.
    let own = || {
        if root {
            let given = Command::new("chown").arg("-R").arg(somebody.to_string()).arg(&all).status().expect("chown");
            assert!(given.success());
        }
    };
    own();
    mode(0o500);
    let told = counter.doctor_as(somebody, &["--offline"]);
    let fix = format!("chmod 700 {}", books.display());
    told.fails("ledger", "cannot be made", &fix, 77).fails("flush", "no sale is possible", &fix, 77);
    mode(0o700);
    counter
        .doctor_as(somebody, &["--offline"])
        .exits(0)
        .ok("ledger", "is made when the daemon first starts")
        .ok("flush", "at worst");
    // Not there yet, and what is above it is closed.
    counter.replace("books/ledger.sqlite", "books/new/ledger.sqlite");
    counter.doctor_as(somebody, &["--offline"]).exits(0).ok("ledger", "is made when the daemon first starts");
    mode(0o500);
    counter.doctor_as(somebody, &["--offline"]).fails("ledger", "cannot be made", "install -d -m 700", 77);
    mode(0o700);
    counter.replace("books/new/ledger.sqlite", "books/ledger.sqlite");
    counter.open();
    counter.kill_daemon();
    own();
    counter.doctor_as(somebody, &["--offline"]).exits(0).ok("flush", "at worst");
    mode(0o500);
    counter.doctor_as(somebody, &["--offline"]).fails("flush", "may not write in", &fix, 77);
    if root {
        // Root looks for the user the unit names.
        let unit = |user: &str| {
            let text = format!("#!/bin/sh\nprintf 'LoadState=loaded\\nActiveState=active\\nUser={user}\\n'\n");
            counter.write("systemctl", &text);
            let program = counter.path("systemctl");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("a mode");
            counter.doctor(&["--offline", "--systemctl", &program.display().to_string()])
        };
        unit("nobody").fails("flush", "user nobody runs the daemon", &fix, 77);
        mode(0o700);
        unit("nobody").ok("flush", "at worst").exits(0);
        unit("daemon").fails("flush", "user daemon runs the daemon", "chown -R daemon", 77);
    }
}

/// A counter with a payment of which nobody says what became of it.
fn with_a_payment_in_doubt() -> Counter {
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.sim().add(Rule::always(Op::Query, Arrival::HangRequest));
    counter.sim().add(Rule::once(Op::Pay, Deed::ErrCode { code: "SYSTEMERROR".into(), does: true, recall: false }));
    let sale = format!(r#"{{"client_ref":"R-1","amount":8800,"auth_code":"{CODE}"}}"#);
    assert_eq!(counter.api().post("/v1/payments", &sale).status, 201);
    counter
}

#[test]
fn a_clock_behind_the_ledger_makes_nothing_younger_than_nothing() {
    let mut counter = with_a_payment_in_doubt();
    counter.kill_daemon();
    let ledger = rusqlite::Connection::open(counter.path("ledger.sqlite")).expect("a ledger");
    ledger.execute("UPDATE payments SET created_at = created_at + 40 * 365 * 86400000", []).expect("a later one");
    drop(ledger);
    let told = counter.doctor(&["--offline", "--quick"]);
    told.says("open payments", "warning", "which this clock has not reached: it is behind", "shroff resolve");
    assert!(!told.0.to_string().contains("minutes old"), "{:#}", told.0);
}

#[test]
fn over_v3_the_signature_the_api_key_and_the_clock_are_told_apart() {
    let counter = Counter::with_gateway();
    let (_runtime, sim) = papers(&counter);
    let key = Options::default().merchant.v3_key;
    counter.write("apiv3.key", &key);
    counter.replace(&format!("http://{}", counter.sim().http()), &format!("http://{}", sim.http()));
    counter.replace("[gateway]", "[gateway]\napi = \"v3\"");
    counter.replace("[gateway.v2]\n", "[gateway.v3]\nprivate_key_file = \"apiclient_key.pem\"\nclient_cert_file = \"apiclient_cert.pem\"\napi_key_file = \"apiv3.key\"\n[gateway.v2]\n");
    let told = counter.doctor(&[]);
    told.exits(0)
        .ok("config", "API v3")
        .ok("keys", "believed")
        .ok("platform keys", "known")
        .ok("certificate", "1900000109");
    assert!(!counter.path("platform-certificates.json").exists(), "a look keeps nothing");
    counter.write("apiv3.key", &key.chars().rev().collect::<String>());
    let told = counter.doctor(&[]);
    told.fails("keys", "API v3 key does not open", "gateway.v3.api_key_file", 78).says(
        "platform keys",
        "failure",
        "no key",
        "",
    );
    counter.write("apiv3.key", &key);
    let client = crate::support::Client::Tcp(sim.http());
    let platform = |manners: &str| {
        let answer = client.ask("POST", "/_sim/platform", &[("Content-Type", "application/json")], manners);
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    platform(r#"{"clock_ahead_s": 400}"#);
    let told = counter.doctor(&[]);
    assert_ne!(told.1, 0, "{:#}", told.0);
    told.says("clock", "failure", "behind the gateway's: API v3 refuses every call", "timedatectl");
    platform(r#"{"clock_ahead_s": 0, "unsigned_errors": true}"#);
    counter.doctor(&[]).exits(0).ok("keys", "did not sign the answer");
    platform(r#"{"unsigned_errors": false}"#);
    // In public-key mode its certificates are not needed.
    counter.write("pub_key.pem", &std::fs::read_to_string(counter.path("papers/pub_key.pem")).expect("a paper"));
    platform(r#"{"no_list": true}"#);
    counter.doctor(&[]).fails("keys", "404", "", 78);
    let with_key = format!(
        "[gateway.v3]\nplatform_public_key_file = \"pub_key.pem\"\nplatform_public_key_id = \"{}\"\n",
        Sim::PUBLIC_KEY_ID
    );
    counter.replace("[gateway.v3]\n", &with_key);
    counter.doctor(&[]).exits(0).ok("keys", "believed").ok("platform keys", "1 known");
    counter.replace(&with_key, "[gateway.v3]\n");
    platform(r#"{"no_list": false}"#);
    // A certificate that the platform does not know.
    let strange = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "1900000109");
    counter.write("apiclient_key.pem", &strange.serialize_pem());
    counter.write("apiclient_cert.pem", &params.self_signed(&strange).expect("a certificate").pem());
    counter.doctor(&[]).fails("keys", "does not accept our signature", "private_key_file", 78);
}

#[test]
fn a_scanner_is_there_taken_or_gone_with_and_without_the_daemon() {
    let mut counter = Counter::with_gateway();
    let device = counter.path("scanner");
    counter.configure(&format!("[[scanner]]\nkind = \"serial\"\ndevice = \"{}\"\n", device.display()));
    counter.doctor(&["--offline"]).fails("scanner", "scanner", "plug it in", 1);
    let scanner = PtyScanner::new(&device).expect("a pseudo-terminal");
    counter.doctor(&["--offline"]).exits(0).ok("scanner", "can be opened and taken");
    counter.open();
    let told = std::iter::repeat_with(|| counter.doctor(&["--offline"])).take(40).find(|told| told.1 == 0);
    told.expect("the daemon finds it").ok("scanner", "connected, and the daemon reads it");
    drop(scanner);
    // The daemon is asked twice, and may miss it in between.
    let told = std::iter::repeat_with(|| counter.doctor(&["--offline"])).take(40);
    let told = told.filter(|told| told.0.to_string().contains("scanner_gone")).find(|told| told.1 == 1);
    let told = told.expect("the daemon misses it");
    told.says("scanner", "failure", "gone", "").says("daemon", "warning", "scanner_gone, lane 1", "plug it in");
    // Not a device at all.
    counter.kill_daemon();
    std::fs::write(&device, "a file").expect("a file");
    counter.doctor(&["--offline"]).exits(1);
}

#[test]
fn a_display_that_nobody_can_see_is_a_failure() {
    let counter = Counter::new();
    counter.configure("[[display]]\nkind = \"page\"\n");
    counter.doctor(&["--offline"]).fails("display", "no browser reaches it", "api.listen", 78);
    counter.replace("socket = ", "listen = \"127.0.0.1:9\"\ntoken_file = \"boss\"\nsocket = ");
    counter.doctor(&["--offline"]).exits(0).ok("display", "/display/1");
    counter.replace("kind = \"page\"", "kind = \"page\"\npicture = \"none.png\"");
    counter.doctor(&["--offline"]).exits(0).says("display", "warning", "its picture is not shown", "display.picture");
    counter.replace("kind = \"page\"\npicture = \"none.png\"", "kind = \"vfd\"\ndevice = \"/nonexistent/port\"");
    counter.doctor(&["--offline"]).fails("display", "there is no /nonexistent/port", "plug it in", 1);
    counter.replace("/nonexistent/port", "/dev/null");
    counter.doctor(&["--offline"]).ok("display", "/dev/null is there");
    let lcdd = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = lcdd.local_addr().expect("an address");
    counter.replace("kind = \"vfd\"\ndevice = \"/dev/null\"", &format!("kind = \"lcdproc\"\naddress = \"{address}\""));
    counter.doctor(&["--offline"]).ok("display", "LCDd listens").exits(0);
    // No port of another test's: those are given out far above.
    counter.replace(&address.to_string(), "127.0.0.1:9");
    counter.doctor(&["--offline"]).fails("display", "nobody listens", "LCDd", 1);
}

#[test]
fn the_door_for_notifications_is_tried() {
    let mut counter = Counter::with_gateway();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = free.local_addr().expect("an address");
    drop(free);
    counter.configure(&format!("[notify]\nurl = \"https://till.dining-hall.hk/refunds\"\nlisten = \"{listen}\"\n"));
    counter.doctor(&["--offline"]).exits(0).ok("notifications", "is open while the daemon runs");
    counter.open();
    counter.doctor(&["--offline"]).exits(0).ok("notifications", "are taken at");
    counter.replace(&format!("listen = \"{listen}\"\n"), "listen = \"127.0.0.1:9\"\n");
    counter.doctor(&["--offline"]).exits(0).says(
        "notifications",
        "warning",
        "does not take them",
        "restart the daemon",
    );
    counter.replace("listen = \"127.0.0.1:9\"\n", "");
    counter.doctor(&["--offline"]).ok("notifications", "taken elsewhere");
}

#[test]
fn a_ledger_that_was_altered_went_back_or_has_something_open_is_told() {
    let mut counter = with_a_payment_in_doubt();
    counter
        .doctor(&["--offline"])
        .says("open payments", "warning", "1 without a final state", "shroff resolve")
        .exits(0);
    counter.kill_daemon();
    let backup = counter.path("backup").display().to_string();
    counter.shroff(&["backup", &backup]).exits(0);
    counter.sim().heal();
    counter.shroff(&["resolve"]).exits(0);
    counter
        .doctor(&["--offline"])
        .says("attention", "warning", "never acknowledged", "--ack")
        .ok("open payments", "none");
    counter.shroff(&["restore", &backup, "--go-back"]).exits(0);
    counter.doctor(&["--offline"]).says("ledger", "warning", "a backup was restored", "reconcile every day");
    let db = rusqlite::Connection::open(counter.path("ledger.sqlite")).expect("a ledger");
    db.execute("UPDATE payments SET amount = 1", []).expect("altered");
    db.execute("UPDATE attempts SET outcome = 'paid', paid_at = 1700000000000", []).expect("altered");
    drop(db);
    counter.doctor(&["--offline"]).fails("integrity", "was altered outside the journal", "shroff verify", 1);
    counter.doctor(&["--offline", "--quick"]).ok("integrity", "not checked").exits(0).says(
        "reconciled",
        "warning",
        "2023-11-15",
        "shroff reconcile",
    );
    std::fs::write(counter.path("ledger.sqlite.restoring"), "").expect("a note");
    counter.doctor(&["--offline"]).fails("ledger", "was interrupted", "shroff restore", 1);
    std::fs::remove_file(counter.path("ledger.sqlite.restoring")).expect("a note");
    std::fs::set_permissions(counter.path("ledger.sqlite"), std::fs::Permissions::from_mode(0o666)).expect("a mode");
    counter.doctor(&["--offline", "--quick"]).says("ledger", "warning", "opened by everybody", "chmod 600");
    std::fs::write(counter.path("ledger.sqlite"), "rubbish").expect("a file");
    counter.doctor(&["--offline"]).fails("ledger", "damaged", "shroff restore", 1);
}

#[test]
fn a_ledger_that_is_gone_under_a_running_daemon_and_one_that_is_held_are_told() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let path = counter.path("ledger.sqlite");
    std::fs::rename(&path, counter.path("elsewhere")).expect("moved");
    counter.doctor(&["--offline"]).fails("ledger", "there is no ledger", "restore the last backup", 1);
    std::fs::rename(counter.path("elsewhere"), &path).expect("moved back");
    std::fs::rename(counter.path("api.sock"), counter.path("hidden.sock")).expect("moved");
    counter.doctor(&["--offline"]).says("ledger", "warning", "a process holds the ledger", "fuser");
    std::fs::rename(counter.path("hidden.sock"), counter.path("api.sock")).expect("moved back");
}

#[test]
fn the_service_is_judged_by_what_systemd_says_of_it() {
    let counter = Counter::new();
    let systemctl = |text: &str| -> PathBuf {
        let path = counter.path("systemctl");
        counter.write("properties", text);
        counter.write("systemctl", &format!("#!/bin/sh\ncat {}\n", counter.path("properties").display()));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("a mode");
        path
    };
    let doctor = |text: &str| {
        let program = systemctl(text).display().to_string();
        counter.doctor(&["--offline", "--systemctl", &program])
    };
    let good = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\nNRestarts=0\n\
        WatchdogUSec=5s\nNoNewPrivileges=yes\nProtectSystem=strict\nPrivateTmp=yes\nMemoryDenyWriteExecute=yes\n\
        DevicePolicy=closed\nLimitCORE=0\nLoadCredential=v2.key:/etc/shroff/v2.key\n";
    let told = doctor(good);
    told.exits(0).ok("service", "active (running), enabled").ok("watchdog", "5s").ok("sandbox", "closed");
    told.ok("credentials", "1 handed out");
    doctor(&good.replace("NRestarts=0", "NRestarts=7")).says("service", "warning", "7 times", "journalctl");
    doctor(&good.replace("ActiveState=active", "ActiveState=failed")).fails("service", "has failed", "journalctl", 1);
    doctor(&good.replace("ActiveState=active", "ActiveState=inactive")).says(
        "service",
        "warning",
        "inactive",
        "enable --now",
    );
    doctor(&good.replace("ActiveState=active", "ActiveState=activating")).says(
        "service",
        "warning",
        "again and again",
        "",
    );
    doctor(&good.replace("LoadState=loaded", "LoadState=masked")).fails("service", "masked", "unmask", 1);
    doctor(&good.replace("WatchdogUSec=5s", "WatchdogUSec=infinity")).says(
        "watchdog",
        "warning",
        "not noticed",
        "WatchdogSec",
    );
    let open = good.replace("ProtectSystem=strict", "ProtectSystem=no");
    doctor(&open).says("sandbox", "warning", "ProtectSystem=no", "systemctl cat");
    doctor("LoadState=not-found\n").ok("service", "started in another way");
    counter.doctor(&["--offline", "--systemctl", "/nonexistent"]).ok("service", "systemd is not there");
    // The key is neither beside the configuration nor a credential.
    std::fs::remove_file(counter.path("v2.key")).expect("a file");
    doctor(&good.replace("v2.key:", "other:")).fails("credentials", "v2.key", "LoadCredential=", 78);
}

#[test]
fn a_port_that_another_program_has_is_named_and_taken_when_it_is_free() {
    let mut counter = Counter::with_gateway();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address");
    counter.write("token", "0123456789abcdef0123456789abcdef");
    counter.configure(&format!("listen = \"{port}\"\ntoken_file = \"token\"\n"));
    counter.open();
    counter.doctor(&["--offline"]).exits(0).says("daemon", "warning", "degraded: port_taken", "ss -ltnp");
    counter.shroff(&["cashier"]).exits(78).tells("another program has the port of api.listen");
    // Money goes on, for whoever asks by the socket.
    counter.sells("R-1", CODE, "paid");
    drop(taken);
    let told = std::iter::repeat_with(|| counter.doctor(&["--offline"])).take(200);
    let mut told = told.filter(|told| !told.0.to_string().contains("port_taken"));
    told.next().expect("it is tried again").ok("daemon", "ready");
    std::net::TcpStream::connect(port).expect("somebody listens");
}
