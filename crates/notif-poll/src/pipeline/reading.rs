//! The reader's side of the pipeline: what comes from Kafka is handed to the lanes until every
//! partition is done, time is over, or writing failed.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use notif_core::batch::{Gap, GapReason};
use notif_core::drain::{Arrival, Drain};
use notif_core::offset::NextOffset;
use notif_core::record::{PartitionId, Record};
use rdkafka::error::RDKafkaErrorCode;

use super::lane::{self, Item};
use super::{Drained, Outcome, Shared, Task};
use crate::deadline::{Deadline, WaitsFor};
use crate::kafka::Client;
use crate::kafka::ffi::{KafkaError, Received};
use crate::kafka::reader::Reader;
use crate::progress::Progress;

/// The reader's side.
pub(super) struct Reading<'r> {
    reader: Option<Reader<'r>>,
    tasks: &'r [Task],
    shared: &'r Shared,
    deadline: &'r Deadline,
    drains: HashMap<PartitionId, Drain>,
    open: usize,
    problems: HashMap<PartitionId, String>,
    /// Partitions whose reader was overtaken by retention.
    overtaken: HashSet<PartitionId>,
    kafka_lost: Option<String>,
}

/// How long the brokers may be gone, with nothing coming, before the run ends.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// How long one look into the queue waits.
const RECEIVE_WAIT: Duration = Duration::from_millis(20);

impl<'r> Reading<'r> {
    pub(super) fn new(
        client: &'r Client,
        tasks: &'r [Task],
        shared: &'r Shared,
        deadline: &'r Deadline,
    ) -> Result<Self, KafkaError> {
        let drains: HashMap<_, _> = tasks
            .iter()
            .map(|task| (task.id.clone(), Drain::new(task.from, task.to)))
            .collect();
        let starts: Vec<_> = tasks
            .iter()
            .filter(|task| !task.from.reached(task.to))
            .map(|task| (task.id.clone(), task.from))
            .collect();
        let reader = if starts.is_empty() {
            None
        } else {
            Some(Reader::assign(client, &starts)?)
        };
        Ok(Self {
            reader,
            tasks,
            shared,
            deadline,
            drains,
            open: starts.len(),
            problems: HashMap::new(),
            overtaken: HashSet::new(),
            kafka_lost: None,
        })
    }

