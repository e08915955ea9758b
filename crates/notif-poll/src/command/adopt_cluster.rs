//! `notif-poll adopt-cluster`: records another Kafka cluster from now on.

use anyhow::anyhow;
use notif_core::offset::NextOffset;
use notif_core::plan::Seen;
use notif_core::record::PartitionId;
use notif_core::store::Session;
use notif_core::store::cluster::Adopted;
use serde_json::json;

use super::poll::VERSION;
use crate::answer::Answer;
use crate::brokers;
use crate::cli::{AdoptClusterArgs, Settings};
use crate::config::{Config, Environment, poll_config};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::{Exit, Failure};
use crate::kafka::Client;
use crate::kafka::topic::{TopicAnswer, names_describe};
use crate::kafka::watermark::watermarks_ask;
use crate::operator;

pub(crate) fn run(
    settings: &Settings,
    args: &AdoptClusterArgs,
    env: Environment<'_>,
) -> Result<Answer, Failure> {
    let config = poll_config(settings, env)?;
    let deadline = Deadline::of_command(config.deadline)?;
    let client = brokers::connect(&config.kafka)?;
    deadline.waiting_for(WaitsFor::Database);
    let mut session = Session::connect(&config.database, "notif-poll adopt-cluster")?;
    session.schema_check(VERSION)?;
    let recorded = session.cluster_read()?;
    if recorded.as_deref() == Some(&*args.id) {
        return Ok(Answer {
            text: vec![format!(
                "cluster {} is the one that is recorded already",
                args.id
            )],
            json: json!({"outcome": "nothing", "from": recorded, "to": args.id, "partitions": []}),
            exit: Exit::Drained,
        });
    }
    check_id(&config, &client, &args.id, &deadline)?;
    let adopted = adopted(&config, &client, &mut session, &deadline)?;
    if args.yes {
        deadline.waiting_for(WaitsFor::Database);
        let from = recorded.as_deref().unwrap_or("none");
        let note = format!("Kafka cluster {from} is followed by {}", args.id);
        let decision = operator::decision(env, &note)?;
        let written = session.cluster_adopt(&decision, recorded.as_deref(), &args.id, &adopted)?;
        if !written {
            return Err(Failure::new(
                Exit::Stopped,
                anyhow!("partitions or the cluster changed while they were looked at"),
                "nothing was written: end all polls, and run the command again",
            ));
        }
    }
    deadline.waiting_for(WaitsFor::Itself);
    Ok(answer(recorded.as_deref(), &args.id, &adopted, args.yes))
}

/// A slip of the hand must not stop all polls: the id has to be that of the brokers.
fn check_id(
    config: &Config,
    client: &Client,
    id: &str,
    deadline: &Deadline,
) -> Result<(), Failure> {
    deadline.waiting_for(WaitsFor::Kafka);
    let seen = brokers::cluster_id(client, deadline).ok_or_else(brokers::silent_about_cluster)?;
    if seen == id {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        anyhow!(
            "Kafka at {} is cluster {seen}, not {id}",
            config.kafka.bootstrap
        ),
        "give the id of the cluster that KAFKA_BOOTSTRAP_SERVERS leads to; nothing was written",
    ))
}

/// Every watched partition, with where its log begins in the new cluster. What is not there begins at
/// its beginning: the next poll sees.
fn adopted(
    config: &Config,
    client: &Client,
    session: &mut Session,
    deadline: &Deadline,
) -> Result<Vec<Adopted>, Failure> {
    deadline.waiting_for(WaitsFor::Database);
    let rows = session.offset_list()?;
    deadline.waiting_for(WaitsFor::Kafka);
    let watched = rows.iter().filter(|(_, row)| !row.retired);
    let names = watched
        .clone()
        .map(|(id, _)| id.topic.to_string())
        .collect();
    let timeout = brokers::DESCRIBE_TIMEOUT.min(deadline.left());
    let topics = names_describe(client, names, timeout)
        .map_err(|error| brokers::unreachable(error, &config.kafka))?;
    let is_there = |id: &PartitionId| {
        matches!(topics.get(&*id.topic), Some(TopicAnswer::Present { partitions, .. })
            if partitions.contains(&id.partition))
    };
    let there: Vec<PartitionId> = watched
        .clone()
        .map(|(id, _)| id.clone())
        .filter(is_there)
        .collect();
    let offsets = watermarks_ask(client, &there, deadline.left());
    watched
        .map(|(id, row)| {
            let low = match offsets.get(id) {
                Some(Ok(watermarks)) => watermarks.low,
                Some(Err(why)) => return Err(unanswered(id, why)),
                None => match topics.get(&*id.topic) {
                    Some(TopicAnswer::Elsewise(Seen::Unanswered(why))) => {
                        return Err(unanswered(id, why));
                    }
                    _ => NextOffset::at(0),
                },
            };
            let topic_id = match topics.get(&*id.topic) {
                Some(TopicAnswer::Present { topic_id, .. }) => topic_id.clone(),
                _ => None,
            };
            Ok(Adopted {
                id: id.clone(),
                generation: row.stored.generation,
                low,
                topic_id,
            })
        })
        .collect()
}

fn unanswered(id: &PartitionId, why: &str) -> Failure {
    Failure::new(
        Exit::Kafka,
        anyhow!("Kafka gave no answer for {id}: {why}"),
        "nothing was written: where its log begins must be known",
    )
}

fn answer(from: Option<&str>, to: &str, adopted: &[Adopted], done: bool) -> Answer {
    let word = if done { "is" } else { "would be" };
    let mut text = vec![format!(
        "cluster {to} {word} recorded from now on, instead of {}; {} partitions in a new generation",
        from.unwrap_or("none"),
        adopted.len()
    )];
    for partition in adopted {
        text.push(format!(
            "{}: generation {} begins at {}",
            partition.id,
            partition.generation.saturating_add(1),
            partition.low.get()
        ));
    }
    if !done {
        text.push("a dry run, nothing was written: --yes does it".to_owned());
    }
    Answer {
        text,
        json: json!({
            "outcome": if done { "adopted" } else { "dry-run" },
            "from": from,
            "to": to,
            "partitions": adopted.iter().map(|partition| json!({
                "topic": &*partition.id.topic,
                "partition": partition.id.partition,
                "newGeneration": partition.generation.saturating_add(1),
                "begins": partition.low.get(),
            })).collect::<Vec<_>>(),
        }),
        exit: Exit::Drained,
    }
}
