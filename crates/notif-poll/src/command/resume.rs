//! `notif-poll resume`: lets a stopped or retired partition go on. What is written is decided in
//! `notif_core::resume`; here both sides are asked, and it is told.

use anyhow::anyhow;
use notif_core::batch::Gap;
use notif_core::divergence::Parting;
use notif_core::offset::NextOffset;
use notif_core::plan::Seen;
use notif_core::record::PartitionId;
use notif_core::resume::{Ending, LogNow, Refusal, Resumption, Shown, resume};
use notif_core::store::Session;
use notif_core::store::offset::OffsetRow;
use notif_core::store::resume::Resumed;
use serde_json::{Value, json};

use super::poll::VERSION;
use super::retire::DRY_RUN;
use crate::answer::Answer;
use crate::brokers;
use crate::cli::{ResumeArgs, Settings};
use crate::comparison;
use crate::config::{Config, Environment, poll_config};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::{Exit, Failure};
use crate::kafka::Client;
use crate::operator;

/// A partition, what is decided for it, and what was seen.
struct Chosen {
    resumed: Resumed,
    parting: Option<Parting>,
    recreated: bool,
}

pub(crate) fn run(
    settings: &Settings,
    args: &ResumeArgs,
    env: Environment<'_>,
) -> Result<Answer, Failure> {
    let config = poll_config(settings, env)?;
    let reason = args.reason.as_deref();
    let decision = reason
        .map(|reason| operator::decision(env, reason))
        .transpose()?;
    let deadline = Deadline::of_command(config.deadline)?;
    deadline.waiting_for(WaitsFor::Database);
    let mut session = Session::connect(&config.database, "notif-poll resume")?;
    session.schema_check(VERSION)?;
    let named = choose(&mut session, args)?;
    let chosen = decide(&config, &mut session, named, args.at, &deadline)?;
    if let Some(decision) = decision.filter(|_| args.yes) {
        deadline.waiting_for(WaitsFor::Database);
        let all: Vec<Resumed> = chosen.iter().map(|chosen| chosen.resumed.clone()).collect();
        if !session.partition_resume(&decision, &all)? {
            return Err(Failure::new(
                Exit::Stopped,
                anyhow!(
                    "topic {} changed while it was looked at: another run or operator was faster",
                    args.topic
                ),
                "nothing was written: look again, without --yes",
            ));
        }
    }
    deadline.waiting_for(WaitsFor::Itself);
    Ok(answer(&chosen, args.yes))
}

/// The partition that is named, or every retired one of the topic.
fn choose(
    session: &mut Session,
    args: &ResumeArgs,
) -> Result<Vec<(PartitionId, OffsetRow)>, Failure> {
    let refused = |why: String, hint: &str| Failure::new(Exit::Usage, anyhow!(why), hint);
    let rows: Vec<(PartitionId, OffsetRow)> = session
        .offset_list()?
        .into_iter()
        .filter(|(id, _)| *id.topic == *args.topic)
        .collect();
    if rows.is_empty() {
        return Err(refused(
            format!("topic {} is not watched, and never was", args.topic),
            "notif-poll status lists what is",
        ));
    }
    let Some(number) = args.partition else {
        let retired: Vec<_> = rows.into_iter().filter(|(_, row)| row.retired).collect();
        if retired.is_empty() {
            return Err(refused(
                format!("topic {} has no retired partition", args.topic),
                "name a stopped partition with --partition; notif-poll status lists them",
            ));
        }
        return Ok(retired);
    };
    let named: Vec<_> = rows
        .into_iter()
        .filter(|(id, _)| id.partition == number)
        .collect();
    if named.is_empty() {
        return Err(refused(
            format!("{}/{number} is not watched, and never was", args.topic),
            "notif-poll status lists what is",
        ));
    }
    Ok(named)
}

