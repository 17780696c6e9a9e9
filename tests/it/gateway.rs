//! The gateway client against servers that misbehave: what was provably not sent, what perhaps was, and that nothing is
//! ever sent twice behind the till's back.

use std::sync::Arc;
use std::time::Duration;

use shroff::dialect::{Dialect, Distrust, HttpReply, HttpRequest, Proof, REPLY_MAX, Stamp};
use shroff::edge::clock::Clock;
use shroff::edge::dice::Dice;
use shroff::edge::gateway::{Doubt, Exchange, Gateway, GatewayError, NoAnswer, NotSent};
use shroff::payment::answer::{Answer, PayAnswer, QueryAnswer};
use shroff::payment::{Call, Op};
use shroff::words::Tick;
use tokio::io::AsyncWriteExt;

use crate::counterpart::call;
use crate::wire::{
    Server, be_good, config, gateway, gateway_in, good_body, nobody, pay, query, request, respond, reverse, serve,
    until_closed,
};

async fn good_server() -> Server {
    serve(|mut stream, seen| async move { be_good(&mut stream, &seen).await }).await
}

/// A server that takes a request and then lets `script` do the rest.
macro_rules! server_that {
    (|$stream:ident, $head:ident, $seen:ident| $script:expr) => {
        serve(|mut $stream, $seen| async move {
            let ($head, _) = request(&mut $stream, &$seen).await?;
            $script;
            Some(())
        })
        .await
    };
}

fn is_paid(exchange: &Exchange) -> bool {
    matches!(exchange.result, Ok(Answer::Pay(PayAnswer::Paid(_)) | Answer::Query(QueryAnswer::Paid(_))))
}

/// Nothing left, and it is known.
fn assert_not_sent(exchange: &Exchange, why: NotSent) {
    assert_eq!(exchange.result, Err(Doubt::NotSent(why)));
    assert_eq!(exchange.sent_at, None);
}

/// Something may have left, and it is known when.
fn assert_doubt(exchange: &Exchange, doubt: Doubt) {
    assert_eq!(exchange.result, Err(doubt));
    assert!(exchange.sent_at.is_some());
}

#[tokio::test]
async fn a_good_exchange_is_paid_and_knows_when_it_was_sent() {
    let server = serve(|mut stream, seen| async move {
        let (head, _) = request(&mut stream, &seen).await?;
        for line in head.lines() {
            seen.note(line);
        }
        respond(&mut stream, "200 OK", "", &good_body(&head)).await
    })
    .await;
    let clock = Clock::start();
    let dialect = Arc::new(crate::counterpart::v2(shroff::dialect::v2::SignType::HmacSha256));
    let gateway = Gateway::new(&config(&server.url()), dialect, clock, Dice).expect("a gateway");
    let before = clock.tick();
    let exchange = gateway.exchange(&pay()).await;
    assert!(is_paid(&exchange), "{exchange:?}");
    assert!(exchange.sent_at.is_some_and(|at| at >= before && at <= clock.tick()));
    let lines = server.seen.list();
    let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(has("POST /pay/micropay HTTP/1.1") && has("content-type: text/xml; charset=utf-8") && has("user-agent: "));
    assert!(!has("transfer-encoding") && !has("accept-encoding") && !has("expect") && !has("cookie"), "{lines:?}");
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let gateway = gateway(&config(&nobody().await));
    assert_not_sent(&gateway.exchange(&pay()).await, NotSent::Refused);
    assert_not_sent(&gateway.exchange(&query()).await, NotSent::Refused);
}

#[tokio::test]
async fn a_host_that_never_finishes_connecting_is_not_sent() {
    let server = serve(|mut stream, _| async move {
        until_closed(&mut stream).await;
        Some(())
    })
    .await;
    let url = format!("https://{}", server.address);
    assert_not_sent(&gateway(&config(&url)).exchange(&pay()).await, NotSent::Slow);
}

#[tokio::test]
async fn a_connection_that_ends_before_the_reply_is_doubt() {
    let silent = server_that!(|stream, _head, seen| drop(stream));
    let cut = server_that!(|stream, head, seen| {
        let body = good_body(&head);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(body.get(..body.len() / 2)?).await.ok()?;
    });
    for server in [silent, cut] {
        let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
        assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::Closed));
        assert_eq!(server.seen.count("POST /pay/micropay"), 1);
    }
}

