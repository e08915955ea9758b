//! What the threads of the pipeline share: the budget, what is stored so far, and why it ends.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notif_core::batch::Batch;
use notif_core::offset::NextOffset;
use notif_core::record::PartitionId;
use notif_core::store::StoreError;

use super::Problem;
use super::budget::Budget;

/// Bytes of messages between the client's queue and a commit.
const IN_FLIGHT_BYTES: usize = 24 * 1024 * 1024;

/// Rows of a batch: the first, and the bounds within which the database's speed moves it. A batch of
/// fixed size would meet the statement time-out of a slow database in every run, for ever.
const FIRST_ROWS: usize = 500;
const FEWEST_ROWS: usize = 50;
const MOST_ROWS: usize = 8_000;

/// A commit that took less may be larger the next time, one that took more must be smaller: at the
/// deadline up to three batches of a lane are still on their way, and the watchdog waits five seconds.
const QUICK: Duration = Duration::from_millis(500);
const SLOW: Duration = Duration::from_millis(1500);

/// Why a partition leaves the run before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Another run is at it.
    ToAnotherRun,
    /// It cannot go on; why.
    Problem(Problem),
    /// Rows of it were refused: it is read again from there, and they are kept as raw bytes.
    ToBeReadAgain,
}

#[derive(Debug, Default)]
pub(super) struct Sums {
    /// What is committed: where each partition goes on, and how many records of it.
    pub(super) stored: HashMap<PartitionId, (NextOffset, i64)>,
    pub(super) bytes: i64,
    pub(super) unparseable: i64,
}

pub(super) struct Shared {
    pub(super) run_id: i64,
    pub(super) budget: Budget,
    batch_rows: AtomicUsize,
    failed: AtomicBool,
    failure: Mutex<Option<StoreError>>,
    leaving: Mutex<HashMap<PartitionId, Leaving>>,
    sums: Mutex<Sums>,
    refused: Mutex<Refused>,
    records: AtomicI64,
}

/// Records that PostgreSQL refuses as they are.
pub(super) type Refused = HashMap<PartitionId, BTreeSet<i64>>;

impl Shared {
    /// `refused` are the records that are known to be.
    pub(super) fn new(run_id: i64, refused: Refused) -> Self {
        Self {
            run_id,
            budget: Budget::new(IN_FLIGHT_BYTES),
            batch_rows: AtomicUsize::new(FIRST_ROWS),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            leaving: Mutex::default(),
            sums: Mutex::default(),
            refused: Mutex::new(refused),
            records: AtomicI64::new(0),
        }
    }

    /// Rows that a batch may have now.
    pub(super) fn batch_rows(&self) -> usize {
        self.batch_rows.load(Ordering::Relaxed)
    }

    /// Learns from the time that a commit of `rows` took.
    pub(super) fn took(&self, rows: usize, time: Duration) {
        let now = self.batch_rows();
        let next = if time >= SLOW {
            rows.checked_div(2).unwrap_or_default().max(FEWEST_ROWS)
        } else if time < QUICK && rows >= now {
            now.saturating_mul(2).min(MOST_ROWS)
        } else {
            return;
        };
        self.batch_rows.store(next, Ordering::Relaxed);
    }

    /// Counts what a batch committed.
    pub(super) fn committed(&self, batch: &Batch) {
        let mut sums = self.sums();
        for slice in &batch.slices {
            let rows = i64::try_from(slice.rows.rows()).unwrap_or(i64::MAX);
            let place = sums
                .stored
                .entry(slice.id.clone())
                .or_insert((slice.reached, 0));
            *place = (slice.reached, place.1.saturating_add(rows));
            sums.bytes = sums.bytes.saturating_add(slice.value_bytes);
            sums.unparseable = sums.unparseable.saturating_add(slice.unparseable);
            self.records.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// What is committed so far.
    pub(super) fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records committed so far.
    pub(super) fn records(&self) -> i64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Ends the run: the environment failed. The first failure is the one that is told.
    pub(super) fn fail(&self, error: StoreError) {
        self.failed.store(true, Ordering::Relaxed);
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn take_failure(&self) -> Option<StoreError> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Notes a refused record; whether that is news.
    pub(super) fn refuse(&self, id: &PartitionId, offset: i64) -> bool {
        self.refused().entry(id.clone()).or_default().insert(offset)
    }

    /// The refused records.
    pub(super) fn refused(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition leaves the run; the others go on.
    pub(super) fn leave(&self, id: &PartitionId, why: Leaving) {
        self.leaving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(id.clone())
            .or_insert(why);
    }

    /// Did it, and why?
    pub(super) fn leaving(&self, id: &PartitionId) -> Option<Leaving> {
        self.leaving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_while_the_database_is_quick_and_shrink_when_it_is_slow() {
        let shared = Shared::new(1, Refused::new());
        for _ in 0..9 {
            shared.took(shared.batch_rows(), Duration::from_millis(200));
        }
        assert_eq!(shared.batch_rows(), MOST_ROWS);
        shared.took(MOST_ROWS, Duration::from_secs(1));
        assert_eq!(shared.batch_rows(), MOST_ROWS);
        shared.took(MOST_ROWS, Duration::from_secs(9));
        assert_eq!(shared.batch_rows(), MOST_ROWS / 2);
        for _ in 0..20 {
            shared.took(shared.batch_rows(), Duration::from_secs(9));
        }
        assert_eq!(shared.batch_rows(), FEWEST_ROWS);
        // a batch that was not full says nothing about larger ones
        shared.took(3, Duration::from_millis(1));
        assert_eq!(shared.batch_rows(), FEWEST_ROWS);
    }
}
