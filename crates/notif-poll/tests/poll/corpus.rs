//! The hostile corpus: ten thousand generated messages among good ones, each exactly once and
//! unchanged, and every row readable through every endpoint.
//!
//! The seed is `CORPUS_SEED` where it is set, so that a failure of the soak can be run again.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{self, Write};

use notif_testbed::campus::Campus;
use notif_testbed::exact::Json;
use notif_testbed::hostile::{TOPIC_SETTINGS, generated};
use notif_testbed::kafka::{Kafka, Message, RawMessage};
use notif_testbed::unique;
use serde_json::value::RawValue;

use crate::api::{self, Api, Client};
use crate::message::{self, Row};
use crate::world::World;

const HOSTILE: usize = 10_000;
const SEED: u64 = 20_261_125;
const PARTITIONS: i32 = 3;

/// How many messages go to a partition before the next one has its turn, hostile and good.
const CHUNK: usize = 850;
const GOOD: usize = 150;

/// Past the capture of the harness: the numbers are to be quoted from any run.
macro_rules! say {
    ($($word:tt)*) => {
        writeln!(io::stderr(), $($word)*).unwrap()
    };
}

/// What was produced, by partition and offset: its kind, and the message.
type Produced = BTreeMap<(i64, i64), (&'static str, RawMessage)>;

#[test]
fn ten_thousand_hostile_messages_are_recorded_unchanged_and_can_be_read() {
    let seed = env::var("CORPUS_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    say!("corpus: seed {seed} (CORPUS_SEED={seed} runs it again)");
    let mut world = World::with_topics(0);
    let topic = unique("corpus");
    let kafka = Kafka::shared();
    kafka
        .create_topic_with(&topic, PARTITIONS, &TOPIC_SETTINGS)
        .unwrap();
    world.topics = vec![topic.clone()];
    let produced = produce(&topic, seed);
    let count = i64::try_from(produced.len()).unwrap();
    message::drain(&world, count);
    world.poll().expect("nothing", 0, 0);
    world.assert_tiled();

    let rows = message::rows(&world, &topic);
    let positions: Vec<_> = rows.iter().map(Row::position).collect();
    let acknowledged: Vec<_> = produced.keys().copied().collect();
    assert_eq!(positions, acknowledged, "not each record exactly once");
    let mut raw = 0;
    for (row, (position, (kind, message))) in rows.iter().zip(&produced) {
        row.assert_holds(message, &format!("seed {seed}, {kind} at {position:?}"));
        raw += usize::from(row.text("reason").is_some());
        if *kind == "good" {
            assert_eq!(row.text("reason"), None, "{position:?}");
            assert_eq!(row.text("status"), Some("captured"), "{position:?}");
        }
    }
    say!(
        "corpus: {HOSTILE} hostile messages among {} good ones; {} rows compared, {raw} by their \
         bytes, {} as JSON",
        produced.len() - HOSTILE,
        rows.len(),
        rows.len() - raw
    );
    read_all(&Api::of(&world), &rows);
}

/// Produces hostile messages and good ones in turn; the good ones in compressed batches.
fn produce(topic: &str, seed: u64) -> Produced {
    let kafka = Kafka::shared();
    let mut campus = Campus::new(seed);
    let mut hostile = generated(seed).take(HOSTILE).peekable();
    let good = kafka
        .producer_with(&[("compression.type", "zstd")])
        .unwrap();
    let mut produced = Produced::new();
    for partition in (0..PARTITIONS).cycle() {
        if hostile.peek().is_none() {
            break;
        }
        let chunk: Vec<_> = hostile.by_ref().take(CHUNK).collect();
        let messages: Vec<RawMessage> = chunk.iter().map(|one| one.message.clone()).collect();
        let offsets = kafka.produce_raw(topic, partition, &messages).unwrap();
        let kinds = chunk.iter().map(|one| one.kind);
        for ((offset, kind), message) in offsets.into_iter().zip(kinds).zip(messages) {
            produced.insert((partition.into(), offset), (kind, message));
        }
        let events: Vec<Message> = campus.events(GOOD).into_iter().map(Into::into).collect();
        let offsets = good.produce(topic, partition, events.clone()).unwrap();
        for (offset, event) in offsets.into_iter().zip(events) {
            produced.insert((partition.into(), offset), ("good", event.into()));
        }
    }
    produced
}

/// Reads every row through every endpoint that leads to it; each answer is strict JSON, and each
/// event in it is the one that is stored.
fn read_all(api: &Api, rows: &[Row]) {
    let stored: BTreeMap<&str, &Row> = rows
        .iter()
        .map(|row| (row.text("id").unwrap(), row))
        .collect();
    let by = |column: &'static str| {
        let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            if let Some(id) = row.text(column) {
                ids.entry(id).or_default().insert(row.text("id").unwrap());
            }
        }
        ids
    };
    let (orders, customers) = (by("order_id"), by("customer_id"));
    let halves = rows.split_at(rows.len() / 2);
    let asked = std::thread::scope(|scope| {
        let singles = [halves.0, halves.1].map(|half| {
            let stored = &stored;
            scope.spawn(move || {
                let mut client = api.client();
                for row in half {
                    let id = row.text("id").unwrap();
                    let page = client.get(&format!("/notifications/{id}"));
                    assert_eq!(shown(&page.body, stored), id);
                }
                client.asked
            })
        });
        let stored = &stored;
        let lists = scope.spawn(move || {
            let mut client = api.client();
            for (id, expected) in &orders {
                let path = format!("/order/{}", api::segment(id));
                let newest = assert_lists(&mut client, &path, expected, stored).pop();
                let latest = client.get(&format!("{path}/latest"));
                let latest = shown(&latest.body, stored);
                assert_eq!(Some(&latest), newest.as_ref(), "{id:?}");
                assert_eq!(expected.last().copied(), Some(latest.as_str()), "{id:?}");
            }
            for (id, expected) in &customers {
                let path = format!("/customer/{}/notifications", api::segment(id));
                assert_lists(&mut client, &path, expected, stored);
            }
            say!(
                "corpus: {} orders, {} customers read",
                orders.len(),
                customers.len()
            );
            client.asked
        });
        let singles = singles.map(|thread| thread.join().unwrap());
        singles
            .into_iter()
            .chain([lists.join().unwrap()])
            .sum::<u64>()
    });
    say!("corpus: {asked} requests, all 200 and strict JSON");
}

