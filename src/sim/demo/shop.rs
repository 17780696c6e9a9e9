//! The shop of the demo: everything it is made of, in a temporary folder.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::daemon::{Daemon, Role};
use super::pos::Pos;
use super::{Sale, tell};
use crate::sim::gateway::{Gateway, Options, Running};
use crate::sim::scanner::PtyScanner;
use crate::words::{Currency, Money};

/// How long the scanner waits for the daemon to open it.
const SCANNER_PATIENCE: Duration = Duration::from_secs(10);
/// Lines of the daemon's log that are shown when something goes wrong.
const LAST_LINES: usize = 20;

/// The demo's shop.
pub(super) struct Shop {
    folder: tempfile::TempDir,
    gateway: Running,
    mch_id: String,
    scanner: PtyScanner,
    role: Arc<Role>,
    daemon: Option<Daemon>,
    pos: Pos,
    api: SocketAddr,
    codes: u64,
    sales: u64,
}

impl Shop {
    /// Opens a gateway with TLS, plugs a scanner in and starts the daemon, which speaks `api_version`, v2 signed so.
    pub(super) async fn open(api_version: &str, sign_type: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("shroff-demo-").tempdir()?;
        let options = Options {
            https: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            dir: Some(folder.path().to_owned()),
            ..Options::default()
        };
        let merchant = options.merchant.clone();
        let gateway = Gateway::start(options).await.context("the simulated gateway does not start")?;
        let scanner = PtyScanner::new(folder.path().join("scanner"))?;
        let api = free_address()?;
        let token = token()?;
        private(&folder.path().join("token"), token.as_bytes())?;
        private(&folder.path().join("v2.key"), merchant.key.as_bytes())?;
        private(&folder.path().join("apiv3.key"), merchant.v3_key.as_bytes())?;
        for name in ["apiclient_key.pem", "apiclient_cert.pem"] {
            let path = folder.path().join(name);
            let text = std::fs::read(&path)?;
            std::fs::remove_file(&path)?;
            private(&path, &text)?;
        }
        let https = gateway.https().context("the simulated gateway has no TLS")?;
        let config = config((api_version, sign_type), &merchant.mch_id, &merchant.appid, https, api, scanner.link());
        private(&folder.path().join("config.toml"), config.as_bytes())?;
        let pos = Pos::new(format!("http://{api}"), token)?;
        let role = Arc::new(Role::find()?);
        let mut shop = Self {
            folder,
            gateway,
            mch_id: merchant.mch_id,
            scanner,
            role,
            daemon: None,
            pos,
            api,
            codes: 0,
            sales: 0,
        };
        shop.start().await?;
        Ok(shop)
    }

