//! `[notify]`: where WeChat Pay tells how refunds end, and where this terminal listens for it.
//!
//! What an address must be: the seed page on important parameters, `notify_url`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::reader::Reader;

/// `notify_url` of v2, and the safe reading of v3's (protocol 5.4).
const URL_MAX: usize = 256;

/// What `notify.url` may hold.
pub(super) const URL: &str = "an https:// or http:// address with a path, such as \
    \"https://till.dining-hall.hk/wechatpay/refunds\", without parameters, of at most 256 bytes";
const OUTSIDE: &str = "an address that WeChat Pay reaches from outside: no name or address of this machine or of the \
    shop's own network";
const PATH: &str = "an address with a path of its own, not the host alone, such as \
    \"https://till.dining-hall.hk/wechatpay/refunds\"";
const SAMPLE: &str = "the shop's own address, not one out of a document's example";

/// What `notify.listen` may hold.
pub(super) const LISTEN: &str =
    "a loopback address or one of the shop's own network, with a port, such as \"127.0.0.1:8752\"";

/// `[notify]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// What WeChat Pay is told. None: it tells nothing.
    pub url: Option<NotifyUrl>,
    /// Where the terminal takes notifications, plain HTTP behind a proxy. None: it does not.
    pub listen: Option<SocketAddr>,
}

/// An address that WeChat Pay takes for `notify_url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyUrl {
    text: String,
    path: String,
}

impl NotifyUrl {
    /// Its path, which begins with a slash and is longer.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads an address. `here`: the gateway is a simulator on this machine, which reaches this machine's addresses.
    ///
    /// # Errors
    /// What it must be, in words.
    fn read(text: &str, here: bool) -> Result<Self, &'static str> {
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        let url = reqwest::Url::parse(text).map_err(|_| URL)?;
        let plain = url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        let web = matches!(url.scheme(), "https" | "http") && text.starts_with(url.scheme());
        if !graphic || !plain || !anonymous || !web || url.port() == Some(0) {
            return Err(URL);
        }
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        if !(here && loopback) {
            match address {
                Some(address) if !is_public(address) => return Err(OUTSIDE),
                Some(_) => {}
                None if is_local_name(host) => return Err(OUTSIDE),
                None if is_sample(host) => return Err(SAMPLE),
                None => {}
            }
        }
        if url.path().len() < 2 {
            return Err(PATH);
        }
        if url.as_str().len() > URL_MAX {
            return Err(URL);
        }
        Ok(Self { text: url.as_str().to_owned(), path: url.path().to_owned() })
    }
}

impl fmt::Display for NotifyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `here`: the gateway is on this machine.
pub(super) fn notify(r: &mut Reader<'_>, here: bool) -> Option<Notify> {
    let url = r.text("url", |_| true).and_then(|text| match text.as_str() {
        "" => Some(None),
        text => match NotifyUrl::read(text, here) {
            Ok(url) => Some(Some(url)),
            Err(may) => {
                r.refuse("url", may);
                None
            }
        },
    });
    let listen = r.optional::<SocketAddr>("listen").and_then(|listen| {
        let open = listen.is_some_and(|address| !is_own(address.ip()));
        if open {
            r.refuse("listen", "a loopback address or one of the shop's own network: it speaks plain HTTP to a proxy");
        }
        (!open).then_some(listen)
    });
    if let (Some(None), Some(Some(_))) = (&url, &listen) {
        r.missing("url", "the address WeChat Pay sends notifications to, because notify.listen is set");
        return None;
    }
    Some(Notify { url: url?, listen: listen? })
}

/// This machine, or a network that is the shop's own.
fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// An address that can be reached from anywhere: none of the special ones of RFC 6890 that a shop could have.
fn is_public(address: IpAddr) -> bool {
    let v4 = |v4: Ipv4Addr| {
        let [a, b, ..] = v4.octets();
        let shared = a == 100 && (64..128).contains(&b);
        let special = v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified();
        !(special || shared || v4.is_broadcast() || v4.is_documentation() || v4.is_multicast() || a == 0 || a >= 240)
    };
    let v6 = |v6: Ipv6Addr| {
        let [first, second, ..] = v6.segments();
        let special = v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local();
        !(special || v6.is_multicast() || (first == 0x2001 && second == 0xdb8))
    };
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => v4(mapped),
            None => v6(address),
        },
    }
}

