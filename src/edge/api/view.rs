//! A payment and a refund as programs read them: the API's objects, and the CLI's with `--json`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::ledger::{AttemptRow, PaymentRow, RefundRow};
use crate::payment::State;
use crate::scene::texts;
use crate::words::{Language, WallTime};

/// A payment: what the POS asked for, how far it has come, and where the money is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Payment")]
pub struct PaymentView {
    /// Our name of it.
    #[serde(rename = "ref")]
    #[schema(example = "T01-K7Q2M9XB-00000001")]
    pub reference: String,
    /// The POS's name of it: the idempotency key.
    pub client_ref: String,
    /// Where it is collected.
    pub lane: String,
    /// In the currency's smallest unit.
    #[schema(example = 8800)]
    pub amount: u64,
    /// ISO 4217.
    #[schema(example = "HKD")]
    pub currency: String,
    /// `armed`, `submitting`, `customer_paying`, `verifying`, `paid`, `partially_refunded`, `refunded`, `declined`,
    /// `reversing`, `reversed`, `canceled`, `expired`, `needs_attention`.
    #[schema(example = "paid")]
    pub state: &'static str,
    /// Where the money is: `none`, `taken`, `returned`, `unknown`.
    #[schema(example = "taken")]
    pub money: &'static str,
    /// Nothing more happens to it by itself.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The last attempt's number at WeChat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// WeChat's number of the last attempt, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// One for each code the customer showed, first to last.
    pub attempts: Vec<AttemptView>,
    /// Why the last code was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_decline: Option<DeclineView>,
    /// Confirmed refunds in the currency's smallest unit.
    pub refunded: u64,
    /// What the cashier should read.
    pub cashier: CashierView,
    /// What to do next.
    pub next: NextView,
    /// The POS has recorded the result.
    pub acked: bool,
    /// When it was accepted, RFC 3339.
    pub created_at: String,
    /// Its last change, RFC 3339.
    pub updated_at: String,
    /// Its last line in the journal; it grows with every change.
    pub seq: u64,
}

/// One payment code the customer showed, sent to WeChat once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Attempt")]
pub struct AttemptView {
    /// From 1.
    pub no: u32,
    /// Its order number at WeChat.
    pub out_trade_no: String,
    /// The code's last four digits.
    #[schema(example = "1395")]
    pub code_hint: String,
    /// As a payment's.
    pub state: &'static str,
    /// WeChat's reason, if it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err_code: Option<String>,
    /// WeChat's words for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err_code_des: Option<String>,
    /// WeChat's number, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// When WeChat took the money, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<String>,
    /// What the customer paid, in the smallest unit of `payer_currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer_total: Option<u64>,
    /// The customer's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer_currency: Option<String>,
    /// The exchange rate as WeChat gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<String>,
}

/// Why the last code was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Decline")]
pub struct DeclineView {
    /// WeChat's `err_code`, or `NOT_SENT`.
    #[schema(example = "NOTENOUGH")]
    pub code: String,
    /// WeChat's words, or empty.
    pub text: String,
}

