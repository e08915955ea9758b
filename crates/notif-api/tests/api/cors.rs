//! Pages of other origins.

use notif_api::origins::Origins;

use crate::http::Response;
use crate::server::World;

const APP: &str = "https://app.example.org";

fn world() -> World {
    World::with(|config| {
        config.cors_origins = Origins::parse(&format!("{APP}, http://localhost:5173")).unwrap();
    })
}

fn preflight(world: &World, path: &str, origin: &str, method: &str, headers: &str) -> Response {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", headers),
    ];
    world.server.request("OPTIONS", path, &asked, b"")
}

/// The items of a list in a header, in the order of the alphabet.
fn listed(response: &Response, name: &str) -> Vec<String> {
    let list = response
        .header(name)
        .unwrap_or_else(|| panic!("{name}: {response}"));
    let mut items: Vec<_> = list
        .split(',')
        .map(|item| item.trim().to_ascii_lowercase())
        .collect();
    items.sort_unstable();
    items
}

fn allowed(response: &Response) -> Option<&str> {
    response.header("access-control-allow-origin")
}

#[test]
fn a_configured_origin_may_read_and_is_told_what() {
    let world = world();
    for origin in [APP, "http://localhost:5173"] {
        let response = world
            .server
            .request("GET", "/order/o-1", &[("origin", origin)], b"");
        assert_eq!((response.status, allowed(&response)), (200, Some(origin)));
        assert_eq!(
            listed(&response, "access-control-expose-headers"),
            [
                "etag",
                "idempotency-replay",
                "link",
                "location",
                "recorded-through",
                "retry-after",
                "x-poll-interval",
                "x-request-id",
            ]
        );
        let vary = listed(&response, "vary");
        assert!(
            ["origin", "accept-encoding"]
                .iter()
                .all(|name| vary.contains(&(*name).to_owned())),
            "{response}"
        );
        assert_eq!(response.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn a_preflight_is_answered_for_every_address() {
    let world = world();
    let headers =
        "authorization, content-type, idempotency-key, last-event-id, if-none-match, x-request-id";
    for (path, method) in [
        ("/order/o-1", "GET"),
        ("/send-notification", "POST"),
        ("/topics", "HEAD"),
    ] {
        let answer = preflight(&world, path, APP, method, headers);
        assert_eq!(
            (answer.status, allowed(&answer), answer.text()),
            (200, Some(APP), ""),
            "{path}"
        );
        assert_eq!(
            listed(&answer, "access-control-allow-methods"),
            ["get", "head", "post"]
        );
        assert_eq!(listed(&answer, "access-control-allow-headers").len(), 6);
        assert_eq!(answer.header("access-control-max-age"), Some("3600"));
        assert!(listed(&answer, "vary").contains(&"origin".to_owned()));
    }
}

#[test]
fn what_may_not_be_asked_is_refused_before_it_is_asked() {
    let world = world();
    for (origin, method, headers) in [
        ("https://other.example.org", "GET", "if-none-match"),
        (APP, "DELETE", "if-none-match"),
        (APP, "GET", "x-something"),
    ] {
        let refused = preflight(&world, "/order/o-1", origin, method, headers);
        assert_eq!(refused.status, 400, "{refused}");
        assert_eq!(allowed(&refused), None, "{refused}");
        assert_eq!(
            refused.header("content-type"),
            Some("application/problem+json")
        );
    }
}

#[test]
fn another_origin_is_told_nothing_that_a_browser_would_show() {
    let world = world();
    for origin in [
        "https://other.example.org",
        "https://app.example.org.evil.org",
        "null",
        "HTTPS://APP.EXAMPLE.ORG",
    ] {
        let response = world
            .server
            .request("GET", "/order/o-1", &[("origin", origin)], b"");
        assert_eq!(
            (response.status, allowed(&response)),
            (200, None),
            "{origin}"
        );
        // a cache must not give that answer to the one that is allowed
        assert!(
            listed(&response, "vary").contains(&"origin".to_owned()),
            "{origin}"
        );
    }
}

#[test]
fn a_page_can_read_why_something_failed_and_that_nothing_changed() {
    let world = world();
    let origin = ("origin", APP);
    for (path, status) in [
        ("/order/o-1/latest", 404),
        ("/order/o-1?x=1", 400),
        ("/nothing", 404),
    ] {
        let problem = world.server.request("GET", path, &[origin], b"");
        assert_eq!(
            (problem.status, allowed(&problem)),
            (status, Some(APP)),
            "{path}"
        );
        assert!(
            problem.header("access-control-expose-headers").is_some(),
            "{path}"
        );
    }
    let tag = world
        .server
        .get("/order/o-1")
        .header("etag")
        .unwrap()
        .to_owned();
    let known = [origin, ("if-none-match", tag.as_str())];
    let same = world.server.request("GET", "/order/o-1", &known, b"");
    assert_eq!((same.status, allowed(&same)), (304, Some(APP)));
}

#[test]
fn nothing_is_allowed_where_nothing_is_configured() {
    let world = World::new();
    let response = world
        .server
        .request("GET", "/order/o-1", &[("origin", APP)], b"");
    assert_eq!(
        (response.status, allowed(&response), response.header("vary")),
        (200, None, Some("Accept-Encoding"))
    );
    let refused = preflight(&world, "/order/o-1", APP, "GET", "if-none-match");
    assert_eq!((refused.status, allowed(&refused)), (405, None));
}
