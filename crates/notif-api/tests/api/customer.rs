//! `GET /customer/{customerId}/notifications`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::http::Response;
use crate::rows::{Row, insert, insert_many};
use crate::server::World;

fn offsets(page: &Response) -> Vec<i64> {
    assert_eq!(page.status, 200, "{page}");
    let offset = |row: &Value| row["sourceOffset"].as_i64().unwrap();
    page.json().as_array().unwrap().iter().map(offset).collect()
}

#[test]
fn a_feed_is_newest_first() {
    let world = World::new();
    let rows = [1, 3, 2].map(|second| Row::new(second).text("customer_id", "c-1"));
    world.sql(&insert(&rows));
    world.sql(&Row::new(9).text("customer_id", "c-2").insert());
    assert_snapshot!(world.server.get("/customer/c-1/notifications?limit=2"));
}

#[test]
fn a_feed_has_50_rows_where_nothing_is_said() {
    let world = World::new();
    world.sql(&insert_many(60, "o-1", "c-1"));
    let page = world.server.get("/customer/c-1/notifications");
    assert_eq!(offsets(&page), (11..=60).rev().collect::<Vec<_>>());
    let rest = world.server.get(&format!(
        "/customer/c-1/notifications{}",
        page.next().unwrap()
    ));
    assert_eq!(offsets(&rest), (1..=10).rev().collect::<Vec<_>>());
    assert_eq!(rest.next(), None);
}

#[test]
fn limit_and_offset_are_those_of_the_guide() {
    let world = World::new();
    world.sql(&insert_many(10, "o-1", "c-1"));
    let page = world
        .server
        .get("/customer/c-1/notifications?limit=3&offset=2");
    assert_eq!(offsets(&page), [8, 7, 6]);
    // the link goes on where this page ended, without the offset
    let next = world.server.get(&format!(
        "/customer/c-1/notifications{}",
        page.next().unwrap()
    ));
    assert_eq!(offsets(&next), [5, 4, 3]);
    let behind = world.server.get("/customer/c-1/notifications?offset=10");
    assert_eq!(behind.text(), "[]");
}

#[test]
fn an_offset_reaches_10_000_rows_far() {
    let world = World::new();
    world.sql(&insert_many(10_002, "o-1", "c-1"));
    let page = world
        .server
        .get("/customer/c-1/notifications?limit=1&offset=10000");
    assert_eq!(offsets(&page), [2]);
    assert_snapshot!(world.server.get("/customer/c-1/notifications?offset=10001"));
}

#[test]
fn rows_that_arrive_meanwhile_move_nothing() {
    let world = World::new();
    world.sql(&insert(
        &[1, 2, 3, 4].map(|second| Row::new(second).text("customer_id", "c-1")),
    ));
    let first = world.server.get("/customer/c-1/notifications?limit=2");
    assert_eq!(offsets(&first), [4, 3]);
    world.sql(&Row::new(5).text("customer_id", "c-1").insert());
    let second = world.server.get(&format!(
        "/customer/c-1/notifications{}",
        first.next().unwrap()
    ));
    assert_eq!(offsets(&second), [2, 1]);
}

#[test]
fn the_largest_limit_is_500() {
    let world = World::new();
    world.sql(&insert_many(501, "o-1", "c-1"));
    let page = world.server.get("/customer/c-1/notifications?limit=500");
    assert_eq!(offsets(&page).len(), 500);
    assert!(page.next().is_some());
}
