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
mod reading;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use notif_core::batch::Gap;
use notif_core::offset::{EndOffset, LastConsumed, NextOffset};
use notif_core::record::PartitionId;
use notif_core::store::commit::Committed;
use notif_core::store::{DatabaseUrl, Session, StoreError};
use rdkafka::error::RDKafkaErrorCode;

use crate::clock::RunClock;
use crate::deadline::{Deadline, WaitsFor};
use crate::kafka::Client;
use crate::kafka::KafkaError;
use budget::Budget;
use lane::{Filler, Item, Weighed};
use reading::Reading;

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
            .find_map(|writer| writer.join().ok().flatten())
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
