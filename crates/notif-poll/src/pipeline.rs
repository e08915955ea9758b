//! Reading, decoding and writing at the same time.
//!
//! ```text
//! Kafka -> reader (this thread) -> lane: filler -> writer -> PostgreSQL
//!                               \> lane: filler -> writer /
//! ```
//!
//! Nothing is decided here: which partitions, from where and to where is the plan's; when one is done
//! is `drain`'s; what is written together is `batch`'s. What is here is the flow: bounded queues, a
//! budget of bytes, and an end that always comes.

mod budget;
mod lane;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use notif_core::batch::Gap;
use notif_core::drain::{Arrival, Drain};
use notif_core::offset::{EndOffset, LastConsumed, NextOffset};
use notif_core::record::{PartitionId, Record};
use notif_core::store::commit::Committed;
use notif_core::store::{DatabaseUrl, Session, StoreError};
use rdkafka::error::RDKafkaErrorCode;

use crate::clock::RunClock;
use crate::deadline::{Deadline, WaitsFor};
use crate::kafka::Client;
use crate::kafka::ffi::{KafkaError, Received};
use crate::kafka::reader::Reader;
use crate::progress::Progress;
use budget::Budget;
use lane::{Filler, Item, Weighed};

/// One partition's part of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// The partition.
    pub(crate) id: PartitionId,
    /// Its generation.
    pub(crate) generation: i32,
    /// What is stored now.
    pub(crate) last: LastConsumed,
    /// A loss to write first.
    pub(crate) gap: Option<Gap>,
    /// Where to read from.
    pub(crate) from: NextOffset,
    /// The captured end.
    pub(crate) to: EndOffset,
}

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
    pub(crate) problem: Option<String>,
}

/// What a run did.
#[derive(Debug)]
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
    /// Why writing stopped.
    pub(crate) failure: Option<StoreError>,
}

/// What the threads share.
struct Shared {
    run_id: i64,
    budget: Budget,
    failed: AtomicBool,
    failure: Mutex<Option<StoreError>>,
    left: Mutex<HashSet<PartitionId>>,
    sums: Mutex<Sums>,
    stored: AtomicI64,
}

#[derive(Debug, Default)]
struct Sums {
    next: HashMap<PartitionId, (NextOffset, i64)>,
    bytes: i64,
    unparseable: i64,
}

impl Shared {
    fn new(run_id: i64) -> Self {
        Self {
            run_id,
            budget: Budget::new(IN_FLIGHT_BYTES),
            failed: AtomicBool::new(false),
            failure: Mutex::default(),
            left: Mutex::default(),
            sums: Mutex::default(),
            stored: AtomicI64::new(0),
        }
    }

    fn committed(&self, committed: Committed) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for slice in committed.slices {
            let rows = i64::try_from(slice.rows.rows()).unwrap_or(i64::MAX);
            let place = sums.next.entry(slice.id).or_insert((slice.reached, 0));
            *place = (slice.reached, place.1.saturating_add(rows));
            sums.bytes = sums.bytes.saturating_add(slice.value_bytes);
            sums.unparseable = sums.unparseable.saturating_add(slice.unparseable);
            self.stored.fetch_add(rows, Ordering::Relaxed);
        }
        self.left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(committed.fenced);
    }

    fn fail(&self, error: StoreError) {
        self.failed.store(true, Ordering::Relaxed);
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Did the partition leave the run, because another run is at it?
    fn is_left(&self, id: &PartitionId) -> bool {
        self.left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(id)
    }
}

/// Bytes of messages between the client's queue and a commit.
const IN_FLIGHT_BYTES: usize = 24 * 1024 * 1024;

/// A backlog of fewer offsets is not worth a second connection.
const SECOND_LANE_FROM: i64 = 4_000;

/// How long a lane may lag behind the reader, in chunks.
const LANE_QUEUE: usize = 16;

