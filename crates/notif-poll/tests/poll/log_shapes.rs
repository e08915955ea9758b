//! What a log may look like besides a row of records: transactions, holes, many partitions, no rest.
//!
//! Losses and topics created anew are in `gap.rs`; logs that were cut or lie beyond 32 bits need a
//! broker of their own and are in `cut_logs.rs`.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use notif_testbed::kafka::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::truth::assert_recorded;
use crate::world::{Report, World};

/// A producer with a transaction open.
struct Transaction(BaseProducer);

impl Transaction {
    fn begin(world: &World) -> Self {
        let producer: BaseProducer = world
            .kafka
            .client_config()
            .set("transactional.id", notif_testbed::unique("tx"))
            .create()
            .unwrap();
        producer.init_transactions(Duration::from_secs(30)).unwrap();
        producer.begin_transaction().unwrap();
        Self(producer)
    }

    /// One record, acknowledged before this returns, so that the order in the log is known.
    fn send(&self, world: &World, value: &str) {
        let record = BaseRecord::<str, str>::to(world.topic()).partition(0);
        self.0
            .send(record.payload(value))
            .map_err(|(error, _)| error)
            .unwrap();
        self.0.flush(Duration::from_secs(10)).unwrap();
    }

    fn commit(&self) {
        self.0.commit_transaction(Duration::from_secs(10)).unwrap();
    }

    fn abort(&self) {
        self.0.abort_transaction(Duration::from_secs(10)).unwrap();
    }

    fn begin_again(&self) {
        self.0.begin_transaction().unwrap();
    }
}

fn payloads(world: &World) -> Vec<String> {
    world
        .database
        .rows("SELECT event->'payload'->>'n' AS n FROM notifications ORDER BY source_offset")
        .unwrap()
        .iter()
        .map(|row| row["n"].as_str().unwrap().to_owned())
        .collect()
}

