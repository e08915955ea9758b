//! The end of a run: what it means, what is stored of it, what is said.

use notif_core::offset::NextOffset;
use notif_core::plan::{Memory, Verdict};
use notif_core::record::PartitionId;
use notif_core::stable_end;
use notif_core::stop::{Stop, StopReason};
use notif_core::store::Session;
use notif_core::store::offset::Observation;
use notif_core::store::run::RunEnd;
use notif_core::store::session::Telling;

use super::Run;
use crate::exit::{Exit, Failure};
use crate::facts::{Facts, Planned, observe::problem_of};
use crate::kafka::{self, Client};
use crate::pipeline::{Consequence, Drained, Outcome};
use crate::report::{OutcomeName, PartitionReport, Report};

/// Where each healthy partition goes on.
pub(super) fn positions(
    facts: &Facts,
    outcome: Option<&Outcome>,
) -> Vec<(PartitionId, NextOffset)> {
    facts
        .partitions
        .iter()
        .filter_map(|(id, planned)| {
            let Memory::Row(stored) = &planned.memory else {
                return None;
            };
            if outcome.is_some_and(|outcome| outcome.replaced.contains(&*id.topic)) {
                return None;
            }
            let drained = outcome.and_then(|outcome| outcome.partitions.get(id));
            match planned.verdict.as_ref()? {
                // what another run does is its to tell, and where another log ends says nothing of
                // the recorded one
                Verdict::Read { .. } | Verdict::Gap { .. }
                    if drained.is_some_and(|d| d.left || d.met_another_log()) =>
                {
                    None
                }
                Verdict::Nothing | Verdict::Read { .. } | Verdict::Gap { .. } => Some((
                    id.clone(),
                    drained.map_or(stored.last.next(), |drained| drained.next),
                )),
                _ => None,
            }
        })
        .collect()
}

/// Stores what the run saw and how it ended; the report of it.
pub(super) fn end(
    run: &Run,
    session: &mut Session,
    facts: &Facts,
    outcome: Option<Outcome>,
    positions: &[(PartitionId, NextOffset)],
) -> Report {
    let seen: Vec<Observation> = positions
        .iter()
        .filter_map(|(id, next)| observation(run, facts, id, *next))
        .collect();
    let mut report = report(run, facts, outcome.as_ref(), &seen);
    let mut stops = mixed(facts);
    if let Some(outcome) = &outcome {
        stops.extend(
            outcome.stops(|id| Some(facts.partitions.get(id)?.row.as_ref()?.stored.generation)),
        );
    }
    // rows are locked in the order of (topic, partition) everywhere
    stops.sort_by(|a, b| a.id.cmp(&b.id));
    let failure = outcome
        .and_then(|outcome| outcome.failure)
        .map(Failure::from);
    if let Some(failure) = failure {
        add_failure(&mut report, &failure);
    }
    close(run, session, report, &seen, &stops)
}

/// The partitions that nothing may be read of, because the last record of the old log is one of the new
/// one.
fn mixed(facts: &Facts) -> Vec<Stop> {
    let stop = |(id, planned): (&PartitionId, &Planned)| {
        let Some(Verdict::Mixed { at }) = planned.verdict else {
            return None;
        };
        let stored = &planned.row.as_ref()?.stored;
        Some(Stop {
            id: id.clone(),
            generation: stored.generation,
            last: stored.last,
            reason: StopReason::Mixed,
            offset: at,
        })
    };
    facts.partitions.iter().filter_map(stop).collect()
}

/// Ends a run that could not do its work but reached PostgreSQL.
pub(super) fn give_up(run: &Run, session: &mut Session, failure: &Failure) -> Report {
    let mut report = Report::failed(failure);
    report.run = Some(run.start.run_id);
    report.started_at = Some(run.start.started_at);
    report.exit_codes.clear();
    add_failure(&mut report, failure);
    close(run, session, report, &[], &[])
}

fn add_failure(report: &mut Report, failure: &Failure) {
    report.exit_codes.push(failure.exit);
    report.error = Some(format!("{:#}", failure.error));
    report.hint.clone_from(&failure.hint);
}

