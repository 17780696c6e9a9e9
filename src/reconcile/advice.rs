//! Why a difference probably is, and what to do about it: the words an owner reads.

use super::book::Standing;
use super::finding::Found;
use super::moment;
use super::statement::{Fault, Movement, StatementRow};
use crate::words::{Day, Money};

/// Cause and step.
pub(super) type Advice = (String, String);

/// Where a merchant looks orders up and gives money back by hand.
const PLATFORM: &str = "pay.weixin.qq.com";
/// A movement this near to midnight may be in the neighbouring day's statement: clocks, and the time a payment takes.
const MIDNIGHT_MS: i64 = 5 * 60 * 1000;

/// The statement has it, and no ledger does. `here` are the terminals whose ledgers were read.
pub(super) fn in_statement_only(row: &StatementRow, here: &[String]) -> Advice {
    let order = &row.out_trade_no;
    let foreign = !row.device.is_empty() && !here.contains(&row.device);
    match row.movement {
        Movement::Payment if foreign => (
            format!("terminal {} took it, and its ledger was not read", row.device),
            format!("add that terminal's ledger: `--ledger {}.sqlite`", row.device),
        ),
        Movement::Refund | Movement::Revoked if foreign => (
            format!("it belongs to terminal {}, whose ledger was not read", row.device),
            format!("add that terminal's ledger: `--ledger {}.sqlite`", row.device),
        ),
        Movement::Payment => (
            "the payer was charged, and no ledger here has the order: a ledger was lost or replaced, or other software \
             took it"
                .to_owned(),
            format!(
                "add the ledger that was in use then; if there is none and nothing was handed over, refund order {order} \
                 at {PLATFORM}"
            ),
        ),
        Movement::Refund => (
            format!("it was refunded at {PLATFORM} or by other software, not by a terminal"),
            format!("ask who refunded order {order}, and record it in the POS"),
        ),
        Movement::Revoked => (
            "WeChat reversed an order that no ledger here has".to_owned(),
            format!("look up order {order} at {PLATFORM}; add the ledger that was in use then"),
        ),
    }
}

/// The ledger has a payment, and the statement does not.
pub(super) fn payment_in_ledger_only(found: &Found) -> Advice {
    let line = &found.line;
    let order = &line.out_trade_no;
    if moment::to_midnight(line.at) <= MIDNIGHT_MS {
        return (
            format!(
                "it was paid at {}, minutes from midnight: the neighbouring day's statement should have it",
                moment::shown(line.at)
            ),
            "compare both days at once: `shroff reconcile DAY1.csv DAY2.csv`".to_owned(),
        );
    }
    (
        "WeChat confirmed the payment when it was taken, but does not list it: the statement may be of another merchant \
         number, or not complete yet"
            .to_owned(),
        format!(
            "download the statement again after 10:00; if it is still missing, look up order {order} at {PLATFORM} and \
             see `shroff show {}`",
            line.reference
        ),
    )
}

/// The ledger has a refund, and the statement does not.
pub(super) fn refund_in_ledger_only(found: &Found, out_refund_no: &str) -> Advice {
    let line = &found.line;
    if moment::to_midnight(line.at) <= MIDNIGHT_MS {
        return (
            format!(
                "WeChat accepted it at {}, minutes from midnight: the neighbouring day's statement should have it",
                moment::shown(line.at)
            ),
            "compare both days at once: `shroff reconcile DAY1.csv DAY2.csv`".to_owned(),
        );
    }
    let [begun, known] = [line.begun, line.at].map(|at| moment::day(moment::day_number(at)));
    if begun != known {
        return (
            format!(
                "it was asked for at {}, and known to be accepted only at {}: the statement of a day between may have it",
                moment::shown(line.begun),
                moment::shown(line.at)
            ),
            format!("compare the days from {begun} to {known} at once: `shroff reconcile DAY1.csv DAY2.csv`"),
        );
    }
    (
        "WeChat accepted the refund, but does not list it: the customer may still be waiting for the money".to_owned(),
        format!(
            "look up refund {out_refund_no} at {PLATFORM}; see `shroff show {}`; do not refund again before that",
            line.reference
        ),
    )
}

