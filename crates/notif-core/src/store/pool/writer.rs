//! A connection to write with, and to ask about the schema: diesel's, which waits.

use std::sync::Arc;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::prelude::*;
use r2d2::ManageConnection;

use super::super::{StoreError, session};
use super::health::Health;
use super::{PoolOptions, SESSION};

/// A connection of the pool.
pub(super) struct Writer {
    connection: PgConnection,
    health: Arc<Health>,
    /// The number of suspicions when it last gave a sign of life.
    alive_at: u64,
    broken: bool,
}

impl Writer {
    pub(super) fn run<T>(
        &mut self,
        work: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = work(&mut self.connection);
        if let Err(StoreError::Unreachable(_)) = &outcome {
            self.broken = true;
            self.health.suspect_all();
        }
        outcome
    }

    pub(super) fn sign_of_life(&mut self) -> Result<(), StoreError> {
        self.run(|connection| Ok(connection.batch_execute("SELECT 1")?))
    }

    /// Marks it as not to be used again.
    pub(super) fn give_up(&mut self) {
        self.broken = true;
    }
}

/// Makes writers.
pub(super) struct Writers {
    options: PoolOptions,
    health: Arc<Health>,
}

impl Writers {
    pub(super) fn new(options: &PoolOptions, health: Arc<Health>) -> Self {
        Self {
            options: options.clone(),
            health,
        }
    }

    fn establish(&self) -> Result<Writer, StoreError> {
        let alive_at = self.health.suspicions();
        let mut connection = session::connect(&self.options.url, "notif-api")?;
        connection.batch_execute(SESSION)?;
        if !self.options.prepared_statements {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(Writer {
            connection,
            health: Arc::clone(&self.health),
            alive_at,
            broken: false,
        })
    }
}

impl ManageConnection for Writers {
    type Connection = Writer;
    type Error = StoreError;

    fn connect(&self) -> Result<Writer, StoreError> {
        let outcome = self.establish();
        self.health.connected(outcome.as_ref().map(|_| ()));
        outcome
    }

    fn is_valid(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let suspicions = self.health.suspicions();
        if writer.alive_at != suspicions {
            writer.sign_of_life()?;
            writer.alive_at = suspicions;
        }
        Ok(())
    }

    fn has_broken(&self, writer: &mut Writer) -> bool {
        // a panic may have left a statement half done
        writer.broken || std::thread::panicking()
    }
}
