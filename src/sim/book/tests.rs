use proptest::prelude::*;

use super::*;

const S: Duration = Duration::from_secs(1);

#[test]
fn a_paid_order_is_charged_once_and_a_reversal_returns_all_of_it() {
    let mut book = Book::new(Rules::default());
    let paid = book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    assert!(matches!(paid, PayOutcome::Paid { .. }));
    assert_eq!(book.net("order-1"), 8800);
    assert_eq!(book.reverse("order-1", at(15), &ReversePlan::Honest), ReverseOutcome::Accepted { recall: false });
    assert_eq!(book.net("order-1"), 0);
    assert_eq!(state(&book, "order-1"), Some(State::Revoked));
    assert!(book.violations().is_empty());
    book.audit().expect("the books balance");
}

#[test]
fn a_reversal_before_fifteen_seconds_is_refused_and_noted() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    let early = book.reverse("order-1", Tick::from_micros(14_999_999), &ReversePlan::Honest);
    assert!(matches!(early, ReverseOutcome::Refused { recall: true, .. }));
    assert_eq!(book.net("order-1"), 8800);
    assert_eq!(book.violations().count(Kind::EarlyReverse), 1);
}

#[test]
fn a_pay_that_the_network_held_back_does_not_make_a_later_reversal_early() {
    let mut book = Book::new(Rules::default());
    let held = PayRequest { sent: at(0), ..request("order-1", "c1") };
    book.pay(&held, at(14), &Plan::PAYS);
    let refused = book.reverse("order-1", at(16), &ReversePlan::Honest);
    assert!(matches!(refused, ReverseOutcome::Refused { .. }), "WeChat counts from the order");
    assert!(book.violations().is_empty(), "the terminal counts from its sending");
}

#[test]
fn an_unpaid_order_is_revoked_by_itself_after_45_s_and_never_charged() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::truth(Fate::AsksThenPays(50 * S)));
    assert_eq!(seen(&mut book, "order-1", 44), Some(State::UserPaying));
    assert_eq!(seen(&mut book, "order-1", 45), Some(State::Revoked));
    assert_eq!(seen(&mut book, "order-1", 60), Some(State::Revoked));
    assert_eq!(book.net("order-1"), 0);
}

#[test]
fn an_accepted_order_may_be_charged_after_45_s() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::truth(Fate::AcceptsThenPays(50 * S)));
    assert_eq!(seen(&mut book, "order-1", 46), Some(State::Accept));
    assert_eq!(seen(&mut book, "order-1", 50), Some(State::Success));
}

#[test]
fn a_prompt_refuses_the_reversal_until_it_is_over() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::truth(Fate::AsksThenFails(20 * S)));
    let busy = ReverseOutcome::Refused { err_code: "USERPAYING".into(), recall: true };
    assert_eq!(book.reverse("order-1", at(16), &ReversePlan::Honest), busy);
    assert_eq!(seen(&mut book, "order-1", 21), Some(State::PayError));
    assert_eq!(book.reverse("order-1", at(22), &ReversePlan::Honest), ReverseOutcome::Accepted { recall: false });
    assert_eq!(state(&book, "order-1"), Some(State::Revoked));
}

#[test]
fn a_fail_can_hide_a_success() {
    let mut book = Book::new(Rules::default());
    let said = book.pay(&request("order-1", "c1"), at(0), &Plan::hides_success("SYSTEMERROR"));
    assert_eq!(said, PayOutcome::Refused { err_code: "SYSTEMERROR".into() });
    assert_eq!(seen(&mut book, "order-1", 1), Some(State::Success));
}

#[test]
fn the_two_readings_of_an_unknown_reversal_differ_in_whether_a_late_pay_charges() {
    for (reading, net) in [(UnknownReverse::Forgets, 8800), (UnknownReverse::Blocks, 0)] {
        let mut book = Book::new(Rules { unknown_reverse: reading, ..Rules::default() });
        let said = book.reverse("order-1", at(20), &ReversePlan::Honest);
        assert_eq!(said, ReverseOutcome::Accepted { recall: false }, "both say SUCCESS");
        let late = PayRequest { sent: at(0), ..request("order-1", "c1") };
        book.pay(&late, at(30), &Plan::PAYS);
        assert_eq!(book.net("order-1"), net);
    }
}

