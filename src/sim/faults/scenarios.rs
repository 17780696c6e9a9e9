//! Payment codes that misbehave: digits 3 to 6 of the 18 choose a scenario, so that anyone with a keyboard can try
//! one. `13 0203 967967686076` is charged, and its reply is lost. Numbers that are not listed pay at once.

use super::super::book::{Code, Op};
use super::{Arrival, Deed, Delivery, FateWord, Fault, Forgery, RefundWord};

/// What a payment code sets in motion.
#[derive(Debug)]
pub struct Scenario {
    /// Digits 3 to 6 of the code.
    pub number: u16,
    /// What happens, for people.
    pub title: &'static str,
    /// Which requests about the order meet what; 0 times is for ever.
    pub rules: fn() -> Vec<(Op, u32, Fault)>,
}

/// The scenario of this payment code, if its digits name one.
#[must_use]
pub fn scenario_of(auth_code: &str) -> Option<&'static Scenario> {
    let number: u16 = auth_code.get(2..6)?.parse().ok()?;
    SCENARIOS.iter().find(|scenario| scenario.number == number)
}

/// The table, for `--help`.
#[must_use]
pub fn table() -> String {
    let mut text = "Payment codes: digits 3 to 6 of the 18 choose what happens (13 0203 000000000001).\n\
                    Any other number pays at once. One code is one order: change the last digits for the next.\n"
        .to_owned();
    for Scenario { number, title, .. } in SCENARIOS {
        text.push_str(&format!("\n  {number:04}  {title}"));
    }
    text
}

