//! The configuration as a shop meets it: the example, the faults people make, and secrets that stay secret.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shroff::config::{ClientIdentity, Config, ConfigErrors, GatewayApi, KEYS, Origin, SignType, TerminalIp, rows};
use shroff::edge::display::glass::Settings;
use shroff::edge::scanner::serial::FlowControl;
use shroff::scene::charset::Charset;
use shroff::scene::vfd::Protocol;

use crate::counterpart_v3::{MERCHANT, PLATFORM};

const EXAMPLE: &str = include_str!("../../config.toml.example");

/// The smallest configuration there is: a merchant, and a simulator in place of the gateway.
const SMALLEST: &str = r#"
[gateway]
base_url = "http://127.0.0.1:9"
appid = "wx2421b1c4370ec43b"
mch_id = "10000100"
[gateway.v2]
key_file = "v2.key"
"#;

/// The same with API v3.
const SMALLEST_V3: &str = r#"
[terminal]
mcc = "5812"
[gateway]
api = "v3"
base_url = "http://127.0.0.1:9"
appid = "wx2421b1c4370ec43b"
mch_id = "10000100"
[gateway.v3]
private_key_file = "apiclient_key.pem"
client_cert_file = "apiclient_cert.pem"
api_key_file = "apiv3.key"
"#;

const V2_KEY: &str = "mock0v2secret0key0123456789abcde";

#[test]
fn every_key_is_in_the_example_and_the_example_has_no_other() {
    let written: Vec<String> = example_lines(EXAMPLE).map(|line| format!("{}.{}", line.section, line.name)).collect();
    for key in KEYS {
        let times = written.iter().filter(|path| **path == key.path()).count();
        assert_eq!(times, 1, "{} stands {times} times in config.toml.example", key.path());
    }
    for path in written {
        assert!(KEYS.iter().any(|key| key.path() == path), "config.toml.example has {path}, which is no key");
    }
}

#[test]
fn a_default_in_the_example_is_the_default() {
    for line in example_lines(EXAMPLE).filter(|line| line.marked_default) {
        let key = KEYS.iter().find(|key| key.section == line.section && key.name == line.name).expect("a key");
        assert_eq!(key.default, Some(line.value.as_str()), "{}", key.path());
    }
    for key in KEYS.iter().filter(|key| key.default.is_some_and(|default| default != "\"\"")) {
        let line = example_lines(EXAMPLE).find(|line| line.section == key.section && line.name == key.name);
        assert!(line.expect("a line").marked_default, "{} does not say that it is the default", key.path());
    }
}

#[test]
fn the_example_is_a_configuration_and_so_is_everything_it_offers() {
    let shop = Shop::new();
    shop.write_all_secrets();
    shop.load(EXAMPLE).expect("the example as it stands");
    let config = shop.load(&all_switched_on(EXAMPLE)).expect("the example with every key set");
    assert_eq!(config.scanners.len(), 1);
    assert_eq!(config.displays.len(), 1);
    assert!(config.api.tcp.is_some() && config.api.supervisor.is_some());
    assert_eq!(config.refund.operator_max, Some(50_000));
    assert!(config.notify.url.is_some() && config.notify.listen.is_some());
    assert!(config.gateway.sub_mch_id.is_some() && config.gateway.extra_roots.is_some());
    let v3 = all_switched_on(EXAMPLE).replace("api = \"v2\"", "api = \"v3\"");
    let GatewayApi::V3(v3) = shop.load(&v3).expect("the same for v3").gateway.api else { panic!("v3 was asked for") };
    assert!(v3.platform_key.is_some());
}

#[test]
fn a_v2_key_is_32_letters_and_digits_and_nothing_else() {
    let shop = Shop::new();
    let lengths = [1, 8, 10, 31, 33, 64].map(|length| "a1".repeat(length).split_off(length));
    for key in lengths
        .iter()
        .map(String::as_str)
        .chain(["mock-v2-secret-key-0123456789abc", "192006250b4c09247ec02edce69f6a2 "])
    {
        shop.write("v2.key", key, 0o600);
        shop.refuses(SMALLEST, &["gateway.v2.key_file", "32 letters and digits, and nothing else"]);
    }
    shop.write("v2.key", "192006250B4c09247ec02edce69f6a2d\n", 0o600);
    shop.load(SMALLEST).expect("32 of them, and the end of the line");
}

