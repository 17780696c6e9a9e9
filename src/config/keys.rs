//! Every key of the file, once: where it stands, what it is when it is left out, what it may hold. Reading, errors,
//! suggestions, `config show --origin` and the test of `config.toml.example` all go by this table.

/// One key of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The section it stands in: `gateway.v2`, or `scanner` for each `[[scanner]]`.
    pub section: &'static str,
    /// Its name in that section.
    pub name: &'static str,
    /// What it is when it is left out, in TOML. `None`: it has no default, because it is the merchant's identity or
    /// a piece of hardware.
    pub default: Option<&'static str>,
    /// What it may hold, for people.
    pub may: &'static str,
    /// It names a file with a secret in it: a value that looks like the secret itself is never repeated.
    pub private: bool,
}

impl Key {
    const fn new(section: &'static str, name: &'static str, default: &'static str, may: &'static str) -> Self {
        Self { section, name, default: Some(default), may, private: false }
    }

    const fn needed(section: &'static str, name: &'static str, may: &'static str) -> Self {
        Self { section, name, default: None, may, private: false }
    }

    const fn private(section: &'static str, name: &'static str, may: &'static str) -> Self {
        Self { section, name, default: Some("\"\""), may, private: true }
    }

    /// The whole path: `gateway.v2.key_file`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// Sections that stand once: `[terminal]`.
pub(super) const SECTIONS: &[&str] =
    &["terminal", "gateway", "gateway.v2", "gateway.v3", "policy", "ledger", "api", "refund", "notify"];

/// Sections that stand once for each thing: `[[lane]]`.
pub(super) const LISTS: &[&str] = &["lane", "scanner", "display"];

/// The key `name` of `section`, if there is one.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

const LANGUAGES: &str = "\"en\", \"zh-CN\" or \"zh-HK\"";
const URL: &str = "an https:// address without query or password; http:// only for a loopback address";
const SECRET_FILE: &str = "the name of a file that holds the secret, mode 600";
const PUBLIC_FILE: &str = "the name of a PEM file";
const SHORT_TEXT: &str = "text of at most 32 characters on one line";
const LANE: &str = "the id of a [[lane]]";
const PORT_PATH: &str = "the path of a serial port, such as \"/dev/serial/by-id/usb-...\"";
const BAUD: &str = "300 to 921600 baud";

/// The table.
pub const KEYS: &[Key] = &[
    Key::new("terminal", "id", "\"T01\"", "1 to 8 letters or digits"),
    Key::new("terminal", "store_id", "\"\"", SHORT_TEXT),
    Key::new("terminal", "store_name", "\"\"", "text of at most 64 characters on one line"),
    Key::new("terminal", "language", "\"en\"", LANGUAGES),
    Key::new("terminal", "display_languages", "[\"zh-HK\", \"en\"]", "one to three of \"en\", \"zh-CN\", \"zh-HK\""),
    Key::new("terminal", "currency", "\"HKD\"", "a currency of WeChat Pay's, three capital letters such as \"HKD\""),
    Key::new("terminal", "mcc", "\"\"", "a merchant category code of 4 digits"),
    Key::new("terminal", "amount_max", "5000000", "1 to 1000000000 of the smallest unit"),
    Key::new("terminal", "description", "\"\"", "text of at most 127 bytes of UTF-8 on one line"),
    Key::new("gateway", "api", "\"v2\"", "\"v2\" or \"v3\""),
    Key::new("gateway", "base_url", "\"https://apihk.mch.weixin.qq.com\"", URL),
    Key::new("gateway", "fallback_url", "\"\"", URL),
    Key::new("gateway", "ca_file", "\"\"", PUBLIC_FILE),
    Key::needed("gateway", "appid", "the appid WeChat Pay gave the merchant, such as \"wx2421b1c4370ec43b\""),
    Key::needed("gateway", "mch_id", "the merchant number, such as \"10000100\""),
    Key::new("gateway", "sub_mch_id", "\"\"", "a sub-merchant's number of letters and digits"),
    Key::new("gateway", "sub_appid", "\"\"", "a sub-merchant's appid"),
    Key::new("gateway", "terminal_ip", "\"auto\"", "\"auto\" or an IPv4 or IPv6 address"),
    Key::new("gateway.v2", "sign_type", "\"HMAC-SHA256\"", "\"HMAC-SHA256\" or \"MD5\""),
    Key::private("gateway.v2", "key_file", SECRET_FILE),
    Key::new("gateway.v2", "client_cert_file", "\"\"", "the name of a .pem or .p12 file"),
    Key::private("gateway.v2", "client_key_file", SECRET_FILE),
    Key::private("gateway.v2", "client_cert_password_file", SECRET_FILE),
    Key::private("gateway.v3", "private_key_file", SECRET_FILE),
    Key::new("gateway.v3", "client_cert_file", "\"\"", PUBLIC_FILE),
    Key::private("gateway.v3", "api_key_file", SECRET_FILE),
    Key::new("gateway.v3", "platform_public_key_file", "\"\"", PUBLIC_FILE),
    Key::new(
        "gateway.v3",
        "platform_public_key_id",
        "\"\"",
        "the key's id, such as \"PUB_KEY_ID_0000000000000024101100\"",
    ),
    Key::new("policy", "connect_timeout", "5", "1 to 10 seconds"),
    Key::new("policy", "pay_timeout", "15", "10 to 30 seconds"),
    Key::new("policy", "query_timeout", "6", "1 to 30 seconds"),
    Key::new("policy", "first_query", "0.5", "0.1 to 5 seconds"),
    Key::new("policy", "first_query_after_password", "5", "1 to 15 seconds"),
    Key::new("policy", "query_interval", "3", "3 to 10 seconds"),
    Key::new("policy", "jitter", "0.1", "0 to 0.5, a share of query_interval"),
    Key::new("policy", "give_up_after", "45", "30 to 60 seconds"),
    Key::new("policy", "reverse_not_before", "15", "15 to 60 seconds, never less"),
    Key::new(
        "policy",
        "reverse_waits",
        "[5, 10, 20]",
        "a list of at most 10 waits of 1 to 300 seconds, none shorter than the one before it",
    ),
    Key::new("policy", "reverse_interval", "30", "5 to 300 seconds"),
    Key::new("policy", "reverse_interval_late", "300", "30 to 3600 seconds"),
    Key::new("policy", "not_found_after", "30", "30 to 300 seconds"),
    Key::new(
        "policy",
        "late_watch",
        "[90, 300]",
        "a list of one to 10 ages of 75 to 86400 seconds, each greater than the one before it",
    ),
    Key::new("ledger", "path", "\"/var/lib/shroff/ledger.sqlite\"", "the path of the ledger file"),
    Key::new("api", "socket", "\"/run/shroff/api.sock\"", "a path of at most 107 bytes"),
    Key::new("api", "listen", "\"\"", "a loopback address with a port, such as \"127.0.0.1:8750\""),
    Key::private("api", "token_file", SECRET_FILE),
    Key::private("api", "supervisor_token_file", SECRET_FILE),
    Key::new("api", "origins", "[]", "a list of at most 16 origins, such as \"https://pos.example\", without a path"),
    Key::new("refund", "operator_max", "\"\"", "0 to 1000000000 of the smallest unit, or \"\" for no limit"),
    Key::new("notify", "url", "\"\"", super::notify::URL),
    Key::new("notify", "listen", "\"\"", super::notify::LISTEN),
    Key::new("lane", "id", "\"1\"", "1 to 16 letters, digits, _ and -"),
    Key::new("scanner", "lane", "\"1\"", LANE),
    Key::new("scanner", "kind", "\"serial\"", "\"serial\", \"keyboard\" or \"hid-pos\""),
    Key::needed(
        "scanner",
        "device",
        "a path, vendor/product or vendor/product/serial number such as \"0c2e/0b6a\", or a port such as \"usb:1-1.2\"; \
         `shroff devices` prints them",
    ),
    Key::new("scanner", "baud", "9600", BAUD),
    Key::new("scanner", "bits", "8", "7 or 8 data bits"),
    Key::new("scanner", "parity", "\"none\"", "\"none\", \"even\" or \"odd\""),
    Key::new("scanner", "handshake", "\"none\"", "\"none\", \"rts-cts\" or \"xon-xoff\""),
    Key::new("scanner", "mode_switch", "\"none\"", "\"none\" or \"honeywell\""),
    Key::new("scanner", "prefix", "\"\"", "at most 8 characters of ASCII"),
    Key::new("scanner", "suffix", "\"\\r\"", "1 to 4 characters of ASCII, or \"timeout\""),
    Key::new("display", "lane", "\"1\"", LANE),
    Key::new("display", "kind", "\"page\"", "\"page\", \"vfd\", \"lcdproc\" or \"console\""),
    Key::new("display", "sound", "\"on\"", "\"on\" or \"off\""),
    Key::new("display", "theme", "\"auto\"", "\"auto\", \"light\" or \"dark\""),
    Key::new("display", "picture", "\"\"", "the name of a PNG, JPEG or WebP file of at most 8 MiB"),
    Key::new("display", "device", "\"\"", PORT_PATH),
    Key::new("display", "baud", "9600", BAUD),
    Key::new("display", "bits", "8", "7 or 8 data bits"),
    Key::new("display", "parity", "\"none\"", "\"none\", \"even\" or \"odd\""),
    Key::new("display", "handshake", "\"none\"", "\"none\", \"rts-cts\" or \"xon-xoff\""),
    Key::new("display", "protocol", "\"epson\"", "\"epson\", \"cd5220\", \"logic-controls\" or \"utc\""),
    Key::new(
        "display",
        "charset",
        "\"ascii\"",
        "\"ascii\", \"cp437\", \"cp858\", \"cp1252\", \"gb2312\", \"gbk\" or \"big5\"",
    ),
    Key::new("display", "columns", "20", "8 to 40 columns"),
    Key::new("display", "rows", "2", "1 to 4 rows"),
    Key::new("display", "brightness", "\"\"", "1, dimmest, to 4, or \"\" to leave it as it is"),
    Key::new("display", "init", "\"\"", "at most 32 bytes as pairs of hexadecimal digits, such as \"1C 26\""),
    Key::new("display", "address", "\"127.0.0.1:13666\"", "an IP address with a port"),
];
