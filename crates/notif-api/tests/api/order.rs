//! `GET /order/{orderId}` and `GET /order/{orderId}/latest`.

use insta::assert_snapshot;

use crate::rows::{Row, insert, insert_many};
use crate::server::World;

const MIB: u32 = 1024 * 1024;

/// An event that PostgreSQL prints in a bit more than `bytes` bytes.
fn large(bytes: u32) -> String {
    format!(r#"'{{"payload": "' || repeat('x', {bytes}) || '"}}'"#)
}

#[test]
fn an_order_is_told_oldest_first() {
    let world = World::new();
    let second = Row::new(20)
        .text("order_id", "o-1")
        .text("customer_id", "c-1")
        .text("runner_id", "r-1")
        .text("correlation_id", "saga-1");
    let first = Row::new(10)
        .text("order_id", "o-1")
        .sql("source_service", "NULL");
    let other = Row::new(15).text("order_id", "o-2");
    world.sql(&insert(&[second, other, first]));
    assert_snapshot!(world.server.get("/order/o-1"));
}

#[test]
fn an_unknown_order_is_an_empty_list() {
    let world = World::new();
    assert_snapshot!(world.server.get("/order/o-1"));
}

#[test]
fn the_latest_of_an_order_is_its_newest() {
    let world = World::new();
    let rows = [1, 3, 2].map(|second| Row::new(second).text("order_id", "o-1"));
    world.sql(&insert(&rows));
    assert_snapshot!(world.server.get("/order/o-1/latest"));
}

#[test]
fn an_order_without_notifications_has_no_latest() {
    let world = World::new();
    assert_snapshot!(world.server.get("/order/o-1/latest"));
}

#[test]
fn a_timestamp_that_was_not_believed_is_marked() {
    let world = World::new();
    let suspect = Row::new(1)
        .text("order_id", "o-1")
        .sql("kafka_timestamp_ms", "4102444800000");
    let silent = Row::new(2)
        .text("order_id", "o-1")
        .sql("kafka_timestamp_ms", "NULL")
        .sql("timestamp_type", "NULL");
    world.sql(&insert(&[suspect, silent]));
    let list = world.server.get("/order/o-1").json();
    assert_eq!(list[0]["clockSuspect"], true);
    assert_eq!(list[1]["clockSuspect"], false);
}

#[test]
fn without_a_limit_an_order_is_whole_up_to_10_000_rows() {
    let world = World::new();
    world.sql(&insert_many(10_001, "o-1", "c-1"));
    let whole = world.server.get("/order/o-1");
    assert_eq!(whole.ids().len(), 10_000);
    let rest = world
        .server
        .get(&format!("/order/o-1{}", whole.next().unwrap()));
    assert_eq!(rest.json()[0]["sourceOffset"], 10_001);
    assert_eq!(rest.ids().len(), 1);
    assert_eq!(rest.next(), None);
}

#[test]
fn exactly_10_000_rows_have_no_next_page() {
    let world = World::new();
    world.sql(&insert_many(10_000, "o-1", "c-1"));
    let whole = world.server.get("/order/o-1");
    assert_eq!(whole.ids().len(), 10_000);
    assert_eq!(whole.next(), None);
}

#[test]
fn pages_hold_each_row_once() {
    let world = World::new();
    world.sql(&insert_many(7, "o-1", "c-1"));
    let mut seen = Vec::new();
    let mut lengths = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = world.server.get(&format!("/order/o-1{query}"));
        lengths.push(page.ids().len());
        seen.extend(page.ids());
        match page.next() {
            Some(next) => query = next,
            None => break,
        }
    }
    assert_eq!(lengths, [3, 3, 1]);
    assert_eq!(seen, world.server.get("/order/o-1").ids());
}

#[test]
fn the_link_to_the_next_page_is_relative_and_keeps_the_limit() {
    let world = World::new();
    world.sql(&insert_many(2, "o-1", "c-1"));
    let page = world.server.get("/order/o-1?limit=1");
    assert_snapshot!(page.header("link").unwrap(), @r#"<?limit=1&cursor=Ad2rb-fjMrqiAZMAAAAAAAAAAAAAAAAAAQ>; rel="next""#);
}

#[test]
fn a_page_of_an_order_ends_at_8_mib_of_events() {
    let world = World::new();
    let rows = [3, 3, 3, 9, 1, 1].into_iter().zip(1..);
    let rows: Vec<_> = rows
        .map(|(mib, second)| {
            Row::new(second)
                .text("order_id", "o-1")
                .event(large(mib * MIB))
        })
        .collect();
    world.sql(&insert(&rows));
    let ids: Vec<_> = rows.iter().map(|row| row.id.to_string()).collect();
    let mut pages = Vec::new();
    let mut query = String::new();
    loop {
        let page = world.server.get(&format!("/order/o-1{query}"));
        pages.push(page.ids());
        match page.next() {
            Some(next) => query = next,
            None => break,
        }
    }
    // one that is larger than a page is served alone
    assert_eq!(pages, [&ids[..2], &ids[2..3], &ids[3..4], &ids[4..]]);
}

#[test]
fn the_latest_is_served_however_large_it_is() {
    let world = World::new();
    world.sql(
        &Row::new(1)
            .text("order_id", "o-1")
            .event(large(12 * MIB))
            .insert(),
    );
    let latest = world.server.get("/order/o-1/latest");
    assert_eq!(latest.status, 200);
    assert!(latest.body.len() > 12 * 1024 * 1024);
}

#[test]
fn an_id_is_what_its_bytes_spell() {
    let world = World::new();
    let ids = [
        ("a/b", "a%2Fb"),
        ("\u{1F4E6}", "%F0%9F%93%A6"),
        ("50%25", "50%2525"),
        ("50%", "50%25"),
        ("50%", "50%"),
        ("a+b c", "a+b%20c"),
        ("a?b#c", "a%3Fb%23c"),
        ("line\nbreak", "line%0Abreak"),
        (".", "."),
        ("..", "%2e%2E"),
        ("latest", "latest"),
        (
            "'; DROP TABLE notifications; --",
            "'%3B%20DROP%20TABLE%20notifications;%20--",
        ),
    ];
    let rows: Vec<_> = ids
        .iter()
        .zip(1..)
        .map(|((id, _), second)| Row::new(second).text("order_id", id))
        .collect();
    world.sql(&insert(&rows));
    for (id, path) in ids {
        let list = world.server.get(&format!("/order/{path}"));
        assert_eq!(list.json()[0]["orderId"], id, "{path}: {list}");
        let latest = world.server.get(&format!("/order/{path}/latest"));
        assert_eq!(latest.json()["orderId"], id, "{path}");
    }
}

#[test]
fn without_prepared_statements_it_answers_the_same() {
    let world = World::with(|config| config.prepared_statements = false);
    world.sql(&insert_many(3, "o-1", "c-1"));
    for _ in 0..3 {
        assert_eq!(world.server.get("/order/o-1").ids().len(), 3);
        assert_eq!(
            world.server.get("/order/o-1/latest").json()["sourceOffset"],
            3
        );
    }
}

#[test]
fn an_id_of_255_characters_is_one() {
    let world = World::new();
    let long = "\u{e4}".repeat(255);
    world.sql(&Row::new(1).text("order_id", &long).insert());
    let list = world
        .server
        .get(&format!("/order/{}", "%C3%A4".repeat(255)));
    assert_eq!(list.json()[0]["orderId"], long);
}
