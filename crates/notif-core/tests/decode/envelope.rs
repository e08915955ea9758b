//! Type, correlation id and source; what of them stays in the attributes. Time is in `timestamp`,
//! texts that do not fit their columns in `columns`.

use notif_core::decode::decode;
use notif_core::record::Record;
use serde_json::{Value, json};

use crate::records::{
    TIME_TEXT, attributes, decoded, decoded_with, header, payload, record, shown, tombstone,
};

#[test]
fn the_envelope_of_the_guide_is_read() {
    let event = decoded(
        r#"{"type":"order.created","payload":{"order_id":"o-1","customer_id":"c-1","runner_id":"r-1"},
            "correlation_id":"corr-1","source":"order-service","timestamp":"2023-11-14T22:13:19Z"}"#,
    );
    assert_eq!(event.event_type, "order.created");
    assert_eq!(event.correlation_id.as_deref(), Some("corr-1"));
    assert_eq!(event.source_service, "order-service");
    assert_eq!(event.order_id.as_deref(), Some("o-1"));
    assert_eq!(event.customer_id.as_deref(), Some("c-1"));
    assert_eq!(event.runner_id.as_deref(), Some("r-1"));
    assert_eq!(
        shown(&event),
        json!({
            "topic": "order-events",
            "event_type": "order.created",
            "correlation_id": "corr-1",
            "source_service": "order-service",
            "timestamp": "2023-11-14T22:13:19Z",
            "payload": {"order_id": "o-1", "customer_id": "c-1", "runner_id": "r-1"},
        })
    );
}

#[test]
fn defaults_stand_in_for_what_is_not_there() {
    let event = decoded("{}");
    assert_eq!(
        shown(&event),
        json!({
            "topic": "order-events",
            "event_type": "unknown",
            "correlation_id": null,
            "source_service": "unknown",
            "timestamp": TIME_TEXT,
            "payload": {},
            "attributes": {"form": "whole"},
        })
    );
    assert_eq!(event.correlation_id, None);
}

