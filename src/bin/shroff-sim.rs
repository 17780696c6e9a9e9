//! `shroff-sim`: simulators of what stands around the daemon.

use clap::{Parser, Subcommand};
use shroff::sim::scanner::{self, ScannerArgs};

#[derive(Parser)]
#[command(name = "shroff-sim", version, about = "Simulators of what stands around shroff")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A barcode scanner on a pseudo-terminal
    Scanner(ScannerArgs),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Scanner(args) => scanner::run(&args),
    }
}
