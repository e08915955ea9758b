//! `ETag`, `If-None-Match`, 304.

use crate::http::Response;
use crate::ledger_rows::{gap, run};
use crate::rows::{Row, insert_many};
use crate::server::World;

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
    world.sql(&insert_many(3, "o-1", "c-1"));
    world.sql(&(gap("retention") + &gap("retention") + &run(1, &[]) + &run(1, &[])));
    world
}

const PATHS: [&str; 6] = [
    "/order/o-1",
    "/order/o-1/latest",
    "/customer/c-1/notifications?limit=2",
    "/gaps?limit=1",
    "/runs?limit=1",
    "/topics",
];

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let world = world();
    for path in PATHS {
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
    let first = world.server.get("/order/o-1");
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
    for path in [
        "/order/o-1",
        "/order/o-1/latest",
        "/customer/c-1/notifications",
    ] {
        let before = world.server.get(path);
        let later = Row::new(1 + i64::try_from(path.len()).unwrap())
            .text("order_id", "o-1")
            .text("customer_id", "c-1");
        world.sql(&later.insert());
        let after = ask(&world, path, &tag(&before));
        assert_eq!(after.status, 200, "{path}");
        assert_ne!(
            (after.text(), tag(&after)),
            (before.text(), tag(&before)),
            "{path}"
        );
    }
}

#[test]
fn tags_come_in_lists_are_compared_weakly_and_any_is_a_star() {
    let world = world();
    let path = "/order/o-1";
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
    for path in PATHS {
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
