//! What an operator sees of the recorder, in one consistent look that writes nothing and so works on
//! a standby too. The API's look, a page at a time, is in `ledger`, with the same rows.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::{Session, StoreError};
use crate::notification;
use crate::offset::{EndOffset, NextOffset};
use crate::plan::Watermarks;

/// A row of the offset table.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct PartitionStatus {
    /// The topic.
    #[diesel(sql_type = Text)]
    pub topic: String,
    /// The partition.
    #[diesel(sql_type = Integer)]
    pub partition: i32,
    /// Its generation.
    #[diesel(sql_type = Integer)]
    pub generation: i32,
    /// The topic's id in Kafka, where it has one.
    #[diesel(sql_type = Nullable<Text>)]
    pub topic_id: Option<String>,
    /// The last consumed offset.
    #[diesel(sql_type = BigInt)]
    pub stored: i64,
    /// When it last moved.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    /// The end, as last seen.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub end_offset: Option<i64>,
    /// The high watermark, as last seen.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub high_watermark: Option<i64>,
    /// The first offset that Kafka had, as last seen.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub low_offset: Option<i64>,
    /// When the end last moved, or was not held back.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub end_moved_at: Option<DateTime<Utc>>,
    /// The offset of the last recorded record.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub witness_offset: Option<i64>,
    /// Its Kafka timestamp, milliseconds since 1970.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub witness_timestamp_ms: Option<i64>,
    /// Through when everything is stored.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub drained_through: Option<DateTime<Utc>>,
    /// Why it stopped.
    #[diesel(sql_type = Nullable<Text>)]
    pub stopped_reason: Option<String>,
    /// When.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub stopped_at: Option<DateTime<Utc>>,
    /// Where.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub stopped_offset: Option<i64>,
    /// When an operator ended the watch.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub retired_at: Option<DateTime<Utc>>,
    /// How many records are stored.
    #[diesel(sql_type = BigInt)]
    pub records: i64,
    /// How many of them could not be opened.
    #[diesel(sql_type = BigInt)]
    pub unparseable: i64,
}

impl PartitionStatus {
    /// What the last poll saw of Kafka's side.
    pub fn watermarks(&self) -> Option<Watermarks> {
        Some(Watermarks {
            low: NextOffset::at(self.low_offset?),
            end: EndOffset::at(self.end_offset?),
            high: EndOffset::at(self.high_watermark?),
        })
    }

    /// When the last recorded record happened, by the rule of its row's `occurred_at`.
    pub fn last_record_at(&self) -> Option<DateTime<Utc>> {
        self.witness_offset?;
        let recorded_at = self.updated_at;
        Some(
            notification::believable(self.witness_timestamp_ms, recorded_at).unwrap_or(recorded_at),
        )
    }
}

/// A row of the ledger of losses.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct GapStatus {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub gap_id: i64,
    /// The topic.
    #[diesel(sql_type = Text)]
    pub topic: String,
    /// The partition.
    #[diesel(sql_type = Integer)]
    pub partition: i32,
    /// The generation.
    #[diesel(sql_type = Integer)]
    pub generation: i32,
    /// The first missing offset.
    #[diesel(sql_type = BigInt)]
    pub first_offset: i64,
    /// The last one, where it is known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub last_offset: Option<i64>,
    /// The last end seen, where the last offset is not known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub known_end: Option<i64>,
    /// Why.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// The run that found it; none where an operator caused it.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub run_id: Option<i64>,
    /// Who wrote it.
    #[diesel(sql_type = Text)]
    pub recorded_by: String,
    /// The words of an operator.
    #[diesel(sql_type = Nullable<Text>)]
    pub note: Option<String>,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub recorded_at: DateTime<Utc>,
    /// Is it a loss that no run has told of yet?
    #[diesel(sql_type = Bool)]
    pub untold: bool,
}

/// A row of the ledger of runs.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RunStatus {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub run_id: i64,
    /// When it began.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Has it no end, although its deadline is over?
    #[diesel(sql_type = Bool)]
    pub abandoned: bool,
    /// How it ended.
    #[diesel(sql_type = Nullable<Text>)]
    pub outcome: Option<String>,
    /// Its exit code.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub exit_code: Option<i16>,
    /// Every exit code that applied.
    #[diesel(sql_type = Nullable<Array<Nullable<SmallInt>>>)]
    pub exit_codes: Option<Vec<Option<i16>>>,
    /// Records stored.
    #[diesel(sql_type = BigInt)]
    pub records: i64,
    /// Bytes of their values.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Its host.
    #[diesel(sql_type = Text)]
    pub host: String,
    /// Its version.
    #[diesel(sql_type = Text)]
    pub version: String,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It has no end yet, and its deadline is not over.
    Running,
    /// It told how it ended.
    Ended,
    /// It has no end although its deadline is over: it was killed.
    Abandoned,
}

