//! A shop's day with known differences: exactly those come out, in the right words, and the totals add up.

use proptest::prelude::*;
use shroff::reconcile::{Kind, LedgerLine, Report, Standing, What};
use shroff::words::{Day, Money, WallTime};

use super::books::{Pages, reconcile};
use super::sheet::{Move, Style, statement};

const DAY: &str = "2026-03-02";
const HOUR: i64 = 3_600_000;

/// What happens to one sale of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    // Nothing is wrong.
    Sold,
    SoldThenRefundedInParts,
    Reversed,
    ReversedByRefund,
    ReversedBeforeItWasPaid,
    Declined,
    DeclinedThenSold,
    ReversedAfterAll,
    // Explained.
    CountedTomorrowHere,
    ReversedTomorrow,
    ReversedToday,
    // Wrong.
    UnknownHere,
    UnknownThere,
    OtherAmount,
    OtherCurrency,
    OtherNumber,
    ChargedThoughDeclined,
    GivenBackThere,
    ReversalMissing,
    RefundMissing,
    RefundUnknownHere,
    RefundOfAnotherAmount,
    RefundFailedHere,
    OpenAndListed,
    OpenAndNotListed,
    OpenAndReversed,
    RefundOpen,
    PaidTwice,
    PaidTwiceHereToo,
    ListedTwice,
    UnknownAndReversed,
}

use Story as S;

const STORIES: &[Story] = &[
    S::Sold,
    S::SoldThenRefundedInParts,
    S::Reversed,
    S::ReversedByRefund,
    S::ReversedBeforeItWasPaid,
    S::Declined,
    S::DeclinedThenSold,
    S::ReversedAfterAll,
    S::CountedTomorrowHere,
    S::ReversedTomorrow,
    S::ReversedToday,
    S::UnknownHere,
    S::UnknownThere,
    S::OtherAmount,
    S::OtherCurrency,
    S::OtherNumber,
    S::ChargedThoughDeclined,
    S::GivenBackThere,
    S::ReversalMissing,
    S::RefundMissing,
    S::RefundUnknownHere,
    S::RefundOfAnotherAmount,
    S::RefundFailedHere,
    S::OpenAndListed,
    S::OpenAndNotListed,
    S::OpenAndReversed,
    S::RefundOpen,
    S::PaidTwice,
    S::PaidTwiceHereToo,
    S::ListedTwice,
    S::UnknownAndReversed,
];

/// What a day comes to.
#[derive(Default)]
struct World {
    rows: Vec<Move>,
    books: [Pages; 2],
    /// Kind, order, at stake.
    planted: Vec<(Kind, String, u64)>,
}

struct Sale {
    no: u32,
    amount: u64,
    currency: &'static str,
    at: WallTime,
}

impl Sale {
    fn order(&self) -> String {
        format!("T0{}K7Q2M9XB{:08}", self.no % 2 + 1, self.no)
    }

    fn row(&self, state: &'static str, refund_no: &str, amount: u64, at: WallTime) -> Move {
        Move {
            state,
            at: china(at),
            order: self.order(),
            transaction: format!("4200{:020}", self.no),
            refund_no: refund_no.to_owned(),
            amount,
            currency: self.currency,
            device: format!("T0{}", self.no % 2 + 1),
            product: "茶".to_owned(),
        }
    }

    fn paid(&self) -> Move {
        self.row("SUCCESS", "", self.amount, self.at)
    }

    fn line(&self, standing: Standing, state: &str) -> LedgerLine {
        let currency = self.currency.parse().expect("a currency");
        LedgerLine {
            out_trade_no: self.order(),
            what: What::Payment { attempt: 1, reversal_no: format!("{}R", self.order()) },
            amount: Money::new(self.amount, currency).expect("an amount"),
            standing,
            state: state.to_owned(),
            at: self.at,
            begun: WallTime::from_millis(self.at.millis() - 4000),
            transaction_id: if standing == Standing::Done { format!("4200{:020}", self.no) } else { String::new() },
            reference: format!("T01-K7Q2M9XB-{:08}", self.no),
            client_ref: format!("R-{}", self.no),
        }
    }

