//! Rows as the recorder would have written them, written by SQL: the API's tests do not depend on
//! the poller.

use notif_core::notification_id;
use uuid::Uuid;

/// 2026-01-05T10:00:00Z.
const BEGIN_MS: i64 = 1_767_607_200_000;

/// A row to be inserted. The values are SQL expressions.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    second: i64,
    columns: Vec<(&'static str, String)>,
    event: String,
}

/// Text as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Row {
    /// A row of topic `order_events`, partition 0, that happened `second` seconds after the
    /// beginning.
    pub(crate) fn new(second: i64) -> Self {
        let id = notification_id::recorded(BEGIN_MS + second * 1000, "order_events", 0, 0, second);
        Self {
            id,
            second,
            columns: Vec::new(),
            event: literal(EVENT),
        }
    }

    /// Sets a column to a text.
    pub(crate) fn text(self, column: &'static str, text: &str) -> Self {
        self.sql(column, literal(text))
    }

    /// Sets a column to an SQL expression.
    pub(crate) fn sql(mut self, column: &'static str, expression: impl Into<String>) -> Self {
        self.columns.push((column, expression.into()));
        self
    }

    /// Sets the event to an SQL expression of a text.
    pub(crate) fn event(mut self, expression: impl Into<String>) -> Self {
        self.event = expression.into();
        self
    }

    /// The statement that inserts it.
    pub(crate) fn insert(&self) -> String {
        let (id, second, event) = (self.id, self.second, &self.event);
        let occurred = format!("timestamptz '2026-01-05T10:00:00Z' + {second} * interval '1 s'");
        let mut columns = vec![
            ("notification_id", format!("'{id}'")),
            ("source_topic", literal("order_events")),
            ("event_type", literal("order.created")),
            ("source_service", literal("order-service")),
            ("occurred_at", occurred.clone()),
            ("created_at", format!("{occurred} + interval '1.234567 s'")),
            ("kafka_timestamp_ms", (BEGIN_MS + second * 1000).to_string()),
            ("timestamp_type", "0".to_owned()),
            ("source_partition", "0".to_owned()),
            ("source_offset", second.to_string()),
            ("value_bytes", "42".to_owned()),
            (
                "value_sha256",
                r"decode(repeat('0a', 32), 'hex')".to_owned(),
            ),
            ("batch_id", "7".to_owned()),
        ];
        for (column, expression) in &self.columns {
            columns.retain(|(there, _)| there != column);
            columns.push((column, expression.clone()));
        }
        let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        format!(
            "INSERT INTO notifications ({}, event, event_bytes) \
             SELECT {}, event, octet_length(event::text) \
             FROM (SELECT ({event})::jsonb AS event) AS decoded;",
            names.join(", "),
            values.join(", ")
        )
    }
}

const EVENT: &str = r#"{"topic": "order_events", "event_type": "order.created", "correlation_id": null, "source_service": "order-service", "timestamp": "2026-01-05T10:00:00.000Z", "payload": {"total": 12.50}}"#;

/// The statements that insert rows.
pub(crate) fn insert(rows: &[Row]) -> String {
    rows.iter().map(Row::insert).collect()
}

/// Statements that insert `count` small rows of an order at once, and their place in its list as
/// their `source_offset`.
pub(crate) fn insert_many(count: u32, order: &str, customer: &str) -> String {
    format!(
        "INSERT INTO notifications (notification_id, order_id, customer_id, event, event_bytes, \
         source_topic, event_type, occurred_at, source_partition, source_offset, batch_id) \
         SELECT ('0193' || lpad(to_hex(n), 28, '0'))::uuid, {}, {}, '{{}}', 2, \
         'order_events', 'order.created', '2026-01-05T10:00:00Z', 1, n, 7 \
         FROM generate_series(1, {count}) AS n;",
        literal(order),
        literal(customer)
    )
}