impl RunState {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Abandoned => "abandoned",
        }
    }
}

impl RunStatus {
    /// Where it stands.
    pub fn state(&self) -> RunState {
        match self.ended_at {
            Some(_) => RunState::Ended,
            None if self.abandoned => RunState::Abandoned,
            None => RunState::Running,
        }
    }
}

/// What there is once.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Overview {
    /// The clock of PostgreSQL.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
    /// The Kafka cluster that is recorded.
    #[diesel(sql_type = Nullable<Text>)]
    pub cluster_id: Option<String>,
    /// When the last run that saw Kafka's offsets began: ends and low offsets are of that instant.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub seen_at: Option<DateTime<Utc>>,
    /// When the last run that ended well did.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub good_poll_at: Option<DateTime<Utc>>,
    /// The exit code of the last run that ended.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub last_exit_code: Option<i16>,
    /// How many rows the ledger of losses has.
    #[diesel(sql_type = BigInt)]
    pub gaps: i64,
}

/// The whole look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What there is once.
    pub overview: Overview,
    /// Every row of the offset table, by topic and partition.
    pub partitions: Vec<PartitionStatus>,
    /// What no run has told of yet, and the newest others, newest first.
    pub gaps: Vec<GapStatus>,
    /// The newest runs, newest first.
    pub runs: Vec<RunStatus>,
}

/// The columns of [`PartitionStatus`], of `kafka_offsets`.
pub(super) const PARTITION_COLUMNS: &str = "topic, partition, topic_generation AS generation, \
     topic_id, \"offset\" AS stored, updated_at, end_offset, high_watermark, low_offset, \
     end_moved_at, witness_offset, witness_timestamp_ms, drained_through, stopped_reason, \
     stopped_at, stopped_offset, retired_at, records, unparseable";

/// The columns of [`GapStatus`], of `capture_gaps`.
pub(super) const GAP_COLUMNS: &str = "gap_id, topic, partition, topic_generation AS generation, \
     first_offset, last_offset, known_end, reason, run_id, recorded_by, note, recorded_at, \
     announced_run IS NULL AND reason IN ('retention', 'recreated') AS untold";

/// The columns of [`RunStatus`], of `poll_runs`.
pub(super) const RUN_COLUMNS: &str = "run_id, started_at, ended_at, \
     ended_at IS NULL AND deadline_at < clock_timestamp() AS abandoned, \
     outcome, exit_code, exit_codes, records, bytes, host, version";

// 'failed' runs mostly saw nothing; exit codes as in `crate::health::is_good_end`
const OVERVIEW: &str = "SELECT clock_timestamp() AS now, \
     (SELECT cluster_id FROM recorder_state) AS cluster_id, \
     (SELECT max(started_at) FROM poll_runs WHERE outcome <> 'failed') AS seen_at, \
     (SELECT max(ended_at) FROM poll_runs WHERE exit_code IN (0, 5, 6)) AS good_poll_at, \
     (SELECT exit_code FROM poll_runs WHERE ended_at IS NOT NULL \
      ORDER BY ended_at DESC, run_id DESC LIMIT 1) AS last_exit_code, \
     (SELECT count(*) FROM capture_gaps) AS gaps";

/// Looks, with the newest `gaps` losses and `runs` runs.
fn status_read(conn: &mut PgConnection, gaps: i64, runs: i64) -> Result<Status, StoreError> {
    conn.batch_execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '20s'",
    )?;
    let partitions =
        format!("SELECT {PARTITION_COLUMNS} FROM kafka_offsets ORDER BY topic, partition");
    let newest_gaps = format!(
        "SELECT {GAP_COLUMNS} FROM capture_gaps \
         WHERE (announced_run IS NULL AND reason IN ('retention', 'recreated')) \
            OR gap_id IN (SELECT gap_id FROM capture_gaps ORDER BY gap_id DESC LIMIT $1) \
         ORDER BY gap_id DESC"
    );
    let newest_runs = format!("SELECT {RUN_COLUMNS} FROM poll_runs ORDER BY run_id DESC LIMIT $1");
    let status = Status {
        overview: diesel::sql_query(OVERVIEW).get_result(conn)?,
        partitions: diesel::sql_query(partitions).load(conn)?,
        gaps: diesel::sql_query(newest_gaps)
            .bind::<BigInt, _>(gaps)
            .load(conn)?,
        runs: diesel::sql_query(newest_runs)
            .bind::<BigInt, _>(runs)
            .load(conn)?,
    };
    conn.batch_execute("COMMIT")?;
    Ok(status)
}

impl Session {
    /// What an operator sees: every partition, the newest `gaps` losses and `runs` runs.
    pub fn status_read(&mut self, gaps: i64, runs: i64) -> Result<Status, StoreError> {
        status_read(&mut self.0, gaps, runs)
    }
}
