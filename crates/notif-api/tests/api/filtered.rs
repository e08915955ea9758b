//! `GET /notifications`: filters, one by one. All of them together, at random, are in `paging.rs`.

use insta::assert_snapshot;

use crate::rows::{Row, insert};
use crate::server::World;

/// Ten rows that differ in everything, second by second.
fn different(world: &World) -> Vec<Row> {
    let row = |second: i64| {
        let named = |kind: &str| format!("{kind}-{second}");
        Row::new(second)
            .text("order_id", &named("o"))
            .text("customer_id", &named("c"))
            .text("runner_id", &named("r"))
            .text("correlation_id", &named("x"))
            .text("event_type", &format!("type.{second}"))
            .text("source_topic", &named("t"))
            .text("source_service", &named("s"))
    };
    let mut rows: Vec<_> = (0..10).map(row).collect();
    rows[3] = rows[3].clone().text("status", "unparseable");
    rows[4] = rows[4].clone().text("status", "redacted");
    world.sql(&insert(&rows));
    rows
}

#[test]
fn what_fits_is_shown_newest_first() {
    let world = World::new();
    different(&world);
    assert_snapshot!(world.server.get(
        "/notifications?limit=2&eventType=type.*&topic=t-1&topic=t-2&topic=t-5&since=2026-01-05T11:00:01+01:00"
    ));
}

#[test]
fn each_filter_shows_its_row_and_no_other() {
    let world = World::new();
    let rows = different(&world);
    let id = |place: usize| rows[place].id.to_string();
    for (query, place) in [
        ("orderId=o-1", 1),
        ("customerId=c-2", 2),
        ("runnerId=r-3", 3),
        ("correlationId=x-4", 4),
        ("eventType=type.5", 5),
        ("eventType=type.6*", 6),
        ("topic=t-7", 7),
        ("service=s-8", 8),
        ("status=unparseable", 3),
        ("status=redacted", 4),
        ("since=2026-01-05T10:00:09Z", 9),
        ("until=2026-01-05T10:00:00.001Z", 0),
        ("since=2026-01-05T10:00:04Z&until=2026-01-05T10:00:05Z", 4),
        (
            "since=2026-01-05T11:30:04+01:30&until=2026-01-05T09:00:05-01:00",
            4,
        ),
        (
            "orderId=o-5&customerId=c-5&runnerId=r-5&correlationId=x-5&status=captured",
            5,
        ),
    ] {
        let answer = world.server.get(&format!("/notifications?{query}"));
        assert_eq!(answer.ids(), [id(place)], "{query}");
        assert_eq!(answer.next(), None, "{query}");
    }
    let all: Vec<_> = rows.iter().rev().map(|row| row.id.to_string()).collect();
    for query in ["", "?eventType=*", "?eventType=type.1&eventType=*"] {
        assert_eq!(
            world.server.get(&format!("/notifications{query}")).ids(),
            all
        );
    }
    for query in [
        "orderId=o-1&customerId=c-2",
        "eventType=none*",
        "eventType=none",
        "topic=T-1",
    ] {
        assert_eq!(
            world.server.get(&format!("/notifications?{query}")).text(),
            "[]",
            "{query}"
        );
    }
}

#[test]
fn ids_that_no_path_can_carry_are_asked_here() {
    let world = World::new();
    let ids = [".", "..", "a/b", "a b+c&d=e"];
    let rows: Vec<_> = ids
        .iter()
        .zip(0..)
        .map(|(id, second)| Row::new(second).text("order_id", id))
        .collect();
    world.sql(&insert(&rows));
    for (query, row) in ["..", ".", "a/b", "a%20b%2Bc%26d%3De"]
        .iter()
        .zip([1, 0, 2, 3])
    {
        let answer = world.server.get(&format!("/notifications?orderId={query}"));
        assert_eq!(answer.ids(), [rows[row].id.to_string()], "{query}");
    }
}

#[test]
fn the_link_says_the_whole_question_again() {
    let world = World::new();
    let rows: Vec<_> = (0..3)
        .map(|second| {
            Row::new(second)
                .text("order_id", "a b+c&d")
                .text("source_topic", "t>\"<")
        })
        .collect();
    world.sql(&insert(&rows));
    let first = world.server.get(
        "/notifications?until=2026-01-06T00:00:00+00:00&limit=1&topic=x&topic=t%3E%22%3C&orderId=a+b%2Bc%26d&eventType=order.*&eventType=other",
    );
    assert_snapshot!(first.header("link").unwrap());
    let second = world
        .server
        .get(&format!("/notifications{}", first.next().unwrap()));
    assert_eq!(second.ids(), [rows[1].id.to_string()]);
    // the order of parameters is no matter, and what a prefix covers is covered
    let cursor = first.next().unwrap().rsplit_once('=').unwrap().1.to_owned();
    let again = format!(
        "/notifications?cursor={cursor}&eventType=other&eventType=order.*&eventType=order.created\
         &orderId=a%20b%2Bc%26d&topic=t%3E%22%3C&topic=x&until=2026-01-06T01:00:00%2B01:00"
    );
    assert_eq!(
        world.server.get(&again).ids(),
        [rows[1].id.to_string(), rows[0].id.to_string()]
    );
    for other in ["", "&orderId=a", "&topic=x", "&limit=1"] {
        let other = format!("/notifications?cursor={cursor}{other}");
        assert_eq!(
            world.server.get(&other).refused_fields(),
            ["query.cursor"],
            "{other}"
        );
    }
}

