//! What is known about the server beyond a single connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::StoreError;

#[derive(Default)]
pub(super) struct Health {
    /// Why the last attempt to connect failed.
    down: Mutex<Option<String>>,
    /// Counts suspicions: a connection proven alive before the last one has to prove it again.
    suspicions: AtomicU64,
    /// Counts changes of the schema that made prepared statements void: those of before are of no use.
    schemas: AtomicU64,
}

impl Health {
    pub(super) fn suspect_all(&self) {
        self.suspicions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn suspicions(&self) -> u64 {
        self.suspicions.load(Ordering::Relaxed)
    }

    /// What was prepared before is void.
    pub(super) fn schema_changed(&self) {
        self.schemas.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn schemas(&self) -> u64 {
        self.schemas.load(Ordering::Relaxed)
    }

    pub(super) fn down(&self) -> Option<String> {
        self.down
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes how an attempt to connect ended, and tells a change: once, not at each attempt.
    pub(super) fn connected(&self, outcome: Result<(), &StoreError>) {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                if down.take().is_some() {
                    log::info!("PostgreSQL is reachable again");
                }
            }
            Err(error) => {
                let reason = error.to_string();
                if down.as_ref() != Some(&reason) {
                    log::warn!("{reason}");
                }
                *down = Some(reason);
            }
        }
    }
}
