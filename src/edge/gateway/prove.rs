//! Whether the gateway takes our word: a signed question about an order that cannot exist. It charges nobody.

use super::Gateway;
use super::doubt::Doubt;
use crate::dialect::Distrust;
use crate::payment::answer::{Answer, QueryAnswer, Refusal};
use crate::payment::{Ask, Call, Order};
use crate::words::{Currency, Money, OutTradeNo, TerminalId, WallTime};

/// What follows the terminal's id. A ledger's mark has no vowels, so none of its order numbers is ever this one.
const NOBODYS: &str = "DOCTOR00000000";

/// What came of the question.
#[derive(Clone, Debug)]
pub enum Proven {
    /// A believed reply says that there is no such order: both sides know each other.
    Yes,
    /// It knows the merchant and no such order, but did not sign what it said.
    Unsigned,
    /// It refuses, and says why.
    Refused(Refusal),
    /// Its own certificates cannot be had.
    NoKeys(Doubt),
    /// Nothing came that can be believed.
    Doubt(Doubt),
    /// It says that it knows the order, which is not so.
    Strange,
}

/// What the gateway knows of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// No such order.
    Absent,
    /// It was charged; it may have been given back since.
    Charged,
    /// There is one, and nothing was taken, or not any more.
    NotCharged,
    /// It did not say, or is still at it.
    Unsure,
}

impl Gateway {
    /// Asks about an order that cannot exist, as `terminal`.
    pub async fn prove(&self, terminal: &TerminalId, currency: Currency) -> Proven {
        let without_list = self.refresh_keys().await.err();
        if let Some(why) = without_list.filter(|_| !self.has_a_key_of_its_own()) {
            return Proven::NoKeys(why);
        }
        let number = format!("{terminal}{NOBODYS}").parse::<OutTradeNo>();
        let (Ok(out_trade_no), Ok(amount)) = (number, Money::new(1, currency)) else { return Proven::Strange };
        let (description, attach) = (String::new(), String::new());
        let order = Order { out_trade_no, amount, description, attach, transaction_id: None };
        let exchange = self.exchange(&Call { order, ask: Ask::Query }).await;
        match exchange.result {
            Ok(Answer::Query(QueryAnswer::Absent)) => Proven::Yes,
            // v3 does not sign every error; one that nobody signed proves little, but it is not about our keys.
            Ok(Answer::Query(QueryAnswer::NoWord(refusal))) if is_absent(refusal.code()) => Proven::Unsigned,
            Ok(Answer::Query(QueryAnswer::NoWord(refusal))) => Proven::Refused(refusal),
            Ok(_) => Proven::Strange,
            Err(Doubt::Distrust(Distrust::UnknownKey)) if let Some(why) = without_list => Proven::NoKeys(why),
            Err(doubt) => Proven::Doubt(doubt),
        }
    }

    /// What the gateway knows of an order of which we know no more than its number.
    pub async fn knows(&self, out_trade_no: &OutTradeNo, currency: Currency) -> Known {
        let Ok(amount) = Money::new(1, currency) else { return Known::Unsure };
        let (description, attach) = (String::new(), String::new());
        let order = Order { out_trade_no: out_trade_no.clone(), amount, description, attach, transaction_id: None };
        match self.exchange(&Call { order, ask: Ask::Query }).await.result {
            Ok(Answer::Query(QueryAnswer::Absent)) => Known::Absent,
            // Nobody signed it, and nothing is done about it either.
            Ok(Answer::Query(QueryAnswer::NoWord(refusal))) if is_absent(refusal.code()) => Known::Absent,
            // It names an amount that is not ours to know: only what was charged has one.
            Ok(Answer::Query(QueryAnswer::Paid(_) | QueryAnswer::Refunded))
            | Err(Doubt::Distrust(Distrust::OtherAmount | Distrust::OtherCurrency)) => Known::Charged,
            Ok(Answer::Query(
                QueryAnswer::Revoked | QueryAnswer::Closed | QueryAnswer::PayError | QueryAnswer::NotPaid,
            )) => Known::NotCharged,
            Ok(_) | Err(_) => Known::Unsure,
        }
    }

    /// The gateway's own keys that are known now: serial number or id, and the last moment of a certificate.
    #[must_use]
    pub fn platform_keys(&self) -> Vec<(String, Option<WallTime>)> {
        let known = self.keys.known();
        let until = |serial: &str| known.get(serial).and_then(crate::dialect::PlatformKey::until);
        known.serials().map(|serial| (serial.to_owned(), until(serial))).collect()
    }
}

fn is_absent(code: &str) -> bool {
    code.chars().filter(char::is_ascii_alphanumeric).collect::<String>() == "ORDERNOTEXIST"
}
