//! What `verify` says at its end: for a person, or as one JSON object.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use notif_core::verify::{Findings, Place};
use serde::Serialize;

use crate::cli::Output;
use crate::exit::{Exit, Failure};
use crate::report::{complain, rfc3339, say};

/// Why something cannot be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reason {
    /// The first thing that is known of a partition does not begin at offset 0.
    BeforeFirstSeen,
    /// Rows that came from no partition, or from a time before this recorder.
    WithoutPosition,
    /// Retention removed rows from batches; which ones is not written down.
    PrunedBatches,
    /// Only a part of the record was looked at.
    BatchesLeftOut,
    /// Without Kafka nobody can tell.
    WithoutKafka,
    /// Kafka has deleted the records.
    DeletedInKafka,
    /// Kafka may have compacted the records away.
    Compacted,
    /// What was erased cannot be compared.
    Redacted,
    /// Retention removed rows whose records Kafka still has; which ones is not written down.
    PrunedInKafka,
    /// Kafka holds another log than the one that this generation was.
    OtherGeneration,
    /// An operator ended the watch.
    Retired,
    /// The topic or the partition is gone.
    Gone,
    /// Kafka does not let us see it.
    Unauthorised,
    /// Kafka did not answer for it.
    Unreachable,
}

impl Reason {
    fn words(self) -> &'static str {
        match self {
            Self::BeforeFirstSeen => "what came before the first offset that the ledger knows",
            Self::WithoutPosition => {
                "rows without a position (manual, or brought over), but for id and length"
            }
            Self::PrunedBatches => "which batches the pruned rows are missing from",
            Self::BatchesLeftOut => "batches, which belong to no topic: leave out --topic",
            Self::WithoutKafka => {
                "that every record was recorded, and what its event says: verify --deep, while Kafka has it"
            }
            Self::DeletedInKafka => {
                "what Kafka has deleted since, but for what PostgreSQL alone tells"
            }
            Self::Compacted => "rows that Kafka does not have: the topic may have been compacted",
            Self::Redacted => "key, headers and event of redacted rows",
            Self::PrunedInKafka => {
                "that what Kafka has without a row is what was pruned: its number is, its content is not"
            }
            Self::OtherGeneration => "generations whose log Kafka does not have any more",
            Self::Retired => "partitions whose watch has ended",
            Self::Gone => "partitions that Kafka does not have any more",
            Self::Unauthorised => "partitions that Kafka does not let us see",
            Self::Unreachable => "partitions that Kafka did not give",
        }
    }
}

/// Something that cannot be proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unproved {
    pub(super) reason: Reason,
    #[serde(flatten)]
    pub(super) place: Place,
    /// How many rows (or records without one) it is about, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<u64>,
    /// More words, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