/// The payment was taken back by the ledger's word, and the statement only has the payment.
pub(super) fn reversal_missing(found: &Found, amount: &str) -> Advice {
    let line = &found.line;
    if moment::to_midnight(line.at) <= MIDNIGHT_MS {
        return (
            format!(
                "the terminal reversed it at {}, minutes from midnight: the neighbouring day's statement should have it",
                moment::shown(line.at)
            ),
            "compare both days at once: `shroff reconcile DAY1.csv DAY2.csv`".to_owned(),
        );
    }
    (
        format!(
            "the terminal reversed it on {}, but the statement lists no reversal: the shop still has the money",
            moment::shown(line.at)
        ),
        format!(
            "look up order {} at {PLATFORM}; if it is paid there, give {amount} back there; see `shroff show {}`",
            line.out_trade_no, line.reference
        ),
    )
}

/// The reversal came, or will come, with another statement.
pub(super) fn reversed_later(found: &Found, day: Day) -> Advice {
    (
        format!("the terminal took it back on {day}; that day's statement lists the reversal"),
        format!("nothing today; compare {day} when its statement is there ({})", found.line.reference),
    )
}

/// Reversals are not part of what these statements tell.
pub(super) fn reversals_not_told() -> Advice {
    (
        "the terminal took it back; a statement of payments only does not list that".to_owned(),
        "nothing; an ALL statement would show both".to_owned(),
    )
}

/// A reversal whose payment is on an earlier day.
pub(super) fn reversed_from_before(found: &Found) -> Advice {
    let begun = moment::day(moment::day_number(found.line.begun));
    (format!("the reversal of a payment of {begun}; that day's statement has the payment"), "nothing".to_owned())
}

/// A reversal of a payment that should be there and is not.
pub(super) fn reversed_but_never_paid(found: &Found) -> Advice {
    (
        "WeChat lists the reversal, but not the payment it took back".to_owned(),
        format!("download the statement again; look up order {} at {PLATFORM}", found.line.out_trade_no),
    )
}

/// WeChat took the money, the ledger says that it did not.
pub(super) fn charged_after_all(found: &Found, amount: &str) -> Advice {
    let line = &found.line;
    (
        format!("the customer was charged, although the terminal ended the payment as {}", line.state),
        format!(
            "nothing was handed over for it: give {amount} back at {PLATFORM} (order {}), and send `shroff show {}` to support",
            line.out_trade_no, line.reference
        ),
    )
}

/// The ledger says taken, WeChat gave it back.
pub(super) fn given_back_unknown(found: &Found, amount: &str) -> Advice {
    let line = &found.line;
    (
        "the terminal says paid, but WeChat gave the money back to the customer".to_owned(),
        format!(
            "the shop lost {amount} unless the goods came back: look up order {} at {PLATFORM} for who reversed it, and send \
             `shroff show {}` to support",
            line.out_trade_no, line.reference
        ),
    )
}

/// The ledger gave the refund up, WeChat lists it.
pub(super) fn refund_listed_but_failed(found: &Found) -> Advice {
    (
        format!(
            "WeChat lists the refund as accepted; the terminal ended it as {}. A statement is not brought up to date when a \
             refund fails later",
            found.line.state
        ),
        format!(
            "look up order {} at {PLATFORM}; refund by hand if the customer has not got it",
            found.line.out_trade_no
        ),
    )
}

/// One payment, two charges.
pub(super) fn paid_twice(found: &Found, other: &str, amount: &str) -> Advice {
    let line = &found.line;
    (
        format!("{} was charged with order {} and with order {other}", line.reference, line.out_trade_no),
        format!(
            "give {amount} back for order {} at {PLATFORM}; see `shroff show {}`",
            line.out_trade_no, line.reference
        ),
    )
}

