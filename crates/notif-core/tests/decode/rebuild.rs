//! Nothing is lost: from `event` and `raw` the message's JSON value can be rebuilt.
//!
//! [`rebuilt`] is the specification of how. Where a message was a JSON string with an object in it
//! the object is rebuilt; a `type` or `source` of `unknown` and null members of the envelope read
//! as absent ([`as_read`] says the same of the message itself).

use notif_core::decode::decode;
use notif_core::event::Event;
use notif_core::record::Record;
use notif_core::verify::rebuild::is_of;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::generated;
use crate::records::{attributes, decoded};

/// Members of the envelope, where `event` shows them, and what reads as absent there.
const SHOWN: &[(&str, &str, Option<&str>)] = &[
    ("type", "event_type", Some("unknown")),
    ("source", "source_service", Some("unknown")),
    ("correlation_id", "correlation_id", None),
    ("timestamp", "timestamp", None),
];

/// Members whose null reads as absent.
const ENVELOPE: &[&str] = &[
    "type",
    "source",
    "timestamp",
    "correlation_id",
    "correlationId",
    "correlationid",
];

/// The message's JSON value; `None` for a raw row, whose bytes are the message.
fn rebuilt(event: &Event) -> Option<Value> {
    if event.raw_reason.is_some() {
        return None;
    }
    let mut event: Value = serde_json::from_str(&event.json).expect("event is JSON");
    let payload = event["payload"].take();
    let mut attributes = event["attributes"].take();
    let payload_name = match attributes["form"].as_str() {
        Some("whole") => return Some(payload),
        Some("cloudevents") => "data",
        _ => "payload",
    };
    let mut message = match attributes["fields"].take() {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let mut envelope = match attributes["envelope"].take() {
        Value::Object(envelope) => envelope,
        _ => Map::new(),
    };
    for (member, field, default) in SHOWN {
        let value = envelope
            .remove(*member)
            .unwrap_or_else(|| event[*field].take());
        let is_default = default.is_some_and(|default| value == default);
        if !value.is_null() && !is_default {
            message.insert((*member).to_owned(), value);
        }
    }
    message.extend(envelope);
    if !(payload_name == "data" && payload.is_null()) {
        message.insert(payload_name.to_owned(), payload);
    }
    Some(Value::Object(message))
}

/// A message's JSON value, without what reads as absent and with its strings opened.
fn as_read(message: Value) -> Value {
    let Value::Object(mut members) = opened(message) else {
        panic!("an envelope is an object")
    };
    members.retain(|name, value| {
        let is_default = matches!(name.as_str(), "type" | "source") && value == "unknown";
        let is_null = value.is_null() && (ENVELOPE.contains(&name.as_str()) || name == "data");
        !is_default && !is_null
    });
    for name in ["payload", "data"] {
        if let Some(value) = members.get_mut(name) {
            *value = opened(value.take());
        }
    }
    Value::Object(members)
}

/// The object within a string, or the value itself.
fn opened(value: Value) -> Value {
    match value.as_str().map(serde_json::from_str) {
        Some(Ok(object @ Value::Object(_))) => object,
        _ => value,
    }
}

/// The JSON value in a record's bytes, behind a byte order mark or a schema registry's frame.
fn message(record: &Record) -> Value {
    let value = record.value.as_deref().expect("not a tombstone");
    let text = match value {
        [0, _, _, _, _, framed @ ..] => framed,
        _ => value,
    };
    serde_json::from_slice(text).expect("what event holds every reader can parse")
}

/// Asserts that nothing of a record's message is lost, where it is not raw.
pub(crate) fn assert_rebuilt(record: &Record) {
    let event = decode(record);
    let Some(rebuilt) = rebuilt(&event) else {
        return;
    };
    let message = opened(message(record));
    if attributes(&event)["form"] == "whole" {
        assert_eq!(rebuilt, message, "{}", event.json);
    } else {
        assert_eq!(as_read(rebuilt), as_read(message), "{}", event.json);
    }
    // what `verify` goes by says the same
    let value = record.value.as_deref().expect("not a tombstone");
    assert!(is_of(&event.json, value), "{}", event.json);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn a_message_can_be_rebuilt_from_its_event(record in generated::any_record()) {
        assert_rebuilt(&record);
    }
}

#[test]
fn the_shapes_that_differ_least_are_told_apart() {
    for (one, other) in [
        (r#"{"payload":1}"#, r#"{"payload":1,"type":"x"}"#),
        (
            r#"{"payload":1}"#,
            r#"{"payload":1,"timestamp":"2023-11-14T22:13:20.123Z"}"#,
        ),
        (
            r#"{"payload":1,"correlation_id":"c"}"#,
            r#"{"payload":1,"correlationId":"c"}"#,
        ),
        (
            r#"{"payload":1,"correlation_id":"c","correlationId":"c"}"#,
            r#"{"payload":1,"correlationId":"c"}"#,
        ),
        (
            r#"{"payload":1,"correlation_id":7}"#,
            r#"{"payload":1,"correlation_id":"7"}"#,
        ),
        (
            r#"{"payload":1,"source":7}"#,
            r#"{"payload":1,"source":"7"}"#,
        ),
        (r#"{"payload":null}"#, "null"),
        (r#"{"payload":[1]}"#, "[1]"),
        (r#"{"payload":{"a":1}}"#, r#"{"a":1}"#),
        (r#"{"payload":{"payload":1}}"#, r#"{"payload":1}"#),
        (r#"{"payload":1,"type":""}"#, r#"{"payload":1}"#),
        (r#"{"payload":1,"source":"None"}"#, r#"{"payload":1}"#),
        (
            r#"{"specversion":"1.0","id":"i","source":"s","type":"t","data":1}"#,
            r#"{"specversion":"1.0","id":"i","source":"s","type":"t","payload":1}"#,
        ),
    ] {
        let other_message = other.as_bytes();
        let (one, other) = (decoded(one), decoded(other));
        assert!(!is_of(&one.json, other_message), "{}", one.json);
        assert_ne!(rebuilt(&one), rebuilt(&other), "{}", one.json);
    }
}
