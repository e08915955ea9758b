//! What a run says at its end: one line for a person, or one JSON object.
#![expect(clippy::print_stderr, reason = "this file is the output")]

use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use notif_core::store::gap::UnannouncedGap;
use serde::{Serialize, Serializer};

use crate::answer;
use crate::cli::Output;
use crate::exit::{Exit, Failure};

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutcomeName {
    /// Everything new is stored.
    Drained,
    /// There was nothing new.
    Nothing,
    /// Another run is at everything that is new.
    Busy,
    /// Time or a signal ended it.
    Behind,
    /// A partition needs a person.
    Stopped,
    /// Records were lost.
    Gap,
    /// It could not do its work.
    Failed,
}

impl OutcomeName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Nothing => "nothing",
            Self::Busy => "busy",
            Self::Behind => "behind",
            Self::Stopped => "stopped",
            Self::Gap => "gap",
            Self::Failed => "failed",
        }
    }
}

/// One partition in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartitionReport {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) generation: Option<i32>,
    pub(crate) verdict: &'static str,
    /// The first offset that was to be read.
    pub(crate) from: Option<i64>,
    /// Where the next run goes on.
    pub(crate) to: Option<i64>,
    /// The captured end.
    pub(crate) end: Option<i64>,
    pub(crate) records: i64,
    pub(crate) done: bool,
    pub(crate) problem: Option<String>,
}

/// A loss in the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GapReport {
    topic: String,
    partition: i32,
    generation: i32,
    first_offset: i64,
    last_offset: Option<i64>,
    reason: String,
}

impl From<&UnannouncedGap> for GapReport {
    fn from(gap: &UnannouncedGap) -> Self {
        Self {
            topic: gap.topic.clone(),
            partition: gap.partition,
            generation: gap.topic_generation,
            first_offset: gap.first_offset,
            last_offset: gap.last_offset,
            reason: gap.reason.clone(),
        }
    }
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) run: Option<i64>,
    pub(crate) outcome: OutcomeName,
    pub(crate) exit_code: Exit,
    pub(crate) exit_codes: Vec<Exit>,
    #[serde(serialize_with = "rfc3339")]
    pub(crate) started_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "rfc3339")]
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) records: i64,
    pub(crate) bytes: i64,
    pub(crate) unparseable: i64,
    pub(crate) partitions: Vec<PartitionReport>,
    pub(crate) gaps: Vec<GapReport>,
    pub(crate) unseen_topics: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Report {
    /// The report of a run that could not do its work.
    pub(crate) fn failed(failure: &Failure) -> Self {
        Self {
            run: None,
            outcome: OutcomeName::Failed,
            exit_code: failure.exit,
            exit_codes: vec![failure.exit],
            started_at: None,
            ended_at: None,
            records: 0,
            bytes: 0,
            unparseable: 0,
            partitions: Vec::new(),
            gaps: Vec::new(),
            unseen_topics: Vec::new(),
            error: Some(format!("{:#}", failure.error)),
            hint: failure.hint.clone(),
        }
    }

    /// Writes it.
    pub(crate) fn print(&self, output: Output) {
        match output {
            Output::Json => match serde_json::to_string(self) {
                Ok(json) => say(&json),
                Err(error) => eprintln!("error: the report cannot be written: {error}"),
            },
            Output::Text => {
                if self.outcome != OutcomeName::Failed || self.run.is_some() {
                    say(&self.line());
                }
            }
        }
        if let Some(error) = &self.error {
            complain(error, self.hint.as_deref());
        }
    }

    /// One line that says what happened.
    pub(crate) fn line(&self) -> String {
        let mut parts = vec![self.headline()];
        if self.unparseable > 0 {
            parts.push(format!(
                "{} could not be opened, kept as bytes",
                self.unparseable
            ));
        }
        let left = self
            .partitions
            .iter()
            .filter(|partition| !partition.done)
            .filter_map(|partition| partition.end?.checked_sub(partition.to?))
            .fold(0_i64, i64::saturating_add);
        if left > 0 {
            parts.push(format!("{left} offsets left"));
        }
        parts.extend(self.gaps.iter().map(|gap| {
            let last = gap
                .last_offset
                .map_or("?".to_owned(), |last| last.to_string());
            format!(
                "lost {}/{} {}..{last} ({})",
                gap.topic, gap.partition, gap.first_offset, gap.reason
            )
        }));
        parts.extend(self.partitions.iter().filter_map(|partition| {
            let problem = partition.problem.as_ref()?;
            Some(format!(
                "{}/{} {}: {problem}",
                partition.topic, partition.partition, partition.verdict
            ))
        }));
        if !self.unseen_topics.is_empty() {
            parts.push(format!("not there yet: {}", self.unseen_topics.join(", ")));
        }
        parts.join("; ")
    }

    fn headline(&self) -> String {
        let took = match (self.started_at, self.ended_at) {
            (Some(start), Some(end)) => end.signed_duration_since(start).to_std().ok(),
            _ => None,
        };
        let touched = self
            .partitions
            .iter()
            .filter(|partition| partition.records > 0)
            .count();
        format!(
            "{}: {} new record{} in {touched} of {} partitions, {:.2} s{}",
            self.outcome.as_str(),
            self.records,
            if self.records == 1 { "" } else { "s" },
            self.partitions.len(),
            took.unwrap_or(Duration::ZERO).as_secs_f64(),
            self.run
                .map_or(String::new(), |run| format!(" (run {run})")),
        )
    }
}

/// Tells of an error and what to do about it.
pub(crate) fn complain(error: &str, hint: Option<&str>) {
    eprintln!("error: {error}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}

/// Writes a line to stdout. A closed pipe is no error: what was recorded is recorded.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

#[expect(clippy::ref_option, reason = "serde hands over the field as it is")]
pub(crate) fn rfc3339<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&answer::rfc3339(*time)),
        None => serializer.serialize_none(),
    }
}
