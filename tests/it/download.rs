//! A statement's download against servers that misbehave: it is whole or it is an error, and it is never half a file.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha1::{Digest as _, Sha1};
use shroff::dialect::v2::SignType;
use shroff::dialect::{
    Announced, Dialect, Distrust, HttpReply, HttpRequest, NoStatement, Proof, ReportFault, Stamp, StatementHead,
    Statements, Warrant,
};
use shroff::edge::gateway::{Doubt, DownloadError, Fetched, Gateway, NoAnswer, NotSent, Progress, Statement};
use shroff::payment::{Answer, Call};
use shroff::sim::book::{PayRequest, Plan};
use shroff::sim::gateway::{Gateway as SimGateway, Options};
use shroff::words::{Day, Money};
use tokio::io::AsyncWriteExt as _;

use crate::counterpart::v2;
use crate::wire::{Server, config, gateway, gateway_in, nobody, request, respond, serve, until_closed};

/// A statement of WeChat's, as the protocol's vectors have it.
const REAL: &[u8] = include_bytes!("../data/statements/statement_v2_all.csv");
/// Its size.
const LENGTH: u64 = 1990;

#[tokio::test]
async fn a_statement_comes_whole_packed_or_not_and_by_its_length_or_in_chunks() {
    let length = |body: &[u8]| format!("content-length: {}\r\n", body.len());
    let packed = pack(REAL);
    let chunked = "transfer-encoding: chunked\r\n".to_owned();
    for (headers, body) in [
        (length(REAL), REAL.to_vec()),
        (length(&packed), packed.clone()),
        (chunked.clone(), in_chunks(REAL)),
        (chunked, in_chunks(&packed)),
        // Its own checksum tells the end of a packed body.
        ("connection: close\r\n".to_owned(), packed.clone()),
        (format!("content-encoding: gzip\r\n{}", length(&packed)), packed),
    ] {
        let server = server_saying(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n"), &body).await;
        let (outcome, text, steps) = fetch(&gateway(&config(&server.url()))).await;
        let Ok(Fetched::File(statement)) = outcome else { unreachable!("{headers}: {outcome:?}") };
        assert_eq!((statement.bytes, statement.rows_said, statement.rows), (LENGTH, Some(5), 5), "{headers}");
        assert!(text == REAL && !statement.signed, "{headers}");
        assert_eq!(steps.last().map(|step| step.received), Some(statement.received), "{headers}");
        assert_eq!(server.seen.list(), ["connection", "POST /pay/downloadbill"]);
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_an_error_wherever_it_is_cut() {
    let packed = pack(REAL);
    for body in [REAL.to_vec(), packed] {
        for at in [0, 1, 2, 15, body.len() / 2, body.len() - 1] {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let server = server_saying(&head, &body[..at]).await;
            let (outcome, ..) = fetch(&gateway(&config(&server.url()))).await;
            let closed = matches!(outcome, Err(DownloadError::Doubt(Doubt::NoAnswer(NoAnswer::Closed))));
            assert!(closed, "cut at {at} of {}: {outcome:?}", body.len());
        }
        let chunked = in_chunks(&body);
        let server =
            server_saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &chunked[..chunked.len() - 5]);
        let (outcome, ..) = fetch(&gateway(&config(&server.await.url()))).await;
        assert!(matches!(outcome, Err(DownloadError::Doubt(Doubt::NoAnswer(_)))), "no last chunk: {outcome:?}");
    }
}

#[tokio::test]
async fn a_body_whose_end_nobody_told_is_not_taken_for_whole() {
    let server = server_saying("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", REAL).await;
    let (outcome, ..) = fetch(&gateway(&config(&server.url()))).await;
    assert!(is_distrusted(&outcome, "a cut would not be seen"), "{outcome:?}");
}

#[tokio::test]
async fn a_file_that_was_cut_before_it_was_sent_is_not_taken_for_whole() {
    for at in [16, 500, REAL.len() / 2, REAL.len() - 100] {
        for body in [REAL[..at].to_vec(), pack(&REAL[..at])] {
            let (outcome, ..) = fetch(&gateway(&config(&good(&body).await.url()))).await;
            assert!(is_distrusted(&outcome, "does not end with its summary"), "cut at {at}: {outcome:?}");
        }
    }
    let body = pack(REAL);
    let (outcome, ..) = fetch(&gateway(&config(&good(&body[..body.len() / 2]).await.url()))).await;
    assert!(matches!(outcome, Err(DownloadError::Packed)), "{outcome:?}");
}

#[tokio::test]
async fn rows_that_are_not_as_many_as_the_summary_says_are_told() {
    let text = String::from_utf8(REAL.to_vec()).expect("text");
    let mut lines: Vec<&str> = text.split_inclusive("\r\n").collect();
    lines.remove(2);
    let body = lines.concat();
    let (outcome, ..) = fetch(&gateway(&config(&good(body.as_bytes()).await.url()))).await;
    let Ok(Fetched::File(Statement { rows_said: Some(5), rows: 4, .. })) = outcome else { unreachable!("{outcome:?}") };
}

#[tokio::test]
async fn words_in_a_files_place_say_why_there_is_none() {
    let says = |text: &str| format!("<xml><return_code>FAIL</return_code><return_msg>{text}</return_msg></xml>");
    for (text, none) in [
        ("No Bill Exist", NoStatement::Empty),
        ("Bill Creating", NoStatement::NotReady),
        ("SIGN ERROR", NoStatement::refused(ReportFault::Keys, "", "SIGN ERROR")),
    ] {
        for body in [says(text).into_bytes(), pack(says(text).as_bytes())] {
            let (outcome, written, _) = fetch(&gateway(&config(&good(&body).await.url()))).await;
            assert_eq!(outcome.expect("words"), Fetched::None(none.clone()));
            assert!(written.is_empty(), "nothing is written");
        }
    }
}

#[tokio::test]
async fn what_is_no_statement_and_no_words_of_the_gateways_is_distrusted() {
    let page = b"<html><body>Please sign in to the shop's Wi-Fi</body></html>";
    for (status, body, why) in [
        ("200 OK", &page[..], "the root is not xml"),
        ("502 Bad Gateway", page, "HTTP status 502"),
        ("302 Found", b"", "HTTP status 302"),
        ("200 OK", b"", "neither as a statement nor as an error"),
        ("200 OK", b"{\"code\":\"x\"}", "neither as a statement nor as an error"),
        ("200 OK", b"\x1f\x8b\x08\x00 no gzip at all", ""),
    ] {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        let (outcome, ..) = fetch(&gateway(&config(&server_saying(&head, body).await.url()))).await;
        let packed = why.is_empty() && matches!(outcome, Err(DownloadError::Packed));
        assert!(packed || is_distrusted(&outcome, why), "{status}: {outcome:?}");
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\n";
    let (outcome, ..) = fetch(&gateway(&config(&server_saying(head, b"x").await.url()))).await;
    assert!(is_distrusted(&outcome, "a Content-Encoding"), "{outcome:?}");
}

#[tokio::test]
async fn a_piece_that_never_comes_is_not_waited_for_for_ever() {
    for sent in [0, 300] {
        let server = serve(move |mut stream, seen| async move {
            request(&mut stream, &seen).await?;
            if sent > 0 {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", REAL.len());
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(&REAL[..sent]).await.ok()?;
            }
            until_closed(&mut stream).await;
            Some(())
        })
        .await;
        let (outcome, ..) = fetch(&gateway(&config(&server.url()))).await;
        let late = matches!(outcome, Err(DownloadError::Doubt(Doubt::NoAnswer(NoAnswer::TimedOut))));
        assert!(late, "after {sent} bytes: {outcome:?}");
    }
}

#[tokio::test]
async fn pieces_may_take_longer_together_than_one_of_them_may() {
    let server = serve(|mut stream, seen| async move {
        request(&mut stream, &seen).await?;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", REAL.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        for piece in REAL.chunks(REAL.len().div_ceil(5)) {
            tokio::time::sleep(Duration::from_millis(600)).await;
            stream.write_all(piece).await.ok()?;
        }
        Some(())
    })
    .await;
    // Five pieces take 3 s, and each may take 2 s.
    let (outcome, text, steps) = fetch(&gateway(&config(&server.url()))).await;
    assert!(matches!(outcome, Ok(Fetched::File(_))) && text == REAL, "{outcome:?}");
    assert!(steps.len() > 3 && steps.iter().all(|step| step.expected == Some(LENGTH)), "{steps:?}");
}

#[tokio::test]
async fn the_other_host_is_asked_for_all_of_it_when_the_first_fails_in_whatever_way() {
    let cut = server_saying("HTTP/1.1 200 OK\r\ncontent-length: 1990\r\n\r\n", &REAL[..1800]).await;
    let broken = server_saying("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", b"").await;
    let damaged = good(&pack(REAL)[..300]).await;
    for first in [nobody().await, cut.url(), broken.url(), damaged.url()] {
        let mut config = config(&first);
        config.fallback_url = Some(good(&pack(REAL)).await.url());
        let (outcome, text, _) = fetch(&gateway(&config)).await;
        assert!(matches!(outcome, Ok(Fetched::File(_))) && text == REAL, "{first}: {outcome:?}");
    }
    // When both fail, the one that was heard of says why.
    let mut config = config(&broken.url());
    config.fallback_url = Some(nobody().await);
    let (outcome, ..) = fetch(&gateway(&config)).await;
    assert!(is_distrusted(&outcome, "502"), "{outcome:?}");
}

#[tokio::test]
async fn a_word_of_the_gateways_is_not_asked_for_twice() {
    let says = b"<xml><return_code>FAIL</return_code><return_msg>Bill Creating</return_msg></xml>";
    let (first, second) = (good(says).await, good(&pack(REAL)).await);
    let mut config = config(&first.url());
    config.fallback_url = Some(second.url());
    let (outcome, ..) = fetch(&gateway(&config)).await;
    assert_eq!(outcome.expect("a word"), Fetched::None(NoStatement::NotReady));
    assert!(second.seen.list().is_empty());
}

#[tokio::test]
async fn a_gateway_that_cannot_pack_is_asked_unpacked() {
    let server = serve(|mut stream, seen| async move {
        loop {
            let (_, body) = request(&mut stream, &seen).await?;
            let packed = String::from_utf8_lossy(&body).contains("<tar_type>GZIP</tar_type>");
            seen.note(if packed { "packed" } else { "plain" });
            let error = b"<xml><return_code>FAIL</return_code><return_msg>CompressGZip Error</return_msg></xml>";
            respond(&mut stream, "200 OK", "", if packed { &error[..] } else { REAL }).await?;
        }
    })
    .await;
    let (outcome, text, _) = fetch(&gateway(&config(&server.url()))).await;
    assert!(matches!(outcome, Ok(Fetched::File(_))) && text == REAL, "{outcome:?}");
    let notes = server.seen.list();
    assert!(notes.contains(&"packed".to_owned()) && notes.contains(&"plain".to_owned()), "{notes:?}");
}

#[tokio::test]
async fn nobody_there_is_not_sent() {
    let (outcome, ..) = fetch(&gateway(&config(&nobody().await))).await;
    let refused = matches!(outcome, Err(DownloadError::Doubt(Doubt::NotSent(NotSent::Refused))));
    assert!(refused, "{outcome:?}");
}

#[tokio::test]
async fn a_disk_that_is_full_is_no_fault_of_the_hosts() {
    let (first, second) = (good(&pack(REAL)).await, good(&pack(REAL)).await);
    let mut config = config(&first.url());
    config.fallback_url = Some(second.url());
    // A device takes no length; the write itself is what fails on a real one.
    let mut full = File::options().write(true).open("/dev/full").expect("a device");
    let outcome = gateway(&config).statement(day(), &mut full, &mut |_| ()).await;
    assert!(matches!(outcome, Err(DownloadError::Disk(_))), "{outcome:?}");
    assert!(second.seen.list().is_empty());
}

#[tokio::test]
async fn a_dialect_that_has_a_signed_digest_is_held_to_it() {
    let fetch_signed = async |digest: [u8; 20], body: &[u8]| {
        let gateway = gateway_in(&config(&good(body).await.url()), Arc::new(Signed(digest)));
        fetch(&gateway).await
    };
    let digest: [u8; 20] = Sha1::digest(REAL).into();
    for body in [REAL.to_vec(), pack(REAL)] {
        let (outcome, text, _) = fetch_signed(digest, &body).await;
        let Ok(Fetched::File(statement)) = outcome else { unreachable!("{outcome:?}") };
        assert!(statement.signed && statement.rows_said.is_none() && text == REAL);
    }
    let (outcome, ..) = fetch_signed(digest, &REAL[..REAL.len() - 1]).await;
    assert!(matches!(outcome, Err(DownloadError::Digest)), "{outcome:?}");
}

#[tokio::test]
async fn the_simulated_gateways_statement_is_fetched_and_its_words_are_understood() {
    let sim = SimGateway::start(Options::default()).await.expect("a gateway");
    let merchant = Options::default().merchant;
    let shop = shroff::dialect::Merchant {
        appid: merchant.appid.parse().expect("an appid"),
        mch_id: merchant.mch_id.parse().expect("a number"),
        sub_mch_id: None,
        ..crate::counterpart::merchant()
    };
    let key = shroff::words::Secret::new(merchant.key.clone().into_bytes());
    let dialect = shroff::dialect::v2::V2::new(shop, key, SignType::HmacSha256);
    let gateway = gateway_in(&config(&format!("http://{}", sim.http())), Arc::new(dialect));
    let today = Day::of(shroff::edge::clock::Clock::start().wall());
    sim.with_book(|book, now| {
        let amount = Money::new(8800, "HKD".parse().expect("a currency")).expect("an amount");
        for n in 0..1000 {
            let (out_trade_no, auth_code) = (format!("order-{n}"), format!("{n}"));
            let request = PayRequest {
                out_trade_no: &out_trade_no,
                auth_code: &auth_code,
                amount,
                mch_id: &merchant.mch_id,
                sub_mch_id: "",
                attach: "",
                sent: now,
                copy: false,
            };
            book.pay(&request, now, &Plan::PAYS);
        }
    });
    let ask = async || {
        let mut file = tempfile::tempfile().expect("a file");
        gateway.statement(today, &mut file, &mut |_| ()).await.expect("an answer")
    };
    assert_eq!(ask().await, Fetched::None(NoStatement::NotReady));
    sim.with_book(|book, now| book.advance(now.after(Duration::from_secs(48 * 3600))));
    let Fetched::File(statement) = ask().await else { unreachable!("a file") };
    assert_eq!((statement.rows_said, statement.rows), (Some(1000), 1000));
    assert!(statement.received < statement.bytes / 4, "it came packed: {statement:?}");
    // A key that does not fit.
    let stranger = gateway_in(&config(&format!("http://{}", sim.http())), Arc::new(v2(SignType::Md5)));
    let mut file = tempfile::tempfile().expect("a file");
    let outcome = stranger.statement(today, &mut file, &mut |_| ()).await.expect("a word");
    let keys = matches!(&outcome, Fetched::None(NoStatement::Refused { fault: ReportFault::Keys, .. }));
    assert!(keys, "{outcome:?}");
    sim.stop().await.expect("it stops");
}

fn day() -> Day {
    "2026-03-02".parse().expect("a day")
}

/// Fetches into a file that held something else before: the outcome, what then stands in it, and the steps.
async fn fetch(gateway: &Gateway) -> (Result<Fetched, DownloadError>, Vec<u8>, Vec<Progress>) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&[b'?'; 5000]).expect("a write");
    let steps = Mutex::new(Vec::new());
    let outcome =
        gateway.statement(day(), &mut file, &mut |step| steps.lock().expect("nobody panicked").push(step)).await;
    file.rewind().expect("a file");
    let mut text = Vec::new();
    file.read_to_end(&mut text).expect("a file");
    (outcome, text, steps.into_inner().expect("nobody panicked"))
}

