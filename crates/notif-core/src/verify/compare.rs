//! Is a row what Kafka holds at its place?

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::finding::Kind;
use super::rebuild;
use super::row::{Found, StoredRow};
use crate::record::{Header, Record};

impl StoredRow {
    /// Compares with the record at the same offset: value by its hash, key, headers, timestamp and
    /// its type; and `event`, where it is all that is kept of the message. Of a redacted row only what
    /// redaction leaves.
    pub fn compare(&self, record: &Record, found: Found<'_>) {
        let value = record.value.as_deref();
        let hash = value.map(|value| Sha256::digest(value).to_vec());
        let length = value.map(|value| i32::try_from(value.len()).unwrap_or(i32::MAX));
        let is_same_value = hash == self.value_sha256;
        if !is_same_value || length != self.value_bytes {
            found(
                Kind::Value,
                "the value in Kafka has another hash or length".to_owned(),
            );
        }
        let time = (record.time.millis(), record.time.type_number());
        if time != (self.kafka_timestamp_ms, self.timestamp_type) {
            let words = |(ms, kind): (Option<i64>, Option<i16>)| match (ms, kind) {
                (Some(ms), Some(0)) => format!("{ms} (create)"),
                (Some(ms), Some(1)) => format!("{ms} (append)"),
                (Some(ms), _) => ms.to_string(),
                (None, _) => "none".to_owned(),
            };
            let stored = (self.kafka_timestamp_ms, self.timestamp_type);
            let text = format!(
                "the timestamp in Kafka is {}, the row says {}",
                words(time),
                words(stored)
            );
            found(Kind::Timestamp, text);
        }
        if !self.redacted {
            self.compare_content(record, is_same_value, found);
        }
    }

    fn compare_content(&self, record: &Record, is_same_value: bool, found: Found<'_>) {
        let key = record
            .key
            .as_deref()
            .map(|key| Sha256::digest(key).to_vec());
        if key != self.key_sha256 {
            found(Kind::Key, "the key in Kafka is another one".to_owned());
        }
        if !headers_are(self.headers.as_deref(), &record.headers) {
            found(
                Kind::Headers,
                "the headers in Kafka are others, or in another order".to_owned(),
            );
        }
        // of another value the event must differ: that is told already
        let Some(event) = self.event.as_deref().filter(|_| is_same_value) else {
            return;
        };
        let is_of_message = match record.value.as_deref() {
            Some(value) => rebuild::is_of(event, value),
            None => rebuild::is_of_no_message(event),
        };
        if !is_of_message {
            let words = "event does not say what the message in Kafka says";
            found(Kind::Event, words.to_owned());
        }
    }
}

/// A header as the column `headers` has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredHeader {
    name: Option<String>,
    name_base64: Option<String>,
    #[serde(default)]
    value: Option<String>,
    value_base64: Option<String>,
}

impl StoredHeader {
    /// The header; none where it is not well formed.
    fn read(self) -> Option<Header> {
        let bytes = |text: Option<String>, encoded: Option<String>| match (text, encoded) {
            (Some(text), None) => Some(Some(text.into_bytes())),
            (None, Some(encoded)) => BASE64.decode(encoded).ok().map(Some),
            (None, None) => Some(None),
            (Some(_), Some(_)) => None,
        };
        Some(Header {
            name: bytes(self.name, self.name_base64)??,
            value: bytes(self.value, self.value_base64)?,
        })
    }
}

