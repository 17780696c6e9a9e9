//! The list of settlements against gateways that count, page and fail in their own ways.

use std::sync::Arc;

use shroff::dialect::{
    Batch, Dialect, Distrust, HttpReply, HttpRequest, Proof, Settled, SettledPage, Settlements, Settling, Stamp,
};
use shroff::edge::gateway::{Doubt, ListError, Listed};
use shroff::payment::{Answer, Call};
use tokio::io::AsyncWriteExt as _;

use crate::wire::{Server, config, gateway_in, nobody, request, respond, serve};

#[tokio::test]
async fn pages_are_put_together_whether_the_gateway_counts_from_nought_or_from_one() {
    for first in [0, 1] {
        for total in [0, 1, 9, 10, 11, 20, 25, 100] {
            let server = pages(total, first, 10).await;
            let (listed, steps) = list(&server.url()).await;
            let Ok(Listed::All(batches)) = listed else { unreachable!("{total} from {first}: {listed:?}") };
            let ids: Vec<String> = batches.iter().map(|it| it.id.clone()).collect();
            assert_eq!(ids, (0..total).map(|n| n.to_string()).collect::<Vec<_>>(), "{total} from {first}");
            assert!(steps.last() == Some(&(total, total)), "{steps:?}");
        }
    }
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_none() {
    // It says more than it gives; it gives the same page for ever; it gives more than it says.
    for (total, given) in [(30, 25), (5, 3), (3, 5)] {
        let server = serve(move |mut stream, seen| async move {
            loop {
                let (head, _) = request(&mut stream, &seen).await?;
                respond(&mut stream, "200 OK", "", page(total, asked(&head), given, 10).as_bytes()).await?;
            }
        })
        .await;
        let (listed, _) = list(&server.url()).await;
        assert!(matches!(listed, Err(ListError::Torn { said, .. }) if said == total), "{total}: {listed:?}");
    }
    let same = serve(|mut stream, seen| async move {
        loop {
            request(&mut stream, &seen).await?;
            respond(&mut stream, "200 OK", "", page(30, 0, 30, 10).as_bytes()).await?;
        }
    })
    .await;
    let (listed, _) = list(&same.url()).await;
    assert_eq!(listed, Err(ListError::Torn { said: 30, came: 10 }));
    let growing = serve(|mut stream, seen| async move {
        let mut total = 20;
        loop {
            let (head, _) = request(&mut stream, &seen).await?;
            respond(&mut stream, "200 OK", "", page(total, asked(&head), total, 10).as_bytes()).await?;
            total += 1;
        }
    })
    .await;
    let (listed, _) = list(&growing.url()).await;
    assert!(matches!(listed, Err(ListError::Torn { .. })), "{listed:?}");
}

#[tokio::test]
async fn a_list_without_end_is_left_at_once() {
    let server = pages(8_001, 0, 10).await;
    assert_eq!(list(&server.url()).await.0, Err(ListError::TooMany(8_001)));
    assert_eq!(server.seen.count("GET /list?offset=0"), 1);
}

#[tokio::test]
async fn the_other_host_is_asked_when_the_first_does_not_answer_and_not_when_it_does() {
    let good = pages(12, 0, 10).await;
    let dumb = serve(|mut stream, seen| async move {
        request(&mut stream, &seen).await?;
        stream.shutdown().await.ok()
    })
    .await;
    for first in [nobody().await, dumb.url()] {
        let mut config = config(&first);
        config.fallback_url = Some(good.url());
        let listed = gateway_in(&config, Arc::new(Plain)).settlements(Settling::Open, &mut |_, _| ()).await;
        assert!(matches!(&listed, Ok(Listed::All(batches)) if batches.len() == 12), "{first}: {listed:?}");
    }
    let mut absent = config(&nobody().await);
    absent.fallback_url = Some(pages(45, 0, 10).await.url());
    let way = gateway_in(&absent, Arc::new(Plain));
    let listed = way.settlements(Settling::Open, &mut |_, _| ()).await;
    assert!(matches!(&listed, Ok(Listed::All(batches)) if batches.len() == 45), "{listed:?}");
    let ill = serve(|mut stream, seen| async move {
        request(&mut stream, &seen).await?;
        respond(&mut stream, "502 Bad Gateway", "", b"").await
    })
    .await;
    let before = good.seen.list().len();
    let mut config = config(&ill.url());
    config.fallback_url = Some(good.url());
    let listed = gateway_in(&config, Arc::new(Plain)).settlements(Settling::Open, &mut |_, _| ()).await;
    assert_eq!(listed, Err(ListError::Doubt(Doubt::Distrust(Distrust::Status(502)))));
    assert_eq!(good.seen.list().len(), before);
}

async fn list(url: &str) -> (Result<Listed, ListError>, Vec<(u64, u64)>) {
    let mut steps = Vec::new();
    let listed =
        gateway_in(&config(url), Arc::new(Plain)).settlements(Settling::Open, &mut |n, all| steps.push((n, all))).await;
    (listed, steps)
}

/// A gateway with `total` records, the first of which has the number `first`.
async fn pages(total: u64, first: u64, most: u64) -> Server {
    serve(move |mut stream, seen| async move {
        loop {
            let (head, _) = request(&mut stream, &seen).await?;
            let offset = asked(&head).max(first) - first;
            respond(&mut stream, "200 OK", "", page(total, offset, total, most).as_bytes()).await?;
        }
    })
    .await
}

/// The offset of a request.
fn asked(head: &str) -> u64 {
    let (_, rest) = head.split_once("offset=").expect("an offset");
    rest.split(' ').next().and_then(|digits| digits.parse().ok()).expect("a number")
}

/// A page as [`Plain`] reads it.
fn page(total: u64, from: u64, given: u64, most: u64) -> String {
    let ids: Vec<String> = (from..given).take(usize::try_from(most).expect("few")).map(|n| n.to_string()).collect();
    format!("{total};{}", ids.join(","))
}

/// A dialect of settlements and nothing else.
struct Plain;

impl Dialect for Plain {
    fn write(&self, _: &Call, _: &Stamp) -> HttpRequest {
        unreachable!("only settlements are asked for")
    }

    fn read(&self, _: &Call, _: &HttpReply, _: &Proof<'_>) -> Result<Answer, Distrust> {
        unreachable!("only settlements are asked for")
    }

    fn settlements(&self) -> Option<&dyn Settlements> {
        Some(self)
    }
}

impl Settlements for Plain {
    fn write(&self, _: Settling, offset: u64, _: &Stamp) -> HttpRequest {
        let (headers, body) = (Vec::new(), Vec::new().into());
        HttpRequest { method: "GET", path: format!("/list?offset={offset}"), headers, body, needs_certificate: false }
    }

    fn read(&self, _: Settling, reply: &HttpReply, _: &Proof<'_>) -> Result<Settled, Distrust> {
        if reply.status != 200 {
            return Err(Distrust::Status(reply.status));
        }
        let text = std::str::from_utf8(&reply.body).expect("text");
        let (total, ids) = text.split_once(';').expect("a page");
        let batches = ids.split(',').filter(|id| !id.is_empty()).map(|id| Batch {
            id: id.to_owned(),
            settled_on: None,
            traded_from: "2026-11-20".parse().expect("a day"),
            traded_to: "2026-11-20".parse().expect("a day"),
            currency: "HKD".parse().expect("a currency"),
            paid: 0,
            refunded: 0,
            net: 0,
            fee: 0,
            settled: 0,
            unsettled: 0,
            wallet: String::new(),
        });
        let total = total.parse().expect("a number");
        Ok(Settled::Page(SettledPage { total, batches: batches.collect() }))
    }
}
