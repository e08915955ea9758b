//! `notif-poll retire`: the watch of a topic ends, and may begin again.

use serde_json::{Value, json};

use crate::world::World;

fn retire<'a>(world: &'a World, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["retire", "--topic", world.topic()];
    arguments.extend(more);
    arguments
}

#[test]
fn a_retired_topic_is_read_no_more_counts_no_more_and_keeps_its_record() {
    let world = World::with_topics(2);
    world.produce_numbers(9);
    world.kafka.produce(&world.topics[1], 0, ["{}"]).unwrap();
    world.poll().expect("drained", 0, 10);
    let before = world.dump();
    let dry = world.ask_json(&retire(&world, &[])).json(0);
    assert_eq!(dry["outcome"], "dry-run");
    assert_eq!(world.dump(), before);

    let json = world
        .ask_json(&retire(&world, &["--reason", "replaced", "--yes"]))
        .json(0);
    assert_eq!(json["outcome"], "retired");
    assert_eq!(
        json["partitions"][2],
        json!({"topic": world.topic(), "partition": 2, "generation": 0, "missingFrom": 3,
               "knownEnd": 3, "retired": true})
    );
    // more of it, a new partition of it, and then no topic at all: nobody is told
    world.produce_numbers(3);
    world.kafka.create_partitions(world.topic(), 4).unwrap();
    let report = world.poll();
    report.expect("nothing", 0, 0);
    assert_eq!(report.json["partitions"].as_array().unwrap().len(), 3);
    world.kafka.delete_topic(world.topic()).unwrap();
    world.poll().expect("nothing", 0, 0);
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 10);
    let ledger = world.ledger();
    assert_eq!(ledger.len(), 3);
    assert_eq!(
        ledger[0],
        json!({"p": 0, "g": 0, "first": 3, "last": null, "known_end": 3, "reason": "retired",
               "note": "replaced", "told": false})
    );
    world.assert_generations_tiled();

    let again = world.ask(&retire(&world, &["--reason", "x", "--yes"]));
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("is retired already"), "{again:?}");
}

#[test]
fn a_topic_created_anew_with_fewer_partitions_needs_one_word_for_those_that_are_gone() {
    let world = World::with_partitions(1, 3);
    world.produce_numbers(3);
    world.poll().expect("drained", 0, 3);
    world.kafka.delete_topic(world.topic()).unwrap();
    world.kafka.create_topic(world.topic(), 2).unwrap();
    world.write(0..1, "new");
    let report = world.poll();
    report.expect("gap", 6, 1);
    assert_eq!(report.partition(world.topic(), 2)["verdict"], "gone");
    world.poll().expect("stopped", 9, 0);
    let why = ["--partition", "2", "--reason", "two partitions do", "--yes"];
    world.ask_json(&retire(&world, &why)).json(0);
    world.poll().expect("nothing", 0, 0);
    world.write(1..3, "new");
    world.poll().expect("drained", 0, 2);
    let other = world.ask(&retire(&world, &["--partition", "7"]));
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("never was"), "{other:?}");
}

#[test]
fn a_retired_topic_that_is_resumed_goes_on_where_it_was_in_a_new_generation() {
    let world = World::with_partitions(1, 2);
    world.produce_numbers(0);
    world.write(0..5, "a");
    world.kafka.produce(world.topic(), 1, ["{}"; 4]).unwrap();
    world.poll().expect("drained", 0, 9);
    world
        .ask_json(&retire(&world, &["--reason", "quiet", "--yes"]))
        .json(0);
    // meanwhile Kafka goes on, and deletes some of it in partition 1
    world.write(5..8, "a");
    world.kafka.produce(world.topic(), 1, ["{}"; 6]).unwrap();
    world
        .kafka
        .delete_records(world.topic(), &[(1, 7)])
        .unwrap();
    world.poll().expect("nothing", 0, 0);
    let arguments = [
        "resume",
        "--topic",
        world.topic(),
        "--reason",
        "in use",
        "--yes",
    ];
    let json = world.ask_json(&arguments).json(0);
    let partitions: Vec<Value> = json["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| json!([p["partition"], p["action"], p["begins"], p["skipped"]]))
        .collect();
    assert_eq!(
        partitions,
        [
            json!([0, "new-generation", 5, []]),
            json!([1, "new-generation", 7,
                   [{"firstOffset": 4, "lastOffset": 6, "reason": "retired"}]]),
        ]
    );
    world.poll().expect("drained", 0, 6);
    world.poll().expect("nothing", 0, 0);
    world.assert_generations_tiled();
    // every record has one row, whichever generation it came with
    let doubled = world.number(
        "SELECT count(*) FROM (SELECT FROM notifications \
         GROUP BY source_topic, source_partition, source_offset HAVING count(*) > 1) d",
    );
    assert_eq!(doubled, 0);
}

#[test]
fn a_stopped_partition_may_be_retired() {
    let world = World::with_partitions(1, 1);
    world.write(0..2, "a");
    world.poll().expect("drained", 0, 2);
    world.stop(0, "corrupt");
    world.poll().expect("stopped", 9, 0);
    world
        .ask_json(&retire(&world, &["--reason", "never mind", "--yes"]))
        .json(0);
    world.poll().expect("nothing", 0, 0);
}

#[test]
fn a_lost_offset_row_does_not_bring_a_retired_topic_back() {
    let world = World::with_partitions(1, 1);
    world.write(0..2, "a");
    world.poll().expect("drained", 0, 2);
    world
        .ask_json(&retire(&world, &["--reason", "quiet", "--yes"]))
        .json(0);
    world.write(2..4, "a");
    world.database.execute("DELETE FROM kafka_offsets").unwrap();
    for _ in 0..2 {
        world.poll().expect("nothing", 0, 0);
    }
    assert_eq!(
        world.number(
            "SELECT count(*) FROM kafka_offsets WHERE retired_at IS NOT NULL AND \"offset\" = 1"
        ),
        1
    );
}
