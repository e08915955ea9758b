//! The environment fails: no offset moves, the exit code says whose fault it was, and it ends.

use std::time::{Duration, Instant};

use notif_testbed::postgres::Postgres;

use crate::truth::{assert_recorded, assert_recovers};
use crate::world::{Report, World};

#[test]
fn no_broker_is_exit_4_within_the_deadline() {
    let world = World::with_topics(0);
    let started = Instant::now();
    let report = Report::of(
        world
            .command()
            .env("KAFKA_TOPICS", "order-events")
            .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
            .env("POLL_DEADLINE_SECONDS", "3"),
    );
    report.expect("failed", 4, 0);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    assert!(report.stderr.contains("127.0.0.1:1"), "{}", report.stderr);
    assert!(report.stderr.contains("hint: "), "{}", report.stderr);
    // the run reached PostgreSQL, so it is in the ledger
    assert_eq!(world.number("SELECT exit_code FROM poll_runs"), 4);
}

#[test]
fn a_broker_that_accepts_and_never_answers_is_exit_4() {
    let proxy = notif_testbed::proxy::Proxy::listen().unwrap();
    proxy.half_open();
    let world = World::with_topics(0);
    let report = Report::of(
        world
            .command()
            .env("KAFKA_TOPICS", "order-events")
            .env(
                "KAFKA_BOOTSTRAP_SERVERS",
                format!("127.0.0.1:{}", proxy.port()),
            )
            .env("POLL_DEADLINE_SECONDS", "3"),
    );
    report.expect("failed", 4, 0);
}

#[test]
fn a_database_that_cannot_be_used_is_exit_3() {
    let world = World::with_topics(1);
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    let url = world.database.url();
    let nowhere = "postgresql://postgres@127.0.0.1:1/nothing".to_owned();
    let no_such = url.replace(world.database.name(), "no_such_database");
    for (url, says) in [(nowhere, "127.0.0.1"), (no_such, "no_such_database")] {
        let report = Report::of(world.command().env("DATABASE_URL", url));
        report.expect("failed", 3, 0);
        assert!(report.stderr.contains(says), "{}", report.stderr);
    }
    world
        .database
        .execute(&format!(
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            world.database.name()
        ))
        .unwrap();
    let report = world.poll();
    report.expect("failed", 3, 0);
    assert!(report.stderr.contains("read-only"), "{}", report.stderr);
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 0);
}

#[test]
fn a_wrong_password_is_exit_3_and_is_not_shown() {
    use notif_testbed::postgres::PostgresOptions;
    let server = Postgres::start(&PostgresOptions::default()).unwrap();
    let database = server.create_database().unwrap();
    database
        .execute("CREATE ROLE somebody LOGIN PASSWORD 'right'")
        .unwrap();
    let hba = server.folder().join("data").join("pg_hba.conf");
    std::fs::write(&hba, "host all somebody 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n").unwrap();
    database.execute("SELECT pg_reload_conf()").unwrap();
    let url = format!(
        "postgresql://somebody:s3cr3t@127.0.0.1:{}/{}",
        server.port(),
        database.name()
    );
    let world = World::with_topics(0);
    // the reload reaches the postmaster a moment later
    notif_testbed::wait::wait_until(
        "the server asking for passwords",
        Duration::from_secs(10),
        || {
            let report = Report::of(
                world
                    .command()
                    .env("KAFKA_TOPICS", "t")
                    .env("DATABASE_URL", &url),
            );
            assert!(!report.stderr.contains("s3cr3t"), "{}", report.stderr);
            report.code == 3 && report.stderr.contains("password authentication failed")
        },
    )
    .unwrap();
}

#[test]
fn no_schema_is_exit_7_and_names_the_command() {
    let world = World::with_topics(0);
    let empty = Postgres::shared().empty_database().unwrap();
    let report = Report::of(
        world
            .command()
            .env("KAFKA_TOPICS", "t")
            .env("DATABASE_URL", empty.url()),
    );
    report.expect("failed", 7, 0);
    assert!(
        report.stderr.contains("notif-poll migrate"),
        "{}",
        report.stderr
    );
}

#[test]
fn a_schema_that_asks_for_a_newer_binary_is_exit_7() {
    let world = World::with_topics(0);
    world
        .database
        .execute("UPDATE recorder_state SET min_binary = '99.0.0'")
        .unwrap();
    let report = Report::of(world.command().env("KAFKA_TOPICS", "t"));
    report.expect("failed", 7, 0);
    assert!(report.stderr.contains("99.0.0"), "{}", report.stderr);
}

#[test]
fn another_kafka_cluster_is_exit_2_and_nothing_is_written() {
    let world = World::with_topics(1);
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    world
        .database
        .execute("UPDATE recorder_state SET cluster_id = 'another'")
        .unwrap();
    let report = world.poll();
    report.expect("failed", 2, 0);
    assert!(report.stderr.contains("another"), "{}", report.stderr);
    assert_eq!(world.number("SELECT count(*) FROM kafka_offsets"), 0);
}

