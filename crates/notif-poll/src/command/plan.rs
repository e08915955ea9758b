//! `notif-poll plan`: what a poll would do with each partition. It asks both sides as a poll does and
//! writes nothing.

use notif_core::divergence::Parting;
use notif_core::offset::NextOffset;
use notif_core::plan::{Memory, Verdict};
use notif_core::record::PartitionId;
use notif_core::stop::StopReason;
use notif_core::store::Session;
use serde_json::{Value, json};

use super::poll::VERSION;
use crate::answer::{Answer, columns};
use crate::brokers;
use crate::cli::Settings;
use crate::comparison;
use crate::config::{Config, Environment, poll_config};
use crate::deadline::{Deadline, WaitsFor};
use crate::exit::{Exit, Failure};
use crate::facts::observe::{self, problem_of};
use crate::facts::{Facts, Planned};
use crate::kafka::{self, Client};

pub(crate) fn run(settings: &Settings, env: Environment<'_>) -> Result<Answer, Failure> {
    let config = poll_config(settings, env)?;
    let deadline = Deadline::of_command(config.deadline)?;
    let client = brokers::connect(&config.kafka)?;
    deadline.waiting_for(WaitsFor::Database);
    let mut session = Session::connect(&config.database, "notif-poll plan")?;
    session.schema_check(VERSION)?;
    let facts = look(&config, &client, &mut session, &deadline)?;
    let mut lines = Vec::new();
    for (id, planned) in &facts.partitions {
        if let Some(verdict) = &planned.verdict {
            let parting = parting(&client, &mut session, id, planned, verdict, &deadline)?;
            lines.push(Line::new(id, planned, verdict, parting));
        }
    }
    deadline.waiting_for(WaitsFor::Itself);
    Ok(answer(&lines, &facts.unseen_topics))
}

/// Asks both sides in the order of a poll: the offset rows come before everything of Kafka.
pub(super) fn look(
    config: &Config,
    client: &Client,
    session: &mut Session,
    deadline: &Deadline,
) -> Result<Facts, Failure> {
    let rows = session.offset_list()?;
    let recorded = session.cluster_read()?;
    deadline.waiting_for(WaitsFor::Kafka);
    let stored = rows.keys().map(|id| &*id.topic).collect();
    let timeout = brokers::DESCRIBE_TIMEOUT.min(deadline.left());
    let topics = kafka::topic::topics_describe(client, &config.kafka.topics, &stored, timeout)
        .map_err(|error| brokers::unreachable(error, &config.kafka))?;
    if recorded.is_some() {
        brokers::check_cluster(brokers::cluster_id(client, deadline), recorded)?;
    }
    observe::facts(
        &config.kafka.topics,
        rows,
        topics,
        client,
        session,
        deadline,
    )
}

/// Where the logs part, for a partition that stopped because they do and that Kafka has.
fn parting(
    client: &Client,
    session: &mut Session,
    id: &PartitionId,
    planned: &Planned,
    verdict: &Verdict,
    deadline: &Deadline,
) -> Result<Option<Parting>, Failure> {
    let (Verdict::Stopped(reason), Memory::Row(stored), Some(watermarks)) =
        (verdict, &planned.memory, planned.watermarks())
    else {
        return Ok(None);
    };
    if reason != StopReason::Diverged.as_str() || stored.is_another_topic(planned.topic_id()) {
        return Ok(None);
    }
    comparison::part(client, session, id, stored, watermarks, deadline).map(Some)
}

/// One partition of the answer.
struct Line {
    topic: String,
    partition: i32,
    generation: Option<i32>,
    verdict: &'static str,
    from: Option<i64>,
    to: Option<i64>,
    lost_from: Option<i64>,
    problem: Option<String>,
    parting: Option<Parting>,
}

