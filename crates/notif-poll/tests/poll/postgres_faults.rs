//! PostgreSQL fails in the middle of a batch, or is set up oddly. Whatever happened: no offset moved
//! without its rows, the exit code says whose fault it was, and the next poll leaves exactly what
//! Kafka holds.
//!
//! A server that stops or hangs in mid-run is in `failure.rs`, a restored dump in `restore.rs`.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notif_testbed::kafka::Message;
use notif_testbed::postgres::{Postgres, PostgresOptions};
use notif_testbed::wait::wait_until;

use crate::truth::{assert_recorded, assert_recovers};
use crate::world::{Report, World, notif_poll};

const LIMIT: Duration = Duration::from_secs(60);

/// The server whose connections are used up, for one test at a time.
fn small_server() -> (&'static Postgres, MutexGuard<'static, ()>) {
    static SERVER: LazyLock<Postgres> = LazyLock::new(|| {
        Postgres::start(&PostgresOptions {
            settings: vec![("max_connections".to_owned(), "16".to_owned())],
            ..PostgresOptions::default()
        })
        .unwrap()
    });
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (&SERVER, turn)
}

/// A world that one poll went over, so that nothing is in the way of a batch but what the test puts
/// there; then `count` records more.
fn world_with_backlog(world: World, count: i32) -> World {
    world.produce_numbers(3);
    world.poll().expect("drained", 0, 3);
    world.produce_numbers(count);
    world
}

/// Offsets, rows and ledgers as they are: what a poll that failed must not have touched.
fn recorded(world: &World) -> Vec<serde_json::Value> {
    world
        .database
        .rows(
            "SELECT (SELECT jsonb_agg(o ORDER BY topic, partition) FROM (SELECT topic, partition, \
             \"offset\", records FROM kafka_offsets) o) AS offsets, \
             (SELECT count(*) FROM notifications) AS rows, \
             (SELECT sum(records) FROM recorded_ranges) AS ranges, \
             (SELECT count(*) FROM batches) AS batches",
        )
        .unwrap()
}

fn wait_until_blocked(world: &World) {
    wait_until("a poll that waits for a lock", LIMIT, || {
        world.number(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'notif-poll' \
             AND datname = current_database() AND wait_event_type = 'Lock'",
        ) > 0
    })
    .unwrap();
}

/// Runs a poll whose batch is complete but for its end, which waits for the counter; does `fault`
/// there. The poll's report.
fn in_mid_batch(world: &World, fault: impl FnOnce()) -> Report {
    let held = world
        .database
        .hold("SELECT FROM recorder_state FOR UPDATE")
        .unwrap();
    let report = std::thread::scope(|scope| {
        let poll = scope.spawn(|| world.poll());
        wait_until_blocked(world);
        fault();
        poll.join().unwrap()
    });
    drop(held);
    report
}

#[test]
fn a_backend_that_is_terminated_in_mid_batch_leaves_nothing_of_it() {
    let world = world_with_backlog(World::with_topics(1), 300);
    let before = recorded(&world);
    let report = in_mid_batch(&world, || {
        world
            .database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = 'notif-poll' AND datname = current_database()",
            )
            .unwrap();
    });
    report.expect("failed", 3, 0);
    assert_eq!(recorded(&world), before);
    assert_recovers(&world, "a terminated backend").expect("drained", 0, 300);
    assert_recorded(&world, world.topic(), None);
}

#[test]
fn a_server_that_crashes_in_mid_batch_leaves_nothing_of_it() {
    let (server, _turn) = small_server();
    let world = World {
        database: server.create_database().unwrap(),
        ..World::with_topics(1)
    };
    let world = world_with_backlog(world, 300);
    let before = recorded(&world);
    let report = in_mid_batch(&world, || server.stop_immediate().unwrap());
    report.expect("failed", 3, 0);
    server.restart().unwrap();
    assert_eq!(recorded(&world), before);
    assert_recovers(&world, "a crashed server").expect("drained", 0, 300);
    assert_recorded(&world, world.topic(), None);
}

#[test]
fn a_server_without_a_free_connection_is_exit_3() {
    let (server, _turn) = small_server();
    let world = World {
        database: server.create_database().unwrap(),
        ..World::with_topics(1)
    };
    let world = world_with_backlog(world, 30);
    let before = recorded(&world);
    let mut all = Vec::new();
    while let Ok(connection) = world.database.connect() {
        all.push(connection);
        assert!(all.len() < 50, "the server never refused");
    }
    let report = world.poll();
    report.expect("failed", 3, 0);
    assert!(
        report.stderr.contains("too many clients"),
        "{}",
        report.stderr
    );
    drop(all);
    // the server sees the ends of the connections a moment later
    assert_recovers(&world, "used up connections").expect("drained", 0, 30);
    assert_ne!(recorded(&world), before);
    assert_recorded(&world, world.topic(), None);
}

