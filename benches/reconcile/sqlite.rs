//! A real ledger with a day's payments in it, written past the till: a million sales would take the till an hour.

use std::path::Path;

use rusqlite::{Connection, params};
use shroff::ledger::{Birth, Ledger};
use shroff::words::{Day, Secret};

use super::world::{DAY, payment};

/// Makes the ledger of the payments that the ledger's CSV file has.
pub(crate) fn write(path: &Path, seed: u64, payments: u64) {
    let birth = Birth { terminal: "T01".parse().unwrap(), mark: "K7Q2M9XB".into(), salt: Secret::new(vec![3; 32]) };
    drop(Ledger::open(path, birth).unwrap());
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF").unwrap();
    let begin = DAY.parse::<Day>().unwrap().begin().millis();
    let tx = db.transaction().unwrap();
    let mut sale = tx
        .prepare(
            "INSERT INTO payments (ref, client_ref, lane, amount, currency, description, attach, operator, patience_ms,
                state, money, canceled, open, attempts, next_action, created_at, updated_at, seq)
             VALUES (?1, ?2, '1', ?3, 'CNY', 'Dining Hall', '', '', 120000, 'paid', 'taken', 0, 0, 1, 'none', ?4, ?5, 1)",
        )
        .unwrap();
    let mut attempt = tx
        .prepare(
            "INSERT INTO attempts (out_trade_no, payment, no, code_mark, code_hint, stage, state, money, outcome, tries,
                refunds, paid_seen, refund_due, watch, refused, refused_class, err_code, err_code_des, refund_no,
                transaction_id, paid_at, payer_total, payer_currency, rate, created_at, updated_at)
             VALUES (?1, ?2, 1, zeroblob(32), '1395', 'settled', 'paid', 'taken', 'paid', 0, 0, 0, 0, 0, 'no', '', '', '',
                ?3, ?4, ?5, ?6, 'CNY', '100000000', ?7, ?5)",
        )
        .unwrap();
    let mut refund = tx
        .prepare(
            "INSERT INTO refunds (refund_ref, out_refund_no, payment, out_trade_no, transaction_id, amount, total, currency,
                reason, operator, supervised, created_at, stage, leads_to, state, outcome, sends, asked, doubted, refused,
                refused_class, err_code, err_code_des, accepted_at, refunded_at, open, next_action, updated_at, seq)
             VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, 'CNY', 'wrong dish', '', 0, ?7, 'settled', '', 'refunded', 'refunded', 1, 1, 0,
                '', '', '', '', ?7, ?7, 0, 'none', ?7, 1)",
        )
        .unwrap();
    // A till numbers payments and orders as they come, by one counter.
    let mut order: Vec<u32> = (0..u32::try_from(payments).unwrap()).collect();
    order.sort_by_cached_key(|no| {
        let it = payment(seed, u64::from(*no));
        (it.second, it.order)
    });
    for (place, no) in order.into_iter().map(u64::from).enumerate() {
        let it = payment(seed, no);
        if !it.is_here() {
            continue;
        }
        let at = begin + i64::try_from(it.second).unwrap() * 1000;
        let name = format!("T01-K7Q2M9XB-{place:08}");
        sale.execute(params![name, format!("R-{no}"), it.amount, at - 4000, at]).unwrap();
        attempt
            .execute(params![it.order, name, format!("{}R", it.order), it.transaction, at, it.amount, at - 4000])
            .unwrap();
        if let Some((amount, second)) = it.refund() {
            let (number, at) = (format!("{}A", it.order), begin + i64::try_from(second).unwrap() * 1000);
            refund.execute(params![number, name, it.order, it.transaction, amount, it.amount, at]).unwrap();
        }
    }
    drop((sale, attempt, refund));
    tx.commit().unwrap();
}
