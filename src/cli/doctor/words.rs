//! What each thing that can go wrong between the terminal and WeChat Pay means, and its cure.

use super::line::Line;
use crate::cli::{Exit, say};
use crate::config::{Config, GatewayApi};
use crate::dialect::{Distrust, refuses_signature};
use crate::edge::gateway::{Blocked, Doubt, NoAnswer, NotSent, Proven};
use crate::payment::answer::{Class, Refusal};

/// Where the way to a host ended: what it is, and what to do.
pub(super) fn blocked(why: Blocked) -> (String, String) {
    let (text, fix) = match why {
        Blocked::Refused => ("nobody listens there", "check gateway.base_url, and the firewall for port 443"),
        Blocked::Slow => ("no answer in time", "check the line and the firewall; connect_timeout is in [policy]"),
        Blocked::Unreachable => ("the connection failed", "check the cable, the route and the firewall: ip route"),
        Blocked::Untrusted => (
            "its certificate is of an authority that is not trusted: a proxy looks into TLS, or somebody pretends",
            "let the shop's network pass the host untouched, or name the proxy's root in gateway.ca_file",
        ),
        Blocked::Expired => (
            "its certificate has expired, if this clock is right",
            "look at the clock (date); if it is wrong: timedatectl set-ntp true; if it is right, a proxy or another server \
             answers: check gateway.base_url and the name server",
        ),
        Blocked::NotYetValid => (
            "its certificate is not valid yet, if this clock is right",
            "set the clock: timedatectl set-ntp true; without a network by hand: timedatectl set-time",
        ),
        Blocked::OtherName => (
            "its certificate is another host's: the name server or a proxy leads elsewhere",
            "check gateway.base_url and the name server: getent hosts",
        ),
        Blocked::NoTls => ("it does not speak a TLS we know", "check gateway.base_url, and for a proxy in between"),
        Blocked::NotHttp => ("what answers does not speak HTTP", "check gateway.base_url, and for a proxy in between"),
    };
    (text.to_owned(), fix.to_owned())
}

/// Whether WeChat Pay takes our signature, by its answer to a question about an order that cannot exist.
pub(super) fn keys(proven: &Proven, config: &Config, reached: bool) -> Line {
    let files = Files::of(config);
    match proven {
        Proven::Yes => {
            Line::ok("keys", "a signed question was believed, and so was its answer: appid, mch_id and keys fit")
        }
        Proven::Unsigned => Line::ok(
            "keys",
            "a signed question was answered (no such order), but WeChat Pay did not sign the answer; our own keys fit",
        ),
        Proven::Strange => Line::failure(
            "keys",
            Exit::Found,
            "the gateway says that it knows an order that cannot exist",
            "check gateway.base_url: this is hardly WeChat Pay",
        ),
        Proven::Refused(refusal) => refused(refusal, config, &files),
        Proven::NoKeys(doubt) => no_keys(*doubt, &files, reached),
        Proven::Doubt(doubt) => doubted(*doubt, &files, reached),
    }
}

/// The names of the keys' entries in the configuration.
struct Files {
    /// What signs our requests.
    sign: &'static str,
    /// What checks theirs.
    check: &'static str,
}

impl Files {
    fn of(config: &Config) -> Self {
        match &config.gateway.api {
            GatewayApi::V2(_) => Self {
                sign: "put the API key of this merchant number into gateway.v2.key_file, and set gateway.v2.sign_type as agreed \
                       (HMAC-SHA256 or MD5)",
                check: "put the API key of this merchant number into gateway.v2.key_file",
            },
            GatewayApi::V3(_) => Self {
                sign: "put apiclient_key.pem and apiclient_cert.pem of this merchant number, both of one download, into \
                       gateway.v3.private_key_file and client_cert_file; check the clock",
                check: "set gateway.v3.platform_public_key_file and its id as the merchant platform shows them, or leave \
                        both out",
            },
        }
    }
}

fn refused(refusal: &Refusal, config: &Config, files: &Files) -> Line {
    let gateway = &config.gateway;
    let code: String = refusal.code().chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    let text = say::plain(refusal.text());
    let said = match (refusal.code(), text.as_str()) {
        ("", text) => text.to_owned(),
        (code, "") => code.to_owned(),
        (code, text) => format!("{code}, {text}"),
    };
    let failure = |exit, meaning: &str, fix: String| Line::failure("keys", exit, format!("{meaning} ({said})"), fix);
    if refuses_signature(refusal.code(), refusal.text()) {
        return failure(Exit::Config, "WeChat Pay does not accept our signature", files.sign.to_owned());
    }
    match code.as_str() {
        "APPIDMCHIDNOTMATCH" => failure(
            Exit::Config,
            "the appid is not bound to the merchant number",
            format!(
                "bind appid {} to merchant {} on the merchant platform (product centre, appid accounts), or correct \
                 gateway.appid",
                gateway.appid, gateway.mch_id
            ),
        ),
        "APPIDNOTEXIST" => failure(Exit::Config, "WeChat does not know the appid", "correct gateway.appid".to_owned()),
        "MCHIDNOTEXIST" | "MCHNOTEXISTS" => {
            failure(Exit::Config, "WeChat Pay does not know the merchant number", "correct gateway.mch_id".to_owned())
        }
        "NOAUTH" => failure(
            Exit::Denied,
            "the merchant number may not do this",
            "have Quick Pay enabled for the merchant number, and in institution mode for sub_mch_id; ask WeChat Pay"
                .to_owned(),
        ),
        "SYSTEMERROR" | "BANKERROR" | "SERVICEUNAVAILABLE" => Line::warning(
            "keys",
            format!("WeChat Pay is ill just now ({said}), so the keys are not proven"),
            "run the doctor again in a minute",
        ),
        _ if refusal.class() == Class::Throttled => Line::warning(
            "keys",
            format!("WeChat Pay is asked too often ({said}), so the keys are not proven"),
            "run the doctor again in a minute",
        ),
        _ => failure(
            Exit::Config,
            "WeChat Pay refuses the question",
            format!(
                "check gateway.appid ({}), gateway.mch_id ({}) and, in institution mode, sub_mch_id and sub_appid",
                gateway.appid, gateway.mch_id
            ),
        ),
    }
}