/// What was looked at, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    /// Partitions, each generation counted.
    pub(super) partitions: u64,
    pub(super) ranges: u64,
    pub(super) losses: u64,
    pub(super) rows: u64,
    pub(super) redacted: u64,
    pub(super) pruned: u64,
    pub(super) batches: u64,
    /// Records of Kafka that were compared with their row.
    pub(super) compared_with_kafka: u64,
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifyReport {
    outcome: &'static str,
    exit_code: Exit,
    exit_codes: Vec<Exit>,
    pub(super) deep: bool,
    #[serde(serialize_with = "rfc3339")]
    pub(super) as_of: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub(super) took: Duration,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) mismatches: Findings,
    pub(super) unproved: Vec<Unproved>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl VerifyReport {
    /// Before anything was looked at.
    pub(super) fn new(deep: bool, as_of: Option<DateTime<Utc>>) -> Self {
        Self {
            outcome: "verified",
            exit_code: Exit::Drained,
            exit_codes: Vec::new(),
            deep,
            as_of,
            took: Duration::ZERO,
            counts: Counts::default(),
            mismatches: Findings::default(),
            unproved: Vec::new(),
            error: None,
            hint: None,
        }
    }

    /// The report of a run that could not do its work; what it found before that stays in it.
    pub(super) fn fail(mut self, failure: &Failure) -> Self {
        self.outcome = "failed";
        self.exit_codes.push(failure.exit);
        self.error = Some(format!("{:#}", failure.error));
        self.hint.clone_from(&failure.hint);
        self
    }

    /// One more thing that cannot be proved.
    pub(super) fn cannot_prove(
        &mut self,
        reason: Reason,
        place: Place,
        rows: Option<u64>,
        detail: Option<String>,
    ) {
        if matches!(reason, Reason::Unauthorised | Reason::Unreachable) {
            self.exit_codes.push(Exit::Stopped);
        }
        self.unproved.push(Unproved {
            reason,
            place,
            rows,
            detail,
        });
    }

    /// Decides how it ended.
    pub(super) fn end(mut self) -> Self {
        if self.mismatches.total > 0 {
            self.exit_codes.push(Exit::Mismatch);
            if self.outcome == "verified" {
                self.outcome = "mismatch";
            }
        }
        if self.exit_codes.is_empty() {
            self.exit_codes.push(Exit::Drained);
        }
        self.exit_codes.sort();
        self.exit_codes.dedup();
        self.exit_code = self.exit_codes.first().copied().unwrap_or(Exit::Drained);
        self
    }

    /// Writes it; the exit code.
    pub(crate) fn print(&self, output: Output) -> Exit {
        match output {
            Output::Json => match serde_json::to_string(self) {
                Ok(json) => say(&json),
                Err(error) => complain(&format!("the report cannot be written: {error}"), None),
            },
            Output::Text if self.as_of.is_some() => self.lines().iter().for_each(|line| say(line)),
            Output::Text => {}
        }
        if let Some(error) = &self.error {
            complain(error, self.hint.as_deref());
        }
        self.exit_code
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.headline()];
        lines.extend(self.mismatches.named.iter().map(ToString::to_string));
        let unnamed = self.mismatches.unnamed();
        if unnamed > 0 {
            lines.push(format!("and {unnamed} more"));
        }
        lines.extend(self.unproved_lines());
        lines
    }

    fn headline(&self) -> String {
        let counts = &self.counts;
        let mut rows = vec![format!(
            "{} in {}",
            number(counts.rows, "row", "rows"),
            number(counts.partitions, "partition", "partitions")
        )];
        if counts.redacted > 0 {
            rows.push(format!("{} of them redacted", counts.redacted));
        }
        if counts.pruned > 0 {
            rows.push(format!("{} pruned", counts.pruned));
        }
        let mut parts = vec![rows.join(", ")];
        if self.deep {
            parts.push(format!(
                "{} compared with Kafka",
                counts.compared_with_kafka
            ));
        }
        parts.push(format!(
            "{}, {:.2} s",
            number(self.mismatches.total, "mismatch", "mismatches"),
            self.took.as_secs_f64()
        ));
        format!("{}: {}", self.outcome, parts.join("; "))
    }

    /// One line a reason: how much, and the first places.
    fn unproved_lines(&self) -> Vec<String> {
        let mut by_reason: BTreeMap<Reason, Vec<&Unproved>> = BTreeMap::new();
        for unproved in &self.unproved {
            by_reason.entry(unproved.reason).or_default().push(unproved);
        }
        by_reason
            .into_iter()
            .map(|(reason, all)| unproved_line(reason, &all))
            .collect()
    }
}

fn unproved_line(reason: Reason, all: &[&Unproved]) -> String {
    let mut parts = vec![format!("not proved: {}", reason.words())];
    let rows = all.iter().filter_map(|one| one.rows);
    let rows = rows.fold(0, u64::saturating_add);
    if rows > 0 {
        parts.push(number(rows, "row", "rows"));
    }
    let mut places: Vec<String> = all
        .iter()
        .map(|one| match (one.place.to_string(), &one.detail) {
            (place, Some(detail)) => format!("{place} ({detail})"),
            (place, None) => place,
        })
        .filter(|place| !place.is_empty())
        .collect();
    let more = places.len().saturating_sub(SHOWN);
    if more > 0 {
        places.truncate(SHOWN);
        places.push(format!("and {more} more"));
    }
    if !places.is_empty() {
        parts.push(places.join(", "));
    }
    parts.join("; ")
}

/// How many places a line names.
const SHOWN: usize = 3;

fn number(count: u64, one: &str, more: &str) -> String {
    let noun = if count == 1 { one } else { more };
    format!("{count} {noun}")
}
