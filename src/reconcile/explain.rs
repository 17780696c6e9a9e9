//! The comparison in detail: what is loose, order by order, with everything the ledgers know about the order.
//!
//! A movement that the ledger counts on one of the days and that is not loose has an equal in the statement; so a row
//! that would fit it too is there twice. Every amount that is loose goes into exactly one finding, or into what agrees:
//! that is why the totals add up.

use std::collections::{BTreeMap, BTreeSet};

use super::advice;
use super::book::{Book, LedgerLine, Standing, What};
use super::evidence::Evidence;
use super::finding::{Finding, Found, Kind, Weight};
use super::moment;
use super::names;
use super::report::{Balances, Report};
use super::statement::{Movement, StatementRow};
use crate::words::{Currency, Day, Money};

/// Explains every difference. `books` are in the order of the evidence's ledgers.
///
/// # Errors
/// When a ledger cannot be read.
pub fn explain<B: Book>(evidence: Evidence, books: &[B]) -> Result<Report, B::Error> {
    let mut evidence = evidence;
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for row in std::mem::take(&mut evidence.rows) {
        groups.entry(row.out_trade_no.clone()).or_default().rows.push(row);
    }
    for found in std::mem::take(&mut evidence.lines) {
        groups.entry(found.line.out_trade_no.clone()).or_default().loose.push(found);
    }
    // Orders with a payment row that nothing takes back: another attempt of the same payment may be among them.
    let charged = groups.iter().filter(|(_, group)| group.net_of_rows() > 0).map(|(order, _)| order.clone()).collect();
    let mut work = Explaining { books, evidence: &evidence, charged, findings: Vec::new(), agreed: BTreeMap::new() };
    let mut known = known(&groups, books)?;
    for (order, group) in groups {
        let lines = known.remove(&order).unwrap_or_else(|| group.loose.clone());
        work.order(&order, &group, lines)?;
    }
    work.paid_twice()?;
    let names_compared = work.paid_again_elsewhere()?;
    work.bad_lines();
    work.nothing_agrees();
    let Explaining { findings, agreed, .. } = work;
    Ok(Report { names_compared, ..Report::new(evidence, findings, &agreed) })
}

/// Everything the ledgers have of the orders of which a row is loose. A line without a row is enough by itself, unless
/// another ledger may have a copy of it.
fn known<B: Book>(groups: &BTreeMap<String, Group>, books: &[B]) -> Result<BTreeMap<String, Vec<Found>>, B::Error> {
    let looked_up = groups.iter().filter(|(_, group)| !group.rows.is_empty() || books.len() > 1);
    let wanted: BTreeSet<&str> = looked_up.map(|(order, _)| order.as_str()).collect();
    let mut known: BTreeMap<String, Vec<Found>> =
        wanted.iter().map(|order| ((*order).to_owned(), Vec::new())).collect();
    for (ledger, book) in books.iter().enumerate() {
        for line in book.orders(&wanted)? {
            if let Some(lines) = known.get_mut(&line.out_trade_no) {
                lines.push(Found { ledger, line });
            }
        }
    }
    Ok(known)
}

/// What is loose of one order.
#[derive(Default)]
struct Group {
    rows: Vec<StatementRow>,
    loose: Vec<Found>,
}

struct Explaining<'a, B> {
    books: &'a [B],
    evidence: &'a Evidence,
    charged: BTreeSet<String>,
    findings: Vec<Finding>,
    /// What agrees beyond what cancelled out in bulk.
    agreed: Balances,
}

impl Group {
    fn net_of_rows(&self) -> i128 {
        self.rows.iter().map(signed).fold(0, i128::saturating_add)
    }

    fn has(&self, found: &Found) -> bool {
        self.loose.contains(found)
    }
}

