//! The testbed's messages decoded: its hostile list, broken copies of it, and a campus's life.

use notif_core::decode::decode;
use notif_core::event::{Event, Status};
use notif_core::record::{Header, PartitionId, Record, RecordTime};
use notif_testbed::campus::Campus;
use notif_testbed::hostile;
use notif_testbed::kafka::RawMessage;

use crate::rebuild::assert_rebuilt;
use crate::records::record;
use crate::total::assert_sound;

/// The record that Kafka makes of a message.
fn received(message: RawMessage) -> Record {
    let headers = message
        .headers
        .into_iter()
        .map(|(name, value)| Header { name, value });
    Record {
        headers: headers.collect(),
        time: match message.timestamp_ms {
            -1 => RecordTime::Unknown,
            ms => RecordTime::Create(ms),
        },
        key: message.key,
        value: message.value,
        ..record(b"")
    }
}

/// The hostile list and `count` broken messages.
pub(crate) fn hostile_records(count: usize) -> Vec<Record> {
    let listed = hostile::messages()
        .into_iter()
        .map(|hostile| hostile.message);
    listed
        .chain(hostile::mutations(5).take(count))
        .map(received)
        .collect()
}

/// The first `count` records of a campus.
pub(crate) fn campus_records(count: usize) -> Vec<Record> {
    let events = Campus::new(5).events(count).into_iter();
    let records = events.map(|event| {
        let partition = PartitionId::new(event.topic, event.partition);
        Record {
            partition,
            ..received(notif_testbed::kafka::Message::from(event).into())
        }
    });
    records.collect()
}

#[test]
fn every_hostile_message_has_a_sound_event() {
    for record in hostile_records(3_000) {
        assert_sound(&decode(&record));
        if record.value.is_some() {
            assert_rebuilt(&record);
        }
    }
}

#[test]
fn everything_that_a_campus_says_is_captured_and_nothing_of_it_is_raw() {
    let records = campus_records(3_000);
    let events: Vec<Event> = records.iter().map(decode).collect();
    for (record, event) in records.iter().zip(&events) {
        assert_eq!(event.raw_reason, None, "{}", event.json);
        assert_eq!(event.status, Status::Captured, "{}", event.json);
        assert_ne!(event.event_type, "unknown", "{}", event.json);
        assert_ne!(event.source_service, "unknown", "{}", event.json);
        assert_rebuilt(record);
    }
    let with = |has: fn(&Event) -> bool| events.iter().filter(|event| has(event)).count();
    assert!(with(|event| event.order_id.is_some()) > 100);
    assert!(with(|event| event.customer_id.is_some()) > 100);
    assert!(with(|event| event.runner_id.is_some()) > 100);
    assert!(with(|event| event.correlation_id.is_some()) > 1_000);
    assert!(with(|event| event.json.contains("\"opened\": true")) > 10);
}
