//! `shroff refund`, and what the other commands say about refunds.

use super::between::{Fate, stand_between};
use super::counter::{Counter, PATIENCE};

/// A counter with a daemon that has taken one payment of 88.00 with a code of this scenario; its ref.
fn paid(more: &str, scenario: u16) -> (Counter, String) {
    let mut counter = Counter::with_gateway();
    counter.configure(more);
    counter.open();
    let code = format!("13{scenario:04}517967681395");
    let shown = counter.shroff(&["pay", "88.00", "--ref", "R-1", "--code", &code]).exits(0).never_says(&code);
    let reference = shown.out.split_whitespace().nth(3).expect("a ref").to_owned();
    (counter, reference)
}

#[test]
fn money_goes_back_in_parts_and_every_command_says_so() {
    let (counter, reference) = paid("", 0);
    let part = ["refund", "R-1", "--amount", "12.00", "--reason", "wrong dish", "--ref", "one", "--operator", "Mei"];
    let done = counter.shroff(&part).exits(0).prints("refunded HKD 12.00").prints(&reference).tells("Given back");
    assert_eq!(counter.shroff(&part).exits(0).out, done.out, "the same refund, never a second one");
    for amount in [&["--amount", "12.01"][..], &[]] {
        let other = ["refund", "R-1", "--reason", "wrong dish", "--ref", "one", "--operator", "Mei"];
        let other = counter.shroff(&[&other[..], amount].concat()).exits(65);
        other.tells("shroff show one").tells("another --ref");
    }
    let large = counter.shroff(&["refund", "R-1", "--amount", "76.01", "--reason", "x"]).exits(65);
    large.tells("at most HKD 76.00").tells(&reference).never_says("7600").never_says("smallest unit");
    counter.shroff(&["refund", "R-1", "--amount", "0", "--reason", "x"]).exits(65).tells("without --amount");
    counter.shroff(&["refund", "R-1", "--amount", "1.005", "--reason", "x"]).exits(65);
    counter.shroff(&["refund", "R-1", "--amount", "1.00"]).exits(2).tells("--reason");
    counter.shroff(&["refund", "R-9", "--reason", "x"]).exits(65).tells("no money moved");

    let shown = counter.shroff(&["show", "one"]).exits(0).prints("partially_refunded").prints("HKD 12.00");
    let shown = shown.prints("wrong dish").prints("Mei").prints("refund_sent").prints("refund_answered");
    assert!(!shown.out.contains(" r="), "{shown:?}");
    let document = counter.json(&["show", "R-1", "--json"]);
    assert_eq!((&document["refunded"], &document["refunds"][0]["refund_ref"]), (&1200.into(), &"one".into()));
    let list = counter.shroff(&["payments"]).exits(0).prints("partially_refunded");
    assert!(list.out.contains("taken"), "{list:?}");
    counter.shroff(&["verify"]).exits(0).prints("1 payments, 1 attempts and 1 refunds");
    counter.shroff(&["attention"]).exits(0);
}

#[test]
fn more_than_the_limit_needs_the_supervisors_token() {
    let (counter, _) = paid("supervisor_token_file = \"boss\"\n[refund]\noperator_max = 1000\n", 0);
    let refund = |more: &[&str]| {
        let args = ["refund", "R-1", "--amount", "10.01", "--reason", "x", "--ref", "one"];
        counter.shroff(&[&args[..], more].concat())
    };
    let refused = refund(&[]).exits(77).tells("--supervisor-token-file FILE");
    refused.never_says("Bearer").never_says("is not the supervisor's");
    counter.write("wrong", "fedcba9876543210fedcba9876543211");
    let path = |name: &str| counter.path(name).display().to_string();
    let refused = refund(&["--supervisor-token-file", &path("wrong")]).exits(77).never_says("fedcba98");
    refused.tells(&format!("the token in {} is not the supervisor's", path("wrong"))).never_says("Bearer");
    refund(&["--supervisor-token-file", &path("nowhere")]).exits(74).tells("the supervisor's token");
    counter.write("empty", "\n");
    refund(&["--supervisor-token-file", &path("empty")]).exits(65);
    let done = refund(&["--supervisor-token-file", &path("boss"), "--json"]).exits(0).never_says("fedcba98");
    let done: serde_json::Value = serde_json::from_str(&done.out).expect("one JSON document");
    assert_eq!(
        (&done["state"], &done["supervised"], &done["amount"]),
        (&"refunded".into(), &true.into(), &1001.into())
    );
}

/// The name that was drawn, out of what was said on stderr.
fn drawn(said: &str) -> String {
    let name = said.split_whitespace().find(|word| word.starts_with("CLI-"));
    name.map(str::to_owned).ok_or(said).expect("a refund_ref")
}

