//! What becomes of headers, key and time on their way into a row: the headers' bytes can be read
//! back out of their column, times are kept, and the row is well-formed on the wire.
//!
//! The door to Kafka copies names and values out of librdkafka's memory and interprets nothing
//! (`notif-poll/src/kafka/ffi/message.rs`); all that is understood of them is understood here.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use notif_core::copy::RowBuffer;
use notif_core::decode::decode;
use notif_core::notification::NewNotification;
use notif_core::notification_id::PartitionHash;
use notif_core::record::Header;
use notif_fuzz::exact::Json;
use notif_fuzz::record;

/// 25 November 2026.
const NOW_MS: i64 = 1_795_600_000_000;

fuzz_target!(|bytes: &[u8]| {
    let record = record(bytes);
    let (headers, key, time) = (record.headers.clone(), record.key.clone(), record.time);
    let event = decode(&record);
    let hash = PartitionHash::new("order-events", 0, 0);
    let now = DateTime::from_timestamp_millis(NOW_MS).expect("a time");
    let row = NewNotification::from_record(record, event, 0, hash, now);
    assert_eq!(read_back(row.headers.as_deref()), headers);
    assert_eq!(row.message_key, key);
    assert_eq!(row.kafka_timestamp_ms, time.millis());
    let occurred = row.occurred_at.timestamp_millis();
    assert!((946_684_800_000..=NOW_MS + 300_000).contains(&occurred));
    assert!(time.millis() == Some(occurred) || occurred == NOW_MS);
    let mut buffer = RowBuffer::default();
    buffer.push(&row);
    assert_well_formed(buffer.as_bytes());
});

/// The headers out of the column.
fn read_back(column: Option<&str>) -> Vec<Header> {
    let Some(column) = column else {
        return Vec::new();
    };
    let Json::Array(list) = Json::parse(column.as_bytes()).expect("headers are JSON") else {
        panic!("{column} is no array");
    };
    assert!(!list.is_empty(), "no headers are null");
    list.into_iter()
        .map(|mut header| Header {
            name: bytes(&mut header, "name", "nameBase64").expect("a name"),
            value: bytes(&mut header, "value", "valueBase64"),
        })
        .collect()
}

fn bytes(header: &mut Json, text: &str, base64: &str) -> Option<Vec<u8>> {
    let (text, base64) = (header.take(text), header.take(base64));
    match (text.text(), base64.text()) {
        (Some(text), None) => {
            assert!(!text.contains('\0'), "jsonb cannot hold it");
            Some(text.as_bytes().to_vec())
        }
        (None, Some(encoded)) => Some(BASE64.decode(encoded).expect("base64")),
        (None, None) => None,
        (Some(_), Some(_)) => panic!("both"),
    }
}

/// A count of columns, then each with its length, to the last byte.
fn assert_well_formed(row: &[u8]) {
    let (count, mut rest) = row.split_first_chunk::<2>().expect("a count");
    for _ in 0..i16::from_be_bytes(*count) {
        let (length, tail) = rest.split_first_chunk::<4>().expect("a length");
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        rest = tail.get(length..).expect("as many bytes as were said");
    }
    assert!(rest.is_empty(), "{} bytes behind the row", rest.len());
}
