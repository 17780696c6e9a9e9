//! What a day took and gave back, for whoever closes it.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::error::LedgerError;
use super::read::{Reader, damaged};
use super::refunds::knows_refunds;
use crate::payment::State;
use crate::words::{Currency, Day, WallTime};

/// Money that moved in a span of time, by WeChat's clock where it told, and else by ours. What was paid and then taken
/// back by a reversal moved twice; nobody was told when it had been paid.
pub(super) const MOVED: &str = "
SELECT p.amount, p.currency, p.operator, p.lane, a.outcome, COALESCE(a.paid_at, a.updated_at), p.acked_at IS NOT NULL
FROM attempts a CROSS JOIN payments p ON p.ref = a.payment
WHERE a.outcome = 'paid' AND COALESCE(a.paid_at, a.updated_at) >= ?1 AND COALESCE(a.paid_at, a.updated_at) < ?2
UNION ALL
SELECT p.amount, p.currency, p.operator, p.lane, a.outcome, a.updated_at, p.acked_at IS NOT NULL
FROM attempts a CROSS JOIN payments p ON p.ref = a.payment
WHERE a.outcome = 'returned' AND a.updated_at >= ?1 AND a.updated_at < ?2";

/// Payments that were begun before a moment, and of which nobody knows yet where the money is.
const UNSETTLED: &str = "
SELECT p.ref, p.client_ref, p.amount, p.currency, p.operator, p.lane, p.state, p.created_at
FROM payments p CROSS JOIN attempts a ON a.payment = p.ref
WHERE p.open = 1 AND a.stage <> 'settled' AND p.created_at < ?1 ORDER BY p.created_at, p.ref";

/// Payments that came to nothing, by how they ended.
const NOT_PAID: &str = "
SELECT state, count(*) FROM payments
WHERE created_at >= ?1 AND created_at < ?2 AND state IN ('declined', 'reversed', 'canceled', 'expired') AND money = 'none'
GROUP BY state ORDER BY state";

/// Refunds by the day WeChat accepted them, as its statement has them. What a person had to see to is among them once
/// somebody has; until then it is unresolved.
const REFUNDED: &str = "
SELECT r.amount, r.currency, r.operator, p.lane FROM refunds r JOIN payments p ON p.ref = r.payment
WHERE (r.state IN ('refunded', 'processing')
        OR r.state = 'needs_attention' AND r.acked_at IS NOT NULL AND r.accepted_at IS NOT NULL)
    AND COALESCE(r.accepted_at, r.created_at) >= ?1 AND COALESCE(r.accepted_at, r.created_at) < ?2";

/// Refunds that were asked for before a moment and are neither accepted nor failed, or need a person.
const UNSETTLED_REFUNDS: &str = "
SELECT r.refund_ref, p.client_ref, r.amount, r.currency, r.operator, p.lane, r.state, r.created_at
FROM refunds r JOIN payments p ON p.ref = r.payment
WHERE r.state IN ('requested', 'needs_attention') AND r.acked_at IS NULL AND r.created_at < ?1
ORDER BY r.created_at, r.refund_ref";

/// How many, and how much in smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How much.
    pub sum: u64,
}

impl Tally {
    fn one(&mut self, minor: u64) {
        self.all(Self { count: 1, sum: minor });
    }

    fn all(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// What moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Charged to payers, whatever became of it later.
    pub taken: Tally,
    /// Given back, by a reversal after payment or by a refund.
    pub returned: Tally,
    /// Nobody knows yet.
    pub unresolved: Tally,
}

impl Moved {
    /// Adds what moved elsewhere.
    pub fn add(&mut self, other: Self) {
        self.taken.all(other.taken);
        self.returned.all(other.returned);
        self.unresolved.all(other.unresolved);
    }
}

/// By whom, where and in what something moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// The order's currency.
    pub currency: Currency,
    /// Who keyed it in; empty when the POS did not say.
    pub operator: String,
    /// The lane.
    pub lane: String,
}

/// Something of which nobody knows yet where its money is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// Our name of the payment, or the POS's of the refund.
    pub name: String,
    /// The POS's name of the payment.
    pub client_ref: String,
    /// How much, in smallest units of its currency.
    pub minor: u64,
    /// By whom, where and in what.
    pub share: Share,
    /// Its state.
    pub state: String,
    /// When it began.
    pub created_at: WallTime,
}

