//! The daemon beside systemd: what it tells, and what a reload changes.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::counter::{Counter, shroff};

/// A daemon under a service manager that only listens.
pub(super) struct Service {
    pub(super) counter: Counter,
    daemon: std::process::Child,
    told: UnixDatagram,
}

impl Service {
    pub(super) fn start(counter: Counter) -> Self {
        let path = counter.path("notify");
        let told = UnixDatagram::bind(&path).expect("a socket");
        told.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        let mut command = shroff();
        command.arg("serve").arg("--config").arg(counter.path("config.toml")).env("NOTIFY_SOCKET", path);
        let daemon = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("shroff");
        let mut new = Self { counter, daemon, told };
        new.until("READY=1");
        new
    }

    /// Reads until a message has `text` in it; gives that message. Fails on what must not come before it.
    pub(super) fn until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        // A message a second comes whatever happens: the watchdog's.
        for _ in 0..60 {
            let read = self.told.recv(&mut buffer).map_err(|error| format!("{error}: no {text:?}, but {seen:?}"));
            let message = String::from_utf8_lossy(&buffer[..read.expect("a message")]).into_owned();
            if message.contains(text) {
                return message;
            }
            seen.push(message);
        }
        panic!("no {text:?}, but {seen:?}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.daemon), signal).expect("a process");
    }

    fn reload(&mut self) {
        self.signal(Signal::HUP);
        assert!(self.until("RELOADING=1").contains("MONOTONIC_USEC="), "systemd orders reloads by their time");
        self.until("READY=1");
    }

    fn asks(&self, name: &str, amount: u64) -> u16 {
        self.counter.api().post("/v1/payments", &format!(r#"{{"client_ref":"{name}","amount":{amount}}}"#)).status
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.daemon.kill());
        drop(self.daemon.wait());
    }
}

#[test]
fn systemd_is_told_that_it_lives_how_it_is_and_when_it_ends() {
    let counter = Counter::new();
    counter.configure("[[scanner]]\ndevice = \"/nowhere/scanner\"\n");
    let mut service = Service::start(counter);
    service.until("WATCHDOG=1");
    let status = service.until("the gateway cannot be reached");
    assert!(status.contains("scanner /nowhere/scanner of lane 1 is gone"), "{status}");
    assert_eq!(service.asks("R-1", 500), 201);
    service.until("STATUS=selling; open: 1");
    service.signal(Signal::TERM);
    service.until("STOPPING=1");
    assert_eq!(service.daemon.wait().expect("an end").code(), Some(0));
}

#[test]
fn a_reload_takes_limits_over_and_an_armed_payment_goes_on_waiting() {
    let counter = Counter::new();
    let written = std::fs::read_to_string(counter.path("config.toml")).expect("the configuration");
    let mut service = Service::start(counter);
    assert_eq!(service.asks("R-1", 500), 201);
    service.counter.write("config.toml", &written.replace("[terminal]", "[terminal]\namount_max = 400"));
    service.reload();
    assert_eq!(service.asks("R-2", 500), 422, "the new limit");
    let payments = service.counter.api().get("/v1/payments").json();
    assert_eq!(payments["payments"][0]["state"], "armed", "{payments}");
    // The same again changes nothing, and lets the limit go.
    service.reload();
    service.counter.write("config.toml", &written);
    service.reload();
    assert_ne!(service.asks("R-3", 500), 422);
}

#[test]
fn a_reload_that_cannot_be_had_changes_nothing_and_says_why() {
    let counter = Counter::new();
    let written = std::fs::read_to_string(counter.path("config.toml")).expect("the configuration");
    let mut service = Service::start(counter);
    service.counter.write("config.toml", &written.replace("[terminal]", "[terminal]\namount_max = 400\nidd = \"T\""));
    service.reload();
    service.until("did you mean terminal.id");
    // One of two changes would need a restart: then neither is taken over.
    let both = written.replace("[terminal]", "[terminal]\namount_max = 400\nid = \"T02\"");
    service.counter.write("config.toml", &both);
    service.reload();
    let status = service.until("terminal.id can only change with a restart");
    assert!(!status.contains("amount_max can"), "{status}");
    assert_eq!(service.asks("R-1", 500), 201, "the old limit");
    service.counter.write("config.toml", &written);
    service.reload();
    let status = service.until("STATUS=");
    assert!(!status.contains("refused"), "{status}");
}

#[test]
fn a_file_with_another_key_in_it_needs_a_restart_and_says_so() {
    let counter = Counter::new();
    counter.write("token", "0123456789abcdef0123456789abcdef");
    counter.configure("listen = \"127.0.0.1:0\"\ntoken_file = \"token\"\n");
    let written = std::fs::read_to_string(counter.path("config.toml")).expect("the configuration");
    let mut service = Service::start(counter);
    service.reload();
    service.counter.write("v2.key", "another0v2secret0key0123456789ab");
    service.reload();
    let status = service.until("gateway.v2.key_file: its content changed; that needs a restart");
    assert!(!status.contains("another0v2") && !status.contains("token_file"), "{status}");
    // Nothing else of that reload is taken over.
    service.counter.write("token", "fedcba9876543210fedcba9876543210");
    service.counter.write("config.toml", &written.replace("[terminal]", "[terminal]\namount_max = 400"));
    service.reload();
    service.until("api.token_file, gateway.v2.key_file: its content changed");
    assert_eq!(service.asks("R-1", 500), 201, "the old limit");
    service.counter.write("v2.key", "mock0v2secret0key0123456789abcde");
    service.counter.write("token", "0123456789abcdef0123456789abcdef");
    service.reload();
    let status = service.until("STATUS=");
    assert!(!status.contains("refused"), "{status}");
    assert_eq!(service.asks("R-2", 500), 422, "the new limit");
}

#[test]
fn a_scanner_is_exchanged_while_a_payment_waits() {
    let counter = Counter::with_gateway();
    let one = shroff::sim::scanner::PtyScanner::new(counter.path("one")).expect("a pseudo-terminal");
    let two = shroff::sim::scanner::PtyScanner::new(counter.path("two")).expect("a pseudo-terminal");
    let written = std::fs::read_to_string(counter.path("config.toml")).expect("the configuration");
    let with = |name: &str| format!("{written}[[scanner]]\ndevice = \"{}\"\n", counter.path(name).display());
    let (first, second) = (with("one"), with("two"));
    counter.write("config.toml", &first);
    let mut service = Service::start(counter);
    let connected = |service: &Service, name: &str| loop {
        let devices = service.counter.api().get("/v1/devices").json();
        let device = devices["devices"][0].clone();
        if device["state"] == "connected" && device["device"].as_str().is_some_and(|it| it.ends_with(name)) {
            return;
        }
        std::thread::yield_now();
    };
    connected(&service, "one");
    assert_eq!(service.asks("R-1", 500), 201);
    service.counter.write("config.toml", &second);
    service.reload();
    connected(&service, "two");
    assert!(!one.is_open(), "the first one was let go of");
    two.scan("130000000000000902").expect("a scan");
    let paid = loop {
        let payment = service.counter.api().get("/v1/payments").json()["payments"][0].clone();
        if payment["final"] == true {
            break payment;
        }
        std::thread::yield_now();
    };
    assert_eq!((&paid["state"], &paid["attempts"][0]["code_hint"]), (&"paid".into(), &"0902".into()), "{paid}");
    assert_eq!(paid["attempts"].as_array().map(Vec::len), Some(1));
}
