//! What was answered, and the configuration it makes.

use std::net::SocketAddr;
use std::path::Path;

use zeroize::Zeroizing;

use super::files::{self, Folder, KEYS_FOLDER, PRIVATE, PUBLIC, TOKEN};
use super::talk::{Checked, Talk};
use super::{LISTEN, SetupArgs};
use crate::cli::devices::name;
use crate::cli::exit::BadData;
use crate::cli::scan::{choose, is_scanner};
use crate::config::{API_KEY_LENGTH, BaseUrl};
use crate::edge::scanner::{DeviceName, Mode, ScannerKind, Seen, Sysfs};
use crate::words::{AppId, Currency, Language, MerchantId, TerminalId};

/// A file for the configuration's folder.
pub(super) struct Paper {
    pub(super) name: String,
    pub(super) content: Zeroizing<Vec<u8>>,
    pub(super) mode: u32,
}

/// Everything that was answered.
pub(super) struct Answers {
    /// `section.key` with its value in TOML, in the order of the file; an empty value opens a list's next table.
    lines: Vec<(&'static str, &'static str, String)>,
    papers: Vec<Paper>,
    token: bool,
    page: bool,
    scanner: bool,
}

const URL: &str = "https://apihk.mch.weixin.qq.com";

/// What a new set-up takes over from the old one.
const KEPT: [(&str, &str); 3] = [("ledger", "path"), ("api", "supervisor_token_file"), ("refund", "operator_max")];

impl Answers {
    /// Asks for everything. What is missing is remembered by `talk`, and then the answers are of no use.
    ///
    /// # Errors
    /// When an answer is wrong, or the dialogue ended.
    pub(super) fn gather(args: &SetupArgs, talk: &mut Talk) -> anyhow::Result<Self> {
        let mut new = Self { lines: Vec::new(), papers: Vec::new(), token: false, page: false, scanner: false };
        new.terminal(args, talk)?;
        new.merchant(args, talk)?;
        let sysfs = Sysfs::at(&args.sys, &args.dev);
        new.scanner(args, talk, &sysfs)?;
        new.display(args, talk, &sysfs)?;
        Ok(new)
    }

