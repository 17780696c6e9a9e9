//! The gateway client over TLS: whom it trusts, and to whom it shows its certificate.

use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivatePkcs8KeyDer;
use shroff::dialect::v2::SignType;
use shroff::edge::clock::Clock;
use shroff::edge::dice::Dice;
use shroff::edge::gateway::{Doubt, Gateway, GatewayConfig, GatewayError, Identity, NoAnswer, NotSent};
use shroff::payment::answer::{Answer, PayAnswer};
use shroff::words::Secret;
use tokio_rustls::TlsAcceptor;

use crate::counterpart::v2;
use crate::wire::{Server, config, gateway, good_body, pay, request, respond, reverse, serve};

/// A certificate authority with the gateway's and the merchant's certificates, and a folder with their files.
struct Pki {
    folder: tempfile::TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root");
        let pki = Self { folder: tempfile::tempdir().expect("a folder"), authority };
        let (cert, key) = pki.certificate("merchant");
        pki.file("ca.pem", pki.authority.pem().as_bytes());
        pki.file("apiclient_cert.pem", cert.pem().as_bytes());
        pki.file("apiclient_key.pem", key.serialize_pem().as_bytes());
        pki.file("apiclient_cert.p12", &key_store(&cert, &key));
        pki
    }

    fn certificate(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.authority).expect("a certificate"), key)
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).expect("a file");
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).expect("a file")
    }

    fn pem(&self) -> Identity {
        Identity::Pem { cert: self.bytes("apiclient_cert.pem"), key: Secret::new(self.bytes("apiclient_key.pem")) }
    }

    fn pkcs12(&self, password: &str) -> Identity {
        let password = Secret::new(password.as_bytes().to_vec());
        Identity::Pkcs12 { store: Secret::new(self.bytes("apiclient_cert.p12")), password }
    }

    /// A gateway that takes connections with and without a client certificate and notes which it was.
    async fn server(&self, demands: bool) -> Server {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("a root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = if demands { verifier } else { verifier.allow_unauthenticated() };
        let (cert, key) = self.certificate("gateway");
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![cert.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        serve(move |stream, seen| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                let shown = stream.get_ref().1.peer_certificates().is_some();
                loop {
                    let (head, _) = request(&mut stream, &seen).await?;
                    let path = head.split(' ').nth(1).unwrap_or_default();
                    seen.note(&format!("{path} {}", if shown { "with" } else { "without" }));
                    respond(&mut stream, "200 OK", "", &good_body(&head)).await?;
                }
            }
        })
        .await
    }

    fn config(&self, server: &Server, identity: Option<Identity>) -> GatewayConfig {
        let extra_roots = Some(self.bytes("ca.pem"));
        GatewayConfig { extra_roots, identity, ..config(&format!("https://{}", server.address)) }
    }
}

fn key_store(cert: &rcgen::Certificate, key: &KeyPair) -> Vec<u8> {
    use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
    let cert = Certificate::from_der(cert.der()).expect("a certificate");
    let key = PrivateKey::from_der(&key.serialize_der()).expect("a key");
    let mut store = KeyStore::new();
    store.add_entry("merchant", KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("1", key, [cert])));
    store.writer("10000100").encryption_iterations(100).mac_iterations(100).write().expect("a key store")
}

#[tokio::test]
async fn a_root_from_ca_file_is_trusted_and_another_is_not() {
    let pki = Pki::new();
    let server = pki.server(false).await;
    let exchange = gateway(&pki.config(&server, None)).exchange(&pay()).await;
    assert!(matches!(exchange.result, Ok(Answer::Pay(PayAnswer::Paid(_)))), "{exchange:?}");

    let stranger = GatewayConfig { extra_roots: None, ..pki.config(&server, None) };
    let exchange = gateway(&stranger).exchange(&pay()).await;
    assert_eq!((exchange.sent_at, exchange.result), (None, Err(Doubt::NotSent(NotSent::Tls))));
    assert_eq!(server.seen.count("POST /pay/micropay"), 1);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let pki = Pki::new();
    let server = pki.server(false).await;
    let mut config = pki.config(&server, None);
    config.base_url = format!("https://localhost:{}", server.address.port());
    let exchange = gateway(&config).exchange(&pay()).await;
    assert_eq!((exchange.sent_at, exchange.result), (None, Err(Doubt::NotSent(NotSent::Tls))));
}

