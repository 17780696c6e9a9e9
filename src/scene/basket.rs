//! What the POS shows a customer before there is a payment: the articles so far and what they come to.

use crate::words::Money;

/// A basket, as the POS last told it. Its texts have no control characters; each display cuts them to its own size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// The articles, the newest last.
    pub lines: Vec<BasketLine>,
    /// What they come to, if the POS says so.
    pub total: Option<Money>,
}

/// A line of a basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasketLine {
    /// The article, a discount, or a word to the customer.
    pub text: String,
    /// Its amount in the major unit, without the currency: `12.50`, or `-5.00` for a discount.
    pub amount: Option<String>,
}
