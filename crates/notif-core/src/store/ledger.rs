//! The ledgers as the API reads them: partitions, pages of losses and of runs, and what is watched of
//! all of them. Rows and columns are those of `status`, which reads them all at once.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz};

use super::status::{
    GAP_COLUMNS, GapStatus, PARTITION_COLUMNS, PartitionStatus, RUN_COLUMNS, RunStatus,
};
use super::{Read, StoreError, read};
use crate::freshness::recorded_through;
use crate::health::GOOD_ENDS;
use crate::ledger::{Ledger, LedgerPage, LedgerQuery, TopicCursor, TopicQuery};
use crate::offset::LastConsumed;
use crate::standing::Standing;

#[cfg(test)]
mod plan_tests;

/// How many partitions are read at most: more than a Kafka cluster can have.
const PARTITIONS_MAX: usize = 200_000;

/// A watched partition, and the instant at which it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct WatchedPartition {
    /// The clock of PostgreSQL.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
    /// The row.
    #[diesel(embed)]
    pub partition: PartitionStatus,
}

impl WatchedPartition {
    /// How it stands, where Kafka's side was ever seen.
    pub fn standing(&self) -> Option<Standing> {
        let last = LastConsumed::new(self.partition.stored);
        let seen = self.partition.watermarks()?;
        let drained_through = self.partition.drained_through;
        Some(Standing::new(last, seen, drained_through, self.now))
    }
}

/// Every watched partition, by topic and number.
pub fn partition_list() -> Result<Read<Vec<WatchedPartition>>, StoreError> {
    read::all(&diesel::sql_query(format!(
        "SELECT clock_timestamp() AS now, {PARTITION_COLUMNS} FROM kafka_offsets \
         WHERE retired_at IS NULL ORDER BY topic, partition LIMIT {PARTITIONS_MAX}"
    )))
}

/// A page of what is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPage {
    /// Every watched partition of its topics, by topic and number.
    pub partitions: Vec<WatchedPartition>,
    /// Where the next page begins; none at the end.
    pub next: Option<TopicCursor>,
}

impl TopicPage {
    /// Of the partitions of one topic more than `limit`, the page.
    fn of(mut partitions: Vec<WatchedPartition>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let topics = partitions.chunk_by(|one, next| one.partition.topic == next.partition.topic);
        let lengths: Vec<usize> = topics.map(<[_]>::len).collect();
        // the last one may lack some then
        let is_cut = partitions.len() >= PARTITIONS_MAX && lengths.len() > 1;
        let whole = lengths.len().saturating_sub(usize::from(is_cut));
        let kept = whole.min(limit);
        let more = lengths.len() > kept;
        partitions.truncate(lengths.iter().take(kept).sum());
        let end = partitions.last().filter(|_| more);
        let next = end.map(|last| TopicCursor::behind(&last.partition.topic));
        Self { partitions, next }
    }
}

/// A page of what is watched, by topic.
pub fn topic_page(query: TopicQuery) -> Result<Read<TopicPage>, StoreError> {
    let TopicQuery { limit, after } = query;
    let rows = read::all(
        &diesel::sql_query(format!(
            "WITH page AS (SELECT DISTINCT topic FROM kafka_offsets \
             WHERE retired_at IS NULL AND topic > $1 ORDER BY topic LIMIT $2) \
             SELECT clock_timestamp() AS now, {PARTITION_COLUMNS} FROM kafka_offsets \
             WHERE retired_at IS NULL AND topic IN (SELECT topic FROM page) \
             ORDER BY topic, partition LIMIT {PARTITIONS_MAX}"
        ))
        .bind::<Text, _>(after.unwrap_or_default())
        .bind::<BigInt, _>(i64::from(limit).saturating_add(1)),
    )?;
    Ok(rows.and_then(move |rows| Ok(TopicPage::of(rows, limit))))
}

#[derive(QueryableByName)]
struct DrainedThrough {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    drained_through: Option<DateTime<Utc>>,
}

/// Through when everything of all watched partitions is stored; none where that is not known.
pub fn recorded_through_get() -> Result<Read<Option<DateTime<Utc>>>, StoreError> {
    let rows = read::all::<_, DrainedThrough, _>(&diesel::sql_query(
        "SELECT drained_through FROM kafka_offsets WHERE retired_at IS NULL LIMIT 200000",
    ))?;
    Ok(rows.and_then(|rows| {
        Ok(recorded_through(
            rows.into_iter().map(|row| row.drained_through),
        ))
    }))
}

/// A page of the ledger of losses.
pub fn gap_page(query: LedgerQuery) -> Result<Read<LedgerPage<GapStatus>>, StoreError> {
    let rows = read::all(
        &diesel::sql_query(format!(
            "SELECT {GAP_COLUMNS} FROM capture_gaps WHERE gap_id < $1 \
             ORDER BY gap_id DESC LIMIT $2"
        ))
        .bind::<BigInt, _>(before(query))
        .bind::<BigInt, _>(one_more(query)),
    )?;
    let id = |gap: &GapStatus| gap.gap_id;
    Ok(rows.and_then(move |rows| Ok(LedgerPage::of(Ledger::Gaps, rows, query.limit, id))))
}

