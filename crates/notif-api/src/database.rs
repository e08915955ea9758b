//! The door to the store: who may go through, for how long, and on which thread.
//!
//! diesel blocks, so its work is done on threads of their own. There are as many permits as
//! connections; a request waits for one without a thread, in a bounded queue, for a bounded time. So
//! a thread that works has a connection at once, and what cannot be answered soon is told so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use actix_web::web;
use notif_core::store::{DatabaseUrl, Pool, PoolOptions, StoreError};
use tokio::sync::{Mutex, Semaphore};

use crate::problem::{Problem, WAITING};

/// How long a request waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(2);
/// How many requests may wait for their turn: more would not get it in time.
const QUEUE_MAX: usize = 1000;
/// How long a read may take once it is its turn. Longer than the statement timeout twice (a read on
/// a broken connection is asked again): only a server that is there but silent reaches it.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// How long a write may take once it is its turn.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// How long one answer about the database's health is good for: probes must not be a load.
const HEALTH_AGE: Duration = Duration::from_millis(500);
/// How long a probe waits for the database.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);

/// The connections of this process, and who may use them.
pub(crate) struct Database {
    pool: Pool,
    permits: Arc<Semaphore>,
    queue: Semaphore,
    health: Mutex<Option<(Instant, Result<(), Problem>)>>,
}

impl Database {
    /// `connections` for requests, and one more for probes: an overload must not look like a
    /// failure. Connects in the background.
    pub(crate) fn new(url: &DatabaseUrl, connections: u32, prepared_statements: bool) -> Self {
        let pool = Pool::new(PoolOptions {
            url: url.clone(),
            size: connections.saturating_add(1),
            prepared_statements,
        });
        let permits = usize::try_from(connections).unwrap_or(usize::MAX);
        Self {
            pool,
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            queue: Semaphore::new(QUEUE_MAX),
            health: Mutex::new(None),
        }
    }

    /// Does a read's work on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.run(READ_LIMIT, work).await?.ok_or_else(|| {
            Problem::DatabaseUnavailable(format!("no answer to a read within {READ_LIMIT:?}"))
        })
    }

    /// Does a write's work on a thread that may block.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.run(WRITE_LIMIT, work)
            .await?
            .ok_or(Problem::WriteTimedOut)
    }

    /// Whether the database is there and its schema fits.
    pub(crate) async fn check(&self) -> Result<(), Problem> {
        // one probe asks, the others wait for its answer
        let mut health = self.health.lock().await;
        if let Some((at, answer)) = &*health
            && at.elapsed() < HEALTH_AGE
        {
            return answer.clone();
        }
        let pool = self.pool.clone();
        let asked = timeout(
            HEALTH_LIMIT,
            web::block(move || pool.schema_check(env!("CARGO_PKG_VERSION"))),
        );
        let answer = match asked.await {
            Ok(Ok(outcome)) => outcome.map_err(Problem::from),
            Ok(Err(_thread_died)) => Err(Problem::Internal("the health check died".to_owned())),
            Err(_elapsed) => Err(Problem::DatabaseUnavailable(format!(
                "no answer to the health check within {HEALTH_LIMIT:?}"
            ))),
        };
        *health = Some((Instant::now(), answer.clone()));
        answer
    }

    /// None where the work is not done in time; it goes on and keeps its permit until it is, so
    /// that threads never outnumber connections.
    async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&Pool) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let place = self
            .queue
            .try_acquire()
            .map_err(|_full| Problem::Busy(WAITING))?;
        let turn = timeout(TURN_LIMIT, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = match turn {
            Ok(Ok(permit)) => permit,
            Ok(Err(_closed)) => return Err(Problem::Draining),
            Err(_elapsed) => return Err(Problem::Busy(WAITING)),
        };
        drop(place);
        let pool = self.pool.clone();
        let working = web::block(move || {
            let outcome = work(&pool);
            drop(permit);
            outcome
        });
        match timeout(limit, working).await {
            Ok(Ok(outcome)) => Ok(Some(outcome?)),
            Ok(Err(_thread_died)) => Err(Problem::Internal("a thread died at its work".to_owned())),
            Err(_elapsed) => Ok(None),
        }
    }
}
