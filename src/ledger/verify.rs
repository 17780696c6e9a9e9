//! Verifying: SQLite's own check, the journal's chain, and that every row is what its last line says.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::chain::{self, ROOT};
use super::error::LedgerError;
use super::open::Ledger;
use super::read::Reader;
use super::refund_rows::{REFUND_VALUES, columns};
use super::refunds::knows_refunds;
use super::rows::{ATTEMPT_VALUES, PAYMENT_VALUES};

/// Findings that are spelled out; more are counted.
const FINDINGS_MAX: usize = 100;

/// What a verification saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Journal lines read.
    pub lines: u64,
    /// Payments read.
    pub payments: u64,
    /// Attempts read.
    pub attempts: u64,
    /// Refunds read.
    pub refunds: u64,
    /// What is wrong, at most a hundred of it.
    pub findings: Vec<Finding>,
}

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// SQLite's own check failed.
    #[error("the file is damaged: {0}")]
    Integrity(String),
    /// Lines are missing.
    #[error("journal lines {0} to {1} are missing")]
    Gap(i64, i64),
    /// A line was altered, or one before it.
    #[error("journal line {0} was altered")]
    Altered(i64),
    /// The journal's end is not where the head says.
    #[error("the journal ends at line {0}, the head says {1}: its tail was cut or added to")]
    Tail(i64, i64),
    /// A payment's row is not what its last line wrote.
    #[error("payment {0} was altered outside the journal")]
    Payment(String),
    /// An attempt's row is not what its last line wrote.
    #[error("attempt {0} was altered outside the journal")]
    Attempt(String),
    /// A refund's row is not what its last line wrote.
    #[error("refund {0} was altered outside the journal")]
    Refund(String),
    /// What a payment says was refunded is not what its refunds say.
    #[error("payment {0} says that {1} were refunded, its refunds say {2}")]
    RefundSum(String, i64, i64),
    /// What keeps the journal append-only was taken away.
    #[error("the journal's guards are gone: somebody has prepared to alter it")]
    Unguarded,
    /// The journal tells of something that has no row.
    #[error("the journal tells of {0}, whose row is gone")]
    Lost(String),
}

impl Reader {
    /// Reads everything and says what is wrong. `step` is called now and then with the lines read so far.
    ///
    /// # Errors
    /// When the ledger cannot be read at all.
    pub fn verify(&self, step: &mut dyn FnMut(u64)) -> Result<Report, LedgerError> {
        verify(self.db(), step)
    }
}

impl Ledger {
    /// As [`Reader::verify`], on the writer's own connection.
    ///
    /// # Errors
    /// When the ledger cannot be read at all.
    pub fn verify(&self, step: &mut dyn FnMut(u64)) -> Result<Report, LedgerError> {
        verify(&self.db, step)
    }
}

pub(super) fn verify(db: &Connection, step: &mut dyn FnMut(u64)) -> Result<Report, LedgerError> {
    let mut report = Report::default();
    integrity(db, &mut report)?;
    guards(db, &mut report)?;
    let said = chain_of(db, &mut report, step)?;
    compare(db, &mut report, said)?;
    Ok(report)
}

/// The digests the journal vouches for, by payment, by attempt and by refund. Years of them must fit beside a daemon that
/// has 256 MB, so 32 bytes stand for name and digest.
#[derive(Default)]
struct Said {
    payments: Digests,
    attempts: Digests,
    refunds: Digests,
}

type Digests = BTreeMap<[u8; 16], [u8; 16]>;

