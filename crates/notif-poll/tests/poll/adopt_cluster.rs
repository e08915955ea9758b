//! `notif-poll adopt-cluster`: another Kafka cluster is recorded from now on.
//!
//! The broker of the tests stands for the new cluster: the database is told that another one was
//! recorded so far.

use serde_json::{Value, json};

use crate::world::World;

/// Two partitions recorded from `the-old-one`, one of them stopped, and other logs in the new one,
/// where the beginning of partition 1 is gone. The second topic is retired.
fn moved_world() -> World {
    let world = World::with_topics(2);
    world.write(0..5, "old");
    world.kafka.produce(world.topic(), 1, ["{}"; 3]).unwrap();
    world.poll().expect("drained", 0, 8);
    world
        .ask_json(&[
            "retire",
            "--topic",
            &world.topics[1],
            "--reason",
            "x",
            "--yes",
        ])
        .json(0);
    world.stop(1, "corrupt");
    world.kafka.delete_topic(world.topic()).unwrap();
    world.kafka.create_topic(world.topic(), 2).unwrap();
    world.write(0..2, "new");
    world.kafka.produce(world.topic(), 1, ["{}"; 6]).unwrap();
    world
        .kafka
        .delete_records(world.topic(), &[(1, 4)])
        .unwrap();
    world
        .database
        .execute("UPDATE recorder_state SET cluster_id = 'the-old-one'")
        .unwrap();
    world
}

#[test]
fn another_cluster_is_recorded_in_new_generations_once_an_operator_says_so() {
    let world = moved_world();
    let id = world.kafka.cluster_id();
    let refused = world.poll();
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains(id), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("adopt-cluster"),
        "{}",
        refused.stderr
    );
    for command in ["plan", "resume"] {
        let arguments: &[&str] = match command {
            "plan" => &["plan"],
            _ => &[
                "resume",
                "--topic",
                &world.topics[0],
                "--partition",
                "1",
                "--at",
                "4",
            ],
        };
        let told = world.ask(arguments);
        assert_eq!(told.code, 2, "{told:?}");
        assert!(told.stderr.contains("the-old-one"), "{told:?}");
    }
    let before = world.dump();
    let dry = world.ask_json(&["adopt-cluster", id]).json(0);
    assert_eq!(dry["outcome"], "dry-run");
    assert_eq!(world.dump(), before);

    let json = world.ask_json(&["adopt-cluster", id, "--yes"]).json(0);
    assert_eq!(json["outcome"], "adopted");
    assert_eq!(
        json["partitions"][1],
        json!({"topic": world.topic(), "partition": 1, "newGeneration": 1, "begins": 4})
    );
    let ledger: Vec<Value> = world
        .ledger()
        .into_iter()
        .filter(|gap| gap["reason"] != "retired")
        .map(|gap| json!([gap["p"], gap["g"], gap["first"], gap["last"], gap["reason"]]))
        .collect();
    assert_eq!(
        ledger,
        [
            json!([0, 0, 5, null, "operator"]),
            json!([1, 0, 3, null, "operator"]),
            json!([1, 1, 0, 3, "before-first-poll"]),
            json!([2, 0, 0, null, "operator"]),
        ]
    );
    let note = world
        .database
        .rows("SELECT note FROM capture_gaps WHERE reason = 'operator' LIMIT 1")
        .unwrap();
    assert_eq!(
        note[0]["note"],
        format!("Kafka cluster the-old-one is followed by {id}")
    );
    // partition 2 is not there: that is for a person, everything else is recorded
    let report = world.poll();
    report.expect("stopped", 9, 4);
    assert_eq!(report.partition(world.topic(), 2)["verdict"], "gone");
    world
        .ask_json(&[
            "retire",
            "--topic",
            world.topic(),
            "--partition",
            "2",
            "--reason",
            "x",
            "--yes",
        ])
        .json(0);
    world.poll().expect("nothing", 0, 0);
    world.assert_generations_tiled();
    let again = world.ask_json(&["adopt-cluster", id, "--yes"]).json(0);
    assert_eq!(again["outcome"], "nothing");
}

#[test]
fn an_id_that_is_not_that_of_the_brokers_is_refused() {
    let world = moved_world();
    let before = world.dump();
    let told = world.ask(&["adopt-cluster", "mistyped", "--yes"]);
    assert_eq!(told.code, 2, "{told:?}");
    let id = world.kafka.cluster_id();
    assert!(
        told.stderr
            .contains(&format!("is cluster {id}, not mistyped")),
        "{told:?}"
    );
    assert_eq!(world.dump(), before);
}

#[test]
fn an_offset_row_that_is_lost_right_after_is_rebuilt_in_the_new_generation() {
    let world = moved_world();
    world
        .ask_json(&["adopt-cluster", world.kafka.cluster_id(), "--yes"])
        .json(0);
    world
        .database
        .execute("DELETE FROM kafka_offsets WHERE partition = 0")
        .unwrap();
    let report = world.poll();
    // partition 2 is gone
    report.expect("stopped", 9, 4);
    assert_eq!(report.partition(world.topic(), 0)["generation"], 1);
    assert_eq!(
        world.number("SELECT count(*) FROM notifications WHERE topic_generation = 1"),
        4
    );
}
