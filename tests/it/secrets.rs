//! A payment code or a key cannot be printed by accident: not by `Debug`, not by `Display`, not by an error, not by a
//! panic. (That none stands in a real daemon's log at TRACE, in its ledger or in its API is `e2e`'s claim.)

use std::fmt::Debug;
use std::sync::Arc;

use shroff::dialect::v2::{SignType, V2};
use shroff::dialect::{Dialect, Stamp};
use shroff::edge::desk::Input;
use shroff::ledger::Birth;
use shroff::payment::{Ask, Call, Facts, Heard, Mint, Op, Payment, Policy};
use shroff::till::NewPayment;
use shroff::words::{AuthCode, Money, Now, Secret, Tick, WallTime};

use crate::counterpart::{Counterpart, TRUE, V2Counterpart, call, merchant, order, v2};
use crate::hostile::good;
use crate::wire::{config, gateway_in, nobody};

const CODE: &str = "134539517967686076";
/// No five neighbours of it are a word that may stand in a name.
const KEY: &str = "q7Zx2Vw9Kp4Tn8Bd3Hs6Jf5Rg1Lm0YcX";
/// Neighbouring characters of a secret that may be seen: the last four digits of a code are its hint.
const SEEN_MAX: usize = 4;

#[test]
fn whatever_carries_a_code_shows_four_digits_of_it_at_most() {
    let call = pay();
    let stamp = Stamp { nonce: "f6868b9b16bf4893958afd4a46d73422".to_owned(), time: WallTime::from_millis(0) };
    let lane = "1".parse().expect("a lane");
    let scan = Input::Scan { lane, code: code(), read: Tick::default() };
    let step = Payment::collect(facts(), now()).and_scan(code(), mint(), &Policy::default(), now());
    shows_none_of(CODE, &code());
    shows_none_of(CODE, &code().hint());
    shows_none_of(CODE, &call.ask);
    shows_none_of(CODE, &call);
    shows_none_of(CODE, &asked());
    shows_none_of(CODE, &scan);
    shows_none_of(CODE, step.payment());
    shows_none_of(CODE, &step.payment().record());
    shows_none_of(CODE, &step);
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let request = v2(sign_type).write(&call, &stamp);
        assert!(String::from_utf8_lossy(&request.body).contains(CODE), "the request does carry it");
        shows_none_of(CODE, &request);
    }
}

#[tokio::test]
async fn whatever_carries_a_key_shows_nothing_of_it() {
    let birth = Birth { terminal: "T01".parse().expect("an id"), mark: "K7Q2M9XB".into(), salt: secret() };
    shows_none_of(KEY, &secret());
    shows_none_of(KEY, &birth);
    let dialect = V2::new(merchant(), secret(), SignType::HmacSha256);
    shows_none_of(KEY, &dialect);
    shows_none_of(KEY, &gateway_in(&config(&nobody().await), Arc::new(dialect)));
}

#[test]
fn an_error_about_a_code_does_not_repeat_it() {
    for wrong in [&CODE[..17], &format!("{CODE}0"), &CODE.replacen("13", "19", 1), &CODE.replacen('5', "x", 1)] {
        let error = wrong.parse::<AuthCode>().expect_err("no payment code");
        hides(wrong, &format!("{error} {error:?}"));
    }
}

#[test]
fn a_reply_that_is_not_believed_is_not_quoted() {
    let gateway = V2Counterpart::new(SignType::HmacSha256);
    let openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
    for op in [Op::Pay, Op::Query] {
        let reply = good(&gateway, op, &TRUE);
        assert!(String::from_utf8_lossy(&reply.body).contains(openid), "the reply does carry it");
        shows_none_of(openid, &reply);
        let doubt = gateway.read(&call(op), &gateway.forged(reply)).expect_err("forged");
        hides(openid, &format!("{doubt} {doubt:?} {}", doubt.word()));
    }
    // A gateway that echoes our code in its own words must not make us keep it.
    let text = format!("auth_code {CODE} is invalid");
    let reply = gateway.error(Op::Pay, "AUTH_CODE_INVALID", &text, &TRUE);
    let answer = gateway.read(&call(Op::Pay), &reply).expect("signed");
    shows_none_of(CODE, &answer);
    shows_none_of(CODE, &shroff::payment::Note::answered(Op::Pay, &answer));
    shows_none_of(CODE, &Heard::Answer(answer));
}

#[test]
fn a_panic_over_a_call_says_nothing_of_its_code() {
    let panic = std::panic::catch_unwind(|| unsaid().expect("a programmer's mistake"));
    let payload = panic.expect_err("it panics");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.contains("a programmer's mistake"), "{message}");
    hides(CODE, message);
}

/// Neither form of `Debug` shows more of `secret` than a hint.
fn shows_none_of(secret: &str, it: &impl Debug) {
    hides(secret, &format!("{it:?}"));
    hides(secret, &format!("{it:#?}"));
    // Bytes print as numbers.
    let numbers: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    let shown = format!("{it:?}");
    assert!(!shown.contains(&numbers[..=SEEN_MAX].join(", ")), "a secret's bytes stand in {shown}");
}

fn hides(secret: &str, text: &str) {
    for at in 0..secret.len() - SEEN_MAX {
        assert!(!text.contains(&secret[at..=at + SEEN_MAX]), "a part of a secret stands in {text}");
    }
}

fn code() -> AuthCode {
    CODE.parse().expect("a code")
}

fn secret() -> Secret {
    Secret::new(KEY.as_bytes().to_vec())
}

fn pay() -> Call {
    Call { order: order(), ask: Ask::Pay(code()) }
}

fn unsaid() -> Result<(), Box<Call>> {
    Err(Box::new(pay()))
}

fn now() -> Now {
    Now { tick: Tick::default(), wall: WallTime::from_millis(1_780_000_000_000) }
}

fn mint() -> Mint {
    Mint {
        out_trade_no: TRUE.out_trade_no.parse().expect("a number"),
        refund_no: format!("{}R", TRUE.out_trade_no).parse().expect("a number"),
    }
}

fn facts() -> Facts {
    Facts {
        reference: "T01-A-1".parse().expect("a ref"),
        client_ref: "c1".parse().expect("a client_ref"),
        lane: "1".parse().expect("a lane"),
        amount: Money::new(8800, "HKD".parse().expect("a currency")).expect("money"),
        description: String::new(),
        attach: String::new(),
        operator: String::new(),
        patience: std::time::Duration::from_secs(120),
        asked_code: None,
        created_at: now().wall,
    }
}

fn asked() -> NewPayment {
    NewPayment {
        client_ref: "c1".parse().expect("a client_ref"),
        amount: 8800,
        currency: None,
        lane: None,
        description: None,
        operator: None,
        attach: None,
        patience: None,
        auth_code: Some(code()),
    }
}
