//! The ledger of runs: `poll_runs`.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Nullable, SmallInt, Text, Timestamptz};

use super::StoreError;

/// A run that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct RunStart {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub run_id: i64,
    /// PostgreSQL's clock when it began: all times of the run are this plus time elapsed.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
}

/// Begins a run that must be over in `deadline_seconds`.
///
/// The sequences are set right first where they lie behind their tables: a logical failover copies
/// rows, but no sequences.
pub fn run_begin(
    conn: &mut PgConnection,
    deadline_seconds: f64,
    host: &str,
    version: &str,
) -> Result<RunStart, StoreError> {
    client_watch(conn, deadline_seconds)?;
    sequences_heal(conn)?;
    Ok(diesel::sql_query(
        "INSERT INTO poll_runs (started_at, deadline_at, host, version) \
         SELECT c, c + make_interval(secs => $1), left($2, 255), left($3, 50) \
         FROM clock_timestamp() AS c RETURNING run_id, started_at",
    )
    .bind::<Double, _>(deadline_seconds)
    .bind::<Text, _>(host)
    .bind::<Text, _>(version)
    .get_result(conn)?)
}

/// Lets the *server* notice that this client is gone or frozen: its claims and locks must not outlive
/// it. A host that vanished sends no end of the connection, and the server's own default is two
/// hours; a process that is stopped has a kernel that answers for it, so only silence tells.
fn client_watch(conn: &mut PgConnection, deadline_seconds: f64) -> Result<(), StoreError> {
    conn.batch_execute(&format!(
        "{HOST_WATCH}; SET idle_session_timeout = '{:.0}s'",
        deadline_seconds + 10.0
    ))?;
    Ok(())
}

/// Lets the server notice a client's host that vanished.
pub(super) const HOST_WATCH: &str = "SET tcp_keepalives_idle = 5; \
    SET tcp_keepalives_interval = 3; \
    SET tcp_keepalives_count = 3; SET tcp_user_timeout = 15000";

/// Sets the sequences right where they lie behind their tables.
pub(super) fn sequences_heal(conn: &mut PgConnection) -> Result<(), StoreError> {
    for (sequence, table, column) in [
        ("batches_batch_id_seq", "batches", "batch_id"),
        ("poll_runs_run_id_seq", "poll_runs", "run_id"),
        ("capture_gaps_gap_id_seq", "capture_gaps", "gap_id"),
    ] {
        diesel::sql_query(format!(
            "SELECT setval('{sequence}', t.top) \
             FROM (SELECT max({column}) AS top FROM {table}) t, {sequence} s \
             WHERE t.top > s.last_value OR (t.top = s.last_value AND NOT s.is_called)"
        ))
        .execute(conn)?;
    }
    Ok(())
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// Its number.
    pub run_id: i64,
    /// When: the run's own time.
    pub ended_at: DateTime<Utc>,
    /// `drained`, `nothing`, `busy`, `behind`, `stopped`, `gap` or `failed`.
    pub outcome: String,
    /// The exit code of the process.
    pub exit_code: i16,
    /// All that applied.
    pub exit_codes: Vec<i16>,
    /// Records stored.
    pub records: i64,
    /// Bytes of their values.
    pub bytes: i64,
    /// How many of them could not be opened.
    pub unparseable: i64,
    /// What it did for each partition, as JSON text.
    pub detail: Option<String>,
}

/// Writes the end of a run, and forgets some of what is over 30 days old: runs, and write
/// transactions that wrote no notification.
pub fn run_end_in_txn(conn: &mut PgConnection, end: &RunEnd) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE poll_runs SET ended_at = $2, outcome = $3, exit_code = $4, exit_codes = $5, \
         records = $6, bytes = $7, unparseable = $8, detail = $9::jsonb WHERE run_id = $1",
    )
    .bind::<BigInt, _>(end.run_id)
    .bind::<Timestamptz, _>(end.ended_at)
    .bind::<Text, _>(&end.outcome)
    .bind::<SmallInt, _>(end.exit_code)
    .bind::<Array<SmallInt>, _>(&end.exit_codes)
    .bind::<BigInt, _>(end.records)
    .bind::<BigInt, _>(end.bytes)
    .bind::<BigInt, _>(end.unparseable)
    .bind::<Nullable<Text>, _>(&end.detail)
    .execute(conn)?;
    diesel::sql_query(
        "DELETE FROM poll_runs WHERE run_id IN (SELECT run_id FROM poll_runs \
         WHERE started_at < clock_timestamp() - interval '30 days' ORDER BY started_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    )
    .execute(conn)?;
    diesel::sql_query(
        "DELETE FROM batches WHERE batch_id IN (SELECT batch_id FROM batches WHERE rows = 0 \
         AND committed_at < clock_timestamp() - interval '30 days' ORDER BY committed_at LIMIT 1000)",
    )
    .execute(conn)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Cluster {
    #[diesel(sql_type = Text)]
    cluster_id: String,
}

/// Fixes the Kafka cluster that is recorded to `seen` where none is fixed yet; which one is.
///
/// `None` where none was ever seen. Offsets of one cluster mean nothing in another, so a run that sees
/// another one must not go on.
pub fn cluster_fix(
    conn: &mut PgConnection,
    seen: Option<&str>,
) -> Result<Option<String>, StoreError> {
    let fixed: Option<Cluster> =
        diesel::sql_query("SELECT cluster_id FROM recorder_state WHERE cluster_id IS NOT NULL")
            .get_result(conn)
            .optional()?;
    let (Some(seen), None) = (seen, &fixed) else {
        return Ok(fixed.map(|fixed| fixed.cluster_id));
    };
    // two first polls at once: the second waits for the row and keeps what the first wrote
    let fixed: Cluster = diesel::sql_query(
        "UPDATE recorder_state SET cluster_id = coalesce(cluster_id, $1) RETURNING cluster_id",
    )
    .bind::<Text, _>(seen)
    .get_result(conn)?;
    Ok(Some(fixed.cluster_id))
}