/// Five seconds are what a batch waits for a lock.
#[test]
fn a_foreign_lock_on_the_rows_is_exit_3_and_moves_nothing() {
    foreign_lock("LOCK TABLE notifications IN SHARE MODE");
}

#[test]
fn a_foreign_lock_on_an_offset_row_is_exit_3_and_moves_nothing() {
    foreign_lock("SELECT FROM kafka_offsets WHERE partition = 1 FOR UPDATE");
}

fn foreign_lock(sql: &str) {
    let world = world_with_backlog(World::with_topics(1), 30);
    let before = recorded(&world);
    let held = world.database.hold(sql).unwrap();
    let report = world.poll();
    report.expect("failed", 3, 0);
    assert!(report.stderr.contains("lock timeout"), "{}", report.stderr);
    drop(held);
    assert_eq!(recorded(&world), before);
    assert_recovers(&world, sql).expect("drained", 0, 30);
    assert_recorded(&world, world.topic(), None);
}

/// The limit of the role or the database is the operator's, and ends what is outside a batch; a batch
/// has its own.
#[test]
fn a_statement_timeout_of_the_database_ends_a_run_but_cuts_no_batch_short() {
    let world = world_with_backlog(World::with_topics(1), 30);
    let before = recorded(&world);
    world
        .database
        .execute(&format!(
            "ALTER DATABASE {} SET statement_timeout = '300ms'; \
             CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_sleep(0.6); RETURN NULL; END'; \
             CREATE TRIGGER dawdle BEFORE INSERT ON notifications EXECUTE FUNCTION dawdle()",
            world.database.name()
        ))
        .unwrap();
    let held = world
        .database
        .hold("SET LOCAL statement_timeout = 0; LOCK TABLE poll_runs IN SHARE MODE")
        .unwrap();
    let report = world.poll();
    report.expect("failed", 3, 0);
    assert!(
        report.stderr.contains("statement timeout"),
        "{}",
        report.stderr
    );
    drop(held);
    assert_eq!(recorded(&world), before);
    assert_recovers(&world, "a statement timeout").expect("drained", 0, 30);
    assert_recorded(&world, world.topic(), None);
}

#[test]
fn a_full_disk_is_exit_3_and_once_there_is_room_the_rest_is_recorded() {
    const SMALL_MB: u32 = 6;
    const RECORDS: i32 = 3_000;
    let server = Postgres::start(&PostgresOptions {
        small_disk_mb: Some(SMALL_MB),
        ..PostgresOptions::default()
    })
    .unwrap();
    let world = World {
        database: server.create_database().unwrap(),
        ..World::with_topics(1)
    };
    let disk = server.small_disk();
    world
        .database
        .execute(&format!(
            "CREATE TABLESPACE small LOCATION '{}'",
            disk.display()
        ))
        .unwrap();
    world
        .database
        .execute("ALTER TABLE notifications SET TABLESPACE small")
        .unwrap();
    world
        .kafka
        .producer()
        .unwrap()
        .produce_all((0..RECORDS).map(|n| {
            // four kilobytes that PostgreSQL cannot make smaller
            let filler: String = (0..64).map(|part| random_digits(n, part)).collect();
            let value = format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
            (world.topic(), n % 3, Message::new(value))
        }))
        .unwrap();
    let report = world.poll();
    assert_eq!((report.outcome(), report.code), ("failed", 3), "{report:?}");
    assert!(
        report.stderr.contains("No space left on device"),
        "{}",
        report.stderr
    );
    let stored = world.number("SELECT count(*) FROM notifications");
    assert_eq!(report.records(), stored);
    world.assert_tiled();
    // it stays so, and nothing is lost meanwhile
    assert_eq!(world.poll().code, 3);
    server.resize_small_disk(128).unwrap();
    let stored = world.number("SELECT count(*) FROM notifications");
    assert!(stored < i64::from(RECORDS), "{stored}");
    assert_recovers(&world, "a full disk").expect("drained", 0, i64::from(RECORDS) - stored);
    assert_recorded(&world, world.topic(), None);
}

fn random_digits(n: i32, part: i32) -> String {
    crate::drain::sha256_hex(format!("{n} {part}").as_bytes())
}

