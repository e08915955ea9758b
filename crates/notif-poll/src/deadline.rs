//! It ends: the deadline, the signals, and the watchdog behind both.
//!
//! Reading stops at the deadline or at SIGTERM, and what was read is committed. No library call is
//! trusted to come back: five seconds after the deadline, or ten after a signal, the watchdog ends
//! the process. That is safe at any point, for the reason that a kill is (`notif_core::store::commit`).

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::{Exit, Failure};

const GRACE_AFTER_DEADLINE: Duration = Duration::from_secs(5);
const GRACE_AFTER_SIGNAL: Duration = Duration::from_secs(10);
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// Whom the run waits for at the moment: it decides what a stuck run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Nobody.
    Itself = 0,
    /// PostgreSQL.
    Database = 1,
    /// Kafka.
    Kafka = 2,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    waits_for: AtomicU8,
}

/// When to stop.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    at: Instant,
    shared: Arc<Shared>,
}

impl Deadline {
    /// Starts the time, the signal handler and the watchdog.
    pub(crate) fn start(after: Duration) -> anyhow::Result<Self> {
        let now = Instant::now();
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            waits_for: AtomicU8::new(0),
        });
        let deadline = Self {
            at: now.checked_add(after).unwrap_or(now),
            shared: Arc::clone(&shared),
        };
        let signals = Signals::new([SIGTERM, SIGINT]).context("cannot listen for signals")?;
        let watched = deadline.clone();
        thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || watch(&watched, signals))
            .context("cannot start the watchdog")?;
        Ok(deadline)
    }

    /// Starts them for a command; what fails here is no setting.
    pub(crate) fn of_command(after: Duration) -> Result<Self, Failure> {
        Self::start(after).map_err(|error| Failure {
            exit: Exit::Internal,
            error,
            hint: None,
        })
    }

    /// Time left for reading; zero once it is over or a signal came.
    pub(crate) fn left(&self) -> Duration {
        if self.shared.stop.load(Ordering::Relaxed) {
            Duration::ZERO
        } else {
            self.at.saturating_duration_since(Instant::now())
        }
    }

    /// Is it over?
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Notes whom a call that follows waits for.
    pub(crate) fn waiting_for(&self, whom: WaitsFor) {
        let number = match whom {
            WaitsFor::Itself => 0,
            WaitsFor::Database => 1,
            WaitsFor::Kafka => 2,
        };
        self.shared.waits_for.store(number, Ordering::Relaxed);
    }
}

fn watch(deadline: &Deadline, mut signals: Signals) {
    let mut end = deadline
        .at
        .checked_add(GRACE_AFTER_DEADLINE)
        .unwrap_or(deadline.at);
    loop {
        for _ in signals.pending() {
            if deadline.shared.stop.swap(true, Ordering::Relaxed) {
                leave(Exit::Behind, "ended at once by a second signal");
            }
            let now = Instant::now();
            end = end.min(now.checked_add(GRACE_AFTER_SIGNAL).unwrap_or(now));
        }
        if Instant::now() >= end {
            match deadline.shared.waits_for.load(Ordering::Relaxed) {
                1 => leave(Exit::Database, "PostgreSQL did not answer by the deadline"),
                2 => leave(Exit::Kafka, "Kafka did not answer by the deadline"),
                _ => leave(Exit::Behind, "the run did not end by the deadline"),
            }
        }
        thread::sleep(WATCH_EVERY);
    }
}

/// How long the last word may take.
const LAST_WORD: Duration = Duration::from_millis(200);

/// Ends the process from the watchdog's thread, whatever the others do.
///
/// The last word is said on a thread of its own, and not waited for long: where stderr is a full
/// pipe, writing to it is one more thing that never comes back. `_exit`, because the handlers of
/// `exit` would take libraries apart that other threads are in.
fn leave(exit: Exit, why: &'static str) -> ! {
    let (said, heard) = mpsc::channel();
    let speaker = thread::Builder::new().spawn(move || {
        log::error!("{why}; what was committed is kept, the next run goes on");
        // nobody may be listening any more
        said.send(()).unwrap_or_default();
    });
    if speaker.is_ok() {
        // a time-out is as good as an answer: it is over
        heard.recv_timeout(LAST_WORD).unwrap_or_default();
    }
    signal_hook::low_level::exit(i32::from(exit.code()))
}
