//! The way to a v3 gateway: its certificates fetched, kept, changed under way; its clock.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use shroff::dialect::v3::{Signer, V3};
use shroff::dialect::{Distrust, Merchant};
use shroff::edge::clock::Clock;
use shroff::edge::dice::Dice;
use shroff::edge::gateway::{Doubt, Exchange, Gateway, GatewayConfig, NotSent};
use shroff::payment::answer::{Answer, PayAnswer, QueryAnswer, RefundAnswer, RefundQueryAnswer, ReverseAnswer};
use shroff::payment::{Ask, Call, Order, Terms};
use shroff::sim::book::{Op, RefundState};
use shroff::sim::faults::{Deed, Forgery, RefundWord, Rule};
use shroff::sim::gateway as sim;
use shroff::words::Secret;

use crate::counterpart::{merchant, order};
use crate::wire::config;

/// A simulated gateway and the files it gave out.
struct World {
    folder: tempfile::TempDir,
    gateway: sim::Running,
}

impl World {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = sim::Options {
            https: Some(([127, 0, 0, 1], 0).into()),
            dir: Some(folder.path().to_owned()),
            ..sim::Options::default()
        };
        let gateway = sim::Gateway::start(options).await.expect("a gateway");
        Self { folder, gateway }
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).expect("a file")
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("platform-certificates.json")
    }

    fn dialect(&self) -> V3 {
        let options = sim::Options::default().merchant;
        let ours = Merchant {
            appid: options.appid.parse().expect("an appid"),
            mch_id: options.mch_id.parse().expect("a merchant number"),
            sub_mch_id: None,
            ..merchant()
        };
        let key = Secret::new(self.bytes("apiclient_key.pem"));
        let signer = Signer::new(&key, &self.bytes("apiclient_cert.pem")).expect("a signer");
        V3::new(ours, Arc::new(signer), Secret::new(options.v3_key.into_bytes()))
    }

    fn config(&self) -> GatewayConfig {
        let url = format!("https://{}", self.gateway.https().expect("TLS"));
        GatewayConfig { extra_roots: Some(self.bytes("ca.pem")), keys_file: Some(self.kept()), ..config(&url) }
    }

    fn way(&self) -> Gateway {
        Gateway::new(&self.config(), Arc::new(self.dialect()), Clock::start(), Dice).expect("a gateway")
    }

    async fn pays(&self, way: &Gateway, n: u32) -> Exchange {
        way.exchange(&Call { order: numbered(n), ask: Ask::Pay(code(n)) }).await
    }

    fn saw_no_violation(&self) {
        assert!(self.gateway.book().violations().is_empty(), "{:?}", self.gateway.book().violations());
    }
}

fn numbered(n: u32) -> Order {
    Order { out_trade_no: format!("T01K7Q2M9XB{n:08}").parse().expect("a number"), ..order() }
}

fn code(n: u32) -> shroff::words::AuthCode {
    format!("130000{n:012}").parse().expect("a code")
}

fn is_paid(exchange: &Exchange) -> bool {
    matches!(exchange.result, Ok(Answer::Pay(PayAnswer::Paid(_)) | Answer::Query(QueryAnswer::Paid(_))))
}

