//! Why a run stops a partition for good: what only an operator can decide. Pure.

use crate::offset::LastConsumed;
use crate::record::PartitionId;

/// Why a partition is stopped; `kafka_offsets.stopped_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Another record stands where one was recorded: the log was cut and grew again.
    Diverged,
    /// What Kafka sends is damaged, or compressed in a way that the client cannot read.
    Corrupt,
    /// The topic was created anew while it was read, and what was recorded last is of the new log.
    Mixed,
    /// A position is recorded already, although nothing says so.
    Conflict,
    /// PostgreSQL takes a record not even as raw bytes.
    Refused,
}

impl StopReason {
    /// The text in the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Diverged => "diverged",
            Self::Corrupt => "corrupt",
            Self::Mixed => "mixed",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
        }
    }
}

/// A partition that is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The partition.
    pub id: PartitionId,
    /// Its generation.
    pub generation: i32,
    /// The stored offset: with the generation it is the fence, as everywhere.
    pub last: LastConsumed,
    /// Why.
    pub reason: StopReason,
    /// The offset that it is about.
    pub offset: i64,
}
