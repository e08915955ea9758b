//! The door to the store: who may go through, and for how long.
//!
//! There are as many permits as connections; a request waits for one in a bounded queue, for a
//! bounded time. So who works has a connection at once, and what cannot be answered soon is told so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use actix_web::web;
use notif_core::store::read::Statement;
use notif_core::store::{Answer, DatabaseUrl, Pool, PoolOptions, Read, StoreError};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, WAITING};

mod line;
mod question;
mod socket;

use self::line::Lines;

/// How long a request waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(2);
/// How many requests may wait for their turn: more would not get it in time.
const QUEUE_MAX: usize = 1000;
/// How long a read may take once it is its turn. Longer than the statement timeout twice (a read on
/// a broken connection is asked again): only a server that is there but silent reaches it.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// An answer beyond this many bytes is made into a reply on a thread of its own: the HTTP thread has
/// others to serve meanwhile. Below, the hand-over takes longer than the work. The answers of lines are
/// hardly larger.
const LARGE: usize = 64 * 1024;
/// How many lines there are for rows at most, and how many questions are under way on each.
const ROW_LINES_MAX: usize = 4;
const ROWS_DEPTH: usize = 16;
/// How many lines there are for pages at most, and how many questions are under way on each.
const PAGE_LINES_MAX: usize = 2;
const PAGES_DEPTH: usize = 64;
/// How long a write may take once it is its turn.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// How long one answer about the database's health is good for: probes must not be a load.
const HEALTH_AGE: Duration = Duration::from_millis(500);
/// How long a probe waits for the database.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);

/// How busy the database is with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Of those that read.
    pub(crate) reading: Lane,
    /// Of those that write.
    pub(crate) writing: Lane,
    /// Requests that wait for their turn.
    pub(crate) waiting: usize,
}

/// How many requests may use the database at once, and how many do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    /// May.
    pub(crate) connections: usize,
    /// Do.
    pub(crate) in_use: usize,
}

/// The connections of this process, and who may use them.
pub(crate) struct Database {
    pool: Pool,
    connections: usize,
    writers: usize,
    rows: Lines,
    pages: Lines,
    reading: Arc<Semaphore>,
    writing: Arc<Semaphore>,
    queue: Semaphore,
    health: Mutex<Option<(Instant, Result<(), Problem>)>>,
}

impl Database {
    /// `connections` to read with, half as many to write with, and one more for probes: an overload
    /// must not look like a failure. Connects in the background.
    pub(crate) fn new(url: &DatabaseUrl, connections: u32, prepared_statements: bool) -> Self {
        let writers = writers(connections);
        let pool = Pool::new(&PoolOptions {
            url: url.clone(),
            readers: connections,
            writers: writers.saturating_add(1),
            prepared_statements,
        });
        // a pooler hands out another server connection with each transaction: what it makes of
        // several under way is not ours to find out
        let to_share = if prepared_statements { connections } else { 0 };
        let (rows, pages) = lines(count(to_share));
        Self {
            pool,
            connections: count(connections),
            writers: count(writers),
            rows: Lines::new(rows, ROWS_DEPTH),
            pages: Lines::new(pages, PAGES_DEPTH),
            reading: permits(connections),
            writing: permits(writers),
            queue: Semaphore::new(QUEUE_MAX),
            health: Mutex::new(None),
        }
    }

    /// How busy it is.
    pub(crate) fn load(&self) -> Load {
        let lane = |permits: &Semaphore, connections: usize| Lane {
            connections,
            in_use: connections.saturating_sub(permits.available_permits()),
        };
        Load {
            reading: lane(&self.reading, self.connections),
            writing: lane(&self.writing, self.writers),
            waiting: QUEUE_MAX.saturating_sub(self.queue.available_permits()),
        }
    }