/// The same command with the name that was told gives nothing back a second time.
fn repeat(counter: &Counter, name: &str) {
    let args = ["refund", "R-1", "--amount", "12.00", "--reason", "x", "--ref", name, "--json"];
    let again = counter.shroff(&args).exits(0);
    let document: serde_json::Value = serde_json::from_str(&again.out).expect("one JSON document");
    assert_eq!((&document["refund_ref"], &document["amount"]), (&name.into(), &1200.into()));
    let shown = counter.json(&["show", "R-1", "--json"]);
    assert_eq!((shown["refunds"].as_array().map(Vec::len), &shown["refunded"]), (Some(1), &1200.into()), "{shown}");
}

#[test]
fn a_refund_whose_answer_is_lost_is_named_and_given_back_once() {
    for fates in [&[Fate::Nonsense][..], &[Fate::Cut, Fate::Nonsense]] {
        let (counter, reference) = paid("", 0);
        stand_between(&counter, fates);
        let lost = counter.shroff(&["refund", "R-1", "--amount", "12.00", "--reason", "x", "--json"]).exits(69);
        let name = drawn(&lost.err);
        let lost = lost.tells("may have been accepted").tells(&format!("shroff show {reference}"));
        assert_eq!(lost.tells(&format!("--ref {name}")).out, "", "stdout is for the document");
        repeat(&counter, &name);
    }
}

#[test]
fn whoever_leaves_a_refund_before_its_answer_has_its_name() {
    let (counter, reference) = paid("", 0);
    let met = stand_between(&counter, &[Fate::Silence]);
    let mut refund = counter.start(&["refund", "R-1", "--amount", "12.00", "--reason", "x"], None);
    refund.wait_for("CLI-");
    let name = drawn(refund.said());
    met.recv_timeout(PATIENCE).expect("the daemon has it");
    refund.interrupt();
    let left = refund.end().exits(75).tells("may have been accepted").tells(&format!("shroff show {reference}"));
    assert_eq!(left.tells(&format!("--ref {name}")).out, "");
    repeat(&counter, &name);
}

#[test]
fn whoever_leaves_a_refund_that_was_accepted_is_told_that_it_goes_on() {
    // An empty account: the terminal goes on trying.
    let (counter, reference) = paid("", 601);
    let mut refund = counter.start(&["refund", "R-1", "--reason", "x"], None);
    refund.wait_for("HKD 88.00 of");
    refund.interrupt();
    refund.end().exits(75).tells("goes on").tells(&format!("shroff show {reference}"));
}

#[test]
fn a_payment_code_is_no_name_and_is_not_shown() {
    let (counter, _) = paid("", 0);
    let refused = counter.shroff(&["refund", "R-1", "--reason", "x", "--ref", super::CODE]).exits(65);
    refused.tells("payment code").never_says(super::CODE);
}

#[test]
fn what_cannot_be_given_back_names_the_command_that_helps() {
    let (mut counter, reference) = paid("", 0);
    counter.shroff(&["refund", "R-1", "--reason", "x"]).exits(0);
    let again = counter.shroff(&["refund", "R-1", "--reason", "x"]).exits(65);
    again.tells(&format!("shroff show {reference}"));
    let open = counter.api().post("/v1/payments", r#"{"client_ref":"R-2","amount":100}"#).json();
    let open = open["ref"].as_str().expect("a ref");
    let early = counter.shroff(&["refund", "R-2", "--reason", "x"]).exits(75);
    early.tells(&format!("shroff cancel {open}")).never_says("POST");
    counter.kill_daemon();
    let away = counter.shroff(&["refund", "R-1", "--reason", "x"]).exits(69);
    away.tells("is `shroff serve` running?").never_says("may have been accepted");
}

#[test]
fn a_refund_that_failed_is_listed_until_somebody_has_seen_it() {
    // TRADE_OVERDUE, and a question that knows of nothing.
    let (counter, _) = paid("", 610);
    let failed = counter.shroff(&["refund", "R-1", "--reason", "x", "--ref", "one"]).exits(1);
    failed.prints("failed HKD 88.00").prints("TRADE_OVERDUE").tells("by hand");
    let listed = counter.shroff(&["attention"]).exits(1).prints("refund_failed").prints("refund one:");
    assert!(listed.out.contains("R-1"), "{listed:?}");
    counter.shroff(&["attention", "--ack", "nothing"]).exits(65);
    counter.shroff(&["attention", "--ack", "one"]).exits(0).tells("off the list");
    counter.shroff(&["attention"]).exits(0);
}

#[test]
fn an_empty_account_is_no_failure_and_says_that_it_goes_on() {
    let (counter, _) = paid("", 601);
    let waiting = counter.shroff(&["refund", "R-1", "--reason", "x", "--ref", "one"]).exits(75);
    waiting.prints("not yet: requested HKD 88.00").prints("NOTENOUGH").tells("every hour");
}
