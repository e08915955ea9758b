//! Opening the value: what stands before the JSON, and JSON within a JSON string.

use notif_core::decode::decode;
use notif_core::event::{RawReason, Status};
use serde_json::{Value, json};

use crate::records::{attributes, decoded, payload, shown, tombstone};

/// Value, reason, status.
const UNOPENED: &[(&[u8], RawReason)] = &[
    (b"", RawReason::Empty),
    (b" ", RawReason::NotJson),
    (b"hello", RawReason::NotJson),
    (b"hello\0world", RawReason::NotJson),
    (b"\0", RawReason::NotJson),
    (b"\0\0\0\0", RawReason::NotJson),
    (b"{} {}", RawReason::NotJson),
    (b"{\"a\":1,}", RawReason::NotJson),
    (b"{a:1}", RawReason::NotJson),
    (b"[1 2]", RawReason::NotJson),
    (b"[1,]", RawReason::NotJson),
    (b"[", RawReason::NotJson),
    (b"[}", RawReason::NotJson),
    (b"{\"a\"}", RawReason::NotJson),
    (b"{\"a\":}", RawReason::NotJson),
    (b"NaN", RawReason::NotJson),
    (b"-", RawReason::NotJson),
    (b"+1", RawReason::NotJson),
    (b"01", RawReason::NotJson),
    (b"1.", RawReason::NotJson),
    (b".5", RawReason::NotJson),
    (b"1e", RawReason::NotJson),
    (b"1e+", RawReason::NotJson),
    (b"1.e5", RawReason::NotJson),
    (b"1 2", RawReason::NotJson),
    (b"nul", RawReason::NotJson),
    (b"True", RawReason::NotJson),
    (b"\"abc", RawReason::NotJson),
    (b"\"a\nb\"", RawReason::NotJson),
    (b"\"\\x\"", RawReason::NotJson),
    (b"\"\\u12\"", RawReason::NotJson),
    (b"\"\\u12g4\"", RawReason::NotJson),
    (b"\"\\ud83d\\u12\"", RawReason::NotJson),
    (b"\"\\\"", RawReason::NotJson),
    (b"\xef\xbb\xbf", RawReason::NotJson),
    (b"\xef\xbb\xbfhello", RawReason::NotJson),
    (b"\xff\xfe{\0}\0", RawReason::NotUtf8),
    (b"\x1f\x8b\x08\0", RawReason::NotUtf8),
    (b"{\"a\":\"\xff\"}", RawReason::NotUtf8),
    (b"{\"a\":\"\xc0\x80\"}", RawReason::NotUtf8),
    (b"{\"a\":\"\xed\xa0\x80\"}", RawReason::NotUtf8),
    (b"\0\0\0\0\x07", RawReason::SchemaRegistry),
    (b"\0\0\0\0\x07\x02avro", RawReason::SchemaRegistry),
    (b"\0\0\0\0\x07\xff", RawReason::SchemaRegistry),
    (b"\0\0\0\0\x07{", RawReason::SchemaRegistry),
];

#[test]
fn what_cannot_be_opened_is_unparseable_and_raw() {
    for (value, reason) in UNOPENED {
        let event = decoded(value);
        let value = String::from_utf8_lossy(value);
        assert_eq!(event.raw_reason, Some(*reason), "{value:?}");
        assert_eq!(event.status, Status::Unparseable, "{value:?}");
        assert_eq!(event.event_type, "unknown", "{value:?}");
        assert_eq!(payload(&event), Value::Null, "{value:?}");
    }
}

#[test]
fn json_that_is_no_object_is_its_own_payload() {
    for value in [
        "[1,2]", "\"text\"", "5", "-0.5", "true", "false", "null", "[]", " [ ] ",
    ] {
        let event = decoded(value);
        assert_eq!(event.raw_reason, None, "{value}");
        assert_eq!(event.status, Status::Captured, "{value}");
        assert_eq!(event.event_type, "unknown", "{value}");
        assert_eq!(
            payload(&event),
            serde_json::from_str::<Value>(value).unwrap(),
            "{value}"
        );
        assert_eq!(attributes(&event), json!({"form": "whole"}), "{value}");
    }
}

#[test]
fn a_null_value_is_a_tombstone() {
    let event = decode(&tombstone());
    assert_eq!(event.event_type, "tombstone");
    assert_eq!(event.status, Status::Captured);
    assert_eq!(event.raw_reason, None);
    assert_eq!(payload(&event), Value::Null);
    assert_eq!(attributes(&event), Value::Null);
}

#[test]
fn a_byte_order_mark_is_skipped_and_keeps_the_bytes() {
    let event =
        decoded("\u{feff}{\"type\":\"a\",\"correlation_id\":\"c\",\"payload\":{\"order_id\":1}}");
    assert_eq!(event.raw_reason, Some(RawReason::ByteOrderMark));
    assert_eq!(event.status, Status::Captured);
    assert_eq!(event.event_type, "a");
    assert_eq!(event.correlation_id.as_deref(), Some("c"));
    assert_eq!(event.order_id.as_deref(), Some("1"));
    assert_eq!(payload(&event), Value::Null);
}

