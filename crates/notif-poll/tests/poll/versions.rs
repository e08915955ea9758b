//! Other versions of PostgreSQL and Kafka: one drain with the whole check on each.
//!
//! All other tests run on the versions that `README.md` names first.

use std::time::Duration;

use notif_testbed::campus::Campus;
use notif_testbed::kafka::{Kafka, KafkaOptions, Message, TruthRecord};
use notif_testbed::postgres::{Postgres, PostgresOptions};
use notif_testbed::{process, unique};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use crate::api::{self, Api};
use crate::drain::sha256_hex;
use crate::message::{self, Row, hex};
use crate::world::{Report, World};

const LIMIT: Duration = Duration::from_secs(60);

const ROLES: &str = include_str!("../../../../deploy/postgres/roles.sql");
const README: &str = include_str!("../../../../README.md");

/// Campus events in all three partitions of the first topic.
const EVENTS: usize = 600;

/// A world whose database was made by `notif-poll migrate`, with a topic of three partitions and
/// one of one.
fn world(kafka: &'static Kafka, postgres: &Postgres) -> World {
    let topics = [("events", 3), ("transactions", 1)].map(|(name, partitions)| {
        let topic = unique(name);
        kafka.create_topic(&topic, partitions).unwrap();
        topic
    });
    let world = World {
        database: postgres.empty_database().unwrap(),
        kafka,
        topics: topics.to_vec(),
    };
    process::run(world.command().arg("migrate"), LIMIT)
        .unwrap()
        .success()
        .unwrap();
    world
}

/// Campus events, transactions that end in every way, a loss; after each poll the next finds
/// nothing, and what is recorded is what Kafka's own reader reads.
fn whole_check(world: &World) {
    let [events, transactions] = world.topics.as_slice() else {
        panic!("two topics")
    };
    let produced: Vec<(&str, i32, Message)> = Campus::new(7)
        .events(EVENTS)
        .into_iter()
        .map(|event| (events.as_str(), event.partition, event.into()))
        .collect();
    let client = world.kafka.producer().unwrap();
    client.produce_all(produced).unwrap();
    // three of the five end in the log: the committed ones, and one without a transaction
    transaction(world, transactions, &["1", "2"], true);
    transaction(world, transactions, &["-1"], false);
    world.kafka.produce(transactions, 0, ["3"]).unwrap();
    transaction(world, transactions, &["-2", "-3"], false);
    transaction(world, transactions, &["4"], true);
    world.poll().expect("drained", 0, 604);
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();
    assert_same(
        &message::rows(world, events),
        &world.kafka.read_committed(events).unwrap(),
    );
    let truth = world.kafka.read_committed_up_to(transactions, 4).unwrap();
    assert_same(&message::rows(world, transactions), &truth);
    assert_readable(world, events);

    let offsets = client.produce(events, 1, ["{}"; 10]).unwrap();
    let (first, last) = (offsets[0], offsets[6]);
    world
        .kafka
        .delete_records(events, &[(1, offsets[7])])
        .unwrap();
    let report = world.poll();
    report.expect("gap", 6, 3);
    assert_eq!(report.json["gaps"][0]["firstOffset"], first);
    assert_eq!(report.json["gaps"][0]["lastOffset"], last);
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();
}

/// One transaction in a partition of its own producer.
fn transaction(world: &World, topic: &str, values: &[&str], commit: bool) {
    let producer: BaseProducer = world
        .kafka
        .client_config()
        .set("transactional.id", unique("tx"))
        .create()
        .unwrap();
    producer.init_transactions(LIMIT).unwrap();
    producer.begin_transaction().unwrap();
    for value in values {
        let record = BaseRecord::<str, str>::to(topic)
            .partition(0)
            .payload(*value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LIMIT).unwrap();
    if commit {
        producer.commit_transaction(LIMIT).unwrap();
    } else {
        producer.abort_transaction(LIMIT).unwrap();
    }
}

/// Record by record: present once, in order, with its time, key, headers and value.
fn assert_same(rows: &[Row], truth: &[TruthRecord]) {
    assert_eq!(rows.len(), truth.len());
    for (row, truth) in rows.iter().zip(truth) {
        assert_eq!(row.position(), (truth.partition.into(), truth.offset));
        assert_eq!(row.number("time"), truth.timestamp_ms);
        assert_eq!(row.text("key"), truth.key.as_deref().map(hex).as_deref());
        let hash = truth.value.as_deref().map(sha256_hex);
        assert_eq!(row.text("hash"), hash.as_deref());
        let headers: Vec<_> = truth
            .headers
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), value.clone()))
            .collect();
        assert_eq!(row.headers(), headers);
    }
}

