//! `shroff-sim demo`: gateway, scanner and the real daemon on a temporary ledger. Sells, fails, is killed, recovers, gives
//! money back, sets what the terminal says against what the gateway's books say, and reconciles the day.

mod accounts;
mod daemon;
mod pos;
mod shop;
mod story;

use std::io::{BufRead as _, Write as _};

use comfy_table::{Cell, Table};

use shop::Shop;

/// What the demo is told.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Stay up afterwards: type an amount to sell, a payment code to scan it, and look at the page
    #[arg(long)]
    keep: bool,
    /// The dialect to speak
    #[arg(long, default_value = "v2", value_parser = ["v2", "v3"])]
    api: String,
    /// How v2 signs
    #[arg(long, default_value = "HMAC-SHA256", value_parser = ["HMAC-SHA256", "MD5"])]
    sign_type: String,
}

/// One line of the final table.
pub(super) struct Sale {
    title: &'static str,
    says: String,
    books: String,
    agree: bool,
}

/// Runs the demo. True when the terminal and the books agree on every sale, and the day's reconciliation finds what it
/// should.
///
/// # Errors
/// When something that has nothing to do with money goes wrong: no port, no temporary folder, a daemon that ends.
pub async fn run(args: &DemoArgs) -> anyhow::Result<bool> {
    let mut shop = Shop::open(&args.api, &args.sign_type).await?;
    tell("");
    tell(&format!("  gateway   {} (simulated, with its own books)", shop.gateway_address()));
    tell(&format!("  terminal  {}", shop.daemon_words()));
    tell(&format!("  scanner   {}", shop.scanner_words()));
    tell(&format!("  page      {}   <- what the customer sees; open it in a browser", shop.page_address()));
    let day = accounts::today();
    let told = match story::tell(&mut shop).await {
        Ok(told) => told,
        Err(error) => {
            tell(&shop.last_words());
            return Err(error);
        }
    };
    let sales = &told.sales;
    let agree = sales.iter().all(|sale| sale.agree) && !sales.is_empty();
    tell(&format!("\n{}", table(sales)));
    tell(if agree {
        "\nThe terminal and the gateway's books agree on every sale."
    } else {
        "\nTHE TERMINAL AND THE GATEWAY'S BOOKS DISAGREE."
    });
    let reconciled = accounts::close(&shop, &told, day).await?;
    if args.keep {
        play(&mut shop).await?;
    }
    shop.close().await?;
    Ok(agree && reconciled)
}

fn table(sales: &[Sale]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["sale", "what the terminal says", "what the gateway's books say", ""]);
    for sale in sales {
        let verdict = if sale.agree { "agree" } else { "DISAGREE" };
        table.add_row([sale.title, &sale.says, &sale.books, verdict].map(Cell::new));
    }
    table
}

/// Sells what is typed until the input ends.
async fn play(shop: &mut Shop) -> anyhow::Result<()> {
    tell("\nThe shop stays open. Type an amount such as 12.50 to begin a sale, then a payment code to scan it:");
    tell("18 digits from 10 to 15; digits 3 to 6 choose what happens (shroff-sim gateway --help lists it), the rest");
    tell("must be new each time: 130000000000000001 pays at once, 130101000000000002 has no money. Ctrl-D ends it.");
    tell(&format!("Or sell from the cashier page, and scan the codes here:\n  {}", shop.cashier_link()?));
    let (lines, mut typed) = tokio::sync::mpsc::channel::<String>(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = typed.recv().await {
        let line = line.trim();
        match line.parse::<crate::words::Currency>() {
            _ if line.is_empty() => {}
            _ if line.len() >= 13 => shop.scan(line)?,
            _ => match shop.begin(line).await {
                Ok(reference) => shop.follow_in_background(reference),
                Err(error) => tell(&format!("  {error}")),
            },
        }
    }
    Ok(())
}

/// Says a line on stdout. When nobody reads it, there is nobody to tell.
pub(super) fn tell(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}
