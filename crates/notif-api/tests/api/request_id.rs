//! `X-Request-Id`.

use crate::server::World;

#[test]
fn a_sensible_id_is_kept_and_any_other_replaced() {
    let world = World::new();
    let ask = |id: &str| {
        world
            .server
            .request("GET", "/nothing", &[("x-request-id", id)], b"")
    };
    let kept = ask("trace-1/a.b:c");
    assert_eq!(kept.header("x-request-id"), Some("trace-1/a.b:c"));
    assert_eq!(kept.json()["requestId"], "trace-1/a.b:c");
    for other in ["two words", "", &"x".repeat(129), "\u{e9}"] {
        let replaced = ask(other);
        let id = replaced.header("x-request-id").unwrap();
        assert_eq!(id.len(), 36, "{id}");
        assert_eq!(replaced.json()["requestId"], id);
    }
}

#[test]
fn every_request_has_an_id_of_its_own() {
    let world = World::new();
    let id = || {
        world
            .server
            .get("/livez")
            .header("x-request-id")
            .unwrap()
            .to_owned()
    };
    assert_ne!(id(), id());
}
