//! The offset table: `kafka_offsets`, and the evidence about partitions that have no row in it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::{StoreError, batch, gap};
use crate::batch::Gap;
use crate::freshness::Freshness;
use crate::offset::{EndOffset, LastConsumed, NextOffset};
use crate::plan::{History, StoredPartition, Watermarks};
use crate::record::PartitionId;
use crate::schema::kafka_offsets;
use crate::stable_end::HeldBack;
use crate::witness::Witness;

/// A row of the offset table, as a run needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetRow {
    /// What planning needs.
    pub stored: StoredPartition,
    /// The freshness mark.
    pub freshness: Freshness,
    /// Since when the end has stood still below the high watermark, where it was held back when
    /// last seen.
    pub held_back: Option<HeldBack>,
    /// The last record that was recorded.
    pub witness: Option<Witness>,
    /// An operator ended the watch.
    pub retired: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = kafka_offsets)]
struct Row {
    topic: String,
    partition: i32,
    offset: i64,
    topic_id: Option<String>,
    topic_generation: i32,
    end_offset: Option<i64>,
    high_watermark: Option<i64>,
    end_moved_at: Option<DateTime<Utc>>,
    witness_offset: Option<i64>,
    witness_timestamp_ms: Option<i64>,
    witness_sha256: Option<Vec<u8>>,
    mark_at: Option<DateTime<Utc>>,
    mark_offset: Option<i64>,
    drained_through: Option<DateTime<Utc>>,
    stopped_reason: Option<String>,
    retired_at: Option<DateTime<Utc>>,
}

/// Every row of the offset table.
pub fn offset_list(
    conn: &mut PgConnection,
) -> Result<BTreeMap<PartitionId, OffsetRow>, StoreError> {
    let rows: Vec<Row> = kafka_offsets::table.select(Row::as_select()).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let end = row.end_offset.map(EndOffset::at);
            (
                PartitionId::new(row.topic, row.partition),
                OffsetRow {
                    stored: StoredPartition {
                        last: LastConsumed::new(row.offset),
                        generation: row.topic_generation,
                        topic_id: row.topic_id,
                        stopped: row.stopped_reason,
                        end,
                    },
                    freshness: Freshness {
                        mark: row.mark_at.zip(row.mark_offset.map(EndOffset::at)),
                        drained_through: row.drained_through,
                    },
                    held_back: end
                        .zip(row.end_moved_at)
                        .filter(|(end, _)| row.high_watermark.is_some_and(|high| end.get() < high))
                        .map(|(end, since)| HeldBack { end, since }),
                    witness: row.witness_offset.map(|offset| Witness {
                        offset,
                        timestamp_ms: row.witness_timestamp_ms,
                        sha256: row.witness_sha256.and_then(|hash| hash.try_into().ok()),
                    }),
                    retired: row.retired_at.is_some(),
                },
            )
        })
        .collect())
}

#[derive(QueryableByName)]
struct Evidence {
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Integer)]
    partition: i32,
    /// Of this very partition.
    #[diesel(sql_type = Bool)]
    own: bool,
}

/// What else is known of partitions that have no offset row: nothing, or the record of an earlier
/// time whose offset row was lost.
///
/// A topic is known where it has an offset row or a line in a ledger:
/// where all offset rows were lost at once, the ledgers still tell a new partition from a new topic.
pub fn history_list(
    conn: &mut PgConnection,
    partitions: &[PartitionId],
    known_topics: &BTreeSet<&str>,
) -> Result<BTreeMap<PartitionId, History>, StoreError> {
    let (topics, numbers) = columns(partitions.iter());
    // the unique index begins (topic, generation, partition): naming the first generations makes
    // eight look-ups of what would be a scan of the whole topic, and ranges name any generation
    let evidence: Vec<Evidence> = diesel::sql_query(
        "SELECT * FROM (SELECT p.topic, p.partition, \
           EXISTS (SELECT FROM recorded_ranges r \
                   WHERE r.topic = p.topic AND r.partition = p.partition) OR \
           EXISTS (SELECT FROM capture_gaps g \
                   WHERE g.topic = p.topic AND g.partition = p.partition) OR \
           EXISTS (SELECT FROM notifications n JOIN generate_series(0, 7) AS generation \
                   ON n.topic_generation = generation \
                   WHERE n.source_topic = p.topic AND n.source_partition = p.partition) AS own \
         FROM unnest($1, $2) AS p(topic, partition)) AS asked \
         WHERE own OR EXISTS (SELECT FROM recorded_ranges r WHERE r.topic = asked.topic) \
           OR EXISTS (SELECT FROM capture_gaps g WHERE g.topic = asked.topic)",
    )
    .bind::<Array<Text>, _>(topics)
    .bind::<Array<Integer>, _>(numbers)
    .load(conn)?;
    let evidence: BTreeMap<PartitionId, bool> = evidence
        .into_iter()
        .map(|row| (PartitionId::new(row.topic, row.partition), row.own))
        .collect();
    Ok(partitions
        .iter()
        .map(|id| {
            let history = match evidence.get(id) {
                Some(true) => History::Recorded,
                Some(false) => History::NewPartition,
                None if known_topics.contains(&*id.topic) => History::NewPartition,
                None => History::NewTopic,
            };
            (id.clone(), history)
        })
        .collect())
}

