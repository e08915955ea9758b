//! A record's row: time, headers, bytes and hash.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};
use notif_core::decode::decode;
use notif_core::notification::NewNotification;
use notif_core::notification_id::{PartitionHash, recorded};
use notif_core::record::{Header, Record, RecordTime};
use notif_testbed::Postgres;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::records::{TIME_MS, header, record, tombstone};
use crate::testbed;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn row_at(record: Record, recorded_at: DateTime<Utc>) -> NewNotification {
    let event = decode(&record);
    let hash = PartitionHash::new(&record.partition.topic, 3, record.partition.partition);
    NewNotification::from_record(record, event, 3, hash, recorded_at)
}

fn row(record: Record) -> NewNotification {
    row_at(record, at("2024-01-01T00:00:00.123456Z"))
}

#[test]
fn a_row_says_where_it_came_from_and_what_it_says() {
    let mut record = record(br#"{"type":"a","source":"s","payload":{"order_id":1}}"#);
    record.key = Some(b"\xff\0key".to_vec());
    let value = record.value.clone().unwrap();
    let row = row(record);
    assert_eq!(
        row.notification_id,
        recorded(TIME_MS, "order-events", 3, 1, 42)
    );
    assert_eq!(&*row.source_topic, "order-events");
    assert_eq!(
        (row.source_partition, row.source_offset),
        (Some(1), Some(42))
    );
    assert_eq!(row.topic_generation, 3);
    assert_eq!(row.created_at, at("2024-01-01T00:00:00.123456Z"));
    assert_eq!(row.occurred_at, at("2023-11-14T22:13:20.123Z"));
    assert_eq!(
        (row.kafka_timestamp_ms, row.timestamp_type),
        (Some(TIME_MS), Some(0))
    );
    assert_eq!(row.event_type, "a");
    assert_eq!(row.source_service.as_deref(), Some("s"));
    assert_eq!(row.order_id.as_deref(), Some("1"));
    assert_eq!(row.status, "captured");
    assert_eq!(row.message_key.as_deref(), Some(&b"\xff\0key"[..]));
    assert_eq!(row.headers, None);
    assert_eq!((row.raw, row.raw_reason), (None, None));
    assert_eq!(row.value_bytes, Some(i32::try_from(value.len()).unwrap()));
    assert_eq!(row.value_sha256, Some(Sha256::digest(&value).into()));
}

#[test]
fn a_raw_row_keeps_its_bytes() {
    let row = row(record(b"\xff\xfe"));
    assert_eq!(row.raw.as_deref(), Some(&b"\xff\xfe"[..]));
    assert_eq!(row.raw_reason, Some("not-utf8"));
    assert_eq!(row.status, "unparseable");
    assert_eq!(row.value_bytes, Some(2));
}

#[test]
fn an_empty_value_is_kept_and_a_null_value_is_none() {
    let empty = row(record(b""));
    assert_eq!(empty.raw.as_deref(), Some(&b""[..]));
    assert_eq!(empty.raw_reason, Some("empty"));
    assert_eq!(empty.value_bytes, Some(0));
    assert_eq!(empty.value_sha256, Some(Sha256::digest(b"").into()));

    let null = row(tombstone());
    assert_eq!((null.raw, null.raw_reason), (None, None));
    assert_eq!((null.value_bytes, null.value_sha256), (None, None));
    assert_eq!(null.status, "captured");
    assert_eq!(null.event_type, "tombstone");
}

#[test]
fn a_believable_time_is_when_it_happened() {
    let recorded_at = at("2024-01-01T00:00:00.123456Z");
    let cut = recorded_at.timestamp_millis();
    let edge = 946_684_800_000;
    let ahead = cut + 300_000;
    for (time, occurred_ms) in [
        (RecordTime::Unknown, cut),
        (RecordTime::Create(edge), edge),
        (RecordTime::Create(edge - 1), cut),
        (RecordTime::Append(ahead), ahead),
        (RecordTime::Append(ahead + 1), cut),
        (RecordTime::Create(0), cut),
        (RecordTime::Create(-2), cut),
        (RecordTime::Create(i64::MAX), cut),
        (RecordTime::Create(i64::MIN), cut),
    ] {
        let row = row_at(
            Record {
                time,
                ..record(b"{}")
            },
            recorded_at,
        );
        assert_eq!(row.occurred_at.timestamp_millis(), occurred_ms, "{time:?}");
        assert_eq!(
            row.occurred_at.timestamp_subsec_nanos() % 1_000_000,
            0,
            "{time:?}"
        );
        assert_eq!(
            row.notification_id,
            recorded(occurred_ms, "order-events", 3, 1, 42)
        );
        assert_eq!(row.kafka_timestamp_ms, time.millis(), "{time:?}");
        assert_eq!(row.timestamp_type, time.type_number(), "{time:?}");
    }
}

#[test]
fn no_recorded_time_panics() {
    for recorded_at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for time in [RecordTime::Unknown, RecordTime::Create(TIME_MS)] {
            let row = row_at(
                Record {
                    time,
                    ..record(b"{}")
                },
                recorded_at,
            );
            assert_eq!(row.created_at, recorded_at);
        }
    }
}

#[test]
fn headers_are_kept_in_order_with_duplicates_nulls_and_bytes() {
    let headers = vec![
        header("a", Some(b"1")),
        header("a", Some(b"\"quoted\"\n\xc3\xa9")),
        header("b", None),
        header("c", Some(b"")),
        header("", Some(b"x")),
        header("d", Some(b"\xff")),
        header("e", Some(b"a\0b")),
        Header {
            name: b"\xff".to_vec(),
            value: None,
        },
        Header {
            name: b"\xfe".to_vec(),
            value: Some(b"\0".to_vec()),
        },
    ];
    let row = row(Record {
        headers,
        ..record(b"{}")
    });
    let shown: Value = serde_json::from_str(row.headers.as_deref().unwrap()).unwrap();
    assert_eq!(
        shown,
        json!([
            {"name": "a", "value": "1"},
            {"name": "a", "value": "\"quoted\"\né"},
            {"name": "b", "value": null},
            {"name": "c", "value": ""},
            {"name": "", "value": "x"},
            {"name": "d", "valueBase64": "/w=="},
            {"name": "e", "valueBase64": "YQBi"},
            {"nameBase64": "/w==", "value": null},
            {"nameBase64": "/g==", "valueBase64": "AA=="},
        ])
    );
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[test]
fn postgresql_takes_the_headers_of_every_hostile_message() {
    let headers: Vec<String> = testbed::hostile_records(3_000)
        .into_iter()
        .filter_map(|record| row(record).headers)
        .collect();
    assert!(headers.len() > 20);
    let database = Postgres::shared().empty_database().expect("a database");
    let mut connection = database.connect().expect("a connection");
    let arrays: Count = diesel::sql_query(
        "SELECT count(*) AS count FROM unnest($1) AS texts (json)
         WHERE jsonb_typeof(json::jsonb) = 'array'",
    )
    .bind::<Array<Text>, _>(&headers)
    .get_result(&mut connection)
    .expect("PostgreSQL takes every header");
    assert_eq!(usize::try_from(arrays.count), Ok(headers.len()));
}