/// Is `stored`, the column `headers`, these headers in this order?
fn headers_are(stored: Option<&str>, headers: &[Header]) -> bool {
    let Some(stored) = stored else {
        return headers.is_empty();
    };
    let Ok(stored) = serde_json::from_str::<Vec<StoredHeader>>(stored) else {
        return false;
    };
    let stored: Option<Vec<Header>> = stored.into_iter().map(StoredHeader::read).collect();
    // no headers are a null column, never an empty array
    stored.is_some_and(|stored| !stored.is_empty() && stored == headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::row::tests::{good, hash_of};
    use super::*;
    use crate::notification::headers_json;
    use crate::record::{PartitionId, RecordTime};

    const EVENT: &str = r#"{"payload": {"n": 1}, "attributes": {"form": "whole"}}"#;

    fn header(name: &str, value: Option<&str>) -> Header {
        Header {
            name: name.as_bytes().to_vec(),
            value: value.map(|value| value.as_bytes().to_vec()),
        }
    }

    fn record() -> Record {
        Record {
            partition: PartitionId::new("t", 0),
            offset: 7,
            time: RecordTime::Create(1_764_000_000_123),
            key: Some(b"k".to_vec()),
            headers: vec![
                header("a", Some("1")),
                header("a", None),
                header("a", Some("1")),
            ],
            value: Some(b"{\"n\":1}".to_vec()),
        }
    }

    fn row() -> StoredRow {
        StoredRow {
            key_sha256: Some(hash_of(b"k")),
            headers: Some(
                r#"[{"name":"a","value":"1"},{"name":"a","value":null},{"name":"a","value":"1"}]"#
                    .to_owned(),
            ),
            event: Some(EVENT.to_owned()),
            ..good()
        }
    }

    fn found(row: &StoredRow, record: &Record) -> Vec<Kind> {
        let mut kinds = Vec::new();
        row.compare(record, &mut |kind, _| kinds.push(kind));
        kinds
    }

    fn changed(change: impl FnOnce(&mut Record)) -> Vec<Kind> {
        let mut record = record();
        change(&mut record);
        found(&row(), &record)
    }

    #[test]
    fn each_difference_is_told_by_its_own_kind() {
        assert_eq!(changed(|_| {}), []);
        assert_eq!(
            changed(|record| record.value = Some(b"{\"n\":2}".to_vec())),
            [Kind::Value]
        );
        assert_eq!(changed(|record| record.value = None), [Kind::Value]);
        assert_eq!(changed(|record| record.key = None), [Kind::Key]);
        assert_eq!(changed(|record| record.key = Some(vec![])), [Kind::Key]);
        assert_eq!(
            changed(|record| record.time = RecordTime::Append(1_764_000_000_123)),
            [Kind::Timestamp]
        );
        assert_eq!(
            changed(|record| record.time = RecordTime::Unknown),
            [Kind::Timestamp]
        );
    }

    #[test]
    fn order_duplicates_and_nulls_of_headers_count() {
        let changes: [fn(&mut Vec<Header>); 5] = [
            Vec::clear,
            |headers| headers.swap(0, 1),
            |headers| drop(headers.pop()),
            |headers| headers[1].value = Some(vec![]),
            |headers| headers.push(header("b", None)),
        ];
        for change in changes {
            assert_eq!(
                changed(|record| change(&mut record.headers)),
                [Kind::Headers]
            );
        }
    }

    #[test]
    fn an_event_that_says_something_else_is_told() {
        let mut other = row();
        other.event = Some(EVENT.replace("1}", "2}"));
        assert_eq!(found(&other, &record()), [Kind::Event]);
        let mut tombstone = record();
        tombstone.value = None;
        other.event = Some(r#"{"payload": null}"#.to_owned());
        (other.value_bytes, other.value_sha256) = (None, None);
        assert_eq!(found(&other, &tombstone), []);
        other.event = Some(EVENT.to_owned());
        assert_eq!(found(&other, &tombstone), [Kind::Event]);
    }

    #[test]
    fn of_a_redacted_row_only_what_is_left_is_compared() {
        let mut redacted = row();
        redacted.redacted = true;
        (redacted.key_sha256, redacted.headers) = (None, None);
        redacted.event = Some("{}".to_owned());
        assert_eq!(found(&redacted, &record()), []);
        redacted.value_sha256 = Some(hash_of(b"other"));
        assert_eq!(found(&redacted, &record()), [Kind::Value]);
    }

    fn any_headers() -> impl Strategy<Value = Vec<Header>> {
        let bytes = || {
            prop_oneof![
                "[a-z\u{0}é]{0,4}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..4)
            ]
        };
        prop::collection::vec(
            (bytes(), prop::option::of(bytes())).prop_map(|(name, value)| Header { name, value }),
            0..4,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn headers_are_what_was_written_and_nothing_else(one in any_headers(), other in any_headers()) {
            let stored = headers_json(&one);
            prop_assert!(headers_are(stored.as_deref(), &one));
            prop_assert_eq!(headers_are(stored.as_deref(), &other), one == other);
        }
    }
}
