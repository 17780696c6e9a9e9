//! Keys and certificates, and whether WeChat Pay takes them: on disk first, then on the wire.

use std::time::Duration;

use super::line::{Line, took};
use super::words;
use crate::cli::Exit;
use crate::cli::api::on_tokio;
use crate::cli::shown::shop_time;
use crate::config::{Config, GatewayApi};
use crate::dialect::{KeyError, Paper};
use crate::edge::clock::Clock;
use crate::edge::gateway::{Gateway, Proven, Reach, reach};
use crate::words::WallTime;

/// A certificate that ends sooner is worth a warning: the merchant platform takes days.
const RENEW: Duration = Duration::from_secs(30 * 24 * 3600);
/// A second between our clock and the gateway's from which a person is told.
const SKEW_WARN: u64 = 30;
/// From here on v3 refuses every call (protocol 7.2).
const SKEW_MAX: u64 = 300;

/// The merchant's certificate: whose it is, whether its key belongs to it, and how long it is good.
pub(super) fn look(config: &Config, clock: Clock, lines: &mut Vec<Line>) {
    let paper = match &config.gateway.api {
        GatewayApi::V3(v3) => Paper::from_pem(&v3.client_cert).map_err(|error: KeyError| error.to_string()),
        GatewayApi::V2(v2) => match v2.client.clone().map(crate::daemon::identity) {
            None => {
                let text = "no client certificate: nothing can be reversed or refunded, but at a simulator";
                let fix =
                    "set gateway.v2.client_cert_file and client_key_file to apiclient_cert.pem and apiclient_key.pem";
                lines.push(Line::warning("certificate", text, fix));
                return;
            }
            Some(identity) => identity
                .certificate()
                .map_err(|error| error.to_string())
                .and_then(|der| Paper::from_der(&der).map_err(|error| error.to_string())),
        },
    };
    match paper {
        Err(why) => lines.push(Line::failure("certificate", Exit::Config, why, DOWNLOAD)),
        Ok(paper) => lines.extend(judge(&paper, config.gateway.mch_id.as_str(), clock.wall())),
    }
}

const DOWNLOAD: &str = "download the certificate and its key again from the merchant platform, as a pair (API security, API \
    certificate), and put both in place";

fn judge(paper: &Paper, mch_id: &str, now: WallTime) -> Vec<Line> {
    let until = shop_time(&paper.until.to_string());
    let mut lines = Vec::new();
    if paper.name == mch_id {
        let text = format!("made out to merchant {mch_id}, its key belongs to it, serial number {}", paper.serial);
        lines.push(Line::ok("certificate", text));
    } else {
        let text = format!("the certificate is made out to {:?}, and gateway.mch_id is {mch_id}", paper.name);
        let fix = format!("download the certificate of merchant {mch_id}, or correct gateway.mch_id");
        lines.push(Line::failure("certificate", Exit::Config, text, fix));
    }
    lines.push(if now > paper.until {
        let text = format!("the certificate expired on {until} UTC+8");
        Line::failure("expiry", Exit::Config, text, DOWNLOAD)
    } else if now < paper.from {
        let text = format!(
            "the certificate is good from {} UTC+8 only, and this clock says {}",
            shop_time(&paper.from.to_string()),
            shop_time(&now.to_string())
        );
        Line::failure("expiry", Exit::Config, text, "set the clock: timedatectl set-ntp true")
    } else if now.after(RENEW) > paper.until {
        Line::warning("expiry", format!("the certificate expires on {until} UTC+8"), DOWNLOAD)
    } else {
        Line::ok("expiry", format!("the certificate is good until {until} UTC+8"))
    });
    lines
}

