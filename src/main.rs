//! `shroff`: arguments → `cli::run` → exit code.

use shroff::cli;

fn main() -> cli::Exit {
    cli::run(cli::Args::from_command_line())
}
