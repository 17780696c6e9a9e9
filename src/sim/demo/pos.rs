//! A POS: the local API as an integrator would use it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// Long polls of this many seconds.
const POLL: u64 = 10;
/// How long the daemon may be away before the demo gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries to reach it.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// A client of the API.
#[derive(Clone)]
pub(super) struct Pos {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Pos {
    pub(super) fn new(base: String, token: String) -> anyhow::Result<Self> {
        let tls = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build()?;
        Ok(Self { http, base, token })
    }

    /// Waits until the daemon takes payments.
    pub(super) async fn wait_ready(&self) -> anyhow::Result<()> {
        let ready = async {
            loop {
                let url = format!("{}/readyz", self.base);
                if self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.context("the daemon did not become ready")
    }

    /// Waits until every scanner of the terminal is connected.
    pub(super) async fn wait_scanner(&self) -> anyhow::Result<()> {
        let connected = async {
            loop {
                let devices = self.get("/v1/devices").await.unwrap_or_default();
                let all = devices.get("devices").and_then(Value::as_array).cloned().unwrap_or_default();
                if !all.is_empty() && all.iter().all(|it| it.get("state").and_then(Value::as_str) == Some("connected"))
                {
                    return;
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
        };
        tokio::time::timeout(PATIENCE, connected).await.context("the scanner was not found")
    }

    /// Asks for a payment.
    pub(super) async fn collect(&self, client_ref: &str, amount: u64) -> anyhow::Result<Value> {
        let body = json!({ "client_ref": client_ref, "amount": amount, "operator": "demo" });
        self.post("/v1/payments", &body).await
    }

    /// The payment, once it has moved past `after`; or as it is when nothing moves. Goes on asking while the daemon is
    /// away: that is what the API is made for.
    pub(super) async fn after(&self, reference: &str, after: u64) -> anyhow::Result<Value> {
        let asked = async {
            loop {
                let path = format!("/v1/payments/{reference}?wait={POLL}&after={after}");
                if let Ok(payment) = self.get(&path).await {
                    return payment;
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
        };
        let limit = PATIENCE.saturating_add(Duration::from_secs(POLL));
        tokio::time::timeout(limit, asked).await.context("the daemon does not answer")
    }

    /// Tells the daemon that the result is recorded.
    pub(super) async fn ack(&self, reference: &str) -> anyhow::Result<()> {
        self.post(&format!("/v1/payments/{reference}/ack"), &json!({})).await.map(|_| ())
    }

    /// Asks for money to be given back, all of it or `amount`.
    pub(super) async fn refund(&self, reference: &str, refund_ref: &str, amount: Option<u64>) -> anyhow::Result<Value> {
        let body = json!({ "refund_ref": refund_ref, "amount": amount, "reason": "demo" });
        self.post(&format!("/v1/payments/{reference}/refunds"), &body).await
    }

    /// The refund when it has ended.
    pub(super) async fn refunded(&self, refund_ref: &str) -> anyhow::Result<Value> {
        let ended = async {
            let mut seq = 0;
            loop {
                let path = format!("/v1/refunds/{refund_ref}?wait={POLL}&after={seq}");
                if let Ok(refund) = self.get(&path).await {
                    if refund.get("final").and_then(Value::as_bool).unwrap_or_default() {
                        return refund;
                    }
                    seq = refund.get("seq").and_then(Value::as_u64).unwrap_or(seq);
                } else {
                    tokio::time::sleep(TRY_AGAIN).await;
                }
            }
        };
        let limit = PATIENCE.saturating_add(Duration::from_secs(POLL));
        tokio::time::timeout(limit, ended).await.context("the refund does not end")
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        Self::json(request).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        Self::json(request).await
    }

    async fn json(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        let value: Value = serde_json::from_slice(&body)?;
        if !status.is_success() {
            bail!("{}", value.get("detail").and_then(Value::as_str).unwrap_or("the daemon refused"));
        }
        Ok(value)
    }
}