/// A business day, from midnight to midnight UTC+8, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takings {
    /// What moved, the finest way it can be told apart.
    pub shares: BTreeMap<Share, Moved>,
    /// What is unresolved at its end, of this day and of those before, oldest first.
    pub unresolved: Vec<Unresolved>,
    /// Payments that were asked for on that day and came to nothing, by how they ended.
    pub not_paid: BTreeMap<State, u64>,
    /// Sales the POS has not acknowledged.
    pub unacknowledged: u64,
    /// The first sale that still stands.
    pub first_sale: Option<WallTime>,
    /// The last one.
    pub last_sale: Option<WallTime>,
}

impl Reader {
    /// What `day` took and gave back, all of one moment.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn takings(&self, day: Day) -> Result<Takings, LedgerError> {
        self.takings_of(day, day)
    }

    /// The same of all days from `from` to `to`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn takings_of(&self, from: Day, to: Day) -> Result<Takings, LedgerError> {
        let db = self.db();
        let _moment = db.unchecked_transaction()?;
        let mut takings = Takings::default();
        let span = (from.begin(), to.end());
        takings.add_sales(db, span)?;
        takings.add_unresolved(db, UNSETTLED, span.1)?;
        takings.add_not_paid(db, span)?;
        if knows_refunds(db)? {
            takings.add_refunds(db, span)?;
            takings.add_unresolved(db, UNSETTLED_REFUNDS, span.1)?;
        }
        Ok(takings)
    }
}

impl Takings {
    fn add_sales(&mut self, db: &Connection, (from, to): (WallTime, WallTime)) -> Result<(), LedgerError> {
        let mut statement = db.prepare_cached(MOVED)?;
        let mut rows = statement.query(params![from.millis(), to.millis()])?;
        while let Some(row) = rows.next()? {
            let (minor, stands) = (row.get(0)?, row.get_ref(4)?.as_str().is_ok_and(|outcome| outcome == "paid"));
            let moved = self.of(share(row, 1)?);
            moved.taken.one(minor);
            if !stands {
                moved.returned.one(minor);
                continue;
            }
            let at = WallTime::from_millis(row.get(5)?);
            self.first_sale = Some(self.first_sale.map_or(at, |first| first.min(at)));
            self.last_sale = Some(self.last_sale.map_or(at, |last| last.max(at)));
            let acknowledged: bool = row.get(6)?;
            self.unacknowledged = self.unacknowledged.saturating_add(u64::from(!acknowledged));
        }
        Ok(())
    }

    fn add_refunds(&mut self, db: &Connection, (from, to): (WallTime, WallTime)) -> Result<(), LedgerError> {
        let mut statement = db.prepare_cached(REFUNDED)?;
        let mut rows = statement.query(params![from.millis(), to.millis()])?;
        while let Some(row) = rows.next()? {
            let minor = row.get(0)?;
            self.of(share(row, 1)?).returned.one(minor);
        }
        Ok(())
    }

    fn add_unresolved(&mut self, db: &Connection, sql: &str, before: WallTime) -> Result<(), LedgerError> {
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query([before.millis()])?;
        while let Some(row) = rows.next()? {
            let (minor, share) = (row.get(2)?, share(row, 3)?);
            self.of(share.clone()).unresolved.one(minor);
            self.unresolved.push(Unresolved {
                name: row.get(0)?,
                client_ref: row.get(1)?,
                minor,
                share,
                state: row.get(6)?,
                created_at: WallTime::from_millis(row.get(7)?),
            });
        }
        Ok(())
    }

    fn add_not_paid(&mut self, db: &Connection, (from, to): (WallTime, WallTime)) -> Result<(), LedgerError> {
        let mut statement = db.prepare_cached(NOT_PAID)?;
        let mut rows = statement.query(params![from.millis(), to.millis()])?;
        while let Some(row) = rows.next()? {
            let state = State::from_word(&row.get::<_, String>(0)?).ok_or_else(|| damaged("a state"))?;
            self.not_paid.insert(state, row.get(1)?);
        }
        Ok(())
    }

    fn of(&mut self, share: Share) -> &mut Moved {
        self.shares.entry(share).or_default()
    }
}

/// Currency, operator and lane, from `column` on.
fn share(row: &Row<'_>, column: usize) -> Result<Share, LedgerError> {
    let at = |more: usize| column.saturating_add(more);
    let currency: String = row.get(column)?;
    let currency = currency.parse().map_err(|_| damaged("a currency"))?;
    Ok(Share { currency, operator: row.get(at(1))?, lane: row.get(at(2))? })
}