impl Line {
    fn new(
        id: &PartitionId,
        planned: &Planned,
        verdict: &Verdict,
        parting: Option<Parting>,
    ) -> Self {
        let stored = match &planned.memory {
            Memory::Row(stored) => Some(stored),
            Memory::NoRow(_) => None,
        };
        let (low, end) = match planned.watermarks() {
            Some(watermarks) => (Some(watermarks.low.get()), Some(watermarks.end.get())),
            None => (None, None),
        };
        let next = stored.map(|stored| stored.last.next().get());
        let (from, to, lost_from) = match *verdict {
            Verdict::Nothing => (next, next, None),
            Verdict::Read { from, to } => (Some(from.get()), Some(to.get()), None),
            Verdict::Gap {
                lost_from,
                from,
                to,
            } => (Some(from.get()), Some(to.get()), Some(lost_from.get())),
            Verdict::First { low, ours } => {
                let lost_from = (ours && low > NextOffset::at(0)).then_some(0);
                (Some(low.get()), end, lost_from)
            }
            Verdict::Recreated { .. } => (low, end, next),
            _ => (next, end, None),
        };
        Self {
            topic: id.topic.to_string(),
            partition: id.partition,
            generation: stored.map(|stored| stored.generation),
            verdict: verdict.name(),
            from,
            to,
            lost_from,
            problem: problem(id, verdict, parting),
            parting,
        }
    }

    fn row(&self) -> Vec<String> {
        let number = |number: Option<i64>| number.map_or("-".to_owned(), |n| n.to_string());
        let remark = match (&self.problem, self.lost_from) {
            (Some(problem), _) => problem.clone(),
            (None, Some(lost)) if self.verdict == "recreated" => {
                format!("the topic was created anew: what the old one had from {lost} on is lost")
            }
            (None, Some(lost)) => format!("lost from {lost} on: Kafka has deleted it"),
            (None, None) => String::new(),
        };
        vec![
            self.topic.clone(),
            self.partition.to_string(),
            number(self.generation.map(i64::from)),
            self.verdict.to_owned(),
            number(self.from),
            number(self.to),
            remark,
        ]
    }

    fn json(&self) -> Value {
        json!({
            "topic": self.topic,
            "partition": self.partition,
            "generation": self.generation,
            "verdict": self.verdict,
            "from": self.from,
            "to": self.to,
            "lostFrom": self.lost_from,
            "problem": self.problem,
            "divergence": self.parting.map(comparison::json),
        })
    }
}

/// Why a person must look. What a poll takes up before it reads is no problem of a plan.
fn problem(id: &PartitionId, verdict: &Verdict, parting: Option<Parting>) -> Option<String> {
    match (verdict, parting) {
        (Verdict::First { .. } | Verdict::Recreated { .. } | Verdict::OffsetsLost, _) => None,
        (Verdict::Stopped(reason), parting) => Some(format!(
            "stopped as {reason}{}; notif-poll resume --topic {} --partition {} says what would let it go on",
            parting.map_or(String::new(), |parting| {
                format!(": {}", comparison::sentence(parting))
            }),
            id.topic,
            id.partition
        )),
        _ => problem_of(verdict),
    }
}

fn answer(lines: &[Line], unseen_topics: &[String]) -> Answer {
    let head = ["TOPIC", "PART", "GEN", "VERDICT", "FROM", "TO", "REMARK"];
    let rows: Vec<Vec<String>> = lines.iter().map(Line::row).collect();
    let mut text = if lines.is_empty() {
        vec!["a poll would find nothing to do: no partition is watched or waits to be".to_owned()]
    } else {
        columns(&head, &rows)
    };
    if !unseen_topics.is_empty() {
        text.push(format!("not there yet: {}", unseen_topics.join(", ")));
    }
    text.push("nothing was written".to_owned());
    let unreachable = lines
        .iter()
        .filter(|line| line.verdict == "unreachable")
        .count();
    let exit = if unreachable > 0 && unreachable == lines.len() {
        Exit::Kafka
    } else if lines.iter().any(|line| line.problem.is_some()) {
        Exit::Stopped
    } else {
        Exit::Drained
    };
    Answer {
        text,
        json: json!({
            "outcome": "planned",
            "partitions": lines.iter().map(Line::json).collect::<Vec<_>>(),
            "unseenTopics": unseen_topics,
        }),
        exit,
    }
}