/// All that a record alone decides of its row.
fn rows(world: &World) -> Vec<serde_json::Value> {
    world
        .database
        .rows(
            "SELECT notification_id, order_id, customer_id, event::text AS event, \
             event_bytes = octet_length(event::text) AS measured, \
             occurred_at AT TIME ZONE 'UTC' AS at, kafka_timestamp_ms, source_offset, \
             encode(raw, 'hex') AS raw, headers, encode(message_key, 'hex') AS key, \
             encode(value_sha256, 'hex') AS hash FROM notifications ORDER BY notification_id",
        )
        .unwrap()
}

/// Migrated and polled under settings that an operator may have made for reasons of his own.
#[test]
fn a_database_with_odd_defaults_holds_the_same_record() {
    let world = World::with_topics(1);
    let messages = [
        Message::new(r#"{"type":"übergabe 🚲","payload":{"order_id":"o\\1'","customerId":"ł"}}"#)
            .key([0, 0xFF, b'\\', b'\''])
            .header("naïve", Some("\\x00 déjà".as_bytes())),
        Message::new([b'\\', b'n', 0xFF, 0, b'\'']),
        Message::new(r#"{"timestamp":"2026-02-03T04:05:06+05:45","payload":null}"#)
            .at(1_770_000_000_123),
        Message::default(),
    ];
    world.kafka.produce(world.topic(), 0, messages).unwrap();
    world.poll().expect("drained", 0, 4);

    let database = Postgres::shared().empty_database().unwrap();
    database.execute("CREATE SCHEMA elsewhere").unwrap();
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'iso_8601'",
        "TimeZone = 'Asia/Kathmandu'",
        "bytea_output = 'escape'",
        "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off",
        "escape_string_warning = off",
        "extra_float_digits = -15",
        "search_path = elsewhere",
    ] {
        let name = database.name();
        database
            .execute(&format!("ALTER DATABASE {name} SET {setting}"))
            .unwrap();
    }
    let migrated = notif_testbed::process::run(
        notif_poll()
            .arg("migrate")
            .env("DATABASE_URL", database.url()),
        LIMIT,
    );
    migrated.unwrap().success().unwrap();
    let odd = World {
        database,
        kafka: world.kafka,
        topics: world.topics.clone(),
    };
    odd.poll().expect("drained", 0, 4);
    assert_eq!(rows(&odd), rows(&world));
    assert_eq!(
        odd.number("SELECT count(*) FROM elsewhere.notifications"),
        4
    );
    assert!(rows(&odd).iter().all(|row| row["measured"] == true));
    odd.kafka.produce(odd.topic(), 1, ["{}"]).unwrap();
    odd.poll().expect("drained", 0, 1);
    odd.poll().expect("nothing", 0, 0);
    assert_recorded(&odd, odd.topic(), None);
}

/// The standby lacks what the primary recorded last, and its sequences stand where they stood.
#[test]
fn on_a_promoted_standby_what_it_never_received_is_read_again() {
    let primary = Postgres::start(&PostgresOptions::default()).unwrap();
    let world = World {
        database: primary.create_database().unwrap(),
        ..World::with_topics(1)
    };
    let world = world_with_backlog(world, 60);
    world.poll().expect("drained", 0, 60);
    let standby = Postgres::start(&PostgresOptions {
        standby_of: Some(primary.admin_url()),
        ..PostgresOptions::default()
    })
    .unwrap();
    let successor = World {
        database: standby.existing_database(world.database.name()),
        kafka: world.kafka,
        topics: world.topics.clone(),
    };
    // a standby refuses, with a hint to the primary
    let report = successor.poll();
    report.expect("failed", 3, 0);
    assert!(report.stderr.contains("primary"), "{}", report.stderr);

    let on_standby = |sql: &str| successor.database.execute(sql).unwrap();
    on_standby("ALTER SYSTEM SET primary_conninfo = ''");
    on_standby("SELECT pg_reload_conf()");
    wait_until("the end of the stream", LIMIT, || {
        successor.number("SELECT count(*) FROM pg_stat_wal_receiver") == 0
    })
    .unwrap();
    world.produce_numbers(30);
    world.poll().expect("drained", 0, 30);
    primary.stop_immediate().unwrap();
    assert_eq!(successor.number("SELECT count(*) FROM notifications"), 63);
    on_standby("SELECT pg_promote(wait_seconds => 60)");
    // as after a failover that copies no sequences
    on_standby("SELECT setval('batches_batch_id_seq', 1), setval('poll_runs_run_id_seq', 1)");

    successor.produce_numbers(3);
    assert_recovers(&successor, "a promoted standby").expect("drained", 0, 33);
    assert_recorded(&successor, successor.topic(), None);
    assert_eq!(
        successor.number("SELECT max(batch_id) - count(*) FROM batches"),
        0,
        "batches are numbered on where they stood"
    );
    successor.poll().expect("nothing", 0, 0);
}
