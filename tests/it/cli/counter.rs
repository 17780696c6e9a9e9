//! A counter: a folder with a configuration, a daemon when it is wanted, and people who run commands at it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use shroff::sim::gateway::{Gateway, Options, Running as Sim};

use crate::support::Client;

/// Longer than anything a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The counter of a shop.
pub(crate) struct Counter {
    folder: tempfile::TempDir,
    daemon: Option<Running>,
    gateway: Option<(tokio::runtime::Runtime, Sim)>,
}

/// A command that runs. Killed by its own id when dropped.
pub(crate) struct Running {
    child: Child,
    talk: Receiver<String>,
    data: Receiver<String>,
    /// What it has said on stderr so far.
    said: String,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Counter {
    /// With a gateway nobody answers at.
    pub(crate) fn new() -> Self {
        Self::with("http://127.0.0.1:9", "mock0v2secret0key0123456789abcde", None)
    }

    /// With a simulated gateway.
    pub(crate) fn with_gateway() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
        let options = Options::default();
        let key = options.merchant.key.clone();
        let sim = runtime.block_on(Gateway::start(options)).expect("a gateway");
        let address: SocketAddr = sim.http();
        Self::with(&format!("http://{address}"), &key, Some((runtime, sim)))
    }

    /// The same over API v3: the simulated gateway's papers, and one key of the configuration changed.
    pub(crate) fn with_v3_gateway() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
        let papers = tempfile::tempdir().expect("a folder");
        let options = Options { dir: Some(papers.path().to_owned()), ..Options::default() };
        let merchant = options.merchant.clone();
        let sim = runtime.block_on(Gateway::start(options)).expect("a gateway");
        let base_url = format!("http://{}", sim.http());
        let counter = Self::with(&base_url, &merchant.key, Some((runtime, sim)));
        for name in ["apiclient_key.pem", "apiclient_cert.pem"] {
            counter.write(name, &std::fs::read_to_string(papers.path().join(name)).expect("a paper"));
        }
        counter.write("apiv3.key", &merchant.v3_key);
        let v3 = "[gateway.v3]\nprivate_key_file = \"apiclient_key.pem\"\nclient_cert_file = \"apiclient_cert.pem\"\n\
                  api_key_file = \"apiv3.key\"\n[ledger]";
        counter.reconfigure("[ledger]", v3);
        counter.reconfigure("[gateway]\n", "[gateway]\napi = \"v3\"\n");
        counter
    }

    /// Changes the configuration.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let config = std::fs::read_to_string(self.path("config.toml")).expect("the configuration");
        assert!(config.contains(from), "{from}");
        self.write("config.toml", &config.replacen(from, to, 1));
    }

    fn with(base_url: &str, key: &str, gateway: Option<(tokio::runtime::Runtime, Sim)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let merchant = Options::default().merchant;
        let (appid, mch_id) = (merchant.appid, merchant.mch_id);
        let config = format!(
            "[terminal]\nmcc = \"5812\"\n[gateway]\nbase_url = \"{base_url}\"\nappid = \"{appid}\"\nmch_id = \"{mch_id}\"\n[gateway.v2]\n\
             key_file = \"v2.key\"\n[ledger]\npath = \"ledger.sqlite\"\n[api]\nsocket = \"api.sock\"\n"
        );
        let counter = Self { folder, daemon: None, gateway };
        counter.write("config.toml", &config);
        counter.write("v2.key", key);
        counter
    }

    /// Adds to the configuration, whose last section is `[api]`; a supervisor's token lies in `boss`.
    pub(crate) fn configure(&self, more: &str) {
        let config = std::fs::read_to_string(self.path("config.toml")).expect("the configuration");
        self.write("config.toml", &format!("{config}{more}"));
        self.write("boss", "fedcba9876543210fedcba9876543210");
    }

    /// Writes a file that nobody else may read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut file = std::fs::File::options();
        let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(self.path(name)).expect("a file");
        file.write_all(text.as_bytes()).expect("a write");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The simulated gateway.
    pub(crate) fn sim(&self) -> &Sim {
        &self.gateway.as_ref().expect("a simulated gateway").1
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) fn open(&mut self) {
        let mut daemon = self.start(&["serve"], None);
        daemon.wait_for("ready");
        self.daemon = Some(daemon);
    }

    /// Waits until the daemon has said `text`; gives all it has said.
    pub(crate) fn daemon_says(&mut self, text: &str) -> String {
        let daemon = self.daemon.as_mut().expect("a daemon");
        daemon.wait_for(text);
        daemon.said().to_owned()
    }

    /// Kills the daemon as a power cut would.
    pub(crate) fn kill_daemon(&mut self) {
        drop(self.daemon.take());
    }

    /// The daemon's API.
    pub(crate) fn api(&self) -> Client {
        Client::Unix(self.path("api.sock"))
    }

    /// Runs `shroff` with these arguments to its end.
    pub(crate) fn shroff(&self, args: &[&str]) -> Ended {
        self.start(args, None).end()
    }

    /// The same with something on stdin.
    pub(crate) fn shroff_with(&self, args: &[&str], stdin: &str) -> Ended {
        self.start(args, Some(stdin)).end()
    }

    /// Runs `shroff` and reads the document it prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ended = self.shroff(args);
        serde_json::from_str(&ended.out).map_err(|error| format!("{error}: {ended:?}")).expect("one JSON document")
    }

    /// Starts `shroff` with these arguments.
    pub(crate) fn start(&self, args: &[&str], stdin: Option<&str>) -> Running {
        let mut command = shroff();
        command.args(args).arg("--config").arg(self.path("config.toml"));
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("shroff");
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            pipe.write_all(text.as_bytes()).expect("stdin");
        }
        let (talker, talk) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("stderr"));
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| talker.send(line)).ok();
        });
        let (teller, data) = channel();
        let mut stdout = child.stdout.take().expect("stdout");
        std::thread::spawn(move || {
            let mut text = String::new();
            drop(stdout.read_to_string(&mut text));
            drop(teller.send(text));
        });
        Running { child, talk, data, said: String::new() }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.kill_daemon();
        if let Some((runtime, sim)) = self.gateway.take() {
            drop(sim);
            runtime.shutdown_background();
        }
    }
}

