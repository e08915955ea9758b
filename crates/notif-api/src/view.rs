//! How a notification looks to a client: the guide's names in camel case, and what was added.
//!
//! The objects are written by hand because `event` and `headers` pass as the text that PostgreSQL
//! printed: parsing them would cost more than the query, and would fail on a number or a nesting
//! that some parser does not like. Everything else is escaped by `serde_json`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, SecondsFormat, Utc};
use notif_core::notification::{Notification, NotificationDetail};

use crate::hex::hex;

pub(crate) mod ledger;
pub(crate) mod timeline;

/// Bytes of an object besides its event, roughly.
const OBJECT_BYTES: usize = 700;

/// One notification as an object.
pub(crate) fn notification(notification: &Notification) -> Vec<u8> {
    let mut out = Vec::with_capacity(notification.event.len().saturating_add(OBJECT_BYTES));
    write_notification(&mut out, notification);
    out
}

/// Notifications as a bare array. Each is freed once it is written.
pub(crate) fn notifications(list: Vec<Notification>) -> Vec<u8> {
    let bytes = list
        .iter()
        .map(|one| one.event.len().saturating_add(OBJECT_BYTES))
        .sum();
    let mut out = Vec::with_capacity(bytes);
    out.push(b'[');
    for (place, one) in list.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_notification(&mut out, &one);
    }
    out.push(b']');
    out
}

/// One notification with what is told when it is asked for alone.
pub(crate) fn detail(detail: &NotificationDetail) -> Vec<u8> {
    let mut out = Vec::with_capacity(detail.notification.event.len().saturating_add(OBJECT_BYTES));
    let mut object = Object::open(&mut out);
    object.notification(&detail.notification);
    object.number("kafkaTimestampMs", detail.notification.kafka_timestamp_ms);
    let timestamp_type = match detail.timestamp_type {
        Some(0) => Some("create"),
        Some(1) => Some("append"),
        _ => None,
    };
    object.text("timestampType", timestamp_type);
    let key = detail.message_key.as_deref();
    // text as far as it could be stored as text: one rule for keys and headers
    let text = key
        .and_then(|key| std::str::from_utf8(key).ok())
        .filter(|text| !text.contains('\0'));
    object.text("key", text);
    let bytes = key.filter(|_| text.is_none());
    object.text(
        "keyBase64",
        bytes.map(|bytes| BASE64.encode(bytes)).as_deref(),
    );
    object.json("headers", detail.headers.as_deref().unwrap_or("null"));
    object.number("valueBytes", detail.value_bytes);
    object.text(
        "valueSha256",
        detail.value_sha256.as_deref().map(hex).as_deref(),
    );
    object.number("batchId", Some(detail.batch_id));
    object.close();
    out
}

fn write_notification(out: &mut Vec<u8>, notification: &Notification) {
    let mut object = Object::open(out);
    object.notification(notification);
    object.close();
}

/// RFC 3339 in UTC, microseconds.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A JSON object in the making.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn close(self) {
        self.out.push(b'}');
    }

    /// A key of ours, which needs no escapes.
    fn key(&mut self, key: &str) {
        self.out
            .extend_from_slice(if self.empty { b"\"" } else { b",\"" });
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.empty = false;
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        // writing text into memory does not fail
        if serde_json::to_writer(&mut *self.out, &value).is_err() {
            self.out.extend_from_slice(b"null");
        }
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        self.key(key);
        // as in `text`
        if serde_json::to_writer(&mut *self.out, values).is_err() {
            self.out.extend_from_slice(b"[]");
        }
    }

    fn number(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        self.json(
            key,
            &value.map_or_else(|| "null".to_owned(), |value| value.to_string()),
        );
    }

    /// JSON text as it is.
    fn json(&mut self, key: &str, text: &str) {
        self.key(key);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn notification(&mut self, n: &Notification) {
        self.text("notificationId", Some(&n.notification_id.to_string()));
        self.text("customerId", n.customer_id.as_deref());
        self.text("runnerId", n.runner_id.as_deref());
        self.text("orderId", n.order_id.as_deref());
        self.json("event", &n.event);
        self.text("status", Some(&n.status));
        self.text("createdAt", Some(&time(n.created_at)));
        self.text("sourceTopic", Some(&n.source_topic));
        self.text("eventType", Some(&n.event_type));
        self.text("correlationId", n.correlation_id.as_deref());
        self.text("sourceService", n.source_service.as_deref());
        self.text("occurredAt", Some(&time(n.occurred_at)));
        self.number("sourcePartition", n.source_partition);
        self.number("sourceOffset", n.source_offset);
        self.number("topicGeneration", Some(n.topic_generation));
        self.text("rawReason", n.raw_reason.as_deref());
        self.json(
            "clockSuspect",
            if n.clock_suspect() { "true" } else { "false" },
        );
    }
}
