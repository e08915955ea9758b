//! One Kafka message as we know it: owned, without any type of the client library.
//!
//! The door to Kafka (`notif-poll::kafka`) builds these; decoding reads them. JSON is elsewhere
//! (`decode`), and so is anything about offsets (`offset`).

use std::sync::Arc;

/// Names one partition of one topic. Ordered by topic, then partition: the order in which a write
/// transaction locks offset rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic's name; shared, because a batch holds thousands of them.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl PartitionId {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl std::fmt::Display for PartitionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// What Kafka said about the time of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordTime {
    /// No timestamp (-1, or a message format that has none).
    Unknown,
    /// Milliseconds since 1970 as the producer set them; any i64 but -1.
    Create(i64),
    /// Milliseconds since 1970 as the broker set them on append; any i64 but -1.
    Append(i64),
}

impl RecordTime {
    /// Milliseconds since 1970, where Kafka gave any.
    pub fn millis(self) -> Option<i64> {
        match self {
            Self::Unknown => None,
            Self::Create(ms) | Self::Append(ms) => Some(ms),
        }
    }

    /// The number of the type in Kafka's protocol: 0 create, 1 append.
    pub fn type_number(self) -> Option<i16> {
        match self {
            Self::Unknown => None,
            Self::Create(_) => Some(0),
            Self::Append(_) => Some(1),
        }
    }
}

/// One header. Names repeat, values may be null, and neither has to be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name's bytes, up to the first NUL (librdkafka hands it over as a C string).
    pub name: Vec<u8>,
    /// The value's bytes, or a null value.
    pub value: Option<Vec<u8>>,
}

/// One message of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The partition it was read from.
    pub partition: PartitionId,
    /// Its place in the partition's log.
    pub offset: i64,
    /// What Kafka said about its time.
    pub time: RecordTime,
    /// The key's bytes; `None` for a null key.
    pub key: Option<Vec<u8>>,
    /// The headers in the order of the message, duplicates kept.
    pub headers: Vec<Header>,
    /// The value's bytes; `None` for a null value (a tombstone).
    pub value: Option<Vec<u8>>,
}
