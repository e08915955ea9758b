//! `GET /runner/{runnerId}/notifications`.

use insta::assert_snapshot;

use crate::rows::{Row, insert};
use crate::server::World;

#[test]
fn a_runners_feed_is_newest_first() {
    let world = World::new();
    let rows = [1, 3, 2].map(|second| Row::new(second).text("runner_id", "r-1"));
    world.sql(&insert(&rows));
    world.sql(&Row::new(9).text("runner_id", "r-2").insert());
    assert_snapshot!(world.server.get("/runner/r-1/notifications?limit=2"));
}

#[test]
fn it_is_paged_as_a_customers_is() {
    let world = World::new();
    let rows: Vec<_> = (1..=60)
        .map(|second| Row::new(second).text("runner_id", "r-1"))
        .collect();
    world.sql(&insert(&rows));
    let ids: Vec<_> = rows.iter().rev().map(|row| row.id.to_string()).collect();
    let first = world.server.get("/runner/r-1/notifications");
    assert_eq!(first.ids(), ids[..50]);
    let path = format!("/runner/r-1/notifications{}", first.next().unwrap());
    let rest = world.server.get(&path);
    assert_eq!((rest.ids(), rest.next()), (ids[50..].to_vec(), None));
    let skipped = world.server.get("/runner/r-1/notifications?offset=58");
    assert_eq!(skipped.ids(), ids[58..]);
    let refused = world.server.get("/runner/r-1/notifications?offset=10001");
    assert_eq!(refused.refused_fields(), ["query.offset"]);
    assert!(refused.text().contains("cursor"), "{refused}");
}
