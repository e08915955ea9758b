//! `ETag`, `If-None-Match`, 304.

use crate::http::Response;
use crate::ledger_rows::{ended, gap, run};
use crate::rows::{Row, insert_many};
use crate::server::World;
use crate::{recorded, story};

fn tag(response: &Response) -> String {
    response
        .header("etag")
        .unwrap_or_else(|| panic!("{response}"))
        .to_owned()
}

fn ask(world: &World, path: &str, known: &str) -> Response {
    world
        .server
        .request("GET", path, &[("if-none-match", known)], b"")
}

fn world() -> World {
    let world = World::new();
    story::tell(&world);
    world.sql(&(gap("retention") + &run(1, &ended("'drained'", "0"))));
    world
}

/// Pages that another one follows.
const PAGES: [&str; 4] = [
    "/order/order-1042?limit=1",
    "/customer/customer-7/notifications?limit=2",
    "/gaps?limit=1",
    "/runs?limit=1",
];

fn paths() -> impl Iterator<Item = &'static str> {
    recorded::paths().chain(PAGES)
}

/// What changes the reply of each of these addresses.
fn changes() -> [(&'static str, String); 10] {
    let row = |second, column, id: &str| Row::new(second).text(column, id).insert();
    let of_order = |second| row(second, "order_id", "order-1042");
    let of_saga = |second| row(second, "correlation_id", "saga-9f2c");
    [
        ("/order/order-1042", of_order(10)),
        ("/order/order-1042/latest", of_order(11)),
        // it names no order
        ("/order/order-1042/timeline", of_saga(12)),
        (
            "/customer/customer-7/notifications",
            row(13, "customer_id", "customer-7"),
        ),
        (
            "/runner/runner-3/notifications",
            row(14, "runner_id", "runner-3"),
        ),
        ("/correlation/saga-9f2c", of_saga(15)),
        ("/notifications", Row::new(16).insert()),
        (
            "/topics",
            "UPDATE kafka_offsets SET high_watermark = 104, end_offset = 104".to_owned(),
        ),
        ("/gaps", gap("retention")),
        (
            "/runs",
            "UPDATE poll_runs SET records = records + 1 WHERE run_id = 1".to_owned(),
        ),
    ]
}

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let world = world();
    for path in paths() {
        let first = world.server.get(path);
        let again = ask(&world, path, &tag(&first));
        assert_eq!((again.status, again.text()), (304, ""), "{path}");
        for name in [
            "etag",
            "cache-control",
            "link",
            "vary",
            "x-content-type-options",
        ] {
            assert_eq!(again.header(name), first.header(name), "{path}: {name}");
        }
        assert_eq!(
            (again.header("content-type"), again.header("content-length")),
            (None, None)
        );
    }
}

#[test]
fn a_tag_is_weak_and_of_the_text() {
    let world = world();
    let first = world.server.get("/order/order-1042");
    let tag = tag(&first);
    let hex = tag
        .strip_prefix("W/\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap();
    assert!(
        hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{tag}"
    );
    let sha256 = format!(
        "SELECT left(encode(sha256(convert_to({}, 'UTF8')), 'hex'), 16)",
        crate::rows::literal(first.text())
    );
    assert_eq!(hex, world.sql(&sha256));
}

#[test]
fn what_changed_is_sent_whole() {
    let world = world();
    for (path, change) in changes() {
        let before = world.server.get(path);
        world.sql(&change);
        let after = ask(&world, path, &tag(&before));
        assert_eq!(after.status, 200, "{path}");
        assert_ne!(after.text(), before.text(), "{path}");
        assert_ne!(tag(&after), tag(&before), "{path}");
    }
}

#[test]
fn what_a_row_says_does_not_change() {
    let world = world();
    let lasting: Vec<_> = recorded::ADDRESSES
        .into_iter()
        .filter(|(_, path)| changes().iter().all(|(changing, _)| changing != path))
        .collect();
    let routes: Vec<_> = lasting.iter().map(|(route, _)| *route).collect();
    assert_eq!(
        routes,
        [
            "/notifications/{notificationId}",
            "/notifications/{notificationId}/raw",
            "/records/{topic}/{partition}/{offset}",
        ]
    );
    let tags = || lasting.iter().map(|(_, path)| tag(&world.server.get(path)));
    let before: Vec<_> = tags().collect();
    for (_, change) in changes() {
        world.sql(&change);
    }
    assert_eq!(tags().collect::<Vec<_>>(), before);
}

#[test]
fn tags_come_in_lists_are_compared_weakly_and_any_is_a_star() {
    let world = world();
    let path = "/order/order-1042";
    let tag = tag(&world.server.get(path));
    let strong = tag.strip_prefix("W/").unwrap();
    for known in [
        strong.to_owned(),
        format!("\"x\", {tag}"),
        format!("{tag},\"y\""),
        "*".to_owned(),
    ] {
        assert_eq!(ask(&world, path, &known).status, 304, "{known}");
    }
    for other in [
        "\"x\"",
        "W/\"0000000000000000\"",
        "",
        strong.trim_matches('"'),
    ] {
        assert_eq!(ask(&world, path, other).status, 200, "{other}");
    }
    let two_lines = [("if-none-match", "\"x\""), ("if-none-match", tag.as_str())];
    assert_eq!(
        world.server.request("GET", path, &two_lines, b"").status,
        304
    );
}

#[test]
fn head_has_the_same_tag_and_the_same_304() {
    let world = world();
    for path in paths() {
        let get = world.server.get(path);
        let head = world.server.request("HEAD", path, &[], b"");
        assert_eq!((head.status, head.text()), (200, ""), "{path}");
        assert_eq!(head.lasting_headers(), get.lasting_headers(), "{path}");
        let known = [("if-none-match", head.header("etag").unwrap())];
        assert_eq!(
            world.server.request("HEAD", path, &known, b"").status,
            304,
            "{path}"
        );
    }
}

#[test]
fn a_large_reply_has_a_tag_too() {
    let world = World::new();
    world.sql(&insert_many(1000, "o-1", "c-1"));
    let whole = world.server.get("/order/o-1");
    assert!(whole.body.len() > 256 * 1024);
    let again = ask(&world, "/order/o-1", &tag(&whole));
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn what_is_no_recorded_data_has_no_tag() {
    let world = world();
    for path in [
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/order/o-9/latest",
        "/nothing",
    ] {
        let response = ask(&world, path, "*");
        assert!(
            response.status != 304 && response.header("etag").is_none(),
            "{path}: {response}"
        );
    }
    let json = [("content-type", "application/json"), ("if-none-match", "*")];
    let body = br#"{"customerId":"c","orderId":"o","event":"e"}"#;
    let sent = world
        .server
        .request("POST", "/send-notification", &json, body);
    assert_eq!((sent.status, sent.header("etag")), (201, None));
}