impl Report {
    fn found(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

fn integrity(db: &Connection, report: &mut Report) -> Result<(), LedgerError> {
    let mut statement = db.prepare("PRAGMA integrity_check")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    for row in rows {
        let text = row?;
        if text != "ok" {
            report.found(Finding::Integrity(text));
        }
    }
    Ok(())
}

/// The triggers that refuse to alter the journal must still be there.
fn guards(db: &Connection, report: &mut Report) -> Result<(), LedgerError> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'journal'
        AND name IN ('journal_is_append_only_update', 'journal_is_append_only_delete')";
    let found: i64 = db.query_row(sql, [], |row| row.get(0))?;
    if found != 2 {
        report.found(Finding::Unguarded);
    }
    Ok(())
}

fn chain_of(db: &Connection, report: &mut Report, step: &mut dyn FnMut(u64)) -> Result<Said, LedgerError> {
    let mut said = Said::default();
    let mut statement = db.prepare("SELECT seq, at, payment, out_trade_no, data, hash FROM journal ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let (mut last, mut before) = (0_i64, ROOT.to_vec());
    while let Some(row) = rows.next()? {
        let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (payment, out_trade_no): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        let (data, hash): (String, Vec<u8>) = (row.get(4)?, row.get(5)?);
        if seq != last.saturating_add(1) {
            report.found(Finding::Gap(last.saturating_add(1), seq.saturating_sub(1)));
        }
        let link = chain::link(&before, seq, at, &payment, out_trade_no.as_deref(), &data);
        if link.as_slice() != hash.as_slice() {
            report.found(Finding::Altered(seq));
        }
        note(&mut said, &payment, out_trade_no.as_deref(), &data);
        (last, before) = (seq, hash);
        report.lines = report.lines.saturating_add(1);
        if report.lines.is_multiple_of(4096) {
            step(report.lines);
        }
    }
    let (seq, hash): (i64, Vec<u8>) =
        db.query_row("SELECT seq, hash FROM head WHERE id = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if seq != last || hash != before {
        report.found(Finding::Tail(last, seq));
    }
    Ok(said)
}

fn note(said: &mut Said, payment: &str, out_trade_no: Option<&str>, data: &str) {
    for (kind, name, digest) in vouched(payment, out_trade_no, data) {
        said.of(kind).insert(chain::short(&name), chain::short(&digest));
    }
}

/// What rows there are.
#[derive(Clone, Copy)]
enum Kind {
    Payment,
    Attempt,
    Refund,
}

impl Said {
    fn of(&mut self, kind: Kind) -> &mut Digests {
        match kind {
            Kind::Payment => &mut self.payments,
            Kind::Attempt => &mut self.attempts,
            Kind::Refund => &mut self.refunds,
        }
    }
}

/// The rows that a line says it has written: name and digest.
fn vouched(payment: &str, out_trade_no: Option<&str>, data: &str) -> Vec<(Kind, String, String)> {
    let Ok(data) = serde_json::from_str::<serde_json::Value>(data) else { return Vec::new() };
    let digest = |key: &str| data.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    [
        digest("refund_ref").zip(digest("r")).map(|(name, digest)| (Kind::Refund, name, digest)),
        digest("p").map(|digest| (Kind::Payment, payment.to_owned(), digest)),
        out_trade_no.zip(digest("a")).map(|(name, digest)| (Kind::Attempt, name.to_owned(), digest)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn compare(db: &Connection, report: &mut Report, mut said: Said) -> Result<(), LedgerError> {
    each(
        db,
        "SELECT ref, client_ref, lane, amount, currency, description, attach, operator, patience_ms, asked_code,
            created_at, state, money, canceled, decline_code, decline_text, alarm, open, attempts, next_action, next_at
         FROM payments ORDER BY ref",
        PAYMENT_VALUES,
        |name, digest| {
            report.payments = report.payments.saturating_add(1);
            if said.payments.remove(&chain::short(&name)) != Some(digest) {
                report.found(Finding::Payment(name));
            }
        },
    )?;
    each(
        db,
        "SELECT out_trade_no, payment, no, code_hint, stage, state, money, outcome, tries, refunds, paid_seen,
            refund_due, watch, refused, refused_class, err_code, err_code_des, alarm, refund_no, transaction_id, paid_at,
            payer_total, payer_currency, rate
         FROM attempts ORDER BY out_trade_no",
        ATTEMPT_VALUES,
        |name, digest| {
            report.attempts = report.attempts.saturating_add(1);
            if said.attempts.remove(&chain::short(&name)) != Some(digest) {
                report.found(Finding::Attempt(name));
            }
        },
    )?;
    if knows_refunds(db)? {
        each(db, REFUND_ROWS, REFUND_VALUES, |name, digest| {
            report.refunds = report.refunds.saturating_add(1);
            if said.refunds.remove(&chain::short(&name)) != Some(digest) {
                report.found(Finding::Refund(name));
            }
        })?;
    }
    lost(db, report, said)?;
    sums(db, report)
}

/// Names what the journal tells of and what has no row; the journal is read again for it.
fn lost(db: &Connection, report: &mut Report, mut said: Said) -> Result<(), LedgerError> {
    if said.payments.is_empty() && said.attempts.is_empty() && said.refunds.is_empty() {
        return Ok(());
    }
    let mut statement = db.prepare("SELECT payment, out_trade_no, data FROM journal ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (payment, out_trade_no): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        for (kind, name, _) in vouched(&payment, out_trade_no.as_deref(), &row.get::<_, String>(2)?) {
            if said.of(kind).remove(&chain::short(&name)).is_some() {
                report.found(Finding::Lost(name));
            }
        }
    }
    Ok(())
}

const REFUND_ROWS: &str = concat!("SELECT ", columns!(), " FROM refunds ORDER BY refund_ref");

/// What was refunded stands twice: in the payment, and in its refunds.
fn sums(db: &Connection, report: &mut Report) -> Result<(), LedgerError> {
    if !knows_refunds(db)? {
        return Ok(());
    }
    let mut statement = db.prepare(
        "SELECT ref, refunded, (SELECT coalesce(sum(amount), 0) FROM refunds WHERE payment = ref AND state = 'refunded')
         FROM payments WHERE refunded > 0 OR ref IN (SELECT payment FROM refunds) ORDER BY ref",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (name, said, sum): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if said != sum {
            report.found(Finding::RefundSum(name, said, sum));
        }
    }
    Ok(())
}

/// The name and the digest of each row.
fn each(
    db: &Connection,
    sql: &'static str,
    columns: usize,
    mut give: impl FnMut(String, [u8; 16]),
) -> Result<(), LedgerError> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values: Vec<Value> = (0..columns).map(|at| row.get(at)).collect::<Result<_, _>>()?;
        give(row.get(0)?, chain::short(&chain::row(&values)));
    }
    Ok(())
}
