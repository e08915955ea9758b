//! What an operator sees of the recorder, in one consistent look that writes nothing and so works on
//! a standby too.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::{Session, StoreError};

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
    /// The last consumed offset.
    #[diesel(sql_type = BigInt)]
    pub stored: i64,
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
    /// Records stored.
    #[diesel(sql_type = BigInt)]
    pub records: i64,
    /// Its host.
    #[diesel(sql_type = Text)]
    pub host: String,
    /// Its version.
    #[diesel(sql_type = Text)]
    pub version: String,
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

const PARTITIONS: &str = "SELECT topic, partition, topic_generation AS generation, \
     \"offset\" AS stored, end_offset, high_watermark, low_offset, end_moved_at, drained_through, \
     stopped_reason, stopped_at, stopped_offset, retired_at, records \
     FROM kafka_offsets ORDER BY topic, partition";

// 'failed' runs mostly saw nothing; exit codes as in `crate::health::is_good_end`
const OVERVIEW: &str = "SELECT clock_timestamp() AS now, \
     (SELECT cluster_id FROM recorder_state) AS cluster_id, \
     (SELECT max(started_at) FROM poll_runs WHERE outcome <> 'failed') AS seen_at, \
     (SELECT max(ended_at) FROM poll_runs WHERE exit_code IN (0, 5, 6)) AS good_poll_at, \
     (SELECT exit_code FROM poll_runs WHERE ended_at IS NOT NULL \
      ORDER BY ended_at DESC, run_id DESC LIMIT 1) AS last_exit_code, \
     (SELECT count(*) FROM capture_gaps) AS gaps";

const GAPS: &str = "SELECT gap_id, topic, partition, topic_generation AS generation, first_offset, \
     last_offset, known_end, reason, recorded_by, note, recorded_at, \
     announced_run IS NULL AND reason IN ('retention', 'recreated') AS untold \
     FROM capture_gaps \
     WHERE (announced_run IS NULL AND reason IN ('retention', 'recreated')) \
        OR gap_id IN (SELECT gap_id FROM capture_gaps ORDER BY gap_id DESC LIMIT $1) \
     ORDER BY gap_id DESC";

const RUNS: &str = "SELECT run_id, started_at, ended_at, \
     ended_at IS NULL AND deadline_at < clock_timestamp() AS abandoned, \
     outcome, exit_code, records, host, version \
     FROM poll_runs ORDER BY run_id DESC LIMIT $1";

/// Looks, with the newest `gaps` losses and `runs` runs.
fn status_read(conn: &mut PgConnection, gaps: i64, runs: i64) -> Result<Status, StoreError> {
    conn.batch_execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '20s'",
    )?;
    let status = Status {
        overview: diesel::sql_query(OVERVIEW).get_result(conn)?,
        partitions: diesel::sql_query(PARTITIONS).load(conn)?,
        gaps: diesel::sql_query(GAPS).bind::<BigInt, _>(gaps).load(conn)?,
        runs: diesel::sql_query(RUNS).bind::<BigInt, _>(runs).load(conn)?,
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
