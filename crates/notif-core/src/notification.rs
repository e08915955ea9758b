//! The row of `notifications`: what is written, and what is read back.
//!
//! What a message says is read in `decode`; here it is joined with where and when the record was
//! found. A row that a person sends is in `notification/manual.rs`, one that is read back in
//! `notification/read.rs`. How a row becomes bytes for PostgreSQL is in `store`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::event::{Event, RawReason};
use crate::notification_id::PartitionHash;
use crate::record::{Header, Record, RecordTime};

mod manual;
mod read;

pub use manual::{Manual, ManualNotification};
pub use read::{Notification, NotificationDetail, NotificationRaw};

/// The earliest believable time of a record: 2000-01-01, milliseconds since 1970. Before it there
/// was no Kafka, only clocks that were never set.
const EARLIEST_BELIEVABLE_MS: i64 = 946_684_800_000;
/// How far a record's time may be ahead of the recorder's: clocks differ a little.
const BELIEVABLE_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// A row to be written. Everything that the table has but `batch_id`, which the write transaction
/// knows.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNotification {
    /// Primary key; for a recorded row made of time, position and generation.
    pub notification_id: Uuid,
    /// The customer it names.
    pub customer_id: Option<String>,
    /// The runner it names.
    pub runner_id: Option<String>,
    /// The order it names.
    pub order_id: Option<String>,
    /// JSON text for the column `event`.
    pub event: String,
    /// Length of `event` as PostgreSQL prints it, bytes.
    pub event_bytes: i32,
    /// `captured`, `unparseable`, ...
    pub status: &'static str,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// The topic.
    pub source_topic: Arc<str>,
    /// What happened.
    pub event_type: String,
    /// The saga or request that it belongs to.
    pub correlation_id: Option<String>,
    /// Who sent it.
    pub source_service: Option<String>,
    /// When it happened; whole milliseconds.
    pub occurred_at: DateTime<Utc>,
    /// Kafka's timestamp, untouched.
    pub kafka_timestamp_ms: Option<i64>,
    /// 0 create, 1 append.
    pub timestamp_type: Option<i16>,
    /// The partition; none for a manual notification.
    pub source_partition: Option<i32>,
    /// The offset; none for a manual notification.
    pub source_offset: Option<i64>,
    /// Which life of the topic it comes from.
    pub topic_generation: i32,
    /// The record's key.
    pub message_key: Option<Vec<u8>>,
    /// JSON text for the column `headers`.
    pub headers: Option<String>,
    /// The value's bytes, where `event` cannot hold it faithfully.
    pub raw: Option<Vec<u8>>,
    /// Why `raw` is there.
    pub raw_reason: Option<&'static str>,
    /// Length of the value, bytes; none for a null value.
    pub value_bytes: Option<i32>,
    /// SHA-256 of the value; none for a null value.
    pub value_sha256: Option<[u8; 32]>,
}

impl NewNotification {
    /// The row of a record.
    ///
    /// `generation` is the partition's `topic_generation`, `partition_hash` the hash of this
    /// partition in that generation, and `recorded_at` the time on PostgreSQL's clock.
    pub fn from_record(
        record: Record,
        event: Event,
        generation: i32,
        partition_hash: PartitionHash,
        recorded_at: DateTime<Utc>,
    ) -> Self {
        let occurred_at = occurred_at(record.time, recorded_at);
        let written_generation = if crate::mutated!("generation-left-out") {
            0
        } else {
            generation
        };
        let value = record.value.as_deref();
        Self {
            notification_id: partition_hash.id(occurred_at.timestamp_millis(), record.offset),
            customer_id: event.customer_id,
            runner_id: event.runner_id,
            order_id: event.order_id,
            event: event.json,
            event_bytes: i32::try_from(event.json_printed_bytes).unwrap_or(i32::MAX),
            status: event.status.as_str(),
            created_at: recorded_at,
            source_topic: record.partition.topic,
            event_type: event.event_type,
            correlation_id: event.correlation_id,
            source_service: Some(event.source_service),
            occurred_at,
            kafka_timestamp_ms: record.time.millis(),
            timestamp_type: record.time.type_number(),
            source_partition: Some(record.partition.partition),
            source_offset: Some(record.offset),
            topic_generation: written_generation,
            message_key: record.key,
            headers: headers_json(&record.headers),
            // Kafka counts a value's bytes in an i32
            value_bytes: value.map(|value| i32::try_from(value.len()).unwrap_or(i32::MAX)),
            value_sha256: value.map(|value| Sha256::digest(value).into()),
            raw: record.value.filter(|_| event.raw_reason.is_some()),
            raw_reason: event.raw_reason.map(RawReason::as_str),
        }
    }
}

/// When a record happened: its Kafka timestamp where it is believable (2000-01-01 to five minutes
/// after it was recorded), else the recorded time cut to milliseconds, so that one producer's
/// wrong clock does not own every feed.
pub(crate) fn occurred_at(time: RecordTime, recorded_at: DateTime<Utc>) -> DateTime<Utc> {
    believable(time.millis(), recorded_at).unwrap_or_else(|| recorded_at.trunc_subsecs(3))
}

/// The time that Kafka gave, where it is believable.
pub(crate) fn believable(
    kafka_timestamp_ms: Option<i64>,
    recorded_at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let latest = recorded_at
        .checked_add_signed(BELIEVABLE_AHEAD)
        .map_or(i64::MAX, |latest| latest.timestamp_millis());
    kafka_timestamp_ms
        .filter(|ms| (EARLIEST_BELIEVABLE_MS..=latest).contains(ms))
        .and_then(DateTime::from_timestamp_millis)
}

/// A header as the column `headers` shows it.
#[derive(Debug, Serialize)]
struct HeaderJson<'a> {
    #[serde(flatten)]
    name: NameJson<'a>,
    #[serde(flatten)]
    value: ValueJson<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum NameJson<'a> {
    Name(&'a str),
    NameBase64(String),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum ValueJson<'a> {
    Value(Option<&'a str>),
    ValueBase64(String),
}

impl<'a> HeaderJson<'a> {
    fn new(header: &'a Header) -> Self {
        let name = storable_text(&header.name).map_or_else(
            || NameJson::NameBase64(BASE64.encode(&header.name)),
            NameJson::Name,
        );
        let value = header
            .value
            .as_deref()
            .map_or(ValueJson::Value(None), |bytes| {
                storable_text(bytes).map_or_else(
                    || ValueJson::ValueBase64(BASE64.encode(bytes)),
                    |text| ValueJson::Value(Some(text)),
                )
            });
        Self { name, value }
    }
}

/// The column `headers`: in order, with duplicates; `None` where there are none.
pub(crate) fn headers_json(headers: &[Header]) -> Option<String> {
    if headers.is_empty() {
        return None;
    }
    let mut headers: Vec<_> = headers.iter().collect();
    if crate::mutated!("header-duplicates-collapsed") {
        headers.dedup_by(|one, other| one.name == other.name);
    }
    let headers: Vec<_> = headers.into_iter().map(HeaderJson::new).collect();
    // texts and nulls always become JSON
    serde_json::to_string(&headers).ok()
}

/// The text in `bytes`, where `jsonb` can store it: UTF-8 without NUL.
fn storable_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}
