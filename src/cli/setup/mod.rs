//! `shroff setup`: from a fresh package to a terminal that sells. Asks what it is not told, looks at the answers with the
//! same eyes as the daemon, and only then writes anything.

mod answers;
mod files;
mod hidden;
mod papers;
mod service;
mod signals;
mod talk;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::exit::BadData;
use super::{Exit, say};
use crate::config::Config;
use crate::edge::clock::Clock;
use answers::Answers;
use files::{Folder, KEYS_FOLDER};
use signals::Left;
use talk::Talk;

/// What no flag says is asked for at a terminal. Keys are typed, or read from a file that a flag names, and never stand on
/// the command line. It ends with `shroff doctor`, and with its exit code.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct SetupArgs {
    /// Ask nothing: what no flag says has its default, and what has none is an error
    #[arg(long)]
    yes: bool,
    /// Replace a configuration and keys that are there; each stays beside the new one as NAME.old. The ledger's path, the
    /// supervisor's token and its limit are taken over, whatever else is not is named
    #[arg(long)]
    force: bool,
    /// Do not ask WeChat Pay whether it knows the keys
    #[arg(long)]
    offline: bool,
    /// Write the files, and start nothing
    #[arg(long)]
    no_start: bool,
    /// The terminal's id: 1 to 8 letters or digits, another one for each till of a merchant number
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The store's name, for WeChat Pay's statement and the displays
    #[arg(long, value_name = "NAME")]
    store_name: Option<String>,
    /// The cashier's language: en, zh-CN or zh-HK
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// What amounts are in
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Merchant category code, 4 digits
    #[arg(long, value_name = "CODE")]
    mcc: Option<String>,
    /// The API of the merchant's contract: v2 or v3
    #[arg(long, value_name = "API")]
    api: Option<String>,
    /// WeChat Pay's address
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// A second address, for questions when the first does not answer
    #[arg(long, value_name = "URL")]
    fallback_url: Option<String>,
    /// A root certificate to trust besides the public ones
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The merchant's appid
    #[arg(long, value_name = "APPID")]
    appid: Option<String>,
    /// The merchant number
    #[arg(long, value_name = "NUMBER")]
    mch_id: Option<String>,
    /// The sub-merchant's number, in institution mode
    #[arg(long, value_name = "NUMBER")]
    sub_mch_id: Option<String>,
    /// A file with the API key of API v2
    #[arg(long, value_name = "FILE")]
    v2_key_file: Option<PathBuf>,
    /// How v2 signs: HMAC-SHA256 or MD5
    #[arg(long, value_name = "TYPE")]
    sign_type: Option<String>,
    /// A file with the API v3 key
    #[arg(long, value_name = "FILE")]
    v3_key_file: Option<PathBuf>,
    /// WeChat Pay's public key, in public-key mode of API v3
    #[arg(long, value_name = "FILE", requires = "platform_key_id")]
    platform_key_file: Option<PathBuf>,
    /// Its id, PUB_KEY_ID_...
    #[arg(long, value_name = "ID", requires = "platform_key_file")]
    platform_key_id: Option<String>,
    /// The merchant's certificate, apiclient_cert.pem, or apiclient_cert.p12 for v2
    #[arg(long, value_name = "FILE")]
    cert_file: Option<PathBuf>,
    /// Its key, apiclient_key.pem
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A file with the password of the .p12, where it is not the merchant number
    #[arg(long, value_name = "FILE")]
    cert_password_file: Option<PathBuf>,
    /// The scanner as `shroff devices` names it, or none; the only one that is plugged in without this
    #[arg(long, value_name = "DEVICE")]
    scanner: Option<String>,
    /// How it is connected: serial, keyboard or hid-pos; by its device without this
    #[arg(long, alias = "kind", value_name = "KIND")]
    scanner_kind: Option<String>,
    /// The customer's display: page, console, none, or the path of a serial display's port
    #[arg(long, value_name = "DISPLAY")]
    display: Option<String>,
    /// Where pages and a POS without Unix sockets find the API on this machine, such as 127.0.0.1:8750, or none
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the kernel shows its devices
    #[arg(long, value_name = "FOLDER", default_value = "/sys", hide = true)]
    sys: PathBuf,
    /// Where their nodes are
    #[arg(long, value_name = "FOLDER", default_value = "/dev", hide = true)]
    dev: PathBuf,
}

