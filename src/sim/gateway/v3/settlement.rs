//! `/v3/global/settle/settlements`: every day's trade is paid out on the next one, by wallet.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::book::{Book, Movement, MovementKind};
use crate::sim::faults::{Course, Sheet};
use crate::sim::gateway::answer::Answer;
use crate::sim::gateway::asked::{Asked, Desk};
use crate::sim::gateway::http::Reply;
use crate::sim::gateway::statement::{day, fee, half, is_made};
use crate::words::{Currency, Day, Money};

use super::report::Sheets;

/// The guide's own limit of one page.
const LIMIT_MAX: u64 = 30;

/// What is paid out together, in smallest units.
#[derive(Default)]
struct Sums {
    pay: u64,
    refund: u64,
    fee: i128,
}

/// A page of the list, or why there is none.
pub(super) fn sheets(asked: &Asked, book: &mut Book, desk: Desk<'_>, course: &Course) -> Result<Sheets, Answer> {
    let wrong = |why| Err(asked.fail("PARAM_ERROR", None).with("err_code_des", why));
    let (limit, offset) = (asked.get("limit").parse::<u64>(), asked.get("offset").parse::<u64>());
    let (Ok(limit @ 1..=LIMIT_MAX), Ok(offset)) = (limit, offset) else {
        return wrong("limit is 1 to 30, offset a number");
    };
    let days = match asked.get("settle_state") {
        "SETTLED" => {
            let days = day(asked.get("date_start")).zip(day(asked.get("date_end"))).filter(|(from, to)| from <= to);
            let Some(days) = days else { return wrong("settle_start_date and settle_end_date are yyyyMMdd, in order") };
            Some(days)
        }
        "UNSETTLE" => None,
        _ => return wrong("settle_state is SETTLED or UNSETTLE"),
    };
    let wanted = desk.merchant.sub_mch_id.as_deref();
    if wanted.is_some_and(|wanted| asked.get("sub_mch_id") != wanted) {
        return Err(asked.fail("NOAUTH", None));
    }
    let mut records = records(asked.get("sub_mch_id"), days, book, desk);
    let total = records.len();
    for fault in &course.sheets {
        let middle = half(records.len());
        match fault {
            Sheet::MissingRow if middle < records.len() => drop(records.remove(middle)),
            Sheet::DoubledRow => {
                if let Some(record) = records.get(middle).cloned() {
                    records.insert(middle, record);
                }
            }
            Sheet::FlippedDigit => {
                if let Some(paid) = records.get_mut(middle).and_then(|it| it.pointer_mut("/amount/settled")) {
                    *paid = json!(paid.as_i64().unwrap_or_default() ^ 1);
                }
            }
            Sheet::MissingRow | Sheet::HalfFile | Sheet::HalfSent | Sheet::WrongDigest | Sheet::NoDigest => {}
        }
    }
    let (from, most) = (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or(0));
    let page: Vec<Value> = records.into_iter().skip(from).take(most).collect();
    let word = format!("{} of {total} records", page.len());
    let reply = Reply::json(200, &json!({ "data": page, "total_count": total, "offset": offset, "limit": limit }));
    let signed = reply.body.clone();
    Ok(Sheets { reply, signed, word })
}

/// The records that were paid out on these days, or without days those that were not yet.
fn records(sub_mch_id: &str, days: Option<(Day, Day)>, book: &Book, desk: Desk<'_>) -> Vec<Value> {
    let mut sums: BTreeMap<(Day, &'static str, Currency), Sums> = BTreeMap::new();
    for movement in book.movements() {
        if !sub_mch_id.is_empty() && movement.order.sub_mch_id() != sub_mch_id {
            continue;
        }
        let day = Day::of(desk.clock.wall(movement.at));
        let settled_on = is_made(day, book, desk).then(|| payday(day, book));
        let asked_for = match (days, settled_on) {
            (Some((from, to)), Some(on)) => (from..=to).contains(&on),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if asked_for {
            sums.entry((day, wallet(&movement), movement.amount.currency())).or_default().add(&movement);
        }
    }
    let compact = |day: Day| day.to_string().replace('-', "");
    let record = |(n, ((day, wallet, currency), sums)): (usize, ((Day, &str, Currency), Sums))| {
        let net = i128::from(sums.pay).saturating_sub(i128::from(sums.refund));
        let due = net.saturating_sub(sums.fee);
        let [due, net, fee] = [due, net, sums.fee].map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let on = compact(payday(day, book));
        let (id, on, settled, unsettle) = match days {
            Some(_) => (format!("{on}{n:03}"), on, due, 0),
            None => (String::new(), String::new(), 0, due),
        };
        json!({
            "batch_id": id, "settlement_date": on,
            "trade_start_date": compact(day), "trade_end_date": compact(day),
            "amount": {
                "settled": settled, "unsettle": unsettle, "currency": currency.code(),
                "pay": sums.pay, "refund": sums.refund, "net": net, "fee": fee,
            },
            "wallet_region": wallet,
        })
    };
    sums.into_iter().enumerate().map(record).collect()
}

/// The day on which the trade of `day` is paid out.
fn payday(day: Day, book: &Book) -> Day {
    if book.rules().statements_at_once { day } else { Day::of(day.end()) }
}

/// Whose wallet: made up, and the same for all of an order.
fn wallet(movement: &Movement<'_>) -> &'static str {
    let last = movement.order.out_trade_no().bytes().last().unwrap_or_default();
    // Our own order numbers are two apart.
    if last & 2 == 0 { "CHINA_MAINLAND" } else { "CHINA_HONGKONG" }
}

impl Sums {
    fn add(&mut self, movement: &Movement<'_>) {
        let amount: Money = movement.amount;
        let fee = i128::from(fee(amount));
        match movement.kind {
            MovementKind::Payment => {
                self.pay = self.pay.saturating_add(amount.minor());
                self.fee = self.fee.saturating_add(fee);
            }
            MovementKind::Refund(_) | MovementKind::Reversal => {
                self.refund = self.refund.saturating_add(amount.minor());
                self.fee = self.fee.saturating_sub(fee);
            }
        }
    }
}