#[tokio::test]
async fn rubbish_instead_of_http_is_doubt() {
    let server = server_that!(|stream, _head, seen| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await.ok()?;
        until_closed(&mut stream).await;
    });
    let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
    assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::NotHttp));
}

#[tokio::test]
async fn a_gateway_that_never_answers_is_left_in_time_and_its_connection_is_closed() {
    let server = server_that!(|stream, _head, seen| {
        until_closed(&mut stream).await;
        seen.note("closed");
    });
    let clock = Clock::start();
    let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
    assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::TimedOut));
    assert!(clock.tick() < Tick::from_micros(6_000_000));
    eventually(&server, "closed").await;
    assert_eq!(server.seen.count("POST /pay/micropay"), 1);
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_stretch_the_time() {
    let server = server_that!(|stream, _head, seen| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n").await.ok()?;
        while stream.write_all(b"<").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seen.note("closed");
    });
    let clock = Clock::start();
    let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
    assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::TimedOut));
    assert!(clock.tick() < Tick::from_micros(6_000_000));
    eventually(&server, "closed").await;
}

#[tokio::test]
async fn an_endless_reply_is_cut_off() {
    for head in ["content-length: 200000000", "transfer-encoding: chunked", "connection: close"] {
        let server = serve(move |mut stream, seen| async move {
            request(&mut stream, &seen).await?;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes()).await.ok()?;
            let mut written: usize = 0;
            while stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(4096)).as_bytes()).await.is_ok() {
                written = written.saturating_add(4096);
                assert!(written < 100 * 1024 * 1024, "still reading");
            }
            seen.note("closed");
            Some(())
        })
        .await;
        let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
        assert_doubt(&exchange, Doubt::Distrust(Distrust::TooLarge));
        eventually(&server, "closed").await;
    }
}

#[tokio::test]
async fn an_endless_head_is_cut_off() {
    let server = server_that!(|stream, _head, seen| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok()?;
        let mut written: usize = 0;
        while stream.write_all(format!("x: {}\r\n", "x".repeat(4096)).as_bytes()).await.is_ok() {
            written = written.saturating_add(4096);
            assert!(written < 20 * 1024 * 1024, "still reading");
        }
        seen.note("closed");
    });
    let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
    assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::NotHttp));
    eventually(&server, "closed").await;
}

#[tokio::test]
async fn after_three_failed_connections_the_other_host_goes_first() {
    // A listener with TLS expected and none spoken counts its connections, and each is a failed one.
    let broken = serve(|stream, _| async move {
        drop(stream);
        Some(())
    })
    .await;
    let mut config = config(&format!("https://{}", broken.address));
    config.fallback_url = Some(good_server().await.url());
    let gateway = gateway(&config);
    for tries in [1, 2, 3, 3, 3] {
        let exchange = gateway.exchange(&query()).await;
        assert!(is_paid(&exchange), "{exchange:?}");
        assert_eq!(broken.seen.count("connection"), tries);
    }
}

#[tokio::test]
async fn the_largest_reply_that_is_read_has_64_kib() {
    for (length, expected) in
        [(REPLY_MAX, Distrust::Malformed("text outside a field")), (REPLY_MAX + 1, Distrust::TooLarge)]
    {
        let server = serve(move |mut stream, seen| async move {
            request(&mut stream, &seen).await?;
            respond(&mut stream, "200 OK", "", &vec![b'x'; length]).await
        })
        .await;
        let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
        assert_doubt(&exchange, Doubt::Distrust(expected));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = good_server().await;
    let location = format!("location: {}/pay/micropay\r\n", elsewhere.url());
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = location.clone();
        let server = serve(move |mut stream, seen| {
            let location = location.clone();
            async move {
                request(&mut stream, &seen).await?;
                respond(&mut stream, status, &location, b"").await
            }
        })
        .await;
        let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
        let code = status.get(..3).and_then(|code| code.parse().ok()).expect("a status");
        assert_doubt(&exchange, Doubt::Distrust(Distrust::Status(code)));
    }
    assert_eq!(elsewhere.seen.count("connection"), 0);
}

#[tokio::test]
async fn a_packed_reply_is_refused() {
    let server = server_that!(|stream, head, seen| {
        respond(&mut stream, "200 OK", "content-encoding: gzip\r\n", &good_body(&head)).await?;
    });
    let exchange = gateway(&config(&server.url())).exchange(&pay()).await;
    assert_doubt(&exchange, Doubt::Distrust(Distrust::Malformed("a Content-Encoding")));
}