#[test]
fn what_cannot_be_a_filter_is_refused_by_name() {
    let world = World::new();
    assert_snapshot!(
        world
            .server
            .get("/notifications?since=yesterday&status=lost&order=o-1")
    );
    for (query, field) in [
        ("orderId=", "orderId"),
        ("customerId=%00", "customerId"),
        ("runnerId=%FF", "runnerId"),
        ("eventType=", "eventType"),
        ("service=a&service=b", "service"),
        ("since=2026-01-05", "since"),
        ("until=2026-01-05T10:00:00", "until"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("offset=1", "offset"),
        ("cursor=x", "cursor"),
    ] {
        let refused = world.server.get(&format!("/notifications?{query}"));
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(
            refused.refused_fields(),
            [format!("query.{field}")],
            "{query}"
        );
    }
    // a cursor is not judged by a filter that was not meant
    let both = world.server.get("/notifications?since=x&cursor=y&limit=0");
    assert_eq!(both.refused_fields(), ["query.since", "query.limit"]);
}

#[test]
fn a_pattern_stands_for_100_types_at_most() {
    let world = World::new();
    let rows: Vec<_> = (0..101)
        .map(|second| Row::new(second).text("event_type", &format!("many.{second:03}")))
        .collect();
    world.sql(&insert(&rows));
    assert_snapshot!(world.server.get("/notifications?eventType=many.*"));
    let hundred = world
        .server
        .get("/notifications?eventType=many.0*&limit=500");
    assert_eq!(hundred.ids().len(), 100);
    let with_one_more = world
        .server
        .get("/notifications?eventType=many.0*&eventType=x");
    assert_eq!(with_one_more.refused_fields(), ["query.eventType"]);
    let covered = world
        .server
        .get("/notifications?eventType=many.0*&eventType=many.001&limit=500");
    assert_eq!(covered.ids().len(), 100);
}

#[test]
fn a_page_that_looked_at_100_000_rows_ends_and_leads_on() {
    let world = World::new();
    world.sql(
        "INSERT INTO notifications (notification_id, event, event_bytes, source_topic, \
         event_type, occurred_at, batch_id, source_service) \
         SELECT ('0193' || lpad(to_hex(n), 28, '0'))::uuid, '{}', 2, 't', 'e', \
         '2026-01-05T10:00:00Z', 7, \
         CASE WHEN n IN (1, 100001, 100003) THEN 'rare' ELSE 'common' END \
         FROM generate_series(1, 100003) AS n",
    );
    let none = world.server.get("/notifications?service=none");
    assert_eq!(none.ids().len(), 0);
    let next = world
        .server
        .get(&format!("/notifications{}", none.next().unwrap()));
    assert_eq!((next.ids().len(), next.next()), (0, None));
    let short = world.server.get("/notifications?service=rare&limit=10");
    assert_eq!(short.ids().len(), 2);
    let last = world
        .server
        .get(&format!("/notifications{}", short.next().unwrap()));
    assert_eq!((last.ids().len(), last.next()), (1, None));
}

#[test]
fn a_page_ends_at_8_mib_of_events() {
    let world = World::new();
    let rows: Vec<_> = [1, 9, 3, 3, 3]
        .into_iter()
        .zip(1..)
        .map(|(mib, second)| {
            let event = format!("'{{\"payload\": \"' || repeat('x', {mib} * 1048576) || '\"}}'");
            Row::new(second).event(event)
        })
        .collect();
    world.sql(&insert(&rows));
    let ids: Vec<_> = rows.iter().rev().map(|row| row.id.to_string()).collect();
    let mut pages = Vec::new();
    let mut query = String::new();
    loop {
        let page = world.server.get(&format!("/notifications{query}"));
        pages.push(page.ids());
        match page.next() {
            Some(next) => query = next,
            None => break,
        }
    }
    assert_eq!(pages, [&ids[..2], &ids[2..3], &ids[3..4], &ids[4..]]);
}
