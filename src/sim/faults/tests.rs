use super::*;

#[test]
fn a_rule_applies_as_often_as_it_says_and_only_where_it_says() {
    let mut faults = Faults::default();
    assert!(faults.add(Rule { times: Some(2), ..Rule::once(Op::Query, Delivery::LoseReply).about("order-1") }));
    assert!(faults.take(Op::Query, "order-2", None).is_smooth());
    assert!(faults.take(Op::Reverse, "order-1", None).is_smooth());
    for _ in 0..2 {
        assert_eq!(faults.take(Op::Query, "order-1", None).delivery, Delivery::LoseReply);
    }
    assert!(faults.take(Op::Query, "order-1", None).is_smooth());
}

#[test]
fn all_matching_rules_apply_together() {
    let mut faults = Faults::default();
    faults.add(Rule::always(Op::Pay, Forgery::WrongSign));
    faults.add(Rule::always(Op::Pay, Delivery::Delay { ms: 5 }));
    let course = faults.take(Op::Pay, "order-1", Some("134539517967686076"));
    assert_eq!((course.forgeries, course.delivery), (vec![Forgery::WrongSign], Delivery::Delay { ms: 5 }));
}

#[test]
fn a_rule_by_code_follows_the_order_the_code_was_used_for() {
    let mut faults = Faults::default();
    let code = "134539517967686076";
    faults.add(Rule { auth_code: Some(code.to_owned()), ..Rule::always(Op::Query, Forgery::NoSign) });
    assert!(!faults.to_json().to_string().contains(code));
    assert!(faults.take(Op::Query, "order-1", None).is_smooth());
    faults.take(Op::Pay, "order-1", Some(code));
    assert_eq!(faults.take(Op::Query, "order-1", None).forgeries, vec![Forgery::NoSign]);
    assert!(faults.take(Op::Query, "order-2", None).is_smooth());
}

#[test]
fn a_code_brings_its_scenario() {
    let mut faults = Faults::default();
    let course = faults.take(Op::Pay, "order-1", Some("130203967967686076"));
    assert_eq!(course.delivery, Delivery::LoseReply);
    assert!(faults.take(Op::Pay, "order-2", Some("134539517967686076")).is_smooth());
}

#[test]
fn every_fault_reads_back_as_it_was_written() {
    for scenario in SCENARIOS {
        for (_, _, fault) in &(scenario.rules)() {
            let text = serde_json::to_string(fault).expect("plain data");
            assert_eq!(&serde_json::from_str::<Fault>(&text).expect("its own form"), fault, "{text}");
        }
    }
    let text = r#"{"op":"query","times":3,"fault":{"err_code":{"code":"SYSTEMERROR"}}}"#;
    let rule: Rule = serde_json::from_str(text).expect("a rule");
    assert_eq!(rule.fault, Deed::ErrCode { code: "SYSTEMERROR".into(), does: false, recall: false }.into());
    assert!(serde_json::from_str::<Rule>(r#"{"fault":"lose_reply","tmies":3}"#).is_err());
    assert!(serde_json::from_str::<Rule>(r#"{"fault":"no_such_thing"}"#).is_err());
}

#[test]
fn scenario_numbers_are_unique_and_in_order() {
    let numbers: Vec<u16> = SCENARIOS.iter().map(|scenario| scenario.number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(table().lines().count() > SCENARIOS.len());
}
