//! Progress on stderr, where that is a terminal. Elsewhere nothing is shown.

use indicatif::{ProgressBar, ProgressStyle};

/// A line that moves while work goes on. Dropping it takes it back.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

/// So often the line is drawn anew while nothing happens.
const TURNS: std::time::Duration = std::time::Duration::from_millis(200);

impl Bar {
    /// A bar of bytes.
    pub(super) fn of_bytes(what: String) -> Self {
        Self::new(what, "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}")
    }

    /// A bar of things, with the time it has taken.
    pub(super) fn of_things(what: String) -> Self {
        Self::new(what, "{msg} {wide_bar} {pos}/{len} {elapsed_precise}")
    }

    /// Says what it is about from here on.
    pub(super) fn says(&self, what: String) {
        self.0.set_message(what);
    }

    /// Makes room for what `talk` says.
    pub(super) fn aside<T>(&self, talk: impl FnOnce() -> T) -> T {
        self.0.suspend(talk)
    }

    fn new(what: String, template: &'static str) -> Self {
        let bar = ProgressBar::no_length();
        // A template of ours that cannot be read would show as a plain bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("##-"));
        }
        bar.set_message(what);
        bar.enable_steady_tick(TURNS);
        Self(bar)
    }

    /// So much is done, of so much in all where that is known.
    pub(super) fn shows(&self, done: u64, all: Option<u64>) {
        match all {
            Some(all) => self.0.set_length(all),
            None => self.0.unset_length(),
        }
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
