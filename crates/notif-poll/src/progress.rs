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
        let total = self.total;
        self.line(|seconds| {
            let rate = stored.checked_div(seconds).unwrap_or(0);
            let left = left();
            let read = total.saturating_sub(left);
            let eta = left
                .saturating_mul(seconds)
                .checked_div(read.max(1))
                .unwrap_or(0);
            format!("{stored} records stored, {rate}/s, {left} offsets left, about {eta} s")
        });
    }

    /// Shows how many of all rows were looked at, now and then.
    pub(crate) fn show_rows(&mut self, rows: i64) {
        let total = self.total;
        self.line(|seconds| {
            let rate = rows.checked_div(seconds).unwrap_or(0);
            let left = total.saturating_sub(rows).max(0);
            let eta = left.checked_div(rate.max(1)).unwrap_or(0);
            format!("{rows} of {total} rows compared, {rate}/s, about {eta} s left")
        });
    }

    /// Shows a line where one is due; it is given the seconds since the beginning, at least one.
    fn line(&mut self, text: impl FnOnce(i64) -> String) {
        if !self.on_terminal {
            return;
        }
        let due = self
            .shown_at
            .map_or(self.started.elapsed() >= FIRST_AFTER, |at| {
                at.elapsed() >= EVERY
            });
        if !due {
            return;
        }
        self.shown_at = Some(Instant::now());
        let seconds = i64::try_from(self.started.elapsed().as_secs())
            .unwrap_or(i64::MAX)
            .max(1);
        eprint!("\r\x1b[K{}", text(seconds));
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