impl<B: Book> Explaining<'_, B> {
    fn order(&mut self, order: &str, group: &Group, mut known: Vec<Found>) -> Result<(), B::Error> {
        if self.evidence.is_unlisted(order) {
            return Ok(());
        }
        // What has an equal in the statement comes first: a copy of it in another ledger is what is too much.
        known.sort_by_key(|found| group.has(found));
        let known = self.without_copies(known, group);
        let (payments, refunds): (Vec<Found>, Vec<Found>) =
            known.into_iter().partition(|found| found.line.is_payment());
        let payment = payments.into_iter().next();
        let mut rows = Rows::default();
        for row in &group.rows {
            match row.movement {
                Movement::Payment => rows.paid.push(row.clone()),
                Movement::Revoked => rows.back.push(row.clone()),
                Movement::Refund => self.refund(row, payment.as_ref(), &refunds, group, &mut rows),
            }
        }
        let listed: Vec<&StatementRow> = group.rows.iter().filter(|row| row.movement == Movement::Refund).collect();
        for found in refunds.iter().filter(|found| group.has(found)) {
            let number = refund_number(&found.line);
            if !listed.iter().any(|row| row.out_refund_no == number) {
                self.refund_not_listed(found, number);
            }
        }
        match payment {
            None => rows.paid.iter().chain(&rows.back).for_each(|row| self.unknown(row)),
            Some(found) => match found.line.standing {
                Standing::Done => self.taken(&found, &rows, group.has(&found)),
                Standing::Open => self.open(&found, &rows),
                Standing::TakenBack | Standing::NotDone => self.undone(&found, &rows)?,
            },
        }
        Ok(())
    }

    fn refund(
        &mut self,
        row: &StatementRow,
        payment: Option<&Found>,
        refunds: &[Found],
        group: &Group,
        rows: &mut Rows,
    ) {
        let own = refunds.iter().find(|found| refund_number(&found.line) == row.out_refund_no);
        let Some(found) = own else {
            return match payment {
                // It was reversed, or never ended: whatever goes back is part of that.
                Some(found) if found.line.standing != Standing::Done => rows.back.push(row.clone()),
                Some(found) if is_reversal_of(row, &found.line) => rows.back.push(row.clone()),
                Some(_) | None => self.unknown(row),
            };
        };
        let again = rows.refunds.contains(&row.out_refund_no);
        rows.refunds.push(row.out_refund_no.clone());
        match found.line.standing {
            _ if again => self.again(row, found),
            Standing::Done if found.line.counts(&self.evidence.days) && !group.has(found) => self.again(row, found),
            Standing::Done => self.pair(row, found),
            Standing::Open => {
                self.find(Kind::UnresolvedHere, Some(row), Some(found), advice::unresolved(found, Some(row)));
            }
            Standing::TakenBack | Standing::NotDone => {
                self.find(Kind::StateDiffers, Some(row), Some(found), advice::refund_listed_but_failed(found));
            }
        }
    }

    fn refund_not_listed(&mut self, found: &Found, number: &str) {
        match found.line.standing {
            Standing::Done => {
                self.find(Kind::RefundMissing, None, Some(found), advice::refund_in_ledger_only(found, number));
            }
            Standing::Open => self.find(Kind::UnresolvedHere, None, Some(found), advice::unresolved(found, None)),
            Standing::TakenBack | Standing::NotDone => {}
        }
    }

    /// A payment the ledger took.
    fn taken(&mut self, found: &Found, rows: &Rows, loose: bool) {
        let matched = found.line.counts(&self.evidence.days) && !loose;
        let mut paid = rows.paid.iter();
        if !matched {
            match paid.next() {
                Some(row) => self.pair(row, found),
                None if loose => {
                    let advice = advice::payment_in_ledger_only(found);
                    self.find(Kind::InLedgerOnly, None, Some(found), advice);
                }
                None => {}
            }
        }
        for row in paid {
            self.again(row, found);
        }
        for row in &rows.back {
            let advice = advice::given_back_unknown(found, &shown(row));
            self.finding(Kind::StateDiffers, Some(row), Some(found), signed(row), 0, advice);
        }
    }

    /// A payment the ledger is not certain of.
    fn open(&mut self, found: &Found, rows: &Rows) {
        let mut listed = rows.paid.iter().chain(&rows.back);
        let Some(first) = listed.next() else {
            self.find(Kind::UnresolvedHere, None, Some(found), advice::unresolved(found, None));
            return;
        };
        let (same, other): (Vec<_>, Vec<_>) = listed.partition(|row| row.currency == first.currency);
        let net = same.into_iter().map(signed).fold(signed(first), i128::saturating_add);
        let advice = advice::unresolved(found, Some(first));
        self.finding(Kind::UnresolvedHere, Some(first), Some(found), net, 0, advice);
        for row in other {
            self.finding(
                Kind::AmountDiffers,
                Some(row),
                Some(found),
                signed(row),
                0,
                advice::amount_differs(row, found),
            );
        }
    }

    /// A payment that was reversed, or that never happened.
    fn undone(&mut self, found: &Found, rows: &Rows) -> Result<(), B::Error> {
        for row in rows.paid.iter().skip(1).chain(rows.back.iter().skip(1)) {
            self.again(row, found);
        }
        match (rows.paid.first(), rows.back.first()) {
            (Some(paid), Some(back)) if (paid.amount, paid.currency) == (back.amount, back.currency) => {
                self.agree(paid.currency, 2, 0);
            }
            (Some(paid), Some(back)) if paid.currency == back.currency => {
                let net = signed(paid).saturating_add(signed(back));
                self.finding(Kind::AmountDiffers, Some(back), Some(found), net, 0, advice::amount_differs(back, found));
            }
            (Some(paid), Some(back)) => {
                for row in [paid, back] {
                    let advice = advice::amount_differs(row, found);
                    self.finding(Kind::AmountDiffers, Some(row), Some(found), signed(row), 0, advice);
                }
            }
            (Some(paid), None) => self.never_went_back(paid, found)?,
            (None, Some(back)) => self.went_back_alone(back, found),
            (None, None) => {}
        }
        Ok(())
    }

    /// The statement has the payment, and nothing that takes it back.
    fn never_went_back(&mut self, row: &StatementRow, found: &Found) -> Result<(), B::Error> {
        let days = &self.evidence.days;
        let back_on = moment::day(moment::day_number(found.line.at));
        let reversed = found.line.standing == Standing::TakenBack;
        if reversed && days.of_refunds().last().is_some_and(|last| back_on > *last) {
            self.find(Kind::CarriedOver, Some(row), Some(found), advice::reversed_later(found, back_on));
        } else if reversed && days.of_refunds().is_empty() {
            self.find(Kind::CarriedOver, Some(row), Some(found), advice::reversals_not_told());
        } else if let Some(other) = self.other_charge(found)? {
            let advice = advice::paid_twice(found, &other, &shown(row));
            self.find(Kind::PaidTwice, Some(row), Some(found), advice);
        } else if reversed {
            self.find(Kind::RefundMissing, Some(row), Some(found), advice::reversal_missing(found, &shown(row)));
        } else {
            self.find(Kind::StateDiffers, Some(row), Some(found), advice::charged_after_all(found, &shown(row)));
        }
        Ok(())
    }

    /// The order of another attempt of the same payment that was charged: one the ledger took, or an earlier one.
    fn other_charge(&self, found: &Found) -> Result<Option<String>, B::Error> {
        let Some(book) = self.books.get(found.ledger) else { return Ok(None) };
        let number = attempt(&found.line);
        let others = book.payment(&found.line.reference)?;
        let other = others.into_iter().find(|it| {
            let earlier = attempt(it) < number && self.charged.contains(&it.out_trade_no);
            it.out_trade_no != found.line.out_trade_no && (it.standing == Standing::Done || earlier)
        });
        Ok(other.map(|it| it.out_trade_no))
    }

    /// The statement has what went back, and not the payment.
    fn went_back_alone(&mut self, row: &StatementRow, found: &Found) {
        let days = self.evidence.days.of_payments();
        let begun: Day = moment::day(moment::day_number(found.line.begun));
        let told = days.contains(&begun) && moment::to_midnight(found.line.begun) > ANY_CODE_IS_DEAD_MS;
        if (row.amount, row.currency) != (found.line.amount.minor(), found.line.amount.currency()) {
            self.finding(
                Kind::AmountDiffers,
                Some(row),
                Some(found),
                signed(row),
                0,
                advice::amount_differs(row, found),
            );
        } else if told {
            self.find(Kind::StateDiffers, Some(row), Some(found), advice::reversed_but_never_paid(found));
        } else {
            self.find(Kind::CarriedOver, Some(row), Some(found), advice::reversed_from_before(found));
        }
    }

    /// A row and a line of the same movement.
    fn pair(&mut self, row: &StatementRow, found: &Found) {
        let line = &found.line;
        let counted = line.counts(&self.evidence.days);
        let same_amount = (row.amount, row.currency) == (line.amount.minor(), line.amount.currency());
        let numbers = [row.transaction_id.as_str(), line.transaction_id.as_str()];
        let same_number = !line.is_payment() || numbers[0] == numbers[1] || numbers.contains(&"");
        let ledger = if counted { signed_line(line) } else { 0 };
        if !same_amount {
            let advice = advice::amount_differs(row, found);
            self.finding(Kind::AmountDiffers, Some(row), Some(found), signed(row), ledger, advice);
        } else if !same_number {
            let advice = advice::number_differs(row, found);
            self.finding(Kind::NumberDiffers, Some(row), Some(found), signed(row), ledger, advice);
        } else if counted {
            self.agree(row.currency, 1, signed(row));
        } else {
            self.find(Kind::CarriedOver, Some(row), Some(found), advice::carried_over(found));
        }
    }

    fn unknown(&mut self, row: &StatementRow) {
        self.find(Kind::InStatementOnly, Some(row), None, advice::in_statement_only(row, &self.evidence.terminals));
    }

    fn again(&mut self, row: &StatementRow, found: &Found) {
        self.finding(Kind::TwiceInStatement, Some(row), Some(found), signed(row), 0, advice::twice_in_statement());
    }

    /// What is left without the lines that an earlier ledger has too.
    fn without_copies(&mut self, known: Vec<Found>, group: &Group) -> Vec<Found> {
        let mut kept: Vec<Found> = Vec::new();
        for found in known {
            let first = kept.iter().find(|it| refund_number(&it.line) == refund_number(&found.line));
            let Some(first) = first else {
                kept.push(found);
                continue;
            };
            let counted = found.line.counts(&self.evidence.days) && group.has(&found);
            let net = if counted { signed_line(&found.line) } else { 0 };
            let advice = advice::twice_in_ledgers(first.ledger, &self.evidence.ledgers);
            self.finding(Kind::TwiceInLedgers, None, Some(&found), 0, net, advice);
        }
        kept
    }

    /// Payments that both sides agree were taken twice.
    fn paid_twice(&mut self) -> Result<(), B::Error> {
        let disputed: BTreeSet<String> = self.findings.iter().map(|it| it.out_trade_no().to_owned()).collect();
        for (ledger, book) in self.books.iter().enumerate() {
            for reference in book.paid_twice(&self.evidence.days)? {
                let lines = book.payment(&reference)?;
                let mut taken = lines.into_iter().filter(|line| line.standing == Standing::Done);
                let Some(first) = taken.next() else { continue };
                for line in taken.filter(|line| !disputed.contains(&line.out_trade_no)) {
                    let found = Found { ledger, line };
                    let advice = advice::paid_twice(&found, &first.out_trade_no, &found.line.amount.to_string());
                    self.finding(Kind::PaidTwice, None, Some(&found), 0, 0, advice);
                }
            }
        }
        Ok(())
    }

    /// References of the POS that both sides agree were paid at two terminals; false when there are too many to look.
    fn paid_again_elsewhere(&mut self) -> Result<bool, B::Error> {
        let disputed: BTreeSet<String> = self.findings.iter().map(|it| it.out_trade_no().to_owned()).collect();
        let Some(again) = names::paid_again(self.books, &self.evidence.days)? else { return Ok(false) };
        for it in again.into_iter().filter(|it| !disputed.contains(&it.order) && !disputed.contains(&it.other_order)) {
            let Some(book) = self.books.get(it.ledger) else { continue };
            let lines = book.orders(&BTreeSet::from([it.order.as_str()]))?;
            let Some(line) = lines.into_iter().find(LedgerLine::is_payment) else { continue };
            let found = Found { ledger: it.ledger, line };
            let other = self.evidence.ledgers.get(it.other_ledger).map_or("another ledger", String::as_str);
            let advice = advice::paid_elsewhere(&found, &it.other_order, other);
            self.finding(Kind::PaidTwice, None, Some(&found), 0, 0, advice);
        }
        Ok(true)
    }

    fn bad_lines(&mut self) {
        for (statement, line, fault) in &self.evidence.bad {
            self.findings.push(Finding::unreadable(*statement, *line, fault));
        }
    }

    /// Whether everything that is listed was explained away and nothing was confirmed. That is what the statement of another
    /// day looks like, so it is not fine; a day with one sale around midnight looks the same, and agrees with its neighbour.
    fn nothing_agrees(&mut self) {
        let agreed =
            self.agreed.values().fold(self.evidence.loose.matched, |all, (count, _)| all.saturating_add(*count));
        let listed = &self.evidence.loose.statement;
        let count = listed.currencies().map(|it| listed.of(it).count()).fold(0, u64::saturating_add);
        let explained = self.findings.iter().all(|it| it.kind.weight() == Weight::Note) && self.evidence.unlisted == 0;
        if agreed == 0 && count > 0 && explained {
            self.findings.push(Finding::nothing_agrees(count));
        }
    }

    fn agree(&mut self, currency: Currency, count: u64, net: i128) {
        let (all, sum) = self.agreed.entry(currency).or_default();
        *all = all.saturating_add(count);
        *sum = sum.saturating_add(net);
    }

    /// A finding whose sides stand in the totals with what they move.
    fn find(&mut self, kind: Kind, row: Option<&StatementRow>, found: Option<&Found>, advice: advice::Advice) {
        let statement = row.map_or(0, signed);
        let counted = found.filter(|found| found.line.counts(&self.evidence.days));
        // With a row beside it, the ledger's side is counted where the pair is made.
        let ledger = if row.is_some() { 0 } else { counted.map_or(0, |found| signed_line(&found.line)) };
        self.finding(kind, row, found, statement, ledger, advice);
    }

    fn finding(
        &mut self,
        kind: Kind,
        row: Option<&StatementRow>,
        found: Option<&Found>,
        statement_net: i128,
        ledger_net: i128,
        (cause, step): advice::Advice,
    ) {
        let amount = row.map(|row| row.amount).or(found.map(|found| found.line.amount.minor()));
        let at_stake = match (kind, row, found) {
            (Kind::CarriedOver | Kind::UnreadableLine, ..) => 0,
            (Kind::NumberDiffers, ..) => amount.unwrap_or(0),
            (Kind::AmountDiffers, Some(row), Some(found)) if row.currency == found.line.amount.currency() => {
                row.amount.abs_diff(found.line.amount.minor())
            }
            _ => amount.unwrap_or(0),
        };
        let currency = row.map(|row| row.currency).or(found.map(|found| found.line.amount.currency()));
        self.findings.push(Finding {
            kind,
            statement: row.cloned(),
            ledger: found.cloned(),
            at_stake,
            currency,
            statement_net,
            ledger_net,
            cause,
            step,
            place: row.map(|row| (row.statement, row.line)),
        });
    }
}