#[test]
fn a_schema_registry_frame_before_json_is_skipped_and_its_id_kept() {
    let event = decoded(b"\0\x00\x01\x00\x02{\"type\":\"a\",\"payload\":{\"order_id\":\"o\"}}");
    assert_eq!(event.raw_reason, None);
    assert_eq!(event.event_type, "a");
    assert_eq!(event.order_id.as_deref(), Some("o"));
    assert_eq!(payload(&event), json!({"order_id": "o"}));
    assert_eq!(attributes(&event)["schemaId"], json!(65_538));
}

#[test]
fn a_schema_registry_frame_before_anything_else_still_tells_its_id() {
    let event = decoded(b"\0\0\0\0\x07\x02avro");
    assert_eq!(attributes(&event), json!({"schemaId": 7}));
}

#[test]
fn a_string_that_holds_an_object_is_opened_once() {
    let message = r#"{"type":"a","payload":{"order_id":7}}"#;
    let once = serde_json::to_string(message).unwrap();
    let event = decoded(&once);
    assert_eq!(event.raw_reason, None);
    assert_eq!(event.event_type, "a");
    assert_eq!(event.order_id.as_deref(), Some("7"));
    assert_eq!(payload(&event), json!({"order_id": 7}));
    assert_eq!(attributes(&event)["opened"], json!(true));

    let twice = serde_json::to_string(&once).unwrap();
    let event = decoded(&twice);
    assert_eq!(event.event_type, "unknown");
    assert_eq!(payload(&event), json!(once));
    assert_eq!(attributes(&event), json!({"form": "whole"}));
}

#[test]
fn a_string_is_opened_only_where_it_holds_an_object() {
    for text in [
        "[1]",
        "5",
        "null",
        "{",
        "{} {}",
        "{a}",
        "",
        "x{}",
        "\u{feff}{}",
        "{\"a\":\"\0\"}",
    ] {
        let event = decoded(serde_json::to_string(text).unwrap());
        assert_eq!(attributes(&event)["opened"], Value::Null, "{text:?}");
    }
    for text in ["{}", " {} ", "\n\t{\"a\":1}", r#"{"a":"\u00e9"}"#] {
        let event = decoded(serde_json::to_string(text).unwrap());
        assert_eq!(attributes(&event)["opened"], json!(true), "{text:?}");
        assert_eq!(
            payload(&event),
            serde_json::from_str::<Value>(text).unwrap(),
            "{text:?}"
        );
    }
}

#[test]
fn an_opened_object_that_jsonb_cannot_hold_makes_the_row_raw() {
    for (text, reason) in [
        (r#"{"type":"a","x":"\u0000"}"#, RawReason::NulCharacter),
        (r#"{"type":"a","x":"\ud83d"}"#, RawReason::LoneSurrogate),
        (r#"{"type":"a","x":1,"x":2}"#, RawReason::DuplicateKeys),
        (r#"{"type":"a","x":1e400}"#, RawReason::NumberRange),
    ] {
        let event = decoded(serde_json::to_string(text).unwrap());
        assert_eq!(event.raw_reason, Some(reason), "{text}");
        assert_eq!(event.event_type, "a", "{text}");
        assert_eq!(payload(&event), Value::Null, "{text}");

        let message = json!({"type": "b", "payload": text}).to_string();
        let event = decoded(&message);
        assert_eq!(event.raw_reason, Some(reason), "{message}");
        assert_eq!(event.event_type, "b", "{message}");
        assert_eq!(payload(&event), Value::Null, "{message}");
    }
}

#[test]
fn a_payload_string_that_holds_an_object_is_opened() {
    let event = decoded(r#"{"type":"a","payload":"{\"orderId\":\"o-1\",\"n\":1.50}"}"#);
    assert_eq!(event.raw_reason, None);
    assert_eq!(event.order_id.as_deref(), Some("o-1"));
    assert_eq!(payload(&event), json!({"orderId": "o-1", "n": 1.50}));
    assert_eq!(attributes(&event)["payloadOpened"], json!(true));
    assert!(event.json.contains("1.50"), "{}", event.json);
}

#[test]
fn message_and_payload_may_both_be_strings() {
    let inner = r#"{"type":"a","payload":"{\"orderId\":\"o-1\"}"}"#;
    let event = decoded(serde_json::to_string(inner).unwrap());
    assert_eq!(event.order_id.as_deref(), Some("o-1"));
    assert_eq!(attributes(&event)["opened"], json!(true));
    assert_eq!(attributes(&event)["payloadOpened"], json!(true));
}

#[test]
fn a_payload_string_that_holds_no_object_stays_a_string() {
    let event = decoded(r#"{"type":"a","payload":"[1]"}"#);
    assert_eq!(payload(&event), json!("[1]"));
    assert_eq!(attributes(&event)["payloadOpened"], Value::Null);
}

#[test]
fn white_space_around_and_within_is_no_matter() {
    let event = decoded("\r\n\t { \"type\" : \"a\" ,\n\"payload\" : [ 1 , { } ] , \"x\" : 1 } \n");
    assert_eq!(event.raw_reason, None);
    assert_eq!(event.event_type, "a");
    assert_eq!(shown(&event)["payload"], json!([1, {}]));
    assert_eq!(attributes(&event)["fields"], json!({"x": 1}));
}
