//! `shroff-sim`: the world outside the terminal, to try the terminal against.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shroff::sim::gateway;

/// Simulators of what a cashier terminal talks to.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A WeChat Pay gateway on loopback that keeps books and misbehaves on request.
    Gateway(Box<gateway::Args>),
    /// A barcode scanner.
    Scanner,
    /// Gateway, scanner and the real daemon: sells, fails, recovers, reconciles.
    Demo,
}

fn main() -> ExitCode {
    let done = match Cli::parse().what {
        What::Gateway(args) => on_tokio(gateway::run(*args)),
        What::Scanner | What::Demo => Err(std::io::Error::other("not there yet")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // When stderr is gone too, the exit code is all that is left to say.
            drop(writeln!(std::io::stderr(), "shroff-sim: {error}"));
            ExitCode::from(74)
        }
    }
}

fn on_tokio(work: impl Future<Output = std::io::Result<()>>) -> std::io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