#[tokio::test]
async fn a_pay_goes_to_the_other_host_only_when_nothing_left() {
    let other = good_server().await;
    let mut config = config(&nobody().await);
    config.fallback_url = Some(other.url());
    let exchange = gateway(&config).exchange(&pay()).await;
    assert!(is_paid(&exchange) && exchange.sent_at.is_some(), "{exchange:?}");
    assert_eq!(other.seen.count("POST /pay/micropay"), 1);

    let cut = server_that!(|stream, _head, seen| drop(stream));
    let mute = server_that!(|stream, _head, seen| until_closed(&mut stream).await);
    for first in [cut, mute] {
        let other = good_server().await;
        let mut config = crate::wire::config(&first.url());
        config.fallback_url = Some(other.url());
        let exchange = gateway(&config).exchange(&pay()).await;
        assert!(matches!(exchange.result, Err(Doubt::NoAnswer(_))), "{exchange:?}");
        assert!(exchange.sent_at.is_some());
        assert_eq!(other.seen.list(), Vec::<String>::new(), "a pay must not reach the second host");
    }
}

/// WeChat wants a minute between two refunds of one order, and two hosts are one WeChat.
#[tokio::test]
async fn a_refund_goes_to_the_other_host_only_when_nothing_left() {
    let other = good_server().await;
    let mut config = config(&nobody().await);
    config.fallback_url = Some(other.url());
    let exchange = gateway(&config).exchange(&call(Op::Refund)).await;
    assert!(matches!(exchange.result, Ok(Answer::Refund(_))), "{exchange:?}");
    let cut = server_that!(|stream, _head, seen| drop(stream));
    config.base_url = cut.url();
    let exchange = gateway(&config).exchange(&call(Op::Refund)).await;
    assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::Closed));
    assert_eq!(other.seen.count("POST /secapi/pay/refund"), 1);
    let exchange = gateway(&config).exchange(&call(Op::RefundQuery)).await;
    assert!(matches!(exchange.result, Ok(Answer::RefundQuery(_))), "{exchange:?}");
}

#[tokio::test]
async fn a_query_or_a_reversal_may_ask_the_other_host() {
    let cut = server_that!(|stream, _head, seen| drop(stream));
    let mute = server_that!(|stream, _head, seen| until_closed(&mut stream).await);
    for first in [cut.url(), mute.url(), nobody().await] {
        let other = good_server().await;
        let mut config = config(&first);
        config.fallback_url = Some(other.url());
        let gateway = gateway(&config);
        let exchange = gateway.exchange(&query()).await;
        assert!(is_paid(&exchange), "{first}: {exchange:?}");
        let exchange = gateway.exchange(&reverse()).await;
        assert!(matches!(exchange.result, Ok(Answer::Reverse(_))), "{first}: {exchange:?}");
    }
}

#[tokio::test]
async fn a_query_that_may_have_left_once_is_never_called_unsent() {
    let cut = server_that!(|stream, _head, seen| drop(stream));
    let mut config = config(&cut.url());
    config.fallback_url = Some(nobody().await);
    let exchange = gateway(&config).exchange(&query()).await;
    assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::Closed));
}

#[tokio::test]
async fn a_distrusted_reply_is_not_shopped_around() {
    let odd = server_that!(|stream, _head, seen| respond(&mut stream, "502 Bad Gateway", "", b"<html>").await?);
    let other = good_server().await;
    let mut config = config(&odd.url());
    config.fallback_url = Some(other.url());
    let exchange = gateway(&config).exchange(&query()).await;
    assert_doubt(&exchange, Doubt::Distrust(Distrust::Status(502)));
    assert_eq!(other.seen.count("connection"), 0);
}

