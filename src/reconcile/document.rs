//! The report for programs: one JSON document. Amounts are whole smallest units, as everywhere.

use serde::Serialize;

use super::book::What;
use super::finding::{Finding, Weight};
use super::moment;
use super::report::{Balance, Report};
use super::statement::{Movement, Wholeness};
use super::told;
use super::totals::{Moved, Tally};

/// The whole report.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    outcome: Outcome,
    statements: Vec<Statement<'a>>,
    ledgers: Vec<Ledger<'a>>,
    totals: Vec<Total>,
    findings: Vec<Item<'a>>,
    notes: Vec<Item<'a>>,
}

/// What a reconciliation came to, in short: enough to remember that these days were looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Nothing differs, and every statement was all there.
    pub fine: bool,
    /// A statement was not all there.
    pub partial: bool,
    /// The days that were compared, year-month-day.
    pub days: Vec<String>,
    /// The same in one sentence.
    pub verdict: String,
    /// Movements that agree.
    pub agreed: u64,
    /// Differences that put money in the wrong place, or may.
    pub wrong: u64,
    /// Differences that somebody should look at.
    pub look: u64,
    /// Differences that are explained.
    pub explained: u64,
    /// Differences that were not looked at one by one.
    pub unlisted: u64,
}

#[derive(Serialize)]
struct Statement<'a> {
    file: &'a str,
    kind: Option<super::statement::Kind>,
    day: Option<String>,
    rows: u64,
    left_out: u64,
    bad_lines: u64,
    complete: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mismatches: Vec<&'a super::statement::Mismatch>,
}

#[derive(Serialize)]
struct Ledger<'a> {
    file: &'a str,
    terminal: &'a str,
    /// What came of it is kept in this ledger.
    kept: bool,
}

#[derive(Serialize)]
struct Total {
    currency: &'static str,
    statement: Side,
    ledger: Side,
    agreed: Tally,
    by_kind: Vec<KindTotal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unlisted_net: Option<[i128; 2]>,
}

#[derive(Serialize)]
struct Side {
    payments: Tally,
    refunds: Tally,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Tally>,
    net: i128,
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<String>,
}

#[derive(Serialize)]
struct KindTotal {
    kind: &'static str,
    #[serde(flatten)]
    share: super::report::Share,
}

#[derive(Serialize)]
struct Item<'a> {
    kind: &'static str,
    weight: Weight,
    at_stake: u64,
    currency: Option<&'static str>,
    out_trade_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_refund_no: Option<&'a str>,
    cause: &'a str,
    step: &'a str,
    statement: Option<StatementItem<'a>>,
    ledger: Option<LedgerItem<'a>>,
    statement_net: i128,
    ledger_net: i128,
}

#[derive(Serialize)]
struct StatementItem<'a> {
    file: &'a str,
    line: u64,
    #[serde(flatten)]
    row: Option<RowItem<'a>>,
}

#[derive(Serialize)]
struct RowItem<'a> {
    movement: Movement,
    at: crate::words::WallTime,
    amount: u64,
    currency: &'static str,
    out_trade_no: &'a str,
    transaction_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    out_refund_no: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    refund_status: &'a str,
    device: &'a str,
}

#[derive(Serialize)]
struct LedgerItem<'a> {
    file: &'a str,
    #[serde(rename = "ref")]
    reference: &'a str,
    client_ref: &'a str,
    what: &'static str,
    out_trade_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_refund_no: Option<&'a str>,
    transaction_id: &'a str,
    amount: u64,
    currency: &'static str,
    state: &'a str,
    at: crate::words::WallTime,
    day: String,
}

