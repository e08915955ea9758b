//! `POST /send-notification`.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::http::{self, Response};
use crate::server::World;

const SMALL: &str = r#"{"customerId":"c-1","orderId":"o-1","event":"on its way"}"#;

/// The answer with what differs each time replaced.
pub(crate) fn lasting(response: &Response) -> String {
    let object = response.json();
    let mut text = response.to_string();
    for (field, word) in [
        ("notificationId", "<id>"),
        ("createdAt", "<created>"),
        ("occurredAt", "<occurred>"),
    ] {
        text = text.replace(object[field].as_str().unwrap(), word);
    }
    text.replace(
        object["event"]["timestamp"].as_str().unwrap(),
        "<timestamp>",
    )
}

#[test]
fn a_text_is_stored_as_a_message() {
    let world = World::new();
    let body = r#"{"customerId":"customer-123","runnerId":"runner-456","orderId":"order-789","event":"Your \"order\" has been placed \ud83d\udce6"}"#;
    let created = world.server.send(body);
    assert_snapshot!(lasting(&created));
    let latest = world.server.get("/order/order-789/latest");
    assert_eq!(latest.text(), created.text());
    let location = created.header("location").unwrap();
    assert_eq!(
        world.server.get(location).json()["event"],
        created.json()["event"]
    );
}

#[test]
fn an_object_is_stored_as_it_stands() {
    let world = World::new();
    let event = r#"{"z":1.50,"a":[12345678901234567890,1E+2],"deep":{"order_id":"o-9"}}"#;
    let body = format!(r#"{{"customerId":"c-1","orderId":"o-1","event":{event}}}"#);
    let created = world.server.send(&body);
    assert_snapshot!(lasting(&created));
}

#[test]
fn its_id_its_times_and_its_batch_fit_together() {
    let world = World::new();
    let created = world.server.send(SMALL).json();
    let row = world.sql(
        "SELECT n.notification_id, substr(n.notification_id::text, 15, 1), \
                ('x' || left(replace(n.notification_id::text, '-', ''), 12))::bit(48)::bigint \
                    = extract(epoch FROM occurred_at) * 1000, \
                date_trunc('milliseconds', created_at) = occurred_at, \
                event_bytes = octet_length(event::text), \
                b.commit_seq, b.rows, b.run_id IS NULL, b.committed_at >= created_at \
         FROM notifications n JOIN batches b USING (batch_id)",
    );
    let id = created["notificationId"].as_str().unwrap();
    assert_eq!(row, format!("{id}|7|t|t|t|1|1|t|t"));
    assert_eq!(world.sql("SELECT commit_seq FROM recorder_state"), "1");
}

#[test]
fn many_at_once_get_numbers_without_holes() {
    let world = World::new();
    let ids: BTreeSet<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let send = || world.server.send(SMALL);
                    (0..5).map(|_| send()).collect::<Vec<_>>()
                })
            })
            .collect();
        let sent = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        sent.map(|response| {
            assert_eq!(response.status, 201, "{response}");
            response.json()["notificationId"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
    });
    assert_eq!(ids.len(), 40);
    let numbers = world.sql(
        "SELECT count(*), count(DISTINCT b.batch_id), min(commit_seq), max(commit_seq), \
                count(DISTINCT commit_seq) \
         FROM notifications JOIN batches b USING (batch_id)",
    );
    assert_eq!(numbers, "40|40|1|40|40");
}

