//! Is a row in itself what was written?
//!
//! PostgreSQL hashes and measures the bytes, so that they need not travel: a row may hold 16 MiB. What
//! cannot be told from a row alone: whether the `event` of a row without `raw` says what the message
//! said, because the hash is of the message's bytes and they are not kept. That takes Kafka
//! ([`super::compare`]).

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

use super::finding::Kind;
use crate::notification::occurred_at;
use crate::notification_id::{self, PartitionHash};
use crate::record::RecordTime;

/// Where mismatches of one row go.
pub type Found<'f> = &'f mut dyn FnMut(Kind, String);

/// What of a row is compared.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct StoredRow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub notification_id: Uuid,
    /// Its offset; -1 for a row without one.
    #[diesel(sql_type = BigInt)]
    pub source_offset: i64,
    /// When it happened.
    #[diesel(sql_type = Timestamptz)]
    pub occurred_at: DateTime<Utc>,
    /// When it was recorded.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// Kafka's timestamp.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub kafka_timestamp_ms: Option<i64>,
    /// 0 create, 1 append.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub timestamp_type: Option<i16>,
    /// Was what identifies a person erased?
    #[diesel(sql_type = Bool)]
    pub redacted: bool,
    /// Length of the value.
    #[diesel(sql_type = Nullable<Integer>)]
    pub value_bytes: Option<i32>,
    /// SHA-256 of the value.
    #[diesel(sql_type = Nullable<Binary>)]
    pub value_sha256: Option<Vec<u8>>,
    /// Length of the bytes that are kept.
    #[diesel(sql_type = Nullable<Integer>)]
    pub raw_bytes: Option<i32>,
    /// SHA-256 of the bytes that are kept.
    #[diesel(sql_type = Nullable<Binary>)]
    pub raw_sha256: Option<Vec<u8>>,
    /// Does it say why bytes are kept?
    #[diesel(sql_type = Bool)]
    pub has_raw_reason: bool,
    /// Length of `event` as the row has it.
    #[diesel(sql_type = Integer)]
    pub event_bytes: i32,
    /// Length of `event` as PostgreSQL prints it.
    #[diesel(sql_type = Integer)]
    pub event_printed_bytes: i32,
    /// Does `event` have the members that it must have, with the values of the columns?
    #[diesel(sql_type = Bool)]
    pub event_is_of_row: bool,
    /// SHA-256 of the key; only where the row is compared with Kafka.
    #[diesel(sql_type = Nullable<Binary>)]
    pub key_sha256: Option<Vec<u8>>,
    /// The headers, as JSON text; only where the row is compared with Kafka.
    #[diesel(sql_type = Nullable<Text>)]
    pub headers: Option<String>,
    /// The event, as JSON text; only where the row is compared with Kafka and has no `raw`.
    #[diesel(sql_type = Nullable<Text>)]
    pub event: Option<String>,
}

impl StoredRow {
    /// Checks a recorded row of the partition with this hash.
    pub fn check(&self, hash: &PartitionHash, found: Found<'_>) {
        self.check_value(found);
        self.check_event_bytes(found);
        if !self.redacted && !self.event_is_of_row {
            let words = "event is not of this row: it lacks a member, has one too many, or names another topic, type, source or correlation id than the columns";
            found(Kind::Event, words.to_owned());
        }
        let expected = occurred_at(self.time(), self.created_at);
        if expected != self.occurred_at {
            let words = format!(
                "occurred_at is {}, which should be {expected}",
                self.occurred_at
            );
            found(Kind::OccurredAt, words);
        }
        let expected = hash.id(self.occurred_at.timestamp_millis(), self.source_offset);
        if expected != self.notification_id {
            let words = format!(
                "notification_id is {}, which should be {expected}",
                self.notification_id
            );
            found(Kind::NotificationId, words);
        }
    }

    /// Checks a row that did not come from Kafka, or of which nobody knows from where: a manual
    /// notification, or one that was brought over from an older version.
    pub fn check_without_position(&self, found: Found<'_>) {
        self.check_event_bytes(found);
        let in_id = notification_id::occurred_at_ms(self.notification_id);
        if in_id != self.occurred_at.timestamp_millis() {
            let words = format!(
                "notification_id is of millisecond {in_id}, occurred_at of {}",
                self.occurred_at.timestamp_millis()
            );
            found(Kind::NotificationId, words);
        }
    }

    /// What Kafka said of its time.
    pub fn time(&self) -> RecordTime {
        match (self.kafka_timestamp_ms, self.timestamp_type) {
            (Some(ms), Some(1)) => RecordTime::Append(ms),
            (Some(ms), _) => RecordTime::Create(ms),
            (None, _) => RecordTime::Unknown,
        }
    }

    fn check_value(&self, found: Found<'_>) {
        let is_whole = match (self.value_bytes, &self.value_sha256) {
            (None, None) => true,
            (Some(bytes), Some(hash)) => bytes >= 0 && hash.len() == 32,
            _ => false,
        };
        if !is_whole {
            let words =
                "value_bytes and value_sha256 are not both there, or are no length and no hash";
            found(Kind::Raw, words.to_owned());
        }
        if let Some(raw) = &self.raw_sha256 {
            if self.raw_bytes != self.value_bytes {
                let words = format!(
                    "raw has {} bytes, value_bytes says {}",
                    number(self.raw_bytes),
                    number(self.value_bytes)
                );
                found(Kind::Raw, words);
            }
            if Some(raw) != self.value_sha256.as_ref() {
                found(Kind::Raw, "value_sha256 is not the hash of raw".to_owned());
            }
        }
        if !self.redacted && self.has_raw_reason != self.raw_sha256.is_some() {
            let words = "one of raw and raw_reason is there without the other";
            found(Kind::Raw, words.to_owned());
        }
    }

