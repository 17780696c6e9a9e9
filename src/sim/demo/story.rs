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

/// What happened.
pub(super) struct Told {
    /// Every sale and refund, as the terminal and the books have it.
    pub(super) sales: Vec<Sale>,
    /// The payments, in the order of [`tell`].
    pub(super) payments: Vec<Value>,
    /// The refunds: all of the first, and a part of the second.
    pub(super) refunds: Vec<Value>,
}

/// Sells seven times, and gives money back twice.
pub(super) async fn tell(shop: &mut Shop) -> anyhow::Result<Told> {
    let mut told = Told { sales: Vec::new(), payments: Vec::new(), refunds: Vec::new() };
    for (title, amount, scenario) in [
        ("plain", "88.00", plays::PAYS),
        ("password", "3200.00", plays::PASSWORD),
        ("lost answer", "45.50", plays::REPLY_LOST),
    ] {
        let reference = begin(shop, title, amount).await?;
        show(shop, scenario)?;
        let payment = shop.follow(&reference, is_final).await?;
        told.add(shop, title, payment).await?;
    }
    let payment = refused_then_a_fresh_code(shop).await?;
    told.add(shop, "refused, then a fresh code", payment).await?;
    let payment = wrong_wallet(shop).await?;
    told.add(shop, "wrong wallet, then the right one", payment).await?;
    let payment = killed_in_mid_payment(shop).await?;
    told.add(shop, "killed in mid-payment", payment).await?;
    // WeChat pays them out while the next customer does not pay.
    for (payment, (name, amount)) in told.payments.iter().zip([(ALL, None), (PART, Some("200.00"))]) {
        shop.refund(payment, name, amount).await?;
    }
    let payment = never_paid(shop).await?;
    told.add(shop, "never paid, and reversed", payment).await?;
    super::tell("\nmoney back: all of the first sale, and HKD 200.00 of the second");
    for (title, name) in [("refund of it all", ALL), ("refund of a part", PART)] {
        let (sale, refund) = shop.audit_refund(title, name).await?;
        say(&format!("{title}: {}", text(&refund, "state")));
        told.sales.push(sale);
        told.refunds.push(refund);
    }
    Ok(told)
}

impl Told {
    async fn add(&mut self, shop: &Shop, title: &'static str, payment: Value) -> anyhow::Result<()> {
        self.sales.push(shop.audit(title, &payment).await?);
        self.payments.push(payment);
        Ok(())
    }
}

/// What the POS calls the refunds.
const ALL: &str = "DEMO-BACK-1";
const PART: &str = "DEMO-BACK-2";

async fn refused_then_a_fresh_code(shop: &mut Shop) -> anyhow::Result<Value> {
    let title = "refused, then a fresh code";
    let reference = begin(shop, title, "120.00").await?;
    show(shop, plays::NO_MONEY)?;
    shop.follow(&reference, |payment| is_final(payment) || was_declined(payment)).await?;
    show(shop, plays::PAYS)?;
    shop.follow(&reference, is_final).await
}

async fn wrong_wallet(shop: &mut Shop) -> anyhow::Result<Value> {
    let title = "wrong wallet, then the right one";
    let reference = begin(shop, title, "9.90").await?;
    say("the customer shows an Alipay code: it is told apart and never sent");
    shop.scan(ALIPAY)?;
    show(shop, plays::PAYS)?;
    shop.follow(&reference, is_final).await
}

async fn killed_in_mid_payment(shop: &mut Shop) -> anyhow::Result<Value> {
    let title = "killed in mid-payment";
    let reference = begin(shop, title, "66.00").await?;
    show(shop, plays::PASSWORD)?;
    shop.follow(&reference, |payment| is_final(payment) || text(payment, "state") == "customer_paying").await?;
    say("SIGKILL: the daemon is gone, the customer types on");
    shop.kill()?;
    say("the daemon starts again, finds the payment and asks first");
    shop.start().await?;
    shop.follow(&reference, is_final).await
}

async fn never_paid(shop: &mut Shop) -> anyhow::Result<Value> {
    let title = "never paid, and reversed";
    let reference = begin(shop, title, "15.00").await?;
    show(shop, plays::NEVER_ANSWERS)?;
    say("nobody types the password; after 30 s it is reversed until a query confirms it");
    shop.follow(&reference, is_final).await
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
