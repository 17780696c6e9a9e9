//! A day's statement against the ledger, beside DuckDB and pandas on the same files: see `benches/README.md`.
//!
//! `cargo bench --bench reconcile` compares a million payments; `-- 10m` ten million; `-- sqlite` reads a real ledger;
//! `-- small` is a quick look.

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
mod sqlite;
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pages::Pages;
use shroff::cli::reconcile::Job;
use shroff::ledger::Movements;
use shroff::reconcile::{Kind, LedgerRead, Report};

/// Turns of each engine; the best three count.
const TURNS: usize = 5;
const SEED: u64 = 7;
/// As many threads as the peers get.
const THREADS: &str = "2";

/// What an engine said.
#[derive(Clone, Debug)]
struct Said {
    answer: String,
    /// By its own clock, from its first step to the answer.
    ms: u64,
    /// From the birth of its process to the end.
    process_ms: u64,
    kib: u64,
    version: String,
}

/// An engine: a program and its arguments.
struct Engine {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["ours", folder, ledger, memory] = args.as_slice() {
        return ours(Path::new(folder), ledger, memory.parse().ok());
    }
    let has = |name: &str| args.contains(&name);
    let payments = if has("10m") {
        10_000_000
    } else if has("small") {
        50_000
    } else {
        1_000_000
    };
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/reconcile/{payments}"));
    println!("one run, ratios only: absolute times are this machine's\n");
    let planted = made(&folder, payments);
    println!("{payments} payments on each side, 2 % refunded; planted: {planted}\n");
    let python = peers();
    let of = |it: &str| folder.join(it).display().to_string();
    let this = std::env::current_exe().unwrap();
    let ours = |name, ledger: &str, memory: &str| Engine {
        name,
        program: this.clone(),
        args: ["ours", &of(""), ledger, memory].map(str::to_owned).to_vec(),
    };
    let peer = |name, script: &str, more: &[&str]| {
        let script = format!("{}/benches/reconcile/{script}", env!("CARGO_MANIFEST_DIR"));
        let args = [script, of(""), THREADS.to_owned()].into_iter().chain(more.iter().map(|it| (*it).to_owned()));
        python.clone().map(|program| Engine { name, program, args: args.collect() })
    };
    let mut engines = vec![ours("ours", "ledger.csv", "-")];
    engines.extend(peer("DuckDB", "duckdb_peer.py", &[]));
    if payments > 1_000_000 {
        engines.push(ours("ours, 64 MB", "ledger.csv", "64"));
        engines.extend(peer("DuckDB, 512 MB", "duckdb_peer.py", &["512MB"]));
    } else {
        engines.extend(peer("pandas", "pandas_peer.py", &[]));
    }
    if has("sqlite") {
        let ledger = folder.join("ledger.sqlite");
        if !ledger.exists() {
            sqlite::write(&ledger, SEED, payments);
        }
        engines.push(ours("ours, SQLite ledger", "ledger.sqlite", "-"));
    }
    // P16, and P17 for ten million.
    race(&engines, &planted, if payments > 1_000_000 { 30 } else { 25 });
}

/// Runs every engine in turn, checks that all found what was planted, and tells the best three of five of each.
fn race(engines: &[Engine], planted: &str, memory_goal: u64) {
    let mut said: Vec<Vec<Said>> = engines.iter().map(|_| Vec::new()).collect();
    for turn in 0..=TURNS {
        for (engine, said) in engines.iter().zip(&mut said) {
            let one = run(engine);
            assert_eq!(one.answer, planted, "{}", engine.name);
            // The first turn warms the page cache.
            if turn > 0 {
                said.push(one);
            }
        }
    }
    println!("{:<22} {:>9} {:>12} {:>9}", "", "ms", "process ms", "MiB");
    let best = |said: &[Said], of: fn(&Said) -> u64| {
        let mut all: Vec<u64> = said.iter().map(of).collect();
        all.sort_unstable();
        all.iter().take(3).sum::<u64>() / 3
    };
    for (engine, said) in engines.iter().zip(&said) {
        let kib = said.iter().map(|it| it.kib).max().unwrap_or(0);
        println!(
            "{:<22} {:>9} {:>12} {:>9} {}",
            engine.name,
            best(said, |it| it.ms),
            best(said, |it| it.process_ms),
            kib / 1024,
            said[0].version
        );
    }
    println!();
    let find = |name: &str| engines.iter().position(|it| it.name == name).map(|at| &said[at]);
    for (ours, theirs, time_goal, memory_goal) in [
        ("ours", "DuckDB", 50, memory_goal),
        ("ours", "pandas", 50, memory_goal),
        ("ours, 64 MB", "DuckDB, 512 MB", 100, 100),
    ] {
        let (Some(ours_said), Some(theirs_said)) = (find(ours), find(theirs)) else { continue };
        // Ours with its whole process, against theirs without the start of Python.
        let time = 100 * best(ours_said, |it| it.process_ms) / best(theirs_said, |it| it.ms).max(1);
        let most = |said: &[Said]| said.iter().map(|it| it.kib).max().unwrap_or(1);
        let memory = 100 * most(ours_said) / most(theirs_said);
        let met = |it: u64, goal: u64| if it <= goal { "met" } else { "MISSED" };
        println!(
            "{ours} / {theirs}: time {}.{:02}x (goal {}.{:02}x: {}), memory {}.{:02}x (goal {}.{:02}x: {})",
            time / 100,
            time % 100,
            time_goal / 100,
            time_goal % 100,
            met(time, time_goal),
            memory / 100,
            memory % 100,
            memory_goal / 100,
            memory_goal % 100,
            met(memory, memory_goal)
        );
    }
}

