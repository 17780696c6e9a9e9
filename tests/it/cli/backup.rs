//! Backups made beside a selling daemon, and what a restore remembers of what it forgets.

use std::collections::BTreeSet;

use serde_json::Value;
use shroff::sim::book::Op;
use shroff::sim::faults::{Arrival, Deed, Rule};

use super::CODE;
use super::counter::Counter;

impl Counter {
    /// Asks for a payment with a code and waits until it is `state`.
    pub(super) fn sells(&self, client_ref: &str, code: &str, state: &str) -> Value {
        let sale = format!(r#"{{"client_ref":"{client_ref}","amount":8800,"auth_code":"{code}"}}"#);
        let answer = self.api().post("/v1/payments", &sale);
        assert!(answer.status < 300, "{}", answer.body);
        self.becomes(answer.json(), state)
    }

    fn becomes(&self, mut payment: Value, state: &str) -> Value {
        while payment["state"] != state {
            let path =
                format!("/v1/payments/{}?wait=25&after={}", payment["ref"].as_str().expect("a ref"), payment["seq"]);
            payment = self.api().get(&path).json();
        }
        payment
    }

    fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The order numbers the gateway knows, each once.
    fn orders(&self) -> BTreeSet<String> {
        let book = self.sim().book();
        assert!(book.violations().is_empty(), "{:?}", book.violations());
        let numbers: Vec<String> = book
            .orders()
            .iter()
            .filter(|order| order.state().is_some())
            .map(|order| order.out_trade_no().to_owned())
            .collect();
        let once: BTreeSet<String> = numbers.iter().cloned().collect();
        assert_eq!(once.len(), numbers.len(), "{numbers:?}");
        once
    }
}

#[test]
fn no_command_puts_its_file_in_the_place_of_the_ledger_or_the_configuration() {
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.sells("R-1", CODE, "paid");
    let ledger = counter.file("ledger.sqlite");
    let config = std::fs::read(counter.path("config.toml")).expect("the configuration");
    for target in [ledger.clone(), format!("{ledger}-wal"), format!("{ledger}.lock"), counter.file("config.toml")] {
        for command in [
            &["backup", &target][..],
            &["support-bundle", "--offline", "-o", &target],
            &["close", "--html", &target],
            &["statement", "--day", "2020-03-02", "-o", &target],
        ] {
            counter.shroff(&[command, &["--force"]].concat()).exits(65).tells("is read; name another file");
        }
    }
    assert_eq!(std::fs::read(counter.path("config.toml")).expect("the configuration"), config);
    counter.sells("R-2", "130000517967681396", "paid");
    counter.shroff(&["verify"]).exits(0);
}

#[test]
fn after_a_restore_no_number_is_used_twice_what_was_open_settles_and_what_is_lost_is_named() {
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.sells("R-1", CODE, "paid");
    counter.sim().add(Rule::always(Op::Query, Arrival::HangRequest));
    counter.sim().add(Rule::once(Op::Pay, Deed::ErrCode { code: "SYSTEMERROR".into(), does: true, recall: false }));
    let doubt = counter.sells("R-2", "130000517967681396", "verifying");
    let backup = counter.file("backup.sqlite");
    counter.shroff(&["backup", &backup]).exits(0).prints("2 payments").never_says(CODE);
    counter.shroff(&["backup", &backup]).exits(65).tells("--force replaces it");
    counter.sim().heal();
    counter.becomes(doubt.clone(), "paid");
    let lost = counter.sells("R-3", "130000517967681397", "paid");
    counter.shroff(&["restore", &backup]).exits(75).tells("stop the daemon");
    counter.kill_daemon();

    // It does not go back silently.
    let refused = counter.shroff(&["restore", &backup]).exits(1).tells("would forget 2 payments");
    refused
        .tells("client_ref R-3: paid, money taken")
        .tells("known to the backup in an earlier state")
        .tells("--go-back");
    let known = counter.json(&["payments", "--json"]);
    assert_eq!(known["payments"].as_array().map(Vec::len), Some(3), "nothing was done: {known}");
    let done = counter.json(&["restore", &backup, "--go-back", "--json"]);
    assert_eq!(
        (&done["restored"], &done["there"], &done["open"]),
        (&true.into(), &"newer".into(), &1.into()),
        "{done}"
    );
    assert_eq!(done["lost"][1]["out_trade_no"], lost["attempts"][0]["out_trade_no"], "{done}");
    counter.shroff(&["verify"]).exits(0);

    counter.open();
    let settled = counter.becomes(counter.api().get(&format!("/v1/payments/{}", text(&doubt, "ref"))).json(), "paid");
    assert_eq!(settled["attempts"].as_array().map(Vec::len), Some(1), "it was asked about, not charged again");
    let repeated = counter.api().post("/v1/payments", r#"{"client_ref":"R-3","amount":8800}"#);
    assert_eq!((repeated.status, repeated.code().as_str()), (409, "perhaps_lost"), "it may have been charged");
    assert_eq!((&repeated.json()["money"], &repeated.json()["client_ref"]), (&"unknown".into(), &"R-3".into()));
    let again = counter.sells("R-4", "130000517967681398", "paid");
    let orders = counter.orders();
    assert_eq!(orders.len(), 4);
    assert!(orders.contains(text(&again["attempts"][0], "out_trade_no")));
    // What nobody knows is not called *never accepted*.
    let gone = counter.api().get(&format!("/v1/payments/{}", text(&lost, "ref")));
    assert_eq!((gone.status, &gone.json()["money"]), (404, &"unknown".into()), "{}", gone.body);
    let never = counter.api().get(&format!("/v1/payments/{}x", text(&again, "ref")));
    assert_eq!((never.status, &never.json()["money"]), (404, &"none".into()), "{}", never.body);
    let events = std::fs::read_to_string(counter.path("config.toml")).expect("a file");
    counter.kill_daemon();

    // What was replaced is whole.
    let kept = text(&done, "kept");
    counter.write("kept.toml", &events.replace("ledger.sqlite", kept));
    let kept = counter.file("kept.toml");
    let mut old = super::counter::shroff();
    let old = old.args(["show", "R-3", "--json", "--config", &kept]).output().expect("shroff");
    let old: Value = serde_json::from_slice(&old.stdout).expect("one document");
    assert_eq!(old["state"], "paid", "{old}");
    counter.shroff(&["show", text(&lost, "ref")]).exits(65).tells("restored from a backup");
}

#[test]
fn a_payment_that_waited_for_a_code_in_the_backup_is_not_called_unpaid_after_a_restore() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let armed = counter.api().post("/v1/payments", r#"{"client_ref":"R-1","amount":8800}"#).json();
    let backup = counter.file("backup.sqlite");
    counter.shroff(&["backup", &backup]).exits(0);
    let path = format!("/v1/payments/{}", text(&armed, "ref"));
    // What becomes of it after the backup is not known to it: here it is cancelled, it may as well be charged.
    assert!(counter.api().post(&format!("{path}/cancel"), "").status < 300);
    counter.kill_daemon();
    counter.shroff(&["restore", &backup, "--go-back"]).exits(0);
    for _ in 0..2 {
        counter.open();
        let found = counter.becomes(counter.api().get(&path).json(), "expired");
        assert_eq!(
            (&found["money"], &found["next"]["action"]),
            (&"unknown".into(), &"call_supervisor".into()),
            "{found}"
        );
        let attention = counter.api().get("/v1/attention");
        assert!(attention.body.contains("\"reason\":\"unresolved\""), "{}", attention.body);
        counter.kill_daemon();
    }
    counter.open();
    assert_eq!(counter.api().post(&format!("{path}/ack"), "").status, 204);
    assert!(!counter.api().get("/v1/attention").body.contains("unresolved"), "a person has seen it");
    counter.kill_daemon();
    counter.shroff(&["verify"]).exits(0);
}

#[test]
fn an_older_copy_that_somebody_put_in_place_by_hand_goes_on_under_new_numbers() {
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.sells("R-1", CODE, "paid");
    counter.shroff(&["backup", &counter.file("copy")]).exits(0);
    counter.kill_daemon();
    counter.open();
    counter.sells("R-2", "130000517967681396", "paid");
    counter.kill_daemon();
    for more in ["-wal", "-shm"] {
        std::fs::remove_file(counter.path(&format!("ledger.sqlite{more}"))).expect("a file");
    }
    std::fs::copy(counter.path("copy"), counter.path("ledger.sqlite")).expect("a copy");
    let mut daemon = counter.start(&["serve"], None);
    daemon.wait_for("an older copy stands in the ledger's place");
    drop(daemon);
    counter.open();
    counter.sells("R-3", "130000517967681397", "paid");
    assert_eq!(counter.orders().len(), 3);
    counter.kill_daemon();
    counter.shroff(&["verify"]).exits(0);
}

#[test]
fn after_a_restore_a_lost_refund_is_not_denied_nor_paid_twice_without_the_supervisor() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let sold = counter.sells("R-1", CODE, "paid");
    let untouched = counter.sells("R-2", "130000517967681396", "paid");
    let backup = counter.file("backup.sqlite");
    counter.shroff(&["backup", &backup]).exits(0);
    let refunds = |payment: &Value| format!("/v1/payments/{}/refunds", text(payment, "ref"));
    let refund = |name: &str| format!(r#"{{"refund_ref":"{name}","amount":100,"reason":"wrong dish"}}"#);
    let given = counter.api().post(&refunds(&sold), &refund("F-1"));
    assert_eq!(given.status, 201, "{}", given.body);
    let never = counter.api().get("/v1/refunds/F-9");
    assert_eq!((never.status, &never.json()["money"]), (404, &"none".into()), "{}", never.body);
    counter.kill_daemon();
    counter.shroff(&["restore", &backup, "--go-back"]).exits(0);
    counter.open();
    let lost = counter.api().get("/v1/refunds/F-1");
    assert_eq!((lost.status, &lost.json()["money"]), (404, &"unknown".into()), "{}", lost.body);
    let seen = counter.api().post("/v1/refunds/F-1/ack", "");
    assert_eq!((seen.status, &seen.json()["money"]), (404, &"unknown".into()), "{}", seen.body);
    let again = counter.api().post(&refunds(&sold), &refund("F-2"));
    let told = again.json();
    assert_eq!((again.status, &told["code"]), (403, &"supervisor_needed".into()), "{told}");
    assert_eq!((&told["money"], &told["client_ref"]), (&"unknown".into(), &"R-1".into()), "{told}");
    let other = counter.api().post(&refunds(&untouched), &refund("F-3"));
    assert_eq!(other.status, 201, "the ledgers were compared, and nothing of it is lost: {}", other.body);
    counter.kill_daemon();

    // Where they cannot be compared, any payment of before may have been refunded.
    std::fs::write(counter.path("ledger.sqlite"), "no ledger").expect("a write");
    counter.shroff(&["restore", &backup]).exits(0).tells("could not be read to its end");
    counter.open();
    let again = counter.api().post(&refunds(&untouched), &refund("F-4"));
    assert_eq!((again.status, again.code().as_str()), (403, "supervisor_needed"), "{}", again.body);
    let new = counter.sells("R-3", "130000517967681397", "paid");
    let given = counter.api().post(&refunds(&new), &refund("F-5"));
    assert_eq!(given.status, 201, "{}", given.body);
}

/// A counter whose daemon sold once and was killed after the backup.
fn one_sale_backed_up() -> (Counter, String) {
    let mut counter = Counter::with_gateway();
    counter.open();
    counter.sells("R-1", CODE, "paid");
    let backup = counter.file("backup.sqlite");
    counter.shroff(&["backup", &backup]).exits(0);
    counter.kill_daemon();
    (counter, backup)
}

#[test]
fn an_interrupted_restore_of_the_same_is_finished() {
    let (mut counter, backup) = one_sale_backed_up();
    // As it stands when the power fails once the note is there.
    for more in ["", "-wal"] {
        drop(std::fs::copy(counter.path(&format!("ledger.sqlite{more}")), counter.path(&format!("kept{more}"))));
    }
    counter.write("ledger.sqlite.restoring", &counter.file("kept"));
    counter.shroff(&["restore", &backup]).exits(0).prints("the ledger is restored from");
    counter.shroff(&["verify"]).exits(0);
    counter.open();
    counter.sells("R-2", "130000517967681396", "paid");
}

#[test]
fn a_lost_ledger_is_restored_and_a_restore_of_the_same_does_nothing() {
    let (mut counter, backup) = one_sale_backed_up();
    counter.shroff(&["restore", &backup]).exits(0).tells("nothing was done");
    counter.open();
    let lost = counter.sells("R-9", "130000517967681399", "paid");
    let lost = text(&lost["attempts"][0], "out_trade_no").to_owned();
    counter.kill_daemon();
    for more in ["", "-wal", "-shm", ".lock", ".witness"] {
        drop(std::fs::remove_file(counter.path(&format!("ledger.sqlite{more}"))));
    }
    let restored = counter.shroff(&["restore", &backup]).exits(0).prints("the ledger is restored from");
    let restored = restored.prints(&format!("not here, and known to WeChat Pay: out_trade_no {lost}: charged"));
    let restored =
        restored.tells("reconcile every day from then on").tells("1 of the 42 numbers that orders after the backup");
    assert!(!restored.err.contains("there may be more"), "{}", restored.err);
    counter.shroff(&["verify"]).exits(0);
    counter.open();
    counter.sells("R-2", "130000517967681396", "paid");
    let orders = counter.orders();
    assert!(orders.contains(&lost) && orders.len() == 3, "{orders:?}");
    counter.kill_daemon();

    // A damaged ledger gives way, and stays beside the new one. Nobody answers: what may be missing is not known.
    std::fs::write(counter.path("ledger.sqlite"), "no ledger").expect("a write");
    counter.reconfigure("base_url = \"http://", "base_url = \"http://127.0.0.1:9\" # ");
    let restored = counter.shroff(&["restore", &backup]).exits(0).tells("could not be read to its end");
    let restored = restored.tells("WeChat Pay was not asked");
    restored.prints("what was there is kept as");
    counter.shroff(&["verify"]).exits(0);
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_changes() {
    let counter = Counter::new();
    counter.write("rubbish", "no ledger at all, but long enough to be looked at");
    counter.shroff(&["restore", &counter.file("rubbish")]).exits(65).tells("no backup that can be read");
    counter.shroff(&["restore", &counter.file("none")]).exits(65).tells("there is no");
    counter.write("empty", "");
    counter.shroff(&["restore", &counter.file("empty")]).exits(65).tells("is no ledger");
    counter.shroff(&["backup", &counter.file("b")]).exits(74).tells("there is no ledger");
    assert!(!counter.path("b").exists() && !counter.path("ledger.sqlite").exists());
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
