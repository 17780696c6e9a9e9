//! The door itself, over real HTTP: what is acknowledged is on disk, and a stranger gets nowhere.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use shroff::dialect::HttpReply;
use shroff::edge::clock::Clock;
use shroff::edge::desk::{Board, Desk, Input};
use shroff::edge::dice::Dice;
use shroff::edge::gateway::Gateway;
use shroff::edge::metrics::Metrics;
use shroff::edge::notify::Notify;
use shroff::payment::answer::RefundAnswer;
use shroff::payment::{Answer, Heard, Op};
use shroff::words::WallTime;
use tokio::sync::watch;

use super::{content, envelope, letter};
use crate::counterpart::{Facts, TRUE, merchant};
use crate::counterpart_v3::{API_KEY, MERCHANT, PLATFORM, signed, v3};
use crate::support::{Client, Shop};
use crate::wire::config;

const PATH: &str = "/wechatpay/{refunds}";

/// A door in front of whoever reads `inbox`.
struct Door {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    _runtime: tokio::runtime::Runtime,
    _stop: watch::Sender<bool>,
}

impl Door {
    fn open(inbox: mpsc::SyncSender<Input>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
        let platform = rcgen::KeyPair::from_pem(&PLATFORM.key_pem).expect("a key");
        // The platform's key is configured, under the serial number of its certificate: nothing needs to be fetched.
        let dialect = v3(merchant()).with_public_key(&PLATFORM.serial, platform.public_key_pem().as_bytes());
        let clock = Clock::start();
        let way = Gateway::new(&config("http://127.0.0.1:9"), Arc::new(dialect.expect("a key")), clock, Dice);
        let metrics = Arc::new(Metrics::new());
        let desk = Desk::new(inbox, watch::channel(Board::default()).1, watch::channel(Vec::new()).1);
        let notify = Notify::new(PATH, desk, Arc::new(way.expect("a way")), Arc::clone(&metrics), clock);
        let (stop, stopped) = watch::channel(false);
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            tokio::spawn(notify.serve(listener, stopped));
            address
        });
        Self { address, metrics, _runtime: runtime, _stop: stop }
    }

    fn post(&self, sent: &HttpReply) -> u16 {
        self.post_to(PATH, sent)
    }

    fn post_to(&self, path: &str, sent: &HttpReply) -> u16 {
        let headers: Vec<(&str, &str)> = sent
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).expect("text")))
            .collect();
        let body = std::str::from_utf8(&sent.body).expect("text");
        Client::Tcp(self.address).ask("POST", path, &headers, body).status
    }

    fn counted(&self, line: &str) -> u64 {
        let text = self.metrics.text();
        text.lines().find_map(|it| it.strip_prefix(line)?.trim().parse().ok()).unwrap_or(0)
    }
}

fn now() -> WallTime {
    Clock::start().wall()
}

