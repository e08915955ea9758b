//! CloudEvents: structured, binary, and what only looks like one.

use notif_core::decode::decode;
use notif_core::event::{RawReason, Status};
use notif_core::record::Record;
use serde_json::{Value, json};

use crate::records::{
    TIME_TEXT, attributes, decoded, decoded_with, headers, payload, shown, tombstone,
};

const STRUCTURED: &str = r#"{"specversion":"1.0","id":"e-1","source":"/orders","type":"order.created",
    "time":"2024-05-06T07:08:09Z","correlationid":"c-1","order_id":"top",
    "data":{"orderId":"o-1","customerId":5}}"#;

#[test]
fn a_structured_event_has_its_payload_in_data() {
    let event = decoded(STRUCTURED);
    assert_eq!(event.event_type, "order.created");
    assert_eq!(event.source_service, "/orders");
    assert_eq!(event.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(event.order_id.as_deref(), Some("o-1"));
    assert_eq!(event.customer_id.as_deref(), Some("5"));
    assert_eq!(event.raw_reason, None);
    let shown = shown(&event);
    assert_eq!(shown["payload"], json!({"orderId": "o-1", "customerId": 5}));
    assert_eq!(shown["timestamp"], json!("2024-05-06T07:08:09Z"));
    assert_eq!(
        shown["attributes"],
        json!({
            "fields": {
                "specversion": "1.0", "id": "e-1", "time": "2024-05-06T07:08:09Z", "order_id": "top",
            },
            "envelope": {"correlation_id": null, "correlationid": "c-1", "timestamp": null},
            "form": "cloudevents",
        })
    );
}

#[test]
fn ids_are_looked_for_in_data_then_at_the_top_level() {
    let message = STRUCTURED.replace("\"orderId\":\"o-1\",", "");
    assert_eq!(decoded(message).order_id.as_deref(), Some("top"));
}

#[test]
fn its_own_timestamp_wins_over_its_time() {
    let message = STRUCTURED.replace("\"id\":", "\"timestamp\":17,\"id\":");
    assert_eq!(shown(&decoded(message))["timestamp"], json!(17));
}

#[test]
fn a_time_that_is_no_text_is_no_time() {
    let message = STRUCTURED.replace("\"2024-05-06T07:08:09Z\"", "17");
    assert_eq!(shown(&decoded(message))["timestamp"], json!(TIME_TEXT));
}

/// Message, content type, form.
const FORMS: &[(&str, &str, &str)] = &[
    (
        r#"{"specversion":"1.0","id":"i","source":"s","type":"t","data":1}"#,
        "",
        "cloudevents",
    ),
    (
        r#"{"specversion":"1.1","id":"i","source":"s","type":"t","data":1}"#,
        "",
        "cloudevents",
    ),
    (
        r#"{"specversion":"1.0","id":"i","source":"s","type":"t"}"#,
        "",
        "cloudevents",
    ),
    (
        r#"{"specversion":"0.3","id":"i","source":"s","type":"t","data":1}"#,
        "",
        "whole",
    ),
    (
        r#"{"specversion":"10","id":"i","source":"s","type":"t","data":1}"#,
        "",
        "whole",
    ),
    (
        r#"{"specversion":1.0,"id":"i","source":"s","type":"t","data":1}"#,
        "",
        "whole",
    ),
    (
        r#"{"specversion":"1.0","source":"s","type":"t","data":1}"#,
        "",
        "whole",
    ),
    (
        r#"{"specversion":"1.0","id":null,"source":"s","type":"t","data":1}"#,
        "",
        "whole",
    ),
    (
        r#"{"id":"i","source":"s","type":"t","data":1}"#,
        "",
        "whole",
    ),
    // the content type says it
    (
        r#"{"type":"t","data":1}"#,
        "application/cloudevents+json",
        "cloudevents",
    ),
    (
        r#"{"type":"t","data":1}"#,
        "Application/CloudEvents+JSON; charset=UTF-8",
        "cloudevents",
    ),
    (
        r#"{"type":"t","data":1}"#,
        "application/cloudevents",
        "cloudevents",
    ),
    (
        r#"{"type":"t","data":1}"#,
        "\"application/cloudevents+json\"",
        "cloudevents",
    ),
    (
        r#"{"type":"t","data":1}"#,
        "application/cloudevents; charset=utf-8",
        "cloudevents",
    ),
    (r#"{"type":"t","data":1}"#, "application/json", "whole"),
    (
        r#"{"specversion":"0.3","data":1}"#,
        "application/cloudevents+json",
        "whole",
    ),
    // a batch is just a payload
    (
        r#"[{"specversion":"1.0"}]"#,
        "application/cloudevents-batch+json",
        "whole",
    ),
    (
        r#"{"data":1}"#,
        "application/cloudevents-batch+json",
        "whole",
    ),
    ("[1]", "application/cloudevents+json", "whole"),
];

#[test]
fn what_counts_as_structured() {
    for (message, content_type, form) in FORMS {
        let event = decoded_with(message, &[("Content-Type", content_type)]);
        assert_eq!(
            attributes(&event)["form"],
            json!(form),
            "{message} {content_type}"
        );
    }
}

#[test]
fn data_wins_over_payload_and_payload_over_nothing() {
    let head = r#""specversion":"1.0","id":"i","source":"s","type":"t""#;
    let event = decoded(format!(
        r#"{{{head},"payload":{{"order_id":1}},"data":{{"order_id":2}}}}"#
    ));
    assert_eq!(payload(&event), json!({"order_id": 2}));
    assert_eq!(event.order_id.as_deref(), Some("2"));
    assert_eq!(
        attributes(&event)["fields"]["payload"],
        json!({"order_id": 1})
    );

    let event = decoded(format!(r#"{{{head},"payload":{{"order_id":1}}}}"#));
    assert_eq!(payload(&event), json!({"order_id": 1}));
    assert_eq!(attributes(&event)["form"], Value::Null);
    assert_eq!(
        attributes(&event)["fields"],
        json!({"specversion": "1.0", "id": "i"})
    );

    let event = decoded(format!("{{{head}}}"));
    assert_eq!(payload(&event), Value::Null);
    assert_eq!(attributes(&event)["form"], json!("cloudevents"));
}

#[test]
fn data_that_is_a_string_with_an_object_is_opened() {
    let message =
        r#"{"specversion":"1.0","id":"i","source":"s","type":"t","data":"{\"order_id\":2}"}"#;
    let event = decoded(message);
    assert_eq!(event.order_id.as_deref(), Some("2"));
    assert_eq!(attributes(&event)["payloadOpened"], json!(true));
}

#[test]
fn binary_data_is_raw_with_its_envelope_read() {
    let head = r#""specversion":"1.0","id":"i","source":"s","type":"t","order_id":"o""#;
    for rest in [
        r#""data_base64":"aGk=""#,
        r#""data_base64":"aGk=","data":null"#,
        r#""data_base64":"aGk=","payload":{"order_id":"p"}"#,
    ] {
        let event = decoded(format!("{{{head},{rest}}}"));
        assert_eq!(event.raw_reason, Some(RawReason::BinaryData), "{rest}");
        assert_eq!(event.status, Status::Captured, "{rest}");
        assert_eq!(event.event_type, "t", "{rest}");
        assert_eq!(event.order_id.as_deref(), Some("o"), "{rest}");
        assert_eq!(payload(&event), Value::Null, "{rest}");
    }
    for rest in [
        r#""data_base64":null,"data":5"#,
        r#""data_base64":"aGk=","data":5"#,
    ] {
        let event = decoded(format!("{{{head},{rest}}}"));
        assert_eq!(event.raw_reason, None, "{rest}");
        assert_eq!(payload(&event), json!(5), "{rest}");
    }
    // data_base64 means something in CloudEvents only
    assert_eq!(decoded(r#"{"data_base64":"aGk="}"#).raw_reason, None);
}

const BINARY: &[(&str, &str)] = &[
    ("ce_specversion", "1.0"),
    ("ce_id", "e-1"),
    ("CE_Type", "order.shipped"),
    ("ce_source", "\"/shipping\""),
    ("ce_time", "2024-01-02T03:04:05Z"),
    ("ce_correlationid", "c-9"),
];

#[test]
fn binary_headers_fill_what_the_body_lacks() {
    let event = decoded_with(r#"{"orderId":"o"}"#, BINARY);
    assert_eq!(event.event_type, "order.shipped");
    assert_eq!(event.source_service, "/shipping");
    assert_eq!(event.correlation_id.as_deref(), Some("c-9"));
    assert_eq!(event.order_id.as_deref(), Some("o"));
    assert_eq!(shown(&event)["timestamp"], json!("2024-01-02T03:04:05Z"));

    let event = decoded_with(
        r#"{"type":"own","source":"me","timestamp":7,"correlation_id":"c","payload":{}}"#,
        BINARY,
    );
    assert_eq!(event.event_type, "own");
    assert_eq!(event.source_service, "me");
    assert_eq!(event.correlation_id.as_deref(), Some("c"));
    assert_eq!(shown(&event)["timestamp"], json!(7));

    let event = decoded_with(r#"{"type":5,"source":"","payload":{}}"#, BINARY);
    assert_eq!(event.event_type, "order.shipped");
    assert_eq!(event.source_service, "/shipping");
    assert_eq!(
        attributes(&event)["envelope"],
        json!({"type": 5, "source": "", "correlation_id": null, "timestamp": null})
    );
}

#[test]
fn binary_headers_need_a_version_1() {
    for version in ["0.3", "2.0", "", "null"] {
        let event = decoded_with("{}", &[("ce_specversion", version), ("ce_type", "t")]);
        assert_eq!(event.event_type, "unknown", "{version}");
    }
    assert_eq!(
        decoded_with("{}", &[("ce_type", "t")]).event_type,
        "unknown"
    );
}

#[test]
fn binary_headers_name_tombstones_and_raw_bodies() {
    let event = decode(&Record {
        headers: headers(BINARY),
        ..tombstone()
    });
    assert_eq!(event.event_type, "order.shipped");
    assert_eq!(event.status, Status::Captured);

    for value in [&b"\xff\xfe"[..], b"plain text", b"", b"\0\0\0\0\x07avro"] {
        let event = decoded_with(value, BINARY);
        assert_eq!(event.event_type, "order.shipped", "{value:?}");
        assert_eq!(event.source_service, "/shipping", "{value:?}");
        assert_eq!(event.status, Status::Captured, "{value:?}");
        assert!(event.raw_reason.is_some(), "{value:?}");
        // without a type the body stays what it is
        let untyped = decoded_with(value, &[("ce_specversion", "1.0"), ("ce_source", "s")]);
        assert_eq!(untyped.status, Status::Unparseable, "{value:?}");
        assert_eq!(untyped.source_service, "s", "{value:?}");
    }
}