/// Three transactions lie between each other in one partition, and plain records between them.
#[test]
fn of_interleaved_transactions_what_is_committed_is_recorded_in_the_logs_order() {
    let world = World::with_partitions(1, 1);
    let (kept, dropped, late) = (
        Transaction::begin(&world),
        Transaction::begin(&world),
        Transaction::begin(&world),
    );
    let value = |n: &str| format!(r#"{{"n":"{n}"}}"#);
    for round in 0..3 {
        kept.send(&world, &value(&format!("kept-{round}")));
        dropped.send(&world, &value(&format!("dropped-{round}")));
        late.send(&world, &value(&format!("late-{round}")));
        world
            .kafka
            .produce(world.topic(), 0, [value(&format!("plain-{round}"))])
            .unwrap();
    }
    world.poll().expect("nothing", 0, 0);
    kept.commit();
    // what comes next belongs to the second one, which is still open
    let report = world.poll();
    report.expect("drained", 0, 1);
    assert_eq!(report.partition(world.topic(), 0)["to"], 1, "{report:?}");
    dropped.abort();
    let report = world.poll();
    report.expect("drained", 0, 0);
    assert_eq!(report.partition(world.topic(), 0)["to"], 2, "{report:?}");
    late.commit();
    // its next transaction ends the log with an aborted batch and a marker
    late.begin_again();
    late.send(&world, &value("never"));
    late.abort();
    world.poll().expect("drained", 0, 8);
    let rounds = (0..3).flat_map(|n| ["kept", "late", "plain"].map(|name| format!("{name}-{n}")));
    assert_eq!(payloads(&world), rounds.collect::<Vec<_>>());
    assert_recorded(&world, world.topic(), Some(9));
    world.poll().expect("nothing", 0, 0);
}

/// The times are PostgreSQL's, so the row that a first poll left is set back instead of waiting.
#[test]
fn a_hanging_transaction_is_told_after_a_quarter_of_an_hour_and_loses_nothing() {
    let world = World::with_partitions(1, 2);
    world
        .kafka
        .produce(world.topic(), 0, [r#"{"n":"0"}"#])
        .unwrap();
    let hanging = Transaction::begin(&world);
    hanging.send(&world, r#"{"n":"1"}"#);
    world
        .kafka
        .produce(world.topic(), 0, [r#"{"n":"2"}"#])
        .unwrap();
    world.poll().expect("drained", 0, 1);
    // not yet: it may be a slow producer
    world.poll().expect("nothing", 0, 0);
    let wait = |minutes: i32| {
        world
            .database
            .execute(&format!(
                "UPDATE kafka_offsets SET end_moved_at = clock_timestamp() - interval '{minutes} min'"
            ))
            .unwrap();
    };
    wait(14);
    world.poll().expect("nothing", 0, 0);
    wait(16);
    let report = world.poll();
    report.expect("stopped", 9, 0);
    let problem = |partition| report.partition(world.topic(), partition)["problem"].clone();
    assert!(
        problem(0)
            .as_str()
            .unwrap()
            .contains("a transaction has held the end back"),
        "{report:?}"
    );
    assert!(
        problem(1).is_null(),
        "a quiet end is not held back: {report:?}"
    );
    // other partitions are recorded meanwhile
    world
        .kafka
        .produce(world.topic(), 1, [r#"{"n":"9"}"#])
        .unwrap();
    world.poll().expect("stopped", 9, 1);
    let fresh = "SELECT partition FROM kafka_offsets WHERE drained_through IS NOT NULL";
    assert_eq!(
        world.number(fresh),
        1,
        "what is behind an open transaction is not drained"
    );
    hanging.abort();
    world.poll().expect("drained", 0, 1);
    assert_eq!(payloads(&world), ["0", "9", "2"]);
    assert_recorded(&world, world.topic(), Some(3));
}

#[test]
fn a_selection_without_a_partition_is_nothing_to_do() {
    let world = World::with_topics(0);
    let report = Report::of(world.command().env("KAFKA_TOPICS", "^no-such-topic-.*"));
    report.expect("nothing", 0, 0);
    assert!(report.json["partitions"].as_array().unwrap().is_empty());
}

#[test]
fn three_hundred_partitions_are_drained_in_one_poll() {
    const PARTITIONS: i32 = 300;
    let world = World::with_partitions(1, PARTITIONS);
    let message = |n: i32| {
        (
            world.topic(),
            n % PARTITIONS,
            Message::new(format!("{{\"n\":{n}}}")),
        )
    };
    let producer = world.kafka.producer().unwrap();
    // every third one gets a second record, every fifth none
    let numbers = (0..2 * PARTITIONS).filter(|n| {
        let partition = n % PARTITIONS;
        partition % 5 != 0 && (*n < PARTITIONS || partition % 3 == 0)
    });
    let sent = producer.produce_all(numbers.map(message)).unwrap().len();
    let started = Instant::now();
    world
        .poll()
        .expect("drained", 0, i64::try_from(sent).unwrap());
    let drained = started.elapsed();
    let started = Instant::now();
    world.poll().expect("nothing", 0, 0);
    println!(
        "{PARTITIONS} partitions: {sent} records in {drained:.2?}, then nothing in {:.2?}",
        started.elapsed()
    );
    assert_eq!(
        world.number("SELECT count(*) FROM kafka_offsets WHERE drained_through IS NOT NULL"),
        i64::from(PARTITIONS)
    );
    assert_recorded(&world, world.topic(), None);
}

/// A producer that writes faster than the poll reads must not keep it: the ends are captured once.
#[test]
fn a_topic_that_never_rests_is_read_to_the_ends_that_the_poll_saw() {
    let world = World::with_topics(1);
    world.produce_numbers(3_000);
    let (stop, sent) = (AtomicBool::new(false), AtomicI64::new(3_000));
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            let producer = world.kafka.producer().unwrap();
            while !stop.load(Ordering::Relaxed) {
                let batch = (0..300).map(|n| (world.topic(), n % 3, Message::new("{}")));
                let count = producer.produce_all(batch).unwrap().len();
                sent.fetch_add(i64::try_from(count).unwrap(), Ordering::Relaxed);
            }
        });
        notif_testbed::wait::wait_until("the producer", Duration::from_secs(30), || {
            sent.load(Ordering::Relaxed) > 3_000
        })
        .unwrap();
        let report = world.poll();
        let during = sent.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        assert!(report.records() < during, "{report:?}, {during} sent");
        report
    });
    assert_eq!(
        (report.outcome(), report.code),
        ("drained", 0),
        "{report:?}"
    );
    for partition in report.json["partitions"].as_array().unwrap() {
        assert_eq!(partition["to"], partition["end"], "{report:?}");
    }
    world.poll().expect(
        "drained",
        0,
        sent.load(Ordering::Relaxed) - report.records(),
    );
    assert_recorded(&world, world.topic(), None);
}
