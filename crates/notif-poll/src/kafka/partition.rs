//! The records of one partition up to a captured end, one at a time.
//!
//! `pipeline` reads many partitions at once and as fast as it can be written; here one is read
//! while somebody compares. When it is read to its end, and what a silent client means, is the same.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use notif_core::drain::{Arrival, Drain};
use notif_core::offset::{EndOffset, NextOffset};
use notif_core::record::{PartitionId, Record};
use rdkafka::error::RDKafkaErrorCode;

use super::Client;
use super::ffi::Received;
use super::reader::Reader;

/// How long nothing may come before Kafka is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);

/// How long one look into the queue waits.
const LOOK: Duration = Duration::from_millis(20);

/// Why no more records come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// Kafka does not answer any more.
    #[error("{0}")]
    Lost(String),
    /// Kafka answers, but does not give this partition.
    #[error("{0}")]
    Partition(String),
}

/// The committed records of a partition, in the order of their offsets.
pub(crate) struct PartitionRecords<'c> {
    reader: Reader<'c>,
    id: PartitionId,
    drain: Drain,
    received: VecDeque<Received>,
    incoming: Vec<Received>,
    low: NextOffset,
    heard_at: Instant,
}

impl<'c> PartitionRecords<'c> {
    /// Reads `from..end` of a partition; whatever the client read before is over.
    pub(crate) fn read(
        client: &'c Client,
        id: PartitionId,
        from: NextOffset,
        end: EndOffset,
    ) -> Result<Self, Trouble> {
        let reader = Reader::assign(client, &[(id.clone(), from)])
            .map_err(|error| Trouble::Lost(error.to_string()))?;
        Ok(Self {
            reader,
            id,
            drain: Drain::new(from, end),
            received: VecDeque::new(),
            incoming: Vec::new(),
            low: from,
            heard_at: Instant::now(),
        })
    }

    /// The first offset that Kafka could still give: it may have deleted records while it was read.
    pub(crate) fn low(&self) -> NextOffset {
        self.low
    }

    /// What one thing that came from Kafka means; the record, where it is one to hand out.
    fn take(&mut self, item: Received) -> Result<Option<Record>, Trouble> {
        match item {
            Received::Record(record)
                if record.partition == self.id
                    && self.drain.record(record.offset) == Arrival::Store =>
            {
                return Ok(Some(record));
            }
            Received::EndOfPartition { id, offset } if id == self.id => {
                self.drain.end_of_partition(offset);
            }
            Received::Problem {
                id: Some(id),
                offset,
                code,
                message,
            } if id == self.id => {
                self.drain.event(offset);
                if code != RDKafkaErrorCode::AutoOffsetReset {
                    return Err(Trouble::Partition(message));
                }
                self.follow_retention(offset)?;
            }
            // of a partition that was read before, or about none
            _ => {}
        }
        Ok(None)
    }

    /// Kafka deleted what was to be read next: the reading goes on at its low offset.
    fn follow_retention(&mut self, refused: i64) -> Result<(), Trouble> {
        let next = self.drain.next();
        if refused < next.get() {
            return Ok(());
        }
        let low = self
            .reader
            .low_offset(&self.id)
            .map_err(|error| Trouble::Partition(error.to_string()))?;
        if low <= next {
            return Err(Trouble::Partition(format!(
                "Kafka does not have offset {} although its log begins at {}",
                next.get(),
                low.get()
            )));
        }
        self.low = low;
        self.drain.lost_below(low);
        self.received.clear();
        if self.drain.is_done() {
            return Ok(());
        }
        self.reader
            .restart(&[(self.id.clone(), self.drain.next())])
            .map_err(|error| Trouble::Lost(error.to_string()))
    }

    /// Waits a moment for more. The client does not tell when it lost its brokers: where nothing
    /// comes for a while, one small question is asked.
    fn receive(&mut self) -> Result<(), Trouble> {
        self.reader.receive(LOOK, &mut self.incoming);
        if !self.incoming.is_empty() {
            self.received.extend(self.incoming.drain(..));
            self.heard_at = Instant::now();
            return Ok(());
        }
        for (id, position) in self.reader.positions() {
            if id == self.id {
                self.drain.position(position);
            }
        }
        if self.heard_at.elapsed() >= SILENCE && !self.drain.is_done() {
            self.reader.low_offset(&self.id).map_err(|error| {
                let silence = SILENCE.as_secs();
                Trouble::Lost(format!("nothing came from Kafka for {silence} s: {error}"))
            })?;
            self.heard_at = Instant::now();
        }
        Ok(())
    }

    fn next_record(&mut self) -> Result<Option<Record>, Trouble> {
        loop {
            while let Some(item) = self.received.pop_front() {
                if let Some(record) = self.take(item)? {
                    return Ok(Some(record));
                }
            }
            if self.drain.is_done() {
                return Ok(None);
            }
            self.receive()?;
        }
    }
}

impl Iterator for PartitionRecords<'_> {
    type Item = Result<Record, Trouble>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

impl Drop for PartitionRecords<'_> {
    /// A partition that never rests would go on filling the client's queue.
    fn drop(&mut self) {
        self.reader.pause(&self.id);
    }
}
