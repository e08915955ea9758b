//! A poll reads up to the ends that it saw, and stores each record exactly once.

use std::time::{Duration, Instant};

use notif_testbed::campus::Campus;
use notif_testbed::kafka::Message;
use notif_testbed::wait_for;

use crate::world::{Report, World};

#[test]
fn every_record_becomes_one_row_and_the_next_poll_finds_only_what_is_new() {
    let world = World::with_topics(2);
    for (topic, partition, count) in [(0, 0, 40), (0, 2, 7), (1, 1, 1)] {
        let values = (0..count).map(|n| format!(r#"{{"type":"t","payload":{{"n":{n}}}}}"#));
        world
            .kafka
            .produce(&world.topics[topic], partition, values)
            .unwrap();
    }
    world.poll().expect("drained", 0, 48);
    world.poll().expect("nothing", 0, 0);
    world.kafka.produce(world.topic(), 0, ["{}", "{}"]).unwrap();
    world.poll().expect("drained", 0, 2);
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 50);
    assert_eq!(
        world.number(
            "SELECT count(*) FROM notifications WHERE (event->'payload'->>'n')::int = source_offset"
        ),
        48
    );
    world.assert_tiled();
    assert_eq!(
        world.number("SELECT count(*) FROM poll_runs WHERE ended_at IS NOT NULL"),
        3
    );
}

#[test]
fn a_campus_day_is_what_the_brokers_own_reader_sees() {
    let world = World::with_topics(1);
    let events: Vec<(String, i32, Message)> = Campus::new(5)
        .events(3_000)
        .into_iter()
        .map(|event| (world.topic().to_owned(), event.partition, event.into()))
        .collect();
    world.kafka.producer().unwrap().produce_all(events).unwrap();
    world.poll().expect("drained", 0, 3_000);
    let truth = world.kafka.read_committed(world.topic()).unwrap();
    let rows = world
        .database
        .rows(
            "SELECT source_partition AS partition, source_offset AS \"offset\", \
             kafka_timestamp_ms AS time, encode(message_key, 'escape') AS key, \
             encode(value_sha256, 'hex') AS hash FROM notifications ORDER BY 1, 2",
        )
        .unwrap();
    assert_eq!(truth.len(), rows.len());
    for (truth, row) in truth.iter().zip(&rows) {
        assert_eq!(row["partition"], truth.partition);
        assert_eq!(row["offset"], truth.offset);
        assert_eq!(row["time"].as_i64(), truth.timestamp_ms);
        let key = truth.key.as_deref().map(String::from_utf8_lossy);
        assert_eq!(row["key"].as_str(), key.as_deref());
        let hash = truth.value.as_deref().map(sha256_hex);
        assert_eq!(row["hash"].as_str(), hash.as_deref());
    }
    assert_eq!(
        world.number("SELECT count(*) FROM notifications WHERE status <> 'captured'"),
        0
    );
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    use sha2::Digest;

    let mut hex = String::new();
    for byte in sha2::Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

#[test]
fn a_trailing_transaction_marker_is_no_lag_and_no_work_for_the_next_poll() {
    let world = World::with_partitions(1, 1);
    transaction(&world, &["{}", "{}"], true);
    let report = world.poll();
    report.expect("drained", 0, 2);
    // two records and the marker behind them
    assert_eq!(report.partition(world.topic(), 0)["to"], 3);
    assert_eq!(world.number("SELECT \"offset\" FROM kafka_offsets"), 2);
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();
}

#[test]
fn aborted_records_are_not_recorded_and_do_not_hold_the_poll_up() {
    let world = World::with_partitions(1, 1);
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    transaction(&world, &["{}", "{}", "{}"], false);
    let started = Instant::now();
    let report = world.poll();
    report.expect("drained", 0, 1);
    assert_eq!(report.partition(world.topic(), 0)["to"], 5);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();
}

#[test]
fn an_open_transaction_delays_what_is_behind_it_and_loses_nothing() {
    let world = World::with_partitions(1, 1);
    let producer = begin(&world);
    send(&world, &producer, &["{\"n\":1}"]);
    world
        .kafka
        .produce(world.topic(), 0, ["{\"n\":2}"])
        .unwrap();
    let report = world.poll();
    report.expect("nothing", 0, 0);
    assert_eq!(report.partition(world.topic(), 0)["end"], 0);
    assert_eq!(
        world.number("SELECT count(*) FROM kafka_offsets WHERE drained_through IS NULL"),
        1
    );
    producer
        .commit_transaction(Duration::from_secs(10))
        .unwrap();
    world.poll().expect("drained", 0, 2);
    assert_eq!(world.positions(), [(0, 0), (0, 1)]);
    world.poll().expect("nothing", 0, 0);
    assert_eq!(
        world.number("SELECT count(*) FROM kafka_offsets WHERE drained_through IS NULL"),
        0
    );
}

type TransactionalProducer = rdkafka::producer::BaseProducer;

fn begin(world: &World) -> TransactionalProducer {
    use rdkafka::producer::Producer;
    let producer: TransactionalProducer = world
        .kafka
        .client_config()
        .set("transactional.id", notif_testbed::unique("tx"))
        .create()
        .unwrap();
    producer.init_transactions(Duration::from_secs(30)).unwrap();
    producer.begin_transaction().unwrap();
    producer
}

fn send(world: &World, producer: &TransactionalProducer, values: &[&str]) {
    use rdkafka::producer::{BaseRecord, Producer};
    for value in values {
        let record = BaseRecord::<str, str>::to(world.topic())
            .partition(0)
            .payload(*value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();
}

use rdkafka::producer::Producer as _;

/// The marker of its end is written after its client has got the answer to it, so it is waited for.
pub(crate) fn transaction(world: &World, values: &[&str], commit: bool) {
    let end = || world.kafka.watermarks(world.topic(), 0).unwrap().1;
    let records = i64::try_from(values.len()).unwrap();
    let marked = end().strict_add(records).strict_add(1);
    let producer = begin(world);
    send(world, &producer, values);
    if commit {
        producer
            .commit_transaction(Duration::from_secs(10))
            .unwrap();
    } else {
        producer.abort_transaction(Duration::from_secs(10)).unwrap();
    }
    wait_for("the marker", Duration::from_secs(10), || {
        (end() >= marked).then_some(())
    })
    .unwrap();
}

#[test]
fn topics_are_found_by_pattern_and_kafkas_own_are_not() {
    let world = World::with_topics(2);
    world.kafka.produce(&world.topics[0], 0, ["{}"]).unwrap();
    world.kafka.produce(&world.topics[1], 0, ["{}"]).unwrap();
    let pattern = format!("^{}.?|__.*", world.topics[0]);
    let report = Report::of(world.command().env("KAFKA_TOPICS", pattern));
    report.expect("drained", 0, 1);
    assert_eq!(report.json["partitions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_topic_that_is_not_there_is_told_once_and_is_no_failure() {
    let world = World::with_topics(1);
    let missing = notif_testbed::unique("missing");
    let report = Report::of(world.command().env("KAFKA_TOPICS", &missing));
    report.expect("nothing", 0, 0);
    assert_eq!(report.json["unseenTopics"], serde_json::json!([missing]));
    assert_eq!(report.stderr, "");
}

#[test]
fn offsets_are_mirrored_to_the_consumer_group_on_idle_polls_too() {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    let world = World::with_partitions(1, 1);
    world
        .kafka
        .produce(world.topic(), 0, ["{}", "{}", "{}"])
        .unwrap();
    world.poll().expect("drained", 0, 3);
    let committed = |world: &World| {
        let consumer: BaseConsumer = world
            .kafka
            .client_config()
            .set("group.id", format!("group-{}", world.database.name()))
            .create()
            .unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition(world.topic(), 0);
        let list = consumer
            .committed_offsets(list, Duration::from_secs(10))
            .unwrap();
        list.elements()[0].offset()
    };
    assert_eq!(committed(&world), rdkafka::Offset::Offset(3));
    world.poll().expect("nothing", 0, 0);
    assert_eq!(committed(&world), rdkafka::Offset::Offset(3));
}

#[test]
fn a_partition_that_is_added_is_read_from_its_first_record() {
    let world = World::with_partitions(1, 1);
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    world.poll().expect("drained", 0, 1);
    world.kafka.create_partitions(world.topic(), 2).unwrap();
    world.kafka.produce(world.topic(), 1, ["{}", "{}"]).unwrap();
    world.poll().expect("drained", 0, 2);
    assert_eq!(world.positions(), [(0, 0), (1, 0), (1, 1)]);
    assert_eq!(world.number("SELECT count(*) FROM capture_gaps"), 0);
}

#[test]
fn two_polls_at_once_store_each_record_once() {
    let world = World::with_topics(1);
    world.produce_numbers(6_000);
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let polls: Vec<_> = (0..4).map(|_| scope.spawn(|| world.poll())).collect();
        polls.into_iter().map(|poll| poll.join().unwrap()).collect()
    });
    for report in &reports {
        assert_eq!(report.code, 0, "{report:?}");
    }
    assert_eq!(reports.iter().map(Report::records).sum::<i64>(), 6_000);
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 6_000);
    world.assert_tiled();
}

#[test]
fn a_poll_that_finds_everything_claimed_is_busy_and_a_killed_one_frees_its_claims() {
    use std::process::Stdio;

    use notif_testbed::wait::wait_until;

    let world = World::with_topics(1);
    world.produce_numbers(30_000);
    let mut other = world
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("its first batch", Duration::from_secs(60), || {
        world.number("SELECT count(*) FROM notifications") > 0
    })
    .unwrap();
    let signal = |name: &str| {
        let mut kill = std::process::Command::new("kill");
        assert!(
            kill.args([name, &other.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-STOP");
    let report = world.poll();
    report.expect("busy", 0, 0);
    other.kill().unwrap();
    other.wait().unwrap();
    // the server sees the end of the connection a moment later
    wait_until("the claims being free", Duration::from_secs(20), || {
        world.poll().outcome() != "busy"
    })
    .unwrap();
    assert_eq!(world.number("SELECT count(*) FROM notifications"), 30_000);
    world.assert_tiled();
}