/// A payment begun this near to midnight may be charged on the other side of it: a code lives for a minute.
const ANY_CODE_IS_DEAD_MS: i64 = 5 * 60 * 1000;

/// Rows of one order, by what they move.
#[derive(Default)]
struct Rows {
    paid: Vec<StatementRow>,
    /// What takes the payment itself back.
    back: Vec<StatementRow>,
    /// Numbers of refunds that were seen.
    refunds: Vec<String>,
}

/// What a row adds to a net total.
fn signed(row: &StatementRow) -> i128 {
    let amount = i128::from(row.amount);
    match row.movement {
        Movement::Payment => amount,
        Movement::Refund | Movement::Revoked => amount.saturating_neg(),
    }
}

fn signed_line(line: &LedgerLine) -> i128 {
    let amount = i128::from(line.amount.minor());
    if line.is_payment() { amount } else { amount.saturating_neg() }
}

fn shown(row: &StatementRow) -> String {
    Money::new(row.amount, row.currency)
        .map_or_else(|_| format!("{} {}", row.currency, row.amount), |it| it.to_string())
}

fn refund_number(line: &LedgerLine) -> &str {
    match &line.what {
        What::Refund { out_refund_no } => out_refund_no,
        What::Payment { .. } => "",
    }
}

fn attempt(line: &LedgerLine) -> u32 {
    match line.what {
        What::Payment { attempt, .. } => attempt,
        What::Refund { .. } => 0,
    }
}

fn is_reversal_of(row: &StatementRow, line: &LedgerLine) -> bool {
    match &line.what {
        What::Payment { reversal_no, .. } => *reversal_no == row.out_refund_no,
        What::Refund { .. } => false,
    }
}