impl Running {
    /// Reads stderr until a line has `text` in it.
    pub(crate) fn wait_for(&mut self, text: &str) {
        loop {
            let line = self.talk.recv_timeout(PATIENCE);
            let line = line.map_err(|error| format!("{error}: {text:?} was never said, but {:?}", self.said));
            let line = line.expect("a line in time");
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(text) {
                return;
            }
        }
    }

    /// What it has said on stderr, as far as it was waited for.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("a process");
    }

    /// Kills it as the kernel would.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().expect("a process");
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let out = self.data.recv_timeout(PATIENCE).expect("an end in time");
        let status = self.child.wait().expect("an end");
        let mut err = std::mem::take(&mut self.said);
        for line in self.talk.iter() {
            err.push_str(&line);
            err.push('\n');
        }
        Ended { code: status.code(), out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Ended {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Checks that stderr says `text`.
    #[track_caller]
    pub(crate) fn tells(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in {self:?}");
        self
    }

    /// Checks that stdout says `text`.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.out.contains(text), "{text:?} is not in {self:?}");
        self
    }

    /// Checks that `text` is nowhere.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(!self.out.contains(text) && !self.err.contains(text), "{text:?} is in {self:?}");
        self
    }
}

/// The real binary, in an environment of its own.
pub(crate) fn shroff() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_shroff")));
    for name in
        ["NOTIFY_SOCKET", "WATCHDOG_USEC", "CREDENTIALS_DIRECTORY", "SHROFF_LOG", "SHROFF_LOG_FORMAT", "JOURNAL_STREAM"]
    {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1");
    command
}
