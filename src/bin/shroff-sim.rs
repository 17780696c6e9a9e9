//! `shroff-sim`: the world outside the terminal, to try the terminal against.

use std::process::{ExitCode, Termination as _};

use clap::{Parser, Subcommand};
use shroff::cli;
use shroff::sim::{demo, gateway, scanner};

/// Simulators of what a cashier terminal talks to
#[derive(Parser)]
#[command(name = "shroff-sim", version, about, max_term_width = 100, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A WeChat Pay gateway on loopback that keeps books and misbehaves on request
    Gateway(Box<gateway::Args>),
    /// A barcode scanner that plays scripts: serial, keyboard wedge or HID POS
    Scanner(scanner::ScannerArgs),
    /// Gateway, scanner and the real daemon: sells, fails, recovers, and compares the books
    Demo(demo::DemoArgs),
    /// The daemon's role, for a demo without `shroff` beside it
    #[command(hide = true)]
    Daemon(cli::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().what {
        What::Gateway(args) => on_tokio(async { Ok(gateway::run(*args).await.map(|()| true)?) }),
        What::Scanner(args) => scanner::run(&args).map(|()| true),
        What::Demo(args) => on_tokio(demo::run(&args)),
        What::Daemon(args) => return cli::run(args).report(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            use std::io::Write as _;
            // When stderr is gone too, the exit code is all that is left to say.
            drop(writeln!(std::io::stderr(), "shroff-sim: {error:#}"));
            ExitCode::from(74)
        }
    }
}

fn on_tokio(work: impl Future<Output = anyhow::Result<bool>>) -> anyhow::Result<bool> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