/// What the cashier should read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Cashier")]
pub struct CashierView {
    /// The text's name, for a POS with words of its own.
    #[schema(example = "declined.NOTENOUGH")]
    pub key: String,
    /// The text, in the terminal's language.
    pub text: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Next")]
pub struct NextView {
    /// `scan_code`, `wait`, `confirm_on_phone`, `call_supervisor`, `acknowledge`, `start_over`, `none`.
    #[schema(example = "acknowledge")]
    pub action: &'static str,
    /// When something changes by itself, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl PaymentView {
    /// The payment in `row`, with the cashier's text in `language`.
    #[must_use]
    pub fn of(row: &PaymentRow, language: Language) -> Self {
        let record = &row.record;
        let facts = &record.facts;
        let last = row.attempts.last().map(|attempt| &attempt.record);
        Self {
            reference: facts.reference.to_string(),
            client_ref: facts.client_ref.to_string(),
            lane: facts.lane.to_string(),
            amount: facts.amount.minor(),
            currency: facts.amount.currency().to_string(),
            state: record.state.word(),
            money: record.money.word(),
            is_final: record.state.is_final(),
            out_trade_no: last.map(|attempt| attempt.out_trade_no.to_string()),
            transaction_id: last.and_then(|attempt| attempt.transaction_id.as_ref()).map(ToString::to_string),
            attempts: row.attempts.iter().map(AttemptView::of).collect(),
            last_decline: record
                .last_decline
                .as_ref()
                .map(|decline| DeclineView { code: decline.code.clone(), text: decline.text.clone() }),
            refunded: row.refunded,
            cashier: CashierView::of(row, language),
            next: NextView { action: row.next_action.word(), at: row.next_at.as_ref().map(WallTime::to_string) },
            acked: row.acked_at.is_some(),
            created_at: facts.created_at.to_string(),
            updated_at: row.updated_at.to_string(),
            seq: row.seq,
        }
    }
}

impl AttemptView {
    fn of(row: &AttemptRow) -> Self {
        let record = &row.record;
        let (_, _, err_code, err_code_des) = record.refused.columns();
        let receipt = record.receipt.as_ref();
        let payer = receipt.and_then(|receipt| receipt.payer_total);
        Self {
            no: record.no,
            out_trade_no: record.out_trade_no.to_string(),
            code_hint: record.hint.to_string(),
            state: record.state.word(),
            err_code: some(err_code),
            err_code_des: some(err_code_des),
            transaction_id: record.transaction_id.as_ref().map(ToString::to_string),
            paid_at: receipt.and_then(|receipt| receipt.paid_at).map(|at| at.to_string()),
            payer_total: payer.map(|total| total.minor()),
            payer_currency: payer.map(|total| total.currency().to_string()),
            rate: receipt.and_then(|receipt| receipt.rate.clone()),
        }
    }
}

impl CashierView {
    /// While it waits for another code the cashier must read why: a text that only says *scan* would get the same card
    /// again.
    fn of(row: &PaymentRow, language: Language) -> Self {
        let record = &row.record;
        let state = record.state;
        let key = match (&record.last_decline, state) {
            (Some(decline), State::Declined | State::Armed) => format!("declined.{}", decline.code),
            // The text of one that nobody paid would say that nothing was taken.
            _ if record.is_forgotten() => State::NeedsAttention.word().to_owned(),
            _ => state.word().to_owned(),
        };
        let (found, text) = texts::cashier(&key, language);
        if state == State::Armed && found == texts::GENERIC {
            // The text for reasons nobody has told us about ends the payment; this one goes on.
            let (key, text) = texts::cashier(state.word(), language);
            return Self { key, text };
        }
        Self { key, text }
    }
}

/// Money that goes back: what the POS asked for, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Refund")]
pub struct RefundView {
    /// The POS's name of it: the idempotency key.
    pub refund_ref: String,
    /// The payment's ref.
    #[serde(rename = "ref")]
    #[schema(example = "T01-K7Q2M9XB-00000001")]
    pub payment: String,
    /// Its number at WeChat, for ever.
    pub out_refund_no: String,
    /// The order's number at WeChat.
    pub out_trade_no: String,
    /// WeChat's number of the charge.
    pub transaction_id: String,
    /// WeChat's number of the refund, once it has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// In the currency's smallest unit.
    #[schema(example = 1200)]
    pub amount: u64,
    /// ISO 4217.
    #[schema(example = "HKD")]
    pub currency: String,
    /// `requested`, `processing`, `refunded`, `failed`, `needs_attention`.
    #[schema(example = "processing")]
    pub state: &'static str,
    /// Nothing more happens to it by itself.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Why it was asked for.
    pub reason: String,
    /// Who keyed it in; may be empty.
    pub operator: String,
    /// The supervisor's token came with it.
    pub supervised: bool,
    /// WeChat's reason for what it has come to, or `NOT_SENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "NOTENOUGH")]
    pub err_code: Option<String>,
    /// WeChat's words for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub err_code_des: Option<String>,
    /// What it means and what to do, in the terminal's language.
    pub advice: String,
    /// The advice's name, for a POS with words of its own.
    #[schema(example = "failed.REFUNDCLOSE")]
    pub advice_key: &'static str,
    /// What to do next.
    pub next: NextView,
    /// Somebody has seen how it ended.
    pub acked: bool,
    /// When it was accepted here, RFC 3339.
    pub created_at: String,
    /// When WeChat was first known to have accepted it, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<String>,
    /// When the customer had the money, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_at: Option<String>,
    /// Its last change, RFC 3339.
    pub updated_at: String,
    /// Its last line in the journal; it grows with every change.
    pub seq: u64,
}

impl RefundView {
    /// The refund in `row`, with its advice in `language`.
    #[must_use]
    pub fn of(row: &RefundRow, language: Language) -> Self {
        let record = &row.record;
        let facts = &record.facts;
        let refusal = record.refused.as_ref().map(|refused| &refused.refusal);
        let receipt = record.receipt.as_ref();
        let code = refusal.map_or("", |refusal| refusal.code());
        Self {
            refund_ref: facts.reference.to_string(),
            payment: facts.payment.to_string(),
            out_refund_no: facts.out_refund_no.to_string(),
            out_trade_no: facts.out_trade_no.to_string(),
            transaction_id: facts.transaction_id.to_string(),
            refund_id: receipt.and_then(|receipt| receipt.refund_id.as_ref()).map(ToString::to_string),
            amount: facts.amount.minor(),
            currency: facts.amount.currency().to_string(),
            state: record.state.word(),
            is_final: !record.open,
            reason: facts.reason.clone(),
            operator: facts.operator.clone(),
            supervised: facts.supervised,
            err_code: some(code),
            err_code_des: some(refusal.map_or("", |refusal| refusal.text())),
            advice: texts::refund(record.state.word(), code, language),
            advice_key: texts::refund_key(record.state.word(), code),
            next: NextView { action: row.next_action.word(), at: row.next_at.as_ref().map(WallTime::to_string) },
            acked: row.acked_at.is_some(),
            created_at: facts.created_at.to_string(),
            accepted_at: record.accepted_at.as_ref().map(WallTime::to_string),
            refunded_at: receipt.and_then(|receipt| receipt.refunded_at).map(|at| at.to_string()),
            updated_at: row.updated_at.to_string(),
            seq: row.seq,
        }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