#[test]
fn a_late_pay_with_a_dead_code_charges_nobody() {
    let mut book = Book::new(Rules::default());
    book.show_code("c1", at(0));
    let expired = PayOutcome::Refused { err_code: "AUTHCODEEXPIRE".into() };
    assert_eq!(book.pay(&PayRequest { sent: at(3), ..request("order-1", "c1") }, at(65), &Plan::PAYS), expired);
    assert_eq!(state(&book, "order-1"), None);
    let alive = book.pay(&PayRequest { sent: at(65), ..request("order-2", "c2") }, at(129), &Plan::PAYS);
    assert!(matches!(alive, PayOutcome::Paid { .. }));
}

#[test]
fn one_code_is_one_order() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::refused("NOTENOUGH"));
    let again = book.pay(&request("order-2", "c1"), at(1), &Plan::PAYS);
    assert_eq!(again, PayOutcome::Refused { err_code: "AUTH_CODE_ERROR".into() });
    assert_eq!(book.violations().count(Kind::CodeReused), 1);
}

#[test]
fn a_second_pay_of_a_number_never_charges_again() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    let copy = PayRequest { copy: true, ..request("order-1", "c1") };
    assert_eq!(book.pay(&copy, at(1), &Plan::PAYS), PayOutcome::Refused { err_code: "ORDERPAID".into() });
    assert!(book.violations().is_empty(), "the network made the copy");
    book.pay(&request("order-1", "c1"), at(2), &Plan::PAYS);
    assert_eq!(book.violations().count(Kind::PayRepeated), 1);
    book.pay(&request("order-1", "c2"), at(3), &Plan::PAYS);
    assert_eq!(book.violations().count(Kind::NumberReused), 1);
    assert_eq!(book.order("order-1").expect("heard of").charged(), 8800);
}

#[test]
fn a_replica_may_answer_what_was_true_a_while_ago() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(10), &Plan::truth(Fate::AsksThenPays(5 * S)));
    let absent = QueryOutcome::Refused { err_code: "ORDERNOTEXIST".into() };
    assert_eq!(book.query("order-1", at(16), 10 * S), absent);
    assert!(matches!(
        book.query("order-1", at(16), 3 * S),
        QueryOutcome::Found { state: State::UserPaying, transaction: None, .. }
    ));
    assert!(matches!(
        book.query("order-1", at(16), Duration::ZERO),
        QueryOutcome::Found { state: State::Success, transaction: Some(_), .. }
    ));
}

#[test]
fn a_refund_number_is_one_refund_and_the_sum_never_passes_the_total() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    let ask = |no, refund| refund_request("order-1", no, refund);
    let first = book.refund(&ask("r1", 800), at(1), &RefundPlan::Honest);
    assert_eq!(book.refund(&ask("r1", 800), at(2), &RefundPlan::Honest), first);
    assert_eq!(book.net("order-1"), 8000);
    let refused = |code: &'static str| RefundOutcome::Refused { err_code: code.into() };
    assert_eq!(book.refund(&ask("r1", 801), at(3), &RefundPlan::Honest), refused("REFUND_FEE_MISMATCH"));
    assert_eq!(book.refund(&ask("r2", 8000), at(30), &RefundPlan::Honest), refused("INVALID_REQ_TOO_MUCH"));
    assert_eq!(book.refund(&ask("r3", 8001), at(90), &RefundPlan::Honest), refused("INVALID_REQUEST"));
    assert!(matches!(book.refund(&ask("r2", 8000), at(90), &RefundPlan::Honest), RefundOutcome::Accepted { .. }));
    assert_eq!(book.net("order-1"), 0);
    assert_eq!(book.violations().count(Kind::RefundNumberReused), 1);
}