/// Both hosts, the clock, and whether WeChat Pay knows us.
pub(super) fn ask(config: &Config, clock: Clock, lines: &mut Vec<Line>) {
    let limit = config.policy.connect_timeout;
    let gateway = match crate::daemon::gateway_for_a_look(config, clock) {
        Ok(gateway) => gateway,
        Err(error) => {
            lines.push(Line::failure("keys", Exit::Config, error.to_string(), DOWNLOAD));
            return;
        }
    };
    let (base, roots) = (config.gateway.base_url.as_str(), config.gateway.extra_roots.as_deref());
    let fallback = config.gateway.fallback_url.as_ref().map(|url| url.as_str());
    let asked = on_tokio(async {
        let first = reach(base, roots, clock, limit).await;
        let second = match fallback {
            Some(url) => Some(reach(url, roots, clock, limit).await),
            None => None,
        };
        let proven = gateway.prove(&config.terminal.id, config.terminal.currency).await;
        Ok((first, second, proven))
    });
    let Ok((first, second, proven)) = asked else {
        lines.push(Line::failure(
            "host",
            Exit::Found,
            "the system gives no network runtime",
            "free memory and open files",
        ));
        return;
    };
    let other_answers = second.as_ref().is_some_and(Reach::answers);
    lines.push(host("host", &first, other_answers));
    match &second {
        Some(second) => lines.push(host("fallback host", second, first.answers())),
        None => lines.push(Line::ok("fallback host", "none (gateway.fallback_url): questions have one way only")),
    }
    lines.push(skew([&first].into_iter().chain(&second), matches!(config.gateway.api, GatewayApi::V3(_))));
    let reached = first.answers() || other_answers;
    lines.push(words::keys(&proven, config, reached));
    if gateway.has_keys() {
        lines.push(platform(&gateway, &proven, clock.wall()));
    }
}

/// A host, as far as one gets. One of two that does not answer is a warning: the other carries the questions.
fn host(check: &'static str, reach: &Reach, other_answers: bool) -> Line {
    let mut told = Vec::new();
    let ended = (|| {
        let (addresses, time) = match reach.name.as_ref()? {
            Ok(found) => found,
            Err(why) => {
                return Some((
                    format!("the name has no address ({why})"),
                    format!("check the network and its name server: getent hosts {}", name_of(reach)),
                ));
            }
        };
        let addresses: Vec<String> = addresses.iter().take(3).map(ToString::to_string).collect();
        told.push(format!("{} in {}", addresses.join(" "), took(*time)));
        match reach.tcp.as_ref()? {
            Ok(time) => told.push(format!("connected in {}", took(*time))),
            Err(why) => return Some(words::blocked(*why)),
        }
        match &reach.tls {
            Some(Ok((version, time))) => told.push(format!("{version} in {}", took(*time))),
            Some(Err(why)) => return Some(words::blocked(*why)),
            None => told.push("without TLS".to_owned()),
        }
        match reach.answer.as_ref()? {
            Ok(answer) => told.push(format!("answered {} in {}", answer.status, took(answer.took))),
            Err(why) => return Some(words::blocked(*why)),
        }
        None
    })();
    let way = if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) };
    match ended {
        None => Line::ok(check, format!("{}{way}", reach.host)),
        Some((why, fix)) if other_answers => {
            Line::warning(check, format!("{}{way}; {why}; the other host answers", reach.host), fix)
        }
        Some((why, fix)) => Line::failure(check, Exit::Unreachable, format!("{}{way}; {why}", reach.host), fix),
    }
}

/// A host's name, without its port.
fn name_of(reach: &Reach) -> &str {
    reach.host.rsplit_once(':').map_or(reach.host.as_str(), |(name, _)| name)
}

/// The clock, by the first host that says what time it is.
fn skew<'a>(hosts: impl Iterator<Item = &'a Reach>, v3: bool) -> Line {
    let ahead = hosts.filter_map(|reach| reach.answer.as_ref()?.as_ref().ok()?.ahead).next();
    let Some(ahead) = ahead else {
        return Line::warning("clock", "no host told the time, so the clock is not compared", "mend the hosts first");
    };
    let off = ahead.unsigned_abs();
    let text = match ahead {
        0 => "as the gateway's, to the second".to_owned(),
        1.. => format!("{off} s ahead of the gateway's"),
        _ => format!("{off} s behind the gateway's"),
    };
    let fix = "set it: timedatectl set-ntp true; without a network by hand: timedatectl set-time";
    match off {
        ..SKEW_WARN => Line::ok("clock", text),
        SKEW_MAX.. if v3 => Line::failure("clock", Exit::Found, format!("{text}: API v3 refuses every call"), fix),
        _ => Line::warning("clock", format!("{text}; from 300 s on API v3 refuses every call"), fix),
    }
}

