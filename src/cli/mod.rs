//! Floor 5: commands for people. One file a command; data on stdout, talk on stderr.

mod api;
mod attention;
mod backup;
mod bundle;
mod cancel;
mod cashier;
pub mod close;
mod completions;
mod config;
mod devices;
mod display;
mod doctor;
mod exit;
mod follow;
mod hid_id;
mod landing;
mod log;
mod man;
mod offline;
mod pay;
mod payments;
mod progress;
pub mod reconcile;
mod refund;
mod refused;
mod resolve;
mod restore;
mod say;
mod scan;
mod serve;
mod settlements;
mod setup;
mod show;
mod shown;
mod statement;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

pub use exit::Exit;

use crate::config::DEFAULT_PATH;
use crate::edge::clock::Clock;

/// A cashier terminal for WeChat Pay Quick Pay that knows where the money is.
#[derive(Debug, Parser)]
#[command(name = "shroff", version, about, after_help = EXIT_CODES, max_term_width = 100, arg_required_else_help = true)]
pub struct Args {
    /// The configuration
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_PATH)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 fine; 1 not paid, differences or attention found; 2 usage; 65 bad data; \
    69 daemon or gateway not reachable; 74 input or output; 75 try later; 77 permission; 78 configuration";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(serve::ServeArgs),
    /// Set the terminal up: configuration, keys, scanner, token, service
    Setup(Box<setup::SetupArgs>),
    /// Take a payment and follow it to its end
    Pay(pay::PayArgs),
    /// List payments, newest first
    Payments(payments::PaymentsArgs),
    /// Show a payment with every attempt and its journal
    Show(show::ShowArgs),
    /// Cancel a payment
    Cancel(cancel::CancelArgs),
    /// Give back a paid payment, or a part of it
    Refund(refund::RefundArgs),
    /// Print a link that opens the cashier page in a browser, signed in
    Cashier(cashier::CashierArgs),
    /// List what a person must look at
    Attention(attention::AttentionArgs),
    /// List what could be a scanner or a serial display, with the lines that name it in the configuration
    Devices(devices::DevicesArgs),
    /// Try customer displays, or clear them
    #[command(subcommand)]
    Display(display::DisplayCommand),
    /// Show what a scanner sends and what shroff makes of it
    Scan(scan::ScanArgs),
    /// Compare WeChat's statements with the ledgers, and explain every difference
    Reconcile(reconcile::ReconcileArgs),
    /// With the daemon stopped: drive every unsettled payment to its end
    Resolve(resolve::ResolveArgs),
    /// Say what a day took, gave back and left open
    Close(close::CloseArgs),
    /// Download WeChat's statement of a day to a file
    Statement(statement::StatementArgs),
    /// List what WeChat paid out, and set it against the ledger
    Settlements(settlements::SettlementsArgs),
    /// Check the journal's hash chain and the ledger's integrity
    Verify(verify::VerifyArgs),
    /// Say what is wrong with the terminal, and how to mend it
    Doctor(doctor::DoctorArgs),
    /// Put what support needs into one file, without a secret in it
    SupportBundle(bundle::BundleArgs),
    /// Copy the ledger as it is now to a file, beside the running daemon
    Backup(backup::BackupArgs),
    /// With the daemon stopped: put a backup in the ledger's place
    Restore(restore::RestoreArgs),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print a shell's completions
    Completions(completions::CompletionsArgs),
    /// Write manual pages
    Man(man::ManArgs),
    /// Tell udev what a hidraw device is
    #[command(hide = true)]
    HidId(hid_id::HidIdArgs),
}

/// The name under which udev calls this program: a link to it. The hidden command of the same name is meant.
const UDEV_HELPER: &str = "shroff-hid-id";

impl Args {
    /// Reads the command line. Ends the process with exit code 2 when it cannot be read.
    #[must_use]
    pub fn from_command_line() -> Self {
        let mut line: Vec<_> = std::env::args_os().collect();
        if line.first().is_some_and(|name| Path::new(name).file_name().is_some_and(|name| name == UDEV_HELPER)) {
            line.insert(1, "hid-id".into());
        }
        Self::parse_from(line)
    }
}

/// One JSON document instead of text for people.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Json {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Does what the command line says. The value is the process's exit code.
#[must_use]
pub fn run(args: Args) -> Exit {
    let path = args.config.as_path();
    let now = || Clock::start().wall();
    let outcome = match args.command {
        Command::Serve(args) => serve::run(path, &args),
        Command::Setup(args) => setup::run(path, &args),
        Command::Pay(args) => pay::run(path, &args),
        Command::Payments(args) => payments::run(path, &args),
        Command::Show(args) => show::run(path, &args),
        Command::Cancel(args) => cancel::run(path, &args),
        Command::Refund(args) => refund::run(path, &args),
        Command::Cashier(args) => cashier::run(path, &args),
        Command::Attention(args) => attention::run(path, &args),
        Command::Devices(args) => devices::run(&args),
        Command::Display(command) => display::run(path, &command),
        Command::Scan(args) => scan::run(&args),
        Command::Reconcile(args) => reconcile::run(path, &args, now()),
        Command::Resolve(args) => resolve::run(path, &args),
        Command::Close(args) => close::run(path, &args, now()),
        Command::Statement(args) => statement::run(path, &args),
        Command::Settlements(args) => settlements::run(path, &args),
        Command::Verify(args) => verify::run(path, &args),
        Command::Doctor(args) => doctor::run(path, &args),
        Command::SupportBundle(args) => bundle::run(path, &args),
        Command::Backup(args) => backup::run(path, &args),
        Command::Restore(args) => restore::run(path, &args),
        Command::Config(command) => config::run(path, &command),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::HidId(args) => hid_id::run(&args),
    };
    outcome.unwrap_or_else(|error| exit::explain(&error))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_configuration_may_be_named_before_or_after_the_command() {
        for line in [["shroff", "--config", "c.toml", "attention"], ["shroff", "attention", "--config", "c.toml"]] {
            let args = Args::try_parse_from(line).expect("a command line");
            assert_eq!(args.config, PathBuf::from("c.toml"));
        }
    }
}
