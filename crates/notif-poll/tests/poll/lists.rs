//! The lists of the API over rows that polls recorded: hostile ones, and while polls go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notif_testbed::hostile::{TOPIC_SETTINGS, messages};
use notif_testbed::kafka::{Kafka, Message, RawMessage};
use notif_testbed::{unique, wait_until};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::{self, Api, Client};
use crate::drain::sha256_hex;
use crate::message::{self, Row};
use crate::world::World;

/// The ids of a list in its order; its objects are taken apart no further than that needs.
fn ids(objects: &[Box<RawValue>]) -> Vec<String> {
    objects
        .iter()
        .map(|object| {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(object.get()).unwrap();
            serde_json::from_str(members["notificationId"].get()).unwrap()
        })
        .collect()
}

/// The ids of the rows that have each value in a column, in the order of time.
fn by<'a>(rows: &'a [Row], column: &str) -> BTreeMap<&'a str, BTreeSet<String>> {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        if let Some(value) = row.text(column) {
            let id = row.text("id").unwrap().to_owned();
            found.entry(value).or_default().insert(id);
        }
    }
    found
}

fn newest_first(ids: &BTreeSet<String>) -> Vec<String> {
    ids.iter().rev().cloned().collect()
}

fn oldest_first(ids: &BTreeSet<String>) -> Vec<String> {
    ids.iter().cloned().collect()
}

#[test]
fn every_hostile_row_is_in_every_list_that_it_belongs_to() {
    let mut world = World::with_topics(0);
    let topic = unique("lists");
    let kafka = Kafka::shared();
    kafka.create_topic_with(&topic, 1, &TOPIC_SETTINGS).unwrap();
    world.topics = vec![topic.clone()];
    let hostile: Vec<RawMessage> = messages().into_iter().map(|one| one.message).collect();
    kafka.produce_raw(&topic, 0, &hostile).unwrap();
    message::drain(&world, i64::try_from(hostile.len()).unwrap());
    let rows = message::rows(&world, &topic);
    assert_eq!(rows.len(), hostile.len());
    let api = Api::of(&world);
    let mut client = api.client();
    for row in &rows {
        let id = row.text("id").unwrap();
        let (partition, offset) = row.position();
        let record = client.get(&format!("/records/{topic}/{partition}/{offset}"));
        let alone = client.get(&format!("/notifications/{id}"));
        assert_eq!(record.body, alone.body, "{id}");
        if row.text("reason").is_some() {
            let raw = client.get(&format!("/notifications/{id}/raw"));
            assert_eq!(
                Some(sha256_hex(&raw.body).as_str()),
                row.text("hash"),
                "{id}"
            );
        }
    }
    let all = rows.iter().map(|row| row.text("id").unwrap().to_owned());
    let mut asked = format!("/notifications?topic={topic}&limit=50");
    let mut seen = Vec::new();
    loop {
        let page = client.get(&asked);
        let objects: Vec<Box<RawValue>> = serde_json::from_slice(&page.body).unwrap();
        seen.extend(ids(&objects));
        match page.next {
            Some(next) => asked = format!("/notifications{next}"),
            None => break,
        }
    }
    assert_eq!(seen, newest_first(&all.collect()));
    read_by_ids(&mut client, &rows);
}

