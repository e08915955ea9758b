//! A partition's log was replaced, or its offset row was lost: how the offset table takes that up.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

use super::{StoreError, batch, gap};
use crate::batch::{Gap, GapReason};
use crate::offset::{LastConsumed, NextOffset};
use crate::plan::StoredPartition;
use crate::record::PartitionId;

/// A topic that was deleted and created again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recreated {
    /// The partition.
    pub id: PartitionId,
    /// What was stored of its old log: the fence.
    pub stored: StoredPartition,
    /// The id that the topic has now.
    pub topic_id: Option<String>,
    /// Where the new log begins.
    pub low: NextOffset,
}

/// Opens the next generation of each partition, in one transaction.
///
/// The old log is ended in the ledger: from the next offset on, its last unknown, because what was
/// written to it between the last poll and its deletion is gone with it. What the new log has lost
/// already is in the ledger too. Topic ids are never used twice, so one that the ledger ended is the
/// word of a broker that lags behind, and opens nothing. A row that is not what the verdict was about is left alone: another
/// run was faster.
pub(super) fn generation_open(
    conn: &mut PgConnection,
    run_id: i64,
    all: &[Recreated],
) -> Result<(), StoreError> {
    batch::without_rows(conn, |conn| {
        all.iter()
            .try_for_each(|recreated| generation_open_in_txn(conn, run_id, recreated))
    })
}

fn generation_open_in_txn(
    conn: &mut PgConnection,
    run_id: i64,
    recreated: &Recreated,
) -> Result<(), StoreError> {
    let (id, stored) = (&recreated.id, &recreated.stored);
    let opened = diesel::sql_query(
        "UPDATE kafka_offsets SET topic_generation = topic_generation + 1, \"offset\" = $5, \
         updated_at = clock_timestamp(), topic_id = $6, end_offset = NULL, \
         high_watermark = NULL, low_offset = NULL, end_moved_at = NULL, \
         witness_offset = NULL, witness_timestamp_ms = NULL, witness_sha256 = NULL, \
         mark_at = NULL, mark_offset = NULL \
         WHERE topic = $1 AND partition = $2 AND \"offset\" = $3 AND topic_generation = $4 \
         AND stopped_reason IS NULL AND retired_at IS NULL \
         AND NOT EXISTS (SELECT FROM capture_gaps g WHERE g.topic = $1 AND g.partition = $2 \
           AND g.reason = 'recreated' AND g.note = 'topic id ' || $6)",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<BigInt, _>(stored.last.get())
    .bind::<Integer, _>(stored.generation)
    .bind::<BigInt, _>(recreated.low.last_consumed().get())
    .bind::<Nullable<Text>, _>(&recreated.topic_id)
    .execute(conn)?;
    if opened == 0 {
        return Ok(());
    }
    gap::gap_end_generation_in_txn(conn, run_id, id, stored)?;
    let first = NextOffset::at(0);
    if recreated.low > first {
        let lost = Gap {
            from: first,
            to: recreated.low,
            reason: GapReason::Retention,
        };
        let generation = stored.generation.saturating_add(1);
        gap::gap_insert_in_txn(conn, run_id, None, id, generation, &lost)?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Highest {
    #[diesel(sql_type = Integer)]
    generation: i32,
    #[diesel(sql_type = BigInt)]
    last: i64,
}

/// Rebuilds a lost offset row from the highest of what the ledgers and the rows say of the
/// partition; the offset that it has now.
///
/// Ranges and gaps alone would do, as they tile everything up to the stored offset; rows stand in
/// where those were lost too. A generation that was ended in the ledger because its topic or its cluster
/// was replaced is over: the one after it begins at its first record, unless more is known of it. One
/// that an operator retired stays retired. Where a diverged one had not been followed by any record yet,
/// the witness will find it diverged once more. `None` where nothing is known at all.
pub(super) fn offset_rebuild(
    conn: &mut PgConnection,
    id: &PartitionId,
) -> Result<Option<LastConsumed>, StoreError> {
    let highest: Option<Highest> = diesel::sql_query(
        "WITH known AS ( \
           SELECT topic_generation AS generation, next_offset - 1 AS last FROM recorded_ranges \
             WHERE topic = $1 AND partition = $2 \
           UNION ALL SELECT topic_generation, last_offset FROM capture_gaps \
             WHERE topic = $1 AND partition = $2 AND last_offset IS NOT NULL \
           UNION ALL SELECT topic_generation + 1, -1 FROM capture_gaps \
             WHERE topic = $1 AND partition = $2 \
             AND (reason = 'recreated' OR (reason = 'operator' AND last_offset IS NULL)) \
           UNION ALL SELECT generation, \
             (SELECT max(n.source_offset) FROM notifications n WHERE n.source_topic = $1 \
              AND n.topic_generation = generation AND n.source_partition = $2) \
             FROM generate_series(0, 7) AS generation) \
         SELECT generation, max(last) AS last FROM known WHERE last IS NOT NULL \
         GROUP BY generation ORDER BY generation DESC LIMIT 1",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .get_result(conn)
    .optional()?;
    let Some(Highest { generation, last }) = highest else {
        return Ok(None);
    };
    diesel::sql_query(
        "INSERT INTO kafka_offsets (topic, partition, topic_generation, \"offset\", records, \
           unparseable, retired_at, witness_offset, witness_timestamp_ms, witness_sha256) \
         SELECT $1, $2, $3, $4, \
           (SELECT coalesce(sum(records), 0) FROM recorded_ranges \
            WHERE topic = $1 AND partition = $2), 0, \
           (SELECT recorded_at FROM capture_gaps WHERE topic = $1 AND partition = $2 \
            AND topic_generation = $3 AND reason = 'retired' AND last_offset IS NULL LIMIT 1), \
           w.source_offset, w.kafka_timestamp_ms, w.value_sha256 \
         FROM (SELECT) AS one LEFT JOIN LATERAL (SELECT source_offset, kafka_timestamp_ms, \
             value_sha256 FROM notifications WHERE source_topic = $1 AND topic_generation = $3 \
             AND source_partition = $2 AND source_offset <= $4 \
             ORDER BY source_offset DESC LIMIT 1) AS w ON true \
         ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<Integer, _>(generation)
    .bind::<BigInt, _>(last)
    .execute(conn)?;
    Ok(Some(LastConsumed::new(last)))
}
