//! The support bundle: what is in it, and what is not.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use super::CODE;
use super::counter::Counter;

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const SUPERVISOR: &str = "fedcba9876543210fedcba9876543210";

/// Every file of a bundle, by its name without the folder.
fn unpack(path: &std::path::Path) -> std::collections::BTreeMap<String, String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(path).expect("a bundle")));
    let entries = archive.entries().expect("entries").map(|entry| {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a name").file_name().expect("a name").to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        (name, text)
    });
    entries.collect()
}

#[test]
fn a_bundle_has_what_helps_and_no_secret() {
    let mut counter = Counter::with_gateway();
    counter.configure("supervisor_token_file = \"boss\"\n");
    // Somebody pasted a key into a comment, the log quotes one, and a customer's code got into a name.
    let config = std::fs::read_to_string(counter.path("config.toml")).expect("a file");
    let config = config.replace("[terminal]", &format!("# {KEY}\n[terminal]\nstore_name = \"{CODE}\""));
    counter.write("config.toml", &config);
    counter.open();
    let sale = format!(r#"{{"client_ref":"R-1","amount":8800,"auth_code":"{CODE}"}}"#);
    assert_eq!(counter.api().post("/v1/payments", &sale).status, 201);
    counter.write(
        "journalctl",
        &format!("#!/bin/sh\necho 'shroff[1]: reversing out_trade_no=T01K7Q2M9XB00000001'\necho 'key {KEY} code {CODE}'\n\
            echo 'Authorization: Bearer {SUPERVISOR}'\necho '-----BEGIN PRIVATE KEY-----'\necho MIIEvQIBADANBgkqhkiG9w0BAQ\n"),
    );
    std::fs::set_permissions(counter.path("journalctl"), std::fs::Permissions::from_mode(0o700)).expect("a mode");
    let (bundle, journalctl) = (counter.path("bundle.tar.gz"), counter.path("journalctl").display().to_string());
    let target = bundle.display().to_string();
    let ended = counter.shroff(&["support-bundle", "-o", &target, "--journalctl", &journalctl]).exits(0);
    ended.prints("without secrets").never_says(KEY).never_says(CODE);
    assert_eq!(std::fs::metadata(&bundle).expect("a file").permissions().mode() & 0o777, 0o600);
    let files = unpack(&bundle);
    for (name, text) in &files {
        for secret in [KEY, SUPERVISOR, CODE, "MIIEvQIBADANBgkqhkiG9w0BAQ"] {
            assert!(!text.contains(secret), "{secret} stands in {name}: {text}");
        }
    }
    let has = |name: &str, text: &str| {
        assert!(
            files.get(name).is_some_and(|it| it.contains(text)),
            "{text:?} is not in {name}: {:?}",
            files.get(name)
        );
    };
    has("about.txt", "A support bundle of shroff");
    has("doctor.txt", "ok       daemon");
    has("doctor.json", "\"checks\"");
    has("config.txt", "gateway.v2.key_file = \"v2.key\"");
    has("config.txt", "terminal.store_name = \"..1395\"");
    has("versions.txt", "SQLite 3.");
    has("metrics.txt", "shroff_attempts_total 1");
    has("readyz.json", "\"status\"");
    has("journal.txt", "T01K7Q2M9XB00000001");
    has("ledger.txt", "for a person");
    counter.shroff(&["support-bundle", "-o", &target]).exits(65).tells("--force replaces it");
    // And when everything is wrong.
    counter.kill_daemon();
    counter.write("config.toml", "[gateway]\nbase_urll = 1\n");
    counter.shroff(&["support-bundle", "-o", &target, "--force"]).exits(0);
    let files = unpack(&bundle);
    assert!(files["config.txt"].contains("did you mean gateway.base_url"), "{files:?}");
}
