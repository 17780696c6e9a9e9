//! Damaged and random bytes: the dialect never panics, and never reads *paid* out of anything that does not say, field
//! by field, what the gateway signed.

use std::sync::Arc;

use proptest::prelude::*;
use shroff::dialect::v2::SignType;
use shroff::dialect::{HttpReply, Stamp};
use shroff::payment::answer::{Answer, PayAnswer, QueryAnswer, RefundAnswer, RefundQueryAnswer, ReverseAnswer};
use shroff::payment::{Ask, Call, Op, Order};
use shroff::words::WallTime;

use crate::counterpart::{Counterpart, TRUE, V2Counterpart, call, merchant, order};
use crate::counterpart_v3::{V3Counterpart, v3};
use crate::hostile::good;

fn v2() -> impl Strategy<Value = V2Counterpart> {
    prop_oneof![Just(SignType::Md5), Just(SignType::HmacSha256)].prop_map(V2Counterpart::new)
}

fn gateway() -> impl Strategy<Value = Arc<dyn Counterpart>> {
    let v3: Arc<dyn Counterpart> = Arc::new(V3Counterpart::new());
    prop_oneof![v2().prop_map(|gateway| -> Arc<dyn Counterpart> { Arc::new(gateway) }), Just(v3),]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::Pay), Just(Op::Query), Just(Op::Reverse), Just(Op::Refund), Just(Op::RefundQuery)]
}

/// One thing that can happen to bytes on their way.
#[derive(Clone, Debug)]
enum Damage {
    Flip { at: prop::sample::Index, bit: u8 },
    Cut { at: prop::sample::Index },
    Insert { at: prop::sample::Index, what: Vec<u8> },
    Repeat { from: prop::sample::Index, to: prop::sample::Index },
    Remove { from: prop::sample::Index, to: prop::sample::Index },
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..8),
        "[<>&/a-z0-9\\]\\[! ]{1,12}".prop_map(String::into_bytes),
        Just(b"<trade_state>SUCCESS</trade_state>".to_vec()),
        Just(b"<![CDATA[SUCCESS]]>".to_vec()),
        Just(b"\"trade_state\":\"SUCCESS\",".to_vec()),
    ];
    prop_oneof![
        (at(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        at().prop_map(|at| Damage::Cut { at }),
        (at(), piece).prop_map(|(at, what)| Damage::Insert { at, what }),
        (at(), at()).prop_map(|(from, to)| Damage::Repeat { from, to }),
        (at(), at()).prop_map(|(from, to)| Damage::Remove { from, to }),
    ]
}

fn apply(damage: &Damage, body: &mut Vec<u8>) {
    let range = |from: &prop::sample::Index, to: &prop::sample::Index, length: usize| {
        let (from, to) = (from.index(length), to.index(length));
        from.min(to)..from.max(to)
    };
    match damage {
        Damage::Flip { at, bit } => {
            let at = at.index(body.len());
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1_u8.checked_shl(u32::from(*bit)).unwrap_or(1);
            }
        }
        Damage::Cut { at } => body.truncate(at.index(body.len())),
        Damage::Insert { at, what } => {
            let at = at.index(body.len());
            body.splice(at..at, what.iter().copied());
        }
        Damage::Repeat { from, to } => {
            let range = range(from, to, body.len());
            let piece = body.get(range.clone()).unwrap_or_default().to_vec();
            body.splice(range.start..range.start, piece);
        }
        Damage::Remove { from, to } => {
            body.drain(range(from, to, body.len()));
        }
    }
}

/// Whether an answer says more than *ask again*: then only an undamaged message may have said it.
fn means_something(answer: &Answer) -> bool {
    match answer {
        Answer::Pay(PayAnswer::Failed { .. })
        | Answer::Query(QueryAnswer::NoWord(_))
        | Answer::Reverse(ReverseAnswer::NotDone { recall: true, .. })
        | Answer::Refund(RefundAnswer::NotDone { .. })
        | Answer::RefundQuery(RefundQueryAnswer::NoWord(_)) => false,
        Answer::Pay(_) | Answer::Query(_) | Answer::Reverse(_) | Answer::Refund(_) | Answer::RefundQuery(_) => true,
    }
}

