//! `shroff`: arguments → `cli::run` → exit code.

use clap::Parser as _;
use shroff::cli;

fn main() -> cli::Exit {
    cli::run(cli::Args::parse())
}