#[test]
fn what_is_wrong_with_a_body_is_told_by_field() {
    let world = World::new();
    let long = "x".repeat(256);
    let with = |field: &str, value: Value| {
        let mut body = json!({"customerId": "c", "orderId": "o", "event": "e"});
        body[field] = value;
        body.to_string()
    };
    let cases = [
        (String::new(), "body"),
        ("{".to_owned(), "body"),
        (format!("{SMALL} x"), "body"),
        ("not json".to_owned(), "body"),
        ("null".to_owned(), "body"),
        ("[]".to_owned(), "body"),
        (r#""text""#.to_owned(), "body"),
        (format!("\u{feff}{SMALL}"), "body"),
        (
            r#"{"orderId":"o","event":"e"}"#.to_owned(),
            "body.customerId",
        ),
        (
            r#"{"customerId":"c","event":"e"}"#.to_owned(),
            "body.orderId",
        ),
        (
            r#"{"customerId":"c","orderId":"o"}"#.to_owned(),
            "body.event",
        ),
        (with("customerId", json!(7)), "body.customerId"),
        (with("customerId", Value::Null), "body.customerId"),
        (with("customerId", json!("")), "body.customerId"),
        (with("customerId", json!(long)), "body.customerId"),
        (with("customerId", json!("a\0b")), "body.customerId"),
        (with("orderId", json!(["o"])), "body.orderId"),
        (with("orderId", json!("\0")), "body.orderId"),
        (with("runnerId", json!({})), "body.runnerId"),
        (with("runnerId", json!("")), "body.runnerId"),
        (with("runnerId", json!(long)), "body.runnerId"),
        (with("event", json!(7)), "body.event"),
        (with("event", json!([])), "body.event"),
        (with("event", json!(true)), "body.event"),
        (with("event", Value::Null), "body.event"),
        (with("event", json!("a\0b")), "body.event"),
        (with("event", json!({"a": "\0"})), "body.event"),
        (with("status", json!("captured")), "body.status"),
        (with("customer_id", json!("c")), "body.customer_id"),
        (SMALL.replace("c-1", r"\ud800"), "body.customerId"),
        (SMALL.replace("on its way", r"\udfff"), "body.event"),
        (
            SMALL.replace(r#""on its way""#, r#"{"a":1e400}"#),
            "body.event",
        ),
        (
            SMALL.replace(r#""on its way""#, r#"{"a":1,"a":1}"#),
            "body.event",
        ),
        (SMALL.replace(r#""on its way""#, &nested(101)), "body.event"),
        (
            SMALL.replace(r#""on its way""#, &nested(10_000)),
            "body.event",
        ),
        (
            SMALL.replace(r#""o-1","#, r#""o-1","orderId":"o-1","#),
            "body.orderId",
        ),
    ];
    for (body, field) in cases {
        let refused = world.server.send(&body);
        assert_eq!(refused.status, 400, "{body}: {refused}");
        assert_eq!(refused.refused_fields(), [field], "{body}: {refused}");
    }
    assert_eq!(world.sql("SELECT count(*) FROM notifications"), "0");
    assert_eq!(world.sql("SELECT count(*) FROM batches"), "0");
}

/// An object that nests `depth` deep.
fn nested(depth: usize) -> String {
    let inner = depth - 1;
    format!(r#"{{"a":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
}

#[test]
fn a_payload_may_nest_100_deep() {
    let world = World::new();
    let body = SMALL.replace(r#""on its way""#, &nested(100));
    assert_eq!(world.server.send(&body).status, 201);
    assert_eq!(world.server.get("/order/o-1/latest").status, 200);
}

#[test]
fn a_refusal_shows_its_whole_shape() {
    let world = World::new();
    let refused = world
        .server
        .send(r#"{"customerId":7,"orderId":"o","evnt":"e"}"#);
    assert_snapshot!(refused);
}

#[test]
fn a_body_that_is_not_utf8_is_refused() {
    let world = World::new();
    let json = [("content-type", "application/json")];
    let body = [
        br#"{"customerId":"c","orderId":"o","event":""#.as_slice(),
        b"\xff\"}",
    ]
    .concat();
    let refused = world
        .server
        .request("POST", "/send-notification", &json, &body);
    assert_eq!(
        (refused.status, refused.refused_fields()),
        (400, vec!["body".to_owned()])
    );
}

#[test]
fn a_body_has_at_most_64_kib() {
    let world = World::new();
    let room = 64 * 1024 - SMALL.len() + "on its way".len();
    let body = |length: usize| SMALL.replace("on its way", &"x".repeat(length));
    assert_eq!(world.server.send(&body(room)).status, 201);
    assert_snapshot!(world.server.send(&body(room + 1)));
}

#[test]
fn a_body_that_does_not_say_its_length_is_bounded_too() {
    let world = World::new();
    let head = "POST /send-notification HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let refused = http::raw(
        world.server.address(),
        format!("{head}{chunk}1\r\nx\r\n0\r\n\r\n").as_bytes(),
    );
    assert_eq!(refused.unwrap().status, 413);
    let chunks = format!("{:x}\r\n{SMALL}\r\n0\r\n\r\n", SMALL.len());
    let taken = http::raw(world.server.address(), format!("{head}{chunks}").as_bytes());
    assert_eq!(taken.unwrap().status, 201);
}

#[test]
fn only_plain_json_is_taken() {
    let world = World::new();
    let send = |headers: &[(&str, &str)]| {
        world
            .server
            .request("POST", "/send-notification", headers, SMALL.as_bytes())
    };
    assert_snapshot!(send(&[]));
    assert_eq!(send(&[("content-type", "text/plain")]).status, 415);
    assert_eq!(
        send(&[("content-type", "application/x-www-form-urlencoded")]).status,
        415
    );
    assert_eq!(send(&[("content-type", "application/jsonx")]).status, 415);
    let gzip = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    assert_snapshot!(send(&gzip));
    assert_eq!(
        send(&[("content-type", "Application/JSON; charset=utf-8")]).status,
        201
    );
}

#[test]
fn it_takes_no_parameters() {
    let world = World::new();
    let json = [("content-type", "application/json")];
    let path = "/send-notification?dry-run=1";
    let refused = world.server.request("POST", path, &json, SMALL.as_bytes());
    assert_eq!(refused.refused_fields(), ["query.dry-run"]);
    assert_eq!(world.sql("SELECT count(*) FROM notifications"), "0");
}

#[test]
fn a_database_that_takes_no_writes_is_named() {
    let world = World::new();
    // begun transactions say READ WRITE, so only the server itself can refuse: it is a standby, or
    // its user may not write
    world.sql(&format!(
        "CREATE ROLE {0} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}",
        world.database.name()
    ));
    let url = world
        .database
        .url()
        .replace("postgres@", &format!("{}@", world.database.name()));
    let reader = crate::server::Server::start(&url);
    let refused = reader.send(SMALL);
    assert_eq!(refused.status, 503);
    assert!(!refused.text().contains("permission"), "{refused}");
    assert_eq!(reader.get("/order/o-1").status, 200);
    drop(reader);
    world.sql(&format!(
        "DROP OWNED BY {0}; DROP ROLE {0}",
        world.database.name()
    ));
}
