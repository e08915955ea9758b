//! One lane: a thread that decodes and fills batches, and a thread that writes them. A partition has
//! one lane, so its records stay in order; two lanes keep two backends of PostgreSQL busy.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use notif_core::batch::{Batch, BatchLimit, Gap, PartitionSlice, Witness};
use notif_core::decode::decode;
use notif_core::event::Status;
use notif_core::notification::NewNotification;
use notif_core::notification_id::PartitionHash;
use notif_core::offset::{LastConsumed, NextOffset};
use notif_core::record::{PartitionId, Record};
use notif_core::store::Session;

use super::{Shared, Task};
use crate::clock::RunClock;

/// What the reader hands to a lane.
pub(super) enum Item {
    /// Records, in the order of their partitions.
    Records(Vec<Record>),
    /// A partition is read up to here, over markers and holes too.
    Reached(PartitionId, NextOffset),
    /// Kafka deleted these records of a partition while it was read.
    Lost(PartitionId, Gap),
}

/// A batch and what it weighs in the budget.
pub(super) struct Weighed {
    batch: Batch,
    weight: usize,
}

/// When a batch is written. Rows: a transaction of a few hundred milliseconds. Bytes: two lanes with
/// three batches each (filling, waiting, being written) stay below 50 MiB.
const LIMIT: BatchLimit = BatchLimit {
    rows: 8_000,
    bytes: 6 * 1024 * 1024,
};

/// A batch that stopped growing is written after this long: the reader may be waiting for the bytes
/// that it holds.
const IDLE_FLUSH: Duration = Duration::from_millis(100);

/// What a record weighs: its bytes, and what owning it costs.
pub(super) fn weight(record: &Record) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|h| {
            h.name
                .len()
                .saturating_add(h.value.as_ref().map_or(0, Vec::len))
        })
        .sum();
    [
        record.value.as_ref().map_or(0, Vec::len),
        record.key.as_ref().map_or(0, Vec::len),
        headers,
    ]
    .into_iter()
    .fold(256, usize::saturating_add)
}

/// The state of one partition between batches.
struct Progress {
    task: Task,
    hash: PartitionHash,
    expected: LastConsumed,
    /// A loss that the next slice begins with.
    gap: Option<Gap>,
}

/// The decoding half of a lane.
pub(super) struct Filler<'s> {
    shared: &'s Shared,
    clock: RunClock,
    progress: HashMap<PartitionId, Progress>,
    batch: Batch,
    weight: usize,
    out: SyncSender<Weighed>,
}

impl<'s> Filler<'s> {
    pub(super) fn new(
        shared: &'s Shared,
        clock: RunClock,
        tasks: &[Task],
        out: SyncSender<Weighed>,
    ) -> Self {
        let progress = tasks
            .iter()
            .map(|task| {
                let hash = PartitionHash::new(&task.id.topic, task.generation, task.id.partition);
                let progress = Progress {
                    task: task.clone(),
                    hash,
                    expected: task.last,
                    gap: task.gap,
                };
                (task.id.clone(), progress)
            })
            .collect();
        Self {
            shared,
            clock,
            progress,
            batch: Batch::default(),
            weight: 0,
            out,
        }
    }

    /// Fills batches until the reader is done.
    pub(super) fn run(mut self, items: &Receiver<Item>) {
        // a loss is written even where nothing is left to read
        let with_loss: Vec<PartitionId> = self
            .progress
            .iter()
            .filter(|(_, progress)| progress.gap.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        for id in with_loss {
            slice_of(&mut self.batch, &self.progress, &id);
        }
        loop {
            match items.recv_timeout(IDLE_FLUSH) {
                Ok(Item::Records(records)) => {
                    for record in records {
                        self.add(record);
                    }
                }
                Ok(Item::Reached(id, reached)) => {
                    if let Some(slice) = slice_of(&mut self.batch, &self.progress, &id) {
                        slice.reached = slice.reached.max(reached);
                    }
                }
                Ok(Item::Lost(id, gap)) => {
                    // what came before the loss goes into a batch of its own: a slice has its loss first
                    self.flush();
                    if let Some(progress) = self.progress.get_mut(&id) {
                        progress.gap = Some(gap);
                    }
                    slice_of(&mut self.batch, &self.progress, &id);
                }
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.flush();
                    return;
                }
            }
        }
    }

    fn add(&mut self, record: Record) {
        self.weight = self.weight.saturating_add(weight(&record));
        let id = record.partition.clone();
        let Some(progress) = self.progress.get(&id) else {
            return;
        };
        let (generation, hash) = (progress.task.generation, progress.hash);
        let (offset, timestamp_ms) = (record.offset, record.time.millis());
        let event = decode(&record);
        let unparseable = event.status == Status::Unparseable;
        let row = NewNotification::from_record(record, event, generation, hash, self.clock.now());
        if let Some(slice) = slice_of(&mut self.batch, &self.progress, &id) {
            slice.rows.push(&row);
            slice.reached = NextOffset::after(offset);
            slice.value_bytes = slice
                .value_bytes
                .saturating_add(i64::from(row.value_bytes.unwrap_or(0)));
            slice.unparseable = slice.unparseable.saturating_add(i64::from(unparseable));
            slice.witness = Some(Witness {
                offset,
                timestamp_ms,
                sha256: row.value_sha256,
            });
        }
        if self.batch.is_full(LIMIT) {
            self.flush();
        }
    }

    /// Hands the batch to the writer, and waits while that one has another in front of it.
    fn flush(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let weight = std::mem::take(&mut self.weight);
        if batch.is_empty() {
            self.shared.budget.give(weight);
            return;
        }
        for slice in &batch.slices {
            if let Some(progress) = self.progress.get_mut(&slice.id) {
                progress.expected = slice.reached.last_consumed();
                progress.gap = None;
            }
        }
        if self.out.send(Weighed { batch, weight }).is_err() {
            // the writer is gone: it has told why, and the run ends
            self.shared.budget.give(weight);
        }
    }
}

/// The slice of a partition in the batch that is being filled.
fn slice_of<'b>(
    batch: &'b mut Batch,
    progress: &HashMap<PartitionId, Progress>,
    id: &PartitionId,
) -> Option<&'b mut PartitionSlice> {
    let progress = progress.get(id)?;
    batch.slice_mut(id, || {
        let mut slice =
            PartitionSlice::new(id.clone(), progress.task.generation, progress.expected);
        if let Some(gap) = progress.gap {
            slice.reached = gap.to;
            slice.gap = Some(gap);
        }
        slice
    })
}

/// The writing half of a lane: commits batches until there are no more, or one fails.
pub(super) fn write(shared: &Shared, mut session: Session, batches: &Receiver<Weighed>) -> Session {
    while let Ok(Weighed { mut batch, weight }) = batches.recv() {
        batch.slices.retain(|slice| !shared.is_left(&slice.id));
        if !shared.has_failed() && !batch.is_empty() {
            match session.batch_commit(shared.run_id, batch) {
                Ok(committed) => shared.committed(committed),
                Err(error) => shared.fail(error),
            }
        }
        shared.budget.give(weight);
    }
    session
}

/// Takes batches without writing them, so that the reader and the filler come to their ends.
pub(super) fn discard(shared: &Shared, batches: &Receiver<Weighed>) {
    while let Ok(Weighed { weight, .. }) = batches.recv() {
        shared.budget.give(weight);
    }
}
