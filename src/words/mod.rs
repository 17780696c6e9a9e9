//! Floor 0: values that cannot be wrong. Each is parsed once, at the door; inside, the type is trusted.

mod auth_code;
mod day;
mod language;
mod money;
mod names;
mod secret;
mod time;

pub use auth_code::{AuthCode, AuthCodeError, CodeHint};
pub use day::{Day, DayError};
pub use language::{Language, LanguageError};
pub use money::{Currency, CurrencyError, Money, MoneyError};
pub use names::{
    AppId, ClientRef, LaneId, MerchantId, NameError, NoticeId, OutRefundNo, OutTradeNo, PaymentRef, RefundId,
    RefundRef, TerminalId, TransactionId,
};
pub use secret::Secret;
pub use time::{Now, Tick, WallTime};
