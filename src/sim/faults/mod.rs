//! What goes wrong on purpose: on the way in, in the deed, in the reply, and on the way out.
//!
//! A [`Rule`] says which requests and how many of them; every rule that matches a request applies to it. In JSON a
//! fault is a word (`"lose_reply"`) or a word with particulars (`{"truncate": {"at": 40}}`).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde::Deserialize;

use super::book::{Fate, Op, RefundFate, Say};

mod fault;
mod scenarios;
mod sheet;

pub use fault::{Arrival, Deed, Delivery, FateWord, Fault, Forgery, RefundWord};
pub use scenarios::{SCENARIOS, Scenario, scenario_of, table};
pub use sheet::Sheet;

/// How many rules may stand at once. Whoever adds more has forgotten to clear them.
const RULES_MAX: usize = 1_000;

/// Which requests meet which fault, and how often.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Only this kind of request; none: any.
    #[serde(default)]
    pub op: Option<Op>,
    /// Only requests about this number, or, of statements, about this `bill_date`; none: any.
    #[serde(default)]
    pub out_trade_no: Option<String>,
    /// Only pays with this code, and what follows about their order; none: any.
    #[serde(default)]
    pub auth_code: Option<String>,
    /// How many requests; none: all of them, for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// What goes wrong.
    pub fault: Fault,
}

impl Rule {
    /// This fault, once, on the next request of this kind.
    #[must_use]
    pub fn once(op: Op, fault: impl Into<Fault>) -> Self {
        Self { op: Some(op), out_trade_no: None, auth_code: None, times: Some(1), fault: fault.into() }
    }

    /// This fault on every request of this kind.
    #[must_use]
    pub fn always(op: Op, fault: impl Into<Fault>) -> Self {
        Self { times: None, ..Self::once(op, fault) }
    }

    /// The same, but only about this number.
    #[must_use]
    pub fn about(self, out_trade_no: &str) -> Self {
        Self { out_trade_no: Some(out_trade_no.to_owned()), ..self }
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {:?} x{:?}: {:?}", self.op, self.out_trade_no, self.times, self.fault)
    }
}

/// All that goes wrong with one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// On the way in.
    pub arrival: Arrival,
    /// What becomes of a pay; none: it pays.
    pub fate: Option<Fate>,
    /// What is answered against the truth.
    pub says: Option<Says>,
    /// What becomes of a refund; none: it arrives by the rules.
    pub refund: Option<RefundFate>,
    /// A refund query lists all refunds of its order.
    pub lists_all: bool,
    /// How far behind a query looks.
    pub stale: Duration,
    /// In the text.
    pub forgeries: Vec<Forgery>,
    /// In a statement's text.
    pub sheets: Vec<Sheet>,
    /// On the way out.
    pub delivery: Delivery,
}

/// What is answered against the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// See [`Deed::ErrCode`] and [`Deed::ReturnFail`].
    Fail {
        /// What is said.
        say: Say,
        /// Whether the thing was done all the same.
        does: bool,
        /// `recall=Y`.
        recall: bool,
    },
    /// See [`Deed::OnlyClaims`].
    OnlyClaims {
        /// `recall=Y`.
        recall: bool,
    },
}

impl Course {
    /// Nothing goes wrong.
    #[must_use]
    pub fn is_smooth(&self) -> bool {
        *self == Self::default()
    }

    fn meet(&mut self, fault: Fault) {
        match fault {
            Fault::Arrival(arrival) => self.arrival = arrival,
            Fault::Forgery(forgery) => self.forgeries.push(forgery),
            Fault::Sheet(sheet) => self.sheets.push(sheet),
            Fault::Delivery(delivery) => self.delivery = delivery,
            Fault::Deed(Deed::Fate { fate, after_ms }) => self.fate = Some(fate.after(Duration::from_millis(after_ms))),
            Fault::Deed(Deed::RefundFate { refund, after_ms }) => {
                self.refund = Some(refund.after(Duration::from_millis(after_ms)));
            }
            Fault::Deed(Deed::ListsAll) => self.lists_all = true,
            Fault::Deed(Deed::Stale { ms }) => self.stale = Duration::from_millis(ms),
            Fault::Deed(Deed::OnlyClaims { recall }) => self.says = Some(Says::OnlyClaims { recall }),
            Fault::Deed(Deed::ErrCode { code, does, recall }) => {
                self.says = Some(Says::Fail { say: Say::ErrCode(code), does, recall });
            }
            Fault::Deed(Deed::ReturnFail { text, does }) => {
                self.says = Some(Says::Fail { say: Say::ReturnFail(text), does, recall: false });
            }
        }
    }
}