    fn check_event_bytes(&self, found: Found<'_>) {
        if self.event_bytes != self.event_printed_bytes {
            let words = format!(
                "event_bytes is {}, event has {} bytes",
                self.event_bytes, self.event_printed_bytes
            );
            found(Kind::EventBytes, words);
        }
    }
}

fn number(value: Option<i32>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    pub(in crate::verify) fn hash_of(bytes: &[u8]) -> Vec<u8> {
        Sha256::digest(bytes).to_vec()
    }

    /// The row of offset 7 of partition t/0: `{"n":1}` at a time of its own.
    pub(in crate::verify) fn good() -> StoredRow {
        let occurred_at = DateTime::from_timestamp_millis(1_764_000_000_123).unwrap();
        StoredRow {
            notification_id: PartitionHash::new("t", 0, 0).id(1_764_000_000_123, 7),
            source_offset: 7,
            occurred_at,
            created_at: DateTime::from_timestamp_micros(1_764_000_001_000_456).unwrap(),
            kafka_timestamp_ms: Some(1_764_000_000_123),
            timestamp_type: Some(0),
            redacted: false,
            value_bytes: Some(7),
            value_sha256: Some(hash_of(b"{\"n\":1}")),
            raw_bytes: None,
            raw_sha256: None,
            has_raw_reason: false,
            event_bytes: 100,
            event_printed_bytes: 100,
            event_is_of_row: true,
            key_sha256: None,
            headers: None,
            event: None,
        }
    }

    fn found(row: &StoredRow) -> Vec<Kind> {
        let mut kinds = Vec::new();
        row.check(&PartitionHash::new("t", 0, 0), &mut |kind, _| {
            kinds.push(kind);
        });
        kinds
    }

    fn changed(change: impl FnOnce(&mut StoredRow)) -> Vec<Kind> {
        let mut row = good();
        change(&mut row);
        found(&row)
    }

    #[test]
    fn a_row_as_it_was_written_has_no_fault() {
        assert_eq!(found(&good()), []);
        let raw = changed(|row| {
            row.raw_bytes = row.value_bytes;
            row.raw_sha256.clone_from(&row.value_sha256);
            row.has_raw_reason = true;
        });
        assert_eq!(raw, []);
        let tombstone = changed(|row| (row.value_bytes, row.value_sha256) = (None, None));
        assert_eq!(tombstone, []);
    }

    #[test]
    fn each_change_is_told_by_its_own_kind() {
        use Kind::{Event, EventBytes, NotificationId, OccurredAt, Raw};
        assert_eq!(changed(|row| row.value_sha256 = None), [Raw]);
        assert_eq!(changed(|row| row.value_bytes = Some(-1)), [Raw]);
        assert_eq!(changed(|row| row.has_raw_reason = true), [Raw]);
        let other_bytes = changed(|row| {
            row.raw_bytes = Some(7);
            row.raw_sha256 = Some(hash_of(b"{\"n\":2}"));
            row.has_raw_reason = true;
        });
        assert_eq!(other_bytes, [Raw]);
        assert_eq!(changed(|row| row.event_printed_bytes = 99), [EventBytes]);
        assert_eq!(changed(|row| row.event_is_of_row = false), [Event]);
        assert_eq!(
            changed(|row| row.notification_id = Uuid::nil()),
            [NotificationId]
        );
        assert_eq!(
            changed(|row| row.source_offset = 8),
            [NotificationId],
            "the offset is in the id"
        );
        let later = changed(|row| {
            row.occurred_at += chrono::TimeDelta::milliseconds(1);
            row.notification_id = PartitionHash::new("t", 0, 0).id(1_764_000_000_124, 7);
        });
        assert_eq!(later, [OccurredAt]);
    }

    #[test]
    fn a_redacted_row_keeps_its_proof() {
        let redacted = |row: &mut StoredRow| {
            row.redacted = true;
            row.event_is_of_row = false;
            row.has_raw_reason = true;
        };
        assert_eq!(changed(redacted), []);
        let damaged = changed(|row| {
            redacted(row);
            row.value_bytes = None;
        });
        assert_eq!(damaged, [Kind::Raw]);
    }

    #[test]
    fn a_row_without_a_position_has_its_time_in_its_id() {
        let kinds = |row: &StoredRow| {
            let mut kinds = Vec::new();
            row.check_without_position(&mut |kind, _| kinds.push(kind));
            kinds
        };
        let mut row = good();
        row.notification_id = notification_id::manual(1_764_000_000_123, [3; 10]);
        assert_eq!(kinds(&row), []);
        row.notification_id = notification_id::manual(1_764_000_000_122, [3; 10]);
        row.event_bytes = 1;
        assert_eq!(kinds(&row), [Kind::EventBytes, Kind::NotificationId]);
    }
}
