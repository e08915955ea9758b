//! `GET /topics`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::ledger_rows::{drained, partition};
use crate::server::World;

fn partitions(world: &World) -> Vec<Value> {
    let topics = world.server.get("/topics");
    assert_eq!(topics.status, 200, "{topics}");
    let of_topic = |topic: &Value| topic["partitions"].as_array().unwrap().clone();
    let topics = topics.json();
    topics
        .as_array()
        .unwrap()
        .iter()
        .flat_map(of_topic)
        .collect()
}

#[test]
fn topics_are_shown_with_all_that_is_known_of_their_partitions() {
    let world = World::new();
    let seen = [
        ("topic_id", "'dG9waWMtaWQ'"),
        ("end_offset", "100"),
        ("high_watermark", "104"),
        ("low_offset", "10"),
        ("witness_offset", "98"),
        ("witness_timestamp_ms", "1767607190123"),
        ("drained_through", "'2026-01-05T10:00:00.123456Z'"),
    ];
    let stopped = [
        ("topic_generation", "2"),
        ("stopped_reason", "'diverged'"),
        ("stopped_at", "'2026-01-05T11:00:00Z'"),
        ("stopped_offset", "43"),
    ];
    // at once: the freshness of some of them must not be seen
    let rows = [
        partition("orders", 0, 99, &seen),
        partition("orders", 1, 42, &stopped),
        partition("payments \"x\"", 0, -1, &[]),
    ];
    world.sql(&rows.concat());
    assert_snapshot!(world.server.get("/topics"));
}

#[test]
fn without_a_watched_partition_there_is_no_topic() {
    let world = World::new();
    assert_eq!(world.server.get("/topics").text(), "[]");
    world.sql(&partition("orders", 0, 9, &[("retired_at", "now()")]));
    assert_eq!(world.server.get("/topics").text(), "[]");
}

#[test]
fn a_partition_with_something_left_to_read_says_how_much_and_since_when() {
    let world = World::new();
    let behind = [
        ("end_offset", "150"),
        ("high_watermark", "150"),
        ("low_offset", "95"),
        ("drained_through", "clock_timestamp() - interval '1000 s'"),
    ];
    world.sql(&partition("orders", 0, 99, &behind));
    let one = &partitions(&world)[0];
    assert_eq!((&one["lag"], &one["lossMargin"]), (&json!(50), &json!(5)));
    let seconds = one["lagSeconds"].as_i64().unwrap();
    assert!((1000..1100).contains(&seconds), "{seconds}");
}

#[test]
fn nothing_left_to_read_is_no_lag_however_long_ago_the_poll_was() {
    let world = World::new();
    world.sql(&drained("orders", 0, "'2020-01-01T00:00:00Z'"));
    let one = &partitions(&world)[0];
    assert_eq!((&one["lag"], &one["lagSeconds"]), (&json!(0), &json!(0)));
}

#[test]
fn what_kafka_deleted_unread_is_a_margin_below_zero() {
    let world = World::new();
    let lost = [
        ("end_offset", "150"),
        ("high_watermark", "150"),
        ("low_offset", "120"),
    ];
    world.sql(&partition("orders", 0, 99, &lost));
    let one = &partitions(&world)[0];
    assert_eq!(one["lossMargin"], -20);
    // it was never drained: for how long it is behind is not known
    assert_eq!(
        (&one["lag"], &one["lagSeconds"]),
        (&json!(50), &Value::Null)
    );
}

#[test]
fn a_record_with_an_unbelievable_clock_happened_when_it_was_recorded() {
    let world = World::new();
    let witness = [
        ("witness_offset", "98"),
        ("witness_timestamp_ms", "9223372036854775807"),
    ];
    world.sql(&partition("orders", 0, 99, &witness));
    assert_eq!(
        partitions(&world)[0]["lastRecordAt"],
        "2026-01-05T10:00:00.000000Z"
    );
}

#[test]
fn the_id_of_a_topic_is_that_of_its_newest_generation() {
    let world = World::new();
    for (number, generation, id) in [(0, "1", "'new'"), (1, "0", "'old'"), (2, "2", "NULL")] {
        let columns = [("topic_generation", generation), ("topic_id", id)];
        world.sql(&partition("orders", number, 9, &columns));
    }
    assert_eq!(world.server.get("/topics").json()[0]["topicId"], "new");
}

#[test]
fn topics_take_no_parameter() {
    let world = World::new();
    let refused = world.server.get("/topics?limit=1");
    assert_eq!(
        (refused.status, refused.refused_fields()),
        (400, vec!["query.limit".to_owned()])
    );
}
