//! The row of `notifications` as a reader gets it. What is written is in `notification.rs`; the
//! columns are chosen in `store::notification`, and how they look to a client is up to the API.
//!
//! `event` and `headers` stay text: they go from the database to the client without being parsed,
//! so that a row that some JSON reader chokes on (a number beyond f64, deep nesting) breaks nothing.

use chrono::{DateTime, Utc};
use diesel::Queryable;
use uuid::Uuid;

/// What every list says about a row. The order of the fields is the order of the columns that
/// `store::notification` selects.
#[derive(Debug, Clone, PartialEq, Queryable)]
pub struct Notification {
    /// Primary key, and the place in every feed.
    pub notification_id: Uuid,
    /// The customer it names.
    pub customer_id: Option<String>,
    /// The runner it names.
    pub runner_id: Option<String>,
    /// The order it names.
    pub order_id: Option<String>,
    /// The column `event` as PostgreSQL prints it: JSON text.
    pub event: String,
    /// `captured`, `unparseable` or `redacted`.
    pub status: String,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// The topic, or `api`.
    pub source_topic: String,
    /// What happened.
    pub event_type: String,
    /// The saga or request that it belongs to.
    pub correlation_id: Option<String>,
    /// Who sent it.
    pub source_service: Option<String>,
    /// When it happened; whole milliseconds.
    pub occurred_at: DateTime<Utc>,
    /// Kafka's timestamp, untouched; milliseconds since 1970.
    pub kafka_timestamp_ms: Option<i64>,
    /// The partition; none for a manual notification.
    pub source_partition: Option<i32>,
    /// The offset; none for a manual notification.
    pub source_offset: Option<i64>,
    /// Which life of the topic it comes from.
    pub topic_generation: i32,
    /// Why the message's own bytes are kept beside `event`.
    pub raw_reason: Option<String>,
}

impl Notification {
    /// Whether Kafka gave a timestamp and `occurred_at` is not it: some clock was wrong.
    pub fn clock_suspect(&self) -> bool {
        self.kafka_timestamp_ms
            .is_some_and(|ms| ms != self.occurred_at.timestamp_millis())
    }
}

/// What is told besides when one row is asked for.
#[derive(Debug, Clone, PartialEq, Queryable)]
pub struct NotificationDetail {
    /// What every list says.
    pub notification: Notification,
    /// 0 create, 1 append.
    pub timestamp_type: Option<i16>,
    /// The record's key.
    pub message_key: Option<Vec<u8>>,
    /// The column `headers` as PostgreSQL prints it: JSON text.
    pub headers: Option<String>,
    /// Length of the message's value, bytes.
    pub value_bytes: Option<i32>,
    /// SHA-256 of the message's value.
    pub value_sha256: Option<Vec<u8>>,
    /// The write transaction that it came with.
    pub batch_id: i64,
}

/// What is known of the bytes of the message that a row was recorded from.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct NotificationRaw {
    /// The bytes, where `event` cannot hold them faithfully.
    pub raw: Option<Vec<u8>>,
    /// `captured`, `unparseable` or `redacted`.
    pub status: String,
    /// Whether there was a message: a manual notification has none.
    pub is_record: bool,
    /// Length of the message's value, bytes; none for a null value.
    pub value_bytes: Option<i32>,
    /// SHA-256 of the message's value.
    pub value_sha256: Option<Vec<u8>>,
}