/// The TCP door where a page is wanted and nobody says where.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8750);

pub(super) fn run(path: &Path, args: &SetupArgs) -> anyhow::Result<Exit> {
    let outcome = set_up(path, args);
    if let Some(left) = outcome.as_ref().err().and_then(|error| error.downcast_ref::<Left>()) {
        // Here, where everything that was half done has been put away.
        say::tell(&format!("shroff: {left}"));
        left.die().context("the signal")?;
    }
    outcome
}

fn set_up(path: &Path, args: &SetupArgs) -> anyhow::Result<Exit> {
    let folder = Folder::of(path)?;
    let mut talk = Talk::new(args.yes)?;
    let mut replace = args.force;
    if folder.is_configured() && !replace {
        replace = talk.confirm(&format!(
            "{} is there already. Replace it, and keep it as {}.old?",
            path.display(),
            path.display()
        ))?;
        if !replace {
            return Err(BadData(format!("{} is there already; --force replaces it", path.display())).into());
        }
    }
    let mut answers = Answers::gather(args, &mut talk)?;
    talk.nothing_missing()?;
    let supervisor = answers.keep(&folder.old()?);
    let written = write(&folder, &answers, supervisor.as_deref(), &mut talk, replace)?;
    for line in &written {
        say::print(&format!("{line}\n"))?;
    }
    talk.is_written();
    let started = service::start(path, args.no_start, &mut talk)?;
    say::tell("");
    let looked = super::doctor::run(path, &super::doctor::DoctorArgs::after_setup(args.offline))?;
    say::tell(&answers.next_steps(&folder, started));
    Ok(looked)
}

/// Puts everything into a folder beside its place, reads it as the daemon will, and moves it. Gives what was written.
fn write(
    folder: &Folder,
    answers: &Answers,
    supervisor: Option<&str>,
    talk: &mut Talk,
    replace: bool,
) -> anyhow::Result<Vec<String>> {
    let mut staged = folder.stage()?;
    for file in answers.files() {
        staged.put(&file.name, &file.content, file.mode)?;
    }
    if answers.wants_token() && !folder.has_token() {
        staged.put(&format!("{KEYS_FOLDER}/{}", files::TOKEN), files::token().as_bytes(), files::PRIVATE)?;
    }
    staged.put(folder.config_name(), answers.text().as_bytes(), files::PUBLIC)?;
    if let Some(name) = supervisor {
        staged.borrow(name)?;
    }
    let config = staged.load()?;
    let lost = staged.lost();
    if !lost.is_empty() {
        say::tell("note: the new configuration does not say what the old one said; add what is still wanted:");
        lost.iter().for_each(|line| say::tell(&format!("    {}", say::plain(line))));
    }
    for note in check(&config)? {
        say::tell(&format!("note: {note}"));
    }
    let taken = staged.taken()?;
    let mut replace = replace;
    if !taken.is_empty() && !replace {
        let list = taken.join(", ");
        replace =
            talk.confirm(&format!("{list}: there already, with something else in it. Replace, and keep as .old?"))?;
        if !replace {
            return Err(BadData(format!("{list}: there already; --force replaces it")).into());
        }
    }
    staged.land()
}

/// What the configuration alone does not show: whether key and certificate belong together, to this merchant, and for how
/// long.
fn check(config: &Config) -> anyhow::Result<Vec<String>> {
    let clock = Clock::start();
    let wall = clock.wall();
    // The TLS library joins key and certificate, and says so when they do not fit.
    crate::daemon::gateway_for_a_look(config, clock).context("nothing was written")?;
    papers::check(config, wall)
}
