//! The connections of the API: a fixed number to read with, always open, and a few to write with,
//! opened when they are needed. r2d2 keeps both full, and goes on trying while there is no server.
//!
//! A request costs its own statement and nothing else: connections are not tested when they are
//! taken. In place of that test, the first one that is found broken puts all others that were
//! opened before under suspicion, and a suspect is asked for a sign of life before it is used. So a
//! restart of the server costs one failed statement, which is asked again, and no request.

use std::sync::Arc;
use std::time::Duration;

use diesel::PgConnection;
use r2d2::PooledConnection;

use super::idempotency::{self, IdempotencyKey};
use super::notification::{self, Sent};
use super::{DatabaseUrl, StoreError, migrate};
use crate::notification::ManualNotification;

use self::health::Health;
use self::reader::Readers;
use self::writer::Writers;

mod health;
mod reader;
mod writer;

pub use reader::{Progress, Reader, Wait};

/// A reader that goes back to its pool when it is dropped.
pub type PooledReader = PooledConnection<Readers>;

/// How long a connection is waited for, in slices: between two of them the pool looks whether
/// waiting still makes sense.
const WAIT_SLICE: Duration = Duration::from_millis(50);
const WAIT_SLICES: u32 = 40;

/// What a session of the API is set to.
///
/// A reader that takes longer than 2 s is a bug or an overload. Each of our reads has an index that
/// gives its rows in their order, and a bounded number of them: so the plan is known, does not depend
/// on statistics (there may be none yet), and is made once a connection instead of once a request,
/// which takes longer than the reading. Without the three `enable_` a plan that looks as good for
/// the average customer would sort all rows of the one who has 200,000.
pub(super) const SESSION: &str = "SET statement_timeout = '2s'; \
    SET lock_timeout = '2s'; \
    SET idle_in_transaction_session_timeout = '10s'; \
    SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; \
    SET enable_bitmapscan = off; \
    SET enable_sort = off; \
    SET jit = off";

/// How the pool is set up.
#[derive(Clone)]
pub struct PoolOptions {
    /// Where PostgreSQL is; checked before.
    pub url: DatabaseUrl,
    /// How many connections to read with.
    pub readers: u32,
    /// How many connections to write with, at most.
    pub writers: u32,
    /// Whether statements are prepared once a connection and kept. Off behind a pooler that hands
    /// out another server connection with each transaction.
    pub prepared_statements: bool,
}

/// Connections to PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    readers: r2d2::Pool<Readers>,
    writers: r2d2::Pool<Writers>,
    health: Arc<Health>,
}

impl Pool {
    /// A pool that connects in the background.
    ///
    /// # Panics
    /// Where a number of connections is 0.
    pub fn new(options: &PoolOptions) -> Self {
        let health = Arc::new(Health::default());
        let readers = r2d2::Pool::builder()
            .max_size(options.readers)
            .test_on_check_out(false) // done by who takes one, without waiting on a thread
            // also the pause between two attempts to connect, at most half of it
            .connection_timeout(WAIT_SLICE.saturating_mul(WAIT_SLICES))
            .error_handler(Box::new(r2d2::NopErrorHandler)) // told by `Health`, once
            .build_unchecked(Readers::new(options, Arc::clone(&health)));
        let writers = r2d2::Pool::builder()
            .max_size(options.writers)
            .min_idle(Some(0))
            .test_on_check_out(true) // free unless suspect, see `Writers::is_valid`
            .connection_timeout(WAIT_SLICE.saturating_mul(WAIT_SLICES))
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Writers::new(options, Arc::clone(&health)));
        Self {
            readers,
            writers,
            health,
        }
    }

    /// A connection to read with, at once; none where all are in use or on their way.
    pub fn reader(&self) -> Result<Option<PooledReader>, StoreError> {
        if let Some(reader) = self.readers.try_get() {
            return Ok(Some(reader));
        }
        match self.down() {
            Some(reason) => Err(StoreError::Unreachable(reason)),
            None => Ok(None),
        }
    }

    /// Why a reader that was waited for in vain did not come.
    pub fn reader_missed(&self) -> StoreError {
        if self.readers.state().connections == 0 {
            StoreError::Unreachable("no connection came about in time".to_owned())
        } else {
            StoreError::Busy
        }
    }

    /// Writes a manual notification; `random` makes its id unique, a `key` makes it once. Waits.
    pub fn notification_send(
        &self,
        manual: ManualNotification,
        random: [u8; 10],
        key: Option<&IdempotencyKey>,
    ) -> Result<Sent, StoreError> {
        self.write(|conn| notification::notification_send(conn, manual, random, key))
    }

    /// Removes at most `limit` idempotency keys whose day is over; how many. Waits.
    pub fn key_prune(&self, limit: i64) -> Result<usize, StoreError> {
        self.write(|conn| idempotency::key_prune(conn, limit))
    }

    /// Does the schema fit a binary of version `ours`? Waits.
    pub fn schema_check(&self, ours: &str) -> Result<(), StoreError> {
        self.write(|conn| migrate::schema_check(conn, ours))
    }

    /// Runs a write, once, on a connection that has just given a sign of life. After an error the
    /// connection is given up, and an open transaction with it.
    fn write<T>(
        &self,
        write: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer()?;
        if writer.sign_of_life().is_err() {
            drop(writer); // goes back as broken, so that its place is free for another one
            writer = self.writer()?;
        }
        let outcome = writer.run(write);
        if outcome.is_err() {
            writer.give_up();
        }
        outcome
    }

    fn writer(&self) -> Result<PooledConnection<Writers>, StoreError> {
        for _ in 0..WAIT_SLICES {
            if let Ok(writer) = self.writers.get_timeout(WAIT_SLICE) {
                return Ok(writer);
            }
            if let Some(reason) = self.down() {
                return Err(StoreError::Unreachable(reason));
            }
        }
        if self.writers.state().connections == 0 {
            return Err(StoreError::Unreachable(
                "no connection came about in time".to_owned(),
            ));
        }
        Err(StoreError::Busy)
    }

    /// Why there is no connection at all; none where there is one, or the first attempt to get one
    /// is still under way.
    fn down(&self) -> Option<String> {
        let reason = self.health.down()?;
        (self.readers.state().connections == 0).then_some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_has_the_settings_of_a_session() {
        let roles = include_str!("../../../../deploy/postgres/roles.sql");
        for setting in SESSION.split(';') {
            // within a literal
            let there = setting.trim().replace('\'', "''");
            assert!(roles.contains(&format!("'{there}'")), "{there}");
        }
    }
}