/// Writes the end of the run, adding the losses that it tells of; the finished report.
fn close(
    run: &Run,
    session: &mut Session,
    mut report: Report,
    seen: &[Observation],
    stops: &[Stop],
) -> Report {
    report.ended_at = Some(run.clock.now());
    notif_core::fault_point!("before-run-end");
    let written = session.run_end(run.start.run_id, seen, stops, |gaps| {
        report.gaps = gaps.iter().map(Into::into).collect();
        if !gaps.is_empty() {
            report.exit_codes.push(Exit::Gap);
        }
        decide(&mut report);
        let telling = if report.exit_code == Exit::Gap {
            Telling::ByExitCode
        } else {
            Telling::Later
        };
        (run_end(run, &report), telling)
    });
    if let Err(error) = written {
        // the record itself is safe: only the note about this run is missing
        let failure = Failure::from(error);
        log::warn!(
            "the end of the run could not be written: {:#}",
            failure.error
        );
        if report.error.is_none() {
            add_failure(&mut report, &failure);
        }
        decide(&mut report);
    }
    report
}

fn run_end(run: &Run, report: &Report) -> RunEnd {
    let code = |exit: Exit| i16::from(exit.code());
    let touched: Vec<&PartitionReport> = report
        .partitions
        .iter()
        .filter(|p| p.records > 0 || p.problem.is_some() || p.verdict != "nothing")
        .collect();
    RunEnd {
        run_id: run.start.run_id,
        ended_at: report.ended_at.unwrap_or(run.start.started_at),
        outcome: report.outcome.as_str().to_owned(),
        exit_code: code(report.exit_code),
        exit_codes: report.exit_codes.iter().copied().map(code).collect(),
        records: report.records,
        bytes: report.bytes,
        unparseable: report.unparseable,
        detail: serde_json::to_string(&touched)
            .ok()
            .filter(|_| !touched.is_empty()),
    }
}

/// Sorts the exit codes and names the outcome by the first of them.
fn decide(report: &mut Report) {
    report.exit_codes.sort();
    report.exit_codes.dedup();
    if report.exit_codes.is_empty() {
        report.exit_codes.push(Exit::Drained);
    }
    report.exit_code = report.exit_codes.first().copied().unwrap_or(Exit::Drained);
    report.outcome = match report.exit_code {
        Exit::Drained => report.outcome,
        Exit::Behind => OutcomeName::Behind,
        Exit::Gap => OutcomeName::Gap,
        Exit::Stopped => OutcomeName::Stopped,
        Exit::Usage
        | Exit::Schema
        | Exit::Database
        | Exit::Kafka
        | Exit::Internal
        | Exit::Mismatch => OutcomeName::Failed,
    };
}

fn observation(
    run: &Run,
    facts: &Facts,
    id: &PartitionId,
    next: NextOffset,
) -> Option<Observation> {
    let planned = facts.partitions.get(id)?;
    let (row, watermarks) = (planned.row.as_ref()?, planned.watermarks()?);
    let instant = run.start.started_at;
    Some(Observation {
        id: id.clone(),
        generation: row.stored.generation,
        topic_id: planned.topic_id().map(str::to_owned),
        watermarks,
        end_moved_at: stable_end::moved_at(row.held_back, watermarks, instant),
        freshness: row.freshness.after_run(instant, watermarks.high, next),
    })
}

