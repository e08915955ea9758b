//! Requests that are refused, whatever the resource: each with a problem document.

use insta::assert_snapshot;

use crate::server::World;

/// Every address that is read.
const READ: [&str; 13] = [
    "/health",
    "/livez",
    "/readyz",
    "/order/o-1",
    "/order/o-1/latest",
    "/order/o-1/timeline",
    "/customer/c-1/notifications",
    "/runner/r-1/notifications",
    "/correlation/x-1",
    "/notifications",
    "/notifications/01890000-0000-7000-8000-000000000000",
    "/notifications/01890000-0000-7000-8000-000000000000/raw",
    "/records/t/0/0",
];

#[test]
fn an_unknown_address_is_a_problem() {
    let world = World::new();
    assert_snapshot!(world.server.get("/orders/o-1?x=%FF"));
    let long = format!("/order/{}", "a/".repeat(5000));
    for path in [
        "/",
        "/order",
        "/order/",
        "/order//latest",
        "/order/a/b",
        "/order/a/latest/",
        "//health",
        &long,
    ] {
        let missing = world.server.get(path);
        assert_eq!(missing.status, 404, "{path}");
        assert_eq!(missing.json()["type"], "/problems/no-such-route", "{path}");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let world = World::new();
    assert_snapshot!(world.server.request("DELETE", "/order/o-1", &[], b""));
    for path in READ {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let refused = world.server.request(method, path, &[], b"");
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(
                refused.header("allow"),
                Some("GET, HEAD"),
                "{method} {path}"
            );
            assert_eq!(
                refused.header("content-type"),
                Some("application/problem+json")
            );
        }
    }
    for method in ["GET", "HEAD", "PUT"] {
        let refused = world.server.request(method, "/send-notification", &[], b"");
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some("POST")),
            "{method}"
        );
    }
}

#[test]
fn head_is_get_without_its_body() {
    let world = World::new();
    for path in READ {
        let get = world.server.get(path);
        let head = world.server.request("HEAD", path, &[], b"");
        assert_eq!(head.body, b"", "{path}");
        assert_eq!(head.status, get.status, "{path}");
        if get.status == 200 {
            assert_eq!(head.lasting_headers(), get.lasting_headers(), "{path}");
        }
    }
}

#[test]
fn limits_out_of_their_bounds_are_refused() {
    let world = World::new();
    assert_snapshot!(world.server.get("/order/o-1?limit=0"));
    for path in [
        "/order/o-1",
        "/customer/c-1/notifications",
        "/runner/r-1/notifications",
        "/correlation/x-1",
        "/notifications",
        "/gaps",
        "/runs",
    ] {
        for value in [
            "0",
            "-1",
            "abc",
            "501",
            "1.5",
            "",
            "%00",
            "99999999999999999999",
            "1e2",
            "+1",
        ] {
            let refused = world.server.get(&format!("{path}?limit={value}"));
            assert_eq!(refused.status, 400, "{path} {value}");
            assert_eq!(refused.refused_fields(), ["query.limit"], "{path} {value}");
        }
    }
    for feed in ["/customer/c-1/notifications", "/runner/r-1/notifications"] {
        for value in ["10001", "-1", "abc", ""] {
            let refused = world.server.get(&format!("{feed}?offset={value}"));
            assert_eq!(refused.refused_fields(), ["query.offset"], "{feed} {value}");
        }
    }
}

