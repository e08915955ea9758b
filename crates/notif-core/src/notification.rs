//! The row of `notifications`: what is written, and what is read back.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

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