#[test]
fn v3_needs_a_pair_that_can_sign_a_key_of_32_and_a_category() {
    let shop = Shop::new();
    shop.write_all_secrets();
    let config = shop.load(SMALLEST_V3).expect("the smallest one");
    let GatewayApi::V3(v3) = config.gateway.api else { panic!("v3 was asked for") };
    assert_eq!(v3.signer.serial(), MERCHANT.serial);
    shop.refuses(&SMALLEST_V3.replace("mcc = \"5812\"", ""), &["terminal.mcc", "no pay of API v3 goes without it"]);
    shop.write("apiclient_cert.pem", &PLATFORM.cert_pem, 0o644);
    shop.refuses(SMALLEST_V3, &["gateway.v3.private_key_file", "do not belong together"]);
    shop.write("apiclient_cert.pem", &MERCHANT.cert_pem, 0o644);
    let elliptic = rcgen::KeyPair::generate().expect("a key");
    shop.write("apiclient_key.pem", &elliptic.serialize_pem(), 0o600);
    shop.refuses(SMALLEST_V3, &["gateway.v3.private_key_file", "no unencrypted RSA key"]);
    shop.write("apiclient_key.pem", &MERCHANT.key_pem, 0o600);
    shop.write("apiv3.key", "0123456789abcdef", 0o600);
    shop.refuses(SMALLEST_V3, &["gateway.v3.api_key_file", "exactly 32 characters"]);
    shop.write_all_secrets();
    let public =
        format!("{SMALLEST_V3}platform_public_key_file = \"key.pem\"\nplatform_public_key_id = \"PUB_KEY_ID_1\"\n");
    shop.write("key.pem", &elliptic.public_key_pem(), 0o644);
    shop.refuses(&public, &["gateway.v3.platform_public_key_file", "an RSA public key"]);
}

#[test]
fn an_address_for_notifications_is_one_from_outside_and_the_door_is_not() {
    let shop = Shop::new();
    shop.write_all_secrets();
    let real = SMALLEST.replace("http://127.0.0.1:9", "https://apihk.mch.weixin.qq.com")
        + "client_cert_file = \"apiclient_cert.pem\"\nclient_key_file = \"apiclient_key.pem\"\n";
    let with = |notify: &str| format!("{real}[notify]\n{notify}\n");
    assert_eq!(
        shop.load(&real).expect("loads").notify,
        shroff::config::Notify::default(),
        "off unless it is asked for"
    );
    let url = "url = \"https://till.dining-hall.hk/wechatpay/refunds\"";
    for listen in ["127.0.0.1:8752", "192.168.1.20:8752", "10.1.2.3:8752", "[::1]:8752", "[fd12::1]:8752"] {
        let notify = shop.load(&with(&format!("{url}\nlisten = \"{listen}\""))).expect("loads").notify;
        assert_eq!(notify.listen.map(|it| it.to_string()).as_deref(), Some(listen));
        assert_eq!(notify.url.map(|it| it.path().to_owned()).as_deref(), Some("/wechatpay/refunds"));
    }
    for listen in ["0.0.0.0:8752", "[::]:8752", "8.8.8.8:8752", "127.0.0.1", "localhost:8752"] {
        shop.refuses(&with(&format!("{url}\nlisten = \"{listen}\"")), &["notify.listen", listen]);
    }
    shop.refuses(&with("listen = \"127.0.0.1:8752\""), &["notify.url is not set", "notify.listen is set"]);
    for (url, may) in [
        ("https://127.0.0.1/n", "reaches from outside"),
        ("https://shop.hk", "a path of its own"),
        ("https://shop.hk/n?a=b", "without parameters"),
        ("https://pay.example.com/n", "not one out of a document's example"),
    ] {
        shop.refuses(&with(&format!("url = \"{url}\"")), &["notify.url", url, may]);
    }
    let simulator = format!("{SMALLEST}[notify]\nurl = \"http://127.0.0.1:8752/n\"\n");
    assert!(shop.load(&simulator).expect("a simulator reaches this machine").notify.url.is_some());
}

