//! One lane: a thread that decodes and fills batches, and a thread that writes them. A partition has
//! one lane, so its records stay in order; two lanes keep two backends of PostgreSQL busy.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use notif_core::batch::{Batch, BatchLimit, Gap, PartitionSlice};
use notif_core::decode::{decode, decode_refused};
use notif_core::event::Status;
use notif_core::notification::NewNotification;
use notif_core::notification_id::PartitionHash;
use notif_core::offset::{LastConsumed, NextOffset};
use notif_core::record::{PartitionId, Record};
use notif_core::stop::StopReason;
use notif_core::store::refusal::{Fault, Refusal};
use notif_core::store::{Session, StoreError};
use notif_core::witness::Witness;

use super::shared::{Leaving, Shared};
use super::{Problem, Task};
use crate::clock::RunClock;
use crate::deadline::Deadline;

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

/// Encoded bytes of a batch: two lanes with three batches each (filling, waiting, being written)
/// stay below 40 MiB.
const BATCH_BYTES: usize = 6 * 1024 * 1024;

/// A batch that stopped growing is written after this long: the reader may be waiting for the bytes
/// that it holds.
const IDLE_FLUSH: Duration = Duration::from_millis(100);

/// What owning a record costs beside its bytes, and what owning a header does.
const RECORD_COST: usize = 256;
const HEADER_COST: usize = 128;

/// What a record weighs.
pub(super) fn weight(record: &Record) -> usize {
    let header_bytes = record.headers.iter().map(|header| {
        header
            .name
            .len()
            .saturating_add(header.value.as_ref().map_or(0, Vec::len))
            .saturating_add(HEADER_COST)
    });
    header_bytes
        .chain([
            RECORD_COST,
            record.value.as_ref().map_or(0, Vec::len),
            record.key.as_ref().map_or(0, Vec::len),
        ])
        .fold(0, usize::saturating_add)
}

/// The state of one partition between batches.
struct Progress {
    generation: i32,
    hash: PartitionHash,
    expected: LastConsumed,
    /// A loss that the next slice begins with.
    gap: Option<Gap>,
    /// Records that are kept as raw bytes because PostgreSQL refused them otherwise.
    refused: BTreeSet<i64>,
}

/// The decoding half of a lane.
pub(super) struct Filler<'s> {
    shared: &'s Shared,
    clock: RunClock,
    deadline: &'s Deadline,
    progress: HashMap<PartitionId, Progress>,
    batch: Batch,
    weight: usize,
    out: SyncSender<Weighed>,
}

impl<'s> Filler<'s> {
    pub(super) fn new(
        shared: &'s Shared,
        clock: RunClock,
        deadline: &'s Deadline,
        tasks: &[Task],
        out: SyncSender<Weighed>,
    ) -> Self {
        let progress = tasks
            .iter()
            .map(|task| {
                let progress = Progress {
                    generation: task.generation,
                    hash: PartitionHash::new(&task.id.topic, task.generation, task.id.partition),
                    expected: task.last,
                    gap: task.gap,
                    refused: task.refused.clone(),
                };
                (task.id.clone(), progress)
            })
            .collect();
        Self {
            shared,
            clock,
            deadline,
            progress,
            batch: Batch::default(),
            weight: 0,
            out,
        }
    }

