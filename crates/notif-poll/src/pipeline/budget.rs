//! How many bytes of messages are between Kafka and PostgreSQL at a time. Memory is bounded by this,
//! however many partitions there are and however slow the database is.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A count of bytes that may not pass a limit, but for one message that is larger than all of it.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: Mutex<usize>,
    freed: Condvar,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Takes `bytes`, waiting for room up to `patience`; whether there was any.
    pub(super) fn take(&self, bytes: usize, patience: Duration) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let no_room = |used: &mut usize| *used > 0 && used.saturating_add(bytes) > self.limit;
        let (mut used, waited) = self
            .freed
            .wait_timeout_while(used, patience, no_room)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return false;
        }
        *used = used.saturating_add(bytes);
        true
    }

    /// Gives `bytes` back.
    pub(super) fn give(&self, bytes: usize) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(bytes);
        self.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_refuses_what_does_not_fit_and_takes_it_once_there_is_room() {
        let budget = Budget::new(10);
        assert!(budget.take(8, Duration::ZERO));
        assert!(!budget.take(3, Duration::from_millis(1)));
        budget.give(8);
        assert!(budget.take(3, Duration::from_millis(1)));
    }

    #[test]
    fn a_message_larger_than_all_of_it_passes_alone() {
        let budget = Budget::new(10);
        assert!(budget.take(1000, Duration::ZERO));
        assert!(!budget.take(1, Duration::from_millis(1)));
    }
}
