//! A topic that is deleted and created again while a poll reads it. One that was created again
//! between two polls is in `gap.rs`.

use std::time::Duration;

use notif_testbed::wait::wait_until;

use crate::world::World;

/// The poll has described the topic and waits for PostgreSQL; when it goes on, another log stands
/// under the name, and the client reads it without a word.
#[test]
fn a_topic_created_anew_while_it_is_read_is_told_and_not_recorded_twice() {
    let world = World::with_partitions(1, 2);
    world.kafka.produce(world.topic(), 0, ["1", "2"]).unwrap();
    let held = world
        .database
        .hold("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")
        .unwrap();
    let report = std::thread::scope(|scope| {
        let poll = scope.spawn(|| world.poll());
        wait_until("a poll that waits", Duration::from_secs(30), || {
            world.number(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'notif-poll' \
                 AND datname = current_database() AND wait_event_type = 'Lock'",
            ) > 0
        })
        .unwrap();
        world.kafka.delete_topic(world.topic()).unwrap();
        world.kafka.create_topic(world.topic(), 2).unwrap();
        world
            .kafka
            .produce(world.topic(), 0, ["3", "4", "5"])
            .unwrap();
        drop(held);
        poll.join().unwrap()
    });
    // the new log's records, as ones of the old topic
    report.expect("stopped", 9, 3);
    let problem = &report.partition(world.topic(), 0)["problem"];
    assert!(
        problem
            .as_str()
            .unwrap()
            .contains("created anew while it was read"),
        "{report:?}"
    );
    assert_eq!(
        world.number("SELECT count(*) FROM kafka_offsets WHERE drained_through IS NOT NULL"),
        0
    );
    world.kafka.produce(world.topic(), 0, ["6"]).unwrap();
    world.kafka.produce(world.topic(), 1, ["7"]).unwrap();
    // the other partition had nothing recorded, so it begins its new generation
    for (verdict, records, code) in [("mixed", 1, 6), ("stopped", 0, 9)] {
        let report = world.poll();
        assert_eq!(
            (report.code, report.records()),
            (code, records),
            "{report:?}"
        );
        let told = report.partition(world.topic(), 0);
        assert_eq!(told["verdict"], verdict, "{report:?}");
        assert!(told["problem"].as_str().unwrap().contains("resume"));
        assert!(
            report.json["exitCodes"]
                .as_array()
                .unwrap()
                .contains(&9.into()),
            "{report:?}"
        );
    }
    assert_eq!(
        rows(&world),
        [(0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 1, 0)],
        "generation, partition, offset"
    );
    assert_eq!(
        world.number("SELECT count(*) FROM capture_gaps WHERE partition = 0"),
        0
    );
    a_mixed_partition_goes_on(&world);
}

/// Behind what was recorded of the new log as of the old one: not a record of it twice, and none left
/// out. The ledger ends the old log, of which nobody knows more.
fn a_mixed_partition_goes_on(world: &World) {
    let mut arguments = vec![
        "resume",
        "--topic",
        world.topic(),
        "--partition",
        "0",
        "--at",
        "3",
    ];
    arguments.extend(["--reason", "created anew by hand", "--yes"]);
    let told = world.ask_json(&arguments).json(0);
    assert_eq!(told["partitions"][0]["endsAs"], "recreated", "{told}");
    world.poll().expect("gap", 6, 1);
    world.poll().expect("nothing", 0, 0);
    assert_eq!(
        rows(world),
        [(0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 0, 3), (1, 1, 0)]
    );
    let gaps = world
        .database
        .rows(
            "SELECT topic_generation AS g, first_offset AS f, last_offset AS l, reason AS r \
             FROM capture_gaps WHERE partition = 0 ORDER BY gap_id",
        )
        .unwrap();
    assert_eq!(
        gaps,
        [
            serde_json::json!({"g": 0, "f": 3, "l": null, "r": "recreated"}),
            serde_json::json!({"g": 1, "f": 0, "l": 2, "r": "operator"}),
        ]
    );
    world.assert_generations_tiled();
}

/// Generation, partition and offset of each row.
fn rows(world: &World) -> Vec<(i64, i64, i64)> {
    let rows = world.database.rows(
        "SELECT topic_generation AS g, source_partition AS p, source_offset AS o \
         FROM notifications ORDER BY 1, 2, 3",
    );
    let number = |row: &serde_json::Value, name: &str| row[name].as_i64().unwrap();
    rows.unwrap()
        .iter()
        .map(|row| (number(row, "g"), number(row, "p"), number(row, "o")))
        .collect()
}
