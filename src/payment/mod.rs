//! The behaviour of a payment, without clock, dice, disk or socket.
//!
//! # The laws
//!
//! 1. Nothing is said to the gateway that is not first on disk.
//! 2. Pay is sent at most once per attempt; query as often as needed; reverse at least once, until confirmed by a query.
//! 3. Only an explicit, verified, matching yes is yes; only an explicit no, confirmed by a query, is no; all else is
//!    unknown.
//! 4. Doubt ends in a reversal, and a reversal never turns back into a sale.
//! 5. No tick outlives its process; after a restart the first word is a question.
//! 6. An order number that the gateway has never acknowledged is finally given up only after its payment code has died
//!    (60 s plus a margin after it was read): a reversal of an unknown number succeeds and proves nothing, and a late pay
//!    might still land. After that, query once more; then it is closed.

pub mod answer;
mod attempt;
mod call;
mod entry;
mod intent;
mod notice;
pub mod policy;
mod record;
mod refund;
mod state;

pub use answer::Answer;
pub use attempt::{Alarm, Attempt, Context, Event, Outcome, Refused, Stage};
pub use call::{Ask, Call, Op, Order, Terms};
pub use entry::{Entry, Note};
pub use intent::{Change, CodeMark, Decline, Durable, Facts, Heard, Mint, NotNow, Payment, Phase, Step};
pub use notice::{NotAbout, NoticeStatus, RefundNotice};
pub use policy::Policy;
pub use record::{AttemptRecord, PaymentRecord, RecordError};
pub use refund::{Refund, RefundContext, RefundFacts, RefundNote, RefundRecord, RefundRefused, RefundStep};
pub use state::{Action, MoneyState, Next, RefundState, State};