#[test]
fn a_refund_on_its_way_is_neither_the_payers_nor_free() {
    let mut book = Book::new(Rules { refund_takes: 30 * S, ..Rules::default() });
    book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    book.refund(&refund_request("order-1", "r1", 8000), at(1), &RefundPlan::Honest);
    let state = |book: &Book, no: &str| book.refund_by(no).map(Refund::state);
    assert_eq!(state(&book, "r1"), Some(RefundState::Processing));
    assert_eq!((book.net("order-1"), book.order("order-1").map(Order::held)), (8800, Some(8000)));
    let refused = RefundOutcome::Refused { err_code: "INVALID_REQUEST".into() };
    assert_eq!(book.refund(&refund_request("order-1", "r2", 801), at(70), &RefundPlan::Honest), refused);
    assert_eq!(state(&book, "r1"), Some(RefundState::Success));
    assert_eq!((book.net("order-1"), book.order("order-1").map(Order::held)), (800, Some(0)));
    assert_eq!(book.refund_by("r1").and_then(Refund::arrived), Some(at(31)));
    let seen = book.refund_query("order-1", at(71), 45 * S);
    assert_eq!(seen.iter().map(|(_, state)| *state).collect::<Vec<_>>(), [RefundState::Processing], "45 s behind");
    book.audit().expect("the books balance");
}

#[test]
fn a_closed_refund_frees_its_money_and_a_changed_one_does_not() {
    for (fate, free) in [(RefundFate::Closes(3 * S), true), (RefundFate::Changes(3 * S), false)] {
        let mut book = Book::new(Rules::default());
        book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
        book.refund(&refund_request("order-1", "r1", 8800), at(1), &RefundPlan::Ends(fate));
        let again = book.refund(&refund_request("order-1", "r2", 8800), at(70), &RefundPlan::Honest);
        assert_eq!(matches!(again, RefundOutcome::Accepted { .. }), free, "{fate:?}");
        assert_eq!(book.net("order-1"), if free { 0 } else { 8800 });
        assert_eq!(seen(&mut book, "order-1", 71), Some(State::Refund));
        book.audit().expect("the books balance");
    }
}

#[test]
fn two_refunds_of_an_order_within_a_minute_are_noted_by_when_they_were_sent() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    let sent = |no, sent| RefundRequest { sent: at(sent), ..refund_request("order-1", no, 100) };
    book.refund(&sent("r1", 10), at(65), &RefundPlan::Honest);
    book.refund(&sent("r2", 70), at(71), &RefundPlan::Honest);
    assert!(book.violations().is_empty(), "the network held the first one back");
    book.refund(&RefundRequest { copy: true, ..sent("r2", 70) }, at(72), &RefundPlan::Honest);
    book.refund(&sent("r2", 129), at(129), &RefundPlan::Honest);
    assert_eq!(book.violations().count(Kind::RefundTooSoon), 1);
}

#[test]
fn past_the_window_only_a_refund_takes_the_money_back() {
    let mut book = Book::new(Rules { reverse_window: Some(60 * S), ..Rules::default() });
    book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    let over = ReverseOutcome::Refused { err_code: "REVERSE_EXPIRE".into(), recall: false };
    assert_eq!(book.reverse("order-1", at(61), &ReversePlan::Honest), over);
    let refund = refund_request("order-1", "r1", 8800);
    book.refund(&refund, at(62), &RefundPlan::Honest);
    assert_eq!(seen(&mut book, "order-1", 63), Some(State::Refund));
    assert_eq!(book.net("order-1"), 0);
}

#[test]
fn a_transaction_id_leads_back_to_its_order() {
    let mut book = Book::new(Rules::default());
    book.pay(&request("order-0", "c0"), at(0), &Plan::refused("NOTENOUGH"));
    book.pay(&request("order-1", "c1"), at(0), &Plan::PAYS);
    let text = book.order("order-1").and_then(Order::transaction).expect("it was charged").to_string();
    assert_eq!(text.len(), 28);
    let back: Transaction = text.parse().expect("its own form");
    assert_eq!(book.order_of(back).map(Order::out_trade_no), Some("order-1"));
    assert!("4200000000000000000000000000".parse::<Transaction>().is_err());
}

proptest! {
    #[test]
    fn the_books_never_lose_a_cent(
        ops in proptest::collection::vec((0_u8..7, 0_u8..4, 0_u8..8, 0_u64..40, 0_u8..13), 1..120),
        blocks in any::<bool>(),
        shows_refund in any::<bool>(),
        prompt_refuses in any::<bool>(),
    ) {
        let unknown_reverse = if blocks { UnknownReverse::Blocks } else { UnknownReverse::Forgets };
        let mut book = Book::new(Rules {
            unknown_reverse,
            reversed_shows_refund: shows_refund,
            prompt_refuses_reverse: prompt_refuses,
            reverse_window: Some(600 * S),
            refund_spacing: 10 * S,
            ..Rules::default()
        });
        let mut now = 0;
        for (op, order, code, wait, choice) in ops {
            now += wait;
            step(&mut book, op, (order, code), now, choice);
            prop_assert_eq!(book.audit(), Ok(()));
        }
        book.advance(at(now + 1000));
        prop_assert_eq!(book.audit(), Ok(()));
        prop_assert_eq!(book.next_due(), None);
        let net: u64 = book.orders().iter().map(Order::net).sum();
        prop_assert_eq!(book.merchant_balance("HKD".parse().expect("a currency")), i128::from(net));
    }
}