#[tokio::test]
async fn everything_that_is_said_is_understood_and_answered() {
    let world = World::open().await;
    let way = world.way();
    let paid = world.pays(&way, 1).await;
    assert!(is_paid(&paid) && paid.sent_at.is_some(), "{paid:?}");
    let Ok(Answer::Pay(PayAnswer::Paid(receipt))) = paid.result else { unreachable!() };
    assert_eq!(receipt.payer_total.map(|money| money.to_string()).as_deref(), Some("CNY 80.96"));
    assert!(receipt.paid_at.is_some() && receipt.rate.as_deref() == Some("92000000"));
    let known = Order { transaction_id: Some(receipt.transaction_id), ..numbered(1) };
    for order in [numbered(1), known.clone()] {
        assert!(is_paid(&way.exchange(&Call { order, ask: Ask::Query }).await));
    }
    let absent = way.exchange(&Call { order: numbered(2), ask: Ask::Query }).await;
    assert_eq!(absent.result, Ok(Answer::Query(QueryAnswer::Absent)));
    let terms = |number: &str| Terms {
        out_refund_no: number.parse().expect("a refund number"),
        amount: known.amount,
        reason: Some("wrong dish".to_owned()),
        notify_url: None,
    };
    let (ours, nobodys) = (terms("T01K7Q2M9XB00000001F"), terms("T01K7Q2M9XB00000002F"));
    let slow = Deed::RefundFate { refund: RefundWord::Arrives, after_ms: 3_600_000 };
    world.gateway.add(Rule::always(Op::Refund, slow));
    let refunded = way.exchange(&Call { order: known.clone(), ask: Ask::Refund(ours.clone()) }).await;
    assert_eq!(refunded.result, Ok(Answer::Refund(RefundAnswer::Accepted)));
    let asked = async |terms: &Terms| {
        let ask = Ask::RefundQuery { terms: terms.clone(), offset: 0 };
        way.exchange(&Call { order: known.clone(), ask }).await.result
    };
    assert_eq!(asked(&ours).await, Ok(Answer::RefundQuery(RefundQueryAnswer::Processing)));
    world.gateway.with_book(|book, now| book.refund_ends("T01K7Q2M9XB00000001F", RefundState::Success, now));
    let Ok(Answer::RefundQuery(RefundQueryAnswer::Refunded(receipt))) = asked(&ours).await else { unreachable!() };
    assert!(receipt.refund_id.is_some() && receipt.refunded_at.is_some(), "{receipt:?}");
    assert_eq!(asked(&nobodys).await, Ok(Answer::RefundQuery(RefundQueryAnswer::Absent)));
    let reversed = way.exchange(&Call { order: numbered(3), ask: Ask::Reverse }).await;
    assert_eq!(reversed.result, Ok(Answer::Reverse(ReverseAnswer::Accepted { recall: false })));
    assert_eq!((world.gateway.book().net("T01K7Q2M9XB00000001"), world.gateway.lists()), (0, 1));
    world.saw_no_violation();
}

#[tokio::test]
async fn the_certificates_are_kept_for_us_alone_and_a_restart_does_not_fetch_them() {
    let world = World::open().await;
    assert!(is_paid(&world.pays(&world.way(), 1).await));
    let mode = std::fs::metadata(world.kept()).expect("the file").permissions().mode() & 0o777;
    assert_eq!((mode, world.gateway.lists()), (0o600, 1));
    assert!(is_paid(&world.pays(&world.way(), 2).await));
    assert_eq!(world.gateway.lists(), 1);
    // A file that our key does not open is of no use and does no harm.
    for rubbish in [&b"{}"[..], b"", b"{\"data\":[]}"] {
        std::fs::write(world.kept(), rubbish).expect("a file");
        let way = world.way();
        way.warm().await.expect("the gateway is there");
        assert!(world.gateway.lists() > 1);
    }
    let kept = world.bytes("platform-certificates.json");
    let other = V3::new(merchant(), Arc::new(signer(&world)), Secret::new(vec![b'x'; 32]));
    assert!(shroff::dialect::Platform::reopen(&other, &kept).is_err());
    assert!(shroff::dialect::Platform::reopen(&world.dialect(), &kept).is_ok());
}

fn signer(world: &World) -> Signer {
    let key = Secret::new(world.bytes("apiclient_key.pem"));
    Signer::new(&key, &world.bytes("apiclient_cert.pem")).expect("a signer")
}

