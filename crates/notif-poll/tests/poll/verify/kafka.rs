//! Kafka away, another cluster, a part of the record, and what is typed wrongly.

use std::time::Duration;

use notif_core::notification_id;
use notif_testbed::kafka::Message;
use notif_testbed::process;

use super::{LIMIT, Verified};
use crate::drain::transaction;
use crate::world::{World, notif_poll};

#[test]
fn a_row_whose_record_kafka_never_had_is_told() {
    let world = World::with_partitions(1, 1);
    transaction(&world, &["{}", "{}"], true);
    let behind = Message::new("{}").at(1_764_000_000_003);
    world.kafka.produce(world.topic(), 0, [behind]).unwrap();
    world.poll().expect("drained", 0, 3);
    Verified::deep(&world).expect_clean();
    // before the last record is the transaction's marker: nothing in PostgreSQL contradicts a row there
    let marker = world.number("SELECT max(source_offset) - 1 FROM notifications");
    let id = notification_id::recorded(1_764_000_000_003, world.topic(), 0, 0, marker);
    world
        .database
        .execute(&format!(
            "INSERT INTO notifications SELECT (jsonb_populate_record(n, \
               jsonb_build_object('source_offset', {marker}, 'notification_id', '{id}'))).* \
             FROM notifications n WHERE source_offset = {marker} + 1; \
             UPDATE recorded_ranges SET records = 4, bytes = bytes + 2; \
             UPDATE kafka_offsets SET records = 4; UPDATE batches SET rows = 4"
        ))
        .unwrap();
    Verified::shallow(&world).expect_clean();
    let named = [("not-in-kafka", 0, marker, marker)];
    assert_eq!(Verified::deep(&world).named(), named);
}

#[test]
fn without_kafka_the_rest_is_proved_and_the_loss_of_it_is_told() {
    let world = World::with_partitions(1, 1);
    world.kafka.produce(world.topic(), 0, ["{}", "{}"]).unwrap();
    world.poll().expect("drained", 0, 2);
    let away = |arguments: &[&str]| {
        let mut command = world.command();
        command
            .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
            .args(arguments);
        command
    };
    Verified::of(&mut away(&["verify"])).expect_clean();
    let deep = Verified::of(&mut away(&["verify", "--deep"]));
    assert_eq!((deep.code, deep.count("rows")), (4, 2), "{deep:?}");
    assert_eq!(deep.json["outcome"], "failed");
    assert!(deep.stderr.contains("127.0.0.1:1 was lost"), "{deep:?}");
    // both are told where both apply, and the exit code is the one that comes first
    world
        .database
        .execute("SET session_replication_role = replica; DELETE FROM notifications WHERE source_offset = 1")
        .unwrap();
    let both = Verified::of(&mut away(&["verify", "--deep"]));
    assert_eq!(both.json["exitCodes"], serde_json::json!([4, 8]));
    assert_eq!(both.named()[0], ("range-rows", 0, 0, 1));
}

#[test]
fn another_cluster_is_refused() {
    let world = World::with_partitions(1, 1);
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    world.poll().expect("drained", 0, 1);
    world
        .database
        .execute("UPDATE recorder_state SET cluster_id = 'another'")
        .unwrap();
    let deep = Verified::deep(&world);
    assert_eq!(deep.code, 2);
    assert!(
        deep.stderr.contains("the record is of cluster another"),
        "{deep:?}"
    );
    Verified::shallow(&world).expect_clean();
}

