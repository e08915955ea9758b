//! Envelopes that are JSON, with members that are not what their names promise; CloudEvents.

use super::Hostile;
use crate::kafka::Message;

pub(super) fn list() -> Vec<Hostile> {
    let mut list = ids();
    list.extend(absent_ids());
    list.extend(types());
    list.extend(payloads());
    list.extend(correlations());
    list.extend(cloudevents());
    list
}

fn order(id: &str) -> String {
    format!(r#"{{"type":"order.created","payload":{{"order_id":{id}}},"correlation_id":"c-1"}}"#)
}

fn quoted(character: &str, count: usize) -> String {
    format!("\"{}\"", character.repeat(count))
}

fn ids() -> Vec<Hostile> {
    vec![
        Hostile::value("id-255-characters", order(&quoted("i", 255))),
        Hostile::value("id-256-characters", order(&quoted("i", 256))),
        Hostile::value("id-255-of-two-bytes", order(&quoted("é", 255))),
        Hostile::value("id-256-of-two-bytes", order(&quoted("é", 256))),
        Hostile::value("id-255-of-four-bytes", order(&quoted("😀", 255))),
        Hostile::value("id-100000-characters", order(&quoted("i", 100_000))),
        Hostile::value("id-nul", order(r#""o\u0000-1""#)),
        Hostile::value("id-surrogate", order(r#""o\ud800""#)),
        Hostile::value("id-slash", order(r#""a/b""#)),
        Hostile::value("id-dot", order(r#"".""#)),
        Hostile::value("id-two-dots", order(r#""..""#)),
        Hostile::value("id-query", order(r#""a?b#c%2F d+e""#)),
        Hostile::value("id-newline", order(r#""a\r\nb\tc""#)),
        Hostile::value("id-space", order(r#"" ""#)),
        Hostile::value("id-backslash", order(r#""a\\b\\.""#)),
        Hostile::value("id-number", order("17")),
        Hostile::value("id-number-exponent", order("1e2")),
        Hostile::value("id-number-fraction", order("17.50")),
        Hostile::value("id-number-minus-zero", order("-0")),
        Hostile::value("id-number-huge", order("123456789012345678901234567890")),
        Hostile::value("id-number-beyond-f64", order("1e400")),
        Hostile::value("id-number-300-digits", order(&"9".repeat(300))),
        Hostile::value(
            "id-both-spellings",
            r#"{"type":"a","payload":{"orderId":"camel","order_id":"snake"}}"#,
        ),
        Hostile::value(
            "id-snake-absent-camel-there",
            r#"{"type":"a","payload":{"order_id":null,"orderId":"camel"}}"#,
        ),
        Hostile::value(
            "id-only-at-top",
            r#"{"type":"a","order_id":"top","payload":{"x":1}}"#,
        ),
        Hostile::value(
            "id-in-payload-and-top",
            r#"{"type":"a","order_id":"top","payload":{"order_id":"inner"}}"#,
        ),
        Hostile::value(
            "id-too-deep",
            r#"{"type":"a","payload":{"after":{"order_id":"hidden"}}}"#,
        ),
    ]
}

fn absent_ids() -> Vec<Hostile> {
    vec![
        Hostile::value("id-null", order("null")),
        Hostile::value("id-empty", order(r#""""#)),
        Hostile::value("id-text-none", order(r#""None""#)),
        Hostile::value("id-text-null", order(r#""null""#)),
        Hostile::value("id-text-undefined", order(r#""undefined""#)),
        Hostile::value("id-true", order("true")),
        Hostile::value("id-object", order(r#"{"id":"o-1"}"#)),
        Hostile::value("id-array", order(r#"["o-1"]"#)),
    ]
}

fn types() -> Vec<Hostile> {
    let of = |kind: &str| format!(r#"{{"type":{kind},"payload":{{"order_id":"o-11"}}}}"#);
    vec![
        Hostile::value("type-missing", r#"{"payload":{"order_id":"o-12"}}"#),
        Hostile::value("type-null", of("null")),
        Hostile::value("type-empty", of(r#""""#)),
        Hostile::value("type-number", of("7")),
        Hostile::value("type-object", of(r#"{"name":"order.created"}"#)),
        Hostile::value("type-unknown", of(r#""unknown""#)),
        Hostile::value("type-255-characters", of(&quoted("t", 255))),
        Hostile::value("type-256-characters", of(&quoted("t", 256))),
        Hostile::value("type-nul", of(r#""a\u0000""#)),
        Hostile::value("source-null", r#"{"type":"a","source":null,"payload":{}}"#),
        Hostile::value(
            "source-object",
            r#"{"type":"a","source":{"name":"x"},"payload":{}}"#,
        ),
        Hostile::value(
            "source-256-characters",
            format!(
                r#"{{"type":"a","source":{},"payload":{{}}}}"#,
                quoted("s", 256)
            ),
        ),
        Hostile::value(
            "timestamp-number",
            r#"{"type":"a","timestamp":1772366400.5,"payload":{}}"#,
        ),
        Hostile::value(
            "timestamp-empty",
            r#"{"type":"a","timestamp":"","payload":{}}"#,
        ),
        Hostile::value(
            "timestamp-object",
            r#"{"type":"a","timestamp":{"$date":0},"payload":{}}"#,
        ),
        Hostile::value(
            "timestamp-text",
            r#"{"type":"a","timestamp":"yesterday","payload":{}}"#,
        ),
    ]
}

fn payloads() -> Vec<Hostile> {
    let of = |payload: &str| format!(r#"{{"type":"a","payload":{payload},"order_id":"o-13"}}"#);
    vec![
        Hostile::value(
            "payload-missing",
            r#"{"type":"a","orderId":"o-14","amount":3}"#,
        ),
        Hostile::value("payload-null", of("null")),
        Hostile::value("payload-text", of(r#""hello""#)),
        Hostile::value("payload-number", of("3")),
        Hostile::value("payload-array", of(r#"[{"order_id":"o-15"}]"#)),
        Hostile::value("payload-encoded", of(r#""{\"order_id\":\"o-16\"}""#)),
        Hostile::value("payload-encoded-broken", of(r#""{\"order_id\":\"o-16\"""#)),
        Hostile::value("payload-encoded-nul", of(r#""{\"order_id\":\"\\u0000\"}""#)),
        Hostile::value("payload-encoded-array", of(r#""[1]""#)),
        Hostile::value(
            "our-own-names",
            r#"{"topic":"t","event_type":"e","source_service":"s","attributes":{"opened":true},"payload":{}}"#,
        ),
        Hostile::value(
            "further-members",
            r#"{"type":"a","payload":{},"trace":"x","tenant":{"id":1},"n":1e2}"#,
        ),
    ]
}

fn correlations() -> Vec<Hostile> {
    let of = |id: &str| format!(r#"{{"type":"a","payload":{{}},"correlation_id":{id}}}"#);
    let bare = || Message::new(r#"{"type":"a","payload":{"x":1}}"#);
    vec![
        Hostile::value("correlation-number", of("12345678901234567890")),
        Hostile::value("correlation-object", of(r#"{"id":"c"}"#)),
        Hostile::value("correlation-empty", of(r#""""#)),
        Hostile::value("correlation-256-characters", of(&quoted("c", 256))),
        Hostile::value(
            "correlation-camel",
            r#"{"type":"a","payload":{},"correlationId":"camel"}"#,
        ),
        Hostile::value(
            "correlation-in-payload",
            r#"{"type":"a","payload":{"correlation_id":"inner"}}"#,
        ),
        Hostile::message(
            "correlation-header",
            bare().header("X-Correlation-ID", Some(b"h-1")),
        ),
        Hostile::message(
            "correlation-header-quoted",
            bare().header("correlation_id", Some(br#""h-2""#)),
        ),
        Hostile::message(
            "correlation-header-twice",
            bare()
                .header("correlation-id", Some(b"h-3"))
                .header("Correlation-Id", Some(b"h-4")),
        ),
        Hostile::message(
            "correlation-header-last-null",
            bare()
                .header("correlation_id", Some(b"h-5"))
                .header("correlation_id", None),
        ),
        Hostile::message(
            "correlation-header-not-utf8",
            bare().header("correlation_id", Some(b"\xFF")),
        ),
        Hostile::message(
            "correlation-header-nul",
            bare().header("correlation_id", Some(b"a\0b")),
        ),
    ]
}

fn cloudevents() -> Vec<Hostile> {
    let structured = |rest: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"e-1","source":"/orders","type":"org.campus.order"{rest}}}"#
        )
    };
    let binary = |message: Message| {
        message
            .header("ce_specversion", Some(b"1.0"))
            .header("ce_id", Some(b"e-2"))
            .header("ce_source", Some(b"/orders"))
            .header("ce_type", Some(b"org.campus.order"))
            .header("ce_time", Some(b"2026-03-01T12:00:00Z"))
            .header("ce_correlationid", Some(b"c-2"))
    };
    vec![
        Hostile::value(
            "ce-structured",
            structured(r#","data":{"order_id":"o-17"}"#),
        ),
        Hostile::value("ce-without-data", structured("")),
        Hostile::value(
            "ce-data-and-payload",
            structured(r#","data":{"x":1},"payload":{"x":2}"#),
        ),
        Hostile::value("ce-base64", structured(r#","data_base64":"AAEC""#)),
        Hostile::value("ce-bad-base64", structured(r#","data_base64":"%%%""#)),
        Hostile::value("ce-bad-time", structured(r#","time":"noon","data":{}"#)),
        Hostile::message(
            "ce-by-content-type",
            Message::new(r#"{"type":"a","data":{"order_id":"o-18"}}"#).header(
                "content-type",
                Some(b"application/cloudevents+json; charset=utf-8"),
            ),
        ),
        Hostile::message(
            "ce-batch",
            Message::new(format!("[{}]", structured("")))
                .header("content-type", Some(b"application/cloudevents-batch+json")),
        ),
        Hostile::message("ce-binary", binary(Message::new(r#"{"order_id":"o-19"}"#))),
        Hostile::message("ce-binary-tombstone", binary(Message::default())),
        Hostile::message(
            "ce-binary-not-json",
            binary(Message::new("\u{1}\u{2}not json")),
        ),
        Hostile::message(
            "ce-binary-old",
            Message::new("{}")
                .header("ce_specversion", Some(b"0.3"))
                .header("ce_type", Some(b"org.campus.order")),
        ),
    ]
}