#[test]
fn the_smallest_configuration_has_a_default_for_all_the_rest() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    let config = shop.load(SMALLEST).expect("loads");
    assert_eq!(config.policy, shroff::payment::Policy::default());
    assert_eq!(config.terminal.id.as_str(), "T01");
    assert_eq!(config.terminal.amount_max.to_string(), "HKD 50000.00");
    assert_eq!(config.terminal.description, "T01", "never empty");
    assert_eq!(config.lanes.len(), 1);
    assert_eq!(config.gateway.terminal_ip, TerminalIp::Auto);
    assert_eq!(config.ledger_path, Path::new("/var/lib/shroff/ledger.sqlite"));
    assert!(config.api.tcp.is_none() && config.scanners.is_empty() && config.displays.is_empty());
    let GatewayApi::V2(v2) = config.gateway.api else { panic!("v2 is the default") };
    assert_eq!(v2.sign_type, SignType::HmacSha256);
    assert_eq!(v2.key.expose(), V2_KEY.as_bytes());
    assert!(v2.client.is_none(), "a simulator takes a reversal without a certificate");
}

#[test]
fn nobody_is_left_without_the_certificate_that_reversals_need() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    let real = SMALLEST.replace("http://127.0.0.1:9", "https://apihk.mch.weixin.qq.com");
    shop.refuses(&real, &["gateway.v2.client_cert_file is not set", "nothing can be reversed without it"]);
    shop.write_all_secrets();
    shop.write("apiclient_cert.p12", "not opened here", 0o600);
    let config = shop.load(&format!("{real}client_cert_file = \"apiclient_cert.p12\"\n")).expect("loads");
    let GatewayApi::V2(v2) = config.gateway.api else { panic!("v2 is the default") };
    let Some(ClientIdentity::Pkcs12 { password, .. }) = v2.client else { panic!("a key store was named") };
    assert_eq!(password.expose(), b"10000100", "WeChat Pay's password of a key store is the merchant number");
}

#[test]
fn all_faults_are_told_at_once_each_with_its_line_and_its_cure() {
    let shop = Shop::new();
    let text = r#"
[terminal]
id = "TERMINAL-1"
langage = "en"
[gateway]
base_url = "http://example.com"
appid = "wx2421b1c4370ec43b"
fallbak_url = ""
[policy]
pay_timeout = 5
reverse_not_before = 14.9
jitter = "some"
[polcy]
[[scanner]]
lane = "2"
baud_rate = 9600
"#;
    let errors = shop.load(text).expect_err("many faults");
    let told = errors.to_string();
    for part in [
        "line 3: terminal.id holds \"TERMINAL-1\"; it may hold 1 to 8 letters or digits",
        "line 4: terminal.langage is not a key; did you mean terminal.language",
        "line 6: gateway.base_url holds \"http://example.com\"; it may hold an https:// address",
        "line 8: gateway.fallbak_url is not a key; did you mean gateway.fallback_url",
        "line 10: policy.pay_timeout holds 5; it may hold 10 to 30 seconds",
        "line 11: policy.reverse_not_before holds 14.9; it may hold 15 to 60 seconds, never less",
        "line 12: policy.jitter holds \"some\"",
        "line 13: polcy is not a key; did you mean [policy]",
        "line 15: scanner[1].lane holds \"2\"; it may hold the id of a [[lane]]: \"1\"",
        "line 16: scanner[1].baud_rate is not a key",
        "line 14: scanner[1].device is not set",
        "gateway.mch_id is not set; it must hold the merchant number",
        "gateway.v2.key_file is not set",
    ] {
        assert!(told.contains(part), "{part}\nis not in\n{told}");
    }
    assert_eq!(errors.iter().count(), 13, "{told}");
}

#[test]
fn a_key_in_the_wrong_section_is_shown_its_place() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    shop.refuses(
        &format!("{SMALLEST}pay_timeout = 15\n"),
        &["gateway.v2.pay_timeout is not a key; did you mean policy.pay_timeout"],
    );
    shop.refuses(
        &format!("key_file = \"x\"\n{SMALLEST}"),
        &["line 1: key_file is not a key; did you mean gateway.v2.key_file"],
    );
    shop.refuses(
        &format!("{SMALLEST}[lane]\nid = \"1\"\n"),
        &["line 8: lane holds a value; it may hold keys, below a line [[lane]]"],
    );
    shop.refuses(&format!("{SMALLEST}[quux]\n"), &["quux is not a key; the sections are terminal, gateway"]);
}