    fn refund(&self, number: &str, amount: u64, standing: Standing, at: WallTime) -> LedgerLine {
        let line = self.line(standing, if standing == Standing::Done { "refunded" } else { "requested" });
        LedgerLine {
            what: What::Refund { out_refund_no: number.to_owned() },
            amount: Money::new(amount, line.amount.currency()).expect("an amount"),
            at,
            ..line
        }
    }
}

impl World {
    fn lived(stories: &[(Story, u64, u32)]) -> Self {
        let mut world = Self::default();
        for (no, (story, amount, minute)) in stories.iter().enumerate() {
            world.live(u32::try_from(no * 2 + 1).expect("small"), *story, *amount, *minute);
        }
        world
    }

    fn live(&mut self, no: u32, story: Story, amount: u64, minute: u32) {
        let begin = DAY.parse::<Day>().expect("a day").begin();
        let at = WallTime::from_millis(begin.millis() + HOUR + i64::from(minute) * 60_000);
        let later = WallTime::from_millis(at.millis() + HOUR);
        let tomorrow = WallTime::from_millis(begin.millis() + 25 * HOUR);
        let yesterday = WallTime::from_millis(begin.millis() - HOUR);
        let currency = if amount.is_multiple_of(5) {
            "JPY"
        } else if amount.is_multiple_of(2) {
            "HKD"
        } else {
            "CNY"
        };
        let it = Sale { no, amount, currency, at };
        let book = usize::try_from(no / 2 % 2).expect("small");
        let mut rows: Vec<Move> = Vec::new();
        let mut lines: Vec<LedgerLine> = Vec::new();
        let mut plant = |kind, at_stake| self.planted.push((kind, it.order(), at_stake));
        match story {
            S::Sold => {
                rows.push(it.paid());
                lines.push(it.line(Standing::Done, "paid"));
            }
            S::SoldThenRefundedInParts => {
                rows.push(it.paid());
                lines.push(it.line(Standing::Done, "paid"));
                for part in ["A", "B"] {
                    let number = format!("R{part}{no:08}");
                    rows.push(it.row("REFUND", &number, amount / 3, later));
                    lines.push(it.refund(&number, amount / 3, Standing::Done, later));
                }
            }
            S::Reversed | S::ReversedAfterAll => {
                rows.extend([it.paid(), it.row("REVOKED", "", amount, later)]);
                let standing = if story == S::Reversed { Standing::TakenBack } else { Standing::NotDone };
                lines.push(LedgerLine { at: later, ..it.line(standing, "reversed") });
            }
            S::ReversedByRefund => {
                rows.extend([it.paid(), it.row("REFUND", &format!("{}R", it.order()), amount, later)]);
                lines.push(LedgerLine { at: later, ..it.line(Standing::TakenBack, "reversed") });
            }
            S::ReversedBeforeItWasPaid => lines.push(it.line(Standing::TakenBack, "reversed")),
            S::Declined => lines.push(it.line(Standing::NotDone, "declined")),
            S::DeclinedThenSold => {
                lines.push(LedgerLine {
                    out_trade_no: format!("{}x", it.order()),
                    ..it.line(Standing::NotDone, "declined")
                });
                rows.push(it.paid());
                let line = it.line(Standing::Done, "paid");
                lines.push(LedgerLine { what: What::Payment { attempt: 2, reversal_no: String::new() }, ..line });
            }
            S::CountedTomorrowHere => {
                rows.push(it.paid());
                lines.push(LedgerLine { at: tomorrow, ..it.line(Standing::Done, "paid") });
                plant(Kind::CarriedOver, 0);
            }
            S::ReversedTomorrow => {
                rows.push(it.paid());
                lines.push(LedgerLine { at: tomorrow, ..it.line(Standing::TakenBack, "reversed") });
                plant(Kind::CarriedOver, 0);
            }
            S::ReversedToday => {
                rows.push(it.row("REVOKED", "", amount, at));
                lines.push(LedgerLine { begun: yesterday, ..it.line(Standing::TakenBack, "reversed") });
                plant(Kind::CarriedOver, 0);
            }
            S::UnknownHere => {
                rows.push(it.paid());
                plant(Kind::InStatementOnly, amount);
            }
            S::UnknownThere => {
                lines.push(it.line(Standing::Done, "paid"));
                plant(Kind::InLedgerOnly, amount);
            }
            S::OtherAmount => {
                rows.push(it.row("SUCCESS", "", amount + 3, at));
                lines.push(it.line(Standing::Done, "paid"));
                plant(Kind::AmountDiffers, 3);
            }
            S::OtherCurrency => {
                rows.push(Move { currency: "USD", ..it.paid() });
                lines.push(it.line(Standing::Done, "paid"));
                plant(Kind::AmountDiffers, amount);
            }
            S::OtherNumber => {
                rows.push(Move { transaction: "42009999".to_owned(), ..it.paid() });
                lines.push(it.line(Standing::Done, "paid"));
                plant(Kind::NumberDiffers, amount);
            }
            S::ChargedThoughDeclined => {
                rows.push(it.paid());
                lines.push(it.line(Standing::NotDone, "declined"));
                plant(Kind::StateDiffers, amount);
            }
            S::GivenBackThere => {
                rows.extend([it.paid(), it.row("REVOKED", "", amount, later)]);
                lines.push(it.line(Standing::Done, "paid"));
                plant(Kind::StateDiffers, amount);
            }
            S::ReversalMissing => {
                rows.push(it.paid());
                lines.push(LedgerLine { at: later, ..it.line(Standing::TakenBack, "reversed") });
                plant(Kind::RefundMissing, amount);
            }
            S::RefundMissing => {
                rows.push(it.paid());
                lines.push(it.line(Standing::Done, "paid"));
                lines.push(it.refund(&format!("RM{no:08}"), amount / 2, Standing::Done, later));
                plant(Kind::RefundMissing, amount / 2);
            }
            S::RefundUnknownHere => {
                rows.extend([it.paid(), it.row("REFUND", "by hand", amount / 2, later)]);
                lines.push(it.line(Standing::Done, "paid"));
                plant(Kind::InStatementOnly, amount / 2);
            }
            S::RefundOfAnotherAmount => {
                let number = format!("RO{no:08}");
                rows.extend([it.paid(), it.row("REFUND", &number, amount / 2, later)]);
                lines.push(it.line(Standing::Done, "paid"));
                lines.push(it.refund(&number, amount / 2 + 7, Standing::Done, later));
                plant(Kind::AmountDiffers, 7);
            }
            S::RefundFailedHere => {
                let number = format!("RF{no:08}");
                rows.extend([it.paid(), it.row("REFUND", &number, amount / 2, later)]);
                lines.push(it.line(Standing::Done, "paid"));
                lines.push(it.refund(&number, amount / 2, Standing::NotDone, later));
                plant(Kind::StateDiffers, amount / 2);
            }
            S::OpenAndListed => {
                rows.push(it.paid());
                lines.push(it.line(Standing::Open, "verifying"));
                plant(Kind::UnresolvedHere, amount);
            }
            S::OpenAndNotListed => {
                lines.push(it.line(Standing::Open, "verifying"));
                plant(Kind::UnresolvedHere, amount);
            }
            S::OpenAndReversed => {
                rows.extend([it.paid(), it.row("REVOKED", "", amount, later)]);
                lines.push(it.line(Standing::Open, "reversing"));
                plant(Kind::UnresolvedHere, amount);
            }
            S::RefundOpen => {
                let number = format!("RP{no:08}");
                rows.extend([it.paid(), it.row("REFUND", &number, amount / 2, later)]);
                lines.push(it.line(Standing::Done, "paid"));
                lines.push(it.refund(&number, amount / 2, Standing::Open, later));
                plant(Kind::UnresolvedHere, amount / 2);
            }
            S::PaidTwice | S::PaidTwiceHereToo => {
                let second = Sale { no: no + 1, ..it };
                rows.extend([it.paid(), second.paid()]);
                let here = if story == S::PaidTwice { Standing::NotDone } else { Standing::Done };
                let first = it.line(here, "declined");
                let again = LedgerLine {
                    what: What::Payment { attempt: 2, reversal_no: String::new() },
                    reference: first.reference.clone(),
                    ..second.line(Standing::Done, "paid")
                };
                lines.extend([first, again]);
                let order = if story == S::PaidTwice { it.order() } else { second.order() };
                self.planted.push((Kind::PaidTwice, order, amount));
            }
            S::ListedTwice => {
                rows.extend([it.paid(), it.paid()]);
                lines.push(it.line(Standing::Done, "paid"));
                plant(Kind::TwiceInStatement, amount);
            }
            S::UnknownAndReversed => {
                rows.extend([it.paid(), it.row("REVOKED", "", amount, later)]);
                plant(Kind::InStatementOnly, amount);
                plant(Kind::InStatementOnly, amount);
            }
        }
        self.rows.extend(rows);
        self.books[book].0.extend(lines);
    }
}

