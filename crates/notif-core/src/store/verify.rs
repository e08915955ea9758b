//! What `verify` reads: ledgers, offset rows and rows, all as of one instant.
//!
//! One transaction, repeatable read and read only, so a poll, a prune or a redaction that goes on at
//! the same time is seen wholly or not at all, and nothing is waited for. Rows come one at a time from
//! the server (libpq's single-row mode) in the order of an index, never sorted and never all at once:
//! neither side needs memory or temporary files for them. PostgreSQL hashes the bytes of a row.
//!
//! What the answers are compared with is in [`crate::verify`].

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::{DatabaseUrl, StoreError, migrate, session};
use crate::verify::StoredRow;
use crate::verify::ledger::{Ledger, Loss, Prune, Range};

mod batches;

pub use batches::{BatchCount, CommitOrder};

/// What of the record is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// One topic; all of them where there is none.
    pub topic: Option<String>,
    /// One partition of it.
    pub partition: Option<i32>,
}

impl Scope {
    /// Is it everything?
    pub fn is_everything(&self) -> bool {
        self.topic.is_none()
    }
}

/// One partition in one generation, and what the offset row of the partition says.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Life {
    /// The topic.
    #[diesel(sql_type = Text)]
    pub topic: String,
    /// The partition.
    #[diesel(sql_type = Integer)]
    pub partition: i32,
    /// The generation.
    #[diesel(sql_type = Integer)]
    pub generation: i32,
    /// The stored offset; none where there is no offset row.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub stored: Option<i64>,
    /// The generation that is read.
    #[diesel(sql_type = Nullable<Integer>)]
    pub current_generation: Option<i32>,
    /// The topic's id.
    #[diesel(sql_type = Nullable<Text>)]
    pub topic_id: Option<String>,
    /// Did an operator end the watch?
    #[diesel(sql_type = Bool)]
    pub retired: bool,
    /// The counter of the offset row: records of all generations.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub counter: Option<i64>,
    /// What the ranges of all generations count.
    #[diesel(sql_type = BigInt)]
    pub records: i64,
}

#[derive(QueryableByName)]
struct Instant {
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    cluster_id: Option<String>,
}

/// The record as it was at one instant.
pub struct Audit {
    conn: PgConnection,
    at: DateTime<Utc>,
    cluster_id: Option<String>,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Audit {
    /// Connects, checks that the schema fits a binary of version `ours`, and fixes the instant.
    ///
    /// A statement may take as long as the record is large; only a lock, which nothing takes against
    /// a reader but a change of the schema, is not waited for. Sorting is off because a sort would write
    /// the whole of a partition into temporary files where an index gives its order for nothing.
    pub fn begin(url: &DatabaseUrl, application: &str, ours: &str) -> Result<Self, StoreError> {
        let mut conn = session::connect(url, application)?;
        migrate::schema_check(&mut conn, ours)?;
        conn.batch_execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL statement_timeout = 0; \
             SET LOCAL idle_in_transaction_session_timeout = 0; \
             SET LOCAL lock_timeout = '5s'; \
             SET LOCAL enable_sort = off; \
             SET LOCAL jit = off",
        )?;
        let instant: Instant = diesel::sql_query(
            "SELECT clock_timestamp() AS at, (SELECT cluster_id FROM recorder_state) AS cluster_id",
        )
        .get_result(&mut conn)?;
        Ok(Self {
            conn,
            at: instant.at,
            cluster_id: instant.cluster_id,
        })
    }

    /// The instant, on PostgreSQL's clock.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The Kafka cluster that is recorded.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// Everything that any table names, in order. Of `notifications` only the places in the index
    /// where a partition begins are looked at.
    pub fn life_list(&mut self, scope: &Scope) -> Result<Vec<Life>, StoreError> {
        Ok(diesel::sql_query(
            "WITH RECURSIVE found(topic, generation, partition) AS ( \
               (SELECT source_topic, topic_generation, source_partition FROM notifications \
                WHERE source_partition IS NOT NULL ORDER BY 1, 2, 3 LIMIT 1) \
               UNION ALL \
               SELECT n.* FROM found f, LATERAL ( \
                 SELECT source_topic, topic_generation, source_partition FROM notifications \
                 WHERE source_partition IS NOT NULL \
                 AND (source_topic, topic_generation, source_partition) \
                     > (f.topic, f.generation, f.partition) \
                 ORDER BY 1, 2, 3 LIMIT 1) AS n), \
             known(topic, partition, generation) AS ( \
               SELECT topic, partition, generation FROM found \
               UNION SELECT topic, partition, topic_generation FROM recorded_ranges \
               UNION SELECT topic, partition, topic_generation FROM capture_gaps \
               UNION SELECT topic, partition, topic_generation FROM prune_ledger \
                     WHERE partition IS NOT NULL \
               UNION SELECT topic, partition, generate_series(0, topic_generation) \
                     FROM kafka_offsets), \
             counted(topic, partition, records) AS ( \
               SELECT topic, partition, sum(records)::bigint FROM recorded_ranges GROUP BY 1, 2) \
             SELECT topic, partition, generation, o.\"offset\" AS stored, \
               o.topic_generation AS current_generation, o.topic_id, \
               o.retired_at IS NOT NULL AS retired, o.records AS counter, \
               coalesce(c.records, 0) AS records \
             FROM known LEFT JOIN kafka_offsets o USING (topic, partition) \
             LEFT JOIN counted c USING (topic, partition) \
             WHERE ($1 IS NULL OR topic = $1) AND ($2 IS NULL OR partition = $2) \
             ORDER BY topic, partition, generation",
        )
        .bind::<Nullable<Text>, _>(scope.topic.as_deref())
        .bind::<Nullable<Integer>, _>(scope.partition)
        .load(&mut self.conn)?)
    }