#[test]
fn a_waiting_time_is_held_to_its_range_and_to_its_neighbours() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    let with = |line: &str| format!("{SMALLEST}[policy]\n{line}\n");
    for line in [
        "pay_timeout = 9.999",
        "pay_timeout = 30.001",
        "query_interval = 2",
        "query_interval = 11",
        "give_up_after = 29",
        "give_up_after = 61",
        "reverse_not_before = 14",
        "reverse_not_before = -15",
        "not_found_after = 29.9",
        "jitter = 0.501",
        "jitter = -0.1",
        "first_query = 0.09",
        "first_query = nan",
        "connect_timeout = inf",
        "pay_timeout = 1e1",
        "pay_timeout = 0x0f",
        "pay_timeout = \"15\"",
        "reverse_waits = [10, 5]",
        "reverse_waits = [0.5]",
        "late_watch = []",
        "late_watch = [74]",
        "late_watch = [300, 90]",
        "late_watch = [90, 90]",
        "give_up_after = 30\nreverse_not_before = 31",
        "reverse_interval = 60\nreverse_interval_late = 59",
    ] {
        assert!(shop.load(&with(line)).is_err(), "{line}");
    }
    let config =
        shop.load(&with("first_query = 0.1\njitter = 0\nreverse_waits = []\nlate_watch = [75.5]")).expect("loads");
    assert_eq!(config.policy.first_query, Duration::from_millis(100));
    assert_eq!(config.policy.late_watch, [Duration::from_millis(75_500)]);
}

#[test]
fn a_door_on_the_network_is_refused_and_a_door_needs_a_token() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    shop.write("short", "0123456789", 0o600);
    shop.write("token", &"0123456789abcdef".repeat(4), 0o600);
    let with = |lines: &str| format!("{SMALLEST}[api]\n{lines}\n");
    for address in ["0.0.0.0:8750", "192.168.1.5:8750", "[::]:8750"] {
        shop.refuses(
            &with(&format!("listen = \"{address}\"\ntoken_file = \"token\"")),
            &["api.listen holds", "a loopback address"],
        );
    }
    shop.refuses(&with("listen = \"127.0.0.1:8750\""), &["api.token_file is not set", "openssl rand -hex 32"]);
    shop.refuses(&with("listen = \"127.0.0.1:8750\"\ntoken_file = \"short\""), &["short does not hold a token"]);
    shop.refuses(&with("origins = [\"https://pos.example/\"]"), &["api.origins holds"]);
    let tcp = shop.load(&with("listen = \"[::1]:0\"\ntoken_file = \"token\"\norigins = [\"https://pos.example\"]"));
    assert_eq!(tcp.expect("loads").api.tcp.expect("a door").token.expose().len(), 64);
}

#[test]
fn a_limit_of_refunds_needs_a_supervisor_who_is_nobody_else() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    shop.write("token", &"0123456789abcdef".repeat(4), 0o600);
    shop.write("boss", &"fedcba9876543210".repeat(4), 0o600);
    let with = |api: &str, max: &str| format!("{SMALLEST}[api]\n{api}\n[refund]\noperator_max = {max}\n");
    let boss = "supervisor_token_file = \"boss\"";
    for (max, limit) in [("\"\"", None), ("0", Some(0)), ("1000000000", Some(1_000_000_000))] {
        assert_eq!(shop.load(&with(boss, max)).expect("loads").refund.operator_max, limit);
    }
    assert_eq!(shop.load(SMALLEST).expect("loads").refund.operator_max, None);
    for max in ["1000000001", "-1", "0.5", "\"all\"", "true"] {
        shop.refuses(&with(boss, max), &["refund.operator_max holds", "or \"\" for no limit"]);
    }
    shop.refuses(&with("", "0"), &["refund.operator_max is set", "api.supervisor_token_file"]);
    let both = "listen = \"127.0.0.1:0\"\ntoken_file = \"token\"\nsupervisor_token_file = \"token\"";
    shop.refuses(&with(both, "0"), &["api.supervisor_token_file", "holds the token of api.token_file"]);
    shop.write("short", "0123456789", 0o600);
    shop.refuses(&with("supervisor_token_file = \"short\"", "0"), &["short does not hold a token"]);
}

