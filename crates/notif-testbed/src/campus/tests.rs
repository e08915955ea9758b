//! The simulator is deterministic, and its traffic has the shapes that the recorder is built for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Campus, CampusEvent, PARTITIONS, TOPICS};

/// The envelope and its payload, opened where they are strings.
fn open(event: &CampusEvent) -> (Value, Value) {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut envelope = parse(std::str::from_utf8(&event.value).unwrap());
    if let Value::String(inner) = &envelope {
        envelope = parse(inner);
    }
    let mut payload = envelope["payload"].clone();
    if let Value::String(inner) = &payload {
        payload = parse(inner);
    }
    (envelope, payload)
}

#[test]
fn equal_seeds_give_equal_events_and_others_do_not() {
    let events = Campus::new(1).events(2_000);
    assert_eq!(events, Campus::new(1).events(2_000));
    assert_ne!(events, Campus::new(2).events(2_000));
}

#[test]
fn every_event_is_an_envelope_and_time_does_not_go_back() {
    let mut before = 0;
    for event in Campus::new(3).take(5_000) {
        assert!(event.timestamp_ms >= before);
        before = event.timestamp_ms;
        let (envelope, payload) = open(&event);
        for member in ["type", "correlation_id", "source"] {
            assert!(envelope[member].is_string(), "{envelope}");
        }
        assert!(
            envelope["timestamp"].is_string() || envelope["timestamp"].is_f64(),
            "{envelope}"
        );
        assert!(payload.is_object(), "{envelope}");
    }
}

#[test]
fn every_topic_and_partition_is_used_and_a_key_keeps_its_partition() {
    let mut used = BTreeSet::new();
    let mut partitions = BTreeMap::new();
    for event in Campus::new(4).hurried(20).take(5_000) {
        used.insert((event.topic, event.partition));
        if let Some(key) = event.key {
            let known = partitions
                .entry((event.topic, key))
                .or_insert(event.partition);
            assert_eq!(*known, event.partition);
        }
    }
    let all: BTreeSet<_> = TOPICS
        .iter()
        .flat_map(|topic| (0..PARTITIONS).map(|p| (*topic, p)))
        .collect();
    assert_eq!(used, all);
}

#[test]
fn only_three_kinds_of_event_tie_a_correlation_id_to_order_and_customer_early() {
    for event in Campus::new(5).hurried(20).take(10_000) {
        let (envelope, payload) = open(&event);
        let has =
            |snake: &str, camel: &str| payload.get(snake).is_some() || payload.get(camel).is_some();
        let (order, customer) = (has("order_id", "orderId"), has("customer_id", "customerId"));
        let kind = envelope["type"].as_str().unwrap();
        match kind {
            "create_order" | "authorize_payment" | "order.created" => assert!(order && customer),
            "assign_runner" | "hold_escrow" | "release_escrow" => assert!(!order && !customer),
            _ if kind.starts_with("payment.") || kind.starts_with("user.") => {
                assert!(!order && !customer, "{envelope}");
            }
            _ => {}
        }
    }
}

/// The habits and failures that one event shows, and its type.
fn traits_of(event: &CampusEvent) -> Vec<String> {
    let text = std::str::from_utf8(&event.value).unwrap();
    let (envelope, payload) = open(event);
    let kind = envelope["type"].as_str().unwrap();
    let habits = [
        ("message twice", text.starts_with('"')),
        ("payload twice", text.contains(r#""payload":"{"#)),
        ("snake", payload.get("order_id").is_some()),
        ("camel", payload.get("orderId").is_some()),
        ("number as id", payload["customer_id"].is_u64()),
        (
            "number as text",
            payload["customer_id"]
                .as_str()
                .is_some_and(|id| id.len() < 36),
        ),
        (
            "naive time",
            envelope["timestamp"]
                .as_str()
                .is_some_and(|t| !t.ends_with('Z')),
        ),
        ("epoch", envelope["timestamp"].is_f64()),
        ("beyond ASCII", !text.is_ascii()),
        ("escaped", text.contains(r"\u")),
        ("no key", event.key.is_none()),
        ("headers", !event.headers.is_empty()),
        (
            "retry",
            kind == "authorize_payment" && payload["attempt"] == 2,
        ),
        ("no runner", payload["reason"] == "no_runner_found"),
        ("not paid", payload["reason"] == "payment_failed"),
    ];
    let shown = habits
        .iter()
        .filter(|(_, present)| *present)
        .map(|(habit, _)| *habit);
    shown.chain([kind]).map(str::to_owned).collect()
}

const TRAITS: &str = "message twice, payload twice, snake, camel, number as id, number as text, \
    naive time, epoch, beyond ASCII, escaped, no key, headers, retry, no runner, not paid, \
    create_order, order.created, authorize_payment, payment.authorized, payment.failed, \
    scheduler.retry_scheduled, escrow.held, escrow.released, escrow.refunded, payment.refunded, \
    scheduler.timeout_fired, order.assigned, order.picked_up, order.delivered, order.cancelled, \
    order.status_changed, payment.receipt_issued, notification.requested, user.registered, \
    user.logged_in, user.profile_updated, user.points_added, user.rating_given, saga.completed, \
    saga.compensating";

#[test]
fn all_habits_of_the_services_occur() {
    let seen: BTreeSet<String> = Campus::new(6)
        .hurried(20)
        .take(20_000)
        .flat_map(|event| traits_of(&event))
        .collect();
    for expected in TRAITS.split(", ") {
        assert!(seen.contains(expected), "{expected} did not occur");
    }
}

#[test]
fn an_order_is_followed_to_its_end() {
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in Campus::new(7).hurried(60).take(20_000) {
        let (envelope, _) = open(&event);
        let correlation = envelope["correlation_id"].as_str().unwrap().to_owned();
        let kind = envelope["type"].as_str().unwrap().to_owned();
        kinds.entry(correlation).or_default().push(kind);
    }
    let delivered = kinds
        .values()
        .find(|kinds| kinds.iter().any(|k| k == "saga.completed"));
    let delivered = delivered.unwrap();
    let place = |kind: &str| delivered.iter().position(|k| k == kind);
    assert_eq!(place("create_order"), Some(0));
    assert!(place("payment.authorized") < place("escrow.held"));
    assert!(place("order.assigned") < place("order.picked_up"));
    assert!(place("order.picked_up") < place("order.delivered"));
    assert!(place("order.delivered") < place("escrow.released"));
}

#[test]
fn a_typical_value_has_a_few_hundred_bytes() {
    let mut sizes: Vec<usize> = Campus::new(8)
        .hurried(20)
        .take(10_000)
        .map(|event| event.value.len())
        .collect();
    sizes.sort_unstable();
    let share = |percent: usize| sizes[sizes.len() * percent / 100];
    assert!(share(10) >= 250, "a tenth is below {}", share(10));
    assert!(share(90) <= 450, "a tenth is above {}", share(90));
}

#[test]
fn time_can_be_chosen_and_stopped_at() {
    let start = 1_700_000_000_000;
    let mut campus = Campus::new(9)
        .starting_at(start)
        .orders_per_minute(600)
        .hurried(60);
    let minute = campus.events_until(start + 60_000);
    assert_eq!(minute[0].timestamp_ms, start);
    assert!(
        minute
            .iter()
            .all(|event| event.timestamp_ms < start + 60_000)
    );
    let orders = minute
        .iter()
        .filter(|event| open(event).0["type"] == "create_order")
        .count();
    assert!((450..750).contains(&orders), "{orders} orders in a minute");
    assert!(campus.next().unwrap().timestamp_ms >= start + 60_000);
}
