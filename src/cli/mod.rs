//! Floor 5: commands for people. One file a command; data on stdout, talk on stderr.

mod exit;
mod serve;

use clap::{Parser, Subcommand};

pub use exit::Exit;

/// A cashier terminal for WeChat Pay Quick Pay that knows where the money is.
#[derive(Debug, Parser)]
#[command(name = "shroff", version, about, max_term_width = 100, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(serve::ServeArgs),
}

/// Does what the command line says. The value is the process's exit code.
#[must_use]
pub fn run(args: Args) -> Exit {
    let outcome = match args.command {
        Command::Serve(args) => serve::run(&args),
    };
    outcome.unwrap_or_else(|error| exit::explain(&error))
}