/// Every scenario, by number.
pub static SCENARIOS: &[Scenario] = &[
    // What becomes of the payment.
    one(1, "the payer is asked, and pays after 8 s", || vec![(Op::Pay, 1, fate(FateWord::AsksThenPays, 8))]),
    one(2, "the payer is asked, and pays after 30 s", || vec![(Op::Pay, 1, fate(FateWord::AsksThenPays, 30))]),
    one(3, "the payer is asked, and never answers", || vec![(Op::Pay, 1, fate(FateWord::AsksForEver, 0))]),
    one(4, "the payer is asked, and it fails after 8 s (PAYERROR)", || {
        vec![(Op::Pay, 1, fate(FateWord::AsksThenFails, 8))]
    }),
    one(5, "accepted; the bank pays after 50 s", || vec![(Op::Pay, 1, fate(FateWord::AcceptsThenPays, 50))]),
    one(6, "an order that stays NOTPAY", || vec![(Op::Pay, 1, fate(FateWord::NeverPays, 0))]),
    one(7, "charged, and answers SYSTEMERROR", || vec![(Op::Pay, 1, hides("SYSTEMERROR"))]),
    one(8, "charged, and answers BANKERROR", || vec![(Op::Pay, 1, hides("BANKERROR"))]),
    one(9, "charged, and answers NOTENOUGH", || vec![(Op::Pay, 1, hides("NOTENOUGH"))]),
    one(10, "the payer is asked and pays after 8 s, but the answer is SYSTEMERROR", || {
        vec![(Op::Pay, 1, fate(FateWord::AsksThenPays, 8)), (Op::Pay, 1, hides("SYSTEMERROR"))]
    }),
    one(11, "charged, and answers return_code=FAIL", || vec![(Op::Pay, 1, return_fail(true))]),
    one(12, "return_code=FAIL, not charged", || vec![(Op::Pay, 1, return_fail(false))]),
    // Refused; no order is made.
    one(101, "NOTENOUGH", || vec![(Op::Pay, 1, refuses("NOTENOUGH"))]),
    one(102, "AUTHCODEEXPIRE", || vec![(Op::Pay, 1, refuses("AUTHCODEEXPIRE"))]),
    one(103, "AUTH_CODE_ERROR", || vec![(Op::Pay, 1, refuses("AUTH_CODE_ERROR"))]),
    one(104, "AUTH_CODE_INVALID", || vec![(Op::Pay, 1, refuses("AUTH_CODE_INVALID"))]),
    one(105, "NOTSUPORTCARD", || vec![(Op::Pay, 1, refuses("NOTSUPORTCARD"))]),
    one(106, "BUYER_MISMATCH", || vec![(Op::Pay, 1, refuses("BUYER_MISMATCH"))]),
    one(107, "ORDERCLOSED", || vec![(Op::Pay, 1, refuses("ORDERCLOSED"))]),
    one(108, "ORDERREVERSED", || vec![(Op::Pay, 1, refuses("ORDERREVERSED"))]),
    one(109, "TRADE_ERROR", || vec![(Op::Pay, 1, refuses("TRADE_ERROR"))]),
    one(110, "NOAUTH", || vec![(Op::Pay, 1, refuses("NOAUTH"))]),
    one(111, "FREQUENCY_LIMITED", || vec![(Op::Pay, 1, refuses("FREQUENCY_LIMITED"))]),
    one(112, "SYSTEMERROR, not charged", || vec![(Op::Pay, 1, refuses("SYSTEMERROR"))]),
    one(113, "BANKERROR, not charged", || vec![(Op::Pay, 1, refuses("BANKERROR"))]),
    one(114, "an err_code nobody has seen", || vec![(Op::Pay, 1, refuses("NEVER_SEEN_BEFORE"))]),
    one(115, "an empty err_code", || vec![(Op::Pay, 1, refuses(""))]),
    one(116, "PARAM_ERROR", || vec![(Op::Pay, 1, refuses("PARAM_ERROR"))]),
    one(117, "SIGNERROR", || vec![(Op::Pay, 1, refuses("SIGNERROR"))]),
    one(118, "ORDERPAID, though nothing was paid", || vec![(Op::Pay, 1, refuses("ORDERPAID"))]),
    one(119, "RISKCONTROL", || vec![(Op::Pay, 1, refuses("RISKCONTROL"))]),
    one(120, "INVALID_REQUEST", || vec![(Op::Pay, 1, refuses("INVALID_REQUEST"))]),
    // The network.
    one(201, "the pay is lost, the connection closes", || vec![(Op::Pay, 1, arrival(Arrival::LoseRequest))]),
    one(202, "the pay is lost, nobody answers", || vec![(Op::Pay, 1, arrival(Arrival::HangRequest))]),
    one(203, "charged; the reply is lost, the connection closes", || vec![(Op::Pay, 1, delivery(Delivery::LoseReply))]),
    one(204, "charged; nobody answers", || vec![(Op::Pay, 1, delivery(Delivery::HangReply))]),
    one(205, "charged; the reply is 8 s late", || vec![(Op::Pay, 1, delivery(Delivery::Delay { ms: 8_000 }))]),
    one(206, "charged; the reply is 20 s late", || vec![(Op::Pay, 1, delivery(Delivery::Delay { ms: 20_000 }))]),
    one(207, "the pay lands 10 s late", || vec![(Op::Pay, 1, arrival(Arrival::LandLate { after_ms: 10_000 }))]),
    one(208, "the pay lands 50 s late", || vec![(Op::Pay, 1, arrival(Arrival::LandLate { after_ms: 50_000 }))]),
    one(209, "the pay lands 100 s late, its code dead", || {
        vec![(Op::Pay, 1, arrival(Arrival::LandLate { after_ms: 100_000 }))]
    }),
    one(210, "the pay arrives twice", || vec![(Op::Pay, 1, arrival(Arrival::Doubled))]),
    one(211, "charged; the reply comes a byte a second", || vec![(Op::Pay, 1, delivery(Delivery::Drip { ms: 1_000 }))]),
    one(212, "charged; the reply breaks off within the body", || {
        vec![(Op::Pay, 1, delivery(Delivery::Truncate { at: 40 }))]
    }),
    one(213, "charged; the reply is 200 MB long", || vec![(Op::Pay, 1, delivery(Delivery::Huge { mb: 200 }))]),
    // The text of the reply; the payment is charged.
    one(301, "charged; garbage", || vec![(Op::Pay, 1, forgery(Forgery::Garbage))]),
    one(302, "charged; half an XML document", || vec![(Op::Pay, 1, forgery(Forgery::Shorten { at: 40 }))]),
    one(303, "charged; an empty body", || vec![(Op::Pay, 1, forgery(Forgery::Empty))]),
    one(304, "charged; HTML, HTTP 200", || vec![(Op::Pay, 1, forgery(Forgery::Html { status: 200 }))]),
    one(305, "charged; HTML, HTTP 400", || vec![(Op::Pay, 1, forgery(Forgery::Html { status: 400 }))]),
    one(306, "charged; HTML, HTTP 502", || vec![(Op::Pay, 1, forgery(Forgery::Html { status: 502 }))]),
    one(307, "charged; HTTP 302 to another host", || vec![(Op::Pay, 1, forgery(Forgery::Redirect))]),
    one(308, "charged; signed with another key", || vec![(Op::Pay, 1, forgery(Forgery::WrongSign))]),
    one(309, "charged; not signed", || vec![(Op::Pay, 1, forgery(Forgery::NoSign))]),
    one(310, "charged; signed with the other sign_type", || vec![(Op::Pay, 1, forgery(Forgery::OtherSignType))]),
    one(311, "charged; signed, another amount", || vec![(Op::Pay, 1, forgery(Forgery::WrongAmount))]),
    one(312, "charged; signed, another currency", || vec![(Op::Pay, 1, forgery(Forgery::WrongCurrency))]),
    one(313, "charged; signed, another order", || vec![(Op::Pay, 1, forgery(Forgery::WrongOrder))]),
    one(314, "charged; signed, another mch_id", || vec![(Op::Pay, 1, forgery(Forgery::WrongMch))]),
    one(315, "charged; signed, another sub_mch_id", || vec![(Op::Pay, 1, forgery(Forgery::WrongSubMch))]),
    one(316, "charged; signed, another appid", || vec![(Op::Pay, 1, forgery(Forgery::WrongAppid))]),
    one(317, "charged; a field twice", || vec![(Op::Pay, 1, forgery(Forgery::DuplicateField))]),
    one(318, "charged; a DOCTYPE", || vec![(Op::Pay, 1, forgery(Forgery::Doctype))]),
    one(319, "charged; an entity bomb", || vec![(Op::Pay, 1, forgery(Forgery::EntityBomb))]),
    one(320, "charged; 100 more fields", || vec![(Op::Pay, 1, forgery(Forgery::ManyFields))]),
    one(321, "charged; elements a thousand deep", || vec![(Op::Pay, 1, forgery(Forgery::Nested))]),
    one(322, "charged; claims to be gzip", || vec![(Op::Pay, 1, forgery(Forgery::Gzip))]),
    // Queries; the payer is asked, and pays after 8 s.
    one(401, "pays after 8 s; three queries are lost", || vec![ASKED, (Op::Query, 3, arrival(Arrival::LoseRequest))]),
    one(402, "pays after 8 s; three queries say SYSTEMERROR", || vec![ASKED, (Op::Query, 3, refuses("SYSTEMERROR"))]),
    one(403, "pays after 8 s; queries are 5 s behind", || vec![ASKED, (Op::Query, 0, stale(5))]),
    one(404, "pays after 8 s; three unknown trade_states", || {
        vec![ASKED, (Op::Query, 3, forgery(Forgery::UnknownState))]
    }),
    one(405, "pays after 8 s; three queries wrongly signed", || {
        vec![ASKED, (Op::Query, 3, forgery(Forgery::WrongSign))]
    }),
    one(406, "pays after 8 s; three queries say ORDERNOTEXIST", || {
        vec![ASKED, (Op::Query, 3, refuses("ORDERNOTEXIST"))]
    }),
    one(407, "pays after 8 s; no query is ever answered", || {
        vec![ASKED, (Op::Query, 0, arrival(Arrival::HangRequest))]
    }),
    // Reversals; charged, answers SYSTEMERROR, and queries are 60 s behind, so that the terminal gives up.
    one(501, "must be reversed; all goes well", || vec![HIDDEN, BEHIND]),
    one(502, "must be reversed; recall=Y three times", || vec![HIDDEN, BEHIND, (Op::Reverse, 3, claims(true))]),
    one(503, "must be reversed; the window is over", || {
        vec![HIDDEN, BEHIND, (Op::Reverse, 0, refuses_for_good("REVERSE_EXPIRE"))]
    }),
    one(504, "must be reversed; SYSTEMERROR three times", || {
        vec![HIDDEN, BEHIND, (Op::Reverse, 3, refuses("SYSTEMERROR"))]
    }),
    one(505, "must be reversed; USERPAYING three times", || {
        vec![HIDDEN, BEHIND, (Op::Reverse, 3, refuses("USERPAYING"))]
    }),
    one(506, "must be reversed; SUCCESS twice, nothing done", || vec![HIDDEN, BEHIND, (Op::Reverse, 2, claims(false))]),
    one(507, "must be reversed; FAIL with recall=N, yet done", || {
        vec![HIDDEN, BEHIND, (Op::Reverse, 1, hides("TRADE_ERROR"))]
    }),
    one(508, "must be reversed; two replies are lost", || {
        vec![HIDDEN, BEHIND, (Op::Reverse, 2, delivery(Delivery::LoseReply))]
    }),
    one(509, "must be reversed; HTML 400 three times", || {
        vec![HIDDEN, BEHIND, (Op::Reverse, 3, forgery(Forgery::Html { status: 400 }))]
    }),
    // Refunds of a payment that went well.
    one(601, "pays; refunds say NOTENOUGH twice", || vec![(Op::Refund, 2, refuses("NOTENOUGH"))]),
    one(602, "pays; a refund's reply is lost", || vec![(Op::Refund, 1, delivery(Delivery::LoseReply))]),
    one(603, "pays; refunds say FREQUENCY_LIMITED twice", || vec![(Op::Refund, 2, refuses("FREQUENCY_LIMITED"))]),
    one(604, "pays; a refund says SYSTEMERROR, yet is done", || vec![(Op::Refund, 1, hides("SYSTEMERROR"))]),
    one(605, "pays; a refund says SYSTEMERROR, and is not done", || vec![(Op::Refund, 1, refuses("SYSTEMERROR"))]),
    one(606, "pays; a refund is lost, the connection closes", || vec![(Op::Refund, 1, arrival(Arrival::LoseRequest))]),
    one(607, "pays; a refund takes 30 s", || vec![(Op::Refund, 0, refund(RefundWord::Arrives, 30))]),
    one(608, "pays; refunds are closed after 3 s (REFUNDCLOSE)", || {
        vec![(Op::Refund, 0, refund(RefundWord::Closes, 3))]
    }),
    one(609, "pays; the payer's card is dead (CHANGE)", || vec![(Op::Refund, 0, refund(RefundWord::Changes, 3))]),
    one(610, "pays; a refund says TRADE_OVERDUE", || vec![(Op::Refund, 0, refuses("TRADE_OVERDUE"))]),
    one(611, "pays; a refund says TRADE_OVERDUE, yet is done", || vec![(Op::Refund, 1, hides("TRADE_OVERDUE"))]),
    one(612, "pays; a refund says USER_ACCOUNT_ABNORMAL", || vec![(Op::Refund, 0, refuses("USER_ACCOUNT_ABNORMAL"))]),
    one(613, "pays; a refund says return_code=FAIL, yet is done", || vec![(Op::Refund, 1, return_fail(true))]),
    one(614, "pays; a refund arrives twice", || vec![(Op::Refund, 1, arrival(Arrival::Doubled))]),
    one(615, "pays; a refund says OUT_REFUND_NO_USED", || vec![(Op::Refund, 0, refuses("OUT_REFUND_NO_USED"))]),
    one(621, "pays; refund queries list every refund, with holes", || {
        vec![(Op::RefundQuery, 0, Fault::Deed(Deed::ListsAll)), (Op::RefundQuery, 0, forgery(Forgery::Holes))]
    }),
    one(622, "pays; refund queries list every refund", || vec![(Op::RefundQuery, 0, Fault::Deed(Deed::ListsAll))]),
    one(623, "pays; three refund queries are wrongly signed", || {
        vec![(Op::RefundQuery, 3, forgery(Forgery::WrongSign))]
    }),
    one(624, "pays; a refund query has another amount", || vec![(Op::RefundQuery, 1, forgery(Forgery::WrongRefund))]),
    one(625, "pays; three refund queries say REFUNDNOTEXIST", || vec![(Op::RefundQuery, 3, refuses("REFUNDNOTEXIST"))]),
    one(626, "pays; a refund_status nobody has seen, three times", || {
        vec![(Op::RefundQuery, 3, forgery(Forgery::UnknownState))]
    }),
    one(627, "pays; refund queries are 3 s behind", || vec![(Op::RefundQuery, 0, stale(3))]),
    // Signatures that only v3 has. In v2 nothing is wrong with these.
    one(701, "v3: charged; signed ten minutes ago", || vec![(Op::Pay, 1, forgery(Forgery::Replayed))]),
    one(702, "v3: charged; a serial number of no certificate", || vec![(Op::Pay, 1, forgery(Forgery::UnknownSerial))]),
    one(703, "v3: charged; a test of whether signatures are checked", || vec![(Op::Pay, 1, forgery(Forgery::Probe))]),
    one(704, "v3: pays after 8 s; three queries signed ten minutes ago", || {
        vec![ASKED, (Op::Query, 3, forgery(Forgery::Replayed))]
    }),
    one(705, "must be reversed; two replies are not signed", || {
        vec![HIDDEN, BEHIND, (Op::Reverse, 2, forgery(Forgery::NoSign))]
    }),
];

