//! Many movements: memory that is too small, disks that fail, and the wrong file.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shroff::reconcile::{CompareError, Kind, LISTED_MAX, LedgerLine, Run, Shelf, Side, Standing, What, compare};
use shroff::words::{Day, Money, WallTime};

use super::books::{Pages, reconcile, reconcile_with};
use super::sheet::{Move, Style, statement};

/// `count` sales, as the statement and as the ledger have them.
fn sales(count: u64) -> (Vec<Move>, Pages) {
    let begin = "2026-03-02".parse::<Day>().expect("a day").begin().millis();
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for no in 0..count {
        let second = no % 86_400;
        let order = format!("T01K7Q2M9XB{no:08}");
        let at = WallTime::from_millis(begin + i64::try_from(second * 1000).expect("small"));
        rows.push(Move {
            state: "SUCCESS",
            at: format!("2026-03-02 {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
            order: order.clone(),
            transaction: format!("42{order}"),
            refund_no: String::new(),
            amount: 100 + no,
            currency: "CNY",
            device: "T01".to_owned(),
            product: String::new(),
        });
        lines.push(LedgerLine {
            what: What::Payment { attempt: 1, reversal_no: format!("{order}R") },
            amount: Money::new(100 + no, "CNY".parse().expect("a currency")).expect("an amount"),
            standing: Standing::Done,
            state: "paid".to_owned(),
            at,
            begun: at,
            transaction_id: format!("42{order}"),
            reference: format!("T01-{no}"),
            client_ref: format!("R-{no}"),
            out_trade_no: order,
        });
    }
    (rows, Pages(lines))
}

/// A shelf in memory that counts what is put on it.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Shelf for Counting {
    fn put(&mut self, entries: &[u128]) -> io::Result<Run> {
        assert!(entries.is_sorted());
        self.0.fetch_add(entries.len(), Ordering::Relaxed);
        let kept = entries.to_vec();
        Ok(Box::new(kept.into_iter().map(Ok)))
    }
}

/// A shelf that breaks, at once or later.
struct Broken {
    at_once: bool,
}

impl Shelf for Broken {
    fn put(&mut self, entries: &[u128]) -> io::Result<Run> {
        if self.at_once {
            return Err(io::Error::other("the disk is full"));
        }
        let first = entries.first().copied().ok_or_else(|| io::Error::other("nothing"));
        Ok(Box::new([first, Err(io::Error::other("the disk is gone"))].into_iter()))
    }
}

#[test]
fn what_does_not_fit_into_memory_changes_nothing() {
    let (mut rows, mut book) = sales(5000);
    rows[4321].amount += 1;
    rows.remove(1234);
    book.0.remove(777);
    let text = statement(Style::All27, &rows);
    let books = [book];
    let at_once = reconcile(&[&text], &books, 3);
    let shelf = Counting::default();
    let in_parts = reconcile_with(&[&text], &books, &|| Side::new(3).with_shelf(1024, Box::new(shelf.clone())));
    assert_eq!(shelf.0.load(Ordering::Relaxed), 2 * 4 * 1024, "four runs of each side");
    assert_eq!(at_once.findings, in_parts.findings);
    assert_eq!(at_once.balances, in_parts.balances);
    let kinds: Vec<Kind> = in_parts.findings.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::AmountDiffers, Kind::InStatementOnly, Kind::InLedgerOnly]);
}

#[test]
fn a_shelf_that_breaks_is_never_an_all_is_well() {
    for at_once in [true, false] {
        let (_, book) = sales(5000);
        let mut side = Side::new(3).with_shelf(1024, Box::new(Broken { at_once }));
        for (line, nth) in book.0.iter().zip(0..) {
            side.line(nth, &super::books::borrowed(line));
        }
        let error = compare(&mut [Side::new(3)], &mut [side]).expect_err("broken");
        assert!(matches!(error, CompareError::Shelf(_)), "{error}");
    }
}

#[test]
fn the_wrong_ledger_fills_no_memory_and_the_sums_still_add_up() {
    let many = u64::try_from(LISTED_MAX).expect("small") + 5000;
    let (rows, mut book) = sales(many);
    for line in &mut book.0 {
        line.out_trade_no.replace_range(..3, "T02");
    }
    let report = reconcile(&[&statement(Style::All27, &rows)], &[book], 3);
    assert_eq!((report.findings.len(), report.unlisted), (2 * LISTED_MAX, 10_000));
    assert!(!report.is_fine());
    let balance = &report.balances[0];
    let found = |side: fn(&shroff::reconcile::Share) -> i128| balance.found.values().map(side).sum::<i128>();
    assert_eq!(balance.statement.net(), found(|it| it.statement_net) + balance.unlisted_net[0]);
    assert_eq!(balance.ledger.net(), found(|it| it.ledger_net) + balance.unlisted_net[1]);
    assert!(balance.unlisted_net.iter().all(|net| *net > 0), "{balance:?}");
    assert!(report.verdict().contains("not listed"), "{}", report.verdict());
}
