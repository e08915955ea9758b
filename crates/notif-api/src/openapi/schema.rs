//! What replies and bodies look like, for the document alone: the replies themselves are written by
//! hand (`view`, `problem`), and a test compares each with what is described here.
//!
//! Every member of a reply is always there; where there is nothing to tell it is null
//! ([`super::finish`] says so for all of them).

#![expect(
    dead_code,
    reason = "these are described, never made: replies are written as text"
)]
#![expect(
    clippy::struct_field_names,
    reason = "the names are those of the members of replies, which are told"
)]

use std::collections::BTreeMap;

use notif_core::event;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A struct with the members of a notification, and with those that are given.
macro_rules! with_notification {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        #[derive(ToSchema)]
        #[schema(rename_all = "camelCase")]
        pub(crate) struct $name {
            /// Its id, which grows with the time of the event.
            #[schema(format = "uuid", example = "019b8d99-70d0-8c9d-acdd-1d0000000002")]
            notification_id: String,
            /// The customer that it is about.
            #[schema(max_length = 255)]
            customer_id: Option<String>,
            /// The runner that it is about.
            #[schema(max_length = 255)]
            runner_id: Option<String>,
            /// The order that it is about.
            #[schema(max_length = 255)]
            order_id: Option<String>,
            event: Event,
            status: Status,
            /// When it was recorded.
            #[schema(format = DateTime)]
            created_at: String,
            /// The Kafka topic that it was read from; `api` where it was sent by hand.
            source_topic: String,
            /// What happened, as in `order.created`.
            event_type: String,
            /// What the events of one saga or request have in common.
            correlation_id: Option<String>,
            /// The service that says so.
            source_service: Option<String>,
            /// When it happened, as far as that is told; the lists are in this order.
            #[schema(format = DateTime)]
            occurred_at: String,
            /// The partition of the record; null where it was sent by hand.
            source_partition: Option<i32>,
            /// The offset of the record; null where it was sent by hand.
            source_offset: Option<i64>,
            /// Which life of the topic, from 0: it is another one each time the topic is created again.
            topic_generation: i32,
            /// Why `event` does not hold all of the message, whose bytes are kept then.
            raw_reason: Option<RawReason>,
            /// Kafka gave a time, and `occurredAt` is another one: no producer's clock says so.
            clock_suspect: bool,
            $($(#[$field_meta])* $field: $kind,)*
        }
    };
}

with_notification! {
    /// A recorded message, or one that was sent by hand.
    Notification {}
}

with_notification! {
    /// A notification with all that is known of it.
    NotificationDetail {
        /// Kafka's time of the record, milliseconds since 1970.
        kafka_timestamp_ms: Option<i64>,
        /// Whose clock that was: the producer's (`create`) or the broker's (`append`).
        timestamp_type: Option<TimestampType>,
        /// The key of the record, where it is text.
        key: Option<String>,
        /// The key of the record, where it is no text.
        key_base64: Option<String>,
        /// The headers of the record, in their order.
        headers: Option<Vec<RecordHeader>>,
        /// The length of the record's value.
        #[schema(minimum = 0)]
        value_bytes: Option<i32>,
        /// The SHA-256 of the record's value in hexadecimal digits.
        #[schema(pattern = "^[0-9a-f]{64}$")]
        value_sha256: Option<String>,
        /// The poll's transaction that recorded it; 0 where it was sent by hand.
        batch_id: i64,
    }
}

with_notification! {
    /// A notification in the story of an order.
    TimelineEvent {
        linked_by: LinkedBy,
        /// The time since the event before it, milliseconds; null for the first one.
        since_previous_ms: Option<i64>,
    }
}

/// The message as it was understood. What a producer calls its members is told in `attributes`.
#[derive(ToSchema)]
pub(crate) struct Event {
    topic: Option<String>,
    event_type: Option<String>,
    correlation_id: Option<String>,
    source_service: Option<String>,
    /// As it stood in the message: a text or a number.
    timestamp: Option<Value>,
    /// Any JSON.
    payload: Option<Value>,
}

/// `unparseable` where only the bytes are kept; `redacted` where what names a person was erased.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Status {
    Captured,
    Unparseable,
    Redacted,
}

/// What stands against showing the whole message as `event`: the reasons that there are.
pub(crate) struct RawReason;

impl PartialSchema for RawReason {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "What stands against showing the whole message as `event`.",
            ))
            .enum_values(Some(event::RawReason::ALL.map(event::RawReason::as_str)))
            .into()
    }
}

impl ToSchema for RawReason {}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum TimestampType {
    Create,
    Append,
}

/// A header of a Kafka record: its `name` and its `value`, or what stands for a value that is no text.
#[derive(ToSchema)]
pub(crate) struct RecordHeader {
    name: Option<String>,
    value: Option<Value>,
}

/// Why an event is part of the story: it names the order, or shares a correlation id with an event that
/// does.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum LinkedBy {
    Order,
    Correlation,
}