#[test]
fn two_things_never_share_a_name_or_a_port() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    let scanner = "[[scanner]]\ndevice = \"/dev/ttyACM0\"\n";
    shop.refuses(&format!("{SMALLEST}{scanner}{scanner}"), &["scanner[2].device is named a second time"]);
    let display = "[[display]]\nkind = \"vfd\"\ndevice = \"/dev/ttyACM0\"\n";
    shop.refuses(&format!("{SMALLEST}{scanner}{display}"), &["display[1].device is named a second time"]);
    shop.refuses(
        &format!("{SMALLEST}[[lane]]\nid = \"a\"\n[[lane]]\nid = \"a\"\n"),
        &["lane[2].id is \"a\" a second time"],
    );
    shop.refuses(&format!("{SMALLEST}[[display]]\nkind = \"vfd\"\n"), &["display[1].device is not set"]);
    shop.refuses(&format!("{SMALLEST}[[display]]\n[[display]]\n"), &["display[2].lane has a page already"]);
    shop.refuses(&format!("{SMALLEST}[[display]]\nsound = true\n"), &["display[1].sound holds", "\"on\" or \"off\""]);
}

#[test]
fn a_display_says_what_it_is_and_what_does_not_fit_is_refused() {
    let shop = Shop::new();
    shop.write("v2.key", V2_KEY, 0o600);
    let vfd = |more: &str| format!("{SMALLEST}[[display]]\nkind = \"vfd\"\ndevice = \"0403/6001\"\n{more}\n");
    let text = vfd(
        "protocol = \"utc\"\ncharset = \"big5\"\nrows = 4\nbrightness = 2\ninit = \"1c 26\"\nhandshake = \"rts-cts\"",
    );
    let config = shop.load(&text).expect("a display");
    let Some(Settings::Vfd { line, profile, .. }) = config.displays[0].kind.glass() else { panic!("it is serial") };
    assert_eq!((profile.protocol, profile.charset), (Protocol::LogicControls, Charset::Big5));
    assert_eq!((profile.size.columns, profile.size.rows, profile.brightness), (20, 4, Some(2)));
    assert_eq!((profile.extra.as_slice(), line.handshake), (&[0x1C, 0x26][..], FlowControl::Hardware));
    for (more, why) in [
        ("charset = \"cp858\"\nprotocol = \"cd5220\"", "display[1].charset needs protocol = \"epson\""),
        ("charset = \"utf8\"", "display[1].charset holds \"utf8\""),
        ("protocol = \"dsp800\"", "display[1].protocol holds \"dsp800\""),
        ("rows = 5", "display[1].rows holds 5"),
        ("brightness = 5", "display[1].brightness holds 5"),
        ("init = \"1C 2\"", "display[1].init holds \"1C 2\""),
        ("init = \"1F2845 0000\"", "display[1].init writes into the display's memory"),
    ] {
        shop.refuses(&vfd(more), &[why]);
    }
    let lcd = "[[display]]\nkind = \"lcdproc\"\n";
    shop.load(&format!("{SMALLEST}{lcd}")).expect("LCDproc");
    shop.refuses(&format!("{SMALLEST}{lcd}{lcd}"), &["display[2].address is named a second time"]);
}

#[test]
fn a_secret_is_in_no_error_and_in_no_listing() {
    let shop = Shop::new();
    let secret = "8934e7d15453e97507ef794cf7b0519d";
    shop.write("v2.key", secret, 0o644);
    shop.refuses(SMALLEST, &["can be read by others (mode 644); run: chmod 600"]);
    for (from, to) in [
        ("\"v2.key\"", format!("\"{secret}\"")),
        ("\"v2.key\"", format!("{secret}")),
        ("\"v2.key\"", format!("\"{secret}/abcdefghij\"")),
        ("\"v2.key\"", format!("\"{}\"", secret.repeat(10))),
        ("key_file = \"v2.key\"", format!("key = \"{secret}\"")),
        ("\"v2.key\"", format!("\"\"\"\n{secret}\"\"\"")),
        ("http://", format!("http://user:{secret}@")),
        ("\"v2.key\"", format!("[\"{secret}\"]")),
    ] {
        let errors = shop.load(&SMALLEST.replace(from, &to)).expect_err("no secret stands in the configuration");
        assert!(!errors.to_string().contains(secret), "{errors}");
        assert!(!format!("{errors:?}").contains(secret), "{errors:?}");
    }
    shop.write("v2.key", secret, 0o600);
    let config = shop.load(SMALLEST).expect("loads");
    assert!(!format!("{config:?}").contains(secret));
    let shown = rows(&shop.path()).expect("shows");
    assert!(!format!("{shown:?}").contains(secret));
    let key_file = shown.iter().find(|row| row.key == "gateway.v2.key_file").expect("a row");
    assert_eq!(key_file.value, "\"v2.key\"");
}