/// Asserts that a list holds exactly the rows `expected`; gives their ids in its order.
fn assert_lists(
    client: &mut Client,
    path: &str,
    expected: &BTreeSet<&str>,
    stored: &BTreeMap<&str, &Row>,
) -> Vec<String> {
    let ids: Vec<String> = client
        .list(path)
        .iter()
        .map(|object| shown(object.get().as_bytes(), stored))
        .collect();
    let distinct: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(&distinct, expected, "{path}");
    assert_eq!(ids.len(), expected.len(), "{path}: a row is there twice");
    ids
}

/// The id of a notification that was answered, which is checked against its row.
fn shown(object: &[u8], stored: &BTreeMap<&str, &Row>) -> String {
    // strict: no member twice, no lone surrogate, UTF-8
    let mut json = Json::parse(object).unwrap();
    let id = json.take("notificationId").text().unwrap().to_owned();
    let row = stored.get(id.as_str()).unwrap();
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(object).unwrap();
    assert_eq!(members["event"].get(), row.text("event").unwrap(), "{id}");
    for (field, column) in [
        ("orderId", "order_id"),
        ("customerId", "customer_id"),
        ("runnerId", "runner_id"),
        ("correlationId", "correlation_id"),
        ("eventType", "event_type"),
        ("sourceService", "source_service"),
        ("rawReason", "reason"),
        ("status", "status"),
    ] {
        assert_eq!(json.take(field).text(), row.text(column), "{id} {field}");
    }
    id
}
