//! What every test of a fault ends with: the record is exactly what Kafka holds, read by the broker's
//! own consumer, which shares no line of code with ours.

use std::time::{Duration, Instant};

use notif_testbed::kafka::TruthRecord;
use notif_testbed::wait::wait_for;
use serde_json::Value;

use crate::drain::sha256_hex;
use crate::world::{Report, World};

/// How long after the end of a fault a poll may fail.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);

/// The rows of a topic's newest generation, from each partition's low offset on, are Kafka's
/// committed records, one for one; how many they are. The ledgers tile.
///
/// `count` is for a log with holes: how many committed records it holds.
#[track_caller]
pub(crate) fn assert_recorded(world: &World, topic: &str, count: Option<usize>) -> usize {
    let truth = match count {
        Some(count) => world
            .kafka
            .read_committed_up_to(topic, i64::try_from(count).unwrap()),
        None => world.kafka.read_committed(topic),
    };
    let truth = truth.unwrap();
    if let Some(count) = count {
        assert_eq!(truth.len(), count, "the test counts its records wrong");
    }
    let lows = world.kafka.all_watermarks(topic).unwrap();
    let mut rows = rows(world, topic);
    rows.retain(|row| {
        let (partition, offset) = place(row);
        let partition = usize::try_from(partition).unwrap();
        lows.get(partition).is_none_or(|(low, _)| offset >= *low)
    });
    assert_same(&truth, &rows);
    world.assert_tiled();
    rows.len()
}

fn place(row: &Value) -> (i64, i64) {
    (
        row["partition"].as_i64().unwrap(),
        row["offset"].as_i64().unwrap(),
    )
}

fn rows(world: &World, topic: &str) -> Vec<Value> {
    world
        .database
        .rows(&format!(
            "SELECT source_partition AS partition, source_offset AS \"offset\", \
             kafka_timestamp_ms AS time, encode(sha256(message_key), 'hex') AS key, \
             encode(value_sha256, 'hex') AS hash, coalesce(jsonb_array_length(headers), 0) AS headers \
             FROM notifications n JOIN kafka_offsets k ON k.topic = n.source_topic \
             AND k.partition = n.source_partition AND k.topic_generation = n.topic_generation \
             WHERE n.source_topic = '{topic}' ORDER BY 1, 2"
        ))
        .unwrap()
}

#[track_caller]
fn assert_same(truth: &[TruthRecord], rows: &[Value]) {
    let places = |all: Vec<(i64, i64)>| format!("{} records, {all:?}", all.len());
    let recorded: Vec<(i64, i64)> = rows.iter().map(place).collect();
    let held: Vec<(i64, i64)> = truth
        .iter()
        .map(|record| (record.partition.into(), record.offset))
        .collect();
    if recorded != held {
        let missing = held.iter().filter(|place| !recorded.contains(place));
        let extra = recorded.iter().filter(|place| !held.contains(place));
        panic!(
            "{} rows, {} records in Kafka; missing: {}; not in Kafka: {}",
            rows.len(),
            truth.len(),
            places(missing.copied().take(20).collect()),
            places(extra.copied().take(20).collect()),
        );
    }
    for (record, row) in truth.iter().zip(rows) {
        let hash = record.value.as_deref().map(sha256_hex);
        let key = record.key.as_deref().map(sha256_hex);
        assert_eq!(row["hash"].as_str(), hash.as_deref(), "{record:?}");
        assert_eq!(row["key"].as_str(), key.as_deref(), "{record:?}");
        assert_eq!(row["time"].as_i64(), record.timestamp_ms, "{record:?}");
        assert_eq!(row["headers"], record.headers.len(), "{record:?}");
    }
}

/// Polls until one works, now that the fault is over; prints how long that took. The poll's report.
#[track_caller]
pub(crate) fn assert_recovers(world: &World, fault: &str) -> Report {
    let over = Instant::now();
    let mut polls = 0;
    let report = wait_for("a poll that works again", RECOVERY_LIMIT, || {
        polls = i32::strict_add(polls, 1);
        let report = world.poll();
        (report.code == 0).then_some(report)
    })
    .unwrap_or_else(|error| panic!("after {fault}: {error:#}"));
    println!(
        "recovered: {fault}: {:.2} s, poll {polls}, {} records",
        over.elapsed().as_secs_f64(),
        report.records()
    );
    report
}
