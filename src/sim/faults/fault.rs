//! The kinds of fault, as they are written in JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sheet::Sheet;
use crate::sim::book::{Code, Fate, RefundFate};

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Fault {
    /// On the way to the gateway.
    Arrival(Arrival),
    /// In what the gateway does or says.
    Deed(Deed),
    /// In the reply's text.
    Forgery(Forgery),
    /// In a statement's text.
    Sheet(Sheet),
    /// On the way back.
    Delivery(Delivery),
}

/// What happens to a request before the gateway acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// It arrives.
    #[default]
    Arrives,
    /// The connection closes; nothing was done.
    LoseRequest,
    /// Nothing was done, and nobody ever answers.
    HangRequest,
    /// The connection closes now; the gateway acts later.
    LandLate {
        /// This much later.
        after_ms: u64,
    },
    /// It arrives twice; the first answer goes out.
    Doubled,
}

/// What the gateway does or says against its rules.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// What becomes of a pay.
    Fate {
        /// Its kind.
        fate: FateWord,
        /// How long it takes, where it takes time.
        #[serde(default)]
        after_ms: u64,
    },
    /// `result_code=FAIL` with this code.
    ErrCode {
        /// `err_code`, known or not, or empty.
        code: Code,
        /// Whether the thing was done all the same.
        #[serde(default)]
        does: bool,
        /// `recall`, in a reversal's answer.
        #[serde(default)]
        recall: bool,
    },
    /// `return_code=FAIL`, unsigned, with this text.
    ReturnFail {
        /// `return_msg`.
        text: Code,
        /// Whether the thing was done all the same.
        #[serde(default)]
        does: bool,
    },
    /// A reversal is answered SUCCESS, and nothing was done.
    OnlyClaims {
        /// `recall`: with `Y`, that is the recall loop.
        #[serde(default)]
        recall: bool,
    },
    /// What becomes of a refund that is accepted.
    RefundFate {
        /// Its kind.
        refund: RefundWord,
        /// How long it is processing.
        #[serde(default)]
        after_ms: u64,
    },
    /// A refund query is answered with all refunds of the order, ten at a time.
    ListsAll,
    /// A query or a refund query is answered from a replica that is behind.
    Stale {
        /// By this much.
        ms: u64,
    },
}

/// [`Fate`], as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the variant of Fate with its name")]
pub enum FateWord {
    NoOrder,
    Pays,
    AsksThenPays,
    AsksThenFails,
    AsksForEver,
    AcceptsThenPays,
    NeverPays,
}

/// [`RefundFate`], as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the variant of RefundFate with its name")]
pub enum RefundWord {
    Arrives,
    Closes,
    Changes,
}

/// What is wrong with a reply's text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// A field holds something else, and the signature fits.
    Set {
        /// Its name.
        field: Code,
        /// What it holds.
        value: Code,
    },
    /// A field is missing, and the signature fits.
    Drop {
        /// Its name.
        field: Code,
    },
    /// `total_fee` is one unit more, and the signature fits.
    WrongAmount,
    /// `fee_type` is another currency, and the signature fits.
    WrongCurrency,
    /// `out_trade_no` is another order's, and the signature fits.
    WrongOrder,
    /// `mch_id` is another's, and the signature fits.
    WrongMch,
    /// `sub_mch_id` is another's, and the signature fits.
    WrongSubMch,
    /// `appid` is another's, and the signature fits.
    WrongAppid,
    /// `trade_state` or `refund_status` is one nobody has seen.
    UnknownState,
    /// The list of refunds begins at index 2 and has holes, and the signature fits.
    Holes,
    /// `refund_fee` is one unit more, and the signature fits.
    WrongRefund,
    /// 100 more fields, all signed.
    ManyFields,
    /// The signature is made with another key.
    WrongSign,
    /// There is no signature.
    NoSign,
    /// The signature is of the other type.
    OtherSignType,
    /// v3: the reply was signed ten minutes ago.
    Replayed,
    /// v3: the serial number is of no certificate.
    UnknownSerial,
    /// v3: the signature is WeChat's test of whether anybody verifies.
    Probe,
    /// A field stands twice; the second time with another value.
    DuplicateField,
    /// A DOCTYPE in front.
    Doctype,
    /// Ten levels of entities, ten of each in the next.
    EntityBomb,
    /// Elements a thousand deep.
    Nested,
    /// Bytes that are no text.
    Garbage,
    /// Nothing.
    Empty,
    /// The body ends here, and `Content-Length` agrees.
    Shorten {
        /// After this many bytes.
        at: usize,
    },
    /// A proxy's page.
    Html {
        /// With this HTTP status.
        status: u16,
    },
    /// HTTP 302 to another host.
    Redirect,
    /// `Content-Encoding: gzip`, and it is not.
    Gzip,
}

/// What happens to a reply after the gateway acted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// It arrives.
    #[default]
    Arrives,
    /// The connection closes.
    LoseReply,
    /// Nothing ever comes.
    HangReply,
    /// It comes late.
    Delay {
        /// By this much.
        ms: u64,
    },
    /// It comes a byte at a time.
    Drip {
        /// One byte in this time.
        ms: u64,
    },
    /// The connection closes within the body; `Content-Length` promised more.
    Truncate {
        /// After this many bytes of the body.
        at: usize,
    },
    /// The body goes on and on.
    Huge {
        /// Megabytes.
        mb: u64,
    },
}

impl From<Arrival> for Fault {
    fn from(arrival: Arrival) -> Self {
        Self::Arrival(arrival)
    }
}

impl From<Deed> for Fault {
    fn from(deed: Deed) -> Self {
        Self::Deed(deed)
    }
}

impl From<Forgery> for Fault {
    fn from(forgery: Forgery) -> Self {
        Self::Forgery(forgery)
    }
}

impl From<Sheet> for Fault {
    fn from(sheet: Sheet) -> Self {
        Self::Sheet(sheet)
    }
}

impl From<Delivery> for Fault {
    fn from(delivery: Delivery) -> Self {
        Self::Delivery(delivery)
    }
}

impl RefundWord {
    pub(super) fn after(self, after: Duration) -> RefundFate {
        match self {
            Self::Arrives => RefundFate::Arrives(after),
            Self::Closes => RefundFate::Closes(after),
            Self::Changes => RefundFate::Changes(after),
        }
    }
}

impl FateWord {
    pub(super) fn after(self, after: Duration) -> Fate {
        match self {
            Self::NoOrder => Fate::NoOrder,
            Self::Pays => Fate::Pays,
            Self::AsksThenPays => Fate::AsksThenPays(after),
            Self::AsksThenFails => Fate::AsksThenFails(after),
            Self::AsksForEver => Fate::AsksForEver,
            Self::AcceptsThenPays => Fate::AcceptsThenPays(after),
            Self::NeverPays => Fate::NeverPays,
        }
    }
}