    /// Fills batches until the reader is done. Once time is over, what has not been decoded yet is
    /// dropped: the batches on their way are all that the last seconds are for.
    pub(super) fn run(mut self, items: &Receiver<Item>) {
        self.open_gaps();
        loop {
            match items.recv_timeout(IDLE_FLUSH) {
                Ok(item) if self.deadline.is_over() => self.drop_item(&item),
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
                    // what came before the loss is a batch of its own: a slice has its loss first
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

    fn drop_item(&self, item: &Item) {
        if let Item::Records(records) = item {
            let weight = records.iter().map(weight).fold(0, usize::saturating_add);
            self.shared.budget.give(weight);
        }
    }

    /// A loss is written even where nothing is left to read.
    fn open_gaps(&mut self) {
        let with_gap = self
            .progress
            .iter()
            .filter(|(_, progress)| progress.gap.is_some());
        let ids: Vec<PartitionId> = with_gap.map(|(id, _)| id.clone()).collect();
        for id in ids {
            slice_of(&mut self.batch, &self.progress, &id);
        }
    }

    fn add(&mut self, record: Record) {
        self.weight = self.weight.saturating_add(weight(&record));
        let id = record.partition.clone();
        let Some(progress) = self.progress.get(&id) else {
            return;
        };
        let (generation, hash) = (progress.generation, progress.hash);
        let (offset, timestamp_ms) = (record.offset, record.time.millis());
        let event = if progress.refused.contains(&offset) {
            decode_refused(&record)
        } else {
            decode(&record)
        };
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
        let limit = BatchLimit {
            rows: self.shared.batch_rows(),
            bytes: BATCH_BYTES,
        };
        if self.batch.is_full(limit) {
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
            // the writer's thread is gone, which the end of the run tells
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
        let mut slice = PartitionSlice::new(id.clone(), progress.generation, progress.expected);
        if let Some(gap) = progress.gap {
            slice.reached = gap.to;
            slice.gap = Some(gap);
        }
        slice
    })
}

/// The writing half of a lane: commits batches until there are no more, or one fails.
pub(super) fn write(
    shared: &Shared,
    mut session: Session,
    batches: &Receiver<Weighed>,
    deadline: &Deadline,
) -> Session {
    while let Ok(Weighed { mut batch, weight }) = batches.recv() {
        batch
            .slices
            .retain(|slice| shared.leaving(&slice.id).is_none());
        if !shared.has_failed() && !batch.is_empty() {
            commit(shared, &mut session, batch, deadline);
        }
        shared.budget.give(weight);
    }
    session
}

/// Commits a batch. Where one row cannot be written, only its partition leaves the run, and what
/// stands before it there is written.
fn commit(shared: &Shared, session: &mut Session, mut batch: Batch, deadline: &Deadline) {
    let started = Instant::now();
    match session.batch_commit(shared.run_id, &mut batch) {
        Ok(fenced) => {
            for id in fenced {
                shared.leave(&id, Leaving::ToAnotherRun);
            }
            shared.took(batch.rows(), started.elapsed());
            shared.committed(&batch);
        }
        Err(StoreError::Conflict(why)) => find_conflict(shared, session, batch, why, deadline),
        Err(error @ StoreError::Refused(_)) => cut_refused(shared, session, batch, error, deadline),
        Err(error) => shared.fail(error),
    }
}

/// A position is recorded already, although the offset said that it is not: each partition is tried
/// alone, the culprit is stopped there.
fn find_conflict(
    shared: &Shared,
    session: &mut Session,
    batch: Batch,
    why: String,
    deadline: &Deadline,
) {
    if batch.slices.len() == 1 {
        return cut_refused(shared, session, batch, StoreError::Conflict(why), deadline);
    }
    for slice in batch.slices {
        let slices = vec![slice];
        commit(shared, session, Batch { slices }, deadline);
    }
}

/// PostgreSQL refused the batch: because of its rows, or for reasons of its own, which end the run.
fn cut_refused(
    shared: &Shared,
    session: &mut Session,
    mut batch: Batch,
    error: StoreError,
    deadline: &Deadline,
) {
    let refusals = match session.batch_try(&batch, &|| !deadline.is_over()) {
        Ok(Some(refusals)) if !refusals.is_empty() => refusals,
        Ok(Some(_none)) => return shared.fail(error),
        Ok(None) => {
            // no time left to find out: the next run does
            for slice in &batch.slices {
                shared.leave(&slice.id, Leaving::ToBeReadAgain);
            }
            return;
        }
        Err(unknown) => {
            log::warn!("which rows of a batch are refused could not be found out: {unknown}");
            return shared.fail(error);
        }
    };
    for slice in &mut batch.slices {
        let id = slice.id.clone();
        let mut of_it = refusals.iter().filter(|refusal| refusal.id == id);
        let Some(first) = of_it.next() else { continue };
        slice.cut_before(first.row);
        shared.leave(&id, leaving(shared, first));
        for further in of_it.filter(|refusal| refusal.fault == Fault::Record) {
            shared.refuse(&further.id, further.offset);
        }
    }
    if !batch.is_empty() {
        commit(shared, session, batch, deadline);
    }
}

/// What a refused row means for its partition.
fn leaving(shared: &Shared, refusal: &Refusal) -> Leaving {
    let Refusal {
        id, offset, words, ..
    } = refusal;
    match refusal.fault {
        Fault::Record if shared.refuse(id, *offset) => {
            log::warn!(
                "{id}: PostgreSQL refuses the record at {offset}, it is kept as it came: {words}"
            );
            Leaving::ToBeReadAgain
        }
        Fault::Record => Leaving::Problem(Problem::stop(
            StopReason::Refused,
            *offset,
            format!("PostgreSQL refuses the record at {offset} even as raw bytes: {words}"),
        )),
        Fault::Recorded => Leaving::Problem(Problem::stop(
            StopReason::Conflict,
            *offset,
            format!("the position {offset} is recorded already: {words}"),
        )),
        Fault::Addition => Leaving::Problem(Problem::database(format!(
            "something that was added to the database refuses the record at {offset}: {words}"
        ))),
    }
}
