//! The run's times: PostgreSQL's clock when the run began, plus time elapsed. The host's own clock is
//! never asked, so a poller whose clock is a day off records the same times as any other.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

/// A clock that was set once, by PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunClock {
    started_at: DateTime<Utc>,
    since: Instant,
}

impl RunClock {
    /// It was `started_at` just now.
    pub(crate) fn set(started_at: DateTime<Utc>) -> Self {
        Self {
            started_at,
            since: Instant::now(),
        }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let elapsed = TimeDelta::from_std(self.since.elapsed()).unwrap_or(TimeDelta::MAX);
        self.started_at
            .checked_add_signed(elapsed)
            .unwrap_or(self.started_at)
    }
}