#[test]
fn one_topic_or_one_partition_can_be_asked_for() {
    let world = World::with_topics(2);
    for topic in &world.topics {
        for partition in 0..3 {
            world.kafka.produce(topic, partition, ["{}", "{}"]).unwrap();
        }
    }
    world.poll().expect("drained", 0, 12);
    let of = |arguments: &[&str]| Verified::of(world.command().arg("verify").args(arguments));
    let topic = world.topic();
    let rows = |arguments: &[&str]| of(arguments).expect_clean().count("rows");
    assert_eq!(rows(&[]), 12);
    assert_eq!(rows(&["--topic", topic]), 6);
    assert_eq!(rows(&["--topic", topic, "--partition", "2", "--deep"]), 2);
    let nothing = of(&["--topic", "no-such-topic"]);
    assert_eq!(nothing.code, 2);
    assert!(
        nothing
            .stderr
            .contains("nothing is recorded of no-such-topic"),
        "{nothing:?}"
    );
    // a damage elsewhere does not concern it
    world
        .database
        .execute(&format!(
            "UPDATE kafka_offsets SET \"offset\" = 7 WHERE topic = '{}'",
            world.topics[1]
        ))
        .unwrap();
    assert_eq!(rows(&["--topic", topic]), 6);
    assert_eq!(of(&[]).json["mismatches"]["byKind"]["hole"], 3);
}

#[test]
fn who_may_only_read_can_verify() {
    let world = World::with_partitions(1, 1);
    world.kafka.produce(world.topic(), 0, ["{}", "{}"]).unwrap();
    world.poll().expect("drained", 0, 2);
    let auditor = notif_testbed::unique("auditor");
    world
        .database
        .execute(&format!(
            "CREATE ROLE {auditor} LOGIN; GRANT pg_read_all_data TO {auditor}; \
             ALTER ROLE {auditor} SET default_transaction_read_only = on; \
             ALTER ROLE {auditor} SET default_transaction_isolation = 'serializable'; \
             ALTER ROLE {auditor} SET bytea_output = 'escape'; \
             ALTER ROLE {auditor} SET timezone = 'Asia/Kathmandu'"
        ))
        .unwrap();
    let url = world
        .database
        .url()
        .replace("postgres@", &format!("{auditor}@"));
    let mut command = world.command();
    let deep = Verified::of(command.env("DATABASE_URL", url).args(["verify", "--deep"]));
    assert_eq!(deep.expect_clean().count("comparedWithKafka"), 2);
    world
        .database
        .execute(&format!("DROP OWNED BY {auditor}; DROP ROLE {auditor}"))
        .unwrap();
}

#[test]
fn an_empty_record_has_no_fault() {
    let world = World::with_topics(1);
    assert_eq!(Verified::shallow(&world).expect_clean().count("rows"), 0);
    world.poll().expect("nothing", 0, 0);
    let deep = Verified::deep(&world).expect_clean();
    assert_eq!((deep.count("rows"), deep.unproved()), (0, vec![]));
}

#[test]
fn a_partition_that_was_brought_over_begins_where_it_was_left() {
    let world = World::with_partitions(1, 1);
    world
        .kafka
        .produce(world.topic(), 0, vec!["{}"; 4])
        .unwrap();
    world
        .database
        .execute(&format!(
            "INSERT INTO kafka_offsets (topic, partition, \"offset\") VALUES ('{}', 0, 1)",
            world.topic()
        ))
        .unwrap();
    let before = ("before-first-seen", 0, -1);
    assert_eq!(Verified::deep(&world).expect_clean().unproved(), [before]);
    world.poll().expect("drained", 0, 2);
    let deep = Verified::deep(&world).expect_clean();
    assert_eq!(deep.unproved(), [before]);
    assert_eq!(deep.count("comparedWithKafka"), 2);
}

#[test]
fn the_help_is_complete_and_what_is_typed_wrongly_is_told() {
    let told = |arguments: &[&str]| {
        let mut command = notif_poll();
        command.arg("verify").args(arguments);
        let finished = process::run(&mut command, Duration::from_secs(10)).unwrap();
        format!(
            "$ notif-poll verify {}\nexit {}\n{}{}",
            arguments.join(" "),
            finished.status.code().unwrap(),
            finished.stdout,
            finished.stderr
        )
    };
    let all: Vec<String> = [
        &["--help"][..],
        &[],
        &["--partition", "1"],
        &["--topic", "t", "--partition", "-1"],
        &["--topic", "t", "--partition", "one"],
    ]
    .map(told)
    .to_vec();
    insta::assert_snapshot!(all.join("\n"));
    assert!(LIMIT > Duration::from_secs(10));
}
