//! A row as the bytes of PostgreSQL's binary COPY: pure, and the hot path of a drain.
//!
//! Binary, because the text format would escape every payload a second time only to have the server
//! undo it. The number of the write transaction is not known when a row is encoded (rows are encoded
//! while the transaction before is still being written), so it is the last column and is filled in
//! by [`RowBuffer::set_batch_id`].

use chrono::{DateTime, Utc};

use crate::notification::NewNotification;

/// What opens the stream: signature, no flags, no extension.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What ends it: a row of -1 columns.
pub const TRAILER: &[u8] = &[0xff, 0xff];

/// The columns, in the order in which [`RowBuffer::push`] writes them; the statement in
/// `store::commit` names them in the same order.
pub const COLUMNS: [&str; 25] = [
    "notification_id",
    "customer_id",
    "runner_id",
    "order_id",
    "event",
    "status",
    "created_at",
    "source_topic",
    "event_type",
    "correlation_id",
    "source_service",
    "occurred_at",
    "kafka_timestamp_ms",
    "timestamp_type",
    "source_partition",
    "source_offset",
    "topic_generation",
    "message_key",
    "headers",
    "raw",
    "raw_reason",
    "value_bytes",
    "value_sha256",
    "event_bytes",
    "batch_id",
];

/// Their number as it stands in front of each row.
const COLUMN_COUNT: i16 = 25;

/// Bytes of the last column: its length word and a bigint.
const BATCH_ID_BYTES: usize = 8;

/// Microseconds from 1970 to 2000, where PostgreSQL's timestamps begin.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Encoded rows of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowBuffer {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl RowBuffer {
    /// Appends a row.
    pub fn push(&mut self, row: &NewNotification) {
        let out = &mut self.bytes;
        out.extend_from_slice(&COLUMN_COUNT.to_be_bytes());
        field(out, row.notification_id.as_bytes());
        text(out, row.customer_id.as_deref());
        text(out, row.runner_id.as_deref());
        text(out, row.order_id.as_deref());
        jsonb(out, Some(&row.event));
        text(out, Some(row.status));
        field(out, &postgres_micros(row.created_at).to_be_bytes());
        text(out, Some(&row.source_topic));
        text(out, Some(&row.event_type));
        text(out, row.correlation_id.as_deref());
        text(out, row.source_service.as_deref());
        field(out, &postgres_micros(row.occurred_at).to_be_bytes());
        optional(out, row.kafka_timestamp_ms.map(i64::to_be_bytes));
        optional(out, row.timestamp_type.map(i16::to_be_bytes));
        optional(out, row.source_partition.map(i32::to_be_bytes));
        optional(out, row.source_offset.map(i64::to_be_bytes));
        field(out, &row.topic_generation.to_be_bytes());
        optional(out, row.message_key.as_deref());
        jsonb(out, row.headers.as_deref());
        optional(out, row.raw.as_deref());
        text(out, row.raw_reason);
        optional(out, row.value_bytes.map(i32::to_be_bytes));
        optional(out, row.value_sha256);
        field(out, &row.event_bytes.to_be_bytes());
        field(out, &0_i64.to_be_bytes());
        self.ends.push(self.bytes.len());
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes they have.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Fills the last column of every row.
    pub fn set_batch_id(&mut self, batch_id: i64) {
        for &end in &self.ends {
            let start = end.saturating_sub(BATCH_ID_BYTES);
            if let Some(place) = self.bytes.get_mut(start..end) {
                place.copy_from_slice(&batch_id.to_be_bytes());
            }
        }
    }

    /// The rows, taken apart.
    pub fn iter(&self) -> impl Iterator<Item = RowFields<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| RowFields {
            bytes: self.bytes.get(start..end).unwrap_or_default(),
        })
    }

    /// Keeps the first `rows`.
    pub fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// The rows, without header and trailer.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// One row, taken apart again: for the rare case that something about it went wrong.
#[derive(Debug, Clone, Copy)]
pub struct RowFields<'a> {
    bytes: &'a [u8],
}

impl<'a> RowFields<'a> {
    /// The value of a column as PostgreSQL's binary format has it; none for NULL.
    pub fn value(&self, column: &str) -> Option<&'a [u8]> {
        let place = COLUMNS.iter().position(|name| *name == column)?;
        self.values().nth(place).flatten()
    }

    /// `source_offset`.
    pub fn offset(&self) -> Option<i64> {
        self.integer("source_offset")
    }

    /// A bigint column.
    pub fn integer(&self, column: &str) -> Option<i64> {
        Some(i64::from_be_bytes(self.value(column)?.try_into().ok()?))
    }

    /// All values, each for itself.
    pub fn to_values(self) -> Vec<Option<Vec<u8>>> {
        self.values()
            .map(|value| value.map(<[u8]>::to_vec))
            .collect()
    }

    fn values(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut rest = self.bytes.get(2..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            // -1 is NULL
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                rest = behind;
                return Some(None);
            };
            let (value, behind) = behind.split_at_checked(length)?;
            rest = behind;
            Some(Some(value))
        })
    }
}

/// A value: its length, then its bytes. A length beyond i32 cannot happen: Kafka's own lengths are
/// i32, and no text here is longer than a message and its envelope.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn length(out: &mut Vec<u8>, bytes: usize) {
    // the server refuses a length that is no i32, which is the right end for what cannot happen
    out.extend_from_slice(&i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes());
}

fn optional(out: &mut Vec<u8>, bytes: Option<impl AsRef<[u8]>>) {
    match bytes {
        Some(bytes) => field(out, bytes.as_ref()),
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
    }
}

fn text(out: &mut Vec<u8>, text: Option<&str>) {
    optional(out, text.map(str::as_bytes));
}

/// `jsonb` on the wire: a version byte, then JSON text.
fn jsonb(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            length(out, text.len().saturating_add(1));
            out.push(1);
            out.extend_from_slice(text.as_bytes());
        }
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
    }
}

fn postgres_micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
        .saturating_sub(POSTGRES_EPOCH_MICROS)
}