    /// Starts the daemon and waits until it takes payments and has found its scanner.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        self.daemon = Some(self.role.start(&self.path("config.toml"), &self.path("daemon.log"))?);
        self.pos.wait_ready().await.with_context(|| self.last_words())?;
        self.pos.wait_scanner().await.with_context(|| self.last_words())?;
        anyhow::ensure!(self.scanner.wait_open(SCANNER_PATIENCE), "the daemon did not open the scanner");
        Ok(())
    }

    /// Kills the daemon with SIGKILL.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            anyhow::ensure!(daemon.lives(), "the daemon had ended by itself");
            daemon.kill()?;
        }
        Ok(())
    }

    /// A payment code nobody has seen that makes the gateway play `scenario`.
    pub(super) fn fresh_code(&mut self, scenario: u16) -> String {
        self.codes = self.codes.saturating_add(1);
        format!("13{scenario:04}{:012}", self.codes)
    }

    /// Holds a code in front of the scanner.
    pub(super) fn scan(&self, code: &str) -> anyhow::Result<()> {
        Ok(self.scanner.scan(code)?)
    }

    /// Begins a sale of so many major units; gives our name of it.
    pub(super) async fn begin(&mut self, amount: &str) -> anyhow::Result<String> {
        let amount = minor(amount)?;
        self.sales = self.sales.saturating_add(1);
        let client_ref = format!("DEMO-{:03}-{}", self.sales, std::process::id());
        let payment = self.pos.collect(&client_ref, amount).await?;
        Ok(text(&payment, "ref").to_owned())
    }

    /// Follows a payment until `until` says so, telling each change.
    pub(super) async fn follow(&self, reference: &str, until: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        follow(&self.pos, reference, until).await
    }

    /// Follows a payment to its end and tells each change, while other things go on.
    pub(super) fn follow_in_background(&self, reference: String) {
        let pos = self.pos.clone();
        tokio::spawn(async move {
            if let Err(error) = follow(&pos, &reference, is_final).await {
                tell(&format!("  {error}"));
            }
        });
    }

    /// Acknowledges a payment and sets it against the books.
    pub(super) async fn audit(&self, title: &'static str, payment: &Value) -> anyhow::Result<Sale> {
        self.pos.ack(text(payment, "ref")).await?;
        let numbers: Vec<String> = attempts(payment).map(|it| text(it, "out_trade_no").to_owned()).collect();
        let (charged, returned) = self.gateway.with_book(|book, _| {
            numbers.iter().filter_map(|number| book.order(number)).fold((0_u64, 0_u64), |(charged, returned), order| {
                (charged.saturating_add(order.charged()), returned.saturating_add(order.returned()))
            })
        });
        let amount = payment.get("amount").and_then(Value::as_u64).unwrap_or_default();
        let money = text(payment, "money");
        let said = if money == "taken" { amount } else { 0 };
        let agree = charged.checked_sub(returned) == Some(said) && (money != "returned" || returned > 0);
        Ok(Sale {
            title,
            says: format!("{}, money {money}, {}", text(payment, "state"), hkd(said)),
            books: format!("charged {}, returned {}", hkd(charged), hkd(returned)),
            agree,
        })
    }

    /// Asks for money to be given back, all of it or so many major units.
    pub(super) async fn refund(&self, payment: &Value, name: &str, amount: Option<&str>) -> anyhow::Result<()> {
        let amount = amount.map(minor).transpose()?;
        self.pos.refund(text(payment, "ref"), name, amount).await.map(|_| ())
    }

    /// Waits for a refund's end and sets it against the books.
    pub(super) async fn audit_refund(&self, title: &'static str, name: &str) -> anyhow::Result<(Sale, Value)> {
        let refund = self.pos.refunded(name).await?;
        let amount = refund.get("amount").and_then(Value::as_u64).unwrap_or_default();
        let number = text(&refund, "out_refund_no");
        let returned = self.gateway.with_book(|book, _| {
            let known = book.refund_by(number).filter(|known| known.arrived().is_some());
            known.map_or(0, |known| known.amount.minor())
        });
        let state = text(&refund, "state");
        let sale = Sale {
            title,
            says: format!("{state} {}", hkd(amount)),
            books: format!("returned {}", hkd(returned)),
            agree: state == "refunded" && amount == returned,
        };
        Ok((sale, refund))
    }

    /// The gateway, to look into its books or to play tricks.
    pub(super) fn gateway(&self) -> &Running {
        &self.gateway
    }

    /// The merchant's number.
    pub(super) fn merchant(&self) -> &str {
        &self.mch_id
    }

    /// Runs a command of `shroff` to its end.
    pub(super) async fn run(&self, args: &[&str]) -> anyhow::Result<std::process::Output> {
        let (role, config) = (Arc::clone(&self.role), self.path("config.toml"));
        let args: Vec<String> = args.iter().map(|it| (*it).to_owned()).collect();
        let run = move || role.run(&config, &args.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(tokio::task::spawn_blocking(run).await??)
    }

    pub(super) fn gateway_address(&self) -> String {
        self.gateway.https().map(|address| format!("https://{address}")).unwrap_or_default()
    }

    pub(super) fn daemon_words(&self) -> &'static str {
        self.role.words()
    }

    pub(super) fn scanner_words(&self) -> String {
        let device = self.scanner.device().map(|path| path.display().to_string()).unwrap_or_default();
        format!("a serial scanner on {device}")
    }

    pub(super) fn page_address(&self) -> String {
        format!("http://{}/display/1", self.api)
    }

    /// The link that opens the cashier page, good once.
    pub(super) fn cashier_link(&self) -> std::io::Result<String> {
        self.role.says("cashier", &self.path("config.toml"))
    }

    /// The end of the daemon's log.
    pub(super) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .iter()
            .skip(lines.len().saturating_sub(LAST_LINES))
            .fold("the daemon's last words:".to_owned(), |all, it| format!("{all}\n  {it}"))
    }

    /// Ends everything.
    pub(super) async fn close(mut self) -> anyhow::Result<()> {
        self.kill()?;
        self.gateway.stop().await?;
        Ok(())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Whether nothing more happens to this payment by itself.
pub(super) fn is_final(payment: &Value) -> bool {
    payment.get("final").and_then(Value::as_bool).unwrap_or_default()
}

/// A text field; empty when it is not there.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn attempts(payment: &Value) -> impl Iterator<Item = &Value> {
    payment.get("attempts").and_then(Value::as_array).into_iter().flatten()
}