/// Runs the tasks to their ends, or to the deadline. The session is given back.
pub(crate) fn run(
    client: &Client,
    session: Session,
    database: &DatabaseUrl,
    tasks: &[Task],
    run_id: i64,
    clock: RunClock,
    deadline: &Deadline,
) -> Result<(Session, Outcome), KafkaError> {
    let shared = Shared::new(run_id);
    let lanes = assign_lanes(tasks);
    let mut reading = Reading::new(client, tasks, &shared, deadline)?;
    let session = thread::scope(|scope| {
        let mut senders = Vec::new();
        let mut writers = Vec::new();
        let mut first_session = Some(session);
        for lane_tasks in &lanes {
            let (items_in, items_out) = sync_channel::<Item>(LANE_QUEUE);
            let (batches_in, batches_out) = sync_channel::<Weighed>(1);
            let filler = Filler::new(&shared, clock, lane_tasks, batches_in);
            scope.spawn(move || filler.run(&items_out));
            let (shared, own) = (&shared, first_session.take());
            writers.push(scope.spawn(move || {
                let session = match own {
                    Some(session) => Ok(session),
                    None => Session::connect(database, "notif-poll"),
                };
                match session {
                    Ok(session) => Some(lane::write(shared, session, &batches_out)),
                    Err(error) => {
                        shared.fail(error);
                        lane::discard(shared, &batches_out);
                        None
                    }
                }
            }));
            senders.push(items_in);
        }
        let route = lanes
            .iter()
            .enumerate()
            .flat_map(|(lane, tasks)| tasks.iter().map(move |task| (task.id.clone(), lane)))
            .collect();
        reading.run(&senders, &route);
        deadline.waiting_for(WaitsFor::Database);
        drop(senders);
        // the first writer has the session that was handed in; a thread that panicked has none
        writers
            .into_iter()
            .filter_map(|writer| writer.join().ok().flatten())
            .next()
    });
    deadline.waiting_for(WaitsFor::Itself);
    let outcome = reading.outcome();
    match session {
        Some(session) => Ok((session, outcome)),
        None => Err(KafkaError {
            code: RDKafkaErrorCode::Fail,
            message: "a writer of the pipeline ended unexpectedly".to_owned(),
        }),
    }
}

/// Shares tasks between one or two lanes, the longest first to the lane with less to do.
fn assign_lanes(tasks: &[Task]) -> Vec<Vec<Task>> {
    let length = |task: &Task| task.from.distance_to(task.to);
    let total = tasks.iter().map(length).fold(0_i64, i64::saturating_add);
    if total < SECOND_LANE_FROM || tasks.len() < 2 {
        return vec![tasks.to_vec()];
    }
    let mut sorted: Vec<&Task> = tasks.iter().collect();
    sorted.sort_by_key(|task| std::cmp::Reverse(length(task)));
    let (mut one, mut other) = ((0_i64, Vec::new()), (0_i64, Vec::new()));
    for task in sorted {
        let lane = if one.0 <= other.0 {
            &mut one
        } else {
            &mut other
        };
        lane.0 = lane.0.saturating_add(length(task));
        lane.1.push(task.clone());
    }
    vec![one.1, other.1]
}

/// The reader's side.
struct Reading<'r> {
    reader: Option<Reader<'r>>,
    tasks: &'r [Task],
    shared: &'r Shared,
    deadline: &'r Deadline,
    drains: HashMap<PartitionId, Drain>,
    open: usize,
    problems: HashMap<PartitionId, String>,
    kafka_lost: Option<String>,
}

/// How long the brokers may be gone, with nothing coming, before the run ends.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// How long one look into the queue waits.
const RECEIVE_WAIT: Duration = Duration::from_millis(20);

impl<'r> Reading<'r> {
    fn new(
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
            kafka_lost: None,
        })
    }

    /// Reads until every partition is done, time is over, or writing failed.
    fn run(&mut self, senders: &[SyncSender<Item>], route: &HashMap<PartitionId, usize>) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        let mut progress = Progress::start(self.left());
        let mut received = Vec::new();
        let (mut brokers_down, mut last_heard) = (false, Instant::now());
        self.deadline.waiting_for(WaitsFor::Kafka);
        while self.open > 0 && !self.deadline.is_over() && !self.shared.has_failed() {
            reader.receive(RECEIVE_WAIT, &mut received);
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
                        code,
                        message,
                    } => {
                        self.give_up(&id, &reader, code, message);
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

    /// A partition that cannot be read further ends here; the others go on.
    fn give_up(
        &mut self,
        id: &PartitionId,
        reader: &Reader<'_>,
        code: RDKafkaErrorCode,
        message: String,
    ) {
        let open = self.drains.get(id).is_some_and(|drain| !drain.is_done());
        if !open || self.problems.contains_key(id) {
            return;
        }
        let problem = match code {
            RDKafkaErrorCode::AutoOffsetReset => {
                "Kafka deleted records while they were being read; the next run writes the loss down"
                    .to_owned()
            }
            _ => message,
        };
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
                drain.position(position)
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

    fn outcome(self) -> Outcome {
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