    /// Reads until every partition is done, time is over, or writing failed.
    pub(super) fn run(
        &mut self,
        senders: &[SyncSender<Item>],
        route: &HashMap<PartitionId, usize>,
    ) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        let mut progress = Progress::start(self.left());
        let mut received = Vec::new();
        let (mut brokers_down, mut last_heard) = (false, Instant::now());
        while self.open > 0
            && self.kafka_lost.is_none()
            && !self.deadline.is_over()
            && !self.shared.has_failed()
        {
            self.deadline.waiting_for(WaitsFor::Kafka);
            reader.receive(RECEIVE_WAIT, &mut received);
            // whatever blocks from here on waits for a lane, and a lane waits for PostgreSQL
            self.deadline.waiting_for(WaitsFor::Database);
            if received.is_empty() {
                self.look_at_positions(&reader, senders, route);
            }
            let mut chunks: Vec<Vec<Record>> = senders.iter().map(|_| Vec::new()).collect();
            for item in received.drain(..) {
                match item {
                    Received::Record(record) => {
                        (brokers_down, last_heard) = (false, Instant::now());
                        self.take_record(record, &reader, senders, route, &mut chunks);
                    }
                    Received::EndOfPartition { id, offset } => {
                        (brokers_down, last_heard) = (false, Instant::now());
                        hand_over(&mut chunks, senders);
                        self.update(&id, &reader, senders, route, |d| d.end_of_partition(offset));
                    }
                    Received::Problem {
                        id: Some(id),
                        code: RDKafkaErrorCode::AutoOffsetReset,
                        ..
                    } => {
                        hand_over(&mut chunks, senders);
                        self.overtaken(&id, &reader, senders, route);
                    }
                    Received::Problem {
                        id: Some(id),
                        message,
                        ..
                    } => {
                        self.give_up(&id, &reader, message);
                    }
                    Received::Problem {
                        id: None,
                        code,
                        message,
                    } => {
                        log::debug!("kafka: {message}");
                        brokers_down |= code == RDKafkaErrorCode::AllBrokersDown;
                    }
                }
            }
            hand_over(&mut chunks, senders);
            progress.show(self.shared.stored.load(Ordering::Relaxed), || self.left());
            if brokers_down && last_heard.elapsed() >= LOST_AFTER {
                self.kafka_lost = Some("no broker can be reached any more".to_owned());
                break;
            }
        }
        if self.open > 0 && self.kafka_lost.is_none() && last_heard.elapsed() >= LOST_AFTER {
            let silence = last_heard.elapsed().as_secs();
            self.kafka_lost = Some(format!("nothing came from Kafka for {silence} s"));
        }
        progress.end();
    }

    fn take_record(
        &mut self,
        record: Record,
        reader: &Reader<'_>,
        senders: &[SyncSender<Item>],
        route: &HashMap<PartitionId, usize>,
        chunks: &mut [Vec<Record>],
    ) {
        let Some(drain) = self.drains.get_mut(&record.partition) else {
            return;
        };
        if drain.is_done() || self.problems.contains_key(&record.partition) {
            return;
        }
        let id = record.partition.clone();
        let arrival = drain.record(record.offset);
        let done = drain.is_done();
        if arrival == Arrival::Store {
            let weight = lane::weight(&record);
            while !self.shared.budget.take(weight, RECEIVE_WAIT) {
                // what waits in chunks holds bytes that the lanes must see to give them back
                hand_over(chunks, senders);
                if self.shared.has_failed() {
                    return;
                }
            }
            let lane = route.get(&id).copied().unwrap_or_default();
            if let Some(chunk) = chunks.get_mut(lane) {
                chunk.push(record);
            }
        }
        if done {
            hand_over(chunks, senders);
            self.close(&id, reader, senders, route);
        }
    }

    /// Applies a sign to a drain, and closes the partition where it was the last one needed.
    fn update(
        &mut self,
        id: &PartitionId,
        reader: &Reader<'_>,
        senders: &[SyncSender<Item>],
        route: &HashMap<PartitionId, usize>,
        sign: impl FnOnce(&mut Drain),
    ) {
        let Some(drain) = self.drains.get_mut(id) else {
            return;
        };
        if drain.is_done() || self.problems.contains_key(id) {
            return;
        }
        sign(drain);
        if drain.is_done() {
            self.close(id, reader, senders, route);
        }
    }

    /// A partition is read to its end: the lane is told, so that holes at the end are stored too.
    fn close(
        &mut self,
        id: &PartitionId,
        reader: &Reader<'_>,
        senders: &[SyncSender<Item>],
        route: &HashMap<PartitionId, usize>,
    ) {
        self.open = self.open.saturating_sub(1);
        reader.pause(id);
        let (Some(drain), Some(lane)) = (self.drains.get(id), route.get(id)) else {
            return;
        };
        if let Some(sender) = senders.get(*lane) {
            send(sender, Item::Reached(id.clone(), drain.reached()));
        }
    }

    /// Retention overtook the reader: the offset that it asks for is gone. The low offset is asked
    /// again, the loss is told to the lane, and the reading goes on behind it, once in a run.
    fn overtaken(
        &mut self,
        id: &PartitionId,
        reader: &Reader<'_>,
        senders: &[SyncSender<Item>],
        route: &HashMap<PartitionId, usize>,
    ) {
        let Some(drain) = self.drains.get_mut(id).filter(|drain| !drain.is_done()) else {
            return;
        };
        let from = drain.next();
        let low = match reader.low_offset(id) {
            Ok(low) if low > from && self.overtaken.insert(id.clone()) => low,
            Ok(low) => {
                let problem = format!(
                    "Kafka does not have offset {} although its log begins at {}",
                    from.get(),
                    low.get()
                );
                return self.give_up(id, reader, problem);
            }
            Err(error) => return self.give_up(id, reader, error.to_string()),
        };
        log::warn!(
            "{id}: Kafka deleted {}..{} while it was read",
            from.get(),
            low.get()
        );
        drain.lost_below(low);
        let done = drain.is_done();
        let gap = Gap {
            from,
            to: low,
            reason: GapReason::Retention,
        };
        if let Some(sender) = route.get(id).and_then(|lane| senders.get(*lane)) {
            send(sender, Item::Lost(id.clone(), gap));
        }
        if done {
            self.close(id, reader, senders, route);
        }
        if let Err(error) = reader.restart(&self.open_starts()) {
            self.kafka_lost = Some(format!("partitions could not be assigned again: {error}"));
        }
    }

    /// Where each partition that is not done goes on.
    fn open_starts(&self) -> Vec<(PartitionId, NextOffset)> {
        self.drains
            .iter()
            .filter(|(id, drain)| !drain.is_done() && !self.problems.contains_key(*id))
            .map(|(id, drain)| (id.clone(), drain.next()))
            .collect()
    }

    /// A partition that cannot be read further ends here; the others go on.
    fn give_up(&mut self, id: &PartitionId, reader: &Reader<'_>, problem: String) {
        let open = self.drains.get(id).is_some_and(|drain| !drain.is_done());
        if !open || self.problems.contains_key(id) {
            return;
        }
        log::warn!("{id}: {problem}");
        self.problems.insert(id.clone(), problem);
        self.open = self.open.saturating_sub(1);
        reader.pause(id);
    }

    fn look_at_positions(
        &mut self,
        reader: &Reader<'_>,
        senders: &[SyncSender<Item>],
        route: &HashMap<PartitionId, usize>,
    ) {
        for (id, position) in reader.positions() {
            self.update(&id, reader, senders, route, |drain| {
                drain.position(position);
            });
        }
        // a partition that another run is at is left to it
        for task in self.tasks {
            if self.shared.is_left(&task.id) {
                let drain = self
                    .drains
                    .get_mut(&task.id)
                    .filter(|drain| !drain.is_done());
                if let Some(drain) = drain {
                    drain.end_of_partition(task.to.get());
                    self.open = self.open.saturating_sub(1);
                    reader.pause(&task.id);
                }
            }
        }
    }

    /// How many offsets are left to read.
    fn left(&self) -> i64 {
        self.drains
            .values()
            .map(Drain::left)
            .fold(0, i64::saturating_add)
    }

    pub(super) fn outcome(self) -> Outcome {
        let mut sums = self
            .shared
            .sums
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut partitions = HashMap::new();
        let mut records = 0_i64;
        for task in self.tasks {
            let (next, stored) = sums.next.remove(&task.id).unwrap_or((task.last.next(), 0));
            records = records.saturating_add(stored);
            let drained = Drained {
                next,
                records: stored,
                done: next.reached(task.to),
                left: self.shared.is_left(&task.id),
                problem: self.problems.get(&task.id).cloned(),
            };
            partitions.insert(task.id.clone(), drained);
        }
        let mut failure = self
            .shared
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Outcome {
            partitions,
            records,
            bytes: sums.bytes,
            unparseable: sums.unparseable,
            kafka_lost: self.kafka_lost,
            failure: failure.take(),
        }
    }
}

/// Hands what was collected to the lanes.
fn hand_over(chunks: &mut [Vec<Record>], senders: &[SyncSender<Item>]) {
    for (chunk, sender) in chunks.iter_mut().zip(senders) {
        if !chunk.is_empty() {
            send(sender, Item::Records(std::mem::take(chunk)));
        }
    }
}

/// A lane only ends before its sender does when its thread panicked; then its session is missing at
/// the end, and the run says so.
fn send(sender: &SyncSender<Item>, item: Item) {
    if sender.send(item).is_err() {
        log::error!("a lane of the pipeline is gone");
    }
}