const ASKED: (Op, u32, Fault) = (Op::Pay, 1, fate(FateWord::AsksThenPays, 8));
const HIDDEN: (Op, u32, Fault) = (Op::Pay, 1, hides("SYSTEMERROR"));
const BEHIND: (Op, u32, Fault) = (Op::Query, 0, stale(60));

const fn one(number: u16, title: &'static str, rules: fn() -> Vec<(Op, u32, Fault)>) -> Scenario {
    Scenario { number, title, rules }
}

const fn fate(fate: FateWord, after_s: u64) -> Fault {
    Fault::Deed(Deed::Fate { fate, after_ms: after_s.saturating_mul(1_000) })
}

const fn refund(refund: RefundWord, after_s: u64) -> Fault {
    Fault::Deed(Deed::RefundFate { refund, after_ms: after_s.saturating_mul(1_000) })
}

const fn stale(by_s: u64) -> Fault {
    Fault::Deed(Deed::Stale { ms: by_s.saturating_mul(1_000) })
}

const fn refuses(code: &'static str) -> Fault {
    Fault::Deed(Deed::ErrCode { code: Code::Borrowed(code), does: false, recall: true })
}

const fn refuses_for_good(code: &'static str) -> Fault {
    Fault::Deed(Deed::ErrCode { code: Code::Borrowed(code), does: false, recall: false })
}

const fn hides(code: &'static str) -> Fault {
    Fault::Deed(Deed::ErrCode { code: Code::Borrowed(code), does: true, recall: false })
}

const fn return_fail(does: bool) -> Fault {
    Fault::Deed(Deed::ReturnFail { text: Code::Borrowed("system error"), does })
}

const fn claims(recall: bool) -> Fault {
    Fault::Deed(Deed::OnlyClaims { recall })
}

const fn arrival(arrival: Arrival) -> Fault {
    Fault::Arrival(arrival)
}

const fn delivery(delivery: Delivery) -> Fault {
    Fault::Delivery(delivery)
}

const fn forgery(forgery: Forgery) -> Fault {
    Fault::Forgery(forgery)
}