fn run(engine: &Engine) -> Said {
    let began = now();
    let out = Command::new(&engine.program).args(&engine.args).output().unwrap();
    let process_ms = u64::try_from((now() - began).as_millis()).unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{}: {text}{}", engine.name, String::from_utf8_lossy(&out.stderr));
    let (answer, rest) = text.trim().split_once(" ms=").unwrap();
    let mut rest = rest.split(' ');
    let mut number = |name: &str| rest.next().unwrap().trim_start_matches(name).to_owned();
    let (ms, kib, version) = (number(""), number("kib="), number("v="));
    Said { answer: answer.to_owned(), ms: ms.parse().unwrap(), process_ms, kib: kib.parse().unwrap(), version }
}

/// Makes the files unless they are there, and tells what was planted.
fn made(folder: &Path, payments: u64) -> String {
    let note = folder.join("planted");
    if let Ok(planted) = std::fs::read_to_string(&note) {
        return planted;
    }
    std::fs::create_dir_all(folder).unwrap();
    let planted = world::write(folder, SEED, payments);
    let planted = told([planted.other_amount, planted.only_there, planted.only_here]);
    std::fs::write(note, &planted).unwrap();
    planted
}

fn told([amount, there, here]: [(u64, u64); 3]) -> String {
    format!("other_amount={}:{} only_there={}:{} only_here={}:{}", amount.0, amount.1, there.0, there.1, here.0, here.1)
}

/// A Python that has the peers, in a folder of its own; says so when there is none.
fn peers() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/reconcile/python");
    let python = folder.join("bin/python");
    let works = || Command::new(&python).args(["-c", "import duckdb, pandas"]).status().is_ok_and(|it| it.success());
    if !python.exists() || !works() {
        println!("installing DuckDB and pandas from PyPI into {} …", folder.display());
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
        let pip = Command::new(&python).args(["-m", "pip", "install", "--quiet", "duckdb", "pandas"]).output();
        if !works() {
            println!("DuckDB and pandas are MISSING ({made:?} {pip:?}): only our own figures follow\n");
            return None;
        }
    }
    Some(python)
}

/// Our side, in a process of its own.
fn ours(folder: &Path, ledger: &str, memory_mib: Option<u32>) {
    let began = now();
    let path = folder.join(ledger);
    let read = vec![LedgerRead { name: ledger.to_owned(), terminal: String::new(), kept: false }];
    let job = Job {
        statements: vec![folder.join("statement.csv")],
        day: None,
        partial: false,
        threads: THREADS.parse().unwrap(),
        memory_mib,
    };
    let report = if ledger.ends_with("sqlite") {
        job.run(read, vec![Movements::open(&path).unwrap()], &mut || 0x5eed, &mut |_| ()).unwrap()
    } else {
        job.run(read, vec![Pages::new(path)], &mut || 0x5eed, &mut |_| ()).unwrap()
    };
    assert!(report.adds_up());
    let ms = (now() - began).as_millis();
    let found = [Kind::AmountDiffers, Kind::InStatementOnly, Kind::InLedgerOnly].map(|kind| share(&report, kind));
    println!("{} ms={ms} kib={} v={}", told(found), peak_kib(), env!("CARGO_PKG_VERSION"));
}

fn share(report: &Report, kind: Kind) -> (u64, u64) {
    let share = report.balances[0].found.get(&kind).copied().unwrap_or_default();
    (share.count, u64::try_from(share.at_stake).unwrap())
}

/// The most memory this process ever had resident.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// A moment; benchmarks measure real time and nothing else does.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
