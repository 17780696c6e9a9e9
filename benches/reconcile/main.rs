//! A day's statement against the ledger, beside DuckDB and pandas on the same files: see `benches/README.md`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::needless_pass_by_value,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark counts small numbers, talks to a person and stops when something is odd"
)]

mod pages;
mod world;

use std::path::{Path, PathBuf};

use pages::Pages;
use shroff::cli::reconcile::Job;
use shroff::reconcile::{Kind, LedgerRead};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", folder, payments] => println!("{:?}", world::write(Path::new(folder), 7, payments.parse().unwrap())),
        ["ours", folder, threads] => ours(Path::new(folder), threads.parse().unwrap()),
        _ => println!("make FOLDER N | ours FOLDER THREADS"),
    }
}

fn ours(folder: &Path, threads: usize) {
    let statements: Vec<PathBuf> = vec![folder.join("statement.csv")];
    let job = Job { statements, day: None, partial: false, threads };
    let read = LedgerRead { name: "ledger.csv".to_owned(), terminal: String::new() };
    let book = Pages { path: folder.join("ledger.csv") };
    let report = job.run(vec![read], vec![book], &mut || 0x5eed, &mut |_| ()).unwrap();
    let share = |kind| report.balances[0].found.get(&kind).map_or((0, 0), |it| (it.count, it.at_stake));
    println!(
        "agreed {} other_amount {:?} only_there {:?} only_here {:?}",
        report.agreed,
        share(Kind::AmountDiffers),
        share(Kind::InStatementOnly),
        share(Kind::InLedgerOnly)
    );
}
