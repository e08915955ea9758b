//! `event.timestamp`: whose time it is. Times of CloudEvents are in `cloudevents`.

use notif_core::decode::decode;
use notif_core::record::{Record, RecordTime};
use serde_json::json;

use crate::records::{TIME_TEXT, attributes, decoded, record, shown};

#[test]
fn the_timestamp_is_the_messages_own_where_it_is_a_number_or_a_text() {
    for (value, timestamp) in [
        (r#""2024-01-01T00:00:00Z""#, r#""2024-01-01T00:00:00Z""#),
        (r#""yesterday""#, r#""yesterday""#),
        ("1700000000.50", "1700000000.50"),
        ("1.7e9", "1.7e9"),
        ("0", "0"),
    ] {
        let event = decoded(format!(r#"{{"timestamp":{value},"payload":1}}"#));
        let shown = format!("\"timestamp\": {timestamp}");
        assert!(event.json.contains(&shown), "{value}: {}", event.json);
    }
    for value in [r#""""#, "null", "true", "[]", "{}"] {
        let event = decoded(format!(r#"{{"timestamp":{value},"payload":1}}"#));
        assert_eq!(shown(&event)["timestamp"], json!(TIME_TEXT), "{value}");
    }
}

#[test]
fn the_records_time_stands_in_where_rfc_3339_can_hold_it() {
    for (time, text) in [
        (RecordTime::Unknown, None),
        (RecordTime::Create(0), Some("1970-01-01T00:00:00.000Z")),
        (
            RecordTime::Append(1_700_000_000_000),
            Some("2023-11-14T22:13:20.000Z"),
        ),
        (RecordTime::Create(-2), Some("1969-12-31T23:59:59.998Z")),
        (
            RecordTime::Create(253_402_300_799_999),
            Some("9999-12-31T23:59:59.999Z"),
        ),
        (RecordTime::Create(253_402_300_800_000), None),
        (
            RecordTime::Create(-62_167_219_200_000),
            Some("0000-01-01T00:00:00.000Z"),
        ),
        (RecordTime::Create(-62_167_219_200_001), None),
        (RecordTime::Create(i64::MAX), None),
        (RecordTime::Create(i64::MIN), None),
    ] {
        let event = decode(&Record {
            time,
            ..record(br#"{"payload":1}"#)
        });
        assert_eq!(shown(&event)["timestamp"], json!(text), "{time:?}");
        let marked = attributes(&event).pointer("/envelope/timestamp").is_some();
        assert_eq!(marked, text.is_some(), "{time:?}");
    }
}
