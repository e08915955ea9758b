//! A notification that nobody sent through Kafka: somebody asked the API to record it.
//!
//! Its `event` has the shape of every other row's because it is made the same way: the request is
//! written as the message that a service would have sent, and [`decode`] takes that apart. What
//! `jsonb` cannot hold is refused instead of kept as raw bytes: there is somebody to tell.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

use super::NewNotification;
use crate::decode::decode;
use crate::event::{Event, RawReason};
use crate::notification_id;
use crate::record::{PartitionId, Record, RecordTime};

/// Source topic of a manual notification.
const TOPIC: &str = "api";
/// Event type of a manual notification.
const EVENT_TYPE: &str = "notification.manual";
/// Source service of a manual notification.
const SERVICE: &str = "notification-service-api";

/// What a client may say of a manual notification. Each id is one that a row can have
/// (`query::id_from_text`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manual {
    /// The customer it is for.
    pub customer_id: String,
    /// The order it is about.
    pub order_id: String,
    /// The runner it is about.
    pub runner_id: Option<String>,
    /// The event's payload: JSON text of an object.
    pub payload: String,
}

/// A manual notification that the database can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualNotification(Manual);

impl ManualNotification {
    /// Checks the payload; the reason why `jsonb` could not give it back as it is.
    pub fn new(manual: Manual) -> Result<Self, RawReason> {
        let unchecked = Self(manual);
        match unchecked.event(DateTime::UNIX_EPOCH).raw_reason {
            None => Ok(unchecked),
            Some(reason) => Err(reason),
        }
    }

    /// What is asked for, as JSON, to tell whether two requests are the same.
    pub fn request(&self) -> String {
        let text = |id: &str| serde_json::Value::from(id).to_string();
        let Manual {
            customer_id,
            order_id,
            runner_id,
            payload,
        } = &self.0;
        let runner_id = runner_id.as_deref().map_or("null".to_owned(), text);
        format!(
            r#"{{"customerId":{},"orderId":{},"runnerId":{runner_id},"payload":{payload}}}"#,
            text(customer_id),
            text(order_id),
        )
    }

    /// The row, recorded at `now` on PostgreSQL's clock. `random` makes its id unique.
    pub fn into_row(self, now: DateTime<Utc>, random: [u8; 10]) -> NewNotification {
        let occurred_at = now.trunc_subsecs(3);
        let event = self.event(occurred_at);
        NewNotification {
            notification_id: notification_id::manual(occurred_at.timestamp_millis(), random),
            customer_id: Some(self.0.customer_id),
            runner_id: self.0.runner_id,
            order_id: Some(self.0.order_id),
            event: event.json,
            event_bytes: i32::try_from(event.json_printed_bytes).unwrap_or(i32::MAX),
            status: event.status.as_str(),
            created_at: now,
            source_topic: TOPIC.into(),
            event_type: event.event_type,
            correlation_id: event.correlation_id,
            source_service: Some(event.source_service),
            occurred_at,
            kafka_timestamp_ms: None,
            timestamp_type: None,
            source_partition: None,
            source_offset: None,
            topic_generation: 0,
            message_key: None,
            headers: None,
            raw: None,
            raw_reason: None,
            value_bytes: None,
            value_sha256: None,
        }
    }

    fn event(&self, time: DateTime<Utc>) -> Event {
        let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let payload = &self.0.payload;
        let message = format!(
            r#"{{"type":"{EVENT_TYPE}","source":"{SERVICE}","timestamp":"{time}","payload":{payload}}}"#
        );
        decode(&Record {
            partition: PartitionId::new(TOPIC, 0),
            offset: 0,
            time: RecordTime::Unknown,
            key: None,
            headers: Vec::new(),
            value: Some(message.into_bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manual(payload: &str) -> Manual {
        Manual {
            customer_id: "c-1".to_owned(),
            order_id: "o-1".to_owned(),
            runner_id: None,
            payload: payload.to_owned(),
        }
    }

    fn row(payload: &str) -> NewNotification {
        let now = DateTime::from_timestamp_micros(1_764_000_000_123_456).unwrap();
        ManualNotification::new(manual(payload))
            .unwrap()
            .into_row(now, [7; 10])
    }

    #[test]
    fn its_event_has_the_shape_of_a_recorded_one() {
        let row = row(r#"{"message":"on its way"}"#);
        assert_eq!(
            row.event,
            r#"{"topic": "api", "event_type": "notification.manual", "correlation_id": null, "source_service": "notification-service-api", "timestamp": "2025-11-24T16:00:00.123Z", "payload": {"message":"on its way"}}"#
        );
        // one blank more behind the payload's colon, as PostgreSQL prints it
        assert_eq!(
            usize::try_from(row.event_bytes).unwrap(),
            row.event.len() + 1
        );
    }

    #[test]
    fn its_id_and_its_time_are_of_the_same_millisecond() {
        let row = row("{}");
        assert_eq!(row.notification_id.get_version_num(), 7);
        let ms = notification_id::occurred_at_ms(row.notification_id);
        assert_eq!(row.occurred_at.timestamp_micros(), ms * 1000);
        assert_eq!(row.created_at.timestamp_micros(), 1_764_000_000_123_456);
    }

    #[test]
    fn ids_within_the_payload_are_no_ids_of_the_row() {
        let row = row(r#"{"order_id":"o-2","runner_id":"r-2","customer_id":"c-2"}"#);
        assert_eq!(row.order_id.as_deref(), Some("o-1"));
        assert_eq!(row.customer_id.as_deref(), Some("c-1"));
        assert_eq!(row.runner_id, None);
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        assert!(row(r#"{"n":1.50}"#).event.contains("1.50"));
    }

    #[test]
    fn what_the_database_cannot_give_back_is_refused_with_its_reason() {
        for (payload, reason) in [
            (r#"{"a":"\u0000"}"#, RawReason::NulCharacter),
            (r#"{"a":"\ud800"}"#, RawReason::LoneSurrogate),
            (r#"{"a":1,"\u0061":2}"#, RawReason::DuplicateKeys),
            (r#"{"a":1e400}"#, RawReason::NumberRange),
            (
                &format!(r#"{{"a":{}{}}}"#, "[".repeat(100), "]".repeat(100)),
                RawReason::TooDeep,
            ),
        ] {
            assert_eq!(
                ManualNotification::new(manual(payload)),
                Err(reason),
                "{payload}"
            );
        }
    }
}
