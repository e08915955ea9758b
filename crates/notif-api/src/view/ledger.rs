//! How the ledgers look to a client: topics with their partitions, losses, runs.

use notif_core::store::ledger::WatchedPartition;
use notif_core::store::status::{GapStatus, RunStatus};
use serde::Serialize;

use super::time;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TopicView<'a> {
    topic: &'a str,
    topic_id: Option<&'a str>,
    partitions: Vec<PartitionView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartitionView<'a> {
    partition: i32,
    generation: i32,
    stored_offset: i64,
    end_offset: Option<i64>,
    high_watermark: Option<i64>,
    low_offset: Option<i64>,
    lag: Option<i64>,
    lag_seconds: Option<i64>,
    loss_margin: Option<i64>,
    last_record_at: Option<String>,
    drained_through: Option<String>,
    stopped: Option<StopView<'a>>,
}

#[derive(Serialize)]
struct StopView<'a> {
    reason: &'a str,
    at: Option<String>,
    offset: Option<i64>,
}

/// The watched partitions, which come by topic, as an array of topics.
pub(crate) fn topics(watched: &[WatchedPartition]) -> Vec<u8> {
    let of_a_topic = watched.chunk_by(|one, next| one.partition.topic == next.partition.topic);
    json(&of_a_topic.filter_map(topic).collect::<Vec<_>>())
}

fn topic(watched: &[WatchedPartition]) -> Option<TopicView<'_>> {
    // one that was re-created is seen partition by partition: the newest generation knows its id
    let ids = watched
        .iter()
        .filter(|one| one.partition.topic_id.is_some());
    let newest = ids.max_by_key(|one| one.partition.generation);
    Some(TopicView {
        topic: &watched.first()?.partition.topic,
        topic_id: newest.and_then(|one| one.partition.topic_id.as_deref()),
        partitions: watched.iter().map(partition).collect(),
    })
}

fn partition(watched: &WatchedPartition) -> PartitionView<'_> {
    let partition = &watched.partition;
    let standing = watched.standing();
    PartitionView {
        partition: partition.partition,
        generation: partition.generation,
        stored_offset: partition.stored,
        end_offset: partition.end_offset,
        high_watermark: partition.high_watermark,
        low_offset: partition.low_offset,
        lag: standing.map(|standing| standing.lag),
        lag_seconds: standing
            .and_then(|standing| standing.behind)
            .map(|behind| behind.num_seconds()),
        loss_margin: standing.map(|standing| standing.loss_margin),
        last_record_at: partition.last_record_at().map(time),
        drained_through: partition.drained_through.map(time),
        stopped: partition.stopped_reason.as_deref().map(|reason| StopView {
            reason,
            at: partition.stopped_at.map(time),
            offset: partition.stopped_offset,
        }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GapView<'a> {
    id: i64,
    topic: &'a str,
    partition: i32,
    generation: i32,
    first_offset: i64,
    last_offset: Option<i64>,
    known_end: Option<i64>,
    reason: &'a str,
    by: &'a str,
    note: Option<&'a str>,
    run_id: Option<i64>,
    at: String,
}

impl<'a> From<&'a GapStatus> for GapView<'a> {
    fn from(gap: &'a GapStatus) -> Self {
        Self {
            id: gap.gap_id,
            topic: &gap.topic,
            partition: gap.partition,
            generation: gap.generation,
            first_offset: gap.first_offset,
            last_offset: gap.last_offset,
            known_end: gap.known_end,
            reason: &gap.reason,
            by: &gap.recorded_by,
            note: gap.note.as_deref(),
            run_id: gap.run_id,
            at: time(gap.recorded_at),
        }
    }
}

/// Losses as an array.
pub(crate) fn gaps(gaps: &[GapStatus]) -> Vec<u8> {
    json(&gaps.iter().map(GapView::from).collect::<Vec<_>>())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunView<'a> {
    id: i64,
    started_at: String,
    ended_at: Option<String>,
    state: &'a str,
    outcome: Option<&'a str>,
    exit_code: Option<i16>,
    /// Empty while it has none.
    exit_codes: Vec<i16>,
    records: i64,
    bytes: i64,
    host: &'a str,
    version: &'a str,
}

impl<'a> From<&'a RunStatus> for RunView<'a> {
    fn from(run: &'a RunStatus) -> Self {
        let codes = run.exit_codes.iter().flatten();
        Self {
            id: run.run_id,
            started_at: time(run.started_at),
            ended_at: run.ended_at.map(time),
            state: run.state().as_str(),
            outcome: run.outcome.as_deref(),
            exit_code: run.exit_code,
            exit_codes: codes.copied().flatten().collect(),
            records: run.records,
            bytes: run.bytes,
            host: &run.host,
            version: &run.version,
        }
    }
}

/// Runs as an array.
pub(crate) fn runs(runs: &[RunStatus]) -> Vec<u8> {
    json(&runs.iter().map(RunView::from).collect::<Vec<_>>())
}

fn json(view: &impl Serialize) -> Vec<u8> {
    // text and numbers: there is nothing that could not be written
    serde_json::to_vec(view).unwrap_or_default()
}