    fn terminal(&mut self, args: &SetupArgs, talk: &mut Talk) -> anyhow::Result<()> {
        let id = talk.text(
            "--id",
            args.id.as_deref(),
            "Terminal's id, another one for each till",
            Some("T01"),
            &parses::<TerminalId>,
        )?;
        self.say("terminal", "id", id);
        let line = |text: &str| {
            let good = text.chars().count() <= 64 && !text.chars().any(char::is_control);
            if good { Ok(()) } else { Err("at most 64 characters on one line".to_owned()) }
        };
        let store =
            talk.text("--store-name", args.store_name.as_deref(), "Store's name (may be empty)", Some(""), &line)?;
        self.say("terminal", "store_name", store);
        let currency =
            talk.text("--currency", args.currency.as_deref(), "Currency", Some("HKD"), &parses::<Currency>)?;
        self.say("terminal", "currency", currency);
        let language = talk.text(
            "--language",
            args.language.as_deref(),
            "Cashier's language: en, zh-CN or zh-HK",
            Some("en"),
            &parses::<Language>,
        )?;
        self.say("terminal", "language", language);
        let mcc = talk.text(
            "--mcc",
            args.mcc.as_deref(),
            "Merchant category code, 4 digits (WeChat Pay asks for it outside the mainland)",
            Some(""),
            &|text| {
                let good = text.is_empty() || (text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()));
                if good { Ok(()) } else { Err("4 digits, such as 5812".to_owned()) }
            },
        )?;
        self.say("terminal", "mcc", mcc);
        Ok(())
    }

    fn merchant(&mut self, args: &SetupArgs, talk: &mut Talk) -> anyhow::Result<()> {
        let api = talk.text("--api", args.api.as_deref(), "API of the contract: v2 or v3", Some("v2"), &|text| {
            if matches!(text, "v2" | "v3") { Ok(()) } else { Err("v2 or v3".to_owned()) }
        })?;
        let v3 = api.as_deref() == Some("v3");
        self.say("gateway", "api", api);
        let url = |text: &str| match text.parse::<BaseUrl>() {
            Ok(_) => Ok(()),
            Err(()) => Err("an https:// address; http:// only for a simulator on this machine".to_owned()),
        };
        let base = talk.text("--base-url", args.base_url.as_deref(), "WeChat Pay's address", Some(URL), &url)?;
        let simulator =
            base.as_deref().and_then(|text| text.parse::<BaseUrl>().ok()).is_some_and(|it| it.is_simulator());
        self.say("gateway", "base_url", base);
        if let Some(fallback) = &args.fallback_url {
            url(fallback).map_err(|why| BadData(format!("--fallback-url: {why}")))?;
            self.say("gateway", "fallback_url", Some(fallback.clone()));
        }
        if let Some(file) = &args.ca_file {
            self.paper("gateway", "ca_file", "extra-root.pem", PUBLIC, files::read(file)?);
        }
        let appid = talk.text("--appid", args.appid.as_deref(), "appid", None, &parses::<AppId>)?;
        self.say("gateway", "appid", appid);
        let mch_id =
            talk.text("--mch-id", args.mch_id.as_deref(), "Merchant number (mch_id)", None, &parses::<MerchantId>)?;
        self.say("gateway", "mch_id", mch_id);
        let sub = talk.text(
            "--sub-mch-id",
            args.sub_mch_id.as_deref(),
            "Sub-merchant's number (only in institution mode, else empty)",
            Some(""),
            &|text| if text.is_empty() { Ok(()) } else { parses::<MerchantId>(text) },
        )?;
        self.say("gateway", "sub_mch_id", sub);
        if v3 { self.v3(args, talk) } else { self.v2(args, talk, simulator) }
    }

    fn v2(&mut self, args: &SetupArgs, talk: &mut Talk, simulator: bool) -> anyhow::Result<()> {
        let sign = talk.text(
            "--sign-type",
            args.sign_type.as_deref(),
            "Signature: HMAC-SHA256 or MD5",
            Some("HMAC-SHA256"),
            &|text| match text {
                "HMAC-SHA256" | "MD5" => Ok(()),
                _ => Err("HMAC-SHA256 or MD5".to_owned()),
            },
        )?;
        self.say("gateway.v2", "sign_type", sign);
        self.key(
            talk,
            ("gateway.v2", "key_file", "v2.key"),
            "--v2-key-file",
            args.v2_key_file.as_deref(),
            "API key, 32 letters and digits (it is not shown)",
        )?;
        let given = args.cert_file.as_deref().map(|path| path.display().to_string());
        let question = "Merchant's certificate, apiclient_cert.pem or .p12 (nothing is reversed without it)";
        let (default, asked) = found("apiclient_cert.pem", simulator);
        let cert = talk.text("--cert-file", given.as_deref(), question, default, &is_file(asked))?;
        let Some(cert) = cert.filter(|it| !it.is_empty()) else { return Ok(()) };
        let content = files::read(Path::new(&cert))?;
        if cert.ends_with(".p12") {
            self.paper("gateway.v2", "client_cert_file", "keys/apiclient_cert.p12", PRIVATE, content);
            if let Some(file) = &args.cert_password_file {
                let name = "keys/apiclient_cert.password";
                self.paper("gateway.v2", "client_cert_password_file", name, PRIVATE, files::read(file)?);
            }
            return Ok(());
        }
        self.paper("gateway.v2", "client_cert_file", "apiclient_cert.pem", PUBLIC, content);
        self.private_key(args, talk, ("gateway.v2", "client_key_file"))
    }

    fn v3(&mut self, args: &SetupArgs, talk: &mut Talk) -> anyhow::Result<()> {
        let given = args.cert_file.as_deref().map(|path| path.display().to_string());
        let (default, asked) = found("apiclient_cert.pem", false);
        let cert = talk.text(
            "--cert-file",
            given.as_deref(),
            "Merchant's certificate, apiclient_cert.pem",
            default,
            &is_file(asked),
        )?;
        if let Some(cert) = cert {
            self.paper("gateway.v3", "client_cert_file", "apiclient_cert.pem", PUBLIC, files::read(Path::new(&cert))?);
        }
        self.private_key(args, talk, ("gateway.v3", "private_key_file"))?;
        self.key(
            talk,
            ("gateway.v3", "api_key_file", "apiv3.key"),
            "--v3-key-file",
            args.v3_key_file.as_deref(),
            "API v3 key, 32 characters (it is not shown)",
        )?;
        if let (Some(file), Some(id)) = (&args.platform_key_file, &args.platform_key_id) {
            self.paper("gateway.v3", "platform_public_key_file", "platform_key.pem", PUBLIC, files::read(file)?);
            self.say("gateway.v3", "platform_public_key_id", Some(id.clone()));
        }
        Ok(())
    }

    fn private_key(
        &mut self,
        args: &SetupArgs,
        talk: &mut Talk,
        (section, key): (&'static str, &'static str),
    ) -> anyhow::Result<()> {
        let given = args.key_file.as_deref().map(|path| path.display().to_string());
        let (default, asked) = found("apiclient_key.pem", false);
        let file = talk.text("--key-file", given.as_deref(), "Its key, apiclient_key.pem", default, &is_file(asked))?;
        if let Some(file) = file {
            self.paper(section, key, "keys/apiclient_key.pem", PRIVATE, files::read(Path::new(&file))?);
        }
        Ok(())
    }

    /// A shared key: out of a file, or typed.
    fn key(
        &mut self,
        talk: &mut Talk,
        (section, key, name): (&'static str, &'static str, &'static str),
        flag: &'static str,
        file: Option<&Path>,
        question: &str,
    ) -> anyhow::Result<()> {
        let content = match file {
            Some(file) => Some(files::read(file)?),
            None => {
                let v2 = section == "gateway.v2";
                let fits = |byte: u8| if v2 { byte.is_ascii_alphanumeric() } else { byte.is_ascii_graphic() };
                let what = if v2 { "letters and digits, and nothing else" } else { "characters without spaces" };
                let plain = |text: &str| {
                    let good = text.len() == API_KEY_LENGTH && text.bytes().all(fits);
                    if good { Ok(()) } else { Err(format!("{API_KEY_LENGTH} {what}")) }
                };
                talk.secret(flag, question, &plain)?.map(|secret| Zeroizing::new(secret.expose().to_vec()))
            }
        };
        if let Some(content) = content {
            self.paper(section, key, &format!("{KEYS_FOLDER}/{name}"), PRIVATE, content);
        }
        Ok(())
    }

    fn scanner(&mut self, args: &SetupArgs, talk: &mut Talk, sysfs: &Sysfs) -> anyhow::Result<()> {
        let kind = match args.scanner_kind.as_deref() {
            None => None,
            Some(word) => {
                let kind = ScannerKind::ALL.into_iter().find(|kind| kind.word() == word);
                Some(kind.ok_or_else(|| BadData("--scanner-kind: serial, keyboard or hid-pos".to_owned()))?)
            }
        };
        let chosen = match args.scanner.as_deref() {
            Some("none") => None,
            Some(given) => {
                let device = given.parse::<DeviceName>().map_err(|why| BadData(format!("--scanner: {why}")))?;
                Some(choose(Some(&device), kind, sysfs)?)
            }
            None => found_scanner(talk, kind, sysfs)?,
        };
        let Some((device, kind)) = chosen else { return Ok(()) };
        self.scanner = true;
        self.say("scanner", "lane", Some("1".to_owned()));
        self.say("scanner", "kind", Some(kind.word().to_owned()));
        self.say("scanner", "device", Some(device.to_string()));
        Ok(())
    }

    fn display(&mut self, args: &SetupArgs, talk: &mut Talk, sysfs: &Sysfs) -> anyhow::Result<()> {
        let ports: Vec<String> = sysfs
            .list()
            .iter()
            .filter(|it| it.kind == ScannerKind::Serial && it.mode == Mode::Ready && !is_scanner(it))
            .map(|it| sysfs.stable_link(&it.node).unwrap_or_else(|| it.node.clone()).display().to_string())
            .collect();
        let display = match args.display.clone() {
            Some(given) => given,
            None => {
                let mut items = vec!["none".to_owned(), "page: a browser on this machine's second screen".to_owned()];
                items.extend(ports.iter().map(|port| format!("{port}: a serial display of two lines")));
                match talk.choose("Customer's display", &items)?.unwrap_or(0) {
                    0 => "none".to_owned(),
                    1 => "page".to_owned(),
                    at => ports.get(at.saturating_sub(2)).cloned().unwrap_or_else(|| "none".to_owned()),
                }
            }
        };
        match display.as_str() {
            "none" => {}
            "page" | "console" => {
                self.page = display == "page";
                self.say("display", "lane", Some("1".to_owned()));
                self.say("display", "kind", Some(display));
            }
            port if port.starts_with('/') => {
                self.say("display", "lane", Some("1".to_owned()));
                self.say("display", "kind", Some("vfd".to_owned()));
                self.say("display", "device", Some(display));
            }
            _ => return Err(BadData("--display: page, console, none or the path of a port".to_owned()).into()),
        }
        let default = if self.page { LISTEN.to_string() } else { "none".to_owned() };
        let listen = talk.text(
            "--listen",
            args.listen.as_deref(),
            "Address of the API for pages and a POS without Unix sockets, such as 127.0.0.1:8750, or none",
            Some(&default),
            &|text| match text.parse::<SocketAddr>() {
                _ if text == "none" => Ok(()),
                Ok(address) if address.ip().is_loopback() => Ok(()),
                Ok(_) | Err(_) => Err("a loopback address with a port, such as 127.0.0.1:8750, or none".to_owned()),
            },
        )?;
        let Some(listen) = listen.filter(|it| it != "none") else {
            if self.page {
                return Err(BadData("a page needs --listen 127.0.0.1:8750".to_owned()).into());
            }
            return Ok(());
        };
        self.token = true;
        self.say("api", "listen", Some(listen));
        self.say("api", "token_file", Some(format!("{KEYS_FOLDER}/{TOKEN}")));
        Ok(())
    }

    /// Takes over from the configuration that is replaced what nobody is asked for and nothing may lose: another ledger
    /// would begin anew, and refunds would need no supervisor. Gives the secret file among it.
    pub(super) fn keep(&mut self, old: &toml::Table) -> Option<String> {
        for (section, key) in KEPT {
            if let Some(value) = old.get(section).and_then(|it| it.get(key)) {
                self.lines.push((section, key, value.to_string()));
            }
        }
        Some(old.get("api")?.get("supervisor_token_file")?.as_str()?.to_owned())
    }

    /// The files to write beside the configuration.
    pub(super) fn files(&self) -> &[Paper] {
        &self.papers
    }

    /// Whether the API needs a token.
    pub(super) fn wants_token(&self) -> bool {
        self.token
    }

    /// The configuration.
    pub(super) fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for section in
            ["terminal", "gateway", "gateway.v2", "gateway.v3", "ledger", "api", "refund", "scanner", "display"]
        {
            let lines: Vec<_> = self.lines.iter().filter(|(of, ..)| *of == section).collect();
            if lines.is_empty() {
                continue;
            }
            let list = matches!(section, "scanner" | "display");
            text.push_str(&if list { format!("\n[[{section}]]\n") } else { format!("\n[{section}]\n") });
            for (_, key, value) in lines {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        text
    }

    /// What to do now.
    pub(super) fn next_steps(&self, folder: &Folder, started: bool) -> String {
        let mut lines = Vec::new();
        if !started {
            lines.push("start it: systemctl enable --now shroff, or `shroff serve`".to_owned());
        }
        if !self.scanner {
            lines.push("no scanner is configured: `shroff devices` prints the lines to add".to_owned());
        }
        if self.token {
            let token = folder.path().join(KEYS_FOLDER).join(TOKEN);
            lines.push(format!("over TCP the POS shows the token in {}", token.display()));
        }
        lines.push("let the POS software sell: add its user to the group shroff-pos".to_owned());
        lines.push("the first sale: shroff pay 1.00".to_owned());
        let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
        format!("next:\n{}", lines.join("\n"))
    }

    /// Keeps a value; an empty one is the key's default, and stays out.
    fn say(&mut self, section: &'static str, key: &'static str, value: Option<String>) {
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            self.lines.push((section, key, toml::Value::String(value).to_string()));
        }
    }

    fn paper(&mut self, section: &'static str, key: &'static str, name: &str, mode: u32, content: Zeroizing<Vec<u8>>) {
        self.say(section, key, Some(name.to_owned()));
        self.papers.push(Paper { name: name.to_owned(), content, mode });
    }
}

