//! What is wrong with a terminal is seen wherever somebody looks: `/readyz`, `/metrics`, systemd's status line, the log.

use serde_json::Value;
use shroff::sim::book::Op;
use shroff::sim::faults::{Deed, Forgery, Rule};

use super::CODE;
use super::counter::Counter;
use super::service::Service;

/// The codes of `/readyz`.
fn problems(counter: &Counter) -> Vec<String> {
    let ready = counter.api().get("/readyz").json();
    let problems = ready["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().filter_map(|problem| problem["code"].as_str()).map(str::to_owned).collect()
}

fn sells(counter: &Counter, name: &str) {
    let ask = format!(r#"{{"client_ref":"{name}","amount":500,"auth_code":"{CODE}"}}"#);
    assert_eq!(counter.api().post("/v1/payments", &ask).status, 201);
}

/// Changes one digit of the key.
fn rotate(counter: &Counter) {
    let mut key = std::fs::read_to_string(counter.path("v2.key")).expect("a key");
    let last = key.pop();
    key.push(if last == Some('0') { '1' } else { '0' });
    counter.write("v2.key", &key);
}

#[test]
fn a_key_that_wechat_refuses_is_seen_wherever_somebody_looks() {
    let mut counter = Counter::with_gateway();
    rotate(&counter);
    counter.open();
    assert_eq!(problems(&counter), [""; 0]);
    sells(&counter, "R-1");
    let said = counter.daemon_says("WeChat Pay refuses our signature");
    assert!(said.contains("gateway.v2.key_file"), "{said}");
    assert_eq!(problems(&counter), ["key_mismatch"]);
    let metrics = counter.api().get("/metrics").body;
    assert!(metrics.contains("\nshroff_signature_refused 1\n"), "{metrics}");
    // Nobody signed the refusal, so the payment stays open until a question was answered.
    let payment: Value = counter.api().get("/v1/payments").json()["payments"][0].clone();
    assert_eq!(payment["money"], "unknown", "{payment}");
}

#[test]
fn systemds_status_line_names_a_refused_key() {
    let counter = Counter::with_gateway();
    rotate(&counter);
    let mut service = Service::start(counter);
    sells(&service.counter, "R-1");
    service.until("WeChat Pay refuses our signature");
}

#[test]
fn a_key_is_believed_again_with_the_first_call_that_is_carried_out() {
    for (mut counter, deed) in [
        (Counter::with_gateway(), Deed::ReturnFail { text: "签名错误".into(), does: false }),
        (Counter::with_v3_gateway(), Deed::ErrCode { code: "SIGNERROR".into(), does: false, recall: false }),
    ] {
        counter.sim().set_unsigned_errors(true);
        counter.sim().add(Rule::once(Op::Pay, deed));
        counter.open();
        sells(&counter, "R-1");
        counter.daemon_says("WeChat Pay refuses our signature");
        counter.daemon_says("WeChat Pay takes our signature again");
        assert_eq!(problems(&counter), [""; 0]);
    }
}

#[test]
fn replies_that_fail_their_signature_are_in_systemds_status_line() {
    let counter = Counter::with_gateway();
    for op in [Op::Pay, Op::Query] {
        counter.sim().add(Rule::always(op, Forgery::WrongSign));
    }
    let mut service = Service::start(counter);
    sells(&service.counter, "R-1");
    service.until("replies fail their signature");
    assert!(problems(&service.counter).contains(&"key_mismatch".to_owned()));
}

#[test]
fn a_display_that_is_gone_is_in_systemds_status_line() {
    let counter = Counter::new();
    counter.configure("[[display]]\nkind = \"vfd\"\ndevice = \"/nowhere/display\"\n");
    let mut service = Service::start(counter);
    service.until("vfd display /nowhere/display of lane 1 is gone");
}

#[test]
fn a_certificate_that_has_ended_is_told_from_the_start() {
    let counter = Counter::new();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    counter.write("apiclient_key.pem", &key.serialize_pem());
    counter.write("apiclient_cert.pem", &params.self_signed(&key).expect("a certificate").pem());
    let files = "client_cert_file = \"apiclient_cert.pem\"\nclient_key_file = \"apiclient_key.pem\"\n[ledger]";
    counter.reconfigure("[ledger]", files);
    let mut service = Service::start(counter);
    service.until("the merchant's certificate has ended");
    assert!(problems(&service.counter).contains(&"certificate_invalid".to_owned()));
}