fn decide(
    config: &Config,
    session: &mut Session,
    named: Vec<(PartitionId, OffsetRow)>,
    at: Option<i64>,
    deadline: &Deadline,
) -> Result<Vec<Chosen>, Failure> {
    let at = at.map(NextOffset::at);
    let needs_kafka = at.is_some() || named.iter().any(|(_, row)| shown(row).asks_kafka());
    let client = if needs_kafka {
        let client = brokers::connect(&config.kafka)?;
        deadline.waiting_for(WaitsFor::Kafka);
        let seen = brokers::cluster_id(&client, deadline);
        brokers::check_cluster(&client, seen, session.cluster_read()?)?;
        Some(client)
    } else {
        None
    };
    named
        .into_iter()
        .map(|(id, row)| match &client {
            Some(client) => decide_one(client, session, id, &row, at, deadline),
            None => chosen(id, &row, at, None, None),
        })
        .collect()
}

fn shown(row: &OffsetRow) -> Shown {
    Shown {
        last: row.stored.last,
        generation: row.stored.generation,
        stopped: row.stored.stopped.clone(),
        retired: row.retired,
    }
}

/// Asks Kafka for the partition, compares the logs where that decides, and decides.
fn decide_one(
    client: &Client,
    session: &mut Session,
    id: PartitionId,
    row: &OffsetRow,
    at: Option<NextOffset>,
    deadline: &Deadline,
) -> Result<Chosen, Failure> {
    let (log, topic_id) = match comparison::ask_one(client, &id, deadline)? {
        Seen::Absent => (None, None),
        Seen::Unauthorised => {
            return Err(Failure::new(
                Exit::Stopped,
                anyhow!("Kafka does not let this user see {id}"),
                "grant Describe and Read on the topic; nothing was written",
            ));
        }
        Seen::Unanswered(why) => {
            return Err(Failure::new(
                Exit::Kafka,
                anyhow!("Kafka gave no answer for {id}: {why}"),
                "nothing was written; try again once the broker is back",
            ));
        }
        // only a poll compares the record with a new log before it judges
        Seen::Mixed { at } => {
            return Err(Failure::new(
                Exit::Internal,
                anyhow!("{id} was compared with its new log at {at} although nobody asked"),
                crate::exit::REPORT_IT,
            ));
        }
        Seen::Present {
            topic_id,
            watermarks,
        } if row.stored.is_another_topic(topic_id.as_deref()) => {
            (Some(LogNow::Recreated(watermarks)), topic_id)
        }
        Seen::Present {
            topic_id,
            watermarks,
        } => {
            let parting = if shown(row).asks_for_comparison() {
                let stored = &row.stored;
                Some(comparison::part(
                    client, session, &id, stored, watermarks, deadline,
                )?)
            } else {
                None
            };
            (Some(LogNow::Same(watermarks, parting)), topic_id)
        }
    };
    chosen(id, row, at, log, topic_id)
}

fn chosen(
    id: PartitionId,
    row: &OffsetRow,
    at: Option<NextOffset>,
    log: Option<LogNow>,
    topic_id: Option<String>,
) -> Result<Chosen, Failure> {
    let shown = shown(row);
    let resumption = resume(&shown, at, log).map_err(|refusal| {
        let hint = hint(&refusal);
        Failure::new(
            Exit::Usage,
            anyhow!(refusal).context(format!("{id} cannot be resumed so")),
            hint,
        )
    })?;
    Ok(Chosen {
        parting: match log {
            Some(LogNow::Same(_, parting)) => parting,
            _ => None,
        },
        recreated: matches!(log, Some(LogNow::Recreated(_))),
        resumed: Resumed {
            id,
            shown,
            resumption,
            topic_id: topic_id.or_else(|| row.stored.topic_id.clone()),
        },
    })
}

fn hint(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotStopped => "notif-poll status lists what is stopped or retired",
        Refusal::Backward { .. } => {
            "nothing is read twice: leave --at out, or name an offset from there on"
        }
        Refusal::BehindEnd { .. } => "name an offset that Kafka has, or its end",
        Refusal::Recreated => "leave --at out: the next poll begins with the first record",
        Refusal::Absent => "where it will not come back: notif-poll retire; nothing was written",
    }
}