const HEAD: &str = "# The configuration of this terminal, written by `shroff setup`. All keys, with their units and defaults:\n\
    # /usr/share/doc/shroff/config.toml.example. `shroff config check` says what is wrong, `systemctl reload shroff` takes\n\
    # scanners and limits over, `systemctl restart shroff` everything.\n";

/// The scanner there is: the only one, or the one somebody chooses.
fn found_scanner(
    talk: &mut Talk,
    kind: Option<ScannerKind>,
    sysfs: &Sysfs,
) -> anyhow::Result<Option<(DeviceName, ScannerKind)>> {
    let all = sysfs.list();
    let found: Vec<&Seen> = all.iter().filter(|it| is_scanner(it) && kind.is_none_or(|kind| kind == it.kind)).collect();
    let named = |it: &Seen| (name(it, &all, sysfs), it.kind);
    if !talk.is_with_a_person() {
        return match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(named(one))),
            several => {
                let names: Vec<String> = several.iter().map(|it| named(it).0.to_string()).collect();
                let text = format!("there are several scanners; name one: --scanner {}", names.join(" or --scanner "));
                Err(BadData(text).into())
            }
        };
    }
    let mut items: Vec<String> = found
        .iter()
        .map(|it| {
            let (device, kind) = named(it);
            format!("{} ({}, {device})", crate::cli::say::plain(&it.name), kind.word())
        })
        .collect();
    items.push("none, or one that is not plugged in yet".to_owned());
    let chosen = talk.choose("Scanner", &items)?.and_then(|at| found.get(at));
    Ok(chosen.map(|it| named(it)))
}

/// A file of the current folder as the default, where it is there; `optional`: none is an answer too.
fn found(name: &'static str, optional: bool) -> (Option<&'static str>, bool) {
    match Path::new(name).is_file() {
        true => (Some(name), optional),
        false => (optional.then_some(""), optional),
    }
}

fn is_file(optional: bool) -> impl Fn(&str) -> Checked {
    move |text| match text {
        "" if optional => Ok(()),
        path if Path::new(path).is_file() => Ok(()),
        path => Err(format!("there is no file {path}")),
    }
}

fn parses<T: std::str::FromStr>(text: &str) -> Checked
where
    T::Err: std::fmt::Display,
{
    text.parse::<T>().map(drop).map_err(|why| why.to_string())
}
