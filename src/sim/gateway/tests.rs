use std::collections::BTreeMap;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::sim::book::{Kind, Op};
use crate::sim::faults::{Arrival, Deed, Delivery, Fault, Forgery, SCENARIOS};

type Fields = BTreeMap<String, String>;

const PAY: &str = "/pay/micropay";
const QUERY: &str = "/pay/orderquery";
const REVERSE: &str = "/secapi/pay/reverse";
const CODE: &str = "134539517967686076";

#[tokio::test]
async fn a_pay_is_charged_and_answered_in_the_real_form() {
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let gateway = start().await;
        let answer = believed(&gateway, PAY, pay("order-1", CODE), sign_type).await;
        for (name, value) in [
            ("result_code", "SUCCESS"),
            ("out_trade_no", "order-1"),
            ("total_fee", "8800"),
            ("fee_type", "HKD"),
            ("cash_fee", "8096"),
            ("cash_fee_type", "CNY"),
            ("attach", "a & b"),
            ("trade_type", "MICROPAY"),
            ("device_info", "T01"),
            ("sub_mch_id", "1888"),
        ] {
            assert_eq!(answer[name], value, "{name}");
        }
        assert_eq!(answer["time_end"].len(), 14);
        assert_eq!(answer["nonce_str"].len(), 32);
        let asked = believed(&gateway, QUERY, about("order-1"), sign_type).await;
        assert_eq!(asked["trade_state"], "SUCCESS");
        assert_eq!(asked["transaction_id"], answer["transaction_id"]);
        let by_number = order(&[("transaction_id", &answer["transaction_id"])]);
        assert_eq!(believed(&gateway, QUERY, by_number, sign_type).await["out_trade_no"], "order-1");
        assert_eq!(gateway.book().net("order-1"), 8800);
        assert!(gateway.book().violations().is_empty());
        gateway.stop().await.expect("it stops");
    }
}

