//! `shroff-sim gateway`.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::{Gateway, Merchant, Options, SignType};
use crate::sim::book::Rules;

/// A WeChat Pay gateway on loopback that keeps books and misbehaves on request.
#[derive(Clone, clap::Args)]
#[command(after_long_help = help())]
pub struct Args {
    /// Where plain HTTP listens; loopback only; port 0 takes any free port.
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// Serves HTTPS too, beside plain HTTP.
    #[arg(long)]
    tls: bool,
    /// The port of HTTPS; 0 takes any free port.
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "tls")]
    tls_port: u16,
    /// Where ca.pem, `apiclient_cert.pem`, `apiclient_key.pem`, `apiclient_cert.p12` (password: the mch-id) and `pub_key.pem`
    /// are put. v3 signs with the latter when a request asks for it: `PUB_KEY_ID_0119000001090000000000000001`.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The API v2 key.
    #[arg(long, default_value_t = Options::default().merchant.key)]
    key: String,
    /// The API v3 key, 32 characters; v3 is served with --tls or --dir.
    #[arg(long, default_value_t = Options::default().merchant.v3_key)]
    v3_key: String,
    /// `mch_id` that is served.
    #[arg(long, default_value_t = Options::default().merchant.mch_id)]
    mch_id: String,
    /// `appid` that is served.
    #[arg(long, default_value_t = Options::default().merchant.appid)]
    appid: String,
    /// `sub_mch_id` that is served; any, when it is left out.
    #[arg(long)]
    sub_mch_id: Option<String>,
    /// Refuses requests that are signed in another way.
    #[arg(long, value_enum)]
    sign_type: Option<SignType>,
    /// Treats /secapi/ over plain HTTP as a request without the client certificate.
    #[arg(long)]
    plain_lacks_certificate: bool,
    /// Hands out a day's statement at any moment, not only from 10:00 of the next day.
    #[arg(long)]
    statements_at_once: bool,
}

impl From<Args> for Options {
    fn from(args: Args) -> Self {
        let ip: IpAddr = args.listen.ip();
        Self {
            http: args.listen,
            https: args.tls.then(|| SocketAddr::from((ip, args.tls_port))),
            dir: args.dir,
            merchant: Merchant {
                mch_id: args.mch_id,
                appid: args.appid,
                sub_mch_id: args.sub_mch_id,
                key: args.key,
                v3_key: args.v3_key,
                sign_type: args.sign_type,
            },
            plain_lacks_certificate: args.plain_lacks_certificate,
            rules: Rules { statements_at_once: args.statements_at_once, ..Rules::default() },
        }
    }
}

/// Serves until it is interrupted or terminated. Says where on stdout, as one line of JSON, once it is ready.
///
/// # Errors
/// When it cannot start: see [`Gateway::start`].
pub async fn run(args: Args) -> io::Result<()> {
    let running = Gateway::start(args.into()).await?;
    let ready = serde_json::json!({
        "http": format!("http://{}", running.http()),
        "https": running.https().map(|address| format!("https://{address}")),
        "dir": running.dir(),
    });
    writeln!(io::stdout(), "{ready}")?;
    io::stdout().flush()?;
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    running.stop().await
}

fn help() -> String {
    format!("{}\n\n{DOOR}", crate::sim::faults::table())
}

/// The simulator's own door, for `--help`.
const DOOR: &str = r#"The simulator's own door (JSON; it never shows a payment code):
  GET    /_sim/books         every order: state, charged, returned, requests received; and what was done wrong
  GET    /_sim/log           the last 1000 requests, what went wrong with them, what they were answered
  GET    /_sim/faults        the rules in force
  POST   /_sim/faults        adds one rule or a list:
                             {"op": "query", "out_trade_no": "T01...", "times": 3, "fault": "lose_reply"}
                             op, out_trade_no, auth_code and times may be left out: any, any, any, for ever
  DELETE /_sim/faults        removes all rules
  POST   /_sim/orders/{no}   {"action": "confirm"} or {"action": "fail"}: the payer does it now
  POST   /_sim/refunds/{no}  {"action": "arrive"}, {"action": "close"} or {"action": "change"}: it ends now
  POST   /_sim/codes         {"auth_code": "13..."}: the code is shown now, and dies code_life_s later
  GET, POST /_sim/config     {"unknown_reverse": "forgets" or "blocks", "code_life_s": 65, "revoke_after_s": 45,
                             "reverse_not_before_s": 15, "reverse_window_s": 0 (never over), "refund_spacing_s": 60,
                             "refund_takes_s": 0, "prompt_refuses_reverse": true, "reversed_shows_refund": false,
                             "statements_at_once": false}

  GET, POST /_sim/notices    refund notifications to notify_url (http:// on this machine only), what became of them:
                             {"speed": 1000, "faults": ["lost", "twice", "forged", "wrong_key", "old_timestamp",
                             "unknown_serial", "unsigned", "unknown_refund", "other_amount", "other_merchant",
                             "other_order", "says_closed", "garbage", "none"]}: the resends run so many times as fast,
                             and the next tries go wrong, one fault each
  GET, POST /_sim/platform   v3's manners: {"rotate": true, "clock_ahead_s": 0, "unsigned_errors": false, "no_list": false}

Faults:
  on the way in    "lose_request" "hang_request" "doubled" {"land_late": {"after_ms": 10000}}
  in the deed      {"err_code": {"code": "SYSTEMERROR", "does": true, "recall": true}}
                   {"return_fail": {"text": "system error", "does": false}} {"only_claims": {"recall": true}}
                   {"stale": {"ms": 5000}} {"fate": {"fate": "asks_then_pays", "after_ms": 8000}}
                   {"refund_fate": {"refund": "closes", "after_ms": 3000}} (arrives closes changes) "lists_all"
                   fates: no_order pays asks_then_pays asks_then_fails asks_for_ever accepts_then_pays never_pays
  in the text      {"set": {"field": "rate", "value": "x"}} {"drop": {"field": "time_end"}} "wrong_amount"
                   "wrong_currency" "wrong_order" "wrong_mch" "wrong_sub_mch" "wrong_appid" "unknown_state"
                   "holes" "wrong_refund" "many_fields" "wrong_sign" "no_sign" "other_sign_type" "replayed"
                   "unknown_serial" "probe" "duplicate_field" "doctype" "entity_bomb"
                   "nested" "garbage" "empty" {"shorten": {"at": 40}} {"html": {"status": 502}} "redirect" "gzip"
  in a statement   "flipped_digit" "missing_row" "doubled_row" "half_file" "half_sent" "wrong_digest"
                   "no_digest" (v3); the op is "statement", or "settlement" (missing and doubled rows), and
                   "out_trade_no" in a rule is its bill_date
  on the way out   "lose_reply" "hang_reply" {"delay": {"ms": 8000}} {"drip": {"ms": 1000}}
                   {"truncate": {"at": 40}} {"huge": {"mb": 200}}"#;