fn step(book: &mut Book, op: u8, (order, code): (u8, u8), now: u64, choice: u8) {
    let no = format!("order-{order}");
    match op {
        0 | 1 => {
            let code = format!("code-{code}");
            let held = PayRequest { sent: at(now.saturating_sub(20)), ..request(&no, &code) };
            book.pay(&held, at(now), &plans()[usize::from(choice)]);
        }
        2 => {
            book.query(&no, at(now), u32::from(choice) * S);
        }
        3 | 4 => {
            let plans = [
                ReversePlan::Honest,
                ReversePlan::OnlyClaims { recall: true },
                ReversePlan::Refuses { err_code: "SYSTEMERROR".into(), recall: true },
                ReversePlan::Hides { err_code: "SYSTEMERROR".into(), recall: false },
            ];
            book.reverse(&no, at(now), &plans[usize::from(choice) % plans.len()]);
        }
        5 => {
            let number = format!("refund-{code}");
            let refund = 1100 * (u64::from(choice) + 1);
            let ask = refund_request(&no, &number, refund);
            let plans = [
                RefundPlan::Honest,
                RefundPlan::Hides("SYSTEMERROR".into()),
                RefundPlan::Ends(RefundFate::Arrives(30 * S)),
                RefundPlan::Ends(RefundFate::Closes(5 * S)),
                RefundPlan::Ends(RefundFate::Changes(5 * S)),
            ];
            book.refund(&ask, at(now), &plans[usize::from(choice) % plans.len()]);
        }
        _ if choice.is_multiple_of(2) => drop(book.payer_confirms(&no, at(now))),
        _ => drop(book.payer_fails(&no, at(now))),
    }
}

fn plans() -> [Plan; 13] {
    [
        Plan::PAYS,
        Plan::PAYS,
        Plan::PAYS,
        Plan::truth(Fate::AsksThenPays(10 * S)),
        Plan::truth(Fate::AsksThenPays(60 * S)),
        Plan::truth(Fate::AsksThenFails(10 * S)),
        Plan::truth(Fate::AsksForEver),
        Plan::truth(Fate::AcceptsThenPays(50 * S)),
        Plan::truth(Fate::NeverPays),
        Plan::refused("NOTENOUGH"),
        Plan::hides_success("SYSTEMERROR"),
        Plan::return_fail("system error", Fate::Pays),
        Plan::return_fail("system error", Fate::NoOrder),
    ]
}

fn request<'a>(out_trade_no: &'a str, auth_code: &'a str) -> PayRequest<'a> {
    let amount = Money::new(8800, "HKD".parse().expect("a currency")).expect("an amount");
    let sent = Tick::from_micros(u64::MAX); // as it arrives
    PayRequest { out_trade_no, auth_code, amount, mch_id: "1", sub_mch_id: "2", attach: "a", sent, copy: false }
}

fn refund_request<'a>(out_trade_no: &'a str, out_refund_no: &'a str, refund: u64) -> RefundRequest<'a> {
    let sent = Tick::from_micros(u64::MAX); // as it arrives
    RefundRequest { out_trade_no, out_refund_no, total: 8800, refund, desc: "", sent, copy: false }
}

fn at(seconds: u64) -> Tick {
    Tick::from_micros(seconds * 1_000_000)
}

fn state(book: &Book, out_trade_no: &str) -> Option<State> {
    book.order(out_trade_no).and_then(Order::state)
}

fn seen(book: &mut Book, out_trade_no: &str, seconds: u64) -> Option<State> {
    match book.query(out_trade_no, at(seconds), Duration::ZERO) {
        QueryOutcome::Found { state, .. } => Some(state),
        QueryOutcome::Refused { .. } => None,
    }
}