#[tokio::test]
async fn plain_text_where_tls_is_expected_is_not_sent() {
    let server = serve(|mut stream, _| async move {
        respond(&mut stream, "400 Bad Request", "", b"plain HTTP only").await?;
        crate::wire::until_closed(&mut stream).await;
        Some(())
    })
    .await;
    let exchange = gateway(&config(&format!("https://{}", server.address))).exchange(&pay()).await;
    assert_eq!((exchange.sent_at, exchange.result), (None, Err(Doubt::NotSent(NotSent::Tls))));
}

#[tokio::test]
async fn the_certificate_is_shown_for_secapi_and_for_nothing_else() {
    let pki = Pki::new();
    for identity in [pki.pem(), pki.pkcs12("10000100")] {
        let server = pki.server(false).await;
        let gateway = gateway(&pki.config(&server, Some(identity)));
        gateway.warm().await.expect("the gateway is there");
        for call in [pay(), reverse(), pay(), reverse()] {
            let exchange = gateway.exchange(&call).await;
            assert!(exchange.result.is_ok(), "{exchange:?}");
        }
        let seen = server.seen;
        assert_eq!((seen.count("/pay/micropay without"), seen.count("/secapi/pay/reverse with")), (2, 2));
        assert_eq!((seen.count("/ without"), seen.count("connection")), (1, 2), "{:?}", seen.list());
    }
}

#[tokio::test]
async fn without_a_certificate_secapi_is_not_even_tried() {
    let pki = Pki::new();
    let server = pki.server(false).await;
    let exchange = gateway(&pki.config(&server, None)).exchange(&reverse()).await;
    assert_eq!((exchange.sent_at, exchange.result), (None, Err(Doubt::NotSent(NotSent::NoCertificate))));
    assert_eq!(server.seen.count("connection"), 0);
}

#[tokio::test]
async fn a_gateway_that_rejects_our_certificate_after_the_handshake_leaves_doubt() {
    let (ours, theirs) = (Pki::new(), Pki::new());
    // The server knows another authority than the one that made our client certificate.
    let server = theirs.server(true).await;
    let config = theirs.config(&server, Some(ours.pem()));
    let exchange = gateway(&config).exchange(&reverse()).await;
    // TLS 1.3: the client is done before the server looks at its certificate, so bytes may have left.
    assert!(
        matches!(exchange.result, Err(Doubt::NoAnswer(NoAnswer::Tls | NoAnswer::Closed))) && exchange.sent_at.is_some(),
        "{exchange:?}"
    );
}

#[test]
fn an_error_names_the_file_and_what_is_wrong_with_it_and_shows_nothing_of_it() {
    let pki = Pki::new();
    pki.file("text", b"-----BEGIN SECRET-----canary\nnot a key\n");
    let pem = |cert: &str, key: &str| Identity::Pem { cert: pki.bytes(cert), key: Secret::new(pki.bytes(key)) };
    let (_, other_key) = pki.certificate("other");
    pki.file("other_key.pem", other_key.serialize_pem().as_bytes());
    for (ca, identity, says) in [
        (Some("text"), None, "ca_file * holds no root certificate in PEM form"),
        (Some("apiclient_key.pem"), None, "ca_file * holds no root certificate in PEM form"),
        (None, Some(pem("text", "apiclient_key.pem")), "client_cert_file * holds no certificate in PEM form"),
        (None, Some(pem("apiclient_cert.pem", "text")), "client_key_file * holds no unencrypted private key"),
        (None, Some(pem("apiclient_cert.pem", "apiclient_cert.pem")), "client_key_file * holds no unencrypted"),
        (None, Some(pem("apiclient_cert.pem", "other_key.pem")), "client_key_file * do not belong together"),
        (None, Some(pki.pkcs12("wrong")), "client_cert_file * the password is wrong"),
    ] {
        let config = GatewayConfig { extra_roots: ca.map(|ca| pki.bytes(ca)), identity, ..config("https://127.0.0.1") };
        let error = Gateway::new(&config, Arc::new(v2(SignType::Md5)), Clock::start(), Dice).expect_err(says);
        assert!(matches!(error, GatewayError::Tls(_)));
        let text = error.to_string();
        let (start, end) = says.split_once(" * ").expect("a pattern");
        assert!(text.contains(start) && text.contains(end), "{text} / {says}");
        assert!(!text.contains("canary") && !text.contains("BEGIN SECRET"));
    }
}
