//! One reference of the POS that was paid at two terminals: a sale that was begun anew elsewhere, and charged twice.
//!
//! Many a POS counts its references for each terminal alone, and then the same one means nothing. Two ledgers are taken to
//! count each for itself when a shared reference stands for two different amounts, or when they share many.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::book::{Book, Days};
use crate::words::Money;

/// Sales whose references are compared, 16 bytes each; a merchant with more at once has other means.
pub(super) const SALES_MAX: usize = 4_000_000;
/// References that are looked at one by one; so many in common are no accident.
const SHARED_MAX: usize = 10_000;
/// Of so many sales of the smaller ledger one may share its reference; one in all always may.
const RARE: usize = 50;

/// A sale that was paid again at another terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Again {
    /// Which ledger, and its order.
    pub(super) ledger: usize,
    pub(super) order: String,
    /// The same of the other sale.
    pub(super) other_ledger: usize,
    pub(super) other_order: String,
}

type Sale = (usize, String, Money);

/// The sales of `days` that two of `books` have under the same reference; `None` when there are too many to look.
pub(super) fn paid_again<B: Book>(books: &[B], days: &Days) -> Result<Option<Vec<Again>>, B::Error> {
    if books.len() < 2 {
        return Ok(Some(Vec::new()));
    }
    let mut hashes: Vec<(u64, usize)> = Vec::new();
    let mut counts = vec![0_usize; books.len()];
    for ((ledger, book), count) in books.iter().enumerate().zip(&mut counts) {
        book.names(days, &mut |name, _, _| {
            if hashes.len() <= SALES_MAX {
                hashes.push((hash(name), ledger));
            }
            *count = count.saturating_add(1);
        })?;
    }
    if hashes.len() > SALES_MAX {
        return Ok(None);
    }
    hashes.sort_unstable();
    hashes.dedup();
    let common: HashSet<u64> = hashes.windows(2).filter_map(shared).collect();
    if common.is_empty() || common.len() > SHARED_MAX {
        return Ok(Some(Vec::new()));
    }
    let mut sales: BTreeMap<String, Vec<Sale>> = BTreeMap::new();
    for (ledger, book) in books.iter().enumerate() {
        book.names(days, &mut |name, order, amount| {
            if common.contains(&hash(name)) {
                sales.entry(name.to_owned()).or_default().push((ledger, order.to_owned(), amount));
            }
        })?;
    }
    let apart = count_for_themselves(&sales, &counts);
    let mut again = Vec::new();
    for those in sales.values() {
        let Some(((ledger, order, amount), others)) = those.split_first() else { continue };
        for (other_ledger, other_order, other_amount) in others {
            if ledger != other_ledger && amount == other_amount && !apart.contains(&(*ledger, *other_ledger)) {
                again.push(Again {
                    ledger: *other_ledger,
                    order: other_order.clone(),
                    other_ledger: *ledger,
                    other_order: order.clone(),
                });
            }
        }
    }
    Ok(Some(again))
}

/// Pairs of ledgers whose references mean nothing beside each other.
fn count_for_themselves(sales: &BTreeMap<String, Vec<Sale>>, counts: &[usize]) -> BTreeSet<(usize, usize)> {
    let mut shares: BTreeMap<(usize, usize), (usize, bool)> = BTreeMap::new();
    for those in sales.values() {
        for (at, (one, _, amount)) in those.iter().enumerate() {
            for (other, _, other_amount) in those.iter().skip(at.saturating_add(1)).filter(|(other, ..)| other != one) {
                let (shared, differ) = shares.entry((*one, *other)).or_default();
                *shared = shared.saturating_add(1);
                *differ |= amount != other_amount;
            }
        }
    }
    let sales_of = |ledger: usize| counts.get(ledger).copied().unwrap_or(0);
    let many = |(one, other): (usize, usize), shared: usize| {
        shared > sales_of(one).min(sales_of(other)).checked_div(RARE).unwrap_or(0).max(1)
    };
    shares
        .into_iter()
        .filter(|(pair, (shared, differ))| *differ || many(*pair, *shared))
        .map(|(pair, _)| pair)
        .collect()
}

fn shared(pair: &[(u64, usize)]) -> Option<u64> {
    match pair {
        [(one, a), (other, b)] if one == other && a != b => Some(*one),
        _ => None,
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
