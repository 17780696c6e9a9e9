//! The limits: one raw durable commit of a row and a journal line, and two of them around a bare reqwest round trip.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::gateway::Gateway;
use super::now;

pub(crate) struct Limit {
    db: Connection,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    gateway: String,
    count: i64,
}

impl Limit {
    pub(crate) fn new(folder: &Path, gateway: String) -> Self {
        let db = Connection::open(folder.join("limit.sqlite")).expect("a file");
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE attempt (no INTEGER PRIMARY KEY, data TEXT) STRICT;
             CREATE TABLE journal (seq INTEGER PRIMARY KEY, data TEXT) STRICT;",
        )
        .expect("a schema");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
        let tls = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().expect("a client");
        Self { db, runtime, client, gateway, count: 0 }
    }

    /// One transaction of a row and a journal line of 300 bytes each, flushed.
    pub(crate) fn commit(&mut self) -> Duration {
        self.count += 1;
        let data = "x".repeat(300);
        let began = now();
        let tx = self.db.transaction().expect("a transaction");
        tx.prepare_cached("INSERT INTO attempt VALUES (?1, ?2)")
            .and_then(|mut it| it.execute((self.count, &data)))
            .expect("a row");
        tx.prepare_cached("INSERT INTO journal VALUES (?1, ?2)")
            .and_then(|mut it| it.execute((self.count, &data)))
            .expect("a line");
        tx.commit().expect("a commit");
        began.elapsed()
    }

    pub(crate) fn two_commits_and_a_round_trip(&mut self, gateway: &Gateway) -> Duration {
        let body = format!(
            "<xml><appid>wx8888888888888888</appid><mch_id>1900000109</mch_id><out_trade_no>LIMIT{:012}</out_trade_no>\
             <total_fee>8800</total_fee><fee_type>HKD</fee_type>{}</xml>",
            self.count,
            "<detail><![CDATA[x]]></detail>".repeat(20)
        );
        self.around(gateway, "/pay/micropay", body)
    }

    /// The gateway of v3 signs its reply, here as with the daemon.
    pub(crate) fn the_same_over_v3(&mut self, gateway: &Gateway) -> Duration {
        let body = format!(
            r#"{{"appid":"wx8888888888888888","mchid":"1900000109","out_trade_no":"LIMIT{:012}","amount":{{"total":8800,"currency":"HKD"}},"detail":"{}"}}"#,
            self.count,
            "x".repeat(300)
        );
        self.around(gateway, "/v3/global/micropay/transactions/pay", body)
    }

    fn around(&mut self, gateway: &Gateway, path: &str, body: String) -> Duration {
        let url = format!("{}{path}", self.gateway);
        let one = self.commit();
        let began = now();
        let answer = self.runtime.block_on(async {
            self.client.post(&url).body(body).send().await.expect("an answer").bytes().await.expect("a body")
        });
        let trip = began.elapsed();
        assert!(answer.len() > 300);
        gateway.next_pay();
        one + trip + self.commit()
    }
}
