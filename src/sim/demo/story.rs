//! What happens in the demo, sale by sale.

use serde_json::Value;

use super::Sale;
use super::shop::{Shop, is_final, text};

/// Scenario numbers of the gateway's table (`shroff-sim gateway --help`).
mod plays {
    pub(super) const PAYS: u16 = 0;
    pub(super) const PASSWORD: u16 = 1;
    pub(super) const NEVER_ANSWERS: u16 = 3;
    pub(super) const NO_MONEY: u16 = 101;
    pub(super) const REPLY_LOST: u16 = 203;
}

/// An Alipay code, which a WeChat Pay terminal must tell apart.
const ALIPAY: &str = "281234567890123456";

/// Sells seven times.
pub(super) async fn tell(shop: &mut Shop) -> anyhow::Result<Vec<Sale>> {
    let mut sales = Vec::new();
    for (title, amount, scenario) in [
        ("plain", "88.00", plays::PAYS),
        ("password", "3200.00", plays::PASSWORD),
        ("lost answer", "45.50", plays::REPLY_LOST),
    ] {
        let reference = begin(shop, title, amount).await?;
        show(shop, scenario)?;
        let payment = shop.follow(&reference, is_final).await?;
        sales.push(shop.audit(title, &payment).await?);
    }
    sales.push(refused_then_a_fresh_code(shop).await?);
    sales.push(wrong_wallet(shop).await?);
    sales.push(killed_in_mid_payment(shop).await?);
    sales.push(never_paid(shop).await?);
    Ok(sales)
}

async fn refused_then_a_fresh_code(shop: &mut Shop) -> anyhow::Result<Sale> {
    let title = "refused, then a fresh code";
    let reference = begin(shop, title, "120.00").await?;
    show(shop, plays::NO_MONEY)?;
    shop.follow(&reference, |payment| is_final(payment) || was_declined(payment)).await?;
    show(shop, plays::PAYS)?;
    let payment = shop.follow(&reference, is_final).await?;
    shop.audit(title, &payment).await
}

async fn wrong_wallet(shop: &mut Shop) -> anyhow::Result<Sale> {
    let title = "wrong wallet, then the right one";
    let reference = begin(shop, title, "9.90").await?;
    say("the customer shows an Alipay code: it is told apart and never sent");
    shop.scan(ALIPAY)?;
    show(shop, plays::PAYS)?;
    let payment = shop.follow(&reference, is_final).await?;
    shop.audit(title, &payment).await
}

async fn killed_in_mid_payment(shop: &mut Shop) -> anyhow::Result<Sale> {
    let title = "killed in mid-payment";
    let reference = begin(shop, title, "66.00").await?;
    show(shop, plays::PASSWORD)?;
    shop.follow(&reference, |payment| is_final(payment) || text(payment, "state") == "customer_paying").await?;
    say("SIGKILL: the daemon is gone, the customer types on");
    shop.kill()?;
    say("the daemon starts again, finds the payment and asks first");
    shop.start().await?;
    let payment = shop.follow(&reference, is_final).await?;
    shop.audit(title, &payment).await
}

async fn never_paid(shop: &mut Shop) -> anyhow::Result<Sale> {
    let title = "never paid, and reversed";
    let reference = begin(shop, title, "15.00").await?;
    show(shop, plays::NEVER_ANSWERS)?;
    say("nobody types the password; after 30 s it is reversed until a query confirms it");
    let payment = shop.follow(&reference, is_final).await?;
    shop.audit(title, &payment).await
}

async fn begin(shop: &mut Shop, title: &str, amount: &str) -> anyhow::Result<String> {
    super::tell(&format!("\n{title}: HKD {amount}"));
    shop.begin(amount).await
}

/// The customer shows a code that makes the gateway play `scenario`.
fn show(shop: &mut Shop, scenario: u16) -> anyhow::Result<()> {
    let code = shop.fresh_code(scenario);
    say(&format!("the scanner reads a payment code ..{}", code.get(14..).unwrap_or_default()));
    shop.scan(&code)
}

fn was_declined(payment: &Value) -> bool {
    text(payment, "state") == "armed" && payment.get("last_decline").is_some_and(|it| !it.is_null())
}

fn say(what: &str) {
    super::tell(&format!("    * {what}"));
}
