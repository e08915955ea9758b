//! What came of a run: for each partition, and in all.

use std::collections::{BTreeSet, HashMap};

use notif_core::offset::NextOffset;
use notif_core::record::PartitionId;
use notif_core::stop::{Stop, StopReason};
use notif_core::store::StoreError;

use super::Task;

/// What a run did with one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Where the next run goes on: what is committed.
    pub(crate) next: NextOffset,
    /// Records stored.
    pub(crate) records: i64,
    /// Is everything up to the captured end stored?
    pub(crate) done: bool,
    /// Another run is at it.
    pub(crate) left: bool,
    /// Why reading it ended early, where it was no matter of time.
    pub(crate) problem: Option<Problem>,
}

impl Drained {
    /// Did it turn out that the log is not the one that was recorded?
    pub(crate) fn met_another_log(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| {
            matches!(
                problem.consequence,
                Consequence::Stop(StopReason::Diverged, _)
            )
        })
    }
}

/// Why a partition could not go on in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// In words.
    pub(crate) words: String,
    /// What follows from it.
    pub(crate) consequence: Consequence,
}

/// What follows from a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// The next run judges anew.
    ThisRun,
    /// A right to read the topic has to be given; the next run tries again.
    GrantRead,
    /// The database has to be mended; the next run tries again.
    MendDatabase,
    /// The partition stays stopped, at this offset, until an operator decides.
    Stop(StopReason, i64),
}

impl Problem {
    pub(crate) fn this_run(words: String) -> Self {
        let consequence = Consequence::ThisRun;
        Self { words, consequence }
    }

    pub(crate) fn unauthorised() -> Self {
        let words = "Kafka does not let this user read the topic; grant Read on it".to_owned();
        let consequence = Consequence::GrantRead;
        Self { words, consequence }
    }

    pub(crate) fn database(words: String) -> Self {
        let consequence = Consequence::MendDatabase;
        Self { words, consequence }
    }

    /// A stop is about what is still to be read: an error names where its batch of records begins,
    /// which may lie before that.
    pub(crate) fn not_before(mut self, next: i64) -> Self {
        if let Consequence::Stop(_, offset) = &mut self.consequence {
            *offset = (*offset).max(next);
        }
        self
    }

    pub(crate) fn stop(reason: StopReason, offset: i64, words: String) -> Self {
        let consequence = Consequence::Stop(reason, offset);
        Self { words, consequence }
    }
}

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// For each task.
    pub(crate) partitions: HashMap<PartitionId, Drained>,
    /// Records stored.
    pub(crate) records: i64,
    /// Bytes of their values.
    pub(crate) bytes: i64,
    /// How many could not be opened.
    pub(crate) unparseable: i64,
    /// The brokers were lost, and nothing more could be read.
    pub(crate) kafka_lost: Option<String>,
    /// Topics that were created anew while they were read.
    pub(crate) replaced: BTreeSet<String>,
    /// What has to be read again, with records of it kept as raw bytes.
    pub(crate) again: Vec<Task>,
    /// Why writing stopped.
    pub(crate) failure: Option<StoreError>,
}

impl Outcome {
    /// Adds tasks that other runs are at.
    pub(crate) fn leave(&mut self, tasks: &[Task]) {
        let left = tasks.iter().map(|task| {
            let drained = Drained {
                next: task.last.next(),
                records: 0,
                done: false,
                left: true,
                problem: None,
            };
            (task.id.clone(), drained)
        });
        self.partitions.extend(left);
    }

    /// Adds what came of reading again; how many records were refused in all.
    pub(crate) fn add(&mut self, further: Self) {
        for (id, drained) in further.partitions {
            let before = self.partitions.get(&id).map_or(0, |before| before.records);
            let records = drained.records.saturating_add(before);
            self.partitions.insert(id, Drained { records, ..drained });
        }
        self.records = self.records.saturating_add(further.records);
        self.bytes = self.bytes.saturating_add(further.bytes);
        self.unparseable = self.unparseable.saturating_add(further.unparseable);
        self.kafka_lost = self.kafka_lost.take().or(further.kafka_lost);
        self.failure = self.failure.take().or(further.failure);
        self.again = further.again;
    }

    /// The partitions that are to stay stopped, in no order.
    pub(crate) fn stops(&self, generation: impl Fn(&PartitionId) -> Option<i32>) -> Vec<Stop> {
        let stop = |(id, drained): (&PartitionId, &Drained)| {
            let Consequence::Stop(reason, offset) = drained.problem.as_ref()?.consequence else {
                return None;
            };
            Some(Stop {
                id: id.clone(),
                generation: generation(id)?,
                last: drained.next.last_consumed(),
                reason,
                offset,
            })
        };
        self.partitions.iter().filter_map(stop).collect()
    }
}