fn no_keys(doubt: Doubt, files: &Files, reached: bool) -> Line {
    let failure = |text: String, fix: &str| Line::failure("keys", Exit::Config, text, fix);
    match doubt {
        Doubt::Distrust(Distrust::Status(401)) => failure(
            "WeChat Pay does not accept our signature (HTTP 401 to the question for its certificates)".to_owned(),
            files.sign,
        ),
        Doubt::Distrust(Distrust::Status(403)) => Line::failure(
            "keys",
            Exit::Denied,
            "the merchant number may not use API v3 (HTTP 403 to the question for its certificates)",
            "have API v3 enabled for the merchant number; ask WeChat Pay",
        ),
        Doubt::Distrust(why @ Distrust::Malformed(what)) if what.contains("api_key_file") => failure(
            why.to_string(),
            "put the API v3 key of this merchant number, 32 characters, into gateway.v3.api_key_file",
        ),
        Doubt::NotSent(_) | Doubt::NoAnswer(_) | Doubt::Distrust(_) => doubted(doubt, files, reached),
    }
}

/// `reached`: a host answered a plain question a moment ago.
fn doubted(doubt: Doubt, files: &Files, reached: bool) -> Line {
    let failure = |exit, text: &str, fix: &str| Line::failure("keys", exit, text, fix);
    let unproven = |why: String| {
        let fix = if reached { "run the doctor again in a minute" } else { "mend the way to the hosts above first" };
        Line::failure("keys", Exit::Unreachable, format!("not proven: {why}"), fix)
    };
    match doubt {
        Doubt::NotSent(why @ (NotSent::NoCertificate | NotSent::NoKeys | NotSent::Request)) => {
            failure(Exit::Config, &why.to_string(), files.sign)
        }
        Doubt::NotSent(
            why @ (NotSent::Name
            | NotSent::Refused
            | NotSent::Unreachable
            | NotSent::Slow
            | NotSent::Tls
            | NotSent::Busy),
        ) => unproven(why.to_string()),
        Doubt::NoAnswer(why @ NoAnswer::NotHttp) => {
            failure(Exit::Unreachable, &why.to_string(), "check gateway.base_url, and for a proxy in between")
        }
        Doubt::NoAnswer(why @ (NoAnswer::TimedOut | NoAnswer::Closed | NoAnswer::Tls | NoAnswer::Failed)) => {
            unproven(why.to_string())
        }
        Doubt::Distrust(why @ (Distrust::BadSignature | Distrust::Unsigned | Distrust::UnknownKey)) => failure(
            Exit::Config,
            &why.to_string(),
            &format!("{}; if it is right, somebody is in the middle", files.check),
        ),
        Doubt::Distrust(why @ Distrust::Stale) => {
            failure(Exit::Found, &why.to_string(), "set the clock: timedatectl set-ntp true")
        }
        Doubt::Distrust(why @ (Distrust::OtherMerchant | Distrust::Incomplete(_))) => failure(
            Exit::Config,
            &why.to_string(),
            "correct gateway.appid, mch_id and, in institution mode, sub_mch_id and sub_appid",
        ),
        Doubt::Distrust(Distrust::Status(401)) => {
            failure(Exit::Config, "WeChat Pay does not accept our signature (HTTP 401)", files.sign)
        }
        Doubt::Distrust(Distrust::Status(status @ 500..)) => Line::warning(
            "keys",
            format!("WeChat Pay is ill just now (HTTP {status}), so the keys are not proven"),
            "run the doctor again in a minute",
        ),
        Doubt::Distrust(
            why @ (Distrust::TooLarge
            | Distrust::Status(_)
            | Distrust::Malformed(_)
            | Distrust::OtherOrder
            | Distrust::OtherRefund
            | Distrust::OtherAmount
            | Distrust::OtherCurrency),
        ) => failure(
            Exit::Unreachable,
            &format!("what answers is not WeChat Pay: {why}"),
            "check gateway.base_url, and for a portal or a proxy in between",
        ),
    }
}
