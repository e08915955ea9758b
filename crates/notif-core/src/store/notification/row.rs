//! The columns of a [`Notification`](crate::notification::Notification) in statements that are
//! written as text: diesel builds neither window functions nor lateral joins.

use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};

/// The columns in their order, with what stands for `event`.
macro_rules! row_columns {
    ($event:literal) => {
        concat!(
            "notification_id, customer_id, runner_id, order_id, ",
            $event,
            ", status, created_at, source_topic, event_type, correlation_id, source_service, \
             occurred_at, kafka_timestamp_ms, source_partition, source_offset, topic_generation, \
             raw_reason"
        )
    };
}

pub(in crate::store) use row_columns;

/// The columns as they are read: only here is `event` looked at, which may lie outside its row.
pub(in crate::store) const ROW: &str = row_columns!("CAST(event AS text)");

/// How many bytes the events of a small answer have at most, as text.
pub(in crate::store) const SMALL_EVENT_BYTES: u32 = 65_536;

/// The same where `event` is not looked at, but empty, if `bytes` is above [`SMALL_EVENT_BYTES`].
pub(in crate::store) const SMALL_ROW: &str =
    row_columns!("CASE WHEN bytes <= 65536 THEN CAST(event AS text) ELSE '' END");

/// The types of [`ROW`] and [`SMALL_ROW`].
pub(in crate::store) type RowSql = (
    SqlUuid,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Text>,
    Text,
    Text,
    Timestamptz,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Timestamptz,
    Nullable<BigInt>,
    Nullable<Integer>,
    Nullable<BigInt>,
    Integer,
    Nullable<Text>,
);