/// The certificates that sign WeChat's own replies.
fn platform(gateway: &Gateway, proven: &Proven, now: WallTime) -> Line {
    let keys = gateway.platform_keys();
    let good = keys.iter().filter(|(_, until)| until.is_none_or(|until| now <= until)).count();
    if good == 0 {
        let fix = match proven {
            Proven::NoKeys(_) => "they come with the line above: mend that first",
            Proven::Yes | Proven::Unsigned | Proven::Refused(_) | Proven::Doubt(_) | Proven::Strange => {
                "set the clock, if it is wrong; else ask WeChat Pay's support"
            }
        };
        return Line::failure("platform keys", Exit::Config, "no key is known that could sign WeChat's replies", fix);
    }
    let newest = keys.iter().filter_map(|(_, until)| *until).max();
    let until =
        newest.map_or_else(String::new, |until| format!(", good until {} UTC+8", shop_time(&until.to_string())));
    Line::ok("platform keys", format!("{good} known{until}"))
}

impl Reach {
    /// Somebody who speaks HTTP answered.
    fn answers(&self) -> bool {
        matches!(self.answer, Some(Ok(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Level;
    use super::*;
    use crate::edge::gateway::Answered;

    fn paper(name: &str) -> Paper {
        let at = |text: &str| WallTime::from_millis(text.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
        let (from, until) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
        Paper { serial: "3B1F".to_owned(), name: name.to_owned(), from, until }
    }

    fn levels(name: &str, now: &str) -> [Level; 2] {
        let now = WallTime::from_millis(now.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
        let lines = judge(&paper(name), "1900000109", now);
        [lines[0].level, lines[1].level]
    }

    #[test]
    fn a_certificate_is_judged_by_its_name_and_by_the_clock() {
        assert_eq!(levels("1900000109", "2026-06-01T00:00:00Z"), [Level::Ok, Level::Ok]);
        assert_eq!(levels("1900000110", "2026-06-01T00:00:00Z"), [Level::Failure, Level::Ok]);
        assert_eq!(levels("1900000109", "2026-12-15T00:00:00Z"), [Level::Ok, Level::Warning]);
        assert_eq!(levels("1900000109", "2027-01-01T00:00:01Z"), [Level::Ok, Level::Failure]);
        assert_eq!(levels("1900000109", "1970-01-01T00:00:01Z"), [Level::Ok, Level::Failure]);
    }

    #[test]
    fn the_clock_is_a_warning_from_30_s_and_a_failure_of_v3_from_300() {
        let told = |ahead: i64, v3: bool| {
            let answer = Some(Ok(Answered { status: 404, took: Duration::ZERO, ahead: Some(ahead) }));
            skew([&Reach { answer, ..Reach::default() }].into_iter(), v3).level
        };
        assert_eq!([told(0, true), told(-29, true), told(30, false)], [Level::Ok, Level::Ok, Level::Warning]);
        assert_eq!(
            [told(300, false), told(-300, true), told(299, true)],
            [Level::Warning, Level::Failure, Level::Warning]
        );
    }

    #[test]
    fn one_host_of_two_is_a_warning_and_the_only_one_a_failure() {
        let gone = Reach { host: "h:443".to_owned(), name: Some(Err("no".to_owned())), ..Reach::default() };
        assert_eq!(
            [host("host", &gone, true).level, host("host", &gone, false).level],
            [Level::Warning, Level::Failure]
        );
    }
}
