//! A record that a poll began, and a Kafka that has changed since in every way: more records,
//! transactions committed, aborted and interleaved, a loss, a new partition, a topic created anew,
//! and one never seen. It stands still from then on, so that many polls can be held against it.

use std::time::Duration;

use anyhow::Result;
use notif_testbed::campus::Campus;
use notif_testbed::kafka::{Kafka, Message, Producer};
use notif_testbed::postgres::{Postgres, TestDatabase};
use notif_testbed::unique;
use notif_testbed::wait::wait_until;
use rdkafka::producer::Producer as _;

use crate::check::{Loss, Truth};
use crate::world::World;

const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Scene {
    pub(crate) world: World,
    /// What the first poll recorded; to be copied.
    pub(crate) begun: TestDatabase,
    pub(crate) truth: Truth,
}

impl Scene {
    pub(crate) fn prepare() -> Self {
        let kafka = Kafka::shared();
        let [orders, again, fresh] = ["orders", "again", "fresh"].map(unique);
        kafka.create_topic(&orders, 2).unwrap();
        kafka.create_topic(&again, 1).unwrap();
        let world = World::new(kafka, &[&orders, &again, &fresh]);
        let mut events = Events::new(kafka, &orders, 20_261_125).unwrap();
        events.produce(&orders, 0, 40).unwrap();
        events.produce(&orders, 1, 40).unwrap();
        events.produce(&again, 0, 20).unwrap();
        let begun = Postgres::shared().create_database().unwrap();
        world.poll(&begun).expect(0).unwrap();
        let mut truth = Truth::default();
        // what is deleted afterwards can only be read now
        truth.add(
            &orders,
            0,
            &kafka.read_committed_up_to(&orders, 80).unwrap(),
        );
        truth.add(&again, 0, &kafka.read_committed_up_to(&again, 20).unwrap());

        events.produce(&orders, 0, 120).unwrap();
        events.transactions(&orders, 0).unwrap();
        // records, aborted ones, and four markers
        wait_for_end(kafka, &orders, 0, 160 + 60 + 35 + 4);
        events.produce(&orders, 1, 200).unwrap();
        kafka.delete_records(&orders, &[(1, 90)]).unwrap();
        kafka.create_partitions(&orders, 3).unwrap();
        events.look_again(kafka);
        events.produce(&orders, 2, 100).unwrap();
        kafka.delete_records(&orders, &[(2, 10)]).unwrap();
        kafka.delete_topic(&again).unwrap();
        kafka.create_topic(&again, 1).unwrap();
        events.look_again(kafka);
        events.produce(&again, 0, 60).unwrap();
        kafka.create_topic(&fresh, 2).unwrap();
        events.produce(&fresh, 0, 150).unwrap();
        events.produce(&fresh, 1, 150).unwrap();
        kafka.delete_records(&fresh, &[(0, 5)]).unwrap();

        let deleted = [
            (&orders, 0, 1, 40, Some(89), "retention"),
            (&orders, 0, 2, 0, Some(9), "retention"),
            (&again, 0, 0, 20, None, "recreated"),
            (&fresh, 0, 0, 0, Some(4), "before-first-poll"),
        ];
        for (topic, generation, partition, first, last, reason) in deleted {
            let log = (topic.clone(), generation, partition);
            truth.losses.insert(Loss {
                log,
                first,
                last,
                reason,
            });
        }
        read(&mut truth, kafka, &orders, 0, 40 + 120 + 60 + 150 + 90);
        read(&mut truth, kafka, &again, 1, 60);
        read(&mut truth, kafka, &fresh, 0, 295);
        Self {
            world,
            begun,
            truth,
        }
    }
}

/// Waits for the end of a partition's log. A transaction's marker is written after its client has
/// got the answer to its commit.
pub(crate) fn wait_for_end(kafka: &Kafka, topic: &str, partition: i32, end: i64) {
    let what = format!("{topic}/{partition} to end at {end}");
    wait_until(&what, TIMEOUT, || {
        kafka.watermarks(topic, partition).unwrap().1 == end
    })
    .unwrap();
}

/// Reads a topic by the independent reader, and the ends of its partitions. Nothing is open, so the
/// high watermark is the end.
pub(crate) fn read(truth: &mut Truth, kafka: &Kafka, topic: &str, generation: i64, count: i64) {
    let records = kafka.read_committed_up_to(topic, count).unwrap();
    truth.add(topic, generation, &records);
    for partition in 0..kafka.partition_count(topic).unwrap() {
        let (_, end) = kafka.watermarks(topic, partition).unwrap();
        truth.add_end((topic.to_owned(), generation, i64::from(partition)), end);
    }
}

/// The campus' events, with headers as some services send them, and a tombstone now and then.
pub(crate) struct Events {
    campus: Campus,
    plain: Producer,
    transactional: Producer,
    number: usize,
}

impl Events {
    /// A transaction that an earlier client of this name left open is aborted.
    pub(crate) fn new(kafka: &Kafka, name: &str, seed: u64) -> Result<Self> {
        let transactional = kafka.producer_with(&[("transactional.id", name)])?;
        transactional.client().init_transactions(TIMEOUT)?;
        Ok(Self {
            campus: Campus::new(seed),
            plain: kafka.producer()?,
            transactional,
            number: 0,
        })
    }

    /// A producer that knows the topics as they are now.
    fn look_again(&mut self, kafka: &Kafka) {
        self.plain = kafka.producer().unwrap();
    }

    fn take(&mut self, count: usize) -> Vec<Message> {
        (0..count).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Message {
        self.number += 1;
        let mut message = Message::from(self.campus.next().unwrap());
        // Now, not in the life of the campus, which lies months back: a broker that comes back from a
        // kill forgets producers whose last record is older than a day, and takes a batch twice that
        // is sent again.
        message.timestamp_ms = None;
        if self.number.is_multiple_of(3) {
            message = message
                .header("trace", Some(b"one"))
                .header("trace", Some(b"two"))
                .header("trace", None);
        }
        if self.number.is_multiple_of(17) {
            message.value = None;
        }
        message
    }

    /// Plain records of one partition.
    pub(crate) fn produce(&mut self, topic: &str, partition: i32, count: usize) -> Result<()> {
        let messages = self.take(count);
        self.plain.produce(topic, partition, messages)?;
        Ok(())
    }

    /// A transaction over one partition, which may be aborted.
    pub(crate) fn transaction(
        &mut self,
        topic: &str,
        partition: i32,
        count: usize,
        commit: bool,
    ) -> Result<()> {
        self.open(topic, partition, count)?;
        self.close(commit)
    }

    fn open(&mut self, topic: &str, partition: i32, count: usize) -> Result<()> {
        let messages = self.take(count);
        self.transactional.client().begin_transaction()?;
        self.transactional.produce(topic, partition, messages)?;
        Ok(())
    }

    fn close(&mut self, commit: bool) -> Result<()> {
        let client = self.transactional.client();
        if commit {
            client.commit_transaction(TIMEOUT)?;
        } else {
            client.abort_transaction(TIMEOUT)?;
        }
        Ok(())
    }

    /// 60 committed records: of a transaction before one that is aborted, plain ones within another
    /// that is aborted, and plain ones within one that is committed. The log ends with a marker.
    fn transactions(&mut self, topic: &str, partition: i32) -> Result<()> {
        self.transaction(topic, partition, 30, true)?;
        self.transaction(topic, partition, 25, false)?;
        self.open(topic, partition, 10)?;
        self.produce(topic, partition, 10)?;
        self.close(false)?;
        self.open(topic, partition, 10)?;
        self.produce(topic, partition, 10)?;
        self.close(true)
    }
}
