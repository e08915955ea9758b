//! `GET /correlation/{correlationId}`.

use insta::assert_snapshot;

use crate::rows::{Row, insert};
use crate::server::World;

#[test]
fn a_saga_is_told_from_its_beginning() {
    let world = World::new();
    let rows = [3, 1, 2].map(|second| {
        Row::new(second)
            .text("correlation_id", "x-1")
            .text("event_type", &format!("payment.{second}"))
    });
    world.sql(&insert(&rows));
    world.sql(&Row::new(9).text("correlation_id", "x-2").insert());
    assert_snapshot!(world.server.get("/correlation/x-1?limit=2"));
}

#[test]
fn without_a_limit_it_has_500_events_and_then_goes_on() {
    let world = World::new();
    world.sql(
        "INSERT INTO notifications (notification_id, correlation_id, event, event_bytes, \
         source_topic, event_type, occurred_at, batch_id) \
         SELECT ('0193' || lpad(to_hex(n), 28, '0'))::uuid, 'x-1', '{}', 2, 't', 'e', \
         '2026-01-05T10:00:00Z', 7 FROM generate_series(1, 502) AS n",
    );
    let first = world.server.get("/correlation/x-1");
    assert_eq!(first.ids().len(), 500);
    let next = first.next().unwrap();
    assert_eq!(
        world
            .server
            .get(&format!("/correlation/x-1{next}"))
            .ids()
            .len(),
        2
    );
    // the cursor of one saga is none of another
    let other = world.server.get(&format!("/correlation/x-2{next}"));
    assert_eq!(other.refused_fields(), ["query.cursor"]);
    assert_eq!(world.server.get("/correlation/x-2").text(), "[]");
}