#[test]
fn a_member_payload_is_the_payload_whatever_it_is() {
    for value in ["null", "[]", "5", "\"text\"", "{}", "false"] {
        let event = decoded(format!(r#"{{"type":"a","payload":{value}}}"#));
        assert_eq!(
            payload(&event),
            serde_json::from_str::<Value>(value).unwrap()
        );
        assert_eq!(attributes(&event)["form"], Value::Null, "{value}");
    }
}

#[test]
fn a_type_counts_where_it_is_a_non_empty_string() {
    for (value, event_type) in [
        (r#""order.created""#, "order.created"),
        (r#""None""#, "None"),
        (r#"" ""#, " "),
        (r#""caf\u00e9""#, "café"),
        (r#""""#, "unknown"),
        ("null", "unknown"),
        ("5", "unknown"),
        ("[]", "unknown"),
        (r#"{"a":1}"#, "unknown"),
        ("true", "unknown"),
    ] {
        let event = decoded(format!(r#"{{"type":{value},"payload":1}}"#));
        assert_eq!(event.event_type, event_type, "{value}");
        let kept = &attributes(&event)["envelope"]["type"];
        if event_type == "unknown" {
            assert_eq!(
                *kept,
                serde_json::from_str::<Value>(value).unwrap(),
                "{value}"
            );
        } else {
            assert_eq!(*kept, Value::Null, "{value}");
        }
    }
}

/// What is written as the value, and the text that becomes of it.
const ABSENCE: &[(&str, Option<&str>)] = &[
    (r#""x""#, Some("x")),
    (r#"" ""#, Some(" ")),
    (r#""none""#, Some("none")),
    (r#""NULL""#, Some("NULL")),
    ("7", Some("7")),
    ("-1.50e3", Some("-1.50e3")),
    ("9007199254740993", Some("9007199254740993")),
    (r#""None""#, None),
    (r#""null""#, None),
    (r#""""#, None),
    (r#""\u006eull""#, None),
    ("null", None),
    ("true", None),
    ("[1]", None),
    (r#"{"a":1}"#, None),
];

#[test]
fn the_rule_of_absence_holds_for_correlation_id_and_source() {
    for (value, text) in ABSENCE {
        let event = decoded(format!(r#"{{"correlation_id":{value},"payload":1}}"#));
        assert_eq!(event.correlation_id.as_deref(), *text, "{value}");
        assert_eq!(shown(&event)["correlation_id"], json!(text), "{value}");
        let event = decoded(format!(r#"{{"source":{value},"payload":1}}"#));
        assert_eq!(event.source_service, text.unwrap_or("unknown"), "{value}");
    }
}

#[test]
fn correlation_ids_are_asked_in_order() {
    let headers: &[(&str, &str)] = &[("X-Correlation-ID", "x"), ("Correlation_Id", "h")];
    for (message, correlation_id) in [
        (
            r#"{"correlation_id":"a","correlationId":"b","correlationid":"c"}"#,
            "a",
        ),
        (
            r#"{"correlation_id":"","correlationId":"b","correlationid":"c"}"#,
            "b",
        ),
        (
            r#"{"correlation_id":null,"correlationId":"None","correlationid":"c"}"#,
            "c",
        ),
        (r#"{"correlationid":9}"#, "9"),
        (r"{}", "h"),
        (r"[]", "h"),
        (r"not json", "h"),
        (
            r#"{"correlation_id":"","payload":{"correlation_id":"p"}}"#,
            "h",
        ),
    ] {
        let event = decoded_with(message, headers);
        assert_eq!(
            event.correlation_id.as_deref(),
            Some(correlation_id),
            "{message}"
        );
    }
}

#[test]
fn correlation_and_source_are_looked_for_at_the_top_level_only() {
    let event = decoded(r#"{"payload":{"correlation_id":"c","source":"s","type":"t"}}"#);
    assert_eq!(event.correlation_id, None);
    assert_eq!(event.source_service, "unknown");
    assert_eq!(event.event_type, "unknown");
}

#[test]
fn correlation_headers_are_asked_in_order() {
    for (headers, correlation_id) in [
        (
            &[("correlation-id", "b"), ("correlation_id", "a")][..],
            Some("a"),
        ),
        (
            &[("correlationid", "c"), ("correlation-id", "b")],
            Some("b"),
        ),
        (
            &[
                ("ce_correlationid", "e"),
                ("x-correlation-id", "d"),
                ("correlationId", "c"),
            ],
            Some("c"),
        ),
        (
            &[("ce_correlationid", "e"), ("X-CORRELATION-ID", "d")],
            Some("d"),
        ),
        (&[("CE_CorrelationId", "e")], Some("e")),
        // the last of equal names wins
        (
            &[("correlation_id", "first"), ("Correlation_ID", "last")],
            Some("last"),
        ),
        // where the last is absent, the next name is asked
        (
            &[
                ("correlation_id", "a"),
                ("correlation_id", ""),
                ("correlationid", "c"),
            ],
            Some("c"),
        ),
        (
            &[("correlation_id", "None"), ("correlation-id", "null")],
            None,
        ),
        // a JSON string literal loses its quotes
        (&[("correlation_id", "\"q\"")], Some("q")),
        (&[("correlation_id", r#""a\"b""#)], Some("a\"b")),
        (
            &[("correlation_id", "\"null\""), ("correlation-id", "b")],
            Some("b"),
        ),
        (&[("correlation_id", "\"a\"b\"")], Some("\"a\"b\"")),
        (&[("correlation_id", "\"")], Some("\"")),
        (&[("correlation_id", "\"open")], Some("\"open")),
        (&[("correlation_id", r#""\q""#)], Some(r#""\q""#)),
        (&[("correlation_id", r#""\ud800""#)], Some(r#""\ud800""#)),
        (&[("correlation_id", r#""\u0000""#)], Some(r#""\u0000""#)),
        (&[("other", "x")], None),
    ] {
        let event = decoded_with("{}", headers);
        assert_eq!(
            event.correlation_id.as_deref(),
            correlation_id,
            "{headers:?}"
        );
    }
}

#[test]
fn a_null_header_is_absent_and_bytes_that_are_no_text_are_found_but_not_stored() {
    let with = |first: Option<&[u8]>| {
        let headers = vec![
            header("correlation_id", first),
            header("correlation-id", Some(b"b")),
        ];
        decode(&Record {
            headers,
            ..record(b"{}")
        })
        .correlation_id
    };
    assert_eq!(with(None).as_deref(), Some("b"));
    assert_eq!(with(Some(b"")).as_deref(), Some("b"));
    assert_eq!(with(Some(b"\xff")), None);
    assert_eq!(with(Some(b"a\0b")), None);
}

#[test]
fn a_tombstone_has_the_correlation_id_of_its_headers() {
    let headers = vec![header("correlation_id", Some(b"c"))];
    let event = decode(&Record {
        headers,
        ..tombstone()
    });
    assert_eq!(event.correlation_id.as_deref(), Some("c"));
    assert_eq!(shown(&event)["correlation_id"], json!("c"));
}

#[test]
fn what_event_does_not_show_stays_in_the_envelope() {
    for (message, envelope) in [
        // all shown
        (
            r#"{"type":"a","correlation_id":"c","source":"s","timestamp":1,"payload":1}"#,
            Value::Null,
        ),
        // values that are not the very value that is shown
        (
            r#"{"type":5,"correlation_id":7,"source":8,"timestamp":"","payload":1}"#,
            json!({"type": 5, "correlation_id": 7, "source": 8, "timestamp": ""}),
        ),
        (
            r#"{"type":"","correlation_id":"None","source":[],"timestamp":{"a":1},"payload":1}"#,
            json!({"type": "", "correlation_id": "None", "source": [], "timestamp": {"a": 1}}),
        ),
        // null and absent are the same; the record's time is shown as the timestamp
        (r#"{"payload":1}"#, json!({"timestamp": null})),
        (
            r#"{"type":null,"correlation_id":null,"source":null,"timestamp":null,"payload":1}"#,
            json!({"timestamp": null}),
        ),
        // other spellings stay under their own names
        (
            r#"{"correlationId":"c","timestamp":1,"payload":1}"#,
            json!({"correlation_id": null, "correlationId": "c"}),
        ),
        (
            r#"{"correlation_id":"c","correlationId":"c","correlationid":5,"timestamp":1,"payload":1}"#,
            json!({"correlationId": "c", "correlationid": 5}),
        ),
    ] {
        let event = decoded(message);
        assert_eq!(attributes(&event)["envelope"], envelope, "{message}");
        assert_eq!(attributes(&event)["fields"], Value::Null, "{message}");
    }
}

#[test]
fn a_correlation_id_from_a_header_is_not_mistaken_for_the_messages_own() {
    let event = decoded_with(r#"{"timestamp":1,"payload":1}"#, &[("correlation_id", "h")]);
    assert_eq!(shown(&event)["correlation_id"], json!("h"));
    assert_eq!(
        attributes(&event)["envelope"],
        json!({"correlation_id": null})
    );
}

#[test]
fn other_members_stay_in_fields_as_they_stood() {
    for (message, fields) in [
        (r#"{"a":1,"type":"t","payload":1}"#, r#"{"a":1}"#),
        (r#"{"type":"t","a":1,"payload":1}"#, r#"{"a":1}"#),
        (r#"{"type":"t","payload":1,"a":1}"#, r#"{"a":1}"#),
        (
            r#"{ "a" : 1.50 , "type":"t" , "b":[1 ,2], "c":{} , "payload":1 , "d":",}" }"#,
            r#"{"a" : 1.50,"b":[1 ,2], "c":{},"d":",}"}"#,
        ),
        (
            r#"{"order_id":"o","version":2,"payload":{}}"#,
            r#"{"order_id":"o","version":2}"#,
        ),
        (r#"{"data":1,"payload":2}"#, r#"{"data":1}"#),
        (r#"{"":1,"payload":2}"#, r#"{"":1}"#),
    ] {
        let event = decoded(message);
        let expected = format!("\"fields\": {fields}");
        assert!(event.json.contains(&expected), "{message}: {}", event.json);
    }
}

#[test]
fn a_message_that_is_its_own_payload_needs_no_fields() {
    let event = decoded(r#"{"type":"a","order_id":"o","correlationId":"c","timestamp":5,"x":1}"#);
    assert_eq!(attributes(&event), json!({"form": "whole"}));
    assert_eq!(event.order_id.as_deref(), Some("o"));
    assert_eq!(event.correlation_id.as_deref(), Some("c"));
    assert_eq!(shown(&event)["timestamp"], json!(5));
}
