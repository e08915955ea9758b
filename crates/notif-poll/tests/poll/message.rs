//! What was produced, compared with the row that came of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use notif_testbed::kafka::RawMessage;
use notif_testbed::rebuild;
use serde_json::Value;

use crate::drain::sha256_hex;
use crate::world::World;

/// Polls until `count` records are recorded. On a machine that is busy with other things a poll may
/// reach its deadline, and the next one goes on; no poll may fail.
pub(crate) fn drain(world: &World, count: i64) {
    let mut left = count;
    loop {
        let report = world.poll();
        left = left.saturating_sub(report.records());
        if report.outcome() != "behind" {
            report.expect("drained", 0, report.records());
            break;
        }
    }
    assert_eq!(left, 0, "of {count} records");
}

/// A row with all that a message decides of it.
pub(crate) struct Row {
    columns: Value,
}

/// All rows of a topic, by partition and offset.
pub(crate) fn rows(world: &World, topic: &str) -> Vec<Row> {
    world
        .database
        .rows(&format!(
            "SELECT notification_id AS id, source_partition AS partition, source_offset AS \"offset\", \
             event::text AS event, octet_length(event::text) AS printed, event_bytes, status, \
             event_type, correlation_id, source_service, customer_id, runner_id, order_id, \
             encode(message_key, 'hex') AS key, headers, kafka_timestamp_ms AS time, \
             timestamp_type AS time_type, value_bytes AS bytes, \
             encode(value_sha256, 'hex') AS hash, encode(sha256(raw), 'hex') AS raw_hash, \
             raw_reason AS reason \
             FROM notifications WHERE source_topic = '{topic}' ORDER BY 2, 3"
        ))
        .unwrap()
        .into_iter()
        .map(|columns| Row { columns })
        .collect()
}

impl Row {
    /// A column that is text.
    pub(crate) fn text(&self, column: &str) -> Option<&str> {
        self.columns[column].as_str()
    }

    /// A column that is a number.
    pub(crate) fn number(&self, column: &str) -> Option<i64> {
        self.columns[column].as_i64()
    }

    /// Where it came from.
    pub(crate) fn position(&self) -> (i64, i64) {
        (
            self.number("partition").unwrap(),
            self.number("offset").unwrap(),
        )
    }

    /// The headers as bytes.
    pub(crate) fn headers(&self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let bytes = |header: &Value, text: &str, base64: &str| match &header[base64] {
            Value::String(encoded) => Some(BASE64.decode(encoded).unwrap()),
            _ => header[text].as_str().map(|text| text.as_bytes().to_vec()),
        };
        let Some(list) = self.columns["headers"].as_array() else {
            return Vec::new();
        };
        assert!(!list.is_empty(), "no headers are null, not an empty list");
        list.iter()
            .map(|header| {
                let name = bytes(header, "name", "nameBase64").unwrap();
                assert_eq!(header.as_object().unwrap().len(), 2, "{header}");
                (name, bytes(header, "value", "valueBase64"))
            })
            .collect()
    }

    /// Asserts that nothing of a message is lost or changed, its time included, which its producer
    /// set.
    pub(crate) fn assert_holds(&self, message: &RawMessage, what: &str) {
        self.assert_content(message, what);
        let time = Some(message.timestamp_ms).filter(|ms| *ms != -1);
        assert_eq!(self.number("time"), time, "{what}: time");
        let kind = time.map(|_| 0);
        assert_eq!(self.number("time_type"), kind, "{what}: type of time");
    }

    /// Asserts that the value is byte for byte in `raw` (by SHA-256), or JSON-equal in `event`, and
    /// that key and headers are what they were.
    pub(crate) fn assert_content(&self, message: &RawMessage, what: &str) {
        let value = message.value.as_deref();
        let hash = value.map(sha256_hex);
        assert_eq!(self.text("hash"), hash.as_deref(), "{what}");
        let length = value.map(|value| i64::try_from(value.len()).unwrap());
        assert_eq!(self.number("bytes"), length, "{what}");
        assert_eq!(self.number("printed"), self.number("event_bytes"), "{what}");
        let event = self.text("event").unwrap();
        match (value, self.text("reason")) {
            (Some(value), None) => rebuild::compare(value, event)
                .unwrap_or_else(|error| panic!("{what}: {error:#}: {event:.2000}")),
            (_, reason) => {
                assert_eq!(self.text("raw_hash"), hash.as_deref(), "{what}");
                assert_eq!(reason.is_some(), value.is_some(), "{what}: {reason:?}");
            }
        }
        let key = message.key.as_deref().map(hex);
        assert_eq!(self.text("key"), key.as_deref(), "{what}: key");
        // librdkafka gives a name as a C string
        let name = |name: &[u8]| name.split(|byte| *byte == 0).next().unwrap_or(&[]).to_vec();
        let headers: Vec<_> = message
            .headers
            .iter()
            .map(|(bytes, value)| (name(bytes), value.clone()))
            .collect();
        assert_eq!(self.headers(), headers, "{what}: headers");
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}
