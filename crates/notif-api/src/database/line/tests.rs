//! Lines against a real PostgreSQL, whose server processes are locked out, ended and restarted.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use actix_web::rt::System;
use actix_web::rt::time::sleep;
use notif_core::store::{DatabaseUrl, PoolOptions, notification};
use notif_testbed::postgres::Held;
use notif_testbed::{Postgres, PostgresOptions, TestDatabase};

use super::driver::{IDLE, TICK};
use super::load::SLOW;
use super::*;

const CONNECTIONS: u32 = 3;
const DEPTH: usize = 16;
const LIMIT: Duration = Duration::from_secs(20);
/// So many questions at once that the first line is full and the second one has some.
const BOTH: usize = DEPTH + DEPTH / 2;

struct World {
    lines: Lines,
    pool: Pool,
    permits: Arc<Semaphore>,
    database: TestDatabase,
}

impl World {
    async fn of(database: TestDatabase) -> Self {
        let pool = Pool::new(&PoolOptions {
            url: DatabaseUrl::parse(&database.url()).unwrap(),
            readers: CONNECTIONS,
            writers: 1,
            prepared_statements: true,
        });
        let connections = usize::try_from(CONNECTIONS).unwrap();
        let mut lines = Lines::new(2, DEPTH);
        // on a busy machine an answer may take longer than it is worth to wait for it
        lines.patience = LIMIT;
        lines.room.wait = LIMIT;
        lines.room.near = LIMIT;
        let world = Self {
            lines,
            pool,
            permits: Arc::new(Semaphore::new(connections)),
            database,
        };
        world.until_it_serves().await;
        world
    }

    /// On the server that the tests share.
    async fn new() -> Self {
        Self::of(Postgres::shared().create_database().unwrap()).await
    }