#[tokio::test]
async fn a_request_that_is_not_right_is_refused_and_noted() {
    let gateway = start().await;
    let mut fields = signed(pay("order-1", CODE), SignType::Md5);
    fields.insert("total_fee".to_owned(), "1".to_owned());
    let answer = xml::parse(&post(&gateway, PAY, &xml::write(&fields)).await.expect("a reply").body).expect("XML");
    assert_eq!((answer["return_code"].as_str(), answer["return_msg"].as_str()), ("FAIL", "签名错误"));
    assert!(!answer.contains_key("sign"));

    for (name, value, err_code) in [
        ("spbill_create_ip", "", "LACK_PARAMS"),
        ("version", "2.0", "PARAM_ERROR"),
        ("detail", r#"{"goods_detail":[]}"#, "PARAM_ERROR"),
        ("fee_type", "XXX", "PARAM_ERROR"),
        ("auth_code", "284539517967686076", "AUTH_CODE_INVALID"),
        ("mch_id", "1", "MCHID_NOT_EXIST"),
        ("appid", "wx1", "APPID_NOT_EXIST"),
    ] {
        let mut fields = pay("order-1", CODE);
        fields.insert(name.to_owned(), value.to_owned());
        assert_eq!(believed(&gateway, PAY, fields, SignType::Md5).await["err_code"], err_code, "{name}");
    }
    let book = gateway.book();
    assert_eq!(book.violations().count(Kind::BadSignature), 1);
    assert_eq!(book.violations().count(Kind::MissingField), 1);
    assert_eq!(book.entries(), []);
}

#[tokio::test]
async fn what_is_lost_before_the_deed_charges_nobody_and_what_is_lost_after_it_charges() {
    let cases: [(Fault, bool, u64); 5] = [
        (Arrival::LoseRequest.into(), false, 0),
        (Delivery::LoseReply.into(), false, 8800),
        (Delivery::Truncate { at: 10 }.into(), false, 8800),
        (Arrival::Doubled.into(), true, 8800),
        (Delivery::Delay { ms: 20 }.into(), true, 8800),
    ];
    for (fault, answered, net) in cases {
        let gateway = start().await;
        gateway.add(Rule::once(Op::Pay, fault.clone()));
        let reply = post(&gateway, PAY, &xml::write(&signed(pay("order-1", CODE), SignType::Md5))).await;
        assert_eq!(reply.is_some(), answered, "{fault:?}");
        let book = gateway.book();
        assert_eq!(book.net("order-1"), net, "{fault:?}");
        assert!(book.violations().is_empty(), "{fault:?}: the terminal did nothing wrong");
    }
}

#[tokio::test]
async fn a_pay_that_lands_late_charges_after_its_connection_is_gone() {
    let gateway = start().await;
    gateway.add(Rule::once(Op::Pay, Arrival::LandLate { after_ms: 50 }));
    let body = xml::write(&signed(pay("order-1", CODE), SignType::Md5));
    assert!(post(&gateway, PAY, &body).await.is_none());
    assert_eq!(gateway.book().net("order-1"), 0);
    while gateway.book().net("order-1") == 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn no_forgery_can_be_taken_for_the_plain_truth() {
    for scenario in SCENARIOS.iter().filter(|scenario| (301..400).contains(&scenario.number)) {
        let gateway = start().await;
        let code = format!("13{:04}967967686076", scenario.number);
        let reply = post(&gateway, PAY, &xml::write(&signed(pay("order-1", &code), SignType::Md5))).await;
        let reply = reply.expect("it is answered");
        assert_eq!(gateway.book().net("order-1"), 8800, "{}: it is charged all the same", scenario.title);
        let ours = [("out_trade_no", "order-1"), ("total_fee", "8800"), ("fee_type", "HKD"), ("sub_mch_id", "1888")];
        let plain = xml::parse(&reply.body).is_ok_and(|fields| {
            let merchant = Options::default().merchant;
            fields.get("sign") == Some(&sign::sign(&fields, &merchant.key, SignType::Md5))
                && ours.iter().all(|(name, value)| fields.get(*name).is_some_and(|field| field == value))
                && (&fields["mch_id"], &fields["appid"]) == (&merchant.mch_id, &merchant.appid)
                && fields.len() < 64
        });
        let plain = plain && reply.status == 200 && !reply.head.contains("gzip");
        assert!(!plain, "{} {}", scenario.number, scenario.title);
    }
}

#[tokio::test]
async fn secapi_without_the_certificate_meets_nginx() {
    let gateway =
        Gateway::start(Options { plain_lacks_certificate: true, ..Options::default() }).await.expect("it starts");
    let reply = post(&gateway, REVERSE, &xml::write(&signed(about("order-1"), SignType::Md5))).await.expect("a reply");
    assert_eq!(reply.status, 400);
    assert!(String::from_utf8_lossy(&reply.body).contains(forge::NO_CERTIFICATE));
    assert_eq!(gateway.book().violations().count(Kind::NoCertificate), 1);
}

#[tokio::test]
async fn over_tls_the_client_certificate_opens_secapi() {
    let https = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let gateway = Gateway::start(Options { https, ..Options::default() }).await.expect("it starts");
    let body = xml::write(&signed(about("order-1"), SignType::Md5));
    assert_eq!(post_tls(&gateway, REVERSE, &body, false).await.status, 400);
    let reply = post_tls(&gateway, REVERSE, &body, true).await;
    let answer = xml::parse(&reply.body).expect("XML");
    assert_eq!((answer["result_code"].as_str(), answer["recall"].as_str()), ("SUCCESS", "N"));

    let dir = gateway.dir().expect("its own").to_owned();
    let p12 = std::fs::read(dir.join("apiclient_cert.p12")).expect("it was written");
    let mch_id = Options::default().merchant.mch_id;
    let policy = p12_keystore::Pkcs12ImportPolicy::Strict;
    let store = p12_keystore::KeyStore::from_pkcs12(&p12, &mch_id, policy).expect("the password is the mch_id");
    assert_eq!(store.private_key_chain().map(|(_, chain)| chain.certs().len()), Some(2));
    gateway.stop().await.expect("it stops");
    assert!(!dir.exists());
}

#[tokio::test]
async fn the_door_takes_rules_and_shows_books_but_never_a_code() {
    let gateway = start().await;
    let rule = format!(
        r#"[{{"op":"pay","auth_code":"{CODE}","times":1,
        "fault":{{"fate":{{"fate":"asks_then_pays","after_ms":60000}}}}}}]"#
    );
    assert_eq!(post(&gateway, "/_sim/faults", &rule).await.expect("a reply").status, 200);
    assert_eq!(post(&gateway, "/_sim/faults", r#"{"fault":"no_such"}"#).await.expect("a reply").status, 400);
    let answer = believed(&gateway, PAY, pay("order-1", CODE), SignType::Md5).await;
    assert_eq!(answer["err_code"], "USERPAYING");
    let confirm = post(&gateway, "/_sim/orders/order-1", r#"{"action":"confirm"}"#).await.expect("a reply");
    assert_eq!(confirm.status, 200);
    assert_eq!(gateway.book().net("order-1"), 8800);
    let config = post(&gateway, "/_sim/config", r#"{"unknown_reverse":"blocks","revoke_after_s":0}"#).await;
    assert_eq!(config.expect("a reply").status, 200);
    assert_eq!(gateway.book().rules().revoke_after, None);

    let mut shown = String::new();
    for path in ["/_sim/books", "/_sim/log", "/_sim/faults", "/_sim/config"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n\r\n");
        shown.push_str(&String::from_utf8_lossy(&raw(&gateway, request.as_bytes()).await));
    }
    assert!(shown.contains(r#""charged":8800"#) && shown.contains(r#""code_hint":"6076""#));
    assert!(!shown.contains(CODE));
}

#[tokio::test]
async fn one_connection_carries_many_requests_and_ends_with_garbage() {
    let gateway = start().await;
    let body = xml::write(&signed(about("order-1"), SignType::Md5));
    let one = format!("POST {QUERY} HTTP/1.1\r\nHost: sim\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let answers = raw(&gateway, format!("{one}{one}\0\0garbage\r\n\r\n").as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&answers).matches("ORDERNOTEXIST").count(), 2);
    let book = gateway.book();
    assert_eq!(book.order("order-1").map(|order| order.received_count(Op::Query)), Some(2));
}

#[tokio::test]
async fn a_recall_loop_ends_after_as_many_times_as_it_was_told() {
    let gateway = start().await;
    gateway.add(Rule { times: Some(2), ..Rule::once(Op::Reverse, Deed::OnlyClaims { recall: true }) });
    for recall in ["Y", "Y", "N"] {
        let answer = believed(&gateway, REVERSE, about("order-1"), SignType::Md5).await;
        assert_eq!((answer["result_code"].as_str(), answer["recall"].as_str()), ("SUCCESS", recall));
    }
}

#[tokio::test]
async fn a_refund_can_be_asked_about_by_its_own_number() {
    let gateway = start().await;
    believed(&gateway, PAY, pay("order-1", CODE), SignType::Md5).await;
    let mut refund = about("order-1");
    refund.extend([("out_refund_no", "refund-1"), ("total_fee", "8800"), ("refund_fee", "800")].map(owned));
    let accepted = believed(&gateway, "/secapi/pay/refund", refund, SignType::Md5).await;
    assert_eq!((accepted["result_code"].as_str(), accepted["refund_fee"].as_str()), ("SUCCESS", "800"));
    let known = believed(&gateway, "/pay/refundquery", order(&[("out_refund_no", "refund-1")]), SignType::Md5).await;
    assert_eq!((known["refund_count"].as_str(), known["refund_status_0"].as_str()), ("1", "SUCCESS"));
    assert_eq!(known["refund_id_0"], accepted["refund_id"]);
    let unknown = believed(&gateway, "/pay/refundquery", order(&[("out_refund_no", "refund-2")]), SignType::Md5).await;
    assert_eq!(unknown["err_code"], "REFUNDNOTEXIST");
    assert_eq!(gateway.book().net("order-1"), 8000);
}

#[tokio::test]
async fn a_list_of_refunds_comes_in_pages_and_with_holes_on_request() {
    let gateway = start().await;
    believed(&gateway, PAY, pay("order-1", CODE), SignType::Md5).await;
    gateway.with_book(|book, _| book.set_rules(Rules { refund_spacing: Duration::ZERO, ..Rules::default() }));
    for n in 0..12 {
        let mut refund = about("order-1");
        let number = format!("refund-{n:02}");
        refund.extend([("out_refund_no", number.as_str()), ("total_fee", "8800"), ("refund_fee", "100")].map(owned));
        believed(&gateway, "/secapi/pay/refund", refund, SignType::Md5).await;
    }
    let ask = |more: &[(&str, &str)]| order(&[&[("out_refund_no", "refund-11")], more].concat());
    let one = believed(&gateway, "/pay/refundquery", ask(&[]), SignType::Md5).await;
    assert_eq!((one["refund_count"].as_str(), one["out_refund_no_0"].as_str()), ("1", "refund-11"));
    gateway.add(Rule::always(Op::RefundQuery, Deed::ListsAll));
    let first = believed(&gateway, "/pay/refundquery", ask(&[]), SignType::Md5).await;
    assert_eq!((first["refund_count"].as_str(), first["total_refund_count"].as_str()), ("10", "12"));
    assert!(!first.values().any(|value| value == "refund-11"));
    gateway.add(Rule::always(Op::RefundQuery, Forgery::Holes));
    let second = believed(&gateway, "/pay/refundquery", ask(&[("offset", "10")]), SignType::Md5).await;
    assert_eq!(second["out_refund_no_4"], "refund-11");
    assert!(!second.contains_key("out_refund_no_0") && !second.contains_key("out_refund_no_3"));
}

#[tokio::test]
async fn another_sub_merchant_sees_no_order_and_reverses_nothing_yet_hears_success() {
    let gateway = start().await;
    believed(&gateway, PAY, pay("order-1", CODE), SignType::Md5).await;
    let mut stranger = about("order-1");
    stranger.insert("sub_mch_id".to_owned(), "1999".to_owned());
    assert_eq!(believed(&gateway, QUERY, stranger.clone(), SignType::Md5).await["err_code"], "ORDERNOTEXIST");
    assert_eq!(believed(&gateway, REVERSE, stranger, SignType::Md5).await["result_code"], "SUCCESS");
    assert_eq!(gateway.book().net("order-1"), 8800);
}

#[tokio::test]
async fn a_huge_reply_comes_in_full_to_whoever_wants_it() {
    let gateway = start().await;
    gateway.add(Rule::once(Op::Query, Delivery::Huge { mb: 1 }));
    let reply = post(&gateway, QUERY, &xml::write(&signed(about("order-1"), SignType::Md5))).await.expect("a reply");
    assert_eq!(reply.body.len(), 1_000_000);
}

#[tokio::test]
async fn nothing_but_loopback_is_listened_on() {
    let http = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Gateway::start(Options { http, ..Options::default() }).await.err().expect("it is refused");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_field_may_be_set_to_anything_and_is_signed() {
    let gateway = start().await;
    gateway.add(Rule::once(Op::Pay, Forgery::Set { field: "rate".into(), value: "1/0".into() }));
    assert_eq!(believed(&gateway, PAY, pay("order-1", CODE), SignType::Md5).await["rate"], "1/0");
}

async fn start() -> Running {
    Gateway::start(Options::default()).await.expect("loopback is free")
}

fn order(more: &[(&str, &str)]) -> Fields {
    let merchant = Options::default().merchant;
    let common = [("appid", merchant.appid.as_str()), ("mch_id", &merchant.mch_id), ("sub_mch_id", "1888")];
    let fields = common.into_iter().chain([("nonce_str", "n")]).chain(more.iter().copied());
    fields.map(owned).collect()
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn about(out_trade_no: &str) -> Fields {
    order(&[("out_trade_no", out_trade_no)])
}

fn pay(out_trade_no: &str, auth_code: &str) -> Fields {
    order(&[
        ("version", "1.0"),
        ("device_info", "T01"),
        ("body", "tea"),
        ("detail", r#"{"goods_detail":[{"wxpay_goods_id":"5812"}]}"#),
        ("attach", "a & b"),
        ("out_trade_no", out_trade_no),
        ("total_fee", "8800"),
        ("fee_type", "HKD"),
        ("spbill_create_ip", "127.0.0.1"),
        ("auth_code", auth_code),
    ])
}

fn signed(mut fields: Fields, sign_type: SignType) -> Fields {
    if sign_type == SignType::HmacSha256 {
        fields.insert("sign_type".to_owned(), "HMAC-SHA256".to_owned());
    }
    let sign = sign::sign(&fields, &Options::default().merchant.key, sign_type);
    fields.insert("sign".to_owned(), sign);
    fields
}

/// The answer, its signature checked.
async fn believed(gateway: &Running, path: &str, fields: Fields, sign_type: SignType) -> Fields {
    let reply = post(gateway, path, &xml::write(&signed(fields, sign_type))).await.expect("it is answered");
    let answer = xml::parse(&reply.body).expect("XML");
    assert_eq!(answer["sign"], sign::sign(&answer, &Options::default().merchant.key, sign_type));
    answer
}

struct Got {
    status: u16,
    head: String,
    body: Vec<u8>,
}

async fn post(gateway: &Running, path: &str, body: &str) -> Option<Got> {
    got(&raw(gateway, &request(path, body)).await)
}

fn request(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: sim\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

async fn raw(gateway: &Running, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(gateway.http()).await.expect("it listens");
    stream.write_all(request).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it ends");
    answer
}

/// The reply; none when it is not all there.
fn got(bytes: &[u8]) -> Option<Got> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(body_at) = head.parse(bytes).ok()? else { return None };
    let length = head.headers.iter().find(|field| field.name == "Content-Length")?;
    let length: usize = std::str::from_utf8(length.value).ok()?.parse().ok()?;
    let (head, body) = (head.code?, bytes.get(body_at..)?);
    let text = String::from_utf8_lossy(bytes.get(..body_at)?).into_owned();
    (body.len() == length).then(|| Got { status: head, head: text, body: body.to_vec() })
}

async fn post_tls(gateway: &Running, path: &str, body: &str, certificate: bool) -> Got {
    let dir = gateway.dir().expect("TLS has one");
    let mut roots = rustls::RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(dir.join("ca.pem")).expect("a certificate");
    roots.add(authority).expect("an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    let config = if certificate {
        let chain = vec![CertificateDer::from_pem_file(dir.join("apiclient_cert.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(dir.join("apiclient_key.pem")).expect("a key");
        config.with_client_auth_cert(chain, key).expect("they belong together")
    } else {
        config.with_no_client_auth()
    };
    let stream = TcpStream::connect(gateway.https().expect("it serves TLS")).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream =
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("they shake hands");
    stream.write_all(&request(path, body)).await.expect("it reads");
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await); // the end comes without close_notify
    got(&answer).expect("a reply")
}
