//! A database that the Python version filled: left as it is, then moved over with the SQL of
//! `docs/moving-from-python.md`, which is taken from the page itself.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use notif_testbed::kafka::Kafka;
use notif_testbed::postgres::{Postgres, TestDatabase};
use notif_testbed::process::{self, Finished};
use notif_testbed::unique;

use crate::world::{Report, World};

const PAGE: &str = include_str!("../../../../docs/moving-from-python.md");

/// The tables as `SQLAlchemy` makes them of the guide's models, with rows as its poller and its web
/// server write them. In the order of time: the fourth, the second, the first, the third; the last
/// one has no time.
const MODELS: &str = r#"
CREATE TABLE notifications (
    notification_id varchar(36) NOT NULL PRIMARY KEY,
    customer_id varchar(255),
    runner_id varchar(255),
    order_id varchar(255),
    event text NOT NULL,
    status varchar(50) NOT NULL,
    created_at timestamp,
    source_topic varchar(255),
    event_type varchar(255),
    correlation_id varchar(255),
    source_service varchar(255)
);
CREATE INDEX ix_notifications_customer_id ON notifications (customer_id);
CREATE INDEX ix_notifications_runner_id ON notifications (runner_id);
CREATE INDEX ix_notifications_order_id ON notifications (order_id);
CREATE TABLE kafka_offsets (
    topic varchar(255) NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    updated_at timestamp,
    PRIMARY KEY (topic, partition)
);
INSERT INTO notifications VALUES
    ('c2cb0b03-27fd-4609-8c9b-69c833d3785f', 'cust-1', NULL, 'o-1',
     '{"topic": "order-events", "event_type": "order.created", "correlation_id": "saga-1", "source_service": "order-service", "timestamp": "2024-11-05T12:30:45.120931", "payload": {"order_id": "o-1", "customer_id": "cust-1"}}',
     'captured', '2024-11-05 12:30:45.121987', 'order-events', 'order.created', 'saga-1', 'order-service'),
    ('61d81633-ba78-418b-9640-bb0bb677bf41', '', NULL, '',
     '{"topic": "payment-events", "event_type": "payment.failed", "correlation_id": "", "source_service": "unknown", "timestamp": "2024-11-05T12:30:45.100000", "payload": {}}',
     'captured', '2024-11-05 12:30:45.101', 'payment-events', 'payment.failed', '', 'unknown'),
    ('634407A1-24BD-45FB-9335-60219F745946', 'cust-1', 'run-1', 'o-1',
     'Your order has been placed', 'captured', '2024-11-06 00:00:00', NULL, NULL, NULL, NULL),
    ('not-a-uuid', 'cust-2', NULL, 'o-2',
     '{"topic": "user-events", "payload": {"note": "\u0000", "n": Infinity}}',
     'captured', '2024-01-31 23:59:59.999999', 'user-events', 'user.login', 'saga-2', 'user-service'),
    ('00000000-0000-0000-c000-00000000000a', NULL, NULL, NULL, '[1, 2]', 'seen', NULL, '', '', '', '');
"#;

/// The tables as the guide's SQL has them, once its mistakes are mended so that PostgreSQL takes it.
const STATEMENTS: &str = r#"
CREATE TABLE notifications (
    notification_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id varchar(255),
    runner_id varchar(255),
    order_id varchar(255),
    event jsonb NOT NULL,
    status varchar(50) NOT NULL DEFAULT 'captured',
    created_at timestamptz DEFAULT now(),
    source_topic varchar(255) NOT NULL,
    event_type varchar(255) NOT NULL,
    correlation_id varchar(255),
    source_service varchar(255)
);
CREATE INDEX idx_customer_id ON notifications (customer_id);
CREATE INDEX idx_order_id ON notifications (order_id);
CREATE INDEX idx_created_at ON notifications (created_at);
CREATE INDEX idx_event_type ON notifications (event_type);
CREATE INDEX idx_correlation_id ON notifications (correlation_id);
CREATE TABLE kafka_offsets (
    topic varchar(255) NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    updated_at timestamptz DEFAULT now(),
    PRIMARY KEY (topic, partition)
);
INSERT INTO notifications VALUES
    ('c2cb0b03-27fd-4609-8c9b-69c833d3785f', 'cust-1', NULL, 'o-1',
     '{"topic": "order-events", "event_type": "order.created", "correlation_id": "saga-1", "source_service": "order-service", "timestamp": "2024-11-05T12:30:45.120931", "payload": {"order_id": "o-1", "customer_id": "cust-1"}}',
     'captured', '2024-11-05 14:30:45.121987+02', 'order-events', 'order.created', 'saga-1', 'order-service'),
    ('61d81633-ba78-418b-9640-bb0bb677bf41', '', '', 'o-1',
     '"Your order has been placed"', 'captured', '2024-11-05 12:30:45.101Z', 'api', 'manual', '', NULL),
    ('634407a1-24bd-45fb-9335-60219f745946', 'cust-2', NULL, '', '{"message": "hello"}',
     'captured', NULL, 'notification-events', 'notification.sent', NULL, 'unknown'),
    ('0f3b7a52-9a4e-4c55-9d0e-1b6f0c9f7a11', NULL, 'run-2', 'o-3',
     to_jsonb('{"topic": "saga-events", "payload": {"step": 2}}'::text),
     'captured', '2024-11-05 12:30:45.102Z', 'saga-events', 'saga.step', 'saga-3', 'saga-service');
