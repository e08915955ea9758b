//! The database goes back in time, as after a restore: what came since is read from Kafka again.

use std::process::Command;
use std::time::Duration;

use notif_testbed::postgres::{Postgres, TestDatabase};
use notif_testbed::process;
use serde_json::{Value, json};

use crate::world::World;

const LIMIT: Duration = Duration::from_secs(60);

/// A backup, on its way into a database of its own.
fn backup(world: &World) -> TestDatabase {
    let server = world.database.server();
    let copy = Postgres::shared().empty_database().unwrap();
    let file = std::env::temp_dir().join(format!("{}.sql", copy.name()));
    let mut pg_dump = Command::new(server.binaries().join("pg_dump"));
    pg_dump.arg("--file").arg(&file).arg(world.database.url());
    process::run(&mut pg_dump, LIMIT)
        .unwrap()
        .success()
        .unwrap();
    let mut psql = Command::new(server.binaries().join("psql"));
    psql.args(["--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file"])
        .arg(&file)
        .arg(copy.url());
    let restored = process::run(&mut psql, LIMIT).unwrap();
    std::fs::remove_file(&file).unwrap();
    restored.success().unwrap();
    copy
}

/// The world with its database as it was.
fn restored(world: &World, database: TestDatabase) -> World {
    World {
        database,
        kafka: world.kafka,
        topics: world.topics.clone(),
    }
}

/// All that a record alone decides of its row.
fn records(world: &World) -> Vec<Value> {
    world
        .database
        .rows(
            "SELECT notification_id, event, kafka_timestamp_ms, source_partition, source_offset, \
             encode(value_sha256, 'hex') AS hash FROM notifications ORDER BY notification_id",
        )
        .unwrap()
}

#[test]
fn after_a_restore_the_same_records_become_the_same_rows() {
    let world = World::with_topics(1);
    for partition in 0..3 {
        let values = (0..4).map(|n| format!(r#"{{"type":"t","payload":{n}}}"#));
        world
            .kafka
            .produce(world.topic(), partition, values)
            .unwrap();
    }
    world.poll().expect("drained", 0, 12);
    let earlier = backup(&world);
    world.kafka.produce(world.topic(), 0, ["{}", "{}"]).unwrap();
    world.kafka.produce(world.topic(), 2, ["no json"]).unwrap();
    world.poll().expect("drained", 0, 3);

    let restored = restored(&world, earlier);
    assert_eq!(records(&restored).len(), 12);
    restored.poll().expect("drained", 0, 3);
    assert_eq!(records(&restored), records(&world));
    restored.assert_tiled();
    restored.poll().expect("nothing", 0, 0);
}

#[test]
fn after_a_restore_what_kafka_has_deleted_since_is_a_loss() {
    let world = World::with_partitions(1, 1);
    world.kafka.produce(world.topic(), 0, ["{}"; 2]).unwrap();
    world.poll().expect("drained", 0, 2);
    let earlier = backup(&world);
    world.kafka.produce(world.topic(), 0, ["{}"; 3]).unwrap();
    world.poll().expect("drained", 0, 3);
    world
        .kafka
        .delete_records(world.topic(), &[(0, 4)])
        .unwrap();

    let restored = restored(&world, earlier);
    let report = restored.poll();
    report.expect("gap", 6, 1);
    assert_eq!(
        report.json["gaps"],
        json!([{
            "topic": world.topic(), "partition": 0, "generation": 0,
            "firstOffset": 2, "lastOffset": 3, "reason": "retention",
        }])
    );
    restored.assert_tiled();
    world.poll().expect("nothing", 0, 0);
}
