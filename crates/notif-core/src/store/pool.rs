//! The connections that the API reads with: a fixed number of them, always open.
//!
//! A request costs its own statement and nothing else: connections are not tested when they are
//! taken. In place of that test, the first one that is found broken puts all others that were
//! opened before under suspicion, and a suspect is asked for a sign of life before it is used. So a
//! restart of the server costs one failed statement, which is asked again, and no request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::prelude::*;
use r2d2::{ManageConnection, PooledConnection};

use uuid::Uuid;

use super::notification::{self, Sent};
use super::{DatabaseUrl, StoreError, migrate, session};
use crate::notification::{ManualNotification, Notification, NotificationDetail};
use crate::query::{Page, PageQuery};

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
    /// How many connections.
    pub size: u32,
    /// Whether statements are prepared once a connection and kept. Off behind a pooler that hands
    /// out another server connection with each transaction.
    pub prepared_statements: bool,
}

/// Connections to PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    links: r2d2::Pool<Manager>,
    health: Arc<Health>,
}

impl Pool {
    /// A pool that connects in the background, and goes on trying while there is no server.
    ///
    /// # Panics
    /// Where `size` is 0.
    pub fn new(options: PoolOptions) -> Self {
        let health = Arc::new(Health::default());
        let size = options.size;
        let manager = Manager {
            options,
            health: Arc::clone(&health),
        };
        let links = r2d2::Pool::builder()
            .max_size(size)
            .test_on_check_out(true) // free unless suspect, see `Manager::is_valid`
            // also the pause between two attempts to connect, at most half of it
            .connection_timeout(WAIT_SLICE.saturating_mul(WAIT_SLICES))
            .error_handler(Box::new(r2d2::NopErrorHandler)) // told by `Health`, once
            .build_unchecked(manager);
        Self { links, health }
    }

    /// The newest notification of an order.
    pub fn order_latest(&self, order_id: &str) -> Result<Notification, StoreError> {
        self.read(|conn| notification::order_latest(conn, order_id))
    }

    /// One notification with all that is told of it.
    pub fn notification_get(&self, id: Uuid) -> Result<NotificationDetail, StoreError> {
        self.read(|conn| notification::notification_get(conn, id))
    }

    /// One page of a list.
    pub fn notification_page(&self, page: &PageQuery) -> Result<Page, StoreError> {
        self.read(|conn| notification::notification_page(conn, page))
    }

    /// Writes a manual notification; `random` makes its id unique.
    pub fn notification_send(
        &self,
        manual: ManualNotification,
        random: [u8; 10],
    ) -> Result<Sent, StoreError> {
        self.write(|conn| notification::notification_send(conn, manual, random))
    }

    /// Does the schema fit a binary of version `ours`?
    pub fn schema_check(&self, ours: &str) -> Result<(), StoreError> {
        self.read(|conn| migrate::schema_check(conn, ours))
    }

    /// Runs a read; once more on another connection where the first turns out to be broken.
    fn read<T>(
        &self,
        mut read: impl FnMut(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut link = self.link()?;
        let outcome = self.attempt(&mut link, &mut read);
        if !matches!(outcome, Err(StoreError::Unreachable(_))) {
            return outcome;
        }
        drop(link); // goes back as broken, so that its place is free for another one
        let mut link = self.link()?;
        self.attempt(&mut link, read)
    }

    /// Runs a write, once, on a connection that has just given a sign of life. After an error the
    /// connection is given up, and an open transaction with it.
    fn write<T>(
        &self,
        write: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut link = self.link()?;
        if self.attempt(&mut link, sign_of_life).is_err() {
            drop(link);
            link = self.link()?;
        }
        let outcome = self.attempt(&mut link, write);
        link.broken = outcome.is_err();
        outcome
    }

    fn attempt<T>(
        &self,
        link: &mut Link,
        work: impl FnOnce(&mut PgConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = work(&mut link.connection);
        if let Err(StoreError::Unreachable(_)) = &outcome {
            link.broken = true;
            self.health.suspect_all();
        }
        outcome
    }

    fn link(&self) -> Result<PooledConnection<Manager>, StoreError> {
        for _ in 0..WAIT_SLICES {
            if let Some(reason) = self.down() {
                return Err(StoreError::Unreachable(reason));
            }
            if let Ok(link) = self.links.get_timeout(WAIT_SLICE) {
                return Ok(link);
            }
        }
        if self.links.state().connections == 0 {
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
        (self.links.state().connections == 0).then_some(reason)
    }
}

/// What is known about the server beyond a single connection.
#[derive(Default)]
struct Health {
    /// Why the last attempt to connect failed.
    down: Mutex<Option<String>>,
    /// Counts suspicions: a connection proven alive before the last one has to prove it again.
    suspicions: AtomicU64,
}

impl Health {
    fn suspect_all(&self) {
        self.suspicions.fetch_add(1, Ordering::Relaxed);
    }

    fn suspicions(&self) -> u64 {
        self.suspicions.load(Ordering::Relaxed)
    }

    fn down(&self) -> Option<String> {
        self.down
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes how an attempt to connect ended, and tells a change: once, not at each attempt.
    fn connected(&self, outcome: Result<(), &StoreError>) {
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

/// A connection of the pool.
struct Link {
    connection: PgConnection,
    /// The number of suspicions when it last gave a sign of life.
    alive_at: u64,
    broken: bool,
}

fn sign_of_life(connection: &mut PgConnection) -> Result<(), StoreError> {
    Ok(connection.batch_execute("SELECT 1")?)
}

struct Manager {
    options: PoolOptions,
    health: Arc<Health>,
}

impl Manager {
    fn establish(&self) -> Result<Link, StoreError> {
        let alive_at = self.health.suspicions();
        let mut connection = session::connect(&self.options.url, "notif-api")?;
        connection.batch_execute(SESSION)?;
        if !self.options.prepared_statements {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
        Ok(Link {
            connection,
            alive_at,
            broken: false,
        })
    }
}

impl ManageConnection for Manager {
    type Connection = Link;
    type Error = StoreError;

    fn connect(&self) -> Result<Link, StoreError> {
        let outcome = self.establish();
        self.health.connected(outcome.as_ref().map(|_| ()));
        outcome
    }

    fn is_valid(&self, link: &mut Link) -> Result<(), StoreError> {
        let suspicions = self.health.suspicions();
        if link.alive_at != suspicions {
            sign_of_life(&mut link.connection)?;
            link.alive_at = suspicions;
        }
        Ok(())
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        // a panic may have left a statement half done
        link.broken || std::thread::panicking()
    }
}
