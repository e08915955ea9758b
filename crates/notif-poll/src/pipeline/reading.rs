//! The reader's side of the pipeline: what comes from Kafka is handed to the lanes until every
//! partition is done, time is over, or writing failed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use notif_core::batch::{Gap, GapReason};
use notif_core::drain::{Arrival, Drain};
use notif_core::offset::NextOffset;
use notif_core::record::{PartitionId, Record};
use notif_core::stop::StopReason;
use rdkafka::error::RDKafkaErrorCode;

use super::lane::{self, Item};
use super::shared::{Leaving, Shared};
use super::{Drained, Lanes, Outcome, Problem, Task};
use crate::deadline::{Deadline, WaitsFor};
use crate::kafka::Client;
use crate::kafka::ffi::{KafkaError, Received};
use crate::kafka::reader::Reader;
use crate::progress::Progress;

/// How long nothing may come before Kafka is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(10);

/// How long one look into the queue waits, and how often a wait for room looks at the time.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Reading<'r> {
    reader: Option<Reader<'r>>,
    tasks: &'r [Task],
    shared: &'r Shared,
    deadline: &'r Deadline,
    drains: HashMap<PartitionId, Drain>,
    /// How many partitions are still being read.
    open: usize,
    /// Partitions that could not be read further.
    problems: HashMap<PartitionId, Problem>,
    /// Partitions whose witness was read again, or is known to be gone.
    heard: HashSet<PartitionId>,
    /// Something in what was just received makes it necessary to assign anew.
    starts_anew: bool,
    kafka_lost: Option<String>,
}

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
        let mut reading = Self {
            reader: None,
            tasks,
            shared,
            deadline,
            drains,
            open: 0,
            problems: HashMap::new(),
            heard: HashSet::new(),
            starts_anew: false,
            kafka_lost: None,
        };
        let starts = reading.open_starts();
        reading.open = starts.len();
        if !starts.is_empty() {
            reading.reader = Some(Reader::assign(client, &starts)?);
        }
        Ok(reading)
    }

    /// Reads until every partition is done, time is over, or writing failed.
    pub(super) fn run(&mut self, mut lanes: Lanes<'_>) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        let mut progress = Progress::start(self.left());
        let mut received = Vec::new();
        let mut last_heard = Instant::now();
        while self.goes_on() {
            self.deadline.waiting_for(WaitsFor::Kafka);
            reader.receive(LOOK, &mut received);
            // whatever blocks from here on waits for a lane, and a lane waits for PostgreSQL
            self.deadline.waiting_for(WaitsFor::Database);
            let silent = received.is_empty();
            for item in received.drain(..) {
                // once the run has to end, a record may have been put back for want of room: what
                // comes behind it must not be taken
                if !self.goes_on() {
                    break;
                }
                self.take(item, &reader, &mut lanes);
            }
            self.start_anew_if_due(&reader);
            lanes.hand_over();
            self.let_go(&reader);
            if silent {
                self.look_at_positions(&reader, &mut lanes);
            } else {
                last_heard = Instant::now();
            }
            if last_heard.elapsed() >= SILENCE {
                self.ask_for_a_sign(&reader);
                last_heard = Instant::now();
            }
            progress.show(self.shared.records(), || self.left());
        }
        progress.end();
    }

    fn goes_on(&self) -> bool {
        self.open > 0
            && self.kafka_lost.is_none()
            && !self.deadline.is_over()
            && !self.shared.has_failed()
    }

    /// The client does not tell when it lost its brokers: it goes on trying, silently. So where
    /// nothing came for a while although something is missing, one small question is asked.
    fn ask_for_a_sign(&mut self, reader: &Reader<'_>) {
        let Some((id, _)) = self.open_starts().into_iter().next() else {
            return;
        };
        self.deadline.waiting_for(WaitsFor::Kafka);
        if let Err(error) = reader.low_offset(&id) {
            let silence = SILENCE.as_secs();
            self.kafka_lost = Some(format!("nothing came from Kafka for {silence} s: {error}"));
        }
    }

    fn take(&mut self, item: Received, reader: &Reader<'_>, lanes: &mut Lanes<'_>) {
        match item {
            Received::Record(record) => self.take_record(record, reader, lanes),
            Received::EndOfPartition { id, offset } => {
                self.update(&id, reader, lanes, |drain| drain.end_of_partition(offset));
            }
            Received::Problem {
                id: Some(id),
                offset,
                code,
                message,
            } => {
                self.update(&id, reader, lanes, |drain| drain.event(offset));
                if code == RDKafkaErrorCode::AutoOffsetReset {
                    self.follow_retention(&id, offset, reader, lanes);
                } else {
                    self.meet(&id, reader, offset, problem_of(code, offset, message));
                }
            }
            Received::Problem { code, message, .. } => {
                log::debug!("kafka: {message}");
                reader.hear_group(code);
            }
        }
    }

    fn take_record(&mut self, record: Record, reader: &Reader<'_>, lanes: &mut Lanes<'_>) {
        let id = record.partition.clone();
        if !self.is_open(&id) {
            return;
        }
        let Some(drain) = self.drains.get_mut(&id) else {
            return;
        };
        let before = drain.clone();
        let arrival = drain.record(record.offset);
        if arrival == Arrival::Before {
            return self.hear_witness(&record, reader);
        }
        if arrival == Arrival::Store {
            if !self.make_room(&record, lanes) {
                // it was not taken: the partition is where it was
                self.drains.insert(id, before);
                return;
            }
            lanes.collect(record);
        }
        self.close_if_done(&id, reader, lanes);
    }

    /// A record from before the start: where it stands in the place of the witness, it must be it.
    fn hear_witness(&mut self, record: &Record, reader: &Reader<'_>) {
        let id = &record.partition;
        let mut witnesses = self.tasks.iter().filter(|task| task.id == *id);
        let witness = witnesses.find_map(|task| task.witness);
        if witness.is_some_and(|witness| record.offset >= witness.offset) {
            self.heard.insert(id.clone());
        }
        if witness.is_some_and(|witness| witness.offset == record.offset && !witness.is(record)) {
            let words = format!(
                "the record at {} is not the one that was recorded there: the log was cut and grew again, or was replaced; nothing more of it is read until an operator decides (notif-poll plan, then resume)",
                record.offset
            );
            let problem = Problem::stop(StopReason::Diverged, record.offset, words);
            self.give_up(id, reader, problem);
        }
    }

    /// Waits for the bytes of a record; whether there was room before the run had to end.
    fn make_room(&self, record: &Record, lanes: &mut Lanes<'_>) -> bool {
        let weight = lane::weight(record);
        while !self.shared.budget.take(weight, LOOK) {
            // what is collected holds bytes that the lanes must see to give them back
            lanes.hand_over();
            if !self.goes_on() {
                return false;
            }
        }
        true
    }

    /// Applies a sign to a drain, and closes the partition where it was the last one needed.
    fn update(
        &mut self,
        id: &PartitionId,
        reader: &Reader<'_>,
        lanes: &mut Lanes<'_>,
        sign: impl FnOnce(&mut Drain),
    ) {
        if !self.is_open(id) {
            return;
        }
        if let Some(drain) = self.drains.get_mut(id) {
            sign(drain);
        }
        self.close_if_done(id, reader, lanes);
    }

    fn is_open(&self, id: &PartitionId) -> bool {
        !self.problems.contains_key(id) && self.drains.get(id).is_some_and(|drain| !drain.is_done())
    }

    /// Once a partition is read to its end its lane is told, so that holes at the end are stored too.
    fn close_if_done(&mut self, id: &PartitionId, reader: &Reader<'_>, lanes: &mut Lanes<'_>) {
        let Some(drain) = self.drains.get(id).filter(|drain| drain.is_done()) else {
            return;
        };
        self.open = self.open.saturating_sub(1);
        reader.pause(id);
        lanes.tell(id, Item::Reached(id.clone(), drain.reached()));
    }

    /// Retention overtook the reader: the offset that it asked for, `refused`, is gone. The low offset
    /// is asked again, the loss is told to the lane, and the reading goes on behind it.
    ///
    /// A refusal from below the place where reading goes on is no loss: it is about the witness, or
    /// it was still under way when the partitions were assigned again.
    fn follow_retention(
        &mut self,
        id: &PartitionId,
        refused: i64,
        reader: &Reader<'_>,
        lanes: &mut Lanes<'_>,
    ) {
        if !self.is_open(id) {
            return;
        }
        let Some(drain) = self.drains.get_mut(id) else {
            return;
        };
        let from = drain.next();
        if refused >= from.get() {
            let low = match reader.low_offset(id) {
                Ok(low) if low > from => low,
                Ok(low) => {
                    let problem = format!(
                        "Kafka does not have offset {} although its log begins at {}",
                        from.get(),
                        low.get()
                    );
                    return self.give_up(id, reader, Problem::this_run(problem));
                }
                Err(error) => {
                    return self.give_up(id, reader, Problem::this_run(error.to_string()));
                }
            };
            log::warn!(
                "{id}: Kafka deleted {}..{} while it was read",
                from.get(),
                low.get()
            );
            drain.lost_below(low);
            let gap = Gap {
                from,
                to: low,
                reason: GapReason::Retention,
            };
            lanes.tell(id, Item::Lost(id.clone(), gap));
            self.close_if_done(id, reader, lanes);
        }
        self.heard.insert(id.clone());
        self.starts_anew = true;
    }

    /// Assigns what is still being read anew, each partition where it goes on: once for all that was
    /// received together, since a broker that refuses a topic refuses all of its partitions.
    fn start_anew_if_due(&mut self, reader: &Reader<'_>) {
        if !std::mem::take(&mut self.starts_anew) || !self.goes_on() {
            return;
        }
        if let Err(error) = reader.restart(&self.open_starts()) {
            self.kafka_lost = Some(format!("partitions could not be assigned again: {error}"));
        }
    }

    /// A problem at `offset`. Where it is about what is recorded already, the reading for the sake of
    /// the witness met it: then that is left out, and what is new is read.
    fn meet(&mut self, id: &PartitionId, reader: &Reader<'_>, offset: i64, problem: Problem) {
        let next = self
            .drains
            .get(id)
            .map_or(offset, |drain| drain.next().get());
        if offset < next && self.is_open(id) && self.heard.insert(id.clone()) {
            log::warn!(
                "{id}: what is recorded already cannot be read any more: {}",
                problem.words
            );
            self.starts_anew = true;
            return;
        }
        self.give_up(id, reader, problem.not_before(next));
    }

    /// Where each partition that is still being read goes on: at its witness, until that was heard.
    fn open_starts(&self) -> Vec<(PartitionId, NextOffset)> {
        self.tasks
            .iter()
            .filter(|task| self.is_open(&task.id))
            .filter_map(|task| {
                let next = self.drains.get(&task.id)?.next();
                let witness = task
                    .witness
                    .filter(|_| next == task.from && !self.heard.contains(&task.id));
                let start = witness.map_or(next, |witness| NextOffset::at(witness.offset));
                Some((task.id.clone(), start))
            })
            .collect()
    }

    /// A partition that cannot be read further ends here; the others go on.
    fn give_up(&mut self, id: &PartitionId, reader: &Reader<'_>, problem: Problem) {
        if self.is_open(id) {
            log::warn!("{id}: {}", problem.words);
            self.problems.insert(id.clone(), problem);
            self.open = self.open.saturating_sub(1);
            reader.pause(id);
        }
    }

    fn look_at_positions(&mut self, reader: &Reader<'_>, lanes: &mut Lanes<'_>) {
        for (id, position) in reader.positions() {
            self.update(&id, reader, lanes, |drain| drain.position(position));
        }
    }

    /// A partition that its lane has given up, or left to another run, is read no further.
    fn let_go(&mut self, reader: &Reader<'_>) {
        for task in self.tasks {
            match self.shared.leaving(&task.id) {
                Some(Leaving::Problem(problem)) => self.give_up(&task.id, reader, problem),
                Some(Leaving::ToAnotherRun) => {
                    let words = "another run is at it".to_owned();
                    self.give_up(&task.id, reader, Problem::this_run(words));
                }
                Some(Leaving::ToBeReadAgain) => {
                    let words = "it is read again, with refused records as raw bytes".to_owned();
                    self.give_up(&task.id, reader, Problem::this_run(words));
                }
                None => {}
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

    /// What became of each partition: what is committed counts, not what was read.
    pub(super) fn outcome(self) -> Outcome {
        let sums = self.shared.sums();
        let mut partitions = HashMap::new();
        let mut again = Vec::new();
        for task in self.tasks {
            let id = &task.id;
            let nothing = (task.last.next(), 0);
            let (next, records) = sums.stored.get(id).copied().unwrap_or(nothing);
            let leaving = self.shared.leaving(id);
            let left = leaving == Some(Leaving::ToAnotherRun);
            let problem = match leaving {
                Some(Leaving::Problem(problem)) => Some(problem),
                Some(Leaving::ToAnotherRun) => None,
                Some(Leaving::ToBeReadAgain) => {
                    let refused = self.shared.refused().get(id).cloned().unwrap_or_default();
                    again.push(task.again_from(next, refused));
                    None
                }
                None => self.problems.get(id).cloned(),
            };
            let drained = Drained {
                next,
                records,
                done: next.reached(task.to),
                left,
                problem,
            };
            partitions.insert(id.clone(), drained);
        }
        Outcome {
            partitions,
            records: self.shared.records(),
            bytes: sums.bytes,
            unparseable: sums.unparseable,
            again,
            kafka_lost: self.kafka_lost,
            replaced: BTreeSet::new(),
            failure: self.shared.take_failure(),
        }
    }
}

/// What an error that Kafka's client gives for a partition means for it. Damage does not go away by
/// itself; everything else may.
fn problem_of(code: RDKafkaErrorCode, offset: i64, message: String) -> Problem {
    match code {
        RDKafkaErrorCode::BadMessage
        | RDKafkaErrorCode::BadCompression
        | RDKafkaErrorCode::NotImplemented => Problem::stop(StopReason::Corrupt, offset, message),
        RDKafkaErrorCode::TopicAuthorizationFailed => Problem::unauthorised(),
        _ => Problem::this_run(message),
    }
}
