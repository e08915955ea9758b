//! What is encoded for COPY comes out of PostgreSQL as it went in.

use notif_core::notification::NewNotification;
use notif_core::record::{Header, RecordTime};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::fixture::{batch, begin, database, record, row, session, slice, watch};

fn any_record() -> impl Strategy<Value = notif_core::record::Record> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    let header =
        (bytes(), proptest::option::of(bytes())).prop_map(|(name, value)| Header { name, value });
    let value = prop_oneof![
        bytes(),
        "\\PC{0,40}".prop_map(String::into_bytes),
        "[a-z]{1,9}".prop_map(
            |text| format!(r#"{{"type":"{text}","payload":{{"orderId":7}}}}"#).into_bytes()
        ),
    ];
    (
        proptest::option::of(value),
        proptest::option::of(bytes()),
        proptest::collection::vec(header, 0..4),
        prop_oneof![
            Just(RecordTime::Unknown),
            any::<i64>().prop_map(RecordTime::Create),
            (0..4_000_000_000_000_i64).prop_map(RecordTime::Append),
        ],
    )
        .prop_map(|(value, key, headers, time)| {
            let mut record = record(0, 0, b"");
            (record.value, record.key, record.headers, record.time) = (value, key, headers, time);
            record
        })
}

#[test]
fn every_column_of_every_row_survives() {
    let database = database();
    let mut session = session(&database);
    let run = begin(&mut session);
    watch(&mut session, run, &[0]);
    let mut sent = Vec::new();
    let mut runner = TestRunner::new(Config::with_cases(500));
    let mut slice = slice(0, 0..0);
    for offset in 0..500 {
        let mut record = any_record().new_tree(&mut runner).unwrap().current();
        record.offset = offset;
        let row = row(record, 0);
        slice.rows.push(&row);
        sent.push(row);
    }
    slice.reached = notif_core::offset::NextOffset::at(500);
    session.batch_commit(run, &mut batch([slice])).unwrap();
    let stored = database
        .rows(
            "SELECT notification_id, customer_id, order_id, event::text AS event, status, \
             (extract(epoch FROM created_at) * 1000000)::bigint AS created, \
             (extract(epoch FROM occurred_at) * 1000)::bigint AS occurred, source_topic, \
             event_type, correlation_id, source_service, kafka_timestamp_ms, timestamp_type, \
             source_partition, source_offset, topic_generation, encode(message_key, 'hex') AS key, \
             headers::text AS headers, encode(raw, 'hex') AS raw, raw_reason, value_bytes, \
             encode(value_sha256, 'hex') AS hash, event_bytes, batch_id \
             FROM notifications ORDER BY source_offset",
        )
        .unwrap();
    assert_eq!(stored.len(), sent.len());
    for (row, stored) in sent.iter().zip(&stored) {
        assert_same(row, stored);
    }
}

fn assert_same(row: &NewNotification, stored: &serde_json::Value) {
    let hex = |bytes: Option<&[u8]>| {
        bytes.map(|bytes| {
            use std::fmt::Write;
            bytes.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            })
        })
    };
    assert_eq!(stored["notification_id"], row.notification_id.to_string());
    assert_eq!(stored["customer_id"].as_str(), row.customer_id.as_deref());
    assert_eq!(stored["order_id"].as_str(), row.order_id.as_deref());
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json(stored["event"].as_str().unwrap()), json(&row.event));
    assert_eq!(
        stored["event"].as_str().unwrap().len(),
        usize::try_from(row.event_bytes).unwrap()
    );
    assert_eq!(stored["status"], row.status);
    assert_eq!(stored["created"], row.created_at.timestamp_micros());
    assert_eq!(stored["occurred"], row.occurred_at.timestamp_millis());
    assert_eq!(stored["source_topic"], *row.source_topic);
    assert_eq!(stored["event_type"], row.event_type);
    assert_eq!(
        stored["correlation_id"].as_str(),
        row.correlation_id.as_deref()
    );
    assert_eq!(
        stored["source_service"].as_str(),
        row.source_service.as_deref()
    );
    assert_eq!(
        stored["kafka_timestamp_ms"].as_i64(),
        row.kafka_timestamp_ms
    );
    assert_eq!(
        stored["timestamp_type"].as_i64(),
        row.timestamp_type.map(i64::from)
    );
    assert_eq!(stored["source_offset"].as_i64(), row.source_offset);
    assert_eq!(
        stored["key"].as_str(),
        hex(row.message_key.as_deref()).as_deref()
    );
    assert_eq!(
        stored["headers"].as_str().map(json),
        row.headers.as_deref().map(json)
    );
    assert_eq!(stored["raw"].as_str(), hex(row.raw.as_deref()).as_deref());
    assert_eq!(stored["raw_reason"].as_str(), row.raw_reason);
    assert_eq!(
        stored["value_bytes"].as_i64(),
        row.value_bytes.map(i64::from)
    );
    let hash = row.value_sha256.as_ref().map(<[u8; 32]>::as_slice);
    assert_eq!(stored["hash"].as_str(), hex(hash).as_deref());
    assert_eq!(stored["batch_id"], 1);
}
