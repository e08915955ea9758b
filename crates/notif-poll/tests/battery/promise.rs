//! Small checks of one promise each, as functions: what is wrong, in words. They are run against
//! the recorder as it is, and by `mutation` against one that has a deliberate defect.
//!
//! What must be there is known from what was produced, but for the headers, which the broker's own
//! consumer reads.

use std::ops::{Range, RangeFrom};
use std::time::Duration;

use notif_testbed::kafka::{Kafka, Message, TruthRecord};
use notif_testbed::postgres::{Postgres, TestDatabase};
use notif_testbed::wait::wait_until;
use rdkafka::producer::Producer as _;

use crate::check::{Loss, Truth, compare};
use crate::scene;
use crate::world::World;

const LIMIT: Duration = Duration::from_secs(60);

/// When a poll that waits for what cannot come is over. Longer than what a check does while it holds
/// the poll, also on a machine that is busy.
const SHORT_DEADLINE: u32 = 20;

/// The 28th of May 2026, for records whose times must be equal.
const START_MS: i64 = 1_780_000_000_000;

fn message(number: i64, generation: i64) -> Message {
    Message::new(format!(r#"{{"type":"t","payload":{{"n":{number}}}}}"#))
        .at(time(number, generation))
}

/// A topic that is created anew gets its messages an hour later: the same ones at the same times would
/// be what the recorder takes for a topic that was created anew while it was read.
fn time(number: i64, generation: i64) -> i64 {
    START_MS + generation * 3_600_000 + number
}

fn produce(world: &World, numbers: Range<i64>) {
    produce_in(world, 0, numbers);
}

fn produce_in(world: &World, generation: i64, numbers: Range<i64>) {
    let messages: Vec<Message> = numbers.map(|n| message(n, generation)).collect();
    world.kafka.produce(world.topic(), 0, messages).unwrap();
}

/// Says that these offsets of the only partition hold the messages of the same numbers.
fn expect(truth: &mut Truth, world: &World, generation: i64, offsets: Range<i64>) {
    let records: Vec<TruthRecord> = offsets
        .map(|offset| TruthRecord {
            partition: 0,
            offset,
            timestamp_ms: Some(time(offset, generation)),
            key: None,
            value: message(offset, generation).value,
            headers: Vec::new(),
        })
        .collect();
    truth.add(world.topic(), generation, &records);
}

/// What must be there where nothing is lost: the messages up to `end`.
fn all_up_to(world: &World, end: i64) -> Truth {
    let mut truth = Truth::default();
    expect(&mut truth, world, 0, 0..end);
    truth.add_end(log(world, 0), end);
    truth
}

fn log(world: &World, generation: i64) -> (String, i64, i64) {
    (world.topic().to_owned(), generation, 0)
}

fn database() -> TestDatabase {
    Postgres::shared().create_database().unwrap()
}

fn holds(database: &TestDatabase, truth: &Truth) -> Result<(), String> {
    compare(database, truth).map(drop)
}

/// Rows and offset of a batch are one: killed between any two statements of it, nothing is stored
/// or everything is.
pub(crate) fn a_kill_within_a_batch_stores_all_of_it_or_nothing(
    mutations: &str,
) -> Result<(), String> {
    let world = World::of_one_topic(1, mutations);
    produce(&world, 0..3);
    let begun = database();
    world.poll(&begun).expect(0)?;
    produce(&world, 3..6);
    let (numbers, batch) = statements_of_the_batch(&world, &begun);
    assert!(batch.iter().any(|s| s.contains("COPY")), "{batch:#?}");
    for (number, statement) in numbers.zip(batch) {
        let database = begun.copy().unwrap();
        let killed = world.poll_with(&database, &format!("kill:after-statement:{number}"));
        assert!(killed.was_killed(), "{killed:?}");
        world.poll(&database).expect(0)?;
        holds(&database, &all_up_to(&world, 6))
            .map_err(|wrong| format!("killed after {statement}: {wrong}"))?;
    }
    Ok(())
}

/// The statements of a run's only batch, and their numbers.
fn statements_of_the_batch(
    world: &World,
    recorded: &TestDatabase,
) -> (RangeFrom<usize>, Vec<String>) {
    let database = recorded.copy().unwrap();
    let logged = world.poll_logged(&database).stderr;
    let statements: Vec<&str> = logged
        .lines()
        .filter_map(|line| Some(line.split_once("] statement ")?.1))
        .collect();
    let place = |words: &str| {
        let place = statements.iter().position(|s| s.contains(words));
        place.unwrap_or_else(|| panic!("no {words} in {statements:#?}"))
    };
    let (begin, end) = (
        place("nextval('batches_batch_id_seq')"),
        place("WITH counter"),
    );
    let batch = statements[begin..=end].iter().copied().map(str::to_owned);
    // the first statement is number 1
    (begin + 1.., batch.collect())
}

/// Two runs that both believe a partition to be theirs: the fence lets one of them write.
pub(crate) fn overlapping_runs_without_claims_write_each_record_once(
    mutations: &str,
) -> Result<(), String> {
    let world = World::of_one_topic(1, &format!("claims-off,{mutations}"));
    produce(&world, 0..5);
    let database = database();
    let slow = world.held(&database, "after-claims");
    let fast = world.poll(&database);
    fast.expect(0)?;
    assert_eq!(fast.report["records"], 5, "{fast:?}");
    slow.end().expect(0)?;
    holds(&database, &all_up_to(&world, 5))
}

/// The end that a run saw when it began is its end, whatever comes behind it, also where the client
/// jumps over that end.
pub(crate) fn a_run_ends_at_the_end_that_it_saw(mutations: &str) -> Result<(), String> {
    let mut world = World::of_one_topic(1, mutations);
    world.deadline = SHORT_DEADLINE;
    let name = [("transactional.id", world.topic())];
    let transactional = world.kafka.producer_with(&name).unwrap();
    transactional.client().init_transactions(LIMIT).unwrap();
    // two records and a marker, which no reader ever sees: the end is 3
    let transaction = |commit: bool, end: i64| {
        transactional.client().begin_transaction().unwrap();
        let messages = [message(0, 0), message(1, 0)];
        transactional.produce(world.topic(), 0, messages).unwrap();
        if commit {
            transactional.client().commit_transaction(LIMIT).unwrap();
        } else {
            transactional.client().abort_transaction(LIMIT).unwrap();
        }
        scene::wait_for_end(world.kafka, world.topic(), 0, end);
    };
    transaction(true, 3);
    let database = database();
    let poll = world.held(&database, "after-claims");
    // 3, 4 and their marker are never seen either: the next thing to come stands at 6
    transaction(false, 6);
    produce(&world, 6..7);
    poll.end().expect(0)?;
    let mut truth = Truth::default();
    expect(&mut truth, &world, 0, 0..2);
    truth.add_end(log(&world, 0), 3);
    holds(&database, &truth)?;
    world.poll(&database).expect(0)?;
    expect(&mut truth, &world, 0, 6..7);
    truth.add_end(log(&world, 0), 7);
    holds(&database, &truth)
}

/// A log that ends before the captured end, when it is read, has not been read to its end. Here the
/// topic is created anew in mid-run, beginning with the same records.
pub(crate) fn an_end_below_the_captured_one_is_not_believed(mutations: &str) -> Result<(), String> {
    let mut world = World::of_one_topic(1, mutations);
    world.deadline = SHORT_DEADLINE;
    produce(&world, 0..3);
    let database = database();
    world.poll(&database).expect(0)?;
    produce(&world, 3..10);
    // else the witness would tell the new log from the old one before its end is met
    let forget = "UPDATE kafka_offsets SET witness_offset = NULL, witness_sha256 = NULL";
    database.execute(forget).unwrap();
    let poll = world.held(&database, "after-claims");
    recreate(&world);
    produce_in(&world, 1, 0..3);
    poll.end();
    world.poll(&database).expect(6)?;
    holds(&database, &recreated(&world, 3))
}

fn recreate(world: &World) {
    world.kafka.delete_topic(world.topic()).unwrap();
    world.kafka.create_topic(world.topic(), 1).unwrap();
}

/// Three records were recorded, then the topic was created anew with as many as `end`.
fn recreated(world: &World, end: i64) -> Truth {
    let mut truth = Truth::default();
    expect(&mut truth, world, 0, 0..3);
    expect(&mut truth, world, 1, 0..end);
    truth.add_end(log(world, 1), end);
    truth.losses.insert(Loss {
        log: log(world, 0),
        first: 3,
        last: None,
        reason: "recreated",
    });
    truth
}

/// A topic that was created anew is recorded beside what was there before.
pub(crate) fn a_topic_created_anew_is_recorded_beside_the_old_one(
    mutations: &str,
) -> Result<(), String> {
    let world = World::of_one_topic(1, mutations);
    produce(&world, 0..3);
    let database = database();
    world.poll(&database).expect(0)?;
    recreate(&world);
    produce_in(&world, 1, 0..5);
    world.poll(&database).expect(6)?;
    holds(&database, &recreated(&world, 5))
}

/// What Kafka deleted before it was read is in the ledger, and a run tells of it.
pub(crate) fn what_kafka_deleted_is_in_the_ledger(mutations: &str) -> Result<(), String> {
    let world = World::of_one_topic(1, mutations);
    produce(&world, 0..3);
    let database = database();
    world.poll(&database).expect(0)?;
    produce(&world, 3..10);
    world
        .kafka
        .delete_records(world.topic(), &[(0, 8)])
        .unwrap();
    let told = world.poll(&database).expect(6).map(drop);
    let mut truth = all_up_to(&world, 3);
    expect(&mut truth, &world, 0, 8..10);
    truth.add_end(log(&world, 0), 10);
    truth.losses.insert(Loss {
        log: log(&world, 0),
        first: 3,
        last: Some(7),
        reason: "retention",
    });
    holds(&database, &truth)?;
    told
}

/// Headers are kept in their order, with their duplicates.
pub(crate) fn headers_are_kept_as_they_came(mutations: &str) -> Result<(), String> {
    let world = World::of_one_topic(1, mutations);
    let message = Message::new("{}")
        .header("trace", Some(b"one"))
        .header("trace", Some(b"two"))
        .header("other", Some(b"three"))
        .header("trace", None);
    world.kafka.produce(world.topic(), 0, [message]).unwrap();
    let database = database();
    world.poll(&database).expect(0)?;
    let mut truth = Truth::default();
    scene::read(&mut truth, world.kafka, world.topic(), 0, 1);
    holds(&database, &truth)
}

/// Who reads in the order of `commit_seq`, and remembers how far, misses nothing: a transaction that
/// began early and ended late does not appear behind the reader.
pub(crate) fn a_reader_by_commit_seq_skips_no_row(mutations: &str) -> Result<(), String> {
    let kafka = Kafka::shared();
    let early = World::of_one_topic(1, mutations);
    let late = World::of_one_topic(1, mutations);
    produce(&early, 0..2);
    produce(&late, 0..3);
    let database = database();
    // all that takes time is done before a transaction is held open
    let second = late.held(&database, "before-batch");
    let first = early.held(&database, "before-commit");
    second.let_go();
    let read = |after: i64| {
        let rows = database.rows(&format!(
            "SELECT b.commit_seq FROM notifications n JOIN batches b USING (batch_id) \
             WHERE b.commit_seq > {after} ORDER BY b.commit_seq"
        ));
        let rows = rows.unwrap();
        rows.iter()
            .map(|row| row["commit_seq"].as_i64().unwrap())
            .collect::<Vec<i64>>()
    };
    wait_until("the second transaction", LIMIT, || read(0).len() == 3).unwrap();
    let seen = *read(0).last().unwrap();
    first.end().expect(0)?;
    second.end().expect(0)?;
    assert_eq!(read(0).len(), 5, "{}", kafka.bootstrap());
    match read(seen).len() {
        2 => Ok(()),
        rows => Err(format!(
            "a reader that was at {seen} finds {rows} of the 2 rows that came after"
        )),
    }
}
