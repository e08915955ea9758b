//! Rows that break readers: each can be read through every endpoint.

use serde_json::value::RawValue;

use crate::rows::Row;
use crate::server::World;

/// Expressions of events.
const EVENTS: [(&str, &str); 7] = [
    ("5 MB", r#"'{"payload": "' || repeat('x', 5000000) || '"}'"#),
    ("1e400", r#"'{"payload": 1e400}'"#),
    ("a number of 130,000 digits", r#"'{"payload": 1e130000}'"#),
    ("10,000 deep", "repeat('[', 10000) || repeat(']', 10000)"),
    ("a scalar", r#"'"just text"'"#),
    (
        "markup and line separators",
        r#"U&'{"payload": "</script>\2028\2029\007F"}'"#,
    ),
    (
        "every escape",
        r#"'{"payload": "\" \\ \/ \b \f \n \r \t \u0001 \u001f \ud83d\udce6"}'"#,
    ),
];

#[test]
fn every_row_can_be_read_through_every_endpoint() {
    let world = World::new();
    for ((name, event), second) in EVENTS.into_iter().zip(1..) {
        let order = format!("o-{second}");
        let row = Row::new(second)
            .text("order_id", &order)
            .text("customer_id", "c-1")
            .text("runner_id", "r-1")
            .text("correlation_id", &format!("x-{second}"))
            .event(event);
        // parsing this deep takes more stack than the server allows by default
        world.sql(&format!("SET max_stack_depth = '6MB'; {}", row.insert()));
        let stored = world.sql(&format!(
            "SELECT event FROM notifications WHERE order_id = '{order}'"
        ));
        for path in [
            format!("/order/{order}"),
            format!("/order/{order}/latest"),
            format!("/order/{order}/timeline"),
            "/customer/c-1/notifications?limit=1".to_owned(),
            "/runner/r-1/notifications?limit=1".to_owned(),
            format!("/correlation/x-{second}"),
            format!("/notifications?orderId={order}&status=captured&eventType=order.*"),
            "/notifications?limit=1".to_owned(),
            format!("/notifications/{}", row.id),
            format!("/records/order_events/0/{second}"),
        ] {
            let answer = world.server.get(&path);
            assert_eq!(answer.status, 200, "{name} {path}");
            assert!(answer.text().contains(&stored), "{name} {path}");
            // valid JSON, for a reader that does not look inside
            serde_json::from_slice::<&RawValue>(&answer.body).unwrap();
        }
    }
    let feed = world.server.get("/customer/c-1/notifications");
    let rows: Vec<&RawValue> = serde_json::from_slice(&feed.body).unwrap();
    assert_eq!(rows.len(), EVENTS.len());
}

#[test]
fn texts_that_need_escapes_are_escaped() {
    let world = World::new();
    let text = "\"quotes\" \\ back\nline\u{1}\u{7f}\u{2028}\u{1F4E6}</script>";
    let mut row = Row::new(1);
    for column in [
        "order_id",
        "customer_id",
        "runner_id",
        "correlation_id",
        "source_service",
        "event_type",
        "source_topic",
    ] {
        row = row.text(column, text);
    }
    world.sql(&row.insert());
    let shown = world
        .server
        .get(&format!("/notifications/{}", row.id))
        .json();
    for field in [
        "orderId",
        "customerId",
        "runnerId",
        "correlationId",
        "sourceService",
        "eventType",
        "sourceTopic",
    ] {
        assert_eq!(shown[field], text, "{field}");
    }
    // and they can be asked for as they are
    for field in ["orderId", "runnerId", "correlationId", "eventType"] {
        let path = format!("/notifications?{field}={}", escaped(text));
        assert_eq!(
            world.server.get(&path).ids(),
            [row.id.to_string()],
            "{path}"
        );
    }
    let path = format!("/order/{}/timeline", escaped(text));
    assert_eq!(world.server.get(&path).json()["customerIds"][0], text);
}

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[test]
fn a_row_whose_bytes_are_kept_says_why() {
    let world = World::new();
    let row = Row::new(1)
        .text("order_id", "o-1")
        .text("status", "unparseable")
        .text("raw_reason", "not-utf8")
        .sql("raw", r"'\xff'::bytea")
        .event("'{\"payload\": null}'");
    world.sql(&row.insert());
    let shown = world.server.get("/order/o-1/latest").json();
    assert_eq!(
        (&shown["status"], &shown["rawReason"]),
        (&"unparseable".into(), &"not-utf8".into())
    );
}
