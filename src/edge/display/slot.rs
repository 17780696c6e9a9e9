//! A place for one thing: whoever writes never waits, whoever reads gets the newest.

use std::sync::{Condvar, Mutex, PoisonError};

/// Holds the newest value until it is taken. A slow or blocked reader costs the writer nothing.
#[derive(Debug)]
pub struct Slot<T> {
    inside: Mutex<Inside<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct Inside<T> {
    value: Option<T>,
    closed: bool,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { inside: Mutex::new(Inside { value: None, closed: false }), filled: Condvar::new() }
    }
}

impl<T> Slot<T> {
    /// Puts `value` in, in place of one that nobody has taken.
    pub fn put(&self, value: T) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.value = Some(value);
        self.filled.notify_one();
    }

    /// Takes the value out, and waits for one if there is none. `None` once the slot is closed and empty.
    pub fn take(&self) -> Option<T> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = inside.value.take() {
                return Some(value);
            }
            if inside.closed {
                return None;
            }
            inside = self.filled.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says that nothing more comes.
    pub fn close(&self) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.filled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_is_there_and_the_last_one_is_not_lost() {
        let slot = Slot::default();
        slot.put(1);
        slot.put(2);
        assert_eq!(slot.take(), Some(2));
        slot.put(3);
        slot.close();
        assert_eq!((slot.take(), slot.take()), (Some(3), None));
    }

    #[test]
    fn a_waiting_reader_is_woken() {
        let slot = Slot::default();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| (slot.take(), slot.take()));
            slot.put("scene");
            while slot.inside.lock().expect("a lock").value.is_some() {
                std::thread::yield_now();
            }
            slot.close();
            assert_eq!(reader.join().expect("a reader"), (Some("scene"), None));
        });
    }
}