#[tokio::test]
async fn a_certificate_that_changes_in_mid_payment_is_fetched_and_the_same_reply_believed() {
    let world = World::open().await;
    let way = world.way();
    assert!(is_paid(&world.pays(&way, 1).await));
    world.gateway.rotate().expect("a new key");
    assert!(is_paid(&world.pays(&way, 2).await), "the reply under the new key");
    assert_eq!(
        (world.gateway.lists(), world.gateway.book().order("T01K7Q2M9XB00000002").map(|it| it.charged())),
        (2, Some(8800))
    );
    // Both are live; a refresh in between changes nothing.
    way.refresh_keys().await.expect("the list");
    assert!(is_paid(&world.pays(&way, 3).await));
    world.saw_no_violation();
}

#[tokio::test]
async fn a_serial_nobody_knows_has_the_list_fetched_once_a_minute_and_no_more() {
    let world = World::open().await;
    let way = world.way();
    world.gateway.add(Rule::always(Op::Query, Forgery::UnknownSerial));
    assert!(is_paid(&world.pays(&way, 1).await));
    for _ in 0..5 {
        let asked = way.exchange(&Call { order: numbered(1), ask: Ask::Query }).await;
        assert_eq!(asked.result, Err(Doubt::Distrust(Distrust::UnknownKey)));
    }
    assert_eq!(world.gateway.lists(), 2);
}

#[tokio::test]
async fn what_is_signed_in_another_way_is_not_believed() {
    let world = World::open().await;
    let way = world.way();
    assert!(is_paid(&world.pays(&way, 1).await));
    for (forgery, why) in [
        (Forgery::WrongSign, Distrust::BadSignature),
        (Forgery::OtherSignType, Distrust::BadSignature),
        (Forgery::Probe, Distrust::BadSignature),
        (Forgery::NoSign, Distrust::Unsigned),
        (Forgery::Replayed, Distrust::Stale),
        (Forgery::DuplicateField, Distrust::Malformed("no JSON object of the known form")),
        (Forgery::Nested, Distrust::Malformed("no JSON object of the known form")),
        (Forgery::WrongAmount, Distrust::OtherAmount),
        (Forgery::WrongCurrency, Distrust::OtherCurrency),
        (Forgery::WrongOrder, Distrust::OtherOrder),
        (Forgery::WrongMch, Distrust::OtherMerchant),
        (Forgery::WrongAppid, Distrust::OtherMerchant),
        (Forgery::Garbage, Distrust::BadSignature),
        (Forgery::Html { status: 502 }, Distrust::Status(502)),
    ] {
        world.gateway.add(Rule::once(Op::Query, forgery.clone()));
        let asked = way.exchange(&Call { order: numbered(1), ask: Ask::Query }).await;
        assert_eq!(asked.result, Err(Doubt::Distrust(why)), "{forgery:?}");
    }
    world.gateway.add(Rule::once(Op::Reverse, Forgery::NoSign));
    let reversed = way.exchange(&Call { order: numbered(2), ask: Ask::Reverse }).await;
    assert_eq!(reversed.result, Err(Doubt::Distrust(Distrust::Unsigned)), "a 204 that nobody signed");
}

#[tokio::test]
async fn without_a_certificate_nothing_leaves() {
    let world = World::open().await;
    let wrong = V3::new(merchant(), Arc::new(signer(&world)), Secret::new(vec![b'x'; 32]));
    let config = GatewayConfig { keys_file: None, ..world.config() };
    let way = Gateway::new(&config, Arc::new(wrong), Clock::start(), Dice).expect("a gateway");
    let exchange = world.pays(&way, 1).await;
    assert_eq!((exchange.sent_at, exchange.result), (None, Err(Doubt::NotSent(NotSent::NoKeys))));
    assert!(world.gateway.book().order("T01K7Q2M9XB00000001").is_none());
    let config = GatewayConfig { base_url: crate::wire::nobody().await, keys_file: None, ..world.config() };
    let way = Gateway::new(&config, Arc::new(world.dialect()), Clock::start(), Dice).expect("a gateway");
    let exchange = world.pays(&way, 1).await;
    assert_eq!((exchange.sent_at, exchange.result), (None, Err(Doubt::NotSent(NotSent::Refused))));
}

