//! A ledger in memory, and the comparison from files to report on one thread.

use std::collections::BTreeSet;

use shroff::reconcile::statement::{Layout, Part, Row};
use shroff::reconcile::{
    Book, Days, Evidence, LedgerLine, Report, Side, Standing, StatementRead, What, compare, explain,
};
use shroff::words::{Day, Money};

/// A ledger in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages(pub(crate) Vec<LedgerLine>);

impl Pages {
    fn on<'a>(&'a self, days: &'a Days) -> impl Iterator<Item = &'a LedgerLine> {
        self.0.iter().filter(|line| match line.standing {
            Standing::Done => days.cover(&line.what, line.at),
            Standing::Open => days.all().contains(&Day::of(line.begun)),
            Standing::TakenBack | Standing::NotDone => false,
        })
    }
}

impl Book for Pages {
    type Error = std::convert::Infallible;

    fn moved(&self, days: &Days, each: &mut dyn FnMut(&LedgerLine<&str>)) -> Result<(), Self::Error> {
        self.on(days).for_each(|line| each(&borrowed(line)));
        Ok(())
    }

    fn at(&self, days: &Days, places: &[u32], each: &mut dyn FnMut(LedgerLine)) -> Result<(), Self::Error> {
        let all: Vec<&LedgerLine> = self.on(days).collect();
        places.iter().for_each(|at| each(all[usize::try_from(*at).expect("small")].clone()));
        Ok(())
    }

    fn orders(&self, wanted: &BTreeSet<&str>) -> Result<Vec<LedgerLine>, Self::Error> {
        Ok(self.0.iter().filter(|line| wanted.contains(line.out_trade_no.as_str())).cloned().collect())
    }

    fn payment(&self, reference: &str) -> Result<Vec<LedgerLine>, Self::Error> {
        Ok(self.0.iter().filter(|line| line.reference == reference && line.is_payment()).cloned().collect())
    }

    fn names(&self, days: &Days, each: &mut dyn FnMut(&str, &str, Money)) -> Result<(), Self::Error> {
        for line in self.0.iter().filter(|line| line.is_payment() && line.counts(days)) {
            each(&line.client_ref, &line.out_trade_no, line.amount);
        }
        Ok(())
    }

    fn paid_twice(&self, days: &Days) -> Result<Vec<String>, Self::Error> {
        let taken = |line: &&LedgerLine| line.is_payment() && line.counts(days);
        let mut names: Vec<&str> = self.0.iter().filter(taken).map(|line| line.reference.as_str()).collect();
        names.sort_unstable();
        let mut twice: Vec<String> = names.windows(2).filter(|it| it[0] == it[1]).map(|it| it[0].to_owned()).collect();
        twice.dedup();
        Ok(twice)
    }
}

pub(crate) fn borrowed(line: &LedgerLine) -> LedgerLine<&str> {
    LedgerLine {
        out_trade_no: &line.out_trade_no,
        what: match &line.what {
            What::Payment { attempt, reversal_no } => What::Payment { attempt: *attempt, reversal_no },
            What::Refund { out_refund_no } => What::Refund { out_refund_no },
        },
        amount: line.amount,
        standing: line.standing,
        state: &line.state,
        at: line.at,
        begun: line.begun,
        transaction_id: &line.transaction_id,
        reference: &line.reference,
        client_ref: &line.client_ref,
    }
}

/// Compares `texts` with `books`, from the first byte to the report.
pub(crate) fn reconcile(texts: &[&str], books: &[Pages], seed: u64) -> Report {
    reconcile_with(texts, books, &|| Side::new(seed))
}

/// The same with sides of one's own.
pub(crate) fn reconcile_with(texts: &[&str], books: &[Pages], new_side: &dyn Fn() -> Side) -> Report {
    let read: Vec<(Layout, &[u8])> = texts
        .iter()
        .map(|text| {
            let mut input = text.as_bytes();
            (Layout::read(&mut input).expect("a statement"), input)
        })
        .collect();
    let mut side = new_side();
    let mut days = Days::default();
    let mut statements = Vec::new();
    let mut bad = Vec::new();
    for (at, (layout, body)) in read.iter().enumerate() {
        side.begin(u32::try_from(at).expect("small"));
        let part = Part::read(layout, &mut &body[..], |line, row: &Row<'_>| side.row(line, row)).expect("reads");
        let day = part.own_day().expect("rows");
        days.add(day, layout.kind.tells_payments(), layout.kind.tells_refunds());
        bad.extend(part.bad.iter().map(|(line, fault)| (at, u64::from(*line) + 1, fault.clone())));
        statements.push(StatementRead {
            name: format!("{at}.csv"),
            kind: Some(layout.kind),
            day: Some(day),
            rows: part.rows,
            left_out: 0,
            bad: part.bad_count,
            wholeness: part.wholeness(layout),
        });
    }
    let mut ledger = new_side();
    for (at, book) in books.iter().enumerate() {
        ledger.begin(u32::try_from(at).expect("small"));
        let mut nth = 0;
        book.moved(&days, &mut |line| {
            ledger.line(nth, line);
            nth += 1;
        })
        .expect("reads");
    }
    let loose = compare(&mut [side], &mut [ledger]).expect("not too many");
    let mut evidence = Evidence::new(days.clone(), loose.clone());
    evidence.bad = bad;
    for (at, (layout, body)) in read.iter().enumerate() {
        let wanted: Vec<u32> =
            loose.rows.iter().filter(|(source, _)| *source == at as u32).map(|(_, line)| *line).collect();
        Part::pick(layout, &mut &body[..], 1, &wanted, |line, row| evidence.row(row.kept(at, u64::from(line) + 1)))
            .expect("reads");
    }
    for (at, book) in books.iter().enumerate() {
        let places: Vec<u32> =
            loose.lines.iter().filter(|(source, _)| *source == at as u32).map(|(_, nth)| *nth).collect();
        book.at(&days, &places, &mut |line| evidence.line(at, line)).expect("reads");
    }
    evidence.terminals = vec!["T01".to_owned(), "T02".to_owned()];
    evidence.ledgers = (0..books.len()).map(|at| format!("T0{}.sqlite", at + 1)).collect();
    assert!(evidence.agrees(), "what cancelled out agrees");
    let mut report = explain(evidence, books).expect("reads");
    report.statements = statements;
    report
}
