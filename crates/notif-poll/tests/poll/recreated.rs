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
    for records in [1, 0] {
        // the other partition had nothing recorded, so it begins its new generation
        let report = world.poll();
        assert_eq!(
            (report.code, report.records()),
            (if records == 1 { 6 } else { 9 }, records),
            "{report:?}"
        );
        assert_eq!(
            report.partition(world.topic(), 0)["verdict"],
            "mixed",
            "{report:?}"
        );
        assert!(
            report.json["exitCodes"]
                .as_array()
                .unwrap()
                .contains(&9.into()),
            "{report:?}"
        );
    }
    let rows = world
        .database
        .rows("SELECT source_partition AS p, source_offset AS o, topic_generation AS g FROM notifications ORDER BY 1, 2")
        .unwrap();
    let row = |p: i64, o: i64, g: i64| serde_json::json!({"p": p, "o": o, "g": g});
    assert_eq!(
        rows,
        [row(0, 0, 0), row(0, 1, 0), row(0, 2, 0), row(1, 0, 1)]
    );
    assert_eq!(
        world.number("SELECT count(*) FROM capture_gaps WHERE partition = 0"),
        0
    );
}
