//! What moved: the ledger as a reconciliation asks it.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::LedgerError;
use super::moved_refunds as refunds;
use super::read::Reader;
use super::refunds::knows_refunds;
use crate::reconcile::{Book, Days, LedgerLine, Standing, What};
use crate::words::{Currency, Day, Money, WallTime};

/// Payments that were taken in a span of time, by WeChat's clock where it told, and else by ours: from an index that has
/// all of it. Their amounts are in the payments, which are walked along beside them: looking each up takes longer.
const PAID: &str = "
SELECT out_trade_no, payment, coalesce(paid_at, updated_at), transaction_id FROM attempts
WHERE outcome = 'paid' AND coalesce(paid_at, updated_at) >= ?1 AND coalesce(paid_at, updated_at) < ?2
ORDER BY coalesce(paid_at, updated_at), out_trade_no";
const AMOUNTS: &str = "SELECT ref, amount, currency FROM payments WHERE ref >= ?1 ORDER BY ref";
/// The same payments again, from one of them on.
const PAID_FROM: &str = "
SELECT out_trade_no FROM attempts
WHERE outcome = 'paid' AND coalesce(paid_at, updated_at) >= ?1 AND coalesce(paid_at, updated_at) < ?2
    AND (coalesce(paid_at, updated_at) > ?1 OR out_trade_no >= ?3)
ORDER BY coalesce(paid_at, updated_at), out_trade_no LIMIT ?4";

/// Attempts that were begun in a span of time and are not settled. Such a payment is open, and there is an index of those.
const OPEN: &str = "
SELECT a.out_trade_no, p.amount, p.currency, a.updated_at, a.transaction_id
FROM payments p CROSS JOIN attempts a ON a.payment = p.ref
WHERE p.open = 1 AND a.stage <> 'settled' AND a.created_at >= ?1 AND a.created_at < ?2";

/// All of an attempt.
const BY_ORDER: &str = "
SELECT a.out_trade_no, p.amount, p.currency,
    CASE WHEN a.outcome = 'paid' THEN COALESCE(a.paid_at, a.updated_at) ELSE a.updated_at END, a.transaction_id,
    a.no, a.refund_no, a.created_at, a.outcome, a.state, p.ref, p.client_ref
FROM attempts a JOIN payments p ON p.ref = a.payment WHERE a.out_trade_no = ?1";
const BY_PAYMENT: &str = "
SELECT a.out_trade_no, p.amount, p.currency,
    CASE WHEN a.outcome = 'paid' THEN COALESCE(a.paid_at, a.updated_at) ELSE a.updated_at END, a.transaction_id,
    a.no, a.refund_no, a.created_at, a.outcome, a.state, p.ref, p.client_ref
FROM attempts a JOIN payments p ON p.ref = a.payment WHERE a.payment = ?1 ORDER BY a.no";

/// The POS's names of payments that were taken in a span of time and not all given back.
const NAMES: &str = "
SELECT p.client_ref, p.amount, p.currency, a.out_trade_no
FROM attempts a CROSS JOIN payments p ON p.ref = a.payment
WHERE a.outcome = 'paid' AND coalesce(a.paid_at, a.updated_at) >= ?1 AND coalesce(a.paid_at, a.updated_at) < ?2
    AND p.refunded < p.amount
ORDER BY coalesce(a.paid_at, a.updated_at), a.out_trade_no";

/// No payment is taken with two codes, by the laws; a ledger that says so was altered, or the laws have a hole.
const PAID_TWICE: &str = "
SELECT DISTINCT again.payment FROM (SELECT payment FROM attempts WHERE outcome = 'paid' AND no > 1) again
WHERE (SELECT COUNT(*) FROM attempts a WHERE a.payment = again.payment AND a.outcome = 'paid') > 1
    AND EXISTS (SELECT 1 FROM attempts a WHERE a.payment = again.payment AND a.outcome = 'paid'
        AND coalesce(a.paid_at, a.updated_at) >= ?1 AND coalesce(a.paid_at, a.updated_at) < ?2)
ORDER BY again.payment";

/// Payments between two marks.
const MARK: u32 = 64;
/// So many payments are walked past before the next one is looked up.
const NEAR: u32 = 32;

/// A ledger at one moment: what is written while it is open is not seen. The daemon may run beside it.
#[derive(Debug)]
pub struct Movements {
    reader: Reader,
    mark: String,
    terminal: String,
    /// The ledger of an older program has none.
    has_refunds: bool,
    marks: RefCell<Marks>,
}

