//! What is known about the server beyond a single connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::StoreError;

/// How long it may take a server to come back without a request being refused for it. Longer than the
/// longest pause between two attempts to connect, shorter than a request waits for a connection.
const RESTART: Duration = Duration::from_millis(1_500);

#[derive(Default)]
pub(super) struct Health {
    /// Since when no attempt to connect succeeded, and why the last one failed.
    down: Mutex<Option<(Instant, String)>>,
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

    /// Why nothing connects, where that has lasted. A server that is being restarted is waited for.
    pub(super) fn down(&self) -> Option<String> {
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, reason) = down.as_ref()?;
        (since.elapsed() > RESTART).then(|| reason.clone())
    }

    /// Notes how an attempt to connect ended, and tells a change: once, not at each attempt.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the server is away is measured, not recorded"
    )]
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
                let (since, before) = down.take().unzip();
                if before.as_ref() != Some(&reason) {
                    log::warn!("{reason}");
                }
                *down = Some((since.unwrap_or_else(Instant::now), reason));
            }
        }
    }
}