fn report(run: &Run, facts: &Facts, outcome: Option<&Outcome>, seen: &[Observation]) -> Report {
    let mut codes = Vec::new();
    let partitions: Vec<PartitionReport> = facts
        .partitions
        .iter()
        .filter_map(|(id, planned)| {
            let drained = outcome.and_then(|outcome| outcome.partitions.get(id));
            let hanging = seen.iter().find(|o| o.id == *id).is_some_and(|o| {
                stable_end::is_hanging(o.end_moved_at, o.watermarks, run.start.started_at)
            });
            partition_report(id, planned, drained, hanging)
        })
        .collect();
    let unreachable = partitions
        .iter()
        .filter(|p| p.verdict == "unreachable")
        .count();
    let mut lost = outcome.and_then(|outcome| outcome.kafka_lost.clone());
    if unreachable > 0 && unreachable == partitions.len() {
        codes.push(Exit::Kafka);
        lost = lost.or_else(|| Some("no partition answered".to_owned()));
    } else if partitions.iter().any(|p| p.problem.is_some()) {
        codes.push(Exit::Stopped);
    }
    if needs_database(outcome).is_some() {
        codes.push(Exit::Database);
    }
    if lost.is_some() {
        codes.push(Exit::Kafka);
    } else if partitions.iter().any(|p| !p.done && p.problem.is_none()) {
        codes.push(Exit::Behind);
    }
    let all_left =
        outcome.is_some_and(|o| !o.partitions.is_empty() && o.partitions.values().all(|d| d.left));
    Report {
        run: Some(run.start.run_id),
        outcome: match outcome {
            None => OutcomeName::Nothing,
            Some(outcome) if all_left && outcome.records == 0 => OutcomeName::Busy,
            Some(_) => OutcomeName::Drained,
        },
        exit_code: Exit::Drained,
        exit_codes: codes,
        started_at: Some(run.start.started_at),
        ended_at: None,
        records: outcome.map_or(0, |outcome| outcome.records),
        bytes: outcome.map_or(0, |outcome| outcome.bytes),
        unparseable: outcome.map_or(0, |outcome| outcome.unparseable),
        partitions,
        gaps: Vec::new(),
        unseen_topics: facts.unseen_topics.clone(),
        hint: lost.as_ref().map(|_| way_out(&run.client)),
        error: lost.or_else(|| needs_database(outcome)),
    }
}

/// What an operator has to mend in the database before a partition can go on.
fn needs_database(outcome: Option<&Outcome>) -> Option<String> {
    outcome?.partitions.iter().find_map(|(id, drained)| {
        let problem = drained.problem.as_ref()?;
        (problem.consequence == Consequence::MendDatabase)
            .then(|| format!("{id}: {}", problem.words))
    })
}

/// What to do about brokers that were lost.
fn way_out(client: &Client) -> String {
    const STORED: &str = "what was read is stored; the next run goes on";
    match kafka::complaint(client) {
        Some(complaint) => format!("{}; {STORED}", complaint.hint),
        None => STORED.to_owned(),
    }
}

/// Did it turn out, while it was read, that this user may see the topic but not read it?
fn is_unauthorised(drained: Option<&Drained>) -> bool {
    let problem = drained.and_then(|drained| drained.problem.as_ref());
    problem.is_some_and(|problem| problem.consequence == Consequence::GrantRead)
}

fn partition_report(
    id: &PartitionId,
    planned: &Planned,
    drained: Option<&Drained>,
    hanging: bool,
) -> Option<PartitionReport> {
    let verdict = planned.verdict.as_ref()?;
    let stored = match &planned.memory {
        Memory::Row(stored) => Some(stored),
        Memory::NoRow(_) => None,
    };
    let (from, end) = match *verdict {
        Verdict::Read { from, to } | Verdict::Gap { from, to, .. } => {
            (Some(from.get()), Some(to.get()))
        }
        _ => (
            None,
            planned.watermarks().map(|watermarks| watermarks.end.get()),
        ),
    };
    let problem = drained
        .and_then(|drained| Some(drained.problem.as_ref()?.words.clone()))
        .or_else(|| problem_of(verdict))
        .or_else(|| hanging.then(hanging_problem));
    Some(PartitionReport {
        topic: id.topic.to_string(),
        partition: id.partition,
        generation: stored.map(|stored| stored.generation),
        verdict: if is_unauthorised(drained) {
            Verdict::Unauthorised.name()
        } else {
            verdict.name()
        },
        from,
        to: drained
            .map(|d| d.next.get())
            .or_else(|| stored.map(|s| s.last.next().get())),
        end,
        records: drained.map_or(0, |drained| drained.records),
        done: match verdict {
            Verdict::Nothing => true,
            // what another run does is its to finish
            Verdict::Read { .. } | Verdict::Gap { .. } => drained.is_some_and(|d| d.done || d.left),
            _ => false,
        },
        problem,
    })
}

fn hanging_problem() -> String {
    format!(
        "a transaction has held the end back for over {} minutes: find its producer (kafka-transactions.sh find-hanging)",
        stable_end::PATIENCE.num_minutes()
    )
}