/// A page of the ledger of runs.
pub fn run_page(query: LedgerQuery) -> Result<Read<LedgerPage<RunStatus>>, StoreError> {
    let rows = read::all(
        &diesel::sql_query(format!(
            "SELECT {RUN_COLUMNS} FROM poll_runs WHERE run_id < $1 ORDER BY run_id DESC LIMIT $2"
        ))
        .bind::<BigInt, _>(before(query))
        .bind::<BigInt, _>(one_more(query)),
    )?;
    let id = |run: &RunStatus| run.run_id;
    Ok(rows.and_then(move |rows| Ok(LedgerPage::of(Ledger::Runs, rows, query.limit, id))))
}

fn before(query: LedgerQuery) -> i64 {
    query.before.unwrap_or(i64::MAX)
}

fn one_more(query: LedgerQuery) -> i64 {
    i64::from(query.limit).saturating_add(1)
}

/// How the recorder is doing, in numbers that somebody watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// The clock of PostgreSQL.
    pub now: DateTime<Utc>,
    /// When the newest run that ended well did.
    pub good_poll_at: Option<DateTime<Utc>>,
    /// The exit code of the run that ended last.
    pub last_exit_code: Option<i16>,
    /// Losses in the ledger, by reason.
    pub gaps: Vec<(String, i64)>,
    /// Runs that began within the last hour, by outcome (`running` and `abandoned` too) and exit code.
    pub recent_runs: Vec<(String, Option<i16>, i64)>,
}

#[derive(QueryableByName)]
struct VitalsRow {
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    good_poll_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    last_exit_code: Option<i16>,
    #[diesel(sql_type = Array<Text>)]
    gap_reasons: Vec<String>,
    #[diesel(sql_type = Array<BigInt>)]
    gap_counts: Vec<i64>,
    #[diesel(sql_type = Array<Text>)]
    run_outcomes: Vec<String>,
    #[diesel(sql_type = Array<Nullable<SmallInt>>)]
    run_exit_codes: Vec<Option<i16>>,
    #[diesel(sql_type = Array<BigInt>)]
    run_counts: Vec<i64>,
}

/// Asked every few seconds by whoever watches, so no part of it reads a whole ledger: the newest
/// 100,000 rows are over a week of polls.
pub fn vitals_get() -> Result<Read<Vitals>, StoreError> {
    let row = read::one::<_, VitalsRow, _>(
        &diesel::sql_query(format!(
            "SELECT clock_timestamp() AS now, \
             (SELECT ended_at FROM \
              (SELECT run_id, ended_at, exit_code FROM poll_runs ORDER BY run_id DESC LIMIT 100000) AS newest \
              WHERE exit_code = ANY($1) ORDER BY run_id DESC LIMIT 1) AS good_poll_at, \
             (SELECT exit_code FROM \
              (SELECT run_id, ended_at, exit_code FROM poll_runs ORDER BY run_id DESC LIMIT 100) AS newest \
              WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, run_id DESC LIMIT 1) AS last_exit_code, \
             gaps.*, runs.* FROM \
             (SELECT coalesce(array_agg(reason), '{{}}') AS gap_reasons, \
              coalesce(array_agg(number), '{{}}') AS gap_counts FROM \
              (SELECT reason::text, count(*) AS number FROM \
               (SELECT reason FROM capture_gaps ORDER BY gap_id DESC LIMIT 100000) AS newest \
               GROUP BY reason) AS counted) AS gaps, \
             (SELECT coalesce(array_agg(state), '{{}}') AS run_outcomes, \
              coalesce(array_agg(exit_code), '{{}}') AS run_exit_codes, \
              coalesce(array_agg(number), '{{}}') AS run_counts FROM \
              (SELECT state, exit_code, count(*) AS number FROM \
               (SELECT CASE WHEN ended_at IS NOT NULL THEN coalesce(outcome, 'unknown') \
                WHEN abandoned THEN 'abandoned' ELSE 'running' END AS state, exit_code FROM \
                (SELECT {RUN_COLUMNS} FROM poll_runs \
                 WHERE started_at > clock_timestamp() - interval '1 hour' \
                 ORDER BY started_at DESC LIMIT 100000) AS recent) AS stated \
               GROUP BY state, exit_code) AS counted) AS runs"
        ))
        .bind::<Array<SmallInt>, _>(GOOD_ENDS.to_vec()),
    )?;
    Ok(row.and_then(|row| {
        let gaps = row.gap_reasons.into_iter().zip(row.gap_counts);
        let runs = row.run_outcomes.into_iter().zip(row.run_exit_codes);
        let runs = runs.zip(row.run_counts);
        Ok(Vitals {
            now: row.now,
            good_poll_at: row.good_poll_at,
            last_exit_code: row.last_exit_code,
            gaps: gaps.collect(),
            recent_runs: runs
                .map(|((outcome, code), number)| (outcome, code, number))
                .collect(),
        })
    }))
}
