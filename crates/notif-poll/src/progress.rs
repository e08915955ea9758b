//! Progress on a terminal: how many records, how fast, how much is left. Silent in a pipe.
#![expect(clippy::print_stderr, reason = "this file is the terminal")]

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A line that is rewritten while a poll works.
pub(crate) struct Progress {
    shown_at: Option<Instant>,
    started: Instant,
    on_terminal: bool,
    total: i64,
}

const FIRST_AFTER: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(500);

impl Progress {
    /// Begins, with `left` offsets to read.
    pub(crate) fn start(left: i64) -> Self {
        Self {
            shown_at: None,
            started: Instant::now(),
            on_terminal: std::io::stderr().is_terminal(),
            total: left,
        }
    }

    /// Shows it, now and then; `left` is only asked when it is shown.
    pub(crate) fn show(&mut self, stored: i64, left: impl FnOnce() -> i64) {
        let due = self
            .shown_at
            .map_or(self.started.elapsed() >= FIRST_AFTER, |at| {
                at.elapsed() >= EVERY
            });
        if !self.on_terminal || !due {
            return;
        }
        self.shown_at = Some(Instant::now());
        let seconds = i64::try_from(self.started.elapsed().as_secs())
            .unwrap_or(i64::MAX)
            .max(1);
        let rate = stored.checked_div(seconds).unwrap_or(0);
        let left = left();
        let read = self.total.saturating_sub(left);
        let eta = left
            .saturating_mul(seconds)
            .checked_div(read.max(1))
            .unwrap_or(0);
        eprint!("\r\x1b[K{stored} records stored, {rate}/s, {left} offsets left, about {eta} s");
        flush();
    }

    /// Clears the line.
    pub(crate) fn end(&self) {
        if self.shown_at.is_some() {
            eprint!("\r\x1b[K");
            flush();
        }
    }
}

/// A terminal that is gone is no error of the poll.
fn flush() {
    drop(std::io::stderr().flush());
}
