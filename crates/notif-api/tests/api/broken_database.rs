//! The database is gone, silent, busy, or comes back.

use std::io::Write as _;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use notif_testbed::{Postgres, PostgresOptions, Proxy, TestDatabase, wait_for};

use crate::http::Response;
use crate::rows::{Row, insert};
use crate::server::{Server, World, psql, sql};

const PATHS: [&str; 7] = [
    "/order/o-1",
    "/order/o-1/latest",
    "/order/o-1/timeline",
    "/customer/c-1/notifications",
    "/notifications?eventType=order.*",
    "/records/order_events/0/1",
    "/health",
];

/// A server of PostgreSQL that may be ended, with one order in a database.
fn postgres() -> TestDatabase {
    // durable: a crash of a server that is not would lose the row
    let options = PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    };
    let postgres = Postgres::start(&options).unwrap();
    let database = postgres.create_database().unwrap();
    let row = Row::new(1)
        .text("order_id", "o-1")
        .text("customer_id", "c-1");
    sql(&database, &insert(&[row]));
    database
}

/// Asks until the answer is 200.
fn wait_until_served(server: &Server, path: &str) -> Response {
    wait_for("the API serves again", Duration::from_secs(20), || {
        Some(server.get(path)).filter(|answer| answer.status == 200)
    })
    .unwrap()
}

#[test]
fn a_database_that_is_gone_is_503_until_it_is_back() {
    let database = postgres();
    let server = Server::start(&database.url());
    assert_eq!(server.get("/order/o-1/latest").status, 200);

    database.server().stop_immediate().unwrap();
    for path in PATHS {
        let started = Instant::now();
        let refused = wait_for("503", Duration::from_secs(5), || {
            Some(server.get(path)).filter(|answer| answer.status == 503)
        })
        .unwrap();
        assert_eq!(refused.header("retry-after"), Some("2"), "{refused}");
        assert!(
            started.elapsed() < Duration::from_secs(4),
            "{path} {:?}",
            started.elapsed()
        );
    }
    assert_snapshot!(server.get("/order/o-1"));
    let send = server.send(r#"{"customerId":"c","orderId":"o","event":"e"}"#);
    assert_eq!((send.status, send.header("retry-after")), (503, Some("2")));
    assert_eq!(server.get("/livez").status, 200);

    database.server().restart().unwrap();
    for path in PATHS {
        wait_until_served(&server, path);
    }
}

#[test]
fn a_restart_between_two_requests_costs_no_request() {
    let database = postgres();
    let server = Server::start(&database.url());
    // all connections are open and have been used
    for _ in 0..20 {
        assert_eq!(server.get("/order/o-1/latest").status, 200);
    }
    database.server().restart().unwrap();
    for _ in 0..20 {
        assert_eq!(server.get("/order/o-1/latest").status, 200);
    }
}

#[test]
fn connections_that_were_killed_cost_no_request() {
    let world = World::new();
    world.sql(&Row::new(1).text("order_id", "o-1").insert());
    for _ in 0..3 {
        assert_eq!(world.server.get("/order/o-1/latest").status, 200);
        world.sql(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
             WHERE datname = current_database() AND application_name = 'notif-api'",
        );
        let body = r#"{"customerId":"c","orderId":"o","event":"e"}"#;
        assert_eq!(world.server.send(body).status, 201);
    }
}

#[test]
fn a_server_that_starts_before_its_database_serves_once_it_is_there() {
    let database = postgres();
    database.server().stop_immediate().unwrap();
    let server = Server::start(&database.url());
    let refused = wait_for("503", Duration::from_secs(5), || {
        Some(server.get("/order/o-1")).filter(|answer| answer.status == 503)
    });
    assert!(refused.unwrap().text().contains("database-unavailable"));
    assert_eq!(server.get("/readyz").status, 503);
    database.server().restart().unwrap();
    wait_until_served(&server, "/readyz");
    wait_until_served(&server, "/order/o-1");
}

#[test]
fn a_database_that_falls_silent_is_503_and_no_hanging_request() {
    let database = postgres();
    let server = Server::start(&database.url());
    assert_eq!(server.get("/order/o-1").status, 200);
    database.server().pause().unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for path in PATHS.iter().cycle().take(12) {
            let server = &server;
            scope.spawn(move || assert_eq!(server.get(path).status, 503, "{path}"));
        }
    });
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    database.server().resume().unwrap();
    wait_until_served(&server, "/health");
    wait_until_served(&server, "/order/o-1");
}