/// One reference of the POS, paid at two terminals.
pub(super) fn paid_elsewhere(found: &Found, other: &str, ledger: &str) -> Advice {
    let line = &found.line;
    (
        format!(
            "the POS's reference {} was paid here with order {}, and with order {other} in {ledger}",
            line.client_ref, line.out_trade_no
        ),
        format!(
            "unless these were two sales, give {} back for one of them: `shroff refund {} --reason TEXT` at its terminal",
            line.amount, line.reference
        ),
    )
}

/// Amounts or currencies differ.
pub(super) fn amount_differs(row: &StatementRow, found: &Found) -> Advice {
    let line = &found.line;
    let there =
        Money::new(row.amount, row.currency).map_or_else(|_| row.currency.to_string(), |money| money.to_string());
    (
        format!(
            "WeChat says {there}, the terminal says {}: one of the two files was altered, or it is another order",
            line.amount
        ),
        format!("download the statement again, run `shroff verify`, and see `shroff show {}`", line.reference),
    )
}

/// WeChat's numbers differ.
pub(super) fn number_differs(row: &StatementRow, found: &Found) -> Advice {
    (
        format!(
            "the amounts agree, but WeChat's number is {} there and {} here: one of the two files was altered",
            row.transaction_id, found.line.transaction_id
        ),
        format!("download the statement again, run `shroff verify`, and see `shroff show {}`", found.line.reference),
    )
}

/// The ledger does not know yet.
pub(super) fn unresolved(found: &Found, listed: Option<&StatementRow>) -> Advice {
    let line = &found.line;
    let cause = match listed.map(|row| row.movement) {
        Some(Movement::Payment) => "WeChat lists it, and the terminal is not certain yet",
        Some(Movement::Refund | Movement::Revoked) => {
            "WeChat lists it as given back, and the terminal is not certain yet"
        }
        None => "the terminal is not certain yet, and WeChat does not list it",
    };
    (
        format!("{cause} ({})", line.state),
        format!(
            "let the daemon run until it is settled, or stop it and run `shroff resolve`; see `shroff show {}`",
            line.reference
        ),
    )
}

/// The same movement, listed again.
pub(super) fn twice_in_statement() -> Advice {
    (
        "the statement lists the same movement a second time".to_owned(),
        "download the statement again; if it is still there twice, ask WeChat".to_owned(),
    )
}

/// The same order in two ledgers.
pub(super) fn twice_in_ledgers(other: usize, names: &[String]) -> Advice {
    let name = names.get(other).map_or("another ledger", String::as_str);
    (format!("{name} has the same order: one of the two is a copy"), "leave the copy out".to_owned())
}

/// The other side has it on another day.
pub(super) fn carried_over(found: &Found) -> Advice {
    let what = match found.line.standing {
        Standing::Done => "counts it",
        Standing::TakenBack | Standing::NotDone | Standing::Open => "has it",
    };
    (format!("the ledger {what} at {}, on another day", moment::shown(found.line.at)), "nothing".to_owned())
}

/// All that is listed is explained, and nothing is confirmed.
pub(super) fn nothing_agrees(count: u64) -> Advice {
    let none = match count {
        1 => "the one movement that is listed does not agree".to_owned(),
        _ => format!("none of the {count} movements that are listed agrees"),
    };
    (
        format!("{none} with the ledgers: what is said about each may be right, but nothing of this day is confirmed"),
        "see that the statement is of the day that was meant, and of everything (ALL); then compare it together with its \
         neighbours: `shroff reconcile DAY1.csv DAY2.csv`"
            .to_owned(),
    )
}

/// A line of the statement that says nothing, or stands where nothing may.
pub(super) fn unreadable(fault: &Fault) -> Advice {
    if *fault == Fault::AfterSummary {
        return (
            "the line comes after the summary, where WeChat writes nothing: something was added, or two files were put \
             together"
                .to_owned(),
            "download the statement again; give several statements one by one".to_owned(),
        );
    }
    (
        format!("the line could not be used: {fault}"),
        "download the statement again; look at this line yourself".to_owned(),
    )
}