/// What happened to an order across all services.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Timeline {
    order_id: String,
    /// The customers of all its events.
    customer_ids: Vec<String>,
    /// The runners of all its events.
    runner_ids: Vec<String>,
    /// The correlation ids that brought events in.
    correlation_ids: Vec<String>,
    /// Those that did not, since they also belong to another order or to more than 2,000 events.
    ambiguous_correlation_ids: Vec<String>,
    /// There is more than can be shown: older events, or further correlation ids.
    truncated: bool,
    /// Oldest first.
    #[schema(max_items = 2000)]
    events: Vec<TimelineEvent>,
}

/// A notification to be stored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[schema(example = json!({"customerId": "customer-7", "orderId": "order-1042", "event": "Your order is on its way"}))]
pub(crate) struct SendNotification {
    /// The customer that it is about.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    customer_id: String,
    /// The order that it is about.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    order_id: String,
    /// The runner that it is about.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]+$")]
    runner_id: Option<String>,
    event: SentEvent,
}

/// A text, which is stored as `{"message": …}`, or an object, which is stored as it stands.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum SentEvent {
    Text(String),
    Object(BTreeMap<String, Value>),
}

/// A topic that is watched.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Topic {
    topic: String,
    /// Kafka's id of it; null where the cluster gives none.
    topic_id: Option<String>,
    partitions: Vec<Partition>,
}

/// How far a partition is recorded. What no poll has seen yet is null.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Partition {
    partition: i32,
    generation: i32,
    /// The last offset that is recorded; -1 before the first one.
    stored_offset: i64,
    /// Where the partition ended for a reader, at the last poll.
    end_offset: Option<i64>,
    /// Where it ended for the brokers.
    high_watermark: Option<i64>,
    /// The oldest offset that Kafka still had.
    low_offset: Option<i64>,
    /// Records that are not recorded yet.
    lag: Option<i64>,
    /// How long the record has been behind, seconds.
    lag_seconds: Option<i64>,
    /// Records that Kafka may delete before one is lost; below 0 some are lost.
    loss_margin: Option<i64>,
    /// Kafka's time of the newest record.
    #[schema(format = DateTime)]
    last_record_at: Option<String>,
    /// Everything up to then is recorded.
    #[schema(format = DateTime)]
    drained_through: Option<String>,
    /// Why it is not read any more.
    stopped: Option<Stop>,
}

/// Why a partition is not read until an operator decides.
#[derive(ToSchema)]
pub(crate) struct Stop {
    reason: String,
    #[schema(format = DateTime)]
    at: Option<String>,
    offset: Option<i64>,
}

/// Records that were lost, or left out on purpose.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Gap {
    id: i64,
    topic: String,
    partition: i32,
    generation: i32,
    first_offset: i64,
    /// Null where it is not known how far it reaches.
    last_offset: Option<i64>,
    known_end: Option<i64>,
    reason: String,
    /// Who wrote it down: the poller, or an operator.
    by: String,
    note: Option<String>,
    /// The run that found it.
    run_id: Option<i64>,
    #[schema(format = DateTime)]
    at: String,
}

/// A run of the poller.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Run {
    id: i64,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    state: RunState,
    outcome: Option<String>,
    exit_code: Option<i16>,
    /// All that applied; empty while it runs.
    exit_codes: Vec<i16>,
    records: i64,
    bytes: i64,
    host: String,
    version: String,
}

/// `abandoned` where it went away without saying how it ended.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum RunState {
    Running,
    Ended,
    Abandoned,
}

/// Bytes as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(crate) struct Bytes(Vec<u8>);

/// That it can serve.
#[derive(ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: String,
    /// Of this program.
    version: String,
}

/// That it is there.
#[derive(ToSchema)]
pub(crate) struct Probe {
    /// `alive` or `ready`.
    status: String,
}

/// Why there is no success, as RFC 9457 has it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Problem {
    /// Which kind of problem: `/problems/invalid-request` and the like.
    #[schema(
        rename = "type",
        format = "uri-reference",
        example = "/problems/invalid-request"
    )]
    kind: String,
    /// The kind in words.
    #[schema(example = "Invalid request")]
    title: String,
    /// The status of the reply.
    #[schema(minimum = 400, maximum = 599, example = 400)]
    status: u16,
    /// What is wrong with this request.
    #[schema(example = "limit must be a whole number from 1 to 500")]
    detail: String,
    /// The path that was asked for.
    #[schema(example = "/order/order-1042")]
    instance: String,
    /// What is wrong, field by field.
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// As in the header `X-Request-Id`: the log says more under it.
    request_id: String,
    /// The length of the message's value, where its bytes were asked for and are not kept.
    #[schema(minimum = 0)]
    value_bytes: Option<i32>,
    /// The SHA-256 of it, in hexadecimal digits.
    value_sha256: Option<String>,
}

/// What is wrong with one field.
#[derive(ToSchema)]
pub(crate) struct FieldError {
    /// Where it is: `["query", "limit"]`, `["path", "orderId"]`, `["body", "event"]`, `["body"]`.
    #[schema(min_items = 1)]
    loc: Vec<String>,
    /// What would be right.
    msg: String,
}