#[tokio::test]
async fn a_connection_the_gateway_has_closed_meanwhile_is_replaced() {
    let server = server_that!(|stream, head, seen| {
        respond(&mut stream, "200 OK", "", &good_body(&head)).await?;
        drop(stream);
        seen.note("closed");
    });
    let gateway = gateway(&config(&server.url()));
    for round in 1..=3 {
        let exchange = gateway.exchange(&pay()).await;
        assert!(is_paid(&exchange), "{exchange:?}");
        assert_eq!(server.seen.count("POST /pay/micropay"), round);
        // The end of the connection is on its way through the kernel.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_kept_connection_that_dies_under_a_pay_does_not_send_it_again() {
    let server = serve(|mut stream, seen| async move {
        let (head, _) = request(&mut stream, &seen).await?;
        respond(&mut stream, "200 OK", "", &good_body(&head)).await?;
        // The second request on this connection is read and never answered.
        request(&mut stream, &seen).await?;
        Some(())
    })
    .await;
    let gateway = gateway(&config(&server.url()));
    assert!(is_paid(&gateway.exchange(&query()).await));
    let exchange = gateway.exchange(&pay()).await;
    assert_doubt(&exchange, Doubt::NoAnswer(NoAnswer::Closed));
    assert_eq!(server.seen.list(), ["connection", "POST /pay/orderquery", "POST /pay/micropay"]);
}

#[tokio::test]
async fn a_warmed_connection_carries_the_pay() {
    let server = good_server().await;
    let gateway = gateway(&config(&server.url()));
    gateway.warm().await.expect("somebody is there");
    gateway.warm().await.expect("somebody is there");
    assert!(is_paid(&gateway.exchange(&pay()).await));
    assert_eq!(server.seen.list(), ["connection", "GET /", "POST /pay/micropay"]);
}

#[tokio::test]
async fn warming_a_host_that_is_not_there_says_so_and_does_no_harm() {
    let mute = server_that!(|stream, _head, seen| until_closed(&mut stream).await);
    for url in [nobody().await, mute.url()] {
        let clock = Clock::start();
        assert!(gateway(&config(&url)).warm().await.is_err(), "{url}");
        assert!(clock.tick() < Tick::from_micros(6_000_000));
    }
}

#[tokio::test]
async fn a_flood_of_queries_is_held_back_and_what_is_too_much_is_not_sent() {
    let server = good_server().await;
    let mut config = config(&server.url());
    config.policy.query_timeout = Duration::from_secs(5);
    let gateway = Arc::new(gateway(&config));
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.exchange(&query()).await })
        })
        .collect();
    let mut paid: usize = 0;
    for task in tasks {
        let exchange = task.await.expect("no panic");
        if is_paid(&exchange) {
            paid = paid.saturating_add(1);
        } else {
            assert_not_sent(&exchange, NotSent::Busy);
        }
    }
    assert!((20..=22).contains(&paid), "{paid}");
    assert_eq!(server.seen.count("POST /pay/orderquery"), paid);
}

#[tokio::test]
async fn a_request_without_a_body_knows_the_difference_too() {
    let gateway = gateway_in(&config(&nobody().await), Arc::new(Bare));
    assert_not_sent(&gateway.exchange(&query()).await, NotSent::Refused);
    let cut = server_that!(|stream, _head, seen| drop(stream));
    let gateway = gateway_in(&config(&cut.url()), Arc::new(Bare));
    assert_doubt(&gateway.exchange(&query()).await, Doubt::NoAnswer(NoAnswer::Closed));
    assert_eq!(cut.seen.list(), ["connection", "GET /v3/order?mchid=1"]);
}

#[test]
fn plain_http_to_a_strange_host_is_refused_at_the_start() {
    let dialect = Arc::new(Bare);
    let error = Gateway::new(&config("http://192.0.2.1"), dialect, Clock::start(), Dice).expect_err("plain HTTP");
    assert!(matches!(error, GatewayError::Url { key: "base_url" }), "{error}");
}

/// Waits until the server has noted `what`; the other end of a connection learns of it a moment later.
async fn eventually(server: &Server, what: &str) {
    for _ in 0..200 {
        if server.seen.count(what) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.seen.list(), [what], "the server never noted it");
}

/// A dialect of requests without a body, as v3's queries are.
struct Bare;

impl Dialect for Bare {
    fn write(&self, _: &Call, _: &Stamp) -> HttpRequest {
        HttpRequest {
            method: "GET",
            path: "/v3/order?mchid=1".to_owned(),
            headers: Vec::new(),
            body: Vec::new().into(),
            needs_certificate: false,
        }
    }

    fn read(&self, _: &Call, _: &HttpReply, _: &Proof<'_>) -> Result<Answer, Distrust> {
        Ok(Answer::Query(QueryAnswer::NotPaid))
    }
}
