//! `GET /order/{orderId}/timeline`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::rows::{Row, insert};
use crate::server::World;

fn row(second: i64, order: Option<&str>, correlation: Option<&str>) -> Row {
    let mut row = Row::new(second);
    if let Some(order) = order {
        row = row.text("order_id", order);
    }
    if let Some(correlation) = correlation {
        row = row.text("correlation_id", correlation);
    }
    row
}

fn timeline(world: &World, order: &str) -> Value {
    let answer = world.server.get(&format!("/order/{order}/timeline"));
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}

/// Offset (the second) and link of each event.
fn events(timeline: &Value) -> Vec<(i64, String)> {
    let event = |event: &Value| {
        (
            event["sourceOffset"].as_i64().unwrap(),
            event["linkedBy"].as_str().unwrap().to_owned(),
        )
    };
    timeline["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(event)
        .collect()
}

fn seconds(timeline: &Value) -> Vec<i64> {
    events(timeline)
        .into_iter()
        .map(|(second, _)| second)
        .collect()
}

#[test]
fn a_story_goes_through_services() {
    let world = World::new();
    world.sql(&insert(&[
        row(1, Some("o-1"), Some("x-1")).text("customer_id", "c-1"),
        row(2, None, Some("x-1"))
            .text("event_type", "payment.authorized")
            .text("source_topic", "payment-events"),
        row(5, None, Some("x-1")).text("runner_id", "r-1"),
        row(6, Some("o-1"), None),
        row(7, Some("o-2"), Some("x-2")),
    ]));
    assert_snapshot!(world.server.get("/order/o-1/timeline"));
}

#[test]
fn an_order_that_nothing_names_has_an_empty_story() {
    let world = World::new();
    assert_snapshot!(world.server.get("/order/o-1/timeline").text());
    let refused = world.server.get("/order/o-1/timeline?limit=1");
    assert_eq!(refused.refused_fields(), ["query.limit"]);
}

#[test]
fn an_id_that_leads_to_another_order_is_ambiguous_and_brings_nothing() {
    let world = World::new();
    world.sql(&insert(&[
        row(1, Some("o-1"), Some("mine")),
        row(2, Some("o-1"), Some("shared")),
        row(3, None, Some("mine")),
        row(4, None, Some("shared")),
        row(5, Some("o-2"), Some("shared")),
    ]));
    let story = timeline(&world, "o-1");
    assert_eq!(seconds(&story), [1, 2, 3]);
    // both are ids of the order's rows, newest first
    assert_eq!(story["correlationIds"], json!(["shared", "mine"]));
    assert_eq!(story["ambiguousCorrelationIds"], json!(["shared"]));
    assert_eq!(story["truncated"], false);
}

#[test]
fn it_is_one_hop_and_no_more() {
    let world = World::new();
    // the second id stands on a row that only the first one ties to the order; the third on none
    world.sql(&insert(&[
        row(1, Some("o-1"), Some("x-1")),
        row(2, None, Some("x-1")),
        row(3, None, Some("x-2")),
    ]));
    let story = timeline(&world, "o-1");
    assert_eq!(
        events(&story),
        [(1, "order".to_owned()), (2, "correlation".to_owned())]
    );
    assert_eq!(story["correlationIds"], json!(["x-1"]));
}

#[test]
fn whoever_its_events_name_is_named_once_in_the_order_of_appearance() {
    let world = World::new();
    world.sql(&insert(&[
        row(1, None, Some("x-1")).text("customer_id", "c-2"),
        row(2, Some("o-1"), Some("x-1")).text("customer_id", "c-1"),
        row(3, Some("o-1"), None)
            .text("customer_id", "c-2")
            .text("runner_id", "r-1"),
        row(4, None, Some("x-1")).text("runner_id", "r-1"),
    ]));
    let story = timeline(&world, "o-1");
    assert_eq!(story["customerIds"], json!(["c-2", "c-1"]));
    assert_eq!(story["runnerIds"], json!(["r-1"]));
}

#[test]
fn the_time_between_events_is_told() {
    let world = World::new();
    let rows = [1, 1, 4].into_iter().zip(0..).map(|(second, partition)| {
        let mut row = Row::new(second).text("order_id", "o-1");
        row.id = uuid::Uuid::from_u128(row.id.as_u128() + partition);
        row.sql("source_partition", partition.to_string())
    });
    world.sql(&insert(&rows.collect::<Vec<_>>()));
    let story = timeline(&world, "o-1");
    let between: Vec<_> = story["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["sincePreviousMs"].clone())
        .collect();
    assert_eq!(between, [Value::Null, json!(0), json!(3000)]);
}

/// Statements that insert rows `from..=to`, seconds as offsets, with these ids.
fn many(from: i64, to: i64, order: &str, correlation: &str) -> String {
    format!(
        "INSERT INTO notifications (notification_id, order_id, correlation_id, event, \
         event_bytes, source_topic, event_type, occurred_at, source_partition, source_offset, \
         batch_id) \
         SELECT (lpad(to_hex(1767607200000 + n), 12, '0') || '80008000' \
           || lpad(to_hex(n), 12, '0'))::uuid, {order}, {correlation}, '{{}}', 2, 'many', 'e', \
         timestamptz '2026-01-05T10:00:00Z' + n * interval '1 ms', 0, n, 7 \
         FROM generate_series({from}, {to}) AS n;"
    )
}

#[test]
fn the_newest_2_000_events_are_kept() {
    let world = World::new();
    world.sql(&many(1, 2000, "'o-1'", "NULL"));
    let whole = timeline(&world, "o-1");
    assert_eq!(seconds(&whole), (1..=2000).collect::<Vec<_>>());
    assert_eq!(whole["truncated"], false);
    world.sql(&many(2001, 2001, "'o-1'", "'x-1'"));
    world.sql(&many(2002, 2002, "NULL", "'x-1'"));
    let cut = timeline(&world, "o-1");
    assert_eq!(seconds(&cut), (3..=2002).collect::<Vec<_>>());
    assert_eq!(cut["truncated"], true);
    assert_eq!(cut["events"][0]["sincePreviousMs"], Value::Null);
}

#[test]
fn an_id_with_2_001_events_is_ambiguous() {
    let world = World::new();
    world.sql(&many(1, 1, "'o-1'", "'x-1'"));
    world.sql(&many(2, 2000, "NULL", "'x-1'"));
    let told = timeline(&world, "o-1");
    assert_eq!(seconds(&told).len(), 2000);
    assert_eq!(told["ambiguousCorrelationIds"], json!([]));
    world.sql(&many(2001, 2001, "NULL", "'x-1'"));
    let ambiguous = timeline(&world, "o-1");
    assert_eq!(seconds(&ambiguous), [1]);
    assert_eq!(ambiguous["ambiguousCorrelationIds"], json!(["x-1"]));
    assert_eq!(ambiguous["truncated"], false);
}

#[test]
fn the_newest_50_correlation_ids_are_followed() {
    let world = World::new();
    world.sql(&many(1, 50, "'o-1'", "'x-' || n"));
    world.sql(&many(101, 151, "NULL", "'x-' || n - 100"));
    let whole = timeline(&world, "o-1");
    assert_eq!(seconds(&whole).len(), 100);
    assert_eq!(whole["truncated"], false);
    world.sql(&many(51, 51, "'o-1'", "'x-' || n"));
    let cut = timeline(&world, "o-1");
    let newest: Vec<_> = (2..=51).rev().map(|n| format!("x-{n}")).collect();
    assert_eq!(cut["correlationIds"], json!(newest));
    // the event of the oldest one is not there
    let expected: Vec<i64> = (1..=51).chain(102..=151).collect();
    assert_eq!(seconds(&cut), expected);
    assert_eq!(cut["truncated"], true);
}

#[test]
fn a_story_ends_at_8_mib_of_events() {
    let world = World::new();
    let large =
        |mib: usize| format!("'{{\"payload\": \"' || repeat('x', {mib} * 1048576) || '\"}}'");
    let rows = [1, 3, 3, 3].into_iter().zip(1..);
    let rows: Vec<_> = rows
        .map(|(mib, second)| row(second, Some("o-1"), None).event(large(mib)))
        .collect();
    world.sql(&insert(&rows));
    let cut = timeline(&world, "o-1");
    assert_eq!(seconds(&cut), [3, 4]);
    assert_eq!(cut["truncated"], true);
    // the newest is served however large it is
    world.sql(&row(5, Some("o-1"), None).event(large(9)).insert());
    let cut = timeline(&world, "o-1");
    assert_eq!((seconds(&cut), &cut["truncated"]), (vec![5], &json!(true)));
}
