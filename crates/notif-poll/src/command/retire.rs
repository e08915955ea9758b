//! `notif-poll retire`: ends the watch of a topic, or of one of its partitions.

use anyhow::anyhow;
use notif_core::offset::EndOffset;
use notif_core::record::PartitionId;
use notif_core::store::Session;
use notif_core::store::offset::OffsetRow;
use serde_json::{Value, json};

use super::poll::VERSION;
use crate::answer::Answer;
use crate::cli::{RetireArgs, Settings};
use crate::config::{Environment, poll_config};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::{Exit, Failure};
use crate::operator;

pub(crate) fn run(
    settings: &Settings,
    args: &RetireArgs,
    env: Environment<'_>,
) -> Result<Answer, Failure> {
    let config = poll_config(settings, env)?;
    let reason = args.reason.as_deref();
    let decision = reason
        .map(|reason| operator::decision(env, reason))
        .transpose()?;
    let deadline = Deadline::of_command(config.deadline)?;
    deadline.waiting_for(WaitsFor::Database);
    let mut session = Session::connect(&config.database, "notif-poll retire")?;
    session.schema_check(VERSION)?;
    let chosen = choose(&mut session, args)?;
    let retired: Vec<PartitionId> = match decision.filter(|_| args.yes) {
        Some(decision) => {
            let ids: Vec<PartitionId> = chosen.iter().map(|(id, _)| id.clone()).collect();
            session.partition_retire(&decision, &ids)?
        }
        None => Vec::new(),
    };
    deadline.waiting_for(WaitsFor::Itself);
    Ok(answer(&chosen, &retired, args.yes))
}

/// The watched partitions that are named.
fn choose(
    session: &mut Session,
    args: &RetireArgs,
) -> Result<Vec<(PartitionId, OffsetRow)>, Failure> {
    let named: Vec<(PartitionId, OffsetRow)> = session
        .offset_list()?
        .into_iter()
        .filter(|(id, _)| {
            *id.topic == *args.topic && args.partition.is_none_or(|number| number == id.partition)
        })
        .collect();
    let name = match args.partition {
        Some(number) => format!("{}/{number}", args.topic),
        None => format!("topic {}", args.topic),
    };
    if named.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            anyhow!("{name} is not watched, and never was"),
            "notif-poll status lists what is",
        ));
    }
    let watched: Vec<_> = named.into_iter().filter(|(_, row)| !row.retired).collect();
    if watched.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            anyhow!("{name} is retired already"),
            "notif-poll resume watches it again",
        ));
    }
    Ok(watched)
}

fn answer(chosen: &[(PartitionId, OffsetRow)], retired: &[PartitionId], done: bool) -> Answer {
    let mut text = Vec::new();
    let mut partitions: Vec<Value> = Vec::new();
    for (id, row) in chosen {
        let next = row.stored.last.next().get();
        let end = row.stored.end.map(EndOffset::get);
        let end_words = end.map_or("no end was ever seen".to_owned(), |end| {
            format!("end last seen: {end}")
        });
        let word = match (done, retired.contains(id)) {
            (false, _) => "would be retired",
            (true, true) => "is retired",
            // another operator was faster between the look and the lock
            (true, false) => "was retired already",
        };
        text.push(format!(
            "{id} {word}; ledger: records from {next} on may be missing ({end_words})"
        ));
        partitions.push(json!({
            "topic": &*id.topic,
            "partition": id.partition,
            "generation": row.stored.generation,
            "missingFrom": next,
            "knownEnd": end,
            "retired": retired.contains(id),
        }));
    }
    if !done {
        text.push(DRY_RUN.to_owned());
    }
    Answer {
        text,
        json: json!({
            "outcome": if done { "retired" } else { "dry-run" },
            "partitions": partitions,
        }),
        exit: Exit::Drained,
    }
}

/// The last line of what was not done.
pub(super) const DRY_RUN: &str = "a dry run, nothing was written: --reason and --yes do it";