#[tokio::test]
async fn a_clock_that_is_off_is_known_and_refused_by_both_sides() {
    let world = World::open().await;
    let way = world.way();
    assert_eq!(way.clock_ahead(), None);
    assert!(is_paid(&world.pays(&way, 1).await));
    assert!(way.clock_ahead().is_some_and(|ahead| ahead.abs() <= 1));
    world.gateway.set_clock_ahead(-200);
    assert!(is_paid(&world.pays(&way, 2).await));
    assert!(way.clock_ahead().is_some_and(|ahead| (199..=202).contains(&ahead)));
    world.gateway.set_clock_ahead(400);
    let exchange = world.pays(&way, 3).await;
    // A 401 that nobody signed: it blames the request, and proves nothing.
    assert_eq!(exchange.result, Ok(Answer::Pay(PayAnswer::Failed { request_error: true })));
    assert!(way.clock_ahead().is_some_and(|ahead| (-402..=-399).contains(&ahead)));
    assert!(world.gateway.book().order("T01K7Q2M9XB00000003").is_none_or(|order| order.charged() == 0));
    world.saw_no_violation();
}

#[tokio::test]
async fn errors_that_nobody_signed_prove_nothing_over_the_wire_too() {
    let world = World::open().await;
    let way = world.way();
    way.warm().await.expect("the gateway is there");
    world.gateway.set_unsigned_errors(true);
    let absent = way.exchange(&Call { order: numbered(1), ask: Ask::Query }).await;
    assert!(matches!(absent.result, Ok(Answer::Query(QueryAnswer::NoWord(_)))), "{absent:?}");
    let poor = "130101000000000001".parse().expect("a code");
    let refused = way.exchange(&Call { order: numbered(2), ask: Ask::Pay(poor) }).await;
    assert_eq!(refused.result, Ok(Answer::Pay(PayAnswer::Failed { request_error: false })));
}

#[tokio::test]
async fn in_public_key_mode_the_gateway_signs_with_the_key_that_is_asked_for() {
    let world = World::open().await;
    let dialect = || {
        let id = sim::Running::PUBLIC_KEY_ID;
        world.dialect().with_public_key(id, &world.bytes("pub_key.pem")).expect("a public key")
    };
    let way = Gateway::new(&world.config(), Arc::new(dialect()), Clock::start(), Dice).expect("a gateway");
    assert!(is_paid(&world.pays(&way, 1).await));
    assert_eq!(world.gateway.lists(), 0, "nothing had to be fetched");
    // Certificates change as they like, and a reply by the wrong key is refused all the same.
    world.gateway.rotate().expect("a new key");
    assert!(is_paid(&way.exchange(&Call { order: numbered(1), ask: Ask::Query }).await));
    for (forgery, why) in [
        (Forgery::WrongSign, Distrust::BadSignature),
        (Forgery::Probe, Distrust::BadSignature),
        (Forgery::NoSign, Distrust::Unsigned),
        (Forgery::Replayed, Distrust::Stale),
    ] {
        world.gateway.add(Rule::once(Op::Query, forgery.clone()));
        let asked = way.exchange(&Call { order: numbered(1), ask: Ask::Query }).await;
        assert_eq!(asked.result, Err(Doubt::Distrust(why)), "{forgery:?}");
    }
    // A key under the same id that is not the platform's.
    let other = crate::counterpart_v3::Pair::new(&[0x0a, 0x02]);
    let public = rcgen::KeyPair::from_pem(&other.key_pem).expect("a key").public_key_pem();
    let wrong = world.dialect().with_public_key(sim::Running::PUBLIC_KEY_ID, public.as_bytes()).expect("a public key");
    let config = GatewayConfig { keys_file: None, ..world.config() };
    let way = Gateway::new(&config, Arc::new(wrong), Clock::start(), Dice).expect("a gateway");
    let asked = way.exchange(&Call { order: numbered(1), ask: Ask::Query }).await;
    assert_eq!(asked.result, Err(Doubt::Distrust(Distrust::BadSignature)));
    world.saw_no_violation();
}