fn china(at: WallTime) -> String {
    let begin = Day::of(at).begin().millis();
    let seconds = (at.millis() - begin) / 1000;
    format!("{} {:02}:{:02}:{:02}", Day::of(at), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn found(report: &Report) -> Vec<(Kind, String, u64)> {
    let mut found: Vec<_> =
        report.findings.iter().map(|it| (it.kind, it.out_trade_no().to_owned(), it.at_stake)).collect();
    found.sort();
    found
}

#[test]
fn every_story_is_told_by_its_own_finding() {
    for style in [Style::All27, Style::All24, Style::Global38] {
        for story in STORIES {
            let mut world = World::lived(&[(S::Sold, 1234, 3), (*story, 4321, 5), (S::Sold, 100, 9)]);
            world.planted.sort();
            let report = reconcile(&[&statement(style, &world.rows)], &world.books, 7);
            assert_eq!(found(&report), world.planted, "{style:?} {story:?}: {:#?}", report.findings);
            assert!(report.adds_up(), "{style:?} {story:?}: {:#?}", report.balances);
            let notes = world.planted.iter().all(|(kind, ..)| *kind == Kind::CarriedOver);
            assert_eq!(report.is_fine(), notes, "{style:?} {story:?}");
            assert!(report.findings.iter().all(|it| !it.cause.is_empty() && !it.step.is_empty()));
        }
    }
}

#[test]
fn a_copy_of_a_ledger_is_not_a_second_payment() {
    let mut world = World::lived(&[(S::Sold, 1234, 3), (S::Sold, 4321, 5)]);
    let copy = world.books[0].0.clone();
    world.books[1].0.extend(copy);
    let report = reconcile(&[&statement(Style::All27, &world.rows)], &world.books, 7);
    assert_eq!(
        found(&report).iter().map(|it| it.0).collect::<Vec<_>>(),
        [Kind::TwiceInLedgers],
        "{:#?}",
        report.findings
    );
    assert!(report.adds_up());
}

#[test]
fn a_statement_of_payments_and_one_of_refunds_are_the_whole_day() {
    let stories: Vec<(Story, u64, u32)> =
        STORIES.iter().zip(1_u32..).map(|(story, at)| (*story, 977 + u64::from(at), at)).collect();
    let mut world = World::lived(&stories);
    world.planted.sort();
    let (payments, refunds) = (statement(Style::Success20, &world.rows), statement(Style::Refund29, &world.rows));
    let report = reconcile(&[&payments, &refunds], &world.books, 7);
    assert_eq!(found(&report), world.planted, "{:#?}", report.findings);
    assert!(report.adds_up());
}

#[test]
fn a_statement_of_payments_alone_misses_no_refund() {
    let world =
        World::lived(&[(S::SoldThenRefundedInParts, 999, 1), (S::Reversed, 400, 2), (S::RefundMissing, 800, 3)]);
    let report = reconcile(&[&statement(Style::Success20, &world.rows)], &world.books, 7);
    assert_eq!(found(&report).iter().map(|it| it.0).collect::<Vec<_>>(), [Kind::CarriedOver], "{:#?}", report.findings);
    assert!(report.is_fine() && report.adds_up());
}

#[test]
fn two_days_at_once_explain_what_was_carried_over() {
    let world = World::lived(&[(S::CountedTomorrowHere, 999, 1), (S::ReversedTomorrow, 400, 2), (S::Sold, 800, 3)]);
    let tomorrow: Day = "2026-03-03".parse().expect("a day");
    let later = WallTime::from_millis(tomorrow.begin().millis() + HOUR);
    let (back, other) = (
        Sale { no: 3, amount: 400, currency: "JPY", at: later },
        Sale { no: 9, amount: 5, currency: "CNY", at: later },
    );
    let mut books = world.books.clone();
    books[0].0.push(other.line(Standing::Done, "paid"));
    let second = statement(Style::All27, &[back.row("REVOKED", "", 400, later), other.paid()]);
    let report = reconcile(&[&statement(Style::All27, &world.rows), &second], &books, 7);
    assert_eq!(found(&report), [], "{:#?}", report.findings);
    assert!(report.is_fine() && report.adds_up());
}

#[test]
fn minutes_from_midnight_the_neighbouring_day_is_named() {
    let mut world = World::lived(&[(S::Sold, 999, 1), (S::UnknownThere, 400, 2)]);
    let end = DAY.parse::<Day>().expect("a day").end();
    for line in world.books.iter_mut().flat_map(|book| &mut book.0).filter(|line| line.amount.minor() == 400) {
        line.at = WallTime::from_millis(end.millis() - 30_000);
    }
    let report = reconcile(&[&statement(Style::All27, &world.rows)], &world.books, 7);
    assert_eq!(found(&report)[0].0, Kind::InLedgerOnly);
    assert!(report.findings[0].cause.contains("neighbouring day"), "{:?}", report.findings[0]);
    assert!(!report.is_fine(), "nobody has seen the other statement yet");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn exactly_what_was_planted_comes_out(
        stories in prop::collection::vec((0..STORIES.len(), 10_u64..100_000, 0_u32..1200), 1..60),
        style in prop_oneof![Just(Style::All27), Just(Style::All24), Just(Style::Global38)],
        order in any::<prop::sample::Index>(),
        seed: u64,
    ) {
        let first = (S::Sold, 77, 1);
        let more = stories.iter().map(|(at, amount, minute)| (STORIES[*at], *amount, *minute));
        let mut world = World::lived(&std::iter::once(first).chain(more).collect::<Vec<_>>());
        let turn = order.index(world.rows.len());
        world.rows.rotate_left(turn);
        world.planted.sort();
        let report = reconcile(&[&statement(style, &world.rows)], &world.books, seed);
        prop_assert!(report.adds_up(), "{:#?}", report.balances);
        let found = found(&report);
        prop_assert_eq!(found, world.planted);
        for balance in &report.balances {
            let rows = world.rows.iter().filter(|it| it.currency == balance.currency.code());
            let net: i128 = rows.map(|it| i128::from(it.amount) * if it.state == "SUCCESS" { 1 } else { -1 }).sum();
            prop_assert_eq!(balance.statement.net(), net);
        }
    }
}