fn is_distrusted(outcome: &Result<Fetched, DownloadError>, why: &str) -> bool {
    let Err(DownloadError::Doubt(Doubt::Distrust(distrust)) | DownloadError::Cut(distrust)) = outcome else {
        return false;
    };
    distrust.to_string().contains(why)
}

/// A server that says exactly this to every request, and closes.
async fn server_saying(head: &str, body: &[u8]) -> Server {
    let (head, body) = (Arc::new(head.to_owned()), Arc::new(body.to_vec()));
    serve(move |mut stream, seen| {
        let (head, body) = (Arc::clone(&head), Arc::clone(&body));
        async move {
            request(&mut stream, &seen).await?;
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.write_all(&body).await.ok()?;
            stream.shutdown().await.ok()
        }
    })
    .await
}

/// A server that answers with this body.
async fn good(body: &[u8]) -> Server {
    server_saying(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()), body).await
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    let mut all: Vec<u8> = body.chunks(100).flat_map(chunk).collect();
    all.extend_from_slice(b"0\r\n\r\n");
    all
}

fn pack(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text).expect("a vector");
    packer.finish().expect("a vector")
}

/// A dialect whose statements have a signed digest, as v3's.
struct Signed([u8; 20]);

impl Dialect for Signed {
    fn write(&self, _: &Call, _: &Stamp) -> HttpRequest {
        unreachable!("only a statement is asked for")
    }

    fn read(&self, _: &Call, _: &HttpReply, _: &Proof<'_>) -> Result<Answer, Distrust> {
        unreachable!("only a statement is asked for")
    }

    fn statements(&self) -> Option<&dyn Statements> {
        Some(self)
    }
}

impl Statements for Signed {
    fn write(&self, day: Day, packed: bool, _: &Stamp) -> HttpRequest {
        HttpRequest {
            method: "GET",
            path: format!("/v3/global/statements?date={day}"),
            headers: if packed { vec![("accept-encoding", "gzip".to_owned())] } else { Vec::new() },
            body: Vec::new().into(),
            needs_certificate: false,
        }
    }

    fn read_head(&self, head: &StatementHead<'_>) -> Result<Announced, Distrust> {
        Ok(if head.status == 200 { Announced::File(Warrant::Sha1(self.0)) } else { Announced::Words })
    }

    fn read_end(&self, _: &[u8]) -> Result<Option<u64>, Distrust> {
        Ok(None)
    }

    fn read_none(&self, _: &HttpReply, _: &Proof<'_>) -> Result<NoStatement, Distrust> {
        Ok(NoStatement::Empty)
    }
}
