//! What `status` shows, for a person and for a program.

use notif_core::offset::LastConsumed;
use notif_core::store::status::{GapStatus, PartitionStatus, RunStatus, Status};
use serde_json::{Value, json};

use super::lines::{Line, Look};
use crate::answer::{Answer, columns, instant, rfc3339, span};
use crate::exit::Exit;

const HEAD: [&str; 9] = [
    "TOPIC", "PART", "GEN", "STORED", "END", "LAG", "BEHIND", "MARGIN", "STATE",
];

pub(super) fn answer(status: &Status, look: &Look) -> Answer {
    let mut text = vec![headline(status, look)];
    let table = if look.watched.is_empty() {
        Vec::new()
    } else {
        let rows: Vec<Vec<String>> = look.watched.iter().map(row).collect();
        columns(&HEAD, &rows)
    };
    let sections = [
        table,
        titled("needs a person:", needs(look)),
        gaps(status),
        titled("retired:", retired(look)),
        titled("not watched:", unwatched(look)),
        runs(status),
    ];
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        text.push(String::new());
        text.extend(section);
    }
    Answer {
        text,
        json: object(status, look),
        exit: Exit::Drained,
    }
}

/// A section with its title, where there is anything in it.
fn titled(title: &str, lines: Vec<String>) -> Vec<String> {
    let title = (!lines.is_empty()).then(|| title.to_owned());
    title
        .into_iter()
        .chain(lines.into_iter().map(|line| format!("  {line}")))
        .collect()
}

/// One line of health.
fn headline(status: &Status, look: &Look) -> String {
    let now = status.overview.now;
    let mut parts = vec![look.state.as_str().to_owned()];
    if !look.reasons.is_empty() {
        parts = vec![format!(
            "{}: {}",
            look.state.as_str(),
            look.reasons.join(", ")
        )];
    }
    parts.push(match look.recorded_through {
        Some(through) => format!(
            "recorded through {} ({} ago)",
            instant(through),
            span(now.signed_duration_since(through))
        ),
        None => "recorded through an instant that is not known yet".to_owned(),
    });
    parts.push(match (look.live, status.overview.seen_at) {
        (true, _) => format!("Kafka as it is at {}", instant(now)),
        (false, Some(at)) => format!(
            "Kafka as seen at {} ({} ago)",
            instant(at),
            span(now.signed_duration_since(at))
        ),
        (false, None) => "Kafka not seen yet".to_owned(),
    });
    parts.join("; ")
}

fn number(number: Option<i64>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}

fn row(line: &Line) -> Vec<String> {
    vec![
        line.stored.topic.clone(),
        line.stored.partition.to_string(),
        line.stored.generation.to_string(),
        line.stored.stored.to_string(),
        number(line.end),
        number(line.lag),
        line.behind.map_or("-".to_owned(), span),
        number(line.margin),
        line.state.clone(),
    ]
}

/// What a person must look at.
fn needs(look: &Look) -> Vec<String> {
    let word = |line: &Line| {
        let stored = &line.stored;
        let name = format!("{}/{}", stored.topic, stored.partition);
        if let Some(reason) = &stored.stopped_reason {
            let since = stored
                .stopped_at
                .map_or(String::new(), |at| format!(" since {}", instant(at)));
            return Some(format!(
                "{name} is stopped as {reason} at {}{since}: notif-poll plan shows more, notif-poll resume lets it go on",
                number(stored.stopped_offset)
            ));
        }
        let problem = line.problem.as_ref()?;
        Some(format!("{name} {}: {problem}", line.state))
    };
    look.watched.iter().filter_map(word).collect()
}

fn gaps(status: &Status) -> Vec<String> {
    if status.gaps.is_empty() {
        return vec!["no losses in the ledger".to_owned()];
    }
    let title = format!(
        "losses in the ledger: {}, the newest first:",
        status.overview.gaps
    );
    titled(&title, status.gaps.iter().map(gap_words).collect())
}

fn gap_words(gap: &GapStatus) -> String {
    let last = match (gap.last_offset, gap.known_end) {
        (Some(last), _) => last.to_string(),
        (None, Some(end)) => format!("? (end last seen: {end})"),
        (None, None) => "?".to_owned(),
    };
    let mut words = format!(
        "{}  {}/{} generation {}: {}..{last} {}, by {}",
        instant(gap.recorded_at),
        gap.topic,
        gap.partition,
        gap.generation,
        gap.first_offset,
        gap.reason,
        gap.recorded_by
    );
    if let Some(note) = &gap.note {
        words = format!("{words}: {}", note.replace(['\n', '\r'], " "));
    }
    if gap.untold {
        words.push_str(" (no run has told of it yet)");
    }
    words
}

