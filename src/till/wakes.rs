//! Who wants to be woken when.

use std::collections::{BTreeMap, BTreeSet};

use crate::words::{PaymentRef, Tick};

/// An index of wake-ups: one a payment, earliest first.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    by_time: BTreeSet<(Tick, PaymentRef)>,
    by_name: BTreeMap<PaymentRef, Tick>,
}

impl Wakes {
    /// Sets, moves or takes away the wake-up of `name`.
    pub(super) fn set(&mut self, name: &PaymentRef, at: Option<Tick>) {
        if let Some(before) = self.by_name.remove(name) {
            self.by_time.remove(&(before, name.clone()));
        }
        if let Some(at) = at {
            self.by_name.insert(name.clone(), at);
            self.by_time.insert((at, name.clone()));
        }
    }

    /// The earliest wake-up.
    pub(super) fn first(&self) -> Option<Tick> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out one payment whose time has come.
    pub(super) fn take_due(&mut self, now: Tick) -> Option<PaymentRef> {
        if self.first()? > now {
            return None;
        }
        let (_, name) = self.by_time.pop_first()?;
        self.by_name.remove(&name);
        Some(name)
    }
}