impl Report {
    /// What it came to, in short.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let count = |weight| u64::try_from(self.count(weight)).unwrap_or(u64::MAX);
        Outcome {
            fine: self.is_fine(),
            partial: self.is_partial(),
            days: self.days.iter().map(ToString::to_string).collect(),
            verdict: self.verdict(),
            agreed: self.agreed,
            wrong: count(Weight::Wrong),
            look: count(Weight::Look),
            explained: count(Weight::Note),
            unlisted: self.unlisted,
        }
    }

    /// The report as a value to be written as JSON.
    #[must_use]
    pub fn document<'a>(&'a self) -> impl Serialize + 'a {
        let (notes, findings): (Vec<_>, Vec<_>) = self.findings.iter().partition(|it| it.kind.weight() == Weight::Note);
        let items = |list: Vec<&'a Finding>| -> Vec<Item<'a>> { list.into_iter().map(|it| self.item(it)).collect() };
        Document {
            outcome: self.outcome(),
            statements: self
                .statements
                .iter()
                .map(|it| Statement {
                    file: &it.name,
                    kind: it.kind,
                    day: it.day.map(|day| day.to_string()),
                    rows: it.rows,
                    left_out: it.left_out,
                    bad_lines: it.bad,
                    complete: it.wholeness == Wholeness::Whole,
                    mismatches: match &it.wholeness {
                        Wholeness::Altered(wrong) => wrong.iter().collect(),
                        Wholeness::Whole | Wholeness::GoesOn | Wholeness::NoSummary => Vec::new(),
                    },
                })
                .collect(),
            ledgers: self
                .ledgers
                .iter()
                .map(|it| Ledger { file: &it.name, terminal: &it.terminal, kept: it.kept })
                .collect(),
            totals: self.balances.iter().map(total).collect(),
            findings: items(findings),
            notes: items(notes),
        }
    }

    fn item<'a>(&'a self, it: &'a Finding) -> Item<'a> {
        let statement = it.place.map(|(statement, line)| StatementItem {
            file: self.statements.get(statement).map_or("", |it| it.name.as_str()),
            line,
            row: it.statement.as_ref().map(|row| RowItem {
                movement: row.movement,
                at: row.at,
                amount: row.amount,
                currency: row.currency.code(),
                out_trade_no: &row.out_trade_no,
                transaction_id: &row.transaction_id,
                out_refund_no: &row.out_refund_no,
                refund_status: &row.refund_status,
                device: &row.device,
            }),
        });
        let ledger = it.ledger.as_ref().map(|found| {
            let line = &found.line;
            let (what, out_refund_no) = match &line.what {
                What::Payment { .. } => ("payment", None),
                What::Refund { out_refund_no } => ("refund", Some(out_refund_no.as_str())),
            };
            LedgerItem {
                file: self.ledgers.get(found.ledger).map_or("", |it| it.name.as_str()),
                reference: &line.reference,
                client_ref: &line.client_ref,
                what,
                out_trade_no: &line.out_trade_no,
                out_refund_no,
                transaction_id: &line.transaction_id,
                amount: line.amount.minor(),
                currency: line.amount.currency().code(),
                state: &line.state,
                at: line.at,
                day: moment::day(moment::day_number(line.at)).to_string(),
            }
        });
        Item {
            kind: it.kind.word(),
            weight: it.kind.weight(),
            at_stake: it.at_stake,
            currency: it.currency.map(|currency| currency.code()),
            out_trade_no: it.out_trade_no(),
            out_refund_no: it.out_refund_no(),
            cause: &it.cause,
            step: &it.step,
            statement,
            ledger,
            statement_net: it.statement_net,
            ledger_net: it.ledger_net,
        }
    }
}

fn total(it: &Balance) -> Total {
    let side = |moved: &Moved, revoked, fees| Side {
        payments: moved.payments,
        refunds: moved.refunds,
        revoked,
        net: moved.net(),
        fees,
    };
    Total {
        currency: it.currency.code(),
        statement: side(&it.statement, Some(it.statement.revoked), Some(told::fees(it.statement.fees))),
        ledger: side(&it.ledger, None, None),
        agreed: Tally { count: it.agreed, sum: it.agreed_net },
        by_kind: it.found.iter().map(|(kind, share)| KindTotal { kind: kind.word(), share: *share }).collect(),
        unlisted_net: (it.unlisted_net != [0, 0]).then_some(it.unlisted_net),
    }
}
