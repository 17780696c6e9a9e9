//! Ctrl-C and its like in a dialogue: the question ends, the terminal is put right, what is half done goes away, and only
//! then the process dies of the signal, as whoever started it expects (130 in a shell).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// What ends a dialogue. A library that was interrupted at a key makes SIGINT of any signal, so that one comes last.
const ENDING: [i32; 3] = [SIGHUP, SIGTERM, SIGINT];

/// Holds signals back while somebody is asked. At all other times they do what they always do.
pub(super) struct Signals {
    idle: Arc<AtomicBool>,
    heard: [Arc<AtomicBool>; ENDING.len()],
}

impl Signals {
    /// Signals end the process at once, until [`Signals::hold`].
    ///
    /// # Errors
    /// When the system refuses that.
    pub(super) fn new() -> io::Result<Self> {
        let new = Self { idle: Arc::new(AtomicBool::new(true)), heard: Default::default() };
        for (signal, heard) in ENDING.into_iter().zip(&new.heard) {
            // In this order: who is not asked does not come back from the first.
            flag::register_conditional_default(signal, Arc::clone(&new.idle))?;
            flag::register(signal, Arc::clone(heard))?;
        }
        Ok(new)
    }

    /// Holds them back until the value is dropped.
    pub(super) fn hold(&self) -> Held<'_> {
        self.idle.store(false, Ordering::SeqCst);
        Held(self)
    }

    /// Whether one came while they were held back.
    pub(super) fn came(&self) -> bool {
        self.heard.iter().any(|it| it.load(Ordering::SeqCst))
    }

    /// The end of a dialogue by the signal that came; Ctrl-C typed where keys make no signals is SIGINT too.
    pub(super) fn end(&self, text: &'static str) -> Left {
        let mut heard = ENDING.into_iter().zip(&self.heard).filter(|(_, heard)| heard.load(Ordering::SeqCst));
        let signal = heard.next().map_or(SIGINT, |(signal, _)| signal);
        Left { signal, text }
    }
}

/// Signals are held back.
pub(super) struct Held<'a>(&'a Signals);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Whoever presses Ctrl-C twice must not kill what the first one has begun to put away.
        self.0.idle.store(!self.0.came(), Ordering::SeqCst);
    }
}

/// Somebody left the dialogue by a signal.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; {text}")]
pub(super) struct Left {
    signal: i32,
    text: &'static str,
}

impl Left {
    /// Dies of the signal. Comes back only where the system refuses that.
    pub(super) fn die(&self) -> io::Result<()> {
        low_level::emulate_default_handler(self.signal)
    }
}