"#;

/// The blocks of SQL on the page, in its order.
struct Page {
    set_aside: &'static str,
    keep_offsets: &'static str,
    bring_rows: &'static str,
}

impl Page {
    fn read() -> Self {
        let blocks: Vec<&str> = PAGE
            .split("```sql\n")
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap())
            .collect();
        let [set_aside, keep_offsets, bring_rows] = blocks[..] else {
            panic!("the page has {} blocks of SQL", blocks.len());
        };
        Self {
            set_aside,
            keep_offsets,
            bring_rows,
        }
    }
}

/// A database with the old tables, and a topic of two partitions, of which the Python version read
/// the records 0 to 2 of the first. It has five, and the second has three.
fn python_world(tables: &str) -> World {
    let world = World {
        database: Postgres::shared().empty_database().unwrap(),
        kafka: Kafka::shared(),
        topics: vec![unique("order_events")],
    };
    world.kafka.create_topic(world.topic(), 2).unwrap();
    for (partition, count) in [(0, 5), (1, 3)] {
        let values = vec![r#"{"type":"new"}"#; count];
        world
            .kafka
            .produce(world.topic(), partition, values)
            .unwrap();
    }
    world.database.execute(tables).unwrap();
    world
        .database
        .execute(&format!(
            "INSERT INTO kafka_offsets VALUES ('{}', 0, 2, '2024-11-06 01:02:03')",
            world.topic()
        ))
        .unwrap();
    world
}

/// Runs SQL as the page says, far from Greenwich.
fn psql(database: &TestDatabase, sql: &str) -> Finished {
    let mut psql = Command::new(database.server().binaries().join("psql"));
    psql.args(["--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--command", sql])
        .arg(database.url())
        .env("PGTZ", "Asia/Tokyo");
    process::run(&mut psql, Duration::from_secs(60)).unwrap()
}

fn migrate(world: &World) -> Finished {
    process::run(world.command().arg("migrate"), Duration::from_secs(60)).unwrap()
}

/// Everything in the database, but for what changes though nobody changed it: the random words that
/// a dump begins and ends with, and how far a sequence is, which no failure takes back.
fn content(world: &World) -> String {
    let server = world.database.server();
    let mut dump = Command::new(server.binaries().join("pg_dump"));
    let text = process::run(dump.arg(world.database.url()), Duration::from_secs(60))
        .unwrap()
        .success()
        .unwrap();
    text.lines()
        .filter(|line| {
            !line.starts_with("\\restrict")
                && !line.starts_with("\\unrestrict")
                && !line.contains("pg_catalog.setval")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Steps 2 to 4 of the page.
fn move_over(world: &World) {
    let page = Page::read();
    psql(&world.database, page.set_aside).success().unwrap();
    migrate(world).success().unwrap();
    psql(&world.database, page.keep_offsets).success().unwrap();
}

/// The imported rows in the order of their ids, a line for each column.
fn imported_rows(world: &World) -> String {
    const COLUMNS: [&str; 13] = [
        "notification_id",
        "customer_id",
        "runner_id",
        "order_id",
        "event::text AS event",
        "event_bytes - octet_length(event::text) AS bytes_miscounted",
        "status",
        "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS created_at",
        "to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS occurred_at",
        "source_topic",
        "event_type",
        "correlation_id",
        "source_service",
    ];
    let rows = world
        .database
        .rows(&format!(
            "SELECT {} FROM notifications WHERE source_offset IS NULL ORDER BY notification_id",
            COLUMNS.join(", ")
        ))
        .unwrap();
    let mut text = String::new();
    for row in &rows {
        for column in COLUMNS {
            let name = column.rsplit(' ').next().unwrap();
            writeln!(text, "{name}: {}", row[name]).unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn tables_of_the_python_version_are_left_as_they_are() {
    for tables in [MODELS, STATEMENTS] {
        let world = python_world(tables);
        let before = content(&world);
        let refused = migrate(&world);
        assert_eq!(refused.status.code(), Some(7), "{refused:?}");
        assert!(
            refused.stderr.contains("hint: docs/moving-from-python.md"),
            "{refused:?}"
        );
        let report = Report::of(&mut world.command());
        report.expect("failed", 7, 0);
        // the page shows what is said
        for line in report.stderr.lines() {
            assert!(PAGE.contains(&format!("    {line}\n")), "{line}");
        }
        assert_eq!(content(&world), before);
    }
}

#[test]
fn the_page_moves_offsets_and_rows_over() {
    for (name, tables) in [("models", MODELS), ("statements", STATEMENTS)] {
        let world = python_world(tables);
        let old_rows = world.number("SELECT count(*) FROM notifications");
        move_over(&world);
        assert_eq!(
            world.number("SELECT extract(epoch FROM updated_at) FROM kafka_offsets"),
            // 2024-11-06 01:02:03 UTC
            1_730_854_923
        );
        // the one partition goes on behind the old offset, the other begins at its first record
        world.poll().expect("drained", 0, 5);
        assert_eq!(
            world.positions(),
            [(0, 3), (0, 4), (1, 0), (1, 1), (1, 2)],
            "{name}"
        );
        world.assert_tiled();
        assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);

        let done = psql(&world.database, Page::read().bring_rows);
        assert!(
            done.stderr.contains(&format!("{old_rows} rows came over")),
            "{done:?}"
        );
        insta::assert_snapshot!(name, imported_rows(&world));
        assert_eq!(
            world.number(
                "SELECT b.rows FROM batches b JOIN recorder_state s USING (commit_seq) \
                 WHERE b.run_id IS NULL AND b.rows = (SELECT count(*) FROM notifications n \
                 WHERE n.batch_id = b.batch_id)"
            ),
            old_rows,
            "the batch is the last one, without a run, and counts its rows"
        );
        assert_eq!(
            world.number(
                "SELECT count(*) FROM notifications old, notifications new \
                 WHERE old.source_offset IS NULL AND new.source_offset IS NOT NULL \
                 AND old.notification_id > new.notification_id"
            ),
            0,
            "old rows sort before new ones"
        );
        // the rows without a position are taken for nothing else
        world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
        world.poll().expect("drained", 0, 1);
        world.poll().expect("nothing", 0, 0);
    }
}

#[test]
fn a_block_of_the_page_run_again_changes_nothing() {
    let world = python_world(MODELS);
    let page = Page::read();
    move_over(&world);
    psql(&world.database, page.bring_rows).success().unwrap();
    let before = content(&world);
    for (block, says) in [
        (page.set_aside, "already exists"),
        (page.keep_offsets, "duplicate key"),
        (page.bring_rows, "duplicate key"),
    ] {
        let again = psql(&world.database, block);
        assert!(!again.status.success(), "{block}");
        assert!(again.stderr.contains(says), "{again:?}");
        assert_eq!(content(&world), before, "{block}");
    }
    world.poll().expect("drained", 0, 5);
}

#[test]
fn offsets_that_come_after_the_first_poll_are_refused() {
    let world = python_world(STATEMENTS);
    let page = Page::read();
    psql(&world.database, page.set_aside).success().unwrap();
    migrate(&world).success().unwrap();
    world.poll().expect("drained", 0, 8);
    let before = content(&world);
    assert!(!psql(&world.database, page.keep_offsets).status.success());
    assert_eq!(content(&world), before);
}

#[test]
fn what_the_page_says_of_a_loss_and_of_a_new_log_is_so() {
    let world = python_world(MODELS);
    // a topic that is gone, one whose log is another, and records deleted before they were read
    let (gone, renewed) = (unique("gone"), unique("renewed"));
    world.kafka.create_topic(&renewed, 1).unwrap();
    world.kafka.produce(&renewed, 0, ["{}", "{}"]).unwrap();
    world
        .database
        .execute(&format!(
            "INSERT INTO kafka_offsets VALUES ('{gone}', 0, 7, now()), ('{renewed}', 0, 99, now())"
        ))
        .unwrap();
    world
        .kafka
        .delete_records(world.topic(), &[(0, 4), (1, 1)])
        .unwrap();
    move_over(&world);
    let world = World {
        topics: vec![world.topic().to_owned(), gone.clone(), renewed.clone()],
        ..world
    };
    let report = world.poll();
    report.expect("gap", 6, 3);
    assert_eq!(report.json["exitCodes"], serde_json::json!([6, 9]));
    assert_eq!(report.partition(&gone, 0)["verdict"], "gone");
    assert_eq!(report.partition(&renewed, 0)["verdict"], "ahead");
    let lost = world
        .database
        .rows("SELECT partition, first_offset, last_offset, reason FROM capture_gaps ORDER BY 1")
        .unwrap();
    assert_eq!(
        lost,
        [
            serde_json::json!({"partition": 0, "first_offset": 3, "last_offset": 3, "reason": "retention"}),
            serde_json::json!({"partition": 1, "first_offset": 0, "last_offset": 0, "reason": "retention"}),
        ]
    );

    let remedy = format!("DELETE FROM kafka_offsets WHERE topic = '{renewed}'");
    assert!(PAGE.contains(&remedy.replace(&renewed, "...")), "{remedy}");
    psql(&world.database, &remedy).success().unwrap();
    let world = World {
        topics: vec![world.topic().to_owned(), renewed],
        ..world
    };
    world.poll().expect("drained", 0, 2);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 2);
}