#[test]
fn a_database_that_goes_away_in_the_middle_moves_nothing_and_the_next_poll_goes_on() {
    use notif_testbed::postgres::PostgresOptions;
    let server = Postgres::start(&PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    })
    .unwrap();
    let world = World {
        database: server.create_database().unwrap(),
        ..World::with_topics(1)
    };
    world.produce_numbers(30_000);
    let report = std::thread::scope(|scope| {
        let poll = scope.spawn(|| world.poll());
        notif_testbed::wait::wait_until("a first batch", Duration::from_secs(60), || {
            world.number("SELECT count(*) FROM notifications") > 0
        })
        .unwrap();
        server.stop_immediate().unwrap();
        poll.join().unwrap()
    });
    server.restart().unwrap();
    assert_eq!(report.code, 3, "{report:?}");
    let stored = world.number("SELECT count(*) FROM notifications");
    assert!(stored < 30_000);
    world.assert_tiled();
    assert_recovers(&world, "a server that went away").expect("drained", 0, 30_000 - stored);
    assert_recorded(&world, world.topic(), None);
}

#[test]
fn a_database_that_hangs_is_exit_3_soon_after_the_deadline() {
    use notif_testbed::postgres::PostgresOptions;
    let server = Postgres::start(&PostgresOptions::default()).unwrap();
    let world = World {
        database: server.create_database().unwrap(),
        ..World::with_topics(1)
    };
    world.produce_numbers(60_000);
    let started = Instant::now();
    let mut command = world.command();
    command.env("POLL_DEADLINE_SECONDS", "8");
    let finished = std::thread::scope(|scope| {
        let poll =
            scope.spawn(move || notif_testbed::process::run(&mut command, Duration::from_secs(40)));
        notif_testbed::wait::wait_until("a first batch", Duration::from_secs(60), || {
            world.number("SELECT count(*) FROM notifications") > 0
        })
        .unwrap();
        server.pause().unwrap();
        poll.join().unwrap().unwrap()
    });
    server.resume().unwrap();
    assert_eq!(finished.status.code(), Some(3), "{finished:?}");
    assert!(
        started.elapsed() < Duration::from_secs(25),
        "{:?}",
        started.elapsed()
    );
    assert!(
        finished.stderr.contains("PostgreSQL did not answer"),
        "{}",
        finished.stderr
    );
    let stored = world.number("SELECT count(*) FROM notifications");
    assert_recovers(&world, "a server that hung").expect("drained", 0, 60_000 - stored);
    assert_recorded(&world, world.topic(), None);
}

#[test]
fn a_position_that_is_recorded_already_stops_its_partition_and_no_other() {
    let world = World::with_topics(1);
    for partition in 0..3 {
        world
            .kafka
            .produce(world.topic(), partition, vec!["{}"; 8])
            .unwrap();
    }
    world.poll().expect("drained", 0, 24);
    // the offset row of one partition was set back by hand
    world
        .database
        .execute("UPDATE kafka_offsets SET \"offset\" = 3 WHERE partition = 1")
        .unwrap();
    for partition in [0, 2] {
        world
            .kafka
            .produce(world.topic(), partition, ["{}"])
            .unwrap();
    }
    let report = world.poll();
    report.expect("stopped", 9, 2);
    let problem = report.partition(world.topic(), 1)["problem"]
        .as_str()
        .unwrap();
    assert!(problem.contains("is recorded already"), "{problem}");
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 26);
    assert_eq!(
        world.number("SELECT \"offset\" FROM kafka_offsets WHERE partition = 1"),
        3
    );
    assert_eq!(
        world.number("SELECT stopped_offset FROM kafka_offsets WHERE stopped_reason = 'conflict'"),
        4
    );
    world.poll().expect("stopped", 9, 0);
}

#[test]
fn a_second_connection_that_is_refused_slows_the_recording_down_and_does_not_end_it() {
    let world = World::with_topics(1);
    let role = notif_testbed::unique("poller");
    world
        .database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN CONNECTION LIMIT 1; \
             GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; \
             GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"
        ))
        .unwrap();
    world.produce_numbers(6_000);
    let url = world
        .database
        .url()
        .replace("postgres@", &format!("{role}@"));
    let report = Report::of(world.command().env("DATABASE_URL", &url));
    report.expect("drained", 0, 6_000);
    assert!(
        report.stderr.contains("one connection instead of two"),
        "{}",
        report.stderr
    );
    world
        .database
        .execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .unwrap();
}

#[test]
fn a_slow_database_gets_smaller_batches_and_makes_headway_in_every_run() {
    use notif_testbed::kafka::Message;
    let world = World::with_partitions(1, 1);
    world
        .database
        .execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_sleep(0.002); RETURN NEW; END'; \
             CREATE TRIGGER dawdle BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION dawdle()",
        )
        .unwrap();
    let messages = (0..6_000).map(|n| Message::new(format!(r#"{{"n":{n}}}"#)));
    world
        .kafka
        .producer()
        .unwrap()
        .produce(world.topic(), 0, messages)
        .unwrap();
    let report = Report::of(world.command().env("POLL_DEADLINE_SECONDS", "4"));
    assert_eq!((report.outcome(), report.code), ("behind", 5), "{report:?}");
    assert!(report.records() > 0);
    let stored = report.records();
    assert_eq!(world.number("SELECT count(*) FROM notifications"), stored);
    world.assert_tiled();
    world
        .database
        .execute("DROP TRIGGER dawdle ON notifications")
        .unwrap();
    world.poll().expect("drained", 0, 6_000 - stored);
}