/// Where every so many payments of a scan stand, so that one of them is found again without the others.
#[derive(Debug, Default)]
struct Marks {
    /// The days that were scanned.
    days: Option<Days>,
    marks: Vec<Mark>,
    /// How many payments there were.
    paid: u32,
}

/// Where a payment stands.
#[derive(Clone, Debug)]
struct Mark {
    place: u32,
    /// When it was paid.
    at: WallTime,
    /// Where its span of time ends.
    until: WallTime,
    order: String,
}

impl Movements {
    /// Opens the ledger at `path` read-only, as it is now.
    ///
    /// # Errors
    /// When there is none, it may not be read, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let reader = Reader::open(path)?;
        // A look at a few rows needs few pages; this is a look at all of them.
        reader.db().execute_batch("PRAGMA cache_size = -4096")?;
        // Otherwise SQLite plans a query anew for every value that is bound to it.
        reader.db().set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // The connection ends the transaction when it closes.
        reader.db().execute_batch("BEGIN")?;
        let mark = reader.db().query_row("SELECT mark FROM head WHERE id = 1", [], |row| row.get(0))?;
        let name: Option<String> = reader
            .db()
            .query_row("SELECT ref FROM payments ORDER BY ref DESC LIMIT 1", [], |row| row.get(0))
            .optional()?;
        let terminal = name.as_deref().and_then(|name| name.split('-').next()).unwrap_or_default().to_owned();
        let has_refunds = knows_refunds(reader.db())?;
        Ok(Self { reader, mark, terminal, has_refunds, marks: RefCell::default() })
    }

    /// What was drawn when the ledger was born: a copy has the same.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// The terminal that keeps it; empty while it has no payment.
    #[must_use]
    pub fn terminal(&self) -> &str {
        &self.terminal
    }

    fn db(&self) -> &Connection {
        self.reader.db()
    }

    fn all(
        &self,
        sql: &str,
        name: &str,
        line: fn(&Row<'_>) -> Result<LedgerLine, LedgerError>,
    ) -> Result<Vec<LedgerLine>, LedgerError> {
        let mut statement = self.db().prepare_cached(sql)?;
        let mut rows = statement.query([name])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(line(row)?);
        }
        Ok(lines)
    }

    /// Payments that were taken within `span`, in the order in which they were taken.
    fn paid(&self, span: (WallTime, WallTime), each: &mut dyn FnMut(&LedgerLine<&str>)) -> Result<(), LedgerError> {
        let mut paid = self.db().prepare_cached(PAID)?;
        let mut amounts = self.db().prepare_cached(AMOUNTS)?;
        let mut attempts = paid.query(params![span.0.millis(), span.1.millis()])?;
        attempts.advance()?;
        // Payments are numbered as they come, so that the next one is mostly near.
        'look_up: while let Some(attempt) = attempts.get() {
            let mut payments = amounts.query([text(attempt, 1)?])?;
            payments.advance()?;
            if payments.get().map(|payment| text(payment, 0)).transpose()? != Some(text(attempt, 1)?) {
                return Err(LedgerError::Damaged("a payment is missing in it".to_owned()));
            }
            let mut passed = 0;
            while let (Some(attempt), Some(payment)) = (attempts.get(), payments.get()) {
                match text(attempt, 1)?.cmp(text(payment, 0)?) {
                    Ordering::Equal => {
                        each(&bare(attempt, [2, 3], amount(payment)?, Standing::Done)?);
                        attempts.advance()?;
                        passed = 0;
                    }
                    Ordering::Greater if passed < NEAR => {
                        payments.advance()?;
                        passed = passed.saturating_add(1);
                    }
                    Ordering::Greater | Ordering::Less => continue 'look_up,
                }
            }
        }
        Ok(())
    }

    /// The order of the `place`th payment of a scan, and of those behind it.
    fn paid_again(
        &self,
        places: &[u32],
        each: &mut dyn FnMut(&str) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let marks = self.marks.borrow();
        let before = |place: u32| marks.marks.partition_point(|it| it.place <= place).checked_sub(1);
        for near in places.chunk_by(|one, next| before(*one) == before(*next)) {
            let (Some(first), Some(last)) = (near.first(), near.last()) else { continue };
            let Some(mark) = before(*first).and_then(|at| marks.marks.get(at)) else { continue };
            let mut place = mark.place;
            let limit = last.saturating_sub(place).saturating_add(1);
            let mut statement = self.db().prepare_cached(PAID_FROM)?;
            let mut rows = statement.query(params![mark.at.millis(), mark.until.millis(), mark.order, limit])?;
            let mut wanted = near.iter().peekable();
            while let Some(row) = rows.next()? {
                if wanted.next_if(|it| **it == place).is_some() {
                    each(text(row, 0)?)?;
                }
                place = place.saturating_add(1);
            }
        }
        Ok(())
    }

    /// What is listed behind the payments that were taken, always in the same order: refunds, and then what is not
    /// certain. With a refund comes the POS's name of it.
    fn others(&self, days: &Days, each: &mut Other<'_>) -> Result<(), LedgerError> {
        if self.has_refunds {
            for span in spans(days.of_refunds()) {
                refunds::accepted(self.db(), span, &mut |line, name| each(line, Some(name)))?;
            }
        }
        let all = spans(&days.all());
        for span in &all {
            let mut statement = self.db().prepare_cached(OPEN)?;
            let mut rows = statement.query(params![span.0.millis(), span.1.millis()])?;
            while let Some(row) = rows.next()? {
                each(&bare(row, [3, 4], amount(row)?, Standing::Open)?, None)?;
            }
        }
        if self.has_refunds {
            for span in all {
                refunds::open(self.db(), span, &mut |line, name| each(line, Some(name)))?;
            }
        }
        Ok(())
    }
}

