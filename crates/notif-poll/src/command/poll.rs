//! One poll (design, section 4): what is stored, what Kafka has, what to do, and doing it.
//!
//! The offset rows are read *before* Kafka is asked for its offsets. That order is what lets a
//! verdict be believed at once: a concurrent run can only have moved the stored offset forward since,
//! which the fence notices, and every end that Kafka then gives is at least what any run had seen when
//! it wrote the row.

mod rounds;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use notif_core::batch::{Gap, GapReason};
use notif_core::offset::NextOffset;
use notif_core::plan::Verdict;
use notif_core::record::PartitionId;
use notif_core::store::offset::{FirstOffset, OffsetRow};
use notif_core::store::run::RunStart;
use notif_core::store::{DatabaseUrl, Session, StoreError};
use rdkafka::error::RDKafkaErrorCode;

use crate::brokers;
use crate::cli::Settings;
use crate::clock::RunClock;
use crate::config::{Config, Environment, KafkaConfig, poll_config};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::{Exit, Failure};
use crate::facts::{Facts, Planned, observe, recreated};
use crate::kafka::{self, Client, KafkaError, mirror};
use crate::operator;
use crate::pipeline::{Outcome, Task};
use crate::report::Report;

/// What the watchdog adds to the deadline: a run without an end after that was killed.
const WATCHDOG_GRACE: Duration = Duration::from_secs(5);

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A run that has begun.
struct Run {
    start: RunStart,
    clock: RunClock,
    deadline: Deadline,
    database: DatabaseUrl,
    kafka: KafkaConfig,
    client: Arc<Client>,
}

pub(crate) fn run(settings: &Settings, env: Environment<'_>) -> Result<Report, Failure> {
    let config = poll_config(settings, env)?;
    let deadline = Deadline::of_command(config.deadline)?;
    let client = brokers::connect(&config.kafka)?;
    deadline.waiting_for(WaitsFor::Database);
    let (opened, topics) = ask_both(&config, &client, &deadline);
    let (mut session, start, rows) = opened?;
    let run = Run {
        clock: RunClock::set(start.started_at),
        start,
        database: config.database.clone(),
        kafka: config.kafka.clone(),
        client: Arc::clone(&client),
        deadline,
    };
    let report = match observe(&run, &config, &mut session, rows, topics) {
        Ok(facts) => record(&run, session, &facts),
        Err(failure) => summary::give_up(&run, &mut session, &failure),
    };
    Ok(report)
}

type Opened = Result<(Session, RunStart, BTreeMap<PartitionId, OffsetRow>), StoreError>;
type Topics = Result<BTreeMap<String, kafka::topic::TopicAnswer>, KafkaError>;

