//! Commands that need neither daemon nor ledger.

use std::process::Stdio;

use super::counter::{Counter, shroff};

#[test]
fn a_good_configuration_is_fine_and_says_what_it_goes_without() {
    let counter = Counter::new();
    let checked = counter.shroff(&["config", "check"]).exits(0).prints("fine: terminal T01");
    checked.prints("no [[scanner]]").prints("no [[display]]").never_says("mock0v2secret0key0123456789abcde");
    let document = counter.json(&["config", "check", "--json"]);
    assert_eq!((&document["fine"], &document["errors"]), (&true.into(), &serde_json::json!([])), "{document}");
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let counter = Counter::new();
    counter.write("config.toml", "[gateway]\nappid = \"wx1\"\n[policy]\npay_timeout = 5\njiter = 1\n");
    let checked = counter.shroff(&["config", "check"]).exits(78);
    checked.tells("line 4: policy.pay_timeout").tells("did you mean policy.jitter").tells("gateway.mch_id is not set");
    let checked = counter.shroff(&["config", "check", "--json"]).exits(78);
    let document: serde_json::Value = serde_json::from_str(&checked.out).expect("one document");
    assert_eq!(document["fine"], false);
    assert!(document["errors"].as_array().is_some_and(|errors| errors.len() >= 3), "{document}");
    for command in ["payments", "attention", "verify"] {
        counter.shroff(&[command]).exits(78).tells("did you mean policy.jitter");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused_before_the_service_is() {
    let counter = Counter::new();
    let (ours, other) = (rcgen::KeyPair::generate().expect("a key"), rcgen::KeyPair::generate().expect("a key"));
    let certificate = rcgen::CertificateParams::default().self_signed(&ours).expect("a certificate");
    counter.write("cert.pem", &certificate.pem());
    counter.write("key.pem", &ours.serialize_pem());
    counter.reconfigure("[ledger]", "client_cert_file = \"cert.pem\"\nclient_key_file = \"key.pem\"\n[ledger]");
    counter.shroff(&["config", "check"]).exits(0);
    counter.write("key.pem", &other.serialize_pem());
    for command in [&["config", "check"][..], &["serve"]] {
        counter.shroff(command).exits(78).tells("do not belong together");
    }
    let checked = counter.shroff(&["config", "check", "--json"]).exits(78);
    let document: serde_json::Value = serde_json::from_str(&checked.out).expect("one document");
    let error = &document["errors"][0];
    assert_eq!((&document["fine"], &error["key"]), (&false.into(), &"gateway.v2.client_key_file".into()), "{document}");
    assert_eq!(error["line"], 10, "{document}");
}

#[test]
fn a_key_that_was_changed_since_the_service_was_given_it_needs_a_restart() {
    let counter = Counter::new();
    let given = counter.path("given");
    let check = |expected| {
        let args = ["config", "check", "--given", given.to_str().expect("a path")];
        counter.shroff(&args).exits(expected).never_says("another0v2")
    };
    check(0);
    std::fs::create_dir(&given).expect("a folder");
    check(0);
    counter.write("given/v2.key", "mock0v2secret0key0123456789abcde");
    check(0);
    counter.write("v2.key", "another0v2secret0key0123456789ab");
    check(78).tells("gateway.v2.key_file has another content").tells("systemctl restart shroff");
}

#[test]
fn what_is_in_force_is_shown_with_its_origin_and_without_secrets() {
    let counter = Counter::new();
    let shown = counter.shroff(&["config", "show", "--origin"]).exits(0).never_says("mock0v2secret0key0123456789abcde");
    let of = |key: &str| shown.out.lines().find(|line| line.starts_with(key)).expect(key).to_owned();
    assert!(of("gateway.v2.key_file = \"v2.key\"").ends_with("config.toml:8"), "{shown:?}");
    assert!(of("terminal.language = \"en\"").ends_with("# default"), "{shown:?}");
    counter.shroff(&["config", "show"]).exits(0).prints("terminal.language = \"en\"\n");
    let document = counter.json(&["config", "show", "--json"]);
    assert!(document["values"].as_array().is_some_and(|values| values.len() > 30), "{document}");
}

#[test]
fn a_missing_configuration_is_78_and_a_wrong_command_2() {
    let counter = Counter::new();
    std::fs::remove_file(counter.path("config.toml")).expect("a file");
    for args in [&["payments"][..], &["pay", "5"], &["config", "check"], &["serve"]] {
        counter.shroff(args).exits(78).tells("cannot be read");
    }
    counter.shroff(&["paymnets"]).exits(2).tells("payments");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = shroff();
    let child = child.args(["completions", "bash"]).stdout(writer).stderr(Stdio::piped()).spawn().expect("shroff");
    let ended = child.wait_with_output().expect("an end");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let counter = Counter::new();
    counter.shroff(&["completions", "zsh"]).exits(0).prints("attention").prints("--config");
    let folder = counter.path("man");
    counter.shroff(&["man", folder.to_str().expect("a path")]).exits(0);
    for page in ["shroff.1", "shroff-pay.1", "shroff-config-check.1"] {
        assert!(folder.join(page).is_file(), "{page} is missing");
    }
}