    /// The ledgers of one partition in one generation.
    pub fn ledger(&mut self, life: &Life) -> Result<Ledger, StoreError> {
        let of = |sql: &str| {
            diesel::sql_query(sql)
                .into_boxed()
                .bind::<Text, _>(life.topic.clone())
                .bind::<Integer, _>(life.partition)
                .bind::<Integer, _>(life.generation)
        };
        let ranges: Vec<Range> = of(
            "SELECT first_offset, next_offset, records, bytes FROM recorded_ranges \
             WHERE topic = $1 AND partition = $2 AND topic_generation = $3 ORDER BY first_offset",
        )
        .load(&mut self.conn)?;
        let losses: Vec<Loss> = of(
            "SELECT first_offset, last_offset, reason FROM capture_gaps \
             WHERE topic = $1 AND partition = $2 AND topic_generation = $3 \
             ORDER BY first_offset, gap_id",
        )
        .load(&mut self.conn)?;
        let prunes: Vec<Prune> = of("SELECT first_offset, last_offset, rows FROM prune_ledger \
             WHERE topic = $1 AND partition = $2 AND topic_generation = $3 \
             AND first_offset IS NOT NULL AND last_offset IS NOT NULL ORDER BY first_offset")
        .load(&mut self.conn)?;
        Ok(Ledger {
            ranges,
            losses,
            prunes,
        })
    }

    /// The rows of one partition in one generation, in the order of their offsets; with key, headers
    /// and event from `with_content` on.
    pub fn row_list(
        &mut self,
        life: &Life,
        with_content: Option<i64>,
    ) -> Result<impl Iterator<Item = Result<StoredRow, StoreError>>, StoreError> {
        let sql = format!(
            "SELECT {SHALLOW}, \
               CASE WHEN source_offset >= $4 THEN sha256(message_key) END AS key_sha256, \
               CASE WHEN source_offset >= $4 THEN headers::text END AS headers, \
               CASE WHEN source_offset >= $4 AND raw IS NULL THEN event::text END AS event \
             FROM notifications \
             WHERE source_topic = $1 AND topic_generation = $2 AND source_partition = $3 \
             ORDER BY source_topic, topic_generation, source_partition, source_offset"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(life.topic.clone())
            .bind::<Integer, _>(life.generation)
            .bind::<Integer, _>(life.partition)
            .bind::<BigInt, _>(with_content.unwrap_or(i64::MAX))
            .load_iter::<StoredRow, PgRowByRowLoadingMode>(&mut self.conn)?;
        Ok(rows.map(|row| row.map_err(StoreError::from)))
    }

    /// The rows that have no position: manual ones, and those that were brought over.
    pub fn row_list_without_position(
        &mut self,
        scope: &Scope,
    ) -> Result<impl Iterator<Item = Result<StoredRow, StoreError>>, StoreError> {
        let sql = format!(
            "SELECT {SHALLOW}, NULL::bytea AS key_sha256, NULL::text AS headers, \
               NULL::text AS event \
             FROM notifications \
             WHERE source_partition IS NULL AND ($1 IS NULL OR source_topic = $1)"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Nullable<Text>, _>(scope.topic.clone())
            .load_iter::<StoredRow, PgRowByRowLoadingMode>(&mut self.conn)?;
        Ok(rows.map(|row| row.map_err(StoreError::from)))
    }
}

/// What every check of a row needs. The last column: `event` has the members that the design gives it
/// and no others, says the same as the columns, and holds no message where `raw` does, or where
/// there was none.
const SHALLOW: &str = "notification_id, coalesce(source_offset, -1) AS source_offset, occurred_at, \
    created_at, kafka_timestamp_ms, timestamp_type, status = 'redacted' AS redacted, value_bytes, \
    value_sha256, octet_length(raw) AS raw_bytes, sha256(raw) AS raw_sha256, \
    raw_reason IS NOT NULL AS has_raw_reason, event_bytes, \
    octet_length(event::text) AS event_printed_bytes, \
    jsonb_typeof(event) = 'object' \
    AND event ?& ARRAY['topic', 'event_type', 'correlation_id', 'source_service', 'timestamp', 'payload'] \
    AND event - ARRAY['topic', 'event_type', 'correlation_id', 'source_service', 'timestamp', 'payload', 'attributes'] = '{}' \
    AND event->>'topic' IS NOT DISTINCT FROM source_topic \
    AND event->>'event_type' IS NOT DISTINCT FROM event_type \
    AND event->>'correlation_id' IS NOT DISTINCT FROM correlation_id \
    AND event->>'source_service' IS NOT DISTINCT FROM source_service \
    AND (raw IS NULL AND value_sha256 IS NOT NULL OR event->'payload' = 'null') AS event_is_of_row";