/// PostgreSQL and Kafka are connected to at the same time. Only patterns need the one for the other:
/// a topic that a pattern once found is asked for by name, so that its absence is noticed.
fn ask_both(config: &Config, client: &Client, deadline: &Deadline) -> (Opened, Topics) {
    let describe = |rows: Option<&BTreeMap<PartitionId, OffsetRow>>| {
        let stored = rows
            .into_iter()
            .flat_map(BTreeMap::keys)
            .map(|id| &*id.topic)
            .collect();
        let timeout = brokers::DESCRIBE_TIMEOUT.min(deadline.left());
        kafka::topic::topics_describe(client, &config.kafka.topics, &stored, timeout)
    };
    if !config.kafka.topics.patterns.is_empty() {
        let opened = open(config);
        let topics = describe(opened.as_ref().ok().map(|(_, _, rows)| rows));
        return (opened, topics);
    }
    thread::scope(|scope| {
        let topics = scope.spawn(|| describe(None));
        let opened = open(config);
        let topics = match topics.join() {
            Ok(topics) => topics,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        (opened, topics)
    })
}

fn open(config: &Config) -> Opened {
    let mut session = Session::connect(&config.database, "notif-poll")?;
    session.schema_check(VERSION)?;
    let deadline = config.deadline.saturating_add(WATCHDOG_GRACE);
    let start = session.run_begin(deadline.as_secs_f64(), &operator::host_name(), VERSION)?;
    let rows = session.offset_list()?;
    Ok((session, start, rows))
}

/// Asks Kafka what there is, plans, and writes first offset rows.
fn observe(
    run: &Run,
    config: &Config,
    session: &mut Session,
    rows: BTreeMap<PartitionId, OffsetRow>,
    topics: Topics,
) -> Result<Facts, Failure> {
    run.deadline.waiting_for(WaitsFor::Kafka);
    let topics =
        topics.map_err(|error| brokers::unreachable(&run.client, &error, &config.kafka))?;
    notif_core::fault_point!("after-metadata");
    if run.deadline.is_over() {
        return Err(Failure::new(
            Exit::Behind,
            anyhow!("time or a signal ended the run before anything was read"),
            "the next run goes on",
        ));
    }
    check_cluster(run, session)?;
    let mut facts = observe::facts(
        &config.kafka.topics,
        rows,
        topics,
        &run.client,
        session,
        &run.deadline,
    )?;
    let changed = take_up(run, session, &facts)?;
    if !changed.is_empty() {
        facts.reload(session.offset_list()?, &changed);
        run.deadline.waiting_for(WaitsFor::Kafka);
        facts.ask_watermarks_of(&run.client, &changed, run.deadline.left());
        facts.plan();
    }
    run.deadline.waiting_for(WaitsFor::Itself);
    Ok(facts)
}

/// Offsets of one cluster mean nothing in another.
fn check_cluster(run: &Run, session: &mut Session) -> Result<(), Failure> {
    let seen = brokers::cluster_id(&run.client, &run.deadline);
    let fixed = session.cluster_fix(seen.as_deref())?;
    brokers::check_cluster(&run.client, seen, fixed)
}

/// Takes up partitions whose offset row has to be written before they can be read: new ones, those
/// of a topic that was created anew, and those whose row was lost. Which ones.
fn take_up(
    run: &Run,
    session: &mut Session,
    facts: &Facts,
) -> Result<Vec<PartitionId>, StoreError> {
    let firsts = first_offsets(facts);
    if !firsts.is_empty() {
        session.offset_insert_first(run.start.run_id, &firsts)?;
    }
    let recreated = recreated::generations(facts);
    if !recreated.is_empty() {
        session.generation_open(run.start.run_id, &recreated)?;
    }
    let mut changed: Vec<PartitionId> = firsts.into_iter().map(|first| first.id).collect();
    changed.extend(recreated.into_iter().map(|recreated| recreated.id));
    for (id, planned) in &facts.partitions {
        if planned.verdict == Some(Verdict::OffsetsLost) {
            let Some(last) = session.offset_rebuild(id)? else {
                continue;
            };
            log::warn!(
                "{id}: its offset row was lost and is rebuilt from the record, at {}",
                last.get()
            );
            changed.push(id.clone());
        }
    }
    Ok(changed)
}

fn first_offsets(facts: &Facts) -> Vec<FirstOffset> {
    facts
        .partitions
        .iter()
        .filter_map(|(id, planned)| {
            let Some(Verdict::First { low, ours }) = planned.verdict else {
                return None;
            };
            let reason = if ours {
                GapReason::Retention
            } else {
                GapReason::BeforeFirstPoll
            };
            let from = NextOffset::at(0);
            let gap = (low > from).then_some(Gap {
                from,
                to: low,
                reason,
            });
            Some(FirstOffset {
                id: id.clone(),
                low,
                topic_id: planned.topic_id().map(str::to_owned),
                gap,
            })
        })
        .collect()
}

/// Reads what the plan says, then ends the run.
fn record(run: &Run, mut session: Session, facts: &Facts) -> Report {
    let tasks: Vec<Task> = facts
        .partitions
        .iter()
        .filter_map(|(id, planned)| task(id, planned))
        .collect();
    if tasks.is_empty() {
        return finish(run, session, facts, None);
    }
    run.deadline.waiting_for(WaitsFor::Database);
    let (mine, others) = match claim(&mut session, tasks) {
        Ok(shared) => shared,
        Err(error) => return summary::give_up(run, &mut session, &error.into()),
    };
    notif_core::fault_point!("after-claims");
    run.deadline.waiting_for(WaitsFor::Itself);
    let (session, outcome) = rounds::drain(run, session, &mine);
    let internal = |error: KafkaError| Failure::new(Exit::Internal, error, crate::exit::REPORT_IT);
    match (session, outcome) {
        (Some(session), Ok(mut outcome)) => {
            outcome.leave(&others);
            recreated::notice(&run.client, &run.deadline, facts, &mut outcome);
            finish(run, session, facts, Some(outcome))
        }
        (Some(mut session), Err(error)) => summary::give_up(run, &mut session, &internal(error)),
        (None, outcome) => {
            let error = outcome.err().unwrap_or_else(|| KafkaError {
                code: RDKafkaErrorCode::Fail,
                message: "a thread of the pipeline ended unexpectedly".to_owned(),
            });
            Report::failed(&internal(error))
        }
    }
}

/// Shares the work with runs that overlap with this one: what is claimed for this run, and what
/// others are at or have just done. The offsets are read once more, because another run may have
/// ended between the first reading and the claim.
fn claim(session: &mut Session, tasks: Vec<Task>) -> Result<(Vec<Task>, Vec<Task>), StoreError> {
    let ids: Vec<PartitionId> = tasks.iter().map(|task| task.id.clone()).collect();
    let claimed = session.partition_claim(&ids)?;
    let rows = session.offset_list()?;
    let is_untouched = |task: &Task| {
        rows.get(&task.id).is_some_and(|row| {
            row.stored.last == task.last && row.stored.generation == task.generation
        })
    };
    let (mine, others): (Vec<Task>, Vec<Task>) = tasks
        .into_iter()
        .partition(|task| claimed.contains(&task.id) && is_untouched(task));
    // what another run has moved meanwhile is not ours to hold
    let unused: Vec<PartitionId> = others
        .iter()
        .filter(|task| claimed.contains(&task.id))
        .map(|task| task.id.clone())
        .collect();
    session.partition_release(&unused)?;
    Ok((mine, others))
}

fn task(id: &PartitionId, planned: &Planned) -> Option<Task> {
    let (row, watermarks) = (planned.row.as_ref()?, planned.watermarks()?);
    let (gap, from, to) = match *planned.verdict.as_ref()? {
        Verdict::Read { from, to } => (None, from, to),
        Verdict::Gap {
            lost_from,
            from,
            to,
        } => {
            let gap = Gap {
                from: lost_from,
                to: from,
                reason: GapReason::Retention,
            };
            (Some(gap), from, to)
        }
        _ => return None,
    };
    Some(Task {
        id: id.clone(),
        generation: row.stored.generation,
        last: row.stored.last,
        gap,
        from,
        witness: row
            .witness
            .filter(|witness| witness.is_within_reach(watermarks.low, from)),
        to,
        refused: BTreeSet::new(),
    })
}

/// Mirrors the offsets, stores what was seen, and reports.
fn finish(run: &Run, mut session: Session, facts: &Facts, outcome: Option<Outcome>) -> Report {
    let positions = summary::positions(facts, outcome.as_ref());
    // after the deadline the last seconds are for PostgreSQL
    let kafka_is_there = outcome
        .as_ref()
        .is_none_or(|outcome| outcome.kafka_lost.is_none());
    if kafka_is_there && !run.deadline.is_over() {
        run.deadline.waiting_for(WaitsFor::Kafka);
        notif_core::fault_point!("before-mirror");
        mirror::offsets_mirror(&run.client, &positions);
        notif_core::fault_point!("after-mirror");
    }
    run.deadline.waiting_for(WaitsFor::Database);
    let report = summary::end(run, &mut session, facts, outcome, &positions);
    run.deadline.waiting_for(WaitsFor::Itself);
    report
}