/// One order, through each endpoint that tells of it.
fn assert_readable(world: &World, topic: &str) {
    let rows = message::rows(world, topic);
    let row = rows
        .iter()
        .find(|row| row.text("order_id").is_some() && row.text("customer_id").is_some())
        .unwrap();
    let server = Api::of(world);
    let mut client = server.client();
    let order = format!("/order/{}", api::segment(row.text("order_id").unwrap()));
    let customer = api::segment(row.text("customer_id").unwrap());
    let id = row.text("id").unwrap();
    let same = rows
        .iter()
        .filter(|other| other.text("order_id") == row.text("order_id"))
        .count();
    assert_eq!(client.list(&order).len(), same);
    let latest: Value =
        serde_json::from_slice(&client.get(&format!("{order}/latest")).body).unwrap();
    assert_eq!(latest["orderId"].as_str(), row.text("order_id"));
    assert!(
        !client
            .list(&format!("/customer/{customer}/notifications"))
            .is_empty()
    );
    let one = client.get(&format!("/notifications/{id}"));
    let one: Value = serde_json::from_slice(&one.body).unwrap();
    assert_eq!(one["notificationId"], id);
}

fn on_postgres(major: &str) {
    let server = Postgres::start(&PostgresOptions {
        version: Some(major.to_owned()),
        ..Default::default()
    })
    .unwrap();
    let world = world(Kafka::shared(), &server);
    let running = world.number("SELECT current_setting('server_version_num')::int / 10000");
    assert_eq!(running.to_string(), major);
    assert_named(major);
    whole_check(&world);

    // with no more rights than the poller needs
    world.database.execute(ROLES).unwrap();
    let poller = world.database.url().replace("postgres@", "notif_poller@");
    world.kafka.produce(world.topic(), 0, ["{}"]).unwrap();
    Report::of(world.command().env("DATABASE_URL", poller)).expect("drained", 0, 1);
}

/// The page that people choose their versions by names this one.
fn assert_named(version: &str) {
    let (_, tested) = README
        .split_once("one drain with the whole check runs on ")
        .unwrap();
    let (tested, _) = tested.split_once("\n\n").unwrap();
    let words = tested.split(|c: char| c.is_whitespace() || ",;()".contains(c));
    let mut words = words.map(|word| word.trim_end_matches('.'));
    assert!(words.any(|word| word == version), "{version}: {tested}");
}

#[test]
fn a_drain_on_postgresql_14() {
    on_postgres("14");
}

#[test]
fn a_drain_on_postgresql_17() {
    on_postgres("17");
}

#[test]
fn a_drain_on_postgresql_18() {
    on_postgres("18");
}

/// The whole check on another Kafka; whether its topics have ids must be as expected.
fn on_kafka(version: &str, settings: &[(&str, &str)], has_topic_ids: bool) {
    let options = KafkaOptions {
        version: Some(version.to_owned()),
        settings: settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Default::default()
    };
    // a world's broker is for ever; this one is ended below, or with this process
    let kafka: &'static Kafka = Box::leak(Box::new(Kafka::start(&options).unwrap()));
    assert_named(version);
    let world = world(kafka, Postgres::shared());
    whole_check(&world);
    let ids = world.number("SELECT count(topic_id) FROM kafka_offsets");
    assert_eq!(ids, if has_topic_ids { 4 } else { 0 });
    kafka.kill().unwrap();
}

#[test]
fn a_drain_from_kafka_3_3() {
    on_kafka("3.3.2", &[], true);
}

#[test]
fn a_drain_from_kafka_4_4() {
    on_kafka("4.4.0", &[], true);
}

/// The oldest that is supported, with its metadata in `ZooKeeper`.
#[test]
fn a_drain_from_kafka_2_8() {
    on_kafka("2.8.2", &[], true);
}

/// What a cluster is that was upgraded from 2.7 and not yet told so: its topics have no ids.
#[test]
fn a_drain_from_a_kafka_without_topic_ids() {
    on_kafka("2.8.2", &[("inter.broker.protocol.version", "2.7")], false);
}