fn answer(chosen: &[Chosen], done: bool) -> Answer {
    let mut text: Vec<String> = chosen.iter().flat_map(|one| words(one, done)).collect();
    if !done {
        text.push(DRY_RUN.to_owned());
    }
    Answer {
        text,
        json: json!({
            "outcome": if done { "resumed" } else { "dry-run" },
            "partitions": chosen.iter().map(object).collect::<Vec<_>>(),
        }),
        exit: Exit::Drained,
    }
}

/// What is done with one partition, for a person: what it was, what was seen, what becomes of it.
fn words(one: &Chosen, done: bool) -> Vec<String> {
    let shown = &one.resumed.shown;
    let was = match (&shown.stopped, shown.retired) {
        (_, true) => "retired".to_owned(),
        (Some(reason), false) => format!("stopped as {reason}"),
        (None, false) => "watched".to_owned(),
    };
    let mut text = vec![format!(
        "{}: {was}, generation {}, next offset {}",
        one.resumed.id,
        shown.generation,
        shown.last.next().get()
    )];
    // where nothing was ever stored there was nothing to compare
    let compared = one.parting.filter(|_| shown.last.get() >= 0);
    text.extend(compared.map(|parting| format!("  {}", comparison::sentence(parting))));
    text.extend(becomes(one, done));
    text
}

fn becomes(one: &Chosen, done: bool) -> Vec<String> {
    let shown = &one.resumed.shown;
    let next = shown.last.next().get();
    let will = if done { "will" } else { "would" };
    match &one.resumed.resumption {
        Resumption::Retry if one.recreated => vec![format!(
            "  the topic was created anew: the next poll {will} open a generation for it"
        )],
        Resumption::Retry => vec![format!("  the next poll {will} try {next} again")],
        Resumption::Forward { to, skipped } => {
            let mut text = vec![format!("  the next poll {will} read on at {}", to.get())];
            text.extend(skipped_words(shown.generation, skipped));
            text
        }
        Resumption::NewGeneration {
            begins,
            ends_as,
            skipped,
        } => {
            let generation = shown.generation.saturating_add(1);
            let mut text = vec![format!(
                "  the next poll {will} read on in generation {generation}, which begins at {}",
                begins.get()
            )];
            if let Some(reason) = ends_as {
                text.push(format!(
                    "  ledger: generation {} ends at {next}, {}: what its log had from there on is not known",
                    shown.generation,
                    reason.as_str()
                ));
            }
            text.extend(skipped_words(generation, skipped));
            text
        }
    }
}

fn skipped_words(generation: i32, skipped: &[Gap]) -> impl Iterator<Item = String> {
    skipped.iter().map(move |gap| {
        format!(
            "  ledger: {}..{} of generation {generation} are missing, {}",
            gap.from.get(),
            gap.to.last_consumed().get(),
            gap.reason.as_str()
        )
    })
}

/// The same for a program.
fn object(one: &Chosen) -> Value {
    let Resumed {
        id,
        shown,
        resumption,
        ..
    } = &one.resumed;
    let next = shown.last.next().get();
    let nothing: &[Gap] = &[];
    let (action, generation, begins, ends_as, skipped) = match resumption {
        Resumption::Retry => ("retry", shown.generation, next, &None, nothing),
        Resumption::Forward { to, skipped } => {
            ("forward", shown.generation, to.get(), &None, &**skipped)
        }
        Resumption::NewGeneration {
            begins,
            ends_as,
            skipped,
        } => (
            "new-generation",
            shown.generation.saturating_add(1),
            begins.get(),
            ends_as,
            &**skipped,
        ),
    };
    json!({
        "topic": &*id.topic,
        "partition": id.partition,
        "stopped": shown.stopped,
        "retired": shown.retired,
        "generation": shown.generation,
        "nextOffset": next,
        "divergence": one.parting.map(comparison::json),
        "action": action,
        "nextGeneration": generation,
        "begins": begins,
        "endsAs": ends_as.map(Ending::as_str),
        "skipped": skipped.iter().map(|gap| json!({
            "firstOffset": gap.from.get(),
            "lastOffset": gap.to.last_consumed().get(),
            "reason": gap.reason.as_str(),
        })).collect::<Vec<_>>(),
    })
}
