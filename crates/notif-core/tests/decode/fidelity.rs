//! When the message's bytes are kept beside `event`, and what is still read of it.

use notif_core::decode::decode_refused;
use notif_core::event::{Event, RawReason, Status};
use serde_json::{Value, json};

use crate::records::{
    TIME_TEXT, attributes, decoded, decoded_with, payload, record, shown, tombstone,
};

const MIB: usize = 1 << 20;

fn message(payload: &str) -> String {
    format!(
        r#"{{"type":"t","source":"s","correlation_id":"c","order_id":"o","timestamp":1,"payload":{payload}}}"#
    )
}

fn assert_raw_with_envelope(event: &Event, reason: RawReason, what: &str) {
    assert_eq!(event.raw_reason, Some(reason), "{what}");
    assert_eq!(event.status, Status::Captured, "{what}");
    assert_eq!(event.event_type, "t", "{what}");
    assert_eq!(event.source_service, "s", "{what}");
    assert_eq!(event.correlation_id.as_deref(), Some("c"), "{what}");
    assert_eq!(event.order_id.as_deref(), Some("o"), "{what}");
    assert_eq!(payload(event), Value::Null, "{what}");
    assert_eq!(shown(event)["timestamp"], json!(1), "{what}");
}

#[test]
fn what_jsonb_cannot_give_back_is_raw_with_its_envelope_read() {
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let digits = "1".repeat(310);
    let fraction = format!("0.{}", "1".repeat(400));
    for (payload, reason) in [
        (r#""\u0000""#, RawReason::NulCharacter),
        (r#"{"a\u0000":1}"#, RawReason::NulCharacter),
        (r#"["\ud800"]"#, RawReason::LoneSurrogate),
        (r#""\udc00""#, RawReason::LoneSurrogate),
        (r#""\ud800\u0041""#, RawReason::LoneSurrogate),
        (r#""\ud800\ud800\udc00""#, RawReason::LoneSurrogate),
        (r#"{"\udfff":1}"#, RawReason::LoneSurrogate),
        (r#"{"a":1,"a":1}"#, RawReason::DuplicateKeys),
        (
            r#"[{"b":{"a":1,"x":2,"\u0061":3}}]"#,
            RawReason::DuplicateKeys,
        ),
        (r#"{"":1,"":2}"#, RawReason::DuplicateKeys),
        (r#"{"é":1,"\u00e9":2}"#, RawReason::DuplicateKeys),
        (r#"{"\ud83d\ude00":1,"😀":2}"#, RawReason::DuplicateKeys),
        ("1e400", RawReason::NumberRange),
        ("1e309", RawReason::NumberRange),
        ("-1.8e308", RawReason::NumberRange),
        ("1e131072", RawReason::NumberRange),
        ("1e-400", RawReason::NumberRange),
        ("1e99999999999999999999", RawReason::NumberRange),
        ("1e-99999999999999999999", RawReason::NumberRange),
        ("0e-400", RawReason::NumberRange),
        ("0e99999999999999999999", RawReason::NumberRange),
        (digits.as_str(), RawReason::NumberRange),
        (fraction.as_str(), RawReason::NumberRange),
        (nested(101).as_str(), RawReason::TooDeep),
        (nested(10_000).as_str(), RawReason::TooDeep),
    ] {
        let event = decoded(message(payload));
        let what: String = payload.chars().take(60).collect();
        assert_raw_with_envelope(&event, reason, &what);
    }
}

#[test]
fn what_jsonb_gives_back_is_kept_as_it_stood() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let longest = format!("0.{}", "1".repeat(399));
    // about 1.1e308, which an f64 still holds
    let largest = "1".repeat(309);
    for payload in [
        r#""\ud83d\ude00""#,
        r#""\u0001\u001f\u007f\uffff\/\b\f\n\r\t\"\\""#,
        r#"{"a":1,"A":2,"a ":3,"":4}"#,
        r#"[{"a":1},{"a":1}]"#,
        r#"{"a":{"a":{"a":1}}}"#,
        "1.7976931348623157e308",
        "-0",
        "-0.0",
        "0e5",
        "1e-398",
        "18446744073709551616",
        "1.10",
        longest.as_str(),
        largest.as_str(),
        deep.as_str(),
    ] {
        let event = decoded(message(payload));
        assert_eq!(event.raw_reason, None, "{payload}");
        assert!(
            event.json.contains(&format!("\"payload\": {payload}")),
            "{payload}"
        );
    }
}

#[test]
fn one_bad_member_beside_the_payload_makes_the_row_raw_too() {
    for (member, reason) in [
        (r#""x":"\u0000""#, RawReason::NulCharacter),
        (r#""x":"\ud800""#, RawReason::LoneSurrogate),
        (r#""x":1,"x":2"#, RawReason::DuplicateKeys),
        (r#""x":1e400"#, RawReason::NumberRange),
        (r#""x":{"y":1,"y":1}"#, RawReason::DuplicateKeys),
    ] {
        let event = decoded(message("{}").replace("\"type\"", &format!("{member},\"type\"")));
        assert_raw_with_envelope(&event, reason, member);
        assert_eq!(attributes(&event), Value::Null, "{member}");
    }
}

#[test]
fn of_equal_keys_the_last_one_counts() {
    let event = decoded(
        r#"{"type":"first","type":"t","payload":{"order_id":"gone","customer_id":"gone"},
            "payload":{"order_id":"p","order_id":"o"},"correlation_id":"c","source":"x","source":"s","timestamp":1}"#,
    );
    assert_raw_with_envelope(&event, RawReason::DuplicateKeys, "last wins");
    assert_eq!(event.customer_id, None);
}

#[test]
fn many_keys_are_compared_too() {
    let keys = |count: usize| {
        (0..count)
            .map(|key| format!("\"key-{key}\":0"))
            .collect::<Vec<_>>()
            .join(",")
    };
    for count in [12, 13, 14, 5_000] {
        let distinct = format!("{{{}}}", keys(count));
        assert_eq!(decoded(&distinct).raw_reason, None, "{count}");
        let repeated = format!("{{\"key-{}\":1,{}}}", count - 1, keys(count));
        assert_eq!(
            decoded(&repeated).raw_reason,
            Some(RawReason::DuplicateKeys),
            "{count}"
        );
        let escaped = format!("{{\"\\u006bey-0\":1,{}}}", keys(count));
        assert_eq!(
            decoded(&escaped).raw_reason,
            Some(RawReason::DuplicateKeys),
            "{count}"
        );
    }
}

#[test]
fn nesting_is_the_payloads_own() {
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    for (message, raw_reason) in [
        (nested(100), None),
        (nested(101), Some(RawReason::TooDeep)),
        (format!(r#"{{"payload":{}}}"#, nested(100)), None),
        (
            format!(r#"{{"payload":{}}}"#, nested(101)),
            Some(RawReason::TooDeep),
        ),
        (format!(r#"{{"payload":1,"x":{}}}"#, nested(100)), None),
        (
            format!(r#"{{"payload":1,"x":{}}}"#, nested(101)),
            Some(RawReason::TooDeep),
        ),
        (serde_json::to_string(&nested(100)).unwrap(), None),
        (
            serde_json::to_string(&nested(101)).unwrap(),
            Some(RawReason::TooDeep),
        ),
        (json!({"payload": nested(100)}).to_string(), None),
        (
            json!({"payload": nested(101)}).to_string(),
            Some(RawReason::TooDeep),
        ),
    ] {
        let event = decoded(&message);
        assert_eq!(event.raw_reason, raw_reason, "{message}");
        shown(&event);
    }
}

#[test]
fn of_several_reasons_the_first_of_the_list_is_named() {
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let parts = [
        (r#""\u0000""#, RawReason::NulCharacter),
        (r#""\ud800""#, RawReason::LoneSurrogate),
        (r#"{"a":1,"a":1}"#, RawReason::DuplicateKeys),
        ("1e400", RawReason::NumberRange),
        (deep.as_str(), RawReason::TooDeep),
    ];
    for (at, (_, reason)) in parts.iter().enumerate() {
        let rest: Vec<_> = parts[at..].iter().rev().map(|(json, _)| *json).collect();
        let all = format!("[{}]", rest.join(","));
        assert_eq!(decoded(&all).raw_reason, Some(*reason), "{all}");
        let marked = decoded(format!("\u{feff}{all}"));
        assert_eq!(marked.raw_reason, Some(RawReason::ByteOrderMark));
    }
}

#[test]
fn a_bad_timestamp_gives_way_to_the_next() {
    for timestamp in [r#""a\u0000""#, r#""\ud800""#, "1e400"] {
        let event = decoded(format!(
            r#"{{"type":"t","timestamp":{timestamp},"payload":1}}"#
        ));
        assert!(event.raw_reason.is_some(), "{timestamp}");
        assert_eq!(shown(&event)["timestamp"], json!(TIME_TEXT), "{timestamp}");
    }
}

#[test]
fn a_text_that_cannot_be_stored_is_left_out_of_its_column() {
    let event = decoded(r#"{"type":"a\u0000","source":"\ud800","correlation_id":"\u0000"}"#);
    assert_eq!(event.raw_reason, Some(RawReason::NulCharacter));
    assert_eq!(event.event_type, "unknown");
    assert_eq!(event.source_service, "unknown");
    assert_eq!(event.correlation_id, None);
}

#[test]
fn a_raw_row_keeps_what_does_not_fit_its_columns() {
    let long = "x".repeat(300);
    let event = decoded(format!(r#"{{"type":"{long}","payload":"\u0000"}}"#));
    assert_eq!(event.raw_reason, Some(RawReason::NulCharacter));
    assert_eq!(attributes(&event), json!({"tooLong": {"event_type": long}}));
}

#[test]
fn a_value_over_16_mib_is_raw_with_its_envelope_read() {
    let padding = |length| format!("\"{}\"", "x".repeat(length));
    let around = message(&padding(0)).len();
    let event = decoded(message(&padding(16 * MIB - around + 1)));
    assert_raw_with_envelope(&event, RawReason::TooLarge, "one byte too many");
    // the event around the payload prints longer than the message around it
    let event = decoded(message(&padding(16 * MIB - around)));
    assert_raw_with_envelope(&event, RawReason::TooLarge, "prints in too many");
    let event = decoded(message(&padding(16 * MIB - 512)));
    assert_eq!(event.raw_reason, None);
    assert!(usize::try_from(event.json_printed_bytes).unwrap() <= 16 * MIB);
}

#[test]
fn an_event_that_prints_in_over_16_mib_is_raw() {
    // 3 bytes in the message, 302 in print
    let bomb = format!("[{}1]", "1e99,".repeat(200_000));
    assert!(bomb.len() < 2 * MIB);
    assert_raw_with_envelope(&decoded(message(&bomb)), RawReason::TooLarge, "numbers");
    let exactly = |bytes: usize| {
        let around = usize::try_from(decoded(message("\"\"")).json_printed_bytes).unwrap();
        decoded(message(&format!("\"{}\"", "y".repeat(bytes - around))))
    };
    assert_eq!(exactly(16 * MIB).raw_reason, None);
    assert_eq!(exactly(16 * MIB).json_printed_bytes, 16_777_216);
    assert_raw_with_envelope(&exactly(16 * MIB + 1), RawReason::TooLarge, "one byte more");
}

#[test]
fn a_raw_event_is_bounded_whatever_its_envelope_is() {
    let long = "x".repeat(6 * MIB);
    let message = json!({
        "type": long, "source": long, "correlation_id": long, "timestamp": long, "payload": 1
    });
    let event = decoded(message.to_string());
    assert_eq!(event.raw_reason, Some(RawReason::TooLarge));
    assert_eq!(attributes(&event), Value::Null);
    assert_eq!(shown(&event)["timestamp"], json!(TIME_TEXT));
}

#[test]
fn too_large_and_not_to_be_opened_is_what_could_not_be_opened() {
    assert_eq!(
        decoded("x".repeat(17 * MIB)).raw_reason,
        Some(RawReason::NotJson)
    );
    let headers = &[("ce_specversion", "1.0"), ("ce_type", "t")];
    let event = decoded_with(vec![0xff; 17 * MIB], headers);
    assert_eq!(event.raw_reason, Some(RawReason::NotUtf8));
    assert_eq!(event.event_type, "t");
}

#[test]
fn what_postgresql_refused_is_raw_with_its_envelope_read() {
    let event = decode_refused(&record(message("{}").as_bytes()));
    assert_raw_with_envelope(&event, RawReason::RefusedByDatabase, "a good message");
    let event = decode_refused(&record(b"not json"));
    assert_eq!(event.raw_reason, Some(RawReason::RefusedByDatabase));
    assert_eq!(event.status, Status::Unparseable);
    let event = decode_refused(&tombstone());
    assert_eq!(event.raw_reason, Some(RawReason::RefusedByDatabase));
    assert_eq!(event.status, Status::Captured);
    assert_eq!(event.event_type, "tombstone");
}
