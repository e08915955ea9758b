//! The ledger of losses: `capture_gaps`.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

use super::StoreError;
use crate::batch::Gap;
use crate::offset::EndOffset;
use crate::plan::StoredPartition;
use crate::record::PartitionId;

/// Who writes the ledger when it is no operator.
pub const RECORDER: &str = "notif-poll";

/// Writes a loss. One that is no loss of ours counts as announced.
pub fn gap_insert_in_txn(
    conn: &mut PgConnection,
    run_id: i64,
    batch_id: Option<i64>,
    id: &PartitionId,
    generation: i32,
    gap: &Gap,
) -> Result<(), StoreError> {
    if crate::mutated!("gap-not-recorded") {
        return Ok(());
    }
    let announced = (!gap.reason.is_loss()).then_some(run_id);
    diesel::sql_query(
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, last_offset, \
         reason, run_id, batch_id, recorded_by, announced_run) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<Integer, _>(generation)
    .bind::<BigInt, _>(gap.from.get())
    .bind::<BigInt, _>(gap.to.last_consumed().get())
    .bind::<Text, _>(gap.reason.as_str())
    .bind::<BigInt, _>(run_id)
    .bind::<Nullable<BigInt>, _>(batch_id)
    .bind::<Text, _>(RECORDER)
    .bind::<Nullable<BigInt>, _>(announced)
    .execute(conn)?;
    Ok(())
}

/// Ends a generation in the ledger: from the next offset on everything of it is gone, up to an end
/// that nobody can know any more but for the last one seen. The topic's id stays in the note.
pub(super) fn gap_end_generation_in_txn(
    conn: &mut PgConnection,
    run_id: i64,
    id: &PartitionId,
    stored: &StoredPartition,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "INSERT INTO capture_gaps (topic, partition, topic_generation, first_offset, known_end, \
         reason, run_id, recorded_by, note) \
         VALUES ($1, $2, $3, $4, $5, 'recreated', $6, $7, 'topic id ' || $8)",
    )
    .bind::<Text, _>(&*id.topic)
    .bind::<Integer, _>(id.partition)
    .bind::<Integer, _>(stored.generation)
    .bind::<BigInt, _>(stored.last.next().get())
    .bind::<Nullable<BigInt>, _>(stored.end.map(EndOffset::get))
    .bind::<BigInt, _>(run_id)
    .bind::<Text, _>(RECORDER)
    .bind::<Nullable<Text>, _>(&stored.topic_id)
    .execute(conn)?;
    Ok(())
}

/// A loss that no run has told of yet.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct UnannouncedGap {
    /// Its number in the ledger.
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
    pub topic_generation: i32,
    /// The first missing offset.
    #[diesel(sql_type = BigInt)]
    pub first_offset: i64,
    /// The last one, where it is known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub last_offset: Option<i64>,
    /// Why.
    #[diesel(sql_type = Text)]
    pub reason: String,
}

/// Every loss that no run has told of yet. Locked, so that of two runs that end together one tells.
pub fn gap_list_unannounced_in_txn(
    conn: &mut PgConnection,
) -> Result<Vec<UnannouncedGap>, StoreError> {
    Ok(diesel::sql_query(
        "SELECT gap_id, topic, partition, topic_generation, first_offset, last_offset, reason \
         FROM capture_gaps \
         WHERE announced_run IS NULL AND reason IN ('retention', 'recreated') \
         ORDER BY gap_id FOR UPDATE",
    )
    .load(conn)?)
}

/// Marks losses as told by a run: its exit code does. In the transaction that ends the run, so that
/// a run which is killed before it told leaves the telling to the next.
pub fn gap_announce_in_txn(
    conn: &mut PgConnection,
    run_id: i64,
    gaps: &[UnannouncedGap],
) -> Result<(), StoreError> {
    if gaps.is_empty() {
        return Ok(());
    }
    diesel::sql_query("UPDATE capture_gaps SET announced_run = $1 WHERE gap_id = ANY($2)")
        .bind::<BigInt, _>(run_id)
        .bind::<Array<BigInt>, _>(gaps.iter().map(|gap| gap.gap_id).collect::<Vec<_>>())
        .execute(conn)?;
    Ok(())
}