    /// Asks `count` times at once.
    async fn ask_often(&self, count: usize, statement: fn() -> Statement) -> Vec<Option<Outcome>> {
        all((0..count).map(|_| -> Work<'_, _> { Box::pin(self.ask(statement())) })).await
    }

    async fn ask(&self, statement: Statement) -> Option<Outcome> {
        let statement = Arc::new(statement);
        let asking = self.lines.ask(2, &self.pool, &self.permits, &statement);
        asking.await
    }

    /// Asks until both lines answer and have nothing else to do: connections are made in the background.
    async fn until_it_serves(&self) {
        let started = Instant::now();
        loop {
            let answers = self.ask_often(BOTH, Statement::sign_of_life).await;
            let room = Room {
                depth: 1,
                ..self.lines.room
            };
            let is_idle = |line: &Line| line.has(room);
            if self.permits_taken() == 2 && are_good(&answers) && self.lines.all.iter().all(is_idle)
            {
                return;
            }
            assert!(started.elapsed() < LIMIT, "the lines do not serve");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many server processes wait for a lock; their numbers.
    async fn locked_out(&self, count: usize) -> Vec<i64> {
        let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                       AND datname = current_database() AND application_name = 'notif-api' \
                       ORDER BY pid";
        let started = Instant::now();
        loop {
            let rows = self.database.rows(waiting).unwrap();
            if rows.len() == count {
                return rows
                    .iter()
                    .map(|row| row["pid"].as_i64().unwrap())
                    .collect();
            }
            assert!(started.elapsed() < LIMIT, "{} are locked out", rows.len());
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn lock(&self) -> Held {
        self.database.hold("LOCK TABLE notifications").unwrap()
    }

    fn permits_taken(&self) -> usize {
        usize::try_from(CONNECTIONS)
            .unwrap()
            .saturating_sub(self.permits.available_permits())
    }
}

impl Line {
    fn seems_slow(&self) {
        let driver = lock(&self.0);
        driver.as_ref().unwrap().load.seems_slow(LIMIT);
    }
}

fn are_good(outcomes: &[Option<Outcome>]) -> bool {
    outcomes.iter().all(|one| matches!(one, Some(Ok(_))))
}

fn run(test: impl Future<Output = ()>) {
    System::new().block_on(test);
}

/// A question for the table, which can be locked.
fn latest() -> Statement {
    notification::order_latest_small("o-1").unwrap().split().0
}

type Work<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Does all of it at the same time.
async fn all<T>(works: impl IntoIterator<Item = Work<'_, T>>) -> Vec<T> {
    let mut works: Vec<_> = works.into_iter().map(|work| (work, None)).collect();
    poll_fn(|cx| {
        for (work, outcome) in &mut works {
            if outcome.is_none()
                && let Poll::Ready(ready) = work.as_mut().poll(cx)
            {
                *outcome = Some(ready);
            }
        }
        let all_done = works.iter().all(|(_, outcome)| outcome.is_some());
        if all_done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    works
        .into_iter()
        .filter_map(|(_, outcome)| outcome)
        .collect()
}

#[test]
fn what_is_refused_on_a_line_does_no_harm_to_what_shares_it() {
    run(async {
        let world = World::new().await;
        world
            .database
            .execute("ALTER TABLE notifications RENAME TO elsewhere")
            .unwrap();
        // two lines, and on each go both kinds, four together
        let question = |place| match place % 4 {
            0 | 1 => Statement::sign_of_life(),
            _ => latest(),
        };
        let asked = (0..BOTH).map(|place| -> Work<'_, _> { Box::pin(world.ask(question(place))) });
        let outcomes = all(asked).await;
        for (place, outcome) in outcomes.iter().enumerate() {
            match (place % 4, outcome) {
                (2, Some(Err(StoreError::Refused(words)))) => {
                    assert!(words.contains("notifications"), "{words}");
                }
                // it came behind one that was refused, or whose statement could not be prepared: to be
                // asked again
                (0 | 1, Some(Ok(_))) | (2 | 3, None) => {}
                (_, Some(Err(error))) => panic!("{place}: {error}"),
                _ => panic!("{place}: none"),
            }
        }
        let refused = outcomes.iter().filter(|one| matches!(one, Some(Err(_))));
        assert!(refused.count() >= 1);
        assert!(matches!(
            world.ask(Statement::sign_of_life()).await,
            Some(Ok(_))
        ));
    });
}

#[test]
fn a_line_on_which_nothing_moves_is_left_and_comes_back() {
    run(async {
        let mut world = World::new().await;
        let held = world.lock();
        world.lines.patience = SLOW * 2;
        let outcomes = world.ask_often(BOTH, latest).await;
        // who waited for its statement to take too long would be refused
        assert!(outcomes.iter().all(Option::is_none));
        let stuck = world.locked_out(2).await;
        world.lines.patience = LIMIT;
        // who waited for a line that hangs would be answered, once its statement takes too long
        let other = world.ask(Statement::sign_of_life()).await;
        assert!(other.is_none());
        assert_eq!(world.permits_taken(), 2, "a line has a connection");
        drop(held);
        world.until_it_serves().await;
        let _held = world.lock();
        let asked = world.ask_often(BOTH, latest);
        let seen = async {
            assert_eq!(world.locked_out(2).await, stuck, "the same connections");
            Vec::new()
        };
        let both: [Work<'_, Vec<_>>; 2] = [Box::pin(asked), Box::pin(seen)];
        all(both).await;
    });
}

#[test]
fn who_has_gone_costs_nobody_anything() {
    run(async {
        let world = World::new().await;
        let held = world.lock();
        // the way of a client that goes: its request is dropped, here before anything is sent
        for _ in 0..100 {
            let mut asking = Box::pin(world.ask(latest()));
            poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_ready())).await;
        }
        // the drivers look
        sleep(Duration::from_millis(1)).await;
        // had they been sent nevertheless, both lines would hang
        let others = world.ask_often(BOTH, Statement::sign_of_life).await;
        assert!(are_good(&others));
        // and here while PostgreSQL is at it
        let mut asking = Box::pin(world.ask(latest()));
        let mut seen = Box::pin(world.locked_out(1));
        poll_fn(|cx| {
            assert!(asking.as_mut().poll(cx).is_pending());
            seen.as_mut().poll(cx).map(drop)
        })
        .await;
        drop(asking);
        while world.lines.all[0].has(world.lines.room) {
            // not yet known to hang
            sleep(Duration::from_millis(5)).await;
        }
        let other = world.ask(Statement::sign_of_life()).await;
        assert!(matches!(other, Some(Ok(_))), "the other line serves");
        drop(held);
        world.until_it_serves().await;
        let answers = world.ask_often(BOTH, latest).await;
        assert!(are_good(&answers));
    });
}

#[test]
fn what_is_under_way_when_a_connection_ends_is_known_at_once_and_lines_begin_anew() {
    run(async {
        let world = World::new().await;
        for _ in 0..2 {
            let held = world.lock();
            let end = async {
                for pid in world.locked_out(2).await {
                    let end = format!("SELECT pg_terminate_backend({pid}, 5000)::int");
                    assert_eq!(world.database.number(&end).unwrap(), 1);
                }
                Vec::new()
            };
            let works: [Work<'_, Vec<_>>; 2] =
                [Box::pin(world.ask_often(BOTH, latest)), Box::pin(end)];
            // who waited out its patience would make this take as long
            let outcomes: Vec<_> = all(works).await.into_iter().flatten().collect();
            assert_eq!(outcomes.len(), BOTH);
            assert!(outcomes.iter().all(Option::is_none));
            drop(held);
            world.until_it_serves().await;
        }
    });
}

#[test]
fn nobody_joins_a_line_that_would_take_too_long() {
    run(async {
        let world = World::new().await;
        let held = world.lock();
        let mut firsts = [world.ask(latest()), world.ask(latest())].map(Box::pin);
        let mut seen = Box::pin(world.locked_out(1));
        poll_fn(|cx| {
            for first in &mut firsts {
                assert!(first.as_mut().poll(cx).is_pending());
            }
            seen.as_mut().poll(cx).map(drop)
        })
        .await;
        world.lines.all[0].seems_slow();
        let has_room = |line: &Line| line.has(world.lines.room);
        assert!(!has_room(&world.lines.all[0]) && has_room(&world.lines.all[1]));
        let other = world.ask(Statement::sign_of_life()).await;
        assert!(matches!(other, Some(Ok(_))), "the other line serves");
        drop(held);
    });
}

#[test]
fn where_the_turn_is_near_in_none_the_emptiest_is_joined_of_those_that_are_open() {
    run(async {
        let mut world = World::new().await;
        world.lines.room.near = Duration::ZERO;
        world.lines.room.rest = LIMIT;
        let _held = world.lock();
        let statement = Arc::new(latest());
        let ask = |among| {
            let asking = (world.lines).ask(among, &world.pool, &world.permits, &statement);
            Box::pin(asking)
        };
        let waiting = || [0, 1].map(|line| world.lines.all[line].waiting());
        let mut asked = Vec::new();
        // a second one may always join
        for (among, then) in [
            (2, [1, 0]),
            (2, [2, 0]),
            (2, [2, 1]),
            (2, [2, 2]),
            (2, [3, 2]),
            (2, [3, 3]),
            (1, [4, 3]),
            (1, [5, 3]),
            (1, [6, 3]),
            (2, [6, 4]),
        ] {
            let mut asking = ask(among);
            let begun = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_pending()));
            assert!(begun.await);
            asked.push(asking);
            assert_eq!(waiting(), then);
        }
    });
}

#[test]
fn lines_serve_again_after_postgresql_was_restarted() {
    let postgres = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = postgres.create_database().unwrap();
    run(async {
        let world = World::of(database).await;
        world.database.server().restart().unwrap();
        world.until_it_serves().await;
        let answers = world.ask_often(BOTH, latest).await;
        assert!(are_good(&answers));
    });
}

#[test]
fn a_line_that_nobody_needs_gives_its_connection_back() {
    run(async {
        let world = World::new().await;
        let started = Instant::now();
        while world.permits_taken() > 0 {
            assert!(started.elapsed() < LIMIT);
            sleep(TICK).await;
        }
        assert!(started.elapsed() > IDLE / 2);
    });
}