async fn follow(pos: &Pos, reference: &str, until: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let (mut seq, mut told) = (0, String::new());
    loop {
        let payment = pos.after(reference, seq).await?;
        seq = payment.get("seq").and_then(Value::as_u64).unwrap_or(seq);
        let cashier = payment.get("cashier").map_or("", |cashier| text(cashier, "text"));
        let line = format!("    {:<16} {cashier}", text(&payment, "state"));
        if line != told {
            tell(&line);
            told = line;
        }
        if until(&payment) {
            return Ok(payment);
        }
    }
}

fn minor(major: &str) -> anyhow::Result<u64> {
    let currency: Currency = "HKD".parse()?;
    Ok(Money::parse_major(major, currency)?.minor())
}

pub(super) fn hkd(minor: u64) -> String {
    let money = "HKD".parse::<Currency>().ok().and_then(|currency| Money::new(minor, currency).ok());
    money.map(|money| money.to_string()).unwrap_or_default()
}

/// A port nobody uses now. Somebody could take it before the daemon does; then the daemon says so.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn token() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner can read.
fn private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(text)
}

/// The waits are as short as the policy allows; the product's own limits stay.
fn config(
    (api_version, sign_type): (&str, &str),
    mch_id: &str,
    appid: &str,
    gateway: SocketAddr,
    api: SocketAddr,
    scanner: &Path,
) -> String {
    format!(
        r#"[terminal]
id = "DEMO"
store_id = "D1"
store_name = "Demo shop"
display_languages = ["zh-HK", "en"]
currency = "HKD"
mcc = "1001"
description = "Demo shop"

[gateway]
api = "{api_version}"
base_url = "https://{gateway}"
ca_file = "ca.pem"
appid = "{appid}"
mch_id = "{mch_id}"

[gateway.v2]
sign_type = "{sign_type}"
key_file = "v2.key"
client_cert_file = "apiclient_cert.pem"
client_key_file = "apiclient_key.pem"

[gateway.v3]
private_key_file = "apiclient_key.pem"
client_cert_file = "apiclient_cert.pem"
api_key_file = "apiv3.key"

[policy]
pay_timeout = 10
first_query_after_password = 2
give_up_after = 30

[ledger]
path = "ledger.sqlite"

[api]
socket = "api.sock"
listen = "{api}"
token_file = "token"

[[lane]]
id = "1"

[[scanner]]
lane = "1"
kind = "serial"
device = "{}"

[[display]]
lane = "1"
kind = "page"
"#,
        scanner.display()
    )
}