fn retired(look: &Look) -> Vec<String> {
    let word = |stored: &PartitionStatus| {
        format!(
            "{}/{} since {}, next offset {}",
            stored.topic,
            stored.partition,
            stored.retired_at.map_or("-".to_owned(), instant),
            LastConsumed::new(stored.stored).next().get()
        )
    };
    look.retired.iter().map(word).collect()
}

fn unwatched(look: &Look) -> Vec<String> {
    let forgotten = look.forgotten.iter().map(|topic| {
        format!(
            "{topic} is not read any more, because KAFKA_TOPICS does not select it, but it still counts: add it, or end its watch with notif-poll retire"
        )
    });
    let unselected = look.unselected.iter().flatten();
    let unselected = unselected
        .filter(|topic| !look.forgotten.contains(*topic))
        .map(|topic| format!("{topic} is in Kafka, and KAFKA_TOPICS does not select it"));
    forgotten.chain(unselected).collect()
}

fn runs(status: &Status) -> Vec<String> {
    if status.runs.is_empty() {
        return vec!["no run yet".to_owned()];
    }
    let rows: Vec<Vec<String>> = status
        .runs
        .iter()
        .map(|run| {
            let took = run.ended_at.map_or("-".to_owned(), |ended| {
                let took = ended.signed_duration_since(run.started_at);
                format!(
                    "{}.{:02} s",
                    took.num_seconds(),
                    took.subsec_millis().div_euclid(10)
                )
            });
            vec![
                run.run_id.to_string(),
                instant(run.started_at),
                took,
                run_state(run).to_owned(),
                number(run.exit_code.map(i64::from)),
                run.records.to_string(),
                run.host.clone(),
            ]
        })
        .collect();
    columns(
        &[
            "RUN", "STARTED", "TOOK", "OUTCOME", "EXIT", "RECORDS", "HOST",
        ],
        &rows,
    )
}

fn run_state(run: &RunStatus) -> &str {
    match &run.outcome {
        Some(outcome) => outcome,
        None if run.abandoned => "abandoned: killed before its end",
        None => "running",
    }
}

/// The whole of it for a program; docs/operations.md describes the shape.
fn object(status: &Status, look: &Look) -> Value {
    let overview = &status.overview;
    json!({
        "now": rfc3339(overview.now),
        "live": look.live,
        "seenAt": overview.seen_at.map(rfc3339),
        "cluster": overview.cluster_id,
        "health": {"state": look.state.as_str(), "reasons": look.reasons},
        "recordedThrough": look.recorded_through.map(rfc3339),
        "partitions": look.watched.iter().map(line_object).collect::<Vec<_>>(),
        "retired": look.retired.iter().map(|stored| json!({
            "topic": stored.topic,
            "partition": stored.partition,
            "generation": stored.generation,
            "storedOffset": stored.stored,
            "at": stored.retired_at.map(rfc3339),
        })).collect::<Vec<_>>(),
        "gapCount": overview.gaps,
        "gaps": status.gaps.iter().map(gap_object).collect::<Vec<_>>(),
        "notSelected": {"watched": look.forgotten, "inKafka": look.unselected},
        "runs": status.runs.iter().map(run_object).collect::<Vec<_>>(),
    })
}

fn line_object(line: &Line) -> Value {
    let stored = &line.stored;
    json!({
        "topic": stored.topic,
        "partition": stored.partition,
        "generation": stored.generation,
        "storedOffset": stored.stored,
        "endOffset": line.end,
        "highWatermark": line.high,
        "lowOffset": line.low,
        "lag": line.lag,
        "lagSeconds": match line.lag {
            Some(0) => Some(0),
            _ => line.behind.map(|behind| behind.num_seconds()),
        },
        "lossMargin": line.margin,
        "drainedThrough": stored.drained_through.map(rfc3339),
        "records": stored.records,
        "state": line.state,
        "stopped": stored.stopped_reason.as_ref().map(|reason| json!({
            "reason": reason,
            "at": stored.stopped_at.map(rfc3339),
            "offset": stored.stopped_offset,
        })),
        "problem": line.problem,
    })
}

fn gap_object(gap: &GapStatus) -> Value {
    json!({
        "id": gap.gap_id,
        "topic": gap.topic,
        "partition": gap.partition,
        "generation": gap.generation,
        "firstOffset": gap.first_offset,
        "lastOffset": gap.last_offset,
        "knownEnd": gap.known_end,
        "reason": gap.reason,
        "by": gap.recorded_by,
        "note": gap.note,
        "at": rfc3339(gap.recorded_at),
        "told": !gap.untold,
    })
}

fn run_object(run: &RunStatus) -> Value {
    json!({
        "id": run.run_id,
        "startedAt": rfc3339(run.started_at),
        "endedAt": run.ended_at.map(rfc3339),
        "state": run.state().as_str(),
        "outcome": run.outcome,
        "exitCode": run.exit_code,
        "records": run.records,
        "host": run.host,
        "version": run.version,
    })
}