#[test]
fn parameters_that_an_address_does_not_know_are_refused() {
    let world = World::new();
    for (path, field) in [
        ("/order/o-1?offset=1", "query.offset"),
        ("/order/o-1/latest?limit=1", "query.limit"),
        ("/order/o-1/timeline?limit=1", "query.limit"),
        ("/correlation/x-1?offset=1", "query.offset"),
        ("/runner/r-1/notifications?status=captured", "query.status"),
        ("/notifications?offset=1", "query.offset"),
        ("/notifications?order=o-1", "query.order"),
        ("/records/t/0/0?cursor=x", "query.cursor"),
        ("/customer/c-1/notifications?Limit=1", "query.Limit"),
        ("/customer/c-1/notifications?limit=1&limit=1", "query.limit"),
        (
            "/notifications/01890000-0000-7000-8000-000000000000?x",
            "query.x",
        ),
        ("/order/o-1?%FF=1", "query.?"),
    ] {
        let refused = world.server.get(path);
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.refused_fields(), [field], "{path}");
    }
    // probes are not ours to refuse
    assert_eq!(world.server.get("/health?verbose&t=1").status, 200);
}

#[test]
fn cursors_that_do_not_fit_are_refused() {
    let world = World::new();
    world.sql(&crate::rows::insert_many(2, "o-1", "c-1"));
    let next = world.server.get("/order/o-1?limit=1").next().unwrap();
    let cursor = next.rsplit_once('=').unwrap().1;
    assert_snapshot!(world.server.get(&format!("/order/o-2?cursor={cursor}")));
    let feed = "/customer/c-1/notifications";
    for path in [
        format!("{feed}?cursor={cursor}"),
        "/order/o-1?cursor=".to_owned(),
        "/order/o-1?cursor=x".to_owned(),
        format!("/order/o-1?cursor={cursor}A"),
        format!("/order/o-1?cursor={}", "A".repeat(10_000)),
    ] {
        assert_eq!(
            world.server.get(&path).refused_fields(),
            ["query.cursor"],
            "{path}"
        );
    }
    let both = format!("{feed}?cursor=x&offset=1");
    assert_eq!(
        world.server.get(&both).refused_fields(),
        ["query.offset", "query.cursor"]
    );
}

#[test]
fn ids_that_no_row_can_have_are_refused() {
    let world = World::new();
    assert_snapshot!(world.server.get("/order/a%00b"));
    for id in [
        "%00",
        "a%00b",
        "%FF",
        "%C3%28",
        "%ED%A0%80",
        &"a".repeat(256),
        &"%C3%A4".repeat(256),
    ] {
        for (path, field) in [
            (format!("/order/{id}"), "path.orderId"),
            (format!("/order/{id}/latest"), "path.orderId"),
            (format!("/order/{id}/timeline"), "path.orderId"),
            (format!("/customer/{id}/notifications"), "path.customerId"),
            (format!("/runner/{id}/notifications"), "path.runnerId"),
            (format!("/correlation/{id}"), "path.correlationId"),
            (format!("/records/{id}/0/0"), "path.topic"),
            (format!("/notifications?orderId={id}"), "query.orderId"),
        ] {
            let refused = world.server.get(&path);
            assert_eq!(refused.status, 400, "{path}");
            assert_eq!(refused.refused_fields(), [field], "{path}");
        }
    }
}

#[test]
fn a_table_that_is_gone_is_nobodys_business() {
    let world = World::new();
    assert_eq!(world.server.get("/order/o-1").status, 200);
    world.sql("ALTER TABLE notifications RENAME TO elsewhere");
    for path in [
        "/order/o-1",
        "/order/o-1/latest",
        "/order/o-1/timeline",
        "/customer/c-1/notifications",
        "/runner/r-1/notifications",
        "/correlation/x-1",
        "/notifications",
        "/notifications?eventType=a*",
        "/notifications/01890000-0000-7000-8000-000000000000/raw",
        "/records/t/0/0",
    ] {
        let refused = world.server.get(path);
        assert_eq!(refused.status, 503, "{refused}");
        for word in ["relation", "SELECT", "elsewhere", "postgres", "127.0.0.1"] {
            let told = refused.text().replace(path, "<path>");
            assert!(!told.contains(word), "{refused}");
        }
    }
    world.sql("ALTER TABLE elsewhere RENAME TO notifications");
    assert_eq!(world.server.get("/order/o-1").status, 200);
}
