//! Records as the tests write them down.

use notif_core::decode::decode;
use notif_core::event::Event;
use notif_core::record::{Header, PartitionId, Record, RecordTime};
use serde_json::Value;

/// The time of every record here, and how `event` shows it.
pub(crate) const TIME_MS: i64 = 1_700_000_000_123;
pub(crate) const TIME_TEXT: &str = "2023-11-14T22:13:20.123Z";

/// A record of `order-events` without headers.
pub(crate) fn record(value: &[u8]) -> Record {
    Record {
        partition: PartitionId::new("order-events", 1),
        offset: 42,
        time: RecordTime::Create(TIME_MS),
        key: None,
        headers: vec![],
        value: Some(value.to_vec()),
    }
}

/// The same with a null value.
pub(crate) fn tombstone() -> Record {
    Record {
        value: None,
        ..record(b"")
    }
}

/// Headers with text values.
pub(crate) fn headers(headers: &[(&str, &str)]) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| header(name, Some(value.as_bytes())))
        .collect()
}

/// One header.
pub(crate) fn header(name: &str, value: Option<&[u8]>) -> Header {
    Header {
        name: name.as_bytes().to_vec(),
        value: value.map(<[u8]>::to_vec),
    }
}

/// What decoding makes of a value.
pub(crate) fn decoded(value: impl AsRef<[u8]>) -> Event {
    decode(&record(value.as_ref()))
}

/// What decoding makes of a value with headers.
pub(crate) fn decoded_with(value: impl AsRef<[u8]>, names: &[(&str, &str)]) -> Event {
    decode(&Record {
        headers: headers(names),
        ..record(value.as_ref())
    })
}

/// `event`, parsed.
pub(crate) fn shown(event: &Event) -> Value {
    serde_json::from_str(&event.json).expect("event is JSON")
}

/// `event.payload`.
pub(crate) fn payload(event: &Event) -> Value {
    shown(event)["payload"].clone()
}

/// `event.attributes`, null where there are none.
pub(crate) fn attributes(event: &Event) -> Value {
    shown(event)["attributes"].clone()
}
