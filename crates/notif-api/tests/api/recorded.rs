//! The addresses that give recorded data, all of them, each with something to give.

use std::collections::BTreeSet;

use crate::server::World;

/// Each by its route, filled in with what `story.rs` tells.
pub(crate) const ADDRESSES: [(&str, &str); 13] = [
    ("/order/{orderId}", "/order/order-1042"),
    ("/order/{orderId}/latest", "/order/order-1042/latest"),
    ("/order/{orderId}/timeline", "/order/order-1042/timeline"),
    (
        "/customer/{customerId}/notifications",
        "/customer/customer-7/notifications",
    ),
    (
        "/runner/{runnerId}/notifications",
        "/runner/runner-3/notifications",
    ),
    ("/correlation/{correlationId}", "/correlation/saga-9f2c"),
    ("/notifications", "/notifications"),
    (
        "/notifications/{notificationId}",
        "/notifications/019b8d99-70d0-8c9d-acdd-1d0000000002",
    ),
    (
        "/notifications/{notificationId}/raw",
        "/notifications/019b8d99-78a0-8c9d-acdd-1d0000000004/raw",
    ),
    (
        "/records/{topic}/{partition}/{offset}",
        "/records/order-events/0/2",
    ),
    ("/topics", "/topics"),
    ("/gaps", "/gaps"),
    ("/runs", "/runs"),
];

/// The addresses without their routes.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    ADDRESSES.iter().map(|(_, path)| *path)
}

#[test]
fn they_are_those_that_the_description_says_are_recorded_data() {
    let world = World::new();
    let document = world.server.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap().iter();
    let is_recorded = |operation: &serde_json::Value| {
        operation["get"]["responses"]["200"]["headers"]["Recorded-Through"].is_object()
    };
    let described: BTreeSet<&str> = paths
        .filter(|(_, operation)| is_recorded(operation))
        .map(|(path, _)| path.as_str())
        .collect();
    let here: BTreeSet<&str> = ADDRESSES.iter().map(|(route, _)| *route).collect();
    assert_eq!(here, described);
}