proptest! {
    #[test]
    fn damaged_bytes_say_what_was_signed_or_nothing(gateway in gateway(), op in op(), damages in prop::collection::vec(damage(), 1..4)) {
        let mut reply = good(gateway.as_ref(), op, &TRUE);
        let said = gateway.read(&call(op), &reply);
        for damage in &damages {
            if !reply.body.is_empty() {
                apply(damage, &mut reply.body);
            }
        }
        if let Ok(answer) = gateway.read(&call(op), &reply)
            && means_something(&answer)
        {
            // Only blanks between fields or another spelling of the same text can have changed.
            prop_assert_eq!(Ok(answer), said);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_mean_anything(
        gateway in gateway(),
        op in op(),
        status in prop_oneof![Just(200_u16), any::<u16>()],
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..400),
            "\\{(\"(code|message|trade_state|id|amount)\":(\"[A-Z_]{0,12}\"|[0-9]{1,6}|\\{\\}|null),?){0,6}\\}?".prop_map(String::into_bytes),
            "(<(/?xml|[a-z_]{1,12}|!\\[CDATA\\[|!--|\\?xml|/[a-z_]{1,12})>?|\\]\\]>|&[a-z#0-9]{1,6};|[A-Z0-9 ]{0,8}){0,40}".prop_map(String::into_bytes),
        ],
    ) {
        let reply = HttpReply { status, headers: Vec::new(), body };
        if let Ok(answer) = gateway.read(&call(op), &reply) {
            prop_assert!(!means_something(&answer), "{:?}", answer);
        }
    }

    #[test]
    fn whatever_the_shop_writes_arrives_as_it_was_signed(
        gateway in v2(),
        description in any::<String>(),
        attach in any::<String>(),
    ) {
        let pay = Call {
            order: Order { description, attach, ..order() },
            ask: Ask::Pay("134539517967686076".parse().expect("a code")),
        };
        let stamp = Stamp { nonce: "f6868b9b16bf4893958afd4a46d73422".to_owned(), time: WallTime::from_millis(0) };
        let request = gateway.dialect().write(&pay, &stamp);
        // Our own reader verifies it and finds that it is a request, not a reply.
        let reply = HttpReply { status: 200, headers: Vec::new(), body: request.body.to_vec() };
        prop_assert_eq!(
            gateway.read(&call(Op::Pay), &reply),
            Err(shroff::dialect::Distrust::Malformed("no return_code"))
        );
        prop_assert!(gateway.accepts(&request.body), "{}", String::from_utf8_lossy(&request.body));
    }

    #[test]
    fn whatever_the_shop_writes_is_the_json_it_means(description in any::<String>(), attach in any::<String>()) {
        let call = Call {
            order: Order { description: description.clone(), attach, ..order() },
            ask: Ask::Pay("134539517967686076".parse().expect("a code")),
        };
        let stamp = Stamp { nonce: "f6868b9b16bf4893958afd4a46d73422".to_owned(), time: WallTime::from_millis(0) };
        let request = shroff::dialect::Dialect::write(&v3(merchant()), &call, &stamp);
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        let said = body["description"].as_str().expect("text");
        prop_assert!(!said.is_empty() && said.len() <= 127 && !said.chars().any(char::is_control), "{said:?}");
        prop_assert!(body["attach"].as_str().unwrap_or_default().len() <= 127);
        prop_assert_eq!(&body["payer"]["auth_code"], "134539517967686076");
        if !description.trim().is_empty() && description.len() <= 127 && !description.chars().any(char::is_control)
            && !description.contains(['\u{fffe}', '\u{ffff}'])
        {
            prop_assert_eq!(said, description.trim());
        }
    }
}
