//! What moved: the ledger as a reconciliation asks it.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::LedgerError;
use super::read::Reader;
use crate::reconcile::{Book, Days, LedgerLine, Standing, What};
use crate::words::{Currency, Day, Money, WallTime};

/// Payments that were taken in a span of time, by WeChat's clock where it told, and else by ours. The order is that of
/// the attempts' scan; [`PAID_NAMES`] has the same.
const PAID: &str = "
SELECT a.out_trade_no, p.amount, p.currency, a.no, a.refund_no, COALESCE(a.paid_at, a.updated_at), a.created_at,
    a.transaction_id
FROM attempts a CROSS JOIN payments p ON p.ref = a.payment
WHERE a.outcome = 'paid' AND (a.paid_at >= ?1 AND a.paid_at < ?2
    OR a.paid_at IS NULL AND a.updated_at >= ?1 AND a.updated_at < ?2)";
const PAID_NAMES: &str = "
SELECT a.out_trade_no FROM attempts a
WHERE a.outcome = 'paid' AND (a.paid_at >= ?1 AND a.paid_at < ?2
    OR a.paid_at IS NULL AND a.updated_at >= ?1 AND a.updated_at < ?2)";

/// Attempts that were begun in a span of time and are not settled. Such a payment is open, and there is an index of those.
const OPEN: &str = "
SELECT a.out_trade_no, p.amount, p.currency, a.no, a.refund_no, a.updated_at, a.created_at, a.transaction_id
FROM payments p CROSS JOIN attempts a ON a.payment = p.ref
WHERE p.open = 1 AND a.stage <> 'settled' AND a.created_at >= ?1 AND a.created_at < ?2";
const OPEN_NAMES: &str = "
SELECT a.out_trade_no FROM payments p CROSS JOIN attempts a ON a.payment = p.ref
WHERE p.open = 1 AND a.stage <> 'settled' AND a.created_at >= ?1 AND a.created_at < ?2";

/// All of an attempt.
const BY_ORDER: &str = "
SELECT a.out_trade_no, p.amount, p.currency, a.no, a.refund_no,
    CASE WHEN a.outcome = 'paid' THEN COALESCE(a.paid_at, a.updated_at) ELSE a.updated_at END, a.created_at,
    a.transaction_id, a.outcome, a.state, p.ref, p.client_ref
FROM attempts a JOIN payments p ON p.ref = a.payment WHERE a.out_trade_no = ?1";
const BY_PAYMENT: &str = "
SELECT a.out_trade_no, p.amount, p.currency, a.no, a.refund_no,
    CASE WHEN a.outcome = 'paid' THEN COALESCE(a.paid_at, a.updated_at) ELSE a.updated_at END, a.created_at,
    a.transaction_id, a.outcome, a.state, p.ref, p.client_ref
FROM attempts a JOIN payments p ON p.ref = a.payment WHERE a.payment = ?1 ORDER BY a.no";

/// No payment is taken with two codes, by the laws; a ledger that says so was altered, or the laws have a hole.
const PAID_TWICE: &str = "
SELECT DISTINCT a.payment FROM attempts a
WHERE a.no > 1 AND a.outcome = 'paid'
    AND COALESCE(a.paid_at, a.updated_at) >= ?1 AND COALESCE(a.paid_at, a.updated_at) < ?2
    AND EXISTS (SELECT 1 FROM attempts b WHERE b.payment = a.payment AND b.no < a.no AND b.outcome = 'paid')
ORDER BY a.payment";

/// A ledger at one moment: what is written while it is open is not seen. The daemon may run beside it.
#[derive(Debug)]
pub struct Movements {
    reader: Reader,
    mark: String,
    terminal: String,
}

impl Movements {
    /// Opens the ledger at `path` read-only, as it is now.
    ///
    /// # Errors
    /// When there is none, it may not be read, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let reader = Reader::open(path)?;
        // The connection ends the transaction when it closes.
        reader.db().execute_batch("BEGIN")?;
        let mark = reader.db().query_row("SELECT mark FROM head WHERE id = 1", [], |row| row.get(0))?;
        let name: Option<String> = reader
            .db()
            .query_row("SELECT ref FROM payments ORDER BY ref DESC LIMIT 1", [], |row| row.get(0))
            .optional()?;
        let terminal = name.as_deref().and_then(|name| name.split('-').next()).unwrap_or_default().to_owned();
        Ok(Self { reader, mark, terminal })
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

