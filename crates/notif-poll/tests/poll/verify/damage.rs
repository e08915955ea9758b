//! Each damage alone is found, and named by its place.
#![expect(clippy::arithmetic_side_effects, reason = "sums of small offsets")]

use notif_core::notification_id;
use notif_testbed::kafka::Message;

use super::Verified;
use crate::world::World;

const TABLES: [&str; 7] = [
    "notifications",
    "kafka_offsets",
    "recorded_ranges",
    "capture_gaps",
    "prune_ledger",
    "batches",
    "recorder_state",
];

/// A time in the past, so that ids can be made here too.
const TIME_MS: i64 = 1_764_000_000_000;

/// Partition 0: offsets 0 and 1 were deleted before the first poll, 2 to 9 recorded, 10 and 11 lost, 12 to
/// 19 recorded; Kafka holds 12 and on. Offset 14 is kept as bytes. Partition 1: five records.
fn world() -> World {
    let world = World::with_partitions(1, 2);
    let message = |n: i64| {
        let value = match n {
            14 => "no json".to_owned(),
            n => format!(r#"{{"type":"t","payload":{{"n":{n}}}}}"#),
        };
        Message::new(value)
            .key(format!("k-{n}"))
            .header("a", Some(b"1"))
            .header("a", Some(b"1"))
            .at(TIME_MS + n)
    };
    let produce = |partition, offsets: std::ops::Range<i64>| {
        let messages = offsets.map(message);
        world
            .kafka
            .produce(world.topic(), partition, messages)
            .unwrap();
    };
    let delete = |before| {
        let before = [(0, before)];
        world.kafka.delete_records(world.topic(), &before).unwrap();
    };
    produce(0, 0..10);
    produce(1, 0..5);
    delete(2);
    world.poll().expect("drained", 0, 13);
    produce(0, 10..20);
    delete(12);
    world.poll().expect("gap", 6, 8);
    for table in TABLES {
        let save = format!(
            "CREATE SCHEMA IF NOT EXISTS saved; CREATE TABLE saved.{table} AS TABLE {table}"
        );
        world.database.execute(&save).unwrap();
    }
    world
}

/// As a superuser who switches the triggers off.
fn change(world: &World, sql: &str) {
    let sql = format!("SET session_replication_role = replica; {sql}");
    world.database.execute(&sql).unwrap();
}

fn restore(world: &World) {
    let all: Vec<String> = TABLES
        .iter()
        .map(|table| format!("TRUNCATE {table}; INSERT INTO {table} SELECT * FROM saved.{table}"))
        .collect();
    change(world, &all.join("; "));
}

type Named = (&'static str, i64, i64, i64);

/// One damage: what PostgreSQL alone tells, and what Kafka adds.
#[derive(Clone, Copy)]
struct Damage {
    sql: &'static str,
    shallow: &'static [Named],
    deep: &'static [Named],
}

const AT_13: &str = "WHERE source_partition = 0 AND source_offset = 13";

const fn damage(sql: &'static str, shallow: &'static [Named], deep: &'static [Named]) -> Damage {
    Damage { sql, shallow, deep }
}

/// Rows missing, moved, or too many.
const ROWS: &[Damage] = &[
    damage(
        "DELETE FROM notifications {13}",
        &[("range-rows", 0, 12, 19), ("batch-rows", -1, -1, -1)],
        &[("record-missing", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET source_offset = 11, notification_id = '{id 11}', \
             occurred_at = occurred_at - interval '2 ms', kafka_timestamp_ms = kafka_timestamp_ms - 2 {13}",
        &[("row-outside", 0, 11, 11), ("range-rows", 0, 12, 19)],
        &[("record-missing", 0, 13, 13)],
    ),
    damage(
        "INSERT INTO notifications SELECT (jsonb_populate_record(n, jsonb_build_object( \
               'source_offset', 20, 'notification_id', '{id 20}', 'occurred_at', \
               n.occurred_at + interval '7 ms', 'kafka_timestamp_ms', n.kafka_timestamp_ms + 7))).* \
             FROM notifications n {13}",
        &[("row-outside", 0, 20, 20), ("batch-rows", -1, -1, -1)],
        &[],
    ),
];

/// Values, and what is kept of them.
const VALUES: &[Damage] = &[
    damage(
        "UPDATE notifications SET value_sha256 = sha256('other') {13}",
        &[],
        &[("value", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET value_sha256 = sha256('other') WHERE source_offset = 14",
        &[("raw", 0, 14, 14)],
        &[("value", 0, 14, 14)],
    ),
    damage(
        "UPDATE notifications SET raw = 'other 7' WHERE source_offset = 14",
        &[("raw", 0, 14, 14)],
        &[],
    ),
    damage(
        "UPDATE notifications SET value_bytes = value_bytes + 1 {13}",
        &[("range-bytes", 0, 12, 19)],
        &[("value", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET event = jsonb_set(event, '{payload,n}', '31') {13}",
        &[],
        &[("event", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET event = jsonb_set(event, '{payload,n}', '313') {13}",
        &[("event-bytes", 0, 13, 13)],
        &[("event", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET event = jsonb_set(event, '{event_type}', '\"u\"') {13}",
        &[("event", 0, 13, 13)],
        &[("event", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET event_type = 'u' {13}",
        &[("event", 0, 13, 13)],
        &[],
    ),
];

/// What stands beside the value.
const BESIDE: &[Damage] = &[
    damage(
        "UPDATE notifications SET message_key = 'other' {13}",
        &[],
        &[("key", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET headers = headers - 1 {13}",
        &[],
        &[("headers", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET timestamp_type = 1 {13}",
        &[],
        &[("timestamp", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET kafka_timestamp_ms = kafka_timestamp_ms + 1 {13}",
        &[("occurred-at", 0, 13, 13)],
        &[("timestamp", 0, 13, 13)],
    ),
    damage(
        "UPDATE notifications SET notification_id = '{id 28}' WHERE source_partition = 0 AND source_offset = 8",
        &[("notification-id", 0, 8, 8)],
        &[],
    ),
];

/// Ranges, losses and offset rows.
const LEDGERS: &[Damage] = &[
    damage(
        "UPDATE recorded_ranges SET next_offset = 19, records = 7, bytes = bytes - 31 WHERE first_offset = 12",
        &[
            ("hole", 0, 19, 19),
            ("counter", 0, -1, -1),
            ("row-outside", 0, 19, 19),
        ],
        &[],
    ),
    damage(
        "UPDATE recorded_ranges SET first_offset = 11 WHERE first_offset = 12",
        &[("overlap", 0, 11, 11)],
        &[],
    ),
    damage(
        "UPDATE recorded_ranges SET records = records - 1 WHERE first_offset = 12",
        &[("counter", 0, -1, -1), ("range-rows", 0, 12, 19)],
        &[],
    ),
    damage(
        "DELETE FROM capture_gaps WHERE first_offset = 10",
        &[("hole", 0, 10, 11)],
        &[],
    ),
    damage(
        "UPDATE kafka_offsets SET \"offset\" = 22 WHERE partition = 0",
        &[("hole", 0, 20, 22)],
        &[("log-cut", 0, 20, 22)],
    ),
    damage(
        "UPDATE kafka_offsets SET \"offset\" = 17 WHERE partition = 0",
        &[("beyond-end", 0, 18, 19)],
        &[],
    ),
    damage(
        "UPDATE kafka_offsets SET records = records + 1 WHERE partition = 1",
        &[("counter", 1, -1, -1)],
        &[],
    ),
    damage(
        "DELETE FROM kafka_offsets WHERE partition = 1",
        &[("offset-row-missing", 1, -1, -1)],
        &[],
    ),
    damage(
        "UPDATE kafka_offsets SET topic_generation = 1 WHERE partition = 1",
        &[("generation-end", 1, -1, -1), ("hole", 1, 0, 4)],
        &[],
    ),
];

/// Write transactions.
const BATCHES: &[Damage] = &[
    damage(
        "DELETE FROM batches WHERE batch_id = (SELECT max(batch_id) FROM batches)",
        &[("batch-missing", -1, -1, -1)],
        &[],
    ),
    damage(
        "UPDATE recorder_state SET commit_seq = 0",
        &[("commit-seq", -1, -1, -1)],
        &[],
    ),
];

/// A story that PostgreSQL alone cannot see through: two records passed off as lost.
const STORY: &[Damage] = &[damage(
    "DELETE FROM notifications WHERE source_offset IN (14, 15); \
             UPDATE batches b SET rows = (SELECT count(*) FROM notifications n WHERE n.batch_id = b.batch_id); \
             UPDATE kafka_offsets SET records = records - 2 WHERE partition = 0; \
             UPDATE recorded_ranges r SET next_offset = 14, records = 2, bytes = 62 WHERE first_offset = 12; \
             INSERT INTO recorded_ranges SELECT topic, partition, topic_generation, 16, 20, 4, 124 \
               FROM recorded_ranges WHERE first_offset = 12; \
             INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, \
               reason, recorded_by) SELECT topic, partition, topic_generation, 14, 15, 'retention', \
               'notif-poll' FROM recorded_ranges WHERE first_offset = 12",
    &[],
    &[("lost-but-there", 0, 14, 14), ("lost-but-there", 0, 15, 15)],
)];

fn filled_in(world: &World, sql: &str) -> String {
    let mut sql = sql.replace("{13}", AT_13);
    for offset in [11, 20, 28] {
        let id = notification_id::recorded(TIME_MS + offset, world.topic(), 0, 0, offset);
        sql = sql.replace(&format!("{{id {offset}}}"), &id.to_string());
    }
    sql
}

fn sorted(named: &[Named]) -> Vec<Named> {
    let mut named = named.to_vec();
    named.sort_unstable();
    named
}

#[test]
fn each_damage_alone_is_found_and_named() {
    let world = world();
    Verified::shallow(&world).expect_clean();
    let clean = Verified::deep(&world).expect_clean();
    assert_eq!(clean.unproved(), [("deleted-in-kafka", -1, 8)]);
    let all = [ROWS, VALUES, BESIDE, LEDGERS, BATCHES, STORY].concat();
    for Damage { sql, shallow, deep } in all {
        change(&world, &filled_in(&world, sql));
        let alone = Verified::shallow(&world);
        let mut named = alone.named();
        named.sort_unstable();
        assert_eq!(named, sorted(shallow), "{sql}: {alone:?}");
        assert_eq!(alone.code, if shallow.is_empty() { 0 } else { 8 }, "{sql}");
        let with_kafka = Verified::deep(&world);
        let mut expected = sorted(&[shallow, deep].concat());
        // the same fault of the same row is told by both, in other words
        expected.sort_unstable();
        let mut named = with_kafka.named();
        named.sort_unstable();
        assert_eq!(named, expected, "{sql}: {with_kafka:?}");
        restore(&world);
    }
    Verified::deep(&world).expect_clean();
}

#[test]
fn mismatches_are_named_up_to_a_hundred_and_counted_beyond() {
    let world = World::with_partitions(1, 1);
    world
        .kafka
        .produce(world.topic(), 0, vec!["no json"; 150])
        .unwrap();
    world.poll().expect("drained", 0, 150);
    change(&world, "UPDATE notifications SET raw = 'on json'");
    let verified = Verified::shallow(&world);
    assert_eq!(verified.code, 8);
    assert_eq!(verified.json["mismatches"]["total"], 150);
    assert_eq!(verified.json["mismatches"]["byKind"]["raw"], 150);
    assert_eq!(verified.named().len(), 100);
    change(
        &world,
        "UPDATE notifications SET raw = 'no json' WHERE source_offset > 2",
    );
    insta::assert_snapshot!(super::text(&world, &[]));
}

#[test]
fn two_batches_with_one_place_in_the_order_are_told() {
    let world = World::with_partitions(1, 1);
    for _ in 0..2 {
        world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
        world.poll().expect("drained", 0, 1);
    }
    change(
        &world,
        "ALTER TABLE batches DROP CONSTRAINT batches_commit_seq_key; UPDATE batches SET commit_seq = 1",
    );
    assert_eq!(
        Verified::shallow(&world).named(),
        [("commit-seq", -1, -1, -1)]
    );
}