/// The first offset row of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstOffset {
    /// The partition.
    pub id: PartitionId,
    /// Where its log begins.
    pub low: NextOffset,
    /// Its topic's id.
    pub topic_id: Option<String>,
    /// What Kafka had deleted already, `0..low`, where it had.
    pub gap: Option<Gap>,
}

/// Writes first offset rows, each with what the ledger says of it, in one transaction. Another run
/// may have been faster: its row stays, and so does its line in the ledger.
pub fn offset_insert_first(
    conn: &mut PgConnection,
    run_id: i64,
    firsts: &[FirstOffset],
) -> Result<(), StoreError> {
    batch::without_rows(conn, |conn| {
        offset_insert_first_in_txn(conn, run_id, firsts)
    })
}

fn offset_insert_first_in_txn(
    conn: &mut PgConnection,
    run_id: i64,
    firsts: &[FirstOffset],
) -> Result<(), StoreError> {
    for first in firsts {
        let inserted = diesel::insert_into(kafka_offsets::table)
            .values((
                kafka_offsets::topic.eq(&*first.id.topic),
                kafka_offsets::partition.eq(first.id.partition),
                kafka_offsets::offset.eq(first.low.last_consumed().get()),
                kafka_offsets::topic_id.eq(first.topic_id.as_deref()),
            ))
            .on_conflict_do_nothing()
            .execute(conn)?;
        if let (1, Some(gap)) = (inserted, &first.gap) {
            gap::gap_insert_in_txn(conn, run_id, None, &first.id, 0, gap)?;
        }
    }
    Ok(())
}

/// What a run saw of a partition, and how fresh the record of it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The partition.
    pub id: PartitionId,
    /// Its generation: what was seen of another log is not stored.
    pub generation: i32,
    /// Its topic's id, adopted where none is stored.
    pub topic_id: Option<String>,
    /// Its offsets.
    pub watermarks: Watermarks,
    /// When the end last moved.
    pub end_moved_at: DateTime<Utc>,
    /// Mark and `drained_through`.
    pub freshness: Freshness,
}

/// Stores what a run saw.
///
/// A row that another run is writing is left to that one, which will say itself what it saw.
/// `drained_through` only grows, because a slower run that ends later must not take back what a
/// faster one proved; but where it lies in the future, the clock was set back, and it is the run's.
pub fn offset_observe_in_txn(
    conn: &mut PgConnection,
    seen: &[Observation],
) -> Result<(), StoreError> {
    if seen.is_empty() {
        return Ok(());
    }
    let (topics, partitions) = columns(seen.iter().map(|o| &o.id));
    diesel::sql_query(
        "UPDATE kafka_offsets o SET topic_id = coalesce(o.topic_id, n.topic_id), \
         end_offset = n.end_offset, high_watermark = n.high_watermark, \
         low_offset = n.low_offset, end_moved_at = n.end_moved_at, \
         mark_at = n.mark_at, mark_offset = n.mark_offset, \
         drained_through = CASE WHEN o.drained_through > clock_timestamp() THEN n.drained_through \
             ELSE greatest(o.drained_through, n.drained_through) END \
         FROM (SELECT k.topic, k.partition, n.* FROM \
               unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS n(topic_in, partition_in, \
               generation, topic_id, end_offset, high_watermark, low_offset, end_moved_at, \
               mark_at, mark_offset, drained_through) \
               JOIN kafka_offsets k ON k.topic = n.topic_in AND k.partition = n.partition_in \
               AND k.topic_generation = n.generation \
               ORDER BY k.topic, k.partition FOR UPDATE OF k SKIP LOCKED) AS n \
         WHERE o.topic = n.topic AND o.partition = n.partition",
    )
    .bind::<Array<Text>, _>(topics)
    .bind::<Array<Integer>, _>(partitions)
    .bind::<Array<Integer>, _>(seen.iter().map(|o| o.generation).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(seen.iter().map(|o| o.topic_id.clone()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(
        seen.iter()
            .map(|o| o.watermarks.end.get())
            .collect::<Vec<_>>(),
    )
    .bind::<Array<BigInt>, _>(
        seen.iter()
            .map(|o| o.watermarks.high.get())
            .collect::<Vec<_>>(),
    )
    .bind::<Array<BigInt>, _>(
        seen.iter()
            .map(|o| o.watermarks.low.get())
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Timestamptz>, _>(seen.iter().map(|o| o.end_moved_at).collect::<Vec<_>>())
    .bind::<Array<Nullable<Timestamptz>>, _>(
        seen.iter()
            .map(|o| o.freshness.mark.map(|(at, _)| at))
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<BigInt>>, _>(
        seen.iter()
            .map(|o| o.freshness.mark.map(|(_, end)| end.get()))
            .collect::<Vec<_>>(),
    )
    .bind::<Array<Nullable<Timestamptz>>, _>(
        seen.iter()
            .map(|o| o.freshness.drained_through)
            .collect::<Vec<_>>(),
    )
    .execute(conn)?;
    Ok(())
}

/// Partition names as the two array columns that the statements take.
pub(super) fn columns<'a>(ids: impl Iterator<Item = &'a PartitionId>) -> (Vec<String>, Vec<i32>) {
    ids.map(|id| (id.topic.to_string(), id.partition)).unzip()
}