    /// Asks, and understands the answer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: Result<Read<T>, StoreError>,
    ) -> Result<T, Problem> {
        let (statement, understand) = read?.split();
        self.read_alone(&statement, understand).await
    }

    /// The same for one row whose key is known. The small read is asked for on a shared connection; where
    /// it gives none, or none is to share, the row is read whole.
    pub(crate) async fn read_row<T: Send + 'static>(
        &self,
        small: Result<Read<Option<T>>, StoreError>,
        whole: impl FnOnce() -> Result<Read<T>, StoreError>,
    ) -> Result<T, Problem> {
        self.read_by(&self.rows, ROW_LINES_MAX, small, whole).await
    }

    /// The same for a page; the small one has few rows.
    ///
    /// By one line and no more. A page keeps its server process and the HTTP thread busy for about as long,
    /// so that a second line wins nothing where there are two processors, and 99 of 100 take twice as long.
    pub(crate) async fn read_page<T: Send + 'static>(
        &self,
        small: Result<Read<Option<T>>, StoreError>,
        whole: impl FnOnce() -> Result<Read<T>, StoreError>,
    ) -> Result<T, Problem> {
        self.read_by(&self.pages, 1, small, whole).await
    }

    /// The same for an order's story. It takes PostgreSQL several times as long as a page does, and two
    /// server processes tell a quarter more of them.
    pub(crate) async fn read_story<T: Send + 'static>(
        &self,
        small: Result<Read<Option<T>>, StoreError>,
        whole: impl FnOnce() -> Result<Read<T>, StoreError>,
    ) -> Result<T, Problem> {
        self.read_by(&self.pages, PAGE_LINES_MAX, small, whole)
            .await
    }

    async fn read_by<T: Send + 'static>(
        &self,
        lines: &Lines,
        among: usize,
        small: Result<Read<Option<T>>, StoreError>,
        whole: impl FnOnce() -> Result<Read<T>, StoreError>,
    ) -> Result<T, Problem> {
        let (statement, understand) = small?.split();
        let statement = Arc::new(statement);
        let asking = lines.ask(among, &self.pool, &self.reading, &statement);
        if let Some(outcome) = asking.await
            && let Some(found) = understand(&outcome?)?
        {
            return Ok(found);
        }
        self.read(whole()).await
    }

    async fn read_alone<T: Send + 'static>(
        &self,
        statement: &Statement,
        understand: impl FnOnce(&Answer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.turn(&self.reading).await?;
        let asking = question::ask(&self.pool, statement, permit);
        let (answer, permit) = timeout(READ_LIMIT, asking).await.map_err(|_elapsed| {
            Problem::DatabaseUnavailable(format!("no answer to a read within {READ_LIMIT:?}"))
        })??;
        if answer.memory() <= LARGE {
            return Ok(understand(&answer)?);
        }
        let understood = web::block(move || {
            let understood = understand(&answer);
            drop(permit);
            understood
        });
        let understood = understood.await;
        Ok(understood.map_err(|_thread_died| died())??)
    }

    /// Does a write's work on a thread that may block. It goes on where the caller went away or it
    /// takes too long, and keeps its permit until it is done, so that threads never outnumber
    /// connections.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.turn(&self.writing).await?;
        let pool = self.pool.clone();
        let working = web::block(move || {
            let outcome = work(&pool);
            drop(permit);
            outcome
        });
        match timeout(WRITE_LIMIT, working).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(_thread_died)) => Err(died()),
            Err(_elapsed) => Err(Problem::WriteTimedOut),
        }
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
            Ok(Err(_thread_died)) => Err(died()),
            Err(_elapsed) => Err(Problem::DatabaseUnavailable(format!(
                "no answer to the health check within {HEALTH_LIMIT:?}"
            ))),
        };
        *health = Some((Instant::now(), answer.clone()));
        answer
    }

    /// Waits for one of the permits.
    async fn turn(&self, permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return Ok(permit);
        }
        let place = self
            .queue
            .try_acquire()
            .map_err(|_full| Problem::Busy(WAITING))?;
        let turn = timeout(TURN_LIMIT, Arc::clone(permits).acquire_owned()).await;
        drop(place);
        match turn {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_closed)) => Err(Problem::Draining),
            Err(_elapsed) => Err(Problem::Busy(WAITING)),
        }
    }
}

/// How many lines there are for rows, and how many for pages, where there are so many connections: half
/// of them are lines for rows, and one at least is left for everything else; two where some are for pages.
fn lines(connections: usize) -> (usize, usize) {
    let spared = connections.saturating_sub(1);
    let rows = connections.div_ceil(2).min(spared).min(ROW_LINES_MAX);
    let pages = connections.saturating_sub(rows.saturating_add(2));
    (rows, pages.min(PAGE_LINES_MAX))
}

/// How many connections at most write at the same time, of an API with so many to read with.
pub(crate) fn writers(connections: u32) -> u32 {
    connections.div_ceil(2)
}

fn permits(connections: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count(connections)))
}

fn count(connections: u32) -> usize {
    let count = usize::try_from(connections).unwrap_or(usize::MAX);
    count.min(Semaphore::MAX_PERMITS)
}

/// A task on another thread that ended without an outcome.
pub(crate) fn died() -> Problem {
    Problem::Internal("a task died at its work".to_owned())
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_leave_connections_for_everything_else() {
        let of = [0, 1, 2, 3, 4, 5, 6, 7, 8, 200].map(lines);
        let rows = of.map(|(rows, _)| rows);
        let pages = of.map(|(_, pages)| pages);
        assert_eq!(rows, [0, 0, 1, 2, 2, 3, 3, 4, 4, 4]);
        assert_eq!(pages, [0, 0, 0, 0, 0, 0, 1, 1, 2, 2]);
    }
}
