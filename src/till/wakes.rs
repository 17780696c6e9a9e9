//! Who wants to be woken when.

use std::collections::{BTreeMap, BTreeSet};

use crate::words::Tick;

/// An index of wake-ups: one a name, earliest first.
#[derive(Debug)]
pub(super) struct Wakes<K> {
    by_time: BTreeSet<(Tick, K)>,
    by_name: BTreeMap<K, Tick>,
}

impl<K> Default for Wakes<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_name: BTreeMap::new() }
    }
}

impl<K: Clone + Ord> Wakes<K> {
    /// Sets, moves or takes away the wake-up of `name`.
    pub(super) fn set(&mut self, name: &K, at: Option<Tick>) {
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

    /// Takes out one whose time has come.
    pub(super) fn take_due(&mut self, now: Tick) -> Option<K> {
        if self.first()? > now {
            return None;
        }
        let (_, name) = self.by_time.pop_first()?;
        self.by_name.remove(&name);
        Some(name)
    }
}
