//! Logs that lost something behind the poll's back: cut and grown again under a stopped broker, moved
//! beyond 32 bits, compacted, expired. A broker of the tests' own does it for real.

use std::fs;
use std::path::Path;
use std::time::Duration;

use notif_testbed::kafka::Message;
use notif_testbed::wait::wait_until;
use serde_json::json;

use crate::own_broker::OwnBroker;
use crate::truth::{assert_recorded, assert_recovers};
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(60);

/// Beyond what 32 bits hold, signed or not.
const FAR: i64 = 5_000_000_000;

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Moves a partition's log to a first offset of [`FAR`], while its broker is stopped. A batch begins
/// with its offset and length, which its checksum does not cover; the first offset of a segment is
/// its name.
fn move_far(data: &Path, topic: &str) {
    let folder = data.join(format!("{topic}-0"));
    let segment = folder.join("00000000000000000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    let mut rest = bytes.as_mut_slice();
    while let Some((head, body)) = rest.split_first_chunk_mut::<12>() {
        let (offset, length) = head.split_first_chunk_mut::<8>().unwrap();
        let length = i32::from_be_bytes((&*length).try_into().unwrap());
        *offset = i64::from_be_bytes(*offset).strict_add(FAR).to_be_bytes();
        rest = body.split_at_mut(usize::try_from(length).unwrap()).1;
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "partition.metadata" {
            fs::remove_file(path).unwrap();
        }
    }
    fs::write(folder.join(format!("{FAR:020}.log")), bytes).unwrap();
    fs::write(
        folder.join("leader-epoch-checkpoint"),
        format!("0\n1\n0 {FAR}\n"),
    )
    .unwrap();
    for checkpoint in ["recovery-point", "replication", "log-start"] {
        forget(&data.join(format!("{checkpoint}-offset-checkpoint")), topic);
    }
}

/// Takes a topic out of a checkpoint: version, number of lines, `topic partition offset`.
fn forget(checkpoint: &Path, topic: &str) {
    let Ok(text) = fs::read_to_string(checkpoint) else {
        return;
    };
    let kept: Vec<String> = text
        .lines()
        .skip(2)
        .filter(|line| !line.starts_with(topic))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(checkpoint, format!("0\n{}\n{}", kept.len(), kept.concat())).unwrap();
}

fn produce(world: &World, topic: &str, name: &str, count: usize) {
    let values = (0..count).map(|n| format!(r#"{{"{name}":{n}}}"#));
    world.kafka.produce(topic, 0, values).unwrap();
}

/// What is recorded of a topic, as text of its events' payloads in the log's order.
fn recorded(world: &World, topic: &str) -> Vec<String> {
    world
        .database
        .rows(&format!(
            "SELECT (event->'payload')::text AS payload FROM notifications \
             WHERE source_topic = '{topic}' ORDER BY source_offset"
        ))
        .unwrap()
        .iter()
        .map(|row| row["payload"].as_str().unwrap().to_owned())
        .collect()
}

/// Three logs are put back to their first five records, as a broker restored from a backup has
/// them, and grow again to less, as much and more than is recorded. A fourth lies beyond 32 bits and
/// is none the worse for it.
#[test]
fn a_log_that_was_cut_and_grew_again_is_stopped_and_one_far_beyond_32_bits_is_read() {
    let broker = OwnBroker::take();
    let world = broker.world(4, 1);
    let [shorter, equal, longer, far] = world.topics.as_slice() else {
        panic!("four topics");
    };
    let cut = [shorter, equal, longer];
    let data = broker.kafka.folder().join("data");
    let backup = broker.kafka.folder().join("backup");
    for topic in cut {
        produce(&world, topic, "kept", 5);
    }
    produce(&world, far, "far", 3);
    broker.kafka.stop().unwrap();
    for topic in cut {
        copy_folder(
            &broker.kafka.log_folder(topic, 0),
            &backup.join(format!("{topic}-0")),
        );
    }
    move_far(&data, far);
    broker.kafka.restart().unwrap();
    assert_eq!(broker.kafka.watermarks(far, 0).unwrap(), (FAR, FAR + 3));
    for topic in cut {
        produce(&world, topic, "cut", 4);
    }
    world.poll().expect("drained", 0, 30);
    assert_eq!(
        world.number(&format!(
            "SELECT max(source_offset) FROM notifications WHERE source_topic = '{far}'"
        )),
        FAR + 2
    );
    assert_recorded(&world, far, Some(3));
    let before: Vec<_> = cut.iter().map(|topic| recorded(&world, topic)).collect();

    broker.kafka.stop().unwrap();
    for topic in cut {
        let log = broker.kafka.log_folder(topic, 0);
        fs::remove_dir_all(&log).unwrap();
        copy_folder(&backup.join(format!("{topic}-0")), &log);
    }
    broker.kafka.restart().unwrap();
    produce(&world, equal, "other", 4);
    produce(&world, longer, "other", 7);
    produce(&world, far, "farther", 2);
    let report = world.poll();
    report.expect("stopped", 9, 2);
    assert_eq!(report.partition(shorter, 0)["verdict"], "ahead");
    let diverged = |problem: &serde_json::Value| {
        problem
            .as_str()
            .is_some_and(|why| why.contains("the record at 8 is not the one"))
    };
    assert!(
        diverged(&report.partition(longer, 0)["problem"]),
        "{report:?}"
    );
    // as long as what is recorded: the next record tells
    produce(&world, equal, "other", 1);
    let report = world.poll();
    report.expect("stopped", 9, 0);
    assert!(
        diverged(&report.partition(equal, 0)["problem"]),
        "{report:?}"
    );
    let after: Vec<_> = cut.iter().map(|topic| recorded(&world, topic)).collect();
    assert_eq!(after, before, "a row of the other history came in");
    assert_eq!(
        world.number("SELECT count(*) FROM capture_gaps WHERE reason <> 'before-first-poll'"),
        0
    );
    assert_recorded(&world, far, Some(5));
}

/// How far the cleaner has come with a topic.
fn cleaned(broker: &OwnBroker, topic: &str) -> i64 {
    let file = broker.kafka.folder().join("data/cleaner-offset-checkpoint");
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(topic));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0)
}

/// Records by key, then one more that begins a new segment, so that the cleaner may have the others;
/// waits until it has been over them.
fn produce_and_compact(broker: &OwnBroker, world: &World, keys: &[&str]) {
    let messages = keys.iter().map(|key| Message::new("{}").key(*key));
    world.kafka.produce(world.topic(), 0, messages).unwrap();
    // the segment's time is over
    std::thread::sleep(Duration::from_millis(300));
    let last = world
        .kafka
        .produce(world.topic(), 0, [Message::new("{}").key("roll")])
        .unwrap();
    wait_until("the cleaner", LIMIT, || {
        cleaned(broker, world.topic()) >= last[0]
    })
    .unwrap();
}

#[test]
fn a_compacted_log_is_read_over_its_holes_and_without_its_witness() {
    let broker = OwnBroker::take();
    let world = broker.world(0, 1);
    let topic = notif_testbed::unique("compacted");
    let compact = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "200"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("delete.retention.ms", "0"),
    ];
    broker.kafka.create_topic_with(&topic, 1, &compact).unwrap();
    let world = World {
        topics: vec![topic.clone()],
        ..world
    };
    // 0..8 are two rounds of four keys, 8 is the roll
    let round = ["a", "b", "c", "d"];
    produce_and_compact(&broker, &world, &[round, round].concat());
    world.poll().expect("drained", 0, 5);
    assert_eq!(world.positions(), [4, 5, 6, 7, 8].map(|offset| (0, offset)));
    assert_recorded(&world, &topic, Some(5));
    // a newer roll takes the last recorded record away, which was the witness
    produce_and_compact(&broker, &world, &["c", "roll"]);
    let held = broker.kafka.read_committed_up_to(&topic, 6).unwrap();
    let held: Vec<i64> = held.iter().map(|record| record.offset).collect();
    assert_eq!(held, [4, 5, 7, 9, 10, 11]);
    world.poll().expect("drained", 0, 3);
    assert_eq!(
        world.positions()[5..],
        [9, 10, 11].map(|offset| (0, offset))
    );
    world.assert_tiled();
    world.poll().expect("nothing", 0, 0);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
}

#[test]
fn records_that_expired_before_they_were_read_are_a_loss_and_what_comes_then_is_read() {
    let broker = OwnBroker::take();
    let world = broker.world(1, 1);
    let old = || Message::new("{}").at(1_600_000_000_000);
    let send = |count: usize| {
        let messages = (0..count).map(|_| old());
        broker.kafka.produce(world.topic(), 0, messages).unwrap();
    };
    send(3);
    world.poll().expect("drained", 0, 3);
    send(5);
    broker
        .kafka
        .set_topic(world.topic(), &[("retention.ms", "3600000")])
        .unwrap();
    wait_until("retention", LIMIT, || {
        broker.kafka.watermarks(world.topic(), 0).unwrap() == (8, 8)
    })
    .unwrap();
    world.poll().expect("gap", 6, 0);
    assert_eq!(
        world
            .database
            .rows("SELECT reason, first_offset, last_offset FROM capture_gaps")
            .unwrap(),
        [json!({"reason": "retention", "first_offset": 3, "last_offset": 7})]
    );
    broker
        .kafka
        .produce(world.topic(), 0, ["{}", "{}"])
        .unwrap();
    assert_recovers(&world, "expired records").expect("drained", 0, 2);
    assert_recorded(&world, world.topic(), None);
}