#[test]
fn a_connection_that_breaks_in_the_commit_leaves_the_outcome_open() {
    let database = postgres();
    let proxy = Proxy::to(database.server().port()).unwrap();
    let port = format!(":{}/", database.server().port());
    let url = database
        .url()
        .replace(&port, &format!(":{}/", proxy.port()));
    let server = Server::start(&url);
    assert_eq!(server.get("/order/o-1").status, 200);
    // the commit waits for the counter row, so that the connection can be cut meanwhile
    let hold =
        "BEGIN; UPDATE recorder_state SET commit_seq = commit_seq; SELECT pg_sleep(60); COMMIT";
    let mut holder = psql(&database, hold).spawn().unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'notif-api' \
                   AND wait_event_type = 'Lock'";
    let holding = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let until = |question: &str| {
        wait_for(question, Duration::from_secs(10), || {
            (sql(&database, question) == "1").then_some(())
        })
        .unwrap();
    };
    until(holding);
    let answer = std::thread::scope(|scope| {
        let body = r#"{"customerId":"c","orderId":"o","event":"e"}"#;
        let sent = scope.spawn(|| server.send(body));
        until(waiting);
        proxy.cut();
        sent.join().unwrap()
    });
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(answer.status, 503, "{answer}");
    assert_eq!(
        answer.json()["type"],
        "/problems/outcome-unknown",
        "{answer}"
    );
    assert_eq!(
        answer.header("retry-after"),
        None,
        "trying again might store it twice"
    );
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("/notifications/"),
        "{answer}"
    );
}

#[test]
fn a_table_that_is_locked_is_503_in_bounded_time() {
    let world = World::with(|config| config.pool_size = 2);
    world.sql(&Row::new(1).text("order_id", "o-1").insert());
    let lock = "BEGIN; LOCK TABLE notifications; SELECT pg_sleep(60); COMMIT";
    let mut holder = psql(&world.database, lock).spawn().unwrap();
    let locked = "SELECT count(*) FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'AccessExclusiveLock' AND granted \
                  AND relation = 'notifications'::regclass";
    wait_for("the lock", Duration::from_secs(10), || {
        (world.sql(locked) == "1").then_some(())
    })
    .unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let refused = world.server.get("/order/o-1");
                assert_eq!(refused.status, 503, "{refused}");
                assert!(refused.header("retry-after").is_some(), "{refused}");
            });
        }
        // an overload is no failure: the probes have a connection of their own
        scope.spawn(|| assert_eq!(world.server.get("/readyz").status, 200));
    });
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    // ending psql does not end its statement
    world.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    );
    holder.wait().unwrap();
    assert_eq!(world.server.get("/order/o-1").status, 200);
}

#[test]
fn a_statement_that_takes_longer_than_2_s_is_given_up_by_postgresql_too() {
    let world = World::new();
    let row = Row::new(1).text("order_id", "o-1");
    world.sql(&row.text("customer_id", "c-1").insert());
    world.sql(
        "ALTER TABLE notifications RENAME TO rows; \
         CREATE VIEW notifications AS SELECT rows.* FROM rows, pg_sleep(60)",
    );
    for path in ["/order/o-1", "/customer/c-1/notifications"] {
        let started = Instant::now();
        let refused = world.server.get(path);
        let took = started.elapsed();
        assert_eq!(refused.status, 503, "{refused}");
        assert!(refused.header("retry-after").is_some(), "{refused}");
        assert!(took >= Duration::from_secs(2), "{path}: {took:?}");
        assert!(took < Duration::from_secs(6), "{path}: {took:?}");
        // no one is left behind that works for nobody
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND wait_event = 'PgSleep'";
        assert_eq!(world.sql(asleep), "0", "{path}");
    }
}

/// The server processes that the API reads with.
fn readers(world: &World) -> String {
    world.sql(
        "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'notif-api' AND query NOT LIKE '%recorder_state%'",
    )
}

#[test]
fn a_statement_that_a_migration_makes_void_costs_no_request() {
    let world = World::new();
    world.sql(&Row::new(1).text("order_id", "o-1").insert());
    let path = "/order/o-1/latest";
    let everywhere = || {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(world.server.get(path).status, 200));
            }
        });
    };
    let before = world.server.get(path);
    // every connection has prepared it, some may be asked for the first time afterwards
    for _ in 0..20 {
        everywhere();
    }
    world.sql("ALTER TABLE notifications ALTER COLUMN source_service TYPE varchar(200)");
    for _ in 0..20 {
        everywhere();
    }
    assert_eq!(world.server.get(path).text(), before.text());
}

#[test]
fn a_client_that_goes_away_costs_no_connection() {
    let world = World::with(|config| config.pool_size = 1);
    world.sql(&Row::new(1).text("order_id", "o-1").insert());
    assert_eq!(world.server.get("/order/o-1").status, 200);
    let before = readers(&world);
    let lock = "BEGIN; LOCK TABLE notifications; SELECT pg_sleep(60)";
    let mut holder = psql(&world.database, lock).spawn().unwrap();
    let waiting = "SELECT count(*) FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT granted";
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let seen = |what: &str, count: &str| {
        wait_for(what, Duration::from_secs(10), || {
            (world.sql(what) == count).then_some(())
        })
        .unwrap();
    };
    seen(asleep, "1");
    let mut client = std::net::TcpStream::connect(world.server.address()).unwrap();
    client
        .write_all(b"GET /order/o-1/latest HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    seen(waiting, "1");
    drop(client);
    world.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    );
    holder.wait().unwrap();
    assert_eq!(world.server.get("/order/o-1").status, 200);
    assert_eq!(readers(&world), before);
}
