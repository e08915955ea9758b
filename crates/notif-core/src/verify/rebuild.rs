//! The message's JSON value, rebuilt from `event` (design, section 5), beside the message itself.
//!
//! The two are compared as far as they are promised to be equal. Where a message was a JSON string
//! with an object in it, the object is meant; a `type` or `source` of `unknown` and null members of
//! the envelope read as absent; numbers are equal where a reader of 64-bit floats takes them for
//! equal (`jsonb` writes 1e2 as 100).

use serde_json::{Map, Number, Value};

/// Members of the envelope, where `event` shows them, and what reads as absent there.
const SHOWN: [(&str, &str, Option<&str>); 4] = [
    ("type", "event_type", Some("unknown")),
    ("source", "source_service", Some("unknown")),
    ("correlation_id", "correlation_id", None),
    ("timestamp", "timestamp", None),
];

/// Members whose null reads as absent.
const NULL_IS_ABSENT: [&str; 7] = [
    "type",
    "source",
    "timestamp",
    "correlation_id",
    "correlationId",
    "correlationid",
    "data",
];

/// Does `event`, the JSON text of a row without `raw`, say what the message `value` said?
pub fn is_of(event: &str, value: &[u8]) -> bool {
    let (Ok(event), Some(message)) = (serde_json::from_str::<Value>(event), message(value)) else {
        return false;
    };
    let is_whole = event
        .pointer("/attributes/form")
        .is_some_and(|form| form == "whole");
    let Some(rebuilt) = rebuilt(event) else {
        return false;
    };
    if is_whole {
        same(&rebuilt, &message)
    } else {
        match (as_read(rebuilt), as_read(message)) {
            (Some(rebuilt), Some(message)) => same(&rebuilt, &message),
            _ => false,
        }
    }
}

/// Does `event` hold no message, as that of a record with a null value must?
pub fn is_of_no_message(event: &str) -> bool {
    serde_json::from_str::<Value>(event)
        .is_ok_and(|event| event.get("payload").is_some_and(Value::is_null))
}

/// The message's JSON value; none where `event` does not have the shape that it must have.
fn rebuilt(event: Value) -> Option<Value> {
    let Value::Object(mut event) = event else {
        return None;
    };
    let payload = event.remove("payload")?;
    let mut attributes = object(event.remove("attributes"))?;
    let payload_name = match attributes.get("form").and_then(Value::as_str) {
        Some("whole") => return Some(payload),
        Some("cloudevents") => "data",
        Some(_) => return None,
        None => "payload",
    };
    let mut message = object(attributes.remove("fields"))?;
    let mut envelope = object(attributes.remove("envelope"))?;
    for (member, field, default) in SHOWN {
        let shown = event.remove(field)?;
        let value = envelope.remove(member).unwrap_or(shown);
        let is_default = default.is_some_and(|default| value == default);
        if !value.is_null() && !is_default {
            message.insert(member.to_owned(), value);
        }
    }
    message.extend(envelope);
    if payload_name != "data" || !payload.is_null() {
        message.insert(payload_name.to_owned(), payload);
    }
    Some(Value::Object(message))
}

/// The members of an object that may be left out.
fn object(value: Option<Value>) -> Option<Map<String, Value>> {
    match value {
        None => Some(Map::new()),
        Some(Value::Object(members)) => Some(members),
        Some(_) => None,
    }
}

/// An enveloped message's members, without what reads as absent and with its strings opened.
fn as_read(message: Value) -> Option<Value> {
    let Value::Object(mut members) = message else {
        return None;
    };
    members.retain(|name, value| {
        let is_default = matches!(name.as_str(), "type" | "source") && value == "unknown";
        let is_null = value.is_null() && NULL_IS_ABSENT.contains(&name.as_str());
        !is_default && !is_null
    });
    for name in ["payload", "data"] {
        if let Some(value) = members.get_mut(name) {
            *value = opened(value.take());
        }
    }
    Some(Value::Object(members))
}

/// The object within a string, or the value itself.
fn opened(value: Value) -> Value {
    match value.as_str().map(serde_json::from_str) {
        Some(Ok(object @ Value::Object(_))) => object,
        _ => value,
    }
}

/// The JSON value in a message's bytes, behind a schema registry's frame; none where there is none.
fn message(value: &[u8]) -> Option<Value> {
    let text = match value {
        [0, _, _, _, _, framed @ ..] => framed,
        _ => value,
    };
    serde_json::from_slice(text).ok().map(opened)
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    if !one.is_f64() && !other.is_f64() {
        return one == other;
    }
    // whichever way they are written, both are rounded to the same float
    one.as_f64()
        .zip(other.as_f64())
        .is_some_and(|(one, other)| one.total_cmp(&other).is_eq() || one.abs() + other.abs() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"topic": "t", "event_type": "a", "correlation_id": null,
        "source_service": "unknown", "timestamp": 5, "payload": {"n": 100, "m": [1, 0]}}"#;

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        let message = br#"{"type":"a","timestamp":5.0,"payload":{"m":[1.0,-0],"n":1e2}}"#;
        assert!(is_of(EVENT, message));
        for (one, other) in [
            ("1e-7", "0.0000001"),
            ("1.1e-5", "0.000011"),
            ("123456.789e3", "123456789"),
            ("1e22", "10000000000000000000000"),
            (
                "1.7976931348623157e308",
                &format!("17976931348623157{}", "0".repeat(292)),
            ),
        ] {
            let event = format!(r#"{{"payload": {other}, "attributes": {{"form": "whole"}}}}"#);
            assert!(is_of(&event, one.as_bytes()), "{one}");
        }
        let one_more = br#"{"type":"a","timestamp":5,"payload":{"m":[1,0],"n":101}}"#;
        assert!(!is_of(EVENT, one_more));
    }

    #[test]
    fn another_message_is_told_apart() {
        for other in [
            r#"{"type":"b","timestamp":5,"payload":{"n":100,"m":[1,0]}}"#,
            r#"{"type":"a","timestamp":6,"payload":{"n":100,"m":[1,0]}}"#,
            r#"{"type":"a","timestamp":5,"payload":{"n":100,"m":[0,1]}}"#,
            r#"{"type":"a","timestamp":5,"payload":{"n":100}}"#,
            r#"{"type":"a","timestamp":5,"x":1,"payload":{"n":100,"m":[1,0]}}"#,
            r#"{"n":100,"m":[1,0]}"#,
            "no json",
        ] {
            assert!(!is_of(EVENT, other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn an_event_of_another_shape_is_of_no_message() {
        for event in [
            "[]",
            "{}",
            r#"{"payload": 1}"#,
            r#"{"payload": 1, "attributes": 1}"#,
            r#"{"payload": 1, "attributes": {"form": "other"}}"#,
        ] {
            assert!(!is_of(event, b"1"), "{event}");
            assert!(!is_of_no_message(event), "{event}");
        }
        let whole = r#"{"payload": 1, "attributes": {"form": "whole"}}"#;
        assert!(is_of(whole, b"1"));
        assert!(is_of_no_message(r#"{"payload": null}"#));
    }
}
