//! The refunds of a shop day: who asks for what, how WeChat treats it, and what the books must say of it.

use std::collections::BTreeMap;
use std::time::Duration;

use shroff::ledger::RefundRow;
use shroff::payment::answer::{RefundQueryAnswer, RefundReceipt};
use shroff::payment::{Answer, Heard, RefundState, Terms};
use shroff::sim::book::{Book, Kind, Refund, RefundFate, RefundPlan, RefundState as Booked};
use shroff::till::NewRefund;
use shroff::words::{PaymentRef, Tick};

use super::chance::Chance;

/// WeChat works on a refund at most so long here.
const WORKS_MAX: u64 = 2 * 3600 * 1000;

/// What the day has in store for refunds. It draws from a chance of its own: a day without refunds stays as it was.
pub(crate) struct Refunds {
    chance: Chance,
    asked: u32,
    /// What was asked for, by refund_ref: the POS repeats it word for word.
    pub(crate) asks: BTreeMap<u32, NewRefund>,
    /// How WeChat means to treat each number.
    fates: BTreeMap<String, Fate>,
}

#[derive(Clone)]
enum Fate {
    Ends(RefundFate),
    Refuses(&'static str),
}

impl Refunds {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = Chance::new(seed ^ 0x5EED_0F0E_F04D);
        Self { chance, asked: 0, asks: BTreeMap::new(), fates: BTreeMap::new() }
    }

    /// When the POS wants some of `payment` back, and how often it asks.
    pub(crate) fn wishes(&mut self, payment: &PaymentRef, amount: u64) -> Vec<(Duration, u32)> {
        let parts = [0, 1, 1, 2, 3, 5][self.chance.below(6) as usize];
        let mut wishes = Vec::new();
        for _ in 0..parts {
            self.asked += 1;
            let some = match self.chance.below(5) {
                0 => None,
                1 => Some(amount),
                _ => Some(1 + self.chance.below(amount / 2)),
            };
            let ask = NewRefund {
                payment: payment.clone(),
                reference: format!("refund-{}", self.asked).parse().expect("a refund_ref"),
                amount: some,
                reason: "wrong dish".into(),
                operator: None,
                supervised: false,
            };
            self.asks.insert(self.asked, ask);
            let mut after = self.chance.between(100, 200_000);
            wishes.push((after, self.asked));
            while self.chance.one_in_thousand(300) {
                after += self.chance.between(10, 5_000);
                wishes.push((after, self.asked));
            }
        }
        wishes
    }

    /// How WeChat treats a refund call: lies while there are faults, then as it always meant to.
    pub(crate) fn plan(&mut self, number: &str, hostile: bool) -> RefundPlan {
        let chance = &mut self.chance;
        let takes = if chance.one_in_thousand(500) { Duration::ZERO } else { chance.between(0, WORKS_MAX) };
        let fate = match chance.below(12) {
            0 => Fate::Ends(RefundFate::Closes(takes)),
            1 => Fate::Ends(RefundFate::Changes(takes)),
            2 => Fate::Refuses("USER_ACCOUNT_ABNORMAL"),
            3 => Fate::Refuses("PARAM_ERROR"),
            _ => Fate::Ends(RefundFate::Arrives(takes)),
        };
        let lies = ["NOTENOUGH", "SYSTEMERROR", "FREQUENCY_LIMITED", "TRADE_OVERDUE", "NOBODY_KNOWS"];
        let lie = lies[chance.below(5) as usize];
        let lying = hostile && chance.one_in_thousand(400);
        let done = chance.one_in_thousand(500);
        match self.fates.entry(number.to_owned()).or_insert(fate) {
            Fate::Refuses(code) => RefundPlan::Refuses((*code).into()),
            Fate::Ends(_) if lying && done => RefundPlan::Hides(lie.into()),
            Fate::Ends(_) if lying => RefundPlan::Refuses(lie.into()),
            Fate::Ends(fate) => RefundPlan::Ends(*fate),
        }
    }

    /// Whether an answer lists other refunds first.
    pub(crate) fn turns_a_page(&mut self, offset: u32) -> bool {
        offset == 0 && self.chance.one_in_thousand(50)
    }
}

/// What a question about a refund is answered, as of `stale` ago.
pub(crate) fn known(book: &mut Book, out_trade_no: &str, terms: &Terms, now: Tick, stale: Duration) -> Heard {
    let seen = book.refund_query(out_trade_no, now, stale);
    let ours = seen.into_iter().find(|(refund, _)| refund.out_refund_no == terms.out_refund_no.as_str());
    let answer = match ours {
        None => RefundQueryAnswer::Absent,
        Some((refund, _)) if refund.amount != terms.amount => {
            return Heard::Nothing { why: "other_amount", incident: true };
        }
        Some((_, Booked::Processing)) => RefundQueryAnswer::Processing,
        Some((_, Booked::Closed)) => RefundQueryAnswer::Closed,
        Some((_, Booked::Changed)) => RefundQueryAnswer::Changed,
        Some((_, Booked::Success)) => RefundQueryAnswer::Refunded(RefundReceipt { refund_id: None, refunded_at: None }),
    };
    Heard::Answer(Answer::RefundQuery(answer))
}

/// Compares the ledger's refunds with the books: returned once where the ledger says so, never where it says failed.
pub(crate) fn agree(rows: &[RefundRow], book: &Book) -> Result<(), String> {
    for row in rows {
        let record = &row.record;
        let booked = book.refund_by(record.facts.out_refund_no.as_str());
        let is = booked.map(Refund::state);
        let fits = match (record.state, record.open) {
            (RefundState::Refunded, false) => is == Some(Booked::Success),
            (RefundState::Failed, false) => matches!(is, None | Some(Booked::Closed)),
            (RefundState::NeedsAttention, false) => is == Some(Booked::Changed),
            (RefundState::Requested | RefundState::Processing | RefundState::NeedsAttention, true) => true,
            _ => false,
        };
        if !fits {
            return Err(format!("{} is {:?}, the books say {is:?}", record.facts.reference, record.state));
        }
        if booked.is_some_and(|it| it.amount != record.facts.amount) {
            return Err(format!("{} went back with another amount", record.facts.reference));
        }
    }
    for kind in [Kind::RefundNumberReused, Kind::RefundTooSoon] {
        if book.violations().count(kind) > 0 {
            return Err(format!("the gateway saw {}: {:?}", kind.word(), book.violations()));
        }
    }
    Ok(())
}

/// At the end of the day: all is settled, and no refund is in the books that the ledger does not know.
pub(crate) fn all_settled(rows: &[RefundRow], book: &Book) -> Result<(), String> {
    agree(rows, book)?;
    if let Some(row) = rows.iter().find(|row| row.record.open) {
        return Err(format!("a refund rests in {:?}", row.record));
    }
    let ours = |number: &str| rows.iter().any(|row| row.record.facts.out_refund_no.as_str() == number);
    // The fixed number of a refund in place of a reversal ends with R, and belongs to its attempt.
    let strange = book.refunds().find(|it| !it.out_refund_no.ends_with('R') && !ours(&it.out_refund_no));
    strange.map_or(Ok(()), |it| Err(format!("{} is in the books only", it.out_refund_no)))
}
