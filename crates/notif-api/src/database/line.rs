//! A connection that many short questions share: a few are sent together, while those before them are still
//! being answered. PostgreSQL then takes one after the other without going to sleep in between, and going
//! to sleep is a large part of what such a read costs.
//!
//! Here only questions come whose answers are small and soon there: for one row by its key, and on lines
//! of their own for a page or a story, so that none holds up the others for long. Where answers take their
//! time all the same, because rows come from a disk, nobody joins whose turn would be far off; where a lock
//! or the server hangs, those that come later see that nothing moves. They go the other way, to a connection
//! alone, and so do those that are behind already, once they have waited long enough: nobody depends on a
//! line, it only makes things cheaper.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::rt::time::timeout;
use notif_core::store::read::Statement;
use notif_core::store::{Answer, Pool, StoreError};
use tokio::sync::Semaphore;
use tokio::sync::oneshot::{self, Receiver};

use self::driver::{Connection, Driver, Question};
use self::load::Room;

mod driver;
mod load;
#[cfg(test)]
mod tests;

/// How long a question waits for a line, before it is asked again elsewhere. Nobody hears the answer of
/// the first one then.
const PATIENCE: Duration = Duration::from_millis(300);

/// Lines for questions of one kind.
pub(super) struct Lines {
    all: Vec<Line>,
    room: Room,
    since: Instant,
    patience: Duration,
}

/// One line; without a driver until it is needed, and again once its connection is lost.
#[derive(Default)]
struct Line(Mutex<Option<Driver>>);

type Outcome = Result<Answer, StoreError>;

impl Lines {
    pub(super) fn new(count: usize, depth: usize) -> Self {
        Self {
            all: (0..count).map(|_| Line::default()).collect(),
            room: Room::of(depth),
            since: Instant::now(),
            patience: PATIENCE,
        }
    }

    /// Asks by one of the lines, of which the first `among` are open to it. None where none can be had,
    /// where it was lost, or where it takes too long: then the other way is to be gone. `permits` are those
    /// to use a connection at all.
    pub(super) async fn ask(
        &self,
        among: usize,
        pool: &Pool,
        permits: &Arc<Semaphore>,
        statement: &Arc<Statement>,
    ) -> Option<Outcome> {
        let by = |line: &Line| line.send(self.since, pool, permits, statement);
        let outcome = self.send(among, by)?;
        match timeout(self.patience, outcome).await {
            Ok(Ok(Err(StoreError::Unreachable(_))) | Err(_)) | Err(_) => None,
            Ok(Ok(outcome)) => Some(outcome),
        }
    }

    /// Sends by the first line that can be started and in which the turn is near. Not by the one with the
    /// fewest questions under way: many on one line cost less than a few on each, of which none keeps its
    /// server process from going to sleep. Only where the turn is near in none it is the emptiest of those
    /// that have room.
    fn send<T>(&self, among: usize, by: impl Fn(&Line) -> Option<T>) -> Option<T> {
        let nearby = self.room.nearby();
        let lines = || self.all.iter().take(among);
        let near = lines().filter(|line| line.has(nearby)).find_map(&by);
        near.or_else(|| {
            let far = lines().filter(|line| !line.has(nearby) && line.has(self.room));
            far.min_by_key(|line| line.waiting()).and_then(by)
        })
    }
}

impl Line {
    /// Is it worth joining?
    fn has(&self, room: Room) -> bool {
        let driver = lock(&self.0);
        let running = driver.as_ref().filter(|driver| !driver.has_ended());
        running.is_none_or(|driver| driver.load.leaves(room))
    }

    /// How many questions are under way on it.
    fn waiting(&self) -> usize {
        let driver = lock(&self.0);
        driver.as_ref().map_or(0, |driver| driver.load.waiting())
    }

    /// Hands a question to the driver, which is started where there is none.
    fn send(
        &self,
        since: Instant,
        pool: &Pool,
        permits: &Arc<Semaphore>,
        statement: &Arc<Statement>,
    ) -> Option<Receiver<Outcome>> {
        let (reply, outcome) = oneshot::channel();
        let question = Question {
            statement: Arc::clone(statement),
            reply,
        };
        let mut driver = lock(&self.0);
        let question = match &*driver {
            Some(driver) => match driver.take(question) {
                Ok(()) => return Some(outcome),
                Err(question) => question,
            },
            None => question,
        };
        let permit = Arc::clone(permits).try_acquire_owned().ok()?;
        let reader = pool.reader().ok()??;
        let fresh = Driver::start(Connection { reader, permit }, since);
        fresh.take(question).ok()?;
        *driver = Some(fresh);
        Some(outcome)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
