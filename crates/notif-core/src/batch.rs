//! What one write transaction carries, and when it is full.
//!
//! A batch holds, for each of its partitions, what must happen together or not at all: the rows, the
//! loss that was found before them, and the offset that they lead to. How it is written is in
//! `store::commit`.

use crate::copy::RowBuffer;
use crate::offset::{LastConsumed, NextOffset};
use crate::record::PartitionId;
use crate::witness::Witness;

/// When a batch is full. Rows bound the time a transaction takes, bytes bound memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimit {
    /// Rows.
    pub rows: usize,
    /// Encoded bytes.
    pub bytes: usize,
}

/// Why records are missing; `capture_gaps.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Kafka deleted them before they were read: a loss of ours.
    Retention,
    /// Kafka had deleted them before the topic was first seen: no loss of ours.
    BeforeFirstPoll,
    /// An operator chose to skip them.
    Operator,
    /// Kafka deleted them while an operator had ended the watch.
    Retired,
}

impl GapReason {
    /// The text in the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::BeforeFirstPoll => "before-first-poll",
            Self::Operator => "operator",
            Self::Retired => "retired",
        }
    }

    /// Is it a loss that an exit code must tell of?
    pub fn is_loss(self) -> bool {
        matches!(self, Self::Retention)
    }
}

/// Offsets that are known to be missing: `from..to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first missing offset.
    pub from: NextOffset,
    /// The first offset behind them.
    pub to: NextOffset,
    /// Why.
    pub reason: GapReason,
}

/// What a batch does with one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionSlice {
    /// The partition.
    pub id: PartitionId,
    /// The generation that it belongs to: part of the fence.
    pub generation: i32,
    /// The offset that must still be stored: the fence.
    pub expected: LastConsumed,
    /// What is lost before the first row; it starts at `expected` + 1.
    pub gap: Option<Gap>,
    /// Where reading goes on afterwards.
    pub reached: NextOffset,
    /// The rows.
    pub rows: RowBuffer,
    /// Bytes of the values of their records.
    pub value_bytes: i64,
    /// How many of them could not be opened.
    pub unparseable: i64,
    /// The last of them.
    pub witness: Option<Witness>,
}

impl PartitionSlice {
    /// Nothing yet, from the stored offset on.
    pub fn new(id: PartitionId, generation: i32, expected: LastConsumed) -> Self {
        Self {
            id,
            generation,
            expected,
            gap: None,
            reached: expected.next(),
            rows: RowBuffer::default(),
            value_bytes: 0,
            unparseable: 0,
            witness: None,
        }
    }

    /// Where the recorded range of this slice starts: behind the gap, where there is one.
    pub fn read_from(&self) -> NextOffset {
        self.gap.map_or(self.expected.next(), |gap| gap.to)
    }

    /// Cuts it off before a row that cannot be written: what stands before it can.
    pub fn cut_before(&mut self, row: usize) {
        let Some(offset) = self.rows.iter().nth(row).and_then(|row| row.offset()) else {
            return;
        };
        self.rows.truncate(row);
        self.reached = NextOffset::at(offset);
        self.value_bytes = 0;
        self.unparseable = 0;
        self.witness = None;
        for row in self.rows.iter() {
            let bytes = row
                .value("value_bytes")
                .and_then(|bytes| bytes.try_into().ok());
            let bytes = bytes.map_or(0, i32::from_be_bytes);
            self.value_bytes = self.value_bytes.saturating_add(i64::from(bytes));
            let unparseable = row.value("status") == Some(b"unparseable");
            self.unparseable = self.unparseable.saturating_add(i64::from(unparseable));
            self.witness = row.offset().map(|offset| Witness {
                offset,
                timestamp_ms: row.integer("kafka_timestamp_ms"),
                sha256: row
                    .value("value_sha256")
                    .and_then(|hash| hash.try_into().ok()),
            });
        }
    }

    /// Does it move anything?
    pub fn moves(&self) -> bool {
        self.reached > self.expected.next()
    }
}

/// What one write transaction carries. Slices are of different partitions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// One for each partition, in no order.
    pub slices: Vec<PartitionSlice>,
}

impl Batch {
    /// Rows in all.
    pub fn rows(&self) -> usize {
        self.slices.iter().map(|slice| slice.rows.rows()).sum()
    }

    /// Encoded bytes in all.
    pub fn bytes(&self) -> usize {
        self.slices.iter().map(|slice| slice.rows.len()).sum()
    }

    /// Is it time to write it?
    pub fn is_full(&self, limit: BatchLimit) -> bool {
        self.rows() >= limit.rows || self.bytes() >= limit.bytes
    }

    /// Is there nothing to write?
    pub fn is_empty(&self) -> bool {
        !self.slices.iter().any(PartitionSlice::moves)
    }

    /// The slice of a partition, made where there is none yet.
    pub fn slice_mut(
        &mut self,
        id: &PartitionId,
        make: impl FnOnce() -> PartitionSlice,
    ) -> Option<&mut PartitionSlice> {
        // a batch has at most a few dozen partitions: a scan beats a map
        let found = self.slices.iter().position(|slice| slice.id == *id);
        if found.is_none() {
            self.slices.push(make());
        }
        let place = found.unwrap_or(self.slices.len().saturating_sub(1));
        self.slices.get_mut(place)
    }
}
