//! `GET /records/{topic}/{partition}/{offset}`.

use insta::assert_snapshot;

use crate::rows::{Row, insert};
use crate::server::World;

#[test]
fn a_record_is_shown_with_all_that_is_known_of_it() {
    let world = World::new();
    world.sql(
        &Row::new(5)
            .sql("message_key", "convert_to('o-1', 'UTF8')")
            .insert(),
    );
    let record = world.server.get("/records/order_events/0/5");
    assert_snapshot!(record);
    let by_id = world
        .server
        .get(&format!("/notifications/{}", Row::new(5).id));
    assert_eq!(record.text(), by_id.text());
}

#[test]
fn the_newest_generation_is_meant_where_none_is_named() {
    let world = World::new();
    let in_generation = |second: i64, generation: &str| {
        Row::new(second)
            .sql("source_offset", "7")
            .sql("topic_generation", generation)
    };
    let (old, new) = (in_generation(1, "0"), in_generation(2, "2"));
    world.sql(&insert(&[old.clone(), new.clone()]));
    let get = |query: &str| {
        let record = world
            .server
            .get(&format!("/records/order_events/0/7{query}"));
        match record.status {
            200 => record.json()["notificationId"].as_str().unwrap().to_owned(),
            _ => record.json()["detail"].as_str().unwrap().to_owned(),
        }
    };
    // no ledger knows the partition: it is in its first life
    assert_eq!(get(""), old.id.to_string());
    world.sql(
        "INSERT INTO recorded_ranges (topic, partition, topic_generation, first_offset, \
         next_offset, records, bytes) VALUES ('order_events', 0, 0, 7, 8, 1, 1), \
         ('order_events', 0, 2, 7, 8, 1, 1), ('order_events', 1, 5, 7, 8, 1, 1)",
    );
    assert_eq!(get(""), new.id.to_string());
    // created again, and nothing recorded of its new life yet: the old record is not the answer
    world.sql(
        "INSERT INTO kafka_offsets (topic, partition, \"offset\", topic_generation) \
         VALUES ('order_events', 0, -1, 3)",
    );
    let none = "there is no record at this position in the newest generation";
    assert_eq!(get(""), none);
    assert_eq!(get("?generation=2"), new.id.to_string());
    assert_eq!(get("?generation=0"), old.id.to_string());
    assert_eq!(
        get("?generation=1"),
        "there is no record at this position in this generation"
    );
}

#[test]
fn a_topic_is_what_its_bytes_spell() {
    let world = World::new();
    world.sql(&Row::new(1).text("source_topic", "a/b \u{1F4E6}").insert());
    let record = world.server.get("/records/a%2Fb%20%F0%9F%93%A6/0/1");
    assert_eq!(record.json()["sourceTopic"], "a/b \u{1F4E6}");
}

#[test]
fn positions_that_no_record_has_are_refused_by_name() {
    let world = World::new();
    assert_snapshot!(world.server.get("/records/order_events/x/5"));
    for (path, field) in [
        ("/records/t/-1/0", "path.partition"),
        ("/records/t/2147483648/0", "path.partition"),
        ("/records/t/0/-1", "path.offset"),
        ("/records/t/0/+1", "path.offset"),
        ("/records/t/0/1.0", "path.offset"),
        ("/records/t/0/9223372036854775808", "path.offset"),
        ("/records/a%00/0/0", "path.topic"),
        ("/records/%FF/0/0", "path.topic"),
        ("/records/t/0/0?generation=x", "query.generation"),
        ("/records/t/0/0?generation=-1", "query.generation"),
        ("/records/t/0/0?generation=2147483648", "query.generation"),
        ("/records/t/0/0?limit=1", "query.limit"),
    ] {
        let refused = world.server.get(path);
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.refused_fields(), [field], "{path}");
    }
    for path in [
        "/records/t/2147483647/9223372036854775807",
        "/records/t/0/0?generation=2147483647",
    ] {
        assert_eq!(world.server.get(path).status, 404, "{path}");
    }
    assert_eq!(
        world.server.get("/records/t/0").json()["type"],
        "/problems/no-such-route"
    );
}
