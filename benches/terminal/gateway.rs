//! A gateway that does as little as possible: it stamps the first byte of a pay and answers *paid*, signed.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(crate) const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

pub(crate) struct Gateway {
    address: SocketAddr,
    pays: Receiver<Instant>,
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stamps, pays) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let stamps = stamps.clone();
                std::thread::spawn(move || serve(stream, &stamps));
            }
        });
        Self { address, pays }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The moment the first byte of the next pay arrived.
    pub(crate) fn next_pay(&self) -> Instant {
        self.pays.recv_timeout(std::time::Duration::from_secs(10)).expect("a pay")
    }
}

fn serve(mut stream: TcpStream, stamps: &Sender<Instant>) {
    stream.set_nodelay(true).expect("no delay");
    let mut held: Vec<u8> = Vec::with_capacity(8192);
    let mut buffer = [0_u8; 8192];
    let mut first = None;
    loop {
        let Ok(read) = stream.read(&mut buffer) else { return };
        if read == 0 {
            return;
        }
        first = first.or_else(|| Some(crate::now()));
        held.extend_from_slice(&buffer[..read]);
        let Some(end) = held.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&held[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let whole = end + 4 + length.unwrap_or(0);
        if held.len() < whole {
            continue;
        }
        let v3 = head.starts_with("post /v3/global/micropay/transactions/pay");
        let is_pay = v3 || head.starts_with("post /pay/micropay");
        if is_pay {
            stamps.send(first.expect("a stamp")).expect("a listener");
        }
        let request = String::from_utf8_lossy(&held[end + 4..whole]);
        let (more, body) = if v3 { crate::v3::answer(&request) } else { (String::new(), answer(&request)) };
        let body = if head.starts_with("head ") { String::new() } else { body };
        let head = format!("HTTP/1.1 200 OK\r\n{more}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).expect("an answer");
        held.drain(..whole);
        first = None;
    }
}

fn answer(request: &str) -> String {
    let field = |name: &str| {
        let open = format!("<{name}>");
        let from = request.find(&open)? + open.len();
        let to = from + request[from..].find('<').filter(|to| *to > 0).unwrap_or(0);
        if to > from {
            return Some(request[from..to].to_owned());
        }
        let text = request[from..].strip_prefix("<![CDATA[")?;
        Some(text[..text.find("]]>")?].to_owned())
    };
    let echo = |name: &str| field(name).unwrap_or_default();
    let mut fields = vec![
        ("appid", echo("appid")),
        ("bank_type", "CMC".into()),
        ("cash_fee", echo("total_fee")),
        ("cash_fee_type", "HKD".into()),
        ("fee_type", echo("fee_type")),
        ("is_subscribe", "N".into()),
        ("mch_id", echo("mch_id")),
        ("nonce_str", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS".into()),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into()),
        ("out_trade_no", echo("out_trade_no")),
        ("result_code", "SUCCESS".into()),
        ("return_code", "SUCCESS".into()),
        ("time_end", "20261121103000".into()),
        ("total_fee", echo("total_fee")),
        ("trade_type", "MICROPAY".into()),
        ("transaction_id", "4200000065201803063807324676".into()),
    ];
    fields.retain(|(_, value)| !value.is_empty());
    let base: String = fields.iter().map(|(name, value)| format!("{name}={value}&")).collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("a key");
    mac.update(format!("{base}key={KEY}").as_bytes());
    let sign: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
    let body: String = fields.iter().map(|(name, value)| format!("<{name}><![CDATA[{value}]]></{name}>")).collect();
    format!("<xml>{body}<sign><![CDATA[{sign}]]></sign></xml>")
}