/// Takes a line, and a refund's name.
type Other<'a> = dyn FnMut(&LedgerLine<&str>, Option<&str>) -> Result<(), LedgerError> + 'a;

impl Book for Movements {
    type Error = LedgerError;

    fn moved(&self, days: &Days, each: &mut dyn FnMut(&LedgerLine<&str>)) -> Result<(), LedgerError> {
        let mut marks = Marks { days: Some(days.clone()), ..Marks::default() };
        for span in spans(days.of_payments()) {
            let mut since: u32 = 0;
            self.paid(span, &mut |line| {
                if since.is_multiple_of(MARK) {
                    let (place, order) = (marks.paid, line.out_trade_no.to_owned());
                    marks.marks.push(Mark { place, at: line.at, until: span.1, order });
                }
                since = since.wrapping_add(1);
                marks.paid = marks.paid.saturating_add(1);
                each(line);
            })?;
        }
        self.marks.replace(marks);
        self.others(days, &mut |line, _| {
            each(line);
            Ok(())
        })
    }

    fn at(&self, days: &Days, places: &[u32], each: &mut dyn FnMut(LedgerLine)) -> Result<(), LedgerError> {
        if self.marks.borrow().days.as_ref() != Some(days) {
            self.moved(days, &mut |_| ())?;
        }
        let mut place = self.marks.borrow().paid;
        let (paid, others) = places.split_at(places.partition_point(|it| *it < place));
        self.paid_again(paid, &mut |order| {
            self.all(BY_ORDER, order, whole)?.into_iter().for_each(&mut *each);
            Ok(())
        })?;
        if others.is_empty() {
            return Ok(());
        }
        let mut others = others.iter().peekable();
        self.others(days, &mut |line, refund| {
            if others.next_if(|wanted| **wanted == place).is_some() {
                let lines = match refund {
                    Some(name) => self.all(refunds::BY_NAME, name, refunds::whole)?,
                    None => self.all(BY_ORDER, line.out_trade_no, whole)?,
                };
                lines.into_iter().for_each(&mut *each);
            }
            place = place.saturating_add(1);
            Ok(())
        })
    }

    fn orders(&self, wanted: &BTreeSet<&str>) -> Result<Vec<LedgerLine>, LedgerError> {
        let mut lines = Vec::new();
        for out_trade_no in wanted {
            lines.extend(self.all(BY_ORDER, out_trade_no, whole)?);
            if self.has_refunds {
                lines.extend(self.all(refunds::OF_ORDER, out_trade_no, refunds::whole)?);
            }
        }
        Ok(lines)
    }

    fn payment(&self, reference: &str) -> Result<Vec<LedgerLine>, LedgerError> {
        self.all(BY_PAYMENT, reference, whole)
    }

    fn names(&self, days: &Days, each: &mut dyn FnMut(&str, &str, Money)) -> Result<(), LedgerError> {
        for (from, to) in spans(days.of_payments()) {
            let mut statement = self.db().prepare_cached(NAMES)?;
            let mut rows = statement.query(params![from.millis(), to.millis()])?;
            while let Some(row) = rows.next()? {
                each(text(row, 0)?, text(row, 3)?, amount(row)?);
            }
        }
        Ok(())
    }