/// The rules in force. Payment codes are kept as fingerprints only.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    general: Vec<Active>,
    /// Rules of one order, put there by its code's scenario.
    by_number: BTreeMap<String, Vec<Active>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Active {
    op: Option<Op>,
    out_trade_no: Option<String>,
    code: Option<u64>,
    left: Option<u32>,
    fault: Fault,
}

impl Faults {
    /// Adds a rule. False when there are too many already.
    pub fn add(&mut self, rule: Rule) -> bool {
        let room = self.general.len() < RULES_MAX;
        if room {
            let code = rule.auth_code.as_deref().map(fingerprint);
            let Rule { op, out_trade_no, times: left, fault, .. } = rule;
            self.general.push(Active { op, out_trade_no, code, left, fault });
        }
        room
    }

    /// Removes every rule, also those of the orders under way.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The rules that still wait for a request, for people.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let rules = self.general.iter().chain(self.by_number.values().flatten()).map(|rule| {
            serde_json::json!({
                "op": rule.op, "out_trade_no": rule.out_trade_no, "by_code": rule.code.is_some(),
                "times_left": rule.left, "fault": rule.fault,
            })
        });
        rules.collect()
    }

    /// Takes what this request meets out of the rules. A pay's code brings its scenario with it.
    pub fn take(&mut self, op: Op, out_trade_no: &str, auth_code: Option<&str>) -> Course {
        if let Some(code) = auth_code {
            self.learn(out_trade_no, code);
        }
        let code = auth_code.map(fingerprint);
        let mut course = Course::default();
        let own = self.by_number.get_mut(out_trade_no);
        for rules in std::iter::once(&mut self.general).chain(own) {
            for rule in rules.iter_mut().filter(|rule| rule.matches(op, out_trade_no, code)) {
                rule.left = rule.left.map(|left| left.saturating_sub(1));
                course.meet(rule.fault.clone());
            }
            rules.retain(|rule| rule.left != Some(0));
        }
        course
    }

    /// Ties what is tied to this code to the order it is used for: its scenario, and the rules that name the code.
    fn learn(&mut self, out_trade_no: &str, auth_code: &str) {
        if out_trade_no.is_empty() || self.by_number.contains_key(out_trade_no) {
            return;
        }
        let code = fingerprint(auth_code);
        let (named, general): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.general).into_iter().partition(|rule| rule.code == Some(code));
        self.general = general;
        let scenario = scenario_of(auth_code).map_or_else(Vec::new, |scenario| (scenario.rules)());
        let scenario = scenario.into_iter().map(|(op, times, fault)| Active {
            op: Some(op),
            out_trade_no: Some(out_trade_no.to_owned()),
            code: None,
            left: (times > 0).then_some(times),
            fault,
        });
        let named = named.into_iter().map(|rule| Active { code: None, ..rule });
        let rules: Vec<Active> = scenario.chain(named).collect();
        if !rules.is_empty() {
            self.by_number.insert(out_trade_no.to_owned(), rules);
        }
    }
}

impl Active {
    fn matches(&self, op: Op, out_trade_no: &str, code: Option<u64>) -> bool {
        self.op.is_none_or(|wanted| wanted == op)
            && self.out_trade_no.as_deref().is_none_or(|wanted| wanted == out_trade_no)
            && self.code.is_none_or(|wanted| code == Some(wanted))
    }
}

fn fingerprint(auth_code: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    auth_code.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
