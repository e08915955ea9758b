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
mod lanes;
mod outcome;
mod reading;
mod shared;

use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;
use std::thread;

use notif_core::batch::Gap;
use notif_core::offset::{EndOffset, LastConsumed, NextOffset};
use notif_core::record::PartitionId;
use notif_core::store::{DatabaseUrl, Session, StoreError};
use notif_core::witness::Witness;

use crate::clock::RunClock;
use crate::deadline::{Deadline, WaitsFor};
use crate::kafka::{Client, KafkaError};
use lane::{Filler, Item, Weighed};
use lanes::Lanes;
pub(crate) use outcome::{Consequence, Drained, Outcome, Problem};
use reading::Reading;
use shared::Shared;

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
    /// A record before that which must still be what was recorded.
    pub(crate) witness: Option<Witness>,
    /// The captured end.
    pub(crate) to: EndOffset,
    /// Records that are to be kept as raw bytes, because PostgreSQL refused them otherwise.
    pub(crate) refused: BTreeSet<i64>,
}

impl Task {
    /// How many offsets there are to read.
    pub(crate) fn length(&self) -> i64 {
        self.from.distance_to(self.to)
    }

    /// The same from where it is stored now, with these records as raw bytes.
    fn again_from(&self, next: NextOffset, refused: BTreeSet<i64>) -> Self {
        let mut again = self.clone();
        again.refused = refused;
        if next > self.last.next() {
            // the loss is written with what came behind it, and the witness was heard
            again.last = next.last_consumed();
            again.gap = None;
            again.from = next;
            again.witness = None;
        }
        again
    }
}

/// A backlog of fewer offsets is not worth a second connection.
const SECOND_LANE_FROM: i64 = 4_000;

/// How long a lane may lag behind the reader, in chunks.
const LANE_QUEUE: usize = 16;

/// Runs the tasks to their ends, or to the deadline. The session is given back, but for a panic of
/// the thread that had it.
pub(crate) fn run(
    client: &Client,
    session: Session,
    database: &DatabaseUrl,
    tasks: &[Task],
    run_id: i64,
    clock: RunClock,
    deadline: &Deadline,
) -> (Option<Session>, Result<Outcome, KafkaError>) {
    let refused = tasks
        .iter()
        .map(|task| (task.id.clone(), task.refused.clone()));
    let shared = Shared::new(run_id, refused.collect());
    let mut reading = match Reading::new(client, tasks, &shared, deadline) {
        Ok(reading) => reading,
        Err(error) => return (Some(session), Err(error)),
    };
    let sessions = sessions(session, database, tasks);
    let lanes = assign_lanes(tasks, sessions.len());
    let session = thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut senders = Vec::new();
        for (lane_tasks, session) in lanes.iter().zip(sessions) {
            let (items_in, items_out) = sync_channel::<Item>(LANE_QUEUE);
            let (batches_in, batches_out) = sync_channel::<Weighed>(1);
            let filler = Filler::new(&shared, clock, deadline, lane_tasks, batches_in);
            let shared = &shared;
            let filling = scope.spawn(move || filler.run(&items_out));
            let writing = scope.spawn(move || lane::write(shared, session, &batches_out, deadline));
            threads.push((filling, writing));
            senders.push(items_in);
        }
        reading.run(Lanes::new(senders, &lanes, &shared));
        deadline.waiting_for(WaitsFor::Database);
        let mut first = None;
        for (filling, writing) in threads {
            let filled = filling.join().is_ok();
            let session = writing.join().ok();
            if !filled || session.is_none() {
                shared.fail(StoreError::Internal(
                    "a thread of the pipeline panicked".to_owned(),
                ));
            }
            first = first.or(session);
        }
        first
    });
    deadline.waiting_for(WaitsFor::Itself);
    (session, Ok(reading.outcome()))
}

/// One connection, or two where there is much to do and PostgreSQL gives a second one. It may not: a
/// limit of connections must slow the recording down, not end it.
fn sessions(first: Session, database: &DatabaseUrl, tasks: &[Task]) -> Vec<Session> {
    let mut sessions = vec![first];
    let total = tasks
        .iter()
        .map(Task::length)
        .fold(0_i64, i64::saturating_add);
    if total >= SECOND_LANE_FROM && tasks.len() > 1 {
        match Session::connect(database, "notif-poll") {
            Ok(second) => sessions.push(second),
            Err(error) => log::warn!("writing over one connection instead of two: {error}"),
        }
    }
    sessions
}

/// Shares tasks between lanes, the longest first to the lane with least to do.
fn assign_lanes(tasks: &[Task], count: usize) -> Vec<Vec<Task>> {
    let mut sorted: Vec<&Task> = tasks.iter().collect();
    sorted.sort_by_key(|task| std::cmp::Reverse(task.length()));
    let mut lanes: Vec<(i64, Vec<Task>)> = (0..count).map(|_| (0, Vec::new())).collect();
    for task in sorted {
        if let Some(lane) = lanes.iter_mut().min_by_key(|(length, _)| *length) {
            lane.0 = lane.0.saturating_add(task.length());
            lane.1.push(task.clone());
        }
    }
    lanes.into_iter().map(|(_, tasks)| tasks).collect()
}
