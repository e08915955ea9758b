//! `GET /topics`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::ledger_rows::{drained, partition, run};
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
fn topics_come_in_pages_each_with_all_its_partitions() {
    let world = World::new();
    // in the order of their bytes, whatever the language of the database
    let topics = ["Ratings", "orders", "orders.v2", "payments"];
    for (count, topic) in topics.iter().enumerate().rev() {
        for number in 0..=i32::try_from(count).unwrap() {
            world.sql(&partition(topic, number, 9, &[]));
        }
    }
    world.sql(&partition("old", 0, 9, &[("retired_at", "now()")]));
    let mut path = "/topics?limit=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = world.server.get(&path);
        assert_eq!(page.status, 200, "{page}");
        for topic in page.json().as_array().unwrap() {
            let partitions = topic["partitions"].as_array().unwrap();
            assert_eq!(partitions.len(), seen.len() + 1, "{topic}");
            seen.push(topic["topic"].as_str().unwrap().to_owned());
        }
        let Some(query) = page.next() else {
            break;
        };
        path = format!("/topics{query}");
        assert!(path.starts_with("/topics?limit=1&cursor="), "{path}");
    }
    assert_eq!(seen, topics);
    for whole in ["/topics", "/topics?limit=4", "/topics?limit=500"] {
        let page = world.server.get(whole);
        assert_eq!(page.json().as_array().unwrap().len(), 4);
        assert_eq!(page.header("link"), None, "{whole}");
    }
}

#[test]
fn what_is_no_page_of_topics_is_refused() {
    let world = World::new();
    world.sql(&run(2, &[]));
    world.sql(&run(1, &[]));
    let next = world.server.get("/runs?limit=1").next().unwrap();
    let (_, cursor) = next.split_once("cursor=").unwrap();
    for (query, field) in [
        ("limit=0".to_owned(), "query.limit"),
        ("limit=501".to_owned(), "query.limit"),
        ("cursor=x".to_owned(), "query.cursor"),
        (format!("cursor={cursor}"), "query.cursor"),
        ("offset=1".to_owned(), "query.offset"),
    ] {
        let refused = world.server.get(&format!("/topics?{query}"));
        assert_eq!(
            (refused.status, refused.refused_fields()),
            (400, vec![field.to_owned()]),
            "{query}"
        );
    }
}