#[test]
fn each_value_says_where_it_comes_from() {
    let shop = Shop::new();
    fs::write(shop.path(), format!("{SMALLEST}[[scanner]]\ndevice = \"/dev/ttyACM0\"\n")).expect("writes");
    let shown: BTreeMap<_, _> =
        rows(&shop.path()).expect("shows").into_iter().map(|row| (row.key.clone(), row)).collect();
    let from_file = |line| Origin::File { path: shop.path(), line };
    assert_eq!(shown["gateway.appid"].origin, from_file(4));
    assert_eq!(shown["scanner[1].device"].origin, from_file(9));
    assert_eq!(shown["scanner[1].baud"].origin, Origin::Default);
    assert_eq!(shown["policy.reverse_waits"].value, "[5, 10, 20]");
    assert_eq!(shown["lane.id"].value, "\"1\"");
    assert_eq!(shown["scanner[1].suffix"].value, "\"\\r\"");
}

#[test]
fn a_missing_file_and_a_text_that_is_not_toml_are_said_plainly() {
    let shop = Shop::new();
    let errors = Config::load(&shop.path(), None).expect_err("no file yet");
    assert!(errors.to_string().contains("config.toml: cannot be read"), "{errors}");
    shop.refuses("[terminal]\nid = \"T01\nlanguage = \"en\"\n", &["line 2: is not TOML"]);
    shop.refuses("[terminal]\nid = \"A\"\nid = \"B\"\n", &["line 3: is not TOML: duplicate key"]);
}

/// A line of the example that sets a key, or would if its `#` were taken away.
struct Line {
    section: String,
    name: String,
    value: String,
    marked_default: bool,
}

fn example_lines(text: &str) -> impl Iterator<Item = Line> {
    let mut section = String::new();
    text.lines().filter_map(move |line| {
        let line = switched_on(line);
        if line.starts_with('[') {
            section = line.trim_start_matches('[').split(']').next().unwrap_or_default().to_owned();
            return None;
        }
        let (name, rest) = line.split_once(" = ").filter(|_| !line.starts_with('#'))?;
        let (value, comment) = rest.split_once(" #").unwrap_or((rest, ""));
        Some(Line {
            section: section.clone(),
            name: name.to_owned(),
            value: value.trim().to_owned(),
            marked_default: comment.trim().starts_with("default"),
        })
    })
}

/// `#key = value` and `#[[section]]` without their `#`. Prose has a blank after it.
fn switched_on(line: &str) -> &str {
    match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        _ => line,
    }
}

fn all_switched_on(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", switched_on(line)))
        // The example's certificate is PEM; a password belongs to the other kind.
        .filter(|line| !line.starts_with("client_cert_password_file"))
        .collect()
}

/// A folder with a configuration and its secrets in it.
struct Shop(tempfile::TempDir);

impl Shop {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("config.toml")
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("writes");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
    }

    fn write_all_secrets(&self) {
        let secret = "0123456789abcdef".repeat(2);
        for name in ["v2.key", "apiv3.key", "api.token"] {
            self.write(name, &secret, 0o600);
        }
        self.write("supervisor.token", &"fedcba9876543210".repeat(2), 0o600);
        self.write("apiclient_cert.pem", &MERCHANT.cert_pem, 0o644);
        self.write("extra-root.pem", &MERCHANT.cert_pem, 0o644);
        self.write("apiclient_key.pem", &MERCHANT.key_pem, 0o600);
        let public = rcgen::KeyPair::from_pem(&PLATFORM.key_pem).expect("a key").public_key_pem();
        self.write("platform_key.pem", &public, 0o644);
    }

    fn load(&self, text: &str) -> Result<Config, ConfigErrors> {
        let text = text.replace("/etc/shroff/extra-root.pem", "extra-root.pem");
        fs::write(self.path(), text).expect("writes");
        Config::load(&self.path(), None)
    }

    fn refuses(&self, text: &str, parts: &[&str]) {
        let told = self.load(text).expect_err("a fault").to_string();
        for part in parts {
            assert!(told.contains(part), "{part}\nis not in\n{told}");
        }
    }
}
