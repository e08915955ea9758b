//! Loss is never silent, and what is not known to be lost is never written down as lost.

use crate::world::World;

fn produce(world: &World, count: usize) {
    world
        .kafka
        .produce(world.topic(), 0, vec!["{}"; count])
        .unwrap();
}

fn gaps(world: &World) -> Vec<serde_json::Value> {
    world
        .database
        .rows("SELECT reason, first_offset, last_offset, announced_run IS NOT NULL AS told FROM capture_gaps ORDER BY gap_id")
        .unwrap()
}

#[test]
fn records_deleted_before_they_were_read_are_in_the_ledger_and_told_once() {
    let world = World::with_partitions(1, 1);
    produce(&world, 4);
    world.poll().expect("drained", 0, 4);
    produce(&world, 10);
    world
        .kafka
        .delete_records(world.topic(), &[(0, 9)])
        .unwrap();
    let report = world.poll();
    report.expect("gap", 6, 5);
    assert_eq!(report.json["gaps"][0]["firstOffset"], 4);
    assert_eq!(report.json["gaps"][0]["lastOffset"], 8);
    assert_eq!(
        gaps(&world),
        [
            serde_json::json!({"reason": "retention", "first_offset": 4, "last_offset": 8, "told": true})
        ]
    );
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();
    // the loss came in the same transaction as the rows behind it
    assert_eq!(
        world.number("SELECT count(*) FROM capture_gaps g JOIN notifications n ON n.batch_id = g.batch_id WHERE n.source_offset = 9"),
        1
    );
}

#[test]
fn a_loss_of_everything_that_was_there_moves_the_offset_behind_it() {
    let world = World::with_partitions(1, 1);
    produce(&world, 2);
    world.poll().expect("drained", 0, 2);
    produce(&world, 5);
    world
        .kafka
        .delete_records(world.topic(), &[(0, 7)])
        .unwrap();
    world.poll().expect("gap", 6, 0);
    assert_eq!(world.number("SELECT \"offset\" FROM kafka_offsets"), 6);
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();
}

#[test]
fn what_was_deleted_before_a_topic_was_first_seen_is_no_loss_of_ours() {
    let world = World::with_partitions(1, 1);
    produce(&world, 6);
    world
        .kafka
        .delete_records(world.topic(), &[(0, 4)])
        .unwrap();
    world.poll().expect("drained", 0, 2);
    assert_eq!(
        gaps(&world),
        [
            serde_json::json!({"reason": "before-first-poll", "first_offset": 0, "last_offset": 3, "told": true})
        ]
    );
    world.assert_tiled();
}

#[test]
fn a_new_partition_of_a_known_topic_that_lost_records_is_our_loss() {
    let world = World::with_partitions(1, 1);
    world.poll().expect("nothing", 0, 0);
    world.kafka.create_partitions(world.topic(), 2).unwrap();
    world
        .kafka
        .produce(world.topic(), 1, vec!["{}"; 3])
        .unwrap();
    world
        .kafka
        .delete_records(world.topic(), &[(1, 2)])
        .unwrap();
    world.poll().expect("gap", 6, 1);
    world.assert_tiled();
}

#[test]
fn a_loss_that_no_run_told_of_is_told_by_the_next_one() {
    let world = World::with_partitions(1, 1);
    world.poll().expect("nothing", 0, 0);
    world
        .database
        .execute(&format!(
            "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, reason, recorded_by) \
             VALUES ('{}', 0, 0, 0, 4, 'retention', 'notif-poll')",
            world.topic()
        ))
        .unwrap();
    world.poll().expect("gap", 6, 0);
    world.poll().expect("nothing", 0, 0);
}

#[test]
fn more_stored_than_kafka_has_stops_the_partition_for_this_run_and_writes_nothing_down() {
    let world = World::with_partitions(1, 2);
    produce(&world, 3);
    world.kafka.produce(world.topic(), 1, ["{}"]).unwrap();
    world.poll().expect("drained", 0, 4);
    world
        .database
        .execute("UPDATE kafka_offsets SET \"offset\" = 10 WHERE partition = 0")
        .unwrap();
    world.kafka.produce(world.topic(), 1, ["{}"]).unwrap();
    let report = world.poll();
    report.expect("stopped", 9, 1);
    assert_eq!(report.partition(world.topic(), 0)["verdict"], "ahead");
    assert!(gaps(&world).is_empty());
    assert_eq!(
        world.number("SELECT \"offset\" FROM kafka_offsets WHERE partition = 0"),
        10
    );
}

#[test]
fn a_topic_that_is_gone_is_named_and_nothing_is_written_down() {
    let world = World::with_topics(2);
    produce(&world, 3);
    world.poll().expect("drained", 0, 3);
    world.kafka.delete_topic(world.topic()).unwrap();
    world.kafka.produce(&world.topics[1], 0, ["{}"]).unwrap();
    let report = world.poll();
    report.expect("stopped", 9, 1);
    assert_eq!(report.partition(world.topic(), 0)["verdict"], "gone");
    assert!(gaps(&world).is_empty());
}