/// A name that means nothing outside: one without a dot, or of a family that is never looked up there (RFC 6761, 6762,
/// 8375).
fn is_local_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    !host.contains('.')
        || matches!(
            last,
            "localhost" | "local" | "internal" | "lan" | "home" | "intranet" | "arpa" | "invalid" | "test"
        )
}

/// A name that documents use, WeChat's own among them.
fn is_sample(host: &str) -> bool {
    let ends = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    ["example", "example.com", "example.net", "example.org", "weixin.qq.com", "wxutil.com"].into_iter().any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_from_outside_with_a_path_is_taken() {
        for (text, path) in [
            ("https://till.dining-hall.hk/wechatpay/refunds", "/wechatpay/refunds"),
            ("http://till.dining-hall.hk:8080/r", "/r"),
            ("https://pay.shop.com.hk/a/", "/a/"),
            ("https://8.8.8.8/notify.php", "/notify.php"),
            ("https://[2606:4700::1111]/n", "/n"),
        ] {
            let url = NotifyUrl::read(text, false).expect(text);
            assert_eq!((url.to_string().as_str(), url.path()), (text, path));
        }
        assert_eq!(
            NotifyUrl::read("https://Shop.HK:443/N", false).expect("an address").to_string(),
            "https://shop.hk/N"
        );
    }

    #[test]
    fn what_the_page_on_important_parameters_forbids_is_refused() {
        for (text, may) in [
            ("http://www.weixin.qq.com", SAMPLE),
            ("./PayNotify.aspx", URL),
            ("http://127.0.0.1/pay/notify.php", OUTSIDE),
            ("xxxxxxx,1234567,test", URL),
            ("http://localhost/pay", OUTSIDE),
            ("https://192.168.1.10/pay", OUTSIDE),
            ("https://10.0.0.1/pay", OUTSIDE),
            ("https://172.16.3.4/pay", OUTSIDE),
            ("https://169.254.1.1/pay", OUTSIDE),
            ("https://100.64.0.1/pay", OUTSIDE),
            ("https://0.0.0.0/pay", OUTSIDE),
            ("https://0x7f.1/pay", OUTSIDE),
            ("https://2130706433/pay", OUTSIDE),
            ("https://[::1]/pay", OUTSIDE),
            ("https://[fd00::1]/pay", OUTSIDE),
            ("https://[fe80::1]/pay", OUTSIDE),
            ("https://[::ffff:192.168.1.1]/pay", OUTSIDE),
            ("https://till/pay", OUTSIDE),
            ("https://till.local/pay", OUTSIDE),
            ("https://till.local./pay", OUTSIDE),
            ("https://till.shop.example.com/pay", SAMPLE),
            ("https://shop.hk", PATH),
            ("https://shop.hk/", PATH),
            ("https://shop.hk/pay?order=1", URL),
            ("https://shop.hk/pay?", URL),
            ("https://shop.hk/pay#x", URL),
            ("https://user:word@shop.hk/pay", URL),
            ("ftp://shop.hk/pay", URL),
            ("HTTPS//shop.hk/pay", URL),
            ("https://shop.hk/p ay", URL),
            ("https://shop.hk/支付", URL),
            ("https://shop.hk:0/pay", URL),
        ] {
            assert_eq!(NotifyUrl::read(text, false), Err(may), "{text}");
        }
        let long = format!("https://shop.hk/{}", "a".repeat(241));
        assert!(NotifyUrl::read(&long[..256], false).is_ok());
        assert_eq!(NotifyUrl::read(&long, false), Err(URL));
    }

    #[test]
    fn a_simulator_on_this_machine_reaches_this_machine_and_no_other() {
        assert!(NotifyUrl::read("http://127.0.0.1:8752/n", true).is_ok());
        assert!(NotifyUrl::read("http://localhost:8752/n", true).is_ok());
        assert_eq!(NotifyUrl::read("http://192.168.1.1/n", true), Err(OUTSIDE));
        assert_eq!(NotifyUrl::read("http://127.0.0.1:8752/", true), Err(PATH));
    }
}
