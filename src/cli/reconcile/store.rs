//! What came of a comparison is kept in the ledgers that were compared, so that nobody has to remember which days were.
//!
//! A ledger has one writer. While a daemon holds its lock, the daemon is asked to write; otherwise this command takes the
//! lock for a moment. Whatever cannot be kept is told, and changes neither the report nor the exit code.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::super::api::{Daemon, on_tokio};
use super::super::say;
use crate::config::Local;
use crate::ledger::{LedgerError, keep_reconciled_offline};
use crate::reconcile::{Kept, Report};
use crate::words::WallTime;

/// Ledgers that are named when nothing can be kept in them; of more only the number is told.
const TOLD_MAX: usize = 3;
/// What is read of a statement at once.
const BUFFER: usize = 256 * 1024;

/// Keeps what came of `report` in `ledgers`, which are in its order, and notes in it where that worked. `statements` are
/// its statements' files; `config` may name the ledger of a running daemon.
pub(super) fn store(report: &mut Report, ledgers: &[PathBuf], statements: &[PathBuf], config: &Path, now: WallTime) {
    let digests: anyhow::Result<Vec<String>> = statements.iter().map(|file| digest(file)).collect();
    let digests = match digests {
        Ok(digests) => digests,
        Err(error) => return say::tell(&format!("the result is not kept: {error:#}")),
    };
    let days = report.kept(&digests);
    let mut failed = Vec::new();
    for (file, told) in ledgers.iter().zip(&mut report.ledgers) {
        match keep(file, &days, config, now) {
            Ok(()) => told.kept = true,
            Err(error) => failed.push(error),
        }
    }
    for error in failed.iter().take(TOLD_MAX) {
        say::tell(&format!("the result is not kept: {error:#}"));
    }
    if let Some(more) = failed.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        say::tell(&format!("nor is it in {more} more ledgers"));
    }
}

fn keep(ledger: &Path, days: &[Kept], config: &Path, now: WallTime) -> anyhow::Result<()> {
    match keep_reconciled_offline(ledger, days, now) {
        Ok(()) => Ok(()),
        Err(LedgerError::Locked(path)) => {
            let locked = || LedgerError::Locked(path.clone()).to_string();
            let local = Local::load(config).ok().filter(|local| same_file(&local.ledger_path, ledger));
            ask(&local.with_context(locked)?, days)
                .with_context(|| format!("the daemon writes {}, and did not keep it", ledger.display()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks the running daemon.
fn ask(local: &Local, days: &[Kept]) -> anyhow::Result<()> {
    let daemon = Daemon::at(&local.socket)?;
    on_tokio(async {
        for kept in days {
            daemon.post(&["v1", "reconciliations"], serde_json::to_vec(kept)?, None).await?;
        }
        Ok(())
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

/// What `sha256sum` prints of a file.
fn digest(path: &Path) -> anyhow::Result<String> {
    let about = || format!("the statement {}", path.display());
    let mut input = BufReader::with_capacity(BUFFER, File::open(path).with_context(about)?);
    let mut hash = Sha256::new();
    loop {
        let bytes = input.fill_buf().with_context(about)?;
        if bytes.is_empty() {
            break;
        }
        hash.update(bytes);
        let length = bytes.len();
        input.consume(length);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_what_sha256sum_prints() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.csv");
        std::fs::write(&file, "abc").expect("a file");
        // FIPS 180-2, B.1.
        assert_eq!(digest(&file).expect("reads"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(digest(&folder.path().join("b.csv")).expect_err("nothing there").to_string().contains("b.csv"));
    }
}