    fn paid_twice(&self, days: &Days) -> Result<Vec<String>, LedgerError> {
        let mut names = Vec::new();
        for (from, to) in spans(days.of_payments()) {
            let mut statement = self.db().prepare_cached(PAID_TWICE)?;
            let found = statement.query_map(params![from.millis(), to.millis()], |row| row.get(0))?;
            names.extend(found.collect::<Result<Vec<String>, _>>()?);
        }
        Ok(names)
    }
}

/// The days as spans of time; neighbours make one.
fn spans(days: &BTreeSet<Day>) -> Vec<(WallTime, WallTime)> {
    let mut spans: Vec<(WallTime, WallTime)> = Vec::new();
    for day in days {
        match spans.last_mut() {
            Some((_, to)) if *to == day.begin() => *to = day.end(),
            Some(_) | None => spans.push((day.begin(), day.end())),
        }
    }
    spans
}

/// A line as it passes: what the comparison in bulk needs, and no copy. `at` are the columns of its time and of
/// WeChat's number.
fn bare<'r>(
    row: &'r Row<'_>,
    at: [usize; 2],
    amount: Money,
    standing: Standing,
) -> Result<LedgerLine<&'r str>, LedgerError> {
    let [time, number] = at;
    let at = WallTime::from_millis(row.get(time)?);
    Ok(LedgerLine {
        out_trade_no: text(row, 0)?,
        what: What::Payment { attempt: 0, reversal_no: "" },
        amount,
        standing,
        state: "",
        at,
        begun: at,
        transaction_id: row.get_ref(number)?.as_str_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default(),
        reference: "",
        client_ref: "",
    })
}

fn whole(row: &Row<'_>) -> Result<LedgerLine, LedgerError> {
    let standing = match text(row, 8)? {
        "paid" => Standing::Done,
        "declined" | "not_sent" => Standing::NotDone,
        "reversed" | "returned" => Standing::TakenBack,
        "" => Standing::Open,
        _ => return Err(LedgerError::Damaged("an outcome in it makes no sense".to_owned())),
    };
    let bare = bare(row, [3, 4], amount(row)?, standing)?;
    Ok(LedgerLine {
        out_trade_no: bare.out_trade_no.to_owned(),
        what: What::Payment { attempt: row.get(5)?, reversal_no: text(row, 6)?.to_owned() },
        amount: bare.amount,
        standing,
        state: text(row, 9)?.to_owned(),
        at: bare.at,
        begun: WallTime::from_millis(row.get(7)?),
        transaction_id: bare.transaction_id.to_owned(),
        reference: text(row, 10)?.to_owned(),
        client_ref: text(row, 11)?.to_owned(),
    })
}

pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, LedgerError> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

/// The amount in column 1, and its currency in column 2.
pub(super) fn amount(row: &Row<'_>) -> Result<Money, LedgerError> {
    let damaged = || LedgerError::Damaged("an amount in it makes no sense".to_owned());
    let currency: Currency = text(row, 2)?.parse().map_err(|_| damaged())?;
    Money::new(row.get(1)?, currency).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Birth, Ledger};
    use crate::words::Secret;

    /// A ledger has years of payments, and a day is asked for.
    #[test]
    fn a_day_is_read_from_indexes_without_sorting_or_scanning() {
        let birth =
            Birth { terminal: "T01".parse().expect("an id"), mark: "K7Q2M9XB".into(), salt: Secret::new(vec![1; 32]) };
        let ledger = Ledger::in_memory(birth).expect("a ledger");
        for (sql, wanted) in [
            (PAID, &["USING COVERING INDEX attempts_paid"][..]),
            (PAID_FROM, &["USING COVERING INDEX attempts_paid"]),
            (NAMES, &["USING COVERING INDEX attempts_paid"]),
            (PAID_TWICE, &["INDEX attempts_again"]),
            (OPEN, &["INDEX payments_open"]),
            (crate::ledger::takings::MOVED, &["INDEX attempts_paid", "INDEX attempts_returned"]),
        ] {
            // SQL is a constant here, too: only a name that SQLite knows is put before it.
            let sql = ["EXPLAIN QUERY PLAN ", sql].concat();
            let mut plan = ledger.db.prepare(&sql).expect("a plan");
            let parameters = plan.parameter_count();
            let steps = plan.query_map(rusqlite::params_from_iter(vec![0; parameters]), |row| row.get::<_, String>(3));
            let steps: Vec<String> = steps.expect("steps").collect::<Result<_, _>>().expect("steps");
            for index in wanted {
                assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
            }
            let whole = |step: &&String| {
                step.starts_with("SCAN a") && !step.contains("INDEX") || step.contains("TEMP B-TREE FOR ORDER BY")
            };
            assert_eq!(steps.iter().find(whole), None, "{sql}");
        }
    }
}