/// Reads every row through the lists of its ids, and every order's story.
fn read_by_ids(client: &mut Client, rows: &[Row]) {
    for (runner, expected) in by(rows, "runner_id") {
        let path = format!("/runner/{}/notifications", api::segment(runner));
        assert_eq!(ids(&client.list(&path)), newest_first(&expected), "{path}");
    }
    let correlations = by(rows, "correlation_id");
    for (correlation, expected) in &correlations {
        let path = format!("/correlation/{}", api::segment(correlation));
        assert_eq!(ids(&client.list(&path)), oldest_first(expected), "{path}");
    }
    let order_of: BTreeMap<&str, &str> = rows
        .iter()
        .filter_map(|row| Some((row.text("id")?, row.text("order_id")?)))
        .collect();
    for column in ["order_id", "customer_id", "event_type", "status"] {
        for (value, expected) in by(rows, column) {
            let name = match column {
                "order_id" => "orderId",
                "customer_id" => "customerId",
                "event_type" => "eventType",
                _ => "status",
            };
            // a pattern is what ends in a star
            if value.ends_with('*') || value.is_empty() {
                continue;
            }
            let path = format!("/notifications?limit=500&{name}={}", api::segment(value));
            let objects: Vec<Box<RawValue>> =
                serde_json::from_slice(&client.get(&path).body).unwrap();
            assert_eq!(ids(&objects), newest_first(&expected), "{path}");
        }
    }
    for (order, own) in by(rows, "order_id") {
        let mut story = own.clone();
        for shared in correlations.values() {
            let is_named = shared.iter().any(|id| own.contains(id));
            let is_ambiguous = shared.iter().any(|id| {
                order_of
                    .get(id.as_str())
                    .is_some_and(|other| *other != order)
            });
            if is_named && !is_ambiguous {
                story.extend(shared.iter().cloned());
            }
        }
        let path = format!("/order/{}/timeline", api::segment(order));
        let told = client.get(&path);
        let told: BTreeMap<String, &RawValue> = serde_json::from_slice(&told.body).unwrap();
        let events: Vec<Box<RawValue>> = serde_json::from_str(told["events"].get()).unwrap();
        assert_eq!(ids(&events), oldest_first(&story), "{path}");
        assert_eq!(told["truncated"].get(), "false", "{path}");
    }
}

/// 1 March 2026, 12:00 UTC.
const BEGIN_MS: i64 = 1_772_366_400_000;

/// Messages of one order, all over the same minute.
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of the test")]
fn of_one_order(from: i64, count: i64) -> impl Iterator<Item = Message> {
    (from..from + count).map(|n| Message {
        timestamp_ms: Some(BEGIN_MS + (n * 7_919) % 60_000),
        ..Message::new(r#"{"type":"order.moved","payload":{"order_id":"o-1"}}"#)
    })
}

/// What was recorded before the first page was read is there once, what polls record meanwhile at
/// most once, wherever in the list it belongs.
#[test]
fn pages_hold_while_polls_record() {
    let world = World::with_topics(1);
    let produce = |from, count| {
        let messages: Vec<_> = of_one_order(from, count).collect();
        let partition = i32::try_from(from % 3).unwrap();
        world
            .kafka
            .produce(world.topic(), partition, messages)
            .unwrap();
    };
    produce(0, 300);
    world.poll().expect("drained", 0, 300);
    let recorded = || world.number("SELECT count(*) FROM notifications");
    let before: BTreeSet<String> = world
        .database
        .rows("SELECT notification_id AS id FROM notifications")
        .unwrap()
        .iter()
        .map(|row: &Value| row["id"].as_str().unwrap().to_owned())
        .collect();
    let api = Api::of(&world);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut from = 300;
            while !done.load(Ordering::Relaxed) {
                produce(from, 40);
                world.poll().expect("drained", 0, 40);
                from += 40;
            }
        });
        let stop = SetOnDrop(&done);
        for path in ["/order/o-1", "/notifications?orderId=o-1&eventType=order.*"] {
            let mut client = api.client();
            let base = path.split('?').next().unwrap();
            let joint = if path.contains('?') { '&' } else { '?' };
            let mut asked = format!("{path}{joint}limit=70");
            let mut seen = Vec::new();
            loop {
                let page = client.get(&asked);
                let objects: Vec<Box<RawValue>> = serde_json::from_slice(&page.body).unwrap();
                seen.extend(ids(&objects));
                let Some(next) = page.next else { break };
                asked = format!("{base}{next}");
                let rows = recorded();
                wait_until("a poll records more", Duration::from_secs(60), || {
                    recorded() > rows
                })
                .unwrap();
            }
            let once: BTreeSet<String> = seen.iter().cloned().collect();
            assert_eq!(once.len(), seen.len(), "{path}: a row came twice");
            let missing: Vec<_> = before.difference(&once).collect();
            assert_eq!(missing, [&""; 0], "{path}");
        }
        drop(stop);
    });
}

/// Ends the polls, also where the reader fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