/// The new log is longer than, as long as, or shorter than what is stored of the old one.
#[test]
fn a_recreated_topic_starts_a_new_generation_however_long_it_is() {
    for count in [7, 3, 1, 0] {
        let world = World::with_partitions(1, 1);
        produce(&world, 3);
        world.poll().expect("drained", 0, 3);
        world.kafka.delete_topic(world.topic()).unwrap();
        world.kafka.create_topic(world.topic(), 1).unwrap();
        produce(&world, count);
        world.poll().expect("gap", 6, i64::try_from(count).unwrap());
        world.poll().expect("nothing", 0, 0);
        let ledger = world
            .database
            .rows("SELECT topic_generation, first_offset, last_offset, known_end, reason FROM capture_gaps")
            .unwrap();
        assert_eq!(
            ledger,
            [
                serde_json::json!({"topic_generation": 0, "first_offset": 3, "last_offset": null,
                "known_end": 3, "reason": "recreated"})
            ]
        );
        let rows = "SELECT count(*) FROM notifications WHERE topic_generation";
        assert_eq!(world.number(&format!("{rows} = 0")), 3);
        assert_eq!(
            world.number(&format!("{rows} = 1")),
            i64::try_from(count).unwrap()
        );
        produce(&world, 1);
        world.poll().expect("drained", 0, 1);
    }
}

#[test]
fn a_lost_offset_row_is_rebuilt_from_the_record() {
    let world = World::with_partitions(1, 1);
    produce(&world, 3);
    world.poll().expect("drained", 0, 3);
    produce(&world, 2);
    world.database.execute("DELETE FROM kafka_offsets").unwrap();
    let report = world.poll();
    report.expect("drained", 0, 2);
    assert!(report.stderr.contains("rebuilt"), "{}", report.stderr);
    assert_eq!(world.positions(), [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)]);
    assert_eq!(world.number("SELECT records FROM kafka_offsets"), 5);
    world.assert_tiled();
    // the record of a topic that was created anew says which generation is the newest
    world.kafka.delete_topic(world.topic()).unwrap();
    world.kafka.create_topic(world.topic(), 1).unwrap();
    world.poll().expect("gap", 6, 0);
    world.database.execute("DELETE FROM kafka_offsets").unwrap();
    produce(&world, 5);
    world.poll().expect("drained", 0, 5);
    assert_eq!(
        world.number("SELECT topic_generation FROM kafka_offsets"),
        1
    );
}

#[test]
fn a_lost_offset_row_is_rebuilt_from_the_rows_alone() {
    let world = World::with_partitions(1, 1);
    produce(&world, 5);
    world.poll().expect("drained", 0, 5);
    world
        .database
        .execute("DELETE FROM kafka_offsets; DELETE FROM recorded_ranges")
        .unwrap();
    produce(&world, 1);
    world.poll().expect("drained", 0, 1);
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 6);
}

#[test]
fn retention_that_overtakes_the_reader_is_a_gap_in_the_middle_and_the_rest_is_read() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use notif_testbed::kafka::Message;
    use notif_testbed::wait::wait_until;

    const RECORDS: i64 = 20_000;
    let world = World::with_topics(1);
    // far more than the client fetches ahead of the pipeline
    let filler = "x".repeat(2_000);
    let messages = (0..3).flat_map(|partition| {
        let (world, filler) = (&world, &filler);
        (0..RECORDS).map(move |n| {
            let value = format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
            (world.topic(), partition, Message::new(value))
        })
    });
    world
        .kafka
        .producer()
        .unwrap()
        .produce_all(messages)
        .unwrap();
    let poll = world
        .command()
        .args(["--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let signal = |name: &str| {
        let mut kill = Command::new("kill");
        assert!(
            kill.args([name, &poll.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    };
    wait_until("a first batch", Duration::from_secs(60), || {
        world.number("SELECT count(*) FROM notifications") > 0
    })
    .unwrap();
    signal("-STOP");
    let kept = RECORDS - 10;
    let before = [(0, kept), (1, kept), (2, kept)];
    world.kafka.delete_records(world.topic(), &before).unwrap();
    signal("-CONT");
    let output = poll.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["exitCodes"], serde_json::json!([6]), "{report}");
    let lost = world.number("SELECT sum(last_offset - first_offset + 1) FROM capture_gaps");
    assert!(lost > 0);
    assert_eq!(
        world.number("SELECT count(*) FROM notifications"),
        3 * RECORDS - lost
    );
    assert_eq!(
        world.number("SELECT count(*) FROM kafka_offsets WHERE \"offset\" = 19999"),
        3
    );
    world.assert_tiled();
    world.poll().expect("nothing", 0, 0);
}

#[test]
fn a_witness_that_kafka_has_deleted_says_nothing() {
    let world = World::with_partitions(1, 1);
    produce(&world, 3);
    world.poll().expect("drained", 0, 3);
    produce(&world, 2);
    world
        .kafka
        .delete_records(world.topic(), &[(0, 3)])
        .unwrap();
    world.poll().expect("drained", 0, 2);
}

#[test]
fn when_all_offset_rows_are_lost_the_ledgers_still_know_the_topic() {
    let world = World::with_partitions(1, 2);
    produce(&world, 3);
    world.poll().expect("drained", 0, 3);
    world.database.execute("DELETE FROM kafka_offsets").unwrap();
    // the other partition was empty until now: what it lost meanwhile is our loss
    let topic = world.topic();
    world.kafka.produce(topic, 1, vec!["{}"; 5]).unwrap();
    world.kafka.delete_records(topic, &[(1, 3)]).unwrap();
    let report = world.poll();
    report.expect("gap", 6, 2);
    assert_eq!(
        gaps(&world),
        [
            serde_json::json!({"reason": "retention", "first_offset": 0, "last_offset": 2, "told": true})
        ]
    );
    world.assert_tiled();
}