    fn all(&self, sql: &str, name: &str) -> Result<Vec<LedgerLine>, LedgerError> {
        let mut statement = self.db().prepare_cached(sql)?;
        let mut rows = statement.query([name])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(whole(row)?);
        }
        Ok(lines)
    }
}

impl Book for Movements {
    type Error = LedgerError;

    fn moved(&self, days: &Days, each: &mut dyn FnMut(&LedgerLine<&str>)) -> Result<(), LedgerError> {
        for (sql, standing, days) in [(PAID, Standing::Done, days.of_payments()), (OPEN, Standing::Open, &days.all())] {
            for (from, to) in spans(days) {
                let mut statement = self.db().prepare_cached(sql)?;
                let mut rows = statement.query(params![from.millis(), to.millis()])?;
                while let Some(row) = rows.next()? {
                    each(&bare(row, standing)?);
                }
            }
        }
        Ok(())
    }

    fn at(&self, days: &Days, places: &[u32], each: &mut dyn FnMut(LedgerLine)) -> Result<(), LedgerError> {
        let mut places = places.iter().peekable();
        let mut place: u32 = 0;
        for (sql, days) in [(PAID_NAMES, days.of_payments()), (OPEN_NAMES, &days.all())] {
            for (from, to) in spans(days) {
                let mut statement = self.db().prepare_cached(sql)?;
                let mut rows = statement.query(params![from.millis(), to.millis()])?;
                while let Some(row) = rows.next()? {
                    if places.next_if(|wanted| **wanted == place).is_some() {
                        self.all(BY_ORDER, text(row, 0)?)?.into_iter().for_each(&mut *each);
                    }
                    place = place.saturating_add(1);
                }
            }
        }
        Ok(())
    }

    fn orders(&self, wanted: &BTreeSet<&str>) -> Result<Vec<LedgerLine>, LedgerError> {
        let mut lines = Vec::new();
        for out_trade_no in wanted {
            lines.extend(self.all(BY_ORDER, out_trade_no)?);
        }
        Ok(lines)
    }

    fn payment(&self, reference: &str) -> Result<Vec<LedgerLine>, LedgerError> {
        self.all(BY_PAYMENT, reference)
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

/// A line as it passes: what the comparison in bulk needs, and no copy.
fn bare<'r>(row: &'r Row<'_>, standing: Standing) -> Result<LedgerLine<&'r str>, LedgerError> {
    Ok(LedgerLine {
        out_trade_no: text(row, 0)?,
        what: What::Payment { attempt: row.get(3)?, reversal_no: text(row, 4)? },
        amount: amount(row)?,
        standing,
        state: "",
        at: WallTime::from_millis(row.get(5)?),
        begun: WallTime::from_millis(row.get(6)?),
        transaction_id: row.get_ref(7)?.as_str_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default(),
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
    let bare = bare(row, standing)?;
    Ok(LedgerLine {
        out_trade_no: bare.out_trade_no.to_owned(),
        what: What::Payment { attempt: row.get(3)?, reversal_no: text(row, 4)?.to_owned() },
        amount: bare.amount,
        standing,
        state: text(row, 9)?.to_owned(),
        at: bare.at,
        begun: bare.begun,
        transaction_id: bare.transaction_id.to_owned(),
        reference: text(row, 10)?.to_owned(),
        client_ref: text(row, 11)?.to_owned(),
    })
}

fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, LedgerError> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

fn amount(row: &Row<'_>) -> Result<Money, LedgerError> {
    let damaged = || LedgerError::Damaged("an amount in it makes no sense".to_owned());
    let currency: Currency = text(row, 2)?.parse().map_err(|_| damaged())?;
    Money::new(row.get(1)?, currency).map_err(|_| damaged())
}