/// A shop that has sold and given back something, and what WeChat says of it.
fn refunded(shop: &Shop) -> Value {
    let payment = shop.sell("A-1", 8800);
    let pay = shop.scan("134539517967686076");
    shop.pay(&pay);
    let refund = loop {
        let path = format!("/v1/payments/{payment}/refunds");
        let answer = shop.unix.post(&path, r#"{"refund_ref":"one","amount":1200,"reason":"wrong dish"}"#);
        if answer.status == 201 {
            break answer.json();
        }
        assert_eq!(answer.code(), "not_settled", "the till has not heard yet");
    };
    let call = shop.call();
    assert_eq!(call.call.ask.op(), Op::Refund);
    shop.hear(&call, Heard::Answer(Answer::Refund(RefundAnswer::Accepted)));
    let number = refund["out_refund_no"].as_str().expect("a number").to_owned();
    let order = call.call.order;
    let mut content = content(&Facts { ..TRUE });
    content["out_refund_no"] = number.into();
    content["out_trade_no"] = order.out_trade_no.as_str().into();
    content["transaction_id"] = order.transaction_id.expect("it is paid").as_str().into();
    content
}

#[test]
fn a_true_one_is_acknowledged_and_asked_about_and_the_second_time_only_acknowledged() {
    let shop = Shop::open(&["1"]);
    let door = Door::open(shop.inbox.clone());
    let content = refunded(&shop);
    assert_eq!(door.post(&letter("EV-1", &content, now())), 204);
    assert_eq!(shop.call().call.ask.op(), Op::RefundQuery, "without a second of waiting");
    assert_eq!(door.post(&letter("EV-1", &content, now())), 204);
    assert_eq!(door.counted("shroff_notifications_total{outcome=\"kept\"}"), 1);
    assert_eq!(door.counted("shroff_notifications_total{outcome=\"repeated\"}"), 1);
    assert!(shop.calls.try_recv().is_err(), "the same one asks nothing more");
}

#[test]
fn whatever_else_is_sent_is_refused_counted_and_changes_nothing() {
    let shop = Shop::open(&["1"]);
    let door = Door::open(shop.inbox.clone());
    let content = refunded(&shop);
    let body = envelope("EV-1", &content, API_KEY).to_string();
    let changed = |pointer: &str, value: Value| {
        let mut changed = content.clone();
        *changed.pointer_mut(pointer).expect("it is there") = value;
        letter("EV-1", &changed, now())
    };
    let mut unsigned = letter("EV-1", &content, now());
    unsigned.headers.clear();
    let mut altered = letter("EV-1", &content, now());
    altered.body.push(b' ');
    let mut forged = signed(&MERCHANT, 200, body.clone(), now());
    forged.headers.retain(|(name, _)| name != "wechatpay-serial");
    forged.headers.push(("wechatpay-serial".to_owned(), PLATFORM.serial.clone().into_bytes()));
    let long_ago = WallTime::from_millis(now().millis() - 301_000);
    let other_key = envelope("EV-1", &content, "another-merchants-api-v3-key-000").to_string();
    let other_event = body.replace("REFUND.SUCCESS", "TRANSACTION.SUCCESS");
    for (sent, status, why) in [
        (unsigned, 401, "unsigned"),
        (altered, 401, "bad_signature"),
        (forged, 401, "bad_signature"),
        (signed(&MERCHANT, 200, body.clone(), now()), 401, "unknown_key"),
        (signed(&PLATFORM, 200, body, long_ago), 401, "stale"),
        (signed(&PLATFORM, 200, other_key, now()), 400, "malformed"),
        (signed(&PLATFORM, 200, other_event, now()), 400, "malformed"),
        (signed(&PLATFORM, 200, "<xml></xml>".to_owned(), now()), 400, "malformed"),
        (signed(&PLATFORM, 200, "[".repeat(50_000), now()), 400, "malformed"),
        (changed("/sub_mchid", json!("1999999999")), 400, "other_merchant"),
        (changed("/out_refund_no", json!("T99NOBODY00000001F")), 404, "no_such_refund"),
        (changed("/out_trade_no", json!("SOMEBODY-ELSES-0001")), 409, "other_order"),
        (changed("/amount/refund", json!(1201)), 409, "other_amount"),
        (changed("/amount/total", json!(8801)), 409, "other_amount"),
        (changed("/amount/currency", json!("CNY")), 409, "other_currency"),
        (signed(&PLATFORM, 200, " ".repeat(64 * 1024 + 1), now()), 413, "too_large"),
    ] {
        let line = format!("shroff_refused_notifications_total{{reason=\"{why}\"}}");
        let before = door.counted(&line);
        assert_eq!(door.post(&sent), status, "{why}");
        assert_eq!(door.counted(&line), before + 1, "{why}");
    }
    let good = letter("EV-1", &content, now());
    assert_eq!(door.post_to("/", &good), 404);
    assert_eq!(door.post_to("/wechatpay/anything", &good), 404, "a brace in the path is a brace");
    assert_eq!(Client::Tcp(door.address).get(PATH).status, 405);
    assert_eq!(Client::Tcp(door.address).raw(b"\x16\x03\x01 this is TLS").status, 400);
    assert!(shop.calls.try_recv().is_err(), "nothing was asked because of any of it");
    let refund = shop.unix.get("/v1/refunds/one").json();
    assert_eq!(refund["state"], "processing");
    assert_eq!(door.post(&good), 204, "and the true one still gets in");
}

/// Seed text: 200 or 204 for normal receipt, 500 or 4xx otherwise. Whatever is acknowledged is never sent again.
#[test]
fn nothing_is_acknowledged_before_the_till_has_kept_it() {
    let (inbox, inputs) = mpsc::sync_channel(4);
    let door = Door::open(inbox);
    let sent = letter("EV-1", &content(&TRUE), now());
    let (head, body) = raw(&sent);
    let mut stream = TcpStream::connect(door.address).expect("the door");
    stream.write_all(&[head.as_bytes(), &body].concat()).expect("sent");
    let Ok(Input::RefundNotice(notice, reply)) = inputs.recv_timeout(Duration::from_secs(10)) else {
        panic!("the till is told")
    };
    assert_eq!(notice.out_refund_no.as_str(), TRUE.out_refund_no);
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(stream.read(&mut [0; 1]).is_err(), "it is on no disk yet, and something was answered");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    reply.send(Ok(true)).expect("the door waits");
    assert!(answer(&mut stream).starts_with("HTTP/1.1 204 "));
    // A till that ends, or whose disk has failed, gives no answer at all.
    let mut stream = TcpStream::connect(door.address).expect("the door");
    stream.write_all(&[head.as_bytes(), &body].concat()).expect("sent");
    drop(inputs.recv_timeout(Duration::from_secs(10)).expect("the till is told"));
    assert!(answer(&mut stream).starts_with("HTTP/1.1 503 "));
    drop(inputs);
    assert_eq!(door.post(&sent), 503);
    assert_eq!(door.counted("shroff_refused_notifications_total{reason=\"busy\"}"), 2);
}

#[test]
fn who_says_nothing_holds_a_place_for_seconds_and_no_longer() {
    let shop = Shop::open(&["1"]);
    let door = Door::open(shop.inbox.clone());
    let content = refunded(&shop);
    let sent = letter("EV-1", &content, now());
    let (head, body) = raw(&sent);
    // All places are taken: half by those who say nothing, half by those who never finish.
    let held: Vec<TcpStream> = (0..16)
        .map(|n| {
            let mut stream = TcpStream::connect(door.address).expect("the door");
            let said: &[u8] = if n % 2 == 0 { b"POST " } else { &[head.as_bytes(), &body[..9]].concat() };
            stream.write_all(said).expect("sent");
            stream
        })
        .collect();
    assert_eq!(door.post(&sent), 204, "places are free again");
    drop(held);
}

fn raw(sent: &HttpReply) -> (String, Vec<u8>) {
    let mut head = format!("POST {PATH} HTTP/1.1\r\nHost: till\r\nContent-Length: {}\r\n", sent.body.len());
    for (name, value) in &sent.headers {
        head.push_str(&format!("{name}: {}\r\n", std::str::from_utf8(value).expect("text")));
    }
    (head + "Connection: close\r\n\r\n", sent.body.clone())
}

fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}
